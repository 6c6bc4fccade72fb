/* What is done in the reader in the place of parsing, as the first line of the
 * text says: "# DEED [NUMBER]".  Linked with forkgreet-reader's objects and
 * --wrap for config_read_string and cage_enter; never installed. */
#include "config.h"

#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include <fcntl.h>
#include <libconfig.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "reader/cage.h"
#include "shared/entries.h"

static char deed[32];
static long number; /* behind the deed's name */

int __wrap_config_read_string(config_t *tree, const char *text);
int __real_config_read_string(config_t *tree, const char *text);
const char *__wrap_cage_enter(pid_t parent, unsigned seconds);
const char *__real_cage_enter(pid_t parent, unsigned seconds);

static void
do_nothing(void)
{
}

/* As libconfig 1.5 does when its scanner fails. */
static void
do_exit(void)
{
	exit(2);
}

static void
do_loop(void)
{
	for (;;)
		__asm__ volatile("" ::: "memory");
}

static unsigned
fill_stack(volatile unsigned *last)
{
	volatile unsigned page[1024];

	page[0] = *last + 1;
	return page[0] == 0 ? 0 : fill_stack(page) + page[0];
}

static void
do_recurse(void)
{
	volatile unsigned first = 0;

	_exit(fill_stack(&first) != 0);
}

static void
do_segv(void)
{
	static volatile int *volatile nowhere = NULL;

	*nowhere = 1;
}

static void
do_open(void)
{
	open("/etc/passwd", O_RDONLY | O_CLOEXEC);
}

static void
do_socket(void)
{
	socket(AF_INET, SOCK_STREAM, 0);
}

static void
do_fork(void)
{
	fork();
}

static void
do_kill(void)
{
	kill(getppid(), 0);
}

static void
do_exec(void)
{
	char name[] = "/bin/true", *arguments[] = { name, NULL };

	execv(name, arguments);
}

static void
do_untime(void)
{
	alarm(0);
}

static void
do_map_code(void)
{
	mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC,
	    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}

static void
do_call(void)
{
	_exit(syscall(number, 0L, 0L, 0L, 0L, 0L, 0L) == -1 ? 43 : 44);
}

/* So many MiB: libconfig 1.5 does not look at NULL. */
static void
do_eat(void)
{
	static char *volatile last;

	for (; number > 0; number--) {
		last = malloc(1 << 20);
		if (last == NULL)
			_exit(42);
		memset(last, 1, 1 << 20);
	}
}

static void
do_garbage(void)
{
	_exit(write(READER_PIPE, "garbage", 7) == 7 ? 0 : 1);
}

static void
do_silence(void)
{
	_exit(0);
}

/* Unlike what it says, it has not been confined. */
static void
do_status(void)
{
	_exit((int)number);
}

static void
do_flood(void)
{
	static const char zeros[1 << 16];

	while (write(READER_PIPE, zeros, sizeof(zeros)) > 0)
		continue;
}

static void
say(const void *bytes, size_t length)
{
	if (write(READER_PIPE, bytes, length) != (ssize_t)length)
		_exit(1);
}

/* A string of so many MiB, which is not in the text. */
static void
do_volume(void)
{
	struct entry_head head = { .line = 1, .type = ENTRY_STRING,
		.path_length = 1, .text_length = (uint32_t)number << 20 };
	static char text[1 << 20];

	memset(text, 'x', sizeof(text));
	say(&head, sizeof(head));
	say("z", 2);
	for (; number > 0; number--)
		say(text, sizeof(text));
	say("", 1);
}

static const struct {
	const char *name;
	void (*act)(void);
} deeds[] = {
	{ "nothing", do_nothing },
	{ "exit", do_exit },
	{ "loop", do_loop },
	{ "recurse", do_recurse },
	{ "segv", do_segv },
	{ "open", do_open },
	{ "socket", do_socket },
	{ "fork", do_fork },
	{ "kill", do_kill },
	{ "exec", do_exec },
	{ "untime", do_untime },
	{ "map_code", do_map_code },
	{ "call", do_call },
	{ "eat", do_eat },
	{ "garbage", do_garbage },
	{ "silence", do_silence },
	{ "status", do_status },
	{ "flood", do_flood },
	{ "volume", do_volume },
	{ "seconds", do_loop },
	{ "orphan", do_nothing },
};

int
__wrap_config_read_string(config_t *tree, const char *text)
{
	size_t i;

	for (i = 0; i < sizeof(deeds) / sizeof(deeds[0]); i++)
		if (strcmp(deeds[i].name, deed) == 0)
			deeds[i].act();
	return __real_config_read_string(tree, text);
}

/* "seconds" changes the reader's time, "orphan" its parent. */
const char *
__wrap_cage_enter(pid_t parent, unsigned seconds)
{
	char line[64] = "";

	if (pread(READER_TEXT, line, sizeof(line) - 1, 0) > 0)
		sscanf(line, "# %31s %ld", deed, &number);
	return __real_cage_enter(
	    strcmp(deed, "orphan") == 0 ? parent + 1 : parent,
	    strcmp(deed, "seconds") == 0 ? (unsigned)number : seconds);
}
