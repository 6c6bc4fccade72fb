/* Reading the file of targets. */
#include "config.h"

#include <sys/un.h>

#include <arpa/inet.h>
#include <err.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#include "reliability/soak/target.h"

static void
set_address(struct target *target, const char *address, unsigned port)
{
	struct sockaddr_in *in = (struct sockaddr_in *)&target->address;
	struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)&target->address;
	struct sockaddr_un *un = (struct sockaddr_un *)&target->address;

	if (port == 0) {
		un->sun_family = AF_UNIX;
		snprintf(un->sun_path, sizeof(un->sun_path), "%s", address);
		target->length = sizeof(*un);
	} else if (inet_pton(AF_INET, address, &in->sin_addr) == 1) {
		in->sin_family = AF_INET;
		in->sin_port = htons((uint16_t)port);
		target->length = sizeof(*in);
	} else if (inet_pton(AF_INET6, address, &in6->sin6_addr) == 1) {
		in6->sin6_family = AF_INET6;
		in6->sin6_port = htons((uint16_t)port);
		target->length = sizeof(*in6);
	} else {
		errx(EX_DATAERR, "%s: not an address", address);
	}
}

static void
parse(const char *line, struct target *target)
{
	char flags[16], address[108];
	unsigned format, port;

	if (sscanf(line, "%15s %u %15s %u %u %u %107s %u", target->name,
		&format, flags, &target->share, &target->sources,
		&target->filler, address, &port) != 8 ||
	    format >= FORMATS || target->filler >= TEXT_MAX)
		errx(EX_DATAERR, "not a target: %s", line);
	target->format = (enum format)format;
	target->has_who = strchr(flags, 'w') != NULL;
	target->is_proxied = strchr(flags, 'p') != NULL;
	target->has_rules = strchr(flags, 'r') != NULL;
	set_address(target, address, port);
}

unsigned
target_read(const char *path, struct target targets[TARGETS_MAX])
{
	FILE *file = fopen(path, "re");
	char line[512];
	unsigned count = 0;

	if (file == NULL)
		err(EX_NOINPUT, "%s", path);
	while (count < TARGETS_MAX && fgets(line, sizeof(line), file) != NULL)
		parse(line, &targets[count++]);
	fclose(file);
	return count;
}
