/* Begins, configures and ends the service. */
#ifndef MASTER_CLIENTS_SERVE_H
#define MASTER_CLIENTS_SERVE_H

#include <stdbool.h>
#include <stdint.h>

struct conf;
struct generation;
struct service;
struct setup;

/*
 * Makes an empty service, closed, of setup and generation, which are the
 * caller's; events go to epoll.  Returns NULL, or what failed (static text) with
 * errno.
 */
const char *serve_init(struct service *service, int epoll,
    struct setup *setup, struct generation *generation);

/* Makes room for a candidate's listeners in the counters.  Returns 0, or -1 with
 * errno; nothing has changed for the running ones. */
int serve_prepare(struct service *service, const struct conf *conf);

/* service->setup has just been replaced: polls its listeners, and counts clients
 * who live by its limits. */
void serve_configure(struct service *service, int64_t now);

/* No client is accepted any more, and nobody listens. */
void serve_close(struct service *service);

/* Sends the signal to the children of all clients, now and as they come;
 * clients that have no child any more are closed. */
void serve_end(struct service *service, int signal, int64_t now);

/* Clients whose end is yet to come, refused ones included. */
bool serve_is_idle(const struct service *service);

/* Logs all counters: a line for each listener, and one for the daemon. */
void serve_log_counters(const struct service *service);

void serve_free(struct service *service);

#endif
