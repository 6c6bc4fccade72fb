/* The variables by which a program that is executed learns that it is to go on, and
 * with what: upgrade.h, resume.h. */
#ifndef MASTER_RESUME_ENV_H
#define MASTER_RESUME_ENV_H

#include <stdbool.h>
#include <stdint.h>

#define RESUME_STATE "FORKGREET_STATE"
#define RESUME_KEPT "FORKGREET_KEPT"
#define RESUME_TRIES "FORKGREET_TRIES"
#define RESUME_TRIAL "FORKGREET_TRIAL"

struct resume_env {
	int state; /* memfd of pack.h: what goes over */
	int kept; /* memfd of kept.h: a trial writes it, who comes then reads it */
	int64_t tries; /* how often it has begun, and could not */
	bool trial; /* it is only tried */
};

/* Sets them. */
void resume_env_set(const struct resume_env *env);

/* Removes them; errno stays. */
void resume_env_clear(void);

/* Stores what they say, and removes them.  False when there is no RESUME_STATE;
 * ends the process when they are wrong. */
bool resume_env_get(struct resume_env *env);

#endif
