/* Renders log records in the journal's own form. */
#include "config.h"

#include "master/system/log_native.h"

#include <ctype.h>
#include <endian.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "shared/escape.h"

#define PREFIX "FORKGREET_"
#define KEY_MAX 64 /* as long as the journal takes */

struct datagram {
	char *bytes;
	size_t used;
};

static bool
is_shown(const char *text, size_t length)
{
	size_t n;

	for (; length > 0; text += n, length -= n)
		if ((n = escape_shown(text, length)) == 0)
			return false;
	return true;
}

static void
put(struct datagram *datagram, const void *bytes, size_t n)
{
	memcpy(datagram->bytes + datagram->used, bytes, n);
	datagram->used += n;
}

/* NAME=VALUE, or NAME, the length in eight bytes, little endian, and VALUE; each
 * ends with a newline. */
static void
put_entry(struct datagram *datagram, const char *name, const char *value)
{
	size_t length = strnlen(value, LOG_LINE_MAX);
	uint64_t size = htole64((uint64_t)length);

	if (datagram->used + strlen(name) + sizeof(size) + length + 2 >
	    LOG_NATIVE_MAX)
		return;
	put(datagram, name, strlen(name));
	if (is_shown(value, length)) {
		put(datagram, "=", 1);
	} else {
		put(datagram, "\n", 1);
		put(datagram, &size, sizeof(size));
	}
	put(datagram, value, length);
	put(datagram, "\n", 1);
}

static void
put_number(struct datagram *datagram, const char *name, int value)
{
	char number[16];

	snprintf(number, sizeof(number), "%d", value);
	put_entry(datagram, name, number);
}

static void
put_field(struct datagram *datagram, const struct log_field *field)
{
	char name[KEY_MAX + 1], number[24];
	const char *value = number;
	char *c;

	snprintf(name, sizeof(name), PREFIX "%s", field->key);
	for (c = name; *c != '\0'; c++)
		*c = (char)toupper((unsigned char)*c);
	switch (field->type) {
	case LOG_FIELD_UNSIGNED:
		snprintf(number, sizeof(number), "%" PRIu64, field->number);
		break;
	case LOG_FIELD_SIGNED:
		snprintf(number, sizeof(number), "%" PRId64,
		    field->signed_number);
		break;
	case LOG_FIELD_WORD:
	case LOG_FIELD_QUOTED:
		value = field->text;
		break;
	}
	put_entry(datagram, name, value);
}

size_t
log_native(char bytes[LOG_NATIVE_MAX], const struct log_record *record,
    int facility, const char *message)
{
	struct datagram datagram = { .bytes = bytes };
	size_t i;

	put_entry(&datagram, "MESSAGE", message);
	put_number(&datagram, "PRIORITY", record->priority);
	/* LOG_DAEMON is 3 << 3; the journal has the 3. */
	put_number(&datagram, "SYSLOG_FACILITY", facility >> 3);
	put_entry(&datagram, "SYSLOG_IDENTIFIER", "forkgreetd");
	put_entry(&datagram, PREFIX "EVENT", record->word);
	if (strcmp(record->word, LOG_MESSAGE) == 0)
		return datagram.used; /* its only field is there */
	for (i = 0; i < record->n; i++)
		if (record->fields[i].key != NULL)
			put_field(&datagram, &record->fields[i]);
	return datagram.used;
}
