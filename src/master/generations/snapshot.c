/* Making the plan. */
#include "config.h"

#include "master/generations/snapshot.h"

#include <sys/mman.h>

#include <linux/filter.h>

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "master/config/conf.h"
#include "master/config/resources.h"
#include "master/generations/filter.h"
#include "shared/plan.h"

#define SEALS (F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE)

/* The status lines of answers, by state. */
static const char *const statuses[STATE_COUNT] = {
	[STATE_READY] = "200 OK",
	[STATE_DRAIN] = "503 Service Unavailable",
	[STATE_DOWN] = "503 Service Unavailable",
	[STATE_MAINTENANCE] = "503 Service Unavailable",
};

/* The constant part of an answer's head; bytes NULL: only how long it is. */
static uint32_t
head_make(char *bytes, const struct conf *conf,
    const struct conf_listener *listener, enum state state)
{
	char head[256];
	int n;

	if (listener->format != CONF_FORMAT_HTTP)
		return 0;
	n = snprintf(head, sizeof(head),
	    "HTTP/1.1 %s\r\n"
	    "Content-Type: %s\r\n"
	    "Cache-Control: no-store\r\n"
	    "Connection: close\r\n",
	    statuses[state], conf_text(conf, listener->content_type));
	if (bytes != NULL)
		memcpy(bytes, head, (size_t)n);
	return (uint32_t)n;
}

static struct plan_session
session_of(const struct conf_listener *listener,
    const struct greeting *greeting)
{
	return (struct plan_session) {
		.format = listener->format == CONF_FORMAT_HTTP ? PLAN_HTTP
							       : PLAN_PLAIN,
		.request_ms = (uint32_t)listener->timeouts.request_ms,
		.greeting_length = (uint32_t)greeting->length,
		.session_ms = (uint32_t)listener->timeouts.session_ms,
		.send_ms = (uint32_t)listener->timeouts.send_ms,
		.linger_ms = (uint32_t)listener->timeouts.linger_ms,
		.cpu_s = (uint32_t)resources_cpu(listener->timeouts.cpu_s),
		.hold = (uint32_t)listener->hold,
		.rendered = greeting->n_segments > 0 ||
		    listener->format == CONF_FORMAT_AGENT,
	};
}

/* A plan that is being put together. */
struct draft_plan {
	struct plan *plan; /* NULL: only its size is asked for */
	const struct conf *conf;
	const struct greeting *greetings;
	size_t offset; /* of the next text */
};

/* Puts the text of one session, and says in it where that is. */
static void
put_session(struct draft_plan *draft, const struct conf_listener *listener,
    enum state state, size_t index)
{
	const struct greeting *greeting = &draft->greetings[index];
	struct plan_session session = session_of(listener, greeting);
	char *bytes = (char *)draft->plan;

	session.head_offset = (uint32_t)draft->offset;
	session.head_length =
	    head_make(bytes == NULL ? NULL : bytes + draft->offset,
		draft->conf, listener, state);
	draft->offset += session.head_length;
	session.greeting_offset = (uint32_t)draft->offset;
	if (bytes != NULL) {
		memcpy(bytes + draft->offset, greeting->bytes,
		    greeting->length);
		draft->plan->session[index] = session;
	}
	draft->offset += greeting->length;
}

/* Those of the listeners' rules come after the listeners' own. */
static void
put_sessions(struct draft_plan *draft)
{
	const struct conf *conf = draft->conf;
	const struct conf_listener *listener = conf->listener;
	size_t next = greetings_first_rule(conf);
	uint32_t i;
	unsigned state;

	for (i = 0; i < conf->n_listeners; i++)
		for (state = 0; state < STATE_COUNT; state++)
			put_session(draft, &conf->listener[i],
			    (enum state)state, greetings_index(i, state));
	for (i = 0; i < conf->n_rules; i++) {
		while (i >= listener->first_rule + listener->n_rules)
			listener++;
		if (conf->rule[i].greeting_line != 0)
			put_session(draft, listener, STATE_READY, next++);
	}
}

/* Sessions, filter and texts; the size is final. */
static void
fill(struct plan *plan, const struct conf *conf,
    const struct greeting *greetings, const struct sock_filter *filter)
{
	struct draft_plan draft = { plan, conf, greetings,
		plan->filter_offset + plan->filter_length * sizeof(*filter) };

	memcpy((char *)plan + plan->filter_offset, filter,
	    plan->filter_length * sizeof(*filter));
	put_sessions(&draft);
}

static void
header_make(struct plan *plan, const struct conf *conf,
    const struct greeting *greetings, size_t filter_length)
{
	size_t n = greetings_count(conf);
	struct draft_plan draft = { NULL, conf, greetings,
		sizeof(*plan) + n * sizeof(struct plan_session) };

	*plan = (struct plan) {
		.magic = PLAN_MAGIC,
		.master = (int32_t)getpid(),
		.sandbox = conf->sandbox == CONF_SANDBOX_REQUIRED ?
		    PLAN_SANDBOX_REQUIRED :
		    PLAN_SANDBOX_OFF,
		.filter_offset = (uint32_t)draft.offset,
		.filter_length = (uint32_t)filter_length,
		.n_sessions = (uint32_t)n,
	};
	draft.offset += filter_length * sizeof(struct sock_filter);
	put_sessions(&draft);
	plan->size = (uint32_t)draft.offset;
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
