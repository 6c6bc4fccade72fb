/* forkgreetctl: control the running daemon. */
#include "config.h"

#include <errno.h>
#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ctl/order.h"
#include "ctl/show.h"
#include "ctl/top.h"
#include "shared/arguments.h"
#include "shared/ask.h"
#include "shared/control.h"
#include "shared/deadline.h"
#include "shared/output.h"

#define VALUE_MAX 200 /* bytes: no name or network is longer */
#define EXPECTED(what) "expected " what " without blanks, of 1 to 200 bytes"

static const char help[] =
    "usage: forkgreetctl [-j] [-s SOCKET] [-w SECONDS] status | reload | upgrade\n"
    "       forkgreetctl [-j] [-s SOCKET] [-w SECONDS] clients [--listener NAME]\n"
    "           [--source NETWORK]\n"
    "       forkgreetctl [-s SOCKET] [-w SECONDS] top\n"
    "       forkgreetctl [-j] [-s SOCKET] [-w SECONDS] log-level LEVEL\n"
    "       forkgreetctl [-s SOCKET] [-w SECONDS] metrics\n"
    "       forkgreetctl [-s SOCKET] [-w SECONDS] ready | drain | maintenance\n"
    "           [--until TIME] [--reason TEXT] [--wait SECONDS\n"
    "           [--at-least SECONDS]] [LISTENER...]\n"
    "Control the running forkgreetd.\n"
    "\n"
    "  status         what it serves, to how many, what it has counted\n"
    "  reload         reload its configuration, and wait until that is done\n"
    "  upgrade        go on as the program that is installed now, with all clients\n"
    "  clients        its clients, one a line\n"
    "  top            a live view, once a second; q ends it\n"
    "  log-level      log error, warning, notice, info or debug, until the next\n"
    "                 reload or restart\n"
    "  metrics        all that it counts, in Prometheus' text format\n"
    "  ready          serve as usual: all listeners, or those named\n"
    "  drain          say that no new clients are wanted\n"
    "  maintenance    say that it is under maintenance\n"
    "  --until TIME   for so long: 2026-11-25T22:00:00Z, 22:00 or +2h\n"
    "  --reason TEXT  why, for status and the log\n"
    "  --wait SECONDS return when nobody is being served, at the latest then\n"
    "  --at-least SECONDS  not before, for those who have not heard of it yet\n"
    "  --listener NAME  only clients of this listener\n"
    "  --source NETWORK only clients from there: 192.0.2.0/24, 2001:db8::1,\n"
    "                   uid:1000\n"
    "  -j             print a JSON object\n"
    "  -s SOCKET      its control_socket (" CONTROL_PATH_DEFAULT ")\n"
    "  -w SECONDS     time limit for everything, 0.001 to 86400 (10)\n"
    "  -h, --help     print this text\n"
    "  -V, --version  print the version\n"
    "\n"
    "exit status: 0 done, 1 the daemon refused, 64 usage, 69 no daemon there,\n"
    "71 this system failed, 75 no answer in time, 77 not allowed, 78 the\n"
    "configuration is wrong\n";

/* Long options without a letter, behind those of order.h. */
enum { OPTION_LISTENER = ORDER_AT_LEAST + 1, OPTION_SOURCE };

/* What the command line asks for. */
struct options {
	const char *verb;
	const char *path;
	int64_t wait_ms;
	bool json;
	const char *listener, *source, *level; /* NULL: none */
	struct order order; /* of ready, drain and maintenance */
	const char *print; /* if not NULL, print this text and nothing else */
};

static int
set_path(struct options *options, const char *path)
{
	if (*path == '\0' || strlen(path) > CONTROL_PATH_MAX)
		return arguments_error(
		    "-s", path, "expected a path of 1 to 107 bytes");
	options->path = path;
	return 0;
}

static int
take_option(struct options *options, int option, char **argv)
{
	switch (option) {
	case 'j':
		options->json = true;
		return 0;
	case 's':
		return set_path(options, optarg);
	case 'w':
		return arguments_wait(optarg, &options->wait_ms);
	case 'h':
		options->print = help;
		return 0;
	case 'V':
		options->print = "forkgreetctl " PACKAGE_VERSION "\n";
		return 0;
	case OPTION_LISTENER:
		options->listener = optarg;
		return 0;
	case OPTION_SOURCE:
		options->source = optarg;
		return 0;
	case ORDER_UNTIL:
	case ORDER_REASON:
	case ORDER_WAIT:
	case ORDER_AT_LEAST:
		return order_take(&options->order, option, optarg);
	default:
		return arguments_option_error(argv, option);
	}
}

