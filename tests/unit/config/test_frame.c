/* What the parsing child says to the master: master/config/frame.c. */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <sys/mman.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "unit/confs.h"
#include "unit/seeded.h"
#include "master/config/frame.h"

#define RANDOM_ROUNDS 20000

/* What frame_write() writes, to be freed. */
static char *
write_frame(
    const struct conf *conf, const struct report *report, size_t *length)
{
	int fd = memfd_create("frame", MFD_CLOEXEC);
	char *bytes;

	assert_int_not_equal(fd, -1);
	assert_int_equal(frame_write(fd, conf, report), 0);
	*length = (size_t)lseek(fd, 0, SEEK_END);
	bytes = malloc(*length);
	assert_non_null(bytes);
	assert_int_equal(pread(fd, bytes, *length, 0), *length);
	close(fd);
	return bytes;
}

/* Reads it from memory of just that length. */
static bool
is_read(const char *bytes, size_t length, struct report *report)
{
	char *copy = malloc(length + (length == 0));
	struct conf *conf;
	int result;

	assert_non_null(copy);
	memcpy(copy, bytes, length);
	memset(report, 0, sizeof(*report));
	result = frame_read(copy, length, "x", &conf, report);
	free(copy);
	assert_true((result == 0) == (conf != NULL));
	assert_true((result == 0) == (report->errors == 0));
	if (conf != NULL)
		free(confs_dump(conf));
	free(conf);
	return result == 0;
}

static void
test_conf(void **state)
{
	struct conf *conf = confs_must_load("user = \"u\";"), *read;
	struct report report = { 0 }, after = { 0 };
	char *bytes;
	size_t length;

	(void)state;
	report_warning(&report, "x: a warning");
	bytes = write_frame(conf, &report, &length);
	assert_true(length <= frame_max());
	assert_int_equal(frame_read(bytes, length, "x", &read, &after), 0);
	assert_int_equal(after.warnings, 1);
	assert_string_equal(after.lines[0].text, "x: a warning");
	assert_true(after.lines[0].warning);
	assert_memory_equal(conf, read, sizeof(*conf) + conf->text_length);
	free(read);
	free(conf);
	free(bytes);
}

static void
test_errors(void **state)
{
	struct report report = { 0 }, after = { 0 };
	char *bytes;
	size_t i, length;

	(void)state;
	for (i = 0; i < 30; i++)
		report_error(&report, "error %zu", i);
	report_warning(&report, "lost");
	bytes = write_frame(NULL, &report, &length);
	assert_false(is_read(bytes, length, &after));
	assert_int_equal(after.errors, 30);
	assert_int_equal(after.warnings, 1);
	assert_int_equal(after.kept, REPORT_LINES_MAX);
	assert_memory_equal(report.lines, after.lines, sizeof(after.lines));
	free(bytes);
	/* Neither errors nor a configuration. */
	memset(&report, 0, sizeof(report));
	bytes = write_frame(NULL, &report, &length);
	assert_false(is_read(bytes, length, &after));
	assert_string_equal(after.lines[0].text,
	    "x: the parser's answer is broken: errors and a configuration");
	free(bytes);
}

static void
test_lengths(void **state)
{
	struct conf *conf = confs_must_load("");
	struct report report = { 0 }, after;
	char *bytes, *more;
	size_t i, length;

	(void)state;
	bytes = write_frame(conf, &report, &length);
	assert_true(is_read(bytes, length, &after));
	for (i = 0; i < length; i += 1 + i / 8)
		assert_false(is_read(bytes, i, &after));
	assert_false(is_read(bytes, length - 1, &after));
	more = calloc(1, length + 8);
	assert_non_null(more);
	memcpy(more, bytes, length);
	assert_false(is_read(more, length + 1, &after));
	assert_false(is_read(more, length + 8, &after));
	free(more);
	free(bytes);
	free(conf);
}

