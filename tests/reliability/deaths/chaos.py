"""At any time: random processes are killed while the daemon is told this and
that, and clients come."""

import contextlib
import os
import random
import signal
import time

from death import Death
from harness import PATIENCE, children, exists, wait_for
from killing import Killed
from outputs import can_mount
from phases import Phase, Reload, State, Upgrade
from stage import Row

ROUNDS = 500
DEATHS = 8  # of a round, besides the master's, which ends every other one
LATEST = 0.05  # seconds until the next one


class Everything(Phase):
    """Verbs, one after the other."""

    name = "verbs at random"
    verb = None

    def next(self, chance):
        """Begins one, if the last one is over."""
        if self.verb is None or self.verb.over():
            self.verb = chance.choice((Reload, State, Upgrade))(self.world)
            self.verb.prepare()
            self.verb.begin()

    def over(self):
        return self.verb.over()

    def check(self):
        self.verb.check()


class Round(Death):
    """Some deaths; chance: of this round."""

    def __init__(self, world, chance):
        super().__init__(world, Everything)
        self.chance = chance

    def _kill(self):
        world, daemon, chance = self.world, self.world.daemon, self.chance
        for _ in range(chance.randint(1, DEATHS)):
            self.phase.next(chance)
            time.sleep(chance.uniform(0, LATEST))
            ours = [process.pid for name, process in world.others.items()
                    if name != "ctl"]
            self._end(chance.choice([*children(daemon.pid), *ours]))
        if chance.random() < 0.5:
            self._end(daemon.pid)
            wait_for(lambda: not exists(daemon.pid), PATIENCE, "its end")
        world.restore()
        self.phase.wait()
        return self._check_end(daemon)

    def _end(self, pid):
        """kill -9."""
        self.killed = Killed(pid, "some", "")
        self.children += 1
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
        self.world.wait_dead(pid)


class Chaos(Row):
    """Rounds: a few verbs, a few deaths, and in every other round the master's.
    In those that it survives each client is served, or was killed with its
    child, and is counted."""

    def __init__(self):
        super().__init__("at random")

    def why_not(self):
        return "" if can_mount() else "needs a private /dev"

    def cells(self, stage):
        return [stage.random.getrandbits(32) for _ in range(ROUNDS)]

    def play(self, stage, cell):
        return Round(stage.world("syslog"), random.Random(cell)).play()
