/* The plan and the orders that a spawner gets: refused, or obeyed within the
 * plan and the pid page, and each client's descriptors closed. */
#include "config.h"

#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <linux/filter.h>

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

#include "fuzz.h"
#include "shared/descriptors.h"
#include "shared/plan.h"

static int fuzz_close(int fd);
static bool fuzz_descriptors_closed(unsigned first, unsigned end);
static _Noreturn void fuzz_exit(int status);
static int fuzz_fstat(int fd, struct stat *st);
static pid_t fuzz_getppid(void);
static int fuzz_madvise(void *at, size_t length, int advice);
static void *fuzz_mmap(
    void *at, size_t length, int protection, int flags, int fd, off_t offset);
static int fuzz_prctl(int option, ...);
static ssize_t fuzz_send(int fd, const void *bytes, size_t length, int flags);
static long fuzz_syscall(
    long number, long a, long b, long c, long d, long e, long f);

/* The whole program, in a system of our own. */
#define close fuzz_close
#define descriptors_closed fuzz_descriptors_closed
#define _exit fuzz_exit
#define fstat fuzz_fstat
#define getppid fuzz_getppid
#define madvise fuzz_madvise
#define mmap fuzz_mmap
#define prctl fuzz_prctl
#define send fuzz_send
#define syscall fuzz_syscall
#define main spawner_main
int spawner_main(void);
#include "spawner/spawner.c"
#include "spawner/image/begin.c"
#include "spawner/image/serve.c"

#define MASTER 7
#define GREETINGS 32 /* bytes of all greetings in the plan */
#define FILTER 2 /* instructions */
#define OTHER (SPAWNER_SOCKET + 3) /* descriptors that are not 0 and 1 */
#define WITH_PAIRS 250 /* the first byte of an input, or above */

static struct input orders;
static char *plan_bytes;
static size_t plan_size;
static int32_t *page;
static bool pairs; /* come with orders */
static struct {
	struct plan_order order;
	int fds[2]; /* that came with it; -1: none, or closed again */
	size_t more; /* bytes that came with it */
	bool is_cut; /* more bytes or descriptors came than there is room for */
} given;
static jmp_buf ended;

/* --------------------------------------------------------------- the system */

static _Noreturn void
fuzz_exit(int status)
{
	longjmp(ended, status + 1);
}

static int
fuzz_close(int fd)
{
	MUST(fd == SPAWNER_PLAN || fd == SPAWNER_PAGE);
	return 0;
}

static int
fuzz_fstat(int fd, struct stat *st)
{
	MUST(fd == SPAWNER_PLAN);
	memset(st, 0, sizeof(*st));
	st->st_size = (off_t)plan_size;
	return 0;
}

static pid_t
fuzz_getppid(void)
{
	return MASTER;
}

static int
fuzz_madvise(void *at, size_t length, int advice)
{
	MUST(at == page && length == PLAN_PAGE_BYTES);
	MUST(advice == MADV_DONTFORK);
	return 0;
}

static void *
fuzz_mmap(
    void *at, size_t length, int protection, int flags, int fd, off_t offset)
{
	MUST(at == NULL && offset == 0);
	if (fd == SPAWNER_PAGE) {
		MUST(flags == MAP_SHARED && length == PLAN_PAGE_BYTES);
		return page;
	}
	MUST(fd == SPAWNER_PLAN && length == plan_size);
	MUST(flags == MAP_SHARED && protection == PROT_READ);
	errno = EINVAL;
	return length == 0 ? MAP_FAILED : plan_bytes;
}

static int
fuzz_prctl(int option, ...)
{
	MUST(option == PR_SET_NAME || option == PR_SET_PDEATHSIG);
	return 0;
}

static ssize_t
fuzz_send(int fd, const void *bytes, size_t length, int flags)
{
	struct plan_failure failure;

	MUST(fd == SPAWNER_SOCKET && length == sizeof(failure));
	MUST(flags == MSG_NOSIGNAL);
	memcpy(&failure, bytes, sizeof(failure));
	MUST(strnlen(failure.step, sizeof(failure.step)) <
	    sizeof(failure.step));
	return (ssize_t)length;
}

/* Is it proxied, and what comes with the client? */
static void
pair_add(struct msghdr *header)
{
	static const uint32_t proxied[] = { 0, 1, 2, UINT32_MAX };
	uint8_t how = input_byte(&orders);
	int fd = given.fds[0];

	given.order.proxied = proxied[how & 3];
	if (how & 4) /* it is the second, or it comes alone */
		given.fds[fd != -1] = how & 8 ? OTHER + 1 : SPAWNER_PAIR;
	if (how & 16 && given.fds[1] != -1) {
		given.fds[0] = given.fds[1];
		given.fds[1] = fd;
	}
	if (how & 32) /* a third one was */
		header->msg_flags |= MSG_CTRUNC;
}

