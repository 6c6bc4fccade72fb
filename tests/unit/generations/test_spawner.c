/* The spawner as its master sees it: orders, pid page, plan, end.  The test is
 * the master, on UNIX sockets, of the real program and of the one with attacks
 * (tests/hostile). */
#include "config.h"

#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "master/config/conf.h"
#include "master/generations/snapshot.h"
#include "shared/plan.h"
#include "unit/generations/spawned.h"

/* Sessions of the plan. */
/* Of listeners that are ready. */
enum {
	HELD,
	SHORT = STATE_COUNT,
	RENDERED = 2 * STATE_COUNT,
	SESSIONS = 3 * STATE_COUNT
};

static struct snapshot snapshot;

/* ----------------------------------------------------------- what is needed */

static void
listener_make(struct conf_listener *listener, uint32_t session)
{
	listener->timeouts = (struct conf_timeouts) {
		.session_ms = PATIENCE_MS, .send_ms = PATIENCE_MS,
		.cpu_s = 10 };
	listener->hold = session < SHORT;
}

static int
setup(void **state)
{
	(void)state;
	return spawned_begin() == -1 ? -1 :
	    spawned_plan(&snapshot, SESSIONS / STATE_COUNT, RENDERED,
		listener_make);
}

static int
teardown(void **state)
{
	(void)state;
	snapshot_free(&snapshot);
	return spawned_end();
}

