/* Files that a configuration includes, a directory that changes while they are
 * read, and readers that lie: master/config/include.c, load.c, settings.c.
 * Linked with --wrap for file_read and timerfd_settime. */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <sys/timerfd.h>

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "master/config/load.h"
#include "master/config/settings.h"
#include "master/config/text_check.h"
#include "master/system/file.h"
#include "unit/confs.h"

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

static struct report report;
static void (*meanwhile)(const char *path); /* before a file is read */
static void (*afterwards)(const char *path); /* and after that */
static unsigned reads;

int __real_file_read(const char *path, size_t max, enum file_owner owner,
    char **bytes, size_t *length, const char **why);
int __wrap_file_read(const char *path, size_t max, enum file_owner owner,
    char **bytes, size_t *length, const char **why);

int
__wrap_file_read(const char *path, size_t max, enum file_owner owner,
    char **bytes, size_t *length, const char **why)
{
	int result, error;

	reads++;
	if (meanwhile != NULL)
		meanwhile(path);
	result = __real_file_read(path, max, owner, bytes, length, why);
	error = errno;
	if (afterwards != NULL)
		afterwards(path);
	errno = error;
	return result;
}

/* Time for all included files, seconds: one, where a test waits for it. */
#define INCLUDE_SECONDS 30

static bool hurried;

int __real_timerfd_settime(int fd, int flags, const struct itimerspec *new,
    struct itimerspec *old);
int __wrap_timerfd_settime(int fd, int flags, const struct itimerspec *new,
    struct itimerspec *old);

int
__wrap_timerfd_settime(int fd, int flags, const struct itimerspec *new,
    struct itimerspec *old)
{
	struct itimerspec time = *new;

	if (hurried && time.it_value.tv_sec == INCLUDE_SECONDS)
		time.it_value.tv_sec = 1;
	return __real_timerfd_settime(fd, flags, &time, old);
}

static void
put(const char *name, const char *text)
{
	confs_write(name, text, strlen(text));
}

/* A file with one listener, whose name is that of the file. */
static void
put_listener(const char *name, unsigned port)
{
	char text[200];

	snprintf(text, sizeof(text),
	    "listeners = ( { name = \"%s\"; port = %u; } );", name, port);
	put(name, text);
}

static const char *
top(const char *pattern, const char *more)
{
	static char text[1000];

	snprintf(text, sizeof(text), "include = \"%s\"; %s",
	    confs_path(pattern), more);
	return text;
}

static struct conf *
load_with(int reader, const char *pattern, const char *more)
{
	const char *text = top(pattern, more);

	memset(&report, 0, sizeof(report));
	reads = 0;
	return load_wait(reader, confs_write("main", text, strlen(text)), true,
	    &report);
}

static struct conf *
load(const char *pattern, const char *more)
{
	return load_with(confs_reader(), pattern, more);
}

/* The listeners' names, one behind the other. */
static void
must_have(struct conf *conf, const char *names)
{
	char text[4000] = "";
	uint32_t i;

	if (conf == NULL)
		fail_msg("%s", report_first_error(&report));
	for (i = 0; i < conf->n_listeners; i++)
		snprintf(text + strlen(text), sizeof(text) - strlen(text),
		    "%s%s", i > 0 ? " " : "",
		    conf_text(conf, conf->listener[i].name));
	assert_string_equal(text, names);
	free(conf);
}

/* Exactly this error, in that file of the directory. */
static void
must_say(const char *file, const char *error)
{
	char line[1000];

	snprintf(line, sizeof(line), "%s%s", confs_path(file), error);
	assert_true(report.errors > 0);
	assert_string_equal(report.lines[0].text, line);
}

static void
clean(void)
{
	char name[20];
	unsigned i;

	for (i = 0; i < CONF_INCLUDED_MAX + 2; i++) {
		snprintf(name, sizeof(name), "%03u.conf", i);
		unlink(confs_path(name));
	}
	unlink(confs_path("test.conf")); /* of confs_load() */
	unlink(confs_path("a.conf"));
	unlink(confs_path("b.conf"));
	unlink(confs_path("c.conf"));
	unlink(confs_path("hidden"));
	meanwhile = afterwards = NULL;
}

