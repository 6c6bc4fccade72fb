/* Giving up root: each call that it takes fails, claims what it has not done, or
 * says another thing than it should; then the process has to end. */
#include "config.h"

#include <sys/capability.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include <errno.h>
#include <grp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "master/system/log.h"
#include "master/system/privileges.h"
#include "shared/userns.h"

#define NOBODY 65534
#define PORTS CAP_NET_BIND_SERVICE
#define LAST CAP_CHECKPOINT_RESTORE /* that each kernel has */

enum trick { NONE, FAIL, LIE, DOUBT };

/* What the child under test and this process share. */
static struct shared {
	unsigned calls; /* of those below */
	const char *name; /* of the one that was tricked; NULL: none was */
	bool verifying; /* all had been given up before */
	bool acts; /* what failed says why */
	char said[512]; /* on standard error */
} *shared;

static enum trick trick; /* of the call with that number */
static unsigned number;
static unsigned variant; /* of a doubt: which of the values */
static int error = EPERM;
static bool is_verifying, one_user;

#define CAN_FAIL (1u << FAIL)
#define CAN_LIE (1u << LIE)
#define CAN_BE_DOUBTED (1u << DOUBT)

/* How this call is tricked, if it can be in that way. */
static enum trick
tricked(const char *name, unsigned ways)
{
	if (shared == NULL) /* the library's own start, when it is linked in */
		return NONE;
	if (++shared->calls != number || (ways & 1u << trick) == 0)
		return NONE;
	shared->name = name;
	shared->verifying = is_verifying;
	shared->acts = !is_verifying && (ways & CAN_BE_DOUBTED) == 0;
	errno = error;
	return trick;
}

