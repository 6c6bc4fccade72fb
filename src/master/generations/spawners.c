/* The generations of spawners. */
#include "config.h"

#include "master/generations/spawners.h"

#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "master/system/child.h"
#include "master/system/clock.h"
#include "master/system/log_event.h"
#include "shared/descriptors.h"

#define ERRNO_MAX 4095 /* the kernel's MAX_ERRNO */

static const struct spawner nothing = { .pid = -1, .pidfd = -1, .socket = -1,
	.group = GROUP_NONE, .page_fd = -1, .canary = -1, .pair = -1 };

bool
spawners_know(const struct spawners *spawners, pid_t pid)
{
	return groups_is_known(&spawners->groups, pid) ||
	    groups_find(&spawners->groups, getpgid(pid)) != GROUP_NONE;
}

const char *
spawners_init(struct spawners *spawners, int epoll, int executable)
{
	size_t i;

	*spawners = (struct spawners) { .epoll = epoll,
		.executable = executable, .current = -1, .standby = -1,
		.failing = SPAWNER_FAILING_MS * CLOCK_MS,
		.candidate.index = -1, .next.index = -1 };
	for (i = 0; i < SPAWNERS_MAX; i++)
		spawners->list[i] = nothing;
	return groups_init(&spawners->groups) == -1 ? "table of groups" : NULL;
}

/* ------------------------------------------------------------------- one spawner */

int
spawners_page_make(struct spawner *spawner)
{
	void *page;

	spawner->page_fd = memfd_create("forkgreet-pids", MFD_CLOEXEC);
	if (spawner->page_fd == -1 ||
	    ftruncate(spawner->page_fd, PLAN_PAGE_BYTES) == -1)
		return -1;
	errno = 0; /* its first use would be the end of us */
	if (lseek(spawner->page_fd, 0, SEEK_END) != (off_t)PLAN_PAGE_BYTES)
		return -1;
	page = mmap(NULL, PLAN_PAGE_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED,
	    spawner->page_fd, 0);
	if (page == MAP_FAILED)
		return -1;
	spawner->page = page;
	return 0;
}

/* Not believed: what says what it cannot be is a clone that failed. */
int32_t
spawners_row(const struct spawners *spawners, const struct spawner *spawner,
    uint32_t slot)
{
	int32_t row = __atomic_load_n(&spawner->page[slot], __ATOMIC_ACQUIRE);

	if (row > 0 ? !groups_believe(&spawners->groups, spawner->group, row)
		    : row < -ERRNO_MAX)
		return -EPROTO;
	return row;
}

int
spawners_order(const struct spawner *spawner, const struct order *order)
{
	union {
		char bytes[CMSG_SPACE(2 * sizeof(int))];
		struct cmsghdr align;
	} control = { { 0 } };
	const int fds[2] = { order->fd, order->pair };
	size_t length = (order->proxied ? 2 : 1) * sizeof(int);
	struct plan_order head = { order->slot, order->session,
		(uint32_t)order->head, order->proxied };
	struct iovec parts[] = {
		{ &head, sizeof(head) },
		{ (void *)(uintptr_t)order->bytes, order->length },
	};
	struct msghdr message = {
		.msg_iov = parts,
		.msg_iovlen = 2,
		.msg_control = control.bytes,
		.msg_controllen = CMSG_SPACE(length),
	};
	struct cmsghdr *rights = CMSG_FIRSTHDR(&message);

	rights->cmsg_level = SOL_SOCKET;
	rights->cmsg_type = SCM_RIGHTS;
	rights->cmsg_len = CMSG_LEN(length);
	memcpy(CMSG_DATA(rights), fds, length);
	if (order->fd == -1)
		message.msg_controllen = 0;
	__atomic_store_n(&spawner->page[order->slot], 0, __ATOMIC_RELEASE);
	return sendmsg(spawner->socket, &message,
	    MSG_DONTWAIT | MSG_NOSIGNAL) == -1 ? -1 : 0;
}

