/* Slips in configuration text, and the findings of them: reader/grammar.c,
 * position.c, scalar.c, slips.c, lexer.c and findings.c. */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <sys/mman.h>
#include <sys/wait.h>

#include <libconfig.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "reader/findings.h"
#include "reader/grammar.h"

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))
#define SEEDS 2000 /* texts that are generated */
#define MUTANTS 10 /* of each */
#define TEXT_MAX 8192
#define LEFT_MAX (2 << 20)

static char all_said[FINDINGS_MAX * sizeof(struct finding)];
static char text_left[LEFT_MAX + 2];

/* What is in the text, and what is said about it: a line each. */
struct row {
	const char *text;
	const char *said;
};

static struct findings findings;

/* An exact copy, so that a sanitizer sees every byte read too many.  What is
 * left for libconfig goes to text_left. */
static bool
check_bytes(const char *text, size_t length)
{
	char *copy = malloc(length > 0 ? length : 1);
	bool whole;

	assert_non_null(copy);
	memcpy(copy, text, length);
	findings.n = 0;
	whole = grammar_check(copy, length, &findings);
	assert_true(whole || findings.n > 0);
	assert_true(length <= LEFT_MAX);
	memcpy(text_left, copy, length);
	text_left[length] = '\0';
	free(copy);
	return whole;
}

/* Control bytes as \xNN. */
static size_t
add_escaped(char *said, const char *text)
{
	size_t used = 0;

	for (; *text != '\0'; text++)
		if ((unsigned char)*text < ' ' || *text == 0x7f)
			used += (size_t)snprintf(said + used, 5, "\\x%02x",
			    (unsigned char)*text);
		else
			said[used++] = *text;
	said[used] = '\0';
	return used;
}

static size_t
add_findings(char *said)
{
	const struct finding *finding = findings.list;
	size_t used = 0;

	for (; finding < findings.list + findings.n; finding++) {
		used += (size_t)snprintf(
		    said + used, 32, "f:%zu: ", finding->line);
		used += add_escaped(said + used, finding->path);
		used += (size_t)snprintf(said + used, 3, ": ");
		used += add_escaped(said + used, finding->text);
		used += (size_t)snprintf(said + used, 2, "\n");
	}
	said[used] = '\0';
	return used;
}

static const char *
said_about(const char *text, size_t length)
{
	check_bytes(text, length);
	add_findings(all_said);
	return all_said;
}

/* Of each line as if it were alone, where it stands. */
static const char *
said_about_lines(const char *text)
{
	static char alone[TEXT_MAX];
	size_t used = 0, lines = 0, length;

	for (all_said[0] = '\0'; *text != '\0'; lines++) {
		length = strcspn(text, "\n");
		memset(alone, '\n', lines);
		memcpy(alone + lines, text, length);
		check_bytes(alone, lines + length);
		used += add_findings(all_said + used);
		text += length + (text[length] == '\n');
	}
	return all_said;
}

static unsigned wrong;

static void
must_be(const char *text, const char *expected, const char *is)
{
	if (strcmp(is, expected) == 0)
		return;
	print_error(
	    "%s\n--- expected:\n%s+++ said:\n%s", text, expected, is);
	wrong++;
}

static void
check_rows(const struct row *rows, size_t n)
{
	for (; n > 0; n--, rows++)
		must_be(rows->text, rows->said,
		    said_about(rows->text, strlen(rows->text)));
	assert_int_equal(wrong, 0);
}

/* The structure is read up to its first error: a line for each. */
static void
check_lines(const struct row *rows, size_t n)
{
	for (; n > 0; n--, rows++)
		must_be(
		    rows->text, rows->said, said_about_lines(rows->text));
	assert_int_equal(wrong, 0);
}

/* -------------------------------------------------------------- the slips */

#define FIT " does not fit, expected -2147483648 to 2147483647\n"
#define HEXADECIMAL " is hexadecimal, expected decimal digits\n"
#define EXPONENT \
	" has an exponent, expected plain digits such as 30 or 2.5\n"
#define ZERO                                                                 \
	" has a leading 0, which would be ignored: write it without, or as " \
	"a string if it is a file mode\n"
#define SUFFIX " has a suffix, expected a plain number\n"
#define QUOTES " needs double quotes if it is a string\n"
#define DURATION " has a unit: a duration is plain seconds, such as 30 or 2.5\n"
#define SIZE                                                                  \
	" needs quotes: a size is bytes, or a string with K, M or G such as " \
	"\"16M\"\n"
#define EITHER                                                             \
	" has a unit: a duration is plain seconds, a size is bytes, or a " \
	"string with K, M or G such as \"16M\"\n"
#define BOOLEAN " is not a boolean, expected true or false\n"
#define INCLUDE " is not supported, write all settings into this file\n"
#define ASCII " is not ASCII, write it in a string or a comment\n"
#define ESCAPE " is not an escape, expected \\\\ \\\" \\n \\r \\t \\f \\xNN\n"
#define NUL " is a NUL byte, which cannot be in a string\n"
#define HEX " needs two hex digits\n"
#define OPEN_QUOTE " the quote that opens here is not closed\n"
#define GLUED                                                            \
	" text is glued to the end of a string, a quote in a string is " \
	"written \\\"\n"
#define TWICE(line) \
	" duplicate key (the first is in line " line "), expected one\n"
#define NO_NAME " is not a name, NAME = VALUE; is expected here\n"
#define BAD_NAME " is not a name, expected letters, digits, - and _\n"
#define DOUBLED " is doubled, or has no setting before it\n"
#define PLAIN " [ ] holds plain values only, write ( ) instead\n"
#define NO_COMMA_VALUE " there is no value before a \",\"\n"
#define TRAILING " there is no value after the last \",\"\n"

