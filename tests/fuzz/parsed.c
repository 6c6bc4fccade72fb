/* Configurations for fuzz targets. */
#include "config.h"

#include "parsed.h"

#include <string.h>

#include "fuzz.h"
#include "reader/parse.h"
#include "master/config/recheck.h"
#include "master/config/schema.h"

/* What libconfig 1.5 loses by itself when it meets a syntax error. */
const char *__lsan_default_suppressions(void);

const char *
__lsan_default_suppressions(void)
{
	return "leak:libconfig.so";
}

/* As the child has it: a newline, and a NUL behind. */
static char *
text_copy(const char *text, size_t length)
{
	char *copy = malloc(length + 2);

	MUST(copy != NULL);
	memcpy(copy, text, length);
	memcpy(copy + length, "\n", 2);
	return copy;
}

struct conf *
parsed(const char *text, size_t length, struct report *report)
{
	static struct conf *room;
	struct conf *conf = NULL;
	char *copy = text_copy(text, length);

	if (room == NULL)
		room = calloc(1, sizeof(*room) + CONF_TEXT_MAX);
	MUST(room != NULL);
	memset(report, 0, sizeof(*report));
	if (parse_text(copy, length + 1, "x", true, room, report) == 0) {
		conf = malloc(sizeof(*room) + room->text_length);
		MUST(conf != NULL);
		memcpy(conf, room, sizeof(*room) + room->text_length);
	}
	memset(room, 0, sizeof(*room) + room->text_length);
	free(copy);
	MUST((conf == NULL) == (report->errors > 0));
	return conf;
}

char *
parsed_dump(const struct conf *conf)
{
	char *text = NULL;
	size_t length;
	FILE *out = open_memstream(&text, &length);

	MUST(out != NULL);
	MUST(dump_write(conf, out) == 0);
	MUST(fclose(out) == 0);
	MUST(strlen(text) == length);
	return text;
}

/* It goes to a terminal: no bytes that one obeys, nor U+0080 to U+009F. */
static void
must_be_shown(const char *dump)
{
	const unsigned char *at = (const unsigned char *)dump;

	for (; *at != '\0'; at++) {
		MUST(*at >= ' ' || *at == '\n' || *at == '\t');
		MUST(*at != 0x7f);
		MUST(*at != 0xc2 || at[1] >= 0xa0);
	}
}

static void
ask(const struct conf *conf)
{
	const struct schema_key *key;
	uint32_t i;

	for (key = schema_keys; key < schema_keys + schema_n_keys; key++)
		if (schema_has(key, SCHEMA_TOP))
			MUST(schema_given(conf, key->name) ==
			    (schema_line(conf, key->name) != 0));
	for (i = 0; i < conf->n_listeners; i++)
		MUST(strlen(conf_text(conf, conf->listener[i].name)) ==
		    conf->listener[i].name.length);
}

void
parsed_use(const struct conf *conf)
{
	char *dump = parsed_dump(conf), *again;
	struct report report;
	struct conf *copy;

	ask(conf);
	must_be_shown(dump);
	copy = parsed(dump, strlen(dump), &report);
	if (copy == NULL)
		fprintf(stderr, "%s\n--> %s\n", dump, report.lines[0].text);
	MUST(copy != NULL);
	again = parsed_dump(copy);
	if (strcmp(dump, again) != 0)
		fprintf(stderr, "%s\n--> %s\n", dump, again);
	MUST(strcmp(dump, again) == 0);
	memset(&report, 0, sizeof(report));
	verdict_reload(conf, copy, "x", &report);
	MUST(report.errors == 0);
	free(again);
	free(copy);
	free(dump);
}
