/* The control socket: places, requests in pieces, deadlines, reloads that are
 * waited for. */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "master/control/control.h"
#include "master/control/peers.h"
#include "master/control/status.h"
#include "master/system/clock.h"
#include "master/system/events.h"
#include "master/system/pack.h"
#include "unit/service.h"

static struct control control;
static struct control_group group; /* that may look */
static struct overview overview;
static struct reload_result last;
static int epoll;
static int accept_error; /* of the next accept4(2); 0: it works */
static bool is_closed; /* the daemon does not serve yet */
static bool is_stranger; /* peers are neither root nor of our user */

int __real_accept4(
    int fd, struct sockaddr *address, socklen_t *length, int flags);
int __wrap_accept4(
    int fd, struct sockaddr *address, socklen_t *length, int flags);
int __real_getsockopt(
    int fd, int level, int option, void *value, socklen_t *length);
int __wrap_getsockopt(
    int fd, int level, int option, void *value, socklen_t *length);

int
__wrap_accept4(int fd, struct sockaddr *address, socklen_t *length, int flags)
{
	if (accept_error == 0)
		return __real_accept4(fd, address, length, flags);
	errno = accept_error;
	accept_error = 0;
	return -1;
}

int
__wrap_getsockopt(
    int fd, int level, int option, void *value, socklen_t *length)
{
	int result = __real_getsockopt(fd, level, option, value, length);

	if (is_stranger && level == SOL_SOCKET && option == SO_PEERCRED)
		((struct ucred *)value)->uid = geteuid() + 1;
	return result;
}

static int
setup_control(void **state)
{
	struct sockaddr_un any = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	(void)state;
	service_begin("", "", NULL);
	last = (struct reload_result) { 0 };
	overview = (struct overview) { .service = &service, .reload = &last,
		.ready_at = now };
	epoll = epoll_create1(EPOLL_CLOEXEC);
	/* unix(7), autobind */
	if (bind(fd, (struct sockaddr *)&any, sizeof(sa_family_t)) == -1 ||
	    listen(fd, 100) == -1 ||
	    control_init(&control, epoll, fd, &group, &overview, NULL) == -1)
		return -1;
	control.is_open = !is_closed;
	control_resume(&control, now);
	return 0;
}

static int
teardown_control(void **state)
{
	control_close(&control);
	close(epoll);
	is_stranger = false;
	group = (struct control_group) { 0 };
	accept_error = 0;
	return service_teardown(state);
}

/* What the loop does in a turn; on this kind of socket everything that was sent
 * is there. */
static void
turn(void)
{
	struct epoll_event events[64];
	int i, n = epoll_wait(epoll, events, 64, 0);

	for (i = 0; i < n; i++)
		if (event_kind(&events[i]) == EVENT_CONTROL)
			control.knocked = true;
		else
			control_peer_event(&control, event_index(&events[i]),
			    events[i].events, now);
	control_step(&control, now);
	control_resume(&control, now);
}

static int
connect_one(void)
{
	struct sockaddr_un address;
	socklen_t length = sizeof(address);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_int_equal(getsockname(control.fd, (struct sockaddr *)&address,
			     &length),
	    0);
	assert_int_equal(
	    connect(fd, (struct sockaddr *)&address, length), 0);
	return fd;
}

static void
say(int fd, const char *text)
{
	assert_int_equal(
	    send(fd, text, strlen(text), MSG_NOSIGNAL), strlen(text));
}

static int
ask(const char *request)
{
	int fd = connect_one();

	say(fd, request);
	turn();
	return fd;
}

/* All that came, in a static buffer; "" with the end of stream, NULL: nothing. */
static const char *
heard(int fd)
{
	static char text[16384];
	size_t length = 0;
	ssize_t n;

	while ((n = recv(fd, text + length, sizeof(text) - 1 - length,
		    MSG_DONTWAIT)) > 0)
		length += (size_t)n;
	/* ECONNRESET: the other end had not read all. */
	if (n == -1 && errno == EAGAIN)
		return NULL;
	text[length] = '\0';
	return text;
}