/* Those that are no order, order.h. */
static const struct verb {
	const char *name;
	int operands;
	bool has_json;
	bool has_filter; /* --listener, --source */
} verbs[] = {
	{ "status", 0, true, false },
	{ "reload", 0, true, false },
	{ "upgrade", 0, true, false },
	{ "clients", 0, true, true },
	{ "top", 0, false, false },
	{ "metrics", 0, false, false },
	{ "log-level", 1, true, false },
};

static const struct verb *
verb_find(const char *name)
{
	for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++)
		if (strcmp(name, verbs[i].name) == 0)
			return &verbs[i];
	return NULL;
}

static int
check_filter(const struct options *options)
{
	if (options->listener == NULL && options->source == NULL)
		return 0;
	return arguments_error(
	    options->verb, "", "does not take --listener or --source");
}

static int
check_options(const struct options *options, const struct verb *verb)
{
	if (order_is_given(&options->order))
		return arguments_error(options->verb, "",
		    "does not take --until, --reason, --wait or "
		    "--at-least");
	if (options->json && !verb->has_json)
		return arguments_error(options->verb, "", "does not take -j");
	return verb->has_filter ? 0 : check_filter(options);
}

/* The first operand, and listeners behind an order. */
static int
take_operands(struct options *options, int count, char **operands)
{
	const struct verb *verb;

	if (count == 0)
		return arguments_error("verb", "", "missing");
	options->verb = operands[0];
	if (order_is_verb(options->verb)) {
		options->order.listeners = operands + 1;
		return order_check(&options->order) == -1 ?
		    -1 : check_filter(options);
	}
	verb = verb_find(options->verb);
	if (verb == NULL)
		return arguments_error(operands[0], "", "no such verb");
	if (count > 1 + verb->operands)
		return arguments_error(operands[1 + verb->operands], "",
		    "one argument too many");
	if (count < 1 + verb->operands)
		return arguments_error(operands[0], "",
		    "expected error, warning, notice, info or debug");
	if (verb->operands == 1)
		options->level = operands[1];
	return check_options(options, verb);
}

static int
options_parse(struct options *options, int argc, char **argv)
{
	static const struct option names[] = {
		{ "help", no_argument, NULL, 'h' },
		{ "version", no_argument, NULL, 'V' },
		{ "until", required_argument, NULL, ORDER_UNTIL },
		{ "reason", required_argument, NULL, ORDER_REASON },
		{ "wait", required_argument, NULL, ORDER_WAIT },
		{ "at-least", required_argument, NULL, ORDER_AT_LEAST },
		{ "listener", required_argument, NULL, OPTION_LISTENER },
		{ "source", required_argument, NULL, OPTION_SOURCE },
		{ NULL, 0, NULL, 0 },
	};
	int option;

	*options = (struct options){ .path = CONTROL_PATH_DEFAULT,
		.wait_ms = ARGUMENTS_WAIT_MS };
	while (
	    (option = getopt_long(argc, argv, ":hjs:Vw:", names, NULL)) != -1) {
		if (take_option(options, option, argv) == -1)
			return -1;
		if (options->print != NULL)
			return 0;
	}
	return take_operands(options, argc - optind, argv + optind);
}

/* What an errno of writing to standard output or standard error means. */
static enum control_status
output_failed(const char *name)
{
	int error = errno;

	output_error("write standard %s: %s", name,
	    error == ETIMEDOUT ? "timed out" : strerror(error));
	return error == ETIMEDOUT ? CONTROL_TIMEOUT : CONTROL_SYSTEM;
}

static enum control_status
print_text(const char *text, int64_t deadline)
{
	if (output_write(STDOUT_FILENO, text, strlen(text), deadline) == -1 ||
	    close(STDOUT_FILENO) == -1)
		return output_failed("output");
	return CONTROL_OK;
}

/* There is no answer: status says of what kind that is. */
static enum control_status
print_failure(const struct options *options, enum control_status status,
    const char *why, int64_t deadline)
{
	output_error("%s", why);
	if (options->json && show_json_failed(why, strlen(why), deadline) == -1)
		return output_failed("output");
	return status;
}

