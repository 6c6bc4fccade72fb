/* A UNIX socket's file when a call for it fails, or somebody puts something
 * else in its place: what is said, and that nothing is left behind. */
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
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "master/listeners/listener.h"
#include "master/listeners/socket_access.h"
#include "master/listeners/socket_file.h"
#include "unit/confs.h"

/* The call that fails, the how-manieth of that name, from 1 on; and what
 * happens then, before it is made, instead of the failure. */
static struct {
	const char *call;
	unsigned number;
	int error;
	void (*instead)(void);
} fault;

static bool
fails(const char *call)
{
	if (fault.call == NULL || strcmp(call, fault.call) != 0 ||
	    --fault.number > 0)
		return false;
	fault.call = NULL;
	if (fault.instead != NULL) {
		fault.instead();
		return false;
	}
	errno = fault.error;
	return true;
}

static void
fail_in(const char *call, unsigned number, int error)
{
	fault.call = call;
	fault.number = number;
	fault.error = error;
	fault.instead = NULL;
}

static void
meddle_in(const char *call, unsigned number, void (*instead)(void))
{
	fail_in(call, number, 0);
	fault.instead = instead;
}

#define CALL(name, parameters, arguments)                           \
	int __real_##name parameters;                               \
	int __wrap_##name parameters;                               \
	int __wrap_##name parameters                                \
	{                                                           \
		return fails(#name) ? -1 : __real_##name arguments; \
	}
/* A name that it has where off_t has 32 bits otherwise. */
#define CALL_64(name, parameters, arguments) \
	CALL(name, parameters, arguments)    \
	int __wrap_##name##64 parameters     \
	    __attribute__((alias("__wrap_" #name)));

CALL(socket, (int family, int type, int protocol), (family, type, protocol))
CALL(bind, (int fd, const struct sockaddr *to, socklen_t n), (fd, to, n))
CALL(connect, (int fd, const struct sockaddr *to, socklen_t n), (fd, to, n))
CALL(chmod, (const char *path, mode_t mode), (path, mode))
CALL(unlink, (const char *path), (path))
CALL(fchownat, (int fd, const char *path, uid_t uid, gid_t gid, int flags),
    (fd, path, uid, gid, flags))
CALL_64(lstat, (const char *path, struct stat *st), (path, st))
CALL_64(fstat, (int fd, struct stat *st), (fd, st))
CALL_64(open, (const char *path, int flags, mode_t mode), (path, flags, mode))

static struct listener
new_listener(void)
{
	struct listener listener = { .fd = -1,
		.access = { 0640, SOCKET_ANY, SOCKET_ANY } };

	snprintf(listener.path, sizeof(listener.path), "%s",
	    confs_path("socket"));
	return listener;
}

static bool
is_there(const struct listener *listener)
{
	return access(listener->path, F_OK) == 0;
}

/* Binds it, and ends as if the program had died: the file remains. */
static void
leave_dead(void)
{
	struct listener listener = new_listener();
	const char *why;

	assert_int_equal(socket_file_bind(&listener, &why), 0);
	close(listener.fd);
	socket_file_commit();
}

static int
teardown(void **state)
{
	struct listener listener = new_listener();

	(void)state;
	fault.call = NULL;
	unlink(listener.path);
	return 0;
}

/* ------------------------------------------------------------------ binding */

static const struct row {
	const char *call;
	unsigned number;
	int error; /* of the call */
	const char *why; /* a part of it; NULL: there is none */
	int said; /* errno then; 0: it is bound nevertheless */
	bool stays; /* what a dead program left */
} rows[] = {
	{ "socket", 1, EMFILE, NULL, EMFILE, true },
	{ "lstat", 1, EACCES, NULL, EACCES, true },
	{ "socket", 2, ENFILE, NULL, ENFILE, true },
	{ "connect", 1, ENOENT, NULL, 0, false },
	{ "connect", 1, EPROTOTYPE, "another program has it", EADDRINUSE,
	    true },
	{ "connect", 1, EACCES, "another user's socket", EACCES, true },
	{ "connect", 1, ENOMEM, NULL, ENOMEM, true },
	{ "unlink", 1, EROFS, NULL, EROFS, true },
	{ "bind", 1, ENOSPC, NULL, ENOSPC, false },
	{ "fchownat", 1, EPERM, "only a daemon that root starts", EPERM,
	    false },
	{ "open", 1, EMFILE, NULL, EMFILE, false },
};

static void
each_call_fails(void **state)
{
	const struct row *row = rows,
			 *end = rows + sizeof(rows) / sizeof(*rows);

	(void)state;
	for (; row < end; row++) {
		struct listener listener = new_listener();
		unsigned before = confs_count_fds();
		const char *why = "not set";
		int result, error;

		print_message("# %s %u: %s\n", row->call, row->number,
		    strerror(row->error));
		leave_dead();
		if (strcmp(row->call, "fchownat") == 0)
			listener.access.gid = getegid() + 1;
		fail_in(row->call, row->number, row->error);
		result = socket_file_bind(&listener, &why);
		error = errno;
		assert_null(fault.call);
		assert_int_equal(result, row->said == 0 ? 0 : -1);
		if (row->why == NULL)
			assert_null(why);
		else
			assert_non_null(strstr(why, row->why));
		if (row->said == 0) {
			close(listener.fd);
			socket_file_remove(&listener);
		} else {
			assert_int_equal(error, row->said);
			assert_int_equal(listener.fd, -1);
			assert_int_equal(listener.inode, 0);
		}
		assert_int_equal(is_there(&listener), row->stays);
		assert_int_equal(confs_count_fds(), before);
		teardown(NULL);
	}
}

static void
put_file(void)
{
	struct listener listener = new_listener();
	int fd;

	unlink(listener.path);
	fd = open(listener.path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	assert_int_not_equal(fd, -1);
	close(fd);
}

static void
put_socket(void)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	struct listener listener = new_listener();
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	/* A new one, whose inode is not the same one again. */
	memcpy(address.sun_path, listener.path, strlen(listener.path));
	strcat(address.sun_path, "2");
	assert_int_equal(
	    bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(rename(address.sun_path, listener.path), 0);
	close(fd);
}

static void
remove_it(void)
{
	struct listener listener = new_listener();

	unlink(listener.path);
}

static void
lose_a_race(void (*meddle)(void), const char *call, unsigned number, int error)
{
	struct listener listener = new_listener();
	unsigned before = confs_count_fds();
	const char *why;

	meddle_in(call, number, meddle);
	assert_int_equal(socket_file_bind(&listener, &why), -1);
	assert_int_equal(errno, error);
	assert_null(fault.call);
	assert_int_equal(listener.fd, -1);
	assert_int_equal(confs_count_fds(), before);
	/* What somebody else has put there is theirs. */
	assert_int_equal(is_there(&listener), meddle != remove_it);
	teardown(NULL);
}

/* Somebody is quicker than we are: between our bind(2) and our looking at it,
 * and between that and its opening. */
static void
races_are_lost(void **state)
{
	(void)state;
	lose_a_race(put_file, "lstat", 2, ESTALE);
	lose_a_race(remove_it, "lstat", 2, ENOENT);
	lose_a_race(put_file, "open", 1, ESTALE);
	lose_a_race(put_socket, "open", 1, ESTALE);
	lose_a_race(remove_it, "open", 1, ENOENT);
	lose_a_race(put_file, "bind", 1, EADDRINUSE);
}

/* Something that is no socket is left alone, and so is what somebody serves. */
static void
others_are_left_alone(void **state)
{
	struct listener listener = new_listener(), other = new_listener();
	const char *why;
	struct stat st;

	(void)state;
	put_file();
	assert_false(socket_file_may_be(listener.path));
	assert_int_equal(socket_file_bind(&listener, &why), -1);
	assert_int_equal(errno, EADDRINUSE);
	assert_string_equal(why, SOCKET_FILE_OTHER);
	assert_int_equal(stat(listener.path, &st), 0);
	assert_true(S_ISREG(st.st_mode));
	remove_it();
	assert_true(socket_file_may_be(listener.path));
	assert_int_equal(socket_file_bind(&other, &why), 0);
	assert_int_equal(socket_file_bind(&listener, &why), -1);
	assert_int_equal(errno, EADDRINUSE);
	assert_non_null(strstr(why, "another program has it"));
	assert_true(is_there(&other));
	close(other.fd);
	socket_file_remove(&other);
	assert_false(is_there(&other));
}

/* --------------------------------------------------------- once it is bound */

static mode_t
mode_of(const struct listener *listener)
{
	struct stat st;

	assert_int_equal(stat(listener->path, &st), 0);
	return st.st_mode & 0777;
}

static void
mode_is_changed_or_not(void **state)
{
	static const char *const calls[] = { "open", "fstat", "chmod" };
	struct listener listener = new_listener(), none = { .fd = -1 };
	unsigned before;
	const char *why;
	size_t i;

	(void)state;
	assert_int_equal(socket_file_bind(&listener, &why), 0);
	before = confs_count_fds();
	assert_int_equal(mode_of(&listener), 0640);
	listener.access.mode = 0600;
	for (i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
		fail_in(calls[i], 1, EIO);
		assert_int_equal(socket_file_change(&listener), -1);
		assert_null(fault.call);
		assert_int_equal(mode_of(&listener), 0640);
	}
	fail_in("fstat", 2, EIO); /* for its owner */
	assert_int_equal(socket_file_change(&listener), -1);
	assert_int_equal(errno, EIO);
	assert_int_equal(socket_file_change(&listener), 0);
	assert_int_equal(mode_of(&listener), 0600);
	put_file();
	assert_int_equal(chmod(listener.path, 0644), 0);
	assert_int_equal(socket_file_change(&listener), -1);
	assert_int_equal(errno, ESTALE);
	assert_int_equal(mode_of(&listener), 0644);
	assert_int_equal(socket_file_change(&none), 0); /* has no file */
	assert_int_equal(confs_count_fds(), before);
	close(listener.fd);
	socket_file_remove(&listener);
	assert_true(is_there(&listener)); /* it is not the one we made */
}

/* Is the file the one that was made; is what is there instead in use? */
static void
ours_or_gone(void **state)
{
	struct listener listener = new_listener(), none = { .fd = -1 };
	const char *why;
	bool gone = true;

	(void)state;
	assert_int_equal(socket_file_bind(&listener, &why), 0);
	assert_true(socket_file_is_ours(&listener, &gone));
	assert_false(gone);
	assert_true(socket_file_is_ours(&none, &gone));
	assert_false(gone);
	fail_in("lstat", 1, EACCES); /* it may be there */
	assert_false(socket_file_is_ours(&listener, &gone));
	assert_false(gone);
	put_socket(); /* of somebody who has died */
	assert_false(socket_file_is_ours(&listener, &gone));
	assert_true(gone);
	fail_in("connect", 1, EPROTOTYPE); /* who has not */
	assert_false(socket_file_is_ours(&listener, &gone));
	assert_false(gone);
	put_file();
	assert_false(socket_file_is_ours(&listener, &gone));
	assert_false(gone);
	remove_it();
	assert_false(socket_file_is_ours(&listener, &gone));
	assert_true(gone);
	assert_false(socket_file_stays(&listener));
	close(listener.fd);
	socket_file_remove(&listener);
}

/* volatile: whatever the build is, all of this is compiled. */
static volatile bool has_wide_names = UINTPTR_MAX != UINT32_MAX;

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(each_call_fails, teardown),
		cmocka_unit_test_teardown(races_are_lost, teardown),
		cmocka_unit_test_teardown(others_are_left_alone, teardown),
		cmocka_unit_test_teardown(mode_is_changed_or_not, teardown),
		cmocka_unit_test_teardown(ours_or_gone, teardown),
	};

	if (!has_wide_names) {
		puts("1..0 # SKIP in 32 bits the calls have other names");
		return 0;
	}
	return cmocka_run_group_tests_name(
	    "socket file", tests, confs_setup, confs_teardown);
}
