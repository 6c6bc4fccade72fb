/* What the reader of a configuration says, changed by an enemy: refused with an
 * error, or a configuration that is safe to use. */
#include "config.h"

#include <string.h>

#include "fuzz.h"
#include "parsed.h"
#include "master/config/verdict.h"
#include "shared/entries.h"

/* What an input starts from; one byte chooses. */
static const char *const texts[] = {
	"",
	"user = \"u\"; pid_file = \"/p\"; log = { level = \"debug\"; };\n"
	"limits = { exempt = ( \"10.0.0.0/8\", \"::1\" ); };\n"
	"listeners = ( { name = \"first\"; port = 1; address = ( \"10.0.0.1\", "
	"\"fe80::1%eth0\" );\n"
	"rules = ( { from = \"192.0.2.0/24\"; action = \"deny\"; },\n"
	"{ from = ( \"2001:db8::/32\", \"any\" ); action = \"allow\";\n"
	"greeting = \"own\"; } ); },\n"
	"{ address = \"::\"; greeting_file = \"/etc/motd\"; },\n"
	"{ port = 3; greeting = \"g\\x01\\xff\"; hold = true; } );\n",
	"limits = { max_clients = ; };\nsandbox = maybe;\n", /* errors */
};
#define N_TEXTS (sizeof(texts) / sizeof(texts[0]))

#define ENTRIES_KEPT 128

static struct base {
	struct conf *conf;
	char *bytes;
	size_t length;
	size_t start[ENTRIES_KEPT]; /* of each entry */
	size_t n;
} bases[N_TEXTS];

static struct entry_head
head_at(const struct base *base, size_t at)
{
	struct entry_head head;

	memcpy(&head, base->bytes + at, sizeof(head));
	return head;
}

static void
base_make(struct base *base, const char *text)
{
	struct report report;
	struct entry_head head;
	size_t at;

	base->conf = parsed(text, strlen(text), &report);
	base->bytes = parsed_entries(text, strlen(text), &base->length);
	for (at = 0; at < base->length;) {
		MUST(base->n < ENTRIES_KEPT);
		base->start[base->n++] = at;
		head = head_at(base, at);
		at += sizeof(head) + head.path_length + head.text_length + 2;
	}
	MUST(at == base->length);
}

/* A place in an entry: its head, path or text; or anywhere. */
static size_t
place_of(const struct base *base, uint8_t region, uint32_t at)
{
	size_t start = base->start[at % base->n];
	struct entry_head head = head_at(base, start);

	at /= (uint32_t)base->n;
	switch (region % 4) {
	case 0:
		return start + at % sizeof(head);
	case 1:
		return start + sizeof(head) + at % (head.path_length + 1U);
	case 2:
		return start + sizeof(head) + head.path_length + 1U +
		    at % (head.text_length + 1);
	default:
		return at % base->length;
	}
}

/* Overwrites some bytes of the frame, one to four. */
static void
edit(const struct base *base, char *frame, size_t length, struct input *input)
{
	uint8_t head = input_byte(input);
	size_t at = place_of(base, head & 0x0f, input_word(input));
	size_t n = 1 + (head >> 4 & 3);

	for (; n > 0; n--, at++) {
		uint8_t byte = input_byte(input);

		if (at < length)
			frame[at] = (char)byte;
	}
}

/* On memory of just that length. */
static void
read_frame(const struct base *base, const char *frame, size_t length)
{
	struct report report;
	struct conf *conf = parsed_frame(frame, length, &report);

	MUST((conf == NULL) == (report.errors > 0));
	if (conf == NULL)
		return;
	parsed_use(conf);
	if (base->conf != NULL)
		verdict_reload(base->conf, conf, "x", &report);
	free(conf);
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
	struct input input = { bytes, length };
	uint8_t head = input_byte(&input);
	struct base *base = &bases[head % N_TEXTS];
	size_t size;
	char *frame;

	if (base->bytes == NULL)
		base_make(base, texts[head % N_TEXTS]);
	size = base->length;
	if (head & 0x80) /* cut short, or longer */
		size = input_long(&input) % (size + 64);
	frame = calloc(1, size + (size == 0));
	MUST(frame != NULL);
	memcpy(frame, base->bytes, size < base->length ? size : base->length);
	while (input.left > 0)
		edit(base, frame, size, &input);
	read_frame(base, frame, size);
	free(frame);
	return 0;
}
