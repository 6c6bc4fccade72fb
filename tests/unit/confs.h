/* Configurations for tests: written to a file, loaded, dumped. */
#ifndef TEST_CONFS_H
#define TEST_CONFS_H

#include <stdbool.h>
#include <stddef.h>

#include "master/config/conf.h"
#include "master/system/report.h"
#include "master/config/schema.h"

/* Makes a directory of this process' own; cmocka's group set-up. */
int confs_setup(void **state);
/* Removes it with all that is in it. */
int confs_teardown(void **state);

/* "DIRECTORY/NAME", in one of some static buffers. */
const char *confs_path(const char *name);

/* Writes the file of that name, mode 0600; returns its path. */
const char *confs_write(const char *name, const char *text, size_t length);

/* Opens a program of the build tree ("forkgreet-reader"), and the reader, once
 * for all. */
int confs_program(const char *name);
int confs_reader(void);

/*
 * Writes text to the file "test.conf" and loads it.  report is emptied first.
 * NULL: it was refused.
 */
struct conf *confs_load(const char *text, struct report *report);
struct conf *confs_load_bytes(
    const char *text, size_t length, struct report *report);

/* The same, failing the test when it is refused. */
struct conf *confs_must_load(const char *text);

/* Fails the test unless text is refused, and one of the errors says "PATH:LINE:
 * KEY: ", with all of the NULL-ended parts behind it. */
void confs_must_refuse(const char *text, unsigned line, const char *key, ...);

/* What a text is refused for: the arguments of confs_must_refuse(). */
struct confs_slip {
	const char *text;
	unsigned line;
	const char *key;
	const char *value;
	const char *why;
};

/* The same for each of them. */
void confs_must_refuse_all(const struct confs_slip *slips, size_t n);
void confs_must_load_all(const char *const *texts, size_t n);

/* The text "listeners = (\n{ KEYS } );", in a static buffer. */
const char *confs_listener(const char *keys);

/* The dump as a string, to be freed. */
char *confs_dump(const struct conf *conf);

/* The text "KEY = VALUE" for a key of that scope, as deep as it has to be. */
const char *confs_assign(
    const struct schema_key *key, enum schema_scope scope, const char *value);

/* Open descriptors of this process. */
unsigned confs_count_fds(void);

#endif
