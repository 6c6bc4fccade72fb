/* The generations of spawners. */
#include "config.h"

#include "master/generations/spawners.h"

#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "master/system/child.h"
#include "master/system/clock.h"
#include "master/generations/launch.h"
#include "master/system/log.h"

#define ERRNO_MAX 4095 /* the kernel's MAX_ERRNO */

static const struct spawner nothing = { .pidfd = -1, .socket = -1,
	.canary = -1 };

bool
spawners_know(const struct spawners *spawners, pid_t pid)
{
	pid_t group = getpgid(pid);
	size_t i;

	for (i = 0; i < SPAWNERS_MAX; i++)
		if (spawners->list[i].state != SPAWNER_FREE &&
		    spawners->list[i].pid > 0 &&
		    (spawners->list[i].pid == pid ||
			spawners->list[i].pid == group))
			return true;
	return false;
}

static bool
is_spawner(const struct spawners *spawners, int32_t pid)
{
	size_t i;

	for (i = 0; i < SPAWNERS_MAX; i++)
		if (spawners->list[i].state != SPAWNER_FREE &&
		    spawners->list[i].pid == pid)
			return true;
	return false;
}

/* Not believed: one that says what it cannot be is a clone that failed. */
int32_t
spawners_page(const struct spawners *spawners, uint32_t slot)
{
	int32_t row = __atomic_load_n(&spawners->page[slot], __ATOMIC_ACQUIRE);

	if (row < -ERRNO_MAX || (row > 0 && is_spawner(spawners, row)))
		return -EPROTO;
	return row;
}

uint32_t
spawners_canary_slot(const struct spawners *spawners, const struct spawner *spawner)
{
	return PLAN_CLIENT_SLOTS + (uint32_t)(spawner - spawners->list);
}

const char *
spawners_init(struct spawners *spawners, int epoll, int executable)
{
	size_t i;

	*spawners = (struct spawners) { .epoll = epoll,
		.executable = executable, .current = -1, .trial = -1 };
	for (i = 0; i < SPAWNERS_MAX; i++)
		spawners->list[i] = nothing;
	spawners->page_fd = memfd_create("forkgreet-pids", MFD_CLOEXEC);
	if (spawners->page_fd == -1 ||
	    ftruncate(spawners->page_fd, PLAN_PAGE_BYTES) == -1)
		return "memfd_create of the pid page";
	spawners->page = mmap(NULL, PLAN_PAGE_BYTES, PROT_READ | PROT_WRITE,
	    MAP_SHARED, spawners->page_fd, 0);
	return spawners->page == MAP_FAILED ? "mmap of the pid page" : NULL;
}

static void
close_fd(int *fd)
{
	if (*fd != -1)
		close(*fd);
	*fd = -1;
}

void
spawners_forget(struct spawners *spawners, struct spawner *spawner)
{
	int index = (int)(spawner - spawners->list);

	close_fd(&spawner->pidfd);
	close_fd(&spawner->socket);
	close_fd(&spawner->canary);
	*spawner = nothing;
	if (spawners->current == index)
		spawners->current = -1;
	if (spawners->trial == index)
		spawners->trial = -1;
}

int
spawners_order(struct spawners *spawners, const struct spawner *spawner,
    uint32_t slot, uint32_t session, int fd)
{
	union {
		char bytes[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} control = { { 0 } };
	struct plan_order order = { slot, session };
	struct iovec part = { &order, sizeof(order) };
	struct msghdr message = {
		.msg_iov = &part,
		.msg_iovlen = 1,
		.msg_control = control.bytes,
		.msg_controllen = sizeof(control.bytes),
	};
	struct cmsghdr *rights = CMSG_FIRSTHDR(&message);

	rights->cmsg_level = SOL_SOCKET;
	rights->cmsg_type = SCM_RIGHTS;
	rights->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(rights), &fd, sizeof(int));
	if (fd == -1)
		message.msg_controllen = 0;
	__atomic_store_n(&spawners->page[slot], 0, __ATOMIC_RELEASE);
	if (sendmsg(spawner->socket, &message, MSG_DONTWAIT | MSG_NOSIGNAL) ==
	    -1)
		return -1;
	return 0;
}

void
spawners_end(struct spawner *spawner)
{
	if (spawner->pid > 0) {
		child_signal(spawner->pid, SIGKILL);
		waitpid(spawner->pid, NULL, 0);
	}
}

void
spawners_promote(struct spawners *spawners, int64_t now)
{
	spawners_retire(spawners, now);
	spawners->current = spawners->trial;
	spawners->trial = -1;
	spawners->list[spawners->current].state = SPAWNER_CURRENT;
	log_line(LOG_INFO, "spawner start pid=%d generation=%llu",
	    (int)spawners->list[spawners->current].pid,
	    (unsigned long long)spawners->list[spawners->current].generation);
}

/* --------------------------------------------------------------- the hand-over */

uint64_t
spawners_generation(const struct spawners *spawners)
{
	return spawners->list[spawners->current].generation;
}

bool
spawners_can_take(const struct spawners *spawners)
{
	return spawners->current != -1 &&
	    spawners->list[spawners->current].n < SPAWNER_IN_FLIGHT_MAX;
}

