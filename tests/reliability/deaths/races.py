"""Two daemons that are started at the same time: exactly one serves."""

import os
import signal
import time

from death import Result
from racing import Race
from stage import Row
from world import Wrong

RACES = 1000
EXIT_RUNNING = 75
# What the last one does meanwhile.
ENDS = ("was killed", "was stopped", "stops", "serves")


class Doubles(Row):
    """In the background: the command ends when the daemon serves."""

    def __init__(self):
        super().__init__("double starts")
        self.race = None

    def cells(self, stage):
        return [f"{number}: the last one {ENDS[number % len(ENDS)]}"
                for number in range(RACES)]

    def run(self, stage):
        world = stage.world()
        self.race = Race(world.write())
        try:
            return super().run(stage)
        finally:
            self.race.end()

    def play(self, stage, cell):
        how = cell.split("one ")[1]
        last = self._end_last(how)
        begun = time.monotonic()
        statuses = self.race.start(2)
        took = time.monotonic() - begun
        serves = last is not None and how == "serves"
        if last is not None and not serves:
            os.waitpid(last, 0)
        good = [[EXIT_RUNNING] * 2 if serves else [0, EXIT_RUNNING]]
        if last is not None and how == "stops":
            good.append([EXIT_RUNNING] * 2)
        if statuses not in good:
            raise Wrong(f"statuses {statuses}, {self.race.said()}")
        self._check(stage.world(), 1 if serves else statuses.count(0))
        return Result("double", "", took)

    def _end_last(self, how):
        """The pid of the last one, if it is still there."""
        for last in self.race.alive():
            if how in ("was killed", "was stopped"):
                os.kill(last, signal.SIGKILL if how == "was killed" else
                        signal.SIGTERM)
                os.waitpid(last, 0)
                return None
            if how == "stops":
                os.kill(last, signal.SIGTERM)
            return last
        return None

    def _check(self, world, count):
        """So many are left, and the PID file is theirs."""
        for pid in self.race.wait_alive(count):
            with open(world.path("pid"), encoding="ascii") as file:
                if file.read() != f"{pid}\n":
                    raise Wrong("the PID file is not the one's that serves")
            end = world.load().once()
            if end != "whole":
                raise Wrong(f"a client: {end}")
            world.row()  # the control socket answers
