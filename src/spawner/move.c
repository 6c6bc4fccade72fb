/* Moving into the small image. */
#include "config.h"

#include "spawner/move.h"

#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/random.h>

#include <asm/prctl.h>

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

#include "spawner/image/call.h"
#include "spawner/image/image.h"
#include "spawner/protect.h"
#include "shared/plan.h"

#ifndef MAP_FIXED_NOREPLACE /* Linux 4.17 */
#define MAP_FIXED_NOREPLACE 0x100000
#endif

#define PAGE ((uintptr_t)4096)
#define PAGES(bytes) (((uintptr_t)(bytes) + PAGE - 1) / PAGE)
/* What one page of page tables covers. */
#define RANGE (512 * PAGE)
/* Where the kernel puts nothing of a program: TASK_SIZE with four levels of page
 * tables.  With five it needs to be asked for more. */
#define TOP (((uintptr_t)1 << 47) - PAGE)
#define TRIES 16

_Static_assert(offsetof(struct image, canary) == 0x28,
	"where the compiler looks for it, from the FS base");
_Static_assert(sizeof(struct image) <= PAGE, "one page of constants");

/* Defined by image/image.ld. */
extern char image_text_begin[] __attribute__((visibility("hidden")));
extern char image_text_end[] __attribute__((visibility("hidden")));

enum part {
	TEXT,
	CONSTANTS,
	MEMORY,
	STACK, /* the spawner's */
	PAGE_OF_PIDS,
	PLAN, /* a large one; a small one is copied behind the constants */
};
_Static_assert(PLAN + 1 == IMAGE_PARTS, "each has a place");

/* As much as a fault maps of a file at once: fault_around_bytes of the kernel. */
#define WINDOW (16 * PAGE)

/* The parts as they are being moved. */
struct layout {
	size_t n; /* parts: all, or all but a plan of its own */
	size_t pages[IMAGE_PARTS];
	uintptr_t at[IMAGE_PARTS];
	const char *failed; /* the first step that did; errno says why */
};

static uintptr_t
fail(struct layout *layout, const char *step)
{
	if (layout->failed == NULL)
		layout->failed = step;
	return 0;
}

/* ----------------------------------------------------------------- where to go */

static uint64_t
draw(struct layout *layout, uint64_t below)
{
	uint64_t number = 0;

	if (getrandom(&number, sizeof(number), 0) != sizeof(number))
		return fail(layout, "getrandom");
	return number % below;
}

/* Finds that many free pages, anywhere; they stay free, for nothing else runs
 * here.  The first range stays free, too: NULL is there. */
static uintptr_t
find(struct layout *layout, size_t pages)
{
	size_t ranges = (TOP - pages * PAGE) / RANGE - 1;
	void *wanted, *got;
	int try;

	for (try = 0; try < TRIES; try++) {
		wanted = (void *)(RANGE + draw(layout, ranges) * RANGE);
		got = mmap(wanted, pages * PAGE, PROT_NONE,
		    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE |
			MAP_FIXED_NOREPLACE,
		    -1, 0);
		if (got != MAP_FAILED)
			munmap(got, pages * PAGE);
		if (got == wanted) /* Linux before 4.17: or elsewhere */
			return (uintptr_t)got;
		if (got == MAP_FAILED && errno != EEXIST)
			break;
	}
	return fail(layout, "finding a place in memory");
}

/* Does part i come after part j?  Each has been drawn a number. */
static bool
is_behind(const uint64_t *drawn, size_t i, size_t j)
{
	return drawn[j] < drawn[i] || (drawn[j] == drawn[i] && j < i);
}

/* The first n parts in a random order, with holes of random sizes: one page at
 * least, after each. */
static void
spread(struct layout *layout, uintptr_t base, size_t n)
{
	size_t holes = RANGE / PAGE;
	uint64_t drawn[IMAGE_PARTS];
	size_t i, j, before;

	for (i = 0; i < n; i++)
		holes -= layout->pages[i] + 1;
	for (i = 0; i < n; i++)
		drawn[i] = draw(layout, holes + 1);
	for (i = 0; i < n; i++) {
		before = drawn[i];
		for (j = 0; j < n; j++)
			if (is_behind(drawn, i, j))
				before += layout->pages[j] + 1;
		layout->at[i] = base + before * PAGE;
	}
}

