/* Going on with what the daemon before us, the same process, was doing. */
#include "config.h"

#include "master/resume.h"

#include <sys/prctl.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "master/begin_anew.h"
#include "master/clients/carry.h"
#include "master/config/conf.h"
#include "master/config/kept.h"
#include "master/config/verdict.h"
#include "master/control/control_file.h"
#include "master/control/peers.h"
#include "master/listeners/carry_listeners.h"
#include "master/resume_env.h"
#include "master/resume_fds.h"
#include "master/server.h"
#include "master/system/cause.h"
#include "master/system/child.h"
#include "master/system/clock.h"
#include "master/system/daemonize.h"
#include "master/system/log_event.h"
#include "master/system/notify.h"
#include "master/system/oom.h"
#include "master/system/pack.h"
#include "master/system/pidfile.h"
#include "master/system/report.h"
#include "shared/manager.h"

/* How long what the system is out of is waited for: 3 s in all. */
#define OPEN_NAP_MS 50
#define OPEN_TRIES 60

static struct unpack state;
static int state_fd = -1; /* its memfd */
static bool is_on, is_trial;

/* --------------------------------------------------------------------- tables */

/* What belongs to the process. */
struct carried_daemon {
	char version[32]; /* of the program */
	int control_socket;
	uint64_t control_device, control_inode; /* of its file */
	int pid_file;
	int oom_childrens;
	bool as_root;
	bool has_stderr;
	bool has_control_group;
	gid_t control_group;
	bool wants_upgrade; /* another one: SIGUSR2 came during this one */
	bool wants_reload;
	int64_t ready_at;
	int64_t started_at;
	uint64_t log_dropped;
	struct manager manager; /* the service manager's socket, but for fd */
	struct reload_result reload;
};
static const struct pack_field daemon_fields[] = {
	PACK_FIELD(carried_daemon, version),
	PACK_FIELD(carried_daemon, control_socket),
	PACK_FIELD(carried_daemon, control_device),
	PACK_FIELD(carried_daemon, control_inode),
	PACK_FIELD(carried_daemon, pid_file),
	PACK_FIELD(carried_daemon, oom_childrens),
	PACK_FIELD(carried_daemon, as_root),
	PACK_FIELD(carried_daemon, has_stderr),
	PACK_FIELD(carried_daemon, has_control_group),
	PACK_FIELD(carried_daemon, control_group),
	PACK_FIELD(carried_daemon, wants_upgrade),
	PACK_FIELD(carried_daemon, wants_reload),
	PACK_FIELD(carried_daemon, ready_at),
	PACK_FIELD(carried_daemon, started_at),
	PACK_FIELD(carried_daemon, log_dropped),
	PACK_FIELD(carried_daemon, manager),
	PACK_FIELD(carried_daemon, reload),
};
static const struct pack_table daemon_table =
    PACK_TABLE("daemon", daemon_fields);

/* Of the configuration: neither a reload nor an upgrade can change it. */
static const struct pack_field value_fields[] = {
	PACK_FIELD(verdict_value, name),
	PACK_FIELD(verdict_value, text),
};
static const struct pack_table value_table = PACK_TABLE("values", value_fields);

/* What the operator has said: it may not be in any file. */
static const struct pack_field word_fields[] = {
	PACK_FIELD(state_word, listener),
	PACK_FIELD(state_word, state),
	PACK_FIELD(state_word, until),
	PACK_FIELD(state_word, since),
	PACK_FIELD(state_word, reason),
};
static const struct pack_table word_table = PACK_TABLE("words", word_fields);

/* -------------------------------------------------------------------- writing */

