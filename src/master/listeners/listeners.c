/* The listening sockets. */
#include "config.h"

#include "master/listeners/listeners.h"

#include <sys/socket.h>

#include <net/if.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "master/listeners/activation.h"
#include "master/config/address.h"
#include "master/listeners/adopt.h"
#include "master/config/conf.h"
#include "master/system/privileges.h"
#include "master/system/report.h"
#include "shared/number.h"

/* For an address that is in use at the start. */
#define PATIENCE_MS 300
#define PAUSE_MS 10

/* One that was passed to us is none of these: whose it is adopt() says, from the
 * configuration alone, so that a reload and a restart agree. */
static const struct listener *
find_same(const struct listeners *in, const struct listener *like)
{
	size_t i;

	for (i = 0; i < in->n; i++)
		if (in->list[i].fd != -1 &&
		    !activation_owns(in->list[i].fd) &&
		    in->list[i].v6only == like->v6only &&
		    addr_equal(&in->list[i].addr, &like->addr))
			return &in->list[i];
	return NULL;
}

/* The entry with that descriptor, NULL: none has it. */
static const struct listener *
find_fd(const struct listeners *listeners, int fd)
{
	size_t i;

	for (i = 0; listeners != NULL && i < listeners->n; i++)
		if (listeners->list[i].fd == fd)
			return &listeners->list[i];
	return NULL;
}

bool
listeners_have(const struct listeners *listeners, int fd)
{
	return find_fd(listeners, fd) != NULL;
}

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

/* At the start, where no client waits: a daemon that was killed a moment ago may
 * have left a child that was forked just then, which has the sockets until it gets
 * a processor.  Together no longer than PATIENCE_MS. */
