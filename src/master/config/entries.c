/* What forkgreet-reader says of a configuration, as a tree. */
#include "config.h"

#include "master/config/entries.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "master/config/conf.h"
#include "master/system/report.h"
#include "shared/number.h"

#define LINES_MAX (CONF_FILE_MAX + 1)
#define FLOAT_TEXT_MAX 31
#define FIRST_ROOM 256

/* One reading. */
struct reading {
	struct entries *entries;
	const char *at, *end; /* of what is still to be read */
	const char *file;
	struct report *report;
	uint32_t open[ENTRY_DEPTH_MAX + 1]; /* indices into the list */
	size_t depth; /* of the innermost open one */
	bool wrong; /* a value that could not be used */
};

/* The functions below return NULL, or the name of what is wrong. */

static const char *
text_take(struct reading *reading, size_t length, const char **text)
{
	if (length >= (size_t)(reading->end - reading->at))
		return "length";
	*text = reading->at;
	reading->at += length + 1;
	return memchr(*text, '\0', length + 1) == *text + length ? NULL
								  : "NUL";
}

static bool
is_float(const char *text, size_t length)
{
	char *end;

	if (length == 0 || length > FLOAT_TEXT_MAX ||
	    (strspn(text, "+-.0123456789e") != length &&
		strspn(text, "-inf") != length))
		return false;
	strtod(text, &end);
	return *end == '\0';
}

static const char *
value_check(const struct entry *entry)
{
	int64_t number;
	bool right = entry->length == 0;

	if (entry->type == ENTRY_INTEGER)
		right = number_parse(entry->text, INT64_MIN, INT64_MAX,
			    &number) == 0;
	else if (entry->type == ENTRY_FLOAT)
		right = is_float(entry->text, entry->length);
	else if (entry->type == ENTRY_BOOLEAN)
		right = strcmp(entry->text, "true") == 0 ||
		    strcmp(entry->text, "false") == 0;
	else if (entry->type == ENTRY_STRING)
		right = entry->length <= ENTRY_TEXT_MAX;
	return right ? NULL : "value";
}

/* libconfig's names. */
static bool
is_name(const char *name)
{
	size_t length = strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	    "abcdefghijklmnopqrstuvwxyz0123456789-_*");

	return length > 0 && length <= ENTRY_NAME_MAX && name[length] == '\0';
}

/* What is behind the path of the outer one: ".name" in a group, or "[n]". */
static const char *
step_check(struct entry *entry, const struct entry *outer, size_t length)
{
	const char *step = entry->path + length;
	char place[16];

	if (outer->type != ENTRY_GROUP) {
		snprintf(place, sizeof(place), "[%u]", (unsigned)outer->parts);
		entry->name = "";
		return strcmp(step, place) == 0 ? NULL : "place";
	}
	entry->name = length > 0 ? step + 1 : step;
	return is_name(entry->name) ? NULL : "name";
}

static void
close_one(struct reading *reading)
{
	struct entries *entries = reading->entries;

	entries->list[reading->open[reading->depth--]].end = entries->n;
}

/* One step further than the outer one: no more than a name or a place. */
static bool
is_directly_in(const struct entry *entry, const struct entry *outer)
{
	size_t length = strlen(outer->path);
	const char *step = entry->path + length;

	if (strncmp(entry->path, outer->path, length) != 0)
		return false;
	if (length > 0 && *step++ != (outer->type == ENTRY_GROUP ? '.' : '['))
		return false;
	return strpbrk(step, ".[") == NULL;
}

/* Closes all that this one is not in. */
static const char *
place_check(struct reading *reading, struct entry *entry)
{
	struct entry *outer;
	const char *why;

	for (;; close_one(reading)) {
		outer = &reading->entries->list[reading->open[reading->depth]];
		if (is_directly_in(entry, outer))
			break;
		if (reading->depth == 0)
			return "path";
	}
	why = step_check(entry, outer, strlen(outer->path));
	outer->parts += why == NULL;
	return why;
}

