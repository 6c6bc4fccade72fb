/* Making the plan. */
#include "config.h"

#include "master/generations/snapshot.h"

#include <sys/mman.h>

#include <linux/filter.h>

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "master/config/conf.h"
#include "master/config/resources.h"
#include "master/generations/filter.h"
#include "master/system/seals.h"
#include "shared/plan.h"

/* A head with the longest content_type and its NUL, rounded up. */
#define HEAD_MAX 256

/* The status lines of answers, by state. */
static const char *const statuses[STATE_COUNT] = {
	[STATE_READY] = "200 OK",
	[STATE_DRAIN] = "503 Service Unavailable",
	[STATE_DOWN] = "503 Service Unavailable",
	[STATE_MAINTENANCE] = "503 Service Unavailable",
};

/* The constant part of an answer's head, at most HEAD_MAX bytes.  Returns how
 * many. */
static uint32_t
head_make(char bytes[HEAD_MAX], const struct conf *conf,
    const struct conf_listener *listener, enum state state)
{
	if (listener->format != CONF_FORMAT_HTTP)
		return 0;
	return (uint32_t)snprintf(bytes, HEAD_MAX,
	    "HTTP/1.1 %s\r\n"
	    "Content-Type: %s\r\n"
	    "Cache-Control: no-store\r\n"
	    "Connection: close\r\n",
	    statuses[state], conf_text(conf, listener->content_type));
}

/* Of the PROXY protocol. */
static uint32_t
versions_of(const struct conf_listener *listener)
{
	if (!conf_is_proxied(listener))
		return 0;
	switch ((enum conf_proxy_version)listener->proxy.version) {
	case CONF_PROXY_V1:
		return PLAN_PROXY_V1;
	case CONF_PROXY_V2:
		return PLAN_PROXY_V2;
	case CONF_PROXY_ANY:
		break;
	}
	return PLAN_PROXY_V1 | PLAN_PROXY_V2;
}

static struct plan_session
session_of(const struct conf_listener *listener,
    const struct greeting *greeting)
{
	uint64_t cpu_s = (uint64_t)resources_cpu(listener->timeouts.cpu_s);
	long session_ms = (long)listener->timeouts.session_ms;

	return (struct plan_session) {
		.cpu = { cpu_s, cpu_s },
		.timer = { 0, 0, session_ms / 1000, session_ms % 1000 * 1000 },
		.format = listener->format == CONF_FORMAT_HTTP ? PLAN_HTTP
							       : PLAN_PLAIN,
		.request_ms = (uint32_t)listener->timeouts.request_ms,
		.greeting_length = (uint32_t)greeting->length,
		.proxy_versions = versions_of(listener),
		.proxy_ms = (uint32_t)listener->timeouts.proxy_ms,
		.send_ms = (uint32_t)listener->timeouts.send_ms,
		.linger_ms = (uint32_t)listener->timeouts.linger_ms,
		.hold = (uint32_t)listener->hold,
		.rendered = greeting->n_texts > 0 ||
		    listener->format == CONF_FORMAT_AGENT,
	};
}

/* Puts one session and the head of its answers.  All texts are counted from
 * their start. */
static void
put_session(struct snapshot_draft *draft, const struct conf_listener *listener,
    enum state state, size_t index)
{
	const struct greeting *greeting = &draft->greetings[index];
	struct plan_session session = session_of(listener, greeting);

	session.head_offset = (uint32_t)draft->length;
	session.head_length = head_make((char *)draft->plan + draft->length,
	    draft->conf, listener, state);
	session.greeting_offset = draft->plan->size;
	draft->length += session.head_length;
	draft->plan->size += session.greeting_length;
	draft->plan->session[index] = session;
}

/* Those of the listeners' rules come after the listeners' own. */
static void
put_sessions(struct snapshot_draft *draft)
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

/* All but the texts, which follow it. */
static void
lay_out(struct snapshot_draft *draft, const struct sock_filter *filter,
    size_t filter_length)
{
	uint32_t n = (uint32_t)greetings_count(draft->conf), i;
	size_t offset = sizeof(struct plan) + n * sizeof(struct plan_session);
	struct plan *plan = draft->plan;

	*plan = (struct plan) {
		.magic = PLAN_MAGIC,
		.master = (int32_t)getpid(),
		.sandbox = draft->conf->sandbox == CONF_SANDBOX_REQUIRED ?
		    PLAN_SANDBOX_REQUIRED :
		    PLAN_SANDBOX_OFF,
		.filter_offset = (uint32_t)offset,
		.filter_length = (uint32_t)filter_length,
		.n_sessions = n,
		.descriptors = conf_has_proxied(draft->conf) ? 2 : 1,
	};
	draft->length = offset + filter_length * sizeof(*filter);
	memcpy((char *)plan + offset, filter, draft->length - offset);
	put_sessions(draft);
	for (i = 0; i < n; i++)
		plan->session[i].greeting_offset += (uint32_t)draft->length;
	plan->size += (uint32_t)draft->length;
}

