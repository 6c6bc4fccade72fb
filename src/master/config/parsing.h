/* One text of a configuration on its way through a forkgreet-reader of its
 * own. */
#ifndef MASTER_PARSING_H
#define MASTER_PARSING_H

#include <sys/types.h>

#include <stddef.h>

struct entries;
struct report;

/* Between parsing_begin() and parsing_end(). */
struct parsing {
	const char *path; /* of the file, for messages */
	pid_t child; /* -1: there is none, or it has been reaped */
	int pipe; /* what the reader says */
	int pidfd; /* readable when it has ended */
	int poll; /* the caller's epoll(7), which has the two above */
	const char *killed; /* by us, and why */
	int error; /* errno of what failed here, and made us kill it; or 0 */
	char *bytes; /* what it has said, with room for so many */
	size_t length, room;
	size_t most; /* bytes that it may say */
};

enum parsing_progress { PARSING_MORE, PARSING_DONE, PARSING_FAILED };

#define PARSING_NONE ((struct parsing) { .child = -1, .pipe = -1, .pidfd = -1 })

/*
 * Starts the reader (see executable_open()) on length bytes of text, of the
 * file at path, which must stay as long as the parsing.  It may say at most most
 * bytes; poll becomes readable when parsing_continue() has work.  Returns 0, or
 * -1 with an error in report.  parsing_end() either way.
 */
int parsing_begin(struct parsing *parsing, int reader, const char *text,
    size_t length, struct report *report);

/*
 * Takes what the reader has said, without blocking.  PARSING_MORE: call again
 * when poll is readable.  PARSING_DONE: *entries is all of it, taken apart, and
 * is the caller's to free; its texts are in parsing->bytes.  PARSING_FAILED:
 * the errors are in report.  In both latter cases the reader has been reaped.  What
 * is wrong with the text alone is in report and no failure.
 */
enum parsing_progress parsing_continue(
    struct parsing *parsing, struct entries *entries, struct report *report);

/* Kills the reader; why is what messages say that it did. */
void parsing_kill(struct parsing *parsing, const char *why);

/* Kills and reaps the reader if need be.  Returns what it said, *length bytes,
 * which the caller wipes and frees; or NULL. */
char *parsing_end(struct parsing *parsing, size_t *length);

#endif
