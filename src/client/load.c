/* Running a crowd against one server, with a progress bar. */
#include "config.h"

#include "client/load.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "client/connect.h"
#include "client/crowd.h"
#include "client/load_report.h"
#include "shared/deadline.h"
#include "shared/output.h"

#define BAR 40 /* characters */
#define BAR_MS 100 /* for writing it, if nobody reads the terminal */
#define PRINT_MS 10000 /* for the report, if nobody reads it */
#define NS_PER_MS 1000000

static volatile sig_atomic_t stop; /* the signal that says so */

static void
on_signal(int number)
{
	stop = number;
}

static void
catch_signals(void)
{
	struct sigaction action = { .sa_handler = on_signal };

	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
}

/* The first of the target's addresses that accepts. */
static enum status
find_server(const struct load *load, const struct target *target,
    struct crowd_order *order, char label[CONNECT_LABEL_MAX])
{
	int64_t deadline = deadline_after(load->wait_ms);
	struct peers peers;
	enum status status;
	int fd;

	order->server_length = sizeof(order->server);
	status = resolve_target(target, deadline, &peers);
	if (status == STATUS_OK)
		status = connect_first(target, &peers, deadline, &fd, label);
	if (status != STATUS_OK)
		return status;
	if (getpeername(fd, (struct sockaddr *)&order->server,
		&order->server_length) == -1) {
		output_error("getpeername %s: %s", label, strerror(errno));
		status = STATUS_SYSTEM;
	}
	close(fd);
	return status;
}

static void
put_bar(const char *text, size_t length)
{
	int64_t deadline = deadline_after(BAR_MS);

	deadline_interrupt(deadline);
	/* A bar that is not seen is no failure. */
	(void)output_write(STDERR_FILENO, text, length, deadline);
}

static void
show_progress(const struct crowd_order *order, uint64_t ended)
{
	char bar[BAR + 1] = "", text[BAR + 80];
	size_t done = (size_t)(ended * BAR / order->total);
	int n;

	memset(bar, '.', BAR);
	memset(bar, '#', done);
	n = snprintf(text, sizeof(text), "\r[%s] %" PRIu64 " of %" PRIu64, bar,
	    ended, order->total);
	put_bar(text, (size_t)n);
}

static enum status
print_report(const struct crowd_order *order, const struct crowd_result *result,
    const char *label, bool json)
{
	int64_t deadline = deadline_after(PRINT_MS);
	char *text = load_report(order, result, label, json);

	deadline_interrupt(deadline);
	if (text == NULL) {
		output_error("report: %s", strerror(ENOMEM));
		return STATUS_SYSTEM;
	}
	if (output_write(STDOUT_FILENO, text, strlen(text), deadline) == -1 ||
	    close(STDOUT_FILENO) == -1) {
		output_error("write standard output: %s", connect_why(errno));
		free(text);
		return STATUS_SYSTEM;
	}
	free(text);
	return load_status(result);
}

static enum status
run(const struct crowd_order *order, const char *label, bool json)
{
	static struct crowd_result result;
	static const char clear[] = "\r\033[K";

	if (crowd_raise_files(order->at) == -1) {
		output_error("descriptors for %u at a time: %s", order->at,
		    strerror(errno));
		return STATUS_SYSTEM;
	}
	if (crowd_run(order, &result) == -1) {
		output_error("%u at a time: %s", order->at, strerror(errno));
		return STATUS_SYSTEM;
	}
	if (order->progress != NULL)
		put_bar(clear, strlen(clear));
	return print_report(order, &result, label, json);
}

enum status
load_run(const struct load *load, const struct target *target)
{
	struct crowd_order order = { .at = load->at, .total = load->total,
		.run_ns = UINT64_MAX, .stop = &stop,
		.wait_ns = (uint64_t)load->wait_ms * NS_PER_MS };
	char label[CONNECT_LABEL_MAX];
	enum status status;

	if (order.at > order.total)
		order.at = (unsigned)order.total;
	if (isatty(STDERR_FILENO) == 1)
		order.progress = show_progress;
	status = find_server(load, target, &order, label);
	if (status != STATUS_OK)
		return status;
	catch_signals();
	status = run(&order, label, load->json);
	if (stop != 0) { /* whoever waits for us sees the signal */
		signal(stop, SIG_DFL);
		raise(stop);
	}
	return status;
}
