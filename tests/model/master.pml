/* The turn of the master's loop: events, then turn_steps[] of turn.c. */

byte stage; /* enum upgrade_stage */
bool reload_wanted, upgrade_wanted;
bool pass; /* reap->next_pass is over */
bool trial_over, settle_over; /* the upgrade's: time has passed */

hidden byte m_i;

/* Something makes epoll_wait(2) return: a descriptor, or a deadline. */
#define ANY(what) (what(0) || what(1))
#define IS_YOUNG(s) (ph[s] == CLIENT_YOUNG)
#define IS_SAID(s) (ph[s] != CLIENT_FREE && pair[s] && said[id[s]] != 0)
#define IS_OLD_END(s) (ph[s] == CLIENT_WATCHED && child[pid_of[s] - 1] == ZOMBIE)
#define IS_OVERDUE(s) ((ph[s] == CLIENT_WATCHED || ph[s] == CLIENT_UNWATCHED) && \
	child[pid_of[s] - 1] == HANGS_ON && !condemned[pid_of[s] - 1])
#define IS_CLOSING(s) (ph[s] >= CLIENT_CLOSING)
#define IS_LATE(s) (ph[s] == CLIENT_WAITING && expired[s])

/* reap_wakeup(): young children are asked after every few milliseconds.  Where
 * time is not to go on for ever, in each turn. */
#if defined(M_NO_PASS)
#define PASS_DUE false
#elif defined(LIVENESS)
#define PASS_DUE ANY(IS_YOUNG)
#else
#define PASS_DUE pass
#endif

#define NEXT_IS_NEEDED (standby == NOBODY && next == NOBODY && \
	(current == NOBODY || candidate == NOBODY))
#define HAS_FREE (state[0] == SPAWNER_FREE || state[1] == SPAWNER_FREE || \
	state[2] == SPAWNER_FREE)
#define TRIAL_NEWS(e) (e != NOBODY && (tried[e] || proc[e] != RUNS))
#define MAY_RELOAD (reload_wanted && candidate == NOBODY && stage == UPGRADE_NOT)
#define MAY_UPGRADE (upgrade_wanted && candidate == NOBODY && stage == UPGRADE_NOT)

#define IS_WAITING(s) (ph[s] == CLIENT_WAITING)
#define IS_FREE(s) (ph[s] == CLIENT_FREE)
#define HAS_COME (arrived > taken)
#define IS_ACCEPTING (is_open && ready && backoff == 0 && !ANY(IS_WAITING) && \
	CAN_TAKE && ANY(IS_FREE))

#define AWAKE (chld || look || backoff == 2 || (HAS_COME && !muted) || \
	(ready && (PASS_DUE || ANY(IS_SAID) || ANY(IS_OLD_END) || \
		ANY(IS_OVERDUE) || ANY(IS_CLOSING) || ANY(IS_LATE) || \
		(NEXT_IS_NEEDED && HAS_FREE) || MAY_RELOAD || MAY_UPGRADE)) || \
	TRIAL_NEWS(next) || TRIAL_NEWS(candidate) || \
	(stage == UPGRADE_TRYING && trial_over) || \
	(stage == UPGRADE_SETTLING && settle_over))

/* ---------------------------------------------------------------------- steps */

/* The gate refuses some at once: they have a slot, and no phase but
 * CLIENT_FREE. */
inline accept_one() {
	s = 0;
	do
	:: ph[s] != CLIENT_FREE -> s++
	:: else -> break
	od;
	id[s] = taken;
	STEP(add);
	fate[taken] = ACCEPTED;
	taken++;
	if
#ifdef PROXY
	:: CHANGE(admit_awaited, proxied[s], PROXIED_AWAITED)
#else
	:: skip
#endif
	fi;
	ok = true;
	if
	:: hand_over(s)
	:: taken == CLIENTS && CLIENTS > 2 -> refuse_new(s)
	fi;
	if
	:: !ok -> MOVE(accept_waiting, s, CLIENT_FREE, CLIENT_WAITING)
	:: else
	fi
}

inline accept_step() {
	if
	:: HAS_COME && !muted && IS_ACCEPTING -> accept_one(); leave = true
	:: HAS_COME && !muted && !IS_ACCEPTING -> muted = true
	:: else
	fi
}

/* trial.c: trial_check(); the result is in x: 0 it goes on. */
#define RUNNING 0
#define PASSED 1
#define FAILED 2
inline trial_check(e) {
	x = RUNNING;
	if
	:: e != NOBODY && proc[e] == RUNS && tried[e] ->
		if
		:: x = PASSED
		:: failed_trials > 0 -> failed_trials--; x = FAILED
		fi
	:: e != NOBODY && proc[e] != RUNS -> x = FAILED
	:: else
	fi
}

inline standby_step() {
	trial_check(next);
	if
	:: x == PASSED -> spawners_stand_by(); spawners_succeed(); leave = true
	:: x == FAILED -> spawners_end(next); leave = true
	:: else
	fi;
	if
	:: NEXT_IS_NEEDED && HAS_FREE ->
		trial_start(running);
		next = g_e;
		leave = true
	:: else
	fi
}

inline generation_step() {
	if :: ready -> standby_step() :: else fi;
	trial_check(candidate);
	if
	:: x == PASSED && ready -> spawners_promote(serial[candidate]); leave = true
	:: x == PASSED && !ready -> resume(); leave = true
	:: x == FAILED && ready -> spawners_end(candidate); leave = true
	/* begin_anew.c: the program tries again. */
	:: x == FAILED && !ready -> spawners_end(candidate); first_begin(); leave = true
	:: else
	fi;
	if
	:: ready && MAY_RELOAD && HAS_FREE ->
		reload_wanted = false;
		trial_start(running + 1);
		candidate = g_e;
		leave = true
	/* canary.c: earlier ones have not ended yet. */
	:: ready && MAY_RELOAD && !HAS_FREE -> reload_wanted = false
	:: else
	fi
}

