/* Whom the kernel kills when memory is short. */
#include "config.h"

#include "master/system/oom.h"

#include <sys/prctl.h>

#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "shared/number.h"

#define ROOM 16

static int childrens = OOM_SAME;
static const char *path = "/proc/self/oom_score_adj";

static int
score_set(int fd, int score)
{
	char text[ROOM];
	int length = snprintf(text, sizeof(text), "%d\n", score);

	return pwrite(fd, text, (size_t)length, 0) == length ? 0 : -1;
}

static int
score_get(int fd, int *score)
{
	char text[ROOM];
	ssize_t n = pread(fd, text, sizeof(text) - 1, 0);
	bool negative;
	int64_t number;

	if (n <= 0)
		return -1;
	text[n] = '\0';
	text[strcspn(text, "\n")] = '\0';
	negative = text[0] == '-';
	if (number_parse(text + negative, 0, 1000, &number) == -1)
		return -1;
	*score = negative ? -(int)number : (int)number;
	return 0;
}

void
oom_protect(const char *file)
{
	int fd = open(file, O_RDWR | O_CLOEXEC), own;

	path = file;
	if (fd == -1)
		return;
	if (score_get(fd, &own) == 0) {
		if (own >= 0 && score_set(fd, OOM_PROTECTED) == 0)
			childrens = own;
		else if (own == 0) /* nobody has said anything */
			childrens = OOM_EXPOSED;
		else if (own < 0)
			childrens = 0;
	}
	close(fd);
}

int
oom_childrens(void)
{
	return childrens;
}

void
oom_resume(int score)
{
	childrens = score;
}

/* The file is root's while its process is not dumpable, as the exec will make it
 * again in any case. */
void
oom_expose(void)
{
	int fd;

	if (childrens == OOM_SAME)
		return;
	prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
	if (fd == -1)
		return;
	score_set(fd, childrens);
	close(fd);
}
