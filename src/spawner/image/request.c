/* Judging the head of an HTTP request as its bytes come. */
#include "config.h"

#include "spawner/image/request.h"

/* What the next byte is. */
enum place {
	AT_START, /* the method's first byte, or an empty line's */
	AT_START_LF,
	IN_METHOD,
	AT_TARGET,
	IN_TARGET,
	IN_VERSION,
	AFTER_VERSION,
	AT_LINE_LF, /* of the request line */
	AT_FIELD, /* the first byte of a field, or of the empty line */
	AT_LAST_LF, /* of the empty line, if the byte is that */
	IN_FIELD,
	WHOLE,
	WRONG,
};

/* No place in a word. */
#define MISMATCH 255

static const char head_word[4] = "HEAD";
static const char version_word[7] = "HTTP/1.";

static bool
is_digit(unsigned char byte)
{
	return byte >= '0' && byte <= '9';
}

/* RFC 9110, 5.6.2. */
static bool
is_token(unsigned char byte)
{
	static const char marks[15] = "!#$%&'*+-.^_`|~";
	unsigned char lower = byte | 0x20;
	size_t i;

	for (i = 0; i < sizeof(marks); i++)
		if (byte == marks[i])
			return true;
	return is_digit(byte) || (lower >= 'a' && lower <= 'z');
}

static bool
is_visible(unsigned char byte)
{
	return byte > ' ' && byte != 0x7f;
}

static enum place
in_method(struct request *request, unsigned char byte)
{
	unsigned matched = request->matched;

	if (byte == ' ') {
		request->is_head = matched == sizeof(head_word);
		return AT_TARGET;
	}
	if (matched >= sizeof(head_word) || byte != head_word[matched])
		request->matched = MISMATCH;
	else
		request->matched++;
	return is_token(byte) ? IN_METHOD : WRONG;
}

/* Empty lines may come first: RFC 9112, 2.2. */
static enum place
at_start(struct request *request, unsigned char byte)
{
	if (byte == '\r')
		return AT_START_LF;
	if (byte == '\n')
		return AT_START;
	return is_token(byte) ? in_method(request, byte) : WRONG;
}

static enum place
in_target(struct request *request, unsigned char byte)
{
	request->matched = 0;
	if (byte == ' ')
		return IN_VERSION;
	return is_visible(byte) ? IN_TARGET : WRONG;
}

static enum place
in_version(struct request *request, unsigned char byte)
{
	unsigned matched = request->matched++;

	if (matched == sizeof(version_word))
		return is_digit(byte) ? AFTER_VERSION : WRONG;
	return byte == version_word[matched] ? IN_VERSION : WRONG;
}

/* The end of a line: its LF, or a CR before that. */
static enum place
at_end(unsigned char byte)
{
	if (byte == '\r')
		return AT_LINE_LF;
	return byte == '\n' ? AT_FIELD : WRONG;
}

static enum place
at_field(unsigned char byte)
{
	if (byte == '\r')
		return AT_LAST_LF;
	return byte == '\n' ? WHOLE : IN_FIELD;
}

/* Where the byte after this one is. */
static enum place
after(struct request *request, unsigned char byte)
{
	switch ((enum place)request->place) {
	case AT_START:
		return at_start(request, byte);
	case AT_START_LF:
		return byte == '\n' ? AT_START : WRONG;
	case IN_METHOD:
		return in_method(request, byte);
	case AT_TARGET:
		return is_visible(byte) ? IN_TARGET : WRONG;
	case IN_TARGET:
		return in_target(request, byte);
	case IN_VERSION:
		return in_version(request, byte);
	case AFTER_VERSION:
		return at_end(byte);
	case AT_LINE_LF:
		return byte == '\n' ? AT_FIELD : WRONG;
	case AT_FIELD:
		return at_field(byte);
	case AT_LAST_LF:
		return byte == '\n' ? WHOLE : IN_FIELD;
	case IN_FIELD:
		return byte == '\n' ? AT_FIELD : IN_FIELD;
	case WHOLE:
	case WRONG:
		break;
	}
	return (enum place)request->place;
}

static enum request_verdict
judge(const struct request *request)
{
	if (request->place == WHOLE)
		return REQUEST_GOOD;
	if (request->place == WRONG)
		return REQUEST_BAD;
	return request->length >= REQUEST_HEAD_MAX ? REQUEST_TOO_LARGE :
						     REQUEST_UNFINISHED;
}

enum request_verdict
request_take(struct request *request, const char *bytes, size_t n)
{
	size_t i;

	for (i = 0; i < n && judge(request) == REQUEST_UNFINISHED; i++) {
		request->place = after(request, (unsigned char)bytes[i]);
		request->length++;
	}
	return judge(request);
}