/* ----------------------------------------------------------------- the upgrade */

inline first_begin() {
	trial_start(running);
	candidate = g_e
}

/* What an exec leaves: clients with their children; not one that a spawner has. */
inline become() {
	e = 0;
	do
	:: e < ENTRIES ->
		if :: state[e] != SPAWNER_FREE -> spawners_end(e) :: else fi;
		e++
	:: else -> break
	od;
	s = 0;
	do
	:: s < SLOTS ->
		assert(ph[s] != CLIENT_HANDED);
		plan[s] = 0;
		if
		:: ph[s] < CLIENT_YOUNG && pair[s] ->
#ifndef M_PAIR_CARRIED
			pair[s] = false;
			pair_child[s] = false;
#endif
			open[id[s]] = false;
			kept[id[s]] = false
		:: else
		fi;
		s++
	:: else -> break
	od;
#ifdef M_GENERATIONS_ANEW
	generation = 0;
#endif
	CHANGE(upgrade_end, stage, UPGRADE_NOT);
	ready = false;
	is_open = false;
	look = false;
	backoff = 0;
	children_ended = false;
	chld = false; /* the set of pending signals stays, but say that it does not */
	first_begin()
}

/* first.c: first_passed(). */
inline resume() {
	ready = true;
	is_open = true;
	muted = false;
	STEP(carry);
#ifndef M_NOT_ASKED
	children_ended = true;
#endif
	g_e = candidate;
	candidate = NOBODY;
	make_current(g_e)
}

#ifdef M_UPGRADE_HASTY
#define IS_SETTLED true
#else
#define IS_SETTLED (!SPAWNERS_ARE_BUSY)
#endif

inline upgrade_step() {
	if
	:: ready && MAY_UPGRADE ->
		upgrade_wanted = false;
		trial_over = false;
		CHANGE(upgrade_begin, stage, UPGRADE_TRYING);
		leave = true
	:: else
	fi;
	if
	:: stage == UPGRADE_TRYING && trial_over ->
		if
		:: CHANGE(upgrade_failed, stage, UPGRADE_NOT)
		:: settle_over = false;
			CHANGE(upgrade_settle, stage, UPGRADE_SETTLING);
			is_open = false
		fi;
		leave = true
	:: else
	fi;
	if
	:: stage == UPGRADE_SETTLING && candidate == NOBODY && IS_SETTLED ->
		become();
		leave = true
	:: stage == UPGRADE_SETTLING && settle_over &&
		!(candidate == NOBODY && IS_SETTLED) ->
		CHANGE(upgrade_late, stage, UPGRADE_NOT);
		is_open = true;
		leave = true
	:: else
	fi
}

/* ------------------------------------------------------------------- the turn */

/* One slot's events.  An event may be from before: all check what they find. */
inline dispatch(s) {
	if
	:: ph[s] != CLIENT_FREE && pair[s] && said[id[s]] != 0 ->
		declare_event(s); leave = true
	:: else
	fi;
	if
	:: ph[s] == CLIENT_WATCHED && HAS_ENDED(s) -> ended(s); leave = true
	:: ph[s] >= CLIENT_CLOSING -> close_look(s); leave = true
	:: else
	fi
}

/* SIGCHLD names one child, at most; clients_find() may know whose it is. */
inline reap_hint() {
	m_i = 0;
	do
	:: m_i < SLOTS && ready -> m_i++
	:: break
	od;
	if
	:: m_i < SLOTS && ready && ph[m_i] >= CLIENT_YOUNG &&
		ph[m_i] < CLIENT_CLOSING && HAS_ENDED(m_i) -> ended(m_i)
	:: else
	fi
}

inline signals_read() {
	if
	:: chld ->
		chld = false;
		children_ended = true;
		reap_hint();
		spawners_reap();
		strays_step();
		leave = true
	:: else
	fi
}

inline reap_slot(s) {
	if
	:: ph[s] == CLIENT_YOUNG && (pass || PASS_DUE) -> ask_young(s)
	:: ph[s] == CLIENT_UNWATCHED && asked -> ask_unwatched(s)
	:: else
	fi;
	if
	:: IS_OVERDUE(s) -> overdue(s)
	:: else
	fi
}

/* After a step that has done something others may do something. */
#define BREAK(label) if :: leave -> goto label :: else fi

proctype master() {
end:	do
	:: atomic { AWAKE ->
		leave = false;
		asked = false;
		m_i = 0;
		do
		:: m_i < SLOTS && ready -> dispatch(m_i); m_i++
		:: else -> break
		od;
		signals_read();
		BREAK(after_signals) };
after_signals:
	   atomic {
		leave = false;
		accept_step();
		generation_step();
		BREAK(after_generation) };
after_generation:
	   atomic {
		leave = false;
		if
		:: ready -> settle(); serve_waiting()
		:: else
		fi;
		BREAK(after_hand_over) };
after_hand_over:
	   atomic {
		leave = false;
		if
		:: ready ->
			asked = children_ended;
			m_i = 0;
			do
			:: m_i < SLOTS -> reap_slot(m_i); m_i++
			:: else -> break
			od;
			pass = false;
			asked = false;
			children_ended = false;
			upgrade_step()
		:: else -> children_ended = false /* there are no clients yet */
		fi;
		if
		:: muted && IS_ACCEPTING -> muted = false
		:: else
		fi }
#ifndef LIVENESS
	:: timeout -> assert(IS_OVER); break
#endif
	od
}
