/* Writes the log's lines to the system's log socket. */
#include "config.h"

#include "master/system/log_syslog.h"

#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "master/system/log_socket.h"

static struct log_socket server = LOG_SOCKET(LOG_SYSLOG_SOCKET, true);

bool
log_syslog_connect(void)
{
	return log_socket_connect(&server);
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

unsigned
log_syslog_put(int priority, const char *text)
{
	char line[OUTPUT_LINE_MAX];
	int length = snprintf(line, sizeof(line), "<%d>%sforkgreetd[%d]: %s",
	    priority, timestamp(), (int)getpid(), text);

	return log_socket_put(&server, line, (size_t)length);
}

unsigned
log_syslog_close(void)
{
	return log_socket_close(&server);
}
