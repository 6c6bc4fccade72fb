/* A service at work, for tests: real listeners, clients and children on this
 * machine, a spawner that the test plays, and a clock that it sets. */
#ifndef TEST_SERVICE_H
#define TEST_SERVICE_H

#include <sys/types.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "master/clients/declare.h"
#include "master/clients/reap.h"
#include "master/clients/serve.h"
#include "master/clients/service.h"
#include "master/generations/generation.h"
#include "master/generations/spawners.h"
#include "master/system/events.h"
#include "unit/confs.h"
#include "unit/logged.h"

#define SERVICE_GREETING "hi client\n"
#define SERVICE_GENERATION 7 /* of the spawner */

/* Fails the test when the condition has not come true for a long time: what the
 * kernel does for another end of a connection takes a while. */
#define AWAIT(condition)                                                      \
	do {                                                                  \
		unsigned tries_ = 0;                                          \
		while (!(condition))                                          \
			if (service_waited(&tries_))                          \
				fail_msg("in vain: %s", #condition);          \
	} while (0)

bool service_waited(unsigned *tries);

extern struct service service;
extern struct setup setup; /* the running one */
extern int64_t now; /* the clock */

/* The spawner; tests say how it behaves.  The Makefile's $(service_wraps) put it
 * in the place of generations/spawners.c. */
extern struct spawner_fake {
	bool is_full; /* can take no client now */
	int error; /* handing over fails with that errno; 0: it works */
	uint32_t slots[512]; /* whom it was given, in that order */
	size_t n;
	size_t crashes; /* generation_crashed() */
	uint64_t crashed; /* with that generation */
} spawner;

/*
 * Begins to serve, at a clock of 1000 seconds.  top has keys of the top level, a
 * those of listener "a", b those of a second one (NULL: there is none).  Their
 * index is 0 and 1; their addresses are this process' own.
 */
void service_begin(const char *top, const char *a, const char *b);

/* The text of such a configuration, in a static buffer. */
const char *service_conf(const char *top, const char *a, const char *b);

/* The same with the configuration that the text has now, as a reload does. */
void service_change(const char *top, const char *a, const char *b);

/* Ends it, with all clients and children; cmocka's tear-down. */
int service_teardown(void **state);

/* Hands the events that there are to whom they are for. */
void service_events(void);

/* Waits for the event of that client's slot, or of a lingering one. */
void service_await(enum event_kind kind);

/* Events, accept_step(), hand_over_step(), reap_step(), accept_resume(). */
void service_turn(void);

const struct counters_row *service_row(size_t listener);

/* A connection to the listener, which has it in its queue then.  from is the
 * client's address, NULL: any. */
int client_connect(size_t listener, const char *from);

/* The same with a receive buffer of so many bytes, 0: the kernel's choice. */
int client_connect_slow(size_t listener, const char *from, int receive_bytes);

/* One that has been accepted and has a child: its slot. */
uint32_t client_serve(size_t listener, const char *from, int *fd);

/* Reads to the end of stream; the text, in a static buffer. */
const char *client_read(int fd);

/* Closes fd so that the other end gets a reset. */
void client_reset(int fd);

/* The spawner has cloned a child for the slot, or could not. */
void spawner_clone(uint32_t slot);
void spawner_fail(uint32_t slot, int error);

/* The child of the slot sends what its session has, and its end of stream. */
void child_greet(uint32_t slot);

/* It ends, and has ended on return: with that exit status, or by that
 * signal. */
void child_exit(uint32_t slot, int status);
void child_kill(uint32_t slot, int signal);

/* From now on SIGTERM does nothing to it. */
void child_deafen(uint32_t slot);

/* True when it has ended by that signal, and not been reaped. */
bool child_has_died(uint32_t slot, int signal);

#endif
