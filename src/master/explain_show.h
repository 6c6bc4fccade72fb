/* Showing what a client gets, and why. */
#ifndef MASTER_EXPLAIN_SHOW_H
#define MASTER_EXPLAIN_SHOW_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "master/clients/answer.h"
#include "master/clients/service.h"
#include "master/control/counts.h"
#include "master/explain_query.h"

struct explanation {
	const char *path; /* of the configuration */
	const struct explain_query *query;
	const struct conf_listener *conf; /* the listener's */
	uint32_t group; /* its index in the configuration */
	const char *silence; /* why no daemon answers; NULL: one does */
	struct counts counts; /* what it has said, or COUNTS_NONE */
	/* Before the client came: */
	struct levels levels;
	uint32_t clients, listener_clients;
	/* Decided by: */
	struct service service;
	const struct client *client;
	const struct conf_limits *full; /* limits that are reached, or NULL */
	bool queued; /* it waits in the kernel's queue while they are */
	bool allowed;
	enum refusal why; /* if it is not */
	struct answer answer;
};

/* A line's first word, in a column of its own; "" where there is more to say of
 * the same. */
#define EXPLAIN_WORD "%-9s "

/* All of it, for people: lines of a word and what it is; then the answer.  If the
 * query wants it raw, only that. */
void explain_show(const struct explanation *explanation, FILE *out);

/*
 * The answer: how long it is and what it lacks, then its bytes, each line of it on
 * a line of its own, behind two blanks.  A byte that may not be shown
 * (shared/escape.h) becomes \xNN, and \n, \r, \t, \\ are C's.  If the query wants
 * it raw, only the bytes, as they are.
 */
void explain_answer(const struct explanation *explanation, FILE *out);

#endif
