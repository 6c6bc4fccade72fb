/* Comparing a text with a pattern. */
#include "config.h"

#include "pattern.h"

#include <stddef.h>

bool
pattern_matches(const char *pattern, const char *text, const char *end)
{
	const char *star = NULL, *from = NULL;

	while (text < end)
		if (*pattern == '*') {
			star = ++pattern;
			from = text;
		} else if (*pattern != '\0' && *pattern == *text) {
			pattern++;
			text++;
		} else if (star != NULL) {
			pattern = star;
			text = ++from;
		} else
			return false;
	while (*pattern == '*')
		pattern++;
	return *pattern == '\0';
}
