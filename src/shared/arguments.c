/* Parsing what the tools' command lines have in common. */
#include "config.h"

#include "shared/arguments.h"

#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <string.h>

#include "shared/deadline.h"
#include "shared/number.h"
#include "shared/output.h"

#define WAIT_MS_MIN 1 /* poll(2) counts milliseconds */
#define WAIT_MS_MAX 86400000 /* a day: longer is a slip of the hand */

int
arguments_error(const char *what, const char *value, const char *why)
{
	output_error("%s%s%s: %s (see %s --help)", what,
	    *value == '\0' ? "" : " ", value, why,
	    program_invocation_short_name);
	return -1;
}

/* getopt_long() knows the short option that was wrong, but of a long one only
 * where it stood. */
int
arguments_option_error(char **argv, int option)
{
	const char shown[] = { '-', (char)optopt, '\0' };
	const char *last = argv[optind - 1];
	const char *why = "no such option";

	if (option == ':')
		why = "needs a value";
	else if (optopt == 'h' || optopt == 'V' || optopt > UCHAR_MAX)
		why = "takes no value";
	return arguments_error(
	    strncmp(last, "--", 2) == 0 ? last : shown, "", why);
}

int
arguments_seconds(const char *option, const char *text, int64_t *ms)
{
	if (number_parse_seconds(text, WAIT_MS_MIN, WAIT_MS_MAX, ms) == -1)
		return arguments_error(
		    option, text, "expected seconds from 0.001 to 86400");
	return 0;
}

int
arguments_wait(const char *text, int64_t *ms)
{
	if (arguments_seconds("-w", text, ms) == -1)
		return -1;
	/* Holds for what may be wrong with the arguments that follow, too. */
	deadline_interrupt(deadline_after(*ms));
	return 0;
}
