/* Listeners that are each fine but not beside each other. */
#ifndef MASTER_CONFLICT_H
#define MASTER_CONFLICT_H

#include "master/config/conf.h"

struct report;

/*
 * Reports, with path and line, each listener that cannot be bound because of
 * one before it (the same address and port; all addresses of a family, or of
 * both, beside one of them), and each that has the name of one before it.
 */
void conflict_find(
    const struct conf *conf, const char *path, struct report *report);

/* Writes the name that a listener has by default (its first address with the
 * port) to text, which has room for ADDRESS_TEXT_MAX bytes.  Returns text. */
const char *conflict_default_name(
    const struct conf *conf, const struct conf_listener *listener, char *text);

#endif
