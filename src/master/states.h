/* What the listeners are ready for: the operator's words, kept over a restart. */
#ifndef MASTER_STATES_H
#define MASTER_STATES_H

#include <stdint.h>

struct conf;
struct identity;
struct server;
struct state_order;
struct state_result;
struct states;

/* As root: makes the directory of conf's state_file if it is missing and may be
 * made, for the user that we become.  Ends the process when the system fails. */
void states_prepare(const struct conf *conf, const struct identity *identity);

/*
 * As the user that we run as: locks the state file of conf and takes what it
 * says.  Ends the process when another daemon has it, or when the system fails;
 * where it cannot be had, that is warned of.  A damaged one is set aside.
 */
void states_begin(struct states *states, const struct conf *conf);

/* Applies the words to the running configuration; after each commit. */
void states_apply(struct server *server);

/* Tells the service manager that we serve, and in which states. */
void states_tell(const struct server *server);

/* Takes an operator's word: struct control_actions. */
void states_order(void *server, const struct state_order *order,
    struct state_result *result);

/* Forgets words whose time is over. */
void states_step(struct server *server, int64_t now);

/* clock_now() at which states_step() has something to do, or CLOCK_NEVER. */
int64_t states_wakeup(const struct server *server);

#endif
