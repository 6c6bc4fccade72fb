/* Showing a greeting without the bytes that a terminal would obey. */
#include "config.h"

#include "client/show.h"

#include <string.h>
#include <unistd.h>

#include "shared/escape.h"
#include "shared/output.h"

#define PIECE 4096 /* bytes that are looked at together with the tail */

void
show_begin(struct show *show)
{
	*show = (struct show){ .escaped = isatty(STDOUT_FILENO) == 1 };
}

/* RFC 3629, section 3. */
static size_t
sequence_length(unsigned char first)
{
	if (first < 0xc2 || first > 0xf4)
		return 1;
	return first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
}

/* True when more bytes may make left bytes of text something to be shown. */
static bool
is_unfinished(const char *text, size_t left)
{
	if (*text == '\r')
		return left == 1;
	if (left >= sequence_length((unsigned char)*text))
		return false;
	for (size_t i = 1; i < left; i++)
		if (((unsigned char)text[i] & 0xc0) != 0x80)
			return false;
	return true;
}

/* Puts one character of text into line, which has room for it; returns how many
 * bytes of text that took, and moves *used. */
static size_t
put(char *line, size_t *used, const char *text, size_t left)
{
	size_t n = escape_shown(text, left);
	const char *keep = "\n\t";

	if (*text == '\r' && left > 1 && text[1] == '\n')
		keep = "\r";
	if (n == 0)
		n = 1;
	*used += escape_text(line + *used, ESCAPE_BYTE_MAX + 1, text, n, keep);
	return n;
}

/* Stores in *done how many bytes were written; last: none may be held back. */
static int
show_piece(
    const char *text, size_t length, bool last, size_t *done, int64_t deadline)
{
	char line[ESCAPE_BYTE_MAX * (SHOW_HELD_MAX + PIECE) + 1];
	size_t used = 0, at = 0;

	while (at < length && (last || !is_unfinished(text + at, length - at)))
		at += put(line, &used, text + at, length - at);
	*done = at;
	return output_write(STDOUT_FILENO, line, used, deadline);
}

static int
show_some(struct show *show, const char *bytes, size_t length, bool last,
    int64_t deadline)
{
	char text[SHOW_HELD_MAX + PIECE];
	size_t have = show->held, done;

	memcpy(text, show->tail, have);
	memcpy(text + have, bytes, length);
	have += length;
	if (show_piece(text, have, last, &done, deadline) == -1)
		return -1;
	show->held = have - done;
	memcpy(show->tail, text + done, show->held);
	return 0;
}

int
show_bytes(
    struct show *show, const char *bytes, size_t length, int64_t deadline)
{
	size_t n;

	if (!show->escaped)
		return output_write(STDOUT_FILENO, bytes, length, deadline);
	for (; length > 0; bytes += n, length -= n) {
		n = length < PIECE ? length : PIECE;
		if (show_some(show, bytes, n, false, deadline) == -1)
			return -1;
	}
	return 0;
}

int
show_end(struct show *show, int64_t deadline)
{
	return show_some(show, "", 0, true, deadline);
}
