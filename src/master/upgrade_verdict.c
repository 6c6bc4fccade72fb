/* How an upgrade's trial ended. */
#include "config.h"

#include "master/upgrade_verdict.h"

#include <sys/wait.h>

#include <stdlib.h>
#include <string.h>
#include <syslog.h>

#include "master/resume.h"
#include "master/system/report.h"

static bool
has_passed(const char *said, int status)
{
	size_t length = sizeof(RESUME_PASSED) - 1, n = strlen(said);

	return WIFEXITED(status) && WEXITSTATUS(status) == EXIT_SUCCESS &&
	    n >= length && strcmp(said + n - length, RESUME_PASSED) == 0;
}

/* length bytes, with their priority or without. */
static void
report_line(struct report *report, const char *line, int length,
    enum exit_status cause)
{
	int priority = LOG_ERR;

	if (length >= 3 && line[0] == '<' && line[2] == '>') {
		priority = line[1] - '0';
		line += 3;
		length -= 3;
	}
	if (length == 0 || priority > LOG_WARNING)
		return;
	if (priority == LOG_WARNING)
		report_warning(report, "%.*s", length, line);
	else
		report_failure(report, cause, "%.*s", length, line);
}

static void
report_said(struct report *report, const char *said, enum exit_status cause)
{
	size_t length;

	for (; *said != '\0'; said += length + (said[length] != '\0')) {
		length = strcspn(said, "\n");
		report_line(report, said, (int)length, cause);
	}
}

bool
upgrade_verdict(const char *said, int status, struct report *report)
{
	int code = WEXITSTATUS(status);

	if (has_passed(said, status))
		return true;
	if (WIFSIGNALED(status)) {
		report_failure(report, EXIT_SYSTEM,
		    "upgrade: trial: ended by signal %d (%s)",
		    WTERMSIG(status), strsignal(WTERMSIG(status)));
		return false;
	}
	if (code == EXIT_SUCCESS) {
		report_failure(report, EXIT_SYSTEM,
		    "upgrade: trial: is not forkgreetd, or not one that can go on");
		return false;
	}
	report_said(report, said,
	    code == EXIT_CONFIG ? EXIT_CONFIG : EXIT_SYSTEM);
	if (report->errors == 0)
		report_failure(
		    report, EXIT_SYSTEM, "upgrade: trial: status %d", code);
	return false;
}
