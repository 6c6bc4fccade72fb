/* Backing off from a resource that has run out. */
#include "config.h"

#include "master/system/backoff.h"

#include <string.h>

#include "master/system/clock.h"
#include "master/system/log.h"

void
backoff_fail(struct backoff *backoff, const char *what, int error, int64_t now)
{
	if (backoff->delay == 0)
		backoff->delay = BACKOFF_FIRST_MS * CLOCK_MS;
	else if (!backoff_waits(backoff))
		backoff->delay *= 2;
	if (backoff->delay > BACKOFF_LONGEST_MS * CLOCK_MS)
		backoff->delay = BACKOFF_LONGEST_MS * CLOCK_MS;
	backoff->until = now + backoff->delay;
	if (backoff->said != NULL || now < backoff->log_next)
		return;
	log_line(LOG_WARNING, "%s: %s, paused until it works again", what,
	    strerror(error));
	backoff->said = what;
	backoff->log_next = now + BACKOFF_LOG_SECONDS * CLOCK_SECOND;
}

void
backoff_succeed(struct backoff *backoff)
{
	if (backoff->said != NULL)
		log_line(LOG_WARNING, "%s: works again", backoff->said);
	backoff->said = NULL;
	backoff->until = CLOCK_NEVER;
	backoff->delay = 0;
}

void
backoff_step(struct backoff *backoff, int64_t now)
{
	if (now >= backoff->until)
		backoff->until = CLOCK_NEVER;
}