/* ---------------------------------------------------------------- the files */

static void
test_order(void **state)
{
	static const char main[] =
	    "listeners = ( { name = \"m\"; port = 1; } );";

	(void)state;
	clean();
	must_have(load("*.conf", main), "m");
	put_listener("b.conf", 3);
	put_listener("a.conf", 2);
	put("c.conf", "listeners = ( { name = \"x\"; port = 4; }, "
	    "{ name = \"y\"; port = 5; } );");
	must_have(load("*.conf", main), "m a.conf b.conf x y");
	must_have(load("[ab].conf", main), "m a.conf b.conf");
	must_have(load("a.conf", main), "m a.conf");
	must_have(load("*.conf", ""), "a.conf b.conf x y");
	must_have(load("*.none", ""), "127.0.0.1:4444");
}

/* What is hidden is for a pattern that says so. */
static void
test_hidden(void **state)
{
	(void)state;
	clean();
	put_listener(".a.conf", 2);
	must_have(load("*.conf", ""), "127.0.0.1:4444");
	must_have(load(".*.conf", ""), ".a.conf");
	unlink(confs_path(".a.conf"));
}

static void
test_none(void **state)
{
	(void)state;
	clean();
	must_have(load("missing/*.conf", ""), "127.0.0.1:4444");
	assert_null(load("a.conf", ""));
	assert_int_equal(report.errors, 1);
	assert_non_null(strstr(report.lines[0].text,
	    "/main:1: include: \""));
	assert_non_null(strstr(report.lines[0].text,
	    "/a.conf\": No such file or directory"));
	put("a.conf", "");
	assert_null(load("a.conf/*", ""));
	assert_non_null(strstr(report.lines[0].text, "Not a directory"));
}

static void
test_patterns(void **state)
{
	static const char *const wrong[] = { "a", "*.conf", "./*.conf", "/",
		"/etc/", "/*/a.conf", "/a?b/c", "/[a]/c", "/etc/*.d/x.conf" };
	static const char *const right[] = { "", "/a", "/*", "/etc/a/[a-z]?*" };
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(wrong); i++)
		assert_non_null(
		    text_check_include(wrong[i], strlen(wrong[i])));
	for (i = 0; i < COUNT(right); i++)
		assert_null(text_check_include(right[i], strlen(right[i])));
	confs_must_refuse("\ninclude = \"forkgreet.d/*.conf\";", 2, "include",
	    "is not an absolute path", NULL);
	confs_must_refuse("include = \"/etc/*/x.conf\";", 1, "include",
	    "has a wildcard before its last \"/\"", NULL);
	confs_must_refuse("include = \"/etc/\";", 1, "include",
	    "is a directory", NULL);
}

static void
test_only_listeners(void **state)
{
	static const struct {
		const char *text;
		const char *error; /* behind the file */
	} slips[] = {
		{ "", ":1: listeners: missing, expected a list of groups, "
		      "as in ( { port = 4444; } )" },
		{ "# none\n", ":1: listeners: missing, expected a list of "
			      "groups, as in ( { port = 4444; } )" },
		{ "\n\nlisteners = ( );", ":3: listeners: 0 groups are out of "
					  "range, expected 1 to 256" },
		{ "listeners = ( { \nportt = 7; } );",
		    ":2: listeners[0].portt: unknown key, did you mean port?" },
		{ "listeners = ( { port = 7; }, \n7 );",
		    ":2: listeners[1]: 7 is a whole number, expected a group, "
		    "as in { port = 4444; }" },
	};
	static const char *const others[] = { "user = \"u\";",
		"include = \"/x\";", "limits = { rate = 1; };", "xyzzy = 1;" };
	char text[200], error[300];
	size_t i;

	(void)state;
	clean();
	for (i = 0; i < COUNT(slips); i++) {
		put("b.conf", slips[i].text);
		assert_null(load("*.conf", ""));
		assert_int_equal(report.errors, 1);
		must_say("b.conf", slips[i].error);
	}
	for (i = 0; i < COUNT(others); i++) {
		snprintf(text, sizeof(text),
		    "listeners = ( { port = 7; } );\n%s", others[i]);
		put("b.conf", text);
		assert_null(load("*.conf", ""));
		assert_int_equal(report.errors, 1);
		snprintf(error, sizeof(error),
		    ":2: %.*s: is not for an included file, expected "
		    "listeners only (%s has the rest)",
		    (int)strcspn(others[i], " "), others[i],
		    confs_path("main"));
		must_say("b.conf", error);
	}
}

