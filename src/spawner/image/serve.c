/* One child for each client that the master hands over. */
#include "config.h"

#include "spawner/image/serve.h"

#include <sys/uio.h>

#include <sched.h>
#include <stdbool.h>

#include "spawner/image/bytes.h"
#include "spawner/image/call.h"
#include "spawner/image/image.h"
#include "spawner/image/session.h"
#include "spawner/image/trial.h"
#include "shared/attempt.h"
#include "shared/plan.h"

/* CLONE_PARENT: the child belongs to the master.  CLONE_PARENT_SETTID: its pid
 * is on the page before it runs. */
#define CLONE_FLAGS (CLONE_PARENT | CLONE_PARENT_SETTID | SIGCHLD)

struct message {
	int fd, pair; /* -1: none received */
	int flags; /* of recvmsg(2) */
	size_t length; /* of what came with the order, in the memory */
	struct plan_order order;
};

/* The descriptors that came, two at most. */
static void
take_rights(struct message *message, struct msghdr *header)
{
	struct cmsghdr *rights = CMSG_FIRSTHDR(header);
	const int *fds;

	message->fd = message->pair = -1;
	if (rights == NULL || rights->cmsg_type != SCM_RIGHTS)
		return;
	fds = (const int *)CMSG_DATA(rights);
	message->fd = fds[0];
	if (rights->cmsg_len >= CMSG_LEN(2 * sizeof(int)))
		message->pair = fds[1];
}

/* Waits for the next client.  There is room for two descriptors, and the kernel
 * drops any further ones.  Returns 0 when the master has closed its end. */
static int
receive(const struct image *image, struct message *message)
{
	union {
		char bytes[CMSG_SPACE(2 * sizeof(int))];
		struct cmsghdr align;
	} control;
	struct iovec parts[] = {
		{ &message->order, sizeof(message->order) },
		{ image->memory->order, sizeof(image->memory->order) },
	};
	struct msghdr header = {
		.msg_iov = parts,
		.msg_iovlen = 2,
		.msg_control = control.bytes,
		.msg_controllen = CMSG_LEN(2 * sizeof(int)),
	};
	long n;

	do
		n = call3(SYS_recvmsg, SPAWNER_SOCKET, (long)&header, 0);
	while (n == -EINTR);
	if (n < 0)
		call_exit(SPAWNER_UNABLE);
	if (n < (long)sizeof(message->order))
		return 0;
	message->length = (size_t)n - sizeof(message->order);
	message->flags = header.msg_flags;
	take_rights(message, &header);
	return 1;
}

/* What a child does: session_run(), session_proxied() or trial_attempt(). */
struct task {
	void (*run)(const struct image *image, const void *what,
	    size_t length, size_t head);
	const void *what;
};

static struct task
task_of(const struct image *image, const struct plan_order *order)
{
	if (order->session >= PLAN_ATTEMPT)
		return (struct task) { trial_attempt,
			attempt_get(order->session - PLAN_ATTEMPT) };
	return (struct task) {
		order->proxied ? session_proxied : session_run,
		&image->plan->session[order->session],
	};
}

#ifdef SMALL_IMAGE
/*
 * The child begins on a stack of its own: it does not have the spawner's.  clone(2)
 * could put it there, but the filter allows one address only, 0.  Returns what
 * clone(2) does, to the spawner.
 */
static long
clone_child(const struct image *image, int32_t *pid, struct task task,
    const struct message *message)
{
	/* A function finds the stack as a call leaves it. */
	char *child_stack = image->memory->piece - sizeof(long);
	register const struct image *child_image __asm__("rbx") = image;
	register const void *what __asm__("r12") = task.what;
	register size_t length __asm__("r13") = message->length;
	register size_t head __asm__("r14") = message->order.head;
	register char *stack __asm__("r15") = child_stack;
	register long tid __asm__("r10") = 0;
	register long tls __asm__("r8") = 0;
	long result;

	__asm__ volatile("syscall\n\t"
			 "test %%rax, %%rax\n\t"
			 "jnz 1f\n\t"
			 "mov %[stack], %%rsp\n\t"
			 "mov %[image], %%rdi\n\t"
			 "mov %[what], %%rsi\n\t"
			 "mov %[length], %%rdx\n\t"
			 "mov %[head], %%rcx\n\t"
			 "jmp *%[run]\n"
			 "1:"
			 : "=a"(result)
			 : "a"((long)SYS_clone), "D"((long)CLONE_FLAGS),
			 "S"(0L), "d"(pid), "r"(tid), "r"(tls),
			 [stack] "r"(stack), [image] "r"(child_image),
			 [what] "r"(what), [length] "r"(length),
			 [head] "r"(head), [run] "r"(task.run)
			 : "rcx", "r11", "memory");
	return result;
}
#else
static long
clone_child(const struct image *image, int32_t *pid, struct task task,
    const struct message *message)
{
	long result = call5(SYS_clone, CLONE_FLAGS, 0, (long)pid, 0, 0);

	if (result == 0)
		task.run(image, task.what, message->length,
		    message->order.head);
	return result;
}
#endif

static void
spawn(const struct image *image, const struct message *message)
{
	int32_t *pid = &image->page[message->order.slot];
	struct task task = task_of(image, &message->order);
	long result = clone_child(image, pid, task, message);

	if (result < 0)
		__atomic_store_n(pid, (int32_t)result, __ATOMIC_RELEASE);
}

static bool
makes_sense(const struct plan *plan, const struct message *message)
{
	uint32_t session = message->order.session;

	if ((message->flags & (MSG_TRUNC | MSG_CTRUNC)) != 0)
		return false;
	if (session >= PLAN_ATTEMPT)
		return message->fd == -1 && message->length == 0 &&
		    attempt_get(session - PLAN_ATTEMPT) != NULL;
	if (message->fd != SPAWNER_CLIENT || session >= plan->n_sessions)
		return false;
	if (message->order.proxied)
		return message->pair == SPAWNER_PAIR && message->length == 0 &&
		    plan->session[session].proxy_versions != 0;
	return message->pair == -1 &&
	    session_takes(&plan->session[session], message->length,
		message->order.head);
}

/* An order that makes no sense is a bug of the master: it is answered, not
 * obeyed.  What one client is sent is not for the next one's child to find. */
void
serve(const struct image *image)
{
	struct message message;
	uint32_t slot;

	while (receive(image, &message)) {
		slot = message.order.slot;
		if (slot < PLAN_REFUSED_SLOT &&
		    makes_sense(image->plan, &message))
			spawn(image, &message);
		else if (slot < PLAN_REFUSED_SLOT)
			__atomic_store_n(
			    &image->page[slot], -EPROTO, __ATOMIC_RELEASE);
		bytes_clear(image->memory->order, message.length);
		if (message.fd >= 0)
			call_close(message.fd);
		if (message.pair >= 0)
			call_close(message.pair);
	}
}
