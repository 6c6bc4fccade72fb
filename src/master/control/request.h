/* A request over the control socket, from its first byte to its answer. */
#ifndef MASTER_CONTROL_REQUEST_H
#define MASTER_CONTROL_REQUEST_H

#include <stdint.h>

struct control;
struct control_peer;

/* Reads what there is of the peer's request. */
void request_read(
    struct control *control, struct control_peer *peer, int64_t now);

/* Carries out its request, which is whole. */
void request_run(
    struct control *control, struct control_peer *peer, int64_t now);

/* Tells the peer, and the log, that it may not use the verb; NULL: any. */
void request_deny(struct control *control, struct control_peer *peer,
    const char *verb, int64_t now);

#endif
