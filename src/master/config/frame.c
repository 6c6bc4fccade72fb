/* What the parsing child tells the master through a pipe. */
#include "config.h"

#include "master/config/frame.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "master/config/recheck.h"
#include "master/config/report.h"

#define MAGIC UINT64_C(0x31726772656b6f66)
#define LOST_MAX 1000000 /* lines not kept; more is not believed */

/* No bool: of a byte from outside it may be neither true nor false. */
struct wire_line {
	uint8_t warning;
	char text[REPORT_LINE_MAX];
};

struct frame {
	uint64_t magic;
	uint64_t conf_bytes; /* 0: no configuration */
	uint32_t errors;
	uint32_t warnings;
	uint32_t kept;
	uint32_t unused;
	struct wire_line lines[REPORT_LINES_MAX];
};

size_t
frame_max(void)
{
	return sizeof(struct frame) + sizeof(struct conf) + CONF_TEXT_MAX;
}

static int
write_all(int fd, const void *bytes, size_t length)
{
	const char *at = bytes;
	ssize_t n;

	while (length > 0) {
		n = write(fd, at, length);
		if (n == -1 && errno != EINTR)
			return -1;
		if (n > 0) {
			at += n;
			length -= (size_t)n;
		}
	}
	return 0;
}

static uint32_t
count(size_t n)
{
	return n < LOST_MAX ? (uint32_t)n : LOST_MAX;
}

int
frame_write(int fd, const struct conf *conf, const struct report *report)
{
	struct frame frame = { .magic = MAGIC };
	size_t i;

	frame.errors = count(report->errors);
	frame.warnings = count(report->warnings);
	frame.kept = (uint32_t)report->kept;
	for (i = 0; i < report->kept; i++) {
		frame.lines[i].warning = report->lines[i].warning;
		memcpy(frame.lines[i].text, report->lines[i].text,
		    REPORT_LINE_MAX);
	}
	if (conf != NULL)
		frame.conf_bytes = sizeof(*conf) + conf->text_length;
	if (write_all(fd, &frame, sizeof(frame)) == -1)
		return -1;
	return write_all(fd, conf, frame.conf_bytes);
}

/* NULL, or what is wrong with the lines. */
static const char *
check_lines(const struct frame *frame)
{
	uint32_t i, warnings = 0;

	if (frame->kept > REPORT_LINES_MAX)
		return "kept";
	for (i = 0; i < frame->kept; i++) {
		if (frame->lines[i].warning > 1 ||
		    memchr(frame->lines[i].text, '\0', REPORT_LINE_MAX) == NULL)
			return "lines";
		warnings += frame->lines[i].warning;
	}
	if (frame->errors > LOST_MAX || frame->kept - warnings > frame->errors)
		return "errors";
	if (frame->warnings > LOST_MAX || warnings > frame->warnings)
		return "warnings";
	return NULL;
}

/* NULL, or what is wrong with the frame apart from its configuration. */
static const char *
check_frame(const struct frame *frame, size_t length)
{
	if (frame->magic != MAGIC)
		return "no frame";
	if (frame->conf_bytes != length - sizeof(*frame))
		return "length";
	if ((frame->errors > 0) != (frame->conf_bytes == 0))
		return "errors and a configuration";
	return check_lines(frame);
}

/* Adds the lines, and counts those that the child had no room for. */
static void
add_lines(const struct frame *frame, struct report *report)
{
	size_t errors = report->errors + frame->errors;
	size_t warnings = report->warnings + frame->warnings;
	size_t i;

	for (i = 0; i < frame->kept; i++)
		if (frame->lines[i].warning)
			report_warning(report, "%s", frame->lines[i].text);
		else
			report_error(report, "%s", frame->lines[i].text);
	if (report->errors < errors)
		report->errors = errors;
	if (report->warnings < warnings)
		report->warnings = warnings;
}

int
frame_read(const char *bytes, size_t length, const char *path,
    struct conf **conf, struct report *report)
{
	const char *why = "too short";
	struct frame frame;

	*conf = NULL;
	if (length >= sizeof(frame)) {
		memcpy(&frame, bytes, sizeof(frame));
		why = check_frame(&frame, length);
	}
	if (why != NULL) {
		report_error(
		    report, "%s: the parser's answer is broken: %s", path, why);
		return -1;
	}
	add_lines(&frame, report);
	if (frame.conf_bytes == 0)
		return -1;
	*conf = malloc(frame.conf_bytes);
	if (*conf == NULL) {
		report_failure(
		    report, EXIT_SYSTEM, "%s: out of memory", path);
		return -1;
	}
	memcpy(*conf, bytes + sizeof(frame), frame.conf_bytes);
	if (conf_recheck(*conf, frame.conf_bytes, path, report) == 0)
		return 0;
	free(*conf);
	*conf = NULL;
	return -1;
}
