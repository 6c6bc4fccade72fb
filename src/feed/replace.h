/* Files whose readers find the old content or the new one, whole. */
#ifndef FEED_REPLACE_H
#define FEED_REPLACE_H

#include <stdbool.h>
#include <stddef.h>

struct replaced {
	const char *path; /* NULL: none is written */
	int error; /* errno of the last attempt, for which a line was said */
};

/*
 * Looks at what can be known before the first write: that the path is a regular
 * file or nothing yet, and that its directory may be written to.  Removes what
 * feeds that were killed have left there for this file, but not what one is
 * writing just now.  Returns 0, or -1 with errno (EINVAL: no regular file).
 */
int replace_prepare(const char *path);

/*
 * Gives the file a new content, mode 0644: written beside it under a name that
 * begins with a dot, fsync(2), rename(2).  A path of NULL does nothing.
 * Returns whether it went well; if not the old one stays as it is.  An error is
 * said once, until it is another or the file can be written again, which is
 * said too.
 */
bool replace_file(struct replaced *file, const char *bytes, size_t length);

/* Says, once, that the file is not written for that reason (an errno). */
void replace_fail(struct replaced *file, int error);

#endif
