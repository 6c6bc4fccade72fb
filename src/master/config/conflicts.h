/* Listeners that cannot be beside each other. */
#ifndef MASTER_CONFLICTS_H
#define MASTER_CONFLICTS_H

struct conf;
struct report;

/* Reports each address that cannot be bound beside an earlier one, and each name
 * that an earlier listener has.  path: of the configuration, for messages. */
void conflicts_find(
    const struct conf *conf, const char *path, struct report *report);

#endif
