/* Loads a greeting server, prints rates and times as one line of key=value. */
#include "config.h"

#include <sys/resource.h>

#include <arpa/inet.h>
#include <err.h>
#include <errno.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "client/crowd.h"
#include "pattern.h"
#include "shared/number.h"

#define AT_MAX 30000 /* what limits.max_clients may be */
#define TOTAL_MAX INT64_C(1000000000)
#define RATE_MAX 1000000
#define RUN_MS_MAX INT64_C(3600000)
#define NETWORKS_MAX 65536 /* that -o counts */
#define SOURCES_MAX 254 /* 127.0.0.1 ... 127.0.0.254 */

#define NS_PER_MS UINT64_C(1000000)

/*
 * What HAProxy's send-proxy-v2 says first (proxy-protocol.txt, 2.2): version 2,
 * PROXY, TCP over IPv4, 12 bytes: 198.51.100.7:40000 to 192.0.2.1:80.
 */
static const unsigned char header[] = { '\r', '\n', '\r', '\n', '\0', '\r',
	'\n', 'Q', 'U', 'I', 'T', '\n', 0x21, 0x11, 0, 12, 198, 51, 100, 7, 192,
	0, 2, 1, 40000 >> 8, 40000 & 0xff, 0, 80 };
static bool is_balancer;
static struct in6_addr origin; /* of the first connection, with -o */

static _Noreturn void
usage(void)
{
	fprintf(stderr,
	    "usage: load -p PORT -n TOTAL|-t SECONDS [-a ADDRESS] [-b]\n"
	    "            [-c AT_A_TIME] [-e GREETING|-m PATTERN]\n"
	    "            [-f FIRST_SOURCE | -o IPV6_SOURCE] [-q REQUEST]\n"
	    "            [-r RATE] [-s SOURCES]\n"
	    "            [-w SECONDS] [-x REFUSAL]\n");
	exit(EX_USAGE);
}

static uint64_t
number(int option, const char *text, int64_t min, int64_t max)
{
	int64_t n;

	if (number_parse(text, min, max, &n) == -1)
		errx(EX_USAGE,
		    "-%c %s: not a number from %" PRId64 " to %" PRId64, option,
		    text, min, max);
	return (uint64_t)n;
}

static uint64_t
seconds(int option, const char *text)
{
	int64_t ms;

	if (number_parse_seconds(text, 1, RUN_MS_MAX, &ms) == -1)
		errx(EX_USAGE, "-%c %s: not seconds, 0.001 to %" PRId64, option,
		    text, RUN_MS_MAX / 1000);
	return (uint64_t)ms * NS_PER_MS;
}

/* The server, when it is an IPv4 address; the port is where IPv6 has it. */
static struct sockaddr_in *
server_of(struct crowd_order *order)
{
	return (struct sockaddr_in *)&order->server;
}

static void
set_server(struct crowd_order *order, const char *text)
{
	struct sockaddr_in6 *server = (struct sockaddr_in6 *)&order->server;

	if (inet_pton(AF_INET, text, &server_of(order)->sin_addr) == 1)
		return;
	if (inet_pton(AF_INET6, text, &server->sin6_addr) != 1)
		errx(EX_USAGE, "-a %s: not an IP address", text);
	server->sin6_family = AF_INET6;
	server->sin6_flowinfo = 0; /* is where IPv4 has the address */
	order->server_length = sizeof(*server);
}

/* Each connection comes from the next /64 of origin's /48, one that is nobody's
 * address but routed to this machine. */
static int
bind_network(int fd, uint64_t number)
{
	struct sockaddr_in6 address = { .sin6_family = AF_INET6,
		.sin6_addr = origin };
	const int on = 1;

	address.sin6_addr.s6_addr[6] = (uint8_t)(number >> 8);
	address.sin6_addr.s6_addr[7] = (uint8_t)number;
	if (setsockopt(fd, IPPROTO_IPV6, IPV6_FREEBIND, &on, sizeof(on)) ==
		-1 ||
	    setsockopt(
		fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof(on)) == -1)
		return -1;
	return bind(fd, (struct sockaddr *)&address, sizeof(address));
}

static void
set_origin(struct crowd_order *order, const char *text)
{
	if (inet_pton(AF_INET6, text, &origin) != 1)
		errx(EX_USAGE, "-o %s: not an IPv6 address", text);
	order->bind = bind_network;
}

static bool
follows_pattern(const void *pattern, const char *text, size_t length)
{
	return length < CROWD_KEPT_MAX &&
	    pattern_matches(pattern, text, text + length);
}

