/* What the daemon knows that decides about one client. */
#include "config.h"

#include "master/control/counts.h"

#include <inttypes.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

#include "master/control/status.h"
#include "master/control/writer.h"
#include "shared/control_words.h"
#include "shared/number.h"

/* The numbers, in their order. */
static const struct field {
	const char *name;
	size_t offset;
	int64_t min, max;
} fields[] = {
	{ "pid", offsetof(struct counts, pid), 1, INT32_MAX },
	{ "fingerprint", offsetof(struct counts, fingerprint), 0, INT64_MAX },
	{ "stopping", offsetof(struct counts, stopping), 0, 1 },
	{ "next_id", offsetof(struct counts, next_id), 1, INT64_MAX },
	{ "clients", offsetof(struct counts, clients), 0, CONF_CLIENTS_MAX },
	{ "known", offsetof(struct counts, known), 0, 1 },
	{ "listener_clients", offsetof(struct counts, listener_clients), 0,
	    CONF_CLIENTS_MAX },
	{ "source_clients", offsetof(struct counts, levels.clients), 0,
	    CONF_CLIENTS_MAX },
	{ "source_level", offsetof(struct counts, levels.source), LEVELS_NONE,
	    INT64_MAX },
	{ "listener_level", offsetof(struct counts, levels.listener),
	    LEVELS_NONE, INT64_MAX },
	{ "daemon_level", offsetof(struct counts, levels.daemon), LEVELS_NONE,
	    INT64_MAX },
	{ "state", offsetof(struct counts, state), 0, STATE_COUNT - 1 },
	{ "weight", offsetof(struct counts, weight), -1, 100 },
	{ "until", offsetof(struct counts, until), 0, INT64_MAX },
};

#define FIELDS (sizeof(fields) / sizeof(fields[0]))
#define REASON "reason="
/* Each byte as %XX, and a NUL. */
#define REASON_ROOM (3 * STATE_REASON_MAX + 1)

static int64_t *
number_of(struct counts *counts, const struct field *field)
{
	return (int64_t *)(void *)((char *)counts + field->offset);
}

static void
take_listener(struct counts *counts, const struct service *service,
    const struct counters_row *row, const struct addr *source, int64_t now)
{
	uint32_t group = (uint32_t)row->session;
	const struct listener_state *state = &service->states[group];

	counts->known = 1;
	counts->listener_clients = counters_places(row);
	levels_take(&counts->levels, &service->admit, group, source, now);
	counts->state = (int64_t)state->state;
	counts->weight = state->weight;
	counts->until = state->until;
	memcpy(counts->reason, state->reason, sizeof(counts->reason));
}

void
counts_take(struct counts *counts, const struct overview *overview,
    const char *listener, const struct addr *source, int64_t now)
{
	const struct service *service = overview->service;
	const struct counters_row *row = service->counters.rows;
	const struct counters_row *end = row + service->counters.n_rows;

	*counts = COUNTS_NONE;
	counts->pid = getpid();
	counts->fingerprint = service->setup->conf->fingerprint;
	counts->stopping = overview->stopping;
	counts->next_id = (int64_t)service->clients.last_id + 1;
	counts->clients = service_places(service);
	for (; row < end; row++)
		if (row->session != -1 && strcmp(row->name, listener) == 0)
			take_listener(counts, service, row, source, now);
}

char *
counts_text(const struct counts *counts)
{
	struct counts copy = *counts;
	char reason[REASON_ROOM];
	struct writer writer;
	FILE *out = writer_open(&writer);
	size_t i;

	if (out == NULL)
		return NULL;
	for (i = 0; i < FIELDS; i++)
		fprintf(out, "%s=%" PRId64 " ", fields[i].name,
		    *number_of(&copy, &fields[i]));
	control_words_encode(counts->reason, reason, sizeof(reason));
	fprintf(out, REASON "%s\n", reason);
	return writer_close(&writer);
}

static int
parse_number(struct counts *counts, const struct field *field, const char *word)
{
	size_t length = strlen(field->name);

	if (strncmp(word, field->name, length) != 0 || word[length] != '=')
		return -1;
	return number_parse(word + length + 1, field->min, field->max,
	    number_of(counts, field));
}

int
counts_parse(struct counts *counts, char *line, size_t length)
{
	char *words[FIELDS + 1];
	const char *reason;
	size_t i;

	*counts = COUNTS_NONE;
	if (length == 0 || line[length - 1] != '\n')
		return -1;
	line[length - 1] = '\0';
	if (control_words_split(line, length - 1, words, FIELDS + 1) !=
	    (int)FIELDS + 1)
		return -1;
	for (i = 0; i < FIELDS; i++)
		if (parse_number(counts, &fields[i], words[i]) == -1)
			return -1;
	reason = words[FIELDS];
	if (strncmp(reason, REASON, strlen(REASON)) != 0)
		return -1;
	return control_words_decode(reason + strlen(REASON), counts->reason,
	    sizeof(counts->reason));
}
