/* Listening sockets as text. */
#include "config.h"

#include "master/listeners/listener.h"

#include <sys/socket.h>

#include <stdio.h>

_Static_assert(LISTENER_TEXT_MAX >= ADDR_PORT_TEXT_MAX, "room for both");

static const char *
put_path(const char *path, char *text)
{
	snprintf(text, LISTENER_TEXT_MAX, "unix:%s", path);
	return text;
}

const char *
listener_text(const struct listener *listener, char *text)
{
	if (listener_is_unix(listener))
		return put_path(listener->bound_path, text);
	return addr_format_port(&listener->bound, text);
}

const char *
listener_wanted(const struct listener *listener, char *text)
{
	if (listener->addr.family == AF_UNIX)
		return put_path(listener->path, text);
	return addr_format_port(&listener->addr, text);
}

const char *
listener_address(const struct listener *listener, char *text)
{
	if (listener_is_unix(listener))
		return put_path(listener->bound_path, text);
	return addr_format(&listener->bound, text);
}

bool
listener_is_unix(const struct listener *listener)
{
	return listener->bound.family == AF_UNIX;
}
