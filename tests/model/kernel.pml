/* Spawners and children as processes, what they share with the master, and what
 * the kernel does. */

/* A process: 0: none, or reaped. */
#define RUNS 1
#define ZOMBIE 2
/* A child of a client behind a proxy runs, too: */
#define READS 3 /* its header */
#define AWAITS 4 /* the master's answer */
#define HANGS_ON 5 /* ends by a signal only */

/* Spawners: one for each entry of the master's list. */
byte proc[ENTRIES];
bool dying[ENTRIES]; /* SIGKILL has been sent */
bool hung_up[ENTRIES]; /* the master has closed its end of the socket */
bool tried[ENTRIES]; /* the canary has been served */
byte launch[ENTRIES]; /* the process's own number, which its group has */
byte serial[ENTRIES]; /* of its plan */
byte page[ENTRIES * SLOTS];
#define ROW(e, s) page[(e) * SLOTS + (s)]
/* struct plan_order: slot, whose descriptor, whose pair or NOBODY. */
chan orders[ENTRIES] = [IN_FLIGHT_MAX] of { byte, byte, byte };

/* Children, by pid - 1. */
byte child[CHILDREN];
byte child_of[CHILDREN]; /* a client */
byte child_group[CHILDREN]; /* the number of its spawner */
byte child_plan[CHILDREN];
byte outcome[CHILDREN];
bool condemned[CHILDREN]; /* SIGKILL has been sent */
bool chld; /* SIGCHLD is pending */

/* The pair of each client. */
byte said[CLIENTS]; /* struct plan_declared is on its way; 2: nonsense */
byte go[CLIENTS]; /* struct plan_go is: the serial of its plan */
byte go_to[CLIENTS]; /* the client that it is about */
bool cut[CLIENTS]; /* shutdown(2) */
bool open[CLIENTS]; /* the master's end, which only the master has */
bool kept[CLIENTS]; /* the child's end: the master has a copy */

/* The truth about clients. */
byte fate[CLIENTS];
byte verdict[CLIENTS]; /* of the gate about its header: ACCEPTED or REFUSED */
bool served[CLIENTS]; /* a child has spoken to it */

/* Nobody knows a child that a spawner which lies has hidden. */
#define IS_FORGED (forgeries < FORGERIES)

/* What may yet go wrong, and what somebody may yet want. */
byte crashes = CRASHES, kills = KILLS, clone_failures = CLONE_FAILURES;
byte failed_trials = FAILED_TRIALS, hangs = HANGS, lies = LIES;
byte forgeries = FORGERIES, reloads = RELOADS, upgrades = UPGRADES;

/* Scratch: these keep nothing from one atomic step to the next. */
hidden byte k_p, k_s, k_c, k_x, k_i;

inline spawner_die(e) {
	proc[e] = ZOMBIE;
	dying[e] = false;
	chld = true;
	do
	:: (len(orders[e]) > 0) -> orders[e]?_,_,_
	:: else -> break
	od
}

/* The lowest pid that is free, CHILDREN: none is. */
inline pid_find() {
	k_p = 0;
	do
	:: k_p < CHILDREN && child[k_p] != 0 -> k_p++
	:: else -> break
	od
}

/* serve.c: clone(2) with CLONE_PARENT_SETTID stores the pid before the child
 * runs. */
inline clone_child(e) {
	child[k_p] = (k_x == NOBODY -> RUNS : READS);
	child_of[k_p] = k_c;
	child_group[k_p] = launch[e];
	child_plan[k_p] = serial[e];
	condemned[k_p] = false;
	outcome[k_p] = 0;
	ROW(e, k_s) = k_p + 1
	STEP(row_pid);
}

