/* Whom the kernel kills when memory is short. */
#include "config.h"

#include "master/system/oom.h"

#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "shared/number.h"

#define ROOM 16

/* Open before the drop: the files of a process that is not dumpable are root's.
 * -1: master and children have the same. */
static int self = -1;
static int own, childrens;

static int
score_set(int score)
{
	char text[ROOM];
	int length = snprintf(text, sizeof(text), "%d\n", score);

	return pwrite(self, text, (size_t)length, 0) == length ? 0 : -1;
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

void
oom_protect(const char *file)
{
	self = open(file, O_RDWR | O_CLOEXEC);
	if (self == -1)
		return;
	if (score_get(&own) == 0) {
		childrens = own > 0 ? own : 0;
		if (own >= 0 && score_set(OOM_PROTECTED) == 0)
			own = OOM_PROTECTED;
		else if (own == 0) /* nobody has said anything */
			childrens = OOM_EXPOSED;
		if (own != childrens)
			return;
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
	if (self == -1 || score_get(&own) == 0)
		return;
	close(self);
	self = -1;
}

void
oom_expose(bool child)
{
	if (self != -1)
		score_set(child ? childrens : own);
}
