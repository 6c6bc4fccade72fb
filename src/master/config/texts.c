/* Compiling the texts of a greeting. */
#include "config.h"

#include "master/config/texts.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "master/config/text_check.h"

/* How a greeting is taken apart.  First it is only measured. */
struct splitter {
	struct greeting *greeting;
	bool variables;
	const char *why; /* NULL: no error so far */
};

/* Appends the segments of a text; without room for them it counts. */
static void
add_segments(struct splitter *splitter, const char *text, size_t length)
{
	struct greeting *greeting = splitter->greeting;
	struct greet_segment *segments = greeting->segments;
	struct greet_size size = { .segments = 1 };

	if (segments != NULL)
		segments += greeting->n_segments;
	if (splitter->variables)
		greet_compile(text, length, segments,
		    segments == NULL ? 0 : length, &size);
	else if (segments != NULL)
		*segments = (struct greet_segment) { GREET_LITERAL, 0,
			(uint32_t)length };
	greeting->n_segments += (uint32_t)size.segments;
}

/* Appends one text, likewise. */
static void
add(struct splitter *splitter, size_t offset, size_t length)
{
	struct greeting *greeting = splitter->greeting;
	uint32_t first = greeting->n_segments;

	if (greeting->texts == NULL && splitter->why == NULL)
		splitter->why = text_check_part(greeting->bytes, offset, length,
		    splitter->variables);
	add_segments(splitter, greeting->bytes + offset, length);
	if (greeting->texts != NULL)
		greeting->texts[greeting->n_texts] = (struct greeting_text) {
			(uint32_t)offset, (uint32_t)length, first,
			greeting->n_segments - first
		};
	greeting->n_texts++;
}

/* Is that line, which begins at bytes, a mark between two texts? */
static bool
is_mark(const char *bytes, size_t length)
{
	while (length > 0 &&
	    (bytes[length - 1] == '\n' || bytes[length - 1] == '\r'))
		length--;
	return length == 1 && *bytes == '%';
}

static void
add_picks(struct splitter *splitter)
{
	const char *bytes = splitter->greeting->bytes;
	size_t length = splitter->greeting->length;
	size_t begin = 0, line = 0, end;
	const char *newline;

	for (; line < length; line = end) {
		newline = memchr(bytes + line, '\n', length - line);
		end = newline == NULL ? length : (size_t)(newline - bytes) + 1;
		if (!is_mark(bytes + line, end - line))
			continue;
		if (line > begin)
			add(splitter, begin, line - begin);
		begin = end;
	}
	if (length > begin)
		add(splitter, begin, length - begin);
}

/* As memmem(3) would say it, in a tenth of the time. */
static bool
has_variables(const struct greeting *greeting)
{
	const char *at = greeting->bytes;
	const char *end = at + greeting->length;

	while ((at = memchr(at, '%', (size_t)(end - at))) != NULL)
		if (++at < end && *at == '{')
			return true;
	return false;
}

static void
add_all(struct splitter *splitter, bool pick)
{
	struct greeting *greeting = splitter->greeting;

	greeting->n_texts = greeting->n_segments = 0;
	if (pick)
		add_picks(splitter);
	else if (splitter->variables && has_variables(greeting))
		add(splitter, 0, greeting->length);
}

int
texts_make(struct greeting *greeting, bool variables, bool pick,
    const char **why)
{
	struct splitter splitter = { greeting, variables, NULL };

	add_all(&splitter, pick);
	*why = splitter.why;
	if (*why == NULL && pick && greeting->n_texts == 0)
		*why = "has no text";
	errno = EINVAL;
	if (*why != NULL)
		return -1;
	if (greeting->n_texts == 0)
		return 0;
	greeting->texts =
	    calloc(greeting->n_texts, sizeof(*greeting->texts));
	greeting->segments =
	    calloc(greeting->n_segments, sizeof(*greeting->segments));
	*why = "out of memory";
	if (greeting->texts == NULL || greeting->segments == NULL)
		return -1;
	add_all(&splitter, pick);
	return 0;
}