static int
entry_add(struct entries *entries, const struct entry *entry)
{
	uint32_t room = entries->room == 0 ? FIRST_ROOM : entries->room * 2;
	struct entry *list;

	if (entries->n == entries->room) {
		list = reallocarray(entries->list, room, sizeof(*list));
		if (list == NULL)
			return -1;
		entries->list = list;
		entries->room = room;
	}
	entries->list[entries->n++] = *entry;
	return 0;
}

static const char *
setting_take(struct reading *reading, struct entry *entry)
{
	struct entries *entries = reading->entries;
	bool holds = entry->type == ENTRY_GROUP || entry->type == ENTRY_LIST ||
	    entry->type == ENTRY_ARRAY;
	const char *why = value_check(entry);

	if (why == NULL)
		why = place_check(reading, entry);
	if (why != NULL)
		return why;
	if (entries->n > ENTRIES_MAX)
		return "count";
	if (holds && reading->depth == ENTRY_DEPTH_MAX)
		return "depth";
	reading->wrong = reading->wrong || entry->type == ENTRY_WRONG;
	entry->end = entries->n + 1;
	if (entry_add(entries, entry) == -1)
		return "out of memory";
	if (holds)
		reading->open[++reading->depth] = entries->n - 1;
	return NULL;
}

static const char *
entry_take(struct reading *reading, const struct entry_head *head)
{
	struct entry entry = { .type = head->type, .line = head->line,
		.length = head->text_length };
	const char *why;

	if (head->path_length > ENTRY_PATH_MAX ||
	    head->text_length > ENTRY_TEXT_MAX)
		return "length";
	why = text_take(reading, head->path_length, &entry.path);
	if (why == NULL)
		why = text_take(reading, head->text_length, &entry.text);
	if (why != NULL)
		return why;
	if (head->type == ENTRY_FAILURE) {
		report_error(
		    reading->report, "%s: %s", reading->file, entry.text);
		return NULL;
	}
	if (head->line < 1 || head->line > LINES_MAX)
		return "line";
	if (head->type > ENTRY_WRONG)
		return "type";
	if (head->type != ENTRY_FINDING)
		return setting_take(reading, &entry);
	report_error(reading->report, "%s:%u: %s: %s", reading->file,
	    (unsigned)head->line, entry.path, entry.text);
	return NULL;
}

/* Reads up to the end, which has to come, and to be the last. */
static const char *
entries_take(struct reading *reading)
{
	struct entry_head head;
	const char *why;

	for (;;) {
		if ((size_t)(reading->end - reading->at) < sizeof(head))
			return "too short";
		memcpy(&head, reading->at, sizeof(head));
		reading->at += sizeof(head);
		if (head.type == ENTRY_END)
			break;
		why = entry_take(reading, &head);
		if (why != NULL)
			return why;
	}
	if (reading->end - reading->at != 2) /* its empty path and text */
		return "too long";
	while (reading->depth > 0)
		close_one(reading);
	return reading->wrong && reading->report->errors == 0 ? "no finding"
							      : NULL;
}

int
entries_parse(struct entries *entries, const char *bytes, size_t length,
    const char *path, struct report *report)
{
	const struct entry file = { .type = ENTRY_GROUP, .path = "",
		.name = "", .text = "" };
	struct reading reading = { .entries = entries, .at = bytes,
		.end = bytes + length, .file = path, .report = report };
	const char *why = "out of memory";

	*entries = (struct entries){ 0 };
	if (entry_add(entries, &file) == 0)
		why = entries_take(&reading);
	if (why == NULL) {
		entries->list[0].end = entries->n;
		return 0;
	}
	report_error(
	    report, "%s: the reader's answer is broken: %s", path, why);
	return -1;
}

void
entries_free(struct entries *entries)
{
	free(entries->list);
}

const struct entry *
entries_first(const struct entry *outer)
{
	return outer->parts > 0 ? outer + 1 : NULL;
}

const struct entry *
entries_next(const struct entries *entries, const struct entry *outer,
    const struct entry *entry)
{
	return entry->end < outer->end ? &entries->list[entry->end] : NULL;
}

const struct entry *
entries_find(const struct entries *entries, const struct entry *group,
    const char *name)
{
	const struct entry *entry = entries_first(group);

	while (entry != NULL && strcmp(entry->name, name) != 0)
		entry = entries_next(entries, group, entry);
	return entry;
}
