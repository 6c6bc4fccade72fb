/* State that survives an exec. */
#include "config.h"

#include "master/system/pack.h"

#include <sys/mman.h>
#include <sys/stat.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "master/system/seals.h"
#include "master/system/siphash.h"

/* "fgstate" and the number of this format, which does not change with the
 * tables. */
#define MAGIC UINT64_C(0x6667737461746501)
#define ROWS_MAX (1u << 20)
#define FIELDS_MAX 256u
#define SIZE_MAX_OF_FIELD 65536u

/* The start of the memfd; then int32_t[n_fds], then the tables. */
struct head {
	uint64_t magic;
	uint64_t length; /* of all, bytes */
	uint64_t checksum; /* of what follows the head */
	uint64_t n_fds;
};

/* A table: this, struct field[n_fields], and its rows, field by field. */
struct table {
	char name[PACK_NAME_MAX + 1];
	uint32_t n_fields;
	uint32_t n_rows;
	uint64_t row_size;
};

struct field {
	char name[PACK_NAME_MAX + 1];
	uint32_t size;
};

/* --------------------------------------------------------------------- writing */

static bool
grow(void **bytes, size_t *room, size_t wanted, size_t unit)
{
	size_t more = *room == 0 ? 64 : *room;
	void *grown;

	if (wanted <= *room)
		return true;
	while (more < wanted)
		more *= 2;
	grown = reallocarray(*bytes, more, unit);
	if (grown == NULL)
		return false;
	*bytes = grown;
	*room = more;
	return true;
}

static void
put(struct pack *pack, const void *bytes, size_t length)
{
	void *grown = pack->bytes;

	if (pack->failed ||
	    !grow(&grown, &pack->room, pack->length + length, 1)) {
		pack->failed = true;
		return;
	}
	pack->bytes = grown;
	memcpy(pack->bytes + pack->length, bytes, length);
	pack->length += length;
}

static void
name_copy(char to[PACK_NAME_MAX + 1], const char *name)
{
	memset(to, 0, PACK_NAME_MAX + 1);
	strncpy(to, name, PACK_NAME_MAX);
}

void
pack_table(struct pack *pack, const struct pack_table *table)
{
	struct table head = { .n_fields = (uint32_t)table->n_fields };
	struct field field;
	size_t i;

	name_copy(head.name, table->name);
	for (i = 0; i < table->n_fields; i++)
		head.row_size += table->fields[i].size;
	pack->rows = 0;
	pack->rows_at = pack->length + offsetof(struct table, n_rows);
	put(pack, &head, sizeof(head));
	for (i = 0; i < table->n_fields; i++) {
		name_copy(field.name, table->fields[i].name);
		field.size = (uint32_t)table->fields[i].size;
		put(pack, &field, sizeof(field));
	}
}

void
pack_row(struct pack *pack, const struct pack_table *table, const void *row)
{
	uint32_t rows = (uint32_t)++pack->rows;
	size_t i;

	for (i = 0; i < table->n_fields; i++)
		put(pack, (const char *)row + table->fields[i].offset,
		    table->fields[i].size);
	if (!pack->failed)
		memcpy(pack->bytes + pack->rows_at, &rows, sizeof(rows));
}

void
pack_fd(struct pack *pack, int fd)
{
	void *grown = pack->fds;

	if (fd == -1)
		return;
	if (pack->failed || !grow(&grown, &pack->fds_room, pack->n_fds + 1,
		sizeof(*pack->fds))) {
		pack->failed = true;
		return;
	}
	pack->fds = grown;
	pack->fds[pack->n_fds++] = fd;
}

static int
by_number(const void *a, const void *b)
{
	int first = *(const int *)a, second = *(const int *)b;

	return (first > second) - (first < second);
}

static int
write_all(int fd, const void *bytes, size_t length)
{
	const char *at = bytes;
	ssize_t n;

	for (; length > 0; length -= (size_t)n, at += n) {
		n = write(fd, at, length);
		if (n <= 0)
			return -1;
	}
	return 0;
}

/* The checksum is of both parts in one piece. */
static int
write_state(int fd, const struct pack *pack)
{
	static const uint64_t key[2];
	size_t fds = pack->n_fds * sizeof(*pack->fds);
	struct head head = { MAGIC, sizeof(head) + fds + pack->length, 0,
		pack->n_fds };
	char *whole = malloc(fds + pack->length + 1);
	int result = -1;

	if (whole == NULL)
		return -1;
	if (fds > 0)
		memcpy(whole, pack->fds, fds);
	if (pack->length > 0)
		memcpy(whole + fds, pack->bytes, pack->length);
	head.checksum = siphash(key, whole, fds + pack->length);
	if (write_all(fd, &head, sizeof(head)) == 0 &&
	    write_all(fd, whole, fds + pack->length) == 0)
		result = 0;
	free(whole);
	return result;
}