static void
is_answered(int fd, const char *start)
{
	const char *text = heard(fd);

	assert_non_null(text);
	if (strncmp(text, start, strlen(start)) != 0)
		fail_msg("'%s' and not '%s'", text, start);
	close(fd);
}

static void
is_refused(int fd, enum control_status status, const char *why)
{
	char text[200];

	snprintf(text, sizeof(text), "%d 0 %zu\nforkgreetd: %s\n", status,
	    strlen("forkgreetd: \n") + strlen(why), why);
	assert_string_equal(heard(fd), text);
	close(fd);
}

static unsigned
places(enum control_state state)
{
	unsigned i, n = 0;

	for (i = 0; i < CONTROL_PEERS_MAX; i++)
		n += control.peers[i].state == state;
	return n;
}

static void
a_request_is_answered_once(void **state)
{
	const char *text;
	size_t out, err;
	unsigned status;
	int fd, header;

	(void)state;
	fd = ask("status json\nstatus\n");
	text = heard(fd);
	assert_non_null(text);
	assert_int_equal(
	    sscanf(text, "%u %zu %zu\n%n", &status, &out, &err, &header), 3);
	assert_int_equal(status, CONTROL_OK);
	assert_int_equal(err, 0);
	assert_int_equal(strlen(text), (size_t)header + out);
	assert_int_equal(text[header], '{');
	assert_int_equal(places(CONTROL_FREE), CONTROL_PEERS_MAX);
	close(fd);
}

static void
a_request_may_come_in_pieces(void **state)
{
	int fd = connect_one();

	(void)state;
	turn();
	say(fd, "sta");
	turn();
	assert_null(heard(fd));
	say(fd, "tus\n");
	turn();
	is_answered(fd, "0 ");
}

static void
a_request_that_is_none_is_refused(void **state)
{
	char endless[CONTROL_REQUEST_MAX + 1];

	(void)state;
	is_refused(ask("\n"), CONTROL_USAGE,
	    "control: unknown request, expected one of status clients top "
	    "metrics reload upgrade log-level ready drain maintenance");
	memset(endless, 'x', CONTROL_REQUEST_MAX);
	endless[CONTROL_REQUEST_MAX] = '\0';
	is_refused(ask(endless), CONTROL_USAGE, "control: request too long");
	endless[CONTROL_REQUEST_MAX - 1] = '\0';
	close(ask(endless)); /* a newline could come */
	assert_int_equal(places(CONTROL_READING), 1);
	turn();
	assert_int_equal(places(CONTROL_FREE), CONTROL_PEERS_MAX);
}

static void
a_stranger_is_denied(void **state)
{
	(void)state;
	is_stranger = true;
	is_refused(ask(""), CONTROL_DENIED,
	    "control: not allowed: root may, and the user that the daemon "
	    "runs as");
	is_refused(ask("status\n"), CONTROL_DENIED,
	    "control: not allowed: root may, and the user that the daemon "
	    "runs as");
	assert_int_equal(logged_count("control"), 1); /* one line a second */
	is_stranger = false;
	is_answered(ask("status\n"), "0 ");
}

static void
who_says_nothing_is_not_waited_for(void **state)
{
	int fd = ask("statu");

	(void)state;
	assert_int_equal(
	    control_wakeup(&control), now + CONTROL_SECONDS * CLOCK_SECOND);
	now = control_wakeup(&control) - 1;
	turn();
	assert_int_equal(places(CONTROL_READING), 1);
	now++;
	turn();
	assert_string_equal(heard(fd), "");
	assert_int_equal(control_wakeup(&control), CLOCK_NEVER);
	close(fd);
}

/* Nor who does not take the answer. */
static void
who_hears_nothing_is_not_waited_for(void **state)
{
	struct report *report = calloc(1, sizeof(*report));
	int fd = ask("reload\n"), i, bytes = 1;

	(void)state;
	assert_non_null(report);
	for (i = 0; i < REPORT_LINES_MAX; i++)
		report_error(report, "%0*d", REPORT_LINE_MAX - 1, i);
	assert_int_equal(places(CONTROL_WAITING), 1);
	setsockopt(control.peers[0].fd, SOL_SOCKET, SO_SNDBUF, &bytes,
	    sizeof(bytes));
	control_reload_begun(&control);
	control_reloaded(&control, CONTROL_CONFIG, report, now);
	assert_int_equal(places(CONTROL_SENDING), 1);
	turn();
	assert_int_equal(places(CONTROL_SENDING), 1);
	assert_int_equal(
	    control_wakeup(&control), now + CONTROL_SECONDS * CLOCK_SECOND);
	now = control_wakeup(&control);
	turn();
	assert_int_equal(places(CONTROL_FREE), CONTROL_PEERS_MAX);
	close(fd);
	free(report);
}

