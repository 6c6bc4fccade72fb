/* One client, from the first byte to the exit: everything that a client child
 * runs. */
#ifndef SPAWNER_IMAGE_SESSION_H
#define SPAWNER_IMAGE_SESSION_H

#include <stddef.h>

#include "spawner/image/image.h"

/*
 * In a child: serves the client on descriptor 0 and exits with an enum outcome
 * (or by the session timer's SIGALRM, RLIMIT_CPU's SIGKILL).  what is its struct
 * plan_session.  length bytes came with the order, in memory->order, the first
 * head of them the end of an answer's head; shared/plan.h.
 */
IMAGE_OWN _Noreturn void session_run(const struct image *image, const void *what,
    size_t length, size_t head);

#endif
