/* What is said about slips in a configuration, all of it: the reader's findings
 * and the schema's, as forkgreetd -t prints them. */
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

#define SAID_MAX (REPORT_LINES_MAX * (REPORT_LINE_MAX + 1) + 1)

/* A slip, the text that has it (\001 stands for NUL), and what is said about
 * it: a line each, "f" for the file's path. */
static const struct {
	const char *name;
	const char *text;
	const char *said;
} slips[] = {
	{ "port = 99999999999;",
	    "listeners = ( { port = 99999999999; } );\n",
	    "f:1: listeners[0].port: 99999999999 does not fit, expected "
	    "-2147483648 to 2147483647\n" },
	{ "integer of 33 bits",
	    "limits = { max_clients = 4294967297; };\n",
	    "f:1: limits.max_clients: 4294967297 does not fit, expected "
	    "-2147483648 to 2147483647\n" },
	{ "hex too large",
	    "limits = { burst = 0x80000000; };\n",
	    "f:1: limits.burst: 0x80000000 is hexadecimal, expected "
	    "decimal digits\n" },
	{ "leading zero",
	    "listeners = ( {\n"
	    "  port = 0660;\n"
	    "} );\n",
	    "f:2: listeners[0].port: 0660 has a leading 0, which would be "
	    "ignored: write it without, or as a string if it is a file mode\n" },
	{ "suffix L",
	    "limits = { max_clients = 5L; };\n",
	    "f:1: limits.max_clients: 5L has a suffix, expected a plain "
	    "number\n" },
	{ "unit s",
	    "timeouts = { session = 30s; };\n",
	    "f:1: timeouts.session: 30s has a unit: a duration is plain "
	    "seconds, such as 30 or 2.5\n" },
	{ "unit ms",
	    "timeouts = {\n"
	    "  send = 100ms;\n"
	    "};\n",
	    "f:2: timeouts.send: 100ms has a unit: a duration is plain "
	    "seconds, such as 30 or 2.5\n" },
	{ "unit M",
	    "limits = { max_clients = 16M; };\n",
	    "f:1: limits.max_clients: 16M needs quotes: a size is bytes, or "
	    "a string with K, M or G such as \"16M\"\n" },
	{ "unit m",
	    "timeouts = { session = 5m; };\n",
	    "f:1: timeouts.session: 5m has a unit: a duration is plain "
	    "seconds, a size is bytes, or a string with K, M or G such as "
	    "\"16M\"\n" },
	{ "two dots",
	    "timeouts = { session = 1.5.2; };\n",
	    "f:1: timeouts.session: 1.5.2 needs double quotes if it is a "
	    "string\n" },
	{ "a rate in words",
	    "limits = { rate = 5/s; };\n",
	    "f:1: limits.rate: 5/s has a unit: a rate is plain clients a "
	    "second, such as 5 or 0.5\n" },
	{ "yes",
	    "listeners = ( { hold = yes; } );\n",
	    "f:1: listeners[0].hold: yes is not a boolean, expected true or "
	    "false\n" },
	{ "on",
	    "listeners = ( {\n"
	    "  optional = on; } );\n",
	    "f:2: listeners[0].optional: on is not a boolean, expected true "
	    "or false\n" },
	{ "no quotes",
	    "user = nobody;\n",
	    "f:1: user: nobody needs double quotes if it is a string\n" },
	{ "two words",
	    "listeners = ( { greeting = hello world; } );\n"
	    "user = 5;\n",
	    "f:1: listeners[0].greeting: hello needs double quotes if it is "
	    "a string\n"
	    "f:2: user: 5 is a whole number, expected a string\n" },
	{ "an address without quotes",
	    "listeners = ( { address = 127.0.0.1; } );\n",
	    "f:1: listeners[0].address: 127.0.0.1 needs double quotes if it "
	    "is a string\n" },
	{ "IPv6 without quotes",
	    "listeners = ( { address = ::1; } );\n",
	    "f:1: listeners[0].address: ::1 needs double quotes if it is a "
	    "string\n" },
	{ "a path without quotes",
	    "pid_file = /run/x.pid;\n",
	    "f:1: pid_file: /run/x.pid needs double quotes if it is a "
	    "string\n" },
	{ "single quotes",
	    "user = 'nobody';\n",
	    "f:1: user: 'nobody' is in single quotes, write double quotes\n" },
	{ "typographic quotes",
	    "user = \342\200\234nobody\342\200\235;\n",
	    "f:1: user: \342\200\234nobody\342\200\235 has typographic "
	    "quotes, write plain double quotes\n" },
	{ "not ASCII",
	    "user = caf\303\251;\n",
	    "f:1: user: caf\303\251 is not ASCII, write it in a string or a "
	    "comment\n" },
	{ "include",
	    "@include \"other.conf\"\n",
	    "f:1: \"@include\": is not supported, write all settings into "
	    "this file\n" },
	{ "NUL escape",
	    "listeners = ( { greeting = \"a\\x00b\"; } );\n",
	    "f:1: listeners[0].greeting: \\x00 is a NUL byte, which cannot "
	    "be in a string\n" },
	{ "unknown escape",
	    "listeners = ( {\n"
	    " greeting = \"\\d+\"; } );\n",
	    "f:2: listeners[0].greeting: \\d is not an escape, expected "
	    "\\\\ \\\" \\n \\r \\t \\f \\xNN\n" },
	{ "half an escape",
	    "listeners = ( { greeting = \"\\x4\"; } );\n",
	    "f:1: listeners[0].greeting: \\x4 needs two hex digits\n" },
	{ "unclosed quote",
	    "user = \"nobody;\n"
	    "group = \"nogroup\";\n",
	    "f:1: user: the quote that opens here is not closed\n" },
	{ "unclosed quote at the end",
	    "user = \"a\";\n"
	    "group = \"nogroup;\n",
	    "f:2: group: the quote that opens here is not closed\n" },
	{ "quotes in quotes",
	    "listeners = ( { greeting = \"say \"hi\" to me\"; } );\n",
	    "f:1: listeners[0].greeting: text is glued to the end of a "
	    "string, a quote in a string is written \\\"\n" },
	{ "dotted name",
	    "log.target = \"stderr\";\n",
	    "f:1: log.target: a name has no dots, write log = { target = "
	    "...; };\n" },
	{ "two dots in a name",
	    "a.b.c = 5;\n",
	    "f:1: a.b.c: a name has no dots, write groups in groups: a = { "
	    "... };\n" },
	{ "name in quotes",
	    "\"user\" = \"nobody\";\n",
	    "f:1: \"user\": a name is written without quotes\n" },
	{ "name with a digit first",
	    "2fast = 5;\n",
	    "f:1: \"2fast\": is not a name, NAME = VALUE; is expected here\n" },
	{ "no equals sign",
	    "limits { max_clients = 5; };\n",
	    "f:1: limits: \"=\" is missing, write limits = { ... };\n" },
	{ "no equals sign in a list",
	    "listeners = ( { port 80; } );\n",
	    "f:1: listeners[0].port: \"=\" is missing, write port = VALUE;\n" },
	{ "no value",
	    "user = ;\n",
	    "f:1: user: has no value\n" },
	{ "no value at all",
	    "user\n",
	    "f:1: user: has no value, write user = VALUE;\n" },
	{ "no value, next line",
	    "user =\n"
	    "group = \"x\";\n",
	    "f:1: user: has no value\n" },
	{ "prose",
	    "This is no configuration.\n",
	    "f:1: This: has no value, write This = VALUE;\n" },
	{ "double equals",
	    "user == \"x\";\n",
	    "f:1: user: \"=\" stands where a value should be\n" },
	{ "missing comma",
	    "listeners = ( { port = 1; }\n"
	    " { port = 2; } );\n",
	    "f:2: listeners: a \",\" is missing before {\n" },
	{ "trailing comma",
	    "listeners = ( { port = 1; },\n"
	    ");\n",
	    "f:1: listeners: there is no value after the last \",\"\n" },
	{ "comma first",
	    "listeners = ( , { port = 1; } );\n",
	    "f:1: listeners: there is no value before a \",\"\n" },
	{ "semicolons in a list",
	    "listeners = ( { address = ( \"127.0.0.1\"; \"::1\" ); } );\n",
	    "f:1: listeners[0].address: values are separated by \",\", not "
	    "by \";\"\n" },
	{ "missing semicolon is allowed",
	    "user = \"a\"\n"
	    "group = \"b\"\n",
	    "" },
	{ "doubled semicolon",
	    "user = \"a\";;\n",
	    "f:1: \";\": is doubled, or has no setting before it\n" },
	{ "two values",
	    "user = \"a\" 5;\n",
	    "f:1: user: several values need brackets, write user = [ ..., "
	    "... ];\n" },
	{ "unclosed group",
	    "log = {\n"
	    "  level = \"info\";\n"
	    "\n"
	    "user = \"a\";\n",
	    "f:1: log: the \"{\" that opens here is not closed\n" },
	{ "unclosed list",
	    "listeners = (\n"
	    "  { port = 1; }\n",
	    "f:1: listeners: the \"(\" that opens here is not closed\n" },
	{ "closing too much",
	    "log = { level = \"info\"; } }\n",
	    "f:1: \"}\": closes nothing, no \"{\" is open\n" },
	{ "wrong bracket",
	    "listeners = ( { port = 1; ) };\n",
	    "f:1: listeners[0]: the \"{\" that opens here is not closed "
	    "before the \")\" of line 1\n" },
	{ "setting in a list",
	    "listeners = ( port = 80; );\n",
	    "f:1: listeners: a setting in a list needs { } around it\n" },
	{ "groups in an array",
	    "listeners = [ { port = 80; } ];\n",
	    "f:1: listeners[0]: [ ] holds plain values only, write ( ) "
	    "instead\n" },
	{ "mixed array",
	    "listeners = ( { address = [ \"::1\", 5 ]; } );\n",
	    "f:1: array [ ]: its elements are of different types, expected "
	    "one type; a list ( ) takes any\n" },
	{ "group without name",
	    "{ port = 80; }\n",
	    "f:1: \"{\": is not a name, NAME = VALUE; is expected here\n" },
	{ "unclosed comment",
	    "user = \"a\";\n"
	    "/* x\n",
	    "f:2: \"/*\": the comment that starts here has no \"*/\"\n" },
	{ "byte order mark",
	    "\357\273\277user = \"a\";\n",
	    "f:1: \"\\xef\\xbb\\xbf\": a byte order mark, save the file as "
	    "UTF-8 without it\n" },
	{ "NUL byte",
	    "user = \"a\";\n"
	    "\001\n",
	    "f:2: \"\\x00\": a NUL byte, but the file has to be plain text\n" },
	{ "nested too deep",
	    "a = { b = { b = { b = { b = { b = { b = { b = { b = { b = { b = "
	    "{ b = { b = { b = { b = { b = { b = { b = 5; }; }; }; }; }; }; "
	    "}; }; }; }; }; }; }; }; }; }; };\n",
	    "f:1: a.b.b.b.b.b.b.b.b.b.b.b.b.b.b.b.b: is nested deeper than "
	    "16 levels\n" },
	{ "unknown key",
	    "usr = \"a\";\n",
	    "f:1: usr: unknown key, did you mean user?\n" },
	{ "unknown keys",
	    "limits = {\n"
	    "  max_client = 5;\n"
	    "  x = 6;\n"
	    "};\n",
	    "f:2: limits.max_client: unknown key, did you mean "
	    "limits.max_clients?\n"
	    "f:3: limits.x: unknown key, valid here: max_clients, when_full, "
	    "max_clients_per_source, ipv4_prefix, ipv6_prefix, rate, burst, "
	    "rate_per_source, burst_per_source, exempt\n" },
	{ "unknown group",
	    "limit = { max_clients = 5; };\n",
	    "f:1: limit: unknown key, did you mean limits = { }?\n" },
	{ "key of a listener",
	    "port = 80;\n",
	    "f:1: port: not allowed here, expected port in a listener, "
	    "listeners = ( { } )\n" },
	{ "key of the top",
	    "listeners = ( { user = \"a\"; } );\n",
	    "f:1: listeners[0].user: not allowed here, expected user at "
	    "the top level\n" },
	{ "key of another group",
	    "limits = { session = 5; };\n",
	    "f:1: limits.session: unknown key, did you mean "
	    "timeouts.session?\n" },
	{ "duplicate key",
	    "user = \"a\";\n"
	    "log = { };\n"
	    "user = \"b\";\n",
	    "f:3: user: duplicate key (the first is in line 1), expected "
	    "one\n" },
	{ "duplicate key in one line",
	    "user = \"a\"; user = \"b\";\n",
	    "f:1: user: duplicate key (the first is in line 1), expected "
	    "one\n" },
	{ "duplicate key in a listener",
	    "listeners = ( { port = 1;\n"
	    "  port = 2; } );\n",
	    "f:2: listeners[0].port: duplicate key (the first is in line 1), "
	    "expected one\n" },
	{ "string for a number",
	    "listeners = ( { port = \"80\"; } );\n",
	    "f:1: listeners[0].port: \"80\" is a string, expected a whole "
	    "number, 1 to 65535\n" },
	{ "number for a string",
	    "user = 5;\n",
	    "f:1: user: 5 is a whole number, expected a string\n" },
	{ "float for an integer",
	    "listeners = ( { port = 80.5; } );\n",
	    "f:1: listeners[0].port: 80.5 is a number with decimals, expected "
	    "a whole number, 1 to 65535\n" },
	{ "number for a boolean",
	    "listeners = ( { hold = 1; } );\n",
	    "f:1: listeners[0].hold: 1 is a whole number, expected true or "
	    "false\n" },
	{ "group for a value",
	    "user = { };\n",
	    "f:1: user: this is a group { }, expected a string\n" },
	{ "value for a group",
	    "limits = 5;\n",
	    "f:1: limits: 5 is a whole number, expected a group, as in "
	    "limits = { };\n" },
	{ "list for a value",
	    "listeners = ( { port = ( 1, 2 ); } );\n",
	    "f:1: listeners[0].port: this is a list ( ), expected a whole "
	    "number, 1 to 65535\n" },
	{ "group for a list",
	    "listeners = { port = 80; };\n",
	    "f:1: listeners: this is a group { }, expected a list of "
	    "groups, as in ( { port = 4444; } )\n" },
	{ "value in the list of groups",
	    "listeners = ( { }, 5 );\n",
	    "f:1: listeners[1]: 5 is a whole number, expected a group, as "
	    "in { port = 4444; }\n" },
	{ "out of range",
	    "listeners = ( {\n"
	    "  port = 65536; } );\n",
	    "f:2: listeners[0].port: 65536 is out of range, expected 1 to "
	    "65535\n" },
	{ "negative",
	    "timeouts = { session = -1; };\n",
	    "f:1: timeouts.session: -1 is out of range, expected 0.1 to "
	    "86400 seconds\n" },
	{ "too many decimals",
	    "timeouts = { session = 2.0005; };\n",
	    "f:1: timeouts.session: 2.0005 has more than 3 decimals, expected "
	    "0.1 to 86400 seconds\n" },
	{ "unknown word",
	    "log = { level = \"chatty\"; };\n",
	    "f:1: log.level: \"chatty\" is not known, expected \"error\", "
	    "\"warning\", \"notice\", \"info\" or \"debug\"\n" },
	{ "no listeners",
	    "listeners = ( );\n",
	    "f:1: listeners: 0 groups are out of range, expected 1 to "
	    "256\n" },
	{ "a control byte",
	    "user = \"a\\nb\";\n",
	    "f:1: user: \"a\\x0ab\" holds a control byte, expected "
	    "printable text\n" },
	{ "root",
	    "user = \"root\";\n",
	    "f:1: user: \"root\" is refused, expected any account but root: what started as root gives its rights up\n" },
	{ "relative path",
	    "pid_file = \"run/x\";\n",
	    "f:1: pid_file: \"run/x\" is not an absolute path, expected "
	    "one that starts with \"/\", or \"\" for none\n" },
	{ "unknown variable",
	    "refusals = { busy = \"%{ip}\\n\"; };\n",
	    "f:1: refusals.busy: \"%{ip}\\x0a\" has an unknown variable, expected one of %{client_ip}, %{client_port}, %{server_ip}, "
	    "%{server_port}, %{listener}, %{hostname}, %{id}, %{clients}, "
	    "%{time}, %{time:FORMAT}, %{unixtime}, %{reason}, %{limit}, "
	    "%{retry_after}, %{state} or %{until} (line 1, byte 1 of the text)\n" },
	{ "address with a port",
	    "listeners = ( { address = \"127.0.0.1:80\"; } );\n",
	    "f:1: listeners[0].address: \"127.0.0.1:80\" is not a plain "
	    "address, expected one without a port; the port has a key of "
	    "its own\n" },
	{ "host name",
	    "listeners = ( { address = \"localhost\"; } );\n",
	    "f:1: listeners[0].address: \"localhost\" is not a numeric "
	    "address, expected IPv4 or IPv6 such as 127.0.0.1 or ::1; "
	    "names are not resolved\n" },
	{ "star",
	    "listeners = ( { address = \"*\"; } );\n",
	    "f:1: listeners[0].address: \"*\" is not an address, expected "
	    "\"0.0.0.0\" for all of IPv4, \"::\" for all of IPv6\n" },
	{ "wrong element in a list",
	    "listeners = ( { address = ( \"::1\",\n"
	    "  \"x\",\n"
	    "  5 ); } );\n",
	    "f:2: listeners[0].address: \"x\" is not a numeric address, "
	    "expected IPv4 or IPv6 such as 127.0.0.1 or ::1; names are not "
	    "resolved\n"
	    "f:3: listeners[0].address: 5 is a whole number, expected a "
	    "string\n" },
	{ "link-local without scope",
	    "listeners = ( { address = \"fe80::1\"; } );\n",
	    "f:1: listeners[0].address: \"fe80::1\" is link-local and has no "
	    "scope, expected one with its interface, as in fe80::1%eth0\n" },
	{ "addresses without a name",
	    "listeners = ( { address = ( \"127.0.0.1\", \"::1\" ); } );\n",
	    "f:1: listeners[0].name: missing, a listener with 2 addresses "
	    "needs one\n" },
	{ "same address twice",
	    "listeners = ( { },\n"
	    "{ } );\n",
	    "f:2: listeners[1].address: 127.0.0.1:4444 cannot be bound "
	    "beside 127.0.0.1:4444 of listeners[0] (line 1), choose another port or address\n" },
	{ "same name twice",
	    "listeners = ( { name = \"a\"; },\n"
	    "{ name = \"a\"; port = 2; } );\n",
	    "f:2: listeners[1].name: \"a\" is the name of listeners[0] too "
	    "(line 1), expected one that no other has\n" },
	{ "dual stack beside IPv4",
	    "listeners = ( { address = \"0.0.0.0\"; },\n"
	    "{ address = \"::\"; v6only = false; } );\n",
	    "f:2: listeners[1].address: [::]:4444 cannot be bound beside "
	    "0.0.0.0:4444 of listeners[0] (line 1), set v6only = true\n" },
	{ "greeting twice",
	    "listeners = ( { greeting = \"a\";\n"
	    " greeting_file = \"/b\"; } );\n",
	    "f:2: listeners[0].greeting_file: the listener has a greeting "
	    "too (line 1), expected only one of the two\n" },
	{ "host bits set",
	    "limits = { exempt = ( \"10.0.0.1/8\" ); };\n",
	    "f:1: limits.exempt: \"10.0.0.1/8\" has bits set after its "
	    "prefix, expected the network's own address, or a longer "
	    "prefix\n" },
	{ "prefix too long",
	    "limits = { exempt = \"10.0.0.0/33\"; };\n",
	    "f:1: limits.exempt: \"10.0.0.0/33\" has no usable prefix "
	    "length, expected 0 to 32\n" },
	{ "rule without from",
	    "listeners = ( { rules = ( {\n"
	    " action = \"deny\"; } ); } );\n",
	    "f:1: listeners[0].rules[0].from: missing, expected \"any\", "
	    "or a network such as \"192.0.2.0/24\" as a string, or a list of "
	    "such\n" },
	{ "rule without action",
	    "listeners = ( { rules = ( {\n"
	    " from = \"any\"; } ); } );\n",
	    "f:1: listeners[0].rules[0].action: missing, expected "
	    "\"allow\" or \"deny\"\n" },
	{ "rule that never matches",
	    "listeners = ( { rules = ( { from = \"any\"; action = \"deny\"; "
	    "},\n"
	    "{ from = \"::1\"; action = \"allow\"; } ); } );\n",
	    "f:2: listeners[0].rules[1].from: can never match: rules before "
	    "it cover its addresses, rules[0] (line 1) the last of them\n" },
	{ "rules not in a list",
	    "listeners = ( { rules = { from = \"any\"; }; } );\n",
	    "f:1: listeners[0].rules: this is a group { }, expected a list "
	    "of groups, as in ( { from = \"any\"; action = \"deny\"; } )\n" },
	{ "unknown key in a rule",
	    "listeners = ( { rules = ( { from = \"any\"; action = \"deny\";\n"
	    "port = 5; } ); } );\n",
	    "f:2: listeners[0].rules[0].port: unknown key, valid here: from, "
	    "action, greeting\n" },
	{ "burst without a rate",
	    "limits = { burst = 5; };\n",
	    "f:1: limits.burst: has no effect while limits.rate is 0 (no limit)\n" },
	{ "more a source than in all",
	    "limits = { max_clients = 5; max_clients_per_source = 6; };\n",
	    "f:1: limits.max_clients_per_source: 6 can never be reached, "
	    "limits.max_clients is 5\n" },
	{ "three wrong values",
	    "usr = \"a\";\n"
	    "listeners = ( { port = 0; hold = 1; } );\n",
	    "f:1: usr: unknown key, did you mean user?\n"
	    "f:2: listeners[0].port: 0 is out of range, expected 1 to "
	    "65535\n"
	    "f:2: listeners[0].hold: 1 is a whole number, expected true or "
	    "false\n" },
	{ "slip and wrong value",
	    "timeouts = { session = 30s; };\n"
	    "usr = \"a\";\n",
	    "f:1: timeouts.session: 30s has a unit: a duration is plain "
	    "seconds, such as 30 or 2.5\n"
	    "f:2: usr: unknown key, did you mean user?\n" },
	{ "leading zero and wrong value",
	    "listeners = ( { port = 080; hold = 1; },\n"
	    "{ port = 0; } );\n",
	    "f:1: listeners[0].port: 080 has a leading 0, which would be "
	    "ignored: write it without, or as a string if it is a file mode\n"
	    "f:1: listeners[0].hold: 1 is a whole number, expected true or "
	    "false\n"
	    "f:2: listeners[1].port: 0 is out of range, expected 1 to "
	    "65535\n" },
	{ "duplicates and wrong values",
	    "user = \"a\";\nport = 5;\nlog = { level = 5; level = 6; };\n"
	    "user = 5s;\ngroup = on\n",
	    "f:3: log.level: duplicate key (the first is in line 3), expected "
	    "one\n"
	    "f:4: user: duplicate key (the first is in line 1), expected "
	    "one\n"
	    "f:4: user: 5s has a unit: a duration is plain seconds, such as "
	    "30 or 2.5\n"
	    "f:5: group: on is not a boolean, expected true or false\n"
	    "f:2: port: not allowed here, expected port in a listener, "
	    "listeners = ( { } )\n"
	    "f:3: log.level: 5 is a whole number, expected \"error\", "
	    "\"warning\", \"notice\", \"info\" or \"debug\"\n" },
	{ "up to the first error of the structure",
	    "user = nobody;\ngroup \"x\";\nport = 010;\n",
	    "f:1: user: nobody needs double quotes if it is a string\n"
	    "f:2: group: \"=\" is missing, write group = VALUE;\n" },
	{ "a rule with a wrong network has one all the same",
	    "listeners = ( { rules = ( { from = any; action = \"deny\"; } ); "
	    "} );\n",
	    "f:1: listeners[0].rules[0].from: any needs double quotes if it "
	    "is a string\n" },
};

