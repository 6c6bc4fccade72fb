/* Checking the texts of the configuration. */
#include "config.h"

#include "master/config/text_check.h"

#include <net/if.h>
#include <stdio.h>
#include <string.h>

#include "master/config/conf.h"
#include "shared/greet.h"

#define PLACED_MAX 512 /* the longest message, and numbers */
#define LETTERS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
#define DIGITS "0123456789"

static const char no_account[] =
    "is not the name of an account, expected letters, digits, "
    "'_', '-', '.', a '$' at the end, no '-' at the start";

const char *
text_check_owner(const char *text, size_t length)
{
	size_t plain = strspn(text, LETTERS DIGITS "_-.");

	if (text[0] == '-')
		return no_account;
	if (plain != length && (plain + 1 != length || text[plain] != '$'))
		return no_account;
	return NULL;
}

const char *
text_check_account(const char *text, size_t length)
{
	const char *why = text_check_owner(text, length);

	if (why != NULL)
		return why;
	if (strcmp(text, "root") == 0 || strspn(text, "0") == length)
		return "is refused, expected any account but root: what "
		       "started as root gives its rights up";
	return NULL;
}

const char *
text_check_account_or_none(const char *text, size_t length)
{
	return length == 0 ? NULL : text_check_account(text, length);
}

const char *
text_check_path(const char *text, size_t length)
{
	if (length > 0 && text[0] == '/')
		return NULL;
	return "is not an absolute path, expected one that starts with "
	       "\"/\"";
}

const char *
text_check_include(const char *text, size_t length)
{
	const char *name = strrchr(text, '/');

	if (length == 0 || text[0] != '/')
		return text_check_path_or_none(text, length);
	if (name[1] == '\0')
		return "is a directory, expected a pattern as in "
		       "\"/etc/forkgreet.d/*.conf\"";
	if (text + strcspn(text, TEXT_CHECK_WILDCARDS) < name)
		return "has a wildcard before its last \"/\", expected one "
		       "directory whose files match";
	return NULL;
}

const char *
text_check_path_or_none(const char *text, size_t length)
{
	if (length == 0 || text[0] == '/')
		return NULL;
	return "is not an absolute path, expected one that starts with "
	       "\"/\", or \"\" for none";
}

const char *
text_check_socket_or_none(const char *text, size_t length)
{
	const char *name = strrchr(text, '/');

	if (length == 0 || text[0] != '/')
		return text_check_path_or_none(text, length);
	if (name[1] == '\0' || strcmp(name, "/.") == 0 ||
	    strcmp(name, "/..") == 0)
		return "is a directory, expected the path of a file in one, "
		       "or \"\" for none";
	return NULL;
}

/* True when the whole text is printable ASCII without spaces and without the
 * characters in refused. */
static bool
is_word(const char *text, size_t length, const char *refused)
{
	size_t i;

	for (i = 0; i < length; i++)
		if (text[i] <= ' ' || text[i] > '~' ||
		    strchr(refused, text[i]) != NULL)
			return false;
	return true;
}

const char *
text_check_name(const char *text, size_t length)
{
	if (!is_word(text, length, "\"'\\="))
		return "is not a name, expected printable ASCII without "
		       "spaces, quotes, backslashes and '='";
	return NULL;
}

const char *
text_check_mode(const char *text, size_t length)
{
	const char *digits = length == 4 && text[0] == '0' ? text + 1 : text;

	if (strlen(digits) != 3 || strspn(digits, "01234567") != 3)
		return "is not a mode, expected three octal digits as in "
		       "\"0660\"";
	return NULL;
}

/* Other spellings of one path would be taken for two. */
static bool
is_plain_path(const char *text, size_t length)
{
	return text[length - 1] != '/' && strstr(text, "//") == NULL &&
	    strstr(text, "/./") == NULL && strstr(text, "/../") == NULL &&
	    strcmp(strrchr(text, '/'), "/.") != 0 &&
	    strcmp(strrchr(text, '/'), "/..") != 0;
}

const char *
text_check_unix(const char *text, size_t length)
{
	if (length == 0 || (text[0] != '/' && text[0] != '@') || length == 1)
		return "is not a UNIX socket, expected unix: and an absolute "
		       "path as in \"unix:/run/forkgreet/main\", or "
		       "\"unix:@NAME\" for an abstract one";
	if (length > (text[0] == '@' ? CONF_SOCKET_MAX : CONF_SOCKET_MAX - 1))
		return "is too long, expected a path or name of at most 107 "
		       "bytes: the kernel's sockets have room for no more";
	if (!is_word(text, length, "\"'\\"))
		return "is not usable, expected printable ASCII without "
		       "spaces, quotes and backslashes";
	if (text[0] == '/' && !is_plain_path(text, length))
		return "is not the plain path of a file, expected one without "
		       "\"//\", \"/./\", \"/../\" and a \"/\" at the end";
	return NULL;
}

const char *
text_check_scope(const char *text, size_t length)
{
	if (length == 0 || length >= IF_NAMESIZE ||
	    !is_word(text, length, "\"'\\=/:%"))
		return "has no usable scope, expected the name of an "
		       "interface, as in fe80::1%eth0";
	return NULL;
}

const char *
text_check_content_type(const char *text, size_t length)
{
	const char *slash = memchr(text, '/', length);
	size_t i;

	for (i = 0; i < length; i++)
		if (text[i] < ' ' || text[i] > '~')
			slash = NULL;
	if (slash == NULL || slash == text || text[0] == ' ')
		return "is not a media type, expected one as in "
		       "text/html; charset=utf-8";
	return NULL;
}

static const char *
message_fault(enum greet_error error)
{
	switch (error) {
	case GREET_UNCLOSED:
		return "has a \"%{\" without a \"}\", expected %{VARIABLE}";
	case GREET_UNKNOWN:
		return "has an unknown variable, expected one of %{client_ip}, "
		       "%{client_port}, %{server_ip}, %{server_port}, "
		       "%{listener}, %{hostname}, %{id}, %{clients}, %{time}, "
		       "%{time:FORMAT}, %{unixtime}, %{reason}, %{limit}, "
		       "%{retry_after}, %{state} or %{until}";
	case GREET_BAD_TIME:
		return "has an unknown conversion, expected one of %a %A %b "
		       "%B %d %D %e %F %H %I %j %m %M %p %R %S %T %u %w %y %Y "
		       "%z %Z %%";
	case GREET_GOOD:
		break;
	}
	return NULL;
}

/* The fault, and where in the text it is. */
static const char *
place(const char *fault, const char *text, size_t where)
{
	static char placed[PLACED_MAX];
	size_t i, line = 1, byte = 1;

	for (i = 0; i < where; i++) {
		byte = text[i] == '\n' ? 1 : byte + 1;
		line += text[i] == '\n';
	}
	snprintf(placed, sizeof(placed), "%s (line %zu, byte %zu of the text)",
	    fault, line, byte);
	return placed;
}

const char *
text_check_part(const char *text, size_t offset, size_t length, bool variables)
{
	struct greet_size size = { .longest = length };
	const char *fault = NULL;

	if (variables)
		fault = message_fault(greet_compile(
		    text + offset, length, NULL, 0, &size));
	if (fault != NULL)
		return place(fault, text, offset + size.where);
	if (size.longest <= GREET_MESSAGE_MAX)
		return NULL;
	return place(variables ? "can become longer than 4096 bytes, expected a "
				 "shorter text or fewer variables" :
				 "is longer than 4096 bytes",
	    text, offset);
}

const char *
text_check_message(const char *text, size_t length)
{
	return text_check_part(text, 0, length, true);
}
