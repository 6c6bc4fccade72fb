/* The time of --until. */
#include "config.h"

#include "ctl/until.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "shared/number.h"
#include "shared/utc.h"

#define MINUTE 60
#define HOUR 3600
#define DAY 86400
#define DAY_MINUTES 1440
#define SECONDS_MAX ((int64_t)UNTIL_DAYS_MAX * DAY)
#define DIGITS "0123456789"

static int
fail(const char **why, const char *text)
{
	*why = text;
	return -1;
}

/* Steps over exactly n digits. */
static bool
take_digits(const char **at, size_t n, int *number)
{
	*number = 0;
	for (; n > 0; n--, (*at)++) {
		if (**at < '0' || **at > '9')
			return false;
		*number = *number * 10 + (**at - '0');
	}
	return true;
}

/* Steps over one of these characters. */
static bool
take(const char **at, const char *any)
{
	if (**at == '\0' || strchr(any, **at) == NULL)
		return false;
	(*at)++;
	return true;
}

/* ---------------------------------------------------------- +2h: from now */

/* Steps over a number; -1 when it is none, or far too large. */
static int64_t
take_number(const char **at)
{
	char digits[16];
	size_t n = strspn(*at, DIGITS);
	int64_t number;

	if (n >= sizeof(digits))
		return -1;
	memcpy(digits, *at, n);
	digits[n] = '\0';
	if (number_parse(digits, 0, SECONDS_MAX, &number) == -1)
		return -1;
	*at += n;
	return number;
}

static int
duration_parse(const char *text, int64_t *seconds, const char **why)
{
	static const struct {
		char letter;
		int64_t seconds;
	} units[] = { { 'd', DAY }, { 'h', HOUR }, { 'm', MINUTE },
		{ 's', 1 } };
	size_t i = 0, n = sizeof(units) / sizeof(units[0]);
	int64_t number;

	*seconds = 0;
	do {
		number = take_number(&text);
		while (i < n && units[i].letter != *text)
			i++;
		if (number == -1 || i == n)
			return fail(why,
			    "expected a number and d, h, m or s, "
			    "such as +2h or +1h30m, of at most 10 years");
		*seconds += number * units[i++].seconds;
		text++;
	} while (*text != '\0');
	return 0;
}

/* ------------------------------------------------ 22:00: by the local clock */

static int
local_minute(int64_t seconds)
{
	time_t moment = (time_t)seconds;
	struct tm local = { 0 };

	localtime_r(&moment, &local);
	return local.tm_hour * 60 + local.tm_min;
}

static int
minutes_between(int from, int to)
{
	return (to - from + DAY_MINUTES) % DAY_MINUTES;
}

/*
 * Lets the local clock run, a minute at a time, as it also does when it is put
 * forward or back: from any time the next 22:00 is within two days.
 */
static int
clock_next(int wanted, int64_t now, int64_t *until, const char **why)
{
	int64_t at = now - now % MINUTE;
	int shown = local_minute(at), last, step, ahead;

	for (at += MINUTE; at <= now + 2 * DAY; at += MINUTE) {
		last = shown;
		shown = local_minute(at);
		step = minutes_between(last, shown);
		ahead = minutes_between(last, wanted);
		/* A step of more than half a day is one back. */
		if (ahead != step &&
		    (ahead == 0 || ahead > step || step > DAY_MINUTES / 2))
			continue;
		if (ahead != step)
			*why = "the local clock is put forward over that time";
		*until = at;
		return 0;
	}
	return fail(why, "the local clock does not show it");
}

static bool
is_clock(const char *text)
{
	size_t n = strspn(text, DIGITS);

	return n >= 1 && n <= 2 && text[n] == ':';
}

static int
clock_parse(const char *text, int64_t now, int64_t *until, const char **why)
{
	int hour, minute;

	if (!take_digits(&text, strspn(text, DIGITS), &hour) ||
	    !take(&text, ":") || !take_digits(&text, 2, &minute) ||
	    *text != '\0' || hour > 23 || minute > 59)
		return fail(why, "expected 00:00 to 23:59, by the local clock");
	return clock_next(hour * 60 + minute, now, until, why);
}

/* ---------------------------------------------------------------- RFC 3339 */

struct date {
	int year, month, day, hour, minute, second;
	int offset; /* seconds east of UTC */
};

