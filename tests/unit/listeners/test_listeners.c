/* The listening sockets: kept, bound and closed by difference. */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "master/listeners/listeners.h"
#include "unit/confs.h"

static const struct listeners nothing;

/* Listeners on an address of this process' own, with these keys; b may be
 * NULL. */
static struct conf *
conf_of(const char *a, const char *b)
{
	static char text[2000];
	char address[48];
	unsigned pid = (unsigned)getpid();

	snprintf(address, sizeof(address), "address = ( \"127.%u.%u.%u\"",
	    100 + (pid >> 16) % 100, pid >> 8 & 0xff, 1 + pid % 0xff);
	snprintf(text, sizeof(text), "listeners = ( { %s%s }%s%s%s%s );\n",
	    address, a, b == NULL ? "" : ", { ", b == NULL ? "" : address,
	    b == NULL ? "" : b, b == NULL ? "" : " }");
	return confs_must_load(text);
}

static void
must_bind(struct listeners *fresh, const struct listeners *running,
    const struct conf *conf)
{
	struct report report = { 0 };

	if (listeners_bind(fresh, running, conf, "x", &report) == -1)
		fail_msg("%s", report.lines[0].text);
	if (listeners_listen(fresh, &report) == -1)
		fail_msg("%s", report.lines[0].text);
}

static void
what_stays_is_taken_over(void **state)
{
	struct conf *before = conf_of(" ); port = 7001;",
	    " ); port = 7002;");
	struct conf *after = conf_of(" ); port = 7003;",
	    " ); port = 7001; backlog = 9; name = \"new\";");
	struct listeners running, fresh;
	unsigned fds = confs_count_fds();

	(void)state;
	must_bind(&running, &nothing, before);
	assert_int_equal(running.n, 2);
	assert_int_equal(confs_count_fds(), fds + 2);
	running.list[0].muted = true;
	must_bind(&fresh, &running, after);
	assert_int_equal(confs_count_fds(), fds + 3);
	assert_int_equal(fresh.list[1].fd, running.list[0].fd);
	assert_true(fresh.list[1].inherited && !fresh.list[0].inherited);
	assert_true(fresh.list[1].muted);
	assert_int_equal(fresh.list[1].backlog, 9);
	assert_int_equal(fresh.list[1].group, 1);
	assert_string_equal(fresh.list[1].name, "new");
	assert_int_equal(listeners_difference(&fresh, &running), 1);
	assert_int_equal(listeners_difference(&running, &fresh), 1);
	assert_int_equal(listeners_difference(&running, &nothing), 2);
	listeners_close(&running, &fresh);
	assert_int_equal(confs_count_fds(), fds + 2);
	assert_int_equal(running.n, 0);
	listeners_close(&fresh, NULL);
	assert_int_equal(confs_count_fds(), fds);
	free(before);
	free(after);
}

/* All that was opened for it is closed again, and nothing of the running
 * ones. */
static void
what_fails_leaves_no_trace(void **state)
{
	struct conf *before = conf_of(" ); port = 7001;", NULL);
	struct conf *taken = conf_of(" ); port = 7002;", NULL);
	struct conf *after = conf_of(" ); port = 7003;",
	    " ); port = 7002;");
	struct listeners running, other, fresh;
	struct report report = { 0 };
	unsigned fds;

	(void)state;
	must_bind(&running, &nothing, before);
	must_bind(&other, &nothing, taken);
	fds = confs_count_fds();
	assert_int_equal(
	    listeners_bind(&fresh, &running, after, "x", &report), -1);
	assert_int_equal(report.errors, 1);
	assert_non_null(strstr(report.lines[0].text,
	    ":7002: Address already in use (by another program, or"));
	assert_int_equal(fresh.n, 0);
	assert_int_equal(confs_count_fds(), fds);
	memset(&report, 0, sizeof(report));
	assert_int_equal(
	    listeners_bind(&fresh, &nothing, taken, "x", &report), -1);
	assert_non_null(strstr(report.lines[0].text,
	    "Address already in use (by another program: see 'ss -ltnp')"));
	listeners_close(&running, NULL);
	listeners_close(&other, NULL);
	free(before);
	free(taken);
	free(after);
}