static void
rights_give(struct msghdr *header)
{
	struct cmsghdr *rights = header->msg_control;
	size_t n = (given.fds[0] != -1) + (size_t)(given.fds[1] != -1);

	MUST(header->msg_controllen == CMSG_LEN(sizeof(given.fds)));
	header->msg_controllen = 0;
	if (n == 0)
		return;
	header->msg_controllen = CMSG_LEN(n * sizeof(int));
	*rights = (struct cmsghdr) { .cmsg_len = CMSG_LEN(n * sizeof(int)),
		.cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS };
	memcpy(CMSG_DATA(rights), given.fds, n * sizeof(int));
}

/* The next order, which may be short, and come without a descriptor. */
static long
next_order(struct msghdr *header)
{
	uint8_t head = input_byte(&orders);
	size_t length = head & 0x80 ? head % 8 : sizeof(struct plan_order);
	size_t more = head & 0x80 ? 0 : (head & 0x07) * (size_t)750;

	MUST(given.fds[0] == -1 && given.fds[1] == -1); /* of the one before */
	if (orders.left == 0)
		return 0;
	memset(&given.order, 0, sizeof(given.order));
	given.order.slot = head & 0x20 ? input_long(&orders) :
				   input_word(&orders);
	given.order.session = head & 0x10 ? input_long(&orders) :
				      input_byte(&orders);
	given.order.head = head & 0x01 ? input_byte(&orders) : 0;
	if ((head & 0x87) == 0x07) /* nothing but the head */
		more = given.order.head;
	if ((head & 0x08) == 0)
		given.fds[0] = head & 0x40 ? OTHER : SPAWNER_CLIENT;
	header->msg_flags = more > PLAN_ORDER_BYTES_MAX ? MSG_TRUNC : 0;
	if (more > PLAN_ORDER_BYTES_MAX)
		more = PLAN_ORDER_BYTES_MAX;
	given.more = more;
	if (pairs)
		pair_add(header);
	given.is_cut = header->msg_flags != 0;
	memcpy(header->msg_iov->iov_base, &given.order, length);
	memset(header->msg_iov[1].iov_base, 'x', more);
	rights_give(header);
	return (long)(length + more);
}

/* An attempt has neither client nor pair; a pair comes for those behind a proxy,
 * and only for them. */
static void
check_obeyed(void)
{
	const struct plan *plan = (const void *)plan_bytes;
	const struct plan_order *order = &given.order;

	MUST(order->slot < PLAN_REFUSED_SLOT && !given.is_cut);
	if (order->session >= PLAN_ATTEMPT) {
		MUST(given.fds[0] == -1 && given.fds[1] == -1);
		MUST(given.more == 0);
		return;
	}
	MUST(given.fds[0] == SPAWNER_CLIENT);
	MUST(given.fds[1] == (order->proxied ? SPAWNER_PAIR : -1));
	if (order->proxied)
		MUST(given.more == 0 &&
		    plan->session[order->session].proxy_versions != 0);
}

static long
close_given(int fd)
{
	MUST(fd != -1 && (fd == given.fds[0] || fd == given.fds[1]));
	given.fds[fd != given.fds[0]] = -1;
	return 0;
}

/* In the master's turn a pid or an error; now and then we are the child. */
static long
clone_client(int32_t *pid)
{
	uint8_t how = input_byte(&orders);

	MUST(pid == page + given.order.slot);
	check_obeyed();
	if (how == 0)
		return 0;
	if (how < 0x20) {
		errno = how;
		return -1;
	}
	*pid = how;
	return how;
}

/* Each byte, so that a sanitizer sees one that is not the plan's. */
static void
read_all(const char *bytes, size_t length)
{
	static volatile char last;
	size_t i;

	for (i = 0; i < length; i++)
		last = bytes[i];
	(void)last;
}

static long
load(const struct sock_fprog *program)
{
	read_all((const char *)program->filter,
	    program->len * sizeof(*program->filter));
	return 0;
}

static long
fuzz_syscall(long number, long a, long b, long c, long d, long e, long f)
{
	MUST(d == 0 && e == 0 && f == 0);
	switch (number) {
	case SYS_seccomp:
		return load((const struct sock_fprog *)c);
	case SYS_recvmsg:
		return next_order((struct msghdr *)b);
	case SYS_clone:
		MUST(a == (long)CLONE_FLAGS);
		return clone_client((int32_t *)c);
	case SYS_close:
		return close_given((int)a);
	default:
		MUST(number == SYS_exit_group);
		longjmp(ended, 1);
	}
}

