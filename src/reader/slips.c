/* Says what is wrong with a token, from tables of the frequent slips. */
#include "config.h"

#include "reader/slips.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <strings.h>

#include "reader/lexer.h"

#define DURATION "has a unit: a duration is plain seconds, such as 30 or 2.5"
#define SIZE                                                         \
	"needs quotes: a size is bytes, or a string with K, M or G " \
	"such as \"16M\""
#define RATE "has a unit: a rate is plain clients a second, such as 5 or 0.5"
#define MINUTE_OR_MEGA                                                    \
	"has a unit: a duration is plain seconds, a size is bytes, or a " \
	"string with K, M or G such as \"16M\""

#define ESCAPE "is not an escape, expected \\\\ \\\" \\n \\r \\t \\f \\xNN"

/* What stands behind the digits, and what the number was meant to be. */
static const struct {
	const char *unit;
	const char *why;
} units[] = {
	{ "s", DURATION },
	{ "sec", DURATION },
	{ "ms", DURATION },
	{ "min", DURATION },
	{ "h", DURATION },
	{ "d", DURATION },
	{ "m", MINUTE_OR_MEGA },
	{ "k", SIZE },
	{ "K", SIZE },
	{ "M", SIZE },
	{ "g", SIZE },
	{ "G", SIZE },
	{ "kB", SIZE },
	{ "KB", SIZE },
	{ "MB", SIZE },
	{ "GB", SIZE },
	{ "KiB", SIZE },
	{ "MiB", SIZE },
	{ "GiB", SIZE },
	{ "/s", RATE },
	{ "/sec", RATE },
	{ "/m", RATE },
	{ "/min", RATE },
	{ "/h", RATE },
};

static const char *const not_booleans[] = {
	"yes",
	"no",
	"on",
	"off",
	"enable",
	"enabled",
	"disable",
	"disabled",
};

/* U+2018 to U+201F */
static bool
is_typographic_quote(const char *text, size_t length)
{
	return length >= 3 && memcmp(text, "\xe2\x80", 2) == 0 &&
	    ((unsigned char)text[2] & 0xf8) == 0x98;
}

const char *
slip_bytes(const struct token *token)
{
	const char *text = token->text;
	size_t i = 0;

	while (i < token->length && (unsigned char)text[i] < 0x80)
		i++;
	if (is_typographic_quote(text + i, token->length - i))
		return "has typographic quotes, write plain double quotes";
	if (i < token->length)
		return "is not ASCII, write it in a string or a comment";
	if (token->length >= 8 && memcmp(text, "@include", 8) == 0)
		return "is not supported, write all settings into this file";
	if (token->length > 0 && text[0] == '\'')
		return "is in single quotes, write double quotes";
	return NULL;
}

static const char *
slip_unit(const struct token *token)
{
	size_t i, digits = 0, length;

	while (digits < token->length &&
	    memchr("0123456789.", token->text[digits], 11) != NULL)
		digits++;
	length = token->length - digits;
	for (i = 0; digits > 0 && i < sizeof(units) / sizeof(units[0]); i++)
		if (strlen(units[i].unit) == length &&
		    memcmp(token->text + digits, units[i].unit, length) == 0)
			return units[i].why;
	return NULL;
}

static bool
is_not_boolean(const struct token *token)
{
	const size_t n = sizeof(not_booleans) / sizeof(not_booleans[0]);
	const char *word;
	size_t i;

	for (i = 0; i < n; i++) {
		word = not_booleans[i];
		if (strlen(word) == token->length &&
		    strncasecmp(token->text, word, token->length) == 0)
			return true;
	}
	return false;
}

const char *
slip_word(const struct token *token)
{
	const char *why = slip_bytes(token);

	if (why == NULL)
		why = slip_unit(token);
	if (why == NULL && is_not_boolean(token))
		why = "is not a boolean, expected true or false";
	return why != NULL ? why : "needs double quotes if it is a string";
}

static bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool
is_hex(char c)
{
	return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

static const char *
digits_end(const char *at, const char *end, bool hex)
{
	while (at < end && (hex ? is_hex(*at) : is_digit(*at)))
		at++;
	return at;
}

static bool
is_in_range(const char *at, const char *end, int64_t max)
{
	int64_t n = 0;

	for (; at < end && n <= max; at++)
		n = n * 10 + (*at - '0');
	return n <= max;
}

/* Digits from first to rest, behind sign and 0x. */
static const char *
slip_integer(
    const struct token *token, const char *first, const char *rest, bool hex)
{
	const char *end = token->text + token->length;
	int64_t max = *token->text == '-' ? -(int64_t)INT32_MIN : INT32_MAX;

	if (rest > first && rest < end && end - rest <= 2 &&
	    memcmp(rest, "LL", (size_t)(end - rest)) == 0)
		return "has a suffix, expected a plain number";
	if (rest == first || rest != end)
		return slip_word(token);
	if (hex)
		return "is hexadecimal, expected decimal digits";
	if (*first == '0' && rest - first > 1)
		return "has a leading 0, which would be ignored: write it "
		       "without, or as a string if it is a file mode";
	if (!is_in_range(first, rest, max))
		return "does not fit, expected -2147483648 to 2147483647";
	return NULL;
}

/* Digits from first to point, behind the sign. */
static bool
is_float(const char *first, const char *point, const char *end)
{
	const char *at = point;
	bool digits = at > first;

	if (at < end && *at == '.') {
		at = digits_end(at + 1, end, false);
		digits = digits || at - point > 1;
	}
	if (at < end && (*at == 'e' || *at == 'E')) {
		at++;
		if (at < end && (*at == '-' || *at == '+'))
			at++;
		digits = digits && at < end && is_digit(*at);
		at = digits_end(at, end, false);
	}
	return digits && at == end;
}

const char *
slip_number(const struct token *token)
{
	const char *at = token->text, *end = at + token->length, *rest;
	bool hex;

	hex = end - at > 2 && at[0] == '0' && (at[1] == 'x' || at[1] == 'X');
	if (hex)
		at += 2;
	else if (*at == '-' || *at == '+')
		at++;
	rest = digits_end(at, end, hex);
	if (!hex && is_float(at, rest, end) && rest < end)
		return memchr(at, 'e', (size_t)(end - at)) != NULL ||
			memchr(at, 'E', (size_t)(end - at)) != NULL
		    ? "has an exponent, expected plain digits such as 30 "
		      "or 2.5"
		    : NULL;
	return slip_integer(token, at, rest, hex);
}

const char *
slip_string(const struct token *token, const char **escape)
{
	const char *at = token->text, *end = at + token->length - 1;

	for (; at < end; at++) {
		if (*at != '\\')
			continue;
		*escape = at++;
		if (memchr("\\\"fnrt", *at, 6) != NULL)
			continue;
		if (*at != 'x' && *at != 'X')
			return ESCAPE;
		if (end - at < 3 || !is_hex(at[1]) || !is_hex(at[2]))
			return "needs two hex digits";
		if (at[1] == '0' && at[2] == '0')
			return "is a NUL byte, which cannot be in a string";
	}
	return NULL;
}
