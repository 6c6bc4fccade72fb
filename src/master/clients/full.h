/* Logging that the daemon or a listener is full, and that this is over. */
#ifndef MASTER_CLIENTS_FULL_H
#define MASTER_CLIENTS_FULL_H

#include <stdint.h>

struct conf_limits;
struct listener;
struct service;

/* The limits, the daemon's or that listener's, are reached: logs that once. */
void full_note(struct service *service, const struct listener *listener,
    const struct conf_limits *limits);

/* As many clients as may wait for their PROXY headers: the same. */
void full_note_undeclared(
    struct service *service, const struct listener *listener);

/* clock_now() at which full_step() has something to do, or CLOCK_NEVER. */
int64_t full_wakeup(const struct service *service);

/* Logs that it is over, once it has been for some time; sets over_at. */
void full_step(struct service *service, int64_t now);

#endif
