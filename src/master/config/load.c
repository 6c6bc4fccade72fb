/* Loading the configuration by way of forkgreet-reader: one process for each
 * file, one after another. */
#include "config.h"

#include "master/config/load.h"

#include <sys/epoll.h>
#include <sys/timerfd.h>

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "master/config/conf.h"
#include "master/config/include.h"
#include "master/config/parsing.h"
#include "master/config/resources.h"
#include "master/config/settings.h"
#include "master/system/report.h"

/* The reader's own timer is first. */
#define DEADLINE_SECONDS (READER_SECONDS + 1)

/* For all files that are included: they have as many bytes together as the
 * configuration may have alone, and 256 readers start in less than a second. */
#define INCLUDE_SECONDS 30

struct load {
	char *path;
	int reader; /* the executable; the caller's */
	bool as_root;
	int timer; /* readable when all that is read now has had its time */
	int poll; /* epoll(7) of this and of the parsing's: what the caller
		   * waits for */
	struct parsing parsing; /* of sources[at] */
	struct include include; /* sources[i + 1] is its file[i] */
	struct source *sources; /* n of them; those up to at have entries */
	size_t n, at;
	size_t text_length; /* of all files so far */
	size_t said; /* bytes, by all readers that have ended */
	size_t entries; /* in all */
};

/* --------------------------------------------------------------- start */

static int
watch_time(struct load *load)
{
	struct epoll_event event = { .events = EPOLLIN };

	load->timer =
	    timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	load->poll = epoll_create1(EPOLL_CLOEXEC);
	if (load->timer == -1 || load->poll == -1)
		return -1;
	event.data.fd = load->timer;
	return epoll_ctl(load->poll, EPOLL_CTL_ADD, load->timer, &event);
}

static int
set_deadline(const struct load *load, int seconds)
{
	struct itimerspec deadline = { .it_value.tv_sec = seconds };

	return timerfd_settime(load->timer, 0, &deadline, NULL);
}

static int
allocate(struct load *load, const char *path)
{
	load->path = strdup(path);
	load->sources = calloc(1, sizeof(*load->sources));
	if (load->path == NULL || load->sources == NULL)
		return -1;
	load->sources[0].path = load->path;
	load->n = 1;
	return watch_time(load) == -1 || set_deadline(load,
	    DEADLINE_SECONDS) == -1 ? -1 : 0;
}

static struct load *
new_load(int reader, const char *path, bool as_root, struct report *report)
{
	struct load *load = calloc(1, sizeof(*load));

	if (load != NULL) {
		load->parsing = PARSING_NONE;
		load->timer = load->poll = -1;
		load->reader = reader;
		load->as_root = as_root;
		if (allocate(load, path) == 0)
			return load;
	}
	report_failure(report, EXIT_SYSTEM, "%s: starting the reader: %s",
	    path, strerror(errno));
	if (load != NULL)
		load_end(load);
	return NULL;
}

/* The reader for sources[at]. */
static int
start_parsing(struct load *load, const char *text, size_t length,
    struct report *report)
{
	load->parsing.path = load->sources[load->at].path;
	load->parsing.poll = load->poll;
	load->parsing.most = ENTRIES_BYTES_MAX - load->said;
	return parsing_begin(
	    &load->parsing, load->reader, text, length, report);
}

struct load *
load_start(int reader, const char *path, bool as_root, struct report *report)
{
	struct load *load = new_load(reader, path, as_root, report);
	const char *why = NULL;
	char *text;
	int started;

	if (load == NULL)
		return NULL;
	if (include_text(path, &text, &load->text_length, &why) == -1) {
		report_failure(report, cause_of(errno, EXIT_CONFIG), "%s: %s",
		    path, why);
		load_end(load);
		return NULL;
	}
	started = start_parsing(load, text, load->text_length, report);
	explicit_bzero(text, load->text_length);
	free(text);
	if (started == 0)
		return load;
	load_end(load);
	return NULL;
}

int
load_fd(const struct load *load)
{
	return load->poll;
}

pid_t
load_child(const struct load *load)
{
	return load->parsing.child;
}

/* ------------------------------------------------------- included files */

/* Reads all files that the configuration includes, before any of them is
 * parsed: they are of one moment. */
