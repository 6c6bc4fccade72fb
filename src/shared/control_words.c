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

static bool
is_plain(unsigned char c)
{
	return !is_control(c) && c != ' ' && c != '%';
}

int
control_words_encode(const char *text, char *out, size_t size)
{
	static const char digits[] = "0123456789ABCDEF";
	unsigned char c;

	for (; *text != '\0'; text++) {
		c = (unsigned char)*text;
		if (size < 4)
			return -1;
		if (is_plain(c)) {
			*out++ = *text;
			size--;
			continue;
		}
		*out++ = '%';
		*out++ = digits[c >> 4];
		*out++ = digits[c & 0xf];
		size -= 3;
	}
	*out = '\0';
	return 0;
}

/* -1 when it is none. */
static int
digit_of(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

int
control_words_decode(const char *word, char *out, size_t size)
{
	int high, low;

	for (; *word != '\0'; word++, size--) {
		if (size < 2)
			return -1;
		if (*word != '%') {
			*out++ = *word;
			continue;
		}
		high = digit_of(word[1]);
		low = high == -1 ? -1 : digit_of(word[2]);
		if (low == -1 || (high | low) == 0)
			return -1;
		*out++ = (char)(high << 4 | low);
		word += 2;
	}
	*out = '\0';
	return 0;
}
