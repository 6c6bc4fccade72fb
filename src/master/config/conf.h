/* The configuration: immutable plain data, once it is made (settings.h). */
#ifndef MASTER_CONF_H
#define MASTER_CONF_H

#include <net/if.h>
#include <sys/types.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "shared/addr.h"
#include "shared/refusal.h"
#include "shared/state.h"

#define CONF_FILE_MAX (20u << 20) /* the file, bytes: any dump can be read */
#define CONF_TEXTS_MAX (4u << 20) /* all greetings, names, paths, bytes */
#define CONF_GREETING_MAX (1u << 20) /* one greeting, bytes, as written */
#define CONF_LISTENERS_MAX 256
#define CONF_INCLUDED_MAX CONF_LISTENERS_MAX /* files: each has one at least */
#define CONF_ADDRESSES_MAX 1024 /* of all listeners */
#define CONF_RULES_MAX 1024 /* of all listeners */
#define CONF_LISTENER_RULES_MAX 64 /* of one */
#define CONF_NETS_MAX 1024 /* of all rules, log.quiet, limits.exempt, and
			    * proxy_protocol.trusted */
#define CONF_DENIAL_MAX 1024 /* bytes that a denied client is sent */
#define CONF_TEXT_DEFAULTS (1u << 17) /* texts that are not in the file */
#define CONF_REFUSAL_MAX 1024 /* a refusal's text, bytes, as written */
#define CONF_SOCKET_MAX 108 /* of "@name" or a path: unix(7) has room for 107 */
#define CONF_NAME_MAX 64 /* a listener's name, bytes; it is in each log line */
#define CONF_KEYS_MAX 96 /* rows of the schema */
#define CONF_CLIENTS_MAX 30000 /* below the default of pid_max, 32768 */

/* Text in struct conf: offset from conf->text.  It has no NUL in it and one
 * after it. */
struct conf_text {
	uint32_t offset;
	uint32_t length;
};

enum conf_log_target { CONF_LOG_SYSLOG, CONF_LOG_STDERR, CONF_LOG_JOURNAL };
enum conf_log_format { CONF_LOG_TEXT, CONF_LOG_JSON };
enum conf_log_clients { CONF_CLIENTS_ALL, CONF_CLIENTS_ERRORS,
	CONF_CLIENTS_NONE };
enum conf_when_full { CONF_FULL_QUEUE, CONF_FULL_REFUSE };
enum conf_line_ending { CONF_ENDING_ASIS, CONF_ENDING_LF, CONF_ENDING_CRLF };
enum conf_format { CONF_FORMAT_PLAIN, CONF_FORMAT_HTTP, CONF_FORMAT_AGENT };
enum conf_pick { CONF_PICK_WHOLE, CONF_PICK_RANDOM, CONF_PICK_DAILY };
enum conf_proxy_version { CONF_PROXY_ANY, CONF_PROXY_V1, CONF_PROXY_V2 };
enum conf_action { CONF_ALLOW, CONF_DENY };
enum conf_sandbox { CONF_SANDBOX_REQUIRED, CONF_SANDBOX_OFF };

/* Every number is an int64_t, so that one schema row can reach any of them.
 * A name ending in _ms is in milliseconds. */
struct conf_log {
	int64_t target; /* enum conf_log_target; top level only */
	int64_t facility; /* LOG_DAEMON, ... of syslog.h; top level only */
	int64_t level; /* LOG_ERR ... LOG_DEBUG; top level only */
	int64_t format; /* enum conf_log_format; top level only */
	int64_t timestamps; /* bool; top level only */
	int64_t clients; /* enum conf_log_clients */
};

struct conf_limits {
	int64_t max_clients;
	int64_t when_full; /* enum conf_when_full */
	int64_t max_clients_per_source; /* 0: no limit */
	int64_t ipv4_prefix; /* bits that make a source */
	int64_t ipv6_prefix;
	int64_t rate; /* thousandths of a client a second; 0: no limit */
	int64_t burst; /* 0: the rate rounded up */
	int64_t rate_per_source; /* as rate */
	int64_t burst_per_source; /* as burst */
};

struct conf_timeouts {
	int64_t session_ms;
	int64_t send_ms;
	int64_t linger_ms;
	int64_t shutdown_ms; /* top level only */
	int64_t cpu_s; /* RLIMIT_CPU counts whole seconds */
	int64_t request_ms; /* CONF_FORMAT_HTTP: for the head of a request */
	int64_t proxy_ms; /* behind a proxy: for the whole PROXY header */
};

/* What is sent in a state that is not ready. */
struct conf_when {
	struct conf_text drain;
	struct conf_text maintenance;
	struct conf_text down;
};

/* The texts of refusals, by the reason's name; shared/greet.h. */
struct conf_refusals {
	struct conf_text busy;
	struct conf_text rate;
	struct conf_text busy_per_source;
	struct conf_text rate_per_source;
	struct conf_text denied;
	struct conf_text no_resources;
};

struct conf_address {
	struct addr addr; /* port filled in; scope always 0 here: see below */
	char scope[IF_NAMESIZE]; /* "%scope" as written, "" without */
	char path[CONF_SOCKET_MAX + 1]; /* AF_UNIX: of the socket's file, or
					 * "@name", an abstract one; else "" */
	uint32_t line;
};

