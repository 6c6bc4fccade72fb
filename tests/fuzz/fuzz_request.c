/* What a client says in a session that answers requests, and how the kernel
 * delivers it: an answer comes after a whole head only, and each end of the
 * session says what it should. */
#include "config.h"

#include <sys/socket.h>

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

#include "fuzz.h"

static long fuzz_syscall(
    long number, long a, long b, long c, long d, long e, long f);

/* The whole session, in a kernel of our own. */
#define syscall fuzz_syscall
#include "spawner/image/request.c"
#include "spawner/image/respond.c"
#include "spawner/image/session.c"
#include "spawner/image/stream.c"

#define CLIENT_GOT_MAX 512
#include "client.h"

#define PLAN_HEAD "HTTP/1.1 200 OK\r\n"
#define DATE "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n"
#define ORDER_HEAD DATE "Content-Length: 10\r\n\r\n"
#define BODY "hi client\n"
#define ANSWER_HEAD PLAN_HEAD ORDER_HEAD
#define REQUEST_MS 5000

static const char bad[] =
    HEAD("400 Bad Request", "12") DATE "\r\nbad request\n";
static const char late[] =
    HEAD("408 Request Timeout", "16") DATE "\r\nrequest timeout\n";
static const char large[] = HEAD("431 Request Header Fields Too Large", "32")
    DATE "\r\nrequest header fields too large\n";

/* A plan that is nothing but texts. */
static union {
	struct plan plan;
	char bytes[sizeof(struct plan) + sizeof(PLAN_HEAD BODY)];
} all;
static struct plan_session session = {
	.format = PLAN_HTTP,
	.head_offset = sizeof(struct plan),
	.head_length = sizeof(PLAN_HEAD) - 1,
	.greeting_offset = sizeof(struct plan) + sizeof(PLAN_HEAD) - 1,
	.greeting_length = sizeof(BODY) - 1,
	.request_ms = REQUEST_MS,
	.send_ms = 1000,
};

static jmp_buf ended;

/* --------------------------------------------------------------- the kernel */

static long
fuzz_recvfrom(char *bytes, size_t length, int flags)
{
	long comes = client_comes(length);
	size_t n = (size_t)comes;

	MUST(length > 0);
	MUST(flags == MSG_DONTWAIT || flags == (MSG_DONTWAIT | MSG_TRUNC));
	if (comes <= 0)
		return comes == 0 ? client_comes_nothing() : comes;
	memset(bytes, 'x', length); /* all of it must be there */
	if ((flags & MSG_TRUNC) == 0) {
		MUST(client.read == client.gone);
		memcpy(bytes, client.says + client.gone, n);
		client.read += n;
		MUST(client.read <= REQUEST_HEAD_MAX);
	}
	client.gone += n;
	return (long)n;
}

static long
fuzz_syscall(long number, long a, long b, long c, long d, long e, long f)
{
	MUST(e == 0 || number == CALL_PPOLL);
	MUST(f == 0);
	if (number == CALL_PPOLL)
		return client_waits((struct pollfd *)a, (unsigned)b,
		    (struct call_time *)c, REQUEST_MS, session.send_ms);
	if (number == SYS_exit_group)
		longjmp(ended, (int)a + 1);
	if (client_is_prologue(number) ||
	    (number == SYS_close && a == SPAWNER_SOCKET))
		return 0;
	MUST(a == SPAWNER_CLIENT);
	if (number == SYS_shutdown)
		return client_shutdown(a, b);
	if (number == SYS_ioctl)
		return client_leaves(b, (int *)c);
	MUST(number == SYS_recvfrom || number == SYS_sendto);
	return number == SYS_sendto ?
	    client_takes((const char *)b, (size_t)c, (int)d) :
	    fuzz_recvfrom((char *)b, (size_t)c, (int)d);
}

/* --------------------------------------------------------- how it should be */

/* The length of a line, its end too; 0: it has none. */
static size_t
line_length(const uint8_t *text, size_t length)
{
	const uint8_t *end = length > 0 ? memchr(text, '\n', length) : NULL;

	return end == NULL ? 0 : (size_t)(end - text) + 1;
}

static bool
is_empty_line(const uint8_t *line, size_t length)
{
	return length == 1 || (length == 2 && line[0] == '\r');
}

/* From the back: digit, version, target, method. */
static bool
is_request_line(const uint8_t *line, size_t length)
{
	const uint8_t *space;
	size_t i;

	length -= length > 1 && line[length - 2] == '\r' ? 2 : 1;
	if (length < sizeof("M / HTTP/1.1") - 1 ||
	    memcmp(line + length - 9, " HTTP/1.", 8) != 0 ||
	    line[length - 1] < '0' || line[length - 1] > '9')
		return false;
	length -= 9;
	space = memchr(line, ' ', length);
	if (space == NULL || space == line || space == line + length - 1)
		return false;
	for (i = 0; line + i < space; i++)
		if (!is_token(line[i]))
			return false;
	while (++i < length)
		if (line[i] <= ' ' || line[i] == 0x7f)
			return false;
	return true;
}