static void
pack_daemon(struct pack *pack, const struct server *server)
{
	static struct carried_daemon daemon;

	daemon = (struct carried_daemon) {
		.version = PACKAGE_VERSION,
		.control_socket = server->control.fd,
		.pid_file = pidfile_descriptor(),
		.oom_childrens = oom_childrens(),
		.as_root = server->as_root,
		.has_stderr = daemonize_has_stderr(),
		.has_control_group = server->control_group.is_set,
		.control_group = server->control_group.gid,
		.wants_upgrade = server->upgrade.wanted,
		.wants_reload = server->reload.wanted,
		.ready_at = server->overview.ready_at,
		.started_at = server->overview.started_at,
		.log_dropped = log_dropped(),
		.manager = *notify_manager(),
		.reload = server->reload.last,
	};
	control_file_identify(&daemon.control_device, &daemon.control_inode);
	pack_table(pack, &daemon_table);
	pack_row(pack, &daemon_table, &daemon);
	pack_fd(pack, daemon.control_socket);
	pack_fd(pack, daemon.pid_file);
}

static void
pack_values(struct pack *pack, const struct conf *conf)
{
	static struct verdict_value values[VERDICT_VALUES_MAX];
	size_t i, n = verdict_values(conf, values);

	pack_table(pack, &value_table);
	for (i = 0; i < n; i++)
		pack_row(pack, &value_table, &values[i]);
}

void
resume_pack(struct pack *pack, const struct server *server)
{
	const struct state_words *words = &server->states.words;
	size_t i;

	pack_daemon(pack, server);
	pack_values(pack, server->running.conf);
	pack_table(pack, &word_table);
	for (i = 0; i < words->n; i++)
		pack_row(pack, &word_table, &words->list[i]);
	carry_pack_listeners(pack, &server->running.listeners);
	carry_pack_clients(pack, &server->service);
	carry_pack_counters(pack, &server->service);
	carry_pack_levels(pack, &server->service);
	peers_pack(pack, &server->control);
}

/* -------------------------------------------------------------------- reading */

static struct carried_daemon *
daemon_of(void)
{
	static struct carried_daemon daemon;

	daemon = (struct carried_daemon) { .control_socket = -1,
		.pid_file = -1, .oom_childrens = OOM_SAME,
		.manager = { .fd = -1 } };
	unpack_row(&state, &daemon_table, 0, &daemon);
	return &daemon;
}

static void
kept_begin(int fd)
{
	if (is_trial)
		kept_write(fd);
	else if (kept_read(fd) == -1)
		fatal(EXIT_SYSTEM, "%s: %s", RESUME_KEPT, strerror(errno));
}

/* All clients are in it: what the system is out of is waited for, shortly.
 * Returns NULL, or why not, with errno when the system is to blame. */
static const char *
state_open(int fd)
{
	const struct timespec nap = { 0, OPEN_NAP_MS * 1000000L };
	const char *why;
	int tries;

	for (tries = 0; tries < OPEN_TRIES; tries++) {
		why = unpack_open(&state, fd);
		if (why == NULL || is_trial ||
		    cause_of(errno, EXIT_USAGE) != EXIT_SYSTEM)
			break;
		nanosleep(&nap, NULL);
	}
	return why;
}

bool
resume_begin(char **argv)
{
	struct resume_env env;
	const char *why;

	if (!resume_env_get(&env))
		return false;
	is_trial = env.trial;
	state_fd = env.state;
	why = state_open(env.state);
	if (why == NULL && unpack_count(&state, &daemon_table) != 1) {
		why = "of another program";
		errno = 0;
	}
	if (why != NULL)
		fatal(cause_of(errno, EXIT_USAGE), "%s: %s", RESUME_STATE, why);
	resume_fds_keep(&state, state_fd);
	if (!is_trial)
		begin_anew_at_fatal(argv, &env, &state);
	kept_begin(env.kept);
	prctl(PR_SET_NAME, "forkgreetd", 0, 0, 0); /* it is a number's */
	prctl(PR_SET_DUMPABLE, 0, 0, 0, 0); /* execve(2) has set it */
	is_on = true;
	return true;
}

bool
resume_is_on(void)
{
	return is_on;
}

