/* The configuration: loaded in a throw-away child, checked again here, and from
 * then on immutable plain data. */
#ifndef MASTER_CONF_H
#define MASTER_CONF_H

#include <net/if.h>
#include <sys/types.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "shared/addr.h"

struct report;

#define CONF_FILE_MAX (20u << 20) /* the file, bytes: any dump can be read */
#define CONF_TEXTS_MAX (4u << 20) /* all greetings, names, paths, bytes */
#define CONF_GREETING_MAX (1u << 20) /* one greeting, bytes, as written */
#define CONF_LISTENERS_MAX 256
#define CONF_ADDRESSES_MAX 1024 /* of all listeners */
#define CONF_RULES_MAX 1024 /* of all listeners */
#define CONF_LISTENER_RULES_MAX 64 /* of one */
#define CONF_NETS_MAX 1024 /* of all rules, and of limits.exempt */
#define CONF_DENIAL_MAX 1024 /* bytes that a denied client is sent */
#define CONF_TEXT_MAX (CONF_TEXTS_MAX + (1u << 17)) /* plus the defaults */
#define CONF_REFUSAL_MAX 1024 /* a text for the refused, bytes, as written */
#define CONF_NAME_MAX 64 /* a listener's name, bytes; it is in each log line */
#define CONF_KEYS_MAX 64 /* rows of the schema: bits of conf.given */
#define CONF_CLIENTS_MAX 30000 /* below pid_max's default, 32768 */
#define CONF_PARSE_SECONDS 5 /* then the parsing child is killed */

/* Text in struct conf: offset from conf->text.  No NUL is in it, one is behind
 * it. */
struct conf_text {
	uint32_t offset;
	uint32_t length;
};

enum conf_log_target { CONF_LOG_SYSLOG, CONF_LOG_STDERR };
enum conf_log_clients { CONF_CLIENTS_ALL, CONF_CLIENTS_ERRORS,
	CONF_CLIENTS_NONE };
enum conf_when_full { CONF_FULL_QUEUE, CONF_FULL_REFUSE };
enum conf_line_ending { CONF_ENDING_ASIS, CONF_ENDING_LF, CONF_ENDING_CRLF };
enum conf_action { CONF_ALLOW, CONF_DENY };
enum conf_sandbox { CONF_SANDBOX_REQUIRED, CONF_SANDBOX_OFF };

/* Every number is an int64_t, so that one schema row can reach any of them.
 * A name ending in _ms is in milliseconds. */
struct conf_log {
	int64_t target; /* enum conf_log_target; top level only */
	int64_t facility; /* LOG_DAEMON, ... of syslog.h; top level only */
	int64_t level; /* LOG_ERR ... LOG_DEBUG; top level only */
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
};

/* What the refused are told, by the reason's name; shared/greet.h. */
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
	uint32_t line;
};

/* A network. */
struct conf_net {
	struct addr addr; /* no port, no scope; AF_UNSPEC: any address */
	uint32_t prefix; /* all bits behind it are 0 */
	uint32_t line;
};

/* So many of conf->net, from that one on. */
struct conf_nets {
	uint32_t first;
	uint32_t n;
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
	uint32_t first_address; /* index into conf->address */
	uint32_t n_addresses;
	uint32_t first_rule; /* index into conf->rule */
	uint32_t n_rules;
	struct conf_text name;
	struct conf_text greeting; /* "" when greeting_file is set */
	struct conf_text greeting_file; /* "": none */
	uint32_t greeting_file_line;
	int64_t port;
	int64_t v6only; /* bool */
	int64_t backlog;
	int64_t optional; /* bool */
	int64_t line_ending; /* enum conf_line_ending */
	int64_t hold; /* bool */
	struct conf_log log; /* clients: own or the top one's */
	struct conf_limits limits; /* own or the top ones' */
	struct conf_timeouts timeouts; /* own or the top ones' */
	struct conf_refusals refusals; /* own or the top ones' */
};

