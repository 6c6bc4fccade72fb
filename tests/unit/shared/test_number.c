/* Numbers in text: shared/number.c. */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "shared/number.h"

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))
#define UNTOUCHED INT64_C(-4242)
#define DAY_MS INT64_C(86400000)

struct row {
	const char *text;
	int64_t min, max;
	int error; /* 0: number is what comes */
	int64_t number;
};

typedef int parse_function(const char *, int64_t, int64_t, int64_t *);

static void
check_row(parse_function *parse, const struct row *row)
{
	int64_t number = UNTOUCHED;
	int result;

	errno = 0;
	result = parse(row->text, row->min, row->max, &number);
	if (result != (row->error == 0 ? 0 : -1))
		fail_msg("'%s': returned %d, gave %" PRId64, row->text, result,
		    number);
	if (row->error != 0 && errno != row->error)
		fail_msg("'%s': %s, not %s", row->text, strerror(errno),
		    strerror(row->error));
	if (number != (row->error == 0 ? row->number : UNTOUCHED))
		fail_msg("'%s': gave %" PRId64, row->text, number);
}

static void
check_rows(parse_function *parse, const struct row *rows, size_t count)
{
	for (size_t i = 0; i < count; i++)
		check_row(parse, &rows[i]);
}

static void
test_number_syntax(void **state)
{
	static const char *const bad[] = { "", "-", "--1", "+1", "-+1", " 1",
		"1 ", "\t1", "1\n", "- 1", "01", "00", "-01", "-00", "0x10",
		"1e3", "1.0", "1,000", "1_000", "ten", "1a", "a1", "0b1", "/",
		":", "1/", "1:", "\xd9\xa1", "99999999999999999999x",
		"-99999999999999999999 " };
	struct row row = { NULL, INT64_MIN, INT64_MAX, EINVAL, 0 };

	(void)state;
	for (size_t i = 0; i < COUNT(bad); i++) {
		row.text = bad[i];
		check_row(number_parse, &row);
	}
}

static void
test_number_range(void **state)
{
	static const struct row rows[] = {
		{ "0", 0, 0, 0, 0 },
		{ "-0", 0, 0, 0, 0 },
		{ "0", 1, 65535, ERANGE, 0 },
		{ "1", 1, 65535, 0, 1 },
		{ "65535", 1, 65535, 0, 65535 },
		{ "65536", 1, 65535, ERANGE, 0 },
		{ "-1", 1, 65535, ERANGE, 0 },
		{ "1234567890", 0, INT64_MAX, 0, 1234567890 },
		{ "-9", -10, -5, 0, -9 },
		{ "-10", -10, -5, 0, -10 },
		{ "-11", -10, -5, ERANGE, 0 },
		{ "-5", -10, -5, 0, -5 },
		{ "-4", -10, -5, ERANGE, 0 },
		{ "5", 6, 4, ERANGE, 0 },
	};

	(void)state;
	check_rows(number_parse, rows, COUNT(rows));
}

static void
test_number_limits(void **state)
{
	static const struct row rows[] = {
		{ "9223372036854775806", 0, INT64_MAX, 0, INT64_MAX - 1 },
		{ "9223372036854775807", 0, INT64_MAX, 0, INT64_MAX },
		{ "9223372036854775807", 0, INT64_MAX - 1, ERANGE, 0 },
		{ "9223372036854775808", 0, INT64_MAX, ERANGE, 0 },
		{ "9223372036854775810", 0, INT64_MAX, ERANGE, 0 },
		{ "-9223372036854775807", INT64_MIN, 0, 0, -INT64_MAX },
		{ "-9223372036854775808", INT64_MIN, 0, 0, INT64_MIN },
		{ "-9223372036854775808", -INT64_MAX, 0, ERANGE, 0 },
		{ "-9223372036854775809", INT64_MIN, 0, ERANGE, 0 },
		/* 2^64 and neighbours: what wraps becomes small. */
		{ "18446744073709551615", INT64_MIN, INT64_MAX, ERANGE, 0 },
		{ "18446744073709551616", INT64_MIN, INT64_MAX, ERANGE, 0 },
		{ "18446744073709551617", INT64_MIN, INT64_MAX, ERANGE, 0 },
		{ "-18446744073709551615", INT64_MIN, INT64_MAX, ERANGE, 0 },
		{ "-18446744073709551617", INT64_MIN, INT64_MAX, ERANGE, 0 },
		/* Once too big, always too big. */
		{ "184467440737095516150", INT64_MIN, INT64_MAX, ERANGE, 0 },
		{ "99999999999999999999999999999999999999999999", INT64_MIN,
		    INT64_MAX, ERANGE, 0 },
	};

	(void)state;
	check_rows(number_parse, rows, COUNT(rows));
}

