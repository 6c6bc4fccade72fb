/* What comes of a client behind a proxy, and how the kernel delivers it: whom a
 * header declares is said as it is, nothing behind the header is taken for it,
 * and nothing is sent before the master has said what. */
#include "config.h"

#include <arpa/inet.h>
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
#include "spawner/image/proxied.c"
#include "spawner/image/session.c"
#include "spawner/image/stream.c"

#define CLIENT_GOT_MAX (2 * PLAN_ORDER_BYTES_MAX)
#include "client.h"

#define PLAN_HEAD "HTTP/1.1 200 OK\r\n"
#define DATE "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n"
#define ORDER_HEAD DATE "Content-Length: 10\r\n\r\n"
#define BODY "hi client\n"
#define PROXY_MS 3000
#define LIMIT_MS 5000 /* the longest of all */

/* What the master may choose from. */
enum { PLAIN, PLAIN_RENDERED, HTTP, HTTP_RENDERED, SESSIONS };

/* A plan that is nothing but sessions and texts. */
static union {
	struct plan plan;
	char bytes[sizeof(struct plan) +
	    SESSIONS * sizeof(struct plan_session) + sizeof(PLAN_HEAD BODY)];
} all;
#define TEXTS (sizeof(all.bytes) - sizeof(PLAN_HEAD BODY))

/* The master. */
static struct {
	struct plan_declared declared;
	struct plan_go go;
	char order[PLAN_ORDER_BYTES_MAX];
	size_t length; /* of the order */
	bool is_told; /* whom the header declares */
	bool is_unreachable, is_silent, is_short;
	bool has_answered, is_closed;
} master;
static jmp_buf ended;

/* --------------------------------------------------------------- the kernel */

/* What has been peeked at is there. */
static long
discard(size_t length)
{
	MUST(length <= client.peeked);
	client.gone += length;
	client.peeked = 0;
	return (long)length;
}

static long
fuzz_recvfrom(char *bytes, size_t length, int flags)
{
	size_t n;
	long comes;

	MUST(length > 0);
	if (!master.is_told && flags == (MSG_DONTWAIT | MSG_TRUNC))
		return discard(length);
	MUST(master.is_told ? flags == MSG_DONTWAIT ||
		    flags == (MSG_DONTWAIT | MSG_TRUNC) :
			      flags == (MSG_DONTWAIT | MSG_PEEK));
	comes = client_comes(length);
	if (comes <= 0)
		return comes == 0 ? client_comes_nothing() : comes;
	n = (size_t)comes;
	if (flags & MSG_PEEK)
		client.peeked = n;
	memset(bytes, 'x', length); /* all of it must be there */
	memcpy(bytes, client.says + client.gone, n);
	client.gone += flags & MSG_PEEK ? 0 : n;
	return (long)n;
}

/* --------------------------------------------------------------- the master */

static long
pair_send(const void *bytes, size_t length, int flags)
{
	MUST(!master.is_told && !master.is_closed);
	MUST(flags == (MSG_NOSIGNAL | MSG_DONTWAIT));
	MUST(length == sizeof(master.declared));
	memcpy(&master.declared, bytes, length);
	master.is_told = true;
	return master.is_unreachable ? client_fail(EPIPE) : (long)length;
}

/* The call blocks; now and then it is interrupted. */
static long
pair_recv(char *bytes, size_t room, int flags)
{
	MUST(master.is_told && !master.has_answered && !master.is_closed);
	MUST(!master.is_unreachable);
	MUST(flags == 0 && room == sizeof(master.go) + sizeof(master.order));
	if (input_byte(&client.script) & 0x80)
		return client_fail(EINTR);
	master.has_answered = true;
	if (master.is_silent)
		return 0;
	memcpy(bytes, &master.go, sizeof(master.go));
	if (master.is_short)
		return sizeof(master.go) - 1;
	memcpy(bytes + sizeof(master.go), master.order, master.length);
	return (long)(sizeof(master.go) + master.length);
}

static long
fuzz_close(long fd)
{
	MUST(fd == SPAWNER_SOCKET || (fd == SPAWNER_PAIR && !master.is_closed));
	master.is_closed = fd == SPAWNER_PAIR;
	return 0;
}

