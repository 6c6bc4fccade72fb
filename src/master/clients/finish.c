/* The last of a client. */
#include "config.h"

#include "master/clients/finish.h"

#include <sys/socket.h>

#include <netinet/in.h>

#include <linux/tcp.h>

#include <inttypes.h>
#include <unistd.h>

#include "master/system/clock.h"
#include "master/config/conf.h"
#include "master/clients/gate.h"
#include "master/server.h"

/* What the client acknowledged; the end of stream counts one in TCP_INFO. */
static uint64_t
bytes_of(const struct client *client, const struct tcp_info *info)
{
	return info->tcpi_bytes_acked > client->greeting_length ?
	    client->greeting_length :
	    info->tcpi_bytes_acked;
}

static void
client_log(const struct server *server, const struct client *client,
    enum outcome outcome, uint64_t bytes, int64_t duration)
{
	char source[ADDR_TEXT_MAX], destination[ADDR_TEXT_MAX];
	bool bug = outcome == OUTCOME_VIOLATION || outcome == OUTCOME_CRASHED;

	if (client->log == CONF_CLIENTS_NONE ||
	    (client->log == CONF_CLIENTS_ERRORS && outcome == OUTCOME_GREETED))
		return;
	log_line(bug ? LOG_ERR : LOG_INFO,
	    "client id=%" PRIu64
	    " listener=%s src=%s sport=%u dst=%s dport=%u outcome=%s "
	    "bytes=%" PRIu64 " duration_ms=%" PRId64 " cpu_us=%" PRId64,
	    client->id, server->stats.rows[client->row].name,
	    addr_format(&client->peer, source), (unsigned)client->peer.port,
	    addr_format(&client->local, destination),
	    (unsigned)client->local.port, outcome_name(outcome), bytes,
	    duration / CLOCK_MS, client->cpu_us);
}

/*
 * Closes our copy, the last one.  What the client has not taken after a session
 * that was cut short would stay in the kernel for minutes: reset instead.
 */
static void
connection_close(int fd, const struct tcp_info *info, enum outcome outcome)
{
	static const struct linger reset = { 1, 0 };

	if (outcome != OUTCOME_GREETED &&
	    (info->tcpi_notsent_bytes > 0 || info->tcpi_unacked > 0))
		setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
	close(fd);
}

void
finish(struct server *server, uint32_t slot, enum outcome outcome,
    const struct tcp_info *info, int64_t now)
{
	struct client *client = &server->clients.slots[slot];
	uint64_t bytes = bytes_of(client, info);

	connection_close(client->fd, info, outcome);
	server->stats.sent_bytes += bytes;
	server->stats.cpu_us += (uint64_t)client->cpu_us;
	gate_release(server, client);
	stats_end(&server->stats, client->row, outcome);
	client_log(server, client, outcome, bytes, now - client->accepted);
	clients_remove(&server->clients, slot);
}