/* A network. */
struct conf_net {
	struct addr addr; /* no port, no scope; AF_UNSPEC: any address */
	uint32_t prefix; /* all bits after it are 0 */
	uint32_t line;
};

/* A range of conf->net. */
struct conf_nets {
	uint32_t first;
	uint32_t n;
};

/* PROXY headers, of which each client has one, or none has. */
struct conf_proxy {
	struct conf_nets trusted; /* whose headers are read; none: no headers */
	int64_t version; /* enum conf_proxy_version */
	uint32_t line; /* of trusted */
};

struct conf_rule {
	uint32_t line; /* where its group starts */
	uint32_t greeting_line; /* 0: no greeting of its own */
	struct conf_nets from;
	struct conf_text greeting; /* to those allowed, or denied */
	int64_t action; /* enum conf_action */
};

struct conf_listener {
	uint32_t line; /* where its group starts; 0 for the built-in one */
	uint32_t file; /* which all its lines are in: conf_file() */
	uint32_t place; /* in the listeners of that file */
	uint32_t first_address; /* index into conf->address */
	uint32_t n_addresses;
	uint32_t first_rule; /* index into conf->rule */
	uint32_t n_rules;
	struct conf_text name;
	struct conf_text greeting; /* "" when greeting_file is set */
	struct conf_text greeting_file; /* "": none */
	uint32_t when_line[STATE_COUNT]; /* STATE_READY: of greeting; 0: the
					  * default */
	uint32_t greeting_file_line;
	int64_t pick; /* enum conf_pick: of greeting_file */
	int64_t variables; /* bool */
	int64_t format; /* enum conf_format */
	struct conf_text content_type;
	struct conf_when when;
	struct conf_text health_file; /* "": none */
	int64_t max_age_ms; /* of the health file; 0: any */
	int64_t refresh_ms; /* between looks at that and at greeting_file; 0: at
			     * a reload only */
	int64_t port;
	int64_t v6only; /* bool */
	int64_t backlog;
	int64_t optional; /* bool */
	struct conf_text socket_mode; /* of UNIX sockets' files: octal digits */
	struct conf_text socket_owner; /* "": the daemon's user ... */
	struct conf_text socket_group; /* ... and group */
	int64_t line_ending; /* enum conf_line_ending */
	int64_t hold; /* bool */
	struct conf_log log; /* clients: own or the top one's */
	struct conf_limits limits; /* own or the top ones' */
	struct conf_timeouts timeouts; /* own or the top ones' */
	struct conf_proxy proxy;
	struct conf_refusals refusals; /* own or the top ones' */
	uint32_t refusal_line[REFUSAL_COUNT]; /* of its own; 0: it has none */
};

struct conf {
	/* Of all that was read: the same for the same text, never negative. */
	int64_t fingerprint;
	/* Where row i of the schema was written at the top; 0: not written. */
	uint32_t given_line[CONF_KEYS_MAX];
	struct conf_text include; /* a pattern; "": none */
	struct conf_text included[CONF_INCLUDED_MAX]; /* its files, as read */
	struct conf_text user;
	struct conf_text group;
	struct conf_text pid_file; /* "": none */
	struct conf_text control_socket; /* "": none */
	struct conf_text control_group; /* who may look there; "": nobody */
	struct conf_text state_file; /* "": none */
	struct conf_log log;
	struct conf_limits limits;
	struct conf_nets exempt; /* limits.exempt */
	struct conf_nets quiet; /* log.quiet */
	struct conf_timeouts timeouts;
	struct conf_refusals refusals;
	int64_t sandbox; /* enum conf_sandbox */
	uint32_t n_included;
	uint32_t n_listeners;
	uint32_t n_addresses;
	uint32_t n_rules;
	uint32_t n_nets;
	uint32_t text_length;
	struct conf_listener listener[CONF_LISTENERS_MAX];
	struct conf_address address[CONF_ADDRESSES_MAX];
	struct conf_rule rule[CONF_RULES_MAX];
	struct conf_net net[CONF_NETS_MAX];
	char text[]; /* text_length bytes */
};

/* The NUL-terminated text; valid as long as conf is. */
static inline const char *
conf_text(const struct conf *conf, struct conf_text text)
{
	return conf->text + text.offset;
}

/* Do its clients come through a proxy, which says whom it is for? */
static inline bool
conf_is_proxied(const struct conf_listener *listener)
{
	return listener->proxy.trusted.n > 0;
}

/* Do those of any listener? */
static inline bool
conf_has_proxied(const struct conf *conf)
{
	uint32_t i;

	for (i = 0; i < conf->n_listeners; i++)
		if (conf_is_proxied(&conf->listener[i]))
			return true;
	return false;
}

/* The file that the listener is in, for messages; path is the
 * configuration's. */
static inline const char *
conf_file(const struct conf *conf, const struct conf_listener *listener,
    const char *path)
{
	return listener->file == 0
	    ? path : conf_text(conf, conf->included[listener->file - 1]);
}

#endif
