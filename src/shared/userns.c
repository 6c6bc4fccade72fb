/* User namespaces that know one user only. */
#include "config.h"

#include "shared/userns.h"

#include <fcntl.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include "shared/number.h"

#define ROOM 64 /* one line, three numbers; a second line means more users */
#define ALL_USERS UINT32_MAX /* -1 is none */

/* Reads a file of one line; text is "" when it has more, or is not there. */
static void
line_read(const char *file, char text[ROOM])
{
	int fd = open(file, O_RDONLY | O_CLOEXEC);
	ssize_t n = 0;
	char *end;

	if (fd != -1) {
		n = read(fd, text, ROOM - 1);
		close(fd);
	}
	text[n > 0 ? n : 0] = '\0';
	end = strchr(text, '\n');
	if (end == NULL || end[1] != '\0')
		end = text;
	*end = '\0';
}

/* How many users the map's one line has: inside, outside, count. */
static int64_t
users_in(const char *map)
{
	const char *count = strrchr(map, ' ');
	int64_t users;

	return count != NULL &&
		number_parse(count + 1, 1, UINT32_MAX, &users) == 0 ?
	    users :
	    0;
}

bool
userns_has_one_user(void)
{
	char map[ROOM];

	line_read("/proc/self/uid_map", map);
	return users_in(map) == 1;
}

bool
userns_is_unmapped(uid_t owner)
{
	char map[ROOM], overflow[ROOM];
	int64_t number;

	line_read("/proc/sys/kernel/overflowuid", overflow);
	if (number_parse(overflow, 0, UINT32_MAX, &number) == -1 ||
	    number != (int64_t)owner)
		return false;
	line_read("/proc/self/uid_map", map);
	return users_in(map) != ALL_USERS;
}
