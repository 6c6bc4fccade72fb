/* Running COMMAND at intervals, and writing what comes of it. */
#include "config.h"

#include "feed/loop.h"

#include <errno.h>
#include <string.h>

#include "feed/events.h"
#include "feed/notify.h"
#include "feed/run.h"
#include "feed/say.h"
#include "feed/verdict.h"
#include "shared/deadline.h"

#define NS_PER_MS 1000000

/* Large, and there is one run at a time. */
static struct run_result result;

int64_t
loop_next(int64_t planned, int64_t interval, int64_t now)
{
	if (now < planned)
		return planned;
	return planned + ((now - planned) / interval + 1) * interval;
}

/* A run that fails is news when the one before it did not, and the other way
 * round. */
static void
report(const struct feed *feed, const char *line, bool *failing)
{
	bool good = verdict_is_good(&result);

	if (!good && !*failing)
		say("%s: %.*s", feed->command[0],
		    (int)strcspn(line, "\n") - (int)strlen("down #"),
		    line + strlen("down #"));
	else if (good && *failing)
		say("%s: works again", feed->command[0]);
	*failing = !good;
}

static bool
output_write_file(struct feed *feed)
{
	if (feed->output.path == NULL || !verdict_is_good(&result))
		return true;
	if (result.output_length > RUN_OUTPUT_MAX) {
		replace_fail(&feed->output, EFBIG);
		return false;
	}
	return replace_file(&feed->output, result.output, result.output_length);
}

/* The greeting first: who hears "up" is to find it. */
static bool
publish(struct feed *feed, bool *failing)
{
	char line[VERDICT_MAX];
	size_t length = verdict_line(&result, line);
	bool output_written = output_write_file(feed);
	bool health_written = replace_file(&feed->health, line, length);

	report(feed, line, failing);
	notify_verdict(line);
	return output_written && health_written;
}

static void
wait_until(int64_t moment)
{
	while (events_stops() == 0 && deadline_left(moment) > 0)
		events_wait(NULL, 0, moment);
}

static int
run_once(struct feed *feed)
{
	bool failing = false, written = true;

	run_command(feed->command, feed->limit_ms, &result);
	if (result.end != RUN_STOPPED)
		written = publish(feed, &failing);
	if (verdict_is_good(&result) && !written)
		return LOOP_NOT_WRITTEN;
	return verdict_status(&result);
}

int
loop_run(struct feed *feed)
{
	const int64_t interval = feed->interval_ms * NS_PER_MS;
	int64_t planned = deadline_after(0);
	bool failing = false;

	if (feed->once)
		return run_once(feed);
	while (events_stops() == 0) {
		run_command(feed->command, feed->limit_ms, &result);
		if (result.end != RUN_STOPPED)
			(void)publish(feed, &failing);
		planned = loop_next(planned, interval, deadline_after(0));
		wait_until(planned);
	}
	return 0;
}
