/* A server that serves a small configuration, for tests. */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "unit/top/server.h"

#include <sys/epoll.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "master/config/greetings.h"
#include "master/candidate.h"
#include "master/reload.h"
#include "master/system/clock.h"

struct server server;
struct trials trials;
struct answers answers;
static bool is_occupied;

int __wrap_generation_try(struct generation *generation,
    const struct snapshot *snapshot, int64_t now);
void __wrap_generation_commit(
    struct generation *generation, enum spawner_reason reason,
    int64_t now);
void __wrap_generation_abandon(struct generation *generation);
bool __wrap_generation_is_trying(const struct generation *generation);
void __wrap_control_reloaded(struct control *control,
    enum control_status status, const struct report *report, int64_t now);

int
__wrap_generation_try(struct generation *generation,
    const struct snapshot *snapshot, int64_t when)
{
	(void)generation;
	(void)when;
	assert_non_null(snapshot->plan);
	trials.tried++;
	return trials.fails ? -1 : 0;
}

void
__wrap_generation_commit(
    struct generation *generation, enum spawner_reason reason,
    int64_t when)
{
	(void)generation;
	(void)reason;
	(void)when;
	trials.committed++;
}

void
__wrap_generation_abandon(struct generation *generation)
{
	(void)generation;
	trials.abandoned++;
}

bool
__wrap_generation_is_trying(const struct generation *generation)
{
	(void)generation;
	return is_occupied;
}

void
__wrap_control_reloaded(struct control *control, enum control_status status,
    const struct report *report, int64_t when)
{
	(void)control;
	(void)when;
	answers.n++;
	answers.status = status;
	snprintf(answers.line, sizeof(answers.line), "%s",
	    report->kept > 0 ? report->lines[0].text : "");
}

void
server_occupy(bool occupied)
{
	is_occupied = occupied;
}

void
server_write(const char *text)
{
	server.path = confs_write("server.conf", text, strlen(text));
}

void
server_reader_hangs(void)
{
	static int hostile = -1;

	if (hostile == -1)
		hostile = confs_program("tests/hostile/reader");
	server.reader = hostile;
	server_write("# loop\n");
}

/* What first.c does. */
static void
commit(struct candidate *candidate)
{
	struct greeting *greetings = greetings_load(
	    candidate->setup.conf, "x", &candidate->report);
	size_t added, removed;

	assert_non_null(greetings);
	assert_int_equal(candidate_prepare(candidate, greetings, &server), 0);
	greetings_free(
	    greetings, greetings_count(candidate->setup.conf));
	assert_int_equal(candidate_try(candidate, &server, now), 0);
	assert_int_equal(
	    candidate_commit(candidate, &server, &added, &removed, now), 0);
	candidate_free(candidate, &server);
	server.ready = true;
	server.service.is_open = true;
}

void
server_begin(const char *a)
{
	struct candidate *candidate = candidate_new();
	const char *text = service_conf("log = { target = \"stderr\"; };", a,
	    NULL);

	assert_non_null(candidate);
	trials = (struct trials) { 0 };
	now = 1000 * CLOCK_SECOND;
	logged_clear();
	server = (struct server) { .as_root = true, .reader = confs_reader(),
		.epoll = epoll_create1(EPOLL_CLOEXEC),
		.running = SETUP_NONE,
		.refresh = REFRESH_NONE,
		.upgrade = UPGRADE_NONE,
		.spawners = { .next.index = -1 },
		.stop = STOP_NONE,
		.generation = { .spawners = &server.spawners },
		.overview = { .service = &server.service,
		    .reload = &server.reload.last } };
	server_occupy(false);
	assert_int_equal(control_init(&server.control, server.epoll, -1,
			     &server.control_group, &server.overview, &server.actions),
	    0);
	assert_null(serve_init(&server.service, server.epoll, &server.running,
	    &server.generation));
	server_write(text);
	candidate->setup.conf = confs_must_load(text);
	commit(candidate);
	trials = (struct trials) { 0 };
	answers = (struct answers) { 0 };
}

int
server_teardown(void **state)
{
	(void)state;
	reload_cancel(&server);
	serve_free(&server.service);
	setup_free(&server.running, NULL);
	close(server.epoll);
	return 0;
}

void
server_reload(void)
{
	struct epoll_event event;

	reload_step(&server, now);
	while (server.reload.load != NULL) {
		assert_int_equal(
		    epoll_wait(server.epoll, &event, 1, 20000), 1);
		assert_int_equal(event_kind(&event), EVENT_CONF);
		reload_step(&server, now);
	}
}
