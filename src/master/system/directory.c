/* Directories that are made for the daemon, or by it. */
#include "config.h"

#include "master/system/directory.h"

#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <unistd.h>

#include "master/system/privileges.h"

bool
directory_is_open(const struct stat *st)
{
	return (st->st_mode & (S_IWGRP | S_IWOTH)) != 0;
}

/* The directory that path is in, if only root can change it; -1. */
static int
parent_open(const char *path, const char **why)
{
	char text[PATH_MAX];
	struct stat st;
	int parent;

	snprintf(text, sizeof(text), "%s", path);
	parent = open(dirname(text), O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (parent == -1)
		return -1;
	if (fstat(parent, &st) == 0) {
		if (st.st_uid == 0 && (!directory_is_open(&st) ||
			(st.st_mode & S_ISVTX) != 0))
			return parent;
		*why = "its directory is missing, and is not made where others "
		       "than root can write";
	}
	close(parent);
	return -1;
}

int
directory_make(
    const char *path, const struct identity *identity, const char **why)
{
	char text[PATH_MAX];
	int parent = parent_open(path, why), made = -1;
	char *name;

	if (parent == -1)
		return -1;
	snprintf(text, sizeof(text), "%s", path);
	name = basename(text);
	if (mkdirat(parent, name, 0755) == 0)
		made = openat(parent, name,
		    O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (made != -1 && fchown(made, identity->uid, identity->gid) == -1) {
		close(made);
		made = -1;
	}
	close(parent);
	return made;
}

int
directory_make_own(const char *path)
{
	if (mkdir(path, 0755) == -1)
		return -1;
	return open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}
