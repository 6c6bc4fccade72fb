/* The time of --until: ctl/until.c. */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <inttypes.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "ctl/until.h"

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))
#define UNTOUCHED INT64_C(-4242)
#define NOW INT64_C(1764108000) /* 2025-11-25T22:00:00Z */

/* POSIX forms, for which no time zone file is needed. */
#define BERLIN "CET-1CEST,M3.5.0,M10.5.0/3"
#define NEW_YORK "EST5EDT,M3.2.0,M11.1.0"
#define SANTIAGO "<-04>4<-03>,M9.1.6/24,M4.1.6/24"
#define LORD_HOWE "<+1030>-10:30<+11>-11,M10.1.0,M4.1.0"
#define KATHMANDU "<+0545>-5:45"

struct row {
	const char *zone, *now, *text, *wanted;
	bool is_skipped; /* the clock does not show it */
};

/* "2026-11-25 22:00:00", as the C library reads it. */
static int64_t
utc(const char *text)
{
	struct tm tm = { 0 };
	const char *end = strptime(text, "%Y-%m-%d %H:%M:%S", &tm);

	assert_non_null(end);
	assert_int_equal(*end, '\0');
	return timegm(&tm);
}

static void
check_row(const struct row *row)
{
	int64_t until = UNTOUCHED;
	const char *why = "unset";

	assert_int_equal(setenv("TZ", row->zone, 1), 0);
	if (until_parse(row->text, utc(row->now), &until, &why) == -1)
		fail_msg("%s %s '%s': %s", row->zone, row->now, row->text, why);
	if (until != utc(row->wanted))
		fail_msg("%s %s '%s': %" PRId64 " s too late", row->zone,
		    row->now, row->text, until - utc(row->wanted));
	if ((why != NULL) != row->is_skipped)
		fail_msg("%s %s '%s': %s", row->zone, row->now, row->text,
		    why == NULL ? "no remark" : why);
}

static void
check_rows(const struct row *rows, size_t n)
{
	for (size_t i = 0; i < n; i++)
		check_row(&rows[i]);
}

/* From NOW that text is seconds later. */
static void
must_be(const char *text, int64_t seconds)
{
	int64_t until = UNTOUCHED;
	const char *why = "unset";

	if (until_parse(text, NOW, &until, &why) == -1)
		fail_msg("'%s': %s", text, why);
	if (until != NOW + seconds)
		fail_msg("'%s': %" PRId64, text, until - NOW);
	assert_null(why);
}

static void
must_fail(const char *text, const char *wanted)
{
	int64_t until = UNTOUCHED;
	const char *why = NULL;

	if (until_parse(text, NOW, &until, &why) != -1)
		fail_msg("'%s' was taken", text);
	if (why == NULL || strstr(why, wanted) == NULL)
		fail_msg("'%s': %s", text, why);
	assert_int_equal(until, UNTOUCHED);
}

static void
must_all_fail(const char *const *texts, size_t n, const char *wanted)
{
	for (size_t i = 0; i < n; i++)
		must_fail(texts[i], wanted);
}

static void
test_clock(void **state)
{
	static const struct row rows[] = {
		{ "UTC0", "2026-11-25 20:59:59", "21:00", "2026-11-25 21:00:00",
		    false },
		{ "UTC0", "2026-11-25 21:00:00", "21:00", "2026-11-26 21:00:00",
		    false },
		{ "UTC0", "2026-11-25 21:00:01", "21:00", "2026-11-26 21:00:00",
		    false },
		{ "UTC0", "2026-12-31 12:00:00", "0:00", "2027-01-01 00:00:00",
		    false },
		{ "UTC0", "2028-02-28 12:00:00", "9:30", "2028-02-29 09:30:00",
		    false },
		{ BERLIN, "2026-11-25 20:59:30", "22:00", "2026-11-25 21:00:00",
		    false },
		{ BERLIN, "2026-11-25 20:59:30", "23:59", "2026-11-25 22:59:00",
		    false },
		{ BERLIN, "2026-07-01 20:30:00", "22:00", "2026-07-02 20:00:00",
		    false },
		{ NEW_YORK, "2026-07-01 20:30:00", "16:31",
		    "2026-07-01 20:31:00", false },
		{ KATHMANDU, "2026-11-25 12:00:00", "18:00",
		    "2026-11-25 12:15:00", false },
	};

	(void)state;
	check_rows(rows, COUNT(rows));
}

