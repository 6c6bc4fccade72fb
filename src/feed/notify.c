/* What the service manager is told. */
#include "config.h"

#include "feed/notify.h"

#include <sys/socket.h>
#include <sys/un.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "feed/say.h"
#include "shared/deadline.h"
#include "shared/number.h"

#define RETRY_MS 500 /* when the manager's socket is full */
#define US_PER_MS 1000

static int manager = -1;
static struct sockaddr_un address;
static socklen_t address_length;
static int64_t alive_every; /* milliseconds; 0: there is no watchdog */
static int64_t alive_at; /* the next WATCHDOG=1; none before READY=1 */
static bool ready;
/* What is still to be told, "": nothing. */
static char pending[NOTIFY_STATUS_MAX + sizeof("READY=1\nSTATUS=")];
static char told[NOTIFY_STATUS_MAX + 1]; /* what STATUS= shows */
static bool alive_pending;
static int64_t retry_at;

static void
socket_init(const char *path)
{
	size_t length = strlen(path);

	if ((*path != '/' && *path != '@') || length < 2 ||
	    length >= sizeof(address.sun_path)) {
		say("NOTIFY_SOCKET: not a socket address: %s", path);
		return;
	}
	address.sun_family = AF_UNIX;
	memcpy(address.sun_path, path, length);
	if (*path == '@') /* the abstract name space */
		address.sun_path[0] = '\0';
	address_length =
	    (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length);
	manager = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
}

/* pid may be NULL. */
static void
watchdog_init(const char *interval, const char *pid)
{
	int64_t number;

	if (pid != NULL &&
	    (number_parse(pid, 1, INT32_MAX, &number) == -1 ||
		number != getpid()))
		return;
	if (number_parse(interval, 1, INT64_MAX / 4, &number) == -1) {
		say("WATCHDOG_USEC: not a number of microseconds: %s",
		    interval);
		return;
	}
	alive_every = number / 2 / US_PER_MS;
	if (alive_every == 0)
		alive_every = 1;
}

void
notify_init(void)
{
	const char *path = getenv("NOTIFY_SOCKET");
	const char *interval = getenv("WATCHDOG_USEC");

	if (path != NULL)
		socket_init(path);
	if (manager != -1 && interval != NULL)
		watchdog_init(interval, getenv("WATCHDOG_PID"));
	unsetenv("NOTIFY_SOCKET");
	unsetenv("WATCHDOG_USEC");
	unsetenv("WATCHDOG_PID");
}

/* What cannot be told now stays for later; that is no news. */
static bool
tell(const char *text)
{
	if (sendto(manager, text, strlen(text), MSG_NOSIGNAL,
		(struct sockaddr *)&address, address_length) != -1)
		return true;
	retry_at = deadline_after(RETRY_MS);
	return false;
}

static void
tell_pending(void)
{
	if (manager == -1)
		return;
	if (pending[0] != '\0') {
		if (!tell(pending))
			return;
		pending[0] = '\0';
	}
	if (alive_pending && tell("WATCHDOG=1"))
		alive_pending = false;
}

/* A READY=1 that is still to be told goes with what follows it. */
void
notify_verdict(const char *line)
{
	int length = (int)strcspn(line, "\n");
	bool first = !ready || strncmp(pending, "READY=1", 7) == 0;
	char status[sizeof(told)];

	snprintf(status, sizeof(status), "%.*s", length, line);
	if (manager == -1 || (ready && strcmp(status, told) == 0))
		return;
	memcpy(told, status, sizeof(told));
	snprintf(pending, sizeof(pending), "%sSTATUS=%s",
	    first ? "READY=1\n" : "", told);
	if (!ready)
		alive_at = deadline_after(alive_every);
	ready = true;
	tell_pending();
}

void
notify_stopping(void)
{
	snprintf(pending, sizeof(pending), "STOPPING=1\nSTATUS=stopping");
	tell_pending();
}

void
notify_step(void)
{
	if (ready && alive_every != 0 && deadline_left(alive_at) <= 0) {
		alive_at = deadline_after(alive_every);
		alive_pending = true;
	}
	if (retry_at == 0 || deadline_left(retry_at) <= 0) {
		retry_at = 0;
		tell_pending();
	}
}

int64_t
notify_wakeup(int64_t deadline)
{
	if (manager == -1)
		return deadline;
	if ((pending[0] != '\0' || alive_pending) && retry_at < deadline)
		deadline = retry_at;
	if (ready && alive_every != 0 && alive_at < deadline)
		deadline = alive_at;
	return deadline;
}
