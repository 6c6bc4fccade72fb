/* Instead of the session: a child that obeys its client, who attacks from
 * within the sandbox. */
#include "config.h"

#include "spawner/session.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "attack.h"
#include "shared/outcome.h"
#include "shared/plan.h"
#include "spawner/calls.h"
#include "spawner/prologue.h"

/*
 * A child that greets throws its client's words away without reading them; what
 * it learns is how many bytes came.  So each letter of a command is as many
 * bytes as its code, answered with a ".", and the newline is answered with what
 * came of the attack: "VALUE ERRNO\n".
 */
static char
letter_read(void)
{
	static char unread[256];
	struct pollfd fd = { SPAWNER_CLIENT, POLLIN, 0 };
	struct call_time day = { 86400, 0 };
	long n;

	do {
		call_ppoll(&fd, 1, &day);
		n = call_recv(unread, sizeof(unread), MSG_TRUNC);
		if (n == -1 && errno == EBADF) /* closed: then just stay */
			call_ppoll(NULL, 0, &day);
	} while (n == -1 && errno != ECONNRESET);
	if (n <= 0)
		call_exit(n == 0 ? OUTCOME_GREETED : OUTCOME_RESET);
	return (char)n;
}

static void
command_read(char *command)
{
	size_t n = 0;
	char letter;

	while ((letter = letter_read()) != '\n') {
		if (n < ATTACK_COMMAND_MAX - 1)
			command[n++] = letter;
		call_send(".", 1, 0);
	}
	command[n] = '\0';
}

/* A greeting "canary: COMMAND" is obeyed at once, which the canary of a trial
 * meets too; the rest of the session follows. */
static void
greeting_obey(const struct plan *plan, const struct plan_session *session)
{
	static const char prefix[] = "canary: ";
	const size_t skip = sizeof(prefix) - 1;
	const char *greeting = (const char *)plan + session->greeting_offset;
	char command[ATTACK_COMMAND_MAX] = "";

	if (session->greeting_length < skip ||
	    session->greeting_length - skip >= sizeof(command) ||
	    memcmp(greeting, prefix, skip) != 0)
		return;
	memcpy(command, greeting + skip, session->greeting_length - skip);
	attack(command, plan);
}

void
session_run(const struct plan *plan, const struct plan_session *session,
    const char *rendered, size_t rendered_length, size_t head)
{
	static char command[ATTACK_COMMAND_MAX];
	struct attack_result result;
	char answer[64];
	int length;

	(void)rendered;
	(void)rendered_length;
	(void)head;
	prologue(plan, session);
	greeting_obey(plan, session);
	call_send((const char *)plan + session->greeting_offset,
	    session->greeting_length, 0);
	for (;;) {
		command_read(command);
		result = attack(command, plan);
		length = snprintf(answer, sizeof(answer), "%ld %d\n",
		    result.value, result.error);
		call_send(answer, (size_t)length, 0);
	}
}
