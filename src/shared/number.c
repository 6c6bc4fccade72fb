/* Numbers in text. */
#include "config.h"

#include "shared/number.h"

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>

/* Reads digits at *text and advances it past them; saturates at UINT64_MAX,
 * which is beyond any int64_t. */
static int
digits(const char **text, uint64_t *number)
{
	const char *at = *text;
	uint64_t n = 0, digit;

	if (*at < '0' || *at > '9' ||
	    (*at == '0' && at[1] >= '0' && at[1] <= '9'))
		return -1;
	for (; *at >= '0' && *at <= '9'; at++) {
		digit = (uint64_t)(*at - '0');
		if (n > (UINT64_MAX - digit) / 10)
			n = UINT64_MAX;
		else
			n = n * 10 + digit;
	}
	*text = at;
	*number = n;
	return 0;
}

static int
fail(int why)
{
	errno = why;
	return -1;
}

int
number_parse(const char *text, int64_t min, int64_t max, int64_t *number)
{
	bool negative = *text == '-';
	uint64_t n;
	int64_t value;

	if (negative)
		text++;
	if (digits(&text, &n) == -1 || *text != '\0')
		return fail(EINVAL);
	if (n > (uint64_t)INT64_MAX + negative)
		return fail(ERANGE);
	value = (int64_t)(negative ? 0 - n : n);
	if (value < min || value > max)
		return fail(ERANGE);
	*number = value;
	return 0;
}

int
number_parse_seconds(
    const char *text, int64_t min_ms, int64_t max_ms, int64_t *ms)
{
	const uint64_t most = INT64_MAX / 1000 + 1; /* seconds: too many */
	uint64_t n, unit = 1000;

	if (digits(&text, &n) == -1)
		return fail(EINVAL);
	n = (n > most ? most : n) * 1000;
	if (*text == '.') {
		for (text++; *text >= '0' && *text <= '9'; text++) {
			unit /= 10;
			n += (uint64_t)(*text - '0') * unit;
		}
		if (unit == 1000 || unit == 0)
			return fail(EINVAL);
	}
	if (*text != '\0')
		return fail(EINVAL);
	if (n > INT64_MAX || (int64_t)n < min_ms || (int64_t)n > max_ms)
		return fail(ERANGE);
	*ms = (int64_t)n;
	return 0;
}
