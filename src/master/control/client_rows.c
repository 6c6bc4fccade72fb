/* The table of clients as text, a piece at a time. */
#include "config.h"

#include "master/control/client_rows.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "master/clients/finish.h"
#include "master/clients/proxy.h"
#include "master/clients/service.h"
#include "master/config/network.h"
#include "master/control/status.h"
#include "master/control/top_text.h"
#include "master/control/writer.h"
#include "master/system/clock.h"

/* What operators are told of a phase: how its child is watched is not their
 * concern. */
static const char *const phase_names[CLIENT_PHASES] = {
	[CLIENT_WAITING] = "waiting",
	[CLIENT_HANDED] = "handed_over",
	[CLIENT_YOUNG] = "served",
	[CLIENT_WATCHED] = "served",
	[CLIENT_UNWATCHED] = "served",
	[CLIENT_CLOSING] = "closing",
	[CLIENT_LINGERING] = "lingering",
};

/* Of one whose PROXY header is awaited it is not known who it is. */
static const char *
phase_of(const struct client *client)
{
	return client->proxied == PROXIED_AWAITED &&
		client->phase > CLIENT_HANDED ?
	    "undeclared" : phase_names[client->phase];
}

void
client_rows_begin(struct client_rows *rows, enum client_rows_form form,
    const struct overview *overview)
{
	*rows = (struct client_rows) { .form = form,
		.last_id = overview->service->clients.last_id };
}

static bool
is_wanted(const struct client_rows *rows, const struct service *service,
    const struct client *client)
{
	return client->phase != CLIENT_FREE && client->id <= rows->last_id &&
	    (rows->listener[0] == '\0' ||
		strcmp(service->counters.rows[client->row].name,
		    rows->listener) == 0) &&
	    (!rows->from_net || network_has(&rows->net, &client->peer));
}

/* ------------------------------------------------------------------------ forms */

/* pid is that of its child. */
static void
put_peer(FILE *out, const struct addr *peer)
{
	char source[ADDR_TEXT_MAX];

	if (peer->family == AF_UNIX)
		fprintf(out, " uid=%u peer_pid=%u", (unsigned)addr_uid(peer),
		    (unsigned)peer->scope);
	else
		fprintf(out, " src=%s sport=%u", addr_format(peer, source),
		    (unsigned)peer->port);
}

static void
put_line(FILE *out, const struct service *service, const struct client *client,
    int64_t now)
{
	char proxy[ADDR_TEXT_MAX];
	uint64_t bytes;

	fprintf(out, "id=%" PRIu64 " listener=%s", client->id,
	    service->counters.rows[client->row].name);
	put_peer(out, &client->peer);
	if (client->proxy.family != AF_UNSPEC)
		fprintf(out, " psrc=%s psport=%u",
		    addr_format(&client->proxy, proxy),
		    (unsigned)client->proxy.port);
	fprintf(out, " phase=%s age_ms=%" PRId64, phase_of(client),
	    (now - client->accepted) / CLOCK_MS);
	if (finish_bytes(client, &bytes))
		fprintf(out, " bytes=%" PRIu64, bytes);
	if (client->pid != 0)
		fprintf(out, " pid=%d", (int)client->pid);
	fputc('\n', out);
}

static void
put_json_peer(FILE *out, const struct addr *peer)
{
	char source[ADDR_TEXT_MAX];

	if (peer->family == AF_UNIX) {
		fprintf(out, ", \"uid\": %u, \"peer_pid\": %u",
		    (unsigned)addr_uid(peer), (unsigned)peer->scope);
		return;
	}
	fputs(", \"src\": ", out);
	writer_json(out, addr_format(peer, source));
	fprintf(out, ", \"sport\": %u", (unsigned)peer->port);
}

static void
put_object(FILE *out, const struct service *service,
    const struct client *client, int64_t now)
{
	char proxy[ADDR_TEXT_MAX];
	uint64_t bytes;

	fprintf(out, "{\"id\": %" PRIu64 ", \"listener\": ", client->id);
	writer_json(out, service->counters.rows[client->row].name);
	put_json_peer(out, &client->peer);
	if (client->proxy.family != AF_UNSPEC) {
		fputs(", \"psrc\": ", out);
		writer_json(out, addr_format(&client->proxy, proxy));
		fprintf(out, ", \"psport\": %u", (unsigned)client->proxy.port);
	}
	fprintf(out, ", \"phase\": \"%s\", \"age_ms\": %" PRId64,
	    phase_of(client), (now - client->accepted) / CLOCK_MS);
	if (finish_bytes(client, &bytes))
		fprintf(out, ", \"bytes\": %" PRIu64, bytes);
	if (client->pid != 0)
		fprintf(out, ", \"pid\": %d", (int)client->pid);
	fputc('}', out);
}

/* By its source, as its listener's limits count it. */
static void
put_source(FILE *out, const struct service *service, const struct client *client)
{
	const struct counters_row *row = &service->counters.rows[client->row];
	bool is_ipv4 = client->peer.family == AF_INET;
	int64_t prefix = is_ipv4 ? 32 : 128;
	const struct conf_limits *limits;
	struct conf_net net = { .addr = client->peer };
	char text[NETWORK_TEXT_MAX];

	if (client->peer.family == AF_UNIX) {
		fprintf(out, "source %s\n", addr_format(&client->peer, text));
		return;
	}
	if (row->session != -1) {
		limits = &service->setup->conf->listener[row->session].limits;
		prefix = is_ipv4 ? limits->ipv4_prefix : limits->ipv6_prefix;
	}
	addr_mask(&net.addr, (unsigned)prefix);
	net.prefix = (uint32_t)prefix;
	fprintf(out, "source %s\n", network_format(&net, text));
}

static void
put_row(FILE *out, struct client_rows *rows, const struct service *service,
    const struct client *client, int64_t now)
{
	switch (rows->form) {
	case CLIENT_ROWS_LINES:
		put_line(out, service, client, now);
		break;
	case CLIENT_ROWS_JSON:
		fputs(rows->separate ? ",\n" : "\n", out);
		put_object(out, service, client, now);
		break;
	case CLIENT_ROWS_TOP:
		put_source(out, service, client);
		break;
	}
	rows->separate = true;
}

static void
put_begin(FILE *out, const struct client_rows *rows,
    const struct overview *overview, int64_t now)
{
	if (rows->form == CLIENT_ROWS_JSON)
		fputs("{\"clients\": [", out);
	else if (rows->form == CLIENT_ROWS_TOP)
		top_text(out, overview, now);
}

char *
client_rows_more(
    struct client_rows *rows, const struct overview *overview, int64_t now)
{
	const struct service *service = overview->service;
	const struct clients *clients = &service->clients;
	struct writer writer;
	FILE *out = writer_open(&writer);
	uint32_t end = rows->next + CLIENT_ROWS_PIECE;

	if (out == NULL)
		return NULL;
	if (!rows->begun)
		put_begin(out, rows, overview, now);
	rows->begun = true;
	if (end > clients->used)
		end = clients->used;
	for (; rows->next < end; rows->next++)
		if (is_wanted(rows, service, &clients->slots[rows->next]))
			put_row(out, rows, service,
			    &clients->slots[rows->next], now);
	rows->done = rows->next >= clients->used;
	if (rows->done && rows->form == CLIENT_ROWS_JSON)
		fputs("\n]}\n", out);
	return writer_close(&writer);
}
