"""Deaths at each call: a row for each phase and each kind of process that is
killed in it."""

import collections

from chaos import Chaos
from death import Death, calls
from feeds import Feeds
from phases import PHASES, Background
from outputs import can_mount
from races import Doubles
from stage import Row
from stops import stops


class Calls(Row):
    """Processes of one phase, killed at their own calls, or another one at the
    master's."""

    def __init__(self, phase, whom):
        super().__init__(f"{phase.name}, {whom}")
        self.phase, self.whom = phase, whom
        self.log = "syslog" if whom in FOLLOWERS else "stderr"

    def cells(self, stage):
        """(process, count) of each death."""
        found = stage.once(
            (self.phase, self.log),
            lambda: calls(stage.world(self.log), self.phase))
        counts = collections.Counter()
        roles = {number: role(found, number)
                 for number in {call.process for call in found}}
        chosen, last = [], None
        for call in found:
            counts[call.process] += 1
            if self.whom not in VICTIMS:
                if roles[call.process] == self.whom:
                    chosen.append((call.process, counts[call.process]))
            elif call.process == 1:
                if call.call != last:  # the same again is the same moment
                    chosen.append((1, counts[1]))
                last = call.call
        return chosen

    def play(self, stage, cell):
        """One; its Result."""
        process, count = cell
        return Death(stage.world(self.log), self.phase, process, count,
                     VICTIMS.get(self.whom)).play()


    def why_not(self):
        return "" if self.log == "stderr" or can_mount() else (
            "needs a private /dev")


def role(found, number):
    """What that process is, or becomes."""
    names = {call.name for call in found if call.process == number}
    made = {call.call for call in found if call.process == number}
    if number == 1 or names == {"forkgreetd"}:
        return "master"  # or one in the background, or an upgrade's trial
    if "forkgreet-reade" in names:
        return "reader"
    return "spawner" if {"recvmsg", "clone"} <= made else "child"


def held(death):
    """The child of a client that is held."""
    return death.held


def spawner(death):
    """The one that has clients."""
    return death.world.daemon.spawners()[0]


def standby(death):
    """The one that has none yet."""
    daemon = death.world.daemon
    return next(pid for pid in daemon.all_spawners()
                if pid not in daemon.spawners())


def feed(death):
    """What writes the health file."""
    return death.world.others["feed"].pid


def syslogd(death):
    """What reads the log."""
    return death.world.others["syslogd"].pid


# Killed at the master's calls: they have no part in the phase.
FOLLOWERS = {"the feed": feed, "the log server": syslogd}
SERVING = {"the serving spawner": spawner, "the standby": standby,
           "a held client's child": held}
VICTIMS = {**SERVING, **FOLLOWERS}


def rows():
    """All."""
    for phase in PHASES:
        for whom in phase.makes:
            yield Calls(phase, whom)
        for whom in (() if phase.starts else SERVING):
            yield Calls(phase, whom)
        for whom in (() if phase is Background else FOLLOWERS):
            yield Calls(phase, whom)
    yield Feeds()
    yield from stops(VICTIMS)
    yield Chaos()
    yield Doubles()
