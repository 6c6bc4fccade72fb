/* Renders log records as JSON. */
#include "config.h"

#include "master/system/log_json.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "shared/escape.h"

#define CUT ",\"cut\":true}"
#define ROOM (LOG_JSON_MAX - sizeof(CUT))

static const char *const levels[] = { [LOG_ERR] = "error",
	[LOG_WARNING] = "warning", [LOG_NOTICE] = "notice", [LOG_INFO] = "info",
	[LOG_DEBUG] = "debug" };

/* An object in the making: CUT and a NUL always fit behind it. */
struct object {
	char *text;
	size_t used;
	bool cut;
};

/* All or nothing. */
static bool
put(struct object *object, const char *bytes, size_t n)
{
	if (object->used + n > ROOM)
		return false;
	memcpy(object->text + object->used, bytes, n);
	object->used += n;
	return true;
}

/* A character that is n bytes long, or one byte (n is 0) that may not be shown;
 * the quote that ends the text still fits behind it. */
static bool
put_character(struct object *object, const char *at, size_t n)
{
	char escaped[8];
	int length;

	if (n == 0)
		length = snprintf(escaped, sizeof(escaped), "\\\\x%02x",
		    (unsigned)(unsigned char)*at);
	else if (*at == '"' || *at == '\\')
		length = snprintf(escaped, sizeof(escaped), "\\%c", *at);
	else
		length = snprintf(escaped, sizeof(escaped), "%.*s", (int)n, at);
	return object->used + (size_t)length < ROOM &&
	    put(object, escaped, (size_t)length);
}

static bool
put_text(struct object *object, const char *text)
{
	size_t left = strlen(text), n;

	if (!put(object, "\"", 1))
		return false;
	while (left > 0) {
		n = escape_shown(text, left);
		if (!put_character(object, text, n)) {
			object->cut = true;
			break;
		}
		n = n > 0 ? n : 1;
		text += n;
		left -= n;
	}
	return put(object, "\"", 1);
}

static bool
put_value(struct object *object, const struct log_field *field)
{
	char number[24];
	int length = 0;

	switch (field->type) {
	case LOG_FIELD_UNSIGNED:
		length = snprintf(
		    number, sizeof(number), "%" PRIu64, field->number);
		break;
	case LOG_FIELD_SIGNED:
		length = snprintf(
		    number, sizeof(number), "%" PRId64, field->signed_number);
		break;
	case LOG_FIELD_WORD:
	case LOG_FIELD_QUOTED:
		return put_text(object, field->text);
	}
	return put(object, number, (size_t)length);
}

static void
put_member(struct object *object, const struct log_field *field)
{
	size_t before = object->used;

	if (put(object, before == 0 ? "{" : ",", 1) &&
	    put_text(object, field->key) && put(object, ":", 1) &&
	    put_value(object, field))
		return;
	object->used = before;
	object->cut = true;
}

void
log_json(char line[LOG_JSON_MAX], const struct log_record *record,
    const char *time)
{
	struct object object = { .text = line };
	size_t i;

	assert(record->priority >= LOG_ERR && record->priority <= LOG_DEBUG);
	if (time != NULL)
		put_member(&object, &LOG_WORD("time", time));
	put_member(&object, &LOG_WORD("level", levels[record->priority]));
	put_member(&object, &LOG_WORD("event", record->word));
	for (i = 0; i < record->n && !object.cut; i++)
		if (record->fields[i].key != NULL)
			put_member(&object, &record->fields[i]);
	if (object.cut)
		memcpy(line + object.used, CUT, sizeof(CUT));
	else
		memcpy(line + object.used, "}", sizeof("}"));
}
