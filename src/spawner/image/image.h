/* The image of spawner and children: everything that remains mapped when a
 * client is served. */
#ifndef SPAWNER_IMAGE_IMAGE_H
#define SPAWNER_IMAGE_IMAGE_H

#include <stddef.h>
#include <stdint.h>

#include "shared/plan.h"

/*
 * A small image (SMALL_IMAGE, see configure.ac) has no C library and nothing
 * else of the program that was exec'd:
 *
 *	the text	what is in this folder, with its constants; still the
 *			file's own pages
 *	struct image	one page, read-only, and a small plan behind it
 *	the memory	of a child, and its stack
 *	the stack, the pid page		the spawner's; its children have neither
 *
 * All lie at random places of one random 2 MiB range, which a single page of
 * page tables covers: most of what a child costs is making and freeing those.
 * A large plan is the memfd's, at a place of its own.
 *
 * Any other image is the program as it was exec'd: for another architecture or C
 * library, for sanitizers, and in a diagnosis.  What is here is the same.
 */
#define IMAGE_PARTS 6

/* A function whose address is taken: without it, a GOT would have that. */
#define IMAGE_OWN __attribute__((visibility("hidden")))

/* A part, page-aligned: it ends before end. */
struct image_part {
	uintptr_t begin;
	uintptr_t end;
};

/* Pieces that are read from a client are no larger, nor are answers that are
 * sent in one call. */
#define IMAGE_PIECE_MAX 1024
#define IMAGE_GATHERED_MAX 1024

/*
 * A child's.  The stack is the lower end, so that nothing here overflows into it;
 * below it nothing is mapped.  What most clients need is on one page: what comes
 * with an order is short, as a rule, and the stack is not deep.
 */
#define IMAGE_STACK_BYTES 1776
struct image_memory {
	char stack[IMAGE_STACK_BYTES];
	char piece[IMAGE_PIECE_MAX];
	char gathered[IMAGE_GATHERED_MAX];
	struct plan_go go; /* the master's, and what comes with it below */
	char order[PLAN_ORDER_BYTES_MAX]; /* what comes with it: the spawner
					   * writes it before the clone and
					   * clears it afterwards */
} __attribute__((aligned(16)));

/* Where something of the program was before. */
#define IMAGE_TRACES 4

struct image {
	const struct plan *plan;
	int32_t *page; /* the pid page: the spawner's only */
	struct image_memory *memory;
	uintptr_t top; /* the end of a program's addresses */
	size_t n_parts;
	uintptr_t canary; /* at FS:0x28, where the compiler takes it from */
	struct image_part part[IMAGE_PARTS]; /* in the order of addresses */
	uintptr_t trace[IMAGE_TRACES]; /* not to be mapped any more; 0: none */
	char name[24]; /* that ps(1) shows */
};

/* Unmaps everything that is not a part, if there are parts; loads the plan's
 * filter, unless it has no sandbox; and serves until the master wants no more.
 * A step that fails, or is not in effect, it tells the master (struct
 * plan_failure), and exits. */
_Noreturn void image_begin(const struct image *image);

#endif
