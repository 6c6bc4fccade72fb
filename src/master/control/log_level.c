/* The log's level, as a word. */
#include "config.h"

#include "master/control/log_level.h"

#include <stddef.h>
#include <string.h>

#include "master/config/schema.h"

static const struct schema_choice *
choices(void)
{
	const struct schema_key *key = schema_find("log.level");

	return key->choices;
}

bool
log_level_parse(const char *word, int *level)
{
	const struct schema_choice *choice = choices();

	for (; choice->word != NULL; choice++)
		if (strcmp(choice->word, word) == 0) {
			*level = (int)choice->number;
			return true;
		}
	return false;
}

const char *
log_level_name(int level)
{
	const struct schema_choice *choice = choices();

	for (; choice->word != NULL; choice++)
		if (choice->number == level)
			return choice->word;
	return "?";
}
