"""What a daemon at rest has, and that it has the same again after trouble."""

import typing

from harness import (children, cpu_seconds, descriptors, proc_status,
                     wait_for)


class Rest(typing.NamedTuple):
    """A daemon at rest."""

    descriptors: int
    processes: int
    zombies: int
    live: int


def at_rest(daemon):
    """What it has now."""
    kids = children(daemon.pid)
    return Rest(
        descriptors=len(descriptors(daemon.pid)), processes=len(kids),
        zombies=sum(_state(pid) == "Z" for pid in kids),
        live=sum(row["live"] for row in listeners(daemon).values()))


def listeners(daemon):
    """The counters of each listener."""
    return {name: row for name, row in daemon.counters().items() if name}


def _lines(daemon):
    """Lines of log, without the counters' that we ask for."""
    return sum(not line.startswith("counters ") for line in daemon.log())


def _state(pid):
    return proc_status(pid).get("State", "")[:1]


class Baseline:
    """Taken before trouble; what() says what is not as it was."""

    SPIN = 0.2  # of a processor
    MEMORY = 512  # KiB more than before: what malloc(3) may round up to

    def __init__(self, daemon):
        self.daemon = daemon
        self.before = at_rest(daemon)
        self.memory = self._memory()
        self.lines = _lines(daemon)
        self.used = cpu_seconds(daemon.pid)

    def _memory(self):
        return int(proc_status(self.daemon.pid)["VmRSS"].split()[0])

    def wait(self, seconds=10):
        """Until it has the same again; "" or what it has instead."""
        def same():
            return at_rest(self.daemon) == self.before
        try:
            wait_for(same, seconds)
        except AssertionError:
            return f"{at_rest(self.daemon)} after {self.before}"
        grown = self._memory() - self.memory
        return f"{grown} KiB of memory more" if grown > self.MEMORY else ""

    def said(self):
        """How many lines of log since."""
        return _lines(self.daemon) - self.lines

    def spent(self):
        """Seconds of processor time of the master since."""
        return cpu_seconds(self.daemon.pid) - self.used

    def unbalanced(self):
        """Counters that do not add up: accepted = refused + ended + live."""
        return {name: row for name, row in listeners(self.daemon).items()
                if row["accepted"] != row["live"] + sum(
                    value for key, value in row.items()
                    if key.startswith(("refused_", "ended_")))}