/* ------------------------------------------- what the spawner calls of ours */

int
relro_apply(void)
{
	return 0;
}

bool
proof_of_death(void)
{
	return true;
}

static bool
fuzz_descriptors_closed(unsigned first, unsigned end)
{
	return first <= end;
}

const char *
lockdown(const struct plan *plan)
{
	MUST(plan->magic == PLAN_MAGIC);
	return NULL;
}

/* The child sends the greeting, in PLAN_HTTP after both parts of a head; or the
 * field Date, with which the second part begins. */
void
session_run(
    const struct image *its, const void *what, size_t length, size_t head)
{
	const struct plan *plan = its->plan;
	const struct plan_session *session = what;

	MUST(!given.order.proxied && length == given.more);
	MUST(head <= length && (length == head || session->rendered));
	MUST(session->format == PLAN_HTTP ? head >= PLAN_DATE_LENGTH :
					    head == 0);
	read_all(its->memory->order, length);
	read_all((const char *)plan + session->head_offset,
	    session->head_length);
	read_all((const char *)plan + session->greeting_offset,
	    session->greeting_length);
	longjmp(ended, 1);
}

/* The child reads the PROXY header. */
void
session_proxied(
    const struct image *its, const void *what, size_t length, size_t head)
{
	const struct plan_session *session = what;

	(void)head;
	MUST(given.order.proxied && length == 0);
	MUST(session == &its->plan->session[given.order.session]);
	MUST(session->proxy_versions != 0);
	longjmp(ended, 1);
}

/* The child makes the attempt. */
void
trial_attempt(
    const struct image *its, const void *what, size_t length, size_t head)
{
	MUST(its->page == page && length == 0 && head == 0);
	MUST(given.order.session >= PLAN_ATTEMPT && what != NULL);
	longjmp(ended, 1);
}

int
diagnose_install(int32_t *mapped)
{
	MUST(mapped == page);
	return 0;
}

/* ---------------------------------------------------------------- the input */

/* One that the master could have made. */
static void
plan_make(size_t sessions)
{
	struct plan *plan;
	size_t filter = sizeof(*plan) + sessions * sizeof(*plan->session);
	size_t greetings = filter + FILTER * sizeof(struct sock_filter);
	size_t i;

	plan_size = greetings + GREETINGS;
	plan_bytes = malloc(plan_size);
	MUST(plan_bytes != NULL);
	memset(plan_bytes, 1, plan_size);
	plan = (struct plan *)(void *)plan_bytes;
	*plan = (struct plan) {
		.magic = PLAN_MAGIC,
		.size = (uint32_t)plan_size,
		.master = MASTER,
		.sandbox = 1,
		.filter_offset = (uint32_t)filter,
		.filter_length = FILTER,
		.n_sessions = (uint32_t)sessions,
		.descriptors = 2,
	};
	for (i = 0; i < sessions; i++)
		plan->session[i] = (struct plan_session) {
			.format = i < 2 ? PLAN_PLAIN : PLAN_HTTP,
			.head_offset = (uint32_t)greetings,
			.head_length = (uint32_t)i,
			.greeting_offset = (uint32_t)(greetings + i),
			.greeting_length = (uint32_t)(GREETINGS - sessions),
			.proxy_versions = (uint32_t)i % 4,
			.rendered = i % 2,
		};
}

/* Words of it are changed, and it may be cut short. */
static void
plan_spoil(void)
{
	uint8_t n = input_byte(&orders);
	uint32_t at, word;

	for (; (n & 0x0f) > 0; n--) {
		at = input_byte(&orders) * 4u;
		word = input_long(&orders);
		if (at + sizeof(word) <= plan_size)
			memcpy(plan_bytes + at, &word, sizeof(word));
	}
	if ((n & 0x80) == 0)
		return;
	plan_size = input_word(&orders) % (plan_size + 1);
	plan_bytes = realloc(plan_bytes, plan_size + (plan_size == 0));
	MUST(plan_bytes != NULL);
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
	uint8_t sessions;

	if (page == NULL)
		page = malloc(PLAN_PAGE_BYTES);
	MUST(page != NULL);
	orders = (struct input) { bytes, length };
	sessions = input_byte(&orders);
	pairs = sessions >= WITH_PAIRS;
	given.fds[0] = given.fds[1] = -1;
	plan_make(sessions % 5);
	plan_spoil();
	if (setjmp(ended) == 0)
		spawner_main();
	free(plan_bytes);
	return 0;
}
