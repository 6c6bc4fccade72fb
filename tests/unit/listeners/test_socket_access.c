/* Who may connect to a UNIX socket: what a reload may change. */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <unistd.h>

#include "master/listeners/socket_access.h"

/* What a reload may change of a file that the daemon has made before. */
static void
what_needs_a_restart(void **state)
{
	const struct socket_access any = { 0600, SOCKET_ANY, SOCKET_ANY };
	const uint32_t uid = geteuid(), gid = getegid();
	struct socket_access wanted = any, has = any;

	(void)state;
	assert_null(socket_access_fixed(&wanted, &has));
	wanted.mode = 0660;
	assert_null(socket_access_fixed(&wanted, &has));
	wanted.gid = gid; /* one of ours */
	assert_null(socket_access_fixed(&wanted, &has));
	wanted.gid = SOCKET_ANY - 1; /* of nobody */
	assert_string_equal(socket_access_fixed(&wanted, &has), "socket_group");
	wanted.gid = SOCKET_ANY;
	has.gid = gid;
	assert_string_equal(socket_access_fixed(&wanted, &has), "socket_group");
	has.gid = SOCKET_ANY;
	wanted.uid = uid;
	assert_string_equal(socket_access_fixed(&wanted, &has), "socket_owner");
	has.uid = uid;
	assert_null(socket_access_fixed(&wanted, &has));
	wanted.uid = has.uid = uid + 1; /* given away, at the start */
	assert_string_equal(socket_access_fixed(&wanted, &has), "socket_mode");
	has.mode = 0660;
	assert_null(socket_access_fixed(&wanted, &has));
	wanted.gid = gid;
	assert_string_equal(socket_access_fixed(&wanted, &has), "socket_group");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_needs_a_restart),
	};

	return cmocka_run_group_tests_name("socket access", tests, NULL, NULL);
}
