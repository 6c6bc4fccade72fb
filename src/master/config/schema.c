/* The one table of configuration keys. */
#include "config.h"

#include "master/config/schema.h"

#include <assert.h>
#include <string.h>
#include <syslog.h>

#include "master/config/text_check.h"
#include "shared/control.h"

#define TOP(field) \
	{ offsetof(struct conf, field), SCHEMA_NOWHERE, SCHEMA_NOWHERE }
#define OWN(field)                                               \
	{ SCHEMA_NOWHERE, offsetof(struct conf_listener, field), \
		SCHEMA_NOWHERE }
#define BOTH(field)                                           \
	{ offsetof(struct conf, field),                       \
		offsetof(struct conf_listener, field), SCHEMA_NOWHERE }
#define RULE(field) \
	{ SCHEMA_NOWHERE, SCHEMA_NOWHERE, offsetof(struct conf_rule, field) }

/* More than a machine can fork; the stored value stays far from overflow. */
#define RATE_MAX 100000

static const struct schema_choice targets[] = {
	{ "syslog", CONF_LOG_SYSLOG },
	{ "stderr", CONF_LOG_STDERR },
	{ "journal", CONF_LOG_JOURNAL },
	{ NULL, 0 },
};

/* syslog.conf(5); "kern" is the kernel's alone. */
static const struct schema_choice facilities[] = {
	{ "daemon", LOG_DAEMON },
	{ "auth", LOG_AUTH },
	{ "authpriv", LOG_AUTHPRIV },
	{ "cron", LOG_CRON },
	{ "ftp", LOG_FTP },
	{ "lpr", LOG_LPR },
	{ "mail", LOG_MAIL },
	{ "news", LOG_NEWS },
	{ "syslog", LOG_SYSLOG },
	{ "user", LOG_USER },
	{ "uucp", LOG_UUCP },
	{ "local0", LOG_LOCAL0 },
	{ "local1", LOG_LOCAL1 },
	{ "local2", LOG_LOCAL2 },
	{ "local3", LOG_LOCAL3 },
	{ "local4", LOG_LOCAL4 },
	{ "local5", LOG_LOCAL5 },
	{ "local6", LOG_LOCAL6 },
	{ "local7", LOG_LOCAL7 },
	{ NULL, 0 },
};

static const struct schema_choice levels[] = {
	{ "error", LOG_ERR },
	{ "warning", LOG_WARNING },
	{ "notice", LOG_NOTICE },
	{ "info", LOG_INFO },
	{ "debug", LOG_DEBUG },
	{ NULL, 0 },
};

static const struct schema_choice log_formats[] = {
	{ "text", CONF_LOG_TEXT },
	{ "json", CONF_LOG_JSON },
	{ NULL, 0 },
};

static const struct schema_choice clients[] = {
	{ "all", CONF_CLIENTS_ALL },
	{ "errors", CONF_CLIENTS_ERRORS },
	{ "none", CONF_CLIENTS_NONE },
	{ NULL, 0 },
};

static const struct schema_choice when_full[] = {
	{ "queue", CONF_FULL_QUEUE },
	{ "refuse", CONF_FULL_REFUSE },
	{ NULL, 0 },
};

static const struct schema_choice actions[] = {
	{ "allow", CONF_ALLOW },
	{ "deny", CONF_DENY },
	{ NULL, 0 },
};

static const struct schema_choice sandboxes[] = {
	{ "required", CONF_SANDBOX_REQUIRED },
	{ "off", CONF_SANDBOX_OFF },
	{ NULL, 0 },
};

static const struct schema_choice picks[] = {
	{ "whole", CONF_PICK_WHOLE },
	{ "random", CONF_PICK_RANDOM },
	{ "daily", CONF_PICK_DAILY },
	{ NULL, 0 },
};

static const struct schema_choice proxy_versions[] = {
	{ "any", CONF_PROXY_ANY },
	{ "v1", CONF_PROXY_V1 },
	{ "v2", CONF_PROXY_V2 },
	{ NULL, 0 },
};

static const struct schema_choice formats[] = {
	{ "plain", CONF_FORMAT_PLAIN },
	{ "http", CONF_FORMAT_HTTP },
	{ "agent", CONF_FORMAT_AGENT },
	{ NULL, 0 },
};

static const struct schema_choice line_endings[] = {
	{ "asis", CONF_ENDING_ASIS },
	{ "lf", CONF_ENDING_LF },
	{ "crlf", CONF_ENDING_CRLF },
	{ NULL, 0 },
};

/* The text of a refusal, with variables. */
#define REFUSAL(reason, words)                                              \
	{ .name = "refusals." #reason, .type = SCHEMA_GREETING,              \
	    .offset = BOTH(refusals.reason), .max = CONF_REFUSAL_MAX,        \
	    .text = words, .check = text_check_message }