/* Closes its descriptors and frees its entry; its group is the caller's. */
static void
forget(struct spawners *spawners, struct spawner *spawner)
{
	int index = (int)(spawner - spawners->list);

	descriptor_close(&spawner->pidfd);
	descriptor_close(&spawner->socket);
	descriptor_close(&spawner->canary);
	descriptor_close(&spawner->pair);
	descriptor_close(&spawner->page_fd);
	if (spawner->page != NULL)
		munmap(spawner->page, PLAN_PAGE_BYTES);
	*spawner = nothing;
	if (spawners->current == index)
		spawners->current = -1;
	if (spawners->standby == index)
		spawners->standby = -1;
	if (spawners->candidate.index == index)
		spawners->candidate.index = -1;
	if (spawners->next.index == index)
		spawners->next.index = -1;
}

void
spawners_end(struct spawners *spawners, struct spawner *spawner)
{
	uint32_t group = spawner->group;

	forget(spawners, spawner);
	if (group != GROUP_NONE)
		groups_end(&spawners->groups, group);
}

static int
index_of(const struct spawners *spawners, const struct spawner *spawner)
{
	return (int)(spawner - spawners->list);
}

/* ------------------------------------------------------------------ its career */

void
spawners_stand_by(struct spawners *spawners, struct trial *trial)
{
	spawners->standby = trial->index;
	trial->index = -1;
	spawners->list[spawners->standby].state = SPAWNER_STANDBY;
}

/* Closes the current one's socket: it clones what it has, then ends. */
static void
retire(struct spawners *spawners, int64_t now)
{
	struct spawner *spawner;

	if (spawners->current == -1)
		return;
	spawner = &spawners->list[spawners->current];
	spawner->state = SPAWNER_RETIRED;
	spawner->progress = now;
	descriptor_close(&spawner->socket);
	spawners->current = -1;
}

static void
make_current(struct spawners *spawners, int index, enum spawner_reason reason,
    int64_t now)
{
	struct spawner *spawner = &spawners->list[index];

	retire(spawners, now);
	spawners->current = index;
	spawner->generation = ++spawners->generation;
	spawners->starts[reason]++;
	spawner->state = SPAWNER_CURRENT;
	log_event(reason == SPAWNER_REFRESH ? LOG_DEBUG : LOG_INFO,
	    "spawner start",
	    LOG_SIGNED("pid", spawner->pid),
	    LOG_NUMBER("generation", spawner->generation));
}

void
spawners_promote(struct spawners *spawners, struct trial *trial,
    enum spawner_reason reason, int64_t now)
{
	int index = trial->index;

	trial->index = -1;
	if (spawners->next.index != -1)
		spawners_end(spawners, &spawners->list[spawners->next.index]);
	if (spawners->standby != -1)
		spawners_end(spawners, &spawners->list[spawners->standby]);
	make_current(spawners, index, reason, now);
}

void
spawners_succeed(struct spawners *spawners, int64_t now)
{
	int index = spawners->standby;

	if (index == -1 || spawners->current != -1)
		return;
	spawners->standby = -1;
	make_current(spawners, index, spawners->vacancy, now);
}

const char *
spawners_reason_name(enum spawner_reason reason)
{
	static const char *const names[SPAWNER_REASONS] = {
		[SPAWNER_START] = "start",
		[SPAWNER_RELOAD] = "reload",
		[SPAWNER_UPGRADE] = "upgrade",
		[SPAWNER_REFRESH] = "refresh",
		[SPAWNER_CRASH] = "crash",
		[SPAWNER_DIED] = "died",
		[SPAWNER_REPLACED] = "replaced",
	};

	return names[reason];
}

uint64_t
spawners_serving(const struct spawners *spawners)
{
	return spawners->generation;
}

/* There is no current one any more, if that was it. */
static void
vacate(struct spawners *spawners, const struct spawner *spawner,
    enum spawner_reason reason)
{
	if (spawners->current != index_of(spawners, spawner))
		return;
	spawners->current = -1;
	spawners->vacancy = reason;
}

/* Kills it.  Its rows count once it is dead, its clients are others' then. */
static void
doom(struct spawners *spawners, struct spawner *spawner,
    enum spawner_reason reason, int64_t now)
{
	child_signal(spawner->pid, SIGKILL);
	descriptor_close(&spawner->socket);
	spawner->doomed = true;
	spawner->state = SPAWNER_RETIRED;
	spawner->progress = now;
	vacate(spawners, spawner, reason);
	if (spawners->standby == index_of(spawners, spawner))
		spawners->standby = -1;
	spawners_succeed(spawners, now);
}

