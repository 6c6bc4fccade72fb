/* One client on standard input, for servers that execute a program for each. */
#include "config.h"

#include <sys/socket.h>

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "serve.h"

/*
 * A server that copies (ncat) gives pipes instead of the client's socket, and
 * leaves open copies of them, so that only our end is the end of the stream.
 */
static void
serve_pipe(void)
{
	(void)!write(STDOUT_FILENO, SERVE_GREETING, strlen(SERVE_GREETING));
}

int
main(void)
{
	int type;
	socklen_t size = sizeof(type);

	if (getsockopt(STDIN_FILENO, SOL_SOCKET, SO_TYPE, &type, &size) == -1 &&
	    errno == ENOTSOCK)
		serve_pipe();
	else
		serve_client(STDIN_FILENO);
	_exit(0);
}