/* What the process of an entry may do next: options of world's loop. */
#define SPAWNER(e) \
	:: atomic { proc[e] == RUNS && dying[e] -> spawner_die(e) } \
	:: atomic { proc[e] == RUNS && !tried[e] -> tried[e] = true } \
	:: atomic { proc[e] == RUNS && len(orders[e]) > 0 -> serve(e) } \
	:: atomic { proc[e] == RUNS && len(orders[e]) > 0 && clone_failures > 0 -> \
		clone_failures--; serve_failing(e) } \
	:: atomic { proc[e] == RUNS && hung_up[e] && len(orders[e]) == 0 -> \
		STEP(receive_end); spawner_die(e) } \
	:: atomic { proc[e] == RUNS && len(orders[e]) > 0 && forgeries > 0 -> \
		forgeries--; serve_forging(e) } \
	:: atomic { proc[e] == RUNS && kills > 0 -> kills--; dying[e] = true }

inline serve(e) {
	orders[e]?k_s,k_c,k_x;
	STEP(receive_order);
	pid_find();
	if
	:: k_p < CHILDREN -> clone_child(e)
	:: else -> ROW(e, k_s) = FAILURE
	fi
}

inline serve_failing(e) {
	orders[e]?k_s,k_c,k_x;
	ROW(e, k_s) = FAILURE;
	STEP(row_failed)
}

/* A spawner that is somebody else's names any process as the child. */
inline serve_forging(e) {
	orders[e]?k_s,k_c,k_x;
	k_i = 1;
	do
	:: k_i < CHILDREN -> k_i++
	:: break
	od;
	ROW(e, k_s) = k_i
}

inline child_exit(p, how) {
	outcome[p] = how;
	child[p] = ZOMBIE;
	chld = true
}

inline child_speak(p) {
	assert(fate[child_of[p]] == ACCEPTED && !served[child_of[p]] || IS_FORGED);
	served[child_of[p]] = true
}

/* The master's end of the pair of child p is gone, or has been shut down. */
#define CUT(p) (cut[child_of[p]] || !open[child_of[p]])

/* What a child may do next. */
#define CHILD(p) \
	:: d_step { child[p] != 0 && child[p] != ZOMBIE && condemned[p] -> \
		child_exit(p, KILLED) } \
	:: d_step { child[p] == RUNS -> child_speak(p); child_exit(p, GREETED) } \
	:: d_step { child[p] == RUNS -> child_exit(p, GONE) } \
	:: d_step { (child[p] == RUNS || child[p] == READS || child[p] == AWAITS) && \
		crashes > 0 -> crashes--; child_exit(p, CRASHED) } \
	:: d_step { child[p] == RUNS && hangs > 0 -> \
		hangs--; child_speak(p); child[p] = HANGS_ON }

/* And what only that of a client behind a proxy may. */
#define CHILD_PROXIED(p) \
	:: d_step { child[p] == READS -> child_exit(p, PROXY_ERROR) } \
	:: d_step { child[p] == READS && !CUT(p) -> child_declare(p, 1) } \
	:: d_step { child[p] == READS && !CUT(p) && lies > 0 -> \
		lies--; child_declare(p, 2) } \
	:: d_step { child[p] == AWAITS && go[child_of[p]] != 0 -> child_go(p) } \
	:: d_step { child[p] == AWAITS && go[child_of[p]] == 0 && CUT(p) -> \
		STEP(await_end); child_exit(p, PROXY_ERROR) }

inline child_declare(p, what) {
	said[child_of[p]] = what;
	STEP(declare);
	child[p] = AWAITS
}

inline child_go(p) {
	STEP(await_go);
	assert(go_to[child_of[p]] == child_of[p]);
	assert(go[child_of[p]] == child_plan[p]);
	go[child_of[p]] = 0;
	go_to[child_of[p]] = 0;
	child[p] = RUNS
}

/* Does nobody have the child's end of that client's pair? */
inline pair_look(c) {
	k_x = !kept[c];
	k_i = 0;
	do
	:: k_i < CHILDREN ->
		if
		:: (child[k_i] == READS || child[k_i] == AWAITS) &&
			child_of[k_i] == c -> k_x = false
		:: else
		fi;
		k_i++
	:: else -> break
	od;
}
