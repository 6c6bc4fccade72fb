/* The texts with variables. */
#include "config.h"

#include "master/config/messages.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "master/config/conf.h"
#include "master/config/greetings.h"

static struct conf_text
text_of(const struct conf_refusals *refusals, enum refusal why)
{
	switch (why) {
	case REFUSAL_BUSY:
		return refusals->busy;
	case REFUSAL_RATE:
		return refusals->rate;
	case REFUSAL_BUSY_PER_SOURCE:
		return refusals->busy_per_source;
	case REFUSAL_RATE_PER_SOURCE:
		return refusals->rate_per_source;
	case REFUSAL_DENIED:
		return refusals->denied;
	case REFUSAL_NO_RESOURCES:
	case REFUSAL_COUNT:
		break;
	}
	return refusals->no_resources;
}

/* Row n_listeners is the top one. */
static const struct conf_refusals *
refusals_of(const struct conf *conf, uint32_t listener)
{
	return listener < conf->n_listeners ? &conf->listener[listener].refusals
					    : &conf->refusals;
}

/* Compiles the texts of one row, after the first n segments; without
 * messages->segments it only counts.  Returns the new number of segments. */
static uint32_t
compile_row(struct messages *messages, const struct conf *conf, uint32_t row,
    uint32_t n)
{
	struct message *message = &messages->list[row * REFUSAL_COUNT];
	struct greet_segment *segments;
	struct greet_size size;
	struct conf_text text;
	unsigned why;

	for (why = 0; why < REFUSAL_COUNT; why++, message++) {
		text = text_of(refusals_of(conf, row), (enum refusal)why);
		segments =
		    messages->segments == NULL ? NULL : &messages->segments[n];
		greet_compile(conf_text(conf, text), text.length, segments,
		    message->n_segments, &size);
		*message =
		    (struct message){ text.offset, n, (uint32_t)size.segments };
		n += message->n_segments;
	}
	return n;
}

static uint32_t
compile(struct messages *messages, const struct conf *conf)
{
	uint32_t row, n = 0;

	for (row = 0; row <= conf->n_listeners; row++)
		n = compile_row(messages, conf, row, n);
	return n;
}

/* How many texts and segments the greetings have. */
static void
count_greetings(const struct greeting *greetings, size_t count, size_t *texts,
    size_t *segments)
{
	size_t i;

	for (i = 0; i < count; i++) {
		*texts += greetings[i].n_texts;
		*segments += greetings[i].n_segments;
	}
}

/* Takes over those of the greetings, after the first n segments. */
static void
take_greetings(struct messages *messages, const struct greeting *greetings,
    size_t count, uint32_t n)
{
	struct greeting_text *texts = messages->texts;
	struct greet_segment *segments = &messages->segments[n];
	size_t i;

	for (i = 0; i < count; i++) {
		messages->sessions[i] = (struct message_session) { texts,
			segments, greetings[i].n_texts,
			greetings[i].n_segments };
		if (greetings[i].n_texts == 0)
			continue;
		memcpy(texts, greetings[i].texts,
		    greetings[i].n_texts * sizeof(*texts));
		memcpy(segments, greetings[i].segments,
		    greetings[i].n_segments * sizeof(*segments));
		texts += greetings[i].n_texts;
		segments += greetings[i].n_segments;
	}
}

int
messages_make(struct messages *messages, const struct conf *conf,
    const struct greeting *greetings)
{
	size_t count = greetings_count(conf), texts = 0, segments = 0;

	memset(messages, 0, sizeof(*messages));
	messages->n_listeners = conf->n_listeners;
	gethostname(messages->hostname, sizeof(messages->hostname) - 1);
	messages->list = calloc((size_t)conf->n_listeners + 1,
	    REFUSAL_COUNT * sizeof(*messages->list));
	messages->sessions = calloc(count, sizeof(*messages->sessions));
	count_greetings(greetings, count, &texts, &segments);
	messages->texts = calloc(texts + 1, sizeof(*messages->texts));
	if (messages->list != NULL && messages->sessions != NULL &&
	    messages->texts != NULL)
		messages->segments =
		    calloc(compile(messages, conf) + segments + 1,
			sizeof(*messages->segments));
	if (messages->segments == NULL) {
		messages_free(messages);
		errno = ENOMEM;
		return -1;
	}
	take_greetings(messages, greetings, count, compile(messages, conf));
	return 0;
}

void
messages_free(struct messages *messages)
{
	free(messages->list);
	free(messages->sessions);
	free(messages->texts);
	free(messages->segments);
	memset(messages, 0, sizeof(*messages));
}

static const struct message *
message_of(const struct messages *messages, int listener, enum refusal why)
{
	uint32_t row =
	    listener == -1 ? messages->n_listeners : (uint32_t)listener;

	return &messages->list[row * REFUSAL_COUNT + (uint32_t)why];
}

size_t
messages_render(const struct messages *messages, const struct conf *conf,
    int listener, enum refusal why, struct greet_values *values, char *out)
{
	const struct message *message = message_of(messages, listener, why);

	values->hostname = messages->hostname;
	values->reason = refusal_name(why);
	return greet_render(&messages->segments[message->first],
	    message->n_segments, conf->text + message->offset, values, out);
}

size_t
messages_greet(const struct messages *messages, uint32_t session, uint32_t which,
    const char *text, struct greet_values *values, char *out)
{
	const struct message_session *said = &messages->sessions[session];
	const struct greeting_text *one = &said->texts[which];

	values->hostname = messages->hostname;
	return greet_render(&said->segments[one->first], one->n_segments,
	    text + one->offset, values, out);
}

static bool
uses(const struct greet_segment *segments, uint32_t n, enum greet_what what)
{
	uint32_t i;

	for (i = 0; i < n; i++)
		if (segments[i].what == (uint32_t)what)
			return true;
	return false;
}

bool
messages_render_uses(const struct messages *messages, int listener,
    enum refusal why, enum greet_what what)
{
	const struct message *message = message_of(messages, listener, why);

	return uses(&messages->segments[message->first], message->n_segments,
	    what);
}

bool
messages_greet_uses(const struct messages *messages, uint32_t session,
    enum greet_what what)
{
	const struct message_session *said = &messages->sessions[session];

	return uses(said->segments, said->n_segments, what);
}
