/* Checking the texts of the configuration. */
#ifndef MASTER_TEXT_CHECK_H
#define MASTER_TEXT_CHECK_H

#include <stdbool.h>
#include <stddef.h>

/*
 * Each returns NULL when the text (length bytes and a NUL) is valid, or "is not
 * ..., expected ..." to follow the text in a message.  Whether the length is
 * within the key's range is not checked here.
 */

/* A user or group of passwd(5) and group(5): what useradd(8) takes, and dots
 * and capitals.  Not root: the daemon must not run as root. */
const char *text_check_account(const char *text, size_t length);

/* The same, or nothing. */
const char *text_check_account_or_none(const char *text, size_t length);

/* The same, or nothing, and also root: an account that a file is given to. */
const char *text_check_owner(const char *text, size_t length);

/* The mode of a socket's file, "0660": three octal digits, after a 0 or not. */
const char *text_check_mode(const char *text, size_t length);

/* Where a UNIX socket is: a plain absolute path of 107 bytes at most, or '@' and the
 * name of an abstract one; printable ASCII without spaces and quotes, as it is in
 * log lines. */
const char *text_check_unix(const char *text, size_t length);

/* An absolute path, or an absolute path or nothing. */
const char *text_check_path(const char *text, size_t length);
const char *text_check_path_or_none(const char *text, size_t length);

/* The path of files, or nothing: wildcards of glob(7) in their name only, so
 * that they are in one directory. */
#define TEXT_CHECK_WILDCARDS "*?["
const char *text_check_include(const char *text, size_t length);

/* An absolute path that ends in the name of a file, or nothing. */
const char *text_check_socket_or_none(const char *text, size_t length);

/* The name of a listener.  It is in log lines as listener=NAME, so it must be
 * printable ASCII without space, quotes, backslash and '='. */
const char *text_check_name(const char *text, size_t length);

/* A text with variables (shared/greet.h) that can become GREET_MESSAGE_MAX
 * bytes at most.  What it returns is valid until the next call. */
const char *text_check_message(const char *text, size_t length);

/* The same for the part of the text at offset; what it returns says where in the
 * text its error is.  Without variables only its length counts. */
const char *text_check_part(
    const char *text, size_t offset, size_t length, bool variables);

/* A media type with parameters, RFC 9110, 8.3.1: printable ASCII, with a slash. */
const char *text_check_content_type(const char *text, size_t length);

/* The scope after an IPv6 address: the name of an interface or its index. */
const char *text_check_scope(const char *text, size_t length);

#endif
