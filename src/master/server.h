/* The daemon at work: its parts, and the loop that drives them. */
#ifndef MASTER_SERVER_H
#define MASTER_SERVER_H

#include <stdbool.h>
#include <stdint.h>

#include "master/clients/service.h"
#include "master/control/control.h"
#include "master/control/status.h"
#include "master/generations/generation.h"
#include "master/generations/setup.h"
#include "master/generations/spawners.h"
#include "master/reload.h"
#include "master/stop.h"

struct candidate;

struct server {
	/* Set before server_run(). */
	const char *path; /* of the configuration */
	bool as_root; /* started by root: chooses defaults at reload */
	bool foreground;
	int reader; /* of the reader, executable_open() */
	int executable; /* of the spawner, executable_open() */
	int control_socket; /* control_file_make() */

	int epoll;
	int signals; /* signalfd */
	bool ready; /* listening; the first generation has been committed */
	struct candidate *first; /* until then: the candidate on trial */
	struct setup running;
	struct spawners spawners;
	struct generation generation;
	struct service service;
	struct control control;
	struct overview overview; /* what control shows */
	struct reload reload;
	struct stop stop;
};

/* From here on signals wait for server_run(); to be called before anybody can
 * know our pid. */
void server_block_signals(void);

/*
 * Serves until told to stop.  candidate is the configuration to begin with: its
 * sockets are bound, privileges are dropped.  Ends the process when the first
 * generation cannot be had.  Returns when all clients have ended or been ended.
 */
void server_run(struct server *server, struct candidate *candidate);

/* Sends the log to where conf says; in the foreground standard error is the
 * default. */
void server_log_open(const struct conf *conf, bool foreground);

/* The same, as the running setup says. */
void server_log_configure(const struct server *server);

#endif
