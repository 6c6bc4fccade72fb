/* Logging that the daemon is full. */
#include "config.h"

#include "master/clients/full.h"

#include "master/clients/service.h"
#include "master/config/conf.h"
#include "master/config/resources.h"
#include "master/system/clock.h"
#include "master/system/log_event.h"

/* "full" is over when a tenth of max_clients has been free for this long:
 * clients that come and go at the limit must not fill the log. */
#define FULL_OVER_NUMERATOR 9
#define FULL_OVER_DENOMINATOR 10
#define FULL_OVER_AFTER CLOCK_SECOND

/* undeclared: because of so many; 0: because of live. */
static void
begin(struct service *service, const char *listener, uint32_t live,
    int64_t limit, uint32_t undeclared)
{
	service->full.over_at = CLOCK_NEVER;
	if (service->full.said)
		return;
	service->full.said = true;
	log_event(LOG_WARNING, "full", LOG_WORD("listener", listener),
	    LOG_NUMBER("clients", live), LOG_SIGNED("max_clients", limit),
	    LOG_IF(undeclared > 0, LOG_NUMBER("undeclared", undeclared)));
}

void
full_note(struct service *service, const struct listener *listener,
    const struct conf_limits *limits)
{
	const struct counters_row *row = &service->counters.rows[listener->row];

	if (limits == &service->setup->conf->limits)
		begin(service, "-", service_places(service),
		    limits->max_clients, 0);
	else
		begin(service, row->name, counters_places(row),
		    limits->max_clients, 0);
}

void
full_note_undeclared(struct service *service, const struct listener *listener)
{
	const struct counters_row *row = &service->counters.rows[listener->row];

	begin(service, row->name, service_places(service),
	    service->setup->conf->limits.max_clients, service->awaited);
}

/* True when so many clients are within the margin below the most. */
static bool
is_close(uint32_t clients, int64_t most)
{
	return clients > most * FULL_OVER_NUMERATOR / FULL_OVER_DENOMINATOR;
}

/* True when no listener is at its limit any more, by a margin. */
static bool
has_room(const struct service *service)
{
	const struct counters_row *row = service->counters.rows;
	const struct counters_row *end = row + service->counters.n_rows;
	const struct conf *conf = service->setup->conf;

	if (is_close(service_places(service), conf->limits.max_clients) ||
	    is_close(service->awaited, resources_awaited(conf)))
		return false;
	for (; row < end; row++)
		if (row->session != -1 &&
		    is_close(counters_places(row),
			conf->listener[row->session].limits.max_clients))
			return false;
	return true;
}

int64_t
full_wakeup(const struct service *service)
{
	return service->full.said ? service->full.over_at : CLOCK_NEVER;
}

void
full_step(struct service *service, int64_t now)
{
	if (!service->full.said)
		return;
	if (!has_room(service)) {
		service->full.over_at = CLOCK_NEVER;
	} else if (service->full.over_at == CLOCK_NEVER) {
		service->full.over_at = now + FULL_OVER_AFTER;
	} else if (now >= service->full.over_at) {
		service->full.said = false;
		log_event(LOG_WARNING, "full ended",
		    LOG_NUMBER("clients", service_places(service)));
	}
}
