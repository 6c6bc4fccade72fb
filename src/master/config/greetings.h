/* The bytes that the listeners and their rules send. */
#ifndef MASTER_GREETINGS_H
#define MASTER_GREETINGS_H

#include <stddef.h>

#include <stdbool.h>
#include <stdint.h>

#include "master/config/texts.h"
#include "shared/state.h"

struct conf;
struct conf_listener;
struct report;

/*
 * How many there are: STATE_COUNT for each listener, then one for each rule that
 * has its own (greeting_line is not 0), all in their order.
 */
size_t greetings_count(const struct conf *conf);

/* Where in that order the listener's greeting in that state is, and the first
 * one of a rule. */
uint32_t greetings_index(uint32_t listener, enum state state);
uint32_t greetings_first_rule(const struct conf *conf);

/*
 * Makes the rest of the listener's greeting, whose bytes are those of its file.
 * Returns 0, or -1 with *why and errno as file_read() has them.
 */
int greeting_of_file(struct greeting *greeting,
    const struct conf_listener *listener, const char **why);

void greeting_free(struct greeting *greeting);

/* True when the listener has a text of its own for that state: else clients get
 * what they would get were it ready. */
bool greetings_has(const struct conf_listener *listener, enum state state);

/*
 * Makes all greetings, in the order above: reads each greeting_file with the
 * caller's effective rights (path is the configuration file's, for messages)
 * and converts line endings as the listener says ("lf": CRLF becomes LF;
 * "crlf": an LF without CR before it becomes CRLF), and compiles the variables
 * of listeners that have them.  Returns an array of
 * greetings_count() that greetings_free() frees, or NULL with errors in report.
 */
struct greeting *greetings_load(
    const struct conf *conf, const char *path, struct report *report);

void greetings_free(struct greeting *greetings, size_t n);

#endif
