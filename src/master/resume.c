/* Going on with what the daemon before us, the same process, was doing. */
#include "config.h"

#include "master/resume.h"

#include <sys/prctl.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "master/clients/carry.h"
#include "master/config/conf.h"
#include "master/config/schema.h"
#include "master/listeners/activation.h"
#include "master/server.h"
#include "master/system/child.h"
#include "master/system/clock.h"
#include "master/system/log_event.h"
#include "master/system/notify.h"
#include "master/system/pack.h"
#include "master/system/pidfile.h"
#include "master/system/report.h"
#include "shared/manager.h"
#include "shared/number.h"

#define TEXT_MAX 4096 /* of a path, PATH_MAX */

static struct unpack state;
static bool is_on, is_trial;

/* --------------------------------------------------------------------- tables */

/* What belongs to the process. */
struct carried_daemon {
	int control_socket;
	int pid_file;
	bool as_root;
	int64_t ready_at;
	struct manager manager; /* the service manager's socket, but for fd */
	/* Of the configuration; a reload cannot change it either. */
	char user[TEXT_MAX];
	char group[TEXT_MAX];
	char pid_path[TEXT_MAX];
	char control_path[TEXT_MAX];
	char state_path[TEXT_MAX];
	int32_t sandbox;
	struct reload_result reload;
};
static const struct pack_field daemon_fields[] = {
	PACK_FIELD(carried_daemon, control_socket),
	PACK_FIELD(carried_daemon, pid_file),
	PACK_FIELD(carried_daemon, as_root),
	PACK_FIELD(carried_daemon, ready_at),
	PACK_FIELD(carried_daemon, manager),
	PACK_FIELD(carried_daemon, user),
	PACK_FIELD(carried_daemon, group),
	PACK_FIELD(carried_daemon, pid_path),
	PACK_FIELD(carried_daemon, control_path),
	PACK_FIELD(carried_daemon, state_path),
	PACK_FIELD(carried_daemon, sandbox),
	PACK_FIELD(carried_daemon, reload),
};
static const struct pack_table daemon_table =
    PACK_TABLE("daemon", daemon_fields);

static const struct pack_field listener_fields[] = {
	PACK_FIELD(listener, fd),
	PACK_FIELD(listener, addr),
	PACK_FIELD(listener, bound),
	PACK_FIELD(listener, v6only),
	PACK_FIELD(listener, listening),
	PACK_FIELD(listener, backlog),
	PACK_FIELD(listener, row),
};
static const struct pack_table listener_table =
    PACK_TABLE("listeners", listener_fields);

/* What the operator has said: it may not be in any file. */
static const struct pack_field word_fields[] = {
	PACK_FIELD(state_word, listener),
	PACK_FIELD(state_word, state),
	PACK_FIELD(state_word, until),
	PACK_FIELD(state_word, since),
	PACK_FIELD(state_word, reason),
};
static const struct pack_table word_table = PACK_TABLE("words", word_fields);

/* Sockets of the service manager's. */
static const struct pack_field passed_fields[] = {
	PACK_FIELD(passed, fd),
	PACK_FIELD(passed, name),
	PACK_FIELD(passed, addr),
	PACK_FIELD(passed, v6only),
};
static const struct pack_table passed_table =
    PACK_TABLE("passed", passed_fields);

/* -------------------------------------------------------------------- writing */

static void
text_of(char to[TEXT_MAX], const char *text)
{
	snprintf(to, TEXT_MAX, "%s", text);
}

static void
pack_daemon(struct pack *pack, const struct server *server)
{
	static struct carried_daemon daemon;
	const struct conf *conf = server->running.conf;

	daemon = (struct carried_daemon) {
		.control_socket = server->control.fd,
		.pid_file = pidfile_descriptor(),
		.as_root = server->as_root,
		.ready_at = server->overview.ready_at,
		.manager = *notify_manager(),
		.sandbox = (int32_t)conf->sandbox,
		.reload = server->reload.last,
	};
	text_of(daemon.user, conf_text(conf, conf->user));
	text_of(daemon.group, conf_text(conf, conf->group));
	text_of(daemon.pid_path, conf_text(conf, conf->pid_file));
	text_of(daemon.control_path, conf_text(conf, conf->control_socket));
	text_of(daemon.state_path, conf_text(conf, conf->state_file));
	pack_table(pack, &daemon_table);
	pack_row(pack, &daemon_table, &daemon);
	pack_fd(pack, daemon.control_socket);
	pack_fd(pack, daemon.pid_file);
}

static void
pack_passed(struct pack *pack)
{
	size_t i, n;
	const struct passed *passed = activation_list(&n);

	pack_table(pack, &passed_table);
	for (i = 0; i < n; i++) {
		pack_row(pack, &passed_table, &passed[i]);
		pack_fd(pack, passed[i].fd);
	}
}

void
resume_pack(struct pack *pack, const struct server *server)
{
	const struct listeners *listeners = &server->running.listeners;
	const struct state_words *words = &server->states.words;
	size_t i;

	pack_daemon(pack, server);
	pack_passed(pack);
	pack_table(pack, &word_table);
	for (i = 0; i < words->n; i++)
		pack_row(pack, &word_table, &words->list[i]);
	pack_table(pack, &listener_table);
	for (i = 0; i < listeners->n; i++) {
		pack_row(pack, &listener_table, &listeners->list[i]);
		pack_fd(pack, listeners->list[i].fd);
	}
	carry_pack(pack, &server->service);
}

