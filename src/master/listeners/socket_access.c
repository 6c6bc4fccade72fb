/* Who may connect to a UNIX socket: mode, owner and group of its file. */
#include "config.h"

#include "master/listeners/socket_access.h"

#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <unistd.h>

#include "master/config/conf.h"
#include "master/system/accounts.h"
#include "master/system/report.h"

static int
find_owner(struct socket_access *access, const char *owner, const char *group,
    const char *where, struct report *report)
{
	const char *key = "socket_owner", *name = owner, *failed = NULL;

	if (owner[0] != '\0')
		failed = accounts_owner(owner, &access->uid);
	if (failed == NULL && group[0] != '\0') {
		key = "socket_group";
		name = group;
		failed = accounts_owner_group(group, &access->gid);
	}
	if (failed == NULL)
		return 0;
	report_failure(report, cause_of(errno, EXIT_CONFIG),
	    "%s: %s: \"%s\": %s", where, key, name, failed);
	return -1;
}

int
socket_access_find(struct socket_access *access, const struct conf *conf,
    const struct conf_listener *group, const char *where,
    struct report *report)
{
	*access = (struct socket_access) {
		.mode = (uint32_t)strtoul(
		    conf_text(conf, group->socket_mode), NULL, 8),
		.uid = SOCKET_ANY,
		.gid = SOCKET_ANY,
	};
	return find_owner(access, conf_text(conf, group->socket_owner),
	    conf_text(conf, group->socket_group), where, report);
}

/* Without a wish it is the daemon's, also when root had to make it, and in the group
 * that its directory gives it (chmod(1), g+s). */
int
socket_access_give(int fd, const struct socket_access *access,
    const struct identity *becomes)
{
	uid_t uid = access->uid;
	gid_t gid = access->gid;
	struct stat st;

	if (fstat(fd, &st) == -1)
		return -1;
	if (uid == SOCKET_ANY)
		uid = becomes != NULL ? becomes->uid : st.st_uid;
	if (gid == SOCKET_ANY)
		gid = becomes != NULL && st.st_gid == 0 ? becomes->gid :
							  st.st_gid;
	if (st.st_uid == uid && st.st_gid == gid)
		return 0;
	return fchownat(fd, "", uid, gid, AT_EMPTY_PATH);
}

/* A group that the owner of a file may give it to. */
static bool
is_our_group(gid_t gid)
{
	gid_t groups[64];
	int i, n = getgroups(64, groups);

	for (i = 0; i < n; i++)
		if (groups[i] == gid)
			return true;
	return gid == getegid();
}

const char *
socket_access_fixed(
    const struct socket_access *wanted, const struct socket_access *has)
{
	bool is_own = has->uid == SOCKET_ANY || has->uid == geteuid();

	if (wanted->uid != has->uid)
		return "socket_owner";
	if (wanted->gid != has->gid &&
	    (!is_own || wanted->gid == SOCKET_ANY || !is_our_group(wanted->gid)))
		return "socket_group";
	return wanted->mode != has->mode && !is_own ? "socket_mode" : NULL;
}
