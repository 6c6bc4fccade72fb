/* All but the master: who comes, what somebody wants, what goes wrong, and time.  One
 * process for all: each can do so much and no more, so that when it is always its
 * turn again, everybody's turn comes. */

proctype world() {
end:	do
	:: atomic { arrived < CLIENTS -> arrived++ }
	SPAWNER(0)
	SPAWNER(1)
	SPAWNER(2)
	CHILD(0)
	CHILD(1)
	CHILD(2)
#ifdef PROXY
	CHILD_PROXIED(0)
	CHILD_PROXIED(1)
	CHILD_PROXIED(2)
#endif
	:: d_step { reloads > 0 && !reload_wanted ->
		reloads--; reload_wanted = true }
	:: d_step { upgrades > 0 && !upgrade_wanted ->
		upgrades--; upgrade_wanted = true }
	/* Nothing of that happens any more. */
	:: d_step { kills > 0 || reloads > 0 || upgrades > 0 ->
		kills = 0; reloads = 0; upgrades = 0 }
	/* Pauses and deadlines that pass. */
	:: d_step { backoff == 1 -> backoff = 2 }
	:: d_step { stage == UPGRADE_TRYING && !trial_over -> trial_over = true }
	:: d_step { stage == UPGRADE_SETTLING && !settle_over -> settle_over = true }
#ifndef LIVENESS
	:: d_step { ANY(IS_YOUNG) && !pass -> pass = true }
#endif
#ifdef EXPIRE
	:: d_step { ph[0] == CLIENT_WAITING && !expired[0] -> expired[0] = true }
	:: d_step { ph[1] == CLIENT_WAITING && !expired[1] -> expired[1] = true }
#endif
	od
}

init {
	atomic {
		/* The first generation serves. */
		trial_start(running);
		tried[g_e] = true;
		make_current(g_e);
		run master();
		run world()
	}
}
