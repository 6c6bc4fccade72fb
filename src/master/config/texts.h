/* A greeting, and the texts of one that is rendered for each client. */
#ifndef MASTER_CONFIG_TEXTS_H
#define MASTER_CONFIG_TEXTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "master/system/file_id.h"
#include "shared/greet.h"

/* One of the texts of a greeting that is rendered. */
struct greeting_text {
	uint32_t offset; /* in its bytes */
	uint32_t length;
	uint32_t first; /* of its segments */
	uint32_t n_segments;
};

/* Line endings converted, variables compiled. */
struct greeting {
	char *bytes;
	size_t length;
	struct greeting_text *texts;
	struct greet_segment *segments; /* of one text after the other */
	uint32_t n_texts; /* 0: it is sent as it is */
	uint32_t n_segments;
	struct file_id file; /* that it was read from, or no file */
};

/*
 * Compiles the texts of the greeting, whose bytes are final: with pick each of
 * those that lie between lines of "%" (a file in the form of fortune(6); empty
 * ones are left out, and there must be one), else the whole if it has variables.
 * variables: a "%{" is one.  Returns 0, or -1 with *why, valid until the next
 * call, and errno: EINVAL, or ENOMEM.
 */
int texts_make(struct greeting *greeting, bool variables, bool pick,
    const char **why);

#endif
