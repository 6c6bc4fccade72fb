/* What a text should not have: master/config/text_advice.c, advice.c. */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <sys/utsname.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "master/config/advice.h"
#include "master/config/greetings.h"
#include "master/config/text_advice.h"
#include "unit/confs.h"

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

static const struct text_names names = { "Linux", "6.1.0-13-amd64", "debian" };

/* ------------------------------------------------------------------ one text */

struct sample {
	const char *text;
	const char *said; /* of its one warning; NULL: there is none */
	int64_t port; /* of a protocol; 0: none */
};

#define WRONG_END "has a line that does not end in CRLF, as "
#define ATTACKER ", which helps an attacker"

static const struct sample samples[] = {
	{ "hi client\n", NULL, 0 },
	{ "\ta\r\nb\r\xc3\xbc\xff", NULL, 0 },
	{ "", NULL, 25 },
	/* control bytes */
	{ "a\n\n\x1b[2J\x1b", "has the control byte 0x1b, which terminals may "
	    "obey (line 3, byte 1 of the text)", 0 },
	{ "\x01", "has the control byte 0x01", 0 },
	{ "ab\x7f", "has the control byte 0x7f, which terminals may obey "
	    "(line 1, byte 3 of the text)", 0 },
	/* ends of lines */
	{ "220 hi\r\n", NULL, 21 },
	{ "220-a\r\n220 b\r\n", NULL, 25 },
	{ "220 hi\n", NULL, 26 },
	{ "220 hi\n", WRONG_END "FTP on port 21 has it (RFC 959, 4.2) (line 1, "
	    "byte 7 of the text)", 21 },
	{ "220-a\n220 b\r\n", WRONG_END "SMTP on port 25", 25 },
	{ "220 hi", WRONG_END "submission on port 587", 587 },
	{ "+OK\r", WRONG_END "POP3 on port 110", 110 },
	{ "\n", WRONG_END "daytime on port 13", 13 },
	{ "a", WRONG_END "qotd on port 17", 17 },
	{ "a", WRONG_END "NNTP on port 119", 119 },
	{ "a", WRONG_END "IMAP on port 143", 143 },
	/* names */
	{ "on linux.", "names the kernel" ATTACKER " (line 1, byte 4 of the "
	    "text)", 0 },
	{ "LINUX", "names the kernel" ATTACKER, 0 },
	{ "Linuxes, xlinux, inux", NULL, 0 },
	{ "a linux\nlinuxes", "names the kernel", 0 },
	{ "(6.1.0-13-amd64)", "names the kernel's release", 0 },
	{ "6.1.0-13-amd641", NULL, 0 },
	{ "Debian-12", "names the distribution", 0 },
	{ "hello from forkgreet", NULL, 0 },
	{ "forkgreets 3 clients, forkgreet has 2x", NULL, 0 },
	{ "forkgreet is v1", NULL, 0 },
	{ "Forkgreet 0.1", "names forkgreet with its version", 0 },
	{ "a forkgreetd/v0", "names forkgreet with its version" ATTACKER
	    " (line 1, byte 3 of the text)", 0 },
	{ "forkgreet-1", "names forkgreet with its version", 0 },
	{ "%{host} %%{hostname}", "names the host by %{hostname}" ATTACKER
	    " (line 1, byte 10 of the text)", 0 },
	{ "220 %{hostname} hi\r\n", "names the host by %{hostname}", 21 },
	{ "220 %{hostname} hi\r\n", NULL, 25 }, /* RFC 5321, 4.2 */
	{ "220 %{hostname} hi\r\n", NULL, 587 },
};

/* In memory of just that size, so that a sanitizer sees a step beyond. */
static void
advise(struct text_use use, const char *text, size_t length,
    struct report *report)
{
	char *exact = malloc(length > 0 ? length : 1);

	assert_non_null(exact);
	memcpy(exact, text, length);
	use.bytes = exact;
	use.length = length;
	*report = (struct report) { 0 };
	text_advise(&use, "F", 7, "key", report);
	free(exact);
	assert_int_equal(report->errors, 0);
}

static void
a_text_has_what_it_should_not(void **state)
{
	struct text_use use = { .variables = true, .names = &names };
	struct report report;
	const struct sample *sample;
	char start[256];

	(void)state;
	for (sample = samples; sample < samples + COUNT(samples); sample++) {
		use.protocol = text_protocol_find(sample->port);
		advise(use, sample->text, strlen(sample->text), &report);
		if (report.warnings != (sample->said != NULL))
			fail_msg("\"%s\": %zu warnings: %s", sample->text,
			    report.warnings, report.lines[0].text);
		if (sample->said == NULL)
			continue;
		snprintf(start, sizeof(start), "F:7: key: %s", sample->said);
		report.lines[0].text[strlen(start)] = '\0';
		assert_string_equal(report.lines[0].text, start);
	}
}

