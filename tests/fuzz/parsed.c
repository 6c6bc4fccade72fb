/* Configurations for fuzz targets. */
#include "config.h"

#include "parsed.h"

#include <string.h>

#include "fuzz.h"
#include "master/config/dump.h"
#include "master/config/schema.h"
#include "master/config/settings.h"
#include "master/config/verdict.h"
#include "reader/tree.h"

/* What libconfig 1.5 loses by itself when it meets a syntax error. */
const char *__lsan_default_suppressions(void);

const char *
__lsan_default_suppressions(void)
{
	return "leak:libconfig.so";
}

char *
parsed_entries(const char *text, size_t length, size_t *size)
{
	char *copy = malloc(length + 2), *bytes = NULL;
	FILE *out = open_memstream(&bytes, size);

	MUST(copy != NULL && out != NULL);
	memcpy(copy, text, length);
	memcpy(copy + length, "\n", 2);
	MUST(tree_send(copy, length + 1, out) == 0);
	MUST(fclose(out) == 0);
	free(copy);
	return bytes;
}

/* What our own reader says is never broken. */
static void
must_be_whole(const struct report *report)
{
	size_t i;

	for (i = 0; i < report->kept; i++)
		MUST(strstr(report->lines[i].text,
			 "x: the reader's answer is broken") !=
		    report->lines[i].text);
}

struct conf *
parsed_frame(const char *bytes, size_t length, struct report *report)
{
	struct source source = { .path = "x", .length = length };
	struct conf *conf = NULL;

	source.bytes = malloc(length + 1); /* malloc(0) may be NULL */
	MUST(source.bytes != NULL);
	memcpy(source.bytes, bytes, length);
	memset(report, 0, sizeof(*report));
	if (entries_parse(&source.entries, bytes, length, "x", report) == 0)
		conf = settings_make(&source, 1, true, report);
	entries_free(&source.entries);
	free(source.bytes);
	return conf;
}

struct conf *
parsed(const char *text, size_t length, struct report *report)
{
	struct conf *conf;
	size_t size;
	char *bytes = parsed_entries(text, length, &size);

	conf = parsed_frame(bytes, size, report);
	free(bytes);
	MUST((conf == NULL) == (report->errors > 0));
	must_be_whole(report);
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
			MUST(!schema_given(conf, key->name) ||
			    schema_line(conf, key->name) <= CONF_FILE_MAX + 1);
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
