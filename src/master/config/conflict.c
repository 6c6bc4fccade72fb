/* Listeners that are each fine but not beside each other. */
#include "config.h"

#include "master/config/conflict.h"

#include <netinet/in.h>
#include <string.h>

#include "master/config/address.h"
#include "master/config/report.h"

/* One address with what decides what else it takes. */
struct binding {
	const struct conf_address *address;
	const struct conf_listener *listener;
};

const char *
conflict_default_name(
    const struct conf *conf, const struct conf_listener *listener, char *text)
{
	return address_format_port(
	    &conf->address[listener->first_address], text);
}

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
	return !IN6_IS_ADDR_LINKLOCAL(&in6) || strcmp(a->scope, b->scope) == 0;
}

static bool
binding_overlaps(const struct binding *a, const struct binding *b)
{
	const struct addr *x = &a->address->addr, *y = &b->address->addr;

	if (x->port != y->port)
		return false;
	if (x->family != y->family)
		return is_dual_stack(a) || is_dual_stack(b);
	if (addr_is_any(x) || addr_is_any(y))
		return true;
	return addr_equal(x, y) && is_same_scope(a->address, b->address);
}

static void
report_overlap(const struct conf *conf, const char *path, struct report *report,
    const struct binding *late, const struct binding *early)
{
	char text[ADDRESS_TEXT_MAX], other[ADDRESS_TEXT_MAX];

	report_error(report,
	    "%s:%u: listeners[%td].address: %s cannot be bound beside %s of "
	    "listeners[%td] (line %u)%s",
	    path, late->address->line, late->listener - conf->listener,
	    address_format_port(late->address, text),
	    address_format_port(early->address, other),
	    early->listener - conf->listener, early->address->line,
	    late->address->addr.family != early->address->addr.family
		? ", allowed is this with v6only = true"
		: ", allowed is another port or address");
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
		conflict_default_name(conf, listener, text)) == 0;
}

static void
find_name(const struct conf *conf, const char *path, struct report *report,
    const struct conf_listener *late)
{
	const char *name = conf_text(conf, late->name);
	const struct conf_listener *early;

	for (early = conf->listener; early < late; early++) {
		if (late->name.length == 0 ||
		    strcmp(conf_text(conf, early->name), name) != 0)
			continue;
		/* Then they overlap, which has been said. */
		if (has_default_name(conf, late) &&
		    has_default_name(conf, early))
			return;
		report_error(report,
		    "%s:%u: listeners[%td].name: \"%s\" is the name of "
		    "listeners[%td] too (line %u), allowed is one that no "
		    "other has",
		    path, late->line, late - conf->listener, name,
		    early - conf->listener, early->line);
		return;
	}
}

void
conflict_find(const struct conf *conf, const char *path, struct report *report)
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
		}
		find_name(conf, path, report, late.listener);
	}
}
