/* A metric, and writing its samples. */
#ifndef MASTER_CONTROL_SERIES_H
#define MASTER_CONTROL_SERIES_H

#include <stdint.h>
#include <stdio.h>

#include "master/control/exposition.h"

struct overview;
struct series;

struct metric {
	const char *name;
	const char *type; /* "counter", "gauge" or "histogram" */
	const char *labels; /* with commas between; "": none */
	const char *help;
	enum exposition_unit unit;
	/* Writes its samples; NULL: it has one, without labels, which number
	 * tells. */
	void (*put)(const struct series *series);
	int64_t (*number)(const struct overview *overview);
};

/* One metric that is being written. */
struct series {
	FILE *out;
	const struct metric *metric;
	const struct overview *overview;
};

/* Writes a sample of the metric. */
void series_put(const struct series *series, struct exposition_label first,
    struct exposition_label second, int64_t value);

#endif