static const struct row number_rows[] = {
	{ "a = 2147483648;", "f:1: a: 2147483648" FIT },
	{ "a = +2147483648;", "f:1: a: +2147483648" FIT },
	{ "a = -2147483649;", "f:1: a: -2147483649" FIT },
	{ "\na = 4294967376;\n", "f:2: a: 4294967376" FIT },
	{ "a = 99999999999999999999999999999999999999999;",
	    "f:1: a: 9999999999999999999999999999999999999999" FIT },
	{ "a = 21474836470; b = -21474836480; c = 0x7fffffff0;",
	    "f:1: a: 21474836470" FIT "f:1: b: -21474836480" FIT
	    "f:1: c: 0x7fffffff0" HEXADECIMAL },
	{ "a = 0x80000000;", "f:1: a: 0x80000000" HEXADECIMAL },
	{ "a = 0XfffFFFff;", "f:1: a: 0XfffFFFff" HEXADECIMAL },
	{ "a = 0x100000050;", "f:1: a: 0x100000050" HEXADECIMAL },
	{ "a = 0x10000000000000001;", "f:1: a: 0x10000000000000001" HEXADECIMAL },
	{ "a = 5L; b = 5LL; c = 0x5L; d = 99999999999L; e = -5LL;",
	    "f:1: a: 5L" SUFFIX "f:1: b: 5LL" SUFFIX "f:1: c: 0x5L" SUFFIX
	    "f:1: d: 99999999999L" SUFFIX "f:1: e: -5LL" SUFFIX },
	{ "a = 5LLL;\nb = 5l;\nc = L;\nd = 0xL;",
	    "f:1: a: 5LLL" QUOTES "f:2: b: 5l" QUOTES "f:3: c: L" QUOTES
	    "f:4: d: 0xL" QUOTES },
	{ "a = 010;\nb = 00;\nc = -01;\nd = +0660;",
	    "f:1: a: 010" ZERO "f:2: b: 00" ZERO "f:3: c: -01" ZERO
	    "f:4: d: +0660" ZERO },
	{ "limits = { max_clients = 4294967296; };",
	    "f:1: limits.max_clients: 4294967296" FIT },
	{ "listeners = ( { port = 80; }, { port = 070000; } );",
	    "f:1: listeners[1].port: 070000" ZERO },
	{ "a = [ 1, 02, 3, 99999999999 ];",
	    "f:1: a[1]: 02" ZERO "f:1: a[3]: 99999999999" FIT },
	{ "a = .;\nb = -.e5;\nc = 1e;\nd = 1e+;\ne = -;\nf = 1.5.2;\ng = +.;",
	    "f:1: a: ." QUOTES "f:2: b: -.e5" QUOTES "f:3: c: 1e" QUOTES
	    "f:4: d: 1e+" QUOTES "f:5: e: -" QUOTES "f:6: f: 1.5.2" QUOTES
	    "f:7: g: +." QUOTES },
	{ "a = 1e5a; b = 1.5e5.;",
	    "f:1: a: 1e5a" QUOTES "f:1: b: 1.5e5." QUOTES },
	{ "a = 0x;\nb = 0x1G;\nc = -0x10;",
	    "f:1: a: 0x" QUOTES "f:2: b: 0x1G" QUOTES "f:3: c: -0x10" QUOTES },
	{ "a = 1e5; b = 1E+5; c = -1.5e-3; d = .5e0; e = 0x0; f = 0X7f;",
	    "f:1: a: 1e5" EXPONENT "f:1: b: 1E+5" EXPONENT
	    "f:1: c: -1.5e-3" EXPONENT "f:1: d: .5e0" EXPONENT
	    "f:1: e: 0x0" HEXADECIMAL "f:1: f: 0X7f" HEXADECIMAL },
};

static void
test_numbers(void **state)
{
	(void)state;
	check_rows(number_rows, COUNT(number_rows));
}

static const struct row word_rows[] = {
	{ "a = 30s;\nb = 2.5s;\nc = 100ms;\nd = 1h;\ne = 1d;\nf = 5min;"
	  "\ng = 5sec;",
	    "f:1: a: 30s" DURATION "f:2: b: 2.5s" DURATION
	    "f:3: c: 100ms" DURATION "f:4: d: 1h" DURATION "f:5: e: 1d" DURATION
	    "f:6: f: 5min" DURATION "f:7: g: 5sec" DURATION },
	{ "a = 16M; b = 1k; c = 1K; d = 1G; e = 1GiB; f = 1MB; g = 1kB;",
	    "f:1: a: 16M" SIZE "f:1: b: 1k" SIZE "f:1: c: 1K" SIZE
	    "f:1: d: 1G" SIZE "f:1: e: 1GiB" SIZE "f:1: f: 1MB" SIZE
	    "f:1: g: 1kB" SIZE },
	{ "a = 1g; b = 1KB; c = 1GB; d = 1KiB; e = 1MiB; f = 5m;",
	    "f:1: a: 1g" SIZE "f:1: b: 1KB" SIZE "f:1: c: 1GB" SIZE
	    "f:1: d: 1KiB" SIZE "f:1: e: 1MiB" SIZE "f:1: f: 5m" EITHER },
	{ "a = 5ss; b = 5S; c = s; d = 1_000; e = 50%;",
	    "f:1: a: 5ss" QUOTES "f:1: b: 5S" QUOTES "f:1: c: s" QUOTES
	    "f:1: d: 1_000" QUOTES "f:1: e: 50%" QUOTES },
	{ "a = yes; b = No; c = ON; d = off;",
	    "f:1: a: yes" BOOLEAN "f:1: b: No" BOOLEAN "f:1: c: ON" BOOLEAN
	    "f:1: d: off" BOOLEAN },
	{ "a = enable; b = enabled; c = disable; d = disabled; e = yess;",
	    "f:1: a: enable" BOOLEAN "f:1: b: enabled" BOOLEAN
	    "f:1: c: disable" BOOLEAN "f:1: d: disabled" BOOLEAN
	    "f:1: e: yess" QUOTES },
	{ "a = ( yes, no );\nb = [ on ];",
	    "f:1: a[0]: yes" BOOLEAN "f:1: a[1]: no" BOOLEAN
	    "f:2: b[0]: on" BOOLEAN },
	{ "greeting = hello;\nb = hello world;\nc = hello \"x;y\" z;\nd = 5;",
	    "f:1: greeting: hello" QUOTES "f:2: b: hello" QUOTES
	    "f:3: c: hello" QUOTES },
	{ "a = hello\";\nb = 5;\nc = \"x\";", "f:1: a: hello" QUOTES },
	{ "a = hello { b = yes; };\nc = 5;",
	    "f:1: a: hello" QUOTES },
	{ "a = hello, world;\nb = 5;", "f:1: a: hello" QUOTES },
	{ "a = hello # world\nb = 5;", "f:1: a: hello" QUOTES },
	{ "a = 127.0.0.1;\nb = ::1;\nc = localhost:80;\nd = /run/x.pid;\n"
	  "e = 10.0.0.0/8;\nf = 2001:db8::1;\ng:::;\nh = a/b/*c*/;",
	    "f:1: a: 127.0.0.1" QUOTES "f:2: b: ::1" QUOTES
	    "f:3: c: localhost:80" QUOTES "f:4: d: /run/x.pid" QUOTES
	    "f:5: e: 10.0.0.0/8" QUOTES "f:6: f: 2001:db8::1" QUOTES
	    "f:7: g: ::" QUOTES "f:8: h: a/b" QUOTES },
	{ "a = true1; b = true.5; c = true:5; d = falsely;",
	    "f:1: a: true1" QUOTES "f:1: b: true.5" QUOTES
	    "f:1: c: true:5" QUOTES "f:1: d: falsely" QUOTES },
	{ "a = 'hello; (world';\nb = 'it;\nc = 5;",
	    "f:1: a: 'hello; (world' is in single quotes, write double "
	    "quotes\n"
	    "f:2: b: 'it is in single quotes, write double quotes\n" },
	{ "a = 010;\n@include \"x.conf\"\nb = 010;",
	    "f:1: a: 010" ZERO "f:2: \"@include\":" INCLUDE },
	{ "a = 5;\n  @include \"x;}\" c = 5;", "f:2: \"@include\":" INCLUDE },
	{ "a = { b = 5; @include 'x' };", "f:1: \"@include\":" INCLUDE },
	{ "a = @include \"x;y\";\nb = yes;",
	    "f:1: a: @include" INCLUDE "f:2: b: yes" BOOLEAN },
	{ "a = @incl;", "f:1: a: @incl" QUOTES },
	{ "a = 5;\v", "f:1: \"\\x0b\":" NO_NAME },
	{ "a = \x01;\n\x7f = 010;",
	    "f:1: a: \\x01" QUOTES "f:2: \"\\x7f\":" NO_NAME },
};

