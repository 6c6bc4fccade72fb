/* The daemon's end of the control socket: answers one request of forkgreetctl
 * for each connection.  The protocol is in shared/control.h. */
#ifndef MASTER_CONTROL_CONTROL_H
#define MASTER_CONTROL_CONTROL_H

#include <stdint.h>

#include "master/control/places.h"
#include "shared/control.h"

struct control_actions;
struct control_group;
struct overview;
struct report;

/* Makes the loop know the socket fd, -1: there is none.  group, overview and
 * actions stay the caller's.  Returns what epoll_ctl(2) returns. */
int control_init(struct control *control, int epoll, int fd,
    const struct control_group *group, const struct overview *overview,
    const struct control_actions *actions);

/* Listens at fd instead, a new socket in the place of one that is closed. */
void control_relisten(struct control *control, int fd);

/* The peer with that index is readable, writable, or gone. */
void control_peer_event(
    struct control *control, uint32_t index, uint32_t events, int64_t now);

/* Accepts new connections and ends those that take too long.  Afterwards a
 * reload may be wanted, so call it before looking at that. */
void control_step(struct control *control, int64_t now);

/* Polls for more when there is room; call it after everything else that may
 * make room. */
void control_resume(struct control *control, int64_t now);

/* clock_now() at which control_step() has something to do, or CLOCK_NEVER. */
int64_t control_wakeup(const struct control *control);

/* A reload begins: all peers that have asked until now wait for its end. */
void control_reload_begun(struct control *control);

/* The reload has ended with that status and report: answers the peers that wait
 * for it. */
void control_reloaded(struct control *control, enum control_status status,
    const struct report *report, int64_t now);

/* The reload that has begun or is wanted will not happen: answers all peers
 * that wait for one. */
void control_cancelled(struct control *control, const char *why, int64_t now);

/* The same for an upgrade; was is the version before, for a report of success. */
void control_upgrade_begun(struct control *control);
void control_upgraded(struct control *control, enum control_status status,
    const struct report *report, const char *was, int64_t now);

/* From now on reloads and upgrades are refused with the reason why (static text);
 * peers that wait for one are answered. */
void control_stop(struct control *control, const char *why, int64_t now);

/* Ends all connections. */
void control_close(struct control *control);

#endif
