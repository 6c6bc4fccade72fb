/* The cage of the process that parses the configuration. */
#include "config.h"

#include "reader/cage.h"

#include <linux/capability.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/time.h>

#include <errno.h>
#include <grp.h>
#include <seccomp.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

#include "shared/descriptors.h"
#include "shared/entries.h"
#include "shared/userns.h"
#include "shared/widened.h"

#define NOBODY 65534 /* Debian's base-passwd: user nobody, group nogroup */
#define MEMORY_MAX ((rlim_t)512 << 20) /* bytes: some 20 times a text's */
#define FIRST_CLOSED (WIDENED_PARSER ? STDERR_FILENO + 1 : READER_PIPE + 1)

/*
 * All that the parser may call.  A row with mask allows the call only when none
 * of these bits is set in that argument.
 */
static const struct rule {
	const char *call;
	const char *reason;
	unsigned argument;
	unsigned mask;
} rules[] = {
	{ "brk", "malloc", 0, 0 },
	{ "mmap", "malloc of much, never to be executed", 2, PROT_EXEC },
	{ "mmap2", "the same on 32-bit machines", 2, PROT_EXEC },
	{ "mremap", "realloc of much", 0, 0 },
	{ "munmap", "free of much", 0, 0 },
	{ "madvise", "free, in other C libraries", 0, 0 },
	{ "write", "the result; descriptor 0 is the only one", 0, 0 },
	{ "exit_group", "the end, libconfig's exit() too", 0, 0 },
};

static const struct limit {
	__rlimit_resource_t resource;
	rlim_t value;
	const char *name;
	bool left; /* in a widened build */
} limits[] = {
	{ RLIMIT_CORE, 0, "RLIMIT_CORE", false },
	{ RLIMIT_NPROC, 0, "RLIMIT_NPROC", false },
	{ RLIMIT_MEMLOCK, 0, "RLIMIT_MEMLOCK", false },
	{ RLIMIT_MSGQUEUE, 0, "RLIMIT_MSGQUEUE", false },
	{ RLIMIT_NOFILE, READER_PIPE + 1, "RLIMIT_NOFILE", false },
	/* Pipes have no size. */
	{ RLIMIT_FSIZE, 0, "RLIMIT_FSIZE", WIDENED_PARSER_LIMITS },
	{ RLIMIT_AS, MEMORY_MAX, "RLIMIT_AS", WIDENED_PARSER_LIMITS },
};

/* What was set must be so: errno 0 stands for "not in effect". */
static const char *
unless(bool in_effect, const char *step)
{
	if (in_effect)
		return NULL;
	errno = 0;
	return step;
}

static const char *
verify_nobody(void)
{
	uid_t ruid, euid, suid;
	gid_t rgid, egid, sgid;

	if (getresuid(&ruid, &euid, &suid) == -1 ||
	    getresgid(&rgid, &egid, &sgid) == -1)
		return "getresuid";
	if (getgroups(0, NULL) != 0)
		return unless(false, "setgroups");
	if (rgid != NOBODY || egid != NOBODY || sgid != NOBODY)
		return unless(false, "setresgid");
	return unless(ruid == NOBODY && euid == NOBODY && suid == NOBODY &&
		setresuid((uid_t)-1, 0, (uid_t)-1) == -1,
	    "setresuid");
}

/* Root may be behind another effective user (privileges_borrow()). */
static const char *
become_nobody(bool is_alone)
{
	uid_t real, effective, saved;

	if (getresuid(&real, &effective, &saved) == -1)
		return "getresuid";
	if (real != 0 && effective != 0 && saved != 0)
		return NULL;
	if (is_alone) /* nobody is not there */
		return NULL;
	if (effective != 0 && setresuid((uid_t)-1, 0, (uid_t)-1) == -1)
		return "setresuid";
	if (setgroups(0, NULL) == -1)
		return "setgroups";
	if (setresgid(NOBODY, NOBODY, NOBODY) == -1)
		return "setresgid";
	if (setresuid(NOBODY, NOBODY, NOBODY) == -1)
		return "setresuid";
	return verify_nobody();
}

/* With permitted and inheritable sets the ambient one becomes empty too,
 * capabilities(7). */
