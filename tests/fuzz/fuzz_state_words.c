/* The file of the operator's words: only what we wrote is taken. */
#include "config.h"

#include <inttypes.h>
#include <string.h>

#include "fuzz.h"
#include "master/state_words.h"
#include "master/system/siphash.h"

#define TEXT_MAX 4096
#define START "forkgreet-state 1\n"

/* What was taken is, written again, the same text. */
static void
try_text(const char *text, size_t length)
{
	static char again[STATE_TEXT_MAX];
	static struct state_words words;

	memset(&words, 0xa5, sizeof(words));
	if (state_words_parse(&words, text, length) == -1) {
		MUST(words.n == 0);
		return;
	}
	MUST(words.n <= STATE_WORDS_MAX);
	MUST(state_words_format(&words, again, sizeof(again)) == length);
	MUST(memcmp(again, text, length) == 0);
}

/* With a first and a last line that are right, so that the others count. */
static void
try_lines(const uint8_t *lines, size_t length)
{
	static const uint64_t key[2];
	static char text[TEXT_MAX + 128];
	size_t i, n = 0, used = strlen(START);

	memcpy(text, START, used);
	memcpy(text + used, lines, length);
	used += length;
	for (i = 0; i < length; i++)
		n += lines[i] == '\n';
	used += (size_t)snprintf(text + used, 64, "end %zu %016" PRIx64 "\n", n,
	    siphash(key, text, used));
	try_text(text, used);
}

/* Any bytes as words: written only if they can be read. */
static void
try_words(const uint8_t *bytes, size_t length)
{
	static char text[STATE_TEXT_MAX];
	static struct state_words words;
	size_t n;

	memset(&words, 0, sizeof(words));
	memcpy(&words.list, bytes,
	    length < sizeof(words.list) ? length : sizeof(words.list));
	words.n = 1 + length / sizeof(words.list[0]);
	for (n = 0; n < words.n; n++) {
		words.list[n].listener[CONF_NAME_MAX] = '\0';
		words.list[n].reason[STATE_REASON_MAX] = '\0';
	}
	n = state_words_format(&words, text, sizeof(text));
	if (n > 0) {
		MUST(state_words_parse(&words, text, n) == 0);
		try_text(text, n);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
	if (length == 0 || length > TEXT_MAX)
		return 0;
	try_text((const char *)bytes, length);
	try_lines(bytes, length);
	try_words(bytes, length);
	return 0;
}
