/* What "top" shows. */
#include "config.h"

#include "ctl/view.h"

#include <inttypes.h>
#include <stdarg.h>
#include <string.h>
#include <time.h>

#include "shared/escape.h"

#define SECOND 1e6 /* microseconds */
#define DAY 86400
#define LINE_MAX_BYTES 512
#define TIME_MAX sizeof("9999-12-31T23:59:59Z")
#define GRAPH_ROWS 5
#define NAME_WIDTH 17

/* A screen that is being written. */
struct screen {
	FILE *out;
	int width;
	int left; /* lines */
	bool begun;
};

/* ------------------------------------------------------------------------ rates */

static uint64_t
reason_count(const struct sample *sample, const char *name)
{
	size_t i;

	for (i = 0; i < sample->n_reasons; i++)
		if (strcmp(sample->reasons[i].name, name) == 0)
			return sample->reasons[i].n;
	return 0;
}

/* A daemon that was started anew counts from 0. */
static bool
is_later(const struct sample *old, const struct sample *new)
{
	return new->time_us > old->time_us && new->uptime >= old->uptime &&
	    new->accepted >= old->accepted && new->ended >= old->ended &&
	    new->cpu_us >= old->cpu_us &&
	    new->sent_bytes >= old->sent_bytes &&
	    sample_refused(new) >= sample_refused(old);
}

static struct rates
rates_of(const struct sample *old, const struct sample *new)
{
	double seconds = (double)(new->time_us - old->time_us) / SECOND;
	int64_t ended = new->ended - old->ended;
	struct rates rates = { .cpu_us = -1 };
	const struct sample_count *reason;
	size_t i;

	rates.accepted = (double)(new->accepted - old->accepted) / seconds;
	rates.ended = (double)ended / seconds;
	rates.sent_bytes =
	    (double)(new->sent_bytes - old->sent_bytes) / seconds;
	rates.refused =
	    (double)(sample_refused(new) - sample_refused(old)) / seconds;
	if (ended > 0)
		rates.cpu_us =
		    (double)(new->cpu_us - old->cpu_us) / (double)ended;
	for (i = 0; i < new->n_reasons; i++) {
		reason = &new->reasons[i];
		rates.reasons[i] = ((double)reason->n -
		    (double)reason_count(old, reason->name)) / seconds;
	}
	return rates;
}

void
view_add(struct view *view, const struct sample *sample)
{
	view->has_rates =
	    view->has_sample && is_later(&view->now, sample);
	if (view->has_rates) {
		view->rates = rates_of(&view->now, sample);
		view->history[view->n_history++ % VIEW_HISTORY] =
		    view->rates.accepted;
	}
	view->now = *sample;
	view->has_sample = true;
}

/* ----------------------------------------------------------------------- screen */

