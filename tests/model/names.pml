/* Names of phases and states as in the code, and the marks of transitions. */

/* enum client_phase */
#define CLIENT_FREE 0
#define CLIENT_WAITING 1
#define CLIENT_HANDED 2
#define CLIENT_YOUNG 3
#define CLIENT_WATCHED 4
#define CLIENT_UNWATCHED 5
#define CLIENT_CLOSING 6
#define CLIENT_LINGERING 7

/* enum client_proxied */
#define PROXIED_NOT 0
#define PROXIED_AWAITED 1
#define PROXIED_KNOWN 2
#define PROXIED_AGAIN 3
#define PROXIED_REFUSED 4
#define PROXIED_LIED 5

/* enum spawner_state */
#define SPAWNER_FREE 0
#define SPAWNER_TRIAL 1
#define SPAWNER_STANDBY 2
#define SPAWNER_CURRENT 3
#define SPAWNER_RETIRED 4

/* enum upgrade_stage */
#define UPGRADE_NOT 0
#define UPGRADE_TRYING 1
#define UPGRADE_SETTLING 2

/* A few of enum outcome. */
#define GREETED 1
#define GONE 2
#define CRASHED 3
#define PROXY_ERROR 4
#define KILLED 5

/* What has become of a client, for the claims. */
#define COMING 0
#define ACCEPTED 1
#define REFUSED 2
#define ENDED 3

#define NOBODY 255 /* no client, no entry, no slot */
#define FAILURE 254 /* a row below 0: an errno */

/* Says so once, when it is taken at all: c_code is no part of the state. */
c_decl {
	#define TAKEN(name) do { \
		static int once; \
		if (!once) { once = 1; printf("taken: %s\n", #name); } \
	} while (0)
};
#define STEP(name) c_code { TAKEN(name); }
#define MOVE(name, s, from, to) \
	assert(ph[s] == from); \
	ph[s] = to; \
	STEP(name)
#define CHANGE(name, variable, to) \
	variable = to; \
	STEP(name)
