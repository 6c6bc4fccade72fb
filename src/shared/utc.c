/* Times in UTC as text. */
#include "config.h"

#include "shared/utc.h"

#include <assert.h>
#include <stdbool.h>
#include <string.h>

#define DAY_SECONDS 86400
#define LAST_SECOND INT64_C(253402300799) /* 9999-12-31T23:59:59Z */

enum field {
	NONE,
	YEAR,
	YEAR_OF_CENTURY,
	MONTH,
	DAY,
	DAY_OF_YEAR,
	WEEKDAY, /* 0: Sunday */
	WEEKDAY_ISO, /* 7: Sunday, ISO 8601 */
	HOUR,
	HOUR_12,
	HALF, /* 0: before noon */
	MINUTE,
	SECOND,
	FIELDS
};

struct moment {
	int fields[FIELDS];
};

static const char *const months[] = { "", "January", "February", "March",
	"April", "May", "June", "July", "August", "September", "October",
	"November", "December" };
static const char *const weekdays[] = { "Sunday", "Monday", "Tuesday",
	"Wednesday", "Thursday", "Friday", "Saturday" };
static const char *const halves[] = { "AM", "PM" };

/* What follows the '%'. */
static const struct conversion {
	char letter;
	char fill; /* padding before a number */
	uint8_t field;
	uint8_t width; /* of a number; the most of a name */
	const char *const *names;
	const char *format; /* what the letter is short for; NULL: a field */
} conversions[] = {
	{ 'a', 0, WEEKDAY, 3, weekdays, NULL },
	{ 'A', 0, WEEKDAY, 9, weekdays, NULL },
	{ 'b', 0, MONTH, 3, months, NULL },
	{ 'B', 0, MONTH, 9, months, NULL },
	{ 'd', '0', DAY, 2, NULL, NULL },
	{ 'D', 0, NONE, 0, NULL, "%m/%d/%y" },
	{ 'e', ' ', DAY, 2, NULL, NULL },
	{ 'F', 0, NONE, 0, NULL, "%Y-%m-%d" },
	{ 'H', '0', HOUR, 2, NULL, NULL },
	{ 'I', '0', HOUR_12, 2, NULL, NULL },
	{ 'j', '0', DAY_OF_YEAR, 3, NULL, NULL },
	{ 'm', '0', MONTH, 2, NULL, NULL },
	{ 'M', '0', MINUTE, 2, NULL, NULL },
	{ 'p', 0, HALF, 2, halves, NULL },
	{ 'R', 0, NONE, 0, NULL, "%H:%M" },
	{ 'S', '0', SECOND, 2, NULL, NULL },
	{ 'T', 0, NONE, 0, NULL, "%H:%M:%S" },
	{ 'u', '0', WEEKDAY_ISO, 1, NULL, NULL },
	{ 'w', '0', WEEKDAY, 1, NULL, NULL },
	{ 'y', '0', YEAR_OF_CENTURY, 2, NULL, NULL },
	{ 'Y', '0', YEAR, 4, NULL, NULL },
	{ 'z', 0, NONE, 0, NULL, "+0000" },
	{ 'Z', 0, NONE, 0, NULL, "UTC" },
};

static const struct conversion *
conversion_of(char letter)
{
	size_t i;

	for (i = 0; i < sizeof(conversions) / sizeof(conversions[0]); i++)
		if (conversions[i].letter == letter)
			return &conversions[i];
	return NULL;
}

int
utc_measure(const char *format, size_t length)
{
	const struct conversion *conversion;
	const char *end = format + length;
	int n = 0;

	for (; format < end; format++) {
		if (*format != '%' || (end - format > 1 && format[1] == '%')) {
			format += *format == '%';
			n++;
			continue;
		}
		conversion = ++format < end ? conversion_of(*format) : NULL;
		if (conversion == NULL)
			return -1;
		n += conversion->format != NULL
		    ? utc_measure(
			  conversion->format, strlen(conversion->format))
		    : conversion->width;
	}
	return n;
}

/* Converts days since 1970 to year, month and day of the Gregorian calendar,
 * counting from 1 March of the year 0, so that a leap day ends a year. */
static void
set_date(struct moment *moment, int64_t days)
{
	static const int before[] = { 0, 0, 31, 59, 90, 120, 151, 181, 212, 243,
		273, 304, 334 };
	int64_t day = days + 719468; /* 0000-03-01 to 1970-01-01 */
	int64_t era = day / 146097; /* of 400 years */
	int64_t of_era = day % 146097;
	int64_t year =
	    (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
	int64_t of_year = of_era - (365 * year + year / 4 - year / 100);
	int64_t month = (5 * of_year + 2) / 153; /* 0: March */
	int *fields = moment->fields;
	bool leap;

	fields[DAY] = (int)(of_year - (153 * month + 2) / 5 + 1);
	fields[MONTH] = (int)(month < 10 ? month + 3 : month - 9);
	fields[YEAR] = (int)(year + era * 400 + (fields[MONTH] <= 2));
	fields[YEAR_OF_CENTURY] = fields[YEAR] % 100;
	leap = fields[YEAR] % 4 == 0 &&
	    (fields[YEAR] % 100 != 0 || fields[YEAR] % 400 == 0);
	fields[DAY_OF_YEAR] =
	    before[fields[MONTH]] + fields[DAY] + (leap && fields[MONTH] > 2);
	fields[WEEKDAY] = (int)((days + 4) % 7); /* 1970-01-01: Thursday */
	fields[WEEKDAY_ISO] = (int)((days + 3) % 7) + 1;
}

static struct moment
moment_of(int64_t seconds)
{
	struct moment moment = { 0 };
	int *fields = moment.fields, of_day;

	if (seconds < 0)
		seconds = 0;
	if (seconds > LAST_SECOND)
		seconds = LAST_SECOND;
	of_day = (int)(seconds % DAY_SECONDS);
	set_date(&moment, seconds / DAY_SECONDS);
	fields[HOUR] = of_day / 3600;
	fields[HOUR_12] = (fields[HOUR] + 11) % 12 + 1;
	fields[HALF] = fields[HOUR] / 12;
	fields[MINUTE] = of_day / 60 % 60;
	fields[SECOND] = of_day % 60;
	return moment;
}

static size_t
put_field(const struct conversion *conversion, int number, char *out)
{
	size_t i, width = conversion->width;

	if (conversion->names != NULL) {
		if (strlen(conversion->names[number]) < width)
			width = strlen(conversion->names[number]);
		memcpy(out, conversion->names[number], width);
		return width;
	}
	for (i = width; i > 0; i--, number /= 10)
		out[i - 1] =
		    (char)(number > 0 || i == width ? '0' + number % 10
						    : conversion->fill);
	return width;
}

static size_t
put(const struct moment *moment, const char *format, size_t length, char *out)
{
	const struct conversion *conversion;
	const char *end = format + length;
	size_t n = 0;

	for (; format < end; format++) {
		if (*format != '%' || format[1] == '%') {
			format += *format == '%';
			out[n++] = *format;
			continue;
		}
		conversion = conversion_of(*++format);
		assert(conversion != NULL);
		n += conversion->format != NULL
		    ? put(moment, conversion->format,
			  strlen(conversion->format), out + n)
		    : put_field(conversion, moment->fields[conversion->field],
			  out + n);
	}
	return n;
}

size_t
utc_format(int64_t seconds, const char *format, size_t length, char *out)
{
	struct moment moment = moment_of(seconds);

	return put(&moment, format, length, out);
}
