/* forkgreetctl: control the running daemon. */
#include "config.h"

#include <errno.h>
#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ctl/ask.h"
#include "ctl/order.h"
#include "ctl/show.h"
#include "shared/arguments.h"
#include "shared/control.h"
#include "shared/deadline.h"
#include "shared/output.h"

static const char help[] =
    "usage: forkgreetctl [-j] [-s SOCKET] [-w SECONDS] status | reload\n"
    "       forkgreetctl [-s SOCKET] [-w SECONDS] metrics\n"
    "       forkgreetctl [-s SOCKET] [-w SECONDS] ready | drain | maintenance\n"
    "           [--until TIME] [--reason TEXT] [--wait SECONDS] [LISTENER...]\n"
    "Control the running forkgreetd.\n"
    "\n"
    "  status         what it serves, to how many, what it has counted\n"
    "  reload         reload its configuration, and wait until that is done\n"
    "  metrics        all that it counts, in Prometheus' text format\n"
    "  ready          serve as usual: all listeners, or those named\n"
    "  drain          say that no new clients are wanted\n"
    "  maintenance    say that it is under maintenance\n"
    "  --until TIME   for so long: 2026-11-25T22:00:00Z, 22:00 or +2h\n"
    "  --reason TEXT  why, for status and the log\n"
    "  --wait SECONDS return when nobody is being served, at the latest then\n"
    "  -j             print a JSON object\n"
    "  -s SOCKET      its control_socket (" CONTROL_PATH_DEFAULT ")\n"
    "  -w SECONDS     time limit for everything, 0.001 to 86400 (10)\n"
    "  -h, --help     print this text\n"
    "  -V, --version  print the version\n"
    "\n"
    "exit status: 0 done, 1 the daemon refused, 64 usage, 69 no daemon there,\n"
    "71 this system failed, 75 no answer in time, 77 not allowed, 78 the\n"
    "configuration is wrong\n";

/* What the command line asks for. */
struct options {
	const char *verb;
	const char *path;
	int64_t wait_ms;
	bool json;
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
	case ORDER_UNTIL:
	case ORDER_REASON:
	case ORDER_WAIT:
		return order_take(&options->order, option, optarg);
	default:
		return arguments_option_error(argv, option);
	}
}

/* The first operand, and listeners behind an order. */
static int
take_operands(struct options *options, int count, char **operands)
{
	if (count == 0)
		return arguments_error("verb", "", "missing");
	options->verb = operands[0];
	if (order_is_verb(options->verb)) {
		options->order.listeners = operands + 1;
		return 0;
	}
	if (strcmp(options->verb, "status") != 0 &&
	    strcmp(options->verb, "reload") != 0 &&
	    strcmp(options->verb, "metrics") != 0)
		return arguments_error(operands[0], "", "no such verb");
	if (options->json && strcmp(options->verb, "metrics") == 0)
		return arguments_error(
		    options->verb, "", "does not take -j");
	if (count > 1)
		return arguments_error(
		    operands[1], "", "one argument too many");
	if (order_is_given(&options->order))
		return arguments_error(options->verb, "",
		    "does not take --until, --reason or --wait");
	return 0;
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

static enum control_status
run(const struct options *options, int64_t deadline)
{
	static char request[CONTROL_REQUEST_MAX + 1];
	enum control_status status;

	if (!order_is_verb(options->verb)) {
		snprintf(request, sizeof(request), "%s%s\n", options->verb,
		    options->json ? " json" : "");
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
