/* The service manager's notification protocol. */
#include "config.h"

#include "master/system/notify.h"

#include <sys/socket.h>
#include <sys/un.h>

#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "master/system/clock.h"
#include "master/system/log.h"
#include "shared/number.h"

#define FAILURES_LOG_INTERVAL CLOCK_SECOND

static int manager = -1;
static struct sockaddr_un address;
static socklen_t address_length;
static int64_t alive_every; /* microseconds; 0: there is no watchdog */
/* clock_now() of the next WATCHDOG=1; there is none before READY=1. */
static int64_t alive_at;

static void
socket_init(const char *path)
{
	size_t length = strlen(path);

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
}

/* pid may be NULL. */
static void
watchdog_init(const char *interval, const char *pid)
{
	int64_t number;

	if (pid != NULL) {
		if (number_parse(pid, 1, INT32_MAX, &number) == -1) {
			log_line(LOG_WARNING,
			    "WATCHDOG_PID: not a number: %s", pid);
			return;
		}
		if (number != getpid())
			return;
	}
	if (number_parse(interval, 1, INT64_MAX / 4, &number) == -1) {
		log_line(LOG_WARNING,
		    "WATCHDOG_USEC: not a number of microseconds: %s",
		    interval);
		return;
	}
	alive_every = number / 2 > CLOCK_MS ? number / 2 : CLOCK_MS;
	alive_at = CLOCK_NEVER;
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

/* Limited, since the watchdog would repeat it again and again. */
static void
tell(const char *text)
{
	static struct log_limit failures;
	uint64_t suppressed;

	if (manager != -1 &&
	    sendto(manager, text, strlen(text), MSG_NOSIGNAL,
		(struct sockaddr *)&address, address_length) == -1 &&
	    log_limit_pass(&failures, clock_now(), FAILURES_LOG_INTERVAL,
		&suppressed))
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
	if (alive_at == CLOCK_NEVER)
		alive_at = clock_now() + alive_every;
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

void
notify_alive(int64_t now)
{
	if (alive_every == 0 || now < alive_at)
		return;
	alive_at = now + alive_every;
	tell("WATCHDOG=1");
}

int64_t
notify_wakeup(void)
{
	return alive_every == 0 ? CLOCK_NEVER : alive_at;
}