/* ------------------------------------------------------------- making of it */

static int
put(int fd, const void *bytes, size_t length, size_t offset)
{
	errno = ENOSPC; /* of a short write */
	return pwrite(fd, bytes, length, (off_t)offset) == (ssize_t)length
		? 0 : -1;
}

static int
memfd_make(void)
{
	return memfd_create(
	    "forkgreet-plan", MFD_CLOEXEC | MFD_ALLOW_SEALING);
}

int
snapshot_seal(const struct plan *plan)
{
	int fd = memfd_make();

	if (fd == -1)
		return -1;
	if (put(fd, plan, plan->size, 0) == 0 && seals_put(fd) == 0)
		return fd;
	close(fd);
	return -1;
}

/* That of the earlier plan, or a new one. */
static const char *
filter_get(struct sock_filter filter[FILTER_MAX], size_t *length,
    const struct conf *conf, const struct plan *earlier)
{
	*length = 0;
	if (conf->sandbox != CONF_SANDBOX_REQUIRED)
		return NULL;
	if (earlier == NULL)
		return filter_compile(
		    filter, length, conf_has_proxied(conf));
	*length = earlier->filter_length;
	memcpy(filter, (const char *)earlier + earlier->filter_offset,
	    *length * sizeof(*filter));
	return NULL;
}

const char *
snapshot_begin(struct snapshot_draft *draft, const struct conf *conf,
    const struct greeting *greetings, const struct plan *earlier)
{
	struct sock_filter filter[FILTER_MAX];
	size_t n = greetings_count(conf), length;
	const char *failed = filter_get(filter, &length, conf, earlier);

	*draft = SNAPSHOT_DRAFT_NONE;
	if (failed != NULL)
		return failed;
	draft->conf = conf;
	draft->greetings = greetings;
	draft->plan = calloc(1, sizeof(struct plan) +
	    n * (sizeof(struct plan_session) + HEAD_MAX) +
	    length * sizeof(*filter));
	if (draft->plan == NULL)
		return "plan";
	lay_out(draft, filter, length);
	draft->fd = memfd_make();
	if (draft->fd == -1 ||
	    put(draft->fd, draft->plan, draft->length, 0) == -1)
		return "memfd_create of the plan";
	return NULL;
}

const char *
snapshot_continue(struct snapshot_draft *draft, bool *done)
{
	const struct plan_session *session =
	    &draft->plan->session[draft->next];
	size_t n;

	*done = draft->next == draft->plan->n_sessions;
	if (*done)
		return NULL;
	n = session->greeting_length - draft->done;
	if (n > SNAPSHOT_PIECE)
		n = SNAPSHOT_PIECE;
	if (n > 0 &&
	    put(draft->fd, draft->greetings[draft->next].bytes + draft->done, n,
		session->greeting_offset + draft->done) == -1)
		return "memfd_create of the plan";
	draft->done += n;
	if (draft->done < session->greeting_length)
		return NULL;
	draft->next++;
	draft->done = 0;
	return NULL;
}

const char *
snapshot_finish(struct snapshot_draft *draft, struct snapshot *snapshot)
{
	static uint64_t serial;
	const struct plan *plan;

	if (seals_put(draft->fd) == -1)
		return "memfd_create of the plan";
	plan = mmap(
	    NULL, draft->plan->size, PROT_READ, MAP_SHARED, draft->fd, 0);
	if (plan == MAP_FAILED)
		return "mmap of the plan";
	*snapshot = (struct snapshot) { draft->fd, plan, ++serial };
	draft->fd = -1;
	return NULL;
}

void
snapshot_draft_free(struct snapshot_draft *draft)
{
	int saved = errno;

	if (draft->fd != -1)
		close(draft->fd);
	free(draft->plan);
	*draft = SNAPSHOT_DRAFT_NONE;
	errno = saved;
}

const char *
snapshot_make(struct snapshot *snapshot, const struct conf *conf,
    const struct greeting *greetings)
{
	struct snapshot_draft draft;
	bool done = false;
	const char *failed = snapshot_begin(&draft, conf, greetings, NULL);

	*snapshot = SNAPSHOT_NONE;
	while (failed == NULL && !done)
		failed = snapshot_continue(&draft, &done);
	if (failed == NULL)
		failed = snapshot_finish(&draft, snapshot);
	snapshot_draft_free(&draft);
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
