/* Asking the running daemon what it counts. */
#ifndef MASTER_EXPLAIN_ASK_H
#define MASTER_EXPLAIN_ASK_H

struct counts;
struct explain_query;

/* Room for what explain_ask() writes: a path, a step and an error. */
#define EXPLAIN_WHY_MAX 400

/*
 * Asks the daemon at the control socket (its path; "": there is none) for the
 * counts of the query's client, for at most ten seconds.  Returns NULL, or why
 * there are none: counts are then COUNTS_NONE, and the text is printable, in
 * why.
 */
const char *explain_ask(struct counts *counts, const char *path,
    const struct explain_query *query, char why[EXPLAIN_WHY_MAX]);

#endif
