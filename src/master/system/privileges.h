/* Giving up root, all of it except at most CAP_NET_BIND_SERVICE. */
#ifndef MASTER_PRIVILEGES_H
#define MASTER_PRIVILEGES_H

#include <sys/types.h>

#include <stdbool.h>

/* The user and group to run as. */
struct identity {
	uid_t uid;
	gid_t gid;
	const char *user; /* as configured; not owned */
};

/* True when this process may change its user, because root has started it and
 * there are other users (shared/userns.h). */
bool privileges_are_root(void);

/*
 * Looks up user and group by name.  Returns NULL, or why that is not possible:
 * unknown, or root (static text), or an error of the lookup itself, which errno
 * then has (0 otherwise); *key says which ("user" or "group").
 */
const char *privileges_lookup(struct identity *identity, const char *user,
    const char *group, const char **key);

/* Looks up a group that is only asked about; root's will not do.  Returns as
 * privileges_lookup(). */
const char *privileges_group(const char *name, gid_t *gid);

/*
 * Are user and group, by name (NULL: no matter which), those of this process?
 * Returns NULL, or the one that is not ("user" or "group").
 */
const char *privileges_differ(const char *user, const char *group);

/*
 * Uses the identity's rights to files until privileges_return().  For root
 * only.  Ends the process when that fails.
 */
void privileges_borrow(const struct identity *identity);
void privileges_return(void);

/*
 * Gives up everything for good.  Root becomes the identity (NULL: an ordinary
 * user stays what it is); of the capabilities only CAP_NET_BIND_SERVICE is
 * kept, permitted and not effective, and only if it was there; the bounding set
 * is emptied when that is allowed; no_new_privs is set; the process is not
 * dumpable.  Then each of these is read back, and an attempt to get root back
 * must fail.  Ends the process (EXIT_PRIVILEGE or EXIT_SYSTEM, naming the step)
 * when anything is not in effect.
 */
void privileges_drop(const struct identity *identity);

/*
 * Makes CAP_NET_BIND_SERVICE effective, or no longer effective.  Does nothing
 * without the capability and before privileges_drop().  Returns 0, or -1 with
 * errno.
 */
int privileges_bind(bool on);

/*
 * Before an exec of a program that is to have CAP_NET_BIND_SERVICE as we have it:
 * makes it ambient (capabilities(7)), or undoes that.  Does
 * nothing without the capability.  Returns 0, or -1 with errno.
 */
int privileges_pass(bool on);

/*
 * For a child before its exec: empties all sets of capabilities.  Returns 0, or
 * -1 with errno, which is 0 when the call succeeded but is not in effect.
 */
int privileges_none(void);

#endif