static void
said_about(const char *text, char *said)
{
	size_t i, used = 0, length = strlen(text);
	char *bytes = strdup(text), *at;
	struct report report;
	const char *line;

	assert_non_null(bytes);
	for (at = bytes; (at = strchr(at, '\001')) != NULL;)
		*at = '\0';
	free(confs_load_bytes(bytes, length, &report));
	free(bytes);
	said[0] = '\0';
	for (i = 0; i < report.kept; i++) {
		line = report.lines[i].text;
		assert_ptr_equal(
		    strstr(line, confs_path("test.conf")), line);
		used += (size_t)snprintf(said + used, SAID_MAX - used, "f%s\n",
		    line + strlen(confs_path("test.conf")));
	}
}

static void
test_slips(void **state)
{
	const size_t n = sizeof(slips) / sizeof(slips[0]);
	static char said[SAID_MAX];
	size_t i, wrong = 0;

	(void)state;
	for (i = 0; i < n; i++) {
		said_about(slips[i].text, said);
		if (strcmp(said, slips[i].said) == 0)
			continue;
		print_error("%s:\n%s--- expected:\n%s+++ said:\n%s",
		    slips[i].name, slips[i].text, slips[i].said, said);
		wrong++;
	}
	print_message("# %zu slips\n", n);
	assert_int_equal(wrong, 0);
}

