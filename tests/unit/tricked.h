/* One call of those that a test plays is tricked: it fails, or says it went
 * through and had no effect. */
#ifndef TEST_TRICKED_H
#define TEST_TRICKED_H

#include <stdbool.h>

#define ANY (-1)

/* What becomes of a call: the kernel's own answer, an errno, or this. */
#define WORKS 0
#define LIES (-1) /* success without an effect, or another answer */

/* The call: its name, and its argument where that says which one it is. */
struct trick {
	const char *call;
	long argument;
	int result; /* LIES, or an errno */
	unsigned after; /* so many of them, which work */
};

/* From now on, once.  NULL: nothing is. */
void trick_set(const struct trick *trick);

/* True when it has been. */
bool trick_is_done(void);

/* What that call does: WORKS, LIES, or an errno, which errno has too. */
int tricked(const char *call, long argument);

/* Of a call that sets something: what it returns without any effect, in result;
 * true: it is as it should be. */
bool trick_leaves(const char *call, long argument, int *result);

#endif