struct conf {
	uint64_t given; /* bit i: row i of the schema was written at the top */
	uint32_t given_line[CONF_KEYS_MAX]; /* and where; 0: not written */
	struct conf_text user;
	struct conf_text group;
	struct conf_text pid_file; /* "": none */
	struct conf_text control_socket; /* "": none */
	struct conf_log log;
	struct conf_limits limits;
	struct conf_nets exempt; /* limits.exempt */
	struct conf_nets quiet; /* log.quiet */
	struct conf_timeouts timeouts;
	struct conf_refusals refusals;
	int64_t sandbox; /* enum conf_sandbox */
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
const char *conf_text(const struct conf *conf, struct conf_text text);

/* True when the top-level key of that dotted name was written in the file. */
bool conf_given(const struct conf *conf, const char *key);

/* The line that a top-level key stands in, 0 when it is not written. */
uint32_t conf_line(const struct conf *conf, const char *key);

/*
 * A load under way.  The text is parsed in a child process (user nobody when
 * we are root, no files, seccomp, limits, a timer), because libconfig may exit
 * or hang.
 */
struct conf_load;

enum conf_progress { CONF_MORE, CONF_DONE, CONF_FAILED };

/*
 * Reads path with the caller's effective rights and starts the parsing child.
 * as_root chooses the defaults of a daemon started by root.  Returns NULL when
 * the file cannot be read or the child not started; the reason is then in
 * report.
 */
struct conf_load *conf_load_start(
    const char *path, bool as_root, struct report *report);

/* The descriptor that becomes readable when conf_load_continue() has work; the
 * load owns it. */
int conf_load_fd(const struct conf_load *load);

/*
 * Reads what the child has written, without blocking.  CONF_MORE: call again
 * when the descriptor is readable.  CONF_DONE: *conf is the checked
 * configuration, which the caller frees with free().  CONF_FAILED: the errors
 * are in report.  In both latter cases the child has been reaped.  Warnings
 * are in report either way.
 */
enum conf_progress conf_load_continue(
    struct conf_load *load, struct conf **conf, struct report *report);

/* The parsing child's pid, -1: it has been reaped. */
pid_t conf_load_child(const struct conf_load *load);

/* Ends the load (kills and reaps the child if need be) and frees it. */
void conf_load_end(struct conf_load *load);

/* All of the above, waiting.  NULL when there are errors. */
struct conf *conf_load_wait(
    const char *path, bool as_root, struct report *report);

/*
 * Sets what is not in effect in a daemon that was started like this one to "":
 * pid_file in the foreground, unless the file has it; user and group, unless
 * root started it.
 */
void conf_in_effect(struct conf *conf, bool foreground, bool as_root);

/*
 * Compares the keys that need a restart (user, group, pid_file, control_socket,
 * sandbox) and reports an error, with path and line, for each that differs.
 */
void conf_check_reload(const struct conf *running, const struct conf *fresh,
    const char *path, struct report *report);

/*
 * Writes the effective configuration in configuration syntax.  Loading that
 * text and dumping it again gives the same text.  Returns 0, or -1 when out
 * had an error.
 */
int conf_dump(const struct conf *conf, FILE *out);

/* ------------------------------------------------------------- greetings */

/* The bytes that a listener sends, line endings converted. */
struct conf_greeting {
	char *bytes;
	size_t length;
};

/*
 * How many there are: one for each listener, then one for each rule that has
 * its own (greeting_line is not 0), all in their order.
 */
size_t conf_greetings_count(const struct conf *conf);

/*
 * Makes all greetings, in the order above: reads each greeting_file with the
 * caller's effective rights (path is the configuration file's, for messages)
 * and converts line endings as the listener says ("lf": CRLF becomes LF;
 * "crlf": an LF without CR before it becomes CRLF).  Returns an array of
 * conf_greetings_count() that conf_greetings_free() frees, or NULL with errors
 * in report.
 */
struct conf_greeting *conf_greetings_load(
    const struct conf *conf, const char *path, struct report *report);

void conf_greetings_free(struct conf_greeting *greetings, size_t n);

#endif
