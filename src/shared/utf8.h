/* Characters of UTF-8 that may be shown. */
#ifndef SHARED_UTF8_H
#define SHARED_UTF8_H

#include <stddef.h>

/*
 * The length of the sequence of bytes above 0x7f at the start of a text that ends
 * in NUL, or 0: it is none (RFC 3629, section 4: overlong, a surrogate, cut off),
 * or one that a terminal obeys (U+0080 to U+009F) or does not show (U+00A0).
 */
size_t utf8_length(const char *text);

#endif
