/* Beginning with what the operator said to the daemon before this one. */
#include "config.h"

#include "master/states.h"

#include <sys/stat.h>

#include <errno.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "master/config/conf.h"
#include "master/resume.h"
#include "master/server.h"
#include "master/state_file.h"
#include "master/system/cause.h"
#include "master/system/directory.h"
#include "master/system/log_event.h"

void
states_prepare(const struct conf *conf, const struct identity *identity)
{
	const char *path = conf_text(conf, conf->state_file);
	char text[PATH_MAX], *folder;
	const char *why = NULL;
	struct stat st;
	int fd;

	if (identity == NULL || *path == '\0')
		return;
	snprintf(text, sizeof(text), "%s", path);
	folder = dirname(text);
	if (stat(folder, &st) == 0)
		return;
	fd = errno == ENOENT ? directory_make(folder, identity, &why) : -1;
	if (fd == -1 && why == NULL &&
	    cause_of(errno, EXIT_CONFIG) == EXIT_SYSTEM)
		fatal(EXIT_SYSTEM, "state_file: %s: %s", path, strerror(errno));
	if (fd != -1)
		close(fd); /* else there is no lock, and a warning */
}

/* The system's own failure ends the start, but not what has begun: an upgrade
 * brings the words.  With any other the daemon serves, and each order says that it
 * is not kept. */
static void
not_kept(const char *path, const char *step, const char *why)
{
	if (cause_of(errno, EXIT_CONFIG) == EXIT_SYSTEM && !resume_is_on())
		fatal(EXIT_SYSTEM, "state_file: %s: %s: %s", path, step, why);
	log_line(LOG_WARNING,
	    "state_file: %s: %s: %s: what forkgreetctl orders is not kept",
	    path, step, why);
}

static void
lock(const char *path)
{
	const char *step;
	pid_t holder;

	if (state_file_lock(path, &holder, &step) != -1)
		return; /* it ends with the process */
	if (errno == EAGAIN && resume_is_on()) {
		not_kept(path, step, "another daemon has it");
		return;
	}
	if (errno == EAGAIN && holder > 0)
		fatal(EXIT_RUNNING,
		    "state_file: %s: process %d has it, expected a file of "
		    "each daemon's own",
		    path, (int)holder);
	if (errno == EAGAIN)
		fatal(EXIT_RUNNING, "state_file: %s: another daemon has it",
		    path);
	not_kept(path, step, strerror(errno));
}

/* A damaged one says nothing, and stays to be looked at. */
static void
set_aside(const char *path, const char *why)
{
	int result = state_file_set_aside(path);

	log_event(LOG_WARNING, "state file", LOG_QUOTED("path", path),
	    LOG_QUOTED("error", why),
	    LOG_QUOTED("kept", result == 0 ? "as .damaged" : "not"));
}

void
states_begin(struct states *states, const struct conf *conf)
{
	const char *path = conf_text(conf, conf->state_file);
	const char *why;

	*states = (struct states) { .path = "" };
	if (*path == '\0')
		return;
	states->path = strdup(path); /* conf goes with the next reload */
	if (states->path == NULL)
		fatal(EXIT_SYSTEM, "state_file: %s", strerror(errno));
	lock(states->path);
	switch (state_file_read(states->path, &states->words, &why)) {
	case STATE_FILE_GOOD:
		state_words_expire(&states->words, time(NULL));
		break;
	case STATE_FILE_ABSENT:
		break;
	case STATE_FILE_DAMAGED:
		set_aside(states->path, why);
		break;
	case STATE_FILE_UNREADABLE:
		not_kept(states->path, "read", why);
	}
}
