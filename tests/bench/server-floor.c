/*
 * The floor: the least that a process per client costs.  Accepts, clones, and
 * the child greets, shuts down and exits: no sandbox, no limits, no log, nobody
 * waits.  What is mapped is one page of text, and one that children do not get.
 */
#include "config.h"

#include <err.h>
#include <sysexits.h>

#if defined(__x86_64__) && !defined(__ILP32__)

#include <sys/mman.h>
#include <sys/rseq.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include "serve.h"

#define PAGE 4096
#define USER_END 0x7ffffffff000 /* of four levels of page tables */
#define RSEQ_AREA 32 /* glibc registers a multiple of it */
#define RSEQ_AREA_MAX 512

#define GREETING_LENGTH (sizeof(SERVE_GREETING) - 1)

/* What is mapped: the text with the greeting at its end, and the stack. */
struct image {
	char text[PAGE - GREETING_LENGTH];
	char greeting[GREETING_LENGTH];
	char stack[PAGE];
};

/*
 * The functions marked so are copied to image.text and run there: they call
 * nothing and use no constant that is elsewhere.  The linker gives the bounds.
 */
#define IN_IMAGE __attribute__((section("image"), noinline, no_stack_protector))
#define INLINE static inline __attribute__((always_inline))

extern const char __start_image[], __stop_image[];

INLINE long
call(long number, long a, long b, long c, long d)
{
	register long fourth __asm__("r10") = d;
	long result;

	__asm__ volatile("syscall"
			 : "=a"(result)
			 : "0"(number), "D"(a), "S"(b), "d"(c), "r"(fourth)
			 : "rcx", "r11", "memory");
	return result;
}

/*
 * The child has no stack, so that all it does is here, in registers.  Parent:
 * returns as clone(2) does.
 */
INLINE long
fork_and_greet(long client, const char *greeting)
{
	register long none4 __asm__("r10") = 0;
	register long none5 __asm__("r8") = 0;
	register long none6 __asm__("r9") = 0;
	long result;

	__asm__ volatile(
	    "syscall\n\t"
	    "test %%eax, %%eax\n\t"
	    "jnz 1f\n\t"
	    "mov %[sendto], %%eax\n\t"
	    "mov %[client], %%rdi\n\t"
	    "mov %[greeting], %%rsi\n\t"
	    "mov %[length], %%edx\n\t"
	    "mov %[how], %%r10d\n\t"
	    "syscall\n\t"
	    "mov %[shutdown], %%eax\n\t"
	    "mov %[client], %%rdi\n\t"
	    "mov %[write_end], %%esi\n\t"
	    "syscall\n\t"
	    "mov %[exit], %%eax\n\t"
	    "xor %%edi, %%edi\n\t"
	    "syscall\n"
	    "1:"
	    : "=a"(result)
	    : "0"((long)SYS_clone), "D"((long)(CLONE_FS | SIGCHLD)), "S"(0L),
	    "d"(0L), "r"(none4), "r"(none5),
	    "r"(none6), [client] "r"(client), [greeting] "r"(greeting),
	    [sendto] "i"(SYS_sendto), [length] "i"(GREETING_LENGTH),
	    [how] "i"(MSG_MORE | MSG_NOSIGNAL), [shutdown] "i"(SYS_shutdown),
	    [write_end] "i"(SHUT_WR), [exit] "i"(SYS_exit_group)
	    : "rcx", "r11", "memory");
	return result;
}

IN_IMAGE static _Noreturn void
serve(int listener, struct image *image)
{
	uintptr_t start = (uintptr_t)image, end = start + sizeof(*image);
	long client;

	if (call(SYS_munmap, 0, (long)start, 0, 0) != 0 ||
	    call(SYS_munmap, (long)end, (long)(USER_END - end), 0, 0) != 0)
		call(SYS_exit_group, EX_OSERR, 0, 0, 0);
	for (;;) {
		client = call(SYS_accept4, listener, 0, 0, SOCK_CLOEXEC);
		if (client == -EINTR || client == -ECONNABORTED)
			continue;
		if (client < 0)
			call(SYS_exit_group, EX_OSERR, 0, 0, 0);
		/* Whom nobody greeted is for the load to notice. */
		(void)fork_and_greet(client, image->greeting);
		call(SYS_close, client, 0, 0, 0);
	}
}

/* Else the kernel would write to it after it is unmapped. */
static void
give_up_rseq(void)
{
	char *area = (char *)__builtin_thread_pointer() + __rseq_offset;
	size_t size;

	if (__rseq_size == 0)
		return;
	for (size = RSEQ_AREA; size <= RSEQ_AREA_MAX; size += RSEQ_AREA) {
		if (syscall(SYS_rseq, area, size, RSEQ_FLAG_UNREGISTER,
			RSEQ_SIG) == 0)
			return;
	}
	err(EX_OSERR, "rseq");
}

static struct image *
make_image(void)
{
	struct image *image;
	size_t length = (size_t)(__stop_image - __start_image);

	if (length > sizeof(image->text))
		errx(EX_SOFTWARE, "text of %zu bytes, one page is too small",
		    length);
	image = mmap(NULL, sizeof(*image), PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (image == MAP_FAILED)
		err(EX_OSERR, "mmap");
	memcpy(image->text, __start_image, length);
	memcpy(image->greeting, SERVE_GREETING, GREETING_LENGTH);
	if (mprotect(image, PAGE, PROT_READ | PROT_EXEC) == -1)
		err(EX_OSERR, "mprotect");
	if (madvise(image->stack, PAGE, MADV_DONTFORK) == -1)
		err(EX_OSERR, "madvise MADV_DONTFORK");
	return image;
}

int
main(int argc, char **argv)
{
	int listener = serve_listen(argc, argv, 0);
	struct image *image = make_image();

	signal(SIGCHLD, SIG_IGN);
	give_up_rseq();
	__asm__ volatile(
	    "mov %[stack], %%rsp\n\t"
	    "call *%[serve]"
	    :
	    : "D"((long)listener), "S"(image), [stack] "r"(image->stack + PAGE),
	    [serve] "r"(image->text + ((const char *)serve - __start_image))
	    : "memory");
	__builtin_unreachable();
}

#else

int
main(void)
{
	errx(EX_UNAVAILABLE, "written for x86-64 only");
}

#endif
