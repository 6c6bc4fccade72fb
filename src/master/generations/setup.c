/* Making and freeing what a configuration needs. */
#include "config.h"

#include "master/generations/setup.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "master/config/conf.h"
#include "master/system/report.h"
#include "master/config/resources.h"

static int
note_files(struct setup *setup, const struct greeting *greetings)
{
	uint32_t i, n = setup->conf->n_listeners;

	setup->files = calloc(n, sizeof(*setup->files));
	if (setup->files == NULL)
		return -1;
	for (i = 0; i < n; i++)
		setup->files[i] =
		    greetings[greetings_index(i, STATE_READY)].file;
	return 0;
}

int
setup_answers(struct setup *setup, const struct greeting *greetings,
    const char *path, struct report *report)
{
	const char *failed =
	    snapshot_make(&setup->snapshot, setup->conf, greetings);

	if (failed == NULL && (messages_make(&setup->messages, setup->conf,
		greetings) == -1 || note_files(setup, greetings) == -1))
		failed = "messages";
	if (failed != NULL) {
		report_failure(report, cause_of(errno, EXIT_PRIVILEGE),
		    "%s: %s: %s", path, failed, strerror(errno));
		return -1;
	}
	return 0;
}

int
setup_prepare(struct setup *setup, const struct setup *running,
    const struct greeting *greetings, const char *path,
    struct report *report)
{
	if (setup_answers(setup, greetings, path, report) == -1)
		return -1;
	resources_check(setup->conf, "", path, report);
	return listeners_bind(&setup->listeners, &running->listeners,
	    setup->conf, path, report);
}

void
setup_free(struct setup *setup, const struct setup *keep)
{
	listeners_close(
	    &setup->listeners, keep == NULL ? NULL : &keep->listeners);
	snapshot_free(&setup->snapshot);
	messages_free(&setup->messages);
	free(setup->files);
	free(setup->conf);
	*setup = SETUP_NONE;
}