/* What clients get in a state. */
#define WHEN(state, words)                                                  \
	{ .name = "when." #state, .type = SCHEMA_GREETING,                   \
	    .offset = OWN(when.state), .max = CONF_GREETING_MAX, .text = words }

const struct schema_key schema_keys[] = {
	{ .name = "user", .type = SCHEMA_STRING, .restart = true,
	    .offset = TOP(user), .min = 1, .max = 32, .text = "forkgreet",
	    .check = text_check_account },
	{ .name = "group", .type = SCHEMA_STRING, .restart = true,
	    .offset = TOP(group), .min = 1, .max = 32, .text = "forkgreet",
	    .check = text_check_account },
	{ .name = "pid_file", .type = SCHEMA_STRING, .restart = true,
	    .offset = TOP(pid_file), .max = 4095,
	    .text = "/run/forkgreet.pid", .text_user = "",
	    .check = text_check_path_or_none },
	{ .name = "control_socket", .type = SCHEMA_STRING, .restart = true,
	    .offset = TOP(control_socket), .max = CONTROL_PATH_MAX,
	    .text = CONTROL_PATH_DEFAULT, .text_user = "",
	    .check = text_check_socket_or_none },
	{ .name = "control_group", .type = SCHEMA_STRING, .restart = true,
	    .offset = TOP(control_group), .max = 32, .text = "",
	    .check = text_check_account_or_none },
	{ .name = "state_file", .type = SCHEMA_STRING, .restart = true,
	    .offset = TOP(state_file), .max = 4000,
	    .text = "/var/lib/forkgreet/state", .text_user = "",
	    .check = text_check_path_or_none },
	{ .name = "sandbox", .type = SCHEMA_CHOICE, .restart = true,
	    .offset = TOP(sandbox), .choices = sandboxes,
	    .number = CONF_SANDBOX_REQUIRED },
	{ .name = "include", .type = SCHEMA_STRING, .offset = TOP(include),
	    .max = 4095, .text = "", .check = text_check_include },
	{ .name = "listeners", .type = SCHEMA_LISTENERS,
	    .offset = TOP(listener), .min = 1, .max = CONF_LISTENERS_MAX },
	{ .name = "name", .type = SCHEMA_STRING, .offset = OWN(name),
	    .min = 1, .max = CONF_NAME_MAX, .check = text_check_name },
	{ .name = "address", .type = SCHEMA_ADDRESSES,
	    .offset = OWN(first_address), .min = 1,
	    .max = CONF_ADDRESSES_MAX, .text = "127.0.0.1" },
	{ .name = "port", .type = SCHEMA_INTEGER, .offset = OWN(port),
	    .min = 1, .max = 65535, .number = 4444 },
	{ .name = "v6only", .type = SCHEMA_BOOL, .offset = OWN(v6only),
	    .max = 1, .number = 1 },
	{ .name = "backlog", .type = SCHEMA_INTEGER, .offset = OWN(backlog),
	    .min = 1, .max = 65535, .number = 511 },
	{ .name = "optional", .type = SCHEMA_BOOL, .offset = OWN(optional),
	    .max = 1, .number = 0 },
	{ .name = "socket_mode", .type = SCHEMA_STRING,
	    .offset = OWN(socket_mode), .min = 3, .max = 4, .text = "0660",
	    .check = text_check_mode },
	{ .name = "socket_owner", .type = SCHEMA_STRING,
	    .offset = OWN(socket_owner), .max = 32, .text = "",
	    .check = text_check_owner },
	{ .name = "socket_group", .type = SCHEMA_STRING,
	    .offset = OWN(socket_group), .max = 32, .text = "",
	    .check = text_check_owner },
	{ .name = "greeting", .type = SCHEMA_GREETING,
	    .offset = OWN(greeting), .max = CONF_GREETING_MAX,
	    .text = "hi client\n" },
	{ .name = "greeting_file", .type = SCHEMA_STRING,
	    .offset = OWN(greeting_file), .min = 1, .max = 4095,
	    .text = "", .check = text_check_path },
	{ .name = "pick", .type = SCHEMA_CHOICE, .offset = OWN(pick),
	    .choices = picks, .number = CONF_PICK_WHOLE },
	{ .name = "format", .type = SCHEMA_CHOICE, .offset = OWN(format),
	    .choices = formats, .number = CONF_FORMAT_PLAIN },
	{ .name = "content_type", .type = SCHEMA_STRING,
	    .offset = OWN(content_type), .min = 3, .max = 100,
	    .text = "text/plain; charset=utf-8",
	    .check = text_check_content_type },
	{ .name = "variables", .type = SCHEMA_BOOL,
	    .offset = OWN(variables), .max = 1, .number = 1 },
	{ .name = "line_ending", .type = SCHEMA_CHOICE,
	    .offset = OWN(line_ending), .choices = line_endings,
	    .number = CONF_ENDING_ASIS },
	{ .name = "health_file", .type = SCHEMA_STRING,
	    .offset = OWN(health_file), .max = 4095, .text = "",
	    .check = text_check_path_or_none },
	{ .name = "max_age", .type = SCHEMA_SECONDS,
	    .offset = OWN(max_age_ms), .min = 0, .max = 86400000,
	    .number = 0, .unit = "seconds" },
	{ .name = "refresh", .type = SCHEMA_SECONDS,
	    .offset = OWN(refresh_ms), .min = 0, .max = 3600000,
	    .number = 1000, .unit = "seconds" },
	{ .name = "hold", .type = SCHEMA_BOOL, .offset = OWN(hold), .max = 1,
	    .number = 0 },
	{ .name = "rules", .type = SCHEMA_RULES, .offset = OWN(first_rule),
	    .max = CONF_LISTENER_RULES_MAX },
	{ .name = "rules.from", .type = SCHEMA_NETS, .offset = RULE(from),
	    .min = 1, .max = CONF_NETS_MAX },
	{ .name = "rules.action", .type = SCHEMA_CHOICE,
	    .offset = RULE(action), .choices = actions,
	    .number = CONF_ALLOW },
	{ .name = "rules.greeting", .type = SCHEMA_GREETING,
	    .offset = RULE(greeting), .max = CONF_GREETING_MAX, .text = "" },
	WHEN(drain, "draining\n"),
	WHEN(maintenance, "under maintenance\n"),
	WHEN(down, "down\n"),
	{ .name = "log.target", .type = SCHEMA_CHOICE,
	    .offset = TOP(log.target), .choices = targets,
	    .number = CONF_LOG_SYSLOG },
	{ .name = "log.facility", .type = SCHEMA_CHOICE,
	    .offset = TOP(log.facility), .choices = facilities,
	    .number = LOG_DAEMON },
	{ .name = "log.level", .type = SCHEMA_CHOICE,
	    .offset = TOP(log.level), .choices = levels,
	    .number = LOG_INFO },
	{ .name = "log.format", .type = SCHEMA_CHOICE,
	    .offset = TOP(log.format), .choices = log_formats,
	    .number = CONF_LOG_TEXT },
	{ .name = "log.timestamps", .type = SCHEMA_BOOL,
	    .offset = TOP(log.timestamps), .max = 1, .number = 1 },
	{ .name = "log.clients", .type = SCHEMA_CHOICE,
	    .offset = BOTH(log.clients), .choices = clients,
	    .number = CONF_CLIENTS_ALL },
	{ .name = "log.quiet", .type = SCHEMA_NETS,
	    .offset = TOP(quiet), .min = 0, .max = CONF_NETS_MAX },
	{ .name = "limits.max_clients", .type = SCHEMA_INTEGER,
	    .offset = BOTH(limits.max_clients), .min = 1,
	    .max = CONF_CLIENTS_MAX, .number = 512 },
	{ .name = "limits.when_full", .type = SCHEMA_CHOICE,
	    .offset = BOTH(limits.when_full), .choices = when_full,
	    .number = CONF_FULL_QUEUE },
	{ .name = "limits.max_clients_per_source", .type = SCHEMA_INTEGER,
	    .offset = BOTH(limits.max_clients_per_source), .min = 0,
	    .max = CONF_CLIENTS_MAX, .number = 64 },
	{ .name = "limits.ipv4_prefix", .type = SCHEMA_INTEGER,
	    .offset = BOTH(limits.ipv4_prefix), .min = 1, .max = 32,
	    .number = 32, .unit = "bits" },
	{ .name = "limits.ipv6_prefix", .type = SCHEMA_INTEGER,
	    .offset = BOTH(limits.ipv6_prefix), .min = 1, .max = 128,
	    .number = 64, .unit = "bits" },
	{ .name = "limits.rate", .type = SCHEMA_RATE,
	    .offset = BOTH(limits.rate), .min = 0, .max = RATE_MAX * 1000,
	    .number = 0, .unit = "clients a second" },
	{ .name = "limits.burst", .type = SCHEMA_INTEGER,
	    .offset = BOTH(limits.burst), .min = 1, .max = RATE_MAX,
	    .number = 0, .text = "limits.rate rounded up",
	    .unit = "clients" },
	{ .name = "limits.rate_per_source", .type = SCHEMA_RATE,
	    .offset = BOTH(limits.rate_per_source), .min = 0,
	    .max = RATE_MAX * 1000, .number = 0, .unit = "clients a second" },
	{ .name = "limits.burst_per_source", .type = SCHEMA_INTEGER,
	    .offset = BOTH(limits.burst_per_source), .min = 1,
	    .max = RATE_MAX, .number = 0,
	    .text = "limits.rate_per_source rounded up", .unit = "clients" },
	{ .name = "limits.exempt", .type = SCHEMA_NETS,
	    .offset = TOP(exempt), .min = 0, .max = CONF_NETS_MAX },
	{ .name = "timeouts.session", .type = SCHEMA_SECONDS,
	    .offset = BOTH(timeouts.session_ms), .min = 100,
	    .max = 86400000, .number = 30000, .unit = "seconds" },
	{ .name = "timeouts.send", .type = SCHEMA_SECONDS,
	    .offset = BOTH(timeouts.send_ms), .min = 100, .max = 86400000,
	    .number = 10000, .unit = "seconds" },
	{ .name = "timeouts.linger", .type = SCHEMA_SECONDS,
	    .offset = BOTH(timeouts.linger_ms), .min = 0, .max = 3600000,
	    .number = 2000, .unit = "seconds" },
	{ .name = "timeouts.shutdown", .type = SCHEMA_SECONDS,
	    .offset = TOP(timeouts.shutdown_ms), .min = 0, .max = 86400000,
	    .number = 5000, .unit = "seconds" },
	{ .name = "timeouts.cpu", .type = SCHEMA_INTEGER,
	    .offset = BOTH(timeouts.cpu_s), .min = 1, .max = 3600,
	    .number = 2, .unit = "seconds" },
	{ .name = "timeouts.request", .type = SCHEMA_SECONDS,
	    .offset = BOTH(timeouts.request_ms), .min = 100,
	    .max = 3600000, .number = 5000, .unit = "seconds" },
	{ .name = "timeouts.proxy", .type = SCHEMA_SECONDS,
	    .offset = BOTH(timeouts.proxy_ms), .min = 100,
	    .max = 3600000, .number = 3000, .unit = "seconds" },
	{ .name = "proxy_protocol.trusted", .type = SCHEMA_NETS,
	    .offset = OWN(proxy.trusted), .min = 1, .max = CONF_NETS_MAX },
	{ .name = "proxy_protocol.version", .type = SCHEMA_CHOICE,
	    .offset = OWN(proxy.version), .choices = proxy_versions,
	    .number = CONF_PROXY_ANY },
	REFUSAL(busy, "busy, try again later\n"),
	REFUSAL(rate, "busy, try again in %{retry_after} s\n"),
	REFUSAL(busy_per_source, "too many connections from %{client_ip}\n"),
	REFUSAL(rate_per_source, "too many connections from %{client_ip}, "
				 "try again in %{retry_after} s\n"),
	REFUSAL(denied, "access denied\n"),
	REFUSAL(no_resources, "out of resources, try again later\n"),
};

