/* What the files of the configuration held at a trial. */
#include "config.h"

#include "master/config/kept.h"

#include <sys/mman.h>
#include <sys/stat.h>

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "master/system/seals.h"

/* Then the name with its NUL, and the bytes. */
struct head {
	uint64_t kind; /* enum kept_kind */
	uint64_t name_size;
	uint64_t length;
};

static struct {
	int fd; /* is written; -1 */
	int error; /* errno of the first write that failed */
	const char *map; /* is read; NULL */
	size_t map_length;
} kept = { .fd = -1 };

void
kept_write(int fd)
{
	kept.fd = fd;
	kept.error = 0;
}

static void
put(const void *bytes, size_t length)
{
	const char *next = bytes;
	ssize_t n;

	while (length > 0 && kept.error == 0) {
		n = write(kept.fd, next, length);
		if (n == -1 && errno != EINTR)
			kept.error = errno;
		if (n <= 0)
			continue;
		next += n;
		length -= (size_t)n;
	}
}

void
kept_add(enum kept_kind kind, const char *name, const void *bytes,
    size_t length)
{
	const struct head head = { kind, strlen(name) + 1, length };

	if (kept.fd == -1)
		return;
	put(&head, sizeof(head));
	put(name, head.name_size);
	put(bytes, length);
}

int
kept_seal(void)
{
	if (kept.error == 0)
		return seals_put(kept.fd);
	errno = kept.error;
	return -1;
}

int
kept_read(int fd)
{
	struct stat st;
	void *map;

	if (fstat(fd, &st) == -1)
		return -1;
	if (st.st_size > 0 && !seals_are_on(fd)) {
		errno = EPROTO;
		return -1;
	}
	if (st.st_size > 0) {
		map = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd,
		    0);
		if (map == MAP_FAILED)
			return -1;
		kept.map = map;
		kept.map_length = (size_t)st.st_size;
	}
	return 0;
}

/* Moves on to the next one behind; false at the end. */
static bool
next_head(size_t *at, struct head *head)
{
	size_t left = kept.map_length - *at;

	if (left < sizeof(*head))
		return false;
	memcpy(head, kept.map + *at, sizeof(*head));
	left -= sizeof(*head);
	if (head->name_size == 0 || head->name_size > left ||
	    head->length > left - head->name_size)
		return false;
	*at += sizeof(*head);
	return true;
}

bool
kept_find(enum kept_kind kind, const char *name, char **bytes, size_t *length)
{
	size_t at = 0, size = strlen(name) + 1;
	const char *found = NULL;
	struct head head;

	for (; next_head(&at, &head); at += head.name_size + head.length) {
		if (head.kind != kind || head.name_size != size ||
		    memcmp(kept.map + at, name, size) != 0)
			continue;
		found = kept.map + at + size;
		*length = head.length;
	}
	if (found == NULL)
		return false;
	*bytes = malloc(*length + 1);
	if (*bytes == NULL)
		return false;
	memcpy(*bytes, found, *length);
	(*bytes)[*length] = '\0';
	return true;
}

void
kept_end(void)
{
	if (kept.map != NULL)
		munmap((void *)(uintptr_t)kept.map, kept.map_length);
	kept.map = NULL;
	kept.map_length = 0;
}
