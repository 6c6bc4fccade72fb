/* Asks the kernel who is at the other end. */
#include "config.h"

#include "master/control/credentials.h"

#include <unistd.h>

#include "master/system/clock.h"
#include "master/system/log_event.h"

#define LOG_INTERVAL CLOCK_SECOND

/* The mode of the file says so too, but modes get changed. */
bool
credentials_allow(
    struct ucred *who, int fd, struct log_limit *denials, int64_t now)
{
	socklen_t length = sizeof(*who);
	uint64_t suppressed;

	who->uid = (uid_t)-1;
	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, who, &length) == 0 &&
	    (who->uid == 0 || who->uid == geteuid()))
		return true;
	if (log_limit_pass(denials, now, LOG_INTERVAL, &suppressed))
		log_event(LOG_WARNING, "control",
		    LOG_WORD("result", "denied"),
		    LOG_SIGNED("uid", (int)who->uid),
		    LOG_SIGNED("pid", who->pid),
		    LOG_NUMBER("suppressed", suppressed));
	return false;
}
