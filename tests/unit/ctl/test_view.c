/* The live view: answers of the daemon taken apart, and what is shown of them. */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/sample.h"
#include "ctl/view.h"

#define NUMBERS                                                            \
	"time_us 1000000\nuptime 93784\nlive 7\nlingering 2\n"             \
	"max_clients 512\naccepted 100\nended 90\nsent_bytes 900\n"        \
	"cpu_us 9000\n"

static int
parse(struct sample *sample, const char *text)
{
	char *copy = strdup(text);
	int result = sample_parse(sample, copy), saved = errno;

	free(copy);
	errno = saved;
	return result;
}

/* ----------------------------------------------------------------------- sample */

static void
an_answer_is_taken_apart(void **state)
{
	struct sample sample;

	(void)state;
	assert_int_equal(parse(&sample,
			     NUMBERS "refused.busy 3\nrefused.rate 4\n"
				     "later 5\nsource 192.0.2.1\n"
				     "source 2001:db8::/64\nsource 192.0.2.1\n"),
	    0);
	assert_int_equal(sample.time_us, 1000000);
	assert_int_equal(sample.uptime, 93784);
	assert_int_equal(sample.live, 7);
	assert_int_equal(sample.lingering, 2);
	assert_int_equal(sample.max_clients, 512);
	assert_int_equal(sample.accepted, 100);
	assert_int_equal(sample.ended, 90);
	assert_int_equal(sample.sent_bytes, 900);
	assert_int_equal(sample.cpu_us, 9000);
	assert_int_equal(sample.n_reasons, 2);
	assert_string_equal(sample.reasons[1].name, "rate");
	assert_int_equal(sample_refused(&sample), 7);
	assert_int_equal(sample.n_sources, 2);
	assert_string_equal(sample.sources[0].name, "192.0.2.1");
	assert_int_equal(sample.sources[0].n, 2);
	assert_string_equal(sample.sources[1].name, "2001:db8::/64");
}

/* Of many sources those with most clients, in order. */
static void
the_top_sources_are_kept(void **state)
{
	static char text[1 << 20];
	struct sample sample;
	size_t used;
	int i, j;

	(void)state;
	used = (size_t)snprintf(text, sizeof(text), "%s", NUMBERS);
	for (j = 0; j < 300; j++)
		for (i = 0; i <= j % 100; i++)
			used += (size_t)snprintf(text + used,
			    sizeof(text) - used, "source 10.0.%d.%d\n",
			    j / 100, j % 100);
	assert_int_equal(parse(&sample, text), 0);
	assert_int_equal(sample.n_sources, SAMPLE_SOURCES);
	for (i = 0; i < SAMPLE_SOURCES; i++)
		assert_int_equal(sample.sources[i].n, 100 - i / 3);
}

static void
anything_else_is_no_answer(void **state)
{
	static const char *const wrong[] = { "", "x", "time_us", "time_us 1\n",
		NUMBERS "live -1\n", NUMBERS "live x\n", NUMBERS "live 1 2\n",
		NUMBERS "refused. 1\n", NUMBERS "source \n",
		NUMBERS "source a b\n", NUMBERS "source \033[2J\n",
		NUMBERS "refused.\xc2\x9b 1\n", NUMBERS "\n \n",
		NUMBERS "live 99999999999999999999\n" };
	struct sample sample;
	char longest[SAMPLE_WORD_MAX + 200];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		errno = 0;
		if (parse(&sample, wrong[i]) != -1 || errno != EPROTO)
			fail_msg("taken: '%s'", wrong[i]);
	}
	snprintf(longest, sizeof(longest), "%ssource %0*d\n", NUMBERS,
	    SAMPLE_WORD_MAX, 1);
	assert_int_equal(parse(&sample, longest), -1);
	/* More reasons than there can be are left out. */
	{
		char many[4096];
		size_t used = (size_t)snprintf(many, sizeof(many), NUMBERS);

		for (i = 0; i < 3 * SAMPLE_REASONS; i++)
			used += (size_t)snprintf(many + used,
			    sizeof(many) - used, "refused.r%zu 1\n", i);
		assert_int_equal(parse(&sample, many), 0);
		assert_int_equal(sample.n_reasons, SAMPLE_REASONS);
	}
}

/* ------------------------------------------------------------------------- view */

static struct sample
sample_of(int64_t time_us, int64_t accepted, int64_t ended, int64_t cpu_us)
{
	struct sample sample;

	assert_int_equal(parse(&sample, NUMBERS "refused.busy 5\n"
						"source 192.0.2.1\n"), 0);
	sample.time_us = time_us;
	sample.accepted = accepted;
	sample.ended = ended;
	sample.cpu_us = cpu_us;
	return sample;
}

