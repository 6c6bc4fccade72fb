/* Fetching one greeting. */
#include "config.h"

#include "client/fetch.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <unistd.h>

#include "client/connect.h"
#include "client/show.h"
#include "shared/deadline.h"
#include "shared/output.h"

#define CHUNK 16384 /* bytes per recv(2): four pages are fast enough */

static enum status
output_failed(int error)
{
	output_error("write standard output: %s", connect_why(error));
	return error == ETIMEDOUT ? STATUS_TIMEOUT : STATUS_SYSTEM;
}

static enum status
input_failed(const char *label, int error, uint64_t total)
{
	output_error("read %s: %s after %" PRIu64 " bytes", label,
	    connect_why(error), total);
	return connect_read_status(error);
}

/* Copies until the end of the stream, whose length is in *total then; returns 0
 * or the errno of reading.  That of writing is in *out. */
static int
copy_bytes(
    int fd, struct show *show, int64_t deadline, uint64_t *total, int *out)
{
	char data[CHUNK];
	ssize_t n;
	int error;

	while ((n = connect_read(fd, data, sizeof(data), deadline)) > 0) {
		if (show_bytes(show, data, (size_t)n, deadline) == -1) {
			*out = errno;
			return 0;
		}
		*total += (uint64_t)n;
	}
	error = n == -1 ? errno : 0;
	if (show_end(show, deadline) == -1)
		*out = errno;
	return error;
}

static enum status
copy_stream(int fd, const char *label, int64_t deadline)
{
	struct show show;
	uint64_t total = 0;
	int in, out = 0;

	show_begin(&show);
	in = copy_bytes(fd, &show, deadline, &total, &out);
	if (in != 0)
		return input_failed(label, in, total);
	if (out != 0)
		return output_failed(out);
	if (total == 0) {
		output_error("read %s: ended without a greeting", label);
		return STATUS_RESET;
	}
	return close(STDOUT_FILENO) == -1 ? output_failed(errno) : STATUS_OK;
}

enum status
fetch_greeting(
    const struct target *target, const struct peers *peers, int64_t deadline)
{
	char label[CONNECT_LABEL_MAX];
	enum status status;
	int fd;

	status = connect_first(target, peers, deadline, &fd, label);
	if (status != STATUS_OK)
		return status;
	status = copy_stream(fd, label, deadline);
	close(fd);
	return status;
}
