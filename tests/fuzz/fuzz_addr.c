/* Addresses and numbers: as text, as what a socket says, and as what the
 * configuration child says. */
#include "config.h"

#include <sys/socket.h>

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

#include "fuzz.h"
#include "master/config/address.h"
#include "shared/addr.h"
#include "shared/number.h"

#define TEXT_MAX 256

/* In memory of its length, so that a sanitizer sees a step beyond. */
static char *
text_of(const uint8_t *bytes, size_t length)
{
	char *text = calloc(1, length + 1);

	MUST(text != NULL);
	memcpy(text, bytes, length);
	return text;
}

static void
use_addr(const struct addr *addr)
{
	char text[ADDR_TEXT_MAX], port[ADDR_PORT_TEXT_MAX];
	struct sockaddr_storage storage;
	struct addr again;
	socklen_t length;

	MUST(strlen(addr_format(addr, text)) < sizeof(text));
	MUST(strlen(addr_format_port(addr, port)) < sizeof(port));
	MUST(strstr(port, text) != NULL);
	if (addr->family == AF_UNSPEC)
		return;
	MUST(addr_parse_source(&again, text) == 0 || addr->scope != 0);
	if (addr->family == AF_UNIX) {
		MUST(addr_equal(addr, &again));
		return;
	}
	addr_is_any(addr);
	length = addr_to_sockaddr(addr, &storage);
	MUST(length <= sizeof(storage));
	addr_from_sockaddr(&again, &storage);
	/* ::ffff:1.2.3.4 is the IPv4 address behind it. */
	MUST(addr_equal(addr, &again) || again.family != addr->family);
	if (addr->scope != 0)
		return;
	MUST(addr_parse(&again, text) == 0);
	again.port = addr->port;
	MUST(addr_equal(addr, &again));
}

static void
try_address(const char *text)
{
	struct conf_address address, again;
	char formatted[ADDRESS_TEXT_MAX], port[ADDRESS_TEXT_MAX];

	if (address_parse(text, &address) != NULL)
		return;
	address_format(&address, formatted);
	address_format_port(&address, port);
	if (address_is_unix(&address))
		MUST(strcmp(formatted, text) == 0 && strcmp(port, text) == 0);
	else
		MUST(strlen(formatted) + 2 <= strlen(port));
	MUST(address_parse(formatted, &again) == NULL);
	MUST(addr_equal(&address.addr, &again.addr));
	MUST(strcmp(address.scope, again.scope) == 0);
	MUST(strcmp(address.path, again.path) == 0);
}

/* Writes a number and reads it again. */
static void
try_number(const char *text)
{
	int64_t number, again;
	char written[32];

	if (number_parse(text, INT64_MIN, INT64_MAX, &number) == 0) {
		snprintf(written, sizeof(written), "%lld", (long long)number);
		MUST(strcmp(written, text) == 0 || strcmp(text, "-0") == 0);
		MUST(number_parse(text, number, number, &again) == 0);
		if (number < INT64_MAX)
			MUST(number_parse(text, number + 1, INT64_MAX,
				 &again) == -1 && errno == ERANGE);
	}
	if (number_parse_seconds(text, 0, INT64_MAX, &number) == 0) {
		MUST(number >= 0);
		snprintf(written, sizeof(written), "%lld.%03d",
		    (long long)(number / 1000), (int)(number % 1000));
		/* Which is the same but for decimals that were left out. */
		MUST(strncmp(written, text, strlen(text)) == 0);
		MUST(number_parse_seconds(written, number, number, &again) ==
		    0);
	}
}

/* As the C library writes it; an IPv4-mapped address is the IPv4 one. */
static void
compare(const struct addr *addr, const struct sockaddr_storage *storage)
{
	const void *bytes =
	    &((const struct sockaddr_in6 *)storage)->sin6_addr;
	char text[ADDR_TEXT_MAX], theirs[INET6_ADDRSTRLEN];
	size_t start = 0;

	if (storage->ss_family == AF_INET)
		bytes = &((const struct sockaddr_in *)storage)->sin_addr;
	if (addr->family == AF_UNSPEC || addr->scope != 0)
		return;
	MUST(inet_ntop(storage->ss_family, bytes, theirs, sizeof(theirs)) !=
	    NULL);
	if (storage->ss_family == AF_INET6 && addr->family == AF_INET)
		start = strlen("::ffff:");
	MUST(strcmp(addr_format(addr, text), theirs + start) == 0);
}

/* What the kernel, and what an enemy, may have put into the structures. */
static void
try_bytes(const uint8_t *bytes, size_t length)
{
	struct sockaddr_storage storage = { 0 };
	struct conf_address address = { 0 };
	char text[ADDRESS_TEXT_MAX];
	struct addr addr;

	memcpy(&storage, bytes,
	    length < sizeof(storage) ? length : sizeof(storage));
	addr_from_sockaddr(&addr, &storage);
	compare(&addr, &storage);
	use_addr(&addr);
	memcpy(&address, bytes,
	    length < sizeof(address) ? length : sizeof(address));
	address.scope[sizeof(address.scope) - 1] = '\0';
	address.path[sizeof(address.path) - 1] = '\0';
	try_address(address_format(&address, text));
	address_format_port(&address, text);
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
	struct addr addr;
	char *text;

	if (length > TEXT_MAX)
		return 0;
	text = text_of(bytes, length);
	if (addr_parse_source(&addr, text) == 0)
		use_addr(&addr);
	try_address(text);
	try_number(text);
	try_bytes(bytes, length);
	free(text);
	return 0;
}
