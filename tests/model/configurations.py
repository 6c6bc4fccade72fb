"""What the model is checked with, and what must be found in each mutation."""

from collections import namedtuple

# defines: how often each thing may happen, and what there is; clients: how many
# come to the two slots.  live: that all slots are free in the end is checked, too.
Configuration = namedtuple("Configuration", "name clients defines live")

CONFIGURATIONS = [
    Configuration("slots", 3, {}, True),
    Configuration("death", 2, {"KILLS": 1, "CLONE_FAILURES": 1}, True),
    Configuration("deaths", 2, {"KILLS": 2}, False),
    Configuration("trial", 2, {"KILLS": 1, "FAILED_TRIALS": 1}, False),
    Configuration("one at a time", 2, {"KILLS": 1, "IN_FLIGHT_MAX": 1}, True),
    Configuration("crash", 2, {"CRASHES": 1, "KILLS": 1}, True),
    Configuration("age", 2, {"AGE": 1, "HANGS": 1}, True),
    Configuration("age and death", 2, {"AGE": 1, "HANGS": 1, "KILLS": 1},
                  False),
    Configuration("reload", 2, {"RELOADS": 1, "KILLS": 1}, False),
    Configuration("reload of one", 1, {"RELOADS": 1, "KILLS": 1}, True),
    Configuration("reload and crash", 2, {"RELOADS": 1, "CRASHES": 1}, False),
    Configuration("upgrade", 2, {"UPGRADES": 1, "KILLS": 1}, False),
    Configuration("upgrade of one", 1, {"UPGRADES": 1, "KILLS": 1}, True),
    Configuration("upgrade and crash", 2, {"UPGRADES": 1, "CRASHES": 1}, False),
    Configuration("upgrade and age", 1, {"UPGRADES": 1, "AGE": 1}, True),
    Configuration("time", 2, {"EXPIRE": 1, "KILLS": 1}, True),
    Configuration("proxy", 3, {"PROXY": 1}, True),
    Configuration("proxies and reload", 2, {"PROXY": 1, "RELOADS": 1}, False),
    Configuration("proxies and crash", 2, {"PROXY": 1, "CRASHES": 1}, False),
    Configuration("proxy and death", 1, {"PROXY": 1, "KILLS": 1}, True),
    Configuration("proxy and age", 1, {"PROXY": 1, "AGE": 1, "RELOADS": 1},
                  False),
    Configuration("proxy and lie", 1, {"PROXY": 1, "LIES": 1, "CRASHES": 1},
                  True),
    Configuration("proxy and reload", 1,
                  {"PROXY": 1, "RELOADS": 1, "KILLS": 1}, True),
    Configuration("proxy and upgrade", 1,
                  {"PROXY": 1, "UPGRADES": 1, "KILLS": 1}, True),
    Configuration("forgery", 2, {"FORGERIES": 1, "KILLS": 1}, False),
]

# what: the guard that it lacks.
Mutation = namedtuple("Mutation", "name configuration live what")

MUTATIONS = [
    Mutation("DOOMED_COUNTS", "crash", False,
             "in_flight.c: a row is decided before its spawner is dead"),
    Mutation("ROW_KEPT", "slots", False,
             "spawners.c: the row is not cleared before an order"),
    Mutation("STRAY_ROWS", "slots", False,
             "strays.c: rows that have not been looked at are nobody's"),
    Mutation("DEATH_FORGETS", "death", False,
             "hand_over.c: nobody takes back what a dead spawner had"),
    Mutation("DISMISSED_BUSY", "death", False,
             "in_flight.c: a dead spawner is dismissed with clients"),
    Mutation("NO_SUCCESSOR", "death", False,
             "spawners.c: the standby does not follow one that died"),
    Mutation("NO_PASS", "slots", False,
             "reap.c: only SIGCHLD says that a young child has ended"),
    Mutation("OTHER_GENERATION", "crash", False,
             "spawners.c: a crash ends the current generation, not its own"),
    Mutation("STANDBY_STAYS", "reload", False,
             "spawners.c: a reload leaves the standby of the old plan"),
    Mutation("UPGRADE_HASTY", "upgrade", False,
             "upgrade.c: the exec does not wait for clients on their way"),
    Mutation("GENERATIONS_ANEW", "upgrade and crash", False,
             "carry_counters.c: generations are counted anew"),
    Mutation("NOT_ASKED", "upgrade and age", False,
             "carry.c: nobody asks after children that ended meanwhile"),
    Mutation("PAIR_CARRIED", "proxy and upgrade", False,
             "carry.c: a pair that has been closed is used"),
    Mutation("PAIR_CHILD", "proxy and death", False,
             "proxy.c: the child's end is closed before it is cloned"),
    Mutation("ANY_PLAN", "proxy and reload", False,
             "declare.c: a child is told to go on with another plan"),
    Mutation("REFUSED_ENDS", "proxy", False,
             "declare.c: who was refused ends like any other"),
    Mutation("AGAIN_SLEEPS", "proxy and reload", False,
             "declare.c: nothing wakes the loop for who waits again"),
    Mutation("BELIEVES_STRANGERS", "forgery", False,
             "groups.c: a row may name a child of another group"),
    Mutation("BELIEVES_KNOWN", "forgery", False,
             "groups.c: a row may name a child that a client has"),
]
