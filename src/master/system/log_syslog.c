/* Writes the log's lines to the system's log socket. */
#include "config.h"

#include "master/system/log_syslog.h"

#include <sys/socket.h>
#include <sys/un.h>

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "master/system/clock.h"
#include "master/system/output.h"

#define RECONNECT_INTERVAL (250 * CLOCK_MS)

static struct output output = OUTPUT_NONE;
static bool is_stream;
static int64_t reconnect_at;

/* Returns how many lines are lost by it: one of which a part is left. */
static unsigned
disconnect(void)
{
	unsigned lost = output.rest_length > 0 ? 1 : 0;

	if (output.fd != -1)
		close(output.fd);
	output_close(&output);
	return lost;
}

static bool
connect_as(int type)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX,
		.sun_path = LOG_SYSLOG_SOCKET };
	int fd = socket(AF_UNIX, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int error;

	if (fd == -1)
		return false;
	if (connect(fd, (struct sockaddr *)&address, sizeof(address)) == -1) {
		error = errno;
		close(fd);
		errno = error;
		return false;
	}
	output_open(&output, fd);
	is_stream = type == SOCK_STREAM;
	return true;
}

bool
log_syslog_connect(void)
{
	int64_t now = clock_now();

	if (output.fd != -1)
		return true;
	if (now < reconnect_at) {
		errno = EAGAIN;
		return false;
	}
	reconnect_at = now + RECONNECT_INTERVAL;
	return connect_as(SOCK_DGRAM) ||
	    (errno == EPROTOTYPE && connect_as(SOCK_STREAM));
}

/* "Nov 22 16:21:07 ", in local time as syslog(3) does; made once a second. */
static const char *
timestamp(void)
{
	static char text[32];
	static time_t made = -1;
	time_t now = time(NULL);
	struct tm tm;

	if (now != made && localtime_r(&now, &tm) != NULL) {
		strftime(text, sizeof(text), "%b %e %H:%M:%S ", &tm);
		made = now;
	}
	return text;
}

/* The log server was restarted. */
static bool
must_reconnect(int error)
{
	return error == ECONNREFUSED || error == ECONNRESET ||
	    error == ENOTCONN || error == EPIPE || error == EDESTADDRREQ;
}

unsigned
log_syslog_put(int priority, const char *text)
{
	char line[OUTPUT_TEXT_MAX + 96];
	unsigned lost = 0;
	int length, tries;

	length = snprintf(line, sizeof(line), "<%d>%sforkgreetd[%d]: %s",
	    priority, timestamp(), (int)getpid(), text);
	for (tries = 0; tries < 2 && log_syslog_connect(); tries++) {
		if (output_put(&output, line, (size_t)length + (is_stream ? 1 : 0)))
			return lost;
		if (!must_reconnect(errno))
			break;
		lost += disconnect();
	}
	return lost + 1;
}

unsigned
log_syslog_close(void)
{
	reconnect_at = 0;
	return disconnect();
}
