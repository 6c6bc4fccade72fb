/* The command line of forkgreetd. */
#ifndef MASTER_OPTIONS_H
#define MASTER_OPTIONS_H

#include <stdbool.h>

enum mode { MODE_SERVE, MODE_TEST, MODE_DUMP, MODE_EXPLAIN };

struct options {
	enum mode mode;
	bool foreground;
	const char *explain; /* MODE_EXPLAIN: which client, explain_query.h */
	const char *path; /* of the configuration, absolute when serving */
};

/*
 * Parses the command line.  Prints help or version and ends the process when
 * asked to; ends it with EXIT_USAGE when the command line is wrong.
 */
void options_parse(struct options *options, int argc, char **argv);

#endif
