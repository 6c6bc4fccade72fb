/* One call of those that a test plays is tricked. */
#include "config.h"

#include "unit/tricked.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>

static struct trick trick;

void
trick_set(const struct trick *wanted)
{
	trick = wanted == NULL ? (struct trick){ 0 } : *wanted;
}

bool
trick_is_done(void)
{
	return trick.call == NULL;
}

int
tricked(const char *call, long argument)
{
	if (trick.call == NULL || strcmp(call, trick.call) != 0 ||
	    (trick.argument != ANY && trick.argument != argument))
		return WORKS;
	if (trick.after > 0) {
		trick.after--;
		return WORKS;
	}
	trick.call = NULL;
	if (trick.result > 0)
		errno = trick.result;
	return trick.result;
}

bool
trick_leaves(const char *call, long argument, int *result)
{
	int how = tricked(call, argument);

	*result = how > 0 ? -1 : 0;
	return how == WORKS;
}
