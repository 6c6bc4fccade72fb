/* One process for all clients, without fork: the ceiling. */
#include "config.h"

#include <sys/epoll.h>
#include <sys/socket.h>

#include <err.h>
#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "serve.h"

#define EVENTS_MAX 64
#define ACCEPT_MAX 64 /* in a row, before those that are here get attention */

static void
watch(int poller, int fd)
{
	struct epoll_event event = { .events = EPOLLIN, .data.fd = fd };

	if (epoll_ctl(poller, EPOLL_CTL_ADD, fd, &event) == -1)
		err(EX_OSERR, "epoll_ctl");
}

static void
accept_all(int poller, int listener)
{
	int client, i;

	for (i = 0; i < ACCEPT_MAX; i++) {
		client = accept4(listener, NULL, NULL, SOCK_NONBLOCK);
		if (client == -1)
			return;
		(void)send(client, SERVE_GREETING, strlen(SERVE_GREETING),
		    MSG_NOSIGNAL);
		(void)shutdown(client, SHUT_WR);
		watch(poller, client);
	}
}

static void
drain(int client)
{
	char buffer[512];
	ssize_t n = recv(client, buffer, sizeof(buffer), 0);

	if (n == 0 || (n == -1 && errno != EAGAIN && errno != EINTR))
		close(client);
}

int
main(int argc, char **argv)
{
	struct epoll_event events[EVENTS_MAX];
	int listener, poller, i, n;

	listener = serve_listen(argc, argv, SOCK_NONBLOCK);
	poller = epoll_create1(EPOLL_CLOEXEC);
	if (poller == -1)
		err(EX_OSERR, "epoll_create1");
	watch(poller, listener);
	for (;;) {
		n = epoll_wait(poller, events, EVENTS_MAX, -1);
		if (n == -1 && errno != EINTR)
			err(EX_OSERR, "epoll_wait");
		for (i = 0; i < n; i++) {
			if (events[i].data.fd == listener)
				accept_all(poller, listener);
			else
				drain(events[i].data.fd);
		}
	}
}