/* As long as it takes some of it, it gets all. */
static void
an_answer_goes_on_when_there_is_room(void **state)
{
	struct report *report = calloc(1, sizeof(*report));
	int fd = ask("reload\n"), i, bytes = 1;
	size_t length = 0;
	static char part[1024];
	ssize_t n;

	(void)state;
	assert_non_null(report);
	for (i = 0; i < REPORT_LINES_MAX; i++)
		report_error(report, "%0*d", REPORT_LINE_MAX - 1, i);
	setsockopt(control.peers[0].fd, SOL_SOCKET, SO_SNDBUF, &bytes,
	    sizeof(bytes));
	control_reload_begun(&control);
	control_reloaded(&control, CONTROL_CONFIG, report, now);
	for (i = 0; i < 100; i++) {
		n = recv(fd, part, sizeof(part), MSG_DONTWAIT);
		if (n == 0)
			break;
		if (n > 0)
			length += (size_t)n;
		turn();
	}
	assert_true(length > REPORT_LINES_MAX * (REPORT_LINE_MAX - 1));
	assert_int_equal(places(CONTROL_FREE), CONTROL_PEERS_MAX);
	close(fd);
	free(report);
}

static void
the_oldest_silent_one_makes_room(void **state)
{
	int fds[CONTROL_PEERS_MAX + 1], i;

	(void)state;
	/* The first is no silent one. */
	fds[0] = ask("reload\n");
	for (i = 1; i < CONTROL_PEERS_MAX; i++) {
		now++;
		fds[i] = ask("");
	}
	assert_int_equal(places(CONTROL_READING), CONTROL_PEERS_MAX - 1);
	now++;
	fds[i] = ask("status\n");
	is_answered(fds[i], "0 ");
	assert_null(heard(fds[0]));
	assert_string_equal(heard(fds[1]), "");
	assert_null(heard(fds[2]));
	for (i = 0; i < CONTROL_PEERS_MAX; i++)
		close(fds[i]);
}

/* So many wait for a reload that status is still answered. */
static void
reloads_leave_room_for_others(void **state)
{
	int fds[CONTROL_WAITING_MAX], i;

	(void)state;
	for (i = 0; i < CONTROL_WAITING_MAX; i++)
		fds[i] = ask("reload\n");
	assert_int_equal(places(CONTROL_WAITING), CONTROL_WAITING_MAX);
	is_refused(ask("reload\n"), CONTROL_REFUSED,
	    "reload: too many requests are waiting for one");
	is_answered(ask("status\n"), "0 ");
	close(fds[0]); /* it is not waited for any more */
	turn();
	fds[0] = ask("reload\n");
	assert_null(heard(fds[0]));
	for (i = 0; i < CONTROL_WAITING_MAX; i++)
		close(fds[i]);
}

/* A member of control_group looks, and changes nothing. */
static void
a_member_only_looks(void **state)
{
	static const char *const no[] = { "reload\n", "drain\n", "ready\n",
		"maintenance\n", "log-level level=debug\n" };
	int level = log_level();
	size_t i;

	(void)state;
	is_stranger = true;
	is_refused(ask("status\n"), CONTROL_DENIED,
	    "control: not allowed: root may, and the user that the daemon runs "
	    "as");
	group = (struct control_group) { true, getegid() };
	is_answered(ask("status\n"), "0 ");
	is_answered(ask("live\n"), "0 ");
	for (i = 0; i < sizeof(no) / sizeof(no[0]); i++)
		is_refused(ask(no[i]), CONTROL_DENIED,
		    "control: this verb is not for members of control_group, "
		    "root may, and the user that the daemon runs as");
	assert_false(control.reload_wanted);
	assert_int_equal(log_level(), level);
	group.gid = getegid() + 1;
	is_refused(ask("status\n"), CONTROL_DENIED,
	    "control: not allowed: root may, and the user that the daemon runs "
	    "as");
}

