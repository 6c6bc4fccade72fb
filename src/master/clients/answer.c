/* The bytes that a client is sent. */
#include "config.h"

#include "master/clients/answer.h"

#include <sys/random.h>

#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "master/clients/service.h"
#include "master/config/conf.h"
#include "master/config/greetings.h"
#include "master/system/clock.h"
#include "shared/utc.h"

#define DAY (24 * 60 * 60) /* of %{time}: in UTC */
#define HTTP_DATE "Date: %a, %d %b %Y %H:%M:%S GMT\r\n"

/* Why its listener is in the state that the client is answered by.  A client has
 * no copy of that: it is the last one said, and none once the state is over. */
static const char *
reason_of(const struct service *service, const struct client *client)
{
	int group = service->counters.rows[client->row].session;

	if (group == -1 || service->states[group].state != client->state)
		return "";
	return service->states[group].reason;
}

/* CONF_FORMAT_PLAIN when it is gone. */
static int64_t
format_of(const struct service *service, const struct client *client)
{
	int group = service->counters.rows[client->row].session;

	return group == -1 ? CONF_FORMAT_PLAIN :
			     service->setup->conf->listener[group].format;
}

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
		.state = state_name((enum state)client->state),
		.until = client->until,
		.id = client->id,
		.time = time(NULL),
		.clients = counters_places(row),
		.limit = client->limit,
		.retry_after = client->retry_after,
	};
}

/* ------------------------------------------------------------------ greetings */

/* The session of the client's listener in the client's state; without a text of
 * its own for that, the one of the rule that let it in, or the listener's. */
static uint32_t
session_of(const struct service *service, const struct client *client)
{
	int group = service->counters.rows[client->row].session;
	enum state state = (enum state)client->state;

	if (state == STATE_READY || group == -1 ||
	    !greetings_has(&service->setup->conf->listener[group], state))
		return client->session;
	return greetings_index((uint32_t)group, state);
}

/* The end of an answer's head; 0: without a time to come again. */
static size_t
put_end(char out[PLAN_HEAD_MAX], size_t body, int64_t retry_after)
{
	size_t n = utc_format(
	    time(NULL), HTTP_DATE, sizeof(HTTP_DATE) - 1, out);

	if (retry_after > 0)
		n += (size_t)snprintf(out + n, PLAN_HEAD_MAX - n,
		    "Retry-After: %lld\r\n", (long long)retry_after);
	return n + (size_t)snprintf(out + n, PLAN_HEAD_MAX - n,
	    "Content-Length: %zu\r\n\r\n", body);
}

static int64_t
seconds_until(int64_t until)
{
	int64_t now = time(NULL);

	return until == 0 ? 0 : until > now ? until - now : 1;
}

/* The words of HAProxy's agent check. */
static size_t
put_words(char *out, size_t room, const struct client *client,
    const char *reason)
{
	int n = 0;

	switch ((enum state)client->state) {
	case STATE_READY:
		n = snprintf(out, room, "up ready %d%%\n",
		    client->weight < 0 ? 100 : client->weight);
		break;
	case STATE_DRAIN:
		n = snprintf(out, room, "up drain\n");
		break;
	case STATE_MAINTENANCE:
		n = snprintf(out, room, "maint\n");
		break;
	case STATE_DOWN:
		n = snprintf(out, room, "ready down #%s\n", reason);
		break;
	case STATE_COUNT:
		break;
	}
	return (size_t)n;
}

/* Which of that many texts it is, for that client or for today. */
static uint32_t
pick(int64_t how, uint32_t n)
{
	uint64_t number = 0;

	if (n == 1)
		return 0;
	if (how == CONF_PICK_DAILY)
		number = (uint64_t)time(NULL) / DAY;
	else if (getrandom(&number, sizeof(number), GRND_NONBLOCK) == -1)
		number = (uint64_t)clock_now(); /* early in a boot */
	return (uint32_t)(number % n);
}

static size_t
put_body(char *out, const struct service *service, const struct client *client,
    uint32_t index)
{
	const struct setup *setup = service->setup;
	const struct plan *plan = setup->snapshot.plan;
	struct greet_values values = values_of(service, client, "");
	int group = service->counters.rows[client->row].session;
	uint32_t which = group == -1 ? 0 :
	    pick(setup->conf->listener[group].pick,
		setup->messages.sessions[index].n_texts);

	return messages_greet(&setup->messages, index, which,
	    (const char *)plan + plan->session[index].greeting_offset, &values,
	    out);
}

/* Moves the body behind the end of its head, which says how long it is. */
static void
put_head(struct answer *answer, size_t body, int64_t retry_after)
{
	char end[PLAN_HEAD_MAX];

	answer->head = put_end(end, body, retry_after);
	memmove(answer->bytes + answer->head, answer->bytes, answer->length);
	memcpy(answer->bytes, end, answer->head);
	answer->length += answer->head;
}

