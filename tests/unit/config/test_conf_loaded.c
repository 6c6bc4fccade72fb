/* What is done with a configuration once loaded: master/config/greetings.c,
 * master/config/conf.c, master/config/somaxconn.c. */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "unit/confs.h"
#include "master/config/greetings.h"
#include "master/config/load.h"
#include "master/config/resources.h"
#include "master/config/verdict.h"

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

/* -------------------------------------------------------------- greetings */

static void
test_line_endings(void **state)
{
	static const struct {
		const char *ending;
		const char *written;
		const char *sent;
		size_t length;
	} cases[] = {
		{ "asis", "a\\nb\\r\\nc\\r", "a\nb\r\nc\r", 7 },
		{ "lf", "a\\nb\\r\\nc\\r", "a\nb\nc\r", 6 },
		{ "lf", "\\r\\n", "\n", 1 },
		{ "lf", "\\r\\r\\n\\n", "\r\n\n", 3 },
		{ "crlf", "a\\nb\\r\\nc\\r", "a\r\nb\r\nc\r", 8 },
		{ "crlf", "\\n", "\r\n", 2 },
		{ "crlf", "\\n\\n", "\r\n\r\n", 4 },
		{ "crlf", "", "", 0 },
	};
	struct greeting *greetings;
	struct report report = { 0 };
	struct conf *conf;
	char text[256];
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		snprintf(text, sizeof(text),
		    "listeners = ( { greeting = \"%s\"; "
		    "line_ending = \"%s\"; } );",
		    cases[i].written, cases[i].ending);
		conf = confs_must_load(text);
		greetings = greetings_load(conf, "x", &report);
		assert_non_null(greetings);
		assert_int_equal(greetings[0].length, cases[i].length);
		assert_memory_equal(
		    greetings[0].bytes, cases[i].sent, cases[i].length);
		greetings_free(greetings, greetings_count(conf));
		free(conf);
	}
}

static struct conf *
load_with_file(const char *path)
{
	char text[512];

	snprintf(text, sizeof(text),
	    "listeners = ( { name = \"n\"; },\n"
	    "{ port = 1;\n greeting_file = \"%s\"; } );\n",
	    path);
	return confs_must_load(text);
}

static void
test_greeting_file(void **state)
{
	char *bytes = malloc(CONF_GREETING_MAX + 1);
	struct conf *conf = load_with_file(confs_path("greeting"));
	struct greeting *greetings;
	struct report report = { 0 };
	size_t i;

	(void)state;
	assert_non_null(bytes);
	for (i = 0; i < CONF_GREETING_MAX + 1; i++)
		bytes[i] = (char)(i * 7);
	confs_write("greeting", bytes, CONF_GREETING_MAX);
	greetings = greetings_load(conf, "x.conf", &report);
	assert_non_null(greetings);
	assert_int_equal(greetings[0].length, 10);
	assert_int_equal(greetings[STATE_COUNT].length, CONF_GREETING_MAX);
	assert_memory_equal(greetings[STATE_COUNT].bytes, bytes, CONF_GREETING_MAX);
	greetings_free(greetings, greetings_count(conf));
	confs_write("greeting", bytes, CONF_GREETING_MAX + 1);
	assert_null(greetings_load(conf, "x.conf", &report));
	assert_int_equal(report.errors, 1);
	assert_non_null(strstr(report.lines[0].text,
	    "x.conf:3: listeners[1].greeting_file: \"/tmp/"));
	assert_non_null(strstr(
	    report.lines[0].text, "is larger than 1048576 bytes (1048577)"));
	free(conf);
	free(bytes);
}

static void
test_d12_greeting_files_that_are_none(void **state)
{
	static const struct {
		const char *path;
		const char *why;
	} bad[] = {
		{ "/no/such/file", "No such file or directory" },
		{ "/dev/zero", "is not a regular file" },
		{ "/", "is a directory" },
		{ "/proc/version", "the kernel makes it when it is read" },
	};
	struct report report;
	struct conf *conf;
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(bad); i++) {
		memset(&report, 0, sizeof(report));
		conf = load_with_file(bad[i].path);
		assert_null(greetings_load(conf, "x", &report));
		assert_int_equal(report.errors, 1);
		assert_non_null(strstr(report.lines[0].text, bad[i].why));
		free(conf);
	}
}

/* ---------------------------------------------------------------- reloads */

