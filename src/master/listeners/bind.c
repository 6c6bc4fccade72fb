/* Binding one address. */
#include "config.h"

#include "master/listeners/bind.h"

#include <sys/socket.h>

#include <net/if.h>
#include <netinet/in.h>

#include <errno.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "master/config/address.h"
#include "master/config/conf.h"
#include "master/listeners/listener.h"
#include "master/listeners/socket_access.h"
#include "master/listeners/socket_file.h"
#include "master/system/report.h"
#include "shared/number.h"

/* For an address that is in use at the start. */
#define PATIENCE_MS 300
#define PAUSE_MS 10

static int
option_set(int fd, int level, int option, int value)
{
	return setsockopt(fd, level, option, &value, sizeof(value));
}

/* listen(2) takes any port of all addresses for a socket that is not. */
static bool
is_bound(int fd, const struct addr *addr)
{
	struct sockaddr_storage address;
	socklen_t length = sizeof(address);
	struct addr found;

	if (getsockname(fd, (struct sockaddr *)&address, &length) == -1)
		return false;
	addr_from_sockaddr(&found, &address);
	found.scope = addr->scope; /* the kernel has one for fe80::/10 only */
	errno = EADDRNOTAVAIL;
	return addr_equal(&found, addr);
}

/* Opens and binds listener->fd.  Returns 0, or -1 with errno. */
static int
bind_ip(struct listener *listener)
{
	struct sockaddr_storage address;
	socklen_t length = addr_to_sockaddr(&listener->addr, &address);
	int fd, saved;

	fd = socket(listener->addr.family,
	    SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd == -1)
		return -1;
	if (option_set(fd, SOL_SOCKET, SO_REUSEADDR, 1) == 0 &&
	    (listener->addr.family != AF_INET6 ||
		option_set(fd, IPPROTO_IPV6, IPV6_V6ONLY, listener->v6only) ==
		    0) &&
	    bind(fd, (struct sockaddr *)&address, length) == 0 &&
	    is_bound(fd, &listener->addr)) {
		listener->fd = fd;
		return 0;
	}
	saved = errno;
	close(fd);
	errno = saved;
	return -1;
}

/* The same, with the reason in *why or NULL there. */
static int
bind_new(struct listener *listener, const char **why)
{
	*why = NULL;
	return listener->addr.family == AF_UNIX ?
	    socket_file_bind(listener, why) : bind_ip(listener);
}

/* At the start, where no client waits: a daemon that was killed a moment ago may
 * have left a child that was forked just then, which has the sockets until it gets
 * a processor.  Together no longer than PATIENCE_MS. */
static int
bind_patiently(struct listener *listener, const char **why)
{
	static int left = PATIENCE_MS / PAUSE_MS;
	const struct timespec pause = { 0, PAUSE_MS * 1000000 };

	while (bind_new(listener, why) == -1) {
		if (errno != EADDRINUSE || left == 0)
			return -1;
		left--;
		nanosleep(&pause, NULL);
	}
	return 0;
}

int
bind_scope(struct listener *listener, const struct conf_address *address)
{
	int64_t index;

	if (address->scope[0] == '\0')
		return 0;
	listener->addr.scope = if_nametoindex(address->scope);
	if (listener->addr.scope == 0 &&
	    number_parse(address->scope, 1, INT32_MAX, &index) == 0)
		listener->addr.scope = (uint32_t)index;
	if (listener->addr.scope != 0)
		return 0;
	errno = EADDRNOTAVAIL;
	return -1;
}

/* ENOENT: the directory of a UNIX socket. */
static bool
is_absent(int error)
{
	return error == EADDRNOTAVAIL || error == EAFNOSUPPORT ||
	    error == ENODEV || error == ENOENT;
}

static void
give_up(struct listener *listener)
{
	listener->fd = -1;
	listener->inode = 0;
	listener->inherited = listener->listening = listener->muted = false;
}

int
bind_keep(struct listener *listener, const struct listener *running,
    const char *where, struct report *report)
{
	char text[LISTENER_TEXT_MAX];
	const char *key;
	bool gone;

	if (running == NULL || !listener->inherited || listener->inode == 0)
		return 0;
	listener_wanted(listener, text);
	key = socket_access_fixed(&listener->access, &running->access);
	if (key != NULL) {
		report_error(report, "%s: %s: %s cannot be changed by a "
		    "reload, only by a restart", where, text, key);
		return -1;
	}
	if (socket_file_is_ours(listener, &gone))
		return 0;
	report_warning(report, "%s: %s: %s", where, text, gone ?
		"its file is gone, and is made again" :
		"another program has replaced its file, and has its clients");
	if (gone)
		give_up(listener);
	return 0;
}

/* What errno does not say of a UNIX socket. */
static const char *
hint_for_unix(int error, bool running)
{
	switch (error) {
	case EACCES:
		return running ?
		    " (the daemon's user may not write to its directory: what "
		    "root has to make needs a restart)" :
		    " (the daemon's user may not write to its directory)";
	case EADDRINUSE:
		return " (by another program: see 'ss -lxp')";
	case ENOENT:
		return " (its directory is missing)";
	case ESTALE:
		return " (another program has replaced it meanwhile)";
	default:
		return "";
	}
}

static const char *
hint_for(int error, bool running)
{
	switch (error) {
	case EACCES:
		return " (ports below 1024 need CAP_NET_BIND_SERVICE)";
	case EADDRINUSE:
		return running ?
		    " (by another program, or by a listener of this daemon "
		    "that the new configuration changes: that needs a "
		    "restart)" :
		    " (by another program: see 'ss -ltnp')";
	case EADDRNOTAVAIL:
		return " (this machine does not have it; 'optional = true' "
		       "would skip it)";
	default:
		return "";
	}
}

int
bind_address(struct listener *listener, const struct conf_address *address,
    const struct conf_listener *group, bool running, const char *file,
    struct report *report)
{
	char text[ADDRESS_TEXT_MAX];
	const char *why = NULL, *hint;

	if (bind_scope(listener, address) == 0 &&
	    (running ? bind_new(listener, &why) :
		    bind_patiently(listener, &why)) == 0) {
		if (socket_file_stays(listener))
			report_warning(report, "%s:%u: %s: stays behind when "
			    "the daemon stops: its directory is root's", file,
			    (unsigned)address->line,
			    address_format_port(address, text));
		return 0;
	}
	address_format_port(address, text);
	hint = address_is_unix(address) ? hint_for_unix(errno, running) :
					  hint_for(errno, running);
	if (group->optional && is_absent(errno)) {
		report_warning(report, "%s:%u: bind %s: %s (optional, skipped)",
		    file, (unsigned)address->line, text, strerror(errno));
		return 0;
	}
	if (why != NULL)
		report_failure(report, cause_of(errno, EXIT_ADDRESS),
		    "%s:%u: bind %s: %s", file, (unsigned)address->line, text,
		    why);
	else
		report_failure(report, cause_of(errno, EXIT_ADDRESS),
		    "%s:%u: bind %s: %s%s", file, (unsigned)address->line,
		    text, strerror(errno), hint);
	return -1;
}