/* One of the findings, in its own words. */
static void
must_say(const char *text, const char *expected)
{
	static char said[SAID_MAX];

	said_about(text, said);
	assert_string_equal(said, expected);
}

static void
test_d11_digits_only(void **state)
{
	(void)state;
	must_say("limits = { burst = 0x10; };\n",
	    "f:1: limits.burst: 0x10 is hexadecimal, expected decimal "
	    "digits\n");
	must_say("timeouts = { session = 1e1; send = 2.5E0; };\n",
	    "f:1: timeouts.session: 1e1 has an exponent, expected plain "
	    "digits such as 30 or 2.5\n"
	    "f:1: timeouts.send: 2.5E0 has an exponent, expected plain "
	    "digits such as 30 or 2.5\n");
}

static void
test_d11_slips_are_named(void **state)
{
	(void)state;
	must_say("\357\273\277usr = 5;\n",
	    "f:1: \"\\xef\\xbb\\xbf\": a byte order mark, save the file as "
	    "UTF-8 without it\n"
	    "f:1: usr: unknown key, did you mean user?\n");
	must_say("listeners = ( { port = 1; port = 2; } );\n",
	    "f:1: listeners[0].port: duplicate key (the first is in line 1), "
	    "expected one\n");
	must_say("limits = { rate = 5/s; rate_per_source = 1/min; };\n",
	    "f:1: limits.rate: 5/s has a unit: a rate is plain clients a "
	    "second, such as 5 or 0.5\n"
	    "f:1: limits.rate_per_source: 1/min has a unit: a rate is plain "
	    "clients a second, such as 5 or 0.5\n");
}

