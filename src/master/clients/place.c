/* Gives back the place that a client holds. */
#include "config.h"

#include "master/clients/place.h"

#include "master/clients/proxy.h"
#include "master/clients/service.h"

void
place_release(struct service *service, struct client *client)
{
	int group = service->counters.rows[client->row].session;

	if (group != -1)
		admit_release(
		    &service->admit, (uint32_t)group, client->source);
	client->source = ADMIT_NO_SOURCE;
	proxy_release(service, client);
}