/* What is wrong with the text itself is said once, of each file. */
static void
test_all_errors(void **state)
{
	(void)state;
	clean();
	put("a.conf", "listeners = (\n");
	put("b.conf", "listeners = ( { port = 0; } );");
	put("c.conf", "user = \"u\"");
	assert_null(load("*.conf", "xyzzy = 1;"));
	assert_int_equal(report.errors, 5);
	must_say("a.conf",
	    ":1: listeners: the \"(\" that opens here is not closed");
}

static void
test_duplicates(void **state)
{
	char error[1000];

	(void)state;
	clean();
	put("a.conf", "\nlisteners = ( { port = 2; },\n{ port = 3; } );");
	put("b.conf", "listeners = (\n{ port = 3; } );");
	assert_null(load("*.conf", ""));
	assert_int_equal(report.errors, 1);
	snprintf(error, sizeof(error), ":2: listeners[0].address: 127.0.0.1:3 "
	    "cannot be bound beside 127.0.0.1:3 of listeners[1] (%s:3), "
	    "choose another port or address", confs_path("a.conf"));
	must_say("b.conf", error);

	put("b.conf", "listeners = (\n{ port = 4; name = \"n\"; } );");
	assert_null(load("*.conf",
	    "\nlisteners = ( { port = 5; name = \"n\"; } );"));
	assert_int_equal(report.errors, 1);
	snprintf(error, sizeof(error), ":2: listeners[0].name: \"n\" is the "
	    "name of listeners[0] too (%s:2), expected one that no other has",
	    confs_path("main"));
	must_say("b.conf", error);
}

/* Both are right, and what they get from the top is not in their file. */
static void
test_line_of_what_is_inherited(void **state)
{
	struct conf *conf;

	(void)state;
	clean();
	put("a.conf", "\n\nlisteners = ( { format = \"http\"; } );");
	conf = load("*.conf", "\ntimeouts = { session = 1; };");
	assert_non_null(conf);
	assert_int_equal(report.warnings, 1);
	must_have(conf, "127.0.0.1:4444");
	report.errors = 1;
	must_say("main", ":2: listeners[0].timeouts.session: 1 is shorter "
	    "than timeouts.request, 5, which can never be reached");
}

/* ------------------------------------------------------------------- bounds */

static void
put_many(unsigned n)
{
	char name[20];
	unsigned i;

	for (i = 0; i < n; i++) {
		snprintf(name, sizeof(name), "%03u.conf", i);
		put_listener(name, 1000 + i);
	}
}

static void
test_most_files(void **state)
{
	struct conf *conf;

	(void)state;
	clean();
	put_many(CONF_INCLUDED_MAX);
	conf = load("*.conf", "");
	assert_non_null(conf);
	assert_int_equal(conf->n_listeners, CONF_LISTENERS_MAX);
	assert_int_equal(reads, 1 + CONF_INCLUDED_MAX); /* nothing moved */
	assert_string_equal(
	    conf_text(conf, conf->listener[255].name), "255.conf");
	assert_string_equal(conf_file(conf, &conf->listener[255], "x"),
	    confs_path("255.conf"));
	free(conf);

	assert_null(load("*.conf", "listeners = ( { port = 1; } );"));
	assert_int_equal(report.errors, 1);
	must_say("255.conf", ":1: listeners: 1 groups are too many, expected "
	    "at most 256 with the 256 of the files before");

	put_many(CONF_INCLUDED_MAX + 1);
	assert_null(load("*.conf", ""));
	assert_int_equal(report.errors, 1);
	assert_int_equal(reads, 1);
	assert_non_null(strstr(report.lines[0].text,
	    "*.conf\": more than 256 files match"));
	clean();
}

