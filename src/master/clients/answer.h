/* The bytes that a client is sent. */
#ifndef MASTER_CLIENTS_ANSWER_H
#define MASTER_CLIENTS_ANSWER_H

#include <stddef.h>

#include "shared/greet.h"
#include "shared/refusal.h"

struct client;
struct service;

struct answer {
	const char *bytes; /* in the running plan, or in room */
	size_t length;
	char room[GREET_MESSAGE_MAX]; /* for a text with variables */
};

/* The greeting of the client's session, with its variables filled in. */
void answer_greeting(struct answer *answer, const struct service *service,
    const struct client *client);

/* What it is told when it is refused for that reason. */
void answer_refusal(struct answer *answer, const struct service *service,
    const struct client *client, enum refusal why);

#endif
