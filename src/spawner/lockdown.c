/* The sandbox that spawner and client children live in. */
#include "config.h"

#include "spawner/lockdown.h"

#include <sys/prctl.h>
#include <sys/resource.h>

#include <linux/capability.h>

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include "spawner/proof.h"
#include "shared/landlock.h"
#include "shared/plan.h"

/* Spawner and children write no files, lock no memory and use a few pages of
 * stack. */
static const struct {
	const char *name;
	int resource;
	rlim_t value;
} limits[] = {
	{ "RLIMIT_CORE", RLIMIT_CORE, 0 },
	{ "RLIMIT_FSIZE", RLIMIT_FSIZE, 0 },
	{ "RLIMIT_MEMLOCK", RLIMIT_MEMLOCK, 0 },
	{ "RLIMIT_MSGQUEUE", RLIMIT_MSGQUEUE, 0 },
	{ "RLIMIT_STACK", RLIMIT_STACK, 256 << 10 },
};

#ifdef WITH_SANITIZERS
/* A crash must remain a signal, and no report can be written from the
 * sandbox. */
const char *__asan_default_options(void);
const char *
__asan_default_options(void)
{
	return "handle_segv=0:handle_sigbus=0:handle_sigill=0:handle_abort=0:"
	       "handle_sigfpe=0:abort_on_error=1:detect_leaks=0";
}
#endif

/* errno 0 means that the call succeeded but is not in effect. */
static bool
confirmed(bool in_effect)
{
	if (!in_effect)
		errno = 0;
	return in_effect;
}

static bool
limit_set(int resource, rlim_t value)
{
	struct rlimit limit = { value, value };

	if (setrlimit(resource, &limit) == -1)
		return false;
	limit = (struct rlimit) { ~value, ~value };
	return confirmed(getrlimit(resource, &limit) == 0 &&
	    limit.rlim_cur == value && limit.rlim_max == value);
}

/* NOFILE: descriptors that are open already do not count, only those that come
 * with an order. */
static const char *
limits_set(const struct plan *plan)
{
	size_t i;

	for (i = 0; i < sizeof(limits) / sizeof(limits[0]); i++)
		if (!limit_set(limits[i].resource, limits[i].value))
			return limits[i].name;
	return limit_set(RLIMIT_NOFILE, plan->descriptors) ?
	    NULL : "RLIMIT_NOFILE";
}

static bool
prctl_set(int set, int get, unsigned long value)
{
	return prctl(set, value, 0, 0, 0) == 0 &&
	    confirmed(prctl(get, 0, 0, 0, 0) == (int)value);
}

/* The master should have given up all of them before the exec. */
static bool
has_no_capability(void)
{
	struct __user_cap_header_struct header = {
		.version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct set[_LINUX_CAPABILITY_U32S_3];

	memset(set, 0xff, sizeof(set));
	if (syscall(SYS_capget, &header, set) == -1)
		return false;
	return confirmed((set[0].permitted | set[0].effective |
		set[0].inheritable | set[1].permitted | set[1].effective |
		set[1].inheritable) == 0);
}

/* fork(2) of a C library blocks all for a moment; a client's child is ended by
 * signals. */
static bool
no_signal_is_blocked(void)
{
	sigset_t blocked;
	int number;

	if (sigprocmask(SIG_BLOCK, NULL, &blocked) == -1)
		return false;
	for (number = 1; number < NSIG; number++)
		if (sigismember(&blocked, number) == 1)
			return confirmed(false);
	return true;
}

static void
rules_for(struct landlock_rules *rules, int abi)
{
	*rules = (struct landlock_rules) { LANDLOCK_FS_ABI1, 0, 0 };
	if (abi >= 2)
		rules->handled_access_fs |= LANDLOCK_FS_ABI2;
	if (abi >= 3)
		rules->handled_access_fs |= LANDLOCK_FS_ABI3;
	if (abi >= 4)
		rules->handled_access_net = LANDLOCK_NET_ABI4;
	if (abi >= 5)
		rules->handled_access_fs |= LANDLOCK_FS_ABI5;
	if (abi >= 6)
		rules->scoped = LANDLOCK_SCOPE_ABI6;
}

/* No rule is added: everything that the domain handles is denied everywhere. */
static int
landlock_enter(int abi)
{
	struct landlock_rules rules;
	int fd, result;
	size_t size = abi >= 6 ? sizeof(rules) :
	    abi >= 4	       ? offsetof(struct landlock_rules, scoped) :
				 offsetof(struct landlock_rules,
				     handled_access_net);

	if (abi == 0)
		return 0;
	rules_for(&rules, abi);
	fd = (int)syscall(SYS_landlock_create_ruleset, &rules, size, 0u);
	if (fd == -1)
		return -1;
	result = (int)syscall(SYS_landlock_restrict_self, fd, 0u);
	close(fd);
	return result;
}

const char *
lockdown(const struct plan *plan)
{
	const char *failed = limits_set(plan);
	int abi = landlock_abi();

	if (failed != NULL || plan->sandbox == PLAN_SANDBOX_OFF)
		return failed;
	if (!has_no_capability())
		return "capabilities";
	if (!prctl_set(PR_SET_DUMPABLE, PR_GET_DUMPABLE, 0))
		return "prctl PR_SET_DUMPABLE";
	if (!prctl_set(PR_SET_NO_NEW_PRIVS, PR_GET_NO_NEW_PRIVS, 1))
		return "prctl PR_SET_NO_NEW_PRIVS";
	if (landlock_enter(abi) == -1)
		return "landlock_restrict_self";
	failed = proof_of_landlock(abi);
	if (failed == NULL)
		failed = proof_of_limits(plan->descriptors);
	if (failed != NULL)
		return failed;
	if (!no_signal_is_blocked())
		return "sigprocmask";
	return NULL;
}
