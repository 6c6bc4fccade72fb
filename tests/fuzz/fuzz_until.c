/* Times of --until: refused with a reason, or in the next ten years. */
#include "config.h"

#include <string.h>

#include "ctl/until.h"
#include "fuzz.h"

#define TEXT_MAX 64
#define DAY INT64_C(86400)

static const char *const zones[] = { "UTC0", "CET-1CEST,M3.5.0,M10.5.0/3",
	"<-04>4<-03>,M9.1.6/24,M4.1.6/24",
	"<+1030>-10:30<+11>-11,M10.1.0,M4.1.0" };

/* What is printed is read as the same time. */
static void
try_again(int64_t until, int64_t now)
{
	char text[UNTIL_TEXT_MAX], *utc;
	const char *why;
	int64_t again;

	until_format(until, text, sizeof(text));
	utc = strchr(text, '(');
	MUST(utc != NULL && utc[strlen(utc) - 1] == ')');
	utc[strlen(utc) - 1] = '\0';
	MUST(until_parse(utc + 1, now, &again, &why) == 0);
	MUST(why == NULL && again == until);
}

/* Bytes: the time, the zone, then the text. */
int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
	struct input input = { bytes, length };
	int64_t now = input_long(&input), until = -1;
	const char *zone = zones[input_byte(&input) % 4], *why;
	char *text;

	if (input.left > TEXT_MAX || setenv("TZ", zone, 1) == -1)
		return 0;
	now %= 2000000000; /* a time_t of 32 bits ends with 2147483647 */
	text = calloc(1, input.left + 1); /* its length, for a sanitizer */
	MUST(text != NULL);
	memcpy(text, input.at, input.left);
	if (until_parse(text, now, &until, &why) == -1) {
		MUST(why != NULL && until == -1);
	} else {
		MUST(until > now && until - now <= UNTIL_DAYS_MAX * DAY);
		if (until <= INT32_MAX)
			try_again(until, now);
	}
	free(text);
	return 0;
}
