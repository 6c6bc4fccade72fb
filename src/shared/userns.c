/* User namespaces that know one user only. */
#include "config.h"

#include "shared/userns.h"

#include <fcntl.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include "shared/number.h"

#define ROOM 64 /* one line, three numbers; a second line means more users */

bool
userns_has_one_user(void)
{
	char text[ROOM], *count;
	int64_t users;
	ssize_t n = -1;
	int fd = open("/proc/self/uid_map", O_RDONLY | O_CLOEXEC);

	if (fd == -1)
		return false;
	n = read(fd, text, sizeof(text) - 1);
	close(fd);
	if (n <= 0 || text[n - 1] != '\n')
		return false;
	text[n - 1] = '\0';
	count = strrchr(text, ' ');
	return count != NULL && strchr(text, '\n') == NULL &&
	    number_parse(count + 1, 1, UINT32_MAX, &users) == 0 && users == 1;
}
