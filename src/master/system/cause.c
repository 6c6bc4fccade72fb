/* The exit status that an error stands for. */
#include "config.h"

#include "master/system/cause.h"

#include <errno.h>
#include <stdbool.h>

/* What a later attempt, or a machine with more room, may not meet. */
static bool
is_the_system(int error)
{
	switch (error) {
	case EAGAIN: /* fork(2), clone(2): no process */
	case EDQUOT:
	case EFBIG: /* ulimit -f */
	case EINTR:
	case EIO:
	case EMFILE:
	case ENFILE:
	case ENOBUFS:
	case ENOMEM:
	case ENOSPC:
	case ETIMEDOUT:
		return true;
	default:
		return false;
	}
}

static enum exit_status
address_cause(int error)
{
	switch (error) {
	case EACCES:
	case EPERM:
		return EXIT_PRIVILEGE;
	case EADDRINUSE:
	case EADDRNOTAVAIL:
	case EAFNOSUPPORT:
	case ENODEV:
	case ENOENT: /* of a UNIX socket: its directory */
	case ENOTDIR:
	case ELOOP:
		return EXIT_ADDRESS;
	default:
		return EXIT_SYSTEM;
	}
}

enum exit_status
cause_of(int error, enum exit_status step)
{
	if (is_the_system(error))
		return EXIT_SYSTEM;
	return step == EXIT_ADDRESS ? address_cause(error) : step;
}