/* Text that a terminal or a log would obey does not come through. */
static void
test_hostile_line(void **state)
{
	struct report report = { 0 }, after;
	char *bytes, *at;
	size_t length;

	(void)state;
	report_error(&report, "NEEDLE");
	bytes = write_frame(NULL, &report, &length);
	at = memmem(bytes, length, "NEEDLE", 6);
	assert_non_null(at);
	memcpy(at, "\033[2J\n%", 6);
	assert_false(is_read(bytes, length, &after));
	assert_string_equal(after.lines[0].text, "\\x1b[2J\\x0a%");
	/* Without an end. */
	memset(at, 'x', REPORT_LINE_MAX);
	assert_false(is_read(bytes, length, &after));
	assert_string_equal(
	    after.lines[0].text, "x: the parser's answer is broken: lines");
	free(bytes);
}

/* Numbers of the header, at these bytes, and what is then broken. */
static void
test_header(void **state)
{
	static const struct {
		size_t at;
		uint32_t number;
		const char *why;
	} cases[] = {
		{ 0, 0, "no frame" }, { 4, 0, "no frame" }, { 8, 0, "length" },
		{ 12, 1, "length" }, { 16, 1, "errors and a configuration" },
		{ 20, 0, "warnings" }, { 20, 1000001, "warnings" },
		{ 24, REPORT_LINES_MAX + 1, "kept" },
		{ 24, UINT32_MAX, "kept" },
		{ 32, 2, "lines" }, /* neither a warning nor an error */
		{ 32, 0, "errors" }, /* an error that is not counted */
	};
	struct conf *conf = confs_must_load("");
	struct report report = { 0 }, after;
	char *bytes, *copy, said[128];
	size_t i, length;

	(void)state;
	report_warning(&report, "a");
	bytes = write_frame(conf, &report, &length);
	copy = malloc(length);
	assert_non_null(copy);
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		memcpy(copy, bytes, length);
		memcpy(copy + cases[i].at, &cases[i].number,
		    cases[i].at == 32 ? 1 : sizeof(uint32_t));
		assert_false(is_read(copy, length, &after));
		snprintf(said, sizeof(said),
		    "x: the parser's answer is broken: %s", cases[i].why);
		assert_string_equal(after.lines[0].text, said);
	}
	free(copy);
	free(bytes);
	free(conf);
}

/* More errors than anybody can have made. */
static void
test_too_many(void **state)
{
	struct report report = { .errors = 5000000 }, after;
	uint32_t number = 1000001;
	size_t length;
	char *bytes;

	(void)state;
	bytes = write_frame(NULL, &report, &length);
	assert_false(is_read(bytes, length, &after));
	assert_int_equal(after.errors, 1000000);
	memcpy(bytes + 16, &number, sizeof(number));
	assert_false(is_read(bytes, length, &after));
	assert_int_equal(after.errors, 1);
	free(bytes);
}

static void
test_random(void **state)
{
	struct conf *conf = confs_must_load("listeners = ( { }, { port = 1; "
					    "} );");
	struct report report = { 0 }, after;
	size_t i, k, at, length, header;
	char *bytes, *copy;

	(void)state;
	report_warning(&report, "a");
	bytes = write_frame(conf, &report, &length);
	header = length - sizeof(*conf) - conf->text_length;
	copy = malloc(length);
	assert_non_null(copy);
	for (i = 0; i < RANDOM_ROUNDS; i++) {
		memcpy(copy, bytes, length);
		for (k = seeded_number() % 4 + 1; k > 0; k--) {
			at = seeded_number() %
			    (seeded_number() % 2 == 0 ? 40 : header + 1000);
			copy[at] = (char)seeded_number();
		}
		is_read(copy, length, &after);
	}
	free(copy);
	free(bytes);
	free(conf);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_conf),
		cmocka_unit_test(test_errors),
		cmocka_unit_test(test_lengths),
		cmocka_unit_test(test_hostile_line),
		cmocka_unit_test(test_header),
		cmocka_unit_test(test_too_many),
		cmocka_unit_test(test_random),
	};

	seeded_begin();
	return cmocka_run_group_tests_name(
	    "frame", tests, confs_setup, confs_teardown);
}
