/* Saying that the daemon is full. */
#include "config.h"

#include "master/clients/full.h"

#include "master/system/clock.h"
#include "master/config/conf.h"
#include "master/server.h"

/* "full" is over when a tenth of max_clients has been free for so long: the log
 * must not hear of every client that comes and goes at the limit. */
#define FULL_OVER_NUMERATOR 9
#define FULL_OVER_DENOMINATOR 10
#define FULL_OVER_AFTER CLOCK_SECOND

static void
begin(struct server *server, const char *listener, uint32_t live,
    int64_t limit)
{
	server->full.over_at = CLOCK_NEVER;
	if (server->full.said)
		return;
	server->full.said = true;
	log_line(LOG_WARNING, "full listener=%s clients=%u max_clients=%d",
	    listener, (unsigned)live, (int)limit);
}

void
full_note(struct server *server, const struct listener *listener,
    const struct conf_limits *limits)
{
	const struct stats_row *row = &server->stats.rows[listener->row];

	if (limits == &server->conf->limits)
		begin(server, "-", server->stats.live,
		    limits->max_clients);
	else
		begin(server, row->name, row->live, limits->max_clients);
}

/* True when no listener is at its limit any more, by a margin. */
static bool
has_room(const struct server *server)
{
	const struct stats *stats = &server->stats;
	const struct conf *conf = server->conf;
	size_t i;

	if (stats->live > conf->limits.max_clients * FULL_OVER_NUMERATOR /
		FULL_OVER_DENOMINATOR)
		return false;
	for (i = 0; i < stats->n_rows; i++)
		if (stats->rows[i].session != -1 &&
		    stats->rows[i].live >
			conf->listener[stats->rows[i].session]
				.limits.max_clients *
			    FULL_OVER_NUMERATOR / FULL_OVER_DENOMINATOR)
			return false;
	return true;
}

void
full_step(struct server *server, int64_t now)
{
	if (!server->full.said)
		return;
	if (!has_room(server)) {
		server->full.over_at = CLOCK_NEVER;
	} else if (server->full.over_at == CLOCK_NEVER) {
		server->full.over_at = now + FULL_OVER_AFTER;
	} else if (now >= server->full.over_at) {
		server->full.said = false;
		log_line(LOG_WARNING, "full ended clients=%u",
		    (unsigned)server->stats.live);
	}
}
