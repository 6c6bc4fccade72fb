/* The texts of refusals, compiled. */
#ifndef MASTER_MESSAGES_H
#define MASTER_MESSAGES_H

#include <limits.h>
#include <stddef.h>
#include <stdint.h>

#include "shared/greet.h"
#include "shared/refusal.h"

struct conf;

struct message {
	uint32_t offset; /* of its text, in conf->text */
	uint32_t first; /* of its segments */
	uint32_t n_segments;
};

/* Start with all zero. */
struct messages {
	struct message *list; /* REFUSAL_COUNT a listener, then the top ones */
	struct greet_segment *segments;
	uint32_t n_listeners;
	char hostname[HOST_NAME_MAX + 1]; /* when they were compiled */
};

/* Compiles the texts of conf, which must stay unchanged as long as they are
 * used.  Returns 0, or -1 with errno ENOMEM; then there is nothing to free. */
int messages_make(struct messages *messages, const struct conf *conf);

void messages_free(struct messages *messages);

/*
 * Writes what a client of the listener with that index, refused for that
 * reason, is told; -1: of a listener that is not in the configuration any more.
 * Fills in values->hostname and values->reason.  out has room for GREET_MESSAGE_MAX
 * bytes.  Returns how many bytes were written, without a NUL.
 */
size_t messages_render(const struct messages *messages, const struct conf *conf,
    int listener, enum refusal why, struct greet_values *values, char *out);

#endif
