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
	sigset_t none;
	int number;

	for (number = 1; number <= KERNEL_SIGNALS; number++)
		syscall(SYS_rt_sigaction, number, fresh, NULL,
		    KERNEL_SIGNALS / 8);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}
