/* What a text for clients should not have, though it may. */
#include "config.h"

#include "master/config/text_advice.h"

#include <sys/utsname.h>

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "master/system/report.h"

#define CAUSE_MAX 256
#define LINE_ROOM 512 /* a line of os-release(5), what is longer is cut */

/* Each says where lines end in CRLF; only protocols where the server speaks
 * first, for others a greeting is none. */
static const struct text_protocol protocols[] = {
	{ 13, "daytime", "RFC 867", false }, /* "carriage return, line feed" */
	{ 17, "qotd", "RFC 865", false }, /* the same words */
	{ 21, "FTP", "RFC 959, 4.2", false },
	{ 25, "SMTP", "RFC 5321, 2.3.8", true }, /* its name: 4.2 */
	{ 110, "POP3", "RFC 1939, 3", false },
	{ 119, "NNTP", "RFC 3977, 3.1", false },
	{ 143, "IMAP", "RFC 9051, 2.2", false },
	{ 587, "submission", "RFC 5321, 2.3.8", true }, /* by RFC 6409 */
};

const struct text_protocol *
text_protocol_find(int64_t port)
{
	size_t i;

	for (i = 0; i < sizeof(protocols) / sizeof(protocols[0]); i++)
		if (protocols[i].port == port)
			return &protocols[i];
	return NULL;
}

/* --------------------------------------------------------------------- names */

/* The value of a line "ID=value", "ID='value'" or "ID=\"value\"". */
static void
take_id(const char *line, char id[TEXT_NAME_MAX])
{
	const char *value = line + 3 + strspn(line + 3, "\"'");

	snprintf(id, TEXT_NAME_MAX, "%.*s", (int)strcspn(value, "\"'\n"), value);
}

void
text_names_find(struct text_names *names, const char *os_release)
{
	FILE *file = fopen(os_release, "re");
	char line[LINE_ROOM];
	struct utsname uts;

	memset(names, 0, sizeof(*names));
	if (uname(&uts) == 0) {
		snprintf(names->kernel, TEXT_NAME_MAX, "%s", uts.sysname);
		snprintf(names->release, TEXT_NAME_MAX, "%s", uts.release);
	}
	if (file == NULL)
		return;
	while (fgets(line, sizeof(line), file) != NULL)
		if (strncmp(line, "ID=", 3) == 0)
			take_id(line, names->distribution);
	fclose(file);
}

/* -------------------------------------------------------------------- places */

/* Writes "WHAT (line L, byte B of the text)". */
static void
say_place(const struct text_use *use, size_t where, const char *what,
    char cause[CAUSE_MAX])
{
	size_t i, line = 1, byte = 1;

	for (i = 0; i < where; i++) {
		byte = use->bytes[i] == '\n' ? 1 : byte + 1;
		line += use->bytes[i] == '\n';
	}
	snprintf(cause, CAUSE_MAX, "%s (line %zu, byte %zu of the text)", what,
	    line, byte);
}

static bool
is_word_at(const struct text_use *use, size_t at, const char *word)
{
	size_t end = at + strlen(word);

	return end <= use->length &&
	    strncasecmp(use->bytes + at, word, end - at) == 0 &&
	    (at == 0 || !isalnum((unsigned char)use->bytes[at - 1])) &&
	    (end == use->length || !isalnum((unsigned char)use->bytes[end]));
}

/* Where the word is in the text, in any case; use->length: nowhere. */
static size_t
find_word(const struct text_use *use, const char *word)
{
	size_t at = 0;

	if (*word == '\0')
		return use->length;
	while (at < use->length && !is_word_at(use, at, word))
		at++;
	return at;
}

/* The first byte from there on that is none of these. */
static size_t
skip(const struct text_use *use, size_t at, const char *bytes)
{
	while (at < use->length &&
	    memchr(bytes, use->bytes[at], strlen(bytes)) != NULL)
		at++;
	return at;
}

/* "forkgreet 0.1", "forkgreetd/0.1", "forkgreet-v1": with nothing but that
 * between name and number. */