/* A client whose other end the spawner gets. */
static int
client_order(const struct spawner *spawner, uint32_t slot, uint32_t session)
{
	struct plan_order order = { slot, session, 0, 0 };
	int ends[2];

	assert_int_equal(
	    socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
	send_with(spawner->socket, &order, sizeof(order), &ends[1], 1);
	return ends[0];
}

/* One client, served as it should be. */
static void
assert_serves(const struct spawner *spawner, uint32_t slot)
{
	int client = client_order(spawner, slot, SHORT);

	assert_string_equal(line_read(client), "hi client\n");
	assert_true(page[slot] > 0); /* before the child ran */
	assert_ended(client);
	assert_child_status(slot, 0);
}

/* ----------------------------------------------------------------- pid page */

static void
the_pid_is_on_the_page(void **state)
{
	struct spawner spawner = spawner_start(REAL, snapshot.fd);
	uint32_t slot;

	(void)state;
	assert_serves(&spawner, 0);
	assert_serves(&spawner, 5);
	assert_serves(&spawner, PLAN_REFUSED_SLOT - 1);
	for (slot = 0; slot < PLAN_REFUSED_SLOT; slot++)
		if (slot != 0 && slot != 5 && slot != PLAN_REFUSED_SLOT - 1)
			assert_int_equal(page[slot], 0);
	spawner_end(&spawner, 0);
}

/* The soft limit of processes of the spawner. */
static void
processes_limit(const struct spawner *spawner, rlim_t soft)
{
	struct rlimit limit;

	assert_int_equal(
	    prlimit(spawner->pid, RLIMIT_NPROC, NULL, &limit), 0);
	limit.rlim_cur = soft < limit.rlim_max ? soft : limit.rlim_max;
	assert_int_equal(
	    prlimit(spawner->pid, RLIMIT_NPROC, &limit, NULL), 0);
}

static void
a_clone_that_fails_is_on_the_page(void **state)
{
	struct spawner spawner = spawner_start(REAL, snapshot.fd);
	int client;

	(void)state;
	assert_serves(&spawner, 0); /* it is set up by now */
	processes_limit(&spawner, 0);
	client = client_order(&spawner, 1, SHORT);
	assert_int_equal(page_wait(1), -EAGAIN);
	assert_ended(client);
	processes_limit(&spawner, RLIM_INFINITY);
	assert_serves(&spawner, 2);
	spawner_end(&spawner, 0);
}

/* ------------------------------------------------------------------- orders */

static void
orders_without_sense_are_not_obeyed(void **state)
{
	struct spawner spawner = spawner_start(REAL, snapshot.fd);
	struct plan_order none = { 1, SHORT, 0, 0 }, two = { 2, SHORT, 0, 0 };
	struct plan_order session = { 3, SESSIONS, 0, 0 };
	struct plan_order far = { 4, UINT32_MAX, 0, 0 };
	struct plan_order slot = { PLAN_REFUSED_SLOT, SHORT, 0, 0 };
	struct plan_order far_slot = { UINT32_MAX, SHORT, 0, 0 };
	struct plan_order more[2] = { { 5, SHORT, 0, 0 }, { 6, SHORT, 0, 0 } };

	(void)state;
	assert_refuses(&spawner, &none, sizeof(none), 1, 0);
	assert_refuses(&spawner, &two, sizeof(two), 2, 2);
	assert_refuses(&spawner, &session, sizeof(session), 3, 1);
	assert_refuses(&spawner, &far, sizeof(far), 4, 1);
	assert_refuses(&spawner, &slot, sizeof(slot), PLAN_REFUSED_SLOT, 1);
	assert_refuses(&spawner, &far_slot, sizeof(far_slot), PLAN_REFUSED_SLOT, 1);
	assert_refuses(&spawner, more, sizeof(more), 5, 1);
	assert_int_equal(page[6], 0);
	assert_serves(&spawner, 0);
	spawner_end(&spawner, 0);
}

/* All of it, whatever the bytes, and none of the plan's. */
static void
what_comes_with_the_order_is_sent(void **state)
{
	struct spawner spawner = spawner_start(REAL, snapshot.fd);
	static const size_t lengths[] = { 0, 1, 100, PLAN_ORDER_BYTES_MAX };
	char order[sizeof(struct plan_order) + PLAN_ORDER_BYTES_MAX + 1];
	char got[sizeof(order)];
	struct plan_order head = { 0, RENDERED, 0, 0 };
	size_t i, n;
	int ends[2];

	(void)state;
	for (i = 0; i < sizeof(order); i++)
		order[i] = (char)i; /* NULs too */
	for (n = 0; n < sizeof(lengths) / sizeof(lengths[0]); n++) {
		head.slot = (uint32_t)n;
		memcpy(order, &head, sizeof(head));
		assert_int_equal(socketpair(AF_UNIX,
		    SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
		send_with(spawner.socket, order, sizeof(head) + lengths[n],
		    &ends[1], 1);
		assert_int_equal(recv(ends[0], got, sizeof(got), MSG_WAITALL),
		    lengths[n]);
		assert_memory_equal(got, order + sizeof(head), lengths[n]);
		close(ends[0]);
		assert_true(page_wait(head.slot) > 0);
		assert_child_status(head.slot, 0);
	}
	head.slot = 9;
	memcpy(order, &head, sizeof(head));
	assert_refuses(&spawner, order, sizeof(order), 9, 1);
	spawner_end(&spawner, 0);
}

/* It means that master and spawner do not speak the same language. */
static void
a_short_order_ends_the_spawner(void **state)
{
	struct spawner spawner = spawner_start(REAL, snapshot.fd);
	struct plan_order order = { 1, SHORT, 0, 0 };

	(void)state;
	assert_refuses(&spawner, &order, sizeof(order) - 1, PLAN_REFUSED_SLOT, 1);
	assert_int_equal(page[1], 0);
	spawner_end(&spawner, 0);
}

static void
it_ends_with_its_socket_and_its_children_do_not(void **state)
{
	struct spawner spawner = spawner_start(REAL, snapshot.fd);
	int client = client_order(&spawner, 0, HELD);

	(void)state;
	assert_string_equal(line_read(client), "hi client\n");
	spawner_end(&spawner, 0);
	assert_int_equal(waitpid(page[0], NULL, WNOHANG), 0);
	close(client);
	assert_child_status(0, 0);
}

/* --------------------------------------------------------------------- plan */

/* A copy of the plan's first length bytes, as a descriptor. */
static int
plan_copy(const struct plan *header, size_t length)
{
	int fd = memfd_create("plan", MFD_CLOEXEC);
	size_t rest = snapshot.plan->size - sizeof(*header);

	assert_int_not_equal(fd, -1);
	assert_int_equal(pwrite(fd, header, sizeof(*header), 0),
	    sizeof(*header));
	assert_int_equal(
	    pwrite(fd, snapshot.plan + 1, rest, sizeof(*header)), rest);
	assert_int_equal(ftruncate(fd, (off_t)length), 0);
	return fd;
}

/* The spawner must say so and end. */
static void
assert_refused_plan(const struct plan *header, size_t length, const char *step,
    int error)
{
	int fd = plan_copy(header, length);
	struct spawner spawner = spawner_start(REAL, fd);
	struct plan_failure failure = { 0 };

	assert_int_equal(recv(spawner.socket, &failure, sizeof(failure), 0),
	    sizeof(failure));
	assert_int_equal(failure.error, error);
	assert_non_null(memchr(failure.step, '\0', sizeof(failure.step)));
	assert_string_equal(failure.step, step);
	spawner_end(&spawner, EXIT_FAILURE);
	close(fd);
}

static void
another_plan_is_refused(void **state)
{
	static const char reading[] =
	    "reading the plan (spawner and daemon differ?)";
	struct plan right = *snapshot.plan, magic = right, size = right;

	(void)state;
	magic.magic++;
	assert_refused_plan(&magic, right.size, reading, EPROTO);
	size.size++;
	assert_refused_plan(&size, right.size, reading, EPROTO);
	assert_refused_plan(&right, right.size - 1, reading, EPROTO);
	assert_refused_plan(&right, right.size + 1, reading, EPROTO);
	assert_refused_plan(&right, sizeof(right) - 1, reading, EPROTO);
	assert_refused_plan(&right, 0, "mmap of the plan", EINVAL);
}

/* A filter that the kernel does not take is no filter. */
static void
no_sandbox_no_spawner(void **state)
{
	struct plan empty = *snapshot.plan;

	(void)state;
	empty.filter_length = 0;
	assert_refused_plan(&empty, empty.size, "seccomp", EINVAL);
}

/* A plan for another master: no child of ours may run. */
static void
another_master_is_refused(void **state)
{
	struct plan plan = *snapshot.plan;
	struct spawner spawner;
	char byte;
	int fd;

	(void)state;
	plan.master++;
	fd = plan_copy(&plan, plan.size);
	spawner = spawner_start(REAL, fd);
	assert_int_equal(recv(spawner.socket, &byte, 1, 0), 0);
	spawner_end(&spawner, EXIT_FAILURE);
	close(fd);
}

/* ------------------------------------------------- a hostile child's socket */

/* Says a command to it (tests/hostile/session.c); fd, unless -1, goes
 * with its first byte. */
static void
say(int client, const char *command, int fd)
{
	char bytes[256] = { 0 };
	char answer;

	for (; *command != '\0'; command++) {
		send_with(client, bytes, (size_t)*command, &fd, fd != -1);
		fd = -1;
		assert_int_equal(read(client, &answer, 1), 1);
	}
	send_with(client, bytes, '\n', NULL, 0);
}

/* A client that asks for one call while a descriptor, the write end of a pipe,
 * waits in its connection.  The descriptor must be in no process when it has
 * ended.  Returns the wait status. */
static int
status_with_descriptor(
    const struct spawner *spawner, uint32_t slot, long call, const char *rest)
{
	int client = client_order(spawner, slot, HELD), ends[2], status;
	char command[64];

	assert_string_equal(line_read(client), "hi client\n");
	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	snprintf(command, sizeof(command), "call %ld %s", call, rest);
	say(client, command, ends[1]);
	line_read(client); /* the answer, or the end */
	close(client);
	assert_int_equal(waitpid(page[slot], &status, 0), page[slot]);
	assert_ended(ends[0]);
	return status;
}

static void
no_descriptor_arrives_over_its_own_socket(void **state)
{
	struct spawner spawner = spawner_start(HOSTILE, snapshot.fd);
	int status;

	(void)state;
	/* By then recvfrom has read the bytes it came with. */
	status = status_with_descriptor(&spawner, 0, SYS_getppid, "");
	assert_int_equal(status, 0);
	status = status_with_descriptor(&spawner, 1, SYS_recvmsg, "0 & 0");
	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), SIGSYS);
	spawner_end(&spawner, 0);
}

/* One call of a child that is on a UNIX socket: "VALUE ERRNO\n". */
static void
assert_answer(const struct spawner *spawner, uint32_t slot, const char *command,
    const char *want)
{
	int client = client_order(spawner, slot, HELD);

	assert_string_equal(line_read(client), "hi client\n");
	say(client, command, -1);
	assert_string_equal(line_read(client), want);
	close(client);
	assert_child_status(slot, 0);
}

static void
the_spawners_socket_is_closed_in_a_child(void **state)
{
	struct spawner spawner = spawner_start(HOSTILE, snapshot.fd);
	struct plan_order order = { 7, SHORT, 0, 0 };
	char command[64], want[64];

	(void)state;
	snprintf(command, sizeof(command), "call %ld 3 & 0", SYS_recvmsg + 0L);
	snprintf(want, sizeof(want), "-1 %d\n", EBADF);
	assert_answer(&spawner, 0, command, want);
	/* Nor has it taken what was for the spawner. */
	assert_refuses(&spawner, &order, sizeof(order), 7, 0);
	spawner_end(&spawner, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_pid_is_on_the_page),
		cmocka_unit_test(a_clone_that_fails_is_on_the_page),
		cmocka_unit_test(orders_without_sense_are_not_obeyed),
		cmocka_unit_test(what_comes_with_the_order_is_sent),
		cmocka_unit_test(a_short_order_ends_the_spawner),
		cmocka_unit_test(it_ends_with_its_socket_and_its_children_do_not),
		cmocka_unit_test(another_plan_is_refused),
		cmocka_unit_test(no_sandbox_no_spawner),
		cmocka_unit_test(another_master_is_refused),
		cmocka_unit_test(no_descriptor_arrives_over_its_own_socket),
		cmocka_unit_test(the_spawners_socket_is_closed_in_a_child),
	};

	return cmocka_run_group_tests_name("spawner", tests, setup, teardown);
}
