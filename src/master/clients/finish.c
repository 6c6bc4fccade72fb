/* Ends a client. */
#include "config.h"

#include "master/clients/finish.h"

#include <sys/socket.h>

#include <unistd.h>

#include "master/system/clock.h"
#include "master/config/conf.h"
#include "master/clients/delivery.h"
#include "master/clients/drain.h"
#include "master/clients/fields.h"
#include "master/clients/place.h"
#include "master/clients/quiet.h"
#include "master/clients/service.h"

bool
finish_bytes(const struct client *client, uint64_t *bytes)
{
	struct delivery delivery;

	/* How long its greeting is is known once a spawner has it. */
	if (client->phase == CLIENT_WAITING || client->fd == -1)
		return false;
	delivery = delivery_look(client);
	if (!delivery.counts && !client_lingers(client))
		return false;
	return delivery_bytes(&delivery, client, OUTCOME_GREETED, bytes);
}

/* True when the client has never sent a byte, apart from what a proxy has before
 * it. */
static bool
is_silent(const struct client *client, const struct delivery *delivery)
{
	uint64_t said = client->closing.bytes;

	drain(client->fd, &said);
	return said == 0 && delivery_was_silent(delivery, client);
}

/* A client that went without a word, and acknowledged nothing, is a port
 * check. */
static enum outcome
refine(const struct client *client, enum outcome outcome, uint64_t bytes,
    const struct delivery *delivery)
{
	if ((outcome == OUTCOME_CLIENT_GONE || outcome == OUTCOME_RESET) &&
	    bytes == 0 && is_silent(client, delivery))
		return OUTCOME_PROBED;
	return outcome;
}

/* True when log.clients of its listener wants a line. */
static bool
is_logged(const struct client *client, enum outcome outcome)
{
	return client->log == CONF_CLIENTS_ALL ||
	    (client->log == CONF_CLIENTS_ERRORS &&
		!outcome_is_ordinary(outcome));
}

static void
client_log(struct service *service, const struct client *client,
    enum outcome outcome, bool known, uint64_t bytes, int64_t now)
{
	struct fields fields;
	bool bug = outcome == OUTCOME_VIOLATION || outcome == OUTCOME_CRASHED;

	if (!is_logged(client, outcome))
		return;
	if (client->quiet && outcome_is_ordinary(outcome)) {
		quiet_count(service, client, outcome, now);
		return;
	}
	log_event(bug ? LOG_ERR : LOG_INFO, "client",
	    CLIENT_FIELDS(service, client, &fields),
	    LOG_WORD("outcome", outcome_name(outcome)),
	    LOG_IF(known, LOG_NUMBER("bytes", bytes)),
	    LOG_SIGNED("duration_ms", (now - client->accepted) / CLOCK_MS),
	    LOG_SIGNED("cpu_us", client->cpu_us),
	    LOG_IF(client->state != STATE_READY,
		LOG_WORD("state", state_name((enum state)client->state))),
	    PROXY_FIELDS(client, &fields),
	    LOG_IF(bug, LOG_NUMBER("generation", client->generation)));
}

/*
 * Closes our copy, the last one.  After a session that was cut short, what the
 * client has not taken would stay in the kernel for minutes, so the connection
 * is reset.
 */
static void
connection_close(
    int fd, const struct delivery *delivery, enum outcome outcome)
{
	static const struct linger reset = { 1, 0 };

	if (outcome != OUTCOME_GREETED && delivery->queued > 0)
		setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
	close(fd);
}

void
finish(struct service *service, uint32_t slot, enum outcome outcome,
    const struct delivery *delivery, int64_t now)
{
	struct client *client = &service->clients.slots[slot];
	uint64_t bytes;
	bool known = delivery_bytes(delivery, client, outcome, &bytes);

	outcome = refine(client, outcome, bytes, delivery);
	connection_close(client->fd, delivery, outcome);
	backoff_hasten(&service->accepting); /* there is a descriptor less */
	service->counters.sent_bytes += known ? bytes : 0;
	service->counters.cpu_us += (uint64_t)client->cpu_us;
	place_release(service, client);
	if (client_lingers(client))
		counters_unlinger(&service->counters, client->row);
	counters_end(&service->counters, client->row, outcome);
	durations_note(&service->counters.durations, now - client->accepted);
	client_log(service, client, outcome, known, bytes, now);
	clients_remove(&service->clients, slot);
}