static bool
day_is_there(const struct date *date)
{
	static const int days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30,
		31 };
	bool leap = date->year % 4 == 0 &&
	    (date->year % 100 != 0 || date->year % 400 == 0);

	if (date->month < 1 || date->month > 12 || date->day < 1)
		return false;
	return date->day <= days[date->month - 1] + (leap && date->month == 2);
}

/* Days since 1970, counted from 1 March of the year 0, so that a leap day ends
 * a year (as utc.c does it the other way round). */
static int64_t
days_of(const struct date *date)
{
	int64_t year = date->year - (date->month <= 2);
	int64_t month = date->month > 2 ? date->month - 3 : date->month + 9;

	return year * 365 + year / 4 - year / 100 + year / 400 +
	    (153 * month + 2) / 5 + date->day - 1 - 719468;
}

static int64_t
seconds_of(const struct date *date)
{
	return days_of(date) * DAY + date->hour * HOUR + date->minute * MINUTE +
	    date->second - date->offset;
}

/* "Z", "+01:00"; "-00:00" is UTC, too. */
static bool
take_zone(const char **at, int *offset)
{
	bool west = **at == '-';
	int hours, minutes;

	*offset = 0;
	if (take(at, "Zz"))
		return true;
	if (!take(at, "+-") || !take_digits(at, 2, &hours) || !take(at, ":") ||
	    !take_digits(at, 2, &minutes) || hours > 23 || minutes > 59)
		return false;
	*offset = hours * HOUR + minutes * MINUTE;
	if (west)
		*offset = -*offset;
	return true;
}

/* A fraction is at least one digit. */
static bool
take_fraction(const char **at)
{
	size_t n;

	if (!take(at, "."))
		return true;
	n = strspn(*at, DIGITS);
	*at += n;
	return n > 0;
}

static bool
take_day(const char **at, struct date *date)
{
	return take_digits(at, 4, &date->year) && take(at, "-") &&
	    take_digits(at, 2, &date->month) && take(at, "-") &&
	    take_digits(at, 2, &date->day);
}

static bool
take_time(const char **at, struct date *date)
{
	return take_digits(at, 2, &date->hour) && take(at, ":") &&
	    take_digits(at, 2, &date->minute) && take(at, ":") &&
	    take_digits(at, 2, &date->second) && take_fraction(at);
}

static int
date_parse(const char *text, int64_t *until, const char **why)
{
	struct date date;

	if (!take_day(&text, &date) || !take(&text, "Tt ") ||
	    !take_time(&text, &date))
		return fail(why,
		    "expected a time such as 22:00, +2h or "
		    "2026-11-25T22:00:00Z");
	if (!take_zone(&text, &date.offset) || *text != '\0')
		return fail(why,
		    "expected Z, or an offset such as +01:00, "
		    "behind the seconds, and nothing more");
	if (!day_is_there(&date))
		return fail(why, "there is no such day");
	if (date.hour > 23 || date.minute > 59 || date.second > 59)
		return fail(why, "there is no such time of day");
	*until = seconds_of(&date);
	return 0;
}

int
until_parse(const char *text, int64_t now, int64_t *until, const char **why)
{
	int64_t at = 0;
	int result;

	*why = NULL;
	tzset();
	if (*text == '+') {
		result = duration_parse(text + 1, &at, why);
		at += now;
	} else if (is_clock(text))
		result = clock_parse(text, now, &at, why);
	else
		result = date_parse(text, &at, why);
	if (result == -1)
		return -1;
	if (at <= now)
		return fail(why, "is not in the future");
	if (at - now > SECONDS_MAX)
		return fail(why, "is more than 10 years ahead");
	*until = at;
	return 0;
}

void
until_format(int64_t until, char *out, size_t size)
{
	time_t moment = (time_t)until;
	struct tm local = { 0 };
	char utc[sizeof("9999-12-31T23:59:59Z")], text[UNTIL_TEXT_MAX];

	tzset();
	utc[utc_format(until, UTC_RFC3339, strlen(UTC_RFC3339), utc)] = '\0';
	/* A time_t of 32 bits ends in 2038. */
	if (moment != until || localtime_r(&moment, &local) == NULL ||
	    strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S %Z", &local) == 0)
		snprintf(out, size, "%s", utc);
	else
		snprintf(out, size, "%s (%s)", text, utc);
}
