/* User namespaces that know one user only. */
#ifndef SHARED_USERNS_H
#define SHARED_USERNS_H

#include <sys/types.h>

#include <stdbool.h>

/*
 * True when this process is in a user namespace with a single user ID, as
 * "unshare -r" and some builders of containers make them: user 0 there may do
 * no more than the user outside, and there is nobody else to become
 * (user_namespaces(7), /proc/PID/uid_map).  False where /proc does not say.
 */
bool userns_has_one_user(void);

/*
 * True when this process is in a user namespace that does not have all users,
 * and owner is the number by which it shows those that it does not have
 * (/proc/sys/kernel/overflowuid).
 */
bool userns_is_unmapped(uid_t owner);

#endif