static void
test_words(void **state)
{
	(void)state;
	check_rows(word_rows, COUNT(word_rows));
}

static const struct row string_rows[] = {
	{ "a = \"\\x00\";\nb = \"x\\X00y\";",
	    "f:1: a: \\x00" NUL "f:2: b: \\X00" NUL },
	{ "a = \"\\d+\"; b = \"\\0\"; c = \"\\\n\"; d = \"\\\t\";",
	    "f:1: a: \\d" ESCAPE "f:1: b: \\0" ESCAPE "f:1: c: \\\\x0a" ESCAPE
	    "f:2: d: \\\\x09" ESCAPE },
	{ "a = \"\\x\"; b = \"\\x4\"; c = \"\\xg1\"; d = \"\\x4g\";",
	    "f:1: a: \\x" HEX "f:1: b: \\x4" HEX "f:1: c: \\xg1" HEX
	    "f:1: d: \\x4g" HEX },
	{ "a = \"x\n\ny\\d\nz\";\nb = \"\\d\";",
	    "f:3: a: \\d" ESCAPE "f:5: b: \\d" ESCAPE },
	{ "a = \"x\"\n\"\\d\"\n\"\\x\";",
	    "f:2: a: \\d" ESCAPE "f:3: a: \\x" HEX },
	{ "a = ( \"x\", { b = [ \"\\d\" ] } );", "f:1: a[1].b[0]: \\d" ESCAPE },
	{ "a = \"say \"hi\" to me\";\nb = yes;",
	    "f:1: a:" GLUED },
	{ "a = ( \"x, \"y\" );\nb = yes;",
	    "f:1: a[0]:" GLUED },
	{ "a = ( { b = \"1 }, { b = \"2\" } );\nb = yes;",
	    "f:1: a[0].b:" GLUED },
};

static void
test_strings(void **state)
{
	(void)state;
	check_rows(string_rows, COUNT(string_rows));
}

static const struct row quote_rows[] = {
	{ "a = 5;\nb = \"x;\n", "f:2: b:" OPEN_QUOTE },
	{ "a = \"x;\nb = 010;\nc = { d = yes; };",
	    "f:1: a:" OPEN_QUOTE },
	{ "user = \"nobody;\nport = 010;\nlog = { target = \"stderr\"; };\n",
	    "f:1: user:" OPEN_QUOTE },
	/* An empty string behind it joins the two halves. */
	{ "user = \"nobody;\nlog = { target = \"\"; };\na = yes;\n",
	    "f:1: user:" OPEN_QUOTE },
	{ "user = \"nobody;\na = \"\";\nb = \"\";\nc = \"\";\n",
	    "f:1: user:" OPEN_QUOTE },
	{ "user = \"nobody;\na = \" hello\";\n", "f:1: user:" OPEN_QUOTE },
	{ "user = \"nobody;\n# the \"best\"\na = yes;\n",
	    "f:1: user:" OPEN_QUOTE },
	{ "l = (\n  { a = \"0.0.0.0; },\n  { a = \"::1\"; }\n);\np = 010;",
	    "f:2: l[0].a:" OPEN_QUOTE },
	{ "l = ( \"x\",\n \"y,\n \"z\" );\np = 010;",
	    "f:2: l[1]:" OPEN_QUOTE },
	{ "a = ( \"x\", \"y\n);\nb = yes;\n",
	    "f:1: a[1]:" OPEN_QUOTE },
	/* One that only looks like a runaway does not hide a later one. */
	{ "a = \"x\n=\";\nb = \"y;\nc = 010;\nd = \"z\";",
	    "f:3: b:" OPEN_QUOTE },
	{ "a = \"x\n=\" # y", "" },
	{ "a = \"x\n=\" /* y",
	    "f:2: \"/*\": the comment that starts here has no \"*/\"\n" },
	{ "a = \"1;\nb = \"2;\nc = 010;",
	    "f:1: a:" OPEN_QUOTE },
	{ "a = \"1;\nb = '2';\nc = \"3\";\nd = \"4;\ne = yes;",
	    "f:1: a:" OPEN_QUOTE },
	{ "a = \"x\" b = \"y;\nc = 010;\n",
	    "f:1: b:" OPEN_QUOTE },
	{ "a = \"x\\\";\r\nb = 010;\r\n",
	    "f:1: a:" OPEN_QUOTE },
	{ "a = \"x };\nb = 010;", "f:1: a:" OPEN_QUOTE },
	{ "a = 5; \"x\n;b = 010;", "f:1: \"x:" OPEN_QUOTE },
	{ "\"x = 5;\nb = 010;",
	    "f:1: \"x = 5;:" OPEN_QUOTE },
};

