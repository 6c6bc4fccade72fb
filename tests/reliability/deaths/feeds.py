"""A feed, killed at each of its calls: what it has written is whole, what it has
started ends with it, and another one goes on at once."""

import os
import time

from death import Result
from harness import PATIENCE, children, exists, wait_for
from killing import Killer
from outputs import can_mount
from stage import Row
from world import Wrong


class Feeds(Row):
    """Over two runs of its command."""

    def __init__(self):
        super().__init__("feeding, the feed")

    def why_not(self):
        return "" if can_mount() else "needs a private /dev"

    def cells(self, stage):
        """Which call."""
        world = stage.world("syslog")
        world.start()
        with Killer(world.others["feed"].pid) as killer:
            two_runs(world)
        count = sum(call.process == 1 for call in killer.calls())
        return range(1, count + 1)

    def play(self, stage, cell):
        world = stage.world("syslog")
        world.start()
        feed = world.others["feed"]
        before = set(children(os.getpid()))
        with Killer(feed.pid, count=cell) as killer:
            two_runs(world)
        if killer.killed() is None:
            return Result()
        feed.wait(PATIENCE)
        died = time.monotonic()
        wait_for(lambda: not any(map(exists, self.left(before))), PATIENCE,
                 "the end of what it has started")
        orphan = time.monotonic() - died
        for pid in self.left(before):
            os.waitpid(pid, os.WNOHANG)
        begun = time.monotonic()
        world.restore()
        world.check_feed()
        return Result(killer.killed().name, killer.killed().call,
                      time.monotonic() - begun, orphan)

    @staticmethod
    def left(before):
        """What has become ours since."""
        return set(children(os.getpid())) - before


def two_runs(world):
    """Until the health file has been written twice, or the feed is dead."""
    path, feed = world.path("health"), world.others["feed"]
    seen = {os.stat(path).st_mtime_ns}

    def over():
        seen.add(os.stat(path).st_mtime_ns)
        return len(seen) > 2 or feed.poll() is not None
    wait_for(over, PATIENCE, "two runs of the feed")
    if not os.path.exists(path):
        raise Wrong("no health file")
