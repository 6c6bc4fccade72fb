/* The first steps in the image: nothing else is left, and the filter is loaded. */
#include "config.h"

#include "spawner/image/image.h"

#include <linux/filter.h>
#include <linux/seccomp.h>

#include <stdbool.h>
#include <stdlib.h>

#include "spawner/image/bytes.h"
#include "spawner/image/call.h"
#include "spawner/image/serve.h"

/* A step that failed with that errno, or 0.  length is that of its name, with
 * the NUL. */
_Noreturn static void
give_up(const char *step, size_t length, long error)
{
	struct plan_failure failure = { .error = (int32_t)error };

	bytes_copy(failure.step, step, length);
	call6(SYS_sendto, SPAWNER_SOCKET, (long)&failure, sizeof(failure),
	    MSG_NOSIGNAL, 0, 0);
	call_exit(EXIT_FAILURE);
}

/* The kernel reads the set before it finds that there is no operation -1. */
static bool
is_mapped(uintptr_t address)
{
	return call5(SYS_rt_sigprocmask, -1, (long)address, 0, _NSIG / 8, 0) !=
	    -EFAULT;
}

static long
unmap(uintptr_t begin, uintptr_t end)
{
	return begin == end ?
	    0 : call2(SYS_munmap, (long)begin, (long)(end - begin));
}

static void
unmap_others(const struct image *image)
{
	static const char step[] = "munmap of the program";
	uintptr_t begin = 0;
	long error = 0;
	size_t i;

	for (i = 0; i < image->n_parts && error == 0; i++) {
		error = unmap(begin, image->part[i].begin);
		begin = image->part[i].end;
	}
	if (error == 0)
		error = unmap(begin, image->top);
	if (error != 0)
		give_up(step, sizeof(step), -error);
	for (i = 0; i < IMAGE_TRACES; i++)
		if (image->trace[i] != 0 && is_mapped(image->trace[i]))
			give_up(step, sizeof(step), 0);
}

static void
filter_load(const struct plan *plan)
{
	static const char step[] = "seccomp";
	const char *filter = (const char *)plan + plan->filter_offset;
	struct sock_fprog program = {
		.len = (unsigned short)plan->filter_length,
		.filter = (struct sock_filter *)(uintptr_t)filter,
	};
	long error = call3(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0,
	    (long)&program);

	if (error != 0)
		give_up(step, sizeof(step), -error);
}

void
image_begin(const struct image *image)
{
	if (image->n_parts > 0)
		unmap_others(image);
	if (image->plan->sandbox != PLAN_SANDBOX_OFF)
		filter_load(image->plan);
	serve(image);
	call_exit(EXIT_SUCCESS);
}

#ifdef SMALL_IMAGE
/* What the compiler calls when the canary on the stack is not what it was. */
_Noreturn void __stack_chk_fail(void);
void
__stack_chk_fail(void)
{
	__builtin_trap();
}
#endif
