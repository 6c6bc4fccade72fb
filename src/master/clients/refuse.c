/* Refuses clients. */
#include "config.h"

#include "master/clients/refuse.h"

#include <sys/socket.h>

#include "master/clients/answer.h"
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
	    LOG_NUMBER("suppressed", log->suppressed),
	    PROXY_FIELDS(client, &fields));
	log->suppressed = 0;
}

/* A single nonblocking send: the buffer of a new connection takes all of it.
 * What answers a request waits for that. */
static void
tell(struct service *service, const struct client *client, enum refusal why,
    int64_t now)
{
	struct answer answer;

	answer_refusal(&answer, service, client, why);
	if (answer.head > 0) {
		linger_owe(&service->linger, client->fd, answer.bytes,
		    answer.length, answer.head, now);
		return;
	}
	if (answer.length > 0)
		send(client->fd, answer.bytes, answer.length,
		    MSG_DONTWAIT | MSG_NOSIGNAL);
	shutdown(client->fd, SHUT_WR);
	linger_add(&service->linger, client->fd, now);
}

void
refuse(struct service *service, uint32_t slot, enum refusal why, int64_t now)
{
	struct client *client = &service->clients.slots[slot];

	place_release(service, client);
	counters_refuse(&service->counters, client->row, why);
	tell(service, client, why, now);
	refused_log(service, client, why, now);
	clients_remove(&service->clients, slot);
}
