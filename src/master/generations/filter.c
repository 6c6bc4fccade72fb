/* The seccomp filter of spawner and client children. */
#include "config.h"

#include "master/generations/filter.h"

#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <linux/sockios.h>

#include <errno.h>
#include <stdio.h>
#include <sched.h>
#include <seccomp.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <unistd.h>

#include "shared/plan.h"
#include "shared/widened.h"

#define ARGUMENTS_MAX 4
#define COUNT(table) (sizeof(table) / sizeof((table)[0]))
#define SEND_FLAGS (MSG_NOSIGNAL | MSG_DONTWAIT)
#define IS(argument, value) { argument, SCMP_CMP_EQ, value, 0 }
#define AT_MOST(argument, value) { argument, SCMP_CMP_LE, value, 0 }

#ifdef SYS_ppoll_time64
#define PPOLL "ppoll_time64"
#else
#define PPOLL "ppoll"
#endif

/*
 * Each row allows one call with exactly these arguments; several rows may allow
 * the same call.  S: the spawner needs it.  C: a client child needs it.  Calls
 * that only the spawner needs are harmless in a child, which has closed the
 * spawner's socket and has RLIMIT_NPROC 0.
 */
struct rule {
	const char *call;
	const char *reason;
	unsigned n_arguments;
	struct scmp_arg_cmp argument[ARGUMENTS_MAX];
};

static const struct rule rules[] = {
	{ "recvmsg", "S: the next client", 2,
	    { IS(0, SPAWNER_SOCKET), IS(2, 0) } },
	{ "clone", "S: its child, the master's, not a thread", 2,
	    { IS(0, CLONE_PARENT | CLONE_PARENT_SETTID | SIGCHLD),
		IS(1, 0) } },
	{ "close", "S: the client, once cloned", 1, { IS(0, SPAWNER_CLIENT) } },
	{ "close", "C: the spawner's socket", 1, { IS(0, SPAWNER_SOCKET) } },
	{ "prctl", "C: die with the master", 2,
	    { IS(0, PR_SET_PDEATHSIG), IS(1, SIGKILL) } },
	{ "getppid", "C: is the master still there?", 0, { IS(0, 0) } },
	{ "prlimit64", "C: no more processes", 3,
	    { IS(0, 0), IS(1, RLIMIT_NPROC), IS(3, 0) } },
	{ "prlimit64", "C: timeouts.cpu", 3,
	    { IS(0, 0), IS(1, RLIMIT_CPU), IS(3, 0) } },
	{ "setitimer", "C: timeouts.session", 2,
	    { IS(0, ITIMER_REAL), IS(2, 0) } },
	{ "sendto", "C: the greeting, the end of stream with it", 3,
	    { IS(0, SPAWNER_CLIENT), IS(3, SEND_FLAGS | MSG_MORE),
		IS(4, 0) } },
	{ "sendto", "C: the greeting, the connection held", 3,
	    { IS(0, SPAWNER_CLIENT), IS(3, SEND_FLAGS), IS(4, 0) } },
	{ "recvfrom", "C: the head of a request", 3,
	    { IS(0, SPAWNER_CLIENT), IS(3, MSG_DONTWAIT), IS(4, 0) } },
	{ "recvfrom", "C: the client's words, thrown away", 3,
	    { IS(0, SPAWNER_CLIENT), IS(3, MSG_DONTWAIT | MSG_TRUNC),
		IS(4, 0) } },
	{ "shutdown", "C: the end of stream", 2,
	    { IS(0, SPAWNER_CLIENT), IS(1, SHUT_WR) } },
	{ PPOLL, "C: wait for the client or for time", 2,
	    { AT_MOST(1, 1), IS(3, 0) } },
	{ "ioctl", "C: does a client who leaves no room take anything?", 2,
	    { IS(0, SPAWNER_CLIENT), IS(1, SIOCOUTQ) } },
	{ "restart_syscall", "C: ppoll after SIGSTOP and SIGCONT", 0,
	    { IS(0, 0) } },
	{ "exit_group", "S, C: the end", 0, { IS(0, 0) } },
	WIDENED_ROWS
};

