/* Upgrading. */
#include "config.h"

#include "master/upgrade.h"

#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "master/control/control.h"
#include "master/generations/spawners.h"
#include "master/resume.h"
#include "master/resume_env.h"
#include "master/server.h"
#include "master/system/child.h"
#include "master/system/clock.h"
#include "master/system/events.h"
#include "master/system/executable.h"
#include "master/system/file.h"
#include "master/system/log_event.h"
#include "master/system/notify.h"
#include "master/system/pack.h"
#include "master/system/privileges.h"
#include "master/system/report.h"
#include "master/system/signals.h"
#include "master/upgrade_verdict.h"
#include "shared/descriptors.h"

/* The reader's time, a trial's, and room. */
#define TRIAL_MAX (20 * CLOCK_SECOND)
/* For a spawner to clone what it has: it is stuck otherwise, and replaced. */
#define SETTLE_MAX (2 * CLOCK_SECOND)

extern char **environ;

/* ---------------------------------------------------------------------- the end */

static void
finish(struct server *server)
{
	struct upgrade *upgrade = &server->upgrade;

	if (upgrade->trial > 0)
		child_end(upgrade->trial);
	descriptor_close(&upgrade->output);
	descriptor_close(&upgrade->program);
	descriptor_close(&upgrade->kept);
	if (upgrade->stage == UPGRADE_SETTLING)
		server->service.is_open = true;
	*upgrade = (struct upgrade) { .wanted = upgrade->wanted,
		.output = -1, .program = -1, .kept = -1 };
}

/* All is as it was. */
static void
give_up(struct server *server, const struct report *report, int64_t now)
{
	const char *why = report_first_error(report);

	log_event(LOG_ERR, "upgrade", LOG_WORD("result", "failed"),
	    LOG_QUOTED("reason", why));
	notify_ready("upgrade failed, the old program serves: %s", why);
	control_upgraded(&server->control,
	    report->cause == EXIT_CONFIG ? CONTROL_CONFIG : CONTROL_REFUSED,
	    report, NULL, now);
	finish(server);
}

static void
fail(struct server *server, const char *why, int64_t now)
{
	struct report report = { 0 };

	report_failure(&report, EXIT_SYSTEM, "upgrade: %s", why);
	give_up(server, &report, now);
}

static void
fail_errno(struct server *server, const char *step, int64_t now)
{
	char why[128];

	snprintf(why, sizeof(why), "%s: %s", step, strerror(errno));
	fail(server, why, now);
}

/* -------------------------------------------------------------------- executing */

/* All that goes over: a memfd, or -1 with errno. */
static int
state_make(const struct server *server, struct pack *pack)
{
	int fd;

	*pack = (struct pack) { 0 };
	resume_pack(pack, server);
	pack_fd(pack, server->upgrade.kept);
	fd = pack_seal(pack);
	if (fd == -1)
		pack_free(pack);
	return fd;
}

static void
inherit(const struct pack *pack, int state, bool on)
{
	size_t i;

	fcntl(state, F_SETFD, on ? 0 : FD_CLOEXEC);
	for (i = 0; i < pack->n_fds; i++)
		fcntl(pack->fds[i], F_SETFD, on ? 0 : FD_CLOEXEC);
}

/* Executes it; returns when that fails, with errno.  Our own arguments may have a
 * path that is relative to where we were started. */
static void
execute(const struct server *server, int program, int state, bool trial)
{
	char *const argv[] = { (char *)(uintptr_t)server->name,
		(char *)(uintptr_t)"-c", (char *)(uintptr_t)server->path,
		(char *)(uintptr_t)(server->foreground ? "-f" : NULL), NULL };

	const struct resume_env env = {
		.state = state, .kept = server->upgrade.kept, .trial = trial };
	int saved;

	resume_env_set(&env);
	if (privileges_pass(true) == 0)
		syscall(SYS_execveat, program, "", argv, environ,
		    AT_EMPTY_PATH);
	saved = errno;
	privileges_pass(false);
	resume_env_clear();
	errno = saved;
}

/* ------------------------------------------------------------------- the trial */

/* Lines of its log come with their priority, then. */
static void
journal_set(int output)
{
	char text[64];
	struct stat st;

	if (fstat(output, &st) == -1)
		return;
	snprintf(text, sizeof(text), "%ju:%ju", (uintmax_t)st.st_dev,
	    (uintmax_t)st.st_ino);
	setenv("JOURNAL_STREAM", text, 1);
}

_Noreturn static void
trial_become(const struct server *server, const struct pack *pack, int state,
    int output, pid_t parent)
{
	journal_set(output);
	if (child_ends_with(parent) == -1 ||
	    dup2(output, STDOUT_FILENO) == -1 ||
	    dup2(output, STDERR_FILENO) == -1 || signals_default() == -1)
		_exit(EXIT_SYSTEM);
	inherit(pack, state, true);
	execute(server, server->upgrade.program, state, true);
	dprintf(STDERR_FILENO, "upgrade: execveat: %s\n", strerror(errno));
	_exit(EXIT_SYSTEM);
}