static long
fuzz_syscall(long number, long a, long b, long c, long d, long e, long f)
{
	bool is_send = number == SYS_sendto;

	MUST((e == 0 || number == CALL_PPOLL) && f == 0);
	if (number == CALL_PPOLL)
		return client_waits((struct pollfd *)a, (unsigned)b,
		    (struct call_time *)c,
		    master.has_answered ? LIMIT_MS : PROXY_MS, LIMIT_MS);
	if (number == SYS_exit_group)
		longjmp(ended, (int)a + 1);
	if (number == SYS_close)
		return fuzz_close(a);
	if (client_is_prologue(number))
		return 0;
	if (number == SYS_shutdown)
		return client_shutdown(a, b);
	if (number == SYS_ioctl && a == SPAWNER_CLIENT)
		return client_leaves(b, (int *)c);
	MUST(is_send || number == SYS_recvfrom);
	if (a == SPAWNER_PAIR)
		return is_send ? pair_send((void *)b, (size_t)c, (int)d) :
				 pair_recv((char *)b, (size_t)c, (int)d);
	MUST(a == SPAWNER_CLIENT);
	if (!is_send)
		return fuzz_recvfrom((char *)b, (size_t)c, (int)d);
	MUST(master.has_answered && master.is_closed);
	return client_takes((const char *)b, (size_t)c, (int)d);
}

/* It is the trial's too, which is not here. */
void
prologue_call(const struct plan *plan, const struct plan_session *session)
{
	prologue(plan, session);
}

/* --------------------------------------------------------- how it should be */

/* A port; NULL is none. */
static bool
is_port(const char *text, uint16_t *port)
{
	char *end;

	if (text == NULL || text[strspn(text, "0123456789")] != '\0' ||
	    text[0] == '\0' || strlen(text) > 5 ||
	    (text[0] == '0' && text[1] != '\0') ||
	    strtoul(text, &end, 10) > 65535)
		return false;
	*port = (uint16_t)strtoul(text, &end, 10);
	return true;
}

/* The next field of a line, which has a space before it; NULL: there is none. */
static char *
field_next(char **rest)
{
	char *field = *rest;

	if (field == NULL || *field != ' ')
		return NULL;
	*rest = strchr(++field, ' ');
	if (*rest == NULL)
		return field;
	/* What is left begins with the space. */
	memmove(*rest + 1, *rest, strlen(*rest) + 1);
	*(*rest)++ = '\0';
	return field;
}

static bool
is_named(char *rest, int family, struct plan_declared *declared)
{
	struct addr *both[] = { &declared->client, &declared->server };
	char *field;
	size_t i;

	for (i = 0; i < 2; i++) {
		field = field_next(&rest);
		both[i]->family = (uint8_t)family;
		if (field == NULL ||
		    inet_pton(family, field, both[i]->bytes) != 1)
			return false;
	}
	return is_port(field_next(&rest), &declared->client.port) &&
	    is_port(field_next(&rest), &declared->server.port) && rest == NULL;
}

/* The length of a line that is right; 0: there is none. */
static size_t
line_judge(const char *says, size_t length, struct plan_declared *declared)
{
	const char *end;
	char line[PROXY_LINE_MAX + 8] = { 0 }; /* field_next() adds to it */
	size_t n;

	length = length < PROXY_LINE_MAX ? length : PROXY_LINE_MAX;
	end = length > 0 ? memchr(says, '\n', length) : NULL;
	if (end == NULL)
		return 0;
	n = (size_t)(end - says) + 1;
	if (n < 15 || end[-1] != '\r' || memcmp(says, "PROXY ", 6) != 0 ||
	    memchr(says, '\r', n - 2) != NULL)
		return 0;
	memcpy(line, says, n - 2);
	if (memcmp(line, "PROXY UNKNOWN", 13) == 0)
		return line[13] == ' ' || n == 15 ? n : 0;
	if (strlen(line) != n - 2 || memcmp(line + 6, "TCP", 3) != 0 ||
	    (line[9] != '4' && line[9] != '6') ||
	    !is_named(line + 10, line[9] == '4' ? AF_INET : AF_INET6, declared))
		return 0;
	return n;
}

static unsigned
pair_of(const char *at)
{
	return (unsigned)(uint8_t)at[0] << 8 | (uint8_t)at[1];
}

