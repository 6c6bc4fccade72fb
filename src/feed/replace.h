/* Files that are replaced, and what an earlier attempt has left. */
#ifndef FEED_REPLACE_H
#define FEED_REPLACE_H

#include <stddef.h>

/*
 * Looks at what can be known before the first write: that the path is a regular
 * file or nothing yet, and that its directory may be written to.  Removes what
 * feeds that were killed have left there for this file, but not what one is
 * writing just now.  Returns 0, or -1 with errno (EINVAL: no regular file).
 */
int replace_prepare(const char *path);

/*
 * Gives the file a new content, mode 0644, by atomic_write(): written beside it
 * under a name that begins with a dot.  Returns 0; or -1 with errno, and then
 * the old one stays as it is, and nothing else is left.
 */
int replace_file(const char *path, const char *bytes, size_t length);

#endif
