/* The master's own seccomp filter: system calls that a serving daemon never
 * makes. */
#include "config.h"

#include "master/system/denylist.h"

#include <sys/syscall.h>

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <seccomp.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include "master/system/log.h"
#include "shared/widened.h"

/* clone(2), "C library/kernel differences". */
#ifdef __s390__
#define CLONE_FLAGS_ARGUMENT 1
#else
#define CLONE_FLAGS_ARGUMENT 0
#endif

/* Calls since Linux 5.2 have one row of numbers; the library knows fewer. */
#define NEW_CALL(number) (SYS_open_tree - 428 + (number))

/*
 * Filters stack and bind the next binary too (execve(2)), so the table has only
 * calls that no version of the daemon will ever need.  They fail with EPERM
 * instead of killing: a library that merely tries one must not end the service.
 */
static const struct denied {
	const char *call;
	const char *reason;
} table[] = {
	{ "execve", "needless: execveat, see execveat_deny()" },
	DENIED_UNLESS_WIDENED
	{ "process_vm_readv", "other processes" },
	{ "process_vm_writev", "other processes" },
	{ "process_madvise", "other processes" },
	{ "pidfd_getfd", "other processes' descriptors" },
	{ "kcmp", "other processes" },
	{ "init_module", "the kernel" },
	{ "finit_module", "the kernel" },
	{ "delete_module", "the kernel" },
	{ "kexec_load", "the kernel" },
	{ "kexec_file_load", "the kernel" },
	{ "bpf", "the kernel" },
	{ "perf_event_open", "the kernel" },
	{ "userfaultfd", "the kernel, a favourite of exploits" },
	{ "io_uring_setup", "the kernel, round every filter" },
	{ "add_key", "the kernel's keys" },
	{ "request_key", "the kernel's keys" },
	{ "keyctl", "the kernel's keys" },
	{ "mount", "mounts" },
	{ "umount2", "mounts" },
	{ "pivot_root", "mounts" },
	{ "chroot", "mounts" },
	{ "move_mount", "mounts" },
	{ "open_tree", "mounts" },
	{ "fsopen", "mounts" },
	{ "fsconfig", "mounts" },
	{ "fsmount", "mounts" },
	{ "fspick", "mounts" },
	{ "mount_setattr", "mounts" },
	{ "unshare", "namespaces" },
	{ "setns", "namespaces" },
	{ "open_by_handle_at", "files without their paths" },
	{ "swapon", "the machine" },
	{ "swapoff", "the machine" },
	{ "reboot", "the machine" },
	{ "acct", "the machine" },
	{ "quotactl", "the machine" },
	{ "syslog", "the kernel's log; syslog(3) is a socket" },
	{ "iopl", "the machine" },
	{ "ioperm", "the machine" },
	{ "clock_settime", "the clock" },
	{ "settimeofday", "the clock" },
	{ "clock_adjtime", "the clock" },
	{ "adjtimex", "the clock" },
	{ "sethostname", "the machine's name" },
	{ "setdomainname", "the machine's name" },
	{ "personality", "address layout" },
};

/* libseccomp returns negative errno values. */
static void
must(int result, const char *step)
{
	if (result < 0)
		fatal(cause_of(-result, EXIT_PRIVILEGE),
		    "sandbox: master: %s: %s", step, strerror(-result));
}

static void
row_add(scmp_filter_ctx context, const struct denied *row)
{
	int call = seccomp_syscall_resolve_name(row->call);

	if (call == __NR_SCMP_ERROR)
		must(-ENOSYS, row->call);
	/* Below 0: this architecture does not have the call. */
	if (call >= 0)
		must(seccomp_rule_add(
			 context, SCMP_ACT_ERRNO(EPERM), call, 0),
		    row->call);
}

/* What has another name for the library, or another answer.  clone3: its flags
 * are in memory, and C libraries do without. */
static void
odd_deny(scmp_filter_ctx context)
{
	must(seccomp_rule_add(
		 context, SCMP_ACT_ERRNO(EPERM), NEW_CALL(467), 0),
	    "open_tree_attr");
	must(seccomp_rule_add(
		 context, SCMP_ACT_ERRNO(ENOSYS), NEW_CALL(435), 0),
	    "clone3");
}

/* One call with one argument like this. */
static void
argument_deny(scmp_filter_ctx context, int call, const char *name,
    struct scmp_arg_cmp argument)
{
	must(seccomp_rule_add_array(
		 context, SCMP_ACT_ERRNO(EPERM), call, 1, &argument),
	    name);
}

/* Any of these bits. */
static void
namespaces_deny(scmp_filter_ctx context)
{
	static const scmp_datum_t flags[] = { CLONE_NEWNS, CLONE_NEWCGROUP,
		CLONE_NEWUTS, CLONE_NEWIPC, CLONE_NEWUSER, CLONE_NEWPID,
		CLONE_NEWNET };
	size_t i;

	for (i = 0; i < sizeof(flags) / sizeof(flags[0]); i++)
		argument_deny(context, SCMP_SYS(clone), "clone",
		    (struct scmp_arg_cmp) { CLONE_FLAGS_ARGUMENT,
			SCMP_CMP_MASKED_EQ, flags[i], flags[i] });
}

/*
 * The spawner is exec'd by descriptor, and so is a new daemon.  The path is in
 * memory, where no filter looks: with any open descriptor and AT_EMPTY_PATH an
 * absolute path is still followed.  Whoever can make system calls in the master
 * can run programs; NoExecPaths= of our units is what bounds which.
 */
static void
execveat_deny(scmp_filter_ctx context)
{
	argument_deny(context, SCMP_SYS(execveat), "execveat",
	    (struct scmp_arg_cmp) { 4, SCMP_CMP_NE, AT_EMPTY_PATH, 0 });
	argument_deny(context, SCMP_SYS(execveat), "execveat",
	    (struct scmp_arg_cmp) { 0, SCMP_CMP_MASKED_EQ, UINT32_MAX,
		(uint32_t)AT_FDCWD });
}

static void
rules_add(scmp_filter_ctx context)
{
	const struct denied *end = table + sizeof(table) / sizeof(table[0]);
	const struct denied *row;

	for (row = table; row < end; row++)
		row_add(context, row);
	odd_deny(context);
	namespaces_deny(context);
	execveat_deny(context);
}

void
denylist_enter(void)
{
	scmp_filter_ctx context = seccomp_init(SCMP_ACT_ALLOW);

	/* It does not say why; what malloc(3) leaves can be trusted. */
	if (context == NULL)
		must(errno == ENOMEM ? -ENOMEM : -ENOSYS, "seccomp_init");
	/* The kernel's errors, and not ECANCELED for all of them. */
	must(seccomp_attr_set(context, SCMP_FLTATR_API_SYSRAWRC, 1),
	    "seccomp_attr_set");
	/* A tree instead of a chain: every call of every client passes it. */
	must(seccomp_attr_set(context, SCMP_FLTATR_CTL_OPTIMIZE, 2),
	    "seccomp_attr_set");
	rules_add(context);
	must(seccomp_load(context), "seccomp");
	seccomp_release(context);
	/* Without the filter this fails with EFAULT. */
	if (syscall(SYS_execve, NULL, NULL, NULL) != -1 || errno != EPERM)
		fatal(EXIT_PRIVILEGE,
		    "sandbox: master: seccomp: not in effect");
}