/* All texts together have the room of one. */
static void
test_most_bytes(void **state)
{
	size_t size = CONF_FILE_MAX / 2 - 1000;
	char *text = malloc(size + 1);

	(void)state;
	assert_non_null(text);
	clean();
	memset(text, '\n', size);
	text[size] = '\0';
	memcpy(text, "listeners=({port=2;});", 22);
	put("a.conf", text);
	memcpy(text, "listeners=({port=3;});", 22);
	put("b.conf", text);
	must_have(load("*.conf", ""), "127.0.0.1:2 127.0.0.1:3");
	text[2000] = '\0';
	memcpy(text, "listeners=({port=4;});", 22);
	put("c.conf", text);
	assert_null(load("*.conf", ""));
	assert_int_equal(report.errors, 1);
	assert_non_null(strstr(report.lines[0].text,
	    "/c.conf: is too large, expected at most 20971520 bytes with "));
	free(text);
}

/* --------------------------------------------------- while they are read */

static unsigned changes;

static void
rename_b(const char *path)
{
	if (strcmp(path, confs_path("a.conf")) == 0 && changes++ == 0)
		rename(confs_path("b.conf"), confs_path("c.conf"));
}

static void
remove_b(const char *path)
{
	if (strcmp(path, confs_path("b.conf")) == 0)
		unlink(path);
}

static void
add_c(const char *path)
{
	if (strcmp(path, confs_path("b.conf")) == 0)
		put_listener("c.conf", 4);
}

/* It is away just while it is looked for. */
static void
hide_b(const char *path)
{
	if (strcmp(path, confs_path("b.conf")) == 0 && changes++ == 0)
		rename(path, confs_path("hidden"));
}

static void
return_b(const char *path)
{
	(void)path;
	rename(confs_path("hidden"), confs_path("b.conf"));
}

/* As a link to a file that is there. */
static void
return_b_as_link(const char *path)
{
	if (access(confs_path("hidden"), F_OK) == 0 &&
	    access(path, F_OK) == -1)
		assert_int_equal(symlink("hidden", path), 0);
}

/* Each time that the directory has been read. */
static void
never_rest(const char *path)
{
	const char *names[] = { confs_path("b.conf"), confs_path("c.conf") };

	if (strcmp(path, confs_path("a.conf")) != 0)
		return;
	rename(names[changes % 2], names[(changes + 1) % 2]);
	changes++;
}

static void
test_changes(void **state)
{
	static const struct {
		void (*change)(const char *path);
		void (*again)(const char *path);
		const char *names; /* of the listeners */
	} rows[] = {
		{ rename_b, NULL, "a.conf b.conf" },
		{ remove_b, NULL, "a.conf" },
		{ add_c, NULL, "a.conf b.conf c.conf" },
		{ hide_b, return_b, "a.conf b.conf" },
		{ hide_b, return_b_as_link, "a.conf b.conf" },
	};
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(rows); i++) {
		clean();
		put_listener("a.conf", 2);
		put_listener("b.conf", 3);
		changes = 0;
		meanwhile = rows[i].change;
		afterwards = rows[i].again;
		must_have(load("*.conf", ""), rows[i].names);
	}
	clean();
}

/* An end is found, and what moves all the time is in or out. */
static void
test_never_rests(void **state)
{
	struct conf *conf;

	(void)state;
	clean();
	put_listener("a.conf", 2);
	put_listener("b.conf", 3);
	changes = 0;
	meanwhile = never_rest;
	conf = load("*.conf", "");
	assert_non_null(conf);
	assert_in_range(conf->n_listeners, 1, 2);
	free(conf);
	assert_int_equal(changes, 10);
	clean();
}