static const char *
drop_capabilities(void)
{
	struct __user_cap_header_struct head = {
		.version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct sets[_LINUX_CAPABILITY_U32S_3] = { 0 };
	static const struct __user_cap_data_struct none;
	size_t i;

	if (syscall(SYS_capset, &head, sets) == -1)
		return "capset";
	memset(sets, 0xff, sizeof(sets));
	if (syscall(SYS_capget, &head, sets) == -1)
		return "capget";
	for (i = 0; i < _LINUX_CAPABILITY_U32S_3; i++)
		if (memcmp(&sets[i], &none, sizeof(none)) != 0)
			return unless(false, "capset");
	return NULL;
}

/* A limit that is lower already stays so. */
static int
lower_limit(__rlimit_resource_t resource, rlim_t soft, rlim_t hard)
{
	struct rlimit now = { RLIM_INFINITY, RLIM_INFINITY };

	if (getrlimit(resource, &now) == -1)
		return -1;
	if (now.rlim_max > hard)
		now.rlim_max = hard;
	if (now.rlim_cur > soft)
		now.rlim_cur = soft;
	if (setrlimit(resource, &now) == -1 || getrlimit(resource, &now) == -1)
		return -1;
	errno = 0;
	return now.rlim_cur > soft || now.rlim_max > hard ? -1 : 0;
}

static const char *
set_limits(unsigned seconds)
{
	struct itimerval timer = { .it_value = { .tv_sec = seconds } };
	size_t i;

	for (i = 0; i < sizeof(limits) / sizeof(limits[0]); i++)
		if (!limits[i].left &&
		    lower_limit(limits[i].resource, limits[i].value,
			limits[i].value) == -1)
			return limits[i].name;
	/* The timer comes first unless the machine is very slow.  The soft limit
	 * ends it by SIGXCPU, which says why; the hard one would not. */
	if (lower_limit(RLIMIT_CPU, seconds, seconds + 1) == -1)
		return "RLIMIT_CPU";
	if (setitimer(ITIMER_REAL, &timer, NULL) == -1)
		return "setitimer";
	timer.it_value.tv_sec = timer.it_value.tv_usec = 0;
	return unless(getitimer(ITIMER_REAL, &timer) == 0 &&
		(timer.it_value.tv_sec > 0 || timer.it_value.tv_usec > 0),
	    "setitimer");
}

static const char *
verify_flags(void)
{
	int number = 0;

	if (prctl(PR_GET_PDEATHSIG, &number) == -1 || number != SIGKILL)
		return unless(false, "PR_SET_PDEATHSIG");
	if (prctl(PR_GET_DUMPABLE) != 0)
		return unless(false, "PR_SET_DUMPABLE");
	return unless(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1,
	    "PR_SET_NO_NEW_PRIVS");
}

/* After the change of user, which clears the first two. */
static const char *
set_flags(pid_t parent)
{
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) == -1)
		return "PR_SET_PDEATHSIG";
	if (getppid() != parent) {
		errno = ESRCH;
		return "the master is gone";
	}
	if (prctl(PR_SET_DUMPABLE, 0) == -1)
		return "PR_SET_DUMPABLE";
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == -1)
		return "PR_SET_NO_NEW_PRIVS";
	return verify_flags();
}

/* libseccomp returns negative errno values. */
static bool
failed(int result)
{
	errno = result < 0 ? -result : errno;
	return result < 0;
}

static const char *
add_rules(scmp_filter_ctx context)
{
	const struct rule *rule = rules;
	const struct rule *end = rules + sizeof(rules) / sizeof(rules[0]);
	int call;

	for (; rule < end; rule++) {
		call = seccomp_syscall_resolve_name(rule->call);
		/* Of another architecture. */
		if (call < 0 && call != __NR_SCMP_ERROR)
			continue;
		if (failed(rule->mask == 0
			    ? seccomp_rule_add(context, SCMP_ACT_ALLOW, call, 0)
			    : seccomp_rule_add(context, SCMP_ACT_ALLOW, call, 1,
				  SCMP_CMP(rule->argument, SCMP_CMP_MASKED_EQ,
				      rule->mask, 0))))
			return rule->call;
	}
	return NULL;
}

/* The answer by which the filter shows that it is there. */
#define KNOWN_ANSWER ENODATA

static const char *
load_filter(void)
{
	scmp_filter_ctx context = seccomp_init(SCMP_ACT_KILL_PROCESS);
	const char *step;
	int error;

	if (context == NULL) { /* it does not say why, but malloc(3) does */
		errno = errno == ENOMEM ? ENOMEM : ENOSYS;
		return "seccomp_init";
	}
	/* The kernel's errors, and not ECANCELED for all of them. */
	step = failed(seccomp_attr_set(
		   context, SCMP_FLTATR_API_SYSRAWRC, 1)) ?
	    "seccomp_attr_set" :
	    add_rules(context);
	if (step == NULL &&
	    failed(seccomp_rule_add(context, SCMP_ACT_ERRNO(KNOWN_ANSWER),
		SCMP_SYS(getppid), 0)))
		step = "getppid";
	if (step == NULL && failed(seccomp_load(context)))
		step = "seccomp_load";
	error = errno;
	seccomp_release(context);
	errno = error;
	if (step != NULL)
		return step;
	return unless(syscall(SYS_getppid) == -1 && errno == KNOWN_ANSWER,
	    "seccomp_load");
}

const char *
cage_enter(pid_t parent, unsigned seconds)
{
	bool is_alone = userns_has_one_user(); /* while files may be opened */
	const char *step = NULL;

	if (close_range(FIRST_CLOSED, ~0U, 0) == -1)
		step = "close_range";
	if (step == NULL &&
	    !descriptors_closed(FIRST_CLOSED, DESCRIPTORS_END))
		step = "close_range";
	if (step == NULL)
		step = become_nobody(is_alone);
	if (step == NULL)
		step = drop_capabilities();
	if (step == NULL)
		step = set_limits(seconds);
	if (step == NULL)
		step = set_flags(parent);
	if (step == NULL && !WIDENED_PARSER)
		step = load_filter();
	return step;
}