int
spawners_hand_over(struct spawners *spawners, uint32_t slot, int fd,
    uint32_t session, int64_t now)
{
	struct spawner *spawner = &spawners->list[spawners->current];

	if (spawners_order(spawners, spawner, slot, session, fd) == -1)
		return -1;
	if (spawner->n == 0)
		spawner->progress = now;
	spawner->in_flight[(spawner->first + spawner->n++) %
	    SPAWNER_IN_FLIGHT_MAX] = slot;
	return 0;
}

bool
spawners_are_busy(const struct spawners *spawners)
{
	size_t i;

	for (i = 0; i < SPAWNERS_MAX; i++)
		if (spawners->list[i].n > 0 ||
		    spawners->list[i].state == SPAWNER_RETIRED)
			return true;
	return false;
}

/* Kills one that has had a client, or its dismissal, for too long: stopped, or
 * starved. */
static void
check_stuck(struct spawner *spawner, int64_t now)
{
	if (spawner->pid > 0 &&
	    now - spawner->progress > SPAWNER_STUCK_MS * CLOCK_MS) {
		log_line(LOG_ERR,
		    "spawner stuck pid=%d generation=%llu in_flight=%u",
		    (int)spawner->pid, (unsigned long long)spawner->generation,
		    (unsigned)spawner->n);
		spawner->progress = now;
		child_signal(spawner->pid, SIGKILL);
	}
}

void
spawners_excuse(struct spawners *spawners, int64_t now)
{
	size_t i;

	for (i = 0; i < SPAWNERS_MAX; i++)
		spawners->list[i].progress = now;
}

/* The spawner's oldest client, if it has been decided. */
static bool
take_oldest(struct spawners *spawners, struct spawner *spawner, int64_t now,
    struct handed *handed)
{
	uint32_t slot = spawner->in_flight[spawner->first];
	int32_t pid = spawners_page(spawners, slot);

	if (pid == 0 && spawner->pid != -1) {
		check_stuck(spawner, now);
		return false;
	}
	handed->slot = slot;
	handed->pid = pid > 0 ? pid : 0;
	handed->error = pid < 0 ? -pid : 0;
	spawner->first = (spawner->first + 1) % SPAWNER_IN_FLIGHT_MAX;
	spawner->n--;
	spawner->progress = now;
	return true;
}

bool
spawners_next(struct spawners *spawners, int64_t now, struct handed *handed)
{
	struct spawner *spawner = spawners->list;
	struct spawner *end = spawner + SPAWNERS_MAX;

	for (; spawner < end; spawner++) {
		if (spawner->n > 0 &&
		    take_oldest(spawners, spawner, now, handed))
			return true;
		if (spawner->state != SPAWNER_RETIRED || spawner->n > 0)
			continue;
		if (spawner->pid == -1)
			spawners_forget(spawners, spawner);
		else
			check_stuck(spawner, now);
	}
	return false;
}

/* --------------------------------------------------------------------- the end */

static void
died(struct spawners *spawners, struct spawner *spawner, int status)
{
	bool expected = spawner->state == SPAWNER_RETIRED &&
	    WIFEXITED(status) && WEXITSTATUS(status) == 0;

	log_line(expected ? LOG_DEBUG : LOG_ERR,
	    "spawner end pid=%d generation=%llu %s=%d in_flight=%u",
	    (int)spawner->pid, (unsigned long long)spawner->generation,
	    WIFSIGNALED(status) ? "signal" : "status",
	    WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status),
	    (unsigned)spawner->n);
	spawner->pid = -1;
	spawner->state = SPAWNER_RETIRED;
	close_fd(&spawner->pidfd);
	close_fd(&spawner->socket);
	if (spawners->current == spawner - spawners->list)
		spawners->current = -1;
}

/* True when it has ended, or is not our child any more: a row of the page that
 * named it before it was there had it reaped as a client. */
static bool
has_ended(const struct spawner *spawner, int *status)
{
	pid_t pid = waitpid(spawner->pid, status, WNOHANG);

	if (pid == -1 && errno == ECHILD)
		*status = SIGKILL; /* as if killed */
	return pid == spawner->pid || (pid == -1 && errno == ECHILD);
}

void
spawners_reap(struct spawners *spawners)
{
	struct spawner *spawner = spawners->list;
	struct spawner *end = spawner + SPAWNERS_MAX;
	int status;

	for (; spawner < end; spawner++)
		if (spawner->state != SPAWNER_FREE &&
		    spawner->state != SPAWNER_TRIAL && spawner->pid > 0 &&
		    has_ended(spawner, &status))
			died(spawners, spawner, status);
}

void
spawners_retire(struct spawners *spawners, int64_t now)
{
	struct spawner *spawner;

	if (spawners->current == -1)
		return;
	spawner = &spawners->list[spawners->current];
	spawner->state = SPAWNER_RETIRED;
	spawner->progress = now;
	close_fd(&spawner->socket);
	spawners->current = -1;
}

void
spawners_kill(struct spawners *spawners)
{
	struct spawner *spawner = spawners->list;
	struct spawner *end = spawner + SPAWNERS_MAX;

	for (; spawner < end; spawner++) {
		if (spawner->state == SPAWNER_FREE ||
		    spawner->state == SPAWNER_TRIAL)
			continue;
		spawners_end(spawner);
		spawners_forget(spawners, spawner);
	}
}

void
spawners_free(struct spawners *spawners)
{
	munmap(spawners->page, PLAN_PAGE_BYTES);
	close_fd(&spawners->page_fd);
	close_fd(&spawners->executable);
}
