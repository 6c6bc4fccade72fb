/* The textbook fork server with a seccomp filter built in each child. */
#include "config.h"

#include <err.h>
#include <errno.h>
#include <seccomp.h>
#include <stddef.h>
#include <sysexits.h>

#include "serve.h"

/* No more than serve_client() and _exit() need: the shortest build. */
static const int allowed[] = {
	SCMP_SYS(sendto),
	SCMP_SYS(shutdown),
	SCMP_SYS(recvfrom),
	SCMP_SYS(close),
	SCMP_SYS(restart_syscall),
	SCMP_SYS(rt_sigreturn),
	SCMP_SYS(exit),
	SCMP_SYS(exit_group),
};

/* libseccomp returns 0 or a negated errno. */
static void
must(int result, const char *what)
{
	if (result == 0)
		return;
	errno = -result;
	err(EX_OSERR, "%s", what);
}

static void
load_filter(void)
{
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_KILL_PROCESS);
	size_t i;

	if (filter == NULL)
		errx(EX_OSERR, "seccomp_init");
	for (i = 0; i < sizeof(allowed) / sizeof(allowed[0]); i++)
		must(seccomp_rule_add(filter, SCMP_ACT_ALLOW, allowed[i], 0),
		    "seccomp_rule_add");
	must(seccomp_load(filter), "seccomp_load");
	seccomp_release(filter);
}

int
main(int argc, char **argv)
{
	serve_by_fork(serve_listen(argc, argv, 0), load_filter);
}
