/* Whom the kernel kills when memory is short. */
#include "config.h"

#include "master/system/oom.h"

#include <sys/prctl.h>

#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "shared/number.h"

#define ROOM 16

/* Open before the drop: the files of a process that is not dumpable are root's.
 * -1: master and children have the same. */
static int self = -1;
static int own, childrens;

static const char *path = "/proc/self/oom_score_adj";

static int
score_set(int fd, int score)
{
	char text[ROOM];
	int length = snprintf(text, sizeof(text), "%d\n", score);

	return pwrite(fd, text, (size_t)length, 0) == length ? 0 : -1;
}

static int
score_get(int *score)
{
	char text[ROOM];
	ssize_t n = pread(self, text, sizeof(text) - 1, 0);
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

static void
forget(void)
{
	if (self != -1)
		close(self);
	self = -1;
}

void
oom_protect(const char *file)
{
	path = file;
	self = open(file, O_RDWR | O_CLOEXEC);
	if (self == -1)
		return;
	if (score_get(&own) == 0) {
		childrens = own > 0 ? own : 0;
		if (own >= 0 && score_set(self, OOM_PROTECTED) == 0)
			own = OOM_PROTECTED;
		else if (own == 0) /* nobody has said anything */
			childrens = OOM_EXPOSED;
		if (own != childrens) {
			atexit(forget);
			return;
		}
	}
	close(self);
	self = -1;
}

int
oom_descriptor(void)
{
	return self;
}

int
oom_childrens(void)
{
	return childrens;
}

void
oom_resume(int fd, int childrens_score)
{
	self = fd;
	childrens = childrens_score;
	if (self != -1 && score_get(&own) == 0)
		atexit(forget);
	else
		forget();
}

/* The file is root's while its process is not dumpable, as the exec will make it
 * again in any case. */
void
oom_expose(void)
{
	int fd;

	if (self == -1)
		return;
	prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
	if (fd == -1)
		return;
	score_set(fd, childrens);
	close(fd);
}
