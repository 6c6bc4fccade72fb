/* events FORM [TEXT]: writes each row of the table of events (log_events.h) as
 * the log has it in that form.
 *
 * FORM is "table", for each row its word, a tab and its keys; "text" or "json",
 * a line for each row; or "native", for each row the length of the datagram, a
 * newline and the datagram.  The fields take turns: the largest number, the
 * smallest, the word "a-word", and TEXT; a sentence is TEXT.  Priorities are
 * those from LOG_ERR to LOG_DEBUG, in turn; every second row has no time.
 */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "master/system/log_events.h"
#include "master/system/log_json.h"
#include "master/system/log_native.h"
#include "master/system/log_text.h"

#define KEYS_MAX 32
#define TIME "2026-11-26T04:43:01.123Z"

static struct log_field
field_of(size_t turn, const char *key, const char *text)
{
	switch (turn % 4) {
	case 0:
		return LOG_NUMBER(key, UINT64_MAX);
	case 1:
		return LOG_SIGNED(key, INT64_MIN);
	case 2:
		return LOG_WORD(key, "a-word");
	default:
		return LOG_QUOTED(key, text);
	}
}

/* Splits keys in place, without their brackets. */
static size_t
fields_of(char *keys, struct log_field fields[KEYS_MAX], const char *text)
{
	char *key = keys, *rest;
	size_t n = 0;

	for (; key != NULL && n < KEYS_MAX; key = rest, n++) {
		if ((rest = strchr(key, ' ')) != NULL)
			*rest++ = '\0';
		if (*key == '[') {
			key++;
			key[strlen(key) - 1] = '\0';
		}
		fields[n] = field_of(n, key, text);
	}
	return n;
}

static void
render(const char *form, size_t row, const struct log_record *record)
{
	char text[LOG_LINE_MAX], json[LOG_JSON_MAX], native[LOG_NATIVE_MAX];
	size_t length;

	log_text(text, record);
	if (strcmp(form, "text") == 0)
		puts(text);
	if (strcmp(form, "json") == 0) {
		log_json(json, record, row % 2 == 0 ? TIME : NULL);
		puts(json);
	}
	if (strcmp(form, "native") == 0) {
		length = log_native(native, record, LOG_LOCAL3, text);
		printf("%zu\n", length);
		fwrite(native, 1, length, stdout);
	}
}

int
main(int argc, char *argv[])
{
	struct log_field fields[KEYS_MAX];
	struct log_record record = { .fields = fields };
	char keys[512];
	size_t i;

	for (i = 0; i < log_n_events && argc == 3; i++) {
		snprintf(keys, sizeof(keys), "%s", log_events[i].keys);
		record.word = log_events[i].word;
		record.n = fields_of(keys, fields, argv[2]);
		if (strcmp(record.word, LOG_MESSAGE) == 0)
			fields[0] = LOG_QUOTED(LOG_MESSAGE, argv[2]);
		record.priority = LOG_ERR +
		    (int)(i % (LOG_DEBUG - LOG_ERR + 1));
		render(argv[1], i, &record);
	}
	for (i = 0; i < log_n_events && argc == 2; i++)
		printf("%s\t%s\n", log_events[i].word, log_events[i].keys);
	return ferror(stdout) != 0 || fflush(stdout) != 0;
}
