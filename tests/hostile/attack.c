/* Attacks on the sandbox from within. */
#include "config.h"

#include "attack.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "spawner/calls.h"

#define ARGUMENTS 6
#define DESCRIPTORS 1024
#define GIGABYTE (1UL << 30)
#define PAGE 4096
#define FRAME 1024

/* What is wrong here is wrong on purpose. */
#define UNCHECKED \
	__attribute__((noinline, no_sanitize("address", "undefined")))

const char attack_marker[] = "forkgreet: test build with attacks";

static char scratch[PAGE] __attribute__((aligned(PAGE)));

struct words {
	unsigned n;
	long word[ARGUMENTS + 1];
};

static long
word_of(const char *text, char **end, const void *plan)
{
	uintptr_t base = 0;

	*end = (char *)(uintptr_t)text;
	if (*text == '&')
		base = (uintptr_t)scratch;
	else if (*text == '*')
		base = (uintptr_t)plan;
	else if (*text == '!')
		base = (uintptr_t)attack;
	if (base != 0)
		*end = (char *)(uintptr_t)++text;
	if (base == 0 || (*text >= '0' && *text <= '9'))
		base += (uintptr_t)strtoull(text, end, 0);
	return (long)base;
}

static struct words
words_of(const char *text, const void *plan)
{
	struct words words = { 0 };
	char *end;

	while (*text == ' ' && words.n <= ARGUMENTS) {
		words.word[words.n++] = word_of(text + 1, &end, plan);
		text = end;
	}
	return words;
}

static long
call(const struct words *words)
{
	const long *word = words->word;

	return syscall(word[0], word[1], word[2], word[3], word[4], word[5],
	    word[6]);
}

static long
each(const struct words *words)
{
	struct words shifted = { 0, { words->word[0] } };
	long fd, found = 0;

	memcpy(&shifted.word[2], &words->word[1],
	    (ARGUMENTS - 1) * sizeof(long));
	for (fd = 0; fd < DESCRIPTORS; fd++) {
		shifted.word[1] = fd;
		found += call(&shifted) != -1 || errno != EBADF;
	}
	return found;
}

static long
put(const char *hex)
{
	char pair[3] = { 0 };
	size_t n;

	for (n = 0; hex[0] != '\0' && hex[1] != '\0'; n++, hex += 2) {
		memcpy(pair, hex, 2);
		scratch[n] = (char)strtoul(pair, NULL, 16);
	}
	return (long)n;
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
touch(void)
{
	uintptr_t at = (uintptr_t)scratch;
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

_Noreturn static void
loop(void)
{
	static volatile unsigned turns;

	for (;;)
		turns++;
}

static long
run(const char *command, const void *plan)
{
	const char *rest = command + strcspn(command, " ");
	size_t length = (size_t)(rest - command);
	struct words words = words_of(rest, plan);

#define IS(name) (length == sizeof(name) - 1 && \
    memcmp(command, name, sizeof(name) - 1) == 0)
	if (IS("call"))
		return call(&words);
	if (IS("each"))
		return each(&words);
	if (IS("put"))
		return put(rest + strspn(rest, " "));
	if (IS("poke"))
		return poke(words.word[0]);
	if (IS("jump"))
		return jump(words.word[0]);
	if (IS("touch"))
		return touch();
	if (IS("deep"))
		return deep(words.word[0]);
	if (IS("trap"))
		__builtin_trap();
	if (IS("loop"))
		loop();
#undef IS
	errno = ENOSYS;
	return -1;
}

struct attack_result
attack(const char *command, const void *plan)
{
	struct attack_result result = { 0 };

	errno = 0;
	result.value = run(command, plan);
	result.error = result.value == -1 ? errno : 0;
	return result;
}
