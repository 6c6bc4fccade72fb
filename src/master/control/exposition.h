/* Lines of Prometheus' text format, version 0.0.4:
 * https://prometheus.io/docs/instrumenting/exposition_formats/ */
#ifndef MASTER_CONTROL_EXPOSITION_H
#define MASTER_CONTROL_EXPOSITION_H

#include <stdint.h>
#include <stdio.h>

/* The value may be any text. */
struct exposition_label {
	const char *name; /* NULL: no label */
	const char *value;
};

#define LABEL(name, value) ((struct exposition_label) { name, value })
#define NO_LABEL LABEL(NULL, NULL)

/* Whole numbers, or microseconds that are not below 0 and shown as seconds. */
enum exposition_unit { EXPOSITION_ONE, EXPOSITION_US };

/* The two lines that come before the samples of a metric; type is the format's
 * word. */
void exposition_head(
    FILE *out, const char *name, const char *type, const char *help);

/* A sample. */
void exposition_put(FILE *out, const char *name, struct exposition_label first,
    struct exposition_label second, enum exposition_unit unit, int64_t value);

#endif
