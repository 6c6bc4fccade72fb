/* Characters of UTF-8 that may be shown. */
#include "config.h"

#include "shared/utf8.h"

size_t
utf8_length(const char *text)
{
	const unsigned char *at = (const unsigned char *)text;
	static const struct {
		unsigned char first, last, low, high;
		size_t length;
	} sequences[] = {
		{ 0xc2, 0xc2, 0xa1, 0xbf, 2 },
		{ 0xc3, 0xdf, 0x80, 0xbf, 2 },
		{ 0xe0, 0xe0, 0xa0, 0xbf, 3 },
		{ 0xe1, 0xec, 0x80, 0xbf, 3 },
		{ 0xed, 0xed, 0x80, 0x9f, 3 },
		{ 0xee, 0xef, 0x80, 0xbf, 3 },
		{ 0xf0, 0xf0, 0x90, 0xbf, 4 },
		{ 0xf1, 0xf3, 0x80, 0xbf, 4 },
		{ 0xf4, 0xf4, 0x80, 0x8f, 4 },
	};
	size_t i, k;

	for (i = 0; i < sizeof(sequences) / sizeof(sequences[0]); i++) {
		if (at[0] < sequences[i].first || at[0] > sequences[i].last)
			continue;
		if (at[1] < sequences[i].low || at[1] > sequences[i].high)
			return 0;
		for (k = 2; k < sequences[i].length; k++)
			if (at[k] < 0x80 || at[k] > 0xbf)
				return 0;
		return sequences[i].length;
	}
	return 0;
}
