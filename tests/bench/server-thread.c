/* One process with a thread per client. */
#include "config.h"

#include <sys/socket.h>

#include <err.h>
#include <errno.h>
#include <pthread.h>
#include <stdint.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "serve.h"

#define STACK_SIZE 65536 /* so that thousands fit */

static void *
serve(void *argument)
{
	int client = (int)(intptr_t)argument;

	serve_client(client);
	close(client);
	return NULL;
}

static void
must(int error, const char *what)
{
	if (error == 0)
		return;
	errno = error;
	err(EX_OSERR, "%s", what);
}

static void
start(const pthread_attr_t *attributes, int client)
{
	pthread_t thread;
	int error;

	error = pthread_create(
	    &thread, attributes, serve, (void *)(intptr_t)client);
	if (error == 0)
		return;
	warnx("pthread_create: %s", strerror(error));
	close(client);
}

int
main(int argc, char **argv)
{
	pthread_attr_t attributes;
	int client, listener;

	listener = serve_listen(argc, argv, 0);
	must(pthread_attr_init(&attributes), "pthread_attr_init");
	must(pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED),
	    "pthread_attr_setdetachstate");
	must(pthread_attr_setstacksize(&attributes, STACK_SIZE),
	    "pthread_attr_setstacksize");
	for (;;) {
		client = accept(listener, NULL, NULL);
		if (client != -1)
			start(&attributes, client);
		else if (errno != EINTR && errno != ECONNABORTED)
			err(EX_OSERR, "accept");
	}
}
