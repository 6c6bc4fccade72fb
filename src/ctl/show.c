/* Printing JSON that stays valid whatever it is made from. */
#include "config.h"

#include "ctl/show.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "shared/escape.h"
#include "shared/output.h"

#define CHARACTER_MAX 6 /* bytes: "\u00NN" */
#define DAEMON "forkgreetd: "

/* Standard output, in pieces that are worth a write(2). */
struct sink {
	char bytes[4096];
	size_t used;
	int64_t deadline;
	int result; /* -1: a write has failed, errno is its own */
};

static void
sink_flush(struct sink *sink)
{
	if (sink->result == 0)
		sink->result = output_write(
		    STDOUT_FILENO, sink->bytes, sink->used, sink->deadline);
	sink->used = 0;
}

/* length is at most CHARACTER_MAX. */
static void
sink_put(struct sink *sink, const char *bytes, size_t length)
{
	if (sink->used + length > sizeof(sink->bytes))
		sink_flush(sink);
	memcpy(sink->bytes + sink->used, bytes, length);
	sink->used += length;
}

static void
sink_puts(struct sink *sink, const char *text)
{
	for (; *text != '\0'; text++)
		sink_put(sink, text, 1);
}

/* Puts what escape_text() would not show as \u00NN: one byte, or a U+0080 to
 * U+00A0.  Returns how many bytes of text that took. */
static size_t
sink_put_code(struct sink *sink, const char *text, size_t left)
{
	const unsigned char *at = (const unsigned char *)text;
	bool two = left > 1 && at[0] == 0xc2 && at[1] >= 0x80 && at[1] <= 0xa0;
	char code[CHARACTER_MAX + 1];

	snprintf(code, sizeof(code), "\\u%04x", (unsigned)at[two]);
	sink_put(sink, code, CHARACTER_MAX);
	return two ? 2 : 1;
}

int
show_json(const char *text, size_t length, int64_t deadline)
{
	struct sink sink = { .deadline = deadline };
	size_t n;

	for (; length > 0; text += n, length -= n) {
		n = *text == '\n' ? 1 : escape_shown(text, length);
		if (n > 0)
			sink_put(&sink, text, n);
		else
			n = sink_put_code(&sink, text, length);
	}
	sink_flush(&sink);
	return sink.result;
}

static void
put_string(struct sink *sink, const char *text, size_t length)
{
	size_t n;

	sink_put(sink, "\"", 1);
	for (; length > 0; text += n, length -= n) {
		n = escape_shown(text, length);
		if (n == 0) {
			n = sink_put_code(sink, text, length);
			continue;
		}
		if (*text == '"' || *text == '\\')
			sink_put(sink, "\\", 1);
		sink_put(sink, text, n);
	}
	sink_put(sink, "\"", 1);
}

static void
put_line(struct sink *sink, const char *line, size_t length)
{
	size_t skip = strlen(DAEMON);

	if (length >= skip && memcmp(line, DAEMON, skip) == 0)
		put_string(sink, line + skip, length - skip);
	else
		put_string(sink, line, length);
}

int
show_json_failed(const char *text, size_t length, int64_t deadline)
{
	struct sink sink = { .deadline = deadline };
	const char *end = text + length, *newline, *between = "";

	sink_puts(&sink, "{\"result\": \"failed\", \"errors\": [");
	for (; text < end; text = newline + 1) {
		newline = memchr(text, '\n', (size_t)(end - text));
		if (newline == NULL)
			newline = end;
		sink_puts(&sink, between);
		put_line(&sink, text, (size_t)(newline - text));
		between = ", ";
	}
	sink_puts(&sink, "], \"warnings\": []}\n");
	sink_flush(&sink);
	return sink.result;
}
