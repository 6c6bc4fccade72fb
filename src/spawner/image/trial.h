/* Attempts to get past the sandbox, before a generation serves. */
#ifndef SPAWNER_IMAGE_TRIAL_H
#define SPAWNER_IMAGE_TRIAL_H

#include <stddef.h>

#include "spawner/image/image.h"

/* Enough time on any machine: the children of a trial exit at once. */
extern const struct plan_session trial_session;

/* In a child, with the filter loaded: makes the attempt (shared/attempt.h) that
 * what is, and exits unless that killed it.  Nothing came with the order. */
IMAGE_OWN _Noreturn void trial_attempt(const struct image *image, const void *what,
    size_t length, size_t head);

#endif
