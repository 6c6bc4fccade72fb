/* forkgreetd -E: what a client gets, and why. */
#ifndef MASTER_EXPLAIN_H
#define MASTER_EXPLAIN_H

struct candidate;
struct explain_query;
struct greeting;

/*
 * Decides about the client as the daemon would that runs with the candidate's
 * configuration (path, for messages) and greetings, and counts what the daemon
 * counts that answers on its control socket, if one does.  Prints the decision,
 * what leads to it, and what the client gets, to standard output.  Makes the
 * candidate's plan and messages.  Ends the process when there is no such
 * listener (EXIT_USAGE), or when the system fails.
 */
void explain(struct candidate *candidate, struct greeting *greetings,
    const char *path, const struct explain_query *query);

#endif
