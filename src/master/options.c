/* The command line of forkgreetd. */
#include "config.h"

#include "master/options.h"

#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "master/generations/filter.h"
#include "master/system/log.h"
#include "shared/landlock.h"

#define DEFAULT_PATH SYSCONFDIR "/forkgreet.conf"

static const struct option long_options[] = {
	{ "config", required_argument, NULL, 'c' },
	{ "foreground", no_argument, NULL, 'f' },
	{ "test", no_argument, NULL, 't' },
	{ "dump", no_argument, NULL, 'T' },
	{ "explain", required_argument, NULL, 'E' },
	{ "version", no_argument, NULL, 'V' },
	{ "help", no_argument, NULL, 'h' },
	{ NULL, 0, NULL, 0 },
};

static const char usage[] =
    "usage: forkgreetd [-f | -t | -T | -E KEY=VALUE[,...]] [-c FILE]\n"
    "\n"
    "  -c, --config FILE  configuration (default " DEFAULT_PATH ")\n"
    "  -f, --foreground   stay in the foreground, log to standard error\n"
    "  -t, --test         check the configuration, serve nothing\n"
    "  -T, --dump         print the configuration in effect\n"
    "  -E, --explain KEY=VALUE[,...]\n"
    "                     what a client gets, and why: src=ADDRESS,\n"
    "                     listener=NAME[,state=STATE][,raw=true]\n"
    "  -V, --version      print versions\n"
    "  -h, --help         print this\n";

/* A failure to write the output is an error, too. */
_Noreturn static void
leave(void)
{
	if (fflush(stdout) == EOF || ferror(stdout))
		fatal(EXIT_SYSTEM, "standard output: %s", strerror(errno));
	exit(EXIT_SUCCESS);
}

_Noreturn static void
version_print(void)
{
	char version[FILTER_VERSION_MAX];
	int abi = landlock_abi();

	printf("forkgreetd %s\n", PACKAGE_VERSION);
	printf("libconfig " LIBCONFIG_VERSION "\n");
	printf("libseccomp %s\n", filter_version(version));
	if (abi > 0)
		printf("Landlock ABI %d\n", abi);
	else
		printf("Landlock ABI none\n");
	printf("spawner C library %s\n", SPAWNER_LIBC);
	leave();
}

/* What getopt(3) has said itself needs no more words: NULL. */
_Noreturn static void wrong_usage(const char *format, ...)
    __attribute__((format(printf, 1, 2)));

_Noreturn static void
wrong_usage(const char *format, ...)
{
	va_list list;

	if (format != NULL) {
		fputs("forkgreetd: ", stderr);
		va_start(list, format);
		vfprintf(stderr, format, list);
		va_end(list);
		fputc('\n', stderr);
	}
	fputs(usage, stderr);
	exit(EXIT_USAGE);
}

/* A daemon changes to "/", so a relative path must become absolute. */
static const char *
absolute(const char *path)
{
	static char text[PATH_MAX];
	size_t length;

	if (*path == '/')
		return path;
	if (getcwd(text, sizeof(text)) == NULL)
		fatal(EXIT_SYSTEM, "getcwd: %s", strerror(errno));
	length = strlen(text);
	if ((size_t)snprintf(text + length, sizeof(text) - length, "/%s",
		path) >= sizeof(text) - length)
		fatal(EXIT_USAGE, "%s: name too long", path);
	return text;
}

/* The options of the modes in which nothing is served; only one, once. */
static const char mode_letters[] = {
	[MODE_TEST] = 't',
	[MODE_DUMP] = 'T',
	[MODE_EXPLAIN] = 'E',
};

static void
mode_take(struct options *options, enum mode mode)
{
	enum mode before = options->mode;

	if (before == mode)
		wrong_usage("-%c was given twice", mode_letters[mode]);
	if (before != MODE_SERVE)
		wrong_usage("-%c and -%c exclude each other",
		    mode_letters[before < mode ? before : mode],
		    mode_letters[before < mode ? mode : before]);
	options->mode = mode;
}

static void
option_take(struct options *options, int option)
{
	switch (option) {
	case 'c':
		if (*optarg == '\0')
			wrong_usage("-c: expected the name of a file");
		options->path = optarg;
		break;
	case 'f':
		options->foreground = true;
		break;
	case 't':
		mode_take(options, MODE_TEST);
		break;
	case 'T':
		mode_take(options, MODE_DUMP);
		break;
	case 'E':
		mode_take(options, MODE_EXPLAIN);
		options->explain = optarg;
		break;
	case 'V':
		version_print();
	case 'h':
		fputs(usage, stdout);
		leave();
	default:
		wrong_usage(NULL);
	}
}

void
options_parse(struct options *options, int argc, char **argv)
{
	int option;

	*options = (struct options) { .path = DEFAULT_PATH };
	while ((option = getopt_long(argc, argv, "c:E:ftTVh", long_options,
		    NULL)) != -1)
		option_take(options, option);
	if (optind < argc)
		wrong_usage("unexpected argument: %s", argv[optind]);
	if (options->foreground && options->mode != MODE_SERVE)
		wrong_usage("-f and -%c exclude each other: nothing is served",
		    mode_letters[options->mode]);
	if (options->mode == MODE_SERVE)
		options->path = absolute(options->path);
}
