/* Copying and clearing bytes: memcpy(3) and memset(3) are not in the image. */
#ifndef SPAWNER_IMAGE_BYTES_H
#define SPAWNER_IMAGE_BYTES_H

#include <stddef.h>

static inline void
bytes_copy(char *to, const char *from, size_t n)
{
	while (n-- > 0)
		*to++ = *from++;
}

static inline void
bytes_clear(char *at, size_t n)
{
	while (n-- > 0)
		*at++ = '\0';
}

#endif
