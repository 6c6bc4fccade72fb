/* What a text for clients should not have, though it may. */
#ifndef MASTER_TEXT_ADVICE_H
#define MASTER_TEXT_ADVICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct report;

/* A quote of the day "should be less than 512 characters", RFC 865: the longest
 * of texts that clients get one of. */
#define TEXT_ADVICE_QUOTE_MAX 512

#define TEXT_NAME_MAX 65 /* with the NUL: a field of uname(2) */

/* What strangers need not know of this system; "": not known. */
struct text_names {
	char kernel[TEXT_NAME_MAX]; /* "Linux" */
	char release[TEXT_NAME_MAX]; /* of the kernel */
	char distribution[TEXT_NAME_MAX]; /* "debian" */
};

/* Asks uname(2), and the file of os-release(5) for its ID. */
void text_names_find(struct text_names *names, const char *os_release);

/* A protocol that has the server speak first, in lines that end in CRLF. */
struct text_protocol {
	int64_t port;
	const char *name;
	const char *source; /* where that is said */
	bool greets_by_name; /* the host's name has to be in its greeting */
};

/* The protocol of a well-known port, or NULL. */
const struct text_protocol *text_protocol_find(int64_t port);

/* A text as clients get it, but for its variables. */
struct text_use {
	const char *bytes;
	size_t length;
	bool variables; /* "%{" begins one */
	size_t longest; /* bytes that it should have at most; 0: any number */
	size_t part; /* bytes of its longest part, when clients get one of
		      * many; 0: they get the whole */
	const struct text_protocol *protocol; /* NULL: lines may end anyhow */
	const struct text_names *names;
};

/*
 * Warns "PATH:LINE: KEY: " of control bytes (other than tab, CR and LF: ESC
 * steers terminals), lines that do not end in CRLF where the protocol wants
 * that, bytes above use->longest, and names: of the kernel, its release, the
 * distribution, forkgreet with its version, the host by %{hostname}.  Once each,
 * with the place of the first.
 */
void text_advise(const struct text_use *use, const char *path, uint32_t line,
    const char *key, struct report *report);

#endif
