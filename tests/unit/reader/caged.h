/* A kernel and a libseccomp that a test plays for the reader's cage; one of their
 * calls can be tricked (unit/tricked.h). */
#ifndef TEST_CAGED_H
#define TEST_CAGED_H

#include <sys/resource.h>
#include <sys/time.h>
#include <sys/types.h>

#include <stdbool.h>

#include "unit/tricked.h"

#define MASTER 7 /* the parent */

struct kernel {
	uid_t uid[3]; /* real, effective, saved */
	gid_t gid[3];
	int groups;
	bool one_user, capable, loaded;
	struct rlimit limit[RLIM_NLIMITS];
	struct itimerval timer;
	int death_signal, dumpable, no_new_privileges;
	unsigned rules, contexts; /* contexts: not released */
};
extern struct kernel kernel;

#endif