static void put(struct screen *screen, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* A line, cut to the width. */
static void
put(struct screen *screen, const char *format, ...)
{
	char text[LINE_MAX_BYTES];
	va_list args;

	if (screen->left == 0)
		return;
	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	fprintf(screen->out, "%s%.*s", screen->begun ? "\n" : "",
	    screen->width, text);
	screen->begun = true;
	screen->left--;
}

/* "" while there is none, else "NNN.N". */
static const char *
format_rate(const struct view *view, double rate, char text[32])
{
	if (view->has_rates && rate >= 0)
		snprintf(text, 32, "%.1f", rate);
	else
		snprintf(text, 32, "-");
	return text;
}

static const char *
time_now(char text[TIME_MAX])
{
	time_t now = time(NULL);
	struct tm tm;

	if (gmtime_r(&now, &tm) == NULL ||
	    strftime(text, TIME_MAX, "%Y-%m-%dT%H:%M:%SZ", &tm) == 0)
		snprintf(text, TIME_MAX, "?");
	return text;
}

static void
put_head(struct screen *screen, const struct view *view, const char *trouble)
{
	const struct sample *now = &view->now;
	char time[TIME_MAX], plain[LINE_MAX_BYTES];
	int64_t up = now->uptime;

	put(screen, "forkgreetd  up %" PRId64 "d %02d:%02d:%02d  %s", up / DAY,
	    (int)(up % DAY / 3600), (int)(up % 3600 / 60), (int)(up % 60),
	    time_now(time));
	if (trouble != NULL) {
		escape_text(plain, sizeof(plain), trouble, strlen(trouble), "");
		put(screen, "no answer   %s", plain);
	}
	put(screen, "clients     %" PRId64 " served of %" PRId64 ", %" PRId64
	    " lingering", now->live - now->lingering, now->max_clients,
	    now->lingering);
}

static void
put_rates(struct screen *screen, const struct view *view)
{
	const struct rates *rates = &view->rates;
	char accepted[32], refused[32], ended[32], sent[32], cpu[32];

	put(screen, "a second    %s accepted, %s refused, %s ended",
	    format_rate(view, rates->accepted, accepted),
	    format_rate(view, rates->refused, refused),
	    format_rate(view, rates->ended, ended));
	put(screen, "            %s bytes taken by clients",
	    format_rate(view, rates->sent_bytes, sent));
	put(screen, "CPU         %s microseconds a client",
	    format_rate(view, rates->cpu_us, cpu));
}

static void
put_reasons(struct screen *screen, const struct view *view)
{
	const struct sample *now = &view->now;
	char rate[32];
	size_t i;

	put(screen, "refused          a second         all");
	for (i = 0; i < now->n_reasons; i++)
		put(screen, "%-*s %7s %11" PRIu64, NAME_WIDTH,
		    now->reasons[i].name,
		    format_rate(view, view->rates.reasons[i], rate),
		    now->reasons[i].n);
}

static void
put_sources(struct screen *screen, const struct view *view)
{
	const struct sample *now = &view->now;
	size_t i;

	if (now->n_sources > 0)
		put(screen, "clients of the top sources");
	for (i = 0; i < now->n_sources; i++)
		put(screen, "%7" PRIu64 "  %s", now->sources[i].n,
		    now->sources[i].name);
}

/* How many of the latest values fit. */
static size_t
history_shown(const struct view *view, int width)
{
	size_t n = view->n_history < VIEW_HISTORY ? view->n_history :
						    VIEW_HISTORY;

	return n < (size_t)width - 1 ? n : (size_t)width - 1;
}

static double
history_at(const struct view *view, size_t ago)
{
	return view->history[(view->n_history - 1 - ago) % VIEW_HISTORY];
}

static void
put_graph(struct screen *screen, const struct view *view)
{
	size_t shown = history_shown(view, screen->width), i;
	char bar[VIEW_HISTORY + 2];
	double most = 0;
	int row;

	for (i = 0; i < shown; i++)
		if (history_at(view, i) > most)
			most = history_at(view, i);
	put(screen, "accepted a second, %zu s, most %.1f", shown, most);
	for (row = GRAPH_ROWS - 1; row >= 0; row--) {
		bar[0] = '|';
		for (i = 0; i < shown; i++)
			bar[shown - i] = history_at(view, i) * GRAPH_ROWS >
			    most * row ? '#' : ' ';
		bar[shown + 1] = '\0';
		put(screen, "%s", bar);
	}
}

void
view_screen(FILE *out, const struct view *view, int width, int height,
    const char *trouble)
{
	struct screen screen = { .out = out, .width = width, .left = height };

	if (width < VIEW_WIDTH_MIN || height < VIEW_HEIGHT_MIN) {
		put(&screen, "window too small, needs %dx%d", VIEW_WIDTH_MIN,
		    VIEW_HEIGHT_MIN);
		return;
	}
	screen.left--; /* for the last line */
	put_head(&screen, view, trouble);
	put_rates(&screen, view);
	put_graph(&screen, view);
	put_reasons(&screen, view);
	put_sources(&screen, view);
	screen.left++;
	put(&screen, "q: quit");
}

void
view_line(FILE *out, const struct view *view)
{
	const struct rates *rates = &view->rates;
	const struct sample *now = &view->now;
	char time[TIME_MAX];
	size_t i;

	fprintf(out, "time=%s live=%" PRId64 " lingering=%" PRId64
	    " accepted=%.1f refused=%.1f ended=%.1f sent_bytes=%.1f",
	    time_now(time), now->live, now->lingering, rates->accepted,
	    rates->refused, rates->ended, rates->sent_bytes);
	if (rates->cpu_us >= 0)
		fprintf(out, " cpu_us=%.1f", rates->cpu_us);
	for (i = 0; i < now->n_reasons; i++)
		fprintf(out, " refused_%s=%.1f", now->reasons[i].name,
		    rates->reasons[i]);
	if (now->n_sources > 0)
		fprintf(out, " top_source=%s top_source_clients=%" PRIu64,
		    now->sources[0].name, now->sources[0].n);
	fputc('\n', out);
}