/* However many they are, the others have room. */
static void
members_have_some_of_the_places(void **state)
{
	int fds[CONTROL_LOOKERS_MAX + 1], i;

	(void)state;
	group = (struct control_group) { true, getegid() };
	is_stranger = true;
	for (i = 0; i < CONTROL_LOOKERS_MAX; i++) {
		now++;
		fds[i] = ask("");
	}
	assert_int_equal(places(CONTROL_READING), CONTROL_LOOKERS_MAX);
	now++;
	fds[i] = ask("");
	assert_int_equal(places(CONTROL_READING), CONTROL_LOOKERS_MAX);
	assert_string_equal(heard(fds[0]), "");
	assert_null(heard(fds[1]));
	assert_null(heard(fds[i]));
	for (i = 0; i <= CONTROL_LOOKERS_MAX; i++)
		close(fds[i]);
}

static void
add_clients(unsigned n)
{
	struct client *client;
	uint32_t slot;

	for (; n > 0; n--) {
		slot = clients_add(&service.clients);
		assert_int_not_equal(slot, CLIENT_NONE);
		client = &service.clients.slots[slot];
		addr_parse(&client->peer, n % 2 == 0 ? "192.0.2.1" : "2001:db8::1");
		client->accepted = now;
		clients_move(&service.clients, slot, CLIENT_WAITING);
	}
}

/* What the pieces in text hold; *rest is what came of the next one. */
static unsigned
count_rows(const char *text, bool *ended)
{
	const char *at = text;
	unsigned rows = 0;
	char *piece;
	size_t length;

	assert_memory_equal(at, CONTROL_PIECES, strlen(CONTROL_PIECES));
	at += strlen(CONTROL_PIECES);
	for (*ended = false; *at != '\0' && !*ended; at = piece + 1 + length) {
		length = strtoul(at, &piece, 10);
		assert_int_equal(*piece, '\n');
		*ended = length == 0;
		for (size_t i = 0; i < length; i++)
			rows += piece[1 + i] == '\n';
	}
	return rows;
}

/* As many turns as it takes, one piece each, and others are heard meanwhile. */
static void
a_long_list_is_made_in_pieces(void **state)
{
	static char text[4 << 20];
	unsigned n = 15000, turns = 0;
	size_t have = 0;
	bool ended = false;
	ssize_t got;
	int fd;

	(void)state;
	add_clients(n);
	fd = ask("clients\n");
	add_clients(100); /* they are not in it */
	for (; places(CONTROL_SENDING) > 0; turns++) {
		turn();
		if (turns % 10 == 0)
			is_answered(ask("status\n"), "0 ");
		while ((got = recv(fd, text + have, sizeof(text) - 1 - have,
			    MSG_DONTWAIT)) > 0)
			have += (size_t)got;
		assert_true(turns < n);
	}
	text[have] = '\0';
	assert_int_equal(count_rows(text, &ended), n);
	assert_true(ended);
	assert_true(turns > n / CLIENT_ROWS_PIECE / 2);
	close(fd);
}

/* How many of them have got something since the last time, and how many bytes it
 * is. */
static unsigned
served(const int *fds, unsigned n_fds, size_t *bytes)
{
	static char text[65536];
	unsigned i, n = 0;
	ssize_t got;

	*bytes = 0;
	for (i = 0; i < n_fds; i++) {
		got = recv(fds[i], text, sizeof(text), MSG_DONTWAIT);
		n += got > 0;
		*bytes += got > 0 ? (size_t)got : 0;
	}
	return n;
}

