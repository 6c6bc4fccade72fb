/* User namespaces that know one user only. */
#ifndef SHARED_USERNS_H
#define SHARED_USERNS_H

#include <stdbool.h>

/*
 * True when this process is in a user namespace with a single user ID, as
 * "unshare -r" and some builders of containers make them: user 0 there may do
 * no more than the user outside, and there is nobody else to become
 * (user_namespaces(7), /proc/PID/uid_map).  False where /proc does not say.
 */
bool userns_has_one_user(void);

#endif
