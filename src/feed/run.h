/* One run of COMMAND: started, watched, bounded in time, and cleared away. */
#ifndef FEED_RUN_H
#define FEED_RUN_H

#include <stddef.h>
#include <stdint.h>

#define RUN_OUTPUT_MAX 1048576 /* bytes: a greeting's, forkgreet.conf(5) */
#define RUN_ERRORS_MAX 1024 /* bytes: more than a reason has room for */
#define RUN_GRACE_MS 1000 /* from TERM to KILL, and from KILL to giving up */

enum run_end {
	RUN_EXITED, /* code: its exit status */
	RUN_SIGNALLED, /* code: the signal that ended it */
	RUN_TIMED_OUT,
	RUN_NOT_STARTED, /* code: errno */
	RUN_STUCK, /* it, or an earlier one, is there in spite of KILL */
	RUN_STOPPED /* the feed was asked to stop */
};

struct run_result {
	enum run_end end;
	int code;
	int64_t limit_ms; /* that it had */
	/* Its standard output; longer than RUN_OUTPUT_MAX: that was not all. */
	char output[RUN_OUTPUT_MAX + 1];
	size_t output_length;
	char errors[RUN_ERRORS_MAX]; /* the beginning of its standard error */
	size_t errors_length;
};

/*
 * Runs the command (ended by NULL; found in $PATH as by execvp(3)) and returns
 * when it has ended.  It has a process group and /dev/null as its standard
 * input; signals have their default actions.  After limit_ms the group gets
 * TERM, RUN_GRACE_MS later KILL, and RUN_GRACE_MS later this returns RUN_STUCK;
 * then the next calls do so at once, without starting anything, until it is
 * gone.  Being asked to stop (events_stops()) ends a run in the same way, asked
 * twice with KILL.  When the command itself has ended, what is left of its
 * group gets KILL, and so does, where /proc is mounted, every other process
 * that it leaves behind.  The caller is a child subreaper (prctl(2)) and has no
 * other children.
 *
 * All output is read, however much it is.
 */
void run_command(
    char *const *command, int64_t limit_ms, struct run_result *result);

#endif
