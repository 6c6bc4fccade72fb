/*
 * How a client gets from accept(2) to its end: slots of the master, generations of
 * spawners, pid pages, children, and the pairs of clients behind a proxy.
 *
 * It follows the code: an inline has the name of the function that it is, and
 * what changes a phase, a state or sends a message is a MOVE() or a STEP(), whose
 * name stands in the table "transitions" beside its place in the code; "run"
 * compares both with the table.  Parts: kernel.pml (what others do), generations.pml,
 * clients.pml, declare.pml, master.pml (the turn of the loop), world.pml (who comes, what goes
 * wrong), claims.pml.
 *
 * A configuration is a set of -D: CRASHES, KILLS, CLONE_FAILURES, FAILED_TRIALS, RELOADS,
 * UPGRADES, HANGS, LIES, FORGERIES are how often each may happen; AGE, PROXY, EXPIRE are what
 * there is.  A mutation is -DM_something: one guard less.
 */
#ifndef SLOTS
#define SLOTS 2
#endif
#ifndef CLIENTS
#define CLIENTS 3
#endif
#define ENTRIES 3 /* SPAWNERS_MAX */
#ifndef IN_FLIGHT_MAX
#define IN_FLIGHT_MAX 2 /* SPAWNER_IN_FLIGHT_MAX */
#endif
#define CHILDREN (SLOTS + 1) /* pids, from 1; one is given anew once reaped */

#include "names.pml"
#include "kernel.pml"
#include "generations.pml"
#include "clients.pml"
#include "declare.pml"
#include "claims.pml"
#include "master.pml"
#include "world.pml"
