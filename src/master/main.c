/* forkgreetd: the steps of a start, in their order. */
#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "master/candidate.h"
#include "master/config/dump.h"
#include "master/config/advice.h"
#include "master/config/greetings.h"
#include "master/config/include.h"
#include "master/config/load.h"
#include "master/config/reader.h"
#include "master/config/schema.h"
#include "master/config/text_advice.h"
#include "master/config/verdict.h"
#include "master/explain.h"
#include "master/explain_query.h"
#include "master/listeners/activation.h"
#include "master/listeners/socket_file.h"
#include "master/config/conf.h"
#include "master/system/accounts.h"
#include "master/system/child.h"
#include "master/control/control_file.h"
#include "master/system/daemonize.h"
#include "master/system/denylist.h"
#include "master/system/executable.h"
#include "master/system/file.h"
#include "master/system/inherited.h"
#include "master/generations/launch.h"
#include "master/system/notify.h"
#include "master/system/oom.h"
#include "master/options.h"
#include "master/resume.h"
#include "master/system/pidfile.h"
#include "master/system/privileges.h"
#include "master/server.h"
#include "master/states.h"
#include "master/system/report.h"
#include "master/loop.h"
#include "master/log_target.h"

/* Opened before the drop: a checkout may be where only root can reach it. */
static int
program_open(const char *name)
{
	const char *path, *why;
	int fd = executable_open(name, &path, &why);

	if (fd == -1)
		fatal(errno == 0 ? EXIT_PRIVILEGE : EXIT_SYSTEM,
		    "start: open %s: %s", path, why);
	return fd;
}

_Noreturn static void
configuration_refused(const struct report *report)
{
	log_report(report);
	fatal_said(report->cause);
}

static struct candidate *
configuration_load(int reader, const char *path, bool as_root)
{
	struct candidate *candidate = candidate_new();

	if (candidate == NULL)
		fatal(EXIT_SYSTEM, "%s: %s", path, strerror(errno));
	candidate->setup.conf = load_wait(
	    reader, path, as_root, &candidate->report);
	if (candidate->setup.conf == NULL)
		configuration_refused(&candidate->report);
	return candidate;
}

/* An ordinary user cannot become another one, whatever the file says. */
static void
identity_doubt(const struct conf *conf, const char *path, struct report *report)
{
	const char *key = accounts_differ(schema_given(conf, "user") ?
		conf_text(conf, conf->user) : NULL,
	    schema_given(conf, "group") ? conf_text(conf, conf->group) : NULL);

	if (geteuid() == 0)
		report_warning(report, "%s: user: stays 0: this user namespace "
		    "has no other user (user_namespaces(7))", path);
	else if (key != NULL)
		report_warning(report, "%s:%u: %s: ignored, not started as "
		    "root: the daemon runs as user %u, group %u",
		    path, (unsigned)schema_line(conf, key), key,
		    (unsigned)geteuid(), (unsigned)getegid());
}

/* The user and group to run as; NULL when an ordinary user started us. */
static const struct identity *
identity_find(const struct conf *conf, const char *path, struct report *report)
{
	static struct identity identity;
	const char *user = conf_text(conf, conf->user);
	const char *group = conf_text(conf, conf->group);
	const char *key, *failed;
	enum exit_status cause;
	uint32_t line;

	if (!privileges_are_root()) {
		identity_doubt(conf, path, report);
		return NULL;
	}
	failed = accounts_lookup(&identity, user, group, &key);
	if (failed == NULL)
		return &identity;
	cause = cause_of(errno, EXIT_CONFIG);
	line = schema_line(conf, key);
	if (strcmp(key, "group") == 0)
		user = group;
	if (line == 0)
		fatal(cause, "%s: %s: the default, \"%s\": %s", path, key,
		    user, failed);
	fatal(cause, "%s:%u: %s: \"%s\": %s", path, (unsigned)line, key, user,
	    failed);
}