/* -------------------------------------------------------------------- reading */

static struct carried_daemon *
daemon_of(void)
{
	static struct carried_daemon daemon;

	daemon = (struct carried_daemon) { .control_socket = -1,
		.pid_file = -1, .manager = { .fd = -1 } };
	unpack_row(&state, &daemon_table, 0, &daemon);
	return &daemon;
}

/* Only what the state names stays open, and it too no longer than we run. */
static void
descriptors_keep(void)
{
	size_t n, i;
	const int32_t *fds = unpack_fds(&state, &n);
	unsigned next = STDERR_FILENO + 1;

	for (i = 0; i < n; i++) {
		if (fds[i] < (int)next ||
		    fcntl(fds[i], F_SETFD, FD_CLOEXEC) == -1)
			continue;
		if ((unsigned)fds[i] > next)
			close_range(next, (unsigned)fds[i] - 1, 0);
		next = (unsigned)fds[i] + 1;
	}
	close_range(next, ~0u, 0);
}

bool
resume_begin(void)
{
	const char *text = getenv(RESUME_STATE), *why;
	int64_t fd;

	if (text == NULL)
		return false;
	is_trial = getenv(RESUME_TRIAL) != NULL;
	if (number_parse(text, STDERR_FILENO + 1, INT32_MAX, &fd) == -1)
		fatal(EXIT_USAGE, "%s: \"%.20s\": expected a descriptor",
		    RESUME_STATE, text);
	why = unpack_open(&state, (int)fd);
	if (why == NULL && unpack_count(&state, &daemon_table) != 1)
		why = "of another program";
	if (why != NULL)
		fatal(EXIT_USAGE, "%s: %s", RESUME_STATE, why);
	unsetenv(RESUME_STATE);
	unsetenv(RESUME_TRIAL);
	descriptors_keep();
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

/* The sockets that were passed to us once are whose they were. */
static void
passed_keep(void)
{
	size_t i, n = unpack_count(&state, &passed_table);
	struct passed *list = calloc(n + 1, sizeof(*list));

	if (list == NULL)
		fatal(EXIT_SYSTEM, "upgrade: %s", strerror(errno));
	for (i = 0; i < n; i++)
		unpack_row(&state, &passed_table, i, &list[i]);
	activation_keep(list, n);
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
	size_t i, n = unpack_count(&state, &listener_table);
	struct listener *list = calloc(n + 1, sizeof(*list));

	if (list == NULL)
		fatal(EXIT_SYSTEM, "upgrade: %s", strerror(errno));
	for (i = 0; i < n; i++) {
		list[i].fd = -1;
		list[i].name = "";
		unpack_row(&state, &listener_table, i, &list[i]);
	}
	server->running = SETUP_NONE;
	server->running.listeners = (struct listeners) { list, n };
	server->as_root = daemon->as_root;
	server->control_socket = is_trial ? -1 : daemon->control_socket;
	server->reload.last = daemon->reload;
	passed_keep();
	if (is_trial)
		return;
	pidfile_keep(daemon->pid_file, daemon->pid_path);
	notify_resume(&daemon->manager);
}

static void
compare(const struct conf *conf, const char *path, const char *key,
    const char *was, const char *is, struct report *report)
{
	if (strcmp(was, is) != 0)
		report_failure(report, EXIT_CONFIG,
		    "%s:%u: %s: a change needs a restart: it is \"%s\"", path,
		    (unsigned)schema_line(conf, key), key, was);
}

void
resume_verdict(
    const struct conf *conf, const char *path, struct report *report)
{
	const struct carried_daemon *daemon = daemon_of();

	compare(conf, path, "user", daemon->user,
	    conf_text(conf, conf->user), report);
	compare(conf, path, "group", daemon->group,
	    conf_text(conf, conf->group), report);
	compare(conf, path, "pid_file", daemon->pid_path,
	    conf_text(conf, conf->pid_file), report);
	compare(conf, path, "control_socket", daemon->control_path,
	    conf_text(conf, conf->control_socket), report);
	compare(conf, path, "state_file", daemon->state_path,
	    conf_text(conf, conf->state_file), report);
	if (daemon->sandbox != (int32_t)conf->sandbox)
		report_failure(report, EXIT_CONFIG,
		    "%s:%u: sandbox: a change needs a restart", path,
		    (unsigned)schema_line(conf, "sandbox"));
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
	if (is_on && !is_trial)
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
resume_end(struct server *server)
{
	if (!is_on)
		return;
	carry_unpack_buckets(&state, &server->service, clock_now());
	log_event(LOG_NOTICE, "upgrade", LOG_WORD("result", "ok"),
	    LOG_WORD("version", PACKAGE_VERSION),
	    LOG_NUMBER("clients", server->service.counters.live));
	server->overview.ready_at = daemon_of()->ready_at;
	unpack_close(&state);
	is_on = false;
}
