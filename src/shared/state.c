/* Names of the states, and which of them an operator may choose. */
#include "config.h"

#include "shared/state.h"

#include <string.h>

static const struct {
	const char *name;
	bool is_operators;
} states[STATE_COUNT] = {
	[STATE_READY] = { "ready", true },
	[STATE_DRAIN] = { "drain", true },
	[STATE_DOWN] = { "down", false },
	[STATE_MAINTENANCE] = { "maintenance", true },
};

const char *
state_name(enum state state)
{
	return states[state].name;
}

bool
state_parse(const char *word, enum state *state)
{
	for (int i = 0; i < STATE_COUNT; i++) {
		if (!states[i].is_operators ||
		    strcmp(word, states[i].name) != 0)
			continue;
		*state = (enum state)i;
		return true;
	}
	return false;
}
