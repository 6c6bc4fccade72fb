/* forkgreet-feed: runs a command at intervals and writes its verdict and its
 * output to files. */
#include "config.h"

#include <sys/prctl.h>

#include <errno.h>
#include <getopt.h>
#include <string.h>
#include <unistd.h>

#include "feed/events.h"
#include "feed/loop.h"
#include "feed/notify.h"
#include "feed/replace.h"
#include "feed/say.h"
#include "shared/arguments.h"
#include "shared/deadline.h"
#include "shared/output.h"

#define INTERVAL_MS 2000
#define LIMIT_MS 5000

enum status {
	STATUS_OK = 0,
	STATUS_USAGE = 64, /* EX_USAGE of sysexits.h */
	STATUS_SYSTEM = 71, /* EX_OSERR */
	STATUS_NOT_ALLOWED = 77, /* EX_NOPERM */
	STATUS_WRONG_FILE = 78 /* EX_CONFIG */
};

static const char help[] =
    "usage: forkgreet-feed [-1] [-i SECONDS] [-o FILE] [-s FILE] [-w SECONDS]\n"
    "                      COMMAND [ARG...]\n"
    "Run a command at intervals, and write its verdict and output to files.\n"
    "\n"
    "  -1             run it once, and exit with its status\n"
    "  -i SECONDS     from start to start, 0.001 to 86400 (2)\n"
    "  -o FILE        greeting: the output of a run that ends with status 0\n"
    "  -s FILE        health: up, or what it says of that, or down and why\n"
    "  -w SECONDS     time limit for a run, 0.001 to 86400 (5)\n"
    "  -h, --help     print this text\n"
    "  -V, --version  print the version\n"
    "\n"
    "exit status: 0 ended by a signal, 64 usage, 71 this system failed, 77 no\n"
    "right to write there, 78 a file cannot be there; with -1 that of the\n"
    "command, 124 time limit, 126 or 127 cannot be started, 128 and the\n"
    "number of the signal that ended it\n";

/* What the command line asks for. */
struct options {
	struct feed feed;
	const char *print; /* if not NULL, print this text and nothing else */
};

static int
set_path(const char *option, const char *path, const char **file)
{
	size_t length = strlen(path);

	if (length == 0 || path[length - 1] == '/')
		return arguments_error(option, path, "expected a file");
	*file = path;
	return 0;
}

static int
take_option(struct options *options, int option, char **argv)
{
	switch (option) {
	case '1':
		options->feed.once = true;
		return 0;
	case 'i':
		return arguments_seconds(
		    "-i", optarg, &options->feed.interval_ms);
	case 'o':
		return set_path("-o", optarg, &options->feed.output);
	case 's':
		return set_path("-s", optarg, &options->feed.health);
	case 'w':
		return arguments_seconds("-w", optarg, &options->feed.limit_ms);
	case 'h':
		options->print = help;
		return 0;
	case 'V':
		options->print = "forkgreet-feed " PACKAGE_VERSION "\n";
		return 0;
	default:
		return arguments_option_error(argv, option);
	}
}

static int
take_command(struct feed *feed, char **operands)
{
	if (operands[0] == NULL)
		return arguments_error("COMMAND", "", "missing");
	if (operands[0][0] == '\0')
		return arguments_error("COMMAND", "", "empty");
	if (feed->output != NULL && feed->health != NULL &&
	    strcmp(feed->output, feed->health) == 0)
		return arguments_error(
		    "-o -s", feed->health, "expected two files");
	feed->command = operands;
	return 0;
}

/* Options end at the command: what follows is its own. */
static int
options_parse(struct options *options, int argc, char **argv)
{
	static const struct option names[] = {
		{ "help", no_argument, NULL, 'h' },
		{ "version", no_argument, NULL, 'V' },
		{ NULL, 0, NULL, 0 },
	};
	int option;

	*options = (struct options){ .feed = { .interval_ms = INTERVAL_MS,
		.limit_ms = LIMIT_MS } };
	while ((option = getopt_long(
		    argc, argv, "+:1hi:o:s:Vw:", names, NULL)) != -1) {
		if (take_option(options, option, argv) == -1)
			return -1;
		if (options->print != NULL)
			return 0;
	}
	return take_command(&options->feed, argv + optind);
}

static enum status
print_text(const char *text, int64_t deadline)
{
	if (output_write(STDOUT_FILENO, text, strlen(text), deadline) == 0 &&
	    close(STDOUT_FILENO) == 0)
		return STATUS_OK;
	output_error("write standard output: %s",
	    errno == ETIMEDOUT ? "timed out" : strerror(errno));
	return STATUS_SYSTEM;
}

/* What is wrong with the file's place; a full disk is not found here. */
static enum status
prepare(const char *path)
{
	int error;

	if (path == NULL || replace_prepare(path) == 0)
		return STATUS_OK;
	error = errno;
	say("%s: %s", path,
	    error == EINVAL ? "is no regular file" : strerror(error));
	switch (error) {
	case EACCES:
	case EPERM:
	case EROFS:
		return STATUS_NOT_ALLOWED;
	case EINVAL:
	case ELOOP:
	case ENAMETOOLONG:
	case ENOENT:
	case ENOTDIR:
		return STATUS_WRONG_FILE;
	default:
		return STATUS_SYSTEM;
	}
}

static int
run(const struct feed *feed)
{
	enum status status = prepare(feed->output);

	if (status == STATUS_OK)
		status = prepare(feed->health);
	if (status != STATUS_OK)
		return status;
	/* Processes that leave their group come to us, and are found. */
	if (prctl(PR_SET_CHILD_SUBREAPER, 1) == -1 || events_init() == -1) {
		say("signals: %s", strerror(errno));
		return STATUS_SYSTEM;
	}
	notify_init();
	return loop_run(feed);
}

int
main(int argc, char **argv)
{
	struct options options;
	int64_t deadline = deadline_after(ARGUMENTS_WAIT_MS);

	deadline_interrupt(deadline);
	if (output_prepare() == -1) {
		output_error("open /dev/null: %s", strerror(errno));
		return STATUS_SYSTEM;
	}
	if (options_parse(&options, argc, argv) == -1)
		return STATUS_USAGE;
	if (options.print != NULL)
		return (int)print_text(options.print, deadline);
	say_calm();
	return run(&options.feed);
}
