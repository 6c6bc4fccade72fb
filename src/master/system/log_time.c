/* Writes the time of a log line. */
#include "config.h"

#include "master/system/log_time.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

/* "2026-11-26T04:43:01", made once a second. */
static const char *
seconds(time_t now)
{
	static char text[LOG_TIME_MAX] = "1970-01-01T00:00:00";
	static time_t made;
	struct tm tm;

	if (now != made && gmtime_r(&now, &tm) != NULL &&
	    strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &tm) > 0)
		made = now;
	return text;
}

const char *
log_time(char text[LOG_TIME_MAX])
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	snprintf(text, LOG_TIME_MAX, "%.19s.%03uZ", seconds(now.tv_sec),
	    (unsigned)(now.tv_nsec / 1000000) % 1000);
	return text;
}