bool
resume_is_trial(void)
{
	return is_trial;
}

void
resume_words(struct state_words *words)
{
	size_t i, n = unpack_count(&state, &word_table);

	if (!is_on || is_trial)
		return;
	words->n = n < STATE_WORDS_MAX ? n : STATE_WORDS_MAX;
	for (i = 0; i < words->n; i++) {
		words->list[i] = (struct state_word) { .listener = "" };
		unpack_row(&state, &word_table, i, &words->list[i]);
	}
}

void
resume_server(struct server *server)
{
	const struct carried_daemon *daemon = daemon_of();

	server->running = SETUP_NONE;
	if (carry_unpack_listeners(&state, &server->running.listeners) == -1)
		fatal(EXIT_SYSTEM, "upgrade: %s", strerror(errno));
	server->as_root = daemon->as_root;
	server->control_socket = is_trial ? -1 : daemon->control_socket;
	server->control_group = (struct control_group) {
		daemon->has_control_group, daemon->control_group };
	server->reload.last = daemon->reload;
	daemonize_resume(daemon->has_stderr);
}

void
resume_process(const char *pid_path, const char *control_path)
{
	const struct carried_daemon *daemon = daemon_of();

	if (is_trial)
		return;
	pidfile_keep(daemon->pid_file, pid_path);
	if (daemon->control_socket != -1)
		control_file_keep(control_path,
		    &(struct control_group) { daemon->has_control_group,
			daemon->control_group },
		    daemon->control_device, daemon->control_inode);
	notify_resume(&daemon->manager);
	oom_resume(daemon->oom_childrens);
}

void
resume_verdict(
    const struct conf *conf, const char *path, struct report *report)
{
	static struct verdict_value values[VERDICT_VALUES_MAX];
	size_t i, n = unpack_count(&state, &value_table);

	if (n > VERDICT_VALUES_MAX)
		n = VERDICT_VALUES_MAX;
	for (i = 0; i < n; i++)
		unpack_row(&state, &value_table, i, &values[i]);
	verdict_upgrade(values, n, conf, path, report);
}

static void
must(const char *failed)
{
	if (failed != NULL)
		fatal(EXIT_SYSTEM, "upgrade: %s: %s", failed, strerror(errno));
}

void
resume_counters(struct server *server)
{
	if (is_on)
		must(carry_unpack_counters(&state, &server->service));
}

void
resume_clients(struct server *server)
{
	if (!is_on)
		return;
	must(carry_unpack_clients(&state, &server->service));
	child_adopt_init();
}

void
resume_passed(void)
{
	if (kept_seal() == -1)
		fatal(EXIT_SYSTEM, "upgrade: %s", strerror(errno));
	fputs(RESUME_PASSED, stdout);
	exit(fflush(stdout) == 0 ? EXIT_SUCCESS : EXIT_SYSTEM);
}

void
resume_end(struct server *server, const struct report *report)
{
	const struct carried_daemon *daemon = daemon_of();
	int64_t now = clock_now();

	if (!is_on)
		return;
	carry_unpack_levels(&state, &server->service, now);
	peers_unpack(&state, &server->control);
	server->overview.ready_at = daemon->ready_at;
	server->overview.started_at = daemon->started_at;
	log_dropped_before(daemon->log_dropped);
	/* A signal may have come since, too. */
	if (daemon->wants_reload)
		server->reload.wanted = true;
	if (daemon->wants_upgrade)
		server->upgrade.wanted = true;
	log_event(LOG_NOTICE, "upgrade", LOG_WORD("result", "ok"),
	    LOG_WORD("version", PACKAGE_VERSION),
	    LOG_WORD("was", daemon->version),
	    LOG_NUMBER("clients", server->service.counters.live));
	control_upgraded(&server->control, CONTROL_OK, report, daemon->version,
	    now);
	unpack_close(&state);
	kept_end();
	close(state_fd);
	begin_anew_no_more();
	is_on = false;
}
