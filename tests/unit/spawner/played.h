/* A kernel that a test plays for the lockdown of a spawner; one of its calls
 * can be tricked (unit/tricked.h). */
#ifndef TESTS_UNIT_SPAWNER_PLAYED_H
#define TESTS_UNIT_SPAWNER_PLAYED_H

#include <sys/resource.h>

#include <stdbool.h>
#include <stddef.h>

#include "shared/landlock.h"
#include "unit/tricked.h"

struct kernel {
	int abi; /* of Landlock */
	struct rlimit limit[RLIM_NLIMITS];
	int dumpable, no_new_privileges, death_signal;
	long seconds; /* of the timer */
	bool restricted;
	int open; /* descriptors that nobody has closed */
	struct landlock_rules rules;
	size_t rules_size;
};
extern struct kernel kernel;

#endif
