/* What limits.max_clients and timeouts.cpu need. */
#include "config.h"

#include "master/config/resources.h"

#include <sys/resource.h>

#include <inttypes.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "master/config/conf.h"
#include "master/config/schema.h"
#include "master/system/kernel_number.h"
#include "master/system/report.h"

/* Its connection; a pidfd of its child is nice to have. */
#define FILES_PER_CLIENT 1
#define FILES_PER_CLIENT_WANTED 2
#define FILES_PER_ADDRESS 2 /* a reload binds new ones before the old go */

/* The master; the spawner; a configuration's next one with its trial client, or
 * the one that looks for the reason of its end; the standby with its own, or
 * the child that reads a configuration. */
#define OTHER_PROCESSES 6
/* The kernel reserves the first ones: RESERVED_PIDS in its kernel/pid.c. */
#define RESERVED_PIDS 300

/* A proxy has sent the header of most clients with their first segment, so that
 * few wait for it: this part of all may. */
#define AWAITED_PART 4

#define SELF_CGROUP "/proc/self/cgroup"
#define PID_MAX "/proc/sys/kernel/pid_max"
#define FILE_NAME_MAX 4200 /* PATH_MAX, and what we put around it */

struct budget {
	const struct conf *conf;
	const char *root;
	const char *path;
	struct report *report;
};

/* "FILE:LINE: limits.max_clients: 512 clients need 517 WHAT, " and what is
 * wrong with that. */
static void warn(const struct budget *budget, int64_t need, const char *what,
    const char *format, ...) __attribute__((format(printf, 4, 5)));

static void
warn(const struct budget *budget, int64_t need, const char *what,
    const char *format, ...)
{
	uint32_t line = schema_line(budget->conf, "limits.max_clients");
	char where[16] = "", why[REPORT_LINE_MAX];
	va_list ap;

	if (line != 0)
		snprintf(where, sizeof(where), ":%u", (unsigned)line);
	va_start(ap, format);
	vsnprintf(why, sizeof(why), format, ap);
	va_end(ap);
	report_warning(budget->report,
	    "%s%s: limits.max_clients: %d clients need %" PRId64 " %s, %s",
	    budget->path, where, (int)budget->conf->limits.max_clients, need,
	    what, why);
}

/* How many clients the limit is enough for. */
static int64_t
enough_for(int64_t limit, int64_t others, int64_t per_client)
{
	return limit > others ? (limit - others) / per_client : 0;
}

/* Raises the soft limit, and with may the hard limit too, to need.  Returns the
 * soft limit after that, as far as it matters. */
static int64_t
raise_limit(int resource, int64_t need, bool may)
{
	struct rlimit limit = { RLIM_INFINITY, RLIM_INFINITY }, wanted;

	if (getrlimit(resource, &limit) == -1 || limit.rlim_cur >= (rlim_t)need)
		return need;
	wanted = (struct rlimit){ (rlim_t)need, limit.rlim_max };
	if (wanted.rlim_max < (rlim_t)need && may)
		wanted.rlim_max = (rlim_t)need;
	if (wanted.rlim_cur <= wanted.rlim_max &&
	    setrlimit(resource, &wanted) == 0)
		return need;
	limit.rlim_cur = limit.rlim_max;
	setrlimit(resource, &limit);
	return (int64_t)limit.rlim_max;
}

int64_t
resources_awaited(const struct conf *conf)
{
	int64_t most = conf->limits.max_clients / AWAITED_PART;

	return most > 0 ? most : 1;
}

int64_t
resources_pairs(const struct conf *conf)
{
	return conf_has_proxied(conf) ? 2 * resources_awaited(conf) : 0;
}

static void
check_files(const struct budget *budget)
{
	int64_t others =
	    (int64_t)budget->conf->n_addresses * FILES_PER_ADDRESS +
	    RESOURCES_OTHER_FILES + resources_pairs(budget->conf);
	int64_t clients = budget->conf->limits.max_clients;
	int64_t need = clients * FILES_PER_CLIENT + others;
	int64_t limit = raise_limit(RLIMIT_NOFILE,
	    clients * FILES_PER_CLIENT_WANTED + others, true);

	if (limit < need)
		warn(budget, need, "open files",
		    "the limit is %" PRId64 ", enough for %" PRId64
		    " (ulimit -n, LimitNOFILE=)",
		    limit, enough_for(limit, others, FILES_PER_CLIENT));
}

/* The hard limit is what the administrator has set for the user. */
static void
check_user(const struct budget *budget, int64_t need)
{
	int64_t limit = raise_limit(RLIMIT_NPROC, need, false);

	if (limit < need)
		warn(budget, need, "processes",
		    "the user's limit is %" PRId64 ", enough for %" PRId64
		    " (ulimit -u, LimitNPROC=)",
		    limit, enough_for(limit, OTHER_PROCESSES, 1));
}

int64_t
resources_cpu(int64_t seconds)
{
	struct rlimit limit = { RLIM_INFINITY, RLIM_INFINITY };

	if (getrlimit(RLIMIT_CPU, &limit) == -1 ||
	    limit.rlim_max >= (rlim_t)seconds)
		return seconds;
	return (int64_t)limit.rlim_max;
}

