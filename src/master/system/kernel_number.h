/* A number that the kernel shows in a file of its own. */
#ifndef MASTER_FIGURE_H
#define MASTER_FIGURE_H

#include <stdint.h>

/* Reads the file, which is to hold a number and a newline.  Returns 0, or -1
 * when there is no such file or no number in it ("max"). */
int figure_read(const char *file, int64_t *number);

#endif
