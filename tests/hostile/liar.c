/* Instead of the orders: a spawner that has been taken over after its trial, and
 * lies to the master. */
#include "config.h"

#include <sys/mman.h>
#include <sys/stat.h>

#include <stdlib.h>
#include <string.h>

/* The honest one stays at hand. */
#define serve honest_serve
#include "spawner/image/serve.c"
#undef serve

#include "shared/outcome.h"

void serve(const struct image *image);

/* In every build that can do any of this; a test looks for it. */
extern const char liar_marker[];
const char liar_marker[] __attribute__((used)) =
    "forkgreet: test build with attacks";

#define STRAYS 20
#define MS 1000000

/*
 * A session whose greeting is "spawner: MODE PATH" makes the first spawner that
 * can remove PATH a liar: for all clients, but not in its trial.
 */
static const char prefix[] = "spawner: ";

static struct {
	char mode[16];
	int32_t self; /* its pid */
	int32_t told; /* the child that it told of last */
} liar;

static int
is_mode(const char *name)
{
	return strcmp(liar.mode, name) == 0;
}

/* ------------------------------------------------------------- becoming a liar */

static void
take(const char *text, size_t length)
{
	char words[256] = "";
	char *path;

	if (length < sizeof(prefix) || length >= sizeof(words) ||
	    memcmp(text, prefix, sizeof(prefix) - 1) != 0)
		return;
	memcpy(words, text + sizeof(prefix) - 1, length - sizeof(prefix) + 1);
	path = strchr(words, ' ');
	if (path == NULL || path - words >= (long)sizeof(liar.mode))
		return;
	*path++ = '\0';
	if (unlink(path) == 0)
		memcpy(liar.mode, words, (size_t)(path - words));
}

/* Before main(), as nothing can be removed any more from the sandbox. */
__attribute__((constructor)) static void
liar_begin(void)
{
	const struct plan *plan;
	struct stat st;
	uint32_t i;

	liar.self = (int32_t)getpid();
	if (fstat(SPAWNER_PLAN, &st) == -1)
		return;
	plan = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_SHARED,
	    SPAWNER_PLAN, 0);
	if (plan == MAP_FAILED)
		return;
	for (i = 0; i < plan->n_sessions; i++)
		take((const char *)plan + plan->session[i].greeting_offset,
		    plan->session[i].greeting_length);
	munmap((void *)(uintptr_t)plan, (size_t)st.st_size);
}

/* --------------------------------------------------------------- what it can do */

static void
nap(int64_t ms)
{
	struct call_time time = { ms / 1000, ms % 1000 * MS };

	call_ppoll(NULL, 0, &time);
}

_Noreturn static void
stay(void)
{
	for (;;)
		nap(60000);
}

/* A clone that is told to nobody: 0 in the child. */
static long
clone_untold(void)
{
	static int32_t nowhere;

	return call5(SYS_clone, CLONE_FLAGS, 0, (long)&nowhere, 0, 0);
}

/* It talks to its client as long as it is there. */
static void
untold_talk(void)
{
	if (clone_untold() != 0)
		return;
	for (;;) {
		call_send("lie\n", 4, 0);
		nap(50);
	}
}

static void
untold_ends(int count)
{
	while (count-- > 0)
		if (clone_untold() == 0)
			call_exit(OUTCOME_GREETED);
}

/* Each of them goes on with it for ever: only for a test with a limit of its
 * own. */
static void
bomb(void)
{
	if (clone_untold() != 0)
		return;
	for (;;) {
		clone_untold();
		nap(1);
	}
}

/* ------------------------------------------------------------------------- lies */

/* What it writes instead of the child's pid; 0: nothing of that kind. */
static int32_t
forged(const struct plan *plan)
{
	if (is_mode("again"))
		return -EAGAIN;
	if (is_mode("own"))
		return liar.self;
	if (is_mode("init"))
		return 1;
	if (is_mode("master"))
		return plan->master;
	if (is_mode("group"))
		return -liar.self;
	if (is_mode("lowest"))
		return INT32_MIN;
	if (is_mode("highest"))
		return INT32_MAX;
	if (is_mode("other"))
		return liar.told;
	return 0;
}

/* The row names one that ends at once, while another one has the client. */
static void
ghost(int32_t *row)
{
	untold_talk();
	if (call5(SYS_clone, CLONE_FLAGS, 0, (long)row, 0, 0) == 0)
		call_exit(OUTCOME_GREETED);
}

/* The first client is served; what it is told of is remembered. */
static void
honest(const struct image *image, const struct message *message)
{
	const int32_t *page = image->page;

	spawn(image, message);
	if (page[message->order.slot] > 0)
		liar.told = page[message->order.slot];
}

static void
lie(const struct image *image, const struct message *message)
{
	int32_t *page = image->page;
	int32_t *row = &page[message->order.slot];
	int32_t what = forged(image->plan);

	if (what != 0) {
		if (is_mode("again")) /* as the rows of all canaries once were */
			page[PLAN_CANARY_SLOT] = image->plan->master;
		if (!is_mode("again") && clone_untold() == 0)
			stay();
		__atomic_store_n(row, what, __ATOMIC_RELEASE);
		return;
	}
	if (is_mode("silent"))
		return;
	if (is_mode("stuck"))
		stay();
	if (is_mode("exit"))
		call_exit(EXIT_SUCCESS);
	if (is_mode("slow"))
		nap(900);
	if (is_mode("ghost")) {
		ghost(row);
		return;
	}
	if (is_mode("untold"))
		untold_talk();
	if (is_mode("strays"))
		untold_ends(STRAYS);
	honest(image, message);
	if (is_mode("twice"))
		honest(image, message);
	if (is_mode("bomb"))
		bomb();
}

void
serve(const struct image *image)
{
	struct message message;

	if (liar.mode[0] == '\0') {
		honest_serve(image);
		return;
	}
	while (receive(image, &message)) {
		if (message.order.slot >= PLAN_CLIENT_SLOTS ||
		    (is_mode("other") && liar.told == 0))
			honest(image, &message);
		else
			lie(image, &message);
		if (message.order.slot >= PLAN_CLIENT_SLOTS)
			liar.told = 0;
		if (message.fd >= 0 && (!is_mode("keep") ||
			message.order.slot >= PLAN_CLIENT_SLOTS))
			call_close(message.fd);
	}
	if (is_mode("deaf"))
		stay();
}
