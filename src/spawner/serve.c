/* One child for each client that the master hands over. */
#include "config.h"

#include "spawner/serve.h"

#include <sys/uio.h>

#include <errno.h>
#include <sched.h>
#include <stdbool.h>
#include <string.h>

#include "spawner/calls.h"
#include "spawner/proof.h"
#include "spawner/session.h"
#include "shared/attempt.h"
#include "shared/plan.h"

/* CLONE_PARENT: the child belongs to the master.  CLONE_PARENT_SETTID: its pid
 * is on the page before it runs. */
#define CLONE_FLAGS (CLONE_PARENT | CLONE_PARENT_SETTID | SIGCHLD)

struct message {
	int fd; /* -1: none received */
	int flags; /* of recvmsg(2) */
	size_t length; /* of bytes */
	struct plan_order order;
	char bytes[PLAN_ORDER_BYTES_MAX];
};

/* Waits for the next client.  There is room for one descriptor, and the kernel
 * drops any further ones; CMSG_SPACE would round up to two.  Returns 0 when the
 * master has closed its end. */
static int
receive(struct message *message)
{
	union {
		char bytes[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} control;
	struct iovec parts[] = {
		{ &message->order, sizeof(message->order) },
		{ message->bytes, sizeof(message->bytes) },
	};
	struct msghdr header = {
		.msg_iov = parts,
		.msg_iovlen = 2,
		.msg_control = control.bytes,
		.msg_controllen = CMSG_LEN(sizeof(int)),
	};
	struct cmsghdr *rights;
	long n;

	do
		n = syscall(SYS_recvmsg, SPAWNER_SOCKET, &header, 0);
	while (n == -1 && errno == EINTR);
	if (n < (long)sizeof(message->order))
		return 0;
	message->length = (size_t)n - sizeof(message->order);
	message->flags = header.msg_flags;
	message->fd = -1;
	rights = CMSG_FIRSTHDR(&header);
	if (rights != NULL && rights->cmsg_type == SCM_RIGHTS)
		memcpy(&message->fd, CMSG_DATA(rights), sizeof(int));
	return 1;
}

static void
spawn(const struct plan *plan, int32_t *page, const struct message *message)
{
	const struct plan_order *order = &message->order;
	int32_t *pid = &page[order->slot];

	switch (syscall(SYS_clone, CLONE_FLAGS, 0, pid, 0, 0)) {
	case -1:
		__atomic_store_n(pid, -errno, __ATOMIC_RELEASE);
		break;
	case 0:
		call_close(SPAWNER_SOCKET);
		if (order->session >= PLAN_ATTEMPT)
			proof_attempt(plan, page,
			    order->session - PLAN_ATTEMPT);
		session_run(plan, &plan->session[order->session],
		    message->bytes, message->length, order->head);
	default:
		break;
	}
}

/* Do the bytes that came with the order belong to such a session? */
static bool
has_sense(const struct message *message, const struct plan_session *session)
{
	uint32_t head = message->order.head;

	if (session->format == PLAN_HTTP ? head < PLAN_DATE_LENGTH : head != 0)
		return false;
	return head <= message->length && head <= PLAN_HEAD_MAX &&
	    (head == message->length || session->rendered);
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
	return message->fd == SPAWNER_CLIENT && session < plan->n_sessions &&
	    has_sense(message, &plan->session[session]);
}

/* An order that makes no sense is a bug of the master: it is answered, not
 * obeyed. */
void
serve(const struct plan *plan, int32_t *page)
{
	struct message message;
	uint32_t slot;

	while (receive(&message)) {
		slot = message.order.slot;
		if (slot < PLAN_REFUSED_SLOT && makes_sense(plan, &message))
			spawn(plan, page, &message);
		else if (slot < PLAN_REFUSED_SLOT)
			__atomic_store_n(
			    &page[slot], -EPROTO, __ATOMIC_RELEASE);
		if (message.fd >= 0)
			call_close(message.fd);
	}
}
