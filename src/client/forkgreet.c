/* forkgreet: prints the greeting of a server as it arrives. */
#include "config.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "client/check.h"
#include "client/connect.h"
#include "client/fetch.h"
#include "client/load.h"
#include "client/options.h"
#include "client/probe.h"
#include "client/resolve.h"
#include "client/status.h"
#include "shared/arguments.h"
#include "shared/deadline.h"
#include "shared/output.h"

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

static enum status
fetch(const struct options *options, int64_t deadline)
{
	struct peers peers;
	enum status status;

	if (options->json)
		return probe_print(&options->target, deadline);
	status = resolve_target(&options->target, deadline, &peers);
	if (status != STATUS_OK)
		return status;
	return fetch_greeting(&options->target, &peers, deadline);
}

/* A plugin exits with 3 when it only explains itself. */
static int
check(struct options *options, int argc, char **argv)
{
	check_prepare();
	if (options_parse(options, argc, argv) == -1)
		return (int)check_unknown(options->json);
	deadline_interrupt(deadline_after(options->wait_ms));
	if (options->print != NULL) {
		print_text(
		    options->print, deadline_after(options->wait_ms));
		return CHECK_UNKNOWN;
	}
	options->check.wait_ms = options->wait_ms;
	options->check.json = options->json;
	return (int)check_run(&options->check, &options->target);
}

int
main(int argc, char **argv)
{
	struct options options;
	int64_t deadline = deadline_after(ARGUMENTS_WAIT_MS);

	deadline_interrupt(deadline);
	if (output_prepare() == -1) {
		output_error("open /dev/null: %s", strerror(errno));
		return check_wanted(argc, argv) ? CHECK_UNKNOWN : STATUS_SYSTEM;
	}
	if (check_wanted(argc, argv))
		return check(&options, argc, argv);
	if (options_parse(&options, argc, argv) == -1)
		return STATUS_USAGE;
	deadline = deadline_after(options.wait_ms);
	deadline_interrupt(deadline);
	if (options.print != NULL)
		return print_text(options.print, deadline);
	if (options.loads) {
		options.load.wait_ms = options.wait_ms;
		options.load.json = options.json;
		return load_run(&options.load, &options.target);
	}
	return fetch(&options, deadline);
}
