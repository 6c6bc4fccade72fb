/* The metrics that each listener has. */
#include "config.h"

#include "master/control/metrics_listeners.h"

#include <sys/socket.h>

#include <netinet/in.h>

#include <linux/tcp.h>

#include <time.h>

#include "master/clients/service.h"
#include "master/config/conf.h"
#include "master/control/series.h"
#include "master/control/status.h"
#include "master/system/file_id.h"

#define NS_PER_S INT64_C(1000000000)
#define NS_PER_US 1000

/* ------------------------------------------------------------------- counters */

/* The row with that index if it is a listener's, or the next one that is; behind
 * the last the sum of those that are gone, which has no name; then NULL. */
static const struct counters_row *
row_from(const struct series *series, size_t *index)
{
	const struct counters *counters = &series->overview->service->counters;

	for (; *index < counters->n_rows; (*index)++)
		if (counters->rows[*index].name[0] != '\0')
			return &counters->rows[*index];
	return *index == counters->n_rows && counters->gone.accepted > 0 ?
	    &counters->gone : NULL;
}

static void
put(const struct series *series, const struct counters_row *row, uint64_t value)
{
	series_put(series, LABEL("listener", row->name), NO_LABEL,
	    (int64_t)value);
}

void
metrics_accepted(const struct series *series)
{
	const struct counters_row *row;
	size_t i;

	for (i = 0; (row = row_from(series, &i)) != NULL; i++)
		put(series, row, row->accepted);
}

void
metrics_clients(const struct series *series)
{
	const struct counters_row *row;
	size_t i;

	for (i = 0; (row = row_from(series, &i)) != NULL; i++)
		put(series, row, row->live);
}

void
metrics_lingering(const struct series *series)
{
	const struct counters_row *row;
	size_t i;

	for (i = 0; (row = row_from(series, &i)) != NULL; i++)
		put(series, row, row->lingering);
}

void
metrics_refused(const struct series *series)
{
	const struct counters_row *row;
	size_t i, why;

	for (i = 0; (row = row_from(series, &i)) != NULL; i++)
		for (why = 0; why < REFUSAL_COUNT; why++)
			series_put(series, LABEL("listener", row->name),
			    LABEL("reason", refusal_name((enum refusal)why)),
			    (int64_t)row->refused[why]);
}

void
metrics_ended(const struct series *series)
{
	const struct counters_row *row;
	size_t i, how;

	for (i = 0; (row = row_from(series, &i)) != NULL; i++)
		for (how = 0; how < OUTCOME_COUNT; how++)
			series_put(series, LABEL("listener", row->name),
			    LABEL("outcome", outcome_name((enum outcome)how)),
			    (int64_t)row->ended[how]);
}

/* ------------------------------------------------------- as they are configured */

static struct exposition_label
label_of(const struct conf *conf, uint32_t listener)
{
	return LABEL(
	    "listener", conf_text(conf, conf->listener[listener].name));
}

/* Of a socket that listens the kernel says here how many connections wait to be
 * accepted: Linux 6.12, net/ipv4/tcp.c, tcp_get_info().  Of a UNIX socket it does
 * not. */
static uint32_t
queue_of(const struct listener *listener)
{
	struct tcp_info info = { 0 };
	socklen_t length = sizeof(info);

	if (listener->fd == -1 || listener_is_unix(listener) ||
	    getsockopt(listener->fd, IPPROTO_TCP, TCP_INFO, &info, &length) ==
		-1)
		return 0;
	return info.tcpi_unacked;
}

void
metrics_listen_queue(const struct series *series)
{
	const struct setup *setup = series->overview->service->setup;
	uint32_t waiting[CONF_LISTENERS_MAX] = { 0 }, i;
	bool has_queue[CONF_LISTENERS_MAX] = { false };
	const struct listener *listener = setup->listeners.list;
	const struct listener *end = listener + setup->listeners.n;

	for (; listener < end; listener++) {
		has_queue[listener->group] |= !listener_is_unix(listener);
		waiting[listener->group] += queue_of(listener);
	}
	for (i = 0; i < setup->conf->n_listeners; i++)
		if (has_queue[i])
			series_put(series, label_of(setup->conf, i), NO_LABEL,
			    waiting[i]);
}

void
metrics_state(const struct series *series)
{
	const struct service *service = series->overview->service;
	const struct conf *conf = service->setup->conf;
	uint32_t i, state;

	for (i = 0; i < conf->n_listeners; i++)
		for (state = 0; state < STATE_COUNT; state++)
			series_put(series, label_of(conf, i),
			    LABEL("state", state_name((enum state)state)),
			    (uint32_t)service->states[i].state == state);
}

/* A file of the future, where a clock was set, is new. */
void
metrics_greeting_age(const struct series *series)
{
	const struct setup *setup = series->overview->service->setup;
	const struct conf *conf = setup->conf;
	struct timespec wall;
	int64_t age;
	uint32_t i;

	clock_gettime(CLOCK_REALTIME, &wall);
	for (i = 0; i < conf->n_listeners; i++) {
		if (conf->listener[i].greeting_file.length == 0)
			continue;
		age = wall.tv_sec * NS_PER_S + wall.tv_nsec -
		    setup->files[i].written_ns;
		series_put(series, label_of(conf, i), NO_LABEL,
		    age < 0 ? 0 : age / NS_PER_US);
	}
}
