/* Turning a client away. */
#include "config.h"

#include "master/clients/refuse.h"

#include <sys/socket.h>

#include <inttypes.h>
#include <time.h>

#include "master/system/clock.h"
#include "master/config/conf.h"
#include "master/clients/gate.h"
#include "master/server.h"

#define REFUSED_LOG_INTERVAL CLOCK_SECOND

static void
refused_log(struct server *server, const struct client *client,
    enum refusal why, int64_t now)
{
	char source[ADDR_TEXT_MAX], destination[ADDR_TEXT_MAX];
	uint64_t suppressed;

	if (client->log == CONF_CLIENTS_NONE ||
	    !log_limit_pass(&server->refusals, now, REFUSED_LOG_INTERVAL,
		&suppressed))
		return;
	log_line(LOG_INFO,
	    "refused id=%" PRIu64
	    " listener=%s src=%s sport=%u dst=%s dport=%u reason=%s "
	    "suppressed=%" PRIu64,
	    client->id, server->stats.rows[client->row].name,
	    addr_format(&client->peer, source), (unsigned)client->peer.port,
	    addr_format(&client->local, destination),
	    (unsigned)client->local.port, refusal_name(why), suppressed);
}

/* The listener's text for that reason. */
static size_t
render(struct server *server, const struct client *client, enum refusal why,
    char *out)
{
	const struct stats_row *row = &server->stats.rows[client->row];
	struct greet_values values = {
		.client = client->peer,
		.server = client->local,
		.listener = row->name,
		.id = client->id,
		.time = time(NULL),
		.clients = row->live,
		.limit = client->limit,
		.retry_after = client->retry_after,
	};

	return messages_render(&server->messages, server->conf, row->session,
	    why, &values, out);
}

/* One send that does not wait: a new connection's buffer takes all of it. */
static void
tell(struct server *server, const struct client *client, enum refusal why)
{
	char rendered[MESSAGE_MAX];
	const char *text = client->refusal;
	size_t length = client->refusal_length;

	if (text == NULL) {
		text = rendered;
		length = render(server, client, why, rendered);
	}
	if (length > 0)
		send(client->fd, text, length, MSG_DONTWAIT | MSG_NOSIGNAL);
	shutdown(client->fd, SHUT_WR);
}

void
refuse(struct server *server, uint32_t slot, enum refusal why, int64_t now)
{
	struct client *client = &server->clients.slots[slot];

	gate_release(server, client);
	stats_refuse(&server->stats, client->row, why);
	tell(server, client, why);
	linger_add(&server->linger, client->fd, now);
	refused_log(server, client, why, now);
	clients_remove(&server->clients, slot);
}
