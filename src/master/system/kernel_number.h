/* Reading a number that the kernel shows in a file. */
#ifndef MASTER_FIGURE_H
#define MASTER_FIGURE_H

#include <stdint.h>

/* Reads the file, which should contain a number and a newline.  Returns 0, or
 * -1 when the file cannot be read or has no number in it ("max"). */
int figure_read(const char *file, int64_t *number);

#endif
