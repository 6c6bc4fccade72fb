/* The process groups of generations. */
#include "config.h"

#include "master/generations/groups.h"

#include <sys/wait.h>

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "master/system/child.h"
#include "master/system/clock.h"

/* Who has been killed ends with a SIGCHLD; one that was not, or that the kernel
 * holds, is tried again so often. */
#define LOOK_INTERVAL (50 * CLOCK_MS)
#define WORD_BITS 64

/* ------------------------------------------------------------------- the table */

int
groups_init(struct groups *groups)
{
	*groups = (struct groups) { .free = GROUP_NONE, .ending = GROUP_NONE };
	groups->list = calloc(GROUPS_MAX, sizeof(*groups->list));
	groups->known = calloc(
	    GROUPS_PID_LIMIT / WORD_BITS, sizeof(*groups->known));
	return groups->list == NULL || groups->known == NULL ? -1 : 0;
}

void
groups_free(struct groups *groups)
{
	free(groups->list);
	free(groups->known);
}

static uint64_t
bit_of(pid_t pid)
{
	return UINT64_C(1) << (uint32_t)pid % WORD_BITS;
}

bool
groups_is_known(const struct groups *groups, pid_t pid)
{
	return pid > 0 && pid < GROUPS_PID_LIMIT &&
	    (groups->known[pid / WORD_BITS] & bit_of(pid)) != 0;
}

static void
row_free(struct groups *groups, uint32_t index)
{
	groups->list[index] = (struct group) { .next = groups->free };
	groups->free = index;
}

uint32_t
groups_find(const struct groups *groups, pid_t id)
{
	uint32_t i;

	/* 0 is a free row here, and for getpgid(2) any group whose leader is not
	 * in our PID namespace: maybe our own. */
	if (id <= 1)
		return GROUP_NONE;
	for (i = 0; i < groups->used; i++)
		if (groups->list[i].id == id)
			return i;
	return GROUP_NONE;
}

uint32_t
groups_add(struct groups *groups, pid_t id)
{
	errno = 0;
	if (id <= 1 || getpgid(id) != id || id == getpgrp())
		return GROUP_NONE;
	return groups_restore(groups, id);
}

uint32_t
groups_restore(struct groups *groups, pid_t id)
{
	uint32_t index = groups->free;

	if (index != GROUP_NONE)
		groups->free = groups->list[index].next;
	else if (groups->used < GROUPS_MAX)
		index = groups->used++;
	else {
		errno = EAGAIN;
		return GROUP_NONE;
	}
	groups->list[index] = (struct group) { .id = id, .next = GROUP_NONE };
	return index;
}

/* ----------------------------------------------------------------- who is known */

bool
groups_believe(const struct groups *groups, uint32_t index, pid_t pid)
{
	pid_t id = groups->list[index].id;

	return pid > 0 && pid < GROUPS_PID_LIMIT && pid != id &&
	    !groups_is_known(groups, pid) && getpgid(pid) == id &&
	    child_is_ours(pid);
}

void
groups_know(struct groups *groups, uint32_t index, pid_t pid)
{
	groups->known[pid / WORD_BITS] |= bit_of(pid);
	groups->list[index].known++;
}

pid_t
groups_reap(struct groups *groups, uint32_t index, pid_t pid, int *status,
    struct rusage *usage)
{
	struct group *group = &groups->list[index];
	pid_t result = wait4(pid, status, WNOHANG, usage);

	if (result == 0 || (result == -1 && errno == EINTR))
		return 0;
	groups->known[pid / WORD_BITS] &= ~bit_of(pid);
	group->known--;
	if (group->closed && group->known == 0 && !group->ending)
		groups_end(groups, index);
	return result;
}

void
groups_close(struct groups *groups, uint32_t index)
{
	groups->list[index].closed = true;
	if (groups->list[index].known == 0)
		groups_end(groups, index);
}

/* ---------------------------------------------------------------------- the end */

/* Reaps all in the group that have ended.  True when nobody is left. */
static bool
is_empty(const struct group *group)
{
	pid_t pid;

	do
		pid = waitpid(-group->id, NULL, WNOHANG);
	while (pid > 0 || (pid == -1 && errno == EINTR));
	return pid == -1;
}

/* True when it is over; else there was a child of ours in it, and is: we alone
 * reap it. */
static bool
end(const struct group *group)
{
	if (is_empty(group))
		return true;
	kill(-group->id, SIGKILL);
	return is_empty(group);
}

void
groups_end(struct groups *groups, uint32_t index)
{
	struct group *group = &groups->list[index];

	if (end(group)) {
		row_free(groups, index);
		return;
	}
	group->closed = group->ending = true;
	group->next = groups->ending;
	groups->ending = index;
}

void
groups_end_all(struct groups *groups)
{
	uint32_t i;

	for (i = 0; i < groups->used; i++)
		if (groups->list[i].id != 0 && !groups->list[i].ending)
			groups_end(groups, i);
}

void
groups_step(struct groups *groups, int64_t now)
{
	uint32_t *link = &groups->ending;
	uint32_t index;

	groups->look_at = now + LOOK_INTERVAL;
	while ((index = *link) != GROUP_NONE) {
		if (!end(&groups->list[index])) {
			link = &groups->list[index].next;
			continue;
		}
		*link = groups->list[index].next;
		row_free(groups, index);
	}
}

int64_t
groups_wakeup(const struct groups *groups)
{
	return groups->ending == GROUP_NONE ? CLOCK_NEVER : groups->look_at;
}

/* ------------------------------------------------------------------- a fork bomb */

/* The kernel's list of our children; NULL where it keeps none. */
static FILE *
children_open(void)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/self/task/%d/children",
	    (int)getpid());
	return fopen(path, "re");
}

uint32_t
groups_purge(struct groups *groups)
{
	FILE *children = children_open();
	uint32_t index, n = 0;
	int pid;

	if (children == NULL)
		return 0;
	while (fscanf(children, "%d", &pid) == 1) {
		if (groups_is_known(groups, (pid_t)pid))
			continue;
		index = groups_find(groups, getpgid((pid_t)pid));
		if (index == GROUP_NONE || !groups->list[index].closed ||
		    groups->list[index].known == 0)
			continue;
		kill(-groups->list[index].id, SIGKILL);
		n++;
	}
	fclose(children);
	return n;
}
