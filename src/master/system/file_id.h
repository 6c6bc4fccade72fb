/* What tells one version of a file from another. */
#ifndef MASTER_SYSTEM_FILE_ID_H
#define MASTER_SYSTEM_FILE_ID_H

#include <stdbool.h>
#include <stdint.h>

/* As statx(2) has it.  Start with all zero: no file. */
struct file_id {
	uint64_t device;
	uint64_t inode;
	int64_t born_ns; /* 0: the file system does not know */
	int64_t changed_ns; /* the inode */
	int64_t written_ns; /* the content; nanoseconds since 1970 */
	uint64_t size;
};

/* Follows links.  Returns 0, or -1 with errno. */
int file_identify(const char *path, struct file_id *id);

/* The same file?  An inode that was used again is another one, where the file
 * system knows when it was made. */
bool file_id_same(const struct file_id *a, const struct file_id *b);

/* The same file, and not written or changed since? */
bool file_id_unchanged(const struct file_id *a, const struct file_id *b);

#endif
