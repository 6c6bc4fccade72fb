/* The service manager's notification protocol. */
#include "config.h"

#include "master/system/notify.h"

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <unistd.h>

#include "master/system/backoff.h"
#include "master/system/clock.h"
#include "master/system/log.h"
#include "shared/manager.h"

static struct manager manager = { .fd = -1 };
static int64_t alive_every; /* microseconds; 0: there is no watchdog */
/* clock_now() of the next WATCHDOG=1; there is none before READY=1. */
static int64_t alive_at;
/* What is still to be told, "": nothing; in this order. */
static char reloading[64]; /* RELOADING=1 */
static char state[300]; /* what we are now: READY=1 or STOPPING=1 */
static bool alive; /* WATCHDOG=1 */
static struct backoff failures = { .until = CLOCK_NEVER };

void
notify_init(void)
{
	char why[MANAGER_WHY_MAX];

	if (manager_open(&manager, why) == -1)
		log_line(LOG_WARNING, "%s", why);
	alive_every = manager.alive_every;
	if (alive_every == 0)
		return;
	alive_at = CLOCK_NEVER;
	if (alive_every < CLOCK_MS)
		alive_every = CLOCK_MS;
}

const struct manager *
notify_manager(void)
{
	return &manager;
}

void
notify_resume(const struct manager *before)
{
	manager = *before;
	if (manager.length > 0)
		manager.fd = socket(
		    AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	alive_every = manager.alive_every;
	alive_at = 0; /* at once: it is not known when it was told last */
}

static bool
tell(const char *text, int64_t now)
{
	if (manager_tell(&manager, text) == -1) {
		backoff_fail(&failures, "notify", errno, now);
		return false;
	}
	backoff_succeed(&failures);
	return true;
}

static bool
is_pending(void)
{
	return reloading[0] != '\0' || state[0] != '\0' || alive;
}

/* What cannot be told now stays for later. */
static void
tell_pending(int64_t now)
{
	if (manager.fd == -1)
		return;
	if (reloading[0] != '\0') {
		if (!tell(reloading, now))
			return;
		reloading[0] = '\0';
	}
	if (state[0] != '\0') {
		if (!tell(state, now))
			return;
		state[0] = '\0';
	}
	if (alive && tell("WATCHDOG=1", now))
		alive = false;
}

static void
tell_unless_waiting(int64_t now)
{
	if (is_pending() && !backoff_waits(&failures))
		tell_pending(now);
}

void
notify_ready(const char *format, ...)
{
	int64_t now = clock_now();
	char status[256];
	va_list args;

	va_start(args, format);
	vsnprintf(status, sizeof(status), format, args);
	va_end(args);
	snprintf(state, sizeof(state), "READY=1\nSTATUS=%s", status);
	tell_unless_waiting(now);
	if (alive_at == CLOCK_NEVER)
		alive_at = now + alive_every;
}

void
notify_serving(unsigned listeners, const unsigned count[STATE_COUNT])
{
	char states[STATE_COUNT * 32] = "";
	size_t used = 0;
	unsigned i;

	for (i = STATE_READY + 1; i < STATE_COUNT; i++)
		if (count[i] > 0)
			used += (size_t)snprintf(states + used,
			    sizeof(states) - used, ", %u %s", count[i],
			    state_name((enum state)i));
	notify_ready("serving %u listener%s%s", listeners,
	    listeners == 1 ? "" : "s", states);
}

/* A READY=1 that is still to be told is of before this. */
void
notify_reloading(void)
{
	int64_t now = clock_now();

	snprintf(reloading, sizeof(reloading), "RELOADING=1\nMONOTONIC_USEC=%lld",
	    (long long)now);
	state[0] = '\0';
	tell_unless_waiting(now);
}

void
notify_stopping(void)
{
	reloading[0] = '\0';
	snprintf(state, sizeof(state), "STOPPING=1\nSTATUS=stopping");
	tell_unless_waiting(clock_now());
}

void
notify_end(void)
{
	if (manager.fd == -1)
		return;
	tell_pending(clock_now());
	close(manager.fd);
	manager.fd = -1;
}

void
notify_alive(int64_t now)
{
	if (alive_every != 0 && now >= alive_at) {
		alive_at = now + alive_every;
		alive = true;
	}
	backoff_step(&failures, now);
	tell_unless_waiting(now);
}

int64_t
notify_wakeup(void)
{
	int64_t next = alive_every == 0 ? CLOCK_NEVER : alive_at;

	if (manager.fd == -1)
		return CLOCK_NEVER;
	return is_pending() ? clock_earlier(failures.until, next) : next;
}
