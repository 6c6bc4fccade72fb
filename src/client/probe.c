/* Fetching one greeting into memory, and measuring it. */
#include "config.h"

#include "client/probe.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "shared/deadline.h"
#include "shared/output.h"

#define CHUNK 16384 /* bytes per recv(2), as in fetch.c */

static double
seconds_since(int64_t start)
{
	return (double)-deadline_left(start) / 1e9;
}

static void
take(struct probe *probe, const char *data, size_t length)
{
	size_t room = sizeof(probe->text) - probe->length;

	probe->bytes += length;
	if (length > room)
		length = room;
	memcpy(probe->text + probe->length, data, length);
	probe->length += length;
}

static enum status
read_stream(int fd, int64_t start, int64_t deadline, struct probe *probe)
{
	char data[CHUNK];
	ssize_t n;

	while ((n = connect_read(fd, data, sizeof(data), deadline)) > 0) {
		if (probe->bytes == 0)
			probe->first_byte = seconds_since(start);
		take(probe, data, (size_t)n);
	}
	if (n == -1) {
		n = errno;
		output_error("read %s: %s after %" PRIu64 " bytes",
		    probe->label, connect_why((int)n), probe->bytes);
		return connect_read_status((int)n);
	}
	if (probe->bytes == 0) {
		output_error(
		    "read %s: ended without a greeting", probe->label);
		return STATUS_RESET;
	}
	return STATUS_OK;
}

void
probe_run(const struct target *target, int64_t deadline, struct probe *probe)
{
	int64_t start = deadline_after(0);
	struct peers peers;
	int fd;

	memset(probe, 0, sizeof(*probe));
	probe->status = resolve_target(target, deadline, &peers);
	if (probe->status == STATUS_OK)
		probe->status = connect_first(
		    target, &peers, deadline, &fd, probe->label);
	if (probe->status == STATUS_OK) {
		probe->status = read_stream(fd, start, deadline, probe);
		close(fd);
	}
	probe->seconds = seconds_since(start);
}

void
probe_json(struct json *json, const struct probe *probe)
{
	if (*probe->label != '\0')
		json_string(json, "server", probe->label);
	json_number(json, "bytes", probe->bytes);
	if (probe->bytes > 0)
		json_seconds(json, "first_byte_seconds", probe->first_byte);
	json_seconds(json, "seconds", probe->seconds);
	json_text(json, "greeting", probe->text, probe->length);
	json_bool(json, "cut", probe->bytes > probe->length);
}

static void
put_probe(FILE *stream, const struct probe *probe, const char *error)
{
	struct json json;

	json_begin(&json, stream);
	json_number(&json, "exit_status", (uint64_t)probe->status);
	probe_json(&json, probe);
	if (probe->status != STATUS_OK)
		json_string(&json, "error", error);
	json_end(&json);
	fputc('\n', stream);
}

enum status
probe_print(const struct target *target, int64_t deadline)
{
	static struct probe probe;
	static char error[OUTPUT_ERROR_MAX];
	char *text = NULL;
	size_t size = 0;
	FILE *stream;

	output_keep_errors(error, sizeof(error));
	probe_run(target, deadline, &probe);
	output_keep_errors(NULL, 0);
	stream = open_memstream(&text, &size);
	if (stream != NULL)
		put_probe(stream, &probe, error);
	if (stream == NULL || fclose(stream) == EOF) {
		output_error("print JSON: %s", strerror(errno));
		return STATUS_SYSTEM;
	}
	if (output_write(STDOUT_FILENO, text, size, deadline) == -1 ||
	    close(STDOUT_FILENO) == -1) {
		output_error("write standard output: %s", connect_why(errno));
		probe.status =
		    errno == ETIMEDOUT ? STATUS_TIMEOUT : STATUS_SYSTEM;
	}
	free(text);
	return probe.status;
}
