/* Attempts to get past the sandbox, before a generation serves. */
#include "config.h"

#include "spawner/image/trial.h"

#include <stdbool.h>

#include "spawner/image/call.h"
#include "spawner/image/image.h"
#include "spawner/image/prologue.h"
#include "shared/attempt.h"
#include "shared/plan.h"

const struct plan_session trial_session = {
	.cpu = { 10, 10 }, .timer = { 0, 0, 60, 0 } };

__attribute__((noinline)) void
prologue_call(const struct plan *plan, const struct plan_session *session)
{
	prologue(plan, session);
}

void
trial_attempt(
    const struct image *image, const void *what, size_t length, size_t head)
{
	const struct attempt *attempt = what;
	const long *argument = attempt->argument;
	bool reads = attempt == attempt_get(ATTEMPT_PAGE);
	long third = reads ? (long)image->page : argument[2];

	(void)length;
	(void)head;
	prologue_call(image->plan, &trial_session);
	if (call6(attempt->number, argument[0], argument[1], third,
		argument[3], argument[4], argument[5]) == -EFAULT && reads)
		call_exit(ATTEMPT_EXIT_FAULT);
	call_exit(ATTEMPT_EXIT_ALLOWED);
}
