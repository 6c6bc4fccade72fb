/* Saying that the daemon is full. */
#include "config.h"

#include "master/clients/full.h"

#include "master/system/clock.h"
#include "master/config/conf.h"
#include "master/clients/service.h"
#include "master/system/log_event.h"

/* "full" is over when a tenth of max_clients has been free for so long: the log
 * must not hear of every client that comes and goes at the limit. */
#define FULL_OVER_NUMERATOR 9
#define FULL_OVER_DENOMINATOR 10
#define FULL_OVER_AFTER CLOCK_SECOND

static void
begin(struct service *service, const char *listener, uint32_t live,
    int64_t limit)
{
	service->full.over_at = CLOCK_NEVER;
	if (service->full.said)
		return;
	service->full.said = true;
	log_event(LOG_WARNING, "full", LOG_WORD("listener", listener),
	    LOG_NUMBER("clients", live), LOG_SIGNED("max_clients", limit));
}

void
full_note(struct service *service, const struct listener *listener,
    const struct conf_limits *limits)
{
	const struct counters_row *row = &service->counters.rows[listener->row];

	if (limits == &service->setup->conf->limits)
		begin(service, "-", service->counters.live,
		    limits->max_clients);
	else
		begin(service, row->name, row->live, limits->max_clients);
}

/* True when no listener is at its limit any more, by a margin. */
static bool
has_room(const struct service *service)
{
	const struct counters *counters = &service->counters;
	const struct conf *conf = service->setup->conf;
	size_t i;

	if (counters->live > conf->limits.max_clients * FULL_OVER_NUMERATOR /
		FULL_OVER_DENOMINATOR)
		return false;
	for (i = 0; i < counters->n_rows; i++)
		if (counters->rows[i].session != -1 &&
		    counters->rows[i].live >
			conf->listener[counters->rows[i].session]
				.limits.max_clients *
			    FULL_OVER_NUMERATOR / FULL_OVER_DENOMINATOR)
			return false;
	return true;
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
		    LOG_NUMBER("clients", service->counters.live));
	}
}
