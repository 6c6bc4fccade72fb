/* What has become of what a client was sent. */
#include "config.h"

#include "master/clients/delivery.h"

#include <sys/ioctl.h>
#include <sys/socket.h>

#include <netinet/in.h>

#include <linux/sockios.h>
#include <linux/tcp.h>

#include <poll.h>

#include "master/clients/clients.h"

/* TCP_CLOSE of <netinet/tcp.h>, which has a struct tcp_info of its own. */
#define STATE_CLOSE 7

static uint64_t
queue_of(int fd)
{
	int queued = 0;

	if (ioctl(fd, SIOCOUTQ, &queued) == -1 || queued < 0)
		return 0;
	return (uint64_t)queued;
}

/* Of the answer; the end of stream counts one in TCP_INFO. */
static struct delivery
look_tcp(const struct client *client)
{
	struct tcp_info info = { 0 };
	socklen_t length = sizeof(info);
	struct delivery delivery = { .counts = true };
	uint64_t all = client->greeting_length;

	getsockopt(client->fd, IPPROTO_TCP, TCP_INFO, &info, &length);
	delivery.taken = info.tcpi_bytes_acked;
	delivery.unsent =
	    delivery.taken < all ? all - delivery.taken : 0;
	delivery.queued = info.tcpi_notsent_bytes + info.tcpi_unacked;
	delivery.still_us = (int64_t)info.tcpi_last_data_sent * 1000 -
	    (int64_t)info.tcpi_rtt;
	if (delivery.still_us < 0)
		delivery.still_us = 0;
	delivery.received = info.tcpi_bytes_received > 1 + client->header;
	delivery.gone = info.tcpi_state == STATE_CLOSE;
	return delivery;
}

/* In this order: a client that closes leaves its error before it throws away what
 * it has not read. */
static struct delivery
look_unix(const struct client *client)
{
	struct pollfd fd = { .fd = client->fd };
	struct delivery delivery = { .unsent = queue_of(client->fd) };

	delivery.queued = delivery.unsent;
	delivery.cut = poll(&fd, 1, 0) == 1 && (fd.revents & POLLERR) != 0;
	return delivery;
}

/* Whoever it is: a proxy may have come over another kind of socket than its
 * client. */
static bool
is_unix(const struct client *client)
{
	return (client->proxy.family != AF_UNSPEC ? &client->proxy :
						    &client->peer)->family ==
	    AF_UNIX;
}

struct delivery
delivery_look(const struct client *client)
{
	return is_unix(client) ? look_unix(client) : look_tcp(client);
}

/* All that has been acknowledged, and what is still queued, but for the end of stream.
 * The two are asked for one after the other: what is acknowledged meanwhile would be
 * in neither. */
void
delivery_note_answer(struct client *client)
{
	struct delivery delivery = delivery_look(client);
	uint64_t acked, sent;

	if (is_unix(client))
		return;
	do {
		acked = delivery.taken;
		sent = acked + queue_of(client->fd);
		delivery = look_tcp(client);
	} while (delivery.taken != acked);
	client->greeting_length = sent > 0 ? (uint32_t)sent - 1 : 0;
}

/* Its child has ended well: close.c has it since then. */
static bool
was_told(const struct client *client)
{
	return client->closing.until != 0;
}

/* Its child has said that not all of its answer could be sent. */
static bool
is_partial(enum outcome outcome)
{
	return outcome == OUTCOME_CLIENT_GONE || outcome == OUTCOME_RESET ||
	    outcome == OUTCOME_SEND_TIMEOUT || outcome == OUTCOME_PROBED;
}

bool
delivery_bytes(const struct delivery *delivery, const struct client *client,
    enum outcome outcome, uint64_t *bytes)
{
	uint64_t all = client->greeting_length;

	if (delivery->counts) {
		*bytes = delivery->taken > all ? all : delivery->taken;
		return true;
	}
	*bytes = 0;
	if (delivery->unsent > 0 || delivery->cut || is_partial(outcome))
		return true;
	*bytes = all;
	return was_told(client) && !client->asks;
}

/* A child that has to wait reads meanwhile: what could not be sent at once, which
 * the kernel takes when it is half of its buffer; until the end of a session that is
 * held; a request. */
static bool
may_have_read(const struct client *client)
{
	int room = 0;
	socklen_t length = sizeof(room);

	getsockopt(client->fd, SOL_SOCKET, SO_SNDBUF, &room, &length);
	return client->asks || client->holds || room < 0 ||
	    client->greeting_length > (uint32_t)room / 4;
}

bool
delivery_was_silent(
    const struct delivery *delivery, const struct client *client)
{
	return delivery->counts ? !delivery->received :
				  !may_have_read(client);
}
