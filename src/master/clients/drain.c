/* Discarding what clients send. */
#include "config.h"

#include "master/clients/drain.h"

#include <sys/socket.h>

#include <errno.h>

#define READS_MAX 4
#define READ_BYTES 65536

int
drain(int fd, uint64_t *bytes)
{
	/* MSG_TRUNC: tcp(7) does not even copy it.  A UNIX socket does, to where
	 * nobody looks. */
	static char dump[READ_BYTES];
	ssize_t n;
	int i;

	for (i = 0; i < READS_MAX; i++) {
		n = recv(fd, dump, sizeof(dump), MSG_DONTWAIT | MSG_TRUNC);
		if (n == 0)
			return 0;
		if (n == -1)
			return errno == EAGAIN || errno == EINTR ? 1 : -1;
		*bytes += (uint64_t)n;
	}
	return 1;
}
