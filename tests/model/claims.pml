/* What must be so in the end. */

#define IS_OVER (arrived == CLIENTS && taken == CLIENTS && \
	ph[0] == CLIENT_FREE && ph[1] == CLIENT_FREE)

/* Every client that comes is accepted, and every slot is free in the end; with
 * what assert() says of fates: each has been refused or has ended, once. */
#ifdef LIVENESS
ltl freed { <> [] IS_OVER }
#endif
