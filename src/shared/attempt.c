/* What a child must not get through with. */
#include "config.h"

#include "shared/attempt.h"

#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include <fcntl.h>
#include <signal.h>

#ifdef SYS_mmap2
#define MMAP SYS_mmap2
#else
#define MMAP SYS_mmap
#endif

/*
 * One of each kind that matters.  Without a filter they must do no harm: they
 * fail, or their effect ends with the child, which exits at once.  The first one
 * is not the filter's, and is made without one too: it reads the page as a limit.
 */
static const struct attempt attempts[] = {
	{ "prlimit64 (the pid page)", SYS_prlimit64, { 0, RLIMIT_CPU } },
	{ "getpid", SYS_getpid, { 0 } },
	{ "openat", SYS_openat, { AT_FDCWD } }, /* no path: EFAULT */
	{ "socket", SYS_socket, { AF_INET, SOCK_STREAM } },
	{ "execve", SYS_execve, { 0 } }, /* no path: EFAULT */
	{ "kill", SYS_kill, { 0, 0 } }, /* signal 0 is not sent */
	{ "ptrace", SYS_ptrace, { 0 } }, /* PTRACE_TRACEME */
	{ "mmap (executable)", MMAP,
	    { 0, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS,
		-1 } },
	{ "prctl (PR_SET_DUMPABLE)", SYS_prctl, { PR_SET_DUMPABLE, 1 } },
	{ "clone (other flags)", SYS_clone, { SIGCHLD } },
};

const struct attempt *
attempt_get(size_t index)
{
	return index < sizeof(attempts) / sizeof(attempts[0]) ?
	    &attempts[index] :
	    NULL;
}