/* The length of a whole head at the start of the text; 0: there is none. */
static size_t
whole_head(const uint8_t *text, size_t length, bool *is_head)
{
	size_t at = 0, n = line_length(text, length);

	while (n > 0 && is_empty_line(text + at, n)) {
		at += n;
		n = line_length(text + at, length - at);
	}
	if (n == 0 || !is_request_line(text + at, n))
		return 0;
	*is_head = memcmp(text + at, "HEAD ", 5) == 0;
	do {
		at += n;
		n = line_length(text + at, length - at);
	} while (n > 0 && !is_empty_line(text + at, n));
	return n == 0 || at + n > REQUEST_HEAD_MAX ? 0 : at + n;
}

/* In pieces of that size. */
static struct request
judged(size_t size, enum request_verdict *verdict)
{
	struct request request = { 0 };
	size_t at, n;

	*verdict = REQUEST_UNFINISHED;
	for (at = 0; at < client.length; at += n) {
		n = size < client.length - at ? size : client.length - at;
		*verdict = request_take(
		    &request, (const char *)client.says + at, n);
	}
	return request;
}

/* Returns the verdict about all that the client says. */
static enum request_verdict
check_judged(size_t size)
{
	enum request_verdict whole, other;
	struct request one = judged(client.length, &whole), two;
	bool is_head = false;
	size_t length = whole_head(client.says, client.length, &is_head);

	two = judged(size, &other);
	MUST(whole == other && one.length == two.length);
	MUST(one.length <= REQUEST_HEAD_MAX);
	MUST((whole == REQUEST_GOOD) == (length > 0));
	if (whole != REQUEST_GOOD)
		return whole;
	MUST(one.length == length);
	MUST(one.is_head == is_head && two.is_head == is_head);
	return whole;
}

static bool
has_got(const char *text)
{
	return client.n_got == strlen(text) &&
	    memcmp(client.got, text, client.n_got) == 0;
}

/* The head that has been read is whole, and is answered as a whole. */
static void
check_greeted(void)
{
	bool is_head = false;

	MUST(whole_head(client.says, client.read, &is_head) > 0);
	MUST(has_got(is_head ? ANSWER_HEAD : ANSWER_HEAD BODY));
}

/* What was said belongs to the exit status, and to what the client says. */
static void
check_end(enum outcome outcome, enum request_verdict verdict)
{
	switch (outcome) {
	case OUTCOME_GREETED:
		check_greeted();
		break;
	case OUTCOME_BAD_REQUEST:
		MUST(verdict != REQUEST_GOOD);
		MUST(has_got(verdict == REQUEST_TOO_LARGE ? large : bad));
		MUST(verdict != REQUEST_UNFINISHED || client.has_closed);
		break;
	case OUTCOME_REQUEST_TIMEOUT:
		MUST(client.is_late);
		MUST(has_got(client.read == 0 ? "" : late));
		break;
	case OUTCOME_SEND_TIMEOUT:
		MUST(client.still_ms == session.send_ms);
		break;
	case OUTCOME_RESET:
		MUST(client.has_reset);
		break;
	default:
		MUST(outcome == OUTCOME_CLIENT_GONE);
	}
	MUST(client.has_end == (outcome == OUTCOME_GREETED ||
	    outcome == OUTCOME_BAD_REQUEST ||
	    outcome == OUTCOME_REQUEST_TIMEOUT));
}

/* --------------------------------------------------------------- the input */

/* Returns the exit status. */
static enum outcome
serve_client(bool rendered)
{
	static const char order[] = ORDER_HEAD BODY;
	const size_t head = sizeof(ORDER_HEAD) - 1;
	struct image_memory memory;
	struct image image = { .plan = &all.plan, .memory = &memory };
	int status;

	memset(&memory, 'x', sizeof(memory));
	memcpy(memory.order, order, sizeof(order));
	memcpy(all.bytes + session.head_offset, PLAN_HEAD BODY,
	    sizeof(PLAN_HEAD BODY) - 1);
	if (rendered) /* it is not to be looked at */
		memset(all.bytes + session.greeting_offset, 0,
		    session.greeting_length);
	session.rendered = rendered;
	status = setjmp(ended);
	if (status == 0)
		session_run(&image, &session,
		    rendered ? sizeof(order) - 1 : head, head);
	return (enum outcome)(status - 1);
}

/* How the client ends, the length of the script, the script, what it says. */
int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
	struct input input = { bytes, length };
	uint8_t flags = input_byte(&input);
	size_t script = input_byte(&input);

	script = script < input.left ? script : input.left;
	memset(&client, 0, sizeof(client));
	client.untaken = INT_MAX;
	client.has_closed = flags & 1;
	client.has_reset = flags & 2;
	client.script = (struct input) { input.at, script };
	client.says = input.at + script;
	client.length = input.left - script;
	check_end(serve_client(flags & 4), check_judged((flags >> 3) + 1u));
	return 0;
}
