/* forkgreet: prints the greeting of a server as it arrives. */
#include "config.h"

#include <sys/un.h>

#include <errno.h>
#include <getopt.h>
#include <string.h>
#include <unistd.h>

#include "client/connect.h"
#include "client/fetch.h"
#include "client/resolve.h"
#include "client/status.h"
#include "shared/arguments.h"
#include "shared/deadline.h"
#include "shared/number.h"
#include "shared/output.h"

#define DEFAULT_PORT 4444

static const char help[] =
    "usage: forkgreet [-4|-6] [-p PORT] [-w SECONDS] "
    "[HOST [PORT] | HOST:PORT | unix:PATH]\n"
    "Print the greeting of a server, by default of the one at 127.0.0.1:4444.\n"
    "\n"
    "  -4, -6         use only IPv4, only IPv6\n"
    "  -p PORT        TCP port (4444)\n"
    "  -w SECONDS     time limit for everything, 0.001 to 86400 (10)\n"
    "  -h, --help     print this text\n"
    "  -V, --version  print the version\n"
    "\n"
    "exit status: 0 greeting received, 1 refused, 2 timed out, 3 reset or\n"
    "ended without a greeting, 4 name or address not found, 64 usage, 71 this\n"
    "system failed\n";

/* What the command line asks for. */
struct options {
	struct target target;
	int64_t wait_ms;
	const char *print; /* if not NULL, print this text and nothing else */
};

static int
set_port(struct target *target, const char *text)
{
	int64_t port;

	if (number_parse(text, 1, UINT16_MAX, &port) == -1)
		return arguments_error(
		    "port", text, "expected a number from 1 to 65535");
	target->port = (uint16_t)port;
	return 0;
}

static int
set_family(struct target *target, int family)
{
	if (target->family != AF_UNSPEC && target->family != family)
		return arguments_error("-4 -6", "", "expected one of them");
	target->family = family;
	return 0;
}

/* operand is "unix:PATH"; path points into it. */
static int
set_path(struct target *target, const char *operand, const char *path)
{
	const size_t max = sizeof(((struct sockaddr_un *)NULL)->sun_path) - 1;

	if (target->family != AF_UNSPEC || target->port != 0)
		return arguments_error(
		    operand, "", "takes neither -4, -6 nor a port");
	if (*path == '\0' || strlen(path) > max)
		return arguments_error(
		    operand, "", "expected a path of 1 to 107 bytes");
	target->path = path;
	return 0;
}

/* Cuts ":PORT" off, in place. */
static int
take_port(struct target *target, char *colon)
{
	if (target->port != 0)
		return arguments_error("port", colon + 1, "given twice");
	*colon = '\0';
	return set_port(target, colon + 1);
}

/* "[ADDRESS]" or "[ADDRESS]:PORT", cut in place: brackets mean IPv6. */
static int
set_bracketed(struct target *target, char *host)
{
	char *end = strchr(host, ']');

	if (end == NULL)
		return arguments_error(host, "", "the ] is missing");
	if (end[1] != '\0' && end[1] != ':')
		return arguments_error(
		    host, "", "expected nothing or :PORT after the ]");
	if (end[1] == ':' && take_port(target, end + 1) == -1)
		return -1;
	*end = '\0';
	target->host = host + 1;
	target->numeric = true;
	if (target->family == AF_UNSPEC)
		target->family = AF_INET6;
	return 0;
}

/* Two colons or more are an IPv6 address, one stands before a port. */
static int
set_host(struct target *target, char *host)
{
	char *colon = strchr(host, ':');

	target->host = host;
	if (*host == '[') {
		if (set_bracketed(target, host) == -1)
			return -1;
	} else if (colon != NULL && colon == strrchr(host, ':')) {
		if (take_port(target, colon) == -1)
			return -1;
	}
	if (*target->host == '\0')
		return arguments_error("host", "", "empty");
	return 0;
}

/* [HOST [PORT] | HOST:PORT | unix:PATH] */
static int
take_operands(struct target *target, int count, char **operands)
{
	static const char prefix[] = "unix:";

	if (count > 2)
		return arguments_error(
		    operands[2], "", "one argument too many");
	if (count == 2) {
		if (target->port != 0)
			return arguments_error(
			    "port", operands[1], "given twice");
		if (set_port(target, operands[1]) == -1)
			return -1;
	}
	if (count == 0)
		target->host = target->family == AF_INET6 ? "::1" : "127.0.0.1";
	else if (strncmp(operands[0], prefix, strlen(prefix)) == 0)
		return set_path(
		    target, operands[0], operands[0] + strlen(prefix));
	else if (set_host(target, operands[0]) == -1)
		return -1;
	if (target->port == 0)
		target->port = DEFAULT_PORT;
	return 0;
}

static int
take_option(struct options *options, int option, char **argv)
{
	switch (option) {
	case '4':
		return set_family(&options->target, AF_INET);
	case '6':
		return set_family(&options->target, AF_INET6);
	case 'p':
		return set_port(&options->target, optarg);
	case 'w':
		return arguments_wait(optarg, &options->wait_ms);
	case 'h':
		options->print = help;
		return 0;
	case 'V':
		options->print = "forkgreet " PACKAGE_VERSION "\n";
		return 0;
	default:
		return arguments_option_error(argv, option);
	}
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

	memset(options, 0, sizeof(*options));
	options->wait_ms = ARGUMENTS_WAIT_MS;
	while ((option = getopt_long(argc, argv, ":46hp:Vw:", names, NULL)) !=
	    -1) {
		if (take_option(options, option, argv) == -1)
			return -1;
		if (options->print != NULL)
			return 0;
	}
	return take_operands(&options->target, argc - optind, argv + optind);
}

static enum status
print_text(const char *text, int64_t deadline)
{
	int error;

	if (output_write(STDOUT_FILENO, text, strlen(text), deadline) == 0 &&
	    close(STDOUT_FILENO) == 0)
		return STATUS_OK;
	error = errno;
	output_error("write standard output: %s", connect_why(error));
	return error == ETIMEDOUT ? STATUS_TIMEOUT : STATUS_SYSTEM;
}

int
main(int argc, char **argv)
{
	struct options options;
	struct peers peers;
	enum status status;
	int64_t deadline = deadline_after(ARGUMENTS_WAIT_MS);

	deadline_interrupt(deadline);
	if (output_prepare() == -1) {
		output_error("open /dev/null: %s", strerror(errno));
		return STATUS_SYSTEM;
	}
	if (options_parse(&options, argc, argv) == -1)
		return STATUS_USAGE;
	deadline = deadline_after(options.wait_ms);
	deadline_interrupt(deadline);
	if (options.print != NULL)
		return print_text(options.print, deadline);
	status = resolve_target(&options.target, deadline, &peers);
	if (status != STATUS_OK)
		return status;
	return fetch_greeting(&options.target, &peers, deadline);
}
