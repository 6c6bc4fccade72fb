/* What a configuration says that can never have an effect. */
#include "config.h"

#include "master/config/doubt.h"

#include <inttypes.h>
#include <stddef.h>

#include "master/config/conf.h"
#include "master/config/network.h"
#include "master/config/report.h"
#include "master/config/schema.h"

/* The rule of rules, before late, that has all of the network; or NULL. */
static const struct conf_rule *
find_cover(const struct conf *conf, const struct conf_rule *rules,
    const struct conf_rule *late, const struct conf_net *net)
{
	const struct conf_rule *rule;
	uint32_t i;

	for (rule = rules; rule < late; rule++)
		for (i = 0; i < rule->from.n; i++)
			if (net_covers(&conf->net[rule->from.first + i], net))
				return rule;
	return NULL;
}

/* The rule whose networks cover the last of late's, when all are covered. */
static const struct conf_rule *
find_covers(const struct conf *conf, const struct conf_rule *rules,
    const struct conf_rule *late)
{
	const struct conf_rule *cover = NULL;
	uint32_t i;

	for (i = 0; i < late->from.n; i++) {
		cover = find_cover(
		    conf, rules, late, &conf->net[late->from.first + i]);
		if (cover == NULL)
			return NULL;
	}
	return cover;
}

static void
find_dead_rules(const struct conf *conf, const struct conf_listener *listener,
    const char *path, struct report *report)
{
	const struct conf_rule *rules = &conf->rule[listener->first_rule];
	const struct conf_rule *rule, *cover;

	for (rule = rules; rule < rules + listener->n_rules; rule++) {
		cover = find_covers(conf, rules, rule);
		if (cover != NULL)
			report_warning(report,
			    "%s:%u: listeners[%td].rules[%td].from: can never "
			    "match: rules before it have these addresses, "
			    "rules[%td] (line %u) the last of them",
			    path, (unsigned)rule->line,
			    listener - conf->listener, rule - rules,
			    cover - rules, (unsigned)cover->line);
	}
}

/* True when neither the daemon nor a listener has that rate. */
static bool
is_without(const struct conf *conf, const char *rate)
{
	const struct schema_key *key = schema_find(rate);
	uint32_t i;

	for (i = 0; i < conf->n_listeners; i++)
		if (schema_number(key, SCHEMA_LISTENER, &conf->listener[i]) > 0)
			return false;
	return schema_number(key, SCHEMA_TOP, conf) == 0;
}

static void
find_burst(const struct conf *conf, const char *burst, const char *rate,
    const char *path, struct report *report)
{
	if (conf_given(conf, burst) && is_without(conf, rate))
		report_warning(report,
		    "%s:%u: %s: does nothing while %s is 0, no limit", path,
		    (unsigned)conf_line(conf, burst), burst, rate);
}

void
doubt_find(const struct conf *conf, const char *path, struct report *report)
{
	static const char per_source[] = "limits.max_clients_per_source";
	const struct conf_limits *limits = &conf->limits;
	uint32_t i;

	if (conf_given(conf, per_source) &&
	    limits->max_clients_per_source > limits->max_clients)
		report_warning(report,
		    "%s:%u: %s: %" PRId64 " can never be reached, "
		    "limits.max_clients is %" PRId64,
		    path, (unsigned)conf_line(conf, per_source), per_source,
		    limits->max_clients_per_source, limits->max_clients);
	for (i = 0; i < conf->n_listeners; i++)
		find_dead_rules(conf, &conf->listener[i], path, report);
	find_burst(conf, "limits.burst", "limits.rate", path, report);
	find_burst(conf, "limits.burst_per_source", "limits.rate_per_source",
	    path, report);
}
