/* Writing the output of a tool before a deadline. */
#include "config.h"

#include "shared/output.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "shared/deadline.h"
#include "shared/escape.h"

#define PAUSE_MS 20 /* when poll(2) finds room that write(2) cannot use */
#define CHUNK 1024 /* bytes of text that are escaped at a time */

int
output_prepare(void)
{
	int fd;

	for (fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) {
		/* Not for writing, so that nothing is lost in silence. */
		if (fcntl(fd, F_GETFD) == -1 &&
		    open("/dev/null", O_RDONLY) != fd)
			return -1;
	}
	signal(SIGPIPE, SIG_IGN);
	signal(SIGTTOU, SIG_IGN);
	return 0;
}

/* Waits until fd, which does not block, takes more. */
static int
await_room(int fd, bool again, int64_t deadline)
{
	int64_t pause = deadline_after(PAUSE_MS);

	if (!again)
		return deadline_wait(deadline, fd, POLLOUT);
	/* A terminal can have room for a byte but not for CR and LF. */
	(void)deadline_wait(pause < deadline ? pause : deadline, -1, 0);
	return 0;
}

int
output_write(int fd, const char *bytes, size_t length, int64_t deadline)
{
	bool again = false;
	ssize_t n;

	while (length > 0) {
		n = write(fd, bytes, length);
		if (n >= 0) {
			bytes += n;
			length -= (size_t)n;
			again = false;
		} else if (errno == EAGAIN) {
			if (await_room(fd, again, deadline) == -1)
				return -1;
			again = true;
		} else if (errno != EINTR) {
			return -1;
		}
		if (length > 0 && deadline_left(deadline) <= 0) {
			errno = ETIMEDOUT;
			return -1;
		}
	}
	return 0;
}

/* The bytes of text, at most CHUNK, after which it may be cut: a whole
 * character is not torn. */
static size_t
chunk_length(const char *text, size_t length)
{
	size_t at = 0, n;

	while (at < length && at < CHUNK) {
		n = escape_shown(text + at, length - at);
		at += n > 0 ? n : 1;
	}
	return at;
}

int
output_text(
    int fd, const char *text, size_t length, const char *keep, int64_t deadline)
{
	/* The last character may begin at the last byte of the chunk. */
	char line[ESCAPE_BYTE_MAX * (CHUNK + ESCAPE_BYTE_MAX) + 1];
	size_t n, written;

	for (; length > 0; text += n, length -= n) {
		n = chunk_length(text, length);
		written = escape_text(line, sizeof(line), text, n, keep);
		if (output_write(fd, line, written, deadline) == -1)
			return -1;
	}
	return 0;
}

/* Where output_error() puts its text; NULL: standard error. */
static char *kept;
static size_t kept_size;

void
output_keep_errors(char *line, size_t size)
{
	kept = line;
	kept_size = size;
	if (line != NULL)
		*line = '\0';
}

/* The first one kept is the one that counts. */
static void __attribute__((format(printf, 1, 0)))
keep_error(const char *format, va_list args)
{
	if (*kept == '\0')
		vsnprintf(kept, kept_size, format, args);
}

static void __attribute__((format(printf, 1, 0)))
print_error(const char *format, va_list args)
{
	char text[OUTPUT_ERROR_MAX], line[OUTPUT_ERROR_MAX];
	size_t length;
	int n;

	n = snprintf(text, sizeof(text), "%s: ", program_invocation_short_name);
	if (n >= 0 && (size_t)n < sizeof(text))
		vsnprintf(text + n, sizeof(text) - (size_t)n, format, args);
	length = escape_text(line, sizeof(line) - 1, text, strlen(text), "");
	line[length++] = '\n';
	/* One write, so that lines of two processes do not mix.  It waits until
	 * the deadline at most; the signal must not take the line that tells of
	 * the deadline. */
	while (write(STDERR_FILENO, line, length) == -1 && errno == EINTR &&
	    n >= 0)
		n = -1;
}

void
output_error(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	if (kept != NULL)
		keep_error(format, args);
	else
		print_error(format, args);
	va_end(args);
}
