/* What "forkgreetctl top" makes its view of. */
#include "config.h"

#include "master/control/top_text.h"

#include <inttypes.h>

#include "master/clients/service.h"
#include "master/control/status.h"
#include "master/system/clock.h"

/* Sums over all listeners, those that are gone too, so that they never
 * decrease. */
struct sums {
	uint64_t accepted;
	uint64_t ended;
	uint64_t refused[REFUSAL_COUNT];
};

static void
add(struct sums *sums, const struct counters_row *row)
{
	size_t i;

	sums->accepted += row->accepted;
	for (i = 0; i < OUTCOME_COUNT; i++)
		sums->ended += row->ended[i];
	for (i = 0; i < REFUSAL_COUNT; i++)
		sums->refused[i] += row->refused[i];
}

void
top_text(FILE *out, const struct overview *overview, int64_t now)
{
	const struct counters *counters = &overview->service->counters;
	struct sums sums = { 0 };
	size_t i;

	for (i = 0; i < counters->n_rows; i++)
		add(&sums, &counters->rows[i]);
	add(&sums, &counters->gone);
	fprintf(out, "time_us %" PRId64 "\nuptime %" PRId64 "\n", now,
	    (now - overview->ready_at) / CLOCK_SECOND);
	fprintf(out, "live %" PRIu32 "\nlingering %" PRIu32 "\n",
	    counters->live, counters->lingering);
	fprintf(out, "max_clients %" PRId64 "\n",
	    overview->service->setup->conf->limits.max_clients);
	fprintf(out, "accepted %" PRIu64 "\nended %" PRIu64 "\n",
	    sums.accepted, sums.ended);
	fprintf(out, "sent_bytes %" PRIu64 "\ncpu_us %" PRIu64 "\n",
	    counters->sent_bytes, counters->cpu_us);
	for (i = 0; i < REFUSAL_COUNT; i++)
		fprintf(out, "refused.%s %" PRIu64 "\n",
		    refusal_name((enum refusal)i), sums.refused[i]);
}
