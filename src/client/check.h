/* forkgreet --check: a plugin for Nagios, Icinga and those like them. */
#ifndef CLIENT_CHECK_H
#define CLIENT_CHECK_H

#include <stdbool.h>
#include <stdint.h>

#include "client/resolve.h"

/* Exit statuses of the monitoring-plugins development guidelines. */
enum check_state {
	CHECK_OK = 0,
	CHECK_WARNING = 1,
	CHECK_CRITICAL = 2,
	CHECK_UNKNOWN = 3
};

/* What makes a greeting good. */
struct check {
	const char *expect; /* POSIX extended regular expression; NULL: any */
	int64_t warn_ms, crit_ms; /* slower is WARNING, CRITICAL; 0: never */
	int64_t wait_ms; /* time limit for everything */
	bool json; /* one object instead of the plugin's line */
};

/* True if the command line asks for --check, whatever else is wrong with it. */
bool check_wanted(int argc, char **argv);

/* From now on what goes wrong is kept for check_unknown() and check_run(). */
void check_prepare(void);

/* Prints the line of a check that cannot be made, and why; returns
 * CHECK_UNKNOWN. */
enum check_state check_unknown(bool json);

/*
 * Fetches the greeting of target, prints one line of at most 1,023 bytes in
 * printable UTF-8 (or a JSON object), and returns what to exit with.
 * CHECK_UNKNOWN, without a line perhaps, is also that it cannot be printed.
 */
enum check_state check_run(
    const struct check *check, const struct target *target);

#endif
