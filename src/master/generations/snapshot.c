/* Making the plan. */
#include "config.h"

#include "master/generations/snapshot.h"

#include <sys/mman.h>

#include <linux/filter.h>

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "master/config/conf.h"
#include "master/config/resources.h"
#include "master/generations/filter.h"
#include "shared/plan.h"

#define SEALS (F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE)

static struct plan_session
session_of(const struct conf_listener *listener, size_t offset,
    const struct greeting *greeting)
{
	return (struct plan_session) {
		.greeting_offset = (uint32_t)offset,
		.greeting_length = (uint32_t)greeting->length,
		.session_ms = (uint32_t)listener->timeouts.session_ms,
		.send_ms = (uint32_t)listener->timeouts.send_ms,
		.linger_ms = (uint32_t)listener->timeouts.linger_ms,
		.cpu_s = (uint32_t)resources_cpu(listener->timeouts.cpu_s),
		.hold = (uint32_t)listener->hold,
		.rendered = greeting->n_segments > 0,
	};
}

/* Those of the listeners' rules come after the listeners' own. */
static void
sessions_make(struct plan *plan, const struct conf *conf,
    const struct greeting *greetings, size_t offset)
{
	const struct conf_listener *listener = conf->listener;
	size_t i, next = conf->n_listeners;

	for (i = 0; i < conf->n_listeners; i++) {
		plan->session[i] =
		    session_of(&listener[i], offset, &greetings[i]);
		offset += greetings[i].length;
	}
	for (i = 0; i < conf->n_rules; i++) {
		while (i >= listener->first_rule + listener->n_rules)
			listener++;
		if (conf->rule[i].greeting_line == 0)
			continue;
		plan->session[next] =
		    session_of(listener, offset, &greetings[next]);
		offset += greetings[next++].length;
	}
}

/* Header, sessions and filter; the sizes are final. */
static void
fill(struct plan *plan, const struct conf *conf,
    const struct greeting *greetings, const struct sock_filter *filter)
{
	size_t offset = plan->filter_offset +
	    plan->filter_length * sizeof(*filter);
	size_t i;

	memcpy((char *)plan + plan->filter_offset, filter,
	    plan->filter_length * sizeof(*filter));
	sessions_make(plan, conf, greetings, offset);
	for (i = 0; i < plan->n_sessions; i++) {
		memcpy((char *)plan + offset, greetings[i].bytes,
		    greetings[i].length);
		offset += greetings[i].length;
	}
}

static void
header_make(struct plan *plan, const struct conf *conf,
    const struct greeting *greetings, size_t filter_length)
{
	size_t n = greetings_count(conf);
	size_t size = sizeof(*plan) + n * sizeof(struct plan_session);
	size_t i;

	*plan = (struct plan) {
		.magic = PLAN_MAGIC,
		.master = (int32_t)getpid(),
		.sandbox = conf->sandbox == CONF_SANDBOX_REQUIRED ?
		    PLAN_SANDBOX_REQUIRED :
		    PLAN_SANDBOX_OFF,
		.filter_length = (uint32_t)filter_length,
		.n_sessions = (uint32_t)n,
	};
	plan->filter_offset = (uint32_t)size;
	size += filter_length * sizeof(struct sock_filter);
	for (i = 0; i < n; i++)
		size += greetings[i].length;
	plan->size = (uint32_t)size;
}

int
snapshot_seal(const struct plan *plan)
{
	int fd = memfd_create(
	    "forkgreet-plan", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	if (fd == -1)
		return -1;
	errno = ENOSPC; /* of a short write */
	if (write(fd, plan, plan->size) == (ssize_t)plan->size &&
	    fcntl(fd, F_ADD_SEALS, SEALS) == 0) {
		errno = EPERM; /* they went through, but are not there */
		if (fcntl(fd, F_GET_SEALS) == SEALS)
			return fd;
	}
	close(fd);
	return -1;
}

/* Puts the plan together, seals it, and maps it for ourselves. */
static const char *
put(struct snapshot *snapshot, const struct plan *header,
    const struct conf *conf, const struct greeting *greetings,
    const struct sock_filter *filter)
{
	struct plan *plan = malloc(header->size);

	if (plan == NULL)
		return "plan";
	*plan = *header;
	fill(plan, conf, greetings, filter);
	snapshot->fd = snapshot_seal(plan);
	free(plan);
	if (snapshot->fd == -1)
		return "memfd_create of the plan";
	plan = mmap(NULL, header->size, PROT_READ, MAP_SHARED, snapshot->fd, 0);
	if (plan == MAP_FAILED)
		return "mmap of the plan";
	snapshot->plan = plan;
	return NULL;
}

const char *
snapshot_make(struct snapshot *snapshot, const struct conf *conf,
    const struct greeting *greetings)
{
	struct sock_filter filter[FILTER_MAX];
	struct plan header;
	size_t length = 0;
	const char *failed = NULL;

	*snapshot = SNAPSHOT_NONE;
	if (conf->sandbox == CONF_SANDBOX_REQUIRED)
		failed = filter_compile(filter, &length);
	if (failed != NULL)
		return failed;
	header_make(&header, conf, greetings, length);
	failed = put(snapshot, &header, conf, greetings, filter);
	if (failed != NULL)
		snapshot_free(snapshot);
	return failed;
}

void
snapshot_free(struct snapshot *snapshot)
{
	int saved = errno;

	if (snapshot->plan != NULL)
		munmap((void *)(uintptr_t)snapshot->plan,
		    snapshot->plan->size);
	if (snapshot->fd != -1)
		close(snapshot->fd);
	*snapshot = SNAPSHOT_NONE;
	errno = saved;
}
