/* src/master/clients/: the slots. */

byte ph[SLOTS];
byte id[SLOTS] = NOBODY;
byte pid_of[SLOTS]; /* 0: no child */
byte generation_by[SLOTS]; /* client->generation */
byte plan[SLOTS];
byte proxied[SLOTS];
bool pair[SLOTS], pair_child[SLOTS];
byte group[SLOTS]; /* its child's */
bool expired[SLOTS]; /* its time is over */

bool look, children_ended, asked;
byte backoff; /* of cloning: 1: it waits, 2: no longer, once that is seen */
bool is_open = true, ready = true;
bool muted; /* its listener is not polled */
byte arrived, taken; /* clients that have connected; have been accepted */

hidden byte s, c, p, e, o, x;
hidden byte ok, leave;

/* --------------------------------------------------------------------- proxy.c */

inline pair_make(s) {
	pair[s] = true;
	pair_child[s] = true;
	open[id[s]] = true;
	kept[id[s]] = true;
	said[id[s]] = 0;
	go[id[s]] = 0;
	cut[id[s]] = false
}

inline proxy_release(s) {
	if
	:: proxied[s] == PROXIED_AWAITED ->
		CHANGE(release, proxied[s], PROXIED_NOT)
	:: else
	fi;
	if :: pair[s] -> pair[s] = false; open[id[s]] = false :: else fi;
	if :: pair_child[s] -> pair_child[s] = false; kept[id[s]] = false :: else fi
}

/* A macro, for STEP() wants the name itself. */
#define DISMISS(s, name, to) \
	cut[id[s]] = true; \
	STEP(dismiss_end); \
	proxy_release(s); \
	CHANGE(name, proxied[s], to)

/* --------------------------------------------------------------------- the end */

inline slot_clear(s) {
	id[s] = NOBODY;
	pid_of[s] = 0;
	generation_by[s] = 0;
	group[s] = 0;
	plan[s] = 0;
	proxied[s] = PROXIED_NOT;
	expired[s] = false
}

/* What need not be remembered. */
inline fate_seal(c) {
	served[c] = false;
	verdict[c] = 0
}

inline finish(s) {
	c = id[s];
	assert(fate[c] == ACCEPTED);
	assert(verdict[c] != REFUSED);
	fate[c] = ENDED;
	fate_seal(c);
	proxy_release(s);
	if
	:: ph[s] == CLIENT_YOUNG ->
		MOVE(finish_young, s, CLIENT_YOUNG, CLIENT_FREE)
	:: ph[s] == CLIENT_WATCHED ->
		MOVE(finish_watched, s, CLIENT_WATCHED, CLIENT_FREE)
	:: ph[s] == CLIENT_UNWATCHED ->
		MOVE(finish_unwatched, s, CLIENT_UNWATCHED, CLIENT_FREE)
	:: ph[s] == CLIENT_CLOSING ->
		MOVE(finish_closing, s, CLIENT_CLOSING, CLIENT_FREE)
	:: ph[s] == CLIENT_LINGERING ->
		MOVE(finish_lingering, s, CLIENT_LINGERING, CLIENT_FREE)
	fi;
	slot_clear(s)
}

/* The gate's word at once. */
inline refuse_new(s) {
	MOVE(refuse_new, s, CLIENT_FREE, CLIENT_FREE);
	fate[id[s]] = REFUSED;
	slot_clear(s)
}

/* Only one whom the gate refused, or whose time was over before it had a child. */
inline refuse(s) {
	c = id[s];
	assert(fate[c] == ACCEPTED);
	assert(verdict[c] == REFUSED || expired[s]);
	assert(!served[c] || IS_FORGED);
	fate[c] = REFUSED;
	fate_seal(c);
	proxy_release(s);
	if
	:: ph[s] == CLIENT_WAITING ->
		MOVE(refuse_waiting, s, CLIENT_WAITING, CLIENT_FREE)
	:: ph[s] == CLIENT_YOUNG ->
		MOVE(refuse_young, s, CLIENT_YOUNG, CLIENT_FREE)
	:: ph[s] == CLIENT_WATCHED ->
		MOVE(refuse_watched, s, CLIENT_WATCHED, CLIENT_FREE)
	:: ph[s] == CLIENT_UNWATCHED ->
		MOVE(refuse_unwatched, s, CLIENT_UNWATCHED, CLIENT_FREE)
	fi;
	slot_clear(s)
}

/* close.c: goes on for as long as the client has yet to take something, or to
 * close; both come in the end, or its time is over. */
