/* Judging the header of the PROXY protocol as its bytes come. */
#include "config.h"

#include "spawner/image/proxy.h"

#include <sys/socket.h>

#include "spawner/image/bytes.h"
#include "spawner/image/line.h"

/* The fixed part of version 2: signature, version and command, family and
 * protocol, length of the rest. */
#define SIGNATURE 12
#define COMMAND 12
#define FAMILY 13
#define LENGTH 14
#define FIXED 16

#define VERSION_2 0x20
#define LOCAL 0
#define PROXY 1

/* Families and protocols, the halves of a byte. */
#define INET 1
#define INET6 2
#define UNIX 3
#define STREAM 1
#define DGRAM 2

/* Bytes of the addresses. */
#define INET_BYTES 12
#define INET6_BYTES 36
#define UNIX_BYTES 216

#define TYPE_CRC32C 3
#define TYPE_UNIQUE_ID 5
#define CRC32C_BYTES 4
#define UNIQUE_ID_MAX 128
#define TLV_HEAD 3 /* type, and two bytes of length */

static const char signature[SIGNATURE] = "\r\n\r\n\0\r\nQUIT\n";
static const char word[6] = "PROXY ";

static unsigned
byte_at(const struct proxy *proxy, size_t at)
{
	return (unsigned char)proxy->head[at];
}

static unsigned
pair_at(const struct proxy *proxy, size_t at)
{
	return byte_at(proxy, at) << 8 | byte_at(proxy, at + 1);
}

static bool
is_version_2(const struct proxy *proxy)
{
	return proxy->head[0] == signature[0];
}

/* ------------------------------------------------------------------ version 2 */

/* RFC 9260, appendix A; reflected, half a byte at a time. */
static uint32_t
sum_byte(uint32_t sum, unsigned char byte)
{
	static const uint32_t table[16] = {
		0x00000000, 0x105ec76f, 0x20bd8ede, 0x30e349b1,
		0x417b1dbc, 0x5125dad3, 0x61c69362, 0x7198540d,
		0x82f63b78, 0x92a8fc17, 0xa24bb5a6, 0xb21572c9,
		0xc38d26c4, 0xd3d3e1ab, 0xe330a81a, 0xf36e6f75,
	};

	sum ^= byte;
	sum = sum >> 4 ^ table[sum & 15];
	return sum >> 4 ^ table[sum & 15];
}

/* Does the header say who the client is, in a way that we understand? */
static bool
is_named(const struct proxy *proxy)
{
	unsigned family = byte_at(proxy, FAMILY);

	return (byte_at(proxy, COMMAND) & 15) == PROXY &&
	    (family == (INET << 4 | STREAM) || family == (INET6 << 4 | STREAM));
}

/* How many bytes the addresses take; 0: they are not to be looked at. */
static uint32_t
addresses_of(const struct proxy *proxy)
{
	unsigned family = byte_at(proxy, FAMILY);

	if ((byte_at(proxy, COMMAND) & 15) == LOCAL || (family & 15) == 0)
		return 0;
	switch (family >> 4) {
	case INET:
		return INET_BYTES;
	case INET6:
		return INET6_BYTES;
	case UNIX:
		return UNIX_BYTES;
	default:
		return 0;
	}
}

/* The fixed part is there: what follows? */
static enum proxy_verdict
fixed_take(struct proxy *proxy)
{
	unsigned command = byte_at(proxy, COMMAND);
	unsigned family = byte_at(proxy, FAMILY);
	uint32_t addresses = addresses_of(proxy);
	uint32_t rest = pair_at(proxy, LENGTH);

	if (command > (VERSION_2 | PROXY) || command < (VERSION_2 | LOCAL))
		return PROXY_BAD;
	if (command == (VERSION_2 | PROXY) &&
	    (family >> 4 > UNIX || (family & 15) > DGRAM))
		return PROXY_BAD;
	if (rest < addresses)
		return PROXY_BAD;
	proxy->end = FIXED + rest;
	proxy->tlvs = addresses == 0 ? proxy->end : FIXED + addresses;
	return rest == 0 ? PROXY_GOOD : PROXY_UNFINISHED;
}

/* A TLV's head is there; its value is to come. */
static enum proxy_verdict
tlv_begin(struct proxy *proxy)
{
	proxy->place = 0;
	if (proxy->left > proxy->end - proxy->length)
		return PROXY_BAD;
	if (proxy->type == TYPE_UNIQUE_ID && proxy->left > UNIQUE_ID_MAX)
		return PROXY_BAD;
	if (proxy->type != TYPE_CRC32C)
		return PROXY_UNFINISHED;
	if (proxy->left != CRC32C_BYTES || proxy->has_sum)
		return PROXY_BAD;
	proxy->has_sum = true;
	return PROXY_UNFINISHED;
}