/* Its members may look; not found is an error, as it is for user and group. */
static void
control_group_find(
    const struct conf *conf, const char *path, struct control_group *group)
{
	const char *name = conf_text(conf, conf->control_group), *failed;

	*group = (struct control_group) { .is_set = *name != '\0' };
	if (!group->is_set)
		return;
	failed = accounts_group(name, &group->gid);
	if (failed != NULL)
		fatal(cause_of(errno, EXIT_CONFIG),
		    "%s:%u: control_group: \"%s\": %s", path,
		    (unsigned)schema_line(conf, "control_group"), name, failed);
}

/* What a reload has to read must be readable with the rights that it will
 * have. */
static void
readable_file(const char *path, const struct identity *identity,
    struct report *report)
{
	const char *why;
	char *text;
	size_t length;

	if (file_read(path, CONF_FILE_MAX, FILE_OF_ROOT_OR_US, &text, &length,
		&why) == 0)
		free(text);
	else
		report_failure(report, cause_of(errno, EXIT_CONFIG),
		    "%s: as user %s: %s (a reload could not read it)", path,
		    identity->user, why);
}

static void
readable_check(const struct conf *conf, const char *path,
    const struct identity *identity, struct report *report)
{
	const char *include = conf_text(conf, conf->include), *why;
	uint32_t i;

	readable_file(path, identity, report);
	if (include[0] != '\0' && include_readable(include, &why) == -1)
		report_failure(report, cause_of(errno, EXIT_CONFIG),
		    "%s:%u: include: \"%s\": as user %s: %s (a reload could "
		    "not read it)", path,
		    (unsigned)schema_line(conf, "include"), include,
		    identity->user, why);
	for (i = 0; i < conf->n_included; i++)
		readable_file(
		    conf_text(conf, conf->included[i]), identity, report);
}

/* The greetings, read as the daemon will read them at a reload.  Ends the process
 * when there are errors. */
static struct greeting *
greetings_make(struct candidate *candidate, const char *path,
    const struct identity *identity)
{
	struct greeting *greetings;

	if (identity != NULL) {
		privileges_borrow(identity);
		readable_check(candidate->setup.conf, path, identity,
		    &candidate->report);
	}
	greetings =
	    greetings_load(candidate->setup.conf, path, &candidate->report);
	if (identity != NULL)
		privileges_return();
	if (candidate->report.errors > 0)
		configuration_refused(&candidate->report);
	return greetings;
}

static void
configuration_free(struct candidate *candidate)
{
	free(candidate->setup.conf);
	free(candidate);
	log_close();
}

static int
configuration_dump(struct candidate *candidate)
{
	if (dump_write(candidate->setup.conf, stdout) == -1 ||
	    fflush(stdout) == EOF)
		fatal(EXIT_SYSTEM, "standard output: %s", strerror(errno));
	configuration_free(candidate);
	return EXIT_SUCCESS;
}

/* Binds the sockets and makes the plan with the rights that we still have. */
static void
candidate_make(struct candidate *candidate, struct greeting *greetings,
    struct server *server)
{
	if (candidate_prepare(candidate, greetings, server) == -1) {
		log_report(&candidate->report);
		fatal(candidate->report.cause, "start: cannot serve");
	}
	greetings_free(
	    greetings, greetings_count(candidate->setup.conf));
}

/* -t: checks all that can be checked without binding or changing anything. */
static int
configuration_test(struct candidate *candidate, struct greeting *greetings,
    const char *path)
{
	struct text_names names;

	if (listeners_check_files(
		candidate->setup.conf, path, &candidate->report) == -1)
		configuration_refused(&candidate->report);
	text_names_find(&names, "/etc/os-release");
	advice_find(candidate->setup.conf, greetings, &names, path,
	    &candidate->report);
	greetings_free(
	    greetings, greetings_count(candidate->setup.conf));
	log_report(&candidate->report);
	configuration_free(candidate);
	return EXIT_SUCCESS;
}

/* -E: says what a client would get; the files have been read as for -t. */
static int
client_explain(struct candidate *candidate, struct greeting *greetings,
    const struct options *options, const struct explain_query *query)
{
	explain(candidate, greetings, options->path, query);
	greetings_free(
	    greetings, greetings_count(candidate->setup.conf));
	setup_free(&candidate->setup, NULL);
	free(candidate);
	log_close();
	return EXIT_SUCCESS;
}

