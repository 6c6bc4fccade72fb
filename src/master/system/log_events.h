/* The table of events that the log knows: their words and their fields. */
#ifndef MASTER_SYSTEM_LOG_EVENTS_H
#define MASTER_SYSTEM_LOG_EVENTS_H

#include <stddef.h>

/*
 * What log_event() may be called with.  The manual (forkgreetd(8), EVENTS) has
 * the same rows in the same order, and tests/system/test_log_events.py compares
 * both with the calls in the source.
 */
struct log_event_row {
	const char *word;
	/* The keys that such a line may have, in this order, with one space
	 * between them; those in brackets are not in every line. */
	const char *keys;
};

extern const struct log_event_row log_events[];
extern const size_t log_n_events;

#endif
