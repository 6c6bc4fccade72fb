/* The service manager's notification protocol. */
#include "config.h"

#include "notify.h"

#include <sys/socket.h>
#include <sys/un.h>

#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "clock.h"
#include "log.h"

static int manager = -1;
static struct sockaddr_un address;
static socklen_t address_length;

void
notify_init(void)
{
	const char *path = getenv("NOTIFY_SOCKET");
	size_t length;

	if (path == NULL)
		return;
	length = strlen(path);
	if ((*path != '/' && *path != '@') || length < 2 ||
	    length >= sizeof(address.sun_path)) {
		log_line(LOG_WARNING, "NOTIFY_SOCKET: not a socket address: %s",
		    path);
		unsetenv("NOTIFY_SOCKET");
		return;
	}
	address.sun_family = AF_UNIX;
	memcpy(address.sun_path, path, length);
	if (*path == '@') /* the abstract name space */
		address.sun_path[0] = '\0';
	address_length =
	    (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length);
	manager = socket(
	    AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	unsetenv("NOTIFY_SOCKET");
}

static void
tell(const char *text)
{
	if (manager != -1 &&
	    sendto(manager, text, strlen(text), MSG_NOSIGNAL,
		(struct sockaddr *)&address, address_length) == -1)
		log_line(LOG_WARNING, "notify: %m");
}

void
notify_ready(const char *format, ...)
{
	char status[256], text[300];
	va_list args;

	va_start(args, format);
	vsnprintf(status, sizeof(status), format, args);
	va_end(args);
	snprintf(text, sizeof(text), "READY=1\nSTATUS=%s", status);
	tell(text);
}

void
notify_reloading(void)
{
	char text[96];

	snprintf(text, sizeof(text), "RELOADING=1\nMONOTONIC_USEC=%lld",
	    (long long)clock_now());
	tell(text);
}

void
notify_stopping(void)
{
	tell("STOPPING=1\nSTATUS=stopping");
}

void
notify_end(void)
{
	if (manager != -1)
		close(manager);
	manager = -1;
}