static void
test_quotes(void **state)
{
	(void)state;
	check_rows(quote_rows, COUNT(quote_rows));
}

static const struct row name_rows[] = {
	{ "log.target = \"x\";\nlog.level:010;",
	    "f:1: log.target: a name has no dots, write log = { target = ...; "
	    "};\n"
	    "f:2: log.level: a name has no dots, write log = { level = ...; "
	    "};\n" },
	{ "l = ( { log.target = 010 } );",
	    "f:1: l[0].log.target: a name has no dots, write log = { target = "
	    "...; };\n" },
	{ "a.b.c = 5;",
	    "f:1: a.b.c: a name has no dots, write groups in groups: a = { ... "
	    "};\n" },
	{ "a. = 5;\na+b = 5;\na@ = 5;\n*/ = 5;",
	    "f:1: \"a.\":" BAD_NAME "f:2: \"a+b\":" BAD_NAME
	    "f:3: \"a@\":" BAD_NAME "f:4: \"*/\":" BAD_NAME },
	{ "a123456789.b123456789c123456789d12345678 = 5;",
	    "f:1: a123456789.b123456789c123456789d12345678: a name has no "
	    "dots, write a123456789 = { b123456789c123456789d12345678 = ...; "
	    "};\n" },
	{ "a123456789.b123456789c123456789d123456789 = 5;",
	    "f:1: \"a123456789.b123456789c123456789d12345678\":" BAD_NAME },
	{ "2fast = 010;\n_x:010;\n+ = 5;\n$ = 5;",
	    "f:1: \"2fast\":" NO_NAME "f:2: \"_x\":" NO_NAME
	    "f:3: \"+\":" NO_NAME "f:4: \"$\":" NO_NAME },
	{ "true = 5;", "f:1: \"true\":" NO_NAME },
	{ "{ a = 5; };\n[ 1 2 ]", "f:1: \"{\":" NO_NAME "f:2: \"[\":" NO_NAME },
	{ "\"a\" = 010;\n{ \"b\": 5 }",
	    "f:1: \"a\": a name is written without quotes\n"
	    "f:2: \"{\":" NO_NAME },
	{ "limits { a = 010; }\nx [ 1 ];\ny ( 1 )\nz \"1\";\nport 080;",
	    "f:1: limits: \"=\" is missing, write limits = { ... };\n"
	    "f:2: x: \"=\" is missing, write x = [ ... ];\n"
	    "f:3: y: \"=\" is missing, write y = ( ... );\n"
	    "f:4: z: \"=\" is missing, write z = VALUE;\n"
	    "f:5: port: \"=\" is missing, write port = VALUE;\n" },
	{ "a yes;\nb @include \"x\";",
	    "f:1: a: has no value, write a = VALUE;\n"
	    "f:2: b: @include" INCLUDE },
	{ "port;\na = { b }\nlisten port = 80;\nc",
	    "f:1: port: has no value, write port = VALUE;\n"
	    "f:2: a.b: has no value, write b = VALUE;\n"
	    "f:3: listen: has no value, write listen = VALUE;\n"
	    "f:4: c: has no value, write c = VALUE;\n" },
	{ "This is no configuration.\nIt isn't, is it?",
	    "f:1: This: has no value, write This = VALUE;\n"
	    "f:2: It: has no value, write It = VALUE;\n" },
	{ "a = ;\nb =\nd = # x\nf = { g = }; h =",
	    "f:1: a: has no value\nf:2: b: has no value\n"
	    "f:3: d: has no value\nf:4: f.g: has no value\n" },
	{ "a = [ 1 ]; b = ", "f:1: b: has no value\n" },
	{ "a ==5;\nb = : 5;\nc = ( =5 );\n= { d = 010; };",
	    "f:1: a: \"=\" stands where a value should be\n"
	    "f:2: b: \":\" stands where a value should be\n"
	    "f:3: c[0]: \"=\" stands where a value should be\n"
	    "f:4: \"=\": has no name before it\n" },
	{ "a == 5;\nb := 5;\nc = ( = 5 );\n= 5;",
	    "f:1: a: \"=\" stands where a value should be\n"
	    "f:2: b: \"=\" stands where a value should be\n"
	    "f:3: c[0]: \"=\" stands where a value should be\n"
	    "f:4: \"=\": has no name before it\n" },
	{ "a = \"x\", \"y\";\nb = 5 6;\nc = 1,000;\nd = { } true;\ne = \"x =\" 5",
	    "f:1: a: several values need brackets, write a = [ ..., ... ];\n"
	    "f:2: b: several values need brackets, write b = [ ..., ... ];\n"
	    "f:3: c: several values need brackets, write c = [ ..., ... ];\n"
	    "f:4: d: several values need brackets, write d = [ ..., ... ];\n"
	    "f:5: e: several values need brackets, write e = [ ..., ... ];\n" },
	{ "a = 5; 6;\n7", "f:1: \"6\":" NO_NAME "f:2: \"7\":" NO_NAME },
};

static void
test_names(void **state)
{
	(void)state;
	check_lines(name_rows, COUNT(name_rows));
}

#define NOT_CLOSED(mark) " the \"" mark "\" that opens here is not closed"
#define BEFORE(mark, line) " before the \"" mark "\" of line " line "\n"

