/* src/master/generations/: the master's list of spawners. */

byte state[ENTRIES];
bool unreaped[ENTRIES]; /* its pid is not -1 */
bool doomed[ENTRIES];
byte generation_of[ENTRIES];
chan in_flight[ENTRIES] = [IN_FLIGHT_MAX] of { byte };
byte current = NOBODY, standby = NOBODY;
byte next = NOBODY, candidate = NOBODY; /* on trial */
byte generation; /* the last one */
byte running = 1; /* the serial of the plan that is served */
bool known[CHILDREN];

inline child_reaped(p) {
	known[p] = false;
	child[p] = 0;
	child_of[p] = 0;
	child_group[p] = 0;
	child_plan[p] = 0;
	outcome[p] = 0;
	condemned[p] = false
}

hidden byte g_e, g_i, g_row, g_s;
hidden byte g_found;

/* spawners.c: forget(); with it what is left of the process ends, which has
 * nobody's order: nobody hears of it. */
inline forget(e) {
	state[e] = SPAWNER_FREE;
	proc[e] = 0;
	dying[e] = false;
	hung_up[e] = false;
	STEP(forget_end);
	tried[e] = false;
	unreaped[e] = false;
	doomed[e] = false;
	generation_of[e] = 0;
	serial[e] = 0;
	launch[e] = 0;
	g_i = 0;
	do
	:: g_i < SLOTS -> ROW(e, g_i) = 0; g_i++
	:: else -> break
	od;
	if :: current == e -> current = NOBODY :: else fi;
	if :: standby == e -> CHANGE(forget_standby, standby, NOBODY) :: else fi;
	if :: next == e -> next = NOBODY :: else fi;
	if :: candidate == e -> candidate = NOBODY :: else fi
}

inline spawners_end(e) {
	assert((len(in_flight[e]) == 0));
	forget(e)
}

#define IS_GROUP(n) (launch[0] == n || launch[1] == n || launch[2] == n || \
	child_group[0] == n || child_group[1] == n || child_group[2] == n)

/* The number of a group is nobody else's while a process is in it. */
inline launch_find() {
	g_row = 1;
	do
	:: IS_GROUP(g_row) -> g_row++
	:: else -> break
	od
}

/* canary.c: canary_begin(); g_e is NOBODY when no entry is free. */
inline trial_start(plan) {
	g_e = 0;
	do
	:: g_e < ENTRIES && state[g_e] != SPAWNER_FREE -> g_e++
	:: else -> break
	od;
	if
	:: g_e < ENTRIES ->
		state[g_e] = SPAWNER_TRIAL;
		STEP(begin_trial);
		proc[g_e] = RUNS;
		unreaped[g_e] = true;
		serial[g_e] = plan;
		launch_find();
		launch[g_e] = g_row
	:: else -> g_e = NOBODY
	fi
}

inline retire() {
	if
	:: current != NOBODY ->
		state[current] = SPAWNER_RETIRED;
		STEP(retire);
		hung_up[current] = true;
		STEP(retire_end);
		CHANGE(retire_current, current, NOBODY)
	:: else
	fi
}

inline make_current(e) {
	retire();
	generation++;
	CHANGE(make_current, current, e);
	generation_of[e] = generation;
	state[e] = SPAWNER_CURRENT;
	STEP(become_current);
	assert(serial[e] == running)
}

inline spawners_succeed() {
	if
	:: standby != NOBODY && current == NOBODY ->
		g_e = standby;
		CHANGE(succeed, standby, NOBODY);
		make_current(g_e)
	:: else
	fi
}

inline spawners_stand_by() {
	standby = next;
	STEP(stand_by);
	next = NOBODY;
	state[standby] = SPAWNER_STANDBY;
	STEP(become_standby);
}

/* The candidate, whose plan is the one that is served from now on. */
inline spawners_promote(plan) {
	running = plan;
	g_e = candidate;
	candidate = NOBODY;
	if :: next != NOBODY -> spawners_end(next) :: else fi;
#ifndef M_STANDBY_STAYS
	if :: standby != NOBODY -> spawners_end(standby) :: else fi;
#endif
	make_current(g_e)
}

inline vacate(e) {
	if :: current == e -> CHANGE(vacate, current, NOBODY) :: else fi
}

inline doom(e) {
	dying[e] = true;
	hung_up[e] = true;
	STEP(doom_end);
	CHANGE(doom, doomed[e], true);
	state[e] = SPAWNER_RETIRED;
	STEP(doom_retired);
	vacate(e);
	if :: standby == e -> standby = NOBODY :: else fi;
	spawners_succeed()
}