/* A link that leads nowhere has not gone. */
static void
test_broken_link(void **state)
{
	char error[1000];

	(void)state;
	clean();
	assert_int_equal(symlink("nowhere", confs_path("b.conf")), 0);
	assert_null(load("*.conf", ""));
	assert_int_equal(report.errors, 1);
	snprintf(error, sizeof(error),
	    ": No such file or directory (included by %s:1)",
	    confs_path("main"));
	must_say("b.conf", error);
	clean();
}

/* ------------------------------------------------------- their readers */

/* It is the file's that is to blame, and nothing is left behind. */
static void
test_reader_that_dies(void **state)
{
	int hostile = confs_program("tests/hostile/reader");
	unsigned fds = confs_count_fds();

	(void)state;
	clean();
	put_listener("a.conf", 2);
	put("b.conf", "# status 3\n");
	put_listener("c.conf", 3);
	assert_null(load_with(hostile, "*.conf", ""));
	assert_int_equal(report.errors, 1);
	assert_ptr_equal(strstr(report.lines[0].text, confs_path("b.conf")),
	    report.lines[0].text);
	if (strstr(report.lines[0].text,
		": the reader gave up (exit status 3)") == NULL)
		fail_msg("%s", report.lines[0].text);
	assert_int_equal(confs_count_fds(), fds);
	close(hostile);
}

/* All readers together may say what one may, and take as long as is right for
 * all. */
static void
test_bounds_of_all_readers(void **state)
{
	int hostile = confs_program("tests/hostile/reader");
	static const char *const names[] = { "a.conf", "b.conf", "c.conf" };
	size_t i;

	(void)state;
	clean();
	for (i = 0; i < COUNT(names); i++)
		put(names[i], "# volume 18\n");
	assert_null(load_with(hostile, "*.conf", ""));
	assert_int_equal(report.errors, 1);
	must_say("c.conf", ": the reader sent more than it may");

	clean();
	put("b.conf", "# loop\n");
	hurried = true;
	assert_null(load_with(hostile, "*.conf", ""));
	hurried = false;
	assert_int_equal(report.errors, 1);
	must_say("b.conf", ": the reader was not done in time: all included "
	    "files took too long");
	clean();
	close(hostile);
}

/* Two files, each with half as many settings as one may have, and some more. */
static void
test_most_settings(void **state)
{
	static const char *const names[] = { "a.conf", "b.conf" };
	size_t i, n = ENTRIES_MAX / 2, k;
	char *text = malloc(n * 2 + 100);

	(void)state;
	assert_non_null(text);
	clean();
	for (i = 0; i < COUNT(names); i++) {
		memcpy(text, "x = ( 1", 7);
		for (k = 7; k < n * 2 + 60; k += 2)
			memcpy(text + k, ",1", 2);
		memcpy(text + k, " );", 4);
		put(names[i], text);
	}
	assert_null(load("*.conf", ""));
	assert_int_equal(report.errors, 1);
	must_say("b.conf",
	    ": more than 65536 settings with those of the files before it");
	free(text);
	clean();
}

struct said {
	enum entry_type type;
	const char *path, *text;
};

/* The source that a reader makes that says so. */
static void
forge(struct source *source, const struct said *said, size_t n)
{
	struct entry_head head = { .line = 1 };
	size_t i;
	FILE *out = open_memstream(&source->bytes, &source->length);

	assert_non_null(out);
	for (i = 0; i <= n; i++) {
		head.type = i < n ? said[i].type : ENTRY_END;
		head.line = i < n;
		head.path_length = i < n ? (uint16_t)strlen(said[i].path) : 0;
		head.text_length = i < n ? (uint32_t)strlen(said[i].text) : 0;
		fwrite(&head, 1, sizeof(head), out);
		fwrite(i < n ? said[i].path : "", 1,
		    (size_t)head.path_length + 1, out);
		fwrite(i < n ? said[i].text : "", 1,
		    (size_t)head.text_length + 1, out);
	}
	fclose(out);
	assert_int_equal(entries_parse(&source->entries, source->bytes,
	    source->length, source->path, &report), 0);
}