static void
a_text_may_have_all_faults(void **state)
{
	struct text_use use = { .names = &names, .longest = 12,
		.protocol = text_protocol_find(17) };
	struct report report;

	(void)state;
	advise(use, "Linux\0Linux\x1b\n", 13, &report);
	assert_int_equal(report.warnings, 4);
	assert_non_null(strstr(report.lines[0].text, "byte 0x00"));
	assert_non_null(strstr(report.lines[1].text, "CRLF"));
	assert_non_null(strstr(report.lines[2].text,
	    "is 13 bytes long, expected at most 12"));
	assert_non_null(strstr(report.lines[3].text, "byte 1 of"));
}

static void
a_length_may_be_reached(void **state)
{
	struct text_use use = { .names = &names,
		.longest = TEXT_ADVICE_QUOTE_MAX };
	char text[TEXT_ADVICE_QUOTE_MAX + 1];
	struct report report;

	(void)state;
	memset(text, 'x', sizeof(text));
	advise(use, text, 512, &report);
	assert_int_equal(report.warnings, 0);
	advise(use, text, 513, &report);
	assert_int_equal(report.warnings, 1);
	use.longest = 0;
	advise(use, text, 513, &report);
	assert_int_equal(report.warnings, 0);
}

static void
without_variables_there_is_no_hostname(void **state)
{
	struct text_use use = { .names = &names };
	struct report report;

	(void)state;
	advise(use, "%{hostname}", 11, &report);
	assert_int_equal(report.warnings, 0);
}

static void
names_that_are_not_known_are_not_found(void **state)
{
	static const struct text_names none;
	struct text_use use = { .names = &none };
	struct report report;

	(void)state;
	advise(use, "Linux, debian.", 14, &report);
	assert_int_equal(report.warnings, 0);
}

static void
the_names_are_this_systems(void **state)
{
	static const char *const files[] = { "NAME=\"x\"\nID=some\nID_LIKE=y\n",
		"VERSION_ID=3\nID=\"some\"", "ID='some'\nx" };
	struct text_names found;
	struct utsname uts;
	size_t i;

	(void)state;
	assert_int_equal(uname(&uts), 0);
	for (i = 0; i < COUNT(files); i++) {
		text_names_find(&found,
		    confs_write("os-release", files[i], strlen(files[i])));
		assert_string_equal(found.kernel, uts.sysname);
		assert_string_equal(found.release, uts.release);
		assert_string_equal(found.distribution, "some");
	}
	text_names_find(&found, confs_path("none"));
	assert_string_equal(found.kernel, uts.sysname);
	assert_string_equal(found.distribution, "");
}

/* ------------------------------------------------------------- configurations */

static void
find(const char *text, struct report *report)
{
	struct conf *conf = confs_load(text, report);
	struct greeting *greetings;

	if (conf == NULL)
		fail_msg("%s: %s", text, report->lines[0].text);
	greetings = greetings_load(conf, "F", report);
	assert_non_null(greetings);
	advice_find(conf, greetings, &names, "F", report);
	greetings_free(greetings, greetings_count(conf));
	free(conf);
}

/* Its warnings are those, in that order; the texts are the starts of them. */
static void
must_warn(const char *text, const char *const *said, size_t n)
{
	struct report report;
	size_t i;

	find(text, &report);
	for (i = 0; i < report.kept && i < n; i++)
		if (strncmp(report.lines[i].text, said[i], strlen(said[i])) != 0)
			fail_msg("%s: not %s", report.lines[i].text, said[i]);
	if (report.warnings != n)
		fail_msg("%zu warnings, not %zu, the last: %s",
		    report.warnings, n,
		    report.kept == 0 ? "none" :
				       report.lines[report.kept - 1].text);
}