void
answer_greeting(struct answer *answer, const struct service *service,
    const struct client *client)
{
	const struct plan_session *session;
	size_t body;

	answer->session = session_of(service, client);
	answer->head = answer->length = 0;
	session = &service->setup->snapshot.plan->session[answer->session];
	if (format_of(service, client) == CONF_FORMAT_AGENT)
		answer->length = put_words(answer->bytes,
		    sizeof(answer->bytes), client, reason_of(service, client));
	else if (session->rendered)
		answer->length = put_body(
		    answer->bytes, service, client, answer->session);
	body = session->rendered ? answer->length : session->greeting_length;
	answer->total = body;
	if (session->format != PLAN_HTTP)
		return;
	put_head(answer, body,
	    client->state == STATE_READY ? 0 : seconds_until(client->until));
	answer->total += session->head_length + answer->head;
}

void
answer_note(const struct service *service, struct client *client,
    const struct answer *answer)
{
	const struct plan_session *session =
	    &service->setup->snapshot.plan->session[answer->session];

	client->greeting_length = (uint32_t)answer->total;
	client->send_ms = session->send_ms;
	client->linger_ms = session->linger_ms;
	client->cpu_s = (uint32_t)session->cpu.soft;
	client->asks = session->format == PLAN_HTTP;
	client->holds = session->hold != 0;
}

void
answer_parts(struct answer_part parts[ANSWER_PARTS],
    const struct answer *answer, const struct plan *plan)
{
	const struct plan_session *session = &plan->session[answer->session];
	const char *texts = (const char *)plan;
	size_t rest = answer->length - answer->head;

	parts[0] = (struct answer_part) { texts + session->head_offset,
		session->head_length };
	parts[1] = (struct answer_part) { answer->bytes, answer->head };
	parts[2] = session->rendered ?
	    (struct answer_part) { answer->bytes + answer->head, rest } :
	    (struct answer_part) { texts + session->greeting_offset,
		    session->greeting_length };
}

/* ------------------------------------------------------------------- refusals */

static const char *
status_of(enum refusal why)
{
	switch (why) {
	case REFUSAL_DENIED:
		return "403 Forbidden";
	case REFUSAL_RATE:
	case REFUSAL_BUSY_PER_SOURCE:
	case REFUSAL_RATE_PER_SOURCE:
		return "429 Too Many Requests";
	case REFUSAL_BUSY:
	case REFUSAL_NO_RESOURCES:
	case REFUSAL_COUNT:
		break;
	}
	return "503 Service Unavailable";
}

static void
put_text(struct answer *answer, const struct service *service,
    const struct client *client, enum refusal why)
{
	const struct setup *setup = service->setup;
	const struct plan *plan = setup->snapshot.plan;
	const struct plan_session *session = &plan->session[client->session];
	struct greet_values values =
	    values_of(service, client, refusal_name(why));
	const char *text;

	if (!client->own_text) {
		answer->length = messages_render(&setup->messages, setup->conf,
		    service->counters.rows[client->row].session, why, &values,
		    answer->bytes);
		return;
	}
	text = (const char *)plan + session->greeting_offset;
	answer->length = session->greeting_length;
	if (session->rendered)
		answer->length = messages_greet(&setup->messages,
		    client->session, 0, text, &values, answer->bytes);
	else
		memcpy(answer->bytes, text, answer->length);
}

/* Refusals are plain text, whatever the listener's answers are. */
static void
put_start(struct answer *answer, const char *status)
{
	char start[ANSWER_START_MAX];
	size_t n = (size_t)snprintf(start, sizeof(start),
	    "HTTP/1.1 %s\r\n"
	    "Content-Type: text/plain; charset=utf-8\r\n"
	    "Cache-Control: no-store\r\n"
	    "Connection: close\r\n",
	    status);

	memmove(answer->bytes + n, answer->bytes, answer->length);
	memcpy(answer->bytes, start, n);
	answer->head += n;
	answer->length += n;
}

void
answer_refusal(struct answer *answer, const struct service *service,
    const struct client *client, enum refusal why)
{
	int64_t format = format_of(service, client);

	answer->session = client->session;
	answer->head = answer->length = 0;
	if (format != CONF_FORMAT_AGENT) /* which takes silence as no news */
		put_text(answer, service, client, why);
	if (format == CONF_FORMAT_HTTP) {
		put_head(answer, answer->length, why == REFUSAL_DENIED ? 0 :
		    client->retry_after == 0 ? 1 : client->retry_after);
		put_start(answer, status_of(why));
	}
	answer->total = answer->length;
}
