/* What "top" shows: rates between two samples, and how they were before. */
#ifndef CTL_VIEW_H
#define CTL_VIEW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "ctl/sample.h"

#define VIEW_HISTORY 240 /* seconds */
/* A smaller window gets one line that says so. */
#define VIEW_WIDTH_MIN 40
#define VIEW_HEIGHT_MIN 8

/* What happened between two samples; for a second. */
struct rates {
	double accepted, ended, refused, sent_bytes;
	double cpu_us; /* for a client that has ended; -1: none has */
	double reasons[SAMPLE_REASONS];
};

/* Start with all zero. */
struct view {
	struct sample now;
	bool has_sample;
	bool has_rates; /* there was one before, of the same daemon */
	struct rates rates;
	double history[VIEW_HISTORY]; /* clients accepted a second, a ring */
	size_t n_history; /* since the start of this program */
};

/* The next sample has come. */
void view_add(struct view *view, const struct sample *sample);

/*
 * Writes the screen for a window of that size: at most height lines, of at most
 * width bytes of ASCII, each with a newline but the last.  trouble is NULL, or why
 * the daemon did not answer.
 */
void view_screen(FILE *out, const struct view *view, int width, int height,
    const char *trouble);

/* Writes the rates as one line, "NAME=VALUE ...". */
void view_line(FILE *out, const struct view *view);

#endif
