/* One client, from the first byte to the exit: everything that a client child
 * runs. */
#ifndef SPAWNER_IMAGE_SESSION_H
#define SPAWNER_IMAGE_SESSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "spawner/image/image.h"
#include "spawner/image/stream.h"
#include "shared/plan.h"

/*
 * In a child: serves the client on descriptor 0 and exits with an enum outcome
 * (or by the session timer's SIGALRM, RLIMIT_CPU's SIGKILL).  what is its struct
 * plan_session.  length bytes came with the order, in memory->order, the first
 * head of them the end of an answer's head; shared/plan.h.
 */
IMAGE_OWN _Noreturn void session_run(const struct image *image, const void *what,
    size_t length, size_t head);

/* The same for a client behind a proxy, with the master on descriptor 1; nothing
 * came with the order. */
IMAGE_OWN _Noreturn void session_proxied(const struct image *image,
    const void *what, size_t length, size_t head);

/* The rest of session_run(), after the prologue: so many bytes are in
 * memory->order. */
IMAGE_OWN _Noreturn void session_speak(const struct image *image,
    const struct plan_session *session, size_t length, size_t head);

/* Do so many bytes, head of them of an answer's head, belong to such a session?
 * They are what came with an order, or with the master's word to go on. */
static inline bool
session_takes(
    const struct plan_session *session, size_t length, uint32_t head)
{
	if (session->format == PLAN_HTTP ? head < PLAN_DATE_LENGTH : head != 0)
		return false;
	return head <= length && head <= PLAN_HEAD_MAX &&
	    (head == length || session->rendered);
}

#endif
