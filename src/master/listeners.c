/* The listening sockets. */
#include "config.h"

#include "listeners.h"

#include <sys/socket.h>

#include <net/if.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "address.h"
#include "conf.h"
#include "privileges.h"
#include "report.h"
#include "shared/number.h"

static const struct listener *
find_same(const struct listeners *in, const struct listener *like)
{
	size_t i;

	for (i = 0; i < in->n; i++)
		if (in->list[i].fd != -1 &&
		    in->list[i].v6only == like->v6only &&
		    addr_equal(&in->list[i].addr, &like->addr))
			return &in->list[i];
	return NULL;
}

static int
option_set(int fd, int level, int option, int value)
{
	return setsockopt(fd, level, option, &value, sizeof(value));
}

/* Opens and binds listener->fd.  Returns 0, or -1 with errno. */
static int
bind_new(struct listener *listener)
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
	    bind(fd, (struct sockaddr *)&address, length) == 0) {
		listener->fd = fd;
		return 0;
	}
	saved = errno;
	close(fd);
	errno = saved;
	return -1;
}

/* "fe80::1%eth0": the interface must exist now. */
static int
scope_resolve(struct listener *listener, const struct conf_address *address)
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

static bool
is_absent(int error)
{
	return error == EADDRNOTAVAIL || error == EAFNOSUPPORT ||
	    error == ENODEV;
}

static const char *
hint_for(int error, const struct listeners *running)
{
	switch (error) {
	case EACCES:
		return " (ports below 1024 need CAP_NET_BIND_SERVICE)";
	case EADDRINUSE:
		return running->n > 0 ?
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

static int
bind_or_take(struct listener *listener, const struct conf_address *address,
    const struct listeners *running)
{
	const struct listener *same;

	if (scope_resolve(listener, address) == -1)
		return -1;
	same = find_same(running, listener);
	if (same == NULL)
		return bind_new(listener);
	listener->fd = same->fd;
	listener->listening = same->listening;
	listener->muted = same->muted;
	listener->inherited = true;
	return 0;
}

/* Binds one address.  Returns 0, or -1 with an error in report. */
static int
address_bind(struct listener *listener, const struct conf_address *address,
    const struct conf_listener *group, const struct listeners *running,
    const char *path, struct report *report)
{
	char text[ADDRESS_TEXT_MAX];

	*listener = (struct listener) {
		.fd = -1,
		.addr = address->addr,
		.v6only = group->v6only,
		.backlog = (int)group->backlog,
	};
	if (bind_or_take(listener, address, running) == 0)
		return 0;
	address_format_port(address, text);
	if (group->optional && is_absent(errno)) {
		report_warning(report, "%s:%u: bind %s: %s (optional, skipped)",
		    path, (unsigned)address->line, text, strerror(errno));
		return 0;
	}
	report_error(report, "%s:%u: bind %s: %s%s", path,
	    (unsigned)address->line, text, strerror(errno),
	    hint_for(errno, running));
	return -1;
}

static int
group_bind(struct listeners *fresh, uint32_t group,
    const struct listeners *running, const struct conf *conf, const char *path,
    struct report *report)
{
	const struct conf_listener *listener = &conf->listener[group];
	uint32_t i;
	int result = 0;

	for (i = 0; i < listener->n_addresses; i++) {
		if (address_bind(&fresh->list[fresh->n],
			&conf->address[listener->first_address + i], listener,
			running, path, report) == -1)
			result = -1;
		fresh->list[fresh->n++].group = group;
	}
	return result;
}

static bool
any_is_bound(const struct listeners *listeners)
{
	size_t i;

	for (i = 0; i < listeners->n; i++)
		if (listeners->list[i].fd != -1)
			return true;
	return false;
}

int
listeners_bind(struct listeners *fresh, const struct listeners *running,
    const struct conf *conf, const char *path, struct report *report)
{
	uint32_t i;
	int result = 0;

	fresh->n = 0;
	fresh->list = calloc(conf->n_addresses, sizeof(*fresh->list));
	if (fresh->list == NULL || privileges_bind(true) == -1) {
		report_error(report, "%s: bind: %s", path, strerror(errno));
		listeners_close(fresh, running);
		return -1;
	}
	for (i = 0; i < conf->n_listeners; i++)
		if (group_bind(fresh, i, running, conf, path, report) == -1)
			result = -1;
	if (privileges_bind(false) == -1) {
		report_error(report, "capset: %s", strerror(errno));
		result = -1;
	}
	if (result == 0 && !any_is_bound(fresh)) {
		report_error(report, "%s: bind: no address could be bound",
		    path);
		result = -1;
	}
	if (result == -1)
		listeners_close(fresh, running);
	return result;
}

int
listeners_listen(struct listeners *listeners, struct report *report)
{
	char text[ADDR_PORT_TEXT_MAX];
	struct listener *listener;
	size_t i;

	for (i = 0; i < listeners->n; i++) {
		listener = &listeners->list[i];
		if (listener->fd == -1)
			continue;
		if (listen(listener->fd, listener->backlog) == -1) {
			report_error(report, "listen %s: %s",
			    addr_format_port(&listener->addr, text),
			    strerror(errno));
			return -1;
		}
		listener->listening = true;
	}
	return 0;
}

static bool
has_fd(const struct listeners *listeners, int fd)
{
	size_t i;

	for (i = 0; listeners != NULL && i < listeners->n; i++)
		if (listeners->list[i].fd == fd)
			return true;
	return false;
}

void
listeners_close(struct listeners *listeners, const struct listeners *keep)
{
	size_t i;

	for (i = 0; i < listeners->n; i++)
		if (listeners->list[i].fd != -1 &&
		    !has_fd(keep, listeners->list[i].fd))
			close(listeners->list[i].fd);
	free(listeners->list);
	*listeners = (struct listeners) { NULL, 0 };
}

size_t
listeners_difference(const struct listeners *a, const struct listeners *b)
{
	size_t i, n = 0;

	for (i = 0; i < a->n; i++)
		if (a->list[i].fd != -1 && !has_fd(b, a->list[i].fd))
			n++;
	return n;
}
