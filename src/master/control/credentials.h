/* Who may ask over the control socket. */
#ifndef MASTER_CONTROL_CREDENTIALS_H
#define MASTER_CONTROL_CREDENTIALS_H

#include <sys/socket.h>
#include <sys/types.h>

#include <stdbool.h>
#include <stdint.h>

struct log_limit;

/* The configuration's control_group. */
struct control_group {
	bool is_set; /* there is one */
	gid_t gid;
};

enum control_rights {
	RIGHTS_NONE,
	RIGHTS_LOOK, /* verbs that change nothing: a member of the group */
	RIGHTS_ALL, /* root, and the daemon's own user */
};

/* Stores in *who whose process is at the other end of the connection
 * (SO_PEERCRED), and returns what it may do; the supplementary groups it had when
 * it connected count too (SO_PEERGROUPS, Linux 4.13). */
enum control_rights credentials_find(
    struct ucred *who, int fd, const struct control_group *group);

/* Says in the log, at most once a second, that it was refused; verb is NULL when
 * nothing of it was read. */
void credentials_denied(const struct ucred *who, const char *verb,
    struct log_limit *denials, int64_t now);

#endif
