/* Instead of the PROXY header: a child that obeys the first byte of its client,
 * and lies to the master about who that is. */
#include "config.h"

/* The honest one stays at hand: for the canary, whose header is one. */
#define session_proxied honest_proxied
#include "spawner/image/proxied.c"
#undef session_proxied

IMAGE_OWN _Noreturn void session_proxied(const struct image *image,
    const void *what, size_t length, size_t head);

static long
declare(const void *bytes, size_t length)
{
	return call6(SYS_sendto, SPAWNER_PAIR, (long)bytes, (long)length,
	    MSG_NOSIGNAL | MSG_DONTWAIT, 0, 0);
}

/* Greets its client by itself, in as many bytes as the master's word has. */
_Noreturn static void
greet(enum outcome outcome)
{
	static const char lie[] = "hi liar.\n\n";

	call_send(lie, sizeof(lie) - 1, MSG_MORE);
	call_shutdown_write();
	call_exit(outcome);
}

/* Until it is killed. */
_Noreturn static void
stay(void)
{
	struct call_time day = { 86400, 0 };

	for (;;)
		call_ppoll(NULL, 0, &day);
}

/* What the master is told: 192.0.2.7 in a header of 28 bytes, or that made
 * wrong. */
static struct plan_declared
lie_of(char how)
{
	struct plan_declared lie = {
		.length = 28,
		.client = { AF_INET, { 192, 0, 2, 7 }, 7, 0 },
		.server = { AF_INET, { 192, 0, 2, 9 }, 9, 0 },
	};

	if (how == 'f')
		lie.client.family = lie.server.family = AF_UNIX;
	if (how == 'd')
		lie.server.family = AF_INET6;
	if (how == 'n')
		lie.length = 0;
	if (how == 'l')
		lie.length = PLAN_PROXY_HEADER_MAX + 1;
	if (how == 's')
		lie.client.scope = 1;
	if (how == 'b')
		lie.client.bytes[4] = 1;
	return lie;
}

_Noreturn static void
obey(const struct image *image, char how)
{
	const struct plan_declared lie[2] = { lie_of(how), lie_of(how) };
	struct plan_go *go = &image->memory->go;

	if (how == 'e') /* without a word */
		greet(OUTCOME_GREETED);
	if (how == 'm') /* a descriptor, perhaps */
		call3(SYS_recvmsg, SPAWNER_PAIR, 0, 0);
	if (how == 'o')
		call3(SYS_sendmsg, SPAWNER_PAIR, 0, 0);
	if (how == 'w')
		declare(lie, 4);
	else if (how == 't')
		declare(lie, sizeof(lie));
	else
		declare(lie, sizeof(*lie));
	if (how == '2') /* and somebody else */
		declare(lie, sizeof(*lie));
	if (how == 'i') /* does not listen */
		greet(OUTCOME_GREETED);
	call_await_go(go, sizeof(*go) + sizeof(image->memory->order));
	if (how == 'c' || how == '2')
		greet(OUTCOME_GREETED);
	if (how == 'p')
		call_exit(OUTCOME_PROXY_ERROR);
	stay();
}

void
session_proxied(
    const struct image *image, const void *what, size_t length, size_t head)
{
	struct call_time day = { 86400, 0 };
	const char *piece = image->memory->piece;

	do
		stream_await(POLLIN, &day);
	while (call_recv(image->memory->piece, 1, MSG_PEEK) < 0);
	if (*piece == 'P' || *piece == '\r')
		honest_proxied(image, what, length, head);
	prologue_call(image->plan, what);
	obey(image, *piece);
}
