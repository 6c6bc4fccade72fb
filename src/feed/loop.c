/* Running COMMAND at intervals, and writing what comes of it. */
#include "config.h"

#include "feed/loop.h"

#include <errno.h>
#include <string.h>

#include "feed/events.h"
#include "feed/notify.h"
#include "feed/replace.h"
#include "feed/run.h"
#include "feed/say.h"
#include "feed/verdict.h"
#include "shared/deadline.h"

#define NS_PER_MS 1000000
#define TEXT(number) #number
#define TEXT_OF(macro) TEXT(macro)
#define TOO_MUCH "more than " TEXT_OF(RUN_OUTPUT_MAX) " bytes"

/* Large, and there is one run at a time. */
static struct run_result result;
/* The error of the last run, and of the last attempt at each file; 0: none. */
static struct {
	int command, output, health;
} errors;

int64_t
loop_next(int64_t planned, int64_t interval, int64_t now)
{
	if (now < planned)
		return planned;
	return planned + ((now - planned) / interval + 1) * interval;
}

/* An error is news when the one before it was another or none, and so is that
 * there is none any more. */
static void
report(
    const char *what, int error, int *before, const char *how, const char *why)
{
	if (error != 0 && error != *before)
		say("%s: %s%s", what, how, why);
	else if (error == 0 && *before != 0)
		say("%s: works again", what);
	*before = error;
}

/* A path of NULL is not written. */
static bool
write_file(const char *path, const char *bytes, size_t length, int *before)
{
	int error = 0;

	if (path == NULL)
		return true;
	if (length > RUN_OUTPUT_MAX)
		error = EFBIG;
	else if (replace_file(path, bytes, length) == -1)
		error = errno;
	report(path, error, before, "not written: ",
	    error == EFBIG ? TOO_MUCH : strerror(error));
	return error == 0;
}

/* The greeting first: who hears "up" is to find it. */
static bool
publish(const struct feed *feed)
{
	bool good = verdict_is_good(&result), written = true;
	char line[VERDICT_MAX];
	size_t length = verdict_line(&result, line);

	if (good)
		written = write_file(feed->output, result.output,
		    result.output_length, &errors.output);
	if (!write_file(feed->health, line, length, &errors.health))
		written = false;
	line[length - 1] = '\0';
	report(feed->command[0], good ? 0 : -1, &errors.command, "",
	    good ? "" : line + strlen("down #"));
	notify_verdict(line);
	return written;
}

static void
wait_until(int64_t moment)
{
	while (events_stops() == 0 && deadline_left(moment) > 0)
		events_wait(NULL, 0, moment);
}

int
loop_run(const struct feed *feed)
{
	const int64_t interval = feed->interval_ms * NS_PER_MS;
	int64_t planned = deadline_after(0);
	bool written = true;

	while (feed->once || events_stops() == 0) {
		run_command(feed->command, feed->limit_ms, &result);
		if (result.end != RUN_STOPPED)
			written = publish(feed);
		if (feed->once)
			break;
		planned = loop_next(planned, interval, deadline_after(0));
		wait_until(planned);
	}
	if (!feed->once)
		return 0;
	if (verdict_is_good(&result) && !written)
		return LOOP_NOT_WRITTEN;
	return verdict_status(&result);
}
