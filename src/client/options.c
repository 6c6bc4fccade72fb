/* The command line of forkgreet. */
#include "config.h"

#include "client/options.h"

#include <sys/un.h>

#include <getopt.h>
#include <limits.h>
#include <string.h>

#include "shared/arguments.h"
#include "shared/number.h"

#define DEFAULT_PORT 4444

/* Options that have no letter. */
enum {
	OPTION_CHECK = UCHAR_MAX + 1,
	OPTION_CRIT,
	OPTION_EXPECT,
	OPTION_JSON,
	OPTION_LOAD,
	OPTION_WARN
};

static const char help[] =
    "usage: forkgreet [-4|-6] [-j] [-p PORT] [-w SECONDS] [TARGET]\n"
    "       forkgreet --check [--expect REGEX] [--warn SECONDS]\n"
    "           [--crit SECONDS] [-4|-6] [-j] [-p PORT] [-w SECONDS] [TARGET]\n"
    "       forkgreet --load -n TOTAL -c AT_A_TIME [-4|-6] [-j] [-p PORT]\n"
    "           [-w SECONDS] [TARGET]\n"
    "TARGET: HOST [PORT] | HOST:PORT | unix:PATH | unix:@NAME\n"
    "Print the greeting of a server, by default of the one at 127.0.0.1:4444.\n"
    "\n"
    "  -4, -6         use only IPv4, only IPv6\n"
    "  -p PORT        TCP port (4444)\n"
    "  -w SECONDS     time limit for everything, 0.001 to 86400 (10)\n"
    "  -j, --json     print a JSON object\n"
    "  --check        monitoring plugin: one line, exit status 0, 1, 2 or 3\n"
    "  --expect REGEX a line of the greeting that must be there, with --check\n"
    "  --warn SECONDS slower is WARNING, with --check\n"
    "  --crit SECONDS slower is CRITICAL, with --check\n"
    "  --load         connect many times, print rates and times\n"
    "  -n TOTAL       connections, 1 to 1000000000, with --load\n"
    "  -c AT_A_TIME   of them, 1 to 30000, with --load\n"
    "  -h, --help     print this text\n"
    "  -V, --version  print the version\n"
    "\n"
    "exit status: 0 greeting received, 1 refused, 2 timed out, 3 reset or\n"
    "ended without a greeting, 4 name or address not found, 64 usage, 71 this\n"
    "system failed\n";

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

/* operand is "unix:PATH" or "unix:@NAME", of 107 bytes each; path points into it. */
static int
set_path(struct target *target, const char *operand, const char *path)
{
	const size_t max = sizeof(((struct sockaddr_un *)NULL)->sun_path) - 1;
	const bool is_name = *path == '@';

	if (target->family != AF_UNSPEC || target->port != 0)
		return arguments_error(
		    operand, "", "takes neither -4, -6 nor a port");
	if (path[is_name] == '\0' || strlen(path) > max + is_name)
		return arguments_error(operand, "", is_name ?
			"expected a name of 1 to 107 bytes" :
			"expected a path of 1 to 107 bytes");
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

/* [HOST [PORT] | HOST:PORT | unix:PATH | unix:@NAME] */
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
set_total(struct load *load, const char *text)
{
	int64_t total;

	if (number_parse(text, 1, LOAD_TOTAL_MAX, &total) == -1)
		return arguments_error(
		    "-n", text, "expected a number from 1 to 1000000000");
	load->total = (uint64_t)total;
	return 0;
}

static int
set_at(struct load *load, const char *text)
{
	int64_t at;

	if (number_parse(text, 1, LOAD_AT_MAX, &at) == -1)
		return arguments_error(
		    "-c", text, "expected a number from 1 to 30000");
	load->at = (unsigned)at;
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
	case 'j':
	case OPTION_JSON:
		options->json = true;
		return 0;
	case 'n':
		return set_total(&options->load, optarg);
	case 'c':
		return set_at(&options->load, optarg);
	case OPTION_LOAD:
		options->loads = true;
		return 0;
	case OPTION_CHECK:
		options->checks = true;
		return 0;
	case OPTION_EXPECT:
		options->check.expect = optarg;
		return 0;
	case OPTION_WARN:
		return arguments_seconds(
		    "--warn", optarg, &options->check.warn_ms);
	case OPTION_CRIT:
		return arguments_seconds(
		    "--crit", optarg, &options->check.crit_ms);
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
check_options(const struct options *options)
{
	const struct check *check = &options->check;

	if (!options->checks &&
	    (check->expect != NULL || check->warn_ms > 0 || check->crit_ms > 0))
		return arguments_error(
		    "--expect --warn --crit", "", "only with --check");
	if (check->crit_ms > 0 && check->warn_ms > check->crit_ms)
		return arguments_error(
		    "--warn", "", "expected at most the seconds of --crit");
	if (!options->loads && (options->load.total > 0 || options->load.at > 0))
		return arguments_error("-n -c", "", "only with --load");
	if (options->loads && options->checks)
		return arguments_error(
		    "--load --check", "", "expected one of them");
	if (options->loads &&
	    (options->load.total == 0 || options->load.at == 0))
		return arguments_error(
		    "--load", "", "needs -n TOTAL and -c AT_A_TIME");
	return 0;
}

int
options_parse(struct options *options, int argc, char **argv)
{
	static const struct option names[] = {
		{ "check", no_argument, NULL, OPTION_CHECK },
		{ "crit", required_argument, NULL, OPTION_CRIT },
		{ "expect", required_argument, NULL, OPTION_EXPECT },
		{ "help", no_argument, NULL, 'h' },
		{ "json", no_argument, NULL, OPTION_JSON },
		{ "load", no_argument, NULL, OPTION_LOAD },
		{ "version", no_argument, NULL, 'V' },
		{ "warn", required_argument, NULL, OPTION_WARN },
		{ NULL, 0, NULL, 0 },
	};
	int option;

	memset(options, 0, sizeof(*options));
	options->wait_ms = ARGUMENTS_WAIT_MS;
	while ((option = getopt_long(argc, argv, ":46c:hjn:p:Vw:", names, NULL)) !=
	    -1) {
		if (take_option(options, option, argv) == -1)
			return -1;
		if (options->print != NULL)
			return 0;
	}
	if (check_options(options) == -1)
		return -1;
	return take_operands(&options->target, argc - optind, argv + optind);
}
