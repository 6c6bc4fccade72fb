/* Many connections to one greeting server, a fixed number at a time. */
#ifndef CLIENT_CROWD_H
#define CLIENT_CROWD_H

#include "client/crowd_order.h"

/*
 * Makes the connections, each: connect, send the request if there is one, read
 * until the end of stream, close.
 * The server closes first, so that TIME_WAIT is on its side and the local
 * ports stay free; connections are spread over the source addresses
 * 127.0.0.<first> ... all the same (at a time, at most at/sources rounded up
 * come from one), which needs a server on 127.0.0.0/8.
 * With a rate, a connection that would be one too many at a time comes later;
 * all that are late by then come at once.
 * A connection that cannot be made is counted and tried again 100 ms later.
 * Returns when all have ended: after run_ns and wait_ns at most, when run_ns
 * is set.  result is all zero before.  Returns 0, or -1 with errno when memory
 * or epoll cannot be had.
 */
int crowd_run(const struct crowd_order *order, struct crowd_result *result);

/* Raises the soft limit of descriptors, often 1024, to what that many at a time
 * need.  Returns 0, or -1 with errno: EPERM above the hard limit, for one. */
int crowd_raise_files(unsigned at);

#endif
