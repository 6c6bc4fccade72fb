/* Finds listeners that cannot be beside each other. */
#include "config.h"

#include "master/config/conflicts.h"

#include <netinet/in.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "master/config/address.h"
#include "master/config/conf.h"
#include "master/system/report.h"

#define PLACE_TEXT_MAX (REPORT_LINE_MAX + 16) /* of a path, and a line */

/* One address with what decides what else it takes. */
struct binding {
	const struct conf_address *address;
	const struct conf_listener *listener;
};

static bool
is_dual_stack(const struct binding *binding)
{
	return binding->address->addr.family == AF_INET6 &&
	    addr_is_any(&binding->address->addr) && !binding->listener->v6only;
}

/* The kernel looks at the scope of link-local addresses only. */
static bool
is_same_scope(const struct conf_address *a, const struct conf_address *b)
{
	struct in6_addr in6;

	memcpy(&in6, a->addr.bytes, sizeof(in6));
	return !IN6_IS_ADDR_LINKLOCAL(&in6) || address_same_scope(a, b);
}

static bool
binding_overlaps(const struct binding *a, const struct binding *b)
{
	const struct addr *x = &a->address->addr, *y = &b->address->addr;

	if (x->family == AF_UNIX || y->family == AF_UNIX)
		return address_same_path(a->address, b->address->path);
	if (x->port != y->port)
		return false;
	if (x->family != y->family)
		return is_dual_stack(a) || is_dual_stack(b);
	if (addr_is_any(x) || addr_is_any(y))
		return true;
	return addr_equal(x, y) && is_same_scope(a->address, b->address);
}

/* The earlier line, as a message of the later one names it. */
static const char *
name_line(const struct conf *conf, const char *path,
    const struct conf_listener *late, const struct conf_listener *early,
    uint32_t line, char text[PLACE_TEXT_MAX])
{
	if (early->file == late->file)
		snprintf(text, PLACE_TEXT_MAX, "line %u", (unsigned)line);
	else
		snprintf(text, PLACE_TEXT_MAX, "%s:%u",
		    conf_file(conf, early, path), (unsigned)line);
	return text;
}

static const char *
advise(const struct binding *late, const struct binding *early)
{
	if (address_is_unix(late->address))
		return ", choose another path or name";
	if (late->address->addr.family != early->address->addr.family)
		return ", set v6only = true";
	return ", choose another port or address";
}

static void
report_overlap(const struct conf *conf, const char *path, struct report *report,
    const struct binding *late, const struct binding *early)
{
	char text[ADDRESS_TEXT_MAX], other[ADDRESS_TEXT_MAX];
	char line[PLACE_TEXT_MAX];

	report_error(report,
	    "%s:%u: listeners[%u].address: %s cannot be bound beside %s of "
	    "listeners[%u] (%s)%s",
	    conf_file(conf, late->listener, path),
	    (unsigned)late->address->line, (unsigned)late->listener->place,
	    address_format_port(late->address, text),
	    address_format_port(early->address, other),
	    (unsigned)early->listener->place,
	    name_line(conf, path, late->listener, early->listener,
		early->address->line, line),
	    advise(late, early));
}

/* The daemon's own socket has a path too. */
static void
find_control(const struct conf *conf, const char *path, struct report *report,
    const struct binding *late)
{
	const char *control = conf_text(conf, conf->control_socket);

	if (address_has_file(late->address) &&
	    address_same_path(late->address, control))
		report_error(report,
		    "%s:%u: listeners[%u].address: unix:%s is the daemon's "
		    "control_socket, choose another path",
		    conf_file(conf, late->listener, path),
		    (unsigned)late->address->line,
		    (unsigned)late->listener->place, control);
}

/* Compares one address with those before it: one report is enough. */
static void
find_overlap(const struct conf *conf, const char *path, struct report *report,
    const struct binding *late)
{
	struct binding early = { conf->address, conf->listener };

	for (; early.address < late->address; early.address++) {
		while (early.address >= conf->address +
			early.listener->first_address +
			early.listener->n_addresses)
			early.listener++;
		if (binding_overlaps(late, &early)) {
			report_overlap(conf, path, report, late, &early);
			return;
		}
	}
}

static bool
has_default_name(const struct conf *conf, const struct conf_listener *listener)
{
	char text[ADDRESS_TEXT_MAX];

	return listener->n_addresses == 1 &&
	    strcmp(conf_text(conf, listener->name),
		address_format_port(
		    &conf->address[listener->first_address], text)) == 0;
}

static void
find_name(const struct conf *conf, const char *path, struct report *report,
    const struct conf_listener *late)
{
	const char *name = conf_text(conf, late->name);
	const struct conf_listener *early;
	char line[PLACE_TEXT_MAX];

	for (early = conf->listener; early < late; early++) {
		if (late->name.length == 0 ||
		    strcmp(conf_text(conf, early->name), name) != 0)
			continue;
		/* Then they overlap, which has been said. */
		if (has_default_name(conf, late) &&
		    has_default_name(conf, early))
			return;
		report_error(report,
		    "%s:%u: listeners[%u].name: \"%s\" is the name of "
		    "listeners[%u] too (%s), expected one that no other has",
		    conf_file(conf, late, path), (unsigned)late->line,
		    (unsigned)late->place, name, (unsigned)early->place,
		    name_line(conf, path, late, early, early->line, line));
		return;
	}
}

void
conflicts_find(const struct conf *conf, const char *path, struct report *report)
{
	struct binding late;
	uint32_t i;

	for (late.listener = conf->listener;
	     late.listener < conf->listener + conf->n_listeners;
	     late.listener++) {
		for (i = 0; i < late.listener->n_addresses; i++) {
			late.address =
			    &conf->address[i + late.listener->first_address];
			find_overlap(conf, path, report, &late);
			find_control(conf, path, report, &late);
		}
		find_name(conf, path, report, late.listener);
	}
}
