/* Orders: ready, drain, maintenance, with their options. */
#include "config.h"

#include "ctl/order.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "ctl/until.h"
#include "shared/arguments.h"
#include "shared/ask.h"
#include "shared/control_words.h"
#include "shared/deadline.h"
#include "shared/number.h"
#include "shared/output.h"
#include "shared/state.h"

#define WAIT_MAX_MS 86400000 /* a day */
#define LOOK_MS 100
#define PATIENCE_MS 5000 /* for one answer while waiting */

bool
order_is_verb(const char *word)
{
	enum state state;

	return state_parse(word, &state);
}

bool
order_is_given(const struct order *order)
{
	return order->until != 0 || order->reason != NULL ||
	    order->wait_ms != 0 || order->at_least_ms != 0;
}

static int
take_until(struct order *order, const char *value)
{
	const char *why;

	if (until_parse(value, time(NULL), &order->until, &why) == -1)
		return arguments_error("--until", value, why);
	if (why != NULL)
		output_error("--until %s: %s", value, why);
	return 0;
}

int
order_show(const struct order *order, int64_t deadline)
{
	char text[UNTIL_TEXT_MAX], line[UNTIL_TEXT_MAX + 16];

	if (order->until == 0)
		return 0;
	until_format(order->until, text, sizeof(text));
	snprintf(line, sizeof(line), "until %s\n", text);
	return output_text(
	    STDOUT_FILENO, line, strlen(line), "\n", deadline);
}

static int
take_seconds(const char *option, const char *value, int64_t *ms)
{
	if (number_parse_seconds(value, 1, WAIT_MAX_MS, ms) == -1)
		return arguments_error(option, value,
		    "expected seconds from 0.001 to 86400");
	return 0;
}

int
order_take(struct order *order, int option, const char *value)
{
	switch (option) {
	case ORDER_UNTIL:
		return take_until(order, value);
	case ORDER_REASON:
		if (strlen(value) > STATE_REASON_MAX)
			return arguments_error("--reason", value,
			    "expected at most 200 bytes");
		order->reason = value;
		return 0;
	case ORDER_AT_LEAST:
		return take_seconds("--at-least", value, &order->at_least_ms);
	default:
		return take_seconds("--wait", value, &order->wait_ms);
	}
}

int
order_check(const struct order *order)
{
	if (order->at_least_ms > order->wait_ms)
		return arguments_error("--at-least", "", order->wait_ms == 0 ?
		    "expected --wait with it" : "is longer than --wait");
	return 0;
}

/* Adds " NAME=VALUE".  Returns 0, or -1 when it does not fit. */
static int
add(char *request, size_t size, const char *name, const char *value)
{
	size_t used = strlen(request);
	int n = snprintf(request + used, size - used, " %s=%s", name, value);

	return n >= 0 && (size_t)n < size - used ? 0 : -1;
}

static int
add_listeners(const struct order *order, char *request, size_t size)
{
	char **name;

	for (name = order->listeners; *name != NULL; name++) {
		if (strpbrk(*name, " \t\n\r=") != NULL || **name == '\0')
			return arguments_error(
			    *name, "", "is not a listener's name");
		if (add(request, size, "listener", *name) == -1)
			return arguments_error("listeners", "",
			    "too many, expected at most a hundred");
	}
	return 0;
}

int
order_request(const struct order *order, const char *verb, bool json,
    char *request, size_t size)
{
	char number[24], reason[3 * STATE_REASON_MAX + 4];

	size--; /* the newline */
	snprintf(request, size, "%s%s", verb, json ? " json" : "");
	snprintf(number, sizeof(number), "%lld", (long long)order->until);
	if (order->until != 0)
		add(request, size, "until", number);
	if (order->reason != NULL) {
		control_words_encode(order->reason, reason, sizeof(reason));
		add(request, size, "reason", reason);
	}
	if (add_listeners(order, request, size) == -1)
		return -1;
	memcpy(request + strlen(request), "\n", 2);
	return 0;
}

/* How many are being served; -1 and *status: not known. */
static int64_t
ask_live(const char *path, const char *request, int64_t deadline,
    enum control_status *status)
{
	int64_t n = -1, limit = deadline_after(PATIENCE_MS);
	struct answer answer;
	char *end;

	*status = ask(path, request, limit < deadline ? limit : deadline,
	    &answer);
	if (*status != CONTROL_OK) {
		output_error("%s", answer.why);
	} else if (answer.status != CONTROL_OK || answer.out_length == 0) {
		*status = CONTROL_REFUSED;
	} else {
		end = memchr(answer.bytes, '\n', answer.out_length);
		if (end != NULL)
			*end = '\0';
		if (end == NULL ||
		    number_parse(answer.bytes, 0, INT64_MAX, &n) == -1)
			*status = CONTROL_REFUSED;
	}
	free(answer.bytes);
	return n;
}

enum control_status
order_wait(const struct order *order, const char *path, int64_t deadline)
{
	static char request[CONTROL_REQUEST_MAX + 1] = "live";
	int64_t end = deadline_after(order->wait_ms), live;
	int64_t least = deadline_after(order->at_least_ms);
	enum control_status status;

	if (add_listeners(order, request, sizeof(request) - 1) == -1)
		return CONTROL_USAGE;
	memcpy(request + strlen(request), "\n", 2);
	while ((live = ask_live(path, request, deadline, &status)) != -1 &&
	    (live > 0 || deadline_left(least) > 0) && deadline_left(end) > 0)
		(void)deadline_wait(deadline_after(LOOK_MS), -1, 0);
	if (live > 0)
		output_error("%lld still being served", (long long)live);
	return status;
}
