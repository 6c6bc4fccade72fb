/* Assigning the sockets that were passed to the listeners. */
#include "config.h"

#include "master/listeners/adopt.h"

#include <stdio.h>
#include <string.h>

#include "master/listeners/activation.h"
#include "master/config/address.h"
#include "master/config/conf.h"
#include "master/listeners/listener.h"
#include "master/system/report.h"

#define SHOWN_MAX 4 /* listeners in a message, 200 bytes each at most */
#define EXPECTED_MAX 1024

static bool
is_used(const struct listeners *fresh, int fd)
{
	size_t i;

	for (i = 0; i < fresh->n; i++)
		if (fresh->list[i].fd == fd)
			return true;
	return false;
}

static bool
is_a_name(const struct conf *conf, const char *name)
{
	uint32_t i;

	for (i = 0; i < conf->n_listeners; i++)
		if (strcmp(conf_text(conf, conf->listener[i].name), name) == 0)
			return true;
	return false;
}

static const char *
name_of(const struct conf *conf, const struct listener *listener)
{
	return conf_text(conf, conf->listener[listener->group].name);
}

static bool
is_at(const struct listener *listener, const struct passed *passed)
{
	return addr_equal(&listener->addr, &passed->addr) &&
	    strcmp(listener->path, passed->path) == 0;
}

/* "ADDRESS:PORT" or "unix:PATH", which text has room for. */
static const char *
passed_text(const struct passed *passed, char *text)
{
	struct listener listener = { .bound = passed->addr };

	memcpy(listener.bound_path, passed->path, sizeof(passed->path));
	return listener_text(&listener, text);
}

/* path is the configuration's, line that of the address in it (0: a
 * default). */
static void
warn_difference(const struct listener *listener, const struct passed *passed,
    const char *where, struct report *report)
{
	char wanted[LISTENER_TEXT_MAX], got[LISTENER_TEXT_MAX];

	if (!is_at(listener, passed))
		report_warning(report,
		    "%s: %s: descriptor %d (\"%s\") was passed for it and "
		    "has %s, which is used",
		    where, listener_wanted(listener, wanted),
		    passed->fd, passed->name, passed_text(passed, got));
	else if (passed->addr.family == AF_INET6 &&
	    addr_is_any(&passed->addr) && passed->v6only != listener->v6only)
		report_warning(report,
		    "%s: %s: descriptor %d (\"%s\") was passed for it and "
		    "has v6only = %s, which is used",
		    where, listener_wanted(listener, wanted),
		    passed->fd, passed->name,
		    passed->v6only ? "true" : "false");
}

static void
give(struct listener *listener, const struct passed *passed)
{
	listener->fd = passed->fd;
	listener->bound = passed->addr;
	memcpy(listener->bound_path, passed->path, sizeof(passed->path));
	listener->listening = true;
}

/* The free entry that the socket belongs to by its address, or only by its
 * name; NULL when there is none. */
static struct listener *
entry_for(const struct passed *passed, const struct listeners *fresh,
    const struct conf *conf, bool by_name_alone)
{
	bool named = is_a_name(conf, passed->name);
	struct listener *listener = fresh->list;

	if (by_name_alone && !named)
		return NULL;
	for (; listener < fresh->list + fresh->n; listener++) {
		if (listener->fd != -1 ||
		    (named &&
			strcmp(name_of(conf, listener), passed->name) != 0))
			continue;
		if (by_name_alone || is_at(listener, passed))
			return listener;
	}
	return NULL;
}

static void
pass(struct listeners *fresh, const struct conf *conf, const char *path,
    bool by_name_alone, struct report *report)
{
	struct listener *listener;
	char where[REPORT_LINE_MAX];
	size_t n;
	const struct passed *passed = activation_list(&n);
	const struct passed *end = passed + n;

	for (; passed < end; passed++) {
		if (is_used(fresh, passed->fd))
			continue;
		listener = entry_for(passed, fresh, conf, by_name_alone);
		if (listener == NULL)
			continue;
		snprintf(where, sizeof(where), "%.300s:%u",
		    conf_file(conf, &conf->listener[listener->group], path),
		    (unsigned)conf->address[listener - fresh->list].line);
		warn_difference(listener, passed, where, report);
		give(listener, passed);
	}
}

void
adopt(struct listeners *fresh, const struct conf *conf, const char *path,
    struct report *report)
{
	pass(fresh, conf, path, false, report);
	pass(fresh, conf, path, true, report);
}

/* "\"a\" (127.0.0.1:4444), \"b\" ([::1]:4444)" */
static void
format_expected(
    const struct listeners *fresh, const struct conf *conf, char *text)
{
	char address[LISTENER_TEXT_MAX];
	size_t i, used = 0;

	for (i = 0; i < fresh->n && i < SHOWN_MAX; i++)
		used += (size_t)snprintf(text + used, EXPECTED_MAX - used,
		    "%s\"%s\" (%s)", i > 0 ? ", " : "",
		    name_of(conf, &fresh->list[i]),
		    listener_wanted(&fresh->list[i], address));
	if (fresh->n > SHOWN_MAX)
		snprintf(text + used, EXPECTED_MAX - used, ", ...");
}

int
adopt_report_rest(const struct listeners *fresh, const struct conf *conf,
    struct report *report)
{
	char address[LISTENER_TEXT_MAX], expected[EXPECTED_MAX];
	size_t n;
	const struct passed *passed = activation_list(&n);
	const struct passed *end = passed + n;
	int result = 0;

	format_expected(fresh, conf, expected);
	for (; passed < end; passed++) {
		if (is_used(fresh, passed->fd))
			continue;
		passed_text(passed, address);
		report_error(report,
		    "LISTEN_FDS: descriptor %d (\"%s\", %s): no listener has "
		    "that name or address, expected one of %s",
		    passed->fd, passed->name, address, expected);
		result = -1;
	}
	return result;
}
