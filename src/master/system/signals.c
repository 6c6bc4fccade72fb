/* Setting all signals to their defaults. */
#include "config.h"

#include "master/system/signals.h"

#include <sys/syscall.h>

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <unistd.h>

#define KERNEL_SIGNALS 64

static bool
all_are_default(void)
{
	unsigned long now[8]; /* struct sigaction: begins with the handler */
	int number;

	for (number = 1; number <= KERNEL_SIGNALS; number++) {
		now[0] = 1;
		syscall(SYS_rt_sigaction, number, NULL, now,
		    KERNEL_SIGNALS / 8);
		if (now[0] != (unsigned long)SIG_DFL)
			return false;
	}
	return true;
}

/* A signal that is ignored is no longer pending. */
static void
pending_discard(void)
{
	static const unsigned long ignored[8] = { (unsigned long)SIG_IGN };
	sigset_t pending;
	int number;

	if (sigpending(&pending) == -1)
		return;
	for (number = 1; number <= KERNEL_SIGNALS; number++)
		if (sigismember(&pending, number) == 1 && number != SIGTERM &&
		    number != SIGINT && number != SIGQUIT)
			syscall(SYS_rt_sigaction, number, ignored, NULL,
			    KERNEL_SIGNALS / 8);
}

/* The system call is made directly: C libraries keep two or three signals for
 * themselves, and their sigaction(2) refuses those. */
int
signals_default(void)
{
	static const unsigned long fresh[8]; /* struct sigaction: SIG_DFL */
	sigset_t none;
	int number;

	pending_discard();
	for (number = 1; number <= KERNEL_SIGNALS; number++)
		syscall(SYS_rt_sigaction, number, fresh, NULL,
		    KERNEL_SIGNALS / 8);
	sigemptyset(&none);
	errno = 0;
	return all_are_default() ? signals_block(&none) : -1;
}

int
signals_ignore(int number)
{
	struct sigaction now;

	if (signal(number, SIG_IGN) == SIG_ERR ||
	    sigaction(number, NULL, &now) == -1)
		return -1;
	errno = 0;
	return now.sa_handler == SIG_IGN ? 0 : -1;
}

int
signals_block(const sigset_t *set)
{
	sigset_t now;
	int number;

	if (sigprocmask(SIG_SETMASK, set, NULL) == -1 ||
	    sigprocmask(SIG_SETMASK, NULL, &now) == -1)
		return -1;
	errno = 0;
	for (number = 1; number < NSIG; number++)
		if (sigismember(&now, number) != sigismember(set, number))
			return -1;
	return 0;
}
