/* The client: print the greeting of a server as it comes. */
#include "config.h"

#include <sys/un.h>

#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "shared/deadline.h"
#include "client/fetch.h"
#include "client/resolve.h"
#include "client/status.h"
#include "shared/number.h"

#define DEFAULT_PORT 4444
#define DEFAULT_WAIT_MS 10000
#define WAIT_MS_MIN 1 /* poll(2) counts milliseconds */
#define WAIT_MS_MAX 86400000 /* a day: longer is a slip of the hand */

static const char help[] =
    "usage: forkgreet [-4|-6] [-p PORT] [-w SECONDS] "
    "[HOST [PORT] | unix:PATH]\n"
    "Print the greeting of a server, by default the one at 127.0.0.1 4444.\n"
    "\n"
    "  -4, -6         use only IPv4, only IPv6\n"
    "  -p PORT        TCP port (4444)\n"
    "  -w SECONDS     give up after so long in all, 0.001 to 86400 (10)\n"
    "  -h, --help     print this text\n"
    "  -V, --version  print the version\n"
    "\n"
    "exit status: 0 greeting received, 1 refused, 2 timed out, 3 reset or\n"
    "ended without a greeting, 4 name or address not found, 64 usage, 71\n"
    "system error\n";

/* What the command line asks for. */
struct options {
	struct target target;
	int64_t wait_ms;
	const char *print; /* print this text and nothing else, unless NULL */
};

/* Prints one line; value may be "".  Returns -1. */
static int
usage_error(const char *what, const char *value, const char *why)
{
	warnx("%s%s%s: %s (see forkgreet --help)", what,
	    *value == '\0' ? "" : " ", value, why);
	return -1;
}

static int
set_port(struct target *target, const char *text)
{
	int64_t port;

	if (number_parse(text, 1, UINT16_MAX, &port) == -1)
		return usage_error(
		    "port", text, "not a number from 1 to 65535");
	target->port = (uint16_t)port;
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

static int
set_family(struct target *target, int family)
{
	if (target->family != AF_UNSPEC && target->family != family)
		return usage_error("-4 -6", "", "one at most");
	target->family = family;
	return 0;
}

/* operand is "unix:" and path, which points into it. */
static int
set_path(struct target *target, const char *operand, const char *path)
{
	const size_t max = sizeof(((struct sockaddr_un *)NULL)->sun_path) - 1;

	if (target->family != AF_UNSPEC || target->port != 0)
		return usage_error(
		    operand, "", "takes neither -4, -6 nor a port");
	if (*path == '\0' || strlen(path) > max)
		return usage_error(
		    operand, "", "the path must have 1 to 107 bytes");
	target->path = path;
	return 0;
}

/* Brackets mean an IPv6 address; they are cut off in place. */
static int
set_host(struct target *target, char *host)
{
	size_t length = strlen(host);

	if (length >= 2 && *host == '[' && host[length - 1] == ']') {
		host[length - 1] = '\0';
		host++;
		target->numeric = true;
		if (target->family == AF_UNSPEC)
			target->family = AF_INET6;
	}
	if (*host == '\0')
		return usage_error("host", "", "empty");
	target->host = host;
	return 0;
}

/* [HOST [PORT] | unix:PATH] */
static int
take_operands(struct target *target, int count, char **operands)
{
	static const char prefix[] = "unix:";

	if (count > 2)
		return usage_error(operands[2], "", "one argument too many");
	if (count == 2) {
		if (target->port != 0)
			return usage_error("port", operands[1], "given twice");
		if (set_port(target, operands[1]) == -1)
			return -1;
	}
	if (count > 0 && strncmp(operands[0], prefix, strlen(prefix)) == 0)
		return set_path(
		    target, operands[0], operands[0] + strlen(prefix));
	if (target->port == 0)
		target->port = DEFAULT_PORT;
	if (count > 0)
		return set_host(target, operands[0]);
	target->host = target->family == AF_INET6 ? "::1" : "127.0.0.1";
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
	case '4':
		return set_family(&options->target, AF_INET);
	case '6':
		return set_family(&options->target, AF_INET6);
	case 'p':
		return set_port(&options->target, optarg);
	case 'w':
		return set_wait(options, optarg);
	case 'h':
		options->print = help;
		return 0;
	case 'V':
		options->print = "forkgreet " PACKAGE_VERSION "\n";
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
options_parse(struct options *options, int argc, char **argv)
{
	static const struct option names[] = {
		{ "help", no_argument, NULL, 'h' },
		{ "version", no_argument, NULL, 'V' },
		{ NULL, 0, NULL, 0 },
	};
	int option;

	memset(options, 0, sizeof(*options));
	options->wait_ms = DEFAULT_WAIT_MS;
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
print_text(const char *text)
{
	if (fputs(text, stdout) == EOF || fclose(stdout) == EOF) {
		warn("write standard output");
		return STATUS_SYSTEM;
	}
	return STATUS_OK;
}

/*
 * Takes descriptors 0 to 2 when they are closed: otherwise the connection could
 * become "standard output" or "standard error", and get our own output.  Not
 * for writing, so that the greeting is not lost in silence.
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
	struct options options;
	struct peers peers;
	enum status status;
	int64_t deadline;

	if (take_standard_fds() == -1) {
		warn("open /dev/null");
		return STATUS_SYSTEM;
	}
	signal(SIGPIPE, SIG_IGN);
	if (options_parse(&options, argc, argv) == -1)
		return STATUS_USAGE;
	if (options.print != NULL)
		return print_text(options.print);
	deadline = deadline_after(options.wait_ms);
	status = resolve_target(&options.target, deadline, &peers);
	if (status != STATUS_OK)
		return status;
	return fetch_greeting(&options.target, &peers, deadline);
}
