/* What is wrong with a rule that the schema does not know. */
#include "config.h"

#include "master/config/rule.h"

#include <string.h>

#include "master/config/conf.h"
#include "master/config/value.h"

void
rule_check(struct parse *parse, struct conf_rule *rule, const char *prefix,
    const config_setting_t *group)
{
	static const char *const needed[] = { "rules.from", "rules.action" };
	const config_setting_t *greeting =
	    config_setting_get_member(group, "greeting");
	char text[SCHEMA_TEXT_MAX];
	const char *name;
	size_t i;

	for (i = 0; i < sizeof(needed) / sizeof(needed[0]); i++) {
		name = strchr(needed[i], '.') + 1;
		if (config_setting_get_member(group, name) == NULL)
			parse_error(parse, rule->line,
			    "%s%s: missing, allowed is %s", prefix, name,
			    schema_describe(schema_find(needed[i]), text));
	}
	if (greeting == NULL)
		return;
	rule->greeting_line = config_setting_source_line(greeting);
	if (rule->action == CONF_DENY &&
	    rule->greeting.length > CONF_DENIAL_MAX)
		parse_error(parse, rule->greeting_line,
		    "%sgreeting: is %u bytes long, allowed are 0 to %u with "
		    "action = \"deny\"",
		    prefix, (unsigned)rule->greeting.length, CONF_DENIAL_MAX);
}
