/* Listening, forking and answering as the textbook does it. */
#include "config.h"

#include "serve.h"

#include <sys/prctl.h>
#include <sys/socket.h>

#include <arpa/inet.h>
#include <err.h>
#include <errno.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "shared/number.h"

/* A client may send this many pieces before its end of stream. */
#define DRAIN_READS_MAX 4096

static void
end_with_parent(void)
{
	pid_t parent = getppid();

	if (prctl(PR_SET_PDEATHSIG, SIGTERM) == -1)
		err(EX_OSERR, "prctl PR_SET_PDEATHSIG");
	if (getppid() != parent)
		errx(EX_OSERR, "parent is gone");
}

int
serve_listen(int argc, char **argv, int flags)
{
	struct sockaddr_in address = { .sin_family = AF_INET };
	const int on = 1;
	int64_t port;
	int fd;

	if (argc != 2 || number_parse(argv[1], 1, 65535, &port) == -1)
		errx(EX_USAGE, "usage: %s PORT", argv[0]);
	end_with_parent();
	address.sin_port = htons((uint16_t)port);
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | flags, 0);
	if (fd == -1)
		err(EX_OSERR, "socket");
	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) == -1)
		err(EX_OSERR, "setsockopt SO_REUSEADDR");
	if (bind(fd, (struct sockaddr *)&address, sizeof(address)) == -1)
		err(EX_OSERR, "bind 127.0.0.1:%s", argv[1]);
	if (listen(fd, SERVE_BACKLOG) == -1)
		err(EX_OSERR, "listen 127.0.0.1:%s", argv[1]);
	return fd;
}

void
serve_client(int client)
{
	char buffer[512];
	unsigned i;

	/* A greeting that did not go out whole is for the load to notice. */
	(void)send(
	    client, SERVE_GREETING, strlen(SERVE_GREETING), MSG_NOSIGNAL);
	(void)shutdown(client, SHUT_WR);
	for (i = 0; i < DRAIN_READS_MAX; i++) {
		if (recv(client, buffer, sizeof(buffer), 0) <= 0)
			break;
	}
}

static bool
is_passing(int error)
{
	return error == EINTR || error == ECONNABORTED;
}

void
serve_by_fork(int listener, void (*prepare)(void))
{
	int client;

	signal(SIGCHLD, SIG_IGN);
	for (;;) {
		client = accept(listener, NULL, NULL);
		if (client == -1 && is_passing(errno))
			continue;
		if (client == -1)
			err(EX_OSERR, "accept");
		switch (fork()) {
		case -1:
			warn("fork");
			break;
		case 0:
			close(listener);
			if (prepare != NULL)
				prepare();
			serve_client(client);
			_exit(0);
		default:
			break;
		}
		close(client);
	}
}
