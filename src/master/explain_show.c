/* Shows what a client gets, and why. */
#include "config.h"

#include "master/explain_show.h"

#include <inttypes.h>
#include <string.h>

#include "master/config/conf.h"
#include "master/config/network.h"
#include "master/config/schema.h"
#include "master/control/writer.h"
#include "shared/escape.h"

static void
put_word(FILE *out, const char *word)
{
	fprintf(out, EXPLAIN_WORD, word);
}

/* Of the listener: it and all that is in it are in one file. */
static const char *
own_file(const struct explanation *explanation)
{
	return conf_file(explanation->service.setup->conf, explanation->conf,
	    explanation->path);
}

static void
put_place(FILE *out, const char *file, uint32_t line)
{
	fprintf(out, "%s:%u", file, (unsigned)line);
}

/* Text from the daemon, or from a health file. */
static void
put_shown(FILE *out, const char *text)
{
	char shown[ESCAPE_BYTE_MAX * STATE_REASON_MAX + 1];

	escape_text(shown, sizeof(shown), text, strlen(text), "");
	fputs(shown, out);
}

/* ----------------------------------------------------------------- who, and where */

static bool
is_reached(const struct conf *conf, const struct conf_listener *listener,
    const struct addr *source)
{
	const struct conf_address *address =
	    &conf->address[listener->first_address];
	uint32_t i;

	for (i = 0; i < listener->n_addresses; i++, address++)
		if (address->addr.family == source->family ||
		    (source->family == AF_INET && listener->v6only == 0 &&
			addr_is_any(&address->addr)))
			return true;
	return false;
}

static void
put_listener(FILE *out, const struct explanation *explanation)
{
	const struct conf *conf = explanation->service.setup->conf;
	const struct conf_listener *listener = explanation->conf;
	char format[SCHEMA_TEXT_MAX];

	put_word(out, "listener");
	fputs(conf_text(conf, listener->name), out);
	if (listener->line == 0)
		fputs(", the built-in one", out);
	else {
		fputs(", ", out);
		put_place(out, own_file(explanation), listener->line);
	}
	fprintf(out, ", format %s\n", schema_format(schema_find("format"),
	    listener->format, format));
}

static void
put_client(FILE *out, const struct explanation *explanation)
{
	const struct addr *source = &explanation->query->source;
	char address[ADDR_TEXT_MAX];

	put_word(out, "client");
	fputs(addr_format(source, address), out);
	if (!conf_is_proxied(explanation->conf) && !is_reached(explanation->service.setup->conf, explanation->conf,
		source))
		fprintf(out, ", which cannot come: the listener has no %s",
		    source->family == AF_UNIX	 ? "UNIX socket" :
			source->family == AF_INET ? "IPv4 address" :
						    "IPv6 address");
	fputc('\n', out);
}

/* Who may say that it is this client. */
static void
put_proxies(FILE *out, const struct explanation *explanation)
{
	const struct conf *conf = explanation->service.setup->conf;
	struct conf_nets nets = explanation->conf->proxy.trusted;
	const struct conf_net *net = &conf->net[nets.first];
	char text[NETWORK_TEXT_MAX];
	uint32_t i;

	if (nets.n > 0)
		put_word(out, "proxy");
	for (i = 0; i < nets.n; i++, net++) {
		if (i > 0)
			put_word(out, "");
		put_place(out, own_file(explanation), net->line);
		fprintf(out, ": %s, by a PROXY header\n",
		    network_format(net, text));
	}
}

static void
put_daemon(FILE *out, const struct explanation *explanation)
{
	const struct counts *counts = &explanation->counts;
	const struct conf *conf = explanation->service.setup->conf;

	put_word(out, "daemon");
	if (explanation->silence != NULL) {
		fprintf(out, "none answers: %s\n", explanation->silence);
		put_word(out, "");
		fputs("what follows is configured; nothing is counted\n", out);
		return;
	}
	fprintf(out, "pid %" PRId64 "\n", counts->pid);
	if (counts->stopping != 0) {
		put_word(out, "");
		fputs("it is stopping: no client is accepted any more\n", out);
	}
	if (counts->fingerprint != conf->fingerprint) {
		put_word(out, "");
		fprintf(out, "it runs another configuration than %s: what "
		    "follows holds after a reload\n", explanation->path);
	}
	if (counts->known == 0) {
		put_word(out, "");
		fputs("it has no such listener\n", out);
	}
}

static void
put_state(FILE *out, const struct explanation *explanation)
{
	const struct listener_state *state =
	    &explanation->service.states[explanation->group];
	char until[WRITER_TIME_MAX];

	put_word(out, "state");
	fputs(state_name(state->state), out);
	if (state->until != 0)
		fprintf(out, " until %s", writer_time(state->until, until));
	if (state->reason[0] != '\0') {
		fputs(", reason ", out);
		put_shown(out, state->reason);
	}
	if (explanation->query->has_state &&
	    (int64_t)state->state != explanation->counts.state)
		fputs(", as asked", out);
	else if (explanation->silence != NULL)
		fputs(", unless somebody has said otherwise", out);
	fputc('\n', out);
}

