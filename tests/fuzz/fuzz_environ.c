/* What the service manager's variables make the master do: sends go to the
 * socket that they name, or nowhere. */
#include "config.h"

/* Compiled into this file, so that each input finds it as at the start. */
#include "master/notify.c"

#include "fuzz.h"

#define NAME "NOTIFY_SOCKET"
#define VALUE_MAX 256
#define SOCKET 1000 /* never opened */

ssize_t __wrap_sendto(int fd, const void *bytes, size_t length, int flags,
    const struct sockaddr *to, socklen_t to_length);
int __wrap_socket(int domain, int type, int protocol);
ssize_t __real_write(int fd, const void *bytes, size_t length);
ssize_t __wrap_write(int fd, const void *bytes, size_t length);

static char variable[sizeof(NAME "=") + VALUE_MAX] = NAME "=";
static char *const value = variable + sizeof(NAME);
static unsigned sent;

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

	MUST(fd == SOCKET && flags == MSG_NOSIGNAL);
	MUST(to_length <= sizeof(*un) && un->sun_family == AF_UNIX);
	MUST(path == strlen(value) && path > 1);
	MUST(un->sun_path[0] == (*value == '@' ? '\0' : '/'));
	MUST(memcmp(un->sun_path + 1, value + 1, path - 1) == 0);
	MUST(memchr(bytes, '\0', length) == NULL);
	sent++;
	return (ssize_t)length;
}

/* A line of the log has no bytes that a terminal would obey. */
ssize_t
__wrap_write(int fd, const void *bytes, size_t length)
{
	const unsigned char *text = bytes;
	size_t i;

	if (fd != STDERR_FILENO)
		return __real_write(fd, bytes, length);
	for (i = 0; i + 1 < length; i++)
		MUST(text[i] >= ' ' && text[i] != 0x7f);
	MUST(text[i] == '\n');
	return (ssize_t)length;
}

static void
try_notify(void)
{
	manager = -1;
	memset(&address, 0, sizeof(address));
	address_length = 0;
	sent = 0;
	/* setenv(3) would keep every value. */
	MUST(putenv(variable) == 0);
	notify_init();
	notify_ready("serving %u listeners", 1u);
	notify_reloading();
	notify_stopping();
	MUST(sent == (manager == -1 ? 0 : 3));
	/* Taken: no process that we start has it. */
	MUST(getenv(NAME) == NULL);
}

/* A further variable is one more function here, with a name and a buffer. */
int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
	if (length > VALUE_MAX)
		return 0;
	memcpy(value, bytes, length);
	value[length] = '\0';
	try_notify();
	return 0;
}
