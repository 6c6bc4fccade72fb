/* What survives execve(2). */
#include "config.h"

#include "master/system/inherited.h"

#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>

#include <linux/keyctl.h>
#include <linux/securebits.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

#include "master/system/log.h"
#include "master/system/privileges.h"
#include "master/system/signals.h"
#include "shared/descriptors.h"
#include "shared/widened.h"

/* What the kernel itself clears for a set-user-ID program, and why
 * (linux/personality.h, PER_CLEAR_ON_SETID). */
#define UNSAFE (READ_IMPLIES_EXEC | ADDR_NO_RANDOMIZE | ADDR_COMPAT_LAYOUT | \
    MMAP_PAGE_ZERO)

/* Standard input, output and error exist, so that no file of ours gets their
 * number. */
static void
standard_open(void)
{
	int fd;

	do
		fd = open("/dev/null", O_RDWR | O_NOCTTY);
	while (fd != -1 && fd <= STDERR_FILENO);
	if (fd == -1)
		fatal(EXIT_SYSTEM, "/dev/null: %s", strerror(errno));
	close(fd); /* it may be where one of those passed is not */
}

static void
others_close(unsigned passed)
{
	close_range(STDERR_FILENO + 1 + passed, ~0u, 0);
	if (!descriptors_closed(STDERR_FILENO + 1 + passed, DESCRIPTORS_END))
		fatal(EXIT_SYSTEM, "start: close_range: %s",
		    errno == 0 ? "not in effect" : strerror(errno));
}

/* What writing to standard error may bring is ignored: its reader has gone, it
 * is a file as long as RLIMIT_FSIZE lets it be, or a terminal that stops jobs in
 * the background ("stty tostop"). */
static void
signals_tidy(void)
{
	if (signals_default() == -1 || signals_ignore(SIGPIPE) == -1 ||
	    signals_ignore(SIGXFSZ) == -1 || signals_ignore(SIGTTOU) == -1)
		fatal(EXIT_SYSTEM, "start: signals: %s",
		    errno == 0 ? "not in effect" : strerror(errno));
}

static void
umask_set(void)
{
	umask(022);
	if (umask(022) != 022)
		fatal(EXIT_SYSTEM, "start: umask: not in effect");
}

/* alarm(2) too.  Those of timer_create(2) end with the exec. */
static void
timers_stop(void)
{
	static const int timers[] = { ITIMER_REAL, ITIMER_VIRTUAL,
		ITIMER_PROF };
	static const struct itimerval never;
	struct itimerval now;
	size_t i;

	for (i = 0; i < sizeof(timers) / sizeof(timers[0]); i++) {
		now = never;
		getitimer(timers[i], &now);
		if ((now.it_value.tv_sec != 0 || now.it_value.tv_usec != 0) &&
		    setitimer(timers[i], &never, NULL) == -1)
			fatal(EXIT_SYSTEM, "setitimer: %s", strerror(errno));
	}
}

/* A hard limit is the administrator's word, a soft one the shell's. */
static void
limits_raise(void)
{
	static const int limits[] = { RLIMIT_CPU, RLIMIT_FSIZE };
	struct rlimit limit;
	size_t i;

	for (i = 0; i < sizeof(limits) / sizeof(limits[0]); i++) {
		limit = (struct rlimit) { RLIM_INFINITY, RLIM_INFINITY };
		if (getrlimit(limits[i], &limit) == -1 ||
		    limit.rlim_cur == limit.rlim_max)
			continue;
		limit.rlim_cur = limit.rlim_max;
		setrlimit(limits[i], &limit);
	}
}

/* The keys of whoever started us are not ours.  Where there are no keys, or a
 * container does not let us ask, none of our filters lets a key be used. */
static void
keyring_leave(void)
{
	syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, NULL, 0, 0, 0);
}

/* With it, reading files as another user would be reading them as root. */
static void
securebits_tidy(void)
{
	int bits = prctl(PR_GET_SECUREBITS, 0, 0, 0, 0);

	if (!privileges_are_root() || bits == -1 ||
	    (bits & SECBIT_NO_SETUID_FIXUP) == 0)
		return;
	if (prctl(PR_SET_SECUREBITS, bits & ~SECBIT_NO_SETUID_FIXUP, 0, 0, 0) ==
	    -1)
		fatal(EXIT_PRIVILEGE, "securebits: no-setuid-fixup: %s",
		    strerror(errno));
}

/* layout_tidy() starts /proc/self/exe, which ps(1) shows as "exe". */
static void
name_tidy(void)
{
	char name[16] = ""; /* PR_GET_NAME(2const) */

	prctl(PR_GET_NAME, name, 0, 0, 0);
	if (strcmp(name, "exe") == 0)
		prctl(PR_SET_NAME, "forkgreetd", 0, 0, 0);
}

/* The layout that we have was made before we could ask for another one. */
static void
layout_tidy(char **argv)
{
	int now = personality(0xffffffff);
	unsigned long wanted = (unsigned long)now & ~(unsigned long)UNSAFE;

	if (now == -1 || (now & UNSAFE) == 0 || WIDENED_LAYOUT)
		return;
	if (personality(wanted) != -1 &&
	    (personality(0xffffffff) & UNSAFE) == 0)
		execv("/proc/self/exe", argv);
	fatal(EXIT_PRIVILEGE, "personality: memory is not laid out at random "
	    "(setarch -R), and that cannot be changed: %s", strerror(errno));
}

/*
 * In the order of execve(2), "Effect on process attributes", and of its list of
 * what is preserved:
 *
 *	descriptors	closed, but those passed (LISTEN_FDS); 0 to 2 exist
 *	signals		default actions, none blocked; pending ones of a past life
 *			are discarded, those that ask for the end are not;
 *			SIGPIPE, SIGXFSZ and SIGTTOU are ignored, by the master
 *			only
 *	timers		stopped
 *	limits		soft limits of CPU time and file size raised to the hard
 *			ones; those of descriptors and processes: resources_check()
 *	umask		022
 *	directory	"/", once the configuration's name is absolute
 *	keyrings	a session keyring of its own
 *	securebits	no-setuid-fixup cleared
 *	ambient		cleared with all other capabilities (privileges_drop())
 *	personality	a layout at random, data not executable: started anew
 *	environment	the master's; spawner and reader are started without one
 *	dumpable	no, from privileges_drop() on; no_new_privs: yes
 *	oom_score_adj	the master's may be lowered, its children's never (oom.h)
 *	children	reaped (child.h)
 *
 * Kept, since they are the administrator's word: nice value, scheduling policy,
 * input/output priority, CPU affinity, timer slack, control groups, namespaces,
 * root directory, all other limits, seccomp filters, the parent-death signal
 * (which the kernel clears when the user changes).  An alternate signal stack
 * does not survive.
 */
void
inherited_tidy(unsigned passed, char **argv)
{
	name_tidy();
	standard_open();
	others_close(passed);
	signals_tidy();
	timers_stop();
	layout_tidy(argv);
	limits_raise();
	umask_set();
	keyring_leave();
	securebits_tidy();
}

void
inherited_warn(void)
{
	struct rlimit limit = { RLIM_INFINITY, RLIM_INFINITY };

	if (getrlimit(RLIMIT_CPU, &limit) == 0 &&
	    limit.rlim_max != RLIM_INFINITY)
		log_line(LOG_WARNING,
		    "the limit of CPU time is %llu s, after which the daemon is "
		    "killed (ulimit -t, LimitCPU=)",
		    (unsigned long long)limit.rlim_max);
}
