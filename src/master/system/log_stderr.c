/* Writes the log's lines to standard error: a terminal, a file, the journal. */
#include "config.h"

#include "master/system/log_stderr.h"

#include <sys/stat.h>

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "master/system/clock.h"
#include "master/system/output.h"
#include "shared/number.h"

#define PATIENCE CLOCK_SECOND
#define LOOK_AGAIN (10 * CLOCK_MS)

static struct {
	struct output output;
	dev_t device; /* what output was opened for */
	ino_t inode;
	bool journal;
	int64_t patience; /* microseconds that may still be waited */
} state = { .output = OUTPUT_NONE, .patience = PATIENCE };

/* "DEVICE:INODE", both decimal. */
static bool
is_journal(const struct stat *status)
{
	const char *value = getenv("JOURNAL_STREAM");
	char device[32], *inode;
	int64_t device_number, inode_number;

	if (value == NULL || strlen(value) >= sizeof(device))
		return false;
	memcpy(device, value, strlen(value) + 1);
	inode = strchr(device, ':');
	if (inode == NULL)
		return false;
	*inode++ = '\0';
	return number_parse(device, 0, INT64_MAX, &device_number) == 0 &&
	    number_parse(inode, 0, INT64_MAX, &inode_number) == 0 &&
	    (dev_t)device_number == status->st_dev &&
	    (ino_t)inode_number == status->st_ino;
}

void
log_stderr_open(void)
{
	struct stat status;

	if (fstat(STDERR_FILENO, &status) == -1)
		status = (struct stat) { .st_ino = 0 };
	if (state.output.fd != -1 && state.device == status.st_dev &&
	    state.inode == status.st_ino)
		return;
	output_close(&state.output);
	output_open(&state.output, STDERR_FILENO);
	state.device = status.st_dev;
	state.inode = status.st_ino;
	state.journal = is_journal(&status);
}

/* True when it makes sense to try once more. */
static bool
wait_a_little(void)
{
	const struct timespec time = { 0, LOOK_AGAIN * 1000 };

	if (state.patience <= 0 || (errno != EAGAIN && errno != EINTR))
		return false;
	state.patience -= LOOK_AGAIN;
	nanosleep(&time, NULL);
	return true;
}

bool
log_stderr_is_journal(void)
{
	if (state.output.fd == -1)
		log_stderr_open();
	return state.journal;
}

bool
log_stderr_put(int priority, const char *begin, const char *text)
{
	char line[OUTPUT_LINE_MAX];
	int length;

	if (log_stderr_is_journal())
		length = snprintf(line, sizeof(line), "<%d>%s\n", priority,
		    text);
	else
		length = snprintf(line, sizeof(line), "%s%s\n", begin, text);
	while (!output_put(&state.output, line, (size_t)length))
		if (!wait_a_little())
			return false;
	while (!output_flush(&state.output) && wait_a_little())
		;
	return true;
}

void
log_stderr_close(void)
{
	output_close(&state.output);
}

void
log_stderr_serving(void)
{
	state.patience = 0;
}
