/* Descriptors for all the clients that may come. */
#include "config.h"

#include "nofile.h"

#include <sys/resource.h>

#include <stdio.h>

#include "conf.h"
#include "linger.h"
#include "report.h"

#define PER_CLIENT 2 /* its connection, and the pidfd of its child */
#define PER_ADDRESS 2 /* a reload binds the new ones before the old go */
/* The loop's, the log's, the spawners', a reload's; those of the refused. */
#define OTHERS (64 + LINGER_MAX)

static void
warn(const struct conf *conf, rlim_t need, rlim_t have, const char *path,
    struct report *report)
{
	uint32_t line = conf_line(conf, "limits.max_clients");
	char where[16] = "";

	if (line != 0)
		snprintf(where, sizeof(where), ":%u", (unsigned)line);
	report_warning(report,
	    "%s%s: limits.max_clients: %d clients need %llu open files, the "
	    "limit is %llu (ulimit -n, LimitNOFILE=)",
	    path, where, (int)conf->limits.max_clients,
	    (unsigned long long)need, (unsigned long long)have);
}

void
nofile_raise(const struct conf *conf, const char *path, struct report *report)
{
	rlim_t need = (rlim_t)conf->limits.max_clients * PER_CLIENT +
	    conf->n_addresses * PER_ADDRESS + OTHERS;
	struct rlimit limit, wanted;

	if (getrlimit(RLIMIT_NOFILE, &limit) == -1 || limit.rlim_cur >= need)
		return;
	wanted = (struct rlimit) { need, limit.rlim_max };
	if (wanted.rlim_max < need)
		wanted.rlim_max = need;
	if (setrlimit(RLIMIT_NOFILE, &wanted) == 0)
		return;
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
	warn(conf, need, limit.rlim_max, path, report);
}
