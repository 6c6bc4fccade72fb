/* Who gets one of the few places for connections to the control socket. */
#ifndef MASTER_CONTROL_DOOR_H
#define MASTER_CONTROL_DOOR_H

#include <stdint.h>

struct control;
struct control_peer;

/* A free place; else that of a peer that has been silent, or has taken nothing of
 * its answer for a while, a member's first; NULL when there is none. */
struct control_peer *door_place(struct control *control, int64_t now);

/* Accepts some of those who knock. */
void door_open(struct control *control, int64_t now);

/* clock_now() at which door_place() may find one, should there be none now. */
int64_t door_wakeup(const struct control *control);

#endif
