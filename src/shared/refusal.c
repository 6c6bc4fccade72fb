/* Names of the reasons why a client got no child. */
#include "config.h"

#include "shared/refusal.h"

static const char *const names[REFUSAL_COUNT] = {
	[REFUSAL_BUSY] = "busy",
	[REFUSAL_RATE] = "rate",
	[REFUSAL_BUSY_PER_SOURCE] = "busy_per_source",
	[REFUSAL_RATE_PER_SOURCE] = "rate_per_source",
	[REFUSAL_DENIED] = "denied",
	[REFUSAL_NO_RESOURCES] = "no_resources",
};

const char *
refusal_name(enum refusal refusal)
{
	return names[refusal];
}
