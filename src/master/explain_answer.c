/* Shows the bytes that a client gets. */
#include "config.h"

#include <inttypes.h>
#include <string.h>

#include "master/config/conf.h"
#include "master/explain_show.h"
#include "shared/escape.h"

static void
put_word(FILE *out, const char *word)
{
	fprintf(out, EXPLAIN_WORD, word);
}

/* Values that only a client who is there has. */
static const struct {
	enum greet_what what;
	const char *name;
} guessed[] = {
	{ GREET_CLIENT_PORT, "client_port" },
	{ GREET_SERVER_IP, "server_ip" },
	{ GREET_SERVER_PORT, "server_port" },
	{ GREET_ID, "id" },
};

static bool
is_known(const struct client *client, enum greet_what what)
{
	switch (what) {
	case GREET_CLIENT_PORT:
		return client->peer.port != 0;
	case GREET_SERVER_IP:
		return client->local.family != AF_UNSPEC;
	case GREET_SERVER_PORT:
		return client->local.port != 0;
	case GREET_ID:
		return client->id != 0;
	default:
		return true;
	}
}

static bool
is_used(const struct explanation *explanation, enum greet_what what)
{
	const struct messages *messages = &explanation->service.setup->messages;
	const struct client *client = explanation->client;

	if (explanation->allowed || client->own_text)
		return messages_greet_uses(
		    messages, explanation->answer.session, what);
	return messages_render_uses(
	    messages, (int)explanation->group, explanation->why, what);
}

static void
put_guesses(FILE *out, const struct explanation *explanation)
{
	const char *before = "with " GREET_UNKNOWN_WORD
			     " for what is not known:";
	bool any = false;
	size_t i;

	if (explanation->conf->format == CONF_FORMAT_AGENT)
		return;
	for (i = 0; i < sizeof(guessed) / sizeof(guessed[0]); i++) {
		if (is_known(explanation->client, guessed[i].what) ||
		    !is_used(explanation, guessed[i].what))
			continue;
		if (!any)
			put_word(out, "");
		fprintf(out, "%s %s", before, guessed[i].name);
		before = ",";
		any = true;
	}
	if (any)
		fputc('\n', out);
}

/* What it gets; a refusal is whole. */
static size_t
parts_of(const struct explanation *explanation,
    struct answer_part parts[ANSWER_PARTS])
{
	const struct answer *answer = &explanation->answer;

	if (explanation->allowed) {
		answer_parts(parts, answer,
		    explanation->service.setup->snapshot.plan);
		return ANSWER_PARTS;
	}
	parts[0] = (struct answer_part) { answer->bytes, answer->length };
	return 1;
}

static void
put_answer(FILE *out, const struct explanation *explanation)
{
	const struct messages *messages = &explanation->service.setup->messages;
	const struct answer *answer = &explanation->answer;
	uint32_t texts = messages->sessions[answer->session].n_texts;

	put_word(out, "answer");
	if (answer->total == 0)
		fputs("nothing, and the end of the stream\n", out);
	else
		fprintf(out, "%zu bytes%s\n", answer->total,
		    explanation->conf->format == CONF_FORMAT_HTTP ?
			", to a GET" : "");
	if (explanation->allowed && texts > 1 &&
	    explanation->conf->pick == CONF_PICK_RANDOM) {
		put_word(out, "");
		fprintf(out, "one of %" PRIu32 " texts: each client gets "
		    "another one\n", texts);
	}
	put_guesses(out, explanation);
}

/* The bytes of C's own escapes, and a backslash, so that all can be told
 * apart. */
static size_t
put_byte(FILE *out, const char *text, size_t left)
{
	static const char bytes[] = "\n\r\t\\", names[] = "nrt\\";
	const char *found = *text == '\0' ? NULL : strchr(bytes, *text);
	size_t n = escape_shown(text, left);

	if (found != NULL)
		fprintf(out, "\\%c", names[found - bytes]);
	else if (n > 0)
		fwrite(text, 1, n, out);
	else
		fprintf(out, "\\x%02x", (unsigned char)*text);
	return n > 0 ? n : 1;
}

static void
put_part(FILE *out, const struct answer_part *part, bool *begun)
{
	size_t at = 0;

	while (at < part->length) {
		if (!*begun)
			fputs("  ", out);
		*begun = part->bytes[at] != '\n';
		at += put_byte(out, part->bytes + at, part->length - at);
		if (!*begun)
			fputc('\n', out);
	}
}

static void
put_bytes(FILE *out, const struct explanation *explanation)
{
	struct answer_part parts[ANSWER_PARTS];
	size_t i, n = parts_of(explanation, parts);
	bool begun = false;

	for (i = 0; i < n; i++)
		if (explanation->query->raw)
			fwrite(parts[i].bytes, 1, parts[i].length, out);
		else
			put_part(out, &parts[i], &begun);
	if (begun)
		fputc('\n', out);
}

void
explain_answer(const struct explanation *explanation, FILE *out)
{
	if (!explanation->query->raw)
		put_answer(out, explanation);
	put_bytes(out, explanation);
}