static const struct row bracket_rows[] = {
	{ "a = {\n b = 5;\n", "f:1: a:" NOT_CLOSED("{") "\n" },
	{ "a = (\n { b = [ 1,\n", "f:1: a:" NOT_CLOSED("(") "\n" },
	{ "a = 010;\nb = ( { c = 5;\n{ d = 6; }\n);",
	    "f:1: a: 010" ZERO "f:2: b[0]:" NOT_CLOSED("{") BEFORE("{", "3") },
	{ "a = (\n { b = 5;\n);\n",
	    "f:2: a[0]:" NOT_CLOSED("{") BEFORE(")", "3") },
	{ "a = (\n { b = 5; }\nc = 6;\n",
	    "f:1: a:" NOT_CLOSED("(") BEFORE("c", "3") },
	{ "a = [ 1, 2;\nb = 010;", "f:1: a:" NOT_CLOSED("[") BEFORE(";", "1") },
	{ "a = [ 1, 2;", "f:1: a:" NOT_CLOSED("[") BEFORE(";", "1") },
	{ "a = { b = [ 1; };", "f:1: a.b:" NOT_CLOSED("[") BEFORE(";", "1") },
	{ "a = ( { b = [ 1, 2; },\n { c = 6; }\n);",
	    "f:1: a[0].b:" NOT_CLOSED("[") BEFORE(";", "1") },
	{ "a = 5; };", "f:1: \"}\": closes nothing, no \"{\" is open\n" },
	{ "a = 5; }\n;", "f:1: \"}\": closes nothing, no \"{\" is open\n" },
	{ "a = ( 1, 2 ];", "f:1: \"]\": does not close the \"(\" of line 1\n" },
	{ "b = {\nc = 5; )",
	    "f:2: \")\": does not close the \"{\" of line 1\n" },
	{ "{\n a = 5;\n ]\nb = 010;", "f:1: \"{\":" NO_NAME },
	{ "a = [ { b = 5; } ];", "f:1: a[0]:" PLAIN },
	{ "c = [ 1, ( 1 ) ];", "f:1: c[1]:" PLAIN },
	{ "d = [ [ 1 ] ];", "f:1: d[0]:" PLAIN },
	{ "a = ((((((((((((((((1))))))))))))))));", "" },
	{ "a = (((((((((((((((((1)))))))))))))))));\nb = 010;",
	    "f:1: a[0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0]: is nested "
	    "deeper than 16 levels\n" },
	{ "a = 5; /* x\nb = 010;\n",
	    "f:1: \"/*\": the comment that starts "
	    "here has no \"*/\"\n" },
	{ "a = { /*/ b = 5; };\n",
	    "f:1: \"/*\": the comment that starts here has no \"*/\"\n" },
	{ "a = 5 # x", "" },
	{ "a = {\n// x", "f:1: a:" NOT_CLOSED("{") "\n" },
	{ "a = \"x\ny\" 5;",
	    "f:2: a: several values need brackets, write a = [ ..., ... ];\n" },
	{ "c = \"x\n= y\" 5;",
	    "f:2: c: several values need brackets, write c = [ ..., ... ];\n" },
};

static void
test_brackets(void **state)
{
	(void)state;
	check_rows(bracket_rows, COUNT(bracket_rows));
}

static const struct row separator_rows[] = {
	{ "a = ( \"x\" \"y\" );", "f:1: a: a \",\" is missing before \"y\"\n" },
	{ "a = ( \"x\"\n \"y\" \"z\",\n 010 );",
	    "f:2: a: a \",\" is missing before \"y\"\n" },
	{ "a = ( { b = 1; }\n { b = 02; } );",
	    "f:2: a: a \",\" is missing before {\n" },
	{ "l = { a = [1 2]; };", "f:1: l.a: a \",\" is missing before 2\n" },
	{ "b = ( x y );", "f:1: b[0]: x" QUOTES },
	{ "a = [ 1, 2, ];", "f:1: a:" TRAILING },
	{ "b = ( { },\n);", "f:1: b:" TRAILING },
	{ "c = ( ( 1, ) );", "f:1: c[0]:" TRAILING },
	{ "a = [ 1,, 2 ];", "f:1: a:" NO_COMMA_VALUE },
	{ "b = ( , 1 );", "f:1: b:" NO_COMMA_VALUE },
	{ "c = [ , ];", "f:1: c:" NO_COMMA_VALUE },
	{ "a = 1;;", "f:1: \";\":" DOUBLED },
	{ "b = 1,;", "f:1: \";\":" DOUBLED },
	{ "b = 1\n;,", "f:2: \",\":" DOUBLED },
	{ ";c = 5", "f:1: \";\":" DOUBLED },
	{ "a = 010; c = { ; d = 5; };", "f:1: a: 010" ZERO },
	{ "a = 010;\nc = { ; d = 5; };",
	    "f:1: a: 010" ZERO "f:2: \";\":" DOUBLED },
	{ "a = ( 1; 2;\n 03 );",
	    "f:1: a: values are separated by \",\", not by \";\"\n" },
	{ "a = ( { b = 1; };\n { b = 02; } );",
	    "f:1: a: values are separated by \",\", not by \";\"\n" },
	{ "a = ( 1; );",
	    "f:1: a: values are separated by \",\", not by \";\"\n" },
	{ "a = ( port = 80;\nname = \"x\"; );",
	    "f:1: a: a setting in a list needs { } around it\n" },
};

static const struct row twice_rows[] = {
	{ "a = 1;\nb = 2;\na = 3;\nA = 4;", "f:3: a:" TWICE("1") },
	{ "a = { b = 1;\nb = 02; };\nc = { b = 5; };\na = yes;",
	    "f:2: a.b:" TWICE("1") "f:2: a.b: 02" ZERO "f:4: a:" TWICE("1")
	    "f:4: a: yes" BOOLEAN },
	{ "l = ( { a = 1, a = 2 },\n{ a = { }\na = [ ]\na: 5 } );",
	    "f:1: l[0].a:" TWICE("1") "f:3: l[1].a:" TWICE("2")
	    "f:4: l[1].a:" TWICE("2") },
	{ "a = 1;\na = 2;\na \"x\";",
	    "f:2: a:" TWICE("1")
	    "f:3: a: \"=\" is missing, write a = VALUE;\n" },
};

static void
test_separators(void **state)
{
	(void)state;
	check_rows(separator_rows, COUNT(separator_rows));
	check_rows(twice_rows, COUNT(twice_rows));
}

#define NUL_BYTE ": \"\\x00\": a NUL byte, but the file has to be plain text\n"

static const struct {
	const char *text;
	size_t length;
	const char *said;
} byte_rows[] = {
	{ "a = 5;\0b = 6;", 13, "f:1" NUL_BYTE },
	{ "a = \"\n\0\";", 9, "f:2" NUL_BYTE },
	{ "a = 5;\n# \0\nb = 010;", 19, "f:2" NUL_BYTE },
	{ "\0", 1, "f:1" NUL_BYTE },
	{ "\xff\xfe"
	  "a\0=\0",
	    6, "f:1" NUL_BYTE },
	{ "a = 5; 010", 6, "" },
	{ "a = \"x\"", 6, "f:1: a:" OPEN_QUOTE },
	{ "a = \"\\x41\"", 9, "f:1: a:" OPEN_QUOTE },
	{ "", 0, "" },
};

