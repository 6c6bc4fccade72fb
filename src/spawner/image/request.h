/* Judging the head of an HTTP request as its bytes come. */
#ifndef SPAWNER_IMAGE_REQUEST_H
#define SPAWNER_IMAGE_REQUEST_H

#include <stdbool.h>
#include <stddef.h>

/* As many bytes as are read of a head, its empty line included: what Apache and
 * nginx have for a line by default. */
#define REQUEST_HEAD_MAX 8192

enum request_verdict {
	REQUEST_UNFINISHED,
	REQUEST_GOOD, /* a whole head */
	REQUEST_BAD,
	REQUEST_TOO_LARGE, /* REQUEST_HEAD_MAX bytes, and not whole */
};

/* What has come; nothing of it is kept.  At first all of it is 0. */
struct request {
	size_t length; /* bytes of the head */
	unsigned place; /* where in the head the next byte is */
	unsigned matched; /* bytes of the word there that have come */
	bool is_head; /* the method is HEAD: the answer has no body, RFC 9110,
		       * 9.3.2; valid once the verdict is REQUEST_GOOD */
};

/*
 * Takes the next n bytes and judges what has come so far.  A verdict does not
 * depend on how the bytes were split, and is final unless it is
 * REQUEST_UNFINISHED: what comes later is not looked at.
 *
 * A head is, as RFC 9112, 2.1 to 3, has it, any number of empty lines, a line
 * "METHOD TARGET HTTP/1.x", and lines up to an empty one.  The method is a
 * token, the target has at least one byte, and no space or control byte.  Other
 * lines may have any bytes.  Lines end in CR LF or LF.
 */
enum request_verdict request_take(
    struct request *request, const char *bytes, size_t n);

#endif
