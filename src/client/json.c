/* Writing JSON objects. */
#include "config.h"

#include "client/json.h"

#include <inttypes.h>
#include <string.h>

#include "shared/escape.h"

static void
put_name(struct json *json, const char *name)
{
	fprintf(json->stream, "%s\"%s\": ", json->some ? ", " : "", name);
	json->some = true;
}

void
json_begin(struct json *json, FILE *stream)
{
	json->stream = stream;
	json->some = false;
	fputc('{', stream);
}

struct json
json_object(struct json *json, const char *name)
{
	struct json inner;

	put_name(json, name);
	json_begin(&inner, json->stream);
	return inner;
}

void
json_end(struct json *json)
{
	fputc('}', json->stream);
}

void
json_number(struct json *json, const char *name, uint64_t value)
{
	put_name(json, name);
	fprintf(json->stream, "%" PRIu64, value);
}

void
json_seconds(struct json *json, const char *name, double value)
{
	put_name(json, name);
	fprintf(json->stream, "%.6f", value);
}

void
json_bool(struct json *json, const char *name, bool value)
{
	put_name(json, name);
	fputs(value ? "true" : "false", json->stream);
}

/* A byte that may not be shown as it is. */
static void
put_byte(FILE *stream, unsigned char byte)
{
	if (byte == '\n')
		fputs("\\n", stream);
	else if (byte == '\r')
		fputs("\\r", stream);
	else if (byte < 0x80)
		fprintf(stream, "\\u%04x", byte);
	else
		fputs("\\ufffd", stream);
}

/* U+0080 to U+00A0: JSON would take them as they are, a terminal obeys them. */
static bool
is_c1(const char *text, size_t left)
{
	return left > 1 && (unsigned char)text[0] == 0xc2 &&
	    (unsigned char)text[1] >= 0x80 && (unsigned char)text[1] <= 0xa0;
}

void
json_text(struct json *json, const char *name, const char *text, size_t length)
{
	FILE *stream = json->stream;
	size_t n;

	put_name(json, name);
	fputc('"', stream);
	for (; length > 0; text += n, length -= n) {
		n = escape_shown(text, length);
		if (is_c1(text, length)) {
			n = 2;
			fprintf(stream, "\\u%04x", (unsigned char)text[1]);
		} else if (n == 0) {
			n = 1;
			put_byte(stream, (unsigned char)*text);
		} else {
			if (*text == '"' || *text == '\\')
				fputc('\\', stream);
			fwrite(text, 1, n, stream);
		}
	}
	fputc('"', stream);
}

void
json_string(struct json *json, const char *name, const char *text)
{
	json_text(json, name, text, strlen(text));
}
