"""SIGSTOP, for five seconds, of each process: other clients are served
meanwhile, and afterwards all is as before."""

import typing

from death import Death
from outputs import can_mount
from phases import Reload, Serve, Upgrade
from stage import Row
from world import Wrong

SECONDS = 5
# What greetings take meanwhile: a spawner that does not answer is replaced after a
# second.  For the master all of them wait.
REPLACED = 3
AT_ONCE = 1


class Case(typing.NamedTuple):
    """Who is stopped: whom (of rows.VICTIMS) at the master's first call, or
    the process of that phase at its call number count."""

    whom: str
    phase: type
    bound: float  # seconds for a greeting
    process: int = 1
    count: int = 1
    log: str = "stderr"


CASES = (
    Case("the master", Serve, SECONDS + REPLACED),
    Case("the serving spawner", Serve, REPLACED),
    Case("the standby", Serve, AT_ONCE),
    Case("a held client's child", Serve, AT_ONCE),
    Case("a reload's reader", Reload, AT_ONCE, 2, 150),
    Case("a reload's new spawner", Reload, AT_ONCE, 3, 300),
    Case("an upgrade's trial", Upgrade, AT_ONCE, 2, 100),
    Case("an upgrade's reader", Upgrade, AT_ONCE, 3, 150),
    Case("the feed", Serve, AT_ONCE, log="syslog"),
    Case("the log server", Serve, AT_ONCE, log="syslog"),
)


class Stop(Row):
    """One of them."""

    def __init__(self, case, victims):
        super().__init__(f"stopped for {SECONDS} s, {case.whom}")
        self.case = case
        self.victim = victims.get(case.whom)

    def why_not(self):
        return "" if self.case.log == "stderr" or can_mount() else (
            "needs a private /dev")

    def cells(self, stage):
        return [self.case.whom]

    def play(self, stage, cell):
        case = self.case
        result = Death(stage.world(case.log), case.phase, case.process,
                       case.count, self.victim, SECONDS).play()
        if result.slowest > case.bound + stage.slack:
            raise Wrong(f"a greeting took {result.slowest:.1f} s")
        return result


def stops(victims):
    """All."""
    return [Stop(case, victims) for case in CASES]
