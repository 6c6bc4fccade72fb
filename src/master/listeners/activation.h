/* Taking over sockets that a service manager has bound: the protocol of
 * sd_listen_fds(3) with $LISTEN_PID, $LISTEN_FDS and $LISTEN_FDNAMES. */
#ifndef MASTER_ACTIVATION_H
#define MASTER_ACTIVATION_H

#include <sys/types.h>

#include <stdbool.h>
#include <stddef.h>

#include "master/config/conf.h"
#include "shared/addr.h"

#define ACTIVATION_FIRST 3 /* SD_LISTEN_FDS_START */
#define ACTIVATION_MAX 1024 /* as many as a configuration may have addresses \
			     */
#define ACTIVATION_NAME_MAX 255 /* systemd.socket(5), FileDescriptorName= */
#define ACTIVATION_WHY_MAX 160

/* A listening TCP or UNIX stream socket. */
struct passed {
	int fd;
	char name[ACTIVATION_NAME_MAX + 1]; /* "unknown" without a name */
	struct addr addr; /* what it is bound to */
	char path[CONF_SOCKET_MAX + 1]; /* AF_UNIX: its file or "@name", bytes that
					 * are not printable as '?' */
	bool v6only;
};

/* Values of the environment variables; NULL when not set. */
struct activation_variables {
	const char *pid;
	const char *fds;
	const char *names;
};

/*
 * Returns how many descriptors, starting at ACTIVATION_FIRST, were passed to
 * the process self: 0 when the variables are not set or are for another
 * process.  Returns -1 when they are for us and wrong; why, which has room for
 * ACTIVATION_WHY_MAX bytes, then has the variable, its value and what was
 * expected.
 */
int activation_parse(
    const struct activation_variables *variables, pid_t self, char *why);

/* activation_parse() for the environment; wrong values count as 0. */
unsigned activation_expect(void);

/*
 * Takes the descriptors, makes them CLOEXEC and O_NONBLOCK, and removes the
 * variables.  To be called by the process that was started.  Ends it with
 * EXIT_CONFIG when the variables are wrong or a descriptor is not a listening
 * TCP or UNIX stream socket, naming it and its number.
 */
void activation_adopt(void);

/* The sockets, *n of them.  They stay open until activation_close(), so that a
 * reload can use one that the previous configuration did not. */
const struct passed *activation_list(size_t *n);

/* True when fd is one of them. */
bool activation_owns(int fd);

/* Instead of activation_adopt(), after an exec: these, malloc'ed, are passed
 * sockets. */
void activation_keep(struct passed *passed, size_t n);

void activation_close(void);

#endif
