/* Was what a client got one of the texts of the moment, whole? */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "reliability/soak/swarm.h"

#define LINE 64 /* of a filler */

const char *const kind_names[KINDS] = {
	[KIND_READY] = "ready",
	[KIND_DRAIN] = "drain",
	[KIND_MAINTENANCE] = "maintenance",
	[KIND_DOWN] = "down",
	[KIND_BUSY] = "busy",
	[KIND_RATE] = "rate",
	[KIND_BUSY_PER_SOURCE] = "busy_per_source",
	[KIND_RATE_PER_SOURCE] = "rate_per_source",
	[KIND_DENIED] = "denied",
	[KIND_NO_RESOURCES] = "no_resources",
	[KIND_SPECIAL] = "special",
	[KIND_BAD_REQUEST] = "bad_request",
	[KIND_REQUEST_TIMEOUT] = "request_timeout",
	[KIND_SILENT] = "silent",
};

static const unsigned statuses[KINDS] = {
	[KIND_READY] = 200,
	[KIND_DRAIN] = 503,
	[KIND_MAINTENANCE] = 503,
	[KIND_DOWN] = 503,
	[KIND_BUSY] = 503,
	[KIND_RATE] = 429,
	[KIND_BUSY_PER_SOURCE] = 429,
	[KIND_RATE_PER_SOURCE] = 429,
	[KIND_DENIED] = 403,
	[KIND_NO_RESOURCES] = 503,
	[KIND_SPECIAL] = 200,
	[KIND_BAD_REQUEST] = 400,
	[KIND_REQUEST_TIMEOUT] = 408,
};

/* One of the texts that would have been right, and what a client got. */
static char expected[TEXT_MAX + LINE];

static size_t
put(const char *text)
{
	return (size_t)snprintf(expected, sizeof(expected), "%s", text);
}

static size_t
put_agent(enum kind kind, unsigned version)
{
	switch (kind) {
	case KIND_READY:
		return (size_t)snprintf(expected, sizeof(expected),
		    "up ready %u%%\n", version % 100 + 1);
	case KIND_DRAIN:
		return put("up drain\n");
	case KIND_MAINTENANCE:
		return put("maint\n");
	case KIND_DOWN:
		return (size_t)snprintf(expected, sizeof(expected),
		    "ready down #v%u\n", version);
	default:
		return put("");
	}
}

/* "soak NAME KIND VERSION[ ADDRESS PORT]\n", and the filler. */
static size_t
put_text(const struct got *got, enum kind kind, unsigned version)
{
	const struct target *target = got->target;
	size_t length;

	length = (size_t)snprintf(expected, sizeof(expected),
	    "soak %s %s %u%s\n", target->name, kind_names[kind], version,
	    target->has_who ? got->who : "");
	if (kind != KIND_READY)
		return length;
	for (unsigned i = 0; i < target->filler / LINE; i++)
		length += (size_t)snprintf(expected + length,
		    sizeof(expected) - length, "%*u of version %-10u\n",
		    LINE - 23, i, version);
	return length;
}

static size_t
put_expected(const struct got *got, enum kind kind, unsigned version)
{
	switch (kind) {
	case KIND_SILENT:
		return put("");
	case KIND_BAD_REQUEST:
		return put("bad request\n");
	case KIND_REQUEST_TIMEOUT:
		return put("request timeout\n");
	default:
		return got->target->format == FORMAT_AGENT ?
		    put_agent(kind, version) :
		    put_text(got, kind, version);
	}
}

/* The body behind a whole head that says so much of it; NULL: there is none.
 * What is not a head of ours gives -1 as its status. */
static const char *
split_head(const struct got *got, long *status, long *declared)
{
	static const char version[] = "HTTP/1.1 ", field[] =
						       "\r\nContent-Length: ";
	const char *end, *found;

	end = memmem(got->text, got->length, "\r\n\r\n", 4);
	*status = *declared = -1;
	if (end == NULL) {
		if (strncmp(got->text, version, got->length) == 0 ||
		    strncmp(got->text, version, sizeof(version) - 1) == 0)
			*status = 0;
		return NULL;
	}
	found = memmem(got->text, (size_t)(end - got->text), field,
	    sizeof(field) - 1);
	if (strncmp(got->text, version, sizeof(version) - 1) == 0)
		*status = strtol(got->text + sizeof(version) - 1, NULL, 10);
	if (found != NULL)
		*declared = strtol(found + sizeof(field) - 1, NULL, 10);
	return end + 4;
}