static enum proxy_verdict
tlv_take(struct proxy *proxy, unsigned char byte)
{
	if (proxy->left > 0 && proxy->place == 0) {
		proxy->left--;
		if (proxy->type == TYPE_CRC32C)
			proxy->claimed = proxy->claimed << 8 | byte;
		return PROXY_UNFINISHED;
	}
	if (proxy->place == 0)
		proxy->type = byte;
	else
		proxy->left = proxy->left << 8 | byte;
	if (++proxy->place < TLV_HEAD)
		return PROXY_UNFINISHED;
	return tlv_begin(proxy);
}

/* The sum is that of the header with the TLV's value as 0. */
static void
sum_take(struct proxy *proxy, unsigned char byte)
{
	bool claimed = proxy->left > 0 && proxy->place == 0 &&
	    proxy->type == TYPE_CRC32C;

	if (proxy->length == 0)
		proxy->sum = UINT32_MAX;
	proxy->sum = sum_byte(proxy->sum, claimed ? 0 : byte);
}

static enum proxy_verdict
whole(const struct proxy *proxy)
{
	if (proxy->left > 0 || proxy->place > 0)
		return PROXY_BAD;
	return proxy->has_sum && proxy->claimed != ~proxy->sum ? PROXY_BAD :
								 PROXY_GOOD;
}

/* The byte has been stored, if it was to be, and counted. */
static enum proxy_verdict
binary_take(struct proxy *proxy, unsigned char byte)
{
	enum proxy_verdict verdict = PROXY_UNFINISHED;

	if (proxy->length <= SIGNATURE)
		return (char)byte == signature[proxy->length - 1] ?
		    PROXY_UNFINISHED : PROXY_BAD;
	if (proxy->length < FIXED)
		return PROXY_UNFINISHED;
	if (proxy->length == FIXED)
		return fixed_take(proxy);
	if (proxy->length > proxy->tlvs)
		verdict = tlv_take(proxy, byte);
	if (verdict != PROXY_BAD && proxy->length == proxy->end)
		return whole(proxy);
	return verdict;
}

/* ------------------------------------------------------------------ both */

static enum proxy_verdict
text_take(const struct proxy *proxy, unsigned char byte)
{
	uint32_t n = proxy->length;

	if (n <= sizeof(word))
		return (char)byte == word[n - 1] ? PROXY_UNFINISHED : PROXY_BAD;
	if (byte == '\n')
		return line_parse(proxy->head, n, NULL) ? PROXY_GOOD :
							  PROXY_BAD;
	return n == PROXY_LINE_MAX || proxy->head[n - 2] == '\r' ?
	    PROXY_BAD : PROXY_UNFINISHED;
}

static enum proxy_verdict
take(struct proxy *proxy, unsigned char byte)
{
	uint32_t version;

	sum_take(proxy, byte);
	if (proxy->length < sizeof(proxy->head))
		proxy->head[proxy->length] = (char)byte;
	proxy->length++;
	version = is_version_2(proxy) ? PLAN_PROXY_V2 : PLAN_PROXY_V1;
	if ((proxy->versions & version) == 0)
		return PROXY_BAD;
	return version == PLAN_PROXY_V2 ? binary_take(proxy, byte) :
					  text_take(proxy, byte);
}

size_t
proxy_take(struct proxy *proxy, const char *bytes, size_t n)
{
	size_t i;

	for (i = 0; i < n && proxy->verdict == PROXY_UNFINISHED; i++)
		proxy->verdict = take(proxy, (unsigned char)bytes[i]);
	return i;
}

static void
binary_declared(const struct proxy *proxy, struct plan_declared *declared)
{
	bool wide = byte_at(proxy, FAMILY) >> 4 == INET6;
	size_t bytes = wide ? 16 : 4;
	const char *at = proxy->head + FIXED;

	declared->client.family = declared->server.family =
	    wide ? AF_INET6 : AF_INET;
	bytes_copy((char *)declared->client.bytes, at, bytes);
	bytes_copy((char *)declared->server.bytes, at + bytes, bytes);
	declared->client.port = (uint16_t)pair_at(proxy, FIXED + 2 * bytes);
	declared->server.port =
	    (uint16_t)pair_at(proxy, FIXED + 2 * bytes + 2);
}

void
proxy_declared(const struct proxy *proxy, struct plan_declared *declared)
{
	*declared = (struct plan_declared) { .length = proxy->length };
	if (!is_version_2(proxy))
		line_parse(proxy->head, proxy->length, declared);
	else if (is_named(proxy))
		binary_declared(proxy, declared);
}