/* The night in which 02:00 is followed by 03:00, or the like. */
static void
test_clock_put_forward(void **state)
{
	static const struct row rows[] = {
		{ BERLIN, "2026-03-28 23:00:00", "01:59", "2026-03-29 00:59:00",
		    false },
		{ BERLIN, "2026-03-28 23:00:00", "02:00", "2026-03-29 01:00:00",
		    true },
		{ BERLIN, "2026-03-28 23:00:00", "02:59", "2026-03-29 01:00:00",
		    true },
		{ BERLIN, "2026-03-28 23:00:00", "03:00", "2026-03-29 01:00:00",
		    false },
		{ BERLIN, "2026-03-28 23:00:00", "03:01", "2026-03-29 01:01:00",
		    false },
		{ BERLIN, "2026-03-28 23:00:00", "23:30", "2026-03-29 21:30:00",
		    false },
		{ BERLIN, "2026-03-29 00:59:59", "02:30", "2026-03-29 01:00:00",
		    true },
		{ BERLIN, "2026-03-29 01:00:00", "02:30", "2026-03-30 00:30:00",
		    false },
		/* Today's is over, tomorrow's is left out. */
		{ BERLIN, "2026-03-28 02:00:00", "02:30", "2026-03-29 01:00:00",
		    true },
		{ NEW_YORK, "2026-03-08 06:00:00", "02:15",
		    "2026-03-08 07:00:00", true },
		{ SANTIAGO, "2026-09-06 03:00:00", "00:00",
		    "2026-09-06 04:00:00", true },
		{ SANTIAGO, "2026-09-06 03:00:00", "00:59",
		    "2026-09-06 04:00:00", true },
		{ SANTIAGO, "2026-09-06 03:00:00", "01:00",
		    "2026-09-06 04:00:00", false },
		{ LORD_HOWE, "2026-10-03 15:00:00", "02:15",
		    "2026-10-03 15:30:00", true },
		{ LORD_HOWE, "2026-10-03 15:00:00", "02:30",
		    "2026-10-03 15:30:00", false },
	};

	(void)state;
	check_rows(rows, COUNT(rows));
}

/* The night in which 02:59 is followed by 02:00: each of the two counts. */
static void
test_clock_put_back(void **state)
{
	static const struct row rows[] = {
		{ BERLIN, "2026-10-25 00:10:00", "02:30", "2026-10-25 00:30:00",
		    false },
		{ BERLIN, "2026-10-25 00:40:00", "02:30", "2026-10-25 01:30:00",
		    false },
		{ BERLIN, "2026-10-25 00:40:00", "02:00", "2026-10-25 01:00:00",
		    false },
		{ BERLIN, "2026-10-25 00:40:00", "03:00", "2026-10-25 02:00:00",
		    false },
		{ BERLIN, "2026-10-25 00:40:00", "12:00", "2026-10-25 11:00:00",
		    false },
		/* A day of 25 hours. */
		{ BERLIN, "2026-10-24 10:00:00", "12:00", "2026-10-25 11:00:00",
		    false },
		{ BERLIN, "2026-10-25 01:40:00", "02:30", "2026-10-26 01:30:00",
		    false },
		{ NEW_YORK, "2026-11-01 05:45:00", "01:30",
		    "2026-11-01 06:30:00", false },
		{ LORD_HOWE, "2026-04-04 14:50:00", "01:45",
		    "2026-04-04 15:15:00", false },
	};

	(void)state;
	check_rows(rows, COUNT(rows));
}

static void
test_bad_clock(void **state)
{
	static const char *const texts[] = { "24:00", "22:60", "99:99", "1:0",
		"22:0", "22:000", "22:00:00", "22:00 ", "22:00Z", "22:",
		"22:-1", "0:+1" };

	(void)state;
	must_all_fail(texts, COUNT(texts), "expected 00:00 to 23:59");
}

