/* forkgreet-spawner: maps its plan and its page, shuts itself in, and begins to
 * serve. */
#include "config.h"

#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <linux/filter.h>

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "spawner/diagnose.h"
#include "spawner/image/image.h"
#include "spawner/lockdown.h"
#include "spawner/move.h"
#include "spawner/proof.h"
#include "spawner/protect.h"
#include "spawner/relro.h"
#include "shared/descriptors.h"
#include "shared/plan.h"

/* As much as a fault of a child would have mapped at once, by default
 * (fault_around_bytes of the kernel). */
#define PLAN_SMALL (64u << 10)
#define PLAN_STEP 4096

#ifndef SMALL_IMAGE
#define move(image) NULL
#endif

/* Tells the master why this spawner cannot run, and exits. */
_Noreturn static void
fail(const char *step)
{
	struct plan_failure failure = { .error = errno };

	strncpy(failure.step, step, sizeof(failure.step) - 1);
	send(SPAWNER_SOCKET, &failure, sizeof(failure), MSG_NOSIGNAL);
	_exit(EXIT_FAILURE);
}

/* True when n rows of width bytes at offset are within the plan. */
static int
is_inside(const struct plan *plan, uint32_t offset, uint32_t n, size_t width)
{
	return offset <= plan->size &&
	    n * (uint64_t)width <= plan->size - offset;
}

/* True when everything that the plan points to is within the plan: nothing else
 * is ever sent to a client. */
static int
plan_is_whole(const struct plan *plan)
{
	const struct plan_session *session = plan->session;
	uint32_t i;

	if (!is_inside(plan, sizeof(*plan), plan->n_sessions,
		sizeof(*session)) ||
	    !is_inside(plan, plan->filter_offset, plan->filter_length,
		sizeof(struct sock_filter)))
		return 0;
	for (i = 0; i < plan->n_sessions; i++)
		if (!is_inside(plan, session[i].greeting_offset,
			session[i].greeting_length, 1) ||
		    !is_inside(plan, session[i].head_offset,
			session[i].head_length, 1))
			return 0;
	return 1;
}

/*
 * fork(2) copies the page tables of a mapping only when that has pages of its
 * own; in any other the child's first access is a fault.  So that no client waits
 * for one, a small plan gets such a page: its first.  Nothing of it changes.
 */
static void
plan_fill(const struct plan *plan, size_t size)
{
	volatile char *at = (volatile char *)(uintptr_t)plan;
	size_t i;

	*at = *at;
	for (i = 0; i < size; i += PLAN_STEP)
		(void)at[i];
	if (protect((uintptr_t)plan, (uintptr_t)plan + size) == -1)
		fail("mprotect of the plan");
}

static const struct plan *
plan_map(void)
{
	const struct plan *plan;
	struct stat st;
	size_t size;
	bool is_small;

	if (fstat(SPAWNER_PLAN, &st) == -1)
		fail("fstat of the plan");
	size = (size_t)st.st_size;
	is_small = size <= PLAN_SMALL;
	plan = mmap(NULL, size, is_small ? PROT_READ | PROT_WRITE : PROT_READ,
	    is_small ? MAP_PRIVATE : MAP_SHARED, SPAWNER_PLAN, 0);
	if (plan == MAP_FAILED)
		fail("mmap of the plan");
	errno = EPROTO;
	if (size < sizeof(*plan) || plan->magic != PLAN_MAGIC ||
	    plan->size != size || !plan_is_whole(plan))
		fail("reading the plan (spawner and daemon differ?)");
	if (is_small)
		plan_fill(plan, size);
	close(SPAWNER_PLAN);
	return plan;
}

/* The children must not have the page: they could lie about each other.  A trial
 * child tries to read it (shared/attempt.h).  In a diagnosis there is only one
 * child, and no client. */
static int32_t *
page_map(const struct plan *plan)
{
	int32_t *page = mmap(NULL, PLAN_PAGE_BYTES, PROT_READ | PROT_WRITE,
	    MAP_SHARED, SPAWNER_PAGE, 0);

	if (page == MAP_FAILED)
		fail("mmap of the pid page");
	if (plan->sandbox == PLAN_SANDBOX_DIAGNOSE) {
		if (diagnose_install(page) == -1)
			fail("sigaction");
	} else if (madvise(page, PLAN_PAGE_BYTES, MADV_DONTFORK) == -1) {
		fail("madvise MADV_DONTFORK");
	}
	close(SPAWNER_PAGE);
	return page;
}

/* Where the program does not move.  A child's stack grows into the space for
 * it: in a diagnosis it is a signal handler's, too. */
static struct {
	char space[64 << 10];
	struct image_memory memory;
} own;
static struct image own_image = { .memory = &own.memory };

int
main(void)
{
	const struct plan *plan;
	const char *failed;

	plan = own_image.plan = plan_map();
	own_image.page = page_map(plan);
	errno = 0;
	if (!descriptors_closed(0, SPAWNER_SOCKET) ||
	    !descriptors_closed(SPAWNER_SOCKET + 1, DESCRIPTORS_END))
		fail("closing other descriptors");
	if (prctl(PR_SET_NAME, "forkgreet-spawn", 0, 0, 0) == -1)
		fail("prctl PR_SET_NAME");
	if (!proof_of_death())
		fail("prctl PR_SET_PDEATHSIG");
	if (getppid() != plan->master)
		return EXIT_FAILURE;
	if (relro_apply() == -1)
		fail("mprotect of what is relocated");
	failed = lockdown(plan);
	if (failed == NULL && plan->sandbox != PLAN_SANDBOX_DIAGNOSE)
		failed = move(&own_image);
	if (failed != NULL)
		fail(failed);
	image_begin(&own_image);
}
