/* The words of a health file. */
#include "config.h"

#include "feed/words.h"

#include <stdint.h>
#include <string.h>
#include <strings.h>

#include "shared/number.h"

#define WORD_MAX 7 /* bytes: "stopped" is the longest */

static const char *const states[] = { "up", "ready", "down", "fail", "stopped",
	"drain", "maint" };

static bool
has_control(const char *line, size_t length)
{
	size_t i;

	for (i = 0; i < length; i++)
		if (((unsigned char)line[i] < ' ' && line[i] != '\t') ||
		    line[i] == 0x7f)
			return true;
	return false;
}

/* Cuts "%" off. */
static bool
is_weight(char *word, size_t length)
{
	int64_t percent;

	if (*word == '-' || word[length - 1] != '%')
		return false;
	word[length - 1] = '\0';
	return number_parse(word, 0, 100, &percent) == 0;
}

static bool
is_word(const char *text, size_t length)
{
	char word[WORD_MAX + 1];
	size_t i;

	if (length > WORD_MAX)
		return false;
	memcpy(word, text, length);
	word[length] = '\0';
	for (i = 0; i < sizeof(states) / sizeof(states[0]); i++)
		if (strcasecmp(word, states[i]) == 0)
			return true;
	return is_weight(word, length);
}

bool
words_are_health(const char *line, size_t length)
{
	size_t at, n;
	bool said = false;

	if (has_control(line, length))
		return false;
	for (at = 0; at < length; at += n) {
		if (line[at] == '#')
			break;
		for (n = 0; at + n < length; n++)
			if (strchr(" \t,", line[at + n]) != NULL)
				break;
		if (n == 0)
			n = 1;
		else if (!is_word(line + at, n))
			return false;
		else
			said = true;
	}
	return said;
}
