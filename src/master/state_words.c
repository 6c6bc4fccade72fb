/* What the operator said of the listeners, as text and as a list. */
#include "config.h"

#include "master/state_words.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "master/system/siphash.h"
#include "shared/escape.h"
#include "shared/number.h"

#define MAGIC "forkgreet-state 1" /* the first line */
#define TEXT_LINE_MAX 352 /* bytes; the longest that is written has 326 */

/* What is still to be read. */
struct rest {
	const char *at, *end;
};

/* Where text is written to: NULL when it does not fit. */
struct out {
	char *at, *end;
};

static bool
name_is_plain(const char *name)
{
	for (; *name != '\0'; name++)
		if ((unsigned char)*name <= ' ' || *name == 0x7f)
			return false;
	return true;
}

static bool
is_said_before(const struct state_words *words, size_t i)
{
	for (size_t j = 0; j < i; j++)
		if (strcmp(words->list[i].listener, words->list[j].listener) ==
		    0)
			return true;
	return false;
}

/* Is it what the format can hold? */
static bool
words_are_good(const struct state_words *words)
{
	const struct state_word *word;
	size_t i;

	if (words->n > STATE_WORDS_MAX)
		return false;
	for (i = 0; i < words->n; i++) {
		word = &words->list[i];
		if ((unsigned)word->state >= STATE_COUNT ||
		    word->state == STATE_DOWN || word->until < 0 ||
		    word->since < 0 || !name_is_plain(word->listener) ||
		    is_said_before(words, i))
			return false;
	}
	return true;
}

static uint64_t
checksum(const char *text, size_t length)
{
	static const uint64_t key[2] = { 0, 0 };

	return siphash(key, text, length);
}

static void put(struct out *out, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static void
put(struct out *out, const char *format, ...)
{
	va_list list;
	int n;

	if (out->at == NULL)
		return;
	va_start(list, format);
	n = vsnprintf(out->at, (size_t)(out->end - out->at), format, list);
	va_end(list);
	out->at = n < 0 || n >= out->end - out->at ? NULL : out->at + n;
}

static void
put_word(struct out *out, const struct state_word *word)
{
	char reason[STATE_REASON_MAX + 1];

	escape_text(
	    reason, sizeof(reason), word->reason, strlen(word->reason), "");
	put(out, "%s%s %s %" PRId64 " %" PRId64 "%s%s\n",
	    *word->listener == '\0' ? "all" : "listener ", word->listener,
	    state_name(word->state), word->until, word->since,
	    *reason == '\0' ? "" : " ", reason);
}

size_t
state_words_format(const struct state_words *words, char *text, size_t room)
{
	struct out out = { text, text + room };
	size_t i;

	if (!words_are_good(words))
		return 0;
	put(&out, MAGIC "\n");
	for (i = 0; i < words->n; i++)
		put_word(&out, &words->list[i]);
	if (out.at != NULL)
		put(&out, "end %zu %016" PRIx64 "\n", words->n,
		    checksum(text, (size_t)(out.at - text)));
	return out.at == NULL ? 0 : (size_t)(out.at - text);
}

/* Copies a line without its newline.  A bad one becomes an empty one, which no
 * caller takes for good. */
static void
line_next(struct rest *rest, char line[TEXT_LINE_MAX])
{
	size_t length = (size_t)(rest->end - rest->at);
	const char *newline = memchr(rest->at, '\n', length);

	line[0] = '\0';
	if (newline == NULL || newline - rest->at >= TEXT_LINE_MAX)
		return;
	length = (size_t)(newline - rest->at);
	memcpy(line, rest->at, length);
	line[length] = '\0';
	rest->at = newline + 1;
	if (strlen(line) != length)
		line[0] = '\0';
}

static bool
time_parse(const char *text, int64_t *seconds)
{
	return text != NULL && *text != '-' &&
	    number_parse(text, 0, INT64_MAX, seconds) == 0;
}

static bool
listener_parse(const char *text, char name[CONF_NAME_MAX + 1])
{
	if (text == NULL || *text == '\0' || strlen(text) > CONF_NAME_MAX)
		return false;
	memcpy(name, text, strlen(text) + 1);
	return true;
}

/* NULL: none; else it is as escape_text() leaves it, and not empty. */
static bool
reason_parse(const char *text, char reason[STATE_REASON_MAX + 1])
{
	size_t length = text == NULL ? 0 : strlen(text);

	reason[0] = '\0';
	if (text == NULL)
		return true;
	return length > 0 &&
	    escape_text(reason, STATE_REASON_MAX + 1, text, length, "") ==
	    length &&
	    memcmp(reason, text, length) == 0;
}

static bool
word_parse(char *line, struct state_word *word)
{
	const char *who = strsep(&line, " "), *state;

	*word = (struct state_word){ 0 };
	if (strcmp(who, "listener") == 0) {
		if (!listener_parse(strsep(&line, " "), word->listener))
			return false;
	} else if (strcmp(who, "all") != 0)
		return false;
	state = strsep(&line, " ");
	return state != NULL && state_parse(state, &word->state) &&
	    time_parse(strsep(&line, " "), &word->until) &&
	    time_parse(strsep(&line, " "), &word->since) &&
	    reason_parse(line, word->reason);
}

/* The line that is the text's last one, and begins at end. */
static bool
end_is_right(const char *line, const struct state_words *words,
    const char *text, const char *end)
{
	char wanted[TEXT_LINE_MAX];

	snprintf(wanted, sizeof(wanted), "end %zu %016" PRIx64, words->n,
	    checksum(text, (size_t)(end - text)));
	return strcmp(line, wanted) == 0;
}

static bool
text_parse(struct state_words *words, const char *text, size_t length)
{
	struct rest rest = { text, text + length };
	char line[TEXT_LINE_MAX];
	const char *start;

	line_next(&rest, line);
	if (strcmp(line, MAGIC) != 0)
		return false;
	for (;;) {
		start = rest.at;
		line_next(&rest, line);
		if (strncmp(line, "end ", 4) == 0)
			break;
		if (words->n == STATE_WORDS_MAX ||
		    !word_parse(line, &words->list[words->n]))
			return false;
		words->n++;
	}
	return rest.at == rest.end && words_are_good(words) &&
	    end_is_right(line, words, text, start);
}

int
state_words_parse(struct state_words *words, const char *text, size_t length)
{
	words->n = 0;
	if (text_parse(words, text, length))
		return 0;
	words->n = 0;
	return -1;
}

/* ------------------------------------------------------------------- the list */

void
state_words_drop(struct state_words *words, struct state_word *word)
{
	*word = words->list[--words->n];
}

bool
state_words_expire(struct state_words *words, int64_t today)
{
	size_t i = 0, n = words->n;

	while (i < words->n)
		if (words->list[i].until != 0 && words->list[i].until <= today)
			state_words_drop(words, &words->list[i]);
		else
			i++;
	return words->n != n;
}