/* The loopback interface has index 1 in every network namespace. */
static void
test_d12_one_scope_by_name_and_index(void **state)
{
	(void)state;
	must_say("listeners = ( { address = \"fe80::1%lo\"; },\n"
		 "{ address = \"fe80::1%1\"; } );\n",
	    "f:2: listeners[1].address: [fe80::1%1]:4444 cannot be bound "
	    "beside [fe80::1%lo]:4444 of listeners[0] (line 1), choose another port or address\n");
	must_say("listeners = ( { address = \"fe80::1%lo\"; },\n"
		 "{ address = \"fe80::1%2\"; } );\n", "");
}

static void
test_the_unspecified_address_is_no_client(void **state)
{
	static const char *const hosts[] = { "0.0.0.0", "0.0.0.0/32", "::",
		"::/128" };
	static char text[200], said[SAID_MAX];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(hosts) / sizeof(hosts[0]); i++) {
		snprintf(text, sizeof(text),
		    "limits = { exempt = \"%s\"; };\n"
		    "listeners = ( { rules = ( { from = \"%s\";\n"
		    "action = \"deny\"; } ); } );\n", hosts[i], hosts[i]);
		said_about(text, said);
		assert_non_null(strstr(said, "f:1: limits.exempt: \""));
		assert_non_null(
		    strstr(said, "f:2: listeners[0].rules[0].from: \""));
		assert_non_null(strstr(said, "is no client's address, expected "
		    "\"any\" for all"));
		assert_non_null(strstr(said, "(\"any\" is for rules)\n"));
	}
	must_say("limits = { exempt = ( \"0.0.0.0/0\", \"::/0\" ); };\n", "");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_slips),
		cmocka_unit_test(test_d11_digits_only),
		cmocka_unit_test(test_d11_slips_are_named),
		cmocka_unit_test(test_d12_one_scope_by_name_and_index),
		cmocka_unit_test(test_the_unspecified_address_is_no_client),
	};

	return cmocka_run_group_tests_name(
	    "slips", tests, confs_setup, confs_teardown);
}
