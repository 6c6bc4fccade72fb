/* Beginning with the operator's words: master/states_begin.c.  Which failures are
 * warned of, and which end the start. */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <sys/stat.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "master/config/conf.h"
#include "master/server.h"
#include "master/state_file.h"
#include "master/states.h"
#include "master/system/accounts.h"
#include "master/system/directory.h"
#include "master/system/report.h"

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))
#define HOLDER 77 /* a pid */
#define ENDED 42 /* exit status: it returned */
#define KEPT_NOT ": what forkgreetctl orders is not kept"

static char folder[] = "/tmp/forkgreet-test-begin-XXXXXX";
static int output; /* standard error of the last child */

/* What is made up, and what has to come of it. */
struct row {
	bool resumes;
	bool no_memory;
	int locking; /* errno; 0: it is locked */
	pid_t holder;
	enum state_file_result reading;
	int error; /* errno where it is read */
	int status; /* ENDED: it returns */
	const char *said; /* the end of a line; NULL: nothing */
};
static struct row row;

/* A directory that is missing. */
static struct making {
	bool called;
	bool fails;
	int error; /* errno, whatever happens */
	const char *why;
} making;

bool __wrap_resume_is_on(void);
char *__real_strdup(const char *text);
char *__wrap_strdup(const char *text);
int __wrap_state_file_lock(
    const char *path, pid_t *holder, const char **step);
enum state_file_result __wrap_state_file_read(
    const char *path, struct state_words *words, const char **why);
int __wrap_directory_make(
    const char *path, const struct identity *identity, const char **why);

bool
__wrap_resume_is_on(void)
{
	return row.resumes;
}

char *
__wrap_strdup(const char *text)
{
	if (!row.no_memory)
		return __real_strdup(text);
	errno = ENOMEM;
	return NULL;
}

int
__wrap_state_file_lock(const char *path, pid_t *holder, const char **step)
{
	(void)path;
	*holder = row.holder;
	*step = "lock";
	errno = row.locking;
	return row.locking == 0 ? 0 : -1;
}

enum state_file_result
__wrap_state_file_read(
    const char *path, struct state_words *words, const char **why)
{
	(void)path;
	(void)words;
	*why = "made up";
	errno = row.error;
	return row.reading;
}

int
__wrap_directory_make(
    const char *path, const struct identity *identity, const char **why)
{
	int fd;

	(void)path;
	(void)identity;
	making.called = true;
	if (making.why != NULL)
		*why = making.why;
	fd = making.fails ? -1 : dup(output);
	errno = making.error;
	return fd;
}

/* ---------------------------------------------------------------- in a child */

/* A configuration with that state file. */
static struct conf *
conf_with(const char *path)
{
	size_t length = strlen(path) + 1;
	struct conf *conf = calloc(1, sizeof(*conf) + length);

	assert_non_null(conf);
	memcpy(conf->text, path, length);
	return conf;
}

static void
begin(const struct conf *conf)
{
	static struct states states;

	states_begin(&states, conf);
	if (strcmp(states.path, conf_text(conf, conf->state_file)) != 0)
		_exit(1);
}

static int
next_fd(void)
{
	int fd = dup(output);

	close(fd);
	return fd;
}

/* For the user that we become: all that it opens is closed again. */
static void
prepare(const struct conf *conf)
{
	static const struct identity identity = { 1, 1, "daemon" };
	int before = next_fd();

	errno = ENOENT; /* of something else */
	states_prepare(conf, &identity);
	if (next_fd() != before)
		_exit(1);
	if (making.called)
		_exit(ENDED + 1);
}

static void
prepare_as_we_are(const struct conf *conf)
{
	states_prepare(conf, NULL);
	if (making.called)
		_exit(ENDED + 1);
}

