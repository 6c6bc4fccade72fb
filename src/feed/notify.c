/* What the service manager is told. */
#include "config.h"

#include "feed/notify.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "feed/say.h"
#include "shared/deadline.h"
#include "shared/manager.h"

#define RETRY_MS 100 /* when the manager's socket is full */
#define US_PER_MS 1000

static struct manager manager = { .fd = -1 };
static const char *state = "READY=1\n"; /* until it has been told */
static char status[NOTIFY_STATUS_MAX + 1];
static int64_t retry_at; /* when to tell it again; 0: it has been told */
static int64_t alive_every; /* milliseconds; 0: there is no watchdog */
static int64_t alive_at; /* the next WATCHDOG=1; 0: none before READY=1 */

void
notify_init(void)
{
	char why[MANAGER_WHY_MAX];

	if (manager_open(&manager, why) == -1)
		say("%s", why);
	alive_every = (manager.alive_every + US_PER_MS - 1) / US_PER_MS;
}

/* What cannot be told now stays for later; that is no news. */
static void
tell_status(void)
{
	char text[sizeof("STOPPING=1\nSTATUS=") + NOTIFY_STATUS_MAX];

	snprintf(text, sizeof(text), "%sSTATUS=%s", state, status);
	retry_at = deadline_after(RETRY_MS);
	if (manager_tell(&manager, text) == -1)
		return;
	retry_at = 0;
	state = "";
}

static void
tell_alive(void)
{
	int result = manager_tell(&manager, "WATCHDOG=1");

	alive_at = deadline_after(result == 0 ? alive_every : RETRY_MS);
}

void
notify_verdict(const char *line)
{
	char fresh[sizeof(status)];

	snprintf(fresh, sizeof(fresh), "%.*s", (int)strcspn(line, "\n"), line);
	if (strcmp(fresh, status) == 0)
		return;
	memcpy(status, fresh, sizeof(status));
	if (alive_every != 0 && alive_at == 0)
		alive_at = deadline_after(alive_every);
	tell_status();
}

void
notify_stopping(void)
{
	state = "STOPPING=1\n";
	snprintf(status, sizeof(status), "stopping");
	tell_status();
}

void
notify_step(void)
{
	if (retry_at != 0 && deadline_left(retry_at) <= 0)
		tell_status();
	if (alive_at != 0 && deadline_left(alive_at) <= 0)
		tell_alive();
}

int64_t
notify_wakeup(int64_t deadline)
{
	if (retry_at != 0 && retry_at < deadline)
		deadline = retry_at;
	if (alive_at != 0 && alive_at < deadline)
		deadline = alive_at;
	return deadline;
}