static void
test_seconds_syntax(void **state)
{
	static const char *const bad[] = { "", ".", "1.", ".5", "-1", "-0",
		"+1", " 1", "1 ", "01", "00.5", "1.5.5", "1.-5", "1. 5", "1.5s",
		"1s", "1,5", "1e3", "1.0000", "1.2345", "1.23456789",
		"99999999999999999999s", "99999999999999999999." };
	struct row row = { NULL, 0, INT64_MAX, EINVAL, 0 };

	(void)state;
	for (size_t i = 0; i < COUNT(bad); i++) {
		row.text = bad[i];
		check_row(number_parse_seconds, &row);
	}
}

static void
test_seconds_values(void **state)
{
	static const struct row rows[] = {
		{ "0", 0, DAY_MS, 0, 0 },
		{ "0.000", 0, DAY_MS, 0, 0 },
		{ "0", 1, DAY_MS, ERANGE, 0 },
		{ "0.0", 1, DAY_MS, ERANGE, 0 },
		{ "0.001", 1, DAY_MS, 0, 1 },
		{ "0.01", 1, DAY_MS, 0, 10 },
		{ "0.1", 1, DAY_MS, 0, 100 },
		{ "0.999", 1, DAY_MS, 0, 999 },
		{ "2.5", 1, DAY_MS, 0, 2500 },
		{ "2.05", 1, DAY_MS, 0, 2050 },
		{ "2.050", 1, DAY_MS, 0, 2050 },
		{ "30", 1, DAY_MS, 0, 30000 },
		{ "0.099", 100, DAY_MS, ERANGE, 0 },
		{ "86399.999", 1, DAY_MS, 0, DAY_MS - 1 },
		{ "86400", 1, DAY_MS, 0, DAY_MS },
		{ "86400.000", 1, DAY_MS, 0, DAY_MS },
		{ "86400.001", 1, DAY_MS, ERANGE, 0 },
		{ "86401", 1, DAY_MS, ERANGE, 0 },
	};

	(void)state;
	check_rows(number_parse_seconds, rows, COUNT(rows));
}

static void
test_seconds_limits(void **state)
{
	static const struct row rows[] = {
		{ "9223372036854774", 0, INT64_MAX, 0, 9223372036854774000 },
		{ "9223372036854775.806", 0, INT64_MAX, 0, INT64_MAX - 1 },
		{ "9223372036854775.807", 0, INT64_MAX, 0, INT64_MAX },
		{ "9223372036854775.808", 0, INT64_MAX, ERANGE, 0 },
		{ "9223372036854775.999", 0, INT64_MAX, ERANGE, 0 },
		{ "9223372036854776", 0, INT64_MAX, ERANGE, 0 },
		{ "9223372036854777", 0, INT64_MAX, ERANGE, 0 },
		/* 2^64 / 1000: what wraps becomes small. */
		{ "18446744073709551.615", 0, INT64_MAX, ERANGE, 0 },
		{ "18446744073709551.616", 0, INT64_MAX, ERANGE, 0 },
		{ "18446744073709552", 0, INT64_MAX, ERANGE, 0 },
		{ "18446744073709551616", 0, INT64_MAX, ERANGE, 0 },
		{ "99999999999999999999999999.999", 0, INT64_MAX, ERANGE, 0 },
	};

	(void)state;
	check_rows(number_parse_seconds, rows, COUNT(rows));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_number_syntax),
		cmocka_unit_test(test_number_range),
		cmocka_unit_test(test_number_limits),
		cmocka_unit_test(test_seconds_syntax),
		cmocka_unit_test(test_seconds_values),
		cmocka_unit_test(test_seconds_limits),
	};

	return cmocka_run_group_tests_name("number", tests, NULL, NULL);
}
