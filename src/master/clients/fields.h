/* The fields that every log line about a client begins with. */
#ifndef MASTER_CLIENTS_FIELDS_H
#define MASTER_CLIENTS_FIELDS_H

#include "master/clients/service.h"
#include "master/system/log_event.h"
#include "shared/addr.h"

/* Its addresses as text, as long as the line is being written. */
struct fields {
	char source[ADDR_TEXT_MAX];
	char destination[ADDR_TEXT_MAX];
	char proxy[ADDR_TEXT_MAX];
};

/* For log_event(): who came to which listener; over a UNIX socket the user and the
 * process that connected. */
#define CLIENT_FIELDS(service, client, fields)                                \
	LOG_NUMBER("id", (client)->id),                                       \
	    LOG_WORD("listener",                                              \
		(service)->counters.rows[(client)->row].name),                \
	    LOG_IF((client)->peer.family != AF_UNIX, LOG_WORD("src",          \
		addr_format(&(client)->peer, (fields)->source))),             \
	    LOG_IF((client)->peer.family != AF_UNIX,                          \
		LOG_NUMBER("sport", (client)->peer.port)),                    \
	    LOG_IF((client)->peer.family != AF_UNIX, LOG_WORD("dst",          \
		addr_format(&(client)->local, (fields)->destination))),       \
	    LOG_IF((client)->peer.family != AF_UNIX,                          \
		LOG_NUMBER("dport", (client)->local.port)),                   \
	    LOG_IF((client)->peer.family == AF_UNIX,                          \
		LOG_NUMBER("uid", addr_uid(&(client)->peer))),                \
	    LOG_IF((client)->peer.family == AF_UNIX,                          \
		LOG_NUMBER("pid", (client)->peer.scope))

/* The proxy that it came through, if it did; further behind in the line. */
#define PROXY_FIELDS(client, fields)                                          \
	LOG_IF((client)->proxy.family != AF_UNSPEC,                           \
	    LOG_WORD("psrc", addr_format(&(client)->proxy, (fields)->proxy))), \
	    LOG_IF((client)->proxy.family != AF_UNSPEC,                       \
		LOG_NUMBER("psport", (client)->proxy.port))

#endif
