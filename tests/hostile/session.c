/* Instead of the session: a child that obeys its client, who attacks from
 * within the sandbox. */
#include "config.h"

#include "spawner/image/session.h"

#include <errno.h>

#include "attack.h"
#include "spawner/image/call.h"
#include "spawner/image/image.h"
#include "spawner/image/prologue.h"
#include "shared/outcome.h"
#include "shared/plan.h"

/*
 * A child that greets throws its client's words away without reading them; what
 * it learns is how many bytes came.  So each letter of a command is as many
 * bytes as its code, answered with a ".", and the newline is answered with what
 * came of the attack: "VALUE ERRNO\n".
 */
static char
letter_read(const struct image *image)
{
	struct pollfd fd = { SPAWNER_CLIENT, POLLIN, 0 };
	struct call_time day = { 86400, 0 };
	long n;

	do {
		call_ppoll(&fd, 1, &day);
		n = call_recv(image->memory->piece, 256, MSG_TRUNC);
		if (n == -EBADF) /* closed: then just stay */
			call_ppoll(NULL, 0, &day);
	} while (n < 0 && n != -ECONNRESET);
	if (n <= 0)
		call_exit(n == 0 ? OUTCOME_GREETED : OUTCOME_RESET);
	return (char)n;
}

static void
command_read(const struct image *image, char *command)
{
	size_t n = 0;
	char letter;

	while ((letter = letter_read(image)) != '\n') {
		if (n < ATTACK_COMMAND_MAX - 1)
			command[n++] = letter;
		call_send(".", 1, 0);
	}
	command[n] = '\0';
}

/* A greeting "canary: COMMAND" is obeyed at once, which the canary of a trial
 * meets too; the rest of the session follows. */
static void
greeting_obey(const struct image *image, const struct plan_session *session)
{
	static const char prefix[] = "canary: ";
	const size_t skip = sizeof(prefix) - 1;
	const char *greeting =
	    (const char *)image->plan + session->greeting_offset;
	char *command = image->memory->gathered;
	size_t i;

	if (session->greeting_length < skip ||
	    session->greeting_length - skip >= ATTACK_COMMAND_MAX)
		return;
	for (i = 0; i < skip; i++)
		if (greeting[i] != prefix[i])
			return;
	for (; i < session->greeting_length; i++)
		command[i - skip] = greeting[i];
	command[i - skip] = '\0';
	attack(command, image);
}

static char *
put_number(char *end, long number)
{
	unsigned long left =
	    number < 0 ? -(unsigned long)number : (unsigned long)number;

	do
		*--end = (char)('0' + left % 10);
	while ((left /= 10) > 0);
	if (number < 0)
		*--end = '-';
	return end;
}

/* "VALUE ERRNO\n". */
static void
say(const struct attack_result *result)
{
	char line[64], *end = line + sizeof(line), *at = end;

	*--at = '\n';
	at = put_number(at, result->error);
	*--at = ' ';
	at = put_number(at, result->value);
	call_send(at, (size_t)(end - at), 0);
}

void
session_run(
    const struct image *image, const void *what, size_t length, size_t head)
{
	const struct plan_session *session = what;

	prologue(image->plan, session);
	session_speak(image, session, length, head);
}

void
session_speak(const struct image *image, const struct plan_session *session,
    size_t length, size_t head)
{
	char *command = image->memory->gathered;
	struct attack_result result;

	(void)length;
	(void)head;
	greeting_obey(image, session);
	call_send((const char *)image->plan + session->greeting_offset,
	    session->greeting_length, 0);
	for (;;) {
		command_read(image, command);
		result = attack(command, image);
		say(&result);
	}
}