/* However many read as fast as they can, each gets its share. */
static void
a_turn_makes_one_piece(void **state)
{
	int fds[CONTROL_PEERS_MAX];
	unsigned i, got[CONTROL_PEERS_MAX] = { 0 };
	size_t bytes;

	(void)state;
	add_clients(15000);
	for (i = 0; i < CONTROL_PEERS_MAX; i++)
		fds[i] = ask("clients json\n");
	for (i = 0; i < 20 * CONTROL_PEERS_MAX; i++)
		turn(); /* until nothing more fits */
	assert_int_equal(served(fds, CONTROL_PEERS_MAX, &bytes),
	    CONTROL_PEERS_MAX);
	for (i = 0; i < 10 * CONTROL_PEERS_MAX; i++) {
		turn();
		for (unsigned j = 0; j < CONTROL_PEERS_MAX; j++)
			got[j] += served(&fds[j], 1, &bytes);
	}
	for (i = 0; i < CONTROL_PEERS_MAX; i++)
		assert_in_range(got[i], 9, 11);
	for (i = 0; i < CONTROL_PEERS_MAX; i++)
		close(fds[i]);
}

/* It is not its fault that the others come first. */
static void
who_waits_for_the_next_piece_is_not_sent_away(void **state)
{
	int fds[CONTROL_PEERS_MAX], other;
	unsigned i;
	size_t bytes;

	(void)state;
	add_clients(15000);
	for (i = 0; i < CONTROL_PEERS_MAX; i++)
		fds[i] = ask("clients json\n");
	for (i = 0; i < 20 * CONTROL_PEERS_MAX; i++)
		turn();
	served(fds, CONTROL_PEERS_MAX, &bytes);
	other = connect_one();
	now += CONTROL_STALL_MS * CLOCK_MS;
	turn();
	turn();
	assert_int_equal(places(CONTROL_SENDING), CONTROL_PEERS_MAX);
	for (i = 0; i < CONTROL_PEERS_MAX; i++)
		close(fds[i]);
	close(other);
}

/* Those who have asked at the same moment have their answers one after another,
 * the short ones together, and nobody has to speak again. */
static void
a_turn_makes_one_long_answer(void **state)
{
	int fds[CONTROL_PEERS_MAX];
	unsigned i;
	size_t bytes;

	(void)state;
	for (i = 0; i < CONTROL_PEERS_MAX; i++)
		fds[i] = ask("");
	for (i = 0; i < CONTROL_PEERS_MAX; i++)
		say(fds[i], i < 12 ? "metrics\n" : "live\n");
	turn();
	assert_int_equal(served(fds, 12, &bytes), 1);
	assert_true(bytes > CONTROL_TURN_BYTES);
	assert_int_equal(places(CONTROL_ASKED), CONTROL_PEERS_MAX - 1);
	assert_true(control_wakeup(&control) <= now);
	for (i = 1; i < 12; i++) {
		assert_int_equal(served(fds, CONTROL_PEERS_MAX, &bytes), 0);
		turn();
		assert_int_equal(served(fds, 12, &bytes), 1);
	}
	turn();
	assert_int_equal(served(fds + 12, CONTROL_PEERS_MAX - 12, &bytes),
	    CONTROL_PEERS_MAX - 12);
	assert_int_equal(places(CONTROL_FREE), CONTROL_PEERS_MAX);
	assert_int_equal(control_wakeup(&control), CLOCK_NEVER);
	for (i = 0; i < CONTROL_PEERS_MAX; i++)
		close(fds[i]);
}

/* Who has asked keeps the place until the answer. */
static void
who_has_asked_is_not_sent_away(void **state)
{
	int fds[CONTROL_LOOKERS_MAX + 1], i;

	(void)state;
	group = (struct control_group) { true, getegid() };
	is_stranger = true;
	for (i = 0; i < CONTROL_LOOKERS_MAX; i++)
		fds[i] = ask("");
	for (i = 0; i < CONTROL_LOOKERS_MAX; i++)
		say(fds[i], "metrics\n");
	turn();
	fds[i] = connect_one();
	turn();
	turn();
	for (i = 0; i < CONTROL_LOOKERS_MAX; i++) {
		turn();
		is_answered(fds[i], "0 ");
	}
	close(fds[i]);
}

