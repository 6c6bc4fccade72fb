/* Connecting: from one of the target's sources, and who that is. */
#include "config.h"

#include "reliability/soak/dial.h"

#include <sys/socket.h>
#include <sys/time.h>

#include <arpa/inet.h>
#include <err.h>
#include <fcntl.h>
#include <stdio.h>
#include <sysexits.h>
#include <unistd.h>

static int
bind_source(int fd, struct got *got, uint64_t random)
{
	const struct target *target = got->target;
	struct sockaddr_in address = { .sin_family = AF_INET };
	unsigned source = 1 + (unsigned)(random % target->sources);
	const int on = 1;

	got->less |= 1u << KIND_SPECIAL | 1u << KIND_DENIED;
	if (target->has_rules && source == SOURCE_DENIED) {
		got->more = 1u << KIND_DENIED;
		got->less = (uint16_t)~0u;
	} else if (target->has_rules && source == SOURCE_SPECIAL) {
		got->more = 1u << KIND_SPECIAL;
		got->less |= 1u << KIND_READY;
	}
	address.sin_addr.s_addr = htonl((127u << 24) + source);
	setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof(on));
	return bind(fd, (const struct sockaddr *)&address, sizeof(address));
}

static void
set_who(int fd, struct got *got)
{
	struct sockaddr_storage name;
	socklen_t length = sizeof(name);
	const struct sockaddr_in *in = (const struct sockaddr_in *)&name;
	const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)&name;
	char text[INET6_ADDRSTRLEN] = "";
	unsigned port = 0;

	if (getsockname(fd, (struct sockaddr *)&name, &length) == -1)
		err(EX_OSERR, "getsockname");
	if (name.ss_family == AF_INET) {
		inet_ntop(AF_INET, &in->sin_addr, text, sizeof(text));
		port = ntohs(in->sin_port);
	} else if (name.ss_family == AF_INET6) {
		inet_ntop(AF_INET6, &in6->sin6_addr, text, sizeof(text));
		port = ntohs(in6->sin6_port);
	}
	snprintf(got->who, sizeof(got->who), " %s %u", text, port);
}

int
dial(struct got *got, uint64_t random, bool slowly, unsigned seconds)
{
	const struct target *target = got->target;
	const struct timeval patience = { .tv_sec = seconds };
	const int small = 1;
	int fd;

	fd = socket(target->address.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd == -1)
		err(EX_OSERR, "socket");
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
	if (slowly)
		setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small));
	if ((target->sources > 0 && bind_source(fd, got, random) == -1) ||
	    connect(fd, (const struct sockaddr *)&target->address,
		target->length) == -1) {
		warn("connect %s", target->name);
		close(fd);
		return -1;
	}
	if (fcntl(fd, F_SETFL, O_NONBLOCK) == -1)
		err(EX_OSERR, "fcntl");
	set_who(fd, got);
	return fd;
}
