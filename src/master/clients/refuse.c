/* Refuses clients. */
#include "config.h"

#include "master/clients/refuse.h"

#include <sys/socket.h>

#include <time.h>

#include "master/clients/fields.h"
#include "master/clients/place.h"
#include "master/clients/service.h"
#include "master/config/conf.h"
#include "master/system/clock.h"

#define LINE_INTERVAL CLOCK_SECOND

bool
refuse_log_pass(struct refuse_log *log, uint64_t who, int64_t now)
{
	size_t i;

	if (log->line[log->oldest].until > now)
		return false;
	for (i = 0; i < REFUSE_LINES; i++)
		if (log->line[i].until > now && log->line[i].who == who)
			return false;
	log->line[log->oldest].until = now + LINE_INTERVAL;
	log->line[log->oldest].who = who;
	log->oldest = (log->oldest + 1) % REFUSE_LINES;
	return true;
}

static void
refused_log(struct service *service, const struct client *client,
    enum refusal why, int64_t now)
{
	struct refuse_log *log = &service->refusals;
	struct fields fields;

	if (client->log == CONF_CLIENTS_NONE)
		return;
	if (!refuse_log_pass(log, client->who, now)) {
		log->suppressed++;
		return;
	}
	log_event(LOG_INFO, "refused", CLIENT_FIELDS(service, client, &fields),
	    LOG_WORD("reason", refusal_name(why)),
	    LOG_NUMBER("suppressed", log->suppressed));
	log->suppressed = 0;
}

/* The listener's text for that reason. */
static size_t
render(struct service *service, const struct client *client, enum refusal why,
    char *out)
{
	const struct counters_row *row = &service->counters.rows[client->row];
	struct greet_values values = {
		.client = client->peer,
		.server = client->local,
		.listener = row->name,
		.id = client->id,
		.time = time(NULL),
		.clients = counters_places(row),
		.limit = client->limit,
		.retry_after = client->retry_after,
	};

	return messages_render(&service->setup->messages, service->setup->conf,
	    row->session, why, &values, out);
}

/* A single nonblocking send: the buffer of a new connection takes all of it. */
static void
tell(struct service *service, const struct client *client, enum refusal why)
{
	char rendered[GREET_MESSAGE_MAX];
	const char *text = client->refusal;
	size_t length = client->refusal_length;

	if (text == NULL) {
		text = rendered;
		length = render(service, client, why, rendered);
	}
	if (length > 0)
		send(client->fd, text, length, MSG_DONTWAIT | MSG_NOSIGNAL);
	shutdown(client->fd, SHUT_WR);
}

void
refuse(struct service *service, uint32_t slot, enum refusal why, int64_t now)
{
	struct client *client = &service->clients.slots[slot];

	place_release(service, client);
	counters_refuse(&service->counters, client->row, why);
	tell(service, client, why);
	linger_add(&service->linger, client->fd, now);
	refused_log(service, client, why, now);
	clients_remove(&service->clients, slot);
}