static void
test_reload(void **state)
{
	struct conf *running = confs_must_load("user = \"a\";"), *fresh;
	struct report report = { 0 };
	const struct schema_key *key;
	size_t n = 0;

	(void)state;
	for (key = schema_keys; key < schema_keys + schema_n_keys; key++)
		n += key->restart;
	assert_int_equal(n, 7);
	fresh = confs_must_load("listeners = ( { port = 1; } );\n"
				"user = \"a\"; log = { level = \"debug\"; };");
	verdict_reload(running, fresh, "x", &report);
	assert_int_equal(report.errors, 0);
	free(fresh);
	fresh = confs_must_load("\ngroup = \"b\";\npid_file = \"\";\n"
				"control_socket = \"/x\";\n"
				"sandbox = \"off\";\n"
				"control_group = \"adm\";\n");
	verdict_reload(running, fresh, "x", &report);
	assert_int_equal(report.errors, 6);
	assert_string_equal(report.lines[0].text,
	    "x: user: \"forkgreet\" cannot be set by a reload, expected "
	    "\"a\" until a restart");
	assert_string_equal(report.lines[1].text,
	    "x:2: group: \"b\" cannot be set by a reload, expected "
	    "\"forkgreet\" until a restart");
	assert_string_equal(report.lines[2].text,
	    "x:3: pid_file: \"\" cannot be set by a reload, expected "
	    "\"/run/forkgreet.pid\" until a restart");
	assert_string_equal(report.lines[3].text,
	    "x:4: control_socket: \"/x\" cannot be set by a reload, expected "
	    "\"/run/forkgreet/control\" until a restart");
	assert_string_equal(report.lines[4].text,
	    "x:6: control_group: \"adm\" cannot be set by a reload, expected "
	    "\"\" until a restart");
	assert_string_equal(report.lines[5].text,
	    "x:5: sandbox: \"off\" cannot be set by a reload, expected "
	    "\"required\" until a restart");
	free(fresh);
	free(running);
}

/* Paths that differ far behind what a message shows. */
static void
test_reload_long(void **state)
{
	char text[1024], end[] = "a";
	struct conf *running, *fresh;
	struct report report = { 0 };

	(void)state;
	snprintf(text, sizeof(text), "pid_file = \"/%0900d%s\";", 0, end);
	running = confs_must_load(text);
	end[0] = 'b';
	snprintf(text, sizeof(text), "pid_file = \"/%0900d%s\";", 0, end);
	fresh = confs_must_load(text);
	verdict_reload(running, fresh, "x", &report);
	assert_int_equal(report.errors, 1);
	free(running);
	free(fresh);
}

static void
test_somaxconn(void **state)
{
	struct conf *conf = confs_must_load(
	    "listeners = (\n"
	    "{ port = 1; backlog = 128; },\n{ port = 2; backlog = 129; } );");
	struct report report = { 0 };

	(void)state;
	resources_check_backlogs(
	    conf, confs_write("somaxconn", "128\n", 4), "x", &report);
	assert_int_equal(report.errors, 0);
	assert_int_equal(report.warnings, 1);
	assert_string_equal(report.lines[0].text,
	    "x:3: listeners[1].backlog: 129 is more than the kernel allows, "
	    "128 (net.core.somaxconn)");
	resources_check_backlogs(conf, confs_path("missing"), "x", &report);
	resources_check_backlogs(conf, confs_write("somaxconn", "x", 1), "x", &report);
	resources_check_backlogs(conf, confs_write("somaxconn", "", 0), "x", &report);
	resources_check_backlogs(conf, confs_path("."), "x", &report);
	assert_int_equal(report.warnings, 1);
	free(conf);
}

/* What each load says, of this machine. */
static void
test_somaxconn_here(void **state)
{
	const char *text = "listeners = ( { backlog = 65535; } );";
	const char *path = confs_write("test.conf", text, strlen(text));
	struct report report = { 0 };
	struct conf *conf;
	FILE *file = fopen(RESOURCES_SOMAXCONN, "r");
	int most = 65535;

	(void)state;
	if (file != NULL) {
		assert_int_equal(fscanf(file, "%d", &most), 1);
		fclose(file);
	}
	conf = load_wait(confs_reader(), path, true, &report);
	assert_non_null(conf);
	assert_int_equal(report.warnings, most < 65535);
	free(conf);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_line_endings),
		cmocka_unit_test(test_greeting_file),
		cmocka_unit_test(test_d12_greeting_files_that_are_none),
		cmocka_unit_test(test_reload),
		cmocka_unit_test(test_reload_long),
		cmocka_unit_test(test_somaxconn),
		cmocka_unit_test(test_somaxconn_here),
	};

	return cmocka_run_group_tests_name(
	    "conf_loaded", tests, confs_setup, confs_teardown);
}
