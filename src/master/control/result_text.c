/* Shows how a reload, or an upgrade, ended. */
#include "config.h"

#include "master/control/result_text.h"

#include <inttypes.h>

#include "master/clients/service.h"
#include "master/system/report.h"
#include "master/control/status.h"
#include "master/control/writer.h"
#include "master/generations/generation.h"
#include "master/generations/spawners.h"

static void
put_json_lines(FILE *out, const struct report *report, bool warnings)
{
	const struct report_line *line = report->lines;
	const char *between = "";

	fprintf(out, ", \"%s\": [", warnings ? "warnings" : "errors");
	for (; line < report->lines + report->kept; line++) {
		if (line->warning != warnings)
			continue;
		fputs(between, out);
		writer_json(out, line->text);
		between = ", ";
	}
	fputc(']', out);
}

char *
result_reload(const struct overview *overview, const struct report *report,
    enum control_status status, bool json)
{
	const struct reload_result *last = overview->reload;
	struct writer writer;

	if (writer_open(&writer) == NULL)
		return NULL;
	if (json) {
		fprintf(writer.file,
		    "{\"result\": \"%s\", \"generation\": %" PRIu64
		    ", \"added\": %" PRIu64 ", \"removed\": %" PRIu64,
		    status == CONTROL_OK ? "ok" : "failed",
		    spawners_serving(
			overview->service->generation->spawners),
		    last->added, last->removed);
		put_json_lines(writer.file, report, false);
		put_json_lines(writer.file, report, true);
		fputs("}\n", writer.file);
	}
	return writer_close(&writer);
}

static void
put_upgrade_json(FILE *out, const struct overview *overview,
    const struct report *report, bool ok, const char *was)
{
	const struct service *service = overview->service;

	fprintf(out, "{\"result\": \"%s\", \"version\": \"" PACKAGE_VERSION "\"",
	    ok ? "ok" : "failed");
	if (ok) {
		fputs(", \"was\": ", out);
		writer_json(out, was);
	}
	fprintf(out, ", \"generation\": %" PRIu64 ", \"clients\": %" PRIu32,
	    spawners_serving(service->generation->spawners),
	    service->counters.live);
	put_json_lines(out, report, false);
	put_json_lines(out, report, true);
	fputs("}\n", out);
}

char *
result_upgrade(const struct overview *overview, const struct report *report,
    enum control_status status, const char *was, bool json)
{
	bool ok = status == CONTROL_OK;
	struct writer writer;

	if (writer_open(&writer) == NULL)
		return NULL;
	if (json)
		put_upgrade_json(writer.file, overview, report, ok, was);
	else if (ok)
		fprintf(writer.file,
		    "forkgreetd " PACKAGE_VERSION ", it was %s\n", was);
	return writer_close(&writer);
}

char *
result_report(const struct report *report)
{
	const struct report_line *line = report->lines;
	struct writer writer;

	if (writer_open(&writer) == NULL)
		return NULL;
	for (; line < report->lines + report->kept; line++)
		fprintf(writer.file, "forkgreetd: %s\n", line->text);
	if (report_left_out(report) > 0)
		fprintf(writer.file, "forkgreetd: and %zu more\n",
		    report_left_out(report));
	return writer_close(&writer);
}