static void
rates_are_for_a_second(void **state)
{
	struct view view = { 0 };
	struct sample sample = sample_of(1000000, 100, 90, 9000);

	(void)state;
	view_add(&view, &sample);
	assert_false(view.has_rates);
	sample = sample_of(3000000, 120, 100, 9500);
	sample.reasons[0].n = 9;
	sample.sent_bytes += 40;
	view_add(&view, &sample);
	assert_true(view.has_rates);
	assert_true(view.rates.accepted == 10 && view.rates.ended == 5);
	assert_true(view.rates.refused == 2 && view.rates.reasons[0] == 2);
	assert_true(view.rates.sent_bytes == 20);
	assert_true(view.rates.cpu_us == 50);
	sample = sample_of(4000000, 120, 100, 9500);
	sample.reasons[0].n = 9;
	sample.sent_bytes += 40;
	view_add(&view, &sample);
	assert_true(view.rates.cpu_us == -1);
	assert_int_equal(view.n_history, 2);
}

/* Its counters begin at 0 again. */
static void
another_daemon_has_no_rates_at_first(void **state)
{
	struct view view = { 0 };
	struct sample sample = sample_of(1000000, 100, 90, 9000);

	(void)state;
	view_add(&view, &sample);
	sample = sample_of(2000000, 5, 90, 9000);
	view_add(&view, &sample);
	assert_false(view.has_rates);
	sample = sample_of(2000000, 6, 90, 9000); /* no time between them */
	view_add(&view, &sample);
	assert_false(view.has_rates);
	sample = sample_of(3000000, 7, 90, 9000);
	view_add(&view, &sample);
	assert_true(view.has_rates);
	/* It has counted more already. */
	sample = sample_of(4000000, 1000, 990, 99000);
	view.now.uptime = 60;
	sample.uptime = 0;
	view_add(&view, &sample);
	assert_false(view.has_rates);
}

/* The screen: it must fit, whatever its size. */
static char *
screen(const struct view *view, int width, int height, const char *trouble)
{
	char *text = NULL;
	size_t length;
	FILE *out = open_memstream(&text, &length);

	view_screen(out, view, width, height, trouble);
	fclose(out);
	assert_int_equal(strlen(text), length);
	return text;
}

static void
a_screen_fits_its_window(void **state)
{
	struct view view = { 0 };
	int width, height, lines;
	struct sample sample;
	char *text, *line, *next;
	int64_t i;

	(void)state;
	for (i = 1; i < 2 * VIEW_HISTORY; i++) {
		sample = sample_of(i * 1000000, i * i, i, i);
		view_add(&view, &sample);
	}
	for (width = 1; width < 300; width += 7)
		for (height = 1; height < 60; height++) {
			text = screen(&view, width, height,
			    height % 2 == 0 ? "\033]0;x\007 why" : NULL);
			lines = 0;
			for (line = text; line != NULL; line = next) {
				next = strchr(line, '\n');
				if (next != NULL)
					*next++ = '\0';
				assert_true(strlen(line) <= (size_t)width);
				assert_null(strchr(line, '\033'));
				lines++;
			}
			assert_in_range(lines, 1, height);
			free(text);
		}
}

static void
a_small_window_is_told(void **state)
{
	struct view view = { 0 };
	char *text = screen(&view, VIEW_WIDTH_MIN - 1, 24, NULL);

	(void)state;
	assert_string_equal(text, "window too small, needs 40x8");
	free(text);
	text = screen(&view, 80, VIEW_HEIGHT_MIN - 1, NULL);
	assert_string_equal(text, "window too small, needs 40x8");
	free(text);
	text = screen(&view, VIEW_WIDTH_MIN, VIEW_HEIGHT_MIN, NULL);
	assert_ptr_equal(strstr(text, "forkgreetd  up"), text);
	assert_non_null(strstr(text, "\nq: quit"));
	free(text);
}

/* The latest value is on the right; none is lost at the edge. */
static void
the_graph_grows_to_the_right(void **state)
{
	struct view view = { 0 };
	struct sample sample;
	char *text;
	int i;

	(void)state;
	for (i = 0; i < 4; i++) {
		sample = sample_of(1000000 * (i + 1), i < 3 ? 0 : 50, 90, 9000);
		view_add(&view, &sample);
	}
	text = screen(&view, 80, 24, NULL);
	assert_non_null(strstr(text, "accepted a second, 3 s, most 50.0\n"
				     "|  #\n|  #\n|  #\n|  #\n|  #\n"));
	free(text);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_answer_is_taken_apart),
		cmocka_unit_test(the_top_sources_are_kept),
		cmocka_unit_test(anything_else_is_no_answer),
		cmocka_unit_test(rates_are_for_a_second),
		cmocka_unit_test(another_daemon_has_no_rates_at_first),
		cmocka_unit_test(a_screen_fits_its_window),
		cmocka_unit_test(a_small_window_is_told),
		cmocka_unit_test(the_graph_grows_to_the_right),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
