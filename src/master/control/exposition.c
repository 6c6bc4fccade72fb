/* Lines of Prometheus' text format. */
#include "config.h"

#include "master/control/exposition.h"

#include <inttypes.h>
#include <string.h>

#define US_PER_S 1000000

/* In a help text a quote stands for itself, in the value of a label it ends
 * it. */
static void
put_text(FILE *out, const char *text, const char *special)
{
	size_t n;

	for (;; text++) {
		n = strcspn(text, special);
		fwrite(text, 1, n, out);
		text += n;
		if (*text == '\0')
			return;
		fputc('\\', out);
		fputc(*text == '\n' ? 'n' : *text, out);
	}
}

void
exposition_head(
    FILE *out, const char *name, const char *type, const char *help)
{
	fprintf(out, "# HELP %s ", name);
	put_text(out, help, "\\\n");
	fprintf(out, "\n# TYPE %s %s\n", name, type);
}

static void
put_label(FILE *out, const char *between, struct exposition_label label)
{
	fputs(between, out);
	fputs(label.name, out);
	fputs("=\"", out);
	put_text(out, label.value, "\\\"\n");
	fputc('"', out);
}

void
exposition_put(FILE *out, const char *name, struct exposition_label first,
    struct exposition_label second, enum exposition_unit unit, int64_t value)
{
	fputs(name, out);
	if (first.name != NULL)
		put_label(out, "{", first);
	if (second.name != NULL)
		put_label(out, ",", second);
	if (first.name != NULL)
		fputc('}', out);
	if (unit == EXPOSITION_US)
		fprintf(out, " %" PRId64 ".%06" PRId64 "\n", value / US_PER_S,
		    value % US_PER_S);
	else
		fprintf(out, " %" PRId64 "\n", value);
}
