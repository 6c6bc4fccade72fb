/* Slips found in the text of a configuration, kept until they are sent. */
#ifndef READER_FINDINGS_H
#define READER_FINDINGS_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

#include "shared/entries.h"

#define FINDING_TEXT_MAX 320

struct finding {
	size_t line;
	bool value; /* the value at that path cannot be used */
	char path[ENTRY_PATH_MAX + 1]; /* or what stands there, in quotes */
	char text[FINDING_TEXT_MAX];
};

/* Start with n zero. */
struct findings {
	size_t n;
	struct finding list[FINDINGS_MAX];
};

/* Adds one.  Returns false when there is room for no more. */
bool findings_add(struct findings *findings, bool value, size_t line,
    const char *path, const char *format, va_list list)
    __attribute__((format(printf, 5, 0)));

/* The value of the setting at that path is one that cannot be used. */
bool findings_have(const struct findings *findings, const char *path);

/* Appends ".NAME" (without the dot at the start), or "[INDEX]", to a path of
 * used bytes; what does not fit is left out.  Returns how many bytes it has
 * then. */
size_t path_add_name(char path[ENTRY_PATH_MAX + 1], size_t used,
    const char *name, size_t length);
size_t path_add_index(
    char path[ENTRY_PATH_MAX + 1], size_t used, size_t index);

#endif
