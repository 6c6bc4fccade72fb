/* From the text of a configuration to entries, by way of libconfig. */
#include "config.h"

#include "reader/tree.h"

#include <libconfig.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "reader/findings.h"
#include "reader/grammar.h"
#include "reader/lexer.h"

#define NUMBER_TEXT_MAX 32
#define ENOUGH_DIGITS 17 /* to tell any two doubles apart */

/* lib/grammar.y of libconfig 1.5 */
#define MIXED "mismatched element type in array"

/* Where in the tree it is. */
struct walk {
	FILE *out;
	const struct findings *findings;
	struct lexer lexer; /* behind the latest string */
	size_t entries;
	char path[ENTRY_PATH_MAX + 1];
};

void
tree_put(FILE *out, unsigned type, size_t line, const char *path,
    const char *text)
{
	size_t length = strlen(text);
	struct entry_head head = {
		.line = (uint32_t)line,
		.text_length = (uint32_t)length,
		.path_length = (uint16_t)strlen(path),
		.type = (uint16_t)type,
	};

	fwrite(&head, sizeof(head), 1, out);
	fwrite(path, 1, head.path_length + 1U, out);
	fwrite(text, 1, length + 1, out);
}

/* --------------------------------------------------------- line numbers */

/* The line where the next string of the text starts; strings that libconfig
 * joins are one. */
static unsigned
next_line(struct lexer *lexer)
{
	struct token token, other;
	struct lexer ahead;

	do
		lexer_next(lexer, &token);
	while (token.kind != LEX_STRING && token.length > 0);
	ahead = *lexer;
	lexer_next(&ahead, &other);
	while (other.kind == LEX_STRING) {
		*lexer = ahead;
		lexer_next(&ahead, &other);
	}
	return (unsigned)token.line;
}

/*
 * libconfig 1.5 looks at the token behind a string (it may be another, to be
 * joined) before it takes the line; only a setting with a name has its own.
 * Tree and text have their strings in the same order.
 */
static unsigned
line_of(struct walk *walk, const config_setting_t *setting)
{
	unsigned line = config_setting_source_line(setting);

	if (config_setting_type(setting) != CONFIG_TYPE_STRING)
		return line;
	if (config_setting_name(setting) == NULL)
		return next_line(&walk->lexer);
	next_line(&walk->lexer);
	return line;
}

/* --------------------------------------------------------------- values */

/* As few digits as stand for that number. */
static const char *
float_text(double number, char text[NUMBER_TEXT_MAX])
{
	int digits = 6;

	do
		snprintf(text, NUMBER_TEXT_MAX, "%.*g", digits, number);
	while (strtod(text, NULL) != number && digits++ < ENOUGH_DIGITS);
	return text;
}

/* The type of the entry, with its text in *text. */
static enum entry_type
value_of(const config_setting_t *setting, const char **text, char *room)
{
	*text = room;
	room[0] = '\0';
	switch (config_setting_type(setting)) {
	case CONFIG_TYPE_INT:
	case CONFIG_TYPE_INT64:
		snprintf(room, NUMBER_TEXT_MAX, "%lld",
		    config_setting_get_int64(setting));
		return ENTRY_INTEGER;
	case CONFIG_TYPE_FLOAT:
		float_text(config_setting_get_float(setting), room);
		return ENTRY_FLOAT;
	case CONFIG_TYPE_BOOL:
		*text = config_setting_get_bool(setting) ? "true" : "false";
		return ENTRY_BOOLEAN;
	case CONFIG_TYPE_STRING:
		*text = config_setting_get_string(setting);
		return ENTRY_STRING;
	case CONFIG_TYPE_GROUP:
		return ENTRY_GROUP;
	case CONFIG_TYPE_ARRAY:
		return ENTRY_ARRAY;
	default:
		return ENTRY_LIST;
	}
}

static void send_parts(
    struct walk *walk, const config_setting_t *setting, size_t used);

/* The path to the setting is in walk->path, used bytes of it. */
static void
send_setting(struct walk *walk, const config_setting_t *setting, size_t used)
{
	unsigned line = line_of(walk, setting);
	char room[NUMBER_TEXT_MAX];
	const char *text;
	enum entry_type type = value_of(setting, &text, room);

	/* What has parts keeps its type, for they follow: the finding is of a
	 * value with the same path (a duplicate key). */
	if (!config_setting_is_aggregate(setting) &&
	    findings_have(walk->findings, walk->path)) {
		type = ENTRY_WRONG;
		text = "";
	}
	if (++walk->entries < ENTRIES_MAX)
		tree_put(walk->out, type, line, walk->path, text);
	else if (walk->entries == ENTRIES_MAX)
		tree_put(walk->out, ENTRY_FINDING, line, walk->path,
		    "too many settings, expected 65000 in a file");
	if (config_setting_is_aggregate(setting))
		send_parts(walk, setting, used);
}

/* As deep as grammar_check() lets it be. */
static void
send_parts(struct walk *walk, const config_setting_t *setting, size_t used)
{
	int i, n = config_setting_length(setting);
	const config_setting_t *part;
	const char *name;
	size_t length;

	for (i = 0; i < n; i++) {
		part = config_setting_get_elem(setting, (unsigned)i);
		name = config_setting_name(part);
		length = name != NULL
		    ? path_add_name(walk->path, used, name, strlen(name))
		    : path_add_index(walk->path, used, (size_t)i);
		send_setting(walk, part, length);
	}
	walk->path[used] = '\0';
}

/* --------------------------------------------------------------- the whole */

/* An error of libconfig's that grammar_check() does not look for. */
static void
send_error(FILE *out, const config_t *tree)
{
	const char *why = config_error_text(tree);
	unsigned line = (unsigned)config_error_line(tree);

	if (why != NULL && strcmp(why, MIXED) == 0)
		tree_put(out, ENTRY_FINDING, line, "array [ ]",
		    "its elements are of different types, expected one type; "
		    "a list ( ) takes any");
	else
		tree_put(out, ENTRY_FINDING, line, "syntax",
		    "expected KEY = VALUE; with groups { } and lists ( )");
}

static void
send_findings(FILE *out, const struct findings *findings)
{
	const struct finding *finding = findings->list;

	for (; finding < findings->list + findings->n; finding++)
		tree_put(out, ENTRY_FINDING, finding->line, finding->path,
		    finding->text);
}

/* Sends what libconfig makes of a text whose structure is right. */
static void
send_tree(struct walk *walk, const char *text)
{
	config_t tree;

	config_init(&tree);
	if (config_read_string(&tree, text) != CONFIG_FALSE)
		send_parts(walk, config_root_setting(&tree), 0);
	else if (walk->findings->n == 0)
		send_error(walk->out, &tree);
	config_destroy(&tree);
}

int
tree_send(char *text, size_t length, FILE *out)
{
	static struct findings findings;
	struct walk walk = { .out = out, .findings = &findings,
		.lexer = { text, text + length, 1 } };
	bool whole;

	findings.n = 0;
	whole = grammar_check(text, length, &findings);
	send_findings(out, &findings);
	if (whole)
		send_tree(&walk, text);
	tree_put(out, ENTRY_END, 0, "", "");
	return fflush(out) == EOF || ferror(out) ? -1 : 0;
}
