/* Shows the listeners and what was counted for them. */
#include "config.h"

#include "master/control/listing.h"

#include <inttypes.h>
#include <stdbool.h>

#include "master/clients/service.h"
#include "master/config/conf.h"
#include "master/control/writer.h"

/* ------------------------------------------------------------------ for people */

static void
put_addresses(FILE *out, const struct service *service, uint32_t group)
{
	const struct listener *listener = service->setup->listeners.list;
	const struct listener *end = listener + service->setup->listeners.n;
	const char *between = "  address   ";
	char text[LISTENER_TEXT_MAX];

	for (; listener < end; listener++) {
		if (listener->group != group)
			continue;
		fprintf(out, "%s%s%s", between,
		    listener_text(listener, text),
		    listener->fd == -1 ? " (skipped)" : "");
		between = ", ";
	}
	fputc('\n', out);
}

/* Nothing for one that is ready, and always was. */
static void
put_state(FILE *out, const struct listener_state *state)
{
	char text[WRITER_TIME_MAX];

	if (state->state == STATE_READY && state->reason[0] == '\0')
		return;
	fprintf(out, "  state     %s", state_name(state->state));
	if (state->until != 0)
		fprintf(out, " until %s", writer_time(state->until, text));
	if (state->reason[0] != '\0')
		fprintf(out, " (%s)", state->reason);
	fputc('\n', out);
}

static void
put_counters(FILE *out, const struct counters_row *row)
{
	size_t i;

	fprintf(out, "  accepted  %" PRIu64 "\n  refused   ", row->accepted);
	for (i = 0; i < REFUSAL_COUNT; i++)
		fprintf(out, "%s%s %" PRIu64, i > 0 ? ", " : "",
		    refusal_name((enum refusal)i), row->refused[i]);
	fputs("\n  ended     ", out);
	for (i = 0; i < OUTCOME_COUNT; i++)
		fprintf(out, "%s%s %" PRIu64, i > 0 ? ", " : "",
		    outcome_name((enum outcome)i), row->ended[i]);
	fputc('\n', out);
}

static void
put_row(FILE *out, const struct service *service, const struct counters_row *row)
{
	const struct conf *conf = service->setup->conf;

	if (row->name[0] == '\0')
		return;
	fprintf(out, "\nlistener %s%s\n", row->name,
	    row->session == -1 ? " (removed by a reload)" : "");
	if (row->session != -1) {
		put_addresses(out, service, (uint32_t)row->session);
		put_state(out, &service->states[row->session]);
	}
	fprintf(out, "  clients   %" PRIu32, counters_places(row));
	if (row->session != -1)
		fprintf(out, " of %" PRId64,
		    conf->listener[row->session].limits.max_clients);
	fprintf(out, ", %" PRIu32 " lingering\n", row->lingering);
	put_counters(out, row);
}

void
listing_people(FILE *out, const struct service *service)
{
	const struct counters *counters = &service->counters;
	size_t i;

	for (i = 0; i < counters->n_rows; i++)
		put_row(out, service, &counters->rows[i]);
	if (counters->gone.accepted > 0) {
		fputs("\nremoved listeners\n", out);
		put_counters(out, &counters->gone);
	}
}

/* ---------------------------------------------------------------- for programs */

static void
put_json_addresses(FILE *out, const struct service *service, uint32_t group)
{
	const struct listener *listener = service->setup->listeners.list;
	const struct listener *end = listener + service->setup->listeners.n;
	const char *between = "";
	char text[LISTENER_TEXT_MAX];

	fputs("\"addresses\": [", out);
	for (; listener < end; listener++) {
		if (listener->group != group)
			continue;
		fprintf(out, "%s{\"address\": ", between);
		writer_json(out, listener_address(listener, text));
		if (!listener_is_unix(listener))
			fprintf(out, ", \"port\": %u",
			    (unsigned)listener->bound.port);
		fprintf(out, ", \"listening\": %s}",
		    listener->fd != -1 ? "true" : "false");
		between = ", ";
	}
	fputs("], ", out);
}

static void
put_json_state(FILE *out, const struct listener_state *state)
{
	char text[WRITER_TIME_MAX];

	fprintf(out, "\"state\": \"%s\", ", state_name(state->state));
	if (state->until != 0)
		fprintf(out, "\"until\": \"%s\", ",
		    writer_time(state->until, text));
	if (state->reason[0] == '\0')
		return;
	fputs("\"reason\": ", out);
	writer_json(out, state->reason);
	fputs(", ", out);
}

static void
put_json_counters(FILE *out, const struct counters_row *row)
{
	size_t i;

	fprintf(
	    out, "\"accepted\": %" PRIu64 ", \"refused\": {", row->accepted);
	for (i = 0; i < REFUSAL_COUNT; i++)
		fprintf(out, "%s\"%s\": %" PRIu64, i > 0 ? ", " : "",
		    refusal_name((enum refusal)i), row->refused[i]);
	fputs("}, \"ended\": {", out);
	for (i = 0; i < OUTCOME_COUNT; i++)
		fprintf(out, "%s\"%s\": %" PRIu64, i > 0 ? ", " : "",
		    outcome_name((enum outcome)i), row->ended[i]);
	fputs("}}", out);
}

void
listing_json(FILE *out, const struct service *service)
{
	const struct counters_row *row = service->counters.rows;
	const struct counters_row *end = row + service->counters.n_rows;
	const char *between = "";

	fputs("\"listeners\": [", out);
	for (; row < end; row++) {
		if (row->name[0] == '\0')
			continue;
		fprintf(out, "%s{\"name\": ", between);
		writer_json(out, row->name);
		fprintf(out, ", \"configured\": %s, ",
		    row->session != -1 ? "true" : "false");
		if (row->session != -1) {
			put_json_addresses(out, service, (uint32_t)row->session);
			put_json_state(out, &service->states[row->session]);
			fprintf(out, "\"max_clients\": %" PRId64 ", ",
			    service->setup->conf->listener[row->session]
				.limits.max_clients);
		}
		fprintf(out, "\"live\": %" PRIu32 ", \"lingering\": %" PRIu32
		    ", ", row->live, row->lingering);
		put_json_counters(out, row);
		between = ", ";
	}
	fputs("], \"removed\": {", out);
	put_json_counters(out, &service->counters.gone);
}
