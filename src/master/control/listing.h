/* The part of the status that is about listeners. */
#ifndef MASTER_CONTROL_LISTING_H
#define MASTER_CONTROL_LISTING_H

#include <stdio.h>

struct service;

/* A paragraph for each listener that has clients or is configured, and one for
 * the sum of removed ones. */
void listing_people(FILE *out, const struct service *service);

/* The same, as the members "listeners" and "removed" of a JSON object. */
void listing_json(FILE *out, const struct service *service);

#endif
