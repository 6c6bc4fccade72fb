/* Times in UTC as text, without a locale or a time zone file: one who is
 * confined can write them too. */
#ifndef SHARED_UTC_H
#define SHARED_UTC_H

#include <stddef.h>
#include <stdint.h>

/* RFC 3339 section 5.6, seconds, UTC. */
#define UTC_RFC3339 "%Y-%m-%dT%H:%M:%SZ"

/*
 * The most bytes that the format (length bytes) can become, or -1 when it is
 * not one.  Of strftime(3) it may have %a %A %b %B %d %D %e %F %H %I %j %m %M
 * %p %R %S %T %u %w %y %Y %z %Z and %%, with the names of the "C" locale.
 */
int utc_measure(const char *format, size_t length);

/*
 * Writes seconds since 1970 as the format says to out, which has room for
 * utc_measure() bytes; no NUL.  Returns how many bytes that were.  Times before
 * 1970 and after 9999 become the first and the last second between.  The format
 * must be one.
 */
size_t utc_format(
    int64_t seconds, const char *format, size_t length, char *out);

#endif
