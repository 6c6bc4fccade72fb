/* What the listeners are ready for: the operator's words, kept over a restart. */
#ifndef MASTER_STATES_H
#define MASTER_STATES_H

#include <stdint.h>

#include "master/clients/service.h"
#include "master/state_words.h"

struct conf;
struct identity;
struct server;
struct state_order;
struct state_result;

/* What was in effect last, to see what has changed. */
struct state_effect {
	char listener[CONF_NAME_MAX + 1];
	struct listener_state state;
};

struct states {
	struct state_words words; /* the latest of each listener, and of all */
	const char *path; /* of the state file; "": there is none */
	struct state_effect effects[CONF_LISTENERS_MAX];
	struct state_effect fresh[CONF_LISTENERS_MAX];
	uint32_t n_effects;
	int64_t look_at; /* clock_now() of the next look at words that end */
};

/* As root: makes the directory of conf's state_file if it is missing, for the
 * user that we become.  What cannot be made is missed later. */
void states_prepare(const struct conf *conf, const struct identity *identity);

/*
 * As the user that we run as: locks the state file of conf and takes what it
 * says.  Ends the process when another daemon has it, or when it cannot be
 * locked; a damaged one is set aside with a warning.
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