/* It loses its place only to others, who are heard at once. */
static void
who_takes_nothing_makes_room(void **state)
{
	int fds[CONTROL_PEERS_MAX], other, i, j;

	(void)state;
	add_clients(15000);
	for (i = 0; i < CONTROL_PEERS_MAX; i++) {
		now++;
		fds[i] = ask("clients\n");
		for (j = 0; j < 100; j++)
			turn();
	}
	assert_int_equal(places(CONTROL_SENDING), CONTROL_PEERS_MAX);
	other = ask("status\n");
	assert_null(heard(other));
	assert_in_range(control_wakeup(&control), now,
	    now + CONTROL_STALL_MS * CLOCK_MS);
	now += CONTROL_STALL_MS * CLOCK_MS;
	turn();
	turn();
	is_answered(other, "0 ");
	assert_int_equal(places(CONTROL_SENDING), CONTROL_PEERS_MAX - 1);
	for (i = 0; i < CONTROL_PEERS_MAX; i++)
		close(fds[i]);
}

/* One that always takes a little in time has not for ever. */
static void
an_answer_has_an_end(void **state)
{
	int64_t begin = now;
	char some[16384];
	int fd;

	(void)state;
	add_clients(30000);
	fd = ask("clients\n");
	while (places(CONTROL_SENDING) > 0) {
		turn();
		assert_true(recv(fd, some, sizeof(some), MSG_DONTWAIT) > 0);
		now += 400 * CLOCK_MS;
	}
	assert_in_range(now - begin, CONTROL_ANSWER_SECONDS * CLOCK_SECOND,
	    (CONTROL_ANSWER_SECONDS + 1) * CLOCK_SECOND);
	close(fd);
}

static void
a_turn_accepts_some_and_leaves_the_rest(void **state)
{
	int fds[6], i;

	(void)state;
	for (i = 0; i < 6; i++)
		fds[i] = connect_one();
	turn();
	assert_int_equal(places(CONTROL_READING), 4);
	turn();
	assert_int_equal(places(CONTROL_READING), 6);
	for (i = 0; i < 6; i++)
		close(fds[i]);
}

static void
a_lack_of_descriptors_is_waited_for(void **state)
{
	int fd;

	(void)state;
	accept_error = EMFILE;
	fd = ask("status\n");
	assert_int_equal(control_wakeup(&control), now + CLOCK_SECOND);
	assert_false(control.watched);
	turn();
	assert_null(heard(fd));
	now += CLOCK_SECOND;
	turn(); /* polled again */
	turn();
	is_answered(fd, "0 ");
	assert_int_equal(control_wakeup(&control), CLOCK_NEVER);
	accept_error = ECONNABORTED; /* somebody went: no reason */
	fd = ask("status\n");
	turn();
	is_answered(fd, "0 ");
}

static void
nobody_is_accepted_before_the_daemon_serves(void **state)
{
	int fd;

	(void)state;
	teardown_control(state);
	is_closed = true;
	assert_int_equal(setup_control(state), 0);
	is_closed = false;
	fd = ask("status\n");
	assert_null(heard(fd));
	control.is_open = true;
	turn();
	turn();
	is_answered(fd, "0 ");
}

/* -------------------------------------------------------------------- reloads */

static void
a_reload_is_answered_by_its_end(void **state)
{
	struct report report = { 0 };
	int fd = ask("reload\n");

	(void)state;
	assert_true(control.reload_wanted);
	assert_ptr_equal(strstr(logged_last("control"), "control verb=reload "),
	    logged_last("control"));
	assert_int_equal(control_wakeup(&control), CLOCK_NEVER);
	control_reload_begun(&control);
	assert_false(control.reload_wanted);
	assert_null(heard(fd));
	report_error(&report, "x:1: y");
	control_reloaded(&control, CONTROL_CONFIG, &report, now);
	is_answered(fd, "78 0 19\nforkgreetd: x:1: y\n");
}

/* The reload that runs has read its file already: whoever asks now wants
 * another one. */