int
pack_seal(struct pack *pack)
{
	int fd;

	errno = ENOMEM;
	if (pack->failed)
		return -1;
	if (pack->n_fds > 0)
		qsort(pack->fds, pack->n_fds, sizeof(*pack->fds), by_number);
	fd = memfd_create("forkgreet-state", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (fd == -1)
		return -1;
	if (write_state(fd, pack) == 0 && seals_put(fd) == 0)
		return fd;
	close(fd);
	return -1;
}

void
pack_free(struct pack *pack)
{
	free(pack->bytes);
	free(pack->fds);
	*pack = (struct pack) { 0 };
}

/* --------------------------------------------------------------------- reading */

/* The table at that offset, whole: its end; 0: there is none. */
static size_t
table_end(const struct unpack *unpack, size_t at, struct table *table)
{
	size_t left, fields, rows;

	if (at > unpack->length || unpack->length - at < sizeof(*table))
		return 0;
	memcpy(table, unpack->bytes + at, sizeof(*table));
	left = unpack->length - at - sizeof(*table);
	if (table->n_fields > FIELDS_MAX || table->n_rows > ROWS_MAX ||
	    table->row_size > (uint64_t)FIELDS_MAX * SIZE_MAX_OF_FIELD ||
	    memchr(table->name, '\0', sizeof(table->name)) == NULL)
		return 0;
	fields = table->n_fields * sizeof(struct field);
	rows = table->n_rows * (size_t)table->row_size;
	if (fields > left || rows > left - fields)
		return 0;
	return at + sizeof(*table) + fields + rows;
}

static struct field
field_at(const struct unpack *unpack, size_t table, size_t index)
{
	struct field field;

	memcpy(&field,
	    unpack->bytes + table + sizeof(struct table) +
		index * sizeof(field),
	    sizeof(field));
	return field;
}

/* Do the fields of each table add up to its rows, and the tables to all? */
static bool
is_whole(const struct unpack *unpack)
{
	struct table table;
	struct field field;
	size_t at, end, i;
	uint64_t size;

	for (at = 0; at < unpack->length; at = end) {
		end = table_end(unpack, at, &table);
		if (end == 0)
			return false;
		for (i = 0, size = 0; i < table.n_fields; i++) {
			field = field_at(unpack, at, i);
			if (field.size > SIZE_MAX_OF_FIELD ||
			    memchr(field.name, '\0', sizeof(field.name)) ==
				NULL)
				return false;
			size += field.size;
		}
		if (size != table.row_size)
			return false;
	}
	return true;
}

static const char *
check(struct unpack *unpack)
{
	static const uint64_t key[2];
	struct head head;
	size_t fds;

	if (unpack->map_length < sizeof(head))
		return "too short";
	memcpy(&head, unpack->map, sizeof(head));
	if (head.magic != MAGIC)
		return "of another format";
	if (head.length != unpack->map_length ||
	    head.n_fds > (head.length - sizeof(head)) / sizeof(int32_t))
		return "not whole";
	if (siphash(key, unpack->map + sizeof(head),
		unpack->map_length - sizeof(head)) != head.checksum)
		return "damaged";
	fds = (size_t)head.n_fds * sizeof(int32_t);
	unpack->bytes = unpack->map + sizeof(head) + fds;
	unpack->length = unpack->map_length - sizeof(head) - fds;
	return is_whole(unpack) ? NULL : "inconsistent";
}

const char *
unpack_open(struct unpack *unpack, int fd)
{
	const char *why;
	struct stat st;
	void *map;

	*unpack = (struct unpack) { 0 };
	if (!seals_are_on(fd)) {
		errno = 0;
		return "not sealed";
	}
	if (fstat(fd, &st) == -1)
		return strerror(errno);
	errno = 0;
	if (st.st_size == 0)
		return "empty";
	map = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_SHARED, fd, 0);
	if (map == MAP_FAILED)
		return strerror(errno);
	unpack->map = map;
	unpack->map_length = (size_t)st.st_size;
	why = check(unpack);
	if (why != NULL)
		unpack_close(unpack);
	return why;
}

void
unpack_close(struct unpack *unpack)
{
	if (unpack->map != NULL)
		munmap((void *)(uintptr_t)unpack->map, unpack->map_length);
	*unpack = (struct unpack) { 0 };
}

/* Where the table of that name is; unpack->length: nowhere. */
static size_t
find(const struct unpack *unpack, const char *name, struct table *table)
{
	size_t at, end;

	for (at = 0; at < unpack->length; at = end) {
		end = table_end(unpack, at, table);
		if (strcmp(table->name, name) == 0)
			break;
	}
	return at;
}

size_t
unpack_count(const struct unpack *unpack, const struct pack_table *wanted)
{
	struct table table;

	return find(unpack, wanted->name, &table) < unpack->length ?
	    table.n_rows :
	    0;
}

/* Stores what the row has for that field, when the sizes agree. */
static void
store(const struct pack_table *wanted, const struct field *field,
    const char *bytes, void *row)
{
	size_t i;

	for (i = 0; i < wanted->n_fields; i++)
		if (strcmp(wanted->fields[i].name, field->name) == 0 &&
		    wanted->fields[i].size == field->size)
			memcpy((char *)row + wanted->fields[i].offset, bytes,
			    field->size);
}

void
unpack_row(const struct unpack *unpack, const struct pack_table *wanted,
    size_t index, void *row)
{
	struct table table;
	struct field field;
	size_t at = find(unpack, wanted->name, &table), i;
	const char *bytes;

	if (at >= unpack->length || index >= table.n_rows)
		return;
	bytes = unpack->bytes + at + sizeof(table) +
	    table.n_fields * sizeof(field) + index * (size_t)table.row_size;
	for (i = 0; i < table.n_fields; i++) {
		field = field_at(unpack, at, i);
		store(wanted, &field, bytes, row);
		bytes += field.size;
	}
}

const int32_t *
unpack_fds(const struct unpack *unpack, size_t *n)
{
	struct head head;

	memcpy(&head, unpack->map, sizeof(head));
	*n = (size_t)head.n_fds;
	return (const int32_t *)(const void *)(unpack->map + sizeof(head));
}
