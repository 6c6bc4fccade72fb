/* The listening sockets. */
#include "config.h"

#include "master/listeners/listeners.h"

#include <sys/socket.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "master/config/address.h"
#include "master/config/conf.h"
#include "master/listeners/activation.h"
#include "master/listeners/adopt.h"
#include "master/listeners/bind.h"
#include "master/listeners/socket_file.h"
#include "master/system/log.h"
#include "master/system/privileges.h"
#include "master/system/report.h"

static bool
is_same(const struct listener *a, const struct listener *b)
{
	return addr_equal(&a->addr, &b->addr) &&
	    strcmp(a->path, b->path) == 0 &&
	    (a->v6only == b->v6only || a->addr.family == AF_UNIX);
}

/* One that was passed to us is none of these: whose it is adopt() says, from the
 * configuration alone, so that a reload and a restart agree. */
static const struct listener *
find_same(const struct listeners *in, const struct listener *like)
{
	size_t i;

	for (i = 0; i < in->n; i++)
		if (in->list[i].fd != -1 &&
		    !activation_owns(in->list[i].fd) &&
		    is_same(&in->list[i], like))
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
	memcpy(listener->bound_path, same->bound_path,
	    sizeof(same->bound_path));
	listener->device = same->device;
	listener->inode = same->inode;
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
		bind_scope(listener, &conf->address[fresh->n]);
		listener->bound = listener->addr;
		memcpy(listener->path, conf->address[fresh->n].path,
		    sizeof(listener->path));
		memcpy(listener->bound_path, listener->path,
		    sizeof(listener->path));
		take_running(listener, running);
	}
	adopt(fresh, conf, path, report);
	for (i = 0; i < fresh->n; i++)
		inherit(&fresh->list[i], running);
	return 0;
}

/* What is wanted of the file of conf->address[i]; where is its place in the
 * configuration, for messages.  Returns 0, or -1 with an error in report. */
static int
file_want(struct listener *listener, const struct conf *conf, size_t i,
    const char *path, char where[REPORT_LINE_MAX], struct report *report)
{
	const struct conf_listener *group = &conf->listener[listener->group];

	snprintf(where, REPORT_LINE_MAX, "%.300s:%u",
	    conf_file(conf, group, path), (unsigned)conf->address[i].line);
	return socket_access_find(
	    &listener->access, conf, group, where, report);
}

/* The files of those that go on, and what is wanted of the others. */
static int
files_check(struct listeners *fresh, const struct listeners *running,
    const struct conf *conf, const char *path, struct report *report)
{
	struct listener *listener = fresh->list;
	char where[REPORT_LINE_MAX];
	size_t i;
	int result = 0;

	for (i = 0; i < fresh->n; i++, listener++)
		if (address_has_file(&conf->address[i]) &&
		    (file_want(listener, conf, i, path, where, report) == -1 ||
			bind_keep(listener, find_same(running, listener),
			    where, report) == -1))
			result = -1;
	return result;
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
		    bind_address(listener, &conf->address[i], group,
			running->n > 0, conf_file(conf, group, path),
			report) == -1)
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
	if (files_check(fresh, running, conf, path, report) == -1)
		result = -1;
	else if (entries_bind(fresh, running, conf, path, report) == -1)
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
listeners_check_files(
    const struct conf *conf, const char *path, struct report *report)
{
	const struct conf_address *address = conf->address;
	struct listener listener = { .group = 0 };
	char where[REPORT_LINE_MAX];
	size_t i;
	int result = 0;

	for (i = 0; i < conf->n_addresses; i++, address++) {
		while (i >= conf->listener[listener.group].first_address +
			conf->listener[listener.group].n_addresses)
			listener.group++;
		if (!address_has_file(address))
			continue;
		if (file_want(&listener, conf, i, path, where, report) == -1)
			result = -1;
		if (socket_file_may_be(address->path))
			continue;
		report_failure(report, EXIT_ADDRESS, "%s: bind unix:%s: "
		    SOCKET_FILE_OTHER, where, address->path);
		result = -1;
	}
	return result;
}

/* Another daemon that starts at the same time may have found the place free before
 * we took it, and have taken it since. */
static bool
is_in_its_place(const struct listener *listener, struct report *report)
{
	char text[LISTENER_TEXT_MAX];
	bool gone;

	if (socket_file_is_ours(listener, &gone))
		return true;
	report_failure(report, EXIT_ADDRESS, "listen %s: another program has "
	    "%s it meanwhile", listener_wanted(listener, text),
	    gone ? "removed" : "replaced");
	return false;
}

int
listeners_listen(struct listeners *listeners, struct report *report)
{
	char text[LISTENER_TEXT_MAX];
	struct listener *listener;
	size_t i;

	for (i = 0; i < listeners->n; i++) {
		listener = &listeners->list[i];
		if (listener->fd == -1 || listener->inherited)
			continue;
		if (!is_in_its_place(listener, report))
			return -1;
		if (listen(listener->fd, listener->backlog) == -1) {
			report_failure(report, cause_of(errno, EXIT_ADDRESS),
			    "listen %s: %s",
			    listener_wanted(listener, text),
			    strerror(errno));
			return -1;
		}
		listener->listening = true;
	}
	return 0;
}

/* Whether it may be has been looked at before. */
static void
change_file(const struct listener *listener)
{
	char text[LISTENER_TEXT_MAX];
	bool gone;

	if (socket_file_is_ours(listener, &gone) &&
	    socket_file_change(listener) == -1)
		log_line(LOG_WARNING, "%s: mode, owner or group: %s",
		    listener_wanted(listener, text), strerror(errno));
}

void
listeners_settle(const struct listeners *listeners)
{
	const struct listener *listener = listeners->list;

	for (; listener < listeners->list + listeners->n; listener++) {
		if (listener->fd == -1 || !listener->inherited)
			continue;
		listen(listener->fd, listener->backlog);
		change_file(listener);
	}
	socket_file_commit();
}

/* Has one of them, with another socket, the file of this one?  Where one was removed
 * the next may have its number. */
static bool
has_file_of(const struct listeners *keep, const struct listener *listener)
{
	size_t i;

	for (i = 0; keep != NULL && i < keep->n; i++)
		if (keep->list[i].inode == listener->inode &&
		    keep->list[i].device == listener->device &&
		    strcmp(keep->list[i].path, listener->path) == 0)
			return true;
	return false;
}

/* A child that has been forked and not exec'd yet still has a copy.  Without the
 * shutdown, clients would go on queueing there. */
static void
close_own(const struct listener *listener, const struct listeners *keep)
{
	if (!has_file_of(keep, listener))
		socket_file_remove(listener);
	shutdown(listener->fd, SHUT_RD);
	close(listener->fd);
}

void
listeners_close(struct listeners *listeners, const struct listeners *keep)
{
	size_t i;

	for (i = 0; i < listeners->n; i++)
		if (listeners->list[i].fd != -1 &&
		    !listeners_have(keep, listeners->list[i].fd) &&
		    !activation_owns(listeners->list[i].fd))
			close_own(&listeners->list[i], keep);
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
