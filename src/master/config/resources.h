/* What limits.max_clients and timeouts.cpu need, and whether this process can
 * have it. */
#ifndef MASTER_RESOURCES_H
#define MASTER_RESOURCES_H

#include <stdint.h>

struct conf;
struct report;

/* Connections that are refused and not closed yet, at a time: a flood costs that
 * many descriptors and no more. */
#define LINGER_MAX 256

/* Descriptors besides those of addresses and clients: the loop's, the log's, the
 * spawners', a reload's; those of the refused. */
#define RESOURCES_OTHER_FILES (64 + LINGER_MAX)

/* How many clients may wait for their PROXY headers: a quarter of
 * limits.max_clients, one at least. */
int64_t resources_awaited(const struct conf *conf);

/* Descriptors that those need besides the clients' own; 0 when no listener reads
 * headers. */
int64_t resources_pairs(const struct conf *conf);

/*
 * Raises the limit on open files to what the configuration needs, the hard one
 * too where that is permitted (CAP_SYS_RESOURCE), and the soft limit on
 * processes up to the hard one; neither is ever lowered.  Warns of each limit
 * that is still too low, with the numbers and the setting that it comes from:
 * open files and processes (getrlimit(2)), pids.max of our control group and of
 * those around it (cgroups(7), version 1 or 2), and kernel.pid_max (proc(5)).
 * Clients without a descriptor or a process will wait.  Warns of each listener
 * whose timeouts.cpu is above resources_cpu().  A limit that cannot be
 * read is skipped.  root is put before the names of the kernel's files and is
 * "" except in tests; path names the configuration in messages.
 */
void resources_check(const struct conf *conf, const char *root, const char *path,
    struct report *report);

/*
 * The seconds of CPU time that a client's process can have when seconds are
 * wanted: no more than our own hard limit, which a child without privileges
 * cannot raise (setrlimit(2)).
 */
int64_t resources_cpu(int64_t seconds);

#define RESOURCES_SOMAXCONN "/proc/sys/net/core/somaxconn"

/*
 * Warns of each listener whose backlog is above what listen(2) takes here,
 * which the file of that name says.  Without that file (no /proc) it says
 * nothing.
 */
void resources_check_backlogs(const struct conf *conf, const char *file,
    const char *path, struct report *report);

#endif
