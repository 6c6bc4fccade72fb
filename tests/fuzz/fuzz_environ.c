/* What the service manager's variables make the master do: sends go to the
 * socket that they name, or nowhere. */
#include "config.h"

#include <stddef.h>
#include <string.h>

/* Compiled into this file, so that each input finds it as at the start. */
#include "master/system/notify.c"

#include "fuzz.h"
#include "master/listeners/activation.h"

#define VALUE_MAX 256
#define SOCKET 1000 /* never opened */

ssize_t __wrap_sendto(int fd, const void *bytes, size_t length, int flags,
    const struct sockaddr *to, socklen_t to_length);
int __wrap_socket(int domain, int type, int protocol);

/* Each is a line of the input; what is not there is not set. */
static struct variable {
	const char *name;
	char text[32 + VALUE_MAX]; /* "NAME=VALUE", as putenv(3) wants it */
	char *value; /* NULL: not set */
} variables[] = {
	{ .name = "NOTIFY_SOCKET" },
	{ .name = "WATCHDOG_USEC" },
	{ .name = "WATCHDOG_PID" },
	{ .name = "LISTEN_PID" },
	{ .name = "LISTEN_FDS" },
	{ .name = "LISTEN_FDNAMES" },
};
#define VARIABLES (sizeof(variables) / sizeof(variables[0]))
enum { NOTIFY_SOCKET, WATCHDOG_USEC, WATCHDOG_PID, LISTEN_PID, LISTEN_FDS,
	LISTEN_FDNAMES };
#define SELF 7 /* for LISTEN_PID */
#define SENT_MAX 8
static unsigned sent;
static char last[SENT_MAX][512]; /* what was sent */
static bool is_full; /* the manager's socket */

int
__wrap_socket(int domain, int type, int protocol)
{
	MUST(domain == AF_UNIX && protocol == 0);
	MUST(type == (SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK));
	return SOCKET;
}

/* The address is the variable's value, '@' standing for the NUL byte. */
ssize_t
__wrap_sendto(int fd, const void *bytes, size_t length, int flags,
    const struct sockaddr *to, socklen_t to_length)
{
	const struct sockaddr_un *un = (const struct sockaddr_un *)to;
	size_t path = to_length - offsetof(struct sockaddr_un, sun_path);
	const char *value = variables[NOTIFY_SOCKET].value;

	MUST(fd == SOCKET && flags == MSG_NOSIGNAL);
	MUST(to_length <= sizeof(*un) && un->sun_family == AF_UNIX);
	MUST(path == strlen(value) && path > 1);
	MUST(un->sun_path[0] == (*value == '@' ? '\0' : '/'));
	MUST(memcmp(un->sun_path + 1, value + 1, path - 1) == 0);
	MUST(memchr(bytes, '\0', length) == NULL);
	if (is_full) {
		errno = EAGAIN;
		return -1;
	}
	MUST(sent < SENT_MAX && length < sizeof(last[0]));
	memcpy(last[sent], bytes, length);
	last[sent++][length] = '\0';
	return (ssize_t)length;
}

static const unsigned counts[STATE_COUNT];

/* What was said while the manager's socket was full comes at the next try after
 * it, and again in this order. */
static void
try_full(void)
{
	int tries;

	sent = 0;
	is_full = true;
	notify_serving(2, counts);
	notify_reloading();
	notify_serving(3, counts);
	for (tries = 0; tries < 9; tries++)
		notify_alive(notify_wakeup());
	MUST(sent == 0);
	is_full = false;
	/* Some of these are for the watchdog alone. */
	for (tries = 0; sent == 0 && tries < 10000; tries++)
		notify_alive(notify_wakeup());
	MUST(sent >= 2 && sent <= 3);
	MUST(strncmp(last[0], "RELOADING=1\n", 12) == 0);
	MUST(strcmp(last[1], "READY=1\nSTATUS=serving 3 listeners") == 0);
	MUST(sent == 2 || strcmp(last[2], "WATCHDOG=1") == 0);
}

static void
try_notify(void)
{
	manager = (struct manager){ .fd = -1 };
	alive_every = 0;
	alive_at = CLOCK_NEVER;
	reloading[0] = state[0] = '\0';
	alive = false;
	failures = BACKOFF_NONE;
	sent = 0;
	notify_init();
	notify_serving(1, counts);
	notify_reloading();
	notify_stopping();
	MUST(sent == (manager.fd == -1 ? 0 : 3));
	MUST(alive_every >= 0);
	MUST(notify_wakeup() == CLOCK_NEVER || alive_every > 0);
	if (notify_wakeup() != CLOCK_NEVER) {
		notify_alive(notify_wakeup() - 1);
		MUST(sent == (manager.fd == -1 ? 0 : 3));
		notify_alive(notify_wakeup());
		MUST(sent == (manager.fd == -1 ? 0 : 4));
	}
	if (manager.fd != -1)
		try_full();
	/* Taken: no process that we start has it. */
	MUST(getenv("NOTIFY_SOCKET") == NULL);
	MUST(getenv("WATCHDOG_USEC") == NULL);
	MUST(getenv("WATCHDOG_PID") == NULL);
}

static void
try_activation(void)
{
	const struct activation_variables found = {
		variables[LISTEN_PID].value,
		variables[LISTEN_FDS].value,
		variables[LISTEN_FDNAMES].value,
	};
	char why[ACTIVATION_WHY_MAX] = "";
	int n = activation_parse(&found, SELF, why);

	MUST(n >= -1 && n <= ACTIVATION_MAX);
	MUST((n == -1) == (why[0] != '\0'));
	MUST(memchr(why, '\0', sizeof(why)) != NULL);
	if (found.pid == NULL || found.fds == NULL)
		MUST(n <= 0);
}

/* setenv(3) would keep every value. */
static void
variable_set(struct variable *variable, const uint8_t *bytes, size_t length)
{
	size_t name = strlen(variable->name);

	memcpy(variable->text, variable->name, name);
	variable->text[name] = '=';
	variable->value = variable->text + name + 1;
	memcpy(variable->value, bytes, length);
	variable->value[length] = '\0';
	MUST(putenv(variable->text) == 0);
}

/* A further variable is one more row, and what is to be true of it. */
int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
	const uint8_t *end;
	size_t i, n;

	if (length > VALUE_MAX)
		return 0;
	for (i = 0; i < VARIABLES; i++) {
		unsetenv(variables[i].name);
		variables[i].value = NULL;
	}
	for (i = 0; i < VARIABLES && length > 0; i++) {
		end = memchr(bytes, '\n', length);
		n = end == NULL ? length : (size_t)(end - bytes);
		variable_set(&variables[i], bytes, n);
		bytes += end == NULL ? n : n + 1;
		length -= end == NULL ? n : n + 1;
	}
	try_notify();
	try_activation();
	return 0;
}