/* Bit by bit, with the four bytes at zero as 0. */
static uint32_t
sum_of(const char *bytes, size_t n, size_t zero)
{
	uint32_t sum = UINT32_MAX;
	size_t i;
	int bit;

	for (i = 0; i < n; i++) {
		sum ^= i >= zero && i < zero + 4 ? 0 : (uint8_t)bytes[i];
		for (bit = 0; bit < 8; bit++)
			sum = sum >> 1 ^ (sum & 1 ? 0x82f63b78 : 0);
	}
	return ~sum;
}

/* From where they begin. */
static bool
tlvs_judge(const char *says, size_t at, size_t length)
{
	size_t n, sum = 0;

	for (; at < length; at += 3 + n) {
		if (length - at < 3)
			return false;
		n = pair_of(says + at + 1);
		if (n > length - at - 3 || (says[at] == 5 && n > 128))
			return false;
		if (says[at] != 3)
			continue;
		if (sum != 0 || n != 4)
			return false;
		sum = at + 3;
	}
	return sum == 0 ||
	    sum_of(says, length, sum) ==
	    ((uint32_t)pair_of(says + sum) << 16 | pair_of(says + sum + 2));
}

static void
named(const char *at, int family, struct plan_declared *declared)
{
	size_t n = family == AF_INET ? 4 : 16;

	declared->client.family = declared->server.family = (uint8_t)family;
	memcpy(declared->client.bytes, at, n);
	memcpy(declared->server.bytes, at + n, n);
	declared->client.port = (uint16_t)pair_of(at + 2 * n);
	declared->server.port = (uint16_t)pair_of(at + 2 * n + 2);
}

/* The length of a binary header that is right; 0: there is none. */
static size_t
binary_judge(const char *says, size_t length, struct plan_declared *declared)
{
	static const char begin[] = "\r\n\r\n\0\r\nQUIT\n";
	static const size_t addresses[] = { 0, 12, 36, 216 };
	unsigned family, protocol;
	size_t n;

	if (length < 16 || memcmp(says, begin, 12) != 0 ||
	    length < 16 + pair_of(says + 14))
		return 0;
	length = 16 + pair_of(says + 14);
	if (says[12] == 0x20)
		return length;
	family = (uint8_t)says[13] >> 4;
	protocol = (uint8_t)says[13] & 15;
	if (says[12] != 0x21 || family > 3 || protocol > 2)
		return 0;
	if (family == 0 || protocol == 0)
		return length;
	n = 16 + addresses[family];
	if (n > length || !tlvs_judge(says, n, length))
		return 0;
	if (protocol == 1 && family < 3)
		named(says + 16, family == 1 ? AF_INET : AF_INET6, declared);
	return length;
}

/* Whom what the client says declares, with the header's length; 0: nobody is
 * declared as one should. */
static struct plan_declared
judge(uint32_t versions)
{
	const char *says = (const char *)client.says;
	struct plan_declared declared = { 0 };
	size_t length = 0;

	if (versions & PLAN_PROXY_V1)
		length = line_judge(says, client.length, &declared);
	if (length == 0 && (versions & PLAN_PROXY_V2) != 0)
		length = binary_judge(says, client.length, &declared);
	declared.length = (uint32_t)length;
	return declared;
}

static bool
is_same(const struct plan_declared *a, const struct plan_declared *b)
{
	return a->length == b->length &&
	    a->client.family == b->client.family &&
	    a->server.family == b->server.family &&
	    a->client.port == b->client.port &&
	    a->server.port == b->server.port && a->client.scope == 0 &&
	    a->server.scope == 0 &&
	    memcmp(a->client.bytes, b->client.bytes, 16) == 0 &&
	    memcmp(a->server.bytes, b->server.bytes, 16) == 0;
}

/* In pieces of that size. */
static struct proxy
taken(uint32_t versions, size_t size)
{
	struct proxy proxy = { .versions = versions };
	size_t at, n, taken = 0;

	for (at = 0; at < client.length; at += n) {
		n = size < client.length - at ? size : client.length - at;
		taken += proxy_take(&proxy, (const char *)client.says + at, n);
	}
	MUST(proxy.length == taken && taken <= PLAN_PROXY_HEADER_MAX);
	MUST(proxy.verdict != PROXY_UNFINISHED || taken == client.length);
	return proxy;
}

