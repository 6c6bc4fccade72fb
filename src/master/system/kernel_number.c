/* Reading a number that the kernel shows in a file. */
#include "config.h"

#include "master/system/kernel_number.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "shared/number.h"

#define ROOM 32 /* for a number and its newline */

int
figure_read(const char *file, int64_t *number)
{
	char text[ROOM];
	ssize_t n = -1;
	int fd = open(file, O_RDONLY | O_CLOEXEC);

	if (fd == -1)
		return -1;
	n = read(fd, text, sizeof(text) - 1);
	close(fd);
	if (n <= 0)
		return -1;
	text[n] = '\0';
	text[strcspn(text, "\n")] = '\0';
	return number_parse(text, 0, INT64_MAX, number);
}
