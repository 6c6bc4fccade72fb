/* A daemon and a clock that a test plays for forkgreetctl. */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "shared/ask.h"
#include "shared/deadline.h"
#include "shared/output.h"
#include "unit/ctl/asked.h"

#define ANSWERS 8

static struct answering answers[ANSWERS];
static size_t n_answers;
size_t asked_times;
char asked_requests[256], asked_said[512];
long long asked_now;

void
asked_answer(const struct answering *answer)
{
	assert_true(n_answers < ANSWERS);
	answers[n_answers++] = *answer;
}

void
asked_begin(void)
{
	n_answers = asked_times = 0;
	asked_requests[0] = '\0';
	asked_now = SECOND;
	output_keep_errors(asked_said, sizeof(asked_said));
}

enum control_status __wrap_ask(const char *path, const char *request,
    int64_t deadline, struct answer *answer);
enum control_status
__wrap_ask(const char *path, const char *request, int64_t deadline,
    struct answer *answer)
{
	const struct answering *given = &answers[asked_times];

	assert_string_equal(path, PATH);
	assert_true(deadline > asked_now);
	strncat(asked_requests, request,
	    sizeof(asked_requests) - strlen(asked_requests) - 1);
	memset(answer, 0, sizeof(*answer));
	if (asked_times == n_answers) {
		snprintf(answer->why, sizeof(answer->why), "nobody is there");
		return CONTROL_NOBODY;
	}
	asked_times++;
	if (given->of_ask != CONTROL_OK) {
		snprintf(answer->why, sizeof(answer->why), "%s", given->err);
		return given->of_ask;
	}
	answer->status = given->status;
	answer->out_length = strlen(given->out);
	answer->err_length = strlen(given->err);
	/* With room for a NUL, as ask() leaves it. */
	answer->bytes = malloc(answer->out_length + answer->err_length + 1);
	assert_non_null(answer->bytes);
	memcpy(answer->bytes, given->out, answer->out_length);
	memcpy(answer->bytes + answer->out_length, given->err,
	    answer->err_length + 1);
	return CONTROL_OK;
}

void __wrap_deadline_interrupt(int64_t deadline);
void
__wrap_deadline_interrupt(int64_t deadline)
{
	assert_true(deadline >= asked_now);
}

int64_t __wrap_deadline_after(int64_t ms);
int64_t
__wrap_deadline_after(int64_t ms)
{
	return asked_now + ms * 1000000;
}

int64_t __wrap_deadline_left(int64_t deadline);
int64_t
__wrap_deadline_left(int64_t deadline)
{
	return deadline - asked_now;
}

int __wrap_deadline_wait(int64_t deadline, int fd, short events);
int
__wrap_deadline_wait(int64_t deadline, int fd, short events)
{
	assert_int_equal(fd, -1);
	assert_int_equal(events, 0);
	if (deadline > asked_now)
		asked_now = deadline;
	return -1;
}