#ifdef M_OTHER_GENERATION
#define IS_GENERATION(e, number) (current == e)
#else
#define IS_GENERATION(e, number) (generation_of[e] == number)
#endif

/* The child of the crash was in the group of that number. */
inline spawners_use_up(number, group) {
	g_s = 0;
	do
	:: g_s < ENTRIES && !(state[g_s] >= SPAWNER_STANDBY && unreaped[g_s] &&
		!doomed[g_s] && IS_GENERATION(g_s, number)) -> g_s++
	:: else -> break
	od;
	if
	:: g_s < ENTRIES ->
		assert(launch[g_s] == group);
		doom(g_s)
	:: else ->
		/* Nobody is left that has the layout of the crash. */
		g_s = 0;
		do
		:: g_s < ENTRIES ->
			assert(launch[g_s] != group || doomed[g_s] ||
			    !unreaped[g_s]);
			g_s++
		:: else -> break
		od
	fi
}

inline spawners_convict(e) {
	if
	:: state[e] >= SPAWNER_STANDBY && unreaped[e] -> doom(e)
	:: else
	fi
}

inline died(e) {
	unreaped[e] = false;
	proc[e] = 0;
	state[e] = SPAWNER_RETIRED;
	STEP(died);
	hung_up[e] = true;
	STEP(died_end);
	vacate(e);
	if :: standby == e -> CHANGE(died_standby, standby, NOBODY) :: else fi
}

inline spawners_reap() {
	g_s = 0;
	do
	:: g_s < ENTRIES ->
		if
		:: state[g_s] >= SPAWNER_STANDBY && unreaped[g_s] &&
			proc[g_s] == ZOMBIE -> died(g_s)
		:: else
		fi;
		g_s++
	:: else -> break
	od;
#ifndef M_NO_SUCCESSOR
	spawners_succeed()
#endif
}

/* ----------------------------------------------------------------- in_flight.c */

#define CAN_TAKE (current != NOBODY && len(in_flight[current]) < IN_FLIGHT_MAX)

#define IS_BUSY(e) ((len(in_flight[e]) > 0) || state[e] == SPAWNER_RETIRED)
#define SPAWNERS_ARE_BUSY (IS_BUSY(0) || IS_BUSY(1) || IS_BUSY(2))

/* groups.c: groups_believe(), for the process row - 1. */
#ifdef M_BELIEVES_KNOWN
#define IS_NEW(p) true
#else
#define IS_NEW(p) (!known[p])
#endif
#ifdef M_BELIEVES_STRANGERS
#define IS_OF(p, e) true
#else
#define IS_OF(p, e) (child_group[p] == launch[e])
#endif
#define IS_BELIEVED(p, e) (IS_NEW(p) && child[p] != 0 && IS_OF(p, e))

/* The row of the entry's oldest client, 0: undecided. */
#ifdef M_DOOMED_COUNTS
#define IS_UNDECIDED(e) (g_row == 0 && !doomed[e] && unreaped[e])
#else
#define IS_UNDECIDED(e) (g_row == 0 && unreaped[e])
#endif
inline spawners_row(e) {
	in_flight[e]?<g_s>;
	g_row = (doomed[e] && unreaped[e] -> 0 : ROW(e, g_s));
	STEP(row_read);
	if
	:: g_row != 0 && g_row != FAILURE && !IS_BELIEVED(g_row - 1, e) ->
		assert(FORGERIES > 0 && forgeries < FORGERIES);
		g_row = FAILURE;
		spawners_convict(e)
	:: else
	fi
}

/* -------------------------------------------------------------------- strays.c */

/* Reaps what is a zombie, and neither a client's nor about to be.  No spawner of
 * ours has such a child. */
inline strays_step() {
	k_p = 0;
	do
	:: k_p < CHILDREN ->
		g_found = (child[k_p] != ZOMBIE || known[k_p]);
		g_s = 0;
		do
		:: g_s < ENTRIES && !g_found ->
			g_i = 0;
			do
			:: g_i < SLOTS ->
				if
#ifndef M_STRAY_ROWS
				:: ROW(g_s, g_i) == k_p + 1 &&
					in_flight[g_s]??[eval(g_i)] ->
					g_found = true
#else
				:: false
#endif
				:: else
				fi;
				g_i++
			:: else -> break
			od;
			g_s++
		:: else -> break
		od;
		if
		:: !g_found ->
			assert(FORGERIES > 0);
			child_reaped(k_p)
		:: else
		fi;
		k_p++
	:: else -> break
	od
}
