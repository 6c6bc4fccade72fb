/* forkgreetctl top, with answers of all kinds and a terminal that the test
 * plays. */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "ctl/terminal.h"
#include "ctl/top.h"
#include "shared/ask.h"
#include "shared/output.h"
#include "unit/ctl/asked.h"

#define SAMPLE(time, accepted)                                     \
	"time_us " #time "000000\nuptime 9\nlive 7\nlingering 0\n" \
	"max_clients 512\naccepted " #accepted "\nended 90\n"      \
	"sent_bytes 900\ncpu_us 9000\n"

/* What was written to standard output, and how that fails. */
static char written[16384];
static int write_error;

/* A terminal, and what is pressed; 0: its size changes; -1: nothing. */
static bool has_terminal;
static int keys[8];
static size_t n_keys;
static unsigned entered, left;

int __wrap_output_write(
    int fd, const char *bytes, size_t length, int64_t deadline);
int
__wrap_output_write(int fd, const char *bytes, size_t length, int64_t deadline)
{
	size_t used = strlen(written);

	(void)fd;
	(void)deadline;
	if (write_error != 0) {
		errno = write_error;
		return -1;
	}
	assert_true(used + length < sizeof(written));
	memcpy(written + used, bytes, length);
	written[used + length] = '\0';
	return 0;
}

bool __wrap_terminal_is_there(void);
bool
__wrap_terminal_is_there(void)
{
	return has_terminal;
}

void __wrap_terminal_enter(void);
void
__wrap_terminal_enter(void)
{
	entered++;
}

/* It may change errno. */
void __wrap_terminal_leave(void);
void
__wrap_terminal_leave(void)
{
	left++;
	errno = ENOTTY;
}

void __wrap_terminal_size(int *width, int *height);
void
__wrap_terminal_size(int *width, int *height)
{
	*width = 80;
	*height = 24;
}

int __wrap_terminal_wait(long long deadline);
int
__wrap_terminal_wait(long long deadline)
{
	int key = keys[n_keys];

	if (n_keys + 1 < sizeof(keys) / sizeof(keys[0]))
		n_keys++;
	if (key == -1)
		asked_now = deadline;
	return key;
}

FILE *__real_fmemopen(void *bytes, size_t size, const char *mode);
FILE *__wrap_fmemopen(void *bytes, size_t size, const char *mode);
static bool no_memory;
FILE *
__wrap_fmemopen(void *bytes, size_t size, const char *mode)
{
	if (!no_memory)
		return __real_fmemopen(bytes, size, mode);
	errno = ENOMEM;
	return NULL;
}

static int
setup(void **state)
{
	(void)state;
	asked_begin();
	n_keys = entered = left = 0;
	write_error = 0;
	has_terminal = no_memory = false;
	written[0] = '\0';
	return 0;
}

static void
answer(const char *text)
{
	asked_answer(
	    &(const struct answering){ CONTROL_OK, CONTROL_OK, text, "" });
}

static void
lines_until_nobody_answers(void **state)
{
	(void)state;
	answer(SAMPLE(1, 100));
	answer(SAMPLE(2, 130));
	answer(SAMPLE(3, 130));
	assert_int_equal(top_run(PATH, 5000), CONTROL_NOBODY);
	assert_string_equal(asked_said, "nobody is there");
	assert_string_equal(asked_requests, "top\ntop\ntop\ntop\n");
	/* Rates are between two: a line for each but the first. */
	assert_non_null(strchr(written, '\n'));
	assert_ptr_equal(strrchr(written, '\n') + 1, written + strlen(written));
	assert_ptr_not_equal(strchr(written, '\n'), strrchr(written, '\n'));
	assert_int_equal(asked_now, 4 * (long long)SECOND); /* once a second */
}

