/*
 * What forkgreetctl and forkgreetd say to each other, over a UNIX stream socket
 * (the configuration's control_socket), once for each connection:
 *
 *	request   VERB[ json][ OPTION...]\n
 *	answer    STATUS OUT ERR\n, then OUT bytes for standard output, then ERR
 *	          bytes for standard error; then the daemon closes
 *	or        0 - 0\n, then pieces for standard output, each LENGTH\n and so
 *	          many bytes, at least one, then 0\n; then the daemon closes
 *
 * A request is a line of words with one blank between two of them, as
 * shared/control_words.h splits it; each is compared as a whole.  VERB is
 * "status", "reload", "metrics", "ready", "drain", "maintenance", "clients" or
 * "log-level".  With "json", which "metrics" does not take, the OUT
 * bytes are one JSON object with a newline (RFC 8259), or none where there is
 * nothing to show or the daemon refuses, and forkgreetctl makes an object of the
 * ERR bytes.  "ready" and the two after it have OPTIONs: until=SECONDS since 1970,
 * reason=TEXT, with blanks, '%' and control bytes as %XX, and listener=NAME, as
 * often as needed; without one, all.  "clients" may have listener=NAME and
 * source=CIDR, each once, and "log-level" has level=WORD.  "live", for
 * forkgreetctl alone, takes listeners too and answers how many clients are being
 * served.  "counts", for forkgreetd -E alone, takes one listener and
 * source=ADDRESS, and answers what decides about a client from there: one line
 * (master/control/counts.h).  The three numbers are decimal, STATUS is
 * forkgreetctl's exit status, one of enum control_status.
 *
 * "top", also for forkgreetctl alone, is answered in pieces with lines "NAME
 * VALUE": "time_us" (of a clock that only goes forward), "uptime" (seconds),
 * "live", "lingering" (of those), "max_clients", the sums over all listeners
 * since the start "accepted", "ended", "sent_bytes", "cpu_us" and
 * "refused.REASON", and then for each client "source NETWORK".  "clients" is in
 * pieces, too: each client that was there when it was asked, and has not gone
 * when its turn comes, is in it once.
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
/* The longest answer in pieces: a line for each client there may be takes less
 * than half. */
#define CONTROL_LONG_MAX (32 << 20)
#define CONTROL_PIECE_MAX (1 << 20) /* and one of them */
#define CONTROL_PIECES "0 - 0\n"
#define CONTROL_PIECES_END "0\n"
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
