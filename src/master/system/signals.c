/* Setting all signals to their defaults. */
#include "config.h"

#include "master/system/signals.h"

#include <sys/syscall.h>

#include <signal.h>
#include <stddef.h>
#include <unistd.h>

#define KERNEL_SIGNALS 64

/* The system call is made directly: C libraries keep two or three signals for
 * themselves, and their sigaction(2) refuses those. */
void
signals_default(void)
{
	static const unsigned long fresh[8]; /* struct sigaction: SIG_DFL */
	static const unsigned long ignored[8] = { (unsigned long)SIG_IGN };
	sigset_t none;
	int number;

	for (number = 1; number <= KERNEL_SIGNALS; number++) {
		if (number != SIGTERM && number != SIGINT && number != SIGQUIT)
			syscall(SYS_rt_sigaction, number, ignored, NULL,
			    KERNEL_SIGNALS / 8);
		syscall(SYS_rt_sigaction, number, fresh, NULL,
		    KERNEL_SIGNALS / 8);
	}
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}
