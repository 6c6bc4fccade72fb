/* Children that nobody knows. */
#include "config.h"

#include "master/generations/strays.h"

#include <sys/wait.h>

#include <unistd.h>

#include "master/generations/spawners.h"
#include "master/system/clock.h"

#define PASS_MAX 256 /* of one pass; the others come with the next */

/* Who has the pid, or is about to: a row that has not been looked at yet names
 * it. */
static bool
is_spawners(const struct spawner *spawner, pid_t pid)
{
	uint32_t i, slot;

	if (spawner->pid == pid)
		return true;
	if (spawner->page == NULL)
		return false;
	if (spawner->state == SPAWNER_TRIAL &&
	    spawner->page[PLAN_CANARY_SLOT] == pid)
		return true;
	for (i = 0; i < spawner->n; i++) {
		slot = spawner->in_flight[(spawner->first + i) %
		    SPAWNER_IN_FLIGHT_MAX].slot;
		if (spawner->page[slot] == pid)
			return true;
	}
	return false;
}

/* Those in no group of ours are child_adopt_step()'s. */
static bool
is_stray(const struct spawners *spawners, pid_t pid)
{
	size_t i;

	if (groups_is_known(&spawners->groups, pid) ||
	    groups_find(&spawners->groups, getpgid(pid)) == GROUP_NONE)
		return false;
	for (i = 0; i < SPAWNERS_MAX; i++)
		if (is_spawners(&spawners->list[i], pid))
			return false;
	return true;
}

static void
reap(struct spawners *spawners, pid_t pid, int64_t now)
{
	pid_t leader = getpgid(pid);
	size_t i;

	waitpid(pid, NULL, WNOHANG);
	for (i = 0; i < SPAWNERS_MAX; i++)
		if (spawners->list[i].pid == leader)
			spawners_convict(
			    spawners, &spawners->list[i], "stray", now);
}

/* The eldest that has ended comes first: behind one that is somebody's nothing
 * is seen until it has been reaped.  False when more may be there. */
static bool
pass(struct spawners *spawners, idtype_t type, pid_t id, int64_t now)
{
	siginfo_t info;
	int n;

	for (n = 0; n < PASS_MAX; n++) {
		info.si_pid = 0;
		if (waitid(type, (id_t)id, &info,
			WEXITED | WNOHANG | WNOWAIT) == -1 ||
		    info.si_pid == 0)
			return true;
		if (!is_stray(spawners, info.si_pid))
			return true;
		reap(spawners, info.si_pid, now);
	}
	return false;
}

void
strays_hint(struct spawners *spawners)
{
	spawners->strays.due = true;
}

void
strays_step(struct spawners *spawners, int64_t now)
{
	struct strays *strays = &spawners->strays;
	bool all;
	size_t i;

	if (!strays->due || now < strays->next)
		return;
	strays->next = now + STRAYS_INTERVAL_MS * CLOCK_MS;
	all = pass(spawners, P_ALL, 0, now);
	for (i = 0; i < SPAWNERS_MAX; i++)
		if (spawners->list[i].pid > 0)
			all &= pass(spawners, P_PGID, spawners->list[i].pid,
			    now);
	strays->due = !all;
}

int64_t
strays_wakeup(const struct spawners *spawners)
{
	return spawners->strays.due ? spawners->strays.next : CLOCK_NEVER;
}
