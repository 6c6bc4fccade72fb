/* What the texts of the configuration may be. */
#ifndef MASTER_CHECK_H
#define MASTER_CHECK_H

#include <stddef.h>

struct schema_key;

/*
 * Each returns NULL when the text (length bytes and a NUL) will do, or else
 * "is not ..., allowed is ...", to be put behind the text in a message.  That
 * the length is within the key's range is another matter.
 */

/* A text for that key: no control bytes but in greetings, then what the key's
 * own check says. */
const char *check_text(
    const struct schema_key *key, const char *text, size_t length);

/* A user or group of passwd(5) and group(5): what useradd(8) takes, and dots
 * and capitals.  Not root: the daemon must not run as root. */
const char *check_account(const char *text, size_t length);

/* An absolute path, or an absolute path or nothing. */
const char *check_path(const char *text, size_t length);
const char *check_path_or_none(const char *text, size_t length);

/* An absolute path that ends in the name of a file, or nothing. */
const char *check_socket_or_none(const char *text, size_t length);

/* The name of a listener.  It stands in log lines as listener=NAME, so:
 * printable ASCII without space, quotes, backslash and '='. */
const char *check_name(const char *text, size_t length);

/* A text with variables (shared/greet.h) that can become MESSAGE_MAX bytes
 * (messages.h) at most. */
const char *check_message(const char *text, size_t length);

/* The scope behind an IPv6 address: the name of an interface or its index. */
const char *check_scope(const char *text, size_t length);

#endif
