/* What the configuration child says, changed by an enemy: refused with an
 * error, or a configuration that is safe to use. */
#include "config.h"

#include <sys/mman.h>

#include <string.h>
#include <unistd.h>

#include "fuzz.h"
#include "parsed.h"
#include "master/config/frame.h"

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

static struct base {
	struct conf *conf;
	char *bytes;
	size_t length, head; /* head: bytes in front of the configuration */
} bases[N_TEXTS];

static void
base_make(struct base *base, const char *text)
{
	int fd = memfd_create("frame", MFD_CLOEXEC);
	struct report report;

	base->conf = parsed(text, strlen(text), &report);
	report_warning(&report, "x: a warning");
	MUST(frame_write(fd, base->conf, &report) == 0);
	base->length = base->head = (size_t)lseek(fd, 0, SEEK_END);
	if (base->conf != NULL)
		base->head -= sizeof(*base->conf) + base->conf->text_length;
	base->bytes = malloc(base->length);
	MUST(base->bytes != NULL);
	MUST(pread(fd, base->bytes, base->length, 0) == (ssize_t)base->length);
	close(fd);
}

/* The parts of a frame that count, so that a change seldom hits what nobody
 * reads: start, and length to choose from. */
static size_t
place_of(const struct base *base, uint8_t region, uint32_t at)
{
	const size_t conf = base->head;
	const struct {
		size_t start, length;
	} places[] = {
		{ 0, 64 },
		{ 0, base->head },
		{ base->head - REPORT_LINE_MAX, REPORT_LINE_MAX },
		{ conf, offsetof(struct conf, user) },
		{ conf + offsetof(struct conf, user), 16 },
		{ conf + offsetof(struct conf, n_listeners), 12 },
		{ conf, offsetof(struct conf, listener) },
		{ conf + offsetof(struct conf, listener),
		    3 * sizeof(struct conf_listener) },
		{ conf + offsetof(struct conf, listener[0].n_addresses), 4 },
		{ conf + offsetof(struct conf, listener[1].name), 24 },
		{ conf + offsetof(struct conf, address),
		    4 * sizeof(struct conf_address) },
		{ conf + sizeof(struct conf), 256 },
		{ conf + offsetof(struct conf, n_rules), 8 },
		{ conf + offsetof(struct conf, rule),
		    2 * sizeof(struct conf_rule) },
		{ conf + offsetof(struct conf, net),
		    5 * sizeof(struct conf_net) },
		{ conf + offsetof(struct conf, listener[0].limits),
		    sizeof(struct conf_limits) },
	};
	size_t i = region % (sizeof(places) / sizeof(places[0]));

	return places[i].start + at % places[i].length;
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

/* The frame reader's, on memory of just that length. */
static void
read_frame(const struct base *base, const char *frame, size_t length)
{
	struct report report = { 0 };
	struct conf *conf;
	int result = frame_read(frame, length, "x", &conf, &report);

	MUST((result == 0) == (conf != NULL));
	MUST((result == 0) == (report.errors == 0));
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