static const struct row ascii_rows[] = {
	{ "\xef\xbb\xbf",
	    "f:1: \"\\xef\\xbb\\xbf\": a byte order mark, save the file as "
	    "UTF-8 without it\n" },
	{ "\xef\xbb\xbf"
	  "a = 010;",
	    "f:1: \"\\xef\\xbb\\xbf\": a byte order mark, save the file as "
	    "UTF-8 without it\n"
	    "f:1: a: 010" ZERO },
	{ "gr\xc3\xb6\xc3\x9f"
	  "e = 010;",
	    "f:1: \"gr\xc3\xb6\xc3\x9f"
	    "e\":" ASCII },
	{ "\xc3\xb6 = 010;", "f:1: \"\xc3\xb6\":" ASCII },
	{ "a\xc2\xa0= 5;", "f:1: \"a\xc2\xa0\":" ASCII },
	{ "\xc2\xa0"
	  "b = 5;",
	    "f:1: \"\xc2\xa0"
	    "b\":" ASCII },
	{ "c \xc2\xa0= 5;", "f:1: c: \xc2\xa0" ASCII },
	{ "d =\xc2\xa0"
	  "5;",
	    "f:1: d: \xc2\xa0"
	    "5" ASCII },
	{ "a = 30\xc2\xb5s;\nb = \xff;",
	    "f:1: a: 30\xc2\xb5s" ASCII "f:2: b: \xff" ASCII },
	{ "a = \xe2\x80\x9cx y\xe2\x80\x9d;\nb = \xe2\x80\x98x\xe2\x80\x99;"
	  "\nc = \xe2\x80\xa6;\nd = \xe2\x80\x9f;\ne = \xe2\x80;",
	    "f:1: a: \xe2\x80\x9cx has typographic quotes, write plain double "
	    "quotes\n"
	    "f:2: b: \xe2\x80\x98x\xe2\x80\x99 has typographic quotes, write "
	    "plain double quotes\n"
	    "f:3: c: \xe2\x80\xa6" ASCII
	    "f:4: d: \xe2\x80\x9f has typographic quotes, write plain double "
	    "quotes\n"
	    "f:5: e: \xe2\x80" ASCII },
};

static void
test_bytes(void **state)
{
	const char *said;
	size_t i;

	(void)state;
	check_rows(ascii_rows, COUNT(ascii_rows));
	for (i = 0; i < COUNT(byte_rows); i++) {
		said = said_about(byte_rows[i].text, byte_rows[i].length);
		assert_string_equal(said, byte_rows[i].said);
	}
}

/* ---------------------------------------------------------- what is valid */

static const char *const valid_texts[] = {
	"",
	" \t\r\n\f",
	"# x\n// y\n/* z */ /**/ /***/",
	"# \"\n// \"/*\n/* \" */",
	"a = 1;",
	"a = 1",
	"a: 1, b = 2, c = 3",
	"a = 1 b = \"x\" c = ( ) d = [ ] e = { } f:5,g = \"x\"h = .5",
	"a=1;b=2;c={d=3;e=[4];};",
	"a = 0; b = -0; c = +5; d = 2147483647; e = -2147483648;",
	"a = 0.5; b = .5; c = 5.; f = -1.5; g = 00.5;",
	"a = 99999999999.0;",
	"a = true; b = FALSE; c = True;truex = fAlse;",
	"* = 1; a-b_c* = 2; Z9 = 3;",
	"a = \"\"; b = \"x\" \"y\"\n# z\n\"z\"; c = "
	"\"\\\\\\\"\\f\\n\\r\\t\\x41\";",
	"a = \"\\\\\"; b = \"\\\\x00\"; c = \"\\X7f\\xFf\\x01\\x10\";",
	"a = \"\xc3\xa9 \xff @include 010 30s ' ; } /* # // \";",
	"a = \"x\ny = 5\n\";",
	"greeting = \"Welcome\nlogin: \";\nport = 80;",
	"greeting = \"Welcome\nlogin: \"\nport = 80;",
	"greeting = \"=====\nWelcome\n=====\"port:80",
	"greeting = \"[\nx,\n(\" /* y */ \"\n=\"; # z\n",
	"a = ( \"x\ny =\", \"z\" );",
	"a = ( \"x\n=\" ); b = { c = \"x\n=\" }; d = [ \"x\n=\" ];",
	"a = \"x\n=\" # z\n",
	"a = \"x\n=\"",
	"a = \"x\"b = 5",
	"a = ( 1, \"x\", true, 1.5, ( ), [ ], { }, { a = 1 }, (((1))) );",
	"a = [ 1, 2, 3 ]; b = [ \"x\", \"y\" ]; c = [ true, FALSE ];",
	"a = /* x */ 1 /* y */ ; /* z */",
	"a/**/=/**/5/**/b#\n=#\n6//\n;",
	"a = 1;\r\nb = {\r\n\tc = \"x\";\r\n};\r\n# x\r\n",
	"a = 1;# \xc3\xa9 \xff\n",
	"a =\n\n1\n\n;\n",
	"log = { target = \"stderr\"; };\n"
	"listeners = (\n"
	"\t{ name = \"web\"; address = [ \"0.0.0.0\", \"::\" ]; port = 80; },\n"
	"\t{ address = \"::1\"; port: 4444, greeting = \"hi\\n\"\n"
	"\t    \"there\\n\"; limits = { max_clients = 5; }; }\n"
	");\n",
};

static void
test_valid(void **state)
{
	const char *said;
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(valid_texts); i++) {
		said = said_about(valid_texts[i], strlen(valid_texts[i]));
		if (said[0] != '\0')
			print_error("row %zu: %s\n", i, valid_texts[i]);
		assert_string_equal(said, "");
	}
}

/* ------------------------------------------------------------- libconfig */

/* Texts that a child gives to libconfig, which might end it. */
#define BATCH 64

static struct batch {
	volatile size_t at; /* what the child is at */
	size_t n;
	char text[BATCH][TEXT_MAX + 2];
} * batch;

/* What grammar_check() leaves to libconfig. */
static bool
is_expected(const char *error)
{
	return strcmp(error, "mismatched element type in array") == 0;
}

