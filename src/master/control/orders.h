/* What the operator orders, and who carries it out. */
#ifndef MASTER_CONTROL_ORDERS_H
#define MASTER_CONTROL_ORDERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "shared/control.h"
#include "shared/state.h"

/* "drain" and so on; the texts are the request's. */
struct state_order {
	enum state state;
	int64_t until; /* seconds since 1970; 0: for ever */
	char reason[STATE_REASON_MAX + 1]; /* printable; "": none */
	const char *listeners[CONTROL_WORDS_MAX];
	size_t n_listeners; /* 0: all */
};

struct state_result {
	bool ok;
	char *text; /* why not, to be freed; NULL: none, or memory ran out */
};

/* Carried out by the owner of the control socket. */
struct control_actions {
	void *context;
	void (*set_state)(void *context, const struct state_order *order,
	    struct state_result *result);
};

#endif