const size_t schema_n_keys = sizeof(schema_keys) / sizeof(schema_keys[0]);

static_assert(sizeof(schema_keys) / sizeof(schema_keys[0]) <= CONF_KEYS_MAX,
    "conf.given_line has a place for each row");

const struct schema_key *
schema_find(const char *name)
{
	size_t i;

	for (i = 0; i < schema_n_keys; i++)
		if (strcmp(schema_keys[i].name, name) == 0)
			return &schema_keys[i];
	return NULL;
}

bool
schema_given(const struct conf *conf, const char *key)
{
	return schema_line(conf, key) != 0;
}

uint32_t
schema_line(const struct conf *conf, const char *key)
{
	const struct schema_key *row = schema_find(key);

	return row != NULL ? conf->given_line[row - schema_keys] : 0;
}

bool
schema_has(const struct schema_key *key, enum schema_scope scope)
{
	return key->offset[scope] != SCHEMA_NOWHERE;
}

bool
schema_is_group(const char *name, enum schema_scope scope)
{
	size_t i, length = strlen(name);

	for (i = 0; i < schema_n_keys; i++)
		if (schema_has(&schema_keys[i], scope) &&
		    strncmp(schema_keys[i].name, name, length) == 0 &&
		    schema_keys[i].name[length] == '.')
			return true;
	return false;
}

bool
schema_is_number(const struct schema_key *key)
{
	return key->type <= SCHEMA_CHOICE;
}

bool
schema_is_text(const struct schema_key *key)
{
	return key->type == SCHEMA_STRING || key->type == SCHEMA_GREETING;
}

const char *
schema_name_in(const struct schema_key *key, enum schema_scope scope)
{
	return scope == SCHEMA_RULE ? strchr(key->name, '.') + 1 : key->name;
}
