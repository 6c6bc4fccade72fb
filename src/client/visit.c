/* What one connection of a crowd receives, and what that was. */
#include "config.h"

#include "client/visit.h"

#include <string.h>
#include <time.h>

uint64_t
visit_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

/* True when no fixed text is expected. */
static bool
is_open(const struct crowd_order *order)
{
	return order->is_right != NULL ||
	    (order->texts[CROWD_GREETING] == NULL &&
		order->texts[CROWD_REFUSAL] == NULL);
}

void
visit_begin(const struct crowd_order *order, struct visit *visit)
{
	int i;

	visit->got = 0;
	for (i = 0; i < CROWD_TEXTS; i++) {
		visit->wrong[i] = order->texts[i] == NULL;
		visit->sizes[i] =
		    visit->wrong[i] ? 0 : strlen(order->texts[i]);
	}
}

static enum crowd_end
end_of_kept(const struct crowd_order *order, const struct visit *visit)
{
	size_t length = visit->got;

	if (length == 0)
		return CROWD_SHORT;
	if (length > sizeof(visit->kept))
		length = sizeof(visit->kept);
	if (order->is_right != NULL &&
	    !order->is_right(order->how, visit->kept, length))
		return CROWD_WRONG;
	return CROWD_GREETED;
}

enum crowd_end
visit_end(const struct crowd_order *order, const struct visit *visit)
{
	bool wrong = true;
	int i;

	if (is_open(order))
		return end_of_kept(order, visit);
	for (i = 0; i < CROWD_TEXTS; i++) {
		if (!visit->wrong[i] && visit->got == visit->sizes[i])
			return (enum crowd_end)i;
		wrong = wrong && visit->wrong[i];
	}
	return wrong ? CROWD_WRONG : CROWD_SHORT;
}

static void
note_first_byte(struct crowd_result *result, const struct visit *visit)
{
	histogram_add(
	    &result->first_byte, (visit_now() - visit->started) / 1000);
}

static void
keep(struct crowd_result *result, struct visit *visit, const char *bytes,
    size_t n)
{
	if (visit->got == 0)
		note_first_byte(result, visit);
	if (n > sizeof(visit->kept) - visit->got)
		n = sizeof(visit->kept) - visit->got;
	memcpy(visit->kept + visit->got, bytes, n);
}

static void
compare(const struct crowd_order *order, struct crowd_result *result,
    struct visit *visit, const char *bytes, size_t n)
{
	size_t got = visit->got;
	int i;

	for (i = 0; i < CROWD_TEXTS; i++)
		if (!visit->wrong[i])
			visit->wrong[i] = n > visit->sizes[i] - got ||
			    memcmp(order->texts[i] + got, bytes, n) != 0;
	if (got == 0 && !visit->wrong[CROWD_GREETING])
		note_first_byte(result, visit);
}

void
visit_take(const struct crowd_order *order, struct crowd_result *result,
    struct visit *visit, const char *bytes, size_t n)
{
	if (!is_open(order))
		compare(order, result, visit, bytes, n);
	else if (visit->got < sizeof(visit->kept))
		keep(result, visit, bytes, n);
	visit->got += n;
}