static void
every_text_is_looked_at(void **state)
{
	static const char *const said[] = {
		"F:1: refusals.no_resources: has the control byte 0x02",
		"F:3: listeners[0].greeting: has the control byte 0x03",
		"F:5: listeners[0].when.drain: has the control byte 0x04",
		"F:7: listeners[0].when.down: has the control byte 0x06",
		"F:6: listeners[0].when.maintenance: has the control byte 0x05",
		"F:10: listeners[0].rules[1].greeting: has the control byte "
		"0x07",
		"F:12: listeners[0].refusals.busy: has the control byte 0x08",
		"F:14: listeners[1].rules[0].greeting: names the kernel",
	};

	(void)state;
	must_warn("refusals = { no_resources = \"\\x02\"; };\n"
		  "listeners = ( { port = 4001;\n"
		  "greeting = \"\\x03\";\n"
		  "when = {\n"
		  "drain = \"\\x04\";\n"
		  "maintenance = \"\\x05\";\n"
		  "down = \"\\x06\"; };\n"
		  "rules = ( { from = \"192.0.2.1\"; action = \"deny\"; },\n"
		  "{ from = \"192.0.2.2\"; action = \"allow\";\n"
		  "greeting = \"\\x07\"; } );\n"
		  "refusals = {\n"
		  "busy = \"\\x08\"; }; },\n"
		  "{ rules = ( { from = \"192.0.2.2\"; action = \"deny\";\n"
		  "greeting = \"Linux\"; } ); } );",
	    said, COUNT(said));
}

static void
a_file_is_looked_at(void **state)
{
	static const char bytes[] = "a\nDEBIAN\n";
	const char *path = confs_write("greeting", bytes, sizeof(bytes) - 1);
	char text[512], said[512];
	const char *const list[] = { said };

	(void)state;
	snprintf(text, sizeof(text),
	    "listeners = ( {\ngreeting_file = \"%s\"; } );", path);
	snprintf(said, sizeof(said),
	    "F:2: listeners[0].greeting_file: \"%s\": names the distribution"
	    ATTACKER " (line 2, byte 1 of the text)", path);
	must_warn(text, list, 1);
}

/* line_ending makes greetings right, not refusals; an answer to a request is
 * not of such a protocol. */
static void
lines_end_as_the_port_wants(void **state)
{
	static const char *const greeting[] = { "F:2: listeners[0].greeting: "
		WRONG_END };
	static const char *const refusal[] = { "F:2: listeners[0].refusals."
		"rate: " WRONG_END };
	static const char *const top[] = { "F:1: refusals.rate: " WRONG_END
		"FTP" };

	(void)state;
	must_warn("listeners = ( { port = 21;\ngreeting = \"a\\n\"; } );",
	    greeting, 1);
	must_warn("listeners = ( { port = 21; line_ending = \"crlf\";\n"
		  "greeting = \"a\\n\"; when = { down = \"b\\n\"; }; } );",
	    NULL, 0);
	must_warn("listeners = ( { port = 21; format = \"http\";\n"
		  "greeting = \"a\\n\"; refusals = { rate = \"a\\n\"; }; } );",
	    NULL, 0);
	must_warn("listeners = ( { port = 21; line_ending = \"crlf\";\n"
		  "refusals = { rate = \"a\\n\"; }; } );", refusal, 1);
	must_warn("refusals = { rate = \"a\\n\"; };\n"
		  "listeners = ( { port = 22; }, { port = 21; } );", top, 1);
	must_warn("refusals = { rate = \"a\\n\"; };\n"
		  "listeners = ( { port = 21; refusals = { rate = \"\"; }; },"
		  "{ port = 22; } );", NULL, 0);
}

/* Nor does the rest of a listener that has no texts: an agent's. */
static void
defaults_are_not_warned_of(void **state)
{
	(void)state;
	must_warn("", NULL, 0);
	must_warn("listeners = ( { port = 25; }, { port = 21; "
		  "format = \"http\"; }, { port = 17; format = \"agent\"; } );",
	    NULL, 0);
}

static void
variables_may_be_off(void **state)
{
	static const char *const said[] = { "F:1: listeners[1].greeting: names "
		"the host" };

	(void)state;
	must_warn("listeners = ( { port = 4001; variables = false; greeting = "
		  "\"%{hostname}\"; }, { greeting = \"%{hostname}\"; } );",
	    said, 1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_text_has_what_it_should_not),
		cmocka_unit_test(a_text_may_have_all_faults),
		cmocka_unit_test(a_length_may_be_reached),
		cmocka_unit_test(without_variables_there_is_no_hostname),
		cmocka_unit_test(names_that_are_not_known_are_not_found),
		cmocka_unit_test(the_names_are_this_systems),
		cmocka_unit_test(every_text_is_looked_at),
		cmocka_unit_test(a_file_is_looked_at),
		cmocka_unit_test(lines_end_as_the_port_wants),
		cmocka_unit_test(defaults_are_not_warned_of),
		cmocka_unit_test(variables_may_be_off),
	};

	return cmocka_run_group_tests_name(
	    "advice", tests, confs_setup, confs_teardown);
}
