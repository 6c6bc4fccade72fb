/* The descriptors that a new program takes over. */
#include "config.h"

#include "master/resume_fds.h"

#include <fcntl.h>
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>

#include "master/system/pack.h"

static void
close_but(unsigned first, unsigned last, unsigned but)
{
	if (but < first || but > last) {
		close_range(first, last, 0);
		return;
	}
	if (but > first)
		close_range(first, but - 1, 0);
	if (but < last)
		close_range(but + 1, last, 0);
}

void
resume_fds_keep(const struct unpack *state, int fd)
{
	size_t n, i;
	const int32_t *fds = unpack_fds(state, &n);
	unsigned next = STDERR_FILENO + 1, but = (unsigned)fd;

	fcntl(fd, F_SETFD, FD_CLOEXEC);
	for (i = 0; i < n; i++) {
		if (fds[i] < (int)next ||
		    fcntl(fds[i], F_SETFD, FD_CLOEXEC) == -1)
			continue;
		if ((unsigned)fds[i] > next)
			close_but(next, (unsigned)fds[i] - 1, but);
		next = (unsigned)fds[i] + 1;
	}
	close_but(next, ~0u, but);
}

void
resume_fds_pass(const struct unpack *state, int fd)
{
	size_t n, i;
	const int32_t *fds = unpack_fds(state, &n);

	fcntl(fd, F_SETFD, 0);
	for (i = 0; i < n; i++)
		fcntl(fds[i], F_SETFD, 0);
}
