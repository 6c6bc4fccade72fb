/*
 * What forkgreetctl and forkgreetd say to each other, over a UNIX stream socket
 * (the configuration's control_socket), once for each connection:
 *
 *	request   VERB[ json][ OPTION...]\n
 *	answer    STATUS OUT ERR\n, then OUT bytes for standard output, then ERR
 *	          bytes for standard error; then the daemon closes
 *
 * A request is a line of words with one blank between two of them, as
 * shared/control_words.h splits it; each is compared as a whole.  VERB is
 * "status", "reload", "metrics", "ready", "drain" or "maintenance".  With "json",
 * which "metrics" does not take, the OUT
 * bytes are one JSON object with a newline (RFC 8259), or none where there is
 * nothing to show or the daemon refuses, and forkgreetctl makes an object of the
 * ERR bytes.  The last three verbs have OPTIONs: until=SECONDS since 1970,
 * reason=TEXT, with blanks, '%' and control bytes as %XX, and listener=NAME, as
 * often as needed; without one, all.  "live", for forkgreetctl alone, takes
 * listeners too and answers how many clients are being served.  The three numbers are
 * decimal, STATUS is forkgreetctl's exit status, one of enum control_status.
 *
 * A request of more than CONTROL_REQUEST_MAX bytes or CONTROL_WORDS_MAX words,
 * an unknown verb or another option is answered with CONTROL_USAGE.  "reload"
 * is answered when that reload is done, which began after the request came;
 * everything else at once.  What follows the request's newline is not read.
 */
#ifndef SHARED_CONTROL_H
#define SHARED_CONTROL_H

#define CONTROL_REQUEST_MAX 8192 /* bytes, with the newline */
#define CONTROL_WORDS_MAX 104 /* a verb, options, and a hundred listeners */
#define CONTROL_HEADER_MAX 32 /* bytes, with the newline: three numbers */
/* OUT and ERR together.  All listeners that a configuration may have take less
 * than a tenth. */
#define CONTROL_ANSWER_MAX (4 << 20)
#define CONTROL_PATH_MAX 107 /* bytes: sun_path, unix(7), less its NUL */
#define CONTROL_PATH_DEFAULT "/run/forkgreet/control"

enum control_status {
	CONTROL_OK = 0,
	CONTROL_REFUSED = 1, /* the daemon would not, or could not */
	CONTROL_USAGE = 64, /* EX_USAGE of sysexits.h, and so on */
	CONTROL_NOBODY = 69, /* no daemon there */
	CONTROL_SYSTEM = 71, /* standard output, memory, descriptors */
	CONTROL_TIMEOUT = 75, /* no answer in time */
	CONTROL_DENIED = 77, /* not allowed */
	CONTROL_CONFIG = 78, /* the configuration is wrong */
};

#endif
