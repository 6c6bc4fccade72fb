/* Users and groups by name. */
#ifndef MASTER_ACCOUNTS_H
#define MASTER_ACCOUNTS_H

#include <sys/types.h>

/* The user and group to run as. */
struct identity {
	uid_t uid;
	gid_t gid;
	const char *user; /* as configured; not owned */
};

/*
 * Looks up user and group by name.  Returns NULL, or why that is not possible:
 * unknown, or root (static text), or an error of the lookup itself, which errno
 * then has (0 otherwise); *key says which ("user" or "group").
 */
const char *accounts_lookup(struct identity *identity, const char *user,
    const char *group, const char **key);

/* Looks up a group that is only asked about; root's will not do.  Returns as
 * accounts_lookup(). */
const char *accounts_group(const char *name, gid_t *gid);

/* Looks up a user or a group that a file is to be given to: root's will do.  Returns
 * as accounts_lookup(). */
const char *accounts_owner(const char *name, uid_t *uid);
const char *accounts_owner_group(const char *name, gid_t *gid);

/*
 * Are user and group, by name (NULL: no matter which), those of this process?
 * Returns NULL, or the one that is not ("user" or "group").
 */
const char *accounts_differ(const char *user, const char *group);

#endif