/* ------------------------------------------------------------------------- rules */

static void
put_net(FILE *out, const char *file, const struct conf_net *net)
{
	char text[NETWORK_TEXT_MAX];

	put_place(out, file, net->line);
	fprintf(out, ": %s", network_format(net, text));
}

static void
put_rule(FILE *out, const struct explanation *explanation)
{
	const struct admit *admit = &explanation->service.admit;
	const struct addr *source = &explanation->query->source;
	const struct conf_rule *rule =
	    admit_rule(admit, explanation->group, source);
	char action[SCHEMA_TEXT_MAX];

	put_word(out, "rule");
	if (rule == NULL) {
		fprintf(out, "%s: allowed\n", explanation->conf->n_rules == 0 ?
			"there is none" : "none has this address");
		return;
	}
	put_place(out, own_file(explanation), rule->line);
	fprintf(out, ": action %s, from ",
	    schema_format(schema_find("rules.action"), rule->action, action));
	put_net(out, own_file(explanation),
	    admit_net(admit, rule->from, source));
	if (rule->greeting_line != 0) {
		fputs(", greeting ", out);
		put_place(out, own_file(explanation), rule->greeting_line);
	}
	fputc('\n', out);
}

static const struct conf_net *
exempt_net(const struct explanation *explanation)
{
	const struct admit *admit = &explanation->service.admit;

	return admit_net(
	    admit, admit->conf->exempt, &explanation->query->source);
}

static void
put_exempt(FILE *out, const struct explanation *explanation)
{
	const struct conf_net *net = exempt_net(explanation);

	if (net == NULL)
		return;
	put_word(out, "exempt");
	put_net(out, explanation->path, net);
	fputs(", so that only max_clients holds\n", out);
}

/* ------------------------------------------------------------------------ limits */

static void
put_clients(FILE *out, const char *key, const char *whose, int64_t most,
    int64_t clients)
{
	put_word(out, "limit");
	fprintf(out, "%s%s %" PRId64 ", has %" PRId64 "\n", key, whose, most,
	    clients);
}

/* How many could come at once, to a thousandth. */
static void
put_rate(FILE *out, const char *key, const char *whose,
    const struct bucket_rule *rule, int64_t level)
{
	char rate[SCHEMA_TEXT_MAX];

	if (rule->rate == 0)
		return;
	put_word(out, "limit");
	fprintf(out, "%s%s %s a second, burst %" PRId64 ", has %" PRId64
	    ".%03" PRId64 " left\n", key, whose,
	    schema_format(schema_find("limits.rate"), rule->rate, rate),
	    rule->burst, level / BUCKET_TOKEN,
	    level % BUCKET_TOKEN / (BUCKET_TOKEN / 1000));
}

/* In the order in which they are asked. */
static void
put_limits(FILE *out, const struct explanation *explanation)
{
	const struct admit *admit = &explanation->service.admit;
	const struct admit_listener *listener =
	    &admit->listeners[explanation->group];
	const struct conf_limits *limits = &listener->conf->limits;
	const struct levels *levels = &explanation->levels;

	put_clients(out, "max_clients", "", admit->conf->limits.max_clients,
	    explanation->clients);
	put_clients(out, "max_clients", " of the listener",
	    limits->max_clients, explanation->listener_clients);
	if (exempt_net(explanation) != NULL)
		return;
	if (limits->max_clients_per_source > 0)
		put_clients(out, "max_clients_per_source", "",
		    limits->max_clients_per_source, levels->clients);
	put_rate(out, "rate_per_source", "", &listener->per_source,
	    levels->source);
	put_rate(out, "rate", " of the listener", &listener->rule,
	    levels->listener);
	put_rate(out, "rate", "", &admit->rule, levels->daemon);
}

/* -------------------------------------------------------------------- all of it */

static void
put_verdict(FILE *out, const struct explanation *explanation)
{
	const struct client *client = explanation->client;

	put_word(out, "verdict");
	if (explanation->queued)
		fprintf(out, "waits in the kernel's queue until one of %"
		    PRId64 " clients goes; then ",
		    explanation->full->max_clients);
	if (explanation->allowed)
		fputs("allowed\n", out);
	else if (client->retry_after > 0)
		fprintf(out, "refused: %s, may come again in %" PRIu32 " s\n",
		    refusal_name(explanation->why), client->retry_after);
	else
		fprintf(out, "refused: %s\n", refusal_name(explanation->why));
}

void
explain_show(const struct explanation *explanation, FILE *out)
{
	static void (*const lines[])(
	    FILE *out, const struct explanation *explanation) = {
		put_listener,
		put_client,
		put_proxies,
		put_daemon,
		put_state,
		put_rule,
		put_exempt,
		put_limits,
		put_verdict,
	};
	size_t i;

	for (i = 0; i < sizeof(lines) / sizeof(lines[0]) &&
	     !explanation->query->raw; i++)
		lines[i](out, explanation);
	explain_answer(explanation, out);
}
