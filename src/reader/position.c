/* Where strings in lists are. */
#include "config.h"

#include "reader/position.h"

#include "reader/lexer.h"

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

/* Tree and text have their strings in the same order.  The depth is bounded by
 * libconfig's own parser (YYMAXDEPTH, 10000). */
static void
correct(config_setting_t *setting, struct lexer *lexer)
{
	int i, n = config_setting_length(setting);
	unsigned line;

	if (config_setting_type(setting) == CONFIG_TYPE_STRING) {
		line = next_line(lexer);
		if (config_setting_name(setting) == NULL)
			setting->line = line;
	}
	for (i = 0; i < n; i++)
		correct(config_setting_get_elem(setting, (unsigned)i), lexer);
}

void
lines_correct(config_t *tree, const char *text, size_t length)
{
	struct lexer lexer = { text, text + length, 1 };

	correct(config_root_setting(tree), &lexer);
}