inline close_look(s) {
	if
	:: finish(s)
#ifdef AGE
	:: ph[s] < CLIENT_CLOSING ->
		if
		:: ph[s] == CLIENT_YOUNG ->
			MOVE(closing_young, s, CLIENT_YOUNG, CLIENT_CLOSING)
		:: ph[s] == CLIENT_WATCHED ->
			MOVE(closing_watched, s, CLIENT_WATCHED, CLIENT_CLOSING)
		:: ph[s] == CLIENT_UNWATCHED ->
			MOVE(closing_unwatched, s, CLIENT_UNWATCHED, CLIENT_CLOSING)
		fi
	:: ph[s] < CLIENT_CLOSING ->
		if
		:: ph[s] == CLIENT_YOUNG ->
			MOVE(linger_young, s, CLIENT_YOUNG, CLIENT_LINGERING)
		:: ph[s] == CLIENT_WATCHED ->
			MOVE(linger_watched, s, CLIENT_WATCHED, CLIENT_LINGERING)
		:: ph[s] == CLIENT_UNWATCHED ->
			MOVE(linger_unwatched, s, CLIENT_UNWATCHED, CLIENT_LINGERING)
		fi
	:: ph[s] == CLIENT_CLOSING ->
		MOVE(linger_closing, s, CLIENT_CLOSING, CLIENT_LINGERING)
#endif
	fi
}

/* ------------------------------------------------------------------ hand_over.c */

/* in_flight.c: spawners_order() and spawners_hand_over(); ok is the result. */
inline spawners_hand_over(s) {
#ifndef M_ROW_KEPT
	ROW(current, s) = 0;
	STEP(row_clear);
#endif
	ok = false;
	assert(serial[current] == running);
	assert(proxied[s] != PROXIED_AWAITED || (open[id[s]] && kept[id[s]]));
	if
	:: proc[current] == RUNS ->
		orders[current]!s,id[s],(proxied[s] == PROXIED_AWAITED -> id[s] : NOBODY);
		STEP(send_order);
		in_flight[current]!s;
		ok = true
	:: else /* EPIPE */
	fi
}

inline hand_over(s) {
	ok = false;
	if
	:: CAN_TAKE && backoff == 0 ->
		if
		:: proxied[s] == PROXIED_AWAITED && !pair[s] -> pair_make(s)
		:: else
		fi;
		spawners_hand_over(s);
		if
		:: ok ->
			if
			:: ph[s] == CLIENT_FREE ->
				MOVE(hand_over_new, s, CLIENT_FREE, CLIENT_HANDED)
			:: else ->
				MOVE(hand_over, s, CLIENT_WAITING, CLIENT_HANDED)
			fi;
			generation_by[s] = generation;
			plan[s] = running;
			look = true;
			leave = true;
#ifdef M_PAIR_CHILD
			if
			:: pair_child[s] -> pair_child[s] = false; kept[id[s]] = false
			:: else
			fi
#endif
		:: else
		fi
	:: else
	fi
}

inline take_back(s) {
	MOVE(take_back, s, CLIENT_HANDED, CLIENT_WAITING);
	if :: g_row == FAILURE -> backoff = 1 :: else fi
}

inline take_child(s) {
	p = g_row - 1;
	pid_of[s] = g_row;
	known[p] = true;
	group[s] = launch[e];
	if :: pair_child[s] -> pair_child[s] = false; kept[id[s]] = false :: else fi;
	if :: proxied[s] == PROXIED_LIED -> condemned[p] = true :: else fi;
	MOVE(take_child, s, CLIENT_HANDED, CLIENT_YOUNG)
}

/* Dead, and nothing of it is undecided. */
#ifdef M_DISMISSED_BUSY
#define IS_DONE(e) (state[e] == SPAWNER_RETIRED && !unreaped[e])
#else
#define IS_DONE(e) (state[e] == SPAWNER_RETIRED && !unreaped[e] && (len(in_flight[e]) == 0))
#endif

inline settle() {
	e = 0;
	do
	:: e < ENTRIES && IS_DONE(e) ->
#ifdef M_DISMISSED_BUSY
		do
		:: (len(in_flight[e]) > 0) -> in_flight[e]?_
		:: else -> break
		od;
#endif
		forget(e);
		e++
	:: e < ENTRIES && (len(in_flight[e]) > 0) && !IS_DONE(e) ->
		spawners_row(e);
		if
		:: IS_UNDECIDED(e) ->
			e++
		:: else ->
			in_flight[e]?s;
			leave = true;
#ifndef M_ROW_KEPT
			ROW(e, s) = 0; /* nobody looks at it any more */
#endif
			if
			:: g_row == 0 || g_row == FAILURE ->
#ifdef M_DEATH_FORGETS
				skip
#else
				take_back(s)
#endif
			:: else -> take_child(s)
			fi
		fi
	:: e < ENTRIES && (len(in_flight[e]) == 0) && !IS_DONE(e) -> e++
	:: else -> break
	od;
	look = SPAWNERS_ARE_BUSY
}