static int
bind_patiently(struct listener *listener)
{
	static int left = PATIENCE_MS / PAUSE_MS;
	const struct timespec pause = { 0, PAUSE_MS * 1000000 };

	while (bind_new(listener) == -1) {
		if (errno != EADDRINUSE || left == 0)
			return -1;
		left--;
		nanosleep(&pause, NULL);
	}
	return 0;
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

/* Binds one address that has no socket yet.  Returns 0, or -1 with an error in
 * report. */
static int
address_bind(struct listener *listener, const struct conf_address *address,
    const struct conf_listener *group, const struct listeners *running,
    const char *file, struct report *report)
{
	char text[ADDRESS_TEXT_MAX];

	if (scope_resolve(listener, address) == 0 &&
	    (running->n > 0 ? bind_new(listener) : bind_patiently(listener)) ==
		0)
		return 0;
	address_format_port(address, text);
	if (group->optional && is_absent(errno)) {
		report_warning(report, "%s:%u: bind %s: %s (optional, skipped)",
		    file, (unsigned)address->line, text, strerror(errno));
		return 0;
	}
	report_failure(report, cause_of(errno, EXIT_ADDRESS),
	    "%s:%u: bind %s: %s%s", file, (unsigned)address->line, text,
	    strerror(errno), hint_for(errno, running));
	return -1;
}

static void
take_running(struct listener *listener, const struct listeners *running)
{
	const struct listener *same = find_same(running, listener);

	if (same != NULL)
		listener->fd = same->fd;
}

/* What the running set knows of the socket, whoever had it there. */
static void
inherit(struct listener *listener, const struct listeners *running)
{
	const struct listener *same = find_fd(running, listener->fd);

	listener->inherited = listener->fd != -1 && same != NULL;
	if (!listener->inherited)
		return;
	listener->bound = same->bound;
	listener->listening = same->listening;
	listener->muted = same->muted;
}

/* An entry for each address of conf, with its socket if we have that already.
 * Returns 0, or -1 with errno. */
static int
entries_make(struct listeners *fresh, const struct listeners *running,
    const struct conf *conf, const char *path, struct report *report)
{
	const struct conf_listener *group = conf->listener;
	struct listener *listener;
	size_t i;

	fresh->n = 0;
	fresh->list = calloc(conf->n_addresses, sizeof(*fresh->list));
	if (fresh->list == NULL)
		return -1;
	for (; fresh->n < conf->n_addresses; fresh->n++) {
		while (fresh->n >= group->first_address + group->n_addresses)
			group++;
		listener = &fresh->list[fresh->n];
		*listener = (struct listener) {
			.fd = -1,
			.addr = conf->address[fresh->n].addr,
			.v6only = group->v6only,
			.backlog = (int)group->backlog,
			.group = (uint32_t)(group - conf->listener),
			.name = conf_text(conf, group->name),
		};
		scope_resolve(listener, &conf->address[fresh->n]);
		listener->bound = listener->addr;
		take_running(listener, running);
	}
	adopt(fresh, conf, path, report);
	for (i = 0; i < fresh->n; i++)
		inherit(&fresh->list[i], running);
	return 0;
}

/* Binds what has no socket yet. */
static int
entries_bind(struct listeners *fresh, const struct listeners *running,
    const struct conf *conf, const char *path, struct report *report)
{
	const struct conf_listener *group;
	struct listener *listener;
	size_t i;
	int result = 0;

	for (i = 0; i < fresh->n; i++) {
		listener = &fresh->list[i];
		group = &conf->listener[listener->group];
		if (listener->fd == -1 &&
		    address_bind(listener, &conf->address[i], group, running,
			conf_file(conf, group, path), report) == -1)
			result = -1;
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
	int result;

	if (entries_make(fresh, running, conf, path, report) == -1 ||
	    privileges_bind(true) == -1) {
		report_failure(report, cause_of(errno, EXIT_PRIVILEGE),
		    "%s: bind: %s", path, strerror(errno));
		listeners_close(fresh, running);
		return -1;
	}
	result = adopt_report_rest(fresh, conf, report);
	if (entries_bind(fresh, running, conf, path, report) == -1)
		result = -1;
	if (privileges_bind(false) == -1) {
		report_failure(report, cause_of(errno, EXIT_PRIVILEGE),
		    "capset: %s", strerror(errno));
		result = -1;
	}
	if (result == 0 && !any_is_bound(fresh)) {
		report_failure(report, EXIT_ADDRESS,
		    "%s: bind: no address could be bound", path);
		result = -1;
	}
	if (result == -1)
		listeners_close(fresh, running);
	return result;
}

int
listeners_check_passed(
    const struct conf *conf, const char *path, struct report *report)
{
	static const struct listeners none;
	struct report unsaid = { 0 }; /* listeners_bind() says it */
	struct listeners fresh;
	int result;

	if (entries_make(&fresh, &none, conf, path, &unsaid) == -1) {
		report_failure(
		    report, EXIT_SYSTEM, "%s: %s", path, strerror(errno));
		return -1;
	}
	result = adopt_report_rest(&fresh, conf, report);
	listeners_close(&fresh, NULL);
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
		if (listener->fd == -1 || listener->inherited)
			continue;
		if (listen(listener->fd, listener->backlog) == -1) {
			report_failure(report, cause_of(errno, EXIT_ADDRESS),
			    "listen %s: %s",
			    addr_format_port(&listener->addr, text),
			    strerror(errno));
			return -1;
		}
		listener->listening = true;
	}
	return 0;
}

void
listeners_set_backlogs(const struct listeners *listeners)
{
	const struct listener *listener = listeners->list;

	for (; listener < listeners->list + listeners->n; listener++)
		if (listener->fd != -1 && listener->inherited)
			listen(listener->fd, listener->backlog);
}

/* A child that has been forked and not exec'd yet still has a copy.  Without the
 * shutdown, clients would go on queueing there. */
static void
close_own(int fd)
{
	shutdown(fd, SHUT_RD);
	close(fd);
}

void
listeners_close(struct listeners *listeners, const struct listeners *keep)
{
	size_t i;

	for (i = 0; i < listeners->n; i++)
		if (listeners->list[i].fd != -1 &&
		    !listeners_have(keep, listeners->list[i].fd) &&
		    !activation_owns(listeners->list[i].fd))
			close_own(listeners->list[i].fd);
	free(listeners->list);
	*listeners = (struct listeners) { NULL, 0 };
}

size_t
listeners_difference(const struct listeners *a, const struct listeners *b)
{
	size_t i, n = 0;

	for (i = 0; i < a->n; i++)
		if (a->list[i].fd != -1 && !listeners_have(b, a->list[i].fd))
			n++;
	return n;
}
