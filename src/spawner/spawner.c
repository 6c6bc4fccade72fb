/* forkgreet-spawner: maps its plan and its page, shuts itself in, and begins to
 * serve. */
#include "config.h"

#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <linux/filter.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "spawner/diagnose.h"
#include "spawner/image/image.h"
#include "spawner/lockdown.h"
#include "spawner/move.h"
#include "spawner/proof.h"
#include "spawner/relro.h"
#include "shared/descriptors.h"
#include "shared/plan.h"

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

	if (plan->descriptors < 1 || plan->descriptors > 2 ||
	    !is_inside(plan, sizeof(*plan), plan->n_sessions,
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

static const struct plan *
plan_map(void)
{
	const struct plan *plan;
	struct stat st;

	if (fstat(SPAWNER_PLAN, &st) == -1)
		fail("fstat of the plan");
	plan = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_SHARED,
	    SPAWNER_PLAN, 0);
	if (plan == MAP_FAILED)
		fail("mmap of the plan");
	errno = EPROTO;
	if ((size_t)st.st_size < sizeof(*plan) || plan->magic != PLAN_MAGIC ||
	    plan->size != st.st_size || !plan_is_whole(plan))
		fail("reading the plan (spawner and daemon differ?)");
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
