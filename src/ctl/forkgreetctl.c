/* forkgreetctl: ask the running daemon. */
#include "config.h"

#include <err.h>
#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ctl/ask.h"
#include "shared/control.h"
#include "shared/number.h"

#define DEFAULT_WAIT_MS 10000
#define WAIT_MS_MIN 1
#define WAIT_MS_MAX 86400000 /* a day: longer is a slip of the hand */

static const char help[] =
    "usage: forkgreetctl [-j] [-s SOCKET] [-w SECONDS] status | reload\n"
    "Ask the running forkgreetd.\n"
    "\n"
    "  status         what it serves, to how many, what it has counted\n"
    "  reload         have it reload its configuration, and wait for that\n"
    "  -j             print JSON\n"
    "  -s SOCKET      its control_socket (" CONTROL_PATH_DEFAULT ")\n"
    "  -w SECONDS     give up after so long, 0.001 to 86400 (10)\n"
    "  -h, --help     print this text\n"
    "  -V, --version  print the version\n"
    "\n"
    "exit status: 0 done, 1 the daemon refused, 64 usage, 69 no daemon there,\n"
    "71 system error, 75 no answer in time, 77 not allowed, 78 the\n"
    "configuration is wrong\n";

static const char *const verbs[] = { "status", "reload" };

/* What the command line asks for. */
struct options {
	const char *verb;
	const char *path;
	int64_t wait_ms;
	bool json;
	const char *print; /* print this text and nothing else, unless NULL */
};

/* Prints one line; value may be "".  Returns -1. */
static int
usage_error(const char *what, const char *value, const char *why)
{
	warnx("%s%s%s: %s (see forkgreetctl --help)", what,
	    *value == '\0' ? "" : " ", value, why);
	return -1;
}

static int
set_path(struct options *options, const char *path)
{
	if (*path == '\0' || strlen(path) > CONTROL_PATH_MAX)
		return usage_error(
		    "-s", path, "the path must have 1 to 107 bytes");
	options->path = path;
	return 0;
}

static int
set_wait(struct options *options, const char *text)
{
	if (number_parse_seconds(
		text, WAIT_MS_MIN, WAIT_MS_MAX, &options->wait_ms) == -1)
		return usage_error(
		    "-w", text, "not seconds from 0.001 to 86400");
	return 0;
}

/* getopt_long() knows the short option that was wrong, but of a long one only
 * where it stood. */
static int
option_error(char **argv, const char *why)
{
	const char shown[] = { '-', (char)optopt, '\0' };
	const char *last = argv[optind - 1];

	return usage_error(strncmp(last, "--", 2) == 0 ? last : shown, "", why);
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
		return set_wait(options, optarg);
	case 'h':
		options->print = help;
		return 0;
	case 'V':
		options->print = "forkgreetctl " PACKAGE_VERSION "\n";
		return 0;
	case ':':
		return option_error(argv, "needs a value");
	default:
		return option_error(argv,
		    optopt == 'h' || optopt == 'V' ? "takes no value"
						   : "no such option");
	}
}

static int
take_verb(struct options *options, int count, char **operands)
{
	size_t i;

	if (count == 0)
		return usage_error("verb", "", "missing");
	if (count > 1)
		return usage_error(operands[1], "", "one argument too many");
	for (i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++)
		if (strcmp(operands[0], verbs[i]) == 0)
			options->verb = verbs[i];
	if (options->verb == NULL)
		return usage_error(operands[0], "", "no such verb");
	return 0;
}

static int
options_parse(struct options *options, int argc, char **argv)
{
	static const struct option names[] = {
		{ "help", no_argument, NULL, 'h' },
		{ "version", no_argument, NULL, 'V' },
		{ NULL, 0, NULL, 0 },
	};
	int option;

	*options = (struct options){ .path = CONTROL_PATH_DEFAULT,
		.wait_ms = DEFAULT_WAIT_MS };
	while (
	    (option = getopt_long(argc, argv, ":hjs:Vw:", names, NULL)) != -1) {
		if (take_option(options, option, argv) == -1)
			return -1;
		if (options->print != NULL)
			return 0;
	}
	return take_verb(options, argc - optind, argv + optind);
}

/* Returns 0, or -1 when not all of it was written, which has been said. */
static int
print_bytes(FILE *to, const char *bytes, size_t length)
{
	if (fwrite(bytes, 1, length, to) == length && fflush(to) == 0)
		return 0;
	warn("write standard %s", to == stdout ? "output" : "error");
	return -1;
}

static enum control_status
print_answer(const struct answer *answer)
{
	if (print_bytes(stderr, answer->bytes + answer->out_length,
		answer->err_length) == -1 ||
	    print_bytes(stdout, answer->bytes, answer->out_length) == -1)
		return CONTROL_SYSTEM;
	return answer->status;
}

/*
 * Takes descriptors 0 to 2 when they are closed: otherwise the connection could
 * become "standard output".  Not for writing, so that nothing is lost in
 * silence.
 */
static int
take_standard_fds(void)
{
	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) {
		if (fcntl(fd, F_GETFD) == -1 &&
		    open("/dev/null", O_RDONLY) != fd)
			return -1;
	}
	return 0;
}

int
main(int argc, char **argv)
{
	char request[CONTROL_REQUEST_MAX];
	struct options options;
	struct answer answer;
	enum control_status status;

	if (take_standard_fds() == -1) {
		warn("open /dev/null");
		return CONTROL_SYSTEM;
	}
	signal(SIGPIPE, SIG_IGN);
	if (options_parse(&options, argc, argv) == -1)
		return CONTROL_USAGE;
	if (options.print != NULL)
		return print_bytes(
			   stdout, options.print, strlen(options.print)) == -1
		    ? CONTROL_SYSTEM
		    : CONTROL_OK;
	snprintf(request, sizeof(request), "%s%s\n", options.verb,
	    options.json ? " json" : "");
	status = ask(options.path, request, options.wait_ms, &answer);
	if (status == CONTROL_OK)
		status = print_answer(&answer);
	free(answer.bytes);
	return (int)status;
}
