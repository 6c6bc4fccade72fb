/* Asks the kernel who is at the other end. */
#include "config.h"

#include "master/control/credentials.h"

#include <stddef.h>
#include <unistd.h>

#include "master/system/clock.h"
#include "master/system/log_event.h"

#define LOG_INTERVAL CLOCK_SECOND
/* More supplementary groups than this and none of them counts; the kernel allows
 * 65,536, and systems have some dozens. */
#define GROUPS_MAX 1024

static bool
is_member(const struct ucred *who, int fd, gid_t gid)
{
	gid_t groups[GROUPS_MAX];
	socklen_t length = sizeof(groups);
	size_t i;

	if (who->gid == gid)
		return true;
	if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, groups, &length) == -1)
		return false;
	for (i = 0; i < length / sizeof(groups[0]); i++)
		if (groups[i] == gid)
			return true;
	return false;
}

/* The mode of the file says so too, but modes get changed. */
enum control_rights
credentials_find(struct ucred *who, int fd, const struct control_group *group)
{
	socklen_t length = sizeof(*who);

	who->uid = (uid_t)-1;
	who->gid = (gid_t)-1;
	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, who, &length) == -1)
		return RIGHTS_NONE;
	if (who->uid == 0 || who->uid == geteuid())
		return RIGHTS_ALL;
	return group->is_set && is_member(who, fd, group->gid) ? RIGHTS_LOOK :
								 RIGHTS_NONE;
}

void
credentials_denied(const struct ucred *who, const char *verb,
    struct log_limit *denials, int64_t now)
{
	uint64_t suppressed;

	if (log_limit_pass(denials, now, LOG_INTERVAL, &suppressed))
		log_event(LOG_WARNING, "control",
		    LOG_WORD("result", "denied"),
		    LOG_IF(verb != NULL, LOG_WORD("verb", verb)),
		    LOG_SIGNED("uid", (int)who->uid),
		    LOG_SIGNED("pid", who->pid),
		    LOG_NUMBER("suppressed", suppressed));
}
