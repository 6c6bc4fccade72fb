/* A server that serves a small configuration, for tests: without a loop, a
 * control socket or spawners.  Whether a trial passes is the test's to say; link
 * with $(server_wraps). */
#ifndef TEST_SERVER_H
#define TEST_SERVER_H

#include <stdbool.h>
#include <stddef.h>

#include "master/server.h"
#include "shared/control.h"
#include "unit/service.h"

extern struct server server;

/* What became of generations. */
extern struct trials {
	bool fails; /* the next one cannot begin */
	size_t tried, committed, abandoned;
} trials;

/* How the last reload was answered on the control socket. */
extern struct answers {
	size_t n;
	enum control_status status;
	char line[512]; /* the first of the report, "" when there is none */
} answers;

/* Serves listener "a" with these keys at a clock of 1000 seconds. */
void server_begin(const char *a);

/* cmocka's tear-down. */
int server_teardown(void **state);

/* Another generation is on trial, or none is. */
void server_occupy(bool occupied);

/* The file has this text from now on. */
void server_write(const char *text);

/* The reader of the next reload does not end by itself: tests/hostile/reader. */
void server_reader_hangs(void);

/* Steps until what is wanted is on trial, has failed, or waits for its trial. */
void server_reload(void);

#endif
