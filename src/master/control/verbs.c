/* Understands control requests. */
#include "config.h"

#include "master/control/verbs.h"

#include <string.h>

#include "master/control/status.h"
#include "shared/control.h"
#include "shared/control_words.h"

static void
run_status(struct verb_result *result, const struct overview *overview,
    int64_t now)
{
	result->text = status_text(overview, result->json, now);
}

static void
run_reload(struct verb_result *result, const struct overview *overview,
    int64_t now)
{
	(void)overview;
	(void)now;
	result->reload = true;
}

static const struct verb {
	const char *name;
	void (*run)(struct verb_result *result,
	    const struct overview *overview, int64_t now);
} verbs[] = {
	{ "status", run_status },
	{ "reload", run_reload },
};

void
verbs_run(struct verb_result *result, char *line, size_t length,
    const struct overview *overview, int64_t now)
{
	char *words[CONTROL_WORDS_MAX];
	int n = control_words_split(line, length, words, CONTROL_WORDS_MAX);
	size_t i;

	*result = (struct verb_result) {
		.refusal = "control: unknown request, expected status or "
			   "reload",
		.json = n == 2 && strcmp(words[1], "json") == 0,
	};
	if (n != 1 && !result->json)
		return;
	for (i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++)
		if (strcmp(words[0], verbs[i].name) == 0) {
			result->refusal = NULL;
			verbs[i].run(result, overview, now);
			return;
		}
}
