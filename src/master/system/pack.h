/* State that survives an exec: named tables of rows, in a sealed memfd. */
#ifndef MASTER_PACK_H
#define MASTER_PACK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * One version of the daemon writes, another one reads, so the tables describe
 * themselves: the reader takes the fields that it knows, by name and size, and
 * leaves the others as they are.  A field that changes its meaning gets another
 * name.  Numbers are in the machine's own form.
 */
struct pack_field {
	const char *name; /* no space, at most PACK_NAME_MAX bytes */
	size_t offset;
	size_t size;
};
#define PACK_NAME_MAX 31
#define PACK_FIELD(type, member)                                            \
	{ #member, offsetof(struct type, member),                           \
		sizeof(((struct type *)0)->member) }

struct pack_table {
	const char *name;
	const struct pack_field *fields;
	size_t n_fields;
};
#define PACK_TABLE(name, fields)                                            \
	{ name, fields, sizeof(fields) / sizeof(fields[0]) }

/* What is being written; starts with all zero. */
struct pack {
	char *bytes; /* malloc'ed */
	size_t length, room;
	bool failed; /* out of memory: what follows has no effect */
	size_t rows_at; /* of the table begun last: where its number of rows is */
	size_t rows;
	int *fds; /* malloc'ed: the descriptors that survive, too */
	size_t n_fds, fds_room;
};

/* Begins a table, to which pack_row() adds. */
void pack_table(struct pack *pack, const struct pack_table *table);
void pack_row(struct pack *pack, const struct pack_table *table,
    const void *row);

/* The descriptor is kept over the exec; -1 is ignored. */
void pack_fd(struct pack *pack, int fd);

/*
 * Seals what has been written into a memfd, with a list of the descriptors.
 * Returns it, CLOEXEC, or -1 with errno.
 */
int pack_seal(struct pack *pack);

void pack_free(struct pack *pack);

/* What is read: the memfd, mapped. */
struct unpack {
	const char *bytes; /* of the tables */
	size_t length;
	const char *map;
	size_t map_length;
};

/*
 * Opens what pack_seal() has made: sealed, whole, of a format that we know.
 * Returns NULL, or why not, with errno, 0 when it is not such a thing (text that
 * strerror(3) may overwrite).  unpack_close() unmaps it.
 */
const char *unpack_open(struct unpack *unpack, int fd);
void unpack_close(struct unpack *unpack);

/* How many rows the table has; 0: there is none of that name. */
size_t unpack_count(
    const struct unpack *unpack, const struct pack_table *table);

/* Stores the fields of row number index, below unpack_count(), that are known;
 * the others stay. */
void unpack_row(const struct unpack *unpack, const struct pack_table *table,
    size_t index, void *row);

/* The descriptors, n of them, in ascending order. */
const int32_t *unpack_fds(const struct unpack *unpack, size_t *n);

#endif
