/* One connection to the control socket: its answer, and its end. */
#ifndef MASTER_CONTROL_PEER_H
#define MASTER_CONTROL_PEER_H

#include <stdint.h>

#include "master/control/places.h"

/* Closes the connection; its place is free again. */
void peer_end(struct control *control, struct control_peer *peer);

/* Polls it for these events of epoll_ctl(2); 0: for its end. */
void peer_watch(struct control *control, const struct control_peer *peer,
    uint32_t events);

/* Answers with these texts, which stay the caller's.  NULL means that memory ran
 * out; then there is no answer. */
void peer_answer(struct control *control, struct control_peer *peer,
    enum control_status status, const char *out, const char *err, int64_t now);

/* Answers with the reason why not; NULL: memory ran out. */
void peer_refuse(struct control *control, struct control_peer *peer,
    enum control_status status, const char *why, int64_t now);

/* Answers with these rows, in pieces: one each time that peer_go_on() is
 * called, so that however many there are the loop does not wait. */
void peer_list(struct control *control, struct control_peer *peer,
    const struct client_rows *rows, int64_t now);

/* It can take more of its answer: sends it, or notes that the next piece may be
 * made. */
void peer_is_writable(
    struct control *control, struct control_peer *peer, int64_t now);

/* Makes the next piece. */
void peer_go_on(
    struct control *control, struct control_peer *peer, int64_t now);

#endif