static int
batch_read(bool strict)
{
	config_t config;
	int failed = 0;

	for (batch->at = 0; batch->at < batch->n; batch->at++) {
		config_init(&config);
		if (!config_read_string(&config, batch->text[batch->at]))
			failed =
			    strict || !is_expected(config_error_text(&config));
		config_destroy(&config);
		if (failed)
			break;
	}
	return failed;
}

static void
batch_check(bool strict)
{
	int status = -1;
	pid_t pid;

	if (batch->n == 0)
		return;
	switch (pid = fork()) {
	case -1:
		fail_msg("cannot fork");
		break;
	case 0:
		_exit(batch_read(strict) ? 1 : 0);
	default:
		assert_int_equal(waitpid(pid, &status, 0), pid);
	}
	if (status != 0)
		print_error("libconfig, wait status %#x, at:\n%s\n",
		    (unsigned)status, batch->text[batch->at]);
	assert_int_equal(status, 0);
	batch->n = 0;
}

static void
batch_add(const char *text, size_t length, bool strict)
{
	memcpy(batch->text[batch->n], text, length);
	batch->text[batch->n][length] = '\0';
	if (++batch->n == BATCH)
		batch_check(strict);
}

static int
batch_map(void **state)
{
	(void)state;
	batch = mmap(NULL, sizeof(*batch), PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	return batch == MAP_FAILED ? -1 : 0;
}

static void
test_valid_in_libconfig(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(valid_texts); i++)
		batch_add(valid_texts[i], strlen(valid_texts[i]), true);
	batch_check(true);
}

/* ------------------------------------------------------- generated texts */

struct generator {
	uint64_t random;
	size_t used;
	unsigned names;
	char text[TEXT_MAX + 1];
};

/* xorshift64*: the same on every machine. */
static unsigned
draw(struct generator *generator, unsigned n)
{
	uint64_t x = generator->random;

	x ^= x >> 12;
	x ^= x << 25;
	x ^= x >> 27;
	generator->random = x;
	return (unsigned)((x * UINT64_C(2685821657736338717)) >> 33) % n;
}

static void
put(struct generator *generator, const char *text)
{
	size_t length = strlen(text);

	assert_true(generator->used + length < TEXT_MAX);
	memcpy(generator->text + generator->used, text, length + 1);
	generator->used += length;
}

#define PUT_ONE(generator, table) \
	put((generator), (table)[draw((generator), COUNT(table))])

static void
put_gap(struct generator *generator)
{
	static const char *const gaps[] = { "", "", "", " ", " ", "\t", "\n",
		"\r\n", "\f", "  \n\n ", "# x = \"y\n", "// \"{ [ (\n", "#\r\n",
		"/* \" } ] ) */", "/**/", "/* 010 \n 30s */", "/* // */",
		"// /*\n", "# \xc3\xa9\n" };

	PUT_ONE(generator, gaps);
}

static void
put_string(struct generator *generator)
{
	static const char *const parts[] = { "x", " ", "\n", "=", ":", ",", ";",
		"(", "[", "{", ")", "]", "}", "#", "//", "/*", "*/", "'",
		"\\\\", "\\\"", "\\n", "\\x41", "\\Xff", "\\t", "@include ",
		"010", "30s", "\xc3\xa9", "\xff", "\r\n", "name = ", "\n(",
		"\t" };
	unsigned n = draw(generator, 8);

	put(generator, "\"");
	while (n-- > 0)
		PUT_ONE(generator, parts);
	put(generator, "\"");
}

static const char *const booleans[] = { "true", "FALSE", "True", "false" };
static const char *const integers[] = { "0", "1", "-1", "+7", "80",
	"2147483647", "-2147483648", "-0" };
static const char *const floats[] = { "0.5", ".5", "5.", "-1.5", "+2.5",
	"007.25", "99999999999.5" };

/* kind: 0 string, 1 integer, 2 float, 3 boolean. */
static void
put_scalar(struct generator *generator, unsigned kind)
{
	if (kind == 0)
		put_string(generator);
	else if (kind == 1)
		PUT_ONE(generator, integers);
	else if (kind == 2)
		PUT_ONE(generator, floats);
	else
		PUT_ONE(generator, booleans);
}

static void put_settings(struct generator *generator, unsigned depth);
static void put_list(struct generator *generator, unsigned depth);

static void
put_array(struct generator *generator)
{
	unsigned kind = draw(generator, 4), n = draw(generator, 4);

	put(generator, "[");
	put_gap(generator);
	while (n-- > 0) {
		put_scalar(generator, kind);
		put_gap(generator);
		put(generator, n > 0 ? "," : "");
		put_gap(generator);
	}
	put(generator, "]");
}

/* Returns true when a name may follow without a blank. */
static bool
put_value(struct generator *generator, unsigned depth, bool in_list)
{
	unsigned kind = draw(generator, depth < 4 ? 8 : 5);

	if (kind == 0 && !in_list)
		while (draw(generator, 3) == 0) {
			put_string(generator);
			put_gap(generator);
		}
	if (kind < 4) {
		put_scalar(generator, kind);
	} else if (kind == 4) {
		put_array(generator);
	} else if (kind == 5) {
		put_list(generator, depth + 1);
	} else {
		put(generator, "{");
		put_settings(generator, depth + 1);
		put(generator, "}");
	}
	return kind == 0 || kind > 3;
}

static void
put_list(struct generator *generator, unsigned depth)
{
	unsigned n = draw(generator, 4);

	put(generator, "(");
	put_gap(generator);
	while (n-- > 0) {
		put_value(generator, depth, true);
		put_gap(generator);
		put(generator, n > 0 ? "," : "");
		put_gap(generator);
	}
	put(generator, ")");
}

static void
put_name(struct generator *generator)
{
	static const char *const names[] = { "a", "max_clients", "*", "x-y",
		"true", "no", "L", "e", "Z_" };
	char number[16];

	PUT_ONE(generator, names);
	snprintf(number, sizeof(number), "%u", generator->names++);
	put(generator, number);
}

static void
put_settings(struct generator *generator, unsigned depth)
{
	unsigned n = draw(generator, depth == 0 ? 6 : 4);
	bool closed;

	put_gap(generator);
	while (n-- > 0) {
		put_name(generator);
		put_gap(generator);
		put(generator, draw(generator, 3) == 0 ? ":" : "=");
		put_gap(generator);
		closed = put_value(generator, depth, false);
		put(generator, closed ? "" : draw(generator, 2) ? " " : "\n");
		put_gap(generator);
		switch (draw(generator, 3)) {
		case 0:
			put(generator, ";");
			break;
		case 1:
			put(generator, ",");
			break;
		}
		put_gap(generator);
	}
}

