/* Values of configuration keys as written in the file. */
#include "config.h"

#include "master/config/schema.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static void
format_seconds(int64_t ms, char *text)
{
	size_t length;

	snprintf(text, SCHEMA_TEXT_MAX, "%" PRId64 ".%03d", ms / 1000,
	    (int)(ms % 1000));
	length = strlen(text);
	while (text[length - 1] == '0')
		text[--length] = '\0';
	if (text[length - 1] == '.')
		text[length - 1] = '\0';
}

bool
schema_allows(const struct schema_key *key, int64_t number)
{
	const struct schema_choice *choice;

	if (key->type != SCHEMA_CHOICE)
		return number >= key->min && number <= key->max;
	for (choice = key->choices; choice->word != NULL; choice++)
		if (choice->number == number)
			return true;
	return false;
}

const char *
schema_format(const struct schema_key *key, int64_t number, char *text)
{
	const struct schema_choice *choice;

	switch (key->type) {
	case SCHEMA_SECONDS:
	case SCHEMA_RATE:
		format_seconds(number, text);
		return text;
	case SCHEMA_BOOL:
		snprintf(text, SCHEMA_TEXT_MAX, "%s",
		    number != 0 ? "true" : "false");
		return text;
	case SCHEMA_CHOICE:
		for (choice = key->choices; choice->word != NULL; choice++)
			if (choice->number == number)
				break;
		snprintf(text, SCHEMA_TEXT_MAX, "\"%s\"",
		    choice->word != NULL ? choice->word : "?");
		return text;
	default:
		snprintf(text, SCHEMA_TEXT_MAX, "%" PRId64, number);
		return text;
	}
}

static void
describe_range(const struct schema_key *key, char *text)
{
	char min[SCHEMA_TEXT_MAX], max[SCHEMA_TEXT_MAX];

	snprintf(text, SCHEMA_TEXT_MAX, "%.32s to %.32s%s%s",
	    schema_format(key, key->min, min),
	    schema_format(key, key->max, max), key->unit != NULL ? " " : "",
	    key->unit != NULL ? key->unit : "");
}

/* "a", "b" or "c" */
static void
describe_choices(const struct schema_key *key, char *text)
{
	const struct schema_choice *choice;
	const char *between = "";
	size_t length = 0;

	for (choice = key->choices; choice->word != NULL; choice++) {
		if (choice != key->choices)
			between = choice[1].word == NULL ? " or " : ", ";
		if (length < SCHEMA_TEXT_MAX)
			length += (size_t)snprintf(text + length,
			    SCHEMA_TEXT_MAX - length, "%s\"%s\"", between,
			    choice->word);
	}
}

const char *
schema_describe(const struct schema_key *key, char *text)
{
	const char *what = "a string";

	switch (key->type) {
	case SCHEMA_INTEGER:
	case SCHEMA_SECONDS:
	case SCHEMA_RATE:
		describe_range(key, text);
		return text;
	case SCHEMA_CHOICE:
		describe_choices(key, text);
		return text;
	case SCHEMA_BOOL:
		what = "true or false";
		break;
	case SCHEMA_ADDRESSES:
		what = "a numeric address as a string, or a list of such";
		break;
	case SCHEMA_NETS:
		what = key->min > 0 ?
		    "\"any\", or a network such as \"192.0.2.0/24\" as a "
		    "string, or a list of such" :
		    "a network such as \"192.0.2.0/24\" as a string, or a "
		    "list of such";
		break;
	case SCHEMA_RULES:
		what = "a list of groups, as in ( { from = \"any\"; "
		       "action = \"deny\"; } )";
		break;
	case SCHEMA_LISTENERS:
		what = "a list of groups, as in ( { port = 4444; } )";
		break;
	default:
		break;
	}
	snprintf(text, SCHEMA_TEXT_MAX, "%s", what);
	return text;
}
