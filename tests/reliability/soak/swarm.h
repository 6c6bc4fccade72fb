/* The clients of the soak: what each target may say at a moment, and what a
 * client got. */
#ifndef SOAK_SWARM_H
#define SOAK_SWARM_H

#include <netinet/in.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TARGETS_MAX 16
#define PHASES_MAX 8192
#define TEXT_MAX (256 * 1024) /* of what a client gets */
/* Last byte of the addresses that a rule denies, or greets otherwise. */
#define SOURCE_DENIED 250
#define SOURCE_SPECIAL 251

/* How a target speaks; hold: the client closes first. */
enum format { FORMAT_PLAIN, FORMAT_HTTP, FORMAT_AGENT, FORMAT_HOLD, FORMATS };

/* What it may say; the texts are in judge.c. */
enum kind {
	KIND_READY,
	KIND_DRAIN,
	KIND_MAINTENANCE,
	KIND_DOWN,
	KIND_BUSY,
	KIND_RATE,
	KIND_BUSY_PER_SOURCE,
	KIND_RATE_PER_SOURCE,
	KIND_DENIED,
	KIND_NO_RESOURCES,
	KIND_SPECIAL, /* a rule's greeting */
	KIND_BAD_REQUEST,
	KIND_REQUEST_TIMEOUT,
	KIND_SILENT, /* closed without a word */
	KINDS
};

extern const char *const kind_names[KINDS];

/* What a target may say in a phase: kinds as bits; which version of its own
 * text (that of a file), and which of those in the configuration. */
struct word {
	uint16_t kinds;
	uint16_t oldest, newest;
	uint16_t config_oldest, config_newest;
};

struct phase {
	struct word words[TARGETS_MAX];
};

/* A file that both sides map.  run writes a phase first, then its number. */
struct board {
	uint32_t go; /* so many clients, then rest */
	uint32_t phase;
	struct phase phases[PHASES_MAX];
};

struct target {
	char name[16];
	enum format format;
	bool has_who; /* its texts end in the client's address and port */
	bool is_proxied;
	bool has_rules; /* for sources SOURCE_DENIED and SOURCE_SPECIAL */
	unsigned sources; /* 127.0.0.1 ...; 0: they do not bind */
	unsigned share; /* of the clients */
	unsigned filler; /* bytes of its greeting's further lines */
	struct sockaddr_storage address;
	socklen_t length;
};

/* What a client got. */
enum verdict {
	VERDICT_WHOLE,
	VERDICT_PREFIX, /* the beginning of what would be right */
	VERDICT_WRONG
};

struct got {
	const struct target *target;
	unsigned index; /* of the target */
	uint32_t phase; /* when it connected */
	uint16_t more, less; /* kinds that are right, or not, in any phase */
	bool is_head; /* an HTTP request for the head only */
	char who[64]; /* " ADDRESS PORT" */
	const char *text;
	size_t length;
};

/* Compares it with all that was right between then and now; kind: which that
 * was, when it was one of them. */
enum verdict judge(
    const struct board *board, const struct got *got, enum kind *kind);

#endif
