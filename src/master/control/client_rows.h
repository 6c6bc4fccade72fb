/* The table of clients as text, a piece at a time. */
#ifndef MASTER_CONTROL_CLIENT_ROWS_H
#define MASTER_CONTROL_CLIENT_ROWS_H

#include <stdbool.h>
#include <stdint.h>

#include "master/clients/counters.h"
#include "master/config/conf.h"

struct overview;

/* Rows of the table that are looked at for a piece, one a turn of the loop.  With
 * each wanted that took 0.04 to 0.1 ms (AMD EPYC, -O2), and 15,000 clients are 59
 * pieces. */
#define CLIENT_ROWS_PIECE 256

/* For people, for programs, and for forkgreetctl's "top". */
enum client_rows_form { CLIENT_ROWS_LINES, CLIENT_ROWS_JSON, CLIENT_ROWS_TOP };

/*
 * Which rows are wanted, and how far it is.  Start with client_rows_begin().
 * Each client that was there then and is still there when its row is reached
 * is in exactly one piece, as it is at that moment.
 */
struct client_rows {
	enum client_rows_form form;
	bool from_net; /* only clients from net */
	struct conf_net net;
	char listener[COUNTERS_NAME_MAX + 1]; /* only its clients; "": all */
	uint64_t last_id; /* what came later is left out */
	uint32_t next; /* slot */
	bool begun; /* something has been made */
	bool separate; /* JSON: there is a row before */
	bool done; /* the last piece has been made */
};

/* All rows, in that form; the caller may set from_net, net and listener. */
void client_rows_begin(struct client_rows *rows, enum client_rows_form form,
    const struct overview *overview);

/* The next piece, "" when none of its rows was wanted: a text that the caller
 * frees, or NULL when memory ran out. */
char *client_rows_more(struct client_rows *rows,
    const struct overview *overview, int64_t now);

#endif
