/* Who may connect to a UNIX socket: mode, owner and group of its file. */
#ifndef MASTER_LISTENERS_SOCKET_ACCESS_H
#define MASTER_LISTENERS_SOCKET_ACCESS_H

#include <stdint.h>

struct conf;
struct conf_listener;
struct identity;
struct report;

#define SOCKET_ANY UINT32_MAX /* as uid or gid: no wish */

struct socket_access {
	uint32_t mode;
	uint32_t uid, gid;
};

/* What the configuration wants.  Returns 0, or -1 with an error in report, whose
 * text begins with where. */
int socket_access_find(struct socket_access *access, const struct conf *conf,
    const struct conf_listener *group, const char *where,
    struct report *report);

/* Gives the file that fd is open for (O_PATH will do) its owner and group; without
 * a wish what root has made belongs to becomes, which may be NULL.  Returns 0, or
 * -1 with errno. */
int socket_access_give(int fd, const struct socket_access *access,
    const struct identity *becomes);

/* NULL when the daemon may give a file that has one what the other one wants, or
 * the key that needs a restart. */
const char *socket_access_fixed(
    const struct socket_access *wanted, const struct socket_access *has);

#endif
