/*
 * What forkgreet-reader says about the text of a configuration: entries, one
 * behind the other, that forkgreetd takes from a pipe and believes none of.
 *
 * A setting is one entry; a group, list or array comes before what is in it.
 * The path says where it stands: names joined by '.', places in a list or array
 * as [0], [1] ("listeners[0].rules[1].from").
 */
#ifndef SHARED_ENTRIES_H
#define SHARED_ENTRIES_H

#include <stdint.h>

/* Descriptors of the reader; it has no others.  Its only argument is the pid of
 * the process that it is to die with. */
#define READER_PIPE 0 /* where the entries go */
#define READER_TEXT 1 /* a file: the text, then "\n" and a NUL */

/* Time for one text, seconds: a timer of the reader's own ends it. */
#define READER_SECONDS 5

#define ENTRY_TEXT_MAX (20u << 20) /* bytes: no value is longer than a file */
#define ENTRY_PATH_MAX 255 /* bytes; our own paths have less than 64 */
#define ENTRY_NAME_MAX 100 /* bytes of one name in it; more are cut off */
#define ENTRY_DEPTH_MAX 16 /* brackets in each other; ours nest 5 deep */
#define ENTRIES_MAX 65536 /* of one text; ours has 20,000 at most */
#define FINDINGS_MAX 100 /* slips that are looked for in one text */

/* Exit status of a reader that could not confine itself, and of one that could
 * not start: it has parsed nothing, and said why; or not write what it has
 * parsed, and nothing is said. */
#define READER_UNCONFINED 77
#define READER_UNABLE 71

enum entry_type {
	/* Of the file.  The path is free text here. */
	ENTRY_FINDING, /* the text says what is wrong at that line and path */
	/* Instead of anything else: what failed, and why. */
	ENTRY_FAILURE,
	/* Settings and elements; those with parts of their own: */
	ENTRY_GROUP,
	ENTRY_LIST,
	ENTRY_ARRAY,
	/* ... and those with a value, the text: */
	ENTRY_STRING, /* any bytes but NUL */
	ENTRY_INTEGER, /* "-7" */
	ENTRY_FLOAT, /* "2.5", "1e+300", "inf" */
	ENTRY_BOOLEAN, /* "true" or "false" */
	ENTRY_WRONG, /* none that can be used; a finding said why */
	ENTRY_END, /* the last one; without it nothing counts */
};

/* Followed by path and text, each with a NUL that the lengths do not count. */
struct entry_head {
	uint32_t line; /* from 1; of ENTRY_FAILURE and ENTRY_END 0 */
	uint32_t text_length;
	uint16_t path_length;
	uint16_t type; /* enum entry_type */
};

#endif