static void
generate(struct generator *generator, unsigned seed)
{
	generator->random = UINT64_C(0x9e3779b97f4a7c15) * (seed + 1);
	generator->used = 0;
	generator->names = 0;
	generator->text[0] = '\0';
	put_settings(generator, 0);
}

static void
test_generated(void **state)
{
	static struct generator generator;
	const char *said;
	unsigned seed;

	(void)state;
	print_message("# generated texts: seeds 0 to %d\n", SEEDS - 1);
	for (seed = 0; seed < SEEDS; seed++) {
		generate(&generator, seed);
		said = said_about(generator.text, generator.used);
		if (said[0] != '\0')
			print_error("seed %u:\n%s\n", seed, generator.text);
		assert_string_equal(said, "");
		batch_add(generator.text, generator.used, true);
	}
	batch_check(true);
}

/* What a slip of the finger does, mostly. */
static void
mutate(struct generator *generator)
{
	static const char bytes[] = "\"\"\\=:;,{}[]()#/*'. \n0x9L@-+_aes\xc3\0";
	size_t at = draw(generator, (unsigned)generator->used + 1);
	size_t rest = generator->used - at;
	size_t length = draw(generator, 4) == 0 ? draw(generator, 40) : 1;
	char *text = generator->text + at;

	if (draw(generator, 2) == 0 && generator->used < TEXT_MAX) {
		memmove(text + 1, text, rest);
		generator->used++;
		*text = bytes[draw(generator, sizeof(bytes) - 1)];
	} else if (rest > 0 && draw(generator, 2) == 0) {
		*text = draw(generator, 8) == 0
		    ? (char)draw(generator, 256)
		    : bytes[draw(generator, sizeof(bytes) - 1)];
	} else {
		length = length < rest ? length : rest;
		memmove(text, text + length, rest - length);
		generator->used -= length;
	}
}

/* Where the structure is right, libconfig must agree, with what is left. */
static void
test_mutated(void **state)
{
	static struct generator generator, mutant;
	unsigned seed, n, k, whole = 0;
	size_t i;

	(void)state;
	print_message(
	    "# mutated texts: seeds 0 to %d, %d each\n", SEEDS - 1, MUTANTS);
	for (seed = 0; seed < SEEDS; seed++) {
		generate(&generator, seed);
		i = draw(&generator, 2 * COUNT(valid_texts));
		if (i < COUNT(valid_texts)) {
			generator.used = 0;
			put(&generator, valid_texts[i]);
		}
		for (n = 0; n < MUTANTS; n++) {
			mutant = generator;
			for (k = draw(&generator, 3) + 1; k > 0; k--)
				mutate(&mutant);
			generator.random = mutant.random;
			if (!check_bytes(mutant.text, mutant.used))
				continue;
			/* A comment at the end needs a newline. */
			memcpy(text_left + mutant.used, "\n", 1);
			batch_add(text_left, mutant.used + 1, false);
			whole++;
		}
	}
	batch_check(false);
	print_message("# %u of them for libconfig\n", whole);
	assert_in_range(whole, SEEDS * MUTANTS / 20, SEEDS * MUTANTS);
}

/* ------------------------------------------------------------------ bounds */

static void
test_many(void **state)
{
	char text[2 * FINDINGS_MAX * sizeof("a = [ 010 ]")] = "a = [ 010";
	int i;

	(void)state;
	for (i = 0; i < 2 * FINDINGS_MAX; i++)
		strcat(text, ",\n010");
	strcat(text, "];\n");
	assert_false(check_bytes(text, strlen(text)));
	assert_int_equal(findings.n, FINDINGS_MAX);
	assert_int_equal(findings.list[99].line, 100);
	assert_string_equal(findings.list[99].path, "a[99]");
}

/* The key of a message stays readable and bounded, however deep. */
static void
test_long_keys(void **state)
{
	char text[4096] = "";
	const char *said;
	int i;

	(void)state;
	for (i = 0; i < 10; i++)
		strcat(text, "a234567890b234567890c234567890d234567890e = { ");
	strcat(text, "x = 010;");
	for (i = 0; i < 10; i++)
		strcat(text, " }");
	said = said_about(text, strlen(text));
	assert_true(strncmp(said, "f:1: a234567890b2", 17) == 0);
	assert_non_null(strstr(said, ": 010" ZERO));
}

/* A start, and what follows it again and again: each took minutes once, or
 * would if a look ahead or back were repeated. */
static const struct {
	const char *start, *more;
} slow_rows[] = {
	{ "", "'" },
	{ "x x ;", "a=b;" },
	{ "x x ;", "a=b\\\";" },
	{ "", "\"\n=\"" },
	{ "", "a=\"\n=\" \"" },
	{ "a = (1 1", " 1" },
};

static void
test_long_texts(void **state)
{
	const size_t max = 2u << 20;
	char *text = malloc(max);
	size_t i, used, length;
	clock_t start;

	(void)state;
	assert_non_null(text);
	for (i = 0; i < COUNT(slow_rows); i++) {
		used = strlen(slow_rows[i].start);
		memcpy(text, slow_rows[i].start, used);
		length = strlen(slow_rows[i].more);
		for (; used + length <= max; used += length)
			memcpy(text + used, slow_rows[i].more, length);
		findings.n = 0;
		start = clock();
		grammar_check(text, used, &findings);
		assert_true(findings.n > 0);
		assert_true(clock() - start < 5 * CLOCKS_PER_SEC);
	}
	free(text);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_numbers),
		cmocka_unit_test(test_words),
		cmocka_unit_test(test_strings),
		cmocka_unit_test(test_quotes),
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_brackets),
		cmocka_unit_test(test_separators),
		cmocka_unit_test(test_bytes),
		cmocka_unit_test(test_valid),
		cmocka_unit_test(test_valid_in_libconfig),
		cmocka_unit_test(test_generated),
		cmocka_unit_test(test_mutated),
		cmocka_unit_test(test_long_keys),
		cmocka_unit_test(test_long_texts),
		cmocka_unit_test(test_many),
	};

	return cmocka_run_group_tests(tests, batch_map, NULL);
}
