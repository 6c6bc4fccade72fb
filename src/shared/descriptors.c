/* Seeing to it that descriptors are closed. */
#include "config.h"

#include "shared/descriptors.h"

#include <sys/resource.h>

#include <errno.h>
#include <poll.h>

#define AT_ONCE 64

/* poll(2) takes no more than the limit, even if what is above is open. */
static unsigned
at_once(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < AT_ONCE)
		return limit.rlim_cur == 0 ? 1 : (unsigned)limit.rlim_cur;
	return AT_ONCE;
}

/* At most AT_ONCE. */
static bool
are_closed(unsigned first, unsigned n)
{
	struct pollfd fds[AT_ONCE];
	unsigned i;
	int count;

	for (i = 0; i < n; i++)
		fds[i] = (struct pollfd) { .fd = (int)(first + i) };
	do
		count = poll(fds, n, 0);
	while (count == -1 && errno == EINTR);
	if (count == -1)
		return false;
	errno = 0;
	if (count != (int)n)
		return false;
	for (i = 0; i < n; i++)
		if (fds[i].revents != POLLNVAL)
			return false;
	return true;
}

bool
descriptors_closed(unsigned first, unsigned end)
{
	unsigned n, most = at_once();

	for (; first < end; first += n) {
		n = end - first < most ? end - first : most;
		if (!are_closed(first, n))
			return false;
	}
	return true;
}