/* Returns whether the header is bad. */
static bool
check_taken(uint32_t versions, size_t size, const struct plan_declared *want)
{
	struct proxy whole = taken(versions, client.length + 1);
	struct proxy other = taken(versions, size);
	struct plan_declared declared;

	MUST(whole.verdict == other.verdict && whole.length == other.length);
	MUST((whole.verdict == PROXY_GOOD) == (want->length > 0));
	if (whole.verdict == PROXY_GOOD) {
		proxy_declared(&other, &declared);
		MUST(is_same(&declared, want));
	}
	return whole.verdict == PROXY_BAD;
}

/* Does the master's answer belong to one of its sessions? */
static bool
has_sense(void)
{
	size_t head = master.go.head;

	switch (master.go.session) {
	case PLAIN:
		return head == 0 && master.length == 0;
	case PLAIN_RENDERED:
		return head == 0;
	case HTTP:
		return head == master.length && head >= PLAN_DATE_LENGTH &&
		    head <= PLAN_HEAD_MAX;
	case HTTP_RENDERED:
		return head <= master.length && head >= PLAN_DATE_LENGTH &&
		    head <= PLAN_HEAD_MAX;
	default:
		return false;
	}
}

/* The text, at that place of what it has got. */
static size_t
check_got(size_t at, const char *text, size_t length)
{
	MUST(client.n_got >= at + length);
	MUST(memcmp(client.got + at, text, length) == 0);
	return at + length;
}

/* A HEAD gets no body. */
static void
check_greeted(void)
{
	bool rendered = master.go.session % 2;
	size_t n = 0;

	if (master.go.session >= HTTP) {
		n = check_got(n, PLAN_HEAD, sizeof(PLAN_HEAD) - 1);
		n = check_got(n, master.order, master.go.head);
		if (client.n_got == n)
			return;
	}
	if (rendered)
		n = check_got(n, master.order + master.go.head,
		    master.length - master.go.head);
	else
		n = check_got(n, BODY, sizeof(BODY) - 1);
	MUST(client.n_got == n);
}

/* Before the master has said what to send. */
static void
check_early_end(int status, bool is_bad, const struct plan_declared *want)
{
	MUST(client.n_got == 0 && !client.has_end);
	if (status == OUTCOME_PROXY_ERROR && master.is_told)
		MUST(master.is_unreachable || master.is_silent ||
		    master.is_short);
	else if (status == OUTCOME_PROXY_ERROR)
		MUST(is_bad || client.is_late ||
		    (client.has_closed && client.length > 0));
	else if (status == OUTCOME_RESET)
		MUST(client.has_reset && !master.is_told && !is_bad);
	else if (status == OUTCOME_CLIENT_GONE)
		MUST(client.has_closed && client.length == 0);
	else
		MUST(status == PROLOGUE_EXIT_FAILED && master.is_closed &&
		    !has_sense());
	if (!master.is_told && !client.is_late)
		MUST(want->length == 0);
}

static void
check_late_end(int status)
{
	MUST(has_sense());
	switch (status) {
	case OUTCOME_GREETED:
		check_greeted();
		break;
	case OUTCOME_BAD_REQUEST:
		MUST(master.go.session >= HTTP && client.n_got > 0);
		break;
	case OUTCOME_REQUEST_TIMEOUT:
		MUST(master.go.session >= HTTP && client.is_late);
		break;
	case OUTCOME_SEND_TIMEOUT:
		MUST(client.still_ms == LIMIT_MS);
		break;
	case OUTCOME_RESET:
		MUST(client.has_reset);
		break;
	default:
		MUST(status == OUTCOME_CLIENT_GONE);
	}
	MUST(client.has_end == (status == OUTCOME_GREETED ||
	    status == OUTCOME_BAD_REQUEST ||
	    status == OUTCOME_REQUEST_TIMEOUT));
}

static void
check_end(int status, bool is_bad, const struct plan_declared *want)
{
	bool goes_on = master.has_answered && master.is_closed && has_sense();

	if (master.is_told) {
		MUST(want->length > 0 && is_same(&master.declared, want));
		MUST(client.gone >= want->length);
		MUST(client.gone == want->length || goes_on);
	}
	MUST(!master.is_told || master.has_answered || master.is_unreachable);
	MUST(!goes_on || !(master.is_silent || master.is_short));
	if (goes_on)
		check_late_end(status);
	else
		check_early_end(status, is_bad, want);
}