static void
set_option(struct crowd_order *order, int option, const char *text)
{
	switch (option) {
	case 'a':
		set_server(order, text);
		break;
	case 'b':
		is_balancer = true;
		break;
	case 'c':
		order->at = (unsigned)number(option, text, 1, AT_MAX);
		break;
	case 'e':
		order->texts[CROWD_GREETING] = text;
		break;
	case 'f':
		order->first = (unsigned)number(option, text, 1, SOURCES_MAX);
		break;
	case 'm':
		order->is_right = follows_pattern;
		order->how = text;
		break;
	case 'n':
		order->total = number(option, text, 1, TOTAL_MAX);
		break;
	case 'o':
		set_origin(order, text);
		break;
	case 'p':
		server_of(order)->sin_port =
		    htons((uint16_t)number(option, text, 1, 65535));
		break;
	case 'q':
		order->request = text;
		break;
	case 'r':
		order->rate = (unsigned)number(option, text, 0, RATE_MAX);
		break;
	case 's':
		order->sources = (unsigned)number(option, text, 0, SOURCES_MAX);
		break;
	case 't':
		order->run_ns = seconds(option, text);
		break;
	case 'w':
		order->wait_ns = seconds(option, text);
		break;
	case 'x':
		order->texts[CROWD_REFUSAL] = text;
		break;
	default:
		usage();
	}
}

static void
parse_options(struct crowd_order *order, int argc, char **argv)
{
	int option;

	while ((option = getopt(
		    argc, argv, "a:bc:e:f:m:n:o:p:q:r:s:t:w:x:")) != -1)
		set_option(order, option, optarg);
	if (optind != argc || server_of(order)->sin_port == 0 ||
	    (order->total == UINT64_MAX && order->run_ns == UINT64_MAX))
		usage();
	if (order->first + order->sources > SOURCES_MAX + 1)
		errx(EX_USAGE, "-f %u -s %u: no such sources", order->first,
		    order->sources);
	if (order->bind != NULL && order->total > NETWORKS_MAX)
		errx(EX_USAGE, "-o: needs -n, at most %d", NETWORKS_MAX);
}

/* What each connection says first: the header, the request; or neither. */
static void
set_request(struct crowd_order *order)
{
	static char said[4096];
	size_t length = is_balancer ? sizeof(header) : 0, more;

	more = order->request != NULL ? strlen(order->request) : 0;
	if (length + more > sizeof(said))
		errx(EX_USAGE, "-q: more than %zu bytes",
		    sizeof(said) - sizeof(header));
	memcpy(said, header, length);
	if (more > 0)
		memcpy(said + length, order->request, more);
	order->request = length + more > 0 ? said : NULL;
	order->request_length = length + more;
}

static double
cpu_seconds(void)
{
	struct rusage used;

	if (getrusage(RUSAGE_SELF, &used) == -1)
		err(EX_OSERR, "getrusage");
	return (double)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) +
	    (double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1e6;
}

static void
print_times(const char *name, const struct histogram *times)
{
	static const unsigned percents[] = { 50, 90, 99 };
	size_t i;

	for (i = 0; i < sizeof(percents) / sizeof(percents[0]); i++)
		printf(" %s_p%u_us=%" PRIu64, name, percents[i],
		    histogram_percentile(times, percents[i]));
	printf(" %s_max_us=%" PRIu64, name, times->max);
}

static uint64_t
count_failures(const struct crowd_result *result)
{
	uint64_t failures = 0;
	int i;

	for (i = 0; i < CROWD_ENDS; i++)
		if (i != CROWD_GREETED && i != CROWD_TURNED_AWAY)
			failures += result->ends[i];
	return failures;
}

/*
 * per_second counts what was greeted before the time was over,
 * turned_away_per_second what was refused by then; cpu is the part of one
 * processor that the load itself took: near 1, it is the load
 * that was measured, not the server.
 */
static void
print_result(const struct crowd_order *order, const struct crowd_result *result)
{
	double elapsed = (double)result->elapsed_ns / 1e9;
	uint64_t failures = count_failures(result), good;
	int i;

	good = result->ends[CROWD_GREETED] + result->ends[CROWD_TURNED_AWAY];
	printf("load at=%u connections=%" PRIu64, order->at, good + failures);
	for (i = 0; i < CROWD_ENDS; i++)
		printf(" %s=%" PRIu64, crowd_end_names[i], result->ends[i]);
	printf(" seconds=%.3f per_second=%.1f turned_away_per_second=%.1f"
	       " cpu=%.2f",
	    elapsed, (double)result->in_time[CROWD_GREETING] / elapsed,
	    (double)result->in_time[CROWD_REFUSAL] / elapsed,
	    cpu_seconds() / elapsed);
	print_times("first", &result->first_byte);
	print_times("end", &result->end_of_stream);
	printf(" failures=%" PRIu64 "\n", failures);
}

int
main(int argc, char **argv)
{
	static struct crowd_result result;
	struct crowd_order order = {
		.server_length = sizeof(struct sockaddr_in),
		.texts[CROWD_GREETING] = "hi client\n",
		.at = 1,
		.first = 1,
		.sources = 16,
		.total = UINT64_MAX,
		.run_ns = UINT64_MAX,
		.wait_ns = 5000 * NS_PER_MS,
	};

	server_of(&order)->sin_family = AF_INET;
	server_of(&order)->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	parse_options(&order, argc, argv);
	set_request(&order);
	if (crowd_raise_files(order.at) == -1)
		err(EX_OSERR, "RLIMIT_NOFILE for %u at a time", order.at);
	if (crowd_run(&order, &result) == -1)
		err(EX_OSERR, "load %u at a time", order.at);
	print_result(&order, &result);
	if (fflush(stdout) != 0)
		err(EX_IOERR, "standard output");
	return count_failures(&result) > 0;
}
