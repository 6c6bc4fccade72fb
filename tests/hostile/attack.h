/* Attacks on the sandbox from within, one text command each: in the test build
 * of the session only. */
#ifndef HOSTILE_ATTACK_H
#define HOSTILE_ATTACK_H

#include <stddef.h>

struct image;

#define ATTACK_COMMAND_MAX 256 /* with the NUL */

/* In every build that can do any of this; a test looks for it. */
extern const char attack_marker[];

/* What came of an attack that did not end us. */
struct attack_result {
	long value;
	int error; /* errno; 0 unless value is -1 */
};

/*
 * Does what the command says.  A NUMBER is decimal or begins with 0x;
 * &, &NUMBER is an address in a scratch page, * the plan's, ! a function's.
 *
 *	call N [A ...]	the system call of that number
 *	each N [A ...]	the same with every descriptor number below 1024 before
 *			A; value: how many did not fail with EBADF
 *	put HEX		fills the scratch page, which is all 0 at first
 *	take		waits for the client to send something, and receives it with
 *			room for descriptors (SCM_RIGHTS); value: how many came,
 *			and 100 more when the kernel threw some away
 *	poke A		writes to that address
 *	jump A		calls it
 *	touch		writes to each page of the 1 GB from the scratch page on
 *	deep N		uses N KB of stack
 *	smash		overflows an array on the stack
 *	trap		executes an illegal instruction
 *	loop		never ends
 *
 * An unknown command gives -1 and ENOSYS.
 */
struct attack_result attack(const char *command, const struct image *image);

#endif
