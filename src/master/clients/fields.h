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

/* For log_event(): who came to which listener. */
#define CLIENT_FIELDS(service, client, fields)                                \
	LOG_NUMBER("id", (client)->id),                                       \
	    LOG_WORD("listener",                                              \
		(service)->counters.rows[(client)->row].name),                \
	    LOG_WORD("src", addr_format(&(client)->peer, (fields)->source)),  \
	    LOG_NUMBER("sport", (client)->peer.port),                         \
	    LOG_WORD("dst",                                                   \
		addr_format(&(client)->local, (fields)->destination)),        \
	    LOG_NUMBER("dport", (client)->local.port)

/* The proxy that it came through, if it did; further behind in the line. */
#define PROXY_FIELDS(client, fields)                                          \
	LOG_IF((client)->proxy.family != AF_UNSPEC,                           \
	    LOG_WORD("psrc", addr_format(&(client)->proxy, (fields)->proxy))), \
	    LOG_IF((client)->proxy.family != AF_UNSPEC,                       \
		LOG_NUMBER("psport", (client)->proxy.port))

#endif
