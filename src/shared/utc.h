/* Times in UTC as text, without a locale or a time zone file, so that it works
 * in a sandbox. */
#ifndef SHARED_UTC_H
#define SHARED_UTC_H

#include <stddef.h>
#include <stdint.h>

/* RFC 3339 section 5.6, seconds, UTC. */
#define UTC_RFC3339 "%Y-%m-%dT%H:%M:%SZ"

/*
 * The largest number of bytes that the format (length bytes) can produce, or -1
 * when it is not valid.  It may have these conversions of strftime(3): %a %A %b
 * %B %d %D %e %F %H %I %j %m %M %p %R %S %T %u %w %y %Y %z %Z and %%, with the
 * names of the "C" locale.
 */
int utc_measure(const char *format, size_t length);

/*
 * Formats seconds since 1970 into out, which has room for utc_measure() bytes,
 * without a NUL.  Returns the number of bytes.  Times before 1970 and after
 * 9999 become the first and the last second in between.  The format must be
 * valid.
 */
size_t utc_format(
    int64_t seconds, const char *format, size_t length, char *out);

#endif