/* ---------------------------------------------------------------- the input */

static void
plan_make(uint32_t versions)
{
	uint32_t i;

	memset(&all, 0, sizeof(all));
	all.plan.n_sessions = SESSIONS;
	memcpy(all.bytes + TEXTS, PLAN_HEAD BODY, sizeof(PLAN_HEAD BODY) - 1);
	for (i = 0; i < SESSIONS; i++)
		all.plan.session[i] = (struct plan_session) {
			.format = i < HTTP ? PLAN_PLAIN : PLAN_HTTP,
			.head_offset = TEXTS,
			.head_length = sizeof(PLAN_HEAD) - 1,
			.greeting_offset = TEXTS + sizeof(PLAN_HEAD) - 1,
			.greeting_length = sizeof(BODY) - 1,
			.request_ms = LIMIT_MS,
			.send_ms = LIMIT_MS,
			.proxy_ms = PROXY_MS,
			.proxy_versions = versions,
			.rendered = i % 2,
		};
}

/* The right answer for a session, or one that is not. */
static void
answer_make(uint8_t how)
{
	static const size_t lengths[] = { 0, sizeof(BODY) - 1,
		sizeof(ORDER_HEAD) - 1, sizeof(ORDER_HEAD BODY) - 1 };
	uint32_t session = how & 7;

	memset(&master, 0, sizeof(master));
	memset(master.order, 'x', sizeof(master.order));
	master.go.session = session == 7 ? UINT32_MAX : session;
	master.go.head = session / 2 == 1 ? sizeof(ORDER_HEAD) - 1 : 0;
	master.length = lengths[session % SESSIONS];
	if (session % SESSIONS == PLAIN_RENDERED)
		memcpy(master.order, BODY, sizeof(BODY) - 1);
	else
		memcpy(master.order, ORDER_HEAD BODY,
		    sizeof(ORDER_HEAD BODY) - 1);
	switch (how >> 3) {
	case 1:
		master.length++;
		break;
	case 2:
		master.go.head++;
		break;
	case 3:
		master.go.head = PLAN_DATE_LENGTH - 1;
		break;
	case 4:
		master.go.head = UINT32_MAX;
		break;
	case 5:
		master.length = PLAN_ORDER_BYTES_MAX;
		break;
	case 6:
		master.length = master.go.head = PLAN_HEAD_MAX + 1;
		break;
	case 7:
		master.is_short = true;
		break;
	case 8:
		master.is_silent = true;
		break;
	case 9:
		master.is_unreachable = true;
		break;
	case 10:
		master.length = 0;
		break;
	case 11:
		master.length = master.go.head = PLAN_HEAD_MAX;
		break;
	default:
		break;
	}
}

/* Returns the exit status. */
static int
serve_client(void)
{
	struct image_memory memory;
	struct image image = { .plan = &all.plan, .memory = &memory };
	int status;

	memset(&memory, 'x', sizeof(memory));
	status = setjmp(ended);
	if (status == 0)
		session_proxied(&image, &all.plan.session[PLAIN], 0, 0);
	return status - 1;
}

/* How the client ends and which versions there are, the master's answer, the
 * length of the script, the script, what the client says. */
int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
	struct input input = { bytes, length };
	uint8_t flags = input_byte(&input);
	uint32_t versions = (flags >> 2 & 3) == 0 ? PLAN_PROXY_V1 |
		PLAN_PROXY_V2 : (flags >> 2 & 3);
	struct plan_declared want;
	size_t script;
	bool is_bad;

	answer_make(input_byte(&input));
	script = input_byte(&input);
	script = script < input.left ? script : input.left;
	memset(&client, 0, sizeof(client));
	client.untaken = INT_MAX;
	client.has_closed = flags & 1;
	client.has_reset = flags & 2;
	client.script = (struct input) { input.at, script };
	client.says = input.at + script;
	client.length = input.left - script;
	plan_make(versions);
	want = judge(versions);
	is_bad = check_taken(versions, (flags >> 4) + 1u, &want);
	check_end(serve_client(), is_bad, &want);
	return 0;
}
