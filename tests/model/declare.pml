/* src/master/clients/declare.c: what is decided about a client behind a proxy. */

#ifdef M_ANY_PLAN
#define IS_PLAN(s) true
#else
#define IS_PLAN(s) (plan[s] == running)
#endif

inline declare_go(s) {
	c = id[s];
	pair_look(c);
	if
	:: k_x -> DISMISS(s, go_again, PROXIED_AGAIN) /* EPIPE */
	:: else ->
		go[c] = running;
		go_to[c] = id[s];
		STEP(send_go);
		proxy_release(s);
		CHANGE(go_known, proxied[s], PROXIED_KNOWN)
	fi
}

inline judge(s) {
	if
	:: verdict[id[s]] = REFUSED; DISMISS(s, judge_refused, PROXIED_REFUSED)
	:: verdict[id[s]] = ACCEPTED;
		if
		:: IS_PLAN(s) -> declare_go(s)
		:: else -> DISMISS(s, judge_again, PROXIED_AGAIN)
		fi
	fi
}

inline convict(s) {
	DISMISS(s, convict, PROXIED_LIED);
	if :: pid_of[s] != 0 -> condemned[pid_of[s] - 1] = true :: else fi
}

/* It may be an event from before: nothing has been said. */
inline declare_event(s) {
	if
	:: said[id[s]] == 1 ->
		said[id[s]] = 0;
		STEP(take_declared);
		judge(s)
	:: said[id[s]] == 2 -> said[id[s]] = 0; convict(s)
	:: else
	fi
}
