/* The texts with variables, compiled: refusals and greetings. */
#ifndef MASTER_MESSAGES_H
#define MASTER_MESSAGES_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "shared/greet.h"
#include "shared/refusal.h"

struct conf;
struct greeting;

struct message {
	uint32_t offset; /* a refusal's text, in conf->text */
	uint32_t first; /* of its segments */
	uint32_t n_segments;
};

/* What is rendered of one greeting: ranges of the two lists below. */
struct message_session {
	struct greeting_text *texts;
	struct greet_segment *segments;
	uint32_t n_texts; /* 0: it is sent as it is */
	uint32_t n_segments;
};

/* Start with all zero. */
struct messages {
	struct message *list; /* REFUSAL_COUNT a listener, then the top ones */
	struct message_session *sessions; /* one for each greeting */
	struct greeting_text *texts;
	struct greet_segment *segments;
	uint32_t n_listeners;
	char hostname[HOST_NAME_MAX + 1]; /* when they were compiled */
};

/* Compiles the texts of conf, which must stay unchanged as long as they are
 * used, and takes what greetings_load() has compiled.  Returns 0, or -1 with
 * errno ENOMEM; then there is nothing to free. */
int messages_make(struct messages *messages, const struct conf *conf,
    const struct greeting *greetings);

void messages_free(struct messages *messages);

/*
 * Writes what a client of the listener with that index, refused for that
 * reason, is told; -1: of a listener that is not in the configuration any more.
 * Fills in values->hostname and values->reason.  out has room for GREET_MESSAGE_MAX
 * bytes.  Returns how many bytes were written, without a NUL.
 */
size_t messages_render(const struct messages *messages, const struct conf *conf,
    int listener, enum refusal why, struct greet_values *values, char *out);

/*
 * The same for one of the texts (which is below n_texts) of the greeting with
 * that index: text is the greeting's bytes, and values say all but the hostname.
 */
size_t messages_greet(const struct messages *messages, uint32_t session,
    uint32_t which, const char *text, struct greet_values *values, char *out);

/* True when such a text has the variable, whatever its value is: a refusal's, or
 * any of a greeting's. */
bool messages_render_uses(const struct messages *messages, int listener,
    enum refusal why, enum greet_what what);
bool messages_greet_uses(const struct messages *messages, uint32_t session,
    enum greet_what what);

#endif
