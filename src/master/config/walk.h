/* Walks through the groups of a file, key by key: the top, listeners, rules. */
#ifndef MASTER_WALK_H
#define MASTER_WALK_H

#include <stdbool.h>

#include "master/config/value.h"

#define WALK_PREFIX_MAX 40 /* "listeners[255].rules[63]." */

/* Where the walk is. */
struct place {
	enum schema_scope scope;
	void *base; /* as scope says */
	const char *prefix; /* "", "listeners[0].", "listeners[0].rules[0]." */
	const char *group; /* "", "limits."; in the scope of rules "rules." */
	bool *seen; /* row i of the schema stood there */
};

/*
 * Stores what the group says, and the groups in it, where the place's base is;
 * a listener's rules too, but not listeners.  Reports each key that is unknown
 * there, or a duplicate, and each value that is not valid.
 */
void walk_group(const struct draft *draft, const struct place *place,
    const struct entry *group);

#endif
