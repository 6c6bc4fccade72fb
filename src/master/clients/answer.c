/* The bytes that a client is sent. */
#include "config.h"

#include "master/clients/answer.h"

#include <time.h>

#include "master/clients/service.h"
#include "shared/plan.h"

static struct greet_values
values_of(const struct service *service, const struct client *client,
    const char *reason)
{
	const struct counters_row *row = &service->counters.rows[client->row];

	return (struct greet_values) {
		.client = client->peer,
		.server = client->local,
		.listener = row->name,
		.reason = reason,
		.id = client->id,
		.time = time(NULL),
		.clients = counters_places(row),
		.limit = client->limit,
		.retry_after = client->retry_after,
	};
}

static void
greet(struct answer *answer, const struct service *service,
    const struct client *client, const char *reason)
{
	const struct setup *setup = service->setup;
	const struct plan *plan = setup->snapshot.plan;
	const struct plan_session *session = &plan->session[client->session];
	const char *text = (const char *)plan + session->greeting_offset;
	struct greet_values values;

	answer->bytes = text;
	answer->length = session->greeting_length;
	if (!session->rendered)
		return;
	values = values_of(service, client, reason);
	answer->bytes = answer->room;
	answer->length = messages_greet(&setup->messages, client->session,
	    text, &values, answer->room);
}

void
answer_greeting(struct answer *answer, const struct service *service,
    const struct client *client)
{
	greet(answer, service, client, "");
}

void
answer_refusal(struct answer *answer, const struct service *service,
    const struct client *client, enum refusal why)
{
	const struct setup *setup = service->setup;
	struct greet_values values;

	if (client->own_text) {
		greet(answer, service, client, refusal_name(why));
		return;
	}
	values = values_of(service, client, "");
	answer->bytes = answer->room;
	answer->length = messages_render(&setup->messages, setup->conf,
	    service->counters.rows[client->row].session, why, &values,
	    answer->room);
}
