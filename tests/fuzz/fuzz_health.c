/* Health files: whatever they hold becomes a state that can be shown. */
#include "config.h"

#include <string.h>

#include "fuzz.h"
#include "shared/escape.h"
#include "shared/health.h"

#define TEXT_MAX 512

static void
check_printable(const char *text)
{
	size_t left = strlen(text), n;

	for (; left > 0; text += n, left -= n) {
		n = escape_shown(text, left);
		MUST(n > 0);
	}
}

static void
check_equal(const struct health *a, const struct health *b)
{
	MUST(a->state == b->state);
	MUST(a->weight == b->weight);
	MUST(strcmp(a->reason, b->reason) == 0);
}

/* What was understood, written and read again, is the same. */
static void
check_again(const struct health *health)
{
	static const char *const words[STATE_COUNT] = { "up", "drain", "down",
		"maint" };
	char text[HEALTH_REASON_MAX + 32], weight[8] = "";
	struct health again;

	if (health->weight != HEALTH_NO_WEIGHT)
		snprintf(weight, sizeof(weight), "%d%%", health->weight);
	snprintf(text, sizeof(text), "%s %s #%s\n", words[health->state],
	    weight, health->reason);
	MUST(health_parse(text, strlen(text), &again) == HEALTH_GOOD);
	check_equal(health, &again);
}

/* With its newline a line has what it had without, and is finished. */
static void
check_finished(const char *text, size_t length, const struct health *health)
{
	char longer[TEXT_MAX + 1];
	struct health again;

	memcpy(longer, text, length);
	longer[length] = '\n';
	MUST(health_parse(longer, length + 1, &again) != HEALTH_UNFINISHED);
	check_equal(health, &again);
}

static void
try_text(const char *text, size_t length)
{
	struct health health;
	enum health_parse result = health_parse(text, length, &health);
	const char *newline = memchr(text, '\n', length);

	MUST(health.state < STATE_COUNT);
	MUST(health.weight >= HEALTH_NO_WEIGHT && health.weight <= 100);
	check_printable(health.reason);
	check_again(&health);
	MUST((result == HEALTH_UNFINISHED) == (newline == NULL));
	if (result == HEALTH_BAD)
		MUST(health.state == STATE_DOWN && *health.reason != '\0');
	if (newline == NULL && length > 0)
		check_finished(text, length, &health);
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
	char *text;

	if (length > TEXT_MAX)
		return 0;
	text = malloc(length + (length == 0)); /* its length, for a sanitizer */
	MUST(text != NULL);
	if (length > 0)
		memcpy(text, bytes, length);
	try_text(text, length);
	free(text);
	return 0;
}