bool
spawners_use_up(struct spawners *spawners, uint64_t generation, int64_t now)
{
	struct spawner *spawner = spawners->list;
	struct spawner *end = spawner + SPAWNERS_MAX;

	for (; spawner < end; spawner++) {
		if (spawner->state < SPAWNER_STANDBY || spawner->pid <= 0 ||
		    spawner->doomed || spawner->generation != generation)
			continue;
		log_event(LOG_WARNING, "spawner rotates",
		    LOG_NUMBER("generation", generation),
		    LOG_WORD("reason", "crash"));
		doom(spawners, spawner, SPAWNER_CRASH, now);
		return true;
	}
	return false;
}

void
spawners_convict(struct spawners *spawners, struct spawner *spawner,
    const char *reason, int64_t now)
{
	if (spawner->state < SPAWNER_STANDBY || spawner->pid <= 0)
		return;
	log_event(LOG_ERR, "spawner replaced",
	    LOG_SIGNED("pid", spawner->pid),
	    LOG_NUMBER("generation", spawner->generation),
	    LOG_NUMBER("in_flight", spawner->n), LOG_WORD("reason", reason));
	doom(spawners, spawner, SPAWNER_REPLACED, now);
}

void
spawners_dismiss(struct spawners *spawners, struct spawner *spawner)
{
	uint32_t group = spawner->group;

	forget(spawners, spawner);
	groups_close(&spawners->groups, group);
}

/* --------------------------------------------------------------------- the end */

static void
died(struct spawners *spawners, struct spawner *spawner, int status)
{
	bool expected = spawner->state == SPAWNER_RETIRED &&
	    (spawner->doomed ||
		(WIFEXITED(status) && WEXITSTATUS(status) == 0));

	log_event(expected ? LOG_DEBUG : LOG_ERR, "spawner end",
	    LOG_SIGNED("pid", spawner->pid),
	    LOG_NUMBER("generation", spawner->generation),
	    LOG_IF(WIFSIGNALED(status),
		LOG_SIGNED("signal", WTERMSIG(status))),
	    LOG_IF(WIFEXITED(status),
		LOG_SIGNED("status", WEXITSTATUS(status))),
	    LOG_NUMBER("in_flight", spawner->n));
	spawner->pid = -1;
	spawner->state = SPAWNER_RETIRED;
	descriptor_close(&spawner->pidfd);
	descriptor_close(&spawner->socket);
	vacate(spawners, spawner, SPAWNER_DIED);
	if (spawners->standby == index_of(spawners, spawner))
		spawners->standby = -1;
}

/* True when it has ended, or is not our child any more. */
static bool
has_ended(const struct spawner *spawner, int *status)
{
	pid_t pid = waitpid(spawner->pid, status, WNOHANG);

	if (pid == -1 && errno == ECHILD)
		*status = SIGKILL; /* as if killed */
	return pid == spawner->pid || (pid == -1 && errno == ECHILD);
}

void
spawners_reap(struct spawners *spawners, int64_t now)
{
	struct spawner *spawner = spawners->list;
	struct spawner *last = spawner + SPAWNERS_MAX;
	int status;

	for (; spawner < last; spawner++)
		if (spawner->state >= SPAWNER_STANDBY && spawner->pid > 0 &&
		    has_ended(spawner, &status))
			died(spawners, spawner, status);
	spawners_succeed(spawners, now);
	groups_step(&spawners->groups, now);
}

void
spawners_kill(struct spawners *spawners)
{
	const struct timespec nap = { 0, 1000000 };
	struct groups *groups = &spawners->groups;
	struct spawner *spawner = spawners->list;
	struct spawner *last = spawner + SPAWNERS_MAX;
	int64_t until = clock_now() + SPAWNERS_END_MS * CLOCK_MS;

	for (; spawner < last; spawner++)
		if (spawner->state != SPAWNER_FREE)
			spawners_end(spawners, spawner);
	groups_end_all(groups);
	while (groups_wakeup(groups) != CLOCK_NEVER && clock_now() < until) {
		nanosleep(&nap, NULL);
		groups_step(groups, clock_now());
	}
	if (groups_wakeup(groups) != CLOCK_NEVER)
		log_event(LOG_ERR, "spawner left",
		    LOG_NUMBER("waited_ms", SPAWNERS_END_MS));
}

void
spawners_free(struct spawners *spawners)
{
	groups_free(&spawners->groups);
	descriptor_close(&spawners->executable);
}
