/* Makes text from outside fit for a log or a terminal. */
#include "config.h"

#include "shared/escape.h"

#include <stdbool.h>
#include <string.h>

/* RFC 3629, section 4: what the first byte may be, and with it the second; any
 * further ones are 0x80 to 0xbf.  The row of 0xc2 begins behind U+00A0. */
static const struct sequence {
	unsigned char first, last, low, high;
	size_t length;
} sequences[] = {
	{ 0xc2, 0xc2, 0xa1, 0xbf, 2 },
	{ 0xc3, 0xdf, 0x80, 0xbf, 2 },
	{ 0xe0, 0xe0, 0xa0, 0xbf, 3 },
	{ 0xe1, 0xec, 0x80, 0xbf, 3 },
	{ 0xed, 0xed, 0x80, 0x9f, 3 },
	{ 0xee, 0xef, 0x80, 0xbf, 3 },
	{ 0xf0, 0xf0, 0x90, 0xbf, 4 },
	{ 0xf1, 0xf3, 0x80, 0xbf, 4 },
	{ 0xf4, 0xf4, 0x80, 0x8f, 4 },
};

static bool
sequence_matches(const struct sequence *sequence, const unsigned char *at,
    size_t left)
{
	size_t i;

	if (left < sequence->length || at[1] < sequence->low ||
	    at[1] > sequence->high)
		return false;
	for (i = 2; i < sequence->length; i++)
		if (at[i] < 0x80 || at[i] > 0xbf)
			return false;
	return true;
}

size_t
escape_shown(const char *text, size_t left)
{
	const unsigned char *at = (const unsigned char *)text;
	size_t i;

	if (*at < 0x80)
		return *at >= ' ' && *at != 0x7f;
	for (i = 0; i < sizeof(sequences) / sizeof(sequences[0]); i++)
		if (*at >= sequences[i].first && *at <= sequences[i].last)
			return sequence_matches(&sequences[i], at, left) ?
			    sequences[i].length : 0;
	return 0;
}

/* Writes the character at text, n bytes that may be shown, or one byte (n is 0)
 * that may not; returns the number of bytes written. */
static size_t
put_character(char to[ESCAPE_BYTE_MAX], const char *text, size_t n)
{
	static const char hex[] = "0123456789abcdef";

	if (n > 0) {
		memcpy(to, text, n);
		return n;
	}
	to[0] = '\\';
	to[1] = 'x';
	to[2] = hex[(unsigned char)*text >> 4];
	to[3] = hex[(unsigned char)*text & 15];
	return ESCAPE_BYTE_MAX;
}

size_t
escape_text(char *line, size_t size, const char *text, size_t length,
    const char *keep)
{
	char character[ESCAPE_BYTE_MAX];
	size_t used = 0, at = 0, n, written;

	while (at < length) {
		n = escape_shown(text + at, length - at);
		if (n == 0 && text[at] != '\0' &&
		    strchr(keep, text[at]) != NULL)
			n = 1;
		written = put_character(character, text + at, n);
		if (used + written >= size)
			break;
		memcpy(line + used, character, written);
		used += written;
		at += n > 0 ? n : 1;
	}
	line[used] = '\0';
	return used;
}