/* Would the first access to the text map only a part of it? */
static bool
is_split(const struct layout *layout)
{
	return layout->at[TEXT] % WINDOW + layout->pages[TEXT] * PAGE > WINDOW;
}

static void
place(struct layout *layout, size_t n)
{
	uintptr_t base = find(layout, RANGE / PAGE);

	do
		spread(layout, base, n);
	while (layout->failed == NULL && is_split(layout));
}

/* A large plan has a place of its own. */
static void
place_all(struct layout *layout)
{
	place(layout, PLAN);
	if (layout->n > PLAN)
		layout->at[PLAN] = find(layout, layout->pages[PLAN]);
}

/* --------------------------------------------------------------------- going */

static void
map(struct layout *layout, enum part part)
{
	void *at = (void *)layout->at[part];

	if (mmap(at, layout->pages[part] * PAGE, PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) != at)
		fail(layout, "mmap of the image");
}

/* The pages stay what they are: those of the file, executable, without ever
 * having been writable; the pid page that children do not have. */
static void
take(struct layout *layout, enum part part, const void *from)
{
	size_t bytes = layout->pages[part] * PAGE;
	void *at = (void *)layout->at[part];

	if (mremap((void *)(uintptr_t)from, bytes, bytes,
		MREMAP_MAYMOVE | MREMAP_FIXED, at) != at)
		fail(layout, "mremap into the image");
}

/* The parts in the order of their addresses. */
static void
list_parts(struct image *image, const struct layout *layout)
{
	struct image_part *part;
	size_t i, j;

	for (i = 0; i < layout->n; i++) {
		part = image->part;
		for (j = 0; j < layout->n; j++)
			part += layout->at[j] < layout->at[i];
		part->begin = layout->at[i];
		part->end = layout->at[i] + layout->pages[i] * PAGE;
	}
	image->n_parts = layout->n;
}

/* What a fork copies the page tables of, as it does for memory that is the
 * process's own, the child's first access need not fault in. */
static const struct plan *
copy_plan(const struct layout *layout, const struct plan *plan)
{
	void *copy = (void *)(layout->at[CONSTANTS] + PAGE);

	if (layout->n > PLAN)
		return (const struct plan *)layout->at[PLAN];
	return memcpy(copy, plan, plan->size);
}

/* A canary has a byte 0 at its start, which ends a string. */
static void
write_constants(struct layout *layout, const struct plan *plan)
{
	static const char name[] = "forkgreet-spawner";
	struct image *image = (struct image *)layout->at[CONSTANTS];

	image->plan = copy_plan(layout, plan);
	image->page = (int32_t *)layout->at[PAGE_OF_PIDS];
	image->memory = (struct image_memory *)layout->at[MEMORY];
	image->top = TOP;
	image->canary = draw(layout, UINT64_MAX) << 8;
	image->trace[0] = (uintptr_t)write_constants;
	image->trace[1] = (uintptr_t)&environ;
	image->trace[2] = (uintptr_t)layout;
	image->trace[3] = getauxval(AT_SYSINFO_EHDR);
	list_parts(image, layout);
	memcpy(image->name, name, sizeof(name));
}

/* What ps(1) shows is read from the process's memory, of which nothing else
 * remains; the auxiliary vector with its addresses is the kernel's copy.  Not
 * every kernel can be told (CONFIG_CHECKPOINT_RESTORE), and it may stay so. */