/* The first that waits: ids are in order of arrival. */
inline serve_waiting() {
	if :: backoff == 2 -> backoff = 0 :: else fi;
	o = 0;
	do
	:: o < CLIENTS ->
		s = 0;
		do
		:: s < SLOTS && !(id[s] == o && ph[s] == CLIENT_WAITING) -> s++
		:: else -> break
		od;
		if
		:: s < SLOTS && (expired[s] || proxied[s] >= PROXIED_REFUSED) ->
			refuse(s)
		:: s < SLOTS && !(expired[s] || proxied[s] >= PROXIED_REFUSED) ->
			hand_over(s)
		:: else
		fi;
		o++
	:: else -> break
	od
}

/* --------------------------------------------------------------------- reap.c */

/* proxy.c: proxy_outcome(); x is the outcome. */
inline proxy_outcome(s) {
	if
	:: proxied[s] == PROXIED_LIED -> x = CRASHED
	:: proxied[s] == PROXIED_AWAITED && x == GREETED -> assert(false)
	:: proxied[s] <= PROXIED_KNOWN && proxied[s] != PROXIED_AWAITED &&
		x == PROXY_ERROR -> assert(false) /* that one is not honest */
	:: else
	fi
}

#ifdef M_REFUSED_ENDS
#define GOES_ON_REFUSED false
#else
#define GOES_ON_REFUSED (proxied[s] == PROXIED_REFUSED)
#endif

inline declare_goes_on(s) {
	if
	:: ph[s] == CLIENT_YOUNG ->
		MOVE(again_young, s, CLIENT_YOUNG, CLIENT_WAITING)
	:: ph[s] == CLIENT_WATCHED ->
		MOVE(again_watched, s, CLIENT_WATCHED, CLIENT_WAITING)
	:: ph[s] == CLIENT_UNWATCHED ->
		MOVE(again_unwatched, s, CLIENT_UNWATCHED, CLIENT_WAITING)
	fi;
	CHANGE(again_known, proxied[s], PROXIED_KNOWN);
#ifndef M_AGAIN_SLEEPS
	look = true
#endif
}

/* The slot's child has ended. */
inline ended(s) {
	p = pid_of[s] - 1;
	assert(child[p] == ZOMBIE);
	assert(child_of[p] == id[s] || IS_FORGED && child_group[p] == group[s]);
	x = outcome[p];
	proxy_outcome(s);
	pid_of[s] = 0;
	g_row = child_group[p];
	child_reaped(p);
	if
	:: x == CRASHED -> spawners_use_up(generation_by[s], g_row)
	:: else
	fi;
	if
	:: GOES_ON_REFUSED -> refuse(s)
	:: proxied[s] == PROXIED_AGAIN && x == PROXY_ERROR -> declare_goes_on(s)
	:: else ->
		if
		:: x == GREETED -> assert(served[id[s]] || IS_FORGED); close_look(s)
		:: else -> finish(s)
		fi
	fi
}

inline grow_old(s) {
	if
	:: MOVE(grow_watched, s, CLIENT_YOUNG, CLIENT_WATCHED)
	:: MOVE(grow_unwatched, s, CLIENT_YOUNG, CLIENT_UNWATCHED)
	fi
}

/* wait4(2) has it, or has no such child. */
#define HAS_ENDED(s) (child[pid_of[s] - 1] == ZOMBIE || child[pid_of[s] - 1] == 0)
#define IS_STUCK(s) (child[pid_of[s] - 1] == HANGS_ON)

inline ask_young(s) {
	if
	:: HAS_ENDED(s) -> ended(s)
#ifdef AGE
	:: !HAS_ENDED(s) -> grow_old(s)
#endif
	:: !HAS_ENDED(s) && !IS_STUCK(s) ->
		MOVE(ask_young, s, CLIENT_YOUNG, CLIENT_YOUNG)
	fi
}

/* Each once after any child has ended. */
inline ask_unwatched(s) {
	if
	:: HAS_ENDED(s) -> ended(s)
	:: !HAS_ENDED(s) ->
		MOVE(unwatched_watched, s, CLIENT_UNWATCHED, CLIENT_WATCHED)
	:: !HAS_ENDED(s) ->
		MOVE(ask_unwatched, s, CLIENT_UNWATCHED, CLIENT_UNWATCHED)
	fi
}

/* The deadline of one that hangs. */
inline overdue(s) {
#ifndef M_SPARED
	condemned[pid_of[s] - 1] = true;
#endif
	if
	:: ph[s] == CLIENT_WATCHED ->
		MOVE(overdue_watched, s, CLIENT_WATCHED, CLIENT_WATCHED)
	:: else ->
		MOVE(overdue_unwatched, s, CLIENT_UNWATCHED, CLIENT_UNWATCHED)
	fi
}
