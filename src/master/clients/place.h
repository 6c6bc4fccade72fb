/* The place that a client holds among those of its source. */
#ifndef MASTER_CLIENTS_PLACE_H
#define MASTER_CLIENTS_PLACE_H

struct client;
struct service;

/* The client ends, or costs no process any more: it counts no more for its
 * source.  A second time it does nothing. */
void place_release(struct service *service, struct client *client);

#endif
