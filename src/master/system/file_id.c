/* Telling versions of files. */
#include "config.h"

#include "master/system/file_id.h"

#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <fcntl.h>

static int64_t
nanoseconds(const struct statx_timestamp *time)
{
	return time->tv_sec * INT64_C(1000000000) + time->tv_nsec;
}

int
file_identify(const char *path, struct file_id *id)
{
	struct statx st;

	if (statx(AT_FDCWD, path, AT_STATX_SYNC_AS_STAT,
		STATX_BASIC_STATS | STATX_BTIME, &st) == -1)
		return -1;
	*id = (struct file_id) {
		.device = makedev(st.stx_dev_major, st.stx_dev_minor),
		.inode = st.stx_ino,
		.born_ns = (st.stx_mask & STATX_BTIME) != 0 ?
		    nanoseconds(&st.stx_btime) : 0,
		.changed_ns = nanoseconds(&st.stx_ctime),
		.written_ns = nanoseconds(&st.stx_mtime),
		.size = st.stx_size,
	};
	return 0;
}

bool
file_id_same(const struct file_id *a, const struct file_id *b)
{
	return a->device == b->device && a->inode == b->inode &&
	    a->born_ns == b->born_ns;
}

bool
file_id_unchanged(const struct file_id *a, const struct file_id *b)
{
	return file_id_same(a, b) && a->size == b->size &&
	    a->written_ns == b->written_ns && a->changed_ns == b->changed_ns;
}