static int
find_included(struct load *load, struct report *report)
{
	const struct entry *entry = settings_include(&load->sources[0]);
	struct source *sources;
	size_t i;

	if (entry == NULL)
		return 0;
	if (include_read(&load->include, entry, load->path,
		CONF_FILE_MAX - load->text_length, report) == -1)
		return -1;
	sources = reallocarray(load->sources, 1 + load->include.n,
	    sizeof(*sources));
	if (sources == NULL || set_deadline(load, INCLUDE_SECONDS) == -1) {
		load->sources = sources != NULL ? sources : load->sources;
		report_failure(report, EXIT_SYSTEM, "%s: include: %s",
		    load->path, strerror(errno));
		return -1;
	}
	for (i = 0; i < load->include.n; i++)
		sources[i + 1] = (struct source) {
			.path = load->include.file[i].path };
	load->sources = sources;
	load->n = 1 + load->include.n;
	return 0;
}

/* Keeps what the reader has said, which the entries point to. */
static void
keep(struct load *load)
{
	struct source *source = &load->sources[load->at];

	source->bytes = parsing_end(&load->parsing, &source->length);
	load->said += source->length;
	load->entries += source->entries.n;
}

static int
start_next(struct load *load, struct report *report)
{
	const struct include_file *file;

	load->at++;
	file = &load->include.file[load->at - 1];
	return start_parsing(load, file->text, file->length, report);
}

/* ------------------------------------------------------------ going on */

static void
check_deadline(struct load *load)
{
	uint64_t expirations;

	if (read(load->timer, &expirations, sizeof(expirations)) > 0)
		parsing_kill(&load->parsing, load->at == 0
		    ? "outlived its timer"
		    : "was not done in time: all included files took too long");
}

static struct conf *
make(struct load *load, struct report *report)
{
	struct conf *conf = settings_make(
	    load->sources, load->n, load->as_root, report);

	if (conf != NULL)
		resources_check_backlogs(
		    conf, RESOURCES_SOMAXCONN, load->path, report);
	return conf;
}

/* One file is done; LOAD_MORE: there is another one. */
static enum load_progress
advance(struct load *load, struct conf **conf, struct report *report)
{
	keep(load);
	if (load->entries > ENTRIES_MAX + load->n) {
		report_error(report, "%s: more than %d settings with those of "
		    "the files before it", load->sources[load->at].path,
		    ENTRIES_MAX);
		return LOAD_FAILED;
	}
	if (load->at == 0 && find_included(load, report) == -1)
		return LOAD_FAILED;
	if (load->at + 1 < load->n)
		return start_next(load, report) == -1 ? LOAD_FAILED
						      : LOAD_MORE;
	*conf = make(load, report);
	return *conf != NULL ? LOAD_DONE : LOAD_FAILED;
}

enum load_progress
load_continue(struct load *load, struct conf **conf, struct report *report)
{
	struct source *source = &load->sources[load->at];
	size_t errors = report->errors;

	*conf = NULL;
	check_deadline(load);
	switch (parsing_continue(&load->parsing, &source->entries, report)) {
	case PARSING_MORE:
		return LOAD_MORE;
	case PARSING_DONE:
		source->wrong = report->errors > errors;
		return advance(load, conf, report);
	case PARSING_FAILED:
		break;
	}
	return LOAD_FAILED;
}

static void
wipe(char *bytes, size_t length)
{
	if (bytes != NULL)
		explicit_bzero(bytes, length);
	free(bytes);
}

void
load_end(struct load *load)
{
	size_t i, length;
	char *bytes = parsing_end(&load->parsing, &length);

	wipe(bytes, length);
	if (load->timer != -1)
		close(load->timer);
	if (load->poll != -1)
		close(load->poll);
	for (i = 0; i < load->n; i++) {
		entries_free(&load->sources[i].entries);
		wipe(load->sources[i].bytes, load->sources[i].length);
	}
	include_free(&load->include);
	free(load->sources);
	free(load->path);
	free(load);
}

struct conf *
load_wait(int reader, const char *path, bool as_root, struct report *report)
{
	struct load *load = load_start(reader, path, as_root, report);
	enum load_progress progress = LOAD_MORE;
	struct conf *conf = NULL;
	struct pollfd ready;

	if (load == NULL)
		return NULL;
	ready = (struct pollfd){ load_fd(load), POLLIN, 0 };
	while (progress == LOAD_MORE) {
		if (poll(&ready, 1, -1) == -1 && errno != EINTR) {
			report_failure(report, EXIT_SYSTEM, "%s: poll: %s",
			    path, strerror(errno));
			break;
		}
		progress = load_continue(load, &conf, report);
	}
	load_end(load);
	return conf;
}