static void
check_cpu(const struct budget *budget)
{
	const struct conf *conf = budget->conf;
	const struct conf_listener *listener = conf->listener;

	for (; listener < conf->listener + conf->n_listeners; listener++) {
		int64_t wanted = listener->timeouts.cpu_s;

		if (resources_cpu(wanted) < wanted)
			report_warning(budget->report,
			    "%s:%u: listeners[%u].timeouts.cpu: %" PRId64
			    " is more than the limit of CPU time allows, "
			    "%" PRId64 " (ulimit -t, LimitCPU=)",
			    conf_file(conf, listener, budget->path),
			    (unsigned)listener->line,
			    (unsigned)listener->place,
			    wanted, resources_cpu(wanted));
	}
}

/* -------------------------------------------------------- control groups */

/* The lowest pids.max of the group and of those around it; group is changed. */
static void
check_group(
    const struct budget *budget, const char *mount, char *group, int64_t need)
{
	char file[FILE_NAME_MAX], lowest[FILE_NAME_MAX] = "";
	int64_t limit, least = need;
	char *slash;

	/* One outside of our cgroup namespace, cgroup_namespaces(7). */
	if (strstr(group, "/..") != NULL)
		return;
	do {
		snprintf(file, sizeof(file), "%s%s%s/pids.max", budget->root,
		    mount, strcmp(group, "/") == 0 ? "" : group);
		if (figure_read(file, &limit) == 0 && limit < least) {
			least = limit;
			snprintf(lowest, sizeof(lowest), "%s", file);
		}
		slash = strrchr(group, '/');
		if (slash != NULL)
			*slash = '\0';
	} while (slash != NULL);
	if (least < need)
		warn(budget, need, "processes",
		    "the control group's limit is %" PRId64
		    ", enough for %" PRId64 " (TasksMax=, %.200s)",
		    least, enough_for(least, OTHER_PROCESSES, 1), lowest);
}

/* True when word is in the list, which has commas between its words. */
static bool
is_listed(const char *list, const char *word)
{
	size_t length = strlen(word);

	for (;;) {
		if (strncmp(list, word, length) == 0 &&
		    (list[length] == ',' || list[length] == '\0'))
			return true;
		list = strchr(list, ',');
		if (list == NULL)
			return false;
		list++;
	}
}

/* "HIERARCHY:CONTROLLERS:GROUP", cgroups(7); version 2 has no controllers. */
static void
check_line(const struct budget *budget, char *line, int64_t need)
{
	char *controllers = strchr(line, ':'), *group = NULL;

	if (controllers != NULL)
		group = strchr(++controllers, ':');
	if (group == NULL || group[1] != '/')
		return;
	*group++ = '\0';
	group[strcspn(group, "\n")] = '\0';
	if (*controllers == '\0')
		check_group(budget, "/sys/fs/cgroup", group, need);
	else if (is_listed(controllers, "pids"))
		check_group(budget, "/sys/fs/cgroup/pids", group, need);
}

static void
check_groups(const struct budget *budget, int64_t need)
{
	char name[FILE_NAME_MAX], *line = NULL;
	size_t room = 0;
	FILE *file;

	snprintf(name, sizeof(name), "%s" SELF_CGROUP, budget->root);
	file = fopen(name, "re");
	if (file == NULL)
		return;
	while (getline(&line, &room, file) != -1)
		check_line(budget, line, need);
	free(line);
	fclose(file);
}

static void
check_pids(const struct budget *budget, int64_t need)
{
	char name[FILE_NAME_MAX];
	int64_t most;

	snprintf(name, sizeof(name), "%s" PID_MAX, budget->root);
	if (figure_read(name, &most) == 0 && most < need + RESERVED_PIDS)
		warn(budget, need, "processes",
		    "this machine has process IDs for %" PRId64 ", enough for "
		    "%" PRId64 " (sysctl kernel.pid_max)",
		    most, enough_for(most, OTHER_PROCESSES + RESERVED_PIDS, 1));
}

void
resources_check(const struct conf *conf, const char *root, const char *path,
    struct report *report)
{
	struct budget budget = { conf, root, path, report };
	int64_t processes = conf->limits.max_clients + OTHER_PROCESSES;

	check_files(&budget);
	check_user(&budget, processes);
	check_groups(&budget, processes);
	check_pids(&budget, processes);
	check_cpu(&budget);
}

void
resources_check_backlogs(const struct conf *conf, const char *file,
    const char *path, struct report *report)
{
	const struct conf_listener *listener = conf->listener;
	int64_t most;

	if (figure_read(file, &most) == -1)
		return;
	for (; listener < conf->listener + conf->n_listeners; listener++)
		if (listener->backlog > most)
			report_warning(report,
			    "%s:%u: listeners[%u].backlog: %lld is more than "
			    "the kernel allows, %lld (net.core.somaxconn)",
			    conf_file(conf, listener, path),
			    (unsigned)listener->line,
			    (unsigned)listener->place,
			    (long long)listener->backlog, (long long)most);
}
