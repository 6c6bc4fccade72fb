/* Messages with variables, and the values that stand in for them. */
#include "config.h"

#include <string.h>

#include "fuzz.h"
#include "master/config/text_check.h"
#include "master/config/messages.h"
#include "shared/greet.h"
#include "shared/utc.h"

#define WORD_MAX_HERE 200

/* A word without a NUL; to be freed. */
static char *
word_of(struct input *input)
{
	size_t i, length = input_byte(input) % WORD_MAX_HERE;
	char *word = calloc(1, length + 1);

	MUST(word != NULL);
	for (i = 0; i < length; i++)
		word[i] = (char)input_byte(input);
	return word;
}

static void
addr_of(struct input *input, struct addr *addr)
{
	size_t i;

	memset(addr, 0, sizeof(*addr));
	addr->family = input_byte(input) & 1 ? AF_INET6 : AF_INET;
	for (i = 0; i < (addr->family == AF_INET ? 4u : 16u); i++)
		addr->bytes[i] = input_byte(input);
	addr->port = (uint16_t)input_word(input);
	if (addr->family == AF_INET6)
		addr->scope = input_long(input) & 3;
}

/* All in memory of just its length, so that a sanitizer sees a step beyond. */
static void
render(const char *text, size_t length, const struct greet_values *values)
{
	struct greet_segment *segments;
	struct greet_size size, again;
	size_t i, n, used = 0;
	char *out;

	if (greet_compile(text, length, NULL, 0, &size) != GREET_GOOD) {
		MUST(size.where < length);
		MUST(text_check_message(text, length) != NULL);
		return;
	}
	MUST((text_check_message(text, length) == NULL) ==
	    (size.longest <= GREET_MESSAGE_MAX));
	MUST(size.segments <= length);
	segments = calloc(size.segments + 1, sizeof(*segments));
	out = malloc(size.longest + 1);
	MUST(segments != NULL && out != NULL);
	MUST(greet_compile(text, length, segments, size.segments, &again) ==
	    GREET_GOOD);
	MUST(memcmp(&size, &again, sizeof(size)) == 0);
	for (i = 0; i < size.segments; i++) {
		MUST(segments[i].length > 0 && segments[i].offset >= used);
		used = segments[i].offset + segments[i].length;
		MUST(used <= length);
	}
	n = greet_render(segments, size.segments, text, values, out);
	MUST(n <= size.longest);
	free(out);
	free(segments);
}

static void
format_time(const char *format, size_t length, int64_t seconds)
{
	int longest = utc_measure(format, length);
	char *out;

	if (longest == -1)
		return;
	out = malloc((size_t)longest + 1);
	MUST(out != NULL);
	MUST(utc_format(seconds, format, length, out) <= (size_t)longest);
	free(out);
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
	struct input input = { bytes, length };
	size_t values_at = 0;
	struct greet_values values = { 0 };
	char *text, *listener, *hostname;

	/* The message, a NUL, and what the variables stand for. */
	while (values_at < length && bytes[values_at] != '\0')
		values_at++;
	input.at += values_at;
	input.left -= values_at;
	input_byte(&input);
	text = malloc(values_at + 1);
	MUST(text != NULL);
	memcpy(text, bytes, values_at);
	addr_of(&input, &values.client);
	addr_of(&input, &values.server);
	values.id = (uint64_t)input_long(&input) << 32 | input_long(&input);
	values.time = (int64_t)((uint64_t)input_long(&input) << 32 |
	    input_long(&input));
	values.clients = input_long(&input);
	values.limit = input_long(&input);
	values.retry_after = input_long(&input);
	values.listener = listener = word_of(&input);
	values.hostname = hostname = word_of(&input);
	values.reason = "busy";
	values.state = "maintenance";
	render(text, values_at, &values);
	format_time(text, values_at, values.time);
	free(listener);
	free(hostname);
	free(text);
	return 0;
}
