/* Begins, configures and ends the service. */
#include "config.h"

#include "master/clients/serve.h"

#include <stdlib.h>
#include <string.h>

#include "master/clients/evict.h"
#include "master/clients/gate.h"
#include "master/clients/quiet.h"
#include "master/clients/reap.h"
#include "master/clients/service.h"
#include "master/config/conf.h"
#include "master/generations/generation.h"
#include "master/generations/spawners.h"
#include "master/listeners/activation.h"
#include "master/system/clock.h"
#include "master/system/events.h"
#include "master/system/log_event.h"

const char *
serve_init(struct service *service, int epoll, struct setup *setup,
    struct generation *generation)
{
	memset(service, 0, sizeof(*service));
	service->epoll = epoll;
	service->setup = setup;
	service->generation = generation;
	service->handed_at = service->quiet_at = CLOCK_NEVER;
	service->accepting = service->forking = BACKOFF_NONE;
	watch_init(&service->watch, epoll, &setup->listeners);
	linger_init(&service->linger, epoll, EVENT_LINGER,
	    LINGER_MS * CLOCK_MS);
	if (clients_init(&service->clients) == -1)
		return "table of clients";
	if (admit_init(&service->admit) == -1)
		return "table of sources";
	return NULL;
}

/* Names of all listeners, in their order. */
static void
names_of(const struct conf *conf, const char *names[CONF_LISTENERS_MAX])
{
	uint32_t i;

	for (i = 0; i < conf->n_listeners; i++)
		names[i] = conf_text(conf, conf->listener[i].name);
}

int
serve_prepare(struct service *service, const struct conf *conf)
{
	const char *names[CONF_LISTENERS_MAX];

	names_of(conf, names);
	return counters_prepare(&service->counters, names, conf->n_listeners);
}

void
serve_configure(struct service *service, int64_t now)
{
	const char *names[CONF_LISTENERS_MAX];
	struct listeners *listeners = &service->setup->listeners;
	size_t i;

	quiet_flush(service);
	names_of(service->setup->conf, names);
	counters_use(
	    &service->counters, names, service->setup->conf->n_listeners);
	for (i = 0; i < listeners->n; i++)
		listeners->list[i].row = (uint32_t)counters_find(
		    &service->counters, listeners->list[i].name);
	gate_configure(service, now);
	evict_configure(service);
	watch_start(&service->watch);
}

void
serve_close(struct service *service)
{
	struct listeners *listeners = &service->setup->listeners;

	service->is_open = false;
	watch_remove(&service->watch, listeners, NULL);
	listeners_close(listeners, NULL);
	activation_close();
	watch_init(&service->watch, service->epoll, listeners);
}

void
serve_end(struct service *service, int signal, int64_t now)
{
	service->ending = signal;
	reap_signal_all(service, signal, now);
}

bool
serve_is_idle(const struct service *service)
{
	return service->counters.live == 0 && service->linger.n == 0;
}

void
serve_log_counters(const struct service *service)
{
	const struct counters *counters = &service->counters;

	counters_log(counters);
	log_event(LOG_INFO | LOG_ASKED, "counters",
	    LOG_NUMBER("live", counters->live),
	    LOG_NUMBER("lingering", counters->lingering),
	    LOG_NUMBER("sent_bytes", counters->sent_bytes),
	    LOG_NUMBER("child_cpu_us", counters->cpu_us),
	    LOG_NUMBER("accept_failures", counters->accept_failures),
	    LOG_NUMBER("fork_failures", counters->fork_failures),
	    LOG_NUMBER("spawner_starts",
		spawners_serving(service->generation->spawners)),
	    LOG_NUMBER("spawner_standby",
		service->generation->spawners->standby != -1),
	    LOG_NUMBER("reloads_ok", counters->reloads_ok),
	    LOG_NUMBER("reloads_failed", counters->reloads_failed),
	    LOG_NUMBER("log_dropped", log_dropped()));
}

void
serve_free(struct service *service)
{
	linger_clear(&service->linger);
	clients_free(&service->clients);
	admit_free(&service->admit);
	free(service->counters.rows);
}