static void
test_duration(void **state)
{
	(void)state;
	must_be("+1s", 1);
	must_be("+90s", 90);
	must_be("+30m", 1800);
	must_be("+2h", 7200);
	must_be("+1d", 86400);
	must_be("+1h30m", 5400);
	must_be("+1d2h3m4s", 93784);
	must_be("+1d5s", 86405);
	must_be("+0h1m", 60);
	must_be("+3653d", INT64_C(3653) * 86400);
	must_be("+315619200s", INT64_C(3653) * 86400);
}

static void
test_bad_duration(void **state)
{
	static const char *const texts[] = { "+", "+2", "+h", "+2H", "+2x",
		"+2h ", "+ 2h", "++2h", "+-2h", "+2h30", "+30m2h", "+1h1h",
		"+1.5h", "+2h+1m", "+02h", "+2hours", "+1w",
		"+315619201s", "+99999999999999s", "+999999999999999999999s",
		"+18446744073709551617s" };

	(void)state;
	must_all_fail(
	    texts, COUNT(texts), "expected a number and d, h, m or s");
	must_fail("+0s", "not in the future");
	must_fail("+0d0h0m0s", "not in the future");
	must_fail("+3653d1s", "more than 10 years");
	must_fail("+3654d", "more than 10 years");
	must_fail("+315619200d", "more than 10 years");
}

static void
test_rfc3339(void **state)
{
	(void)state;
	must_be("2025-11-25T22:00:01Z", 1);
	must_be("2025-11-25t22:00:01z", 1);
	must_be("2025-11-25 22:00:01Z", 1);
	must_be("2025-11-25T22:00:01.9Z", 1);
	must_be("2025-11-25T22:00:01.123456789012+00:00", 1);
	must_be("2025-11-25T22:00:01-00:00", 1);
	must_be("2025-11-25T23:00:01+01:00", 1);
	must_be("2025-11-25T17:00:01-05:00", 1);
	must_be("2025-11-26T03:45:01+05:45", 1);
	must_be("2025-11-25T21:59:02-00:01", 2);
	must_be("2025-11-26T22:00:00Z", 86400);
	must_be("2035-11-26T22:00:00Z", INT64_C(3653) * 86400);
	must_be("2028-02-29T22:00:00Z", INT64_C(826) * 86400);
	must_be("2028-03-01T22:00:00Z", INT64_C(827) * 86400);
}

/* Every day, as the C library counts them. */
static void
test_rfc3339_all_days(void **state)
{
	char text[64];
	struct tm tm;
	time_t at = NOW;
	int64_t until;
	const char *why;

	(void)state;
	for (int day = 1; day <= UNTIL_DAYS_MAX; day++) {
		at += 86400;
		assert_non_null(gmtime_r(&at, &tm));
		strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S+00:00", &tm);
		assert_int_equal(until_parse(text, NOW, &until, &why), 0);
		assert_int_equal(until, at);
	}
}

