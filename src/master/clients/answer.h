/* The bytes that a client is sent. */
#ifndef MASTER_CLIENTS_ANSWER_H
#define MASTER_CLIENTS_ANSWER_H

#include <stddef.h>
#include <stdint.h>

#include "shared/plan.h"
#include "shared/refusal.h"

struct client;
struct service;

/* Status line and fields of a refusal, before the end of its head. */
#define ANSWER_START_MAX 256

struct answer {
	uint32_t session; /* of the running plan, that says the rest */
	size_t head; /* of bytes: the end of an answer's head; a refusal's whole
		      * head.  0: not in that format */
	size_t length; /* of bytes */
	size_t total; /* what the client gets in all, unless it asks for less */
	char bytes[ANSWER_START_MAX + PLAN_ORDER_BYTES_MAX];
};

/* What goes to the spawner for the client, in the state that its listener had
 * when it came: its variables filled in. */
void answer_greeting(struct answer *answer, const struct service *service,
    const struct client *client);

/* Notes what its child is to do with that, for the time after it. */
void answer_note(const struct service *service, struct client *client,
    const struct answer *answer);

/* What a client gets of a greeting, in this order: a head of the plan, and of the
 * answer the head's end; the text, of one or the other. */
#define ANSWER_PARTS 3

struct answer_part {
	const char *bytes;
	size_t length;
};

/* The parts of what answer_greeting() said, as long as both are there: any may
 * be empty. */
void answer_parts(struct answer_part parts[ANSWER_PARTS],
    const struct answer *answer, const struct plan *plan);

/* What it is sent when it is refused for that reason, all of it. */
void answer_refusal(struct answer *answer, const struct service *service,
    const struct client *client, enum refusal why);

#endif
