/* forkgreetctl top. */
#include "config.h"

#include "ctl/top.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "shared/ask.h"
#include "ctl/sample.h"
#include "ctl/terminal.h"
#include "ctl/view.h"
#include "shared/deadline.h"
#include "shared/output.h"

#define SECOND_MS 1000

struct top {
	const char *path;
	int64_t wait_ms;
	struct view view;
	char why[ASK_WHY_MAX]; /* the daemon did not answer; "": it did */
};

/* What the daemon said when it would not, without its newline. */
static void
take_reason(struct top *top, const struct answer *answer)
{
	const char *text = answer->bytes + answer->out_length;
	size_t length = answer->err_length;

	if (length > 0 && text[length - 1] == '\n')
		length--;
	if (length >= sizeof(top->why))
		length = sizeof(top->why) - 1;
	memcpy(top->why, text, length);
	top->why[length] = '\0';
}

static enum control_status
take_sample(struct top *top, const struct answer *answer)
{
	struct sample sample;

	if (answer->status != CONTROL_OK) {
		take_reason(top, answer);
		return answer->status;
	}
	answer->bytes[answer->out_length] = '\0';
	if (sample_parse(&sample, answer->bytes) == -1) {
		snprintf(top->why, sizeof(top->why), "%s: %s", top->path,
		    errno == EPROTO ? "what answers there is not forkgreetd" :
				      strerror(errno));
		return errno == EPROTO ? CONTROL_NOBODY : CONTROL_SYSTEM;
	}
	view_add(&top->view, &sample);
	return CONTROL_OK;
}

static enum control_status
look(struct top *top)
{
	int64_t deadline = deadline_after(top->wait_ms);
	enum control_status status;
	struct answer answer;

	deadline_interrupt(deadline);
	top->why[0] = '\0';
	status = ask(top->path, "top\n", deadline, &answer);
	if (status == CONTROL_OK)
		status = take_sample(top, &answer);
	else
		snprintf(top->why, sizeof(top->why), "%s", answer.why);
	free(answer.bytes);
	return status;
}

/* Returns what output_write() returns. */
static int
write_out(const char *text, size_t length, int64_t wait_ms)
{
	int64_t deadline = deadline_after(wait_ms);

	deadline_interrupt(deadline);
	return output_write(STDOUT_FILENO, text, length, deadline);
}

static enum control_status
output_failed(void)
{
	output_error("write standard output: %s",
	    errno == ETIMEDOUT ? "timed out" : strerror(errno));
	return errno == ETIMEDOUT ? CONTROL_TIMEOUT : CONTROL_SYSTEM;
}

/* ------------------------------------------------------------------------ lines */

static enum control_status
put_line(const struct top *top)
{
	char text[4096];
	FILE *out = fmemopen(text, sizeof(text), "w");

	if (out == NULL) {
		output_error("%s", strerror(errno));
		return CONTROL_SYSTEM;
	}
	view_line(out, &top->view);
	fclose(out);
	return write_out(text, strlen(text), top->wait_ms) == -1 ?
	    output_failed() : CONTROL_OK;
}

static enum control_status
run_lines(struct top *top)
{
	enum control_status status = look(top);
	int64_t next = deadline_after(0);

	while (status == CONTROL_OK) {
		if (top->view.has_rates)
			status = put_line(top);
		next += SECOND_MS * INT64_C(1000000);
		(void)deadline_wait(next, -1, 0);
		if (status == CONTROL_OK)
			status = look(top);
	}
	if (top->why[0] != '\0')
		output_error("%s", top->why);
	return status;
}

/* ----------------------------------------------------------------------- screen */

/* The lines of text, each erased to its end, and nothing below them. */
static void
put_frame(FILE *out, const char *text)
{
	fputs("\033[H", out);
	for (; *text != '\0'; text++)
		if (*text == '\n')
			fputs("\033[K\r\n", out);
		else
			fputc(*text, out);
	fputs("\033[K\033[J", out);
}

/* Returns -1 with errno. */
static int
draw(const struct top *top)
{
	char *text = NULL, *frame = NULL;
	size_t length, frame_length = 0;
	int width, height, result = -1;
	FILE *out;

	terminal_size(&width, &height);
	out = open_memstream(&text, &length);
	if (out != NULL) {
		view_screen(out, &top->view, width, height,
		    top->why[0] != '\0' ? top->why : NULL);
		fclose(out);
	}
	out = text == NULL ? NULL : open_memstream(&frame, &frame_length);
	if (out != NULL) {
		put_frame(out, text);
		fclose(out);
	}
	if (frame != NULL)
		result = write_out(frame, frame_length, top->wait_ms);
	free(text);
	free(frame);
	/* Ctrl-S: the next frame is as good. */
	return result == -1 && errno == ETIMEDOUT ? 0 : result;
}

/* Returns false when the operator has had enough. */
static bool
pause_until(struct top *top, int64_t next, int *drawn)
{
	int key;

	while ((key = terminal_wait(next)) != -1) {
		if (key == 'q' || key == 'Q')
			return false;
		*drawn = draw(top);
	}
	return true;
}

/* The first answer has come. */
static enum control_status
run_screen(struct top *top)
{
	int drawn, error;
	int64_t next;

	terminal_enter();
	do {
		next = deadline_after(SECOND_MS);
		drawn = draw(top);
		if (drawn == -1 || !pause_until(top, next, &drawn))
			break;
		(void)look(top);
	} while (drawn != -1);
	error = errno;
	terminal_leave();
	errno = error;
	return drawn == -1 ? output_failed() : CONTROL_OK;
}

enum control_status
top_run(const char *path, int64_t wait_ms)
{
	struct top top = { .path = path, .wait_ms = wait_ms };
	enum control_status status;

	if (!terminal_is_there())
		return run_lines(&top);
	status = look(&top);
	if (status == CONTROL_OK)
		return run_screen(&top);
	output_error("%s", top.why);
	return status;
}