/* Its exit status, and in text what it said. */
static int
run(void (*child)(const struct conf *conf), const char *path, char *text,
    size_t room)
{
	static struct conf *conf; /* which a child that ends still has */
	ssize_t n;
	int status;
	pid_t pid;

	conf = conf_with(path);
	assert_int_equal(ftruncate(output, 0), 0);
	pid = fork();
	assert_int_not_equal(pid, -1);
	if (pid == 0) {
		dup2(output, STDERR_FILENO);
		child(conf);
		_exit(ENDED);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	free(conf);
	n = pread(output, text, room - 1, 0);
	assert_true(n >= 0);
	text[n] = '\0';
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static void
must_say(const char *text, const char *said)
{
	if (said == NULL ? text[0] != '\0' :
			   strstr(text, said) == NULL ||
		    strchr(text, '\n') != strrchr(text, '\n'))
		fail_msg("said: '%s', expected '%s'", text,
		    said == NULL ? "" : said);
}

/* ------------------------------------------------------------------ to begin */

static void
check_rows(const char *path, const struct row *rows, size_t n)
{
	char text[1024];
	size_t i;

	for (i = 0; i < n; i++) {
		row = rows[i];
		if (run(begin, path, text, sizeof(text)) != row.status)
			fail_msg("row %zu: %s", i, text);
		must_say(text, row.said);
	}
}

static void
without_a_file_nothing_is_done(void **state)
{
	static const struct row rows[] = {
		{ .no_memory = true, .locking = ENOMEM, .status = ENDED },
	};

	(void)state;
	check_rows("", rows, COUNT(rows));
}

/* Who serves already goes on serving: with an upgrade's words. */
static void
another_daemon_has_the_lock(void **state)
{
	static const struct row rows[] = {
		{ .status = ENDED },
		{ .locking = EAGAIN, .holder = HOLDER, .status = EXIT_RUNNING,
		    .said = "state_file: /s: process 77 has it, expected a file "
			    "of each daemon's own\n" },
		{ .locking = EAGAIN, .status = EXIT_RUNNING,
		    .said = "state_file: /s: another daemon has it\n" },
		{ .resumes = true, .locking = EAGAIN, .holder = HOLDER,
		    .status = ENDED,
		    .said = "state_file: /s: lock: another daemon has "
			    "it" KEPT_NOT },
	};

	(void)state;
	check_rows("/s", rows, COUNT(rows));
}

static void
the_lock_cannot_be_had(void **state)
{
	static const struct row rows[] = {
		{ .locking = EACCES, .holder = HOLDER, .status = ENDED,
		    .said = "state_file: /s: lock: Permission denied" KEPT_NOT },
		{ .locking = EMFILE, .holder = HOLDER, .status = EXIT_SYSTEM,
		    .said = "state_file: /s: lock: Too many open files\n" },
		{ .resumes = true, .locking = EMFILE, .status = ENDED,
		    .said = "state_file: /s: lock: Too many open "
			    "files" KEPT_NOT },
		{ .no_memory = true, .status = EXIT_SYSTEM,
		    .said = "state_file: Cannot allocate memory\n" },
	};

	(void)state;
	check_rows("/s", rows, COUNT(rows));
}

static void
the_file_cannot_be_read(void **state)
{
	static const struct row rows[] = {
		{ .reading = STATE_FILE_ABSENT, .error = ENOENT,
		    .status = ENDED },
		{ .reading = STATE_FILE_UNREADABLE, .error = EACCES,
		    .status = ENDED,
		    .said = "state_file: /s: read: made up" KEPT_NOT },
		{ .reading = STATE_FILE_UNREADABLE, .error = EIO,
		    .status = EXIT_SYSTEM,
		    .said = "state_file: /s: read: made up\n" },
		{ .resumes = true, .reading = STATE_FILE_UNREADABLE,
		    .error = EIO, .status = ENDED,
		    .said = "state_file: /s: read: made up" KEPT_NOT },
	};

	(void)state;
	check_rows("/s", rows, COUNT(rows));
}

/* ---------------------------------------------------------------- to prepare */

/* Returns what the child said, in a static buffer. */
static const char *
prepared(void (*child)(const struct conf *conf), const char *path, int status)
{
	static char text[1024];

	row = (struct row) { 0 };
	assert_int_equal(run(child, path, text, sizeof(text)), status);
	return text;
}

/* Only where it is missing, and for another user. */
static void
a_missing_directory_is_made(void **state)
{
	char there[PATH_MAX], missing[PATH_MAX], no_folder[PATH_MAX];

	(void)state;
	snprintf(there, sizeof(there), "%s/state", folder);
	snprintf(missing, sizeof(missing), "%s/none/state", folder);
	snprintf(no_folder, sizeof(no_folder), "%s/file/x/state", folder);
	making = (struct making) { .error = ENOSPC };
	must_say(prepared(prepare, there, ENDED), NULL);
	must_say(prepared(prepare, "", ENDED), NULL);
	must_say(prepared(prepare, no_folder, ENDED), NULL);
	must_say(prepared(prepare_as_we_are, missing, ENDED), NULL);
	must_say(prepared(prepare, missing, ENDED + 1), NULL);
}

/* What is wrong with it is said where it is locked, but for what the system has
 * no room for. */
static void
a_directory_cannot_be_made(void **state)
{
	char path[PATH_MAX], want[PATH_MAX + 64];

	(void)state;
	snprintf(path, sizeof(path), "%s/none/state", folder);
	snprintf(want, sizeof(want), "state_file: %s: %s\n", path,
	    strerror(ENOSPC));
	making = (struct making) { .fails = true, .error = ENOSPC };
	must_say(prepared(prepare, path, EXIT_SYSTEM), want);
	making = (struct making) { .fails = true, .error = EACCES };
	must_say(prepared(prepare, path, ENDED + 1), NULL);
	making = (struct making) { .fails = true, .error = ENOSPC,
		.why = "made up" };
	must_say(prepared(prepare, path, ENDED + 1), NULL);
}

static int
setup(void **state)
{
	char path[PATH_MAX];

	(void)state;
	if (mkdtemp(folder) == NULL)
		return -1;
	snprintf(path, sizeof(path), "%s/file", folder);
	output = open(path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	return output == -1 ? -1 : 0;
}

static int
teardown(void **state)
{
	char path[PATH_MAX];

	(void)state;
	close(output);
	snprintf(path, sizeof(path), "%s/file", folder);
	return unlink(path) == -1 || rmdir(folder) == -1 ? -1 : 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(without_a_file_nothing_is_done),
		cmocka_unit_test(another_daemon_has_the_lock),
		cmocka_unit_test(the_lock_cannot_be_had),
		cmocka_unit_test(the_file_cannot_be_read),
		cmocka_unit_test(a_missing_directory_is_made),
		cmocka_unit_test(a_directory_cannot_be_made),
	};

	return cmocka_run_group_tests_name(
	    "states_begin", tests, setup, teardown);
}
