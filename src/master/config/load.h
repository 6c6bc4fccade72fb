/* Loading the configuration by way of forkgreet-reader, a throw-away child: it
 * is libconfig's, which may exit, hang or crash, and what it says is checked as
 * if an enemy had said it. */
#ifndef MASTER_LOAD_H
#define MASTER_LOAD_H

#include <sys/types.h>

#include <stdbool.h>

struct conf;
struct report;

/* A load under way. */
struct load;

enum load_progress { LOAD_MORE, LOAD_DONE, LOAD_FAILED };

/*
 * Reads path with the caller's effective rights and starts the reader (see
 * executable_open()) on it.  as_root chooses the defaults of a daemon started by
 * root.  Returns NULL when the file cannot be read or the reader not started;
 * the reason is then in report.
 */
struct load *load_start(
    int reader, const char *path, bool as_root, struct report *report);

/* The descriptor that becomes readable when load_continue() has work; the load
 * owns it. */
int load_fd(const struct load *load);

/* The reader's pid, -1: it has been reaped. */
pid_t load_child(const struct load *load);

/*
 * Reads what the reader has said, without blocking.  LOAD_MORE: call again when
 * the descriptor is readable.  LOAD_DONE: *conf is the configuration, which the
 * caller frees with free().  LOAD_FAILED: the errors are in report.  In both
 * latter cases the reader has been reaped.  Warnings are in report either way.
 */
enum load_progress load_continue(
    struct load *load, struct conf **conf, struct report *report);

/* Ends the load (kills and reaps the reader if need be) and frees it. */
void load_end(struct load *load);

/* All of the above, waiting.  NULL when there are errors. */
struct conf *load_wait(
    int reader, const char *path, bool as_root, struct report *report);

#endif
