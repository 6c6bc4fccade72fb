/* Taking over sockets that a service manager has bound. */
#include "config.h"

#include "master/listeners/activation.h"

#include <sys/socket.h>
#include <sys/un.h>

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "master/system/log.h"
#include "shared/number.h"

static struct passed *list;
static size_t n_list;

static int
wrong(char *why, const char *name, const char *value, const char *expected)
{
	snprintf(why, ACTIVATION_WHY_MAX, "%s: \"%.40s\": expected %s",
	    name, value, expected);
	return -1;
}

static int64_t
count_names(const char *names)
{
	int64_t n = 1;

	for (; *names != '\0'; names++)
		n += *names == ':';
	return n;
}

int
activation_parse(
    const struct activation_variables *variables, pid_t self, char *why)
{
	int64_t pid, n, names;

	if (variables->pid == NULL || variables->fds == NULL)
		return 0;
	if (number_parse(variables->pid, 1, INT32_MAX, &pid) == -1)
		return wrong(why, "LISTEN_PID", variables->pid,
		    "a process ID");
	if (pid != self)
		return 0;
	if (number_parse(variables->fds, 0, ACTIVATION_MAX, &n) == -1)
		return wrong(why, "LISTEN_FDS", variables->fds,
		    "a number from 0 to 1024");
	if (variables->names == NULL || n == 0)
		return (int)n;
	names = count_names(variables->names);
	if (names == n)
		return (int)n;
	snprintf(why, ACTIVATION_WHY_MAX,
	    "LISTEN_FDNAMES: \"%.40s\" has %d names, expected %d, as in "
	    "LISTEN_FDS",
	    variables->names, (int)names, (int)n);
	return -1;
}

static struct activation_variables
environment(void)
{
	return (struct activation_variables){ getenv("LISTEN_PID"),
		getenv("LISTEN_FDS"), getenv("LISTEN_FDNAMES") };
}

unsigned
activation_expect(void)
{
	struct activation_variables variables = environment();
	char why[ACTIVATION_WHY_MAX];
	int n = activation_parse(&variables, getpid(), why);

	return n > 0 ? (unsigned)n : 0;
}

/* Takes the next name from *names, which may be NULL. */
static void
take_name(struct passed *passed, const char **names)
{
	size_t length;

	if (*names == NULL) {
		snprintf(passed->name, sizeof(passed->name), "unknown");
		return;
	}
	length = strcspn(*names, ":");
	snprintf(
	    passed->name, sizeof(passed->name), "%.*s", (int)length, *names);
	*names += length + ((*names)[length] == ':');
}

static int
option_of(int fd, int level, int option)
{
	int value = -1;
	socklen_t length = sizeof(value);

	return getsockopt(fd, level, option, &value, &length) == 0 ? value : -1;
}

/* NULL, or what is wrong with the descriptor. */
static const char *
check(int fd)
{
	int family = option_of(fd, SOL_SOCKET, SO_DOMAIN);

	if (fcntl(fd, F_GETFD) == -1)
		return "is not open";
	if (family == -1)
		return "is not a socket";
	if (family != AF_INET && family != AF_INET6 && family != AF_UNIX)
		return "is a socket of another address family";
	if (option_of(fd, SOL_SOCKET, SO_TYPE) == SOCK_DGRAM)
		return "is a datagram socket";
	if (option_of(fd, SOL_SOCKET, SO_TYPE) != SOCK_STREAM ||
	    (family != AF_UNIX &&
		option_of(fd, SOL_SOCKET, SO_PROTOCOL) != IPPROTO_TCP))
		return "is a socket of another protocol";
	if (option_of(fd, SOL_SOCKET, SO_ACCEPTCONN) != 1)
		return "is a socket that does not listen";
	return NULL;
}

/* Its file may be of any name: it is shown, and compared with what the configuration
 * has, where it is printable ASCII. */
static void
note_path(struct passed *passed, const struct sockaddr_un *address,
    socklen_t length)
{
	size_t start = offsetof(struct sockaddr_un, sun_path), i;
	size_t n = length > start ? length - start : 0;

	if (n > 0 && address->sun_path[0] != '\0')
		n = strnlen(address->sun_path, n);
	if (n > CONF_SOCKET_MAX)
		n = CONF_SOCKET_MAX;
	for (i = 0; i < n; i++)
		passed->path[i] = address->sun_path[i] > ' ' &&
			address->sun_path[i] <= '~' ?
		    address->sun_path[i] : '?';
	if (n > 0 && address->sun_path[0] == '\0')
		passed->path[0] = '@';
	passed->addr = (struct addr) { .family = AF_UNIX };
}

/* Fills in the socket's address.  NULL, or what is wrong; errno is 0 when that is
 * the socket itself. */
static const char *
take(struct passed *passed)
{
	struct sockaddr_storage address;
	socklen_t length = sizeof(address);
	const char *why = check(passed->fd);
	int flags;

	errno = 0;
	if (why != NULL)
		return why;
	flags = fcntl(passed->fd, F_GETFL);
	if (flags == -1 ||
	    fcntl(passed->fd, F_SETFL, flags | O_NONBLOCK) == -1 ||
	    fcntl(passed->fd, F_SETFD, FD_CLOEXEC) == -1 ||
	    getsockname(passed->fd, (struct sockaddr *)&address, &length) == -1)
		return strerror(errno);
	if (address.ss_family == AF_UNIX)
		note_path(passed, (const struct sockaddr_un *)&address, length);
	else
		addr_from_sockaddr(&passed->addr, &address);
	passed->v6only = option_of(passed->fd, IPPROTO_IPV6, IPV6_V6ONLY) == 1;
	return NULL;
}

void
activation_adopt(void)
{
	struct activation_variables variables = environment();
	char why[ACTIVATION_WHY_MAX];
	const char *problem;
	enum exit_status bad = 0;
	int i, n = activation_parse(&variables, getpid(), why);

	if (n == -1)
		fatal(EXIT_CONFIG, "%s", why);
	if (n > 0)
		list = calloc((size_t)n, sizeof(*list));
	if (n > 0 && list == NULL)
		fatal(EXIT_SYSTEM, "LISTEN_FDS: %s", strerror(errno));
	for (i = 0; i < n; i++) {
		list[i].fd = ACTIVATION_FIRST + i;
		take_name(&list[i], &variables.names);
		problem = take(&list[i]);
		if (problem == NULL)
			continue;
		bad = cause_of(errno, EXIT_CONFIG);
		log_line(LOG_ERR,
		    "LISTEN_FDS: descriptor %d (\"%s\"): %s, expected a "
		    "listening TCP or UNIX stream socket",
		    list[i].fd, list[i].name, problem);
	}
	if (bad != 0)
		exit((int)bad);
	n_list = (size_t)n;
	unsetenv("LISTEN_PID");
	unsetenv("LISTEN_FDS");
	unsetenv("LISTEN_FDNAMES");
}

const struct passed *
activation_list(size_t *n)
{
	*n = n_list;
	return list;
}

bool
activation_owns(int fd)
{
	size_t i;

	for (i = 0; i < n_list; i++)
		if (list[i].fd == fd)
			return true;
	return false;
}

void
activation_keep(struct passed *passed, size_t n)
{
	list = passed;
	n_list = n;
}

void
activation_close(void)
{
	size_t i;

	for (i = 0; i < n_list; i++)
		close(list[i].fd);
	free(list);
	list = NULL;
	n_list = 0;
}