static void
answers_that_end_it(void **state)
{
	char longer[2 * ASK_WHY_MAX];
	const struct {
		struct answering answer;
		enum control_status status;
		const char *said;
	} rows[] = {
		{ { CONTROL_OK, CONTROL_REFUSED, "", "too many\n" },
		    CONTROL_REFUSED, "too many" },
		{ { CONTROL_OK, CONTROL_DENIED, "out", "not you" },
		    CONTROL_DENIED, "not you" },
		{ { CONTROL_OK, CONTROL_REFUSED, "", "" }, CONTROL_REFUSED,
		    "" },
		{ { CONTROL_OK, CONTROL_OK, "hello\n", "" }, CONTROL_NOBODY,
		    PATH ": what answers there is not forkgreetd" },
		{ { CONTROL_TIMEOUT, CONTROL_OK, "", "timed out" },
		    CONTROL_TIMEOUT, "timed out" },
		{ { CONTROL_OK, CONTROL_REFUSED, "", longer }, CONTROL_REFUSED,
		    longer + ASK_WHY_MAX + 1 },
	};
	size_t i;

	(void)state;
	memset(longer, 'x', sizeof(longer) - 1);
	longer[sizeof(longer) - 1] = '\0'; /* what is too long is cut off */
	for (i = 0; i < 2 * sizeof(rows) / sizeof(rows[0]); i++) {
		setup(NULL);
		has_terminal = i % 2 == 1;
		asked_answer(&rows[i / 2].answer);
		assert_int_equal(top_run(PATH, 5000), rows[i / 2].status);
		if (strlen(rows[i / 2].said) == ASK_WHY_MAX - 2)
			assert_int_equal(strlen(asked_said), ASK_WHY_MAX - 1);
		else
			assert_string_equal(asked_said, rows[i / 2].said);
		assert_string_equal(written, "");
		assert_int_equal(entered, 0);
	}
}

static void
lines_that_nobody_reads(void **state)
{
	static const struct {
		int error;
		enum control_status status;
		const char *said;
	} rows[] = {
		{ EPIPE, CONTROL_SYSTEM, "write standard output: Broken pipe" },
		{ ETIMEDOUT, CONTROL_TIMEOUT,
		    "write standard output: timed out" },
	};
	size_t i;

	(void)state;
	for (i = 0; i < 2; i++) {
		setup(NULL);
		answer(SAMPLE(1, 100));
		answer(SAMPLE(2, 130));
		write_error = rows[i].error;
		assert_int_equal(top_run(PATH, 5000), rows[i].status);
		assert_string_equal(asked_said, rows[i].said);
		assert_int_equal(asked_times, 2);
	}
}

static void
no_memory_for_a_line(void **state)
{
	(void)state;
	answer(SAMPLE(1, 100));
	answer(SAMPLE(2, 130));
	no_memory = true;
	assert_int_equal(top_run(PATH, 5000), CONTROL_SYSTEM);
	assert_string_equal(asked_said, strerror(ENOMEM));
}

/* It goes on over a restart of the daemon, and ends by a key. */
static void
screen_until_a_key(void **state)
{
	static const int pressed[] = { 'x', 0, -1, -1, 'Q' };
	const char *last, *next;

	(void)state;
	has_terminal = true;
	memcpy(keys, pressed, sizeof(pressed));
	answer(SAMPLE(1, 100));
	asked_answer(&(const struct answering){
	    CONTROL_NOBODY, CONTROL_OK, "", "it is starting" });
	answer(SAMPLE(3, 130));
	assert_int_equal(top_run(PATH, 5000), CONTROL_OK);
	assert_string_equal(asked_said, "");
	assert_int_equal(asked_times, 3);
	assert_int_equal(entered, 1);
	assert_int_equal(left, 1);
	assert_non_null(strstr(written, "it is starting"));
	assert_int_equal(strncmp(written, "\033[H", 3), 0);
	last = written;
	while ((next = strstr(last + 1, "\033[H")) != NULL)
		last = next;
	assert_null(strstr(last, "it is starting"));
}

/* A terminal that stands still (Ctrl-S) may go on; one that has gone does not.
 */
static void
screen_that_cannot_be_drawn(void **state)
{
	static const int pressed[] = { -1, 'q' };
	static const int pressed_more[] = { 'x', -1, 'q' };

	(void)state;
	has_terminal = true;
	memcpy(keys, pressed, sizeof(pressed));
	answer(SAMPLE(1, 100));
	answer(SAMPLE(2, 130));
	write_error = ETIMEDOUT;
	assert_int_equal(top_run(PATH, 5000), CONTROL_OK);
	assert_int_equal(asked_times, 2);
	setup(NULL);
	has_terminal = true;
	memcpy(keys, pressed_more, sizeof(pressed_more));
	answer(SAMPLE(1, 100));
	write_error = EIO;
	assert_int_equal(top_run(PATH, 5000), CONTROL_SYSTEM);
	assert_string_equal(
	    asked_said, "write standard output: Input/output error");
	assert_int_equal(asked_times, 1);
	assert_int_equal(left, 1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(lines_until_nobody_answers, setup),
		cmocka_unit_test_setup(answers_that_end_it, setup),
		cmocka_unit_test_setup(lines_that_nobody_reads, setup),
		cmocka_unit_test_setup(no_memory_for_a_line, setup),
		cmocka_unit_test_setup(screen_until_a_key, setup),
		cmocka_unit_test_setup(screen_that_cannot_be_drawn, setup),
	};

	return cmocka_run_group_tests_name("top", tests, NULL, NULL);
}