static int
trial_fork(struct server *server, const struct pack *pack, int state)
{
	struct upgrade *upgrade = &server->upgrade;
	pid_t self = getpid();
	int ends[2];

	if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) == -1)
		return -1;
	upgrade->trial = fork();
	if (upgrade->trial == 0) {
		fcntl(ends[1], F_SETFL, 0); /* the trial may wait for us */
		trial_become(server, pack, state, ends[1], self);
	}
	close(ends[1]);
	upgrade->output = ends[0];
	if (upgrade->trial == -1)
		return -1;
	return event_add(server->epoll, ends[0], EVENT_UPGRADE, 0);
}

static void
begin(struct server *server, int64_t now)
{
	struct upgrade *upgrade = &server->upgrade;
	const char *path = executable_self(), *why;
	struct report report = { 0 };
	struct pack pack;
	int state, result;

	upgrade->wanted = false;
	control_upgrade_begun(&server->control);
	notify_reloading();
	upgrade->stage = UPGRADE_TRYING;
	upgrade->until = now + TRIAL_MAX;
	log_event(LOG_NOTICE, "upgrade", LOG_WORD("result", "begun"),
	    LOG_QUOTED("program", path));
	upgrade->program = file_open_program(path, &why);
	if (upgrade->program == -1) {
		report_failure(
		    &report, EXIT_SYSTEM, "upgrade: %s: %s", path, why);
		give_up(server, &report, now);
		return;
	}
	upgrade->kept =
	    memfd_create("forkgreet-files", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	state = upgrade->kept == -1 ? -1 : state_make(server, &pack);
	if (state == -1) {
		fail_errno(server, "state", now);
		return;
	}
	result = trial_fork(server, &pack, state);
	close(state);
	pack_free(&pack);
	if (result == -1)
		fail_errno(server, "trial", now);
}

/* Reads some of what it says; the rest waits for the next turn.  The end, or a
 * failure, which would be told in each turn, is heard once.  True when it says
 * more than any of ours would. */
static bool
listen_to(struct upgrade *upgrade)
{
	size_t room = sizeof(upgrade->said) - 1 - upgrade->n_said;
	ssize_t n;

	if (room == 0)
		return true;
	if (upgrade->output == -1)
		return false;
	n = read(upgrade->output, upgrade->said + upgrade->n_said, room);
	if (n > 0)
		upgrade->n_said += (size_t)n;
	if (n == -1 && errno == EAGAIN)
		return false;
	if (n == -1)
		upgrade->deaf = errno;
	if (n <= 0)
		descriptor_close(&upgrade->output);
	return false;
}

static void
judge(struct server *server, int status, int64_t now)
{
	struct upgrade *upgrade = &server->upgrade;
	struct report report = { 0 };

	upgrade->trial = 0;
	upgrade->said[upgrade->n_said] = '\0';
	if (upgrade->deaf != 0) {
		errno = upgrade->deaf;
		fail_errno(server, "reading from the trial", now);
		return;
	}
	if (upgrade_verdict(upgrade->said, status, &report)) {
		upgrade->stage = UPGRADE_SETTLING;
		upgrade->until = now + SETTLE_MAX;
		server->service.is_open = false;
		return;
	}
	give_up(server, &report, now);
}

static void
try(struct server *server, int64_t now)
{
	struct upgrade *upgrade = &server->upgrade;
	bool endless = listen_to(upgrade);
	int status;

	if (waitpid(upgrade->trial, &status, WNOHANG) == upgrade->trial) {
		listen_to(upgrade);
		judge(server, status, now);
	} else if (endless)
		fail(server, "trial: says too much", now);
	else if (now >= upgrade->until)
		fail(server, "trial: took too long", now);
}

/* ------------------------------------------------------------- no way back then */

static void
become(struct server *server, int64_t now)
{
	struct pack pack;
	int state = state_make(server, &pack);

	if (state == -1) {
		fail_errno(server, "state", now);
		return;
	}
	log_event(LOG_INFO, "upgrade", LOG_WORD("result", "executing"));
	log_close();
	inherit(&pack, state, true);
	execute(server, server->upgrade.program, state, false);
	inherit(&pack, state, false);
	close(state);
	pack_free(&pack);
	fail_errno(server, "execveat", now);
}

static void
settle(struct server *server, int64_t now)
{
	if (!spawners_are_busy(&server->spawners) &&
	    server->reload.candidate == NULL)
		become(server, now);
	else if (now >= server->upgrade.until)
		fail(server, "a spawner does not clone", now);
}

void
upgrade_step(struct server *server, int64_t now)
{
	struct upgrade *upgrade = &server->upgrade;

	if (!server_is_serving(server))
		return;
	upgrade->wanted = upgrade->wanted || server->control.upgrade_wanted;
	if (upgrade->wanted && upgrade->stage == UPGRADE_NOT &&
	    server->reload.candidate == NULL)
		begin(server, now);
	if (upgrade->stage == UPGRADE_TRYING)
		try(server, now);
	if (upgrade->stage == UPGRADE_SETTLING)
		settle(server, now);
}

int64_t
upgrade_wakeup(const struct server *server)
{
	const struct upgrade *upgrade = &server->upgrade;

	if (!server_is_serving(server) || upgrade->stage == UPGRADE_NOT)
		return CLOCK_NEVER;
	return upgrade->until;
}

pid_t
upgrade_child(const struct server *server)
{
	return server->upgrade.trial > 0 ? server->upgrade.trial : 0;
}

void
upgrade_cancel(struct server *server)
{
	server->upgrade.wanted = false;
	finish(server);
}
