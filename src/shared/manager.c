/* The service manager's socket. */
#include "config.h"

#include "shared/manager.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "shared/number.h"

static int
complain(char why[MANAGER_WHY_MAX], const char *what, const char *text)
{
	snprintf(why, MANAGER_WHY_MAX, "%s: %s", what, text);
	return -1;
}

static int
socket_open(struct manager *manager, const char *path, char *why)
{
	struct sockaddr_un *address = &manager->address;
	size_t length = strlen(path);

	if ((*path != '/' && *path != '@') || length < 2 ||
	    length >= sizeof(address->sun_path))
		return complain(
		    why, "NOTIFY_SOCKET: not a socket address", path);
	address->sun_family = AF_UNIX;
	memcpy(address->sun_path, path, length);
	if (*path == '@') /* the abstract name space */
		address->sun_path[0] = '\0';
	manager->length =
	    (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length);
	manager->fd =
	    socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	return 0;
}

/* pid may be NULL. */
static int
watchdog_set(
    struct manager *manager, const char *interval, const char *pid, char *why)
{
	int64_t number;

	if (pid != NULL) {
		if (number_parse(pid, 1, INT32_MAX, &number) == -1)
			return complain(why, "WATCHDOG_PID: not a number", pid);
		if (number != getpid())
			return 0;
	}
	if (number_parse(interval, 1, INT64_MAX / 4, &number) == -1)
		return complain(why,
		    "WATCHDOG_USEC: not a number of microseconds", interval);
	manager->alive_every = number > 2 ? number / 2 : 1;
	return 0;
}

int
manager_open(struct manager *manager, char why[MANAGER_WHY_MAX])
{
	const char *path = getenv("NOTIFY_SOCKET");
	const char *interval = getenv("WATCHDOG_USEC");
	int result = 0;

	*manager = (struct manager){ .fd = -1 };
	if (path != NULL)
		result = socket_open(manager, path, why);
	if (manager->fd != -1 && interval != NULL)
		result = watchdog_set(
		    manager, interval, getenv("WATCHDOG_PID"), why);
	unsetenv("NOTIFY_SOCKET");
	unsetenv("WATCHDOG_USEC");
	unsetenv("WATCHDOG_PID");
	return result;
}

int
manager_tell(const struct manager *manager, const char *text)
{
	if (manager->fd != -1 &&
	    sendto(manager->fd, text, strlen(text), MSG_NOSIGNAL,
		(const struct sockaddr *)&manager->address,
		manager->length) == -1)
		return -1;
	return 0;
}