/* A call that does something. */
#define ACTION(name, parameters, arguments)                                   \
	int __real_##name parameters;                                         \
	int __wrap_##name parameters;                                         \
	int __wrap_##name parameters                                          \
	{                                                                     \
		switch (tricked(#name, CAN_FAIL | CAN_LIE)) {                 \
		case FAIL:                                                    \
			return -1;                                            \
		case LIE:                                                     \
			return 0;                                             \
		default:                                                      \
			return __real_##name arguments;                       \
		}                                                             \
	}

ACTION(setgroups, (size_t n, const gid_t *groups), (n, groups))
ACTION(setegid, (gid_t gid), (gid))
ACTION(seteuid, (uid_t uid), (uid))
ACTION(setresgid, (gid_t r, gid_t e, gid_t s), (r, e, s))
ACTION(setresuid, (uid_t r, uid_t e, uid_t s), (r, e, s))
ACTION(cap_set_proc, (cap_t caps), (caps))
ACTION(cap_set_flag,
    (cap_t caps, cap_flag_t flag, int n, const cap_value_t *values,
	cap_flag_value_t value),
    (caps, flag, n, values, value))

/* A number that is another one when it is doubted. */
#define ANSWER(type, name, parameters, arguments, doubted)                    \
	type __real_##name parameters;                                        \
	type __wrap_##name parameters;                                        \
	type __wrap_##name parameters                                         \
	{                                                                     \
		type answer = __real_##name arguments;                        \
                                                                              \
		return tricked(#name, CAN_BE_DOUBTED) == DOUBT ? (doubted) :  \
								 answer;      \
	}

ANSWER(gid_t, getegid, (void), (), answer + 1)
ANSWER(uid_t, geteuid, (void), (), answer + 1)
ANSWER(int, cap_get_bound, (cap_value_t cap), (cap), !answer)
ANSWER(int, cap_get_ambient, (cap_value_t cap), (cap), !answer)

/* Three of them, one of which is doubted. */
#define IDS(type, name)                                                       \
	int __real_##name(type *r, type *e, type *s);                         \
	int __wrap_##name(type *r, type *e, type *s);                         \
	int __wrap_##name(type *r, type *e, type *s)                          \
	{                                                                     \
		type *ids[] = { r, e, s };                                    \
		int result = __real_##name(r, e, s);                          \
                                                                              \
		switch (tricked(#name, CAN_FAIL | CAN_BE_DOUBTED)) {          \
		case FAIL:                                                    \
			return -1;                                            \
		case DOUBT:                                                   \
			++*ids[variant];                                      \
			return result;                                        \
		default:                                                      \
			return result;                                        \
		}                                                             \
	}

IDS(uid_t, getresuid)
IDS(gid_t, getresgid)

bool __real_userns_has_one_user(void);
bool __wrap_userns_has_one_user(void);
int __real_cap_drop_bound(cap_value_t cap);
int __wrap_cap_drop_bound(cap_value_t cap);
int __real_getgroups(int n, gid_t *groups);
int __wrap_getgroups(int n, gid_t *groups);
int __real_cap_get_flag(cap_t caps, cap_value_t cap, cap_flag_t flag,
    cap_flag_value_t *value);
int __wrap_cap_get_flag(cap_t caps, cap_value_t cap, cap_flag_t flag,
    cap_flag_value_t *value);
cap_t __real_cap_get_proc(void);
cap_t __wrap_cap_get_proc(void);
cap_t __real_cap_init(void);
cap_t __wrap_cap_init(void);
int __real_prctl(int option, ...);
int __wrap_prctl(int option, ...);

bool
__wrap_userns_has_one_user(void)
{
	return one_user || __real_userns_has_one_user();
}

/* A lie about one that is not there is none. */
int
__wrap_cap_drop_bound(cap_value_t cap)
{
	bool is_there = __real_cap_get_bound(cap) == 1;

	switch (tricked("cap_drop_bound",
	    is_there ? CAN_FAIL | CAN_LIE : CAN_FAIL)) {
	case FAIL:
		return -1;
	case LIE:
		return 0;
	default:
		return __real_cap_drop_bound(cap);
	}
}

/* Another group, or the same one and more of them. */
int
__wrap_getgroups(int n, gid_t *groups)
{
	int result = __real_getgroups(n, groups);

	switch (tricked("getgroups", CAN_FAIL | CAN_BE_DOUBTED)) {
	case FAIL:
		return -1;
	case DOUBT:
		groups[0] += variant == 0;
		return result + (variant != 0);
	default:
		return result;
	}
}

int
__wrap_cap_get_flag(cap_t caps, cap_value_t cap, cap_flag_t flag,
    cap_flag_value_t *value)
{
	const char *name = cap == PORTS && flag != CAP_EFFECTIVE ?
	    "cap_get_flag of what is kept" : "cap_get_flag";
	int result = __real_cap_get_flag(caps, cap, flag, value);

	switch (tricked(name, CAN_FAIL | CAN_BE_DOUBTED)) {
	case FAIL:
		return -1;
	case DOUBT:
		*value = *value == CAP_SET ? CAP_CLEAR : CAP_SET;
		return result;
	default:
		return result;
	}
}

cap_t
__wrap_cap_get_proc(void)
{
	return tricked("cap_get_proc", CAN_FAIL) == FAIL ?
	    NULL : __real_cap_get_proc();
}

cap_t
__wrap_cap_init(void)
{
	return tricked("cap_init", CAN_FAIL) == FAIL ? NULL : __real_cap_init();
}

static const struct option {
	int option;
	const char *name;
	unsigned ways;
} options[] = {
	{ PR_SET_KEEPCAPS, "keepcaps", CAN_FAIL | CAN_LIE },
	{ PR_SET_NO_NEW_PRIVS, "no_new_privs", CAN_FAIL | CAN_LIE },
	{ PR_SET_DUMPABLE, "dumpable", CAN_FAIL | CAN_LIE },
	{ PR_CAP_AMBIENT, "ambient", CAN_FAIL | CAN_LIE },
	{ PR_CAPBSET_READ, "bounding", CAN_FAIL },
	{ PR_GET_KEEPCAPS, "keepcaps", CAN_BE_DOUBTED },
	{ PR_GET_NO_NEW_PRIVS, "no_new_privs", CAN_BE_DOUBTED },
	{ PR_GET_DUMPABLE, "dumpable", CAN_BE_DOUBTED },
	{ 0, NULL, 0 },
};

int
__wrap_prctl(int option, ...)
{
	const struct option *is = options;
	unsigned long value, more;
	va_list list;

	va_start(list, option);
	value = va_arg(list, unsigned long);
	more = option == PR_CAP_AMBIENT ? va_arg(list, unsigned long) : 0;
	va_end(list);
	if (option == PR_CAPBSET_READ)
		value = (unsigned)value; /* passed as an int */
	while (is->name != NULL && is->option != option)
		is++;
	if (option == PR_SET_DUMPABLE)
		is_verifying = true;
	if (option == PR_CAPBSET_READ && value > LAST)
		return __real_prctl(option, value, 0UL, 0UL, 0UL);
	switch (tricked(is->name, is->ways)) {
	case FAIL:
		return -1;
	case LIE:
		return 0;
	case DOUBT:
		return !__real_prctl(option, value, more, 0UL, 0UL);
	default:
		return __real_prctl(option, value, more, 0UL, 0UL);
	}
}

/* -------------------------------------------------------------------- the children */

static const struct identity nobody = { .uid = NOBODY, .gid = NOBODY };

static int
drop(void)
{
	privileges_drop(&nobody);
	return 0;
}

static int
borrow(void)
{
	privileges_borrow(&nobody);
	privileges_return();
	return 0;
}

/* Of one that only returns -1. */
static int
said(int result)
{
	if (result == 0)
		return 0;
	dprintf(STDERR_FILENO, "%s", strerror(errno));
	return EXIT_PRIVILEGE;
}

static int
have_none(void)
{
	return said(privileges_none());
}

/* As drop() leaves it: from here on calls are counted, and tricked. */
static void
drop_first(void)
{
	enum trick way = trick;

	trick = NONE;
	privileges_drop(&nobody);
	trick = way;
	shared->calls = 0;
	is_verifying = false;
}

/* From the only one that is kept. */
static int
give_up_the_last(void)
{
	drop_first();
	return have_none();
}

static int
have_none_already(void)
{
	enum trick way = trick;

	trick = NONE;
	if (privileges_none() == -1)
		return 1;
	trick = way;
	shared->calls = 0;
	return have_none();
}

static int
bind_port(void)
{
	drop_first();
	return said(privileges_bind(true));
}

static int
pass_on(void)
{
	drop_first();
	return said(privileges_pass(true));
}

static int
run(int (*what)(void))
{
	int status, ends[2];
	ssize_t n;
	pid_t pid;

	*shared = (struct shared) { 0 };
	assert_int_equal(pipe(ends), 0);
	pid = fork();
	assert_int_not_equal(pid, -1);
	if (pid == 0) {
		if (dup2(ends[1], STDERR_FILENO) == -1)
			_exit(99);
		_exit(what());
	}
	close(ends[1]);
	n = read(ends[0], shared->said, sizeof(shared->said) - 1);
	shared->said[n > 0 ? n : 0] = '\0';
	close(ends[0]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

/* What makes no difference. */
static bool
may_go_on(void)
{
	switch (trick) {
	case FAIL: /* as it should, then */
		return shared->verifying &&
		    strncmp(shared->name, "setres", 6) == 0;
	case LIE: /* nothing of it is there; the kernel does it; less is kept */
		return strcmp(shared->name, "ambient") == 0 ||
		    strcmp(shared->name, "dumpable") == 0 ||
		    strcmp(shared->name, "cap_set_flag") == 0;
	default: /* less is kept, or it is what may be kept */
		return (!shared->verifying &&
			   strncmp(shared->name, "cap_get_flag", 12) == 0) ||
		    strcmp(shared->name, "cap_get_flag of what is kept") == 0;
	}
}

/* Does it say what has failed, and why? */
static bool
is_told(int (*what)(void))
{
	if (strcmp(shared->name, "cap_get_proc") == 0 && what == drop &&
	    strstr(shared->said, "not in effect") != NULL)
		return true; /* it has been asked whether it is in effect */
	return strstr(shared->said, strerror(error)) != NULL &&
	    (what != borrow || strstr(shared->said, shared->name) != NULL);
}

/* What went through without effect has no reason. */
static bool
is_without_reason(int (*what)(void))
{
	return (what != give_up_the_last && what != have_none_already) ||
	    strcmp(shared->said, strerror(0)) == 0;
}

/* Tricks each call in turn; returns how many. */
static unsigned
trick_each(enum trick way, int (*what)(void))
{
	unsigned n = 0;
	int status;

	trick = way;
	for (number = 1;; number++) {
		status = run(what);
		if (shared->calls < number)
			break;
		if (shared->name == NULL || (status == 0 && may_go_on()))
			continue;
		if (status != EXIT_PRIVILEGE ||
		    (way == FAIL && shared->acts && !is_told(what)) ||
		    (way == LIE && !is_without_reason(what)))
			fail_msg("call %u, %s: status %d: %s", number,
			    shared->name, status, shared->said);
		n++;
	}
	trick = NONE;
	return n;
}

static void
each_step_of_dropping_must_work(void **state)
{
	(void)state;
	assert_in_range(trick_each(FAIL, drop), 200, 2000);
	assert_in_range(trick_each(LIE, drop), 8, 200);
	for (variant = 0; variant < 3; variant++)
		assert_in_range(trick_each(DOUBT, drop), 100, 1000);
	variant = 0;
}

static void
each_step_of_borrowing_must_work(void **state)
{
	(void)state;
	assert_int_equal(trick_each(FAIL, borrow), 8);
	assert_int_equal(trick_each(LIE, borrow), 6);
	assert_int_equal(trick_each(DOUBT, borrow), 6);
	variant = 1;
	assert_int_equal(trick_each(DOUBT, borrow), 6);
	variant = 0;
}

/* What kept() has left, and bind and pass. */
static bool
has(cap_flag_t flag)
{
	cap_t caps = __real_cap_get_proc();
	cap_flag_value_t value = CAP_CLEAR;

	__real_cap_get_flag(caps, PORTS, flag, &value);
	cap_free(caps);
	return value == CAP_SET;
}

#define EXPECT(condition)                                                     \
	do {                                                                  \
		if (!(condition)) {                                           \
			dprintf(STDERR_FILENO, "not: %s", #condition);        \
			return 1;                                             \
		}                                                             \
	} while (0)

static int
keep_and_use(void)
{
	privileges_drop(&nobody);
	EXPECT(has(CAP_PERMITTED) && has(CAP_INHERITABLE));
	EXPECT(!has(CAP_EFFECTIVE));
	EXPECT(privileges_bind(true) == 0 && has(CAP_EFFECTIVE));
	EXPECT(privileges_bind(false) == 0 && !has(CAP_EFFECTIVE));
	EXPECT(privileges_pass(true) == 0 && __real_cap_get_ambient(PORTS) == 1);
	EXPECT(privileges_pass(false) == 0);
	EXPECT(__real_cap_get_ambient(PORTS) == 0);
	EXPECT(privileges_none() == 0);
	EXPECT(!has(CAP_PERMITTED) && !has(CAP_INHERITABLE));
	EXPECT(privileges_pass(true) == 0 && __real_cap_get_ambient(PORTS) == 0);
	EXPECT(privileges_bind(true) == 0 && !has(CAP_EFFECTIVE));
	return 0;
}

/* Who is no root has nothing to make inheritable. */
static int
keep_as_it_is(void)
{
	EXPECT(privileges_bind(false) == 0 && has(CAP_EFFECTIVE));
	privileges_drop(NULL);
	EXPECT(has(CAP_PERMITTED) && !has(CAP_INHERITABLE));
	EXPECT(privileges_bind(true) == 0 && has(CAP_EFFECTIVE));
	EXPECT(!has(CAP_INHERITABLE));
	EXPECT(privileges_pass(true) == 0 && __real_cap_get_ambient(PORTS) == 0);
	return 0;
}

/* As a unit may begin it. */
static int
inherit_only(void)
{
	const cap_value_t cap = PORTS;
	cap_t caps = __real_cap_get_proc();

	EXPECT(__real_cap_set_flag(
	    caps, CAP_INHERITABLE, 1, &cap, CAP_SET) == 0);
	EXPECT(__real_cap_set_flag(
	    caps, CAP_PERMITTED, 1, &cap, CAP_CLEAR) == 0);
	EXPECT(__real_cap_set_flag(
	    caps, CAP_EFFECTIVE, 1, &cap, CAP_CLEAR) == 0);
	EXPECT(__real_cap_set_proc(caps) == 0);
	cap_free(caps);
	EXPECT(!has(CAP_PERMITTED) && has(CAP_INHERITABLE));
	EXPECT(privileges_pass(true) == 0 && __real_cap_get_ambient(PORTS) == 0);
	return 0;
}

static int
be_none(void)
{
	EXPECT(privileges_are_root());
	one_user = true;
	EXPECT(!privileges_are_root());
	one_user = false;
	EXPECT(__real_setresuid(NOBODY, NOBODY, NOBODY) == 0);
	EXPECT(!privileges_are_root());
	return 0;
}

static void
must_do(int (*what)(void))
{
	if (run(what) != 0)
		fail_msg("%s", shared->said);
}

static void
what_is_kept_can_be_used(void **state)
{
	(void)state;
	must_do(keep_and_use);
	must_do(keep_as_it_is);
	must_do(inherit_only);
	must_do(be_none);
}

/* Who has had it all given up says so when it could not. */
static void
each_step_to_nothing_must_work(void **state)
{
	(void)state;
	assert_int_equal(run(have_none), 0);
	assert_in_range(trick_each(FAIL, have_none), 50, 500);
	assert_in_range(trick_each(LIE, have_none), 1, 5);
	assert_in_range(trick_each(DOUBT, have_none), 50, 500);
	assert_int_equal(trick_each(LIE, give_up_the_last), 1);
	assert_int_equal(run(have_none_already), 0);
	assert_in_range(trick_each(FAIL, have_none_already), 50, 500);
}

static void
each_step_of_using_what_is_kept_must_work(void **state)
{
	(void)state;
	assert_int_equal(trick_each(FAIL, bind_port), 8);
	assert_int_equal(trick_each(FAIL, pass_on), 4);
}

static void
a_user_that_is_not_there_is_named(void **state)
{
	(void)state;
	trick = FAIL;
	number = 1;
	error = EINVAL;
	assert_int_equal(run(borrow), EXIT_PRIVILEGE);
	assert_non_null(strstr(shared->said, "no such user or group?"));
	error = EPERM;
	assert_int_equal(run(borrow), EXIT_PRIVILEGE);
	assert_null(strstr(shared->said, "no such user"));
	assert_non_null(strstr(shared->said, "privileges: setgroups: "));
	error = ENOMEM;
	assert_int_equal(run(borrow), EXIT_SYSTEM);
	error = EPERM;
	trick = NONE;
}

static int
setup(void **state)
{
	(void)state;
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	return shared == MAP_FAILED ? -1 : 0;
}

/* volatile: whatever the build is, all of this is compiled. */
#if defined(WITH_SANITIZERS)
static const char *volatile why_not =
    "with sanitizers capset(2) is refused; why is not known";
#elif UINTPTR_MAX == UINT32_MAX
static const char *volatile why_not =
    "in 32 bits libcap is linked in, whose own calls would be tricked, too";
#else
static const char *volatile why_not;
#endif

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_step_of_dropping_must_work),
		cmocka_unit_test(each_step_of_borrowing_must_work),
		cmocka_unit_test(what_is_kept_can_be_used),
		cmocka_unit_test(each_step_to_nothing_must_work),
		cmocka_unit_test(each_step_of_using_what_is_kept_must_work),
		cmocka_unit_test(a_user_that_is_not_there_is_named),
	};

	if (getuid() != 0) {
		puts("1..0 # SKIP needs root");
		return 0;
	}
	if (why_not != NULL) {
		printf("1..0 # SKIP %s\n", why_not);
		return 0;
	}
	return cmocka_run_group_tests_name("privileges", tests, setup, NULL);
}
