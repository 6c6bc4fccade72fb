/* Turning a client away. */
#include "config.h"

#include "refuse.h"

#include <sys/socket.h>

#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include "clock.h"
#include "conf.h"
#include "gate.h"
#include "server.h"

#define REFUSED_LOG_INTERVAL CLOCK_SECOND

static const char *const refusal_texts[REFUSAL_COUNT] = {
	[REFUSAL_BUSY] = "busy, try again later\n",
	[REFUSAL_RATE] = "too many new clients, try again later\n",
	[REFUSAL_BUSY_PER_SOURCE] =
	    "too many clients from your address, try again later\n",
	[REFUSAL_RATE_PER_SOURCE] =
	    "too many new clients from your address, try again later\n",
	[REFUSAL_DENIED] = "denied\n",
	[REFUSAL_NO_RESOURCES] = "out of resources, try again later\n",
};

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

/* One send that does not wait, the end of stream, and what the client has sent
 * so far, so that the close is not a reset. */
void
refuse(struct server *server, uint32_t slot, enum refusal why, int64_t now)
{
	struct client *client = &server->clients.slots[slot];
	const char *text = refusal_texts[why];
	size_t length = strlen(text);
	char dump[4096];
	int i;

	if (client->refusal != NULL) {
		text = client->refusal;
		length = client->refusal_length;
	}
	send(client->fd, text, length, MSG_DONTWAIT | MSG_NOSIGNAL);
	shutdown(client->fd, SHUT_WR);
	for (i = 0; i < 16 && recv(client->fd, dump, sizeof(dump),
				  MSG_DONTWAIT | MSG_TRUNC) > 0;
	     i++)
		;
	close(client->fd);
	gate_release(server, client);
	stats_refuse(&server->stats, client->row, why);
	refused_log(server, client, why, now);
	clients_remove(&server->clients, slot);
}
