/* Greeting files that are followed: what they hold now. */
#ifndef MASTER_FOLLOW_H
#define MASTER_FOLLOW_H

#include <stdbool.h>
#include <stdint.h>

struct greeting;
struct server;

/* Follows the files of the running configuration, from the versions on that it
 * was loaded with. */
void follow_begin(struct server *server, int64_t now);

/*
 * Looks at the next file that is due, or reads a piece of one that has changed.
 * A new text is then ready in server->refresh.  Returns true when none is left.
 */
bool follow_step(struct server *server, int64_t now);

/* Are there texts to be put in force? */
bool follow_has_news(const struct server *server);

/* Moves those to the list of all greetings, whose other members are not ours to
 * free. */
void follow_give(struct server *server, struct greeting *greetings);

/* Frees those in the list, as far as they are still there; in force: or else
 * they are read again. */
void follow_take_back(
    struct server *server, struct greeting *greetings, bool in_force);

/* clock_now() of the next look, or CLOCK_NEVER. */
int64_t follow_wakeup(const struct server *server);

/* Frees what follow_step() has read. */
void follow_end(struct server *server);

#endif
