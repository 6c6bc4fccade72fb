/* Slips found in the text of a configuration, kept until they are sent. */
#include "config.h"

#include "reader/findings.h"

#include <stdio.h>
#include <string.h>

bool
findings_add(struct findings *findings, bool value, size_t line,
    const char *path, const char *format, va_list list)
{
	struct finding *finding = &findings->list[findings->n];

	if (findings->n == FINDINGS_MAX)
		return false;
	finding->line = line;
	finding->value = value;
	snprintf(finding->path, sizeof(finding->path), "%s", path);
	if (vsnprintf(finding->text, sizeof(finding->text), format, list) < 0)
		finding->text[0] = '\0';
	return ++findings->n < FINDINGS_MAX;
}

bool
findings_have(const struct findings *findings, const char *path)
{
	size_t i;

	for (i = 0; i < findings->n; i++)
		if (findings->list[i].value &&
		    strcmp(findings->list[i].path, path) == 0)
			return true;
	return false;
}

static size_t
add(char path[ENTRY_PATH_MAX + 1], size_t used, const char *text, size_t length)
{
	if (length > ENTRY_PATH_MAX - used)
		length = ENTRY_PATH_MAX - used;
	memcpy(path + used, text, length);
	path[used + length] = '\0';
	return used + length;
}

size_t
path_add_name(char path[ENTRY_PATH_MAX + 1], size_t used, const char *name,
    size_t length)
{
	if (used > 0)
		used = add(path, used, ".", 1);
	return add(path, used, name,
	    length < ENTRY_NAME_MAX ? length : ENTRY_NAME_MAX);
}

size_t
path_add_index(char path[ENTRY_PATH_MAX + 1], size_t used, size_t index)
{
	char text[32];
	int n = snprintf(text, sizeof(text), "[%zu]", index);

	return n > 0 ? add(path, used, text, (size_t)n) : used;
}
