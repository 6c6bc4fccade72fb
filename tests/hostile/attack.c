/* Attacks on the sandbox from within. */
#include "config.h"

#include "attack.h"

#include <sys/socket.h>
#include <sys/uio.h>

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>

#include "spawner/image/call.h"
#include "spawner/image/image.h"

#define ARGUMENTS 6
#define DESCRIPTORS 1024
#define GIGABYTE (1UL << 30)
#define PAGE 4096
#define FRAME 1024
#define RIGHTS 64 /* descriptors that it has room for */

/* What is wrong here is wrong on purpose. */
#define UNCHECKED \
	__attribute__((noinline, no_sanitize("address", "undefined")))

const char attack_marker[] = "forkgreet: test build with attacks";

/* Like the session, it is part of the image: no C library, no variables. */
struct words {
	unsigned n;
	long word[ARGUMENTS + 1];
};

/* The whole page in a child's memory. */
static char *
scratch(const struct image *image)
{
	uintptr_t end = (uintptr_t)(image->memory + 1);

	return (char *)(end / PAGE * PAGE - PAGE);
}

static int
digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : 16;
}

/* As strtoull(3) with base 0, without octal numbers. */
static const char *
number_read(const char *text, unsigned long *number)
{
	bool negative = *text == '-';
	int base = 10;

	text += negative;
	if (text[0] == '0' && (text[1] | 0x20) == 'x') {
		base = 16;
		text += 2;
	}
	for (*number = 0; digit(*text) < base; text++)
		*number = *number * (unsigned)base + (unsigned)digit(*text);
	if (negative)
		*number = -*number;
	return text;
}

static const char *
word_read(const char *text, long *word, const struct image *image)
{
	uintptr_t base = 0;
	unsigned long number;

	if (*text == '&')
		base = (uintptr_t)scratch(image);
	else if (*text == '*')
		base = (uintptr_t)image->plan;
	else if (*text == '!')
		base = (uintptr_t)attack;
	text = number_read(text + (base != 0), &number);
	*word = (long)(base + number);
	return text;
}

static struct words
words_of(const char *text, const struct image *image)
{
	struct words words = { 0 };

	while (*text == ' ' && words.n <= ARGUMENTS)
		text = word_read(text + 1, &words.word[words.n++], image);
	return words;
}

static long
call(const struct words *words)
{
	const long *word = words->word;

	return call6(word[0], word[1], word[2], word[3], word[4], word[5],
	    word[6]);
}

static long
each(const struct words *words)
{
	struct words shifted = { 0, { words->word[0] } };
	long fd, found = 0;
	unsigned i;

	for (i = 2; i <= ARGUMENTS; i++)
		shifted.word[i] = words->word[i - 1];
	for (fd = 0; fd < DESCRIPTORS; fd++) {
		shifted.word[1] = fd;
		found += call(&shifted) != -EBADF;
	}
	return found;
}

static long
take(void)
{
	union {
		char bytes[CMSG_SPACE(RIGHTS * sizeof(int))];
		struct cmsghdr align;
	} control;
	char byte;
	struct iovec part = { &byte, 1 };
	struct msghdr header = {
		.msg_iov = &part,
		.msg_iovlen = 1,
		.msg_control = control.bytes,
		.msg_controllen = sizeof(control.bytes),
	};
	struct pollfd fd = { SPAWNER_CLIENT, POLLIN, 0 };
	struct call_time day = { 86400, 0 };
	struct cmsghdr *rights;
	long n, took = 0;

	call_ppoll(&fd, 1, &day);
	n = call3(SYS_recvmsg, SPAWNER_CLIENT, (long)&header, MSG_DONTWAIT);
	if (n < 0)
		return n;
	rights = CMSG_FIRSTHDR(&header);
	if (rights != NULL)
		took = (long)(rights->cmsg_len - CMSG_LEN(0)) /
		    (long)sizeof(int);
	return took + ((header.msg_flags & MSG_CTRUNC) != 0 ? 100 : 0);
}

static long
put(const char *hex, char *to)
{
	long n;

	for (n = 0; hex[0] != '\0' && hex[1] != '\0'; n++, hex += 2)
		to[n] = (char)(digit(hex[0]) << 4 | digit(hex[1]));
	return n;
}

UNCHECKED static long
poke(long address)
{
	*(volatile char *)(uintptr_t)address = 1;
	return 0;
}

UNCHECKED static long
jump(long address)
{
	((void (*)(void))(uintptr_t)address)();
	return 0;
}

UNCHECKED static long
touch(uintptr_t at)
{
	size_t pages;

	for (pages = GIGABYTE / PAGE; pages > 0; pages--, at += PAGE)
		*(volatile char *)at = 1;
	return 0;
}

UNCHECKED static long
deep(long frames)
{
	volatile char frame[FRAME];

	frame[0] = frame[FRAME - 1] = 0;
	return frames == 0 ? 0 : deep(frames - 1) + frame[0];
}

/* All that is between an array and the return address, but not that: without a
 * canary there the child goes on. */
UNCHECKED static long
smash(void)
{
	volatile uintptr_t frame[2] = { 0 };
	volatile uintptr_t *volatile at = frame;
	uintptr_t end = (uintptr_t)__builtin_return_address(0);
	size_t i;

	for (i = 0; i < 8 && at[i] != end; i++)
		at[i] = 1;
	return 0;
}

_Noreturn static void
loop(void)
{
	for (;;)
		__asm__ volatile("");
}

/* Is that the command's first word? */
static bool
is(const char *command, const char *name)
{
	while (*name != '\0' && *command == *name) {
		command++;
		name++;
	}
	return *name == '\0' && (*command == ' ' || *command == '\0');
}

static long
run(const char *command, const struct image *image)
{
	const char *rest = command;
	struct words words;

	while (*rest != ' ' && *rest != '\0')
		rest++;
	words = words_of(rest, image);
	if (is(command, "call"))
		return call(&words);
	if (is(command, "each"))
		return each(&words);
	if (is(command, "take"))
		return take();
	if (is(command, "put"))
		return put(rest + 1, scratch(image));
	if (is(command, "poke"))
		return poke(words.word[0]);
	if (is(command, "jump"))
		return jump(words.word[0]);
	if (is(command, "touch"))
		return touch((uintptr_t)scratch(image));
	if (is(command, "deep"))
		return deep(words.word[0]);
	if (is(command, "smash"))
		return smash();
	if (is(command, "trap"))
		__builtin_trap();
	if (is(command, "loop"))
		loop();
	return -ENOSYS;
}

/* No system call's result is between the error numbers and 0. */
struct attack_result
attack(const char *command, const struct image *image)
{
	struct attack_result result = { run(command, image), 0 };

	if (result.value < 0 && result.value > -PAGE)
		result = (struct attack_result) { -1, (int)-result.value };
	return result;
}