/* Each socket that the service manager has bound for us has a listener. */
static void
passed_take(struct candidate *candidate, const char *path)
{
	if (listeners_check_passed(
		candidate->setup.conf, path, &candidate->report) == -1)
		configuration_refused(&candidate->report);
}

/* Once the configuration is good: what belongs to the process. */
static void
process_begin(const struct conf *conf, bool foreground)
{
	if (resume_is_on()) {
		daemonize_leave();
		loop_block_signals();
		resume_process(conf_text(conf, conf->pid_file),
		    conf_text(conf, conf->control_socket));
		return;
	}
	notify_init();
	inherited_warn();
	daemonize_leave();
	if (!foreground)
		daemonize_start();
	child_adopt_init();
	loop_block_signals();
	pidfile_take(conf_text(conf, conf->pid_file));
}

/* The last that needs rights, and giving them up. */
static void
rights_end(struct server *server, const struct conf *conf,
    const struct identity *identity)
{
	if (!resume_is_on())
		server->control_socket = control_file_make(
		    conf_text(conf, conf->control_socket), identity,
		    &server->control_group);
	server->executable = program_open(LAUNCH_NAME);
	if (!resume_is_on())
		oom_protect("/proc/self/oom_score_adj");
	states_prepare(conf, identity);
	privileges_drop(identity);
	socket_file_begin(NULL);
	if (conf->sandbox == CONF_SANDBOX_REQUIRED && !resume_is_on())
		denylist_enter();
}

/* Serves what the configuration says, until the end. */
static void
serve(struct server *server, struct candidate *candidate,
    struct greeting *greetings, const struct identity *identity)
{
	struct conf *conf = candidate->setup.conf;

	verdict_in_effect(conf, server->foreground, server->as_root);
	if (resume_is_on())
		resume_verdict(conf, server->path, &candidate->report);
	if (candidate->report.errors > 0)
		configuration_refused(&candidate->report);
	passed_take(candidate, server->path);
	process_begin(conf, server->foreground);
	socket_file_begin(identity);
	candidate_make(candidate, greetings, server);
	if (!resume_is_trial())
		log_target_set(conf, server->foreground);
	rights_end(server, conf, identity);
	if (!resume_is_trial())
		states_begin(&server->states, conf);
	resume_words(&server->states.words);
	loop_run(server, candidate);
}

int
main(int argc, char **argv)
{
	static struct server server;
	static struct candidate *candidate; /* for LeakSanitizer at a fatal() */
	struct explain_query query;
	struct options options;
	struct greeting *greetings;
	const struct identity *identity = NULL;

	if (!resume_begin(argv))
		inherited_tidy(activation_expect(), argv);
	options_parse(&options, argc, argv);
	if (options.mode == MODE_EXPLAIN)
		explain_query_parse(&query, options.explain);
	/* First: a number that was passed and is not open would be our own. */
	if (options.mode == MODE_SERVE && !resume_is_on())
		activation_adopt();
	server.reader = program_open(READER_NAME);
	server.as_root = privileges_are_root();
	if (resume_is_on())
		resume_server(&server);
	candidate = configuration_load(
	    server.reader, options.path, server.as_root);
	if (options.mode != MODE_SERVE)
		close(server.reader);
	if (options.mode == MODE_DUMP)
		return configuration_dump(candidate);
	if (!resume_is_on()) {
		identity = identity_find(candidate->setup.conf, options.path,
		    &candidate->report);
		control_group_find(candidate->setup.conf, options.path,
		    &server.control_group);
	}
	greetings = greetings_make(candidate, options.path, identity);
	if (options.mode == MODE_TEST)
		return configuration_test(
		    candidate, greetings, options.path);
	if (options.mode == MODE_EXPLAIN)
		return client_explain(candidate, greetings, &options, &query);

	server.path = options.path;
	server.name = argv[0];
	server.foreground = options.foreground;
	serve(&server, candidate, greetings, identity);
	return EXIT_SUCCESS;
}
