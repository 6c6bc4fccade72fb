/* Sums up clients that have no line of their own. */
#include "config.h"

#include "master/clients/quiet.h"

#include "master/clients/service.h"
#include "master/system/clock.h"
#include "master/system/log_event.h"

void
quiet_count(struct service *service, const struct client *client,
    enum outcome outcome, int64_t now)
{
	struct counters_row *row = &service->counters.rows[client->row];

	row->quiet++;
	row->quiet_greeted += outcome == OUTCOME_GREETED;
	service->quiet_at = clock_earlier(
	    service->quiet_at, now + QUIET_SECONDS * CLOCK_SECOND);
}

void
quiet_flush(struct service *service)
{
	struct counters_row *row = service->counters.rows;
	struct counters_row *end = row + service->counters.n_rows;

	service->quiet_at = CLOCK_NEVER;
	for (; row < end; row++) {
		if (row->quiet == 0)
			continue;
		log_event(LOG_INFO, "quiet", LOG_WORD("listener", row->name),
		    LOG_NUMBER("clients", row->quiet),
		    LOG_NUMBER("greeted", row->quiet_greeted));
		row->quiet = row->quiet_greeted = 0;
	}
}

void
quiet_step(struct service *service, int64_t now)
{
	if (now >= service->quiet_at)
		quiet_flush(service);
}

int64_t
quiet_wakeup(const struct service *service)
{
	return service->quiet_at;
}