static bool
is_version_at(const struct text_use *use, size_t at)
{
	static const char ours[] = "forkgreet";
	size_t end = at + sizeof(ours) - 1;

	if (end > use->length ||
	    strncasecmp(use->bytes + at, ours, end - at) != 0)
		return false;
	end = skip(use, skip(use, skip(use, end, "dD"), " /-_"), "vV");
	return end < use->length && isdigit((unsigned char)use->bytes[end]);
}

static size_t
find_version(const struct text_use *use)
{
	size_t at = 0;

	while (at < use->length && !is_version_at(use, at))
		at++;
	return at;
}

static size_t
find_hostname(const struct text_use *use)
{
	static const char variable[] = "%{hostname}";
	const char *at = NULL;

	if (use->variables &&
	    (use->protocol == NULL || !use->protocol->greets_by_name))
		at = memmem(use->bytes, use->length, variable,
		    sizeof(variable) - 1);
	return at == NULL ? use->length : (size_t)(at - use->bytes);
}

/* -------------------------------------------------------------------- checks */

static bool
has_control(const struct text_use *use, char cause[CAUSE_MAX])
{
	char what[64];
	size_t i;

	for (i = 0; i < use->length; i++)
		if (iscntrl((unsigned char)use->bytes[i]) &&
		    memchr("\t\r\n", use->bytes[i], 3) == NULL)
			break;
	if (i == use->length)
		return false;
	snprintf(what, sizeof(what),
	    "has the control byte 0x%02x, which terminals may obey",
	    (unsigned char)use->bytes[i]);
	say_place(use, i, what, cause);
	return true;
}

static bool
has_wrong_end(const struct text_use *use, char cause[CAUSE_MAX])
{
	const char *bytes = use->bytes;
	char what[128];
	size_t i = 0;

	if (use->protocol == NULL || use->length == 0)
		return false;
	while (i < use->length &&
	    (bytes[i] != '\n' || (i > 0 && bytes[i - 1] == '\r')))
		i++;
	if (i == use->length && bytes[i - 1] == '\n')
		return false;
	snprintf(what, sizeof(what),
	    "has a line that does not end in CRLF, as %s on port %d has it "
	    "(%s)",
	    use->protocol->name, (int)use->protocol->port,
	    use->protocol->source);
	say_place(use, i, what, cause);
	return true;
}

static bool
is_too_long(const struct text_use *use, char cause[CAUSE_MAX])
{
	size_t length = use->part > 0 ? use->part : use->length;

	if (use->longest == 0 || length <= use->longest)
		return false;
	snprintf(cause, CAUSE_MAX, "%s %zu bytes%s, expected at most %zu",
	    use->part > 0 ? "has a text of" : "is", length,
	    use->part > 0 ? "" : " long", use->longest);
	return true;
}

static bool
has_name(const struct text_use *use, char cause[CAUSE_MAX])
{
	const struct {
		const char *what;
		size_t at;
	} found[] = {
		{ "the kernel", find_word(use, use->names->kernel) },
		{ "the kernel's release", find_word(use, use->names->release) },
		{ "the distribution",
		    find_word(use, use->names->distribution) },
		{ "forkgreet with its version", find_version(use) },
		{ "the host by %{hostname}", find_hostname(use) },
	};
	char what[80];
	size_t i;

	for (i = 0; i < sizeof(found) / sizeof(found[0]); i++) {
		if (found[i].at == use->length)
			continue;
		snprintf(what, sizeof(what),
		    "names %s, which helps an attacker", found[i].what);
		say_place(use, found[i].at, what, cause);
		return true;
	}
	return false;
}

void
text_advise(const struct text_use *use, const char *path, uint32_t line,
    const char *key, struct report *report)
{
	static bool (*const checks[])(
	    const struct text_use *use, char cause[CAUSE_MAX]) = {
		has_control,
		has_wrong_end,
		is_too_long,
		has_name,
	};
	char cause[CAUSE_MAX];
	size_t i;

	for (i = 0; i < sizeof(checks) / sizeof(checks[0]); i++)
		if (checks[i](use, cause))
			report_warning(report, "%s:%u: %s: %s", path,
			    (unsigned)line, key, cause);
}
