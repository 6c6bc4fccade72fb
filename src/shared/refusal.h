/* Why a client got no child. */
#ifndef SHARED_REFUSAL_H
#define SHARED_REFUSAL_H

enum refusal {
	REFUSAL_BUSY, /* limits.max_clients, when_full = "refuse" */
	REFUSAL_RATE, /* limits.rate, of the daemon or the listener */
	REFUSAL_BUSY_PER_SOURCE, /* limits.max_clients_per_source */
	REFUSAL_RATE_PER_SOURCE, /* limits.rate_per_source */
	REFUSAL_DENIED, /* by a rule */
	REFUSAL_NO_RESOURCES, /* no process for it within timeouts.session */
	REFUSAL_COUNT
};

/* The reason's name as it stands in logs and metrics; static text. */
const char *refusal_name(enum refusal refusal);

#endif