static void
a_reload_that_runs_is_not_taken_for_the_one_that_is_wanted(void **state)
{
	struct report report = { 0 };
	int before = ask("reload\n"), during, after;

	(void)state;
	control_reload_begun(&control);
	during = ask("reload\n");
	after = ask("reload json\n");
	assert_true(control.reload_wanted);
	control_reloaded(&control, CONTROL_OK, &report, now);
	is_answered(before, "0 0 0\n");
	assert_null(heard(during));
	assert_null(heard(after));
	assert_true(control.reload_wanted);
	control_reload_begun(&control);
	last.added = 2;
	last.removed = 1;
	report_warning(&report, "w \"1\"");
	control_reloaded(&control, CONTROL_OK, &report, now);
	is_answered(during, "0 0 18\nforkgreetd: w \"1\"\n");
	is_answered(after, "0 99 18\n{\"result\": \"ok\", \"generation\": 7, "
			   "\"added\": 2, \"removed\": 1, \"errors\": [], "
			   "\"warnings\": [\"w \\\"1\\\"\"]}\n");
}

static void
who_waits_for_a_reload_that_will_not_be_is_told(void **state)
{
	int fds[2];

	(void)state;
	fds[0] = ask("reload\n");
	control_reload_begun(&control);
	fds[1] = ask("reload\n");
	control_cancelled(&control, "why", now);
	is_refused(fds[0], CONTROL_REFUSED, "why");
	is_refused(fds[1], CONTROL_REFUSED, "why");
}

static void
a_daemon_that_stops_reloads_no_more(void **state)
{
	int fd = ask("reload\n");

	(void)state;
	control_stop(&control, "stopping", now);
	assert_false(control.reload_wanted);
	is_refused(fd, CONTROL_REFUSED, "stopping");
	is_refused(ask("reload\n"), CONTROL_REFUSED, "stopping");
	assert_false(control.reload_wanted);
	is_answered(ask("status\n"), "0 ");
}

/* ------------------------------------------------------------------ upgrades */

static void
an_upgrade_is_answered_by_its_end(void **state)
{
	struct report report = { 0 };
	int reload = ask("reload\n"), first = ask("upgrade json\n"), second;

	(void)state;
	assert_true(control.upgrade_wanted);
	assert_non_null(strstr(logged_last("control"), "verb=upgrade "));
	control_upgrade_begun(&control);
	assert_false(control.upgrade_wanted);
	second = ask("upgrade\n");
	assert_true(control.upgrade_wanted);
	report_failure(&report, EXIT_SYSTEM, "upgrade: y");
	control_upgraded(&control, CONTROL_REFUSED, &report, NULL, now);
	is_answered(first, "1 114 23\n{\"result\": \"failed\", \"version\": "
			   "\"" PACKAGE_VERSION "\", \"generation\": 7, "
			   "\"clients\": 0, \"errors\": [\"upgrade: y\"], "
			   "\"warnings\": []}\nforkgreetd: upgrade: y\n");
	assert_null(heard(second));
	assert_null(heard(reload));
	control_upgrade_begun(&control);
	report = (struct report) { 0 };
	control_upgraded(&control, CONTROL_OK, &report, "0.9", now);
	is_answered(second, "0 29 0\nforkgreetd " PACKAGE_VERSION
			    ", it was 0.9\n");
	assert_null(heard(reload));
	assert_int_equal(places(CONTROL_WAITING), 1);
	control_reload_begun(&control);
	control_reloaded(&control, CONTROL_OK, &report, now);
	is_answered(reload, "0 0 0\n");
}

static void
a_daemon_that_stops_upgrades_no_more(void **state)
{
	int fd = ask("upgrade\n");

	(void)state;
	control_stop(&control, "stopping", now);
	assert_false(control.upgrade_wanted);
	is_refused(fd, CONTROL_REFUSED, "stopping");
	is_refused(ask("upgrade\n"), CONTROL_REFUSED, "stopping");
}

/* As an exec would, but that the descriptors have been closed by it. */
static void
go_over(void)
{
	static const struct control none = { .epoll = -1 };
	struct pack pack = { 0 };
	struct unpack unpack;
	int listening = control.fd, fd;

	peers_pack(&pack, &control);
	fd = pack_seal(&pack);
	assert_int_not_equal(fd, -1);
	assert_null(unpack_open(&unpack, fd));
	pack_free(&pack);
	control = none;
	close(epoll);
	epoll = epoll_create1(EPOLL_CLOEXEC);
	assert_int_equal(control_init(&control, epoll, listening, &group,
			     &overview, NULL),
	    0);
	control.is_open = true;
	peers_unpack(&unpack, &control);
	unpack_close(&unpack);
	control_resume(&control, now);
}