/* Whoever has a copy of it, as a child has that was just forked. */
static void
what_is_closed_listens_no_more(void **state)
{
	struct conf *conf = conf_of(" ); port = 7001;", NULL);
	struct listeners none = { NULL, 0 }, running;
	struct sockaddr_storage address;
	socklen_t length = sizeof(address);
	int copy, fd = socket(AF_INET, SOCK_STREAM, 0);

	(void)state;
	must_bind(&running, &none, conf);
	copy = dup(running.list[0].fd);
	assert_int_equal(
	    getsockname(copy, (struct sockaddr *)&address, &length), 0);
	listeners_close(&running, NULL);
	assert_int_equal(
	    connect(fd, (struct sockaddr *)&address, length), -1);
	assert_int_equal(errno, ECONNREFUSED);
	close(fd);
	close(copy);
	free(conf);
}

static void
an_optional_address_may_be_absent(void **state)
{
	struct conf *one = conf_of(", \"192.0.2.1\" ); "
				   "port = 7001; optional = true; "
				   "name = \"a\";", NULL);
	struct conf *none = confs_must_load(
	    "listeners = ( { address = \"192.0.2.1\"; optional = true; } );");
	struct listeners running, fresh;
	struct report report = { 0 };

	(void)state;
	assert_int_equal(
	    listeners_bind(&running, &nothing, one, "x", &report), 0);
	assert_int_equal(report.warnings, 1);
	assert_int_equal(running.list[1].fd, -1);
	assert_int_equal(listeners_listen(&running, &report), 0);
	assert_true(running.list[0].listening && !running.list[1].listening);
	assert_int_equal(listeners_difference(&running, &nothing), 1);
	assert_false(listeners_have(&running, 0x7fffffff));
	assert_false(listeners_have(NULL, running.list[0].fd));
	/* But one of them must be there. */
	memset(&report, 0, sizeof(report));
	assert_int_equal(
	    listeners_bind(&fresh, &nothing, none, "x", &report), -1);
	assert_int_equal(report.errors, 1);
	assert_non_null(
	    strstr(report.lines[1].text, "no address could be bound"));
	listeners_close(&running, NULL);
	free(one);
	free(none);
}

static void
an_address_that_is_absent_is_an_error(void **state)
{
	struct conf *conf = confs_must_load(
	    "listeners = ( { address = \"192.0.2.1\"; } );");
	struct report report = { 0 };
	struct listeners fresh;

	(void)state;
	assert_int_equal(
	    listeners_bind(&fresh, &nothing, conf, "x", &report), -1);
	assert_int_equal(report.errors, 1);
	assert_non_null(strstr(report.lines[0].text,
	    "x:1: bind 192.0.2.1:4444: Cannot assign requested address "
	    "(this machine does not have it; 'optional = true' would skip "
	    "it)"));
	free(conf);
}

/* An IPv6 socket that takes IPv4 too is not the one that does not. */
static void
v6only_makes_another_socket(void **state)
{
	struct conf *only = confs_must_load("listeners = ( { address = "
					    "\"::1\"; port = 7009; } );");
	struct conf *both = confs_must_load(
	    "listeners = ( { address = \"::1\"; port = 7009; v6only = false; "
	    "} );");
	struct listeners running, fresh;
	struct report report = { 0 };

	(void)state;
	if (listeners_bind(&running, &nothing, only, "x", &report) == -1) {
		print_message("# no IPv6 here: %s\n", report.lines[0].text);
		skip();
	}
	assert_int_equal(listeners_listen(&running, &report), 0);
	assert_int_equal(
	    listeners_bind(&fresh, &running, both, "x", &report), -1);
	assert_non_null(strstr(report.lines[0].text, "needs a restart"));
	listeners_close(&running, NULL);
	free(only);
	free(both);
}

/* Listeners at unix:DIRECTORY/NAME, with these keys; b may be NULL. */
static struct conf *
unix_conf_of(const char *a, const char *b)
{
	static char text[2000];
	const char *path = confs_path("a");

	snprintf(text, sizeof(text),
	    "listeners = ( { name = \"a\"; address = \"unix:%s\"; %s }%s%s%s );\n",
	    path, a, b == NULL ? "" : ", { name = \"b\"; address = \"unix:",
	    b == NULL ? "" : b, b == NULL ? "" : "\"; }");
	return confs_must_load(text);
}

static bool
exists(const char *name)
{
	return access(confs_path(name), F_OK) == 0;
}