static void
test_bad_rfc3339(void **state)
{
	static const char *const forms[] = { "", " ", "soon", "2h", "tomorrow",
		"22", "222:00", ":30", "2026", "2026-11-25", "2026-11-25T",
		"2026-11-25T22:00", "2026-11-25T22:00Z", "2026-11-25_22:00:00Z",
		"26-11-25T22:00:00Z", "2026-1-25T22:00:00Z",
		"2026/11/25T22:00:00Z", " 2026-11-25T22:00:00Z",
		"-2026-11-25T22:00:00Z", "2026-11-25T22:00:00.Z",
		"1764108001" };
	static const char *const zones[] = { "2026-11-25T22:00:00",
		"2026-11-25T22:00:00 Z", "2026-11-25T22:00:00ZZ",
		"2026-11-25T22:00:00+1", "2026-11-25T22:00:00+0100",
		"2026-11-25T22:00:00+01", "2026-11-25T22:00:00+24:00",
		"2026-11-25T22:00:00+01:60", "2026-11-25T22:00:00+01:00 ",
		"2026-11-25T22:00:00 CET", "2026-11-25T22:00:00,5Z" };
	static const char *const days[] = { "2026-00-25T22:00:00Z",
		"2026-13-25T22:00:00Z", "2026-11-00T22:00:00Z",
		"2026-11-31T22:00:00Z", "2026-02-29T22:00:00Z",
		"2100-02-29T22:00:00Z", "2200-02-29T22:00:00Z",
		"2028-02-30T22:00:00Z", "2028-11-31T22:00:00Z",
		"2026-12-32T22:00:00Z" };
	static const char *const times[] = { "2026-11-25T24:00:00Z",
		"2026-11-25T22:60:00Z", "2026-12-31T23:59:60Z" };

	(void)state;
	must_all_fail(forms, COUNT(forms), "expected a time such as");
	must_all_fail(zones, COUNT(zones), "expected Z, or an offset");
	must_all_fail(days, COUNT(days), "no such day");
	must_all_fail(times, COUNT(times), "no such time of day");
	must_fail("2025-11-25T22:00:00Z", "not in the future");
	must_fail("2025-11-25T22:00:00.9Z", "not in the future");
	must_fail("2025-11-25T23:00:00+01:00", "not in the future");
	must_fail("0000-01-01T00:00:00Z", "not in the future");
	must_fail("1969-12-31T23:59:59Z", "not in the future");
	must_fail("2035-11-26T22:00:01Z", "more than 10 years");
	must_fail("2400-02-29T22:00:00Z", "more than 10 years");
	must_fail("9999-12-31T23:59:59-23:59", "more than 10 years");
}

static void
must_read(const char *zone, const char *moment, const char *wanted)
{
	char text[UNTIL_TEXT_MAX];

	assert_int_equal(setenv("TZ", zone, 1), 0);
	until_format(utc(moment), text, sizeof(text));
	assert_string_equal(text, wanted);
}

static void
test_format(void **state)
{
	char text[8];

	(void)state;
	must_read(BERLIN, "2026-11-25 22:00:00",
	    "2026-11-25 23:00:00 CET (2026-11-25T22:00:00Z)");
	must_read(BERLIN, "2026-07-01 22:00:00",
	    "2026-07-02 00:00:00 CEST (2026-07-01T22:00:00Z)");
	must_read(NEW_YORK, "2026-11-01 05:30:00",
	    "2026-11-01 01:30:00 EDT (2026-11-01T05:30:00Z)");
	must_read(NEW_YORK, "2026-11-01 06:30:00",
	    "2026-11-01 01:30:00 EST (2026-11-01T06:30:00Z)");
	must_read(KATHMANDU, "2026-11-25 12:00:00",
	    "2026-11-25 17:45:00 +0545 (2026-11-25T12:00:00Z)");
	must_read("UTC0", "2026-11-25 12:00:00",
	    "2026-11-25 12:00:00 UTC (2026-11-25T12:00:00Z)");
	until_format(NOW, text, sizeof(text));
	assert_string_equal(text, "2025-11");
}

/* A name of a zone that leaves no room. */
static void
test_format_long_zone(void **state)
{
	char zone[128] = "<", text[UNTIL_TEXT_MAX];

	(void)state;
	memset(zone + 1, 'A', 120);
	memcpy(zone + 121, ">-1", sizeof(">-1"));
	assert_int_equal(setenv("TZ", zone, 1), 0);
	until_format(NOW, text, sizeof(text));
	assert_non_null(strstr(text, "2025-11-25T22:00:00Z"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_clock),
		cmocka_unit_test(test_clock_put_forward),
		cmocka_unit_test(test_clock_put_back),
		cmocka_unit_test(test_bad_clock),
		cmocka_unit_test(test_duration),
		cmocka_unit_test(test_bad_duration),
		cmocka_unit_test(test_rfc3339),
		cmocka_unit_test(test_rfc3339_all_days),
		cmocka_unit_test(test_bad_rfc3339),
		cmocka_unit_test(test_format),
		cmocka_unit_test(test_format_long_zone),
	};

	return cmocka_run_group_tests_name("until", tests, NULL, NULL);
}
