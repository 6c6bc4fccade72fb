/* Finds users and groups by name. */
#include "config.h"

#include "master/system/accounts.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "master/system/cause.h"

static bool
is_out_of_something(void)
{
	return cause_of(errno, EXIT_CONFIG) == EXIT_SYSTEM;
}

/* Why a name was not found; errno is 0 when there is no such name. */
static const char *
not_found(const char *unknown)
{
	if (is_out_of_something())
		return strerror(errno);
	errno = 0;
	return unknown;
}

/*
 * The file comes first: where nsswitch.conf(5) names further sources,
 * getpwnam(3) that could not open it says that there is no such user.  Returns
 * NULL with errno, which is 0 when there is none.
 */
static const struct passwd *
user_find(const char *name)
{
	FILE *file = fopen("/etc/passwd", "re");
	const struct passwd *entry = NULL;
	int saved = errno;

	if (file != NULL) {
		do {
			errno = 0;
			entry = fgetpwent(file);
		} while (entry != NULL && strcmp(entry->pw_name, name) != 0);
		saved = errno;
		fclose(file);
	}
	errno = saved;
	if (entry != NULL || is_out_of_something())
		return entry;
	errno = 0;
	return getpwnam(name);
}

static const struct group *
group_find(const char *name)
{
	FILE *file = fopen("/etc/group", "re");
	const struct group *entry = NULL;
	int saved = errno;

	if (file != NULL) {
		do {
			errno = 0;
			entry = fgetgrent(file);
		} while (entry != NULL && strcmp(entry->gr_name, name) != 0);
		saved = errno;
		fclose(file);
	}
	errno = saved;
	if (entry != NULL || is_out_of_something())
		return entry;
	errno = 0;
	return getgrnam(name);
}

const char *
accounts_owner(const char *name, uid_t *uid)
{
	const struct passwd *entry = user_find(name);

	if (entry == NULL)
		return not_found("no such user");
	*uid = entry->pw_uid;
	return NULL;
}

const char *
accounts_owner_group(const char *name, gid_t *gid)
{
	const struct group *entry = group_find(name);

	if (entry == NULL)
		return not_found("no such group");
	*gid = entry->gr_gid;
	return NULL;
}

const char *
accounts_group(const char *name, gid_t *gid)
{
	const struct group *entry = group_find(name);

	if (entry == NULL)
		return not_found("no such group");
	if (entry->gr_gid == 0)
		return "must not be root";
	*gid = entry->gr_gid;
	return NULL;
}

const char *
accounts_lookup(struct identity *identity, const char *user,
    const char *group, const char **key)
{
	const struct passwd *passwd;

	*key = "user";
	passwd = user_find(user);
	if (passwd == NULL)
		return not_found("no such user");
	if (passwd->pw_uid == 0)
		return "must not be root";
	*identity = (struct identity) { passwd->pw_uid, 0, user };
	*key = "group";
	return accounts_group(group, &identity->gid);
}

const char *
accounts_differ(const char *user, const char *group)
{
	const struct passwd *passwd = user == NULL ? NULL : user_find(user);
	const struct group *entry;

	if (user != NULL && (passwd == NULL || passwd->pw_uid != geteuid()))
		return "user";
	entry = group == NULL ? NULL : group_find(group);
	if (group != NULL && (entry == NULL || entry->gr_gid != getegid()))
		return "group";
	return NULL;
}
