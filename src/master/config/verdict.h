/* What is wrong with settings that are each fine. */
#ifndef MASTER_VERDICT_H
#define MASTER_VERDICT_H

#include <stddef.h>

#include "master/config/conf.h"

struct report;

/*
 * Reports, with path and line, each listener that cannot be bound because of
 * one before it (the same address and port; all addresses of a family, or of
 * both, beside one of them), and each that has the name of one before it.
 * When there is no error at all, warns of each rule that can never match because
 * earlier ones of its listener have all of its addresses, and of limits at the
 * top level that another one makes meaningless.
 */
void verdict_find(
    const struct conf *conf, const char *path, struct report *report);

/*
 * Sets what is not in effect in a daemon that was started like this one to "":
 * pid_file in the foreground, unless the file has it; user and group, unless
 * root started it.
 */
void verdict_in_effect(struct conf *conf, bool foreground, bool as_root);

/* A key that needs a restart, with its value. */
struct verdict_value {
	char name[32]; /* of the key */
	char text[4096]; /* as it would be written, without quotes: a path, mostly */
};
#define VERDICT_VALUES_MAX 16

/* Stores those of conf, at most VERDICT_VALUES_MAX; returns how many. */
size_t verdict_values(
    const struct conf *conf, struct verdict_value values[VERDICT_VALUES_MAX]);

/*
 * Compares the keys that need a restart (user, group, pid_file, control_socket,
 * control_group, state_file, sandbox) and reports an error, with path and line,
 * for each that differs, and for a log.target that this daemon has given up.
 */
void verdict_reload(const struct conf *running, const struct conf *fresh,
    const char *path, struct report *report);

/* The same for the n values that verdict_values() of another version of the
 * daemon has stored: a key that they do not have may be anything. */
void verdict_upgrade(const struct verdict_value *values, size_t n,
    const struct conf *fresh, const char *path, struct report *report);

#endif
