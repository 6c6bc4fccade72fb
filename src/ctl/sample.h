/* One answer to "top" (shared/control.h), taken apart. */
#ifndef CTL_SAMPLE_H
#define CTL_SAMPLE_H

#include <stddef.h>
#include <stdint.h>

#define SAMPLE_REASONS 12 /* more than there are */
#define SAMPLE_SOURCES 10 /* those with most clients */
#define SAMPLE_WORD_MAX 80 /* bytes of a reason or a network, with the NUL */

struct sample_count {
	char name[SAMPLE_WORD_MAX];
	uint64_t n;
};

struct sample {
	int64_t time_us; /* of a clock that only goes forward */
	int64_t uptime; /* seconds */
	int64_t live, lingering, max_clients; /* now */
	int64_t accepted, ended, sent_bytes, cpu_us; /* since the start */
	struct sample_count reasons[SAMPLE_REASONS]; /* refused since then */
	size_t n_reasons;
	struct sample_count sources[SAMPLE_SOURCES]; /* most clients first */
	size_t n_sources;
};

/* Parses the text, which is changed and may be anything.  What it does not know
 * is left out.  Returns 0, or -1 with errno: EPROTO when it is none, or
 * ENOMEM. */
int sample_parse(struct sample *sample, char *text);

/* Refused clients, whatever the reason. */
uint64_t sample_refused(const struct sample *sample);

#endif
