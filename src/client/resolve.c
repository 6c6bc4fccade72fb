/* Finding the addresses of a target before a deadline. */
#include "config.h"

#include "client/resolve.h"

#include <sys/prctl.h>
#include <sys/un.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "shared/deadline.h"
#include "shared/output.h"

#define REAP_MS 1000 /* for a child that has been killed */

/* What the child that looks up the name writes to its pipe. */
struct reply {
	int result; /* of getaddrinfo() */
	int error; /* errno, when result is EAI_SYSTEM */
	struct peers peers;
};

static void
take_addresses(const struct addrinfo *ai, struct peers *peers)
{
	struct peer *peer;

	for (; ai != NULL && peers->count < PEERS_MAX; ai = ai->ai_next) {
		if (ai->ai_addrlen > sizeof(peer->address))
			continue;
		peer = &peers->peer[peers->count++];
		memcpy(&peer->address, ai->ai_addr, ai->ai_addrlen);
		peer->length = ai->ai_addrlen;
	}
}

/*
 * Without AI_ADDRCONFIG, which ignores loopback addresses: ::1 would be "not
 * found" on a machine without another IPv6 address.  An address that cannot be
 * reached fails at once, which is cheap.
 */
static void
look_up(const struct target *target, int flags, struct reply *reply)
{
	struct addrinfo hints = { .ai_flags = flags | AI_NUMERICSERV,
		.ai_family = target->family,
		.ai_socktype = SOCK_STREAM };
	struct addrinfo *list;
	char port[sizeof("65535")];

	memset(reply, 0, sizeof(*reply));
	snprintf(port, sizeof(port), "%u", (unsigned)target->port);
	errno = 0;
	reply->result = getaddrinfo(target->host, port, &hints, &list);
	reply->error = reply->result == EAI_MEMORY ? ENOMEM : errno;
	if (reply->result == EAI_MEMORY)
		reply->result = EAI_SYSTEM;
	if (reply->result != 0)
		return;
	take_addresses(list, &reply->peers);
	freeaddrinfo(list);
}

static bool
is_shortage(int error)
{
	return error == EMFILE || error == ENFILE || error == ENOMEM ||
	    error == ENOBUFS;
}

/* Tries what a look-up needs; returns 0, or the errno of a shortage. */
static int
shortage_find(void)
{
	int fd, error = 0;

	fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	if (fd == -1)
		error = errno;
	else
		close(fd);
	if (is_shortage(error))
		return error;
	fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd == -1)
		error = errno;
	else
		close(fd);
	return is_shortage(error) ? error : 0;
}

/* getaddrinfo() reports a name as unknown if it has no descriptor or memory to
 * read the files that may know it. */
static void
look_for_shortage(struct reply *reply)
{
	int error = reply->error;

	if (reply->result == 0 || reply->result == EAI_SYSTEM)
		return;
	if (!is_shortage(error))
		error = shortage_find();
	if (error == 0)
		return;
	reply->result = EAI_SYSTEM;
	reply->error = error;
}

static _Noreturn void
child_run(const struct target *target, int fd)
{
	struct reply reply;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	look_up(target, 0, &reply);
	look_for_shortage(&reply);
	_exit(write(fd, &reply, sizeof(reply)) != (ssize_t)sizeof(reply));
}

static int
read_reply(int fd, int64_t deadline, struct reply *reply)
{
	size_t have = 0;
	ssize_t n;

	while (have < sizeof(*reply)) {
		if (deadline_wait(deadline, fd, POLLIN) == -1)
			return -1;
		n = read(fd, (char *)reply + have, sizeof(*reply) - have);
		if (n > 0) {
			have += (size_t)n;
		} else if (n == 0) {
			errno = ECHILD; /* see why() */
			return -1;
		} else if (errno != EINTR) {
			return -1;
		}
	}
	return 0;
}

/* Past the deadline EINTR comes (deadline_interrupt()): a child that a dead
 * file server holds is left behind. */
static void
reap(pid_t pid)
{
	int64_t deadline = deadline_after(REAP_MS);

	while (waitpid(pid, NULL, 0) == -1 && errno == EINTR &&
	    deadline_left(deadline) > 0)
		;
}

/* look_up() in a child, which can be killed at the deadline.  Returns 0, or -1
 * with errno. */
static int
look_up_name(const struct target *target, int64_t deadline, struct reply *reply)
{
	int fds[2], result = -1, error;
	pid_t pid;

	if (pipe2(fds, O_CLOEXEC) == -1)
		return -1;
	switch (pid = fork()) {
	case -1:
		error = errno;
		close(fds[1]);
		break;
	case 0:
		close(fds[0]);
		child_run(target, fds[1]);
	default:
		close(fds[1]);
		result = read_reply(fds[0], deadline, reply);
		error = errno;
		kill(pid, SIGKILL);
		reap(pid);
		break;
	}
	close(fds[0]);
	errno = error;
	return result;
}

/* The name of an abstract one ends where the address does: unix(7). */
static enum status
resolve_path(const char *path, struct peers *peers)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	size_t length = strnlen(path, sizeof(address.sun_path));

	/* The caller has checked the length. */
	memcpy(address.sun_path, path, length);
	memset(peers, 0, sizeof(*peers));
	peers->peer[0].length = sizeof(address);
	if (path[0] == '@') {
		address.sun_path[0] = '\0';
		peers->peer[0].length = (socklen_t)(
		    offsetof(struct sockaddr_un, sun_path) + length);
	}
	memcpy(&peers->peer[0].address, &address, sizeof(address));
	peers->count = 1;
	return STATUS_OK;
}

static const char *
why(int error)
{
	switch (error) {
	case ETIMEDOUT:
		return "timed out";
	case ECHILD:
		return "the process that did it died";
	default:
		return strerror(error);
	}
}

static enum status
resolve_failed(const char *host, int result, int error)
{
	output_error("look up %s: %s", host,
	    result == EAI_SYSTEM ? why(error) : gai_strerror(result));
	if (result == EAI_SYSTEM && error == ETIMEDOUT)
		return STATUS_TIMEOUT;
	return result == EAI_SYSTEM ? STATUS_SYSTEM : STATUS_NOT_FOUND;
}

enum status
resolve_target(
    const struct target *target, int64_t deadline, struct peers *peers)
{
	struct reply reply;

	if (target->path != NULL)
		return resolve_path(target->path, peers);
	/* A numeric address needs neither a child nor a name server. */
	look_up(target, AI_NUMERICHOST, &reply);
	if (reply.result == EAI_NONAME && !target->numeric &&
	    look_up_name(target, deadline, &reply) == -1)
		return resolve_failed(target->host, EAI_SYSTEM, errno);
	if (reply.result != 0)
		return resolve_failed(target->host, reply.result, reply.error);
	*peers = reply.peers;
	return STATUS_OK;
}