/* No byte of it reaches a terminal raw: who knows whose socket that was. */
static int
print_out(const struct options *options, const struct answer *answer,
    int64_t deadline)
{
	const char *out = answer->bytes, *err = out + answer->out_length;

	if (!options->json)
		return output_text(
		    STDOUT_FILENO, out, answer->out_length, "\n", deadline);
	if (answer->out_length == 0 && answer->status != CONTROL_OK)
		return show_json_failed(err, answer->err_length, deadline);
	return show_json(out, answer->out_length, deadline);
}

static enum control_status
print_answer(const struct options *options, const struct answer *answer,
    int64_t deadline)
{
	if (answer->status != CONTROL_OK && answer->err_length == 0)
		output_error("%s: failed without a reason", options->path);
	if (output_text(STDERR_FILENO, answer->bytes + answer->out_length,
		answer->err_length, "\n", deadline) == -1)
		return output_failed("error");
	if (print_out(options, answer, deadline) == -1 ||
	    close(STDOUT_FILENO) == -1)
		return output_failed("output");
	return answer->status;
}

/* Asks once. */
static enum control_status
request_run(
    const struct options *options, const char *request, int64_t deadline)
{
	struct answer answer;
	enum control_status status =
	    ask(options->path, request, deadline, &answer);

	if (status == CONTROL_OK && answer.status == CONTROL_OK &&
	    !options->json && order_show(&options->order, deadline) == -1)
		status = output_failed("output");
	else if (status == CONTROL_OK)
		status = print_answer(options, &answer, deadline);
	else
		status = print_failure(options, status, answer.why, deadline);
	free(answer.bytes);
	return status;
}

/* Adds " NAME=VALUE", if there is one.  Returns 0; or prints one line, with what was
 * given and what was expected, and returns -1. */
static int
request_add(char *request, size_t size, const char *name, const char *value,
    const char *given, const char *expected)
{
	size_t used = strlen(request);

	if (value == NULL)
		return 0;
	if (*value == '\0' || strlen(value) > VALUE_MAX ||
	    strpbrk(value, " \t\n\r") != NULL)
		return arguments_error(given, "", expected);
	snprintf(request + used, size - used, " %s=%s", name, value);
	return 0;
}

/* The request of a verb that is no order. */
static int
request_make(const struct options *options, char *request, size_t size)
{
	snprintf(request, size, "%s%s", options->verb,
	    options->json ? " json" : "");
	if (request_add(request, size, "listener", options->listener,
		"clients: --listener", EXPECTED("a name")) == -1 ||
	    request_add(request, size, "source", options->source,
		"clients: --source", EXPECTED("a network")) == -1 ||
	    request_add(request, size, "level", options->level,
		"log-level", EXPECTED("a level")) == -1)
		return -1;
	strncat(request, "\n", size - strlen(request) - 1);
	return 0;
}

static enum control_status
run(const struct options *options, int64_t deadline)
{
	static char request[CONTROL_REQUEST_MAX + 1];
	enum control_status status;

	if (strcmp(options->verb, "top") == 0)
		return top_run(options->path, options->wait_ms);
	if (!order_is_verb(options->verb)) {
		if (request_make(options, request, sizeof(request)) == -1)
			return CONTROL_USAGE;
		return request_run(options, request, deadline);
	}
	if (order_request(&options->order, options->verb, options->json,
		request, sizeof(request)) == -1)
		return CONTROL_USAGE;
	status = request_run(options, request, deadline);
	if (status == CONTROL_OK && options->order.wait_ms > 0)
		status = order_wait(
		    &options->order, options->path, deadline);
	return status;
}

int
main(int argc, char **argv)
{
	struct options options;
	int64_t deadline = deadline_after(ARGUMENTS_WAIT_MS);

	deadline_interrupt(deadline);
	if (output_prepare() == -1) {
		output_error("open /dev/null: %s", strerror(errno));
		return CONTROL_SYSTEM;
	}
	if (options_parse(&options, argc, argv) == -1)
		return CONTROL_USAGE;
	deadline = deadline_after(options.wait_ms + options.order.wait_ms);
	deadline_interrupt(deadline);
	if (options.print != NULL)
		return (int)print_text(options.print, deadline);
	return (int)run(&options, deadline);
}
