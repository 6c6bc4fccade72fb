/*
 * Everything that a build with --enable-sanitizers allows and a release build
 * does not, each with its reason.  Coverage builds allow nothing more.
 * tests/system/test_release.py looks for it in the programs, and for
 * WITH_SANITIZERS in any other file; only spawner/lockdown.c has it too, to
 * make the sanitizers do less.
 */
#ifndef SHARED_WIDENED_H
#define SHARED_WIDENED_H

#include <stdbool.h>

#ifdef WITH_SANITIZERS

/* The parser of the configuration has no filter and keeps its standard error: a
 * sanitizer's report needs open, read, write, mmap and more. */
#define WIDENED_PARSER true

/* It has no RLIMIT_AS, since ASan maps terabytes, and no RLIMIT_FSIZE, since
 * standard error may be a file. */
#define WIDENED_PARSER_LIMITS true

/* One more row in the filter of spawner and children
 * (master/generations/filter.c). */
#define WIDENED_ROWS                                                        \
	{ "sigaltstack", "widened: ASan asks for it before a function that " \
	    "does not return", 0, { IS(0, 0) } },

/* The master may ptrace: LeakSanitizer stops its threads that way. */
#define DENIED_UNLESS_WIDENED

/* Sanitizers want a memory layout of their own, and start themselves anew. */
#define WIDENED_LAYOUT true

#else

#define WIDENED_PARSER false
#define WIDENED_PARSER_LIMITS false
#define WIDENED_ROWS
#define WIDENED_LAYOUT false
#define DENIED_UNLESS_WIDENED { "ptrace", "other processes" },

#endif
#endif