static void
a_file_stays_with_its_socket(void **state)
{
	struct conf *before = unix_conf_of("", confs_path("b"));
	struct conf *after = unix_conf_of("backlog = 9;", NULL);
	struct listeners running, fresh;
	unsigned fds = confs_count_fds();
	struct stat a, again;

	(void)state;
	must_bind(&running, &nothing, before);
	listeners_settle(&running);
	assert_int_equal(stat(confs_path("a"), &a), 0);
	assert_int_equal(running.list[0].inode, a.st_ino);
	must_bind(&fresh, &running, after);
	assert_int_equal(fresh.list[0].fd, running.list[0].fd);
	assert_int_equal(fresh.list[0].inode, a.st_ino);
	assert_string_equal(fresh.list[0].bound_path, confs_path("a"));
	listeners_settle(&fresh);
	listeners_close(&running, &fresh);
	assert_true(exists("a") && !exists("b"));
	assert_int_equal(stat(confs_path("a"), &again), 0);
	assert_int_equal(a.st_ino, again.st_ino);
	listeners_close(&fresh, NULL);
	assert_false(exists("a"));
	assert_int_equal(confs_count_fds(), fds);
	free(before);
	free(after);
}

/* Of a candidate that fails no file is left, and what runs keeps its own. */
static void
a_candidate_that_fails_leaves_no_file(void **state)
{
	struct conf *before = unix_conf_of("", NULL);
	struct conf *after = unix_conf_of("", confs_path("b"));
	struct listeners running, fresh;
	struct report report = { 0 };

	(void)state;
	must_bind(&running, &nothing, before);
	listeners_settle(&running);
	assert_int_equal(
	    listeners_bind(&fresh, &running, after, "x", &report), 0);
	assert_true(exists("b"));
	listeners_close(&fresh, &running);
	assert_true(exists("a") && !exists("b"));
	assert_int_equal(
	    listeners_bind(&fresh, &nothing, after, "x", &report), -1);
	assert_non_null(strstr(report.lines[0].text,
	    "/a: another program has it: see 'ss -lxp'"));
	assert_true(exists("a") && !exists("b"));
	listeners_close(&running, NULL);
	free(before);
	free(after);
}

/* Made again where the first one's number may come again: closing that one does
 * not remove it. */
static void
a_file_that_was_removed_is_made_again(void **state)
{
	struct conf *conf = unix_conf_of("", NULL);
	struct listeners running, fresh;
	struct report report = { 0 };

	(void)state;
	must_bind(&running, &nothing, conf);
	listeners_settle(&running);
	assert_int_equal(unlink(confs_path("a")), 0);
	assert_int_equal(
	    listeners_bind(&fresh, &running, conf, "x", &report), 0);
	assert_int_equal(report.warnings, 1);
	assert_int_not_equal(fresh.list[0].fd, running.list[0].fd);
	assert_false(fresh.list[0].inherited);
	assert_int_equal(listeners_listen(&fresh, &report), 0);
	running.list[0].inode = fresh.list[0].inode;
	running.list[0].device = fresh.list[0].device;
	listeners_settle(&fresh);
	listeners_close(&running, &fresh);
	assert_true(exists("a"));
	listeners_close(&fresh, NULL);
	assert_false(exists("a"));
	free(conf);
}

/* Whoever has found the place free before we took it, and takes it since. */
static void
who_comes_later_has_it(void **state)
{
	struct conf *conf = unix_conf_of("", NULL);
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	struct listeners fresh;
	struct report report = { 0 };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);
	struct stat st;

	(void)state;
	snprintf(address.sun_path, sizeof(address.sun_path), "%s",
	    confs_path("a"));
	assert_int_equal(
	    listeners_bind(&fresh, &nothing, conf, "x", &report), 0);
	assert_int_equal(unlink(confs_path("a")), 0);
	assert_int_equal(
	    bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	/* On some file systems it has the number of the first one. */
	assert_int_equal(stat(confs_path("a"), &st), 0);
	fresh.list[0].inode = st.st_ino + 1;
	assert_int_equal(listeners_listen(&fresh, &report), -1);
	assert_int_equal(report.cause, EXIT_ADDRESS);
	assert_non_null(strstr(report.lines[0].text,
	    "another program has replaced it meanwhile"));
	listeners_close(&fresh, NULL);
	assert_true(exists("a"));
	close(fd);
	assert_int_equal(unlink(confs_path("a")), 0);
	free(conf);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_stays_is_taken_over),
		cmocka_unit_test(what_fails_leaves_no_trace),
		cmocka_unit_test(what_is_closed_listens_no_more),
		cmocka_unit_test(an_optional_address_may_be_absent),
		cmocka_unit_test(an_address_that_is_absent_is_an_error),
		cmocka_unit_test(v6only_makes_another_socket),
		cmocka_unit_test(a_file_stays_with_its_socket),
		cmocka_unit_test(a_candidate_that_fails_leaves_no_file),
		cmocka_unit_test(a_file_that_was_removed_is_made_again),
		cmocka_unit_test(who_comes_later_has_it),
	};

	return cmocka_run_group_tests(tests, confs_setup, confs_teardown);
}
