/* Split a control request into words. */
#include "config.h"

#include "shared/control_words.h"

#include <stdbool.h>

static bool
is_control(unsigned char c)
{
	return c < 0x20 || c == 0x7f;
}

int
control_words_split(char *line, size_t length, char **words, size_t max)
{
	char *word = line, *end = line + length, *at;
	size_t count = 0;

	for (at = line; at <= end; at++) {
		if (at < end && *at != ' ') {
			if (is_control((unsigned char)*at))
				return -1;
			continue;
		}
		if (at == word || count == max)
			return -1;
		*at = '\0';
		words[count++] = word;
		word = at + 1;
	}
	return (int)count;
}
