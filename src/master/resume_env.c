/* The variables by which a program learns that it is to go on. */
#include "config.h"

#include "master/resume_env.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "master/system/log.h"
#include "shared/number.h"

static void
set(const char *name, int64_t number)
{
	char text[24];

	snprintf(text, sizeof(text), "%" PRId64, number);
	setenv(name, text, 1);
}

void
resume_env_set(const struct resume_env *env)
{
	set(RESUME_STATE, env->state);
	set(RESUME_KEPT, env->kept);
	set(RESUME_TRIES, env->tries);
	if (env->trial)
		set(RESUME_TRIAL, 1);
}

void
resume_env_clear(void)
{
	int saved = errno;

	unsetenv(RESUME_STATE);
	unsetenv(RESUME_KEPT);
	unsetenv(RESUME_TRIES);
	unsetenv(RESUME_TRIAL);
	errno = saved;
}

static int64_t
get(const char *name, int64_t least)
{
	const char *text = getenv(name);
	int64_t number;

	if (text == NULL || number_parse(text, least, INT32_MAX, &number) == -1)
		fatal(EXIT_USAGE, "%s: \"%.20s\": expected a number", name,
		    text == NULL ? "" : text);
	return number;
}

bool
resume_env_get(struct resume_env *env)
{
	if (getenv(RESUME_STATE) == NULL)
		return false;
	*env = (struct resume_env) {
		.state = (int)get(RESUME_STATE, STDERR_FILENO + 1),
		.kept = (int)get(RESUME_KEPT, STDERR_FILENO + 1),
		.tries = get(RESUME_TRIES, 0),
		.trial = getenv(RESUME_TRIAL) != NULL,
	};
	resume_env_clear();
	return true;
}