static void
rename_program(const struct layout *layout)
{
	const struct image *image = (const struct image *)layout->at[CONSTANTS];
	uintptr_t constants = layout->at[CONSTANTS];
	uintptr_t name = (uintptr_t)image->name;
	static const uint64_t none[2];
	struct prctl_mm_map map = {
		.start_code = layout->at[TEXT],
		.end_code = layout->at[TEXT] + layout->pages[TEXT] * PAGE,
		.start_data = constants,
		.end_data = constants,
		.start_brk = constants,
		.brk = constants,
		.start_stack = layout->at[STACK],
		.arg_start = name,
		.arg_end = name + strlen(image->name) + 1,
		.env_start = name + strlen(image->name) + 1,
		.env_end = name + strlen(image->name) + 1,
		.auxv = (uint64_t *)(uintptr_t)none,
		.auxv_size = sizeof(none),
		.exe_fd = (uint32_t)-1,
	};

	prctl(PR_SET_MM, PR_SET_MM_MAP, &map, sizeof(map), 0);
}

/* From here on the canary is another one, so that no function which looked at it
 * before may return; and the C library has no variables any more.  False: not
 * so, with errno. */
__attribute__((always_inline)) static inline bool
set_canary(const struct image *image)
{
	long error = call2(SYS_arch_prctl, ARCH_SET_FS, (long)image);
	uintptr_t canary;

	__asm__ volatile("mov %%fs:0x28, %0" : "=r"(canary));
	if (canary == image->canary)
		return true;
	errno = (int)-error;
	return false;
}

_Noreturn static inline void
jump(const struct layout *layout)
{
	uintptr_t begin = layout->at[TEXT] +
	    ((uintptr_t)image_begin - (uintptr_t)image_text_begin);
	uintptr_t stack = layout->at[STACK] + layout->pages[STACK] * PAGE;

	__asm__ volatile("mov %0, %%rsp\n\t"
			 "xor %%ebp, %%ebp\n\t"
			 "call *%1\n\t"
			 "ud2"
			 :
			 : "r"(stack), "r"(begin), "D"(layout->at[CONSTANTS])
			 : "memory");
	__builtin_unreachable();
}

/* A kernel that seals its mappings refuses to unmap any of them: EPERM.  Others
 * do it, or refuse to take a part of one: EINVAL. */
static bool
is_sealed(void)
{
	void *vdso = (void *)getauxval(AT_SYSINFO_EHDR);

	return vdso != NULL && munmap(vdso, PAGE) == -1 && errno == EPERM;
}

/* How large the parts are. */
static struct layout
measure(const struct plan *plan)
{
	struct layout layout = {
		.n = IMAGE_PARTS,
		.pages = {
			[TEXT] = PAGES(image_text_end - image_text_begin),
			[CONSTANTS] = 1,
			[MEMORY] = PAGES(sizeof(struct image_memory)),
			[STACK] = 1,
			[PAGE_OF_PIDS] = PAGES(PLAN_PAGE_BYTES),
			[PLAN] = PAGES(plan->size),
		},
	};

	if (plan->size <= WINDOW) {
		layout.pages[CONSTANTS] += layout.pages[PLAN];
		layout.n = PLAN;
	}
	return layout;
}

const char *
move(const struct image *image)
{
	struct layout layout = measure(image->plan);
	uintptr_t constants, end;

	if (is_sealed())
		return NULL;
	place_all(&layout);
	if (layout.failed != NULL)
		return layout.failed;
	map(&layout, CONSTANTS);
	map(&layout, MEMORY);
	map(&layout, STACK);
	take(&layout, TEXT, image_text_begin);
	take(&layout, PAGE_OF_PIDS, image->page);
	if (layout.n > PLAN)
		take(&layout, PLAN, image->plan);
	if (layout.failed != NULL)
		return layout.failed;
	if (madvise((void *)layout.at[STACK], layout.pages[STACK] * PAGE,
		MADV_DONTFORK) == -1)
		return "madvise MADV_DONTFORK";
	write_constants(&layout, image->plan);
	if (layout.failed != NULL)
		return layout.failed;
	rename_program(&layout);
	constants = layout.at[CONSTANTS];
	end = constants + layout.pages[CONSTANTS] * PAGE;
	if (protect(constants, end) == -1)
		return "mprotect of the constants";
	if (!set_canary((const struct image *)constants))
		return "arch_prctl ARCH_SET_FS";
	jump(&layout);
}