/* Where a listener has clients behind a proxy. */
static const struct rule proxied_rules[] = {
	{ "close", "S, C: the pair, once cloned, or done with", 1,
	    { IS(0, SPAWNER_PAIR) } },
	{ "recvfrom", "C: a PROXY header, and no byte behind it", 3,
	    { IS(0, SPAWNER_CLIENT), IS(3, MSG_DONTWAIT | MSG_PEEK),
		IS(4, 0) } },
	{ "sendto", "C: whom the header declares", 3,
	    { IS(0, SPAWNER_PAIR), IS(3, SEND_FLAGS), IS(4, 0) } },
	{ "recvfrom", "C: what the master says to that", 3,
	    { IS(0, SPAWNER_PAIR), IS(3, 0), IS(4, 0) } },
};

/* libseccomp returns negative errno values. */
static bool
failed(int result)
{
	errno = result < 0 ? -result : errno;
	return result < 0;
}

static const char *
rules_add(scmp_filter_ctx context, const struct rule *rule, size_t n)
{
	const struct rule *end = rule + n;

	for (; rule < end; rule++)
		if (failed(seccomp_rule_add_array(context, SCMP_ACT_ALLOW,
			seccomp_syscall_resolve_name(rule->call),
			rule->n_arguments, rule->argument)))
			return rule->call;
	return NULL;
}

/*
 * Where there is a socketcall(2) (i386), libseccomp allows it together with
 * each allowed socket call and cannot check the arguments, which are in memory.
 * We make the calls directly, so it is denied, before libseccomp's program.
 * Returns the number of instructions.
 */
static size_t
socketcall_shut(struct sock_filter *code)
{
#ifdef SYS_socketcall
	code[0] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
	    offsetof(struct seccomp_data, nr));
	code[1] = (struct sock_filter)BPF_JUMP(
	    BPF_JMP | BPF_JEQ | BPF_K, SYS_socketcall, 0, 1);
	code[2] = (struct sock_filter)BPF_STMT(
	    BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS);
	return 3;
#else
	(void)code;
	return 0;
#endif
}

/* libseccomp 2.5 exports to a descriptor only. */
static const char *
filter_export(
    scmp_filter_ctx context, struct sock_filter *code, size_t *length)
{
	const char *step = NULL;
	int fd = memfd_create("forkgreet-filter", MFD_CLOEXEC);
	size_t before = socketcall_shut(code);
	ssize_t n;

	if (fd == -1)
		return "memfd_create";
	if (failed(seccomp_export_bpf(context, fd)))
		step = "seccomp_export_bpf";
	n = pread(fd, code + before,
	    (FILTER_MAX - before) * sizeof(*code), 0);
	if (step == NULL && n <= 0)
		step = "reading the filter";
	*length = before + (n > 0 ? (size_t)n / sizeof(*code) : 0);
	if (step == NULL && *length == FILTER_MAX) {
		step = "filter too long";
		errno = E2BIG;
	}
	close(fd);
	return step;
}

const char *
filter_compile(struct sock_filter *code, size_t *length, bool proxied)
{
	scmp_filter_ctx context = seccomp_init(SCMP_ACT_KILL_PROCESS);
	const char *step;

	if (context == NULL) { /* it does not say why, but malloc(3) does */
		errno = errno == ENOMEM ? ENOMEM : ENOSYS;
		return "seccomp_init";
	}
	/* The kernel's errors, and not ECANCELED for all of them; and the
	 * library's default would end the thread only. */
	if (failed(seccomp_attr_set(context, SCMP_FLTATR_API_SYSRAWRC, 1)) ||
	    failed(seccomp_attr_set(context, SCMP_FLTATR_ACT_BADARCH,
		SCMP_ACT_KILL_PROCESS)) ||
	    failed(seccomp_attr_set(context, SCMP_FLTATR_CTL_OPTIMIZE, 2)))
		step = "seccomp_attr_set";
	else
		step = rules_add(context, rules, COUNT(rules));
	if (step == NULL && proxied)
		step = rules_add(context, proxied_rules, COUNT(proxied_rules));
	if (step == NULL)
		step = filter_export(context, code, length);
	seccomp_release(context);
	return step;
}

char *
filter_call_name(int number)
{
	return seccomp_syscall_resolve_num_arch(SCMP_ARCH_NATIVE, number);
}

const char *
filter_version(char *text)
{
	const struct scmp_version *version = seccomp_version();

	snprintf(text, FILTER_VERSION_MAX, "%u.%u.%u", version->major,
	    version->minor, version->micro);
	return text;
}
