/* What is wrong with a rule that the schema does not know. */
#ifndef MASTER_RULE_H
#define MASTER_RULE_H

#include <libconfig.h>

struct conf_rule;
struct parse;

/*
 * Reports what the rule lacks (it has no defaults for whom it is and what it
 * does), and a text that is too long for those it denies; notes where its
 * greeting stands.  group is the setting that the rule has been read from,
 * prefix its name with a dot.
 */
void rule_check(struct parse *parse, struct conf_rule *rule,
    const char *prefix, const config_setting_t *group);

#endif
