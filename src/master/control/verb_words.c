/* Takes control requests apart. */
#include "config.h"

#include "master/control/verb_words.h"

#include <string.h>

#include "shared/control_words.h"
#include "shared/number.h"

static int
take_json(struct verb_request *request, const char *value)
{
	/* It is the first word, if it is there. */
	if (*value != '\0' || request->given != 0)
		return -1;
	request->json = true;
	return 0;
}

static int
take_listener(struct verb_request *request, const char *value)
{
	struct state_order *order = &request->order;

	order->listeners[order->n_listeners++] = value;
	return 0;
}

static int
take_until(struct verb_request *request, const char *value)
{
	return number_parse(value, 1, INT64_MAX, &request->order.until);
}

static int
take_reason(struct verb_request *request, const char *value)
{
	return control_words_decode(value, request->order.reason,
	    sizeof(request->order.reason));
}

static int
take_source(struct verb_request *request, const char *value)
{
	request->source = value;
	return (request->given & WORD_SOURCE) != 0 ? -1 : 0;
}

static int
take_level(struct verb_request *request, const char *value)
{
	request->level = value;
	return (request->given & WORD_LEVEL) != 0 ? -1 : 0;
}

static const struct {
	const char *name; /* what follows it is the value */
	enum verb_words word;
	int (*take)(struct verb_request *request, const char *value);
} words[] = {
	{ "json", WORD_JSON, take_json },
	{ "listener=", WORD_LISTENER, take_listener },
	{ "until=", WORD_UNTIL, take_until },
	{ "reason=", WORD_REASON, take_reason },
	{ "source=", WORD_SOURCE, take_source },
	{ "level=", WORD_LEVEL, take_level },
};

/* Returns 0, or -1 when it is none of those. */
static int
take_word(struct verb_request *request, const char *text)
{
	size_t i, length;

	for (i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		length = strlen(words[i].name);
		if (strncmp(text, words[i].name, length) != 0)
			continue;
		if (words[i].take(request, text + length) == -1)
			return -1;
		request->given |= words[i].word;
		return 0;
	}
	return -1;
}

int
verb_words_take(struct verb_request *request, char **texts, int n)
{
	int i;

	*request = (struct verb_request) { .verb = texts[0] };
	for (i = 1; i < n; i++)
		if (take_word(request, texts[i]) == -1)
			return -1;
	return 0;
}