static enum verdict
compare(const char *text, size_t length, size_t whole)
{
	if (length > whole || memcmp(text, expected, length) != 0)
		return VERDICT_WRONG;
	return length == whole ? VERDICT_WHOLE : VERDICT_PREFIX;
}

static enum verdict
compare_http(const struct got *got, enum kind kind, size_t whole)
{
	long status, declared;
	const char *body;

	if (got->length == 0 || kind == KIND_SILENT)
		return compare(got->text, got->length,
		    kind == KIND_SILENT ? 0 : whole);
	body = split_head(got, &status, &declared);
	if (body == NULL)
		return status == 0 ? VERDICT_PREFIX : VERDICT_WRONG;
	if (status != (long)statuses[kind] || declared != (long)whole)
		return VERDICT_WRONG;
	if (got->is_head)
		whole = 0;
	return compare(
	    body, got->length - (size_t)(body - got->text), whole);
}

/* Is the kind's text that of the target's own version? */
static bool
is_own(const struct target *target, enum kind kind)
{
	return kind == KIND_READY ||
	    (kind == KIND_DOWN && target->format == FORMAT_AGENT);
}

static enum verdict
judge_kind(const struct got *got, const struct word *word, enum kind kind)
{
	bool own = is_own(got->target, kind);
	unsigned version = own ? word->oldest : word->config_oldest,
		 last = own ? word->newest : word->config_newest;
	enum verdict verdict, best = VERDICT_WRONG;

	for (; version <= last && best != VERDICT_WHOLE; version++) {
		size_t whole = put_expected(got, kind, version);

		verdict = got->target->format == FORMAT_HTTP ?
		    compare_http(got, kind, whole) :
		    compare(got->text, got->length, whole);
		if (verdict < best)
			best = verdict;
	}
	return best;
}

static const struct word *
word_of(const struct board *board, const struct got *got, uint32_t phase)
{
	return &board->phases[phase % PHASES_MAX].words[got->index];
}

/* Kinds as one phase has them, versions as another. */
static enum verdict
judge_phases(const struct got *got, const struct word *came,
    const struct word *told, enum kind *kind)
{
	enum verdict verdict, best = VERDICT_WRONG;

	for (unsigned i = 0; i < KINDS && best != VERDICT_WHOLE; i++) {
		if (!(((came->kinds & ~got->less) | got->more) & 1u << i))
			continue;
		verdict = judge_kind(got, told, (enum kind)i);
		if (verdict <= best) {
			best = verdict;
			*kind = (enum kind)i;
		}
	}
	return best;
}

/* In that phase it was accepted: the state is of then, the text may be newer, for
 * a client whose spawner is stuck is given to the next one. */
static enum verdict
judge_from(const struct board *board, const struct got *got, uint32_t phase,
    uint32_t now, enum kind *kind)
{
	const struct word *came = word_of(board, got, phase);
	enum verdict verdict, best = VERDICT_WRONG;
	enum kind found = KIND_SILENT;

	for (; best != VERDICT_WHOLE; phase++) {
		verdict = judge_phases(
		    got, came, word_of(board, got, phase), &found);
		if (verdict < best) {
			best = verdict;
			*kind = found;
		}
		if (phase == now)
			break;
	}
	return best;
}

/* The reason of a state is not kept for each client: none is said when the state
 * has gone before the answer. */
static bool
is_down_no_more(const struct got *got)
{
	static const char text[] = "ready down #\n";

	return got->target->format == FORMAT_AGENT &&
	    got->length == sizeof(text) - 1 &&
	    memcmp(got->text, text, sizeof(text) - 1) == 0;
}

enum verdict
judge(const struct board *board, const struct got *got, enum kind *kind)
{
	uint32_t now = __atomic_load_n(&board->phase, __ATOMIC_ACQUIRE);
	enum verdict verdict, best = VERDICT_WRONG;
	enum kind found = KIND_SILENT;

	*kind = KIND_SILENT;
	if (got->phase != now && is_down_no_more(got)) {
		*kind = KIND_DOWN;
		return VERDICT_WHOLE;
	}
	for (uint32_t phase = got->phase; best != VERDICT_WHOLE; phase++) {
		verdict = judge_from(board, got, phase, now, &found);
		if (verdict < best) {
			best = verdict;
			*kind = found;
		}
		if (phase == now)
			break;
	}
	return best;
}