static void
who_waits_goes_over(void **state)
{
	struct report report = { 0 };
	int half = ask("sta"), upgrade = ask("upgrade\n"), reload, late;

	(void)state;
	control_upgrade_begun(&control);
	late = ask("upgrade\n");
	reload = ask("reload\n");
	go_over();
	assert_true(control.upgrade_wanted);
	assert_true(control.reload_wanted);
	assert_int_equal(places(CONTROL_WAITING), 3);
	control_upgraded(&control, CONTROL_OK, &report, "0.9", now);
	is_answered(upgrade, "0 29 0\n");
	assert_null(heard(late));
	say(half, "tus\n");
	turn();
	is_answered(half, "0 ");
	control_reload_begun(&control);
	control_reloaded(&control, CONTROL_OK, &report, now);
	is_answered(reload, "0 0 0\n");
	control_upgrade_begun(&control);
	control_upgraded(&control, CONTROL_OK, &report, "0.9", now);
	is_answered(late, "0 29 0\n");
}

/* It has said all that it will say. */
static void
who_has_asked_goes_over(void **state)
{
	int fds[2], i;

	(void)state;
	for (i = 0; i < 2; i++)
		fds[i] = ask("");
	for (i = 0; i < 2; i++)
		say(fds[i], "metrics\n");
	turn();
	is_answered(fds[0], "0 ");
	assert_int_equal(places(CONTROL_ASKED), 1);
	go_over();
	turn();
	is_answered(fds[1], "0 ");
}

/* It is not waited for for ever there either, and its end is noticed. */
static void
who_goes_over_may_go_away(void **state)
{
	int half = ask("sta"), waiting = ask("upgrade\n");

	(void)state;
	go_over();
	close(waiting);
	turn();
	assert_int_equal(places(CONTROL_WAITING), 0);
	assert_int_not_equal(control_wakeup(&control), CLOCK_NEVER);
	now = control_wakeup(&control);
	turn();
	assert_string_equal(heard(half), "");
	assert_int_equal(places(CONTROL_FREE), CONTROL_PEERS_MAX);
	close(half);
}

#define TEST(name)                                                            \
	cmocka_unit_test_setup_teardown(name, setup_control, teardown_control)

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(a_request_is_answered_once),
		TEST(a_request_may_come_in_pieces),
		TEST(a_request_that_is_none_is_refused),
		TEST(a_stranger_is_denied),
		TEST(who_says_nothing_is_not_waited_for),
		TEST(who_hears_nothing_is_not_waited_for),
		TEST(an_answer_goes_on_when_there_is_room),
		TEST(the_oldest_silent_one_makes_room),
		TEST(reloads_leave_room_for_others),
		TEST(a_member_only_looks),
		TEST(members_have_some_of_the_places),
		TEST(a_long_list_is_made_in_pieces),
		TEST(a_turn_makes_one_piece),
		TEST(who_waits_for_the_next_piece_is_not_sent_away),
		TEST(a_turn_makes_one_long_answer),
		TEST(who_has_asked_is_not_sent_away),
		TEST(who_takes_nothing_makes_room),
		TEST(an_answer_has_an_end),
		TEST(a_turn_accepts_some_and_leaves_the_rest),
		TEST(a_lack_of_descriptors_is_waited_for),
		TEST(nobody_is_accepted_before_the_daemon_serves),
		TEST(a_reload_is_answered_by_its_end),
		TEST(a_reload_that_runs_is_not_taken_for_the_one_that_is_wanted),
		TEST(who_waits_for_a_reload_that_will_not_be_is_told),
		TEST(a_daemon_that_stops_reloads_no_more),
		TEST(an_upgrade_is_answered_by_its_end),
		TEST(a_daemon_that_stops_upgrades_no_more),
		TEST(who_waits_goes_over),
		TEST(who_has_asked_goes_over),
		TEST(who_goes_over_may_go_away),
	};

	return cmocka_run_group_tests(tests, confs_setup, confs_teardown);
}
