/* The table of sources: clients and buckets of each address prefix, by
 * listener. */
#ifndef MASTER_CLIENTS_SOURCES_H
#define MASTER_CLIENTS_SOURCES_H

#include <stdbool.h>
#include <stdint.h>

#include "master/clients/bucket.h"
#include "shared/addr.h"

/*
 * Rows of the table, one for each source: more than there can be clients
 * (PLAN_CLIENT_SLOTS), so that a source with a client always has a row.  A
 * source without a client is remembered only for its bucket, and forgotten when
 * its row is needed, the longest idle first.  The table takes 3,932,160 bytes
 * at most (SOURCES_BYTES), less as long as fewer rows have been used.
 */
#define SOURCES_MAX 65536
#define SOURCES_NONE UINT32_MAX

struct source_key {
	uint8_t bytes[16]; /* of the address; all bits after the prefix are 0 */
	uint32_t listener; /* whose source it is */
	uint32_t family;
};

struct source {
	struct source_key key;
	uint32_t live; /* its live clients */
	uint32_t chain; /* the next with this hash; the next free one */
	struct bucket bucket;
	uint32_t newer, older; /* among the idle */
};

#define SOURCES_BYTES \
	(SOURCES_MAX * (sizeof(struct source) + sizeof(uint32_t)))

/* Start with sources_init(). */
struct sources {
	uint64_t hash_key[2];
	struct source *rows; /* SOURCES_MAX */
	uint32_t *heads; /* SOURCES_MAX chains */
	uint32_t free;
	uint32_t used; /* rows from here on were never used */
	uint32_t newest, oldest; /* the idle: in the table, without clients */
	uint32_t n_live; /* rows with clients */
	uint32_t n_idle;
	uint64_t forgotten; /* idle ones that were forgotten */
};

/* Allocates the tables and draws the hash's key.  Returns 0, or -1 with
 * errno. */
int sources_init(struct sources *sources);

void sources_free(struct sources *sources);

/* The key of addr in that listener: its first prefix bits. */
struct source_key source_key(
    const struct addr *addr, unsigned prefix, uint32_t listener);

/* A number that nobody outside can predict, the same for the same key. */
uint64_t sources_hash(
    const struct sources *sources, const struct source_key *key);

/* The row of that key, or SOURCES_NONE. */
uint32_t sources_find(
    const struct sources *sources, const struct source_key *key);

/*
 * Counts one more client for that key; makes a row if there is none, whose
 * bucket is full by rule.  Returns the row.  There may be at most SOURCES_MAX -
 * 1 clients.
 */
uint32_t sources_enter(struct sources *sources, const struct source_key *key,
    const struct bucket_rule *rule, int64_t now);

/* Counts one client less.  A row without clients is kept for its bucket if keep
 * is true, and freed otherwise. */
void sources_leave(struct sources *sources, uint32_t row, bool keep);

/* Forgets all clients, but not the buckets; the caller adds the live clients
 * again. */
void sources_recount(struct sources *sources);

/* Forgets an idle row. */
void sources_drop(struct sources *sources, uint32_t row);

#endif
