/* The words of a health file. */
#include "config.h"

#include "shared/health.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <strings.h>

#include "shared/escape.h"
#include "shared/number.h"

struct line {
	const char *at, *end;
};

static const struct {
	const char *name;
	enum state state;
} words[] = {
	{ "up", STATE_READY },
	{ "ready", STATE_READY },
	{ "down", STATE_DOWN },
	{ "fail", STATE_DOWN },
	{ "stopped", STATE_DOWN },
	{ "drain", STATE_DRAIN },
	{ "maint", STATE_MAINTENANCE },
};

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t';
}

static bool
is_separator(char c)
{
	return is_blank(c) || c == ',';
}

/* Bytes of 0x80 and above are text, or are escaped. */
static bool
is_control(char c)
{
	unsigned char byte = (unsigned char)c;

	return (byte < ' ' && byte != '\t') || byte == 0x7f;
}

/* Tabs become blanks, which take less room than \x09. */
static void
reason_set(struct health *health, struct line text)
{
	char *reason = health->reason, *at;
	size_t n;

	while (text.at < text.end && is_blank(*text.at))
		text.at++;
	n = escape_text(reason, sizeof(health->reason), text.at,
	    (size_t)(text.end - text.at), "\t");
	for (at = reason; *at != '\0'; at++)
		if (*at == '\t')
			*at = ' ';
	while (n > 0 && reason[n - 1] == ' ')
		reason[--n] = '\0';
}

/* What is wrong, of the line, becomes the end of the reason. */
static bool
bad(struct health *health, const char *why, struct line wrong)
{
	size_t n = strlen(why);

	health->state = STATE_DOWN;
	health->weight = HEALTH_NO_WEIGHT;
	memcpy(health->reason, why, n);
	escape_text(health->reason + n, sizeof(health->reason) - n, wrong.at,
	    (size_t)(wrong.end - wrong.at), "");
	return false;
}

static bool
weight_parse(struct line word, int *weight)
{
	char digits[sizeof("100")];
	size_t length = (size_t)(word.end - word.at) - 1;
	int64_t number;

	if (length >= sizeof(digits) || *word.at == '-')
		return false;
	memcpy(digits, word.at, length);
	digits[length] = '\0';
	if (number_parse(digits, 0, 100, &number) == -1)
		return false;
	*weight = (int)number;
	return true;
}

static bool
state_word_parse(struct line word, enum state *state)
{
	size_t i, length = (size_t)(word.end - word.at);

	for (i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (strlen(words[i].name) != length ||
		    strncasecmp(words[i].name, word.at, length) != 0)
			continue;
		if (words[i].state > *state)
			*state = words[i].state;
		return true;
	}
	return false;
}

static bool
word_parse(struct line word, struct health *health)
{
	if (word.end[-1] == '%')
		return weight_parse(word, &health->weight) ||
		    bad(health, "weight not from 0% to 100%: ", word);
	return state_word_parse(word, &health->state) ||
	    bad(health, "word not understood: ", word);
}

/* Steps over separators; returns the word that follows, which is empty at the
 * line's end. */
static struct line
word_next(struct line *line)
{
	struct line word;

	while (line->at < line->end && is_separator(*line->at))
		line->at++;
	word.at = line->at;
	while (line->at < line->end && !is_separator(*line->at))
		line->at++;
	word.end = line->at;
	return word;
}

static bool
controls_check(struct line line, struct health *health)
{
	struct line byte;

	for (byte.at = line.at; byte.at < line.end; byte.at++) {
		byte.end = byte.at + 1;
		if (is_control(*byte.at))
			return bad(health, "control byte in it: ", byte);
	}
	return true;
}

static bool
line_parse(struct line line, struct health *health)
{
	struct line word, none = { line.end, line.end };
	bool said = false;

	if (!controls_check(line, health))
		return false;
	for (word = word_next(&line); word.at < word.end;
	    word = word_next(&line)) {
		if (*word.at == '#' && said) {
			word.at++;
			word.end = line.end;
			reason_set(health, word);
			return true;
		}
		if (*word.at == '#')
			break;
		if (!word_parse(word, health))
			return false;
		said = true;
	}
	return said || bad(health, "no word in it", none);
}

enum health_parse
health_parse(const char *text, size_t length, struct health *health)
{
	struct line line = { text, text };
	const char *newline;
	bool good;

	*health = (struct health){ STATE_READY, HEALTH_NO_WEIGHT, "" };
	if (length == 0) {
		bad(health, "empty", line);
		return HEALTH_UNFINISHED;
	}
	newline = memchr(text, '\n', length);
	line.end = newline != NULL ? newline : text + length;
	if (line.end > line.at && line.end[-1] == '\r')
		line.end--;
	good = line_parse(line, health);
	if (newline == NULL)
		return HEALTH_UNFINISHED;
	return good ? HEALTH_GOOD : HEALTH_BAD;
}