/* The reader of an included file cannot set what the configuration sets, nor
 * have its listeners twice. */
static void
test_forged(void **state)
{
	static const struct said main_says[] = {
		{ ENTRY_STRING, "user", "honest" },
	};
	static const struct said file_says[] = {
		{ ENTRY_LIST, "listeners", "" },
		{ ENTRY_GROUP, "listeners[0]", "" },
		{ ENTRY_STRING, "user", "evil" },
		{ ENTRY_LIST, "listeners", "" },
	};
	struct source sources[2] = { { .path = "m" }, { .path = "f" } };
	size_t i, n;
	struct conf *conf;

	(void)state;
	for (n = 2; n <= 4; n++) {
		memset(&report, 0, sizeof(report));
		forge(&sources[0], main_says, COUNT(main_says));
		forge(&sources[1], file_says, n);
		conf = settings_make(sources, 2, true, &report);
		assert_int_equal(report.errors, n - 2);
		assert_true((conf != NULL) == (n == 2));
		if (n == 2)
			assert_string_equal(
			    conf_text(conf, conf->user), "honest");
		if (n > 2)
			assert_ptr_equal(strstr(report.lines[0].text,
			    "f:1: user: is not for an included file"),
			    report.lines[0].text);
		free(conf);
		for (i = 0; i < 2; i++) {
			entries_free(&sources[i].entries);
			free(sources[i].bytes);
		}
	}
}

/* ---------------------------------------------------------------- the dump */

/* It says where each one comes from, and is the same configuration alone. */
static void
test_dump(void **state)
{
	struct conf *conf, *again;
	char *dump, *other, *line, *end, expected[200];

	(void)state;
	clean();
	put_listener("a.conf", 2);
	put("b.conf", "listeners = (\n{ port = 3; },\n{ port = 4; } );");
	conf = load("*.conf", "\nlisteners = ( { port = 5; } );");
	assert_non_null(conf);
	dump = confs_dump(conf);
	snprintf(expected, sizeof(expected), "\n\t# %s:1\n\t{\n",
	    confs_path("a.conf"));
	assert_non_null(strstr(dump, expected));
	snprintf(expected, sizeof(expected), "\n\t# %s:3\n\t{\n",
	    confs_path("b.conf"));
	assert_non_null(strstr(dump, expected));
	snprintf(expected, sizeof(expected),
	    "\ninclude = \"\"; # \"%s\": listeners of 2 files below\n",
	    confs_path("*.conf"));
	assert_non_null(strstr(dump, expected));
	again = confs_must_load(dump);
	other = confs_dump(again);
	while ((line = strstr(dump, "\t# ")) != NULL) {
		end = strchr(line, '\n') + 1;
		memmove(line, end, strlen(end) + 1);
	}
	line = strstr(dump, " # ");
	end = strchr(line, '\n');
	memmove(line, end, strlen(end) + 1);
	assert_string_equal(dump, other);
	free(conf);
	free(again);
	free(dump);
	free(other);
	clean();
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_order),
		cmocka_unit_test(test_hidden),
		cmocka_unit_test(test_none),
		cmocka_unit_test(test_patterns),
		cmocka_unit_test(test_only_listeners),
		cmocka_unit_test(test_all_errors),
		cmocka_unit_test(test_duplicates),
		cmocka_unit_test(test_line_of_what_is_inherited),
		cmocka_unit_test(test_most_files),
		cmocka_unit_test(test_most_bytes),
		cmocka_unit_test(test_changes),
		cmocka_unit_test(test_never_rests),
		cmocka_unit_test(test_broken_link),
		cmocka_unit_test(test_reader_that_dies),
		cmocka_unit_test(test_bounds_of_all_readers),
		cmocka_unit_test(test_most_settings),
		cmocka_unit_test(test_forged),
		cmocka_unit_test(test_dump),
	};

	return cmocka_run_group_tests_name(
	    "conf_include", tests, confs_setup, confs_teardown);
}
