"""Where rows are played, and what all of them have."""

import collections
import random
import time
import traceback

from world import World, Wrong

ORPHAN = 1.0  # seconds that nothing may outlive its master by
SLACK = 15.0  # more, on a machine that has other things to do
SHOWN = 5  # failures of a row
WORST = ("recovery", "orphan", "slowest")


class Stage:
    """A world, made anew after each failure; seconds: of a sample of each row,
    None for the whole of it."""

    def __init__(self, seed, seconds=None, part=0, parts=1):
        self.random = random.Random(seed)
        self.seconds, self.part, self.parts = seconds, part, parts
        # What bounds of time have besides, where they are not judged strictly.
        self.slack = 0.0 if seconds is None else SLACK
        self._worlds = {}
        self._known = {}

    def world(self, log="stderr"):
        """The daemon, and what it works with."""
        if log not in self._worlds:
            self._worlds[log] = World(log)
        return self._worlds[log]

    def once(self, key, find):
        """find(), which is called the first time only."""
        if key not in self._known:
            self._known[key] = find()
        return self._known[key]

    def end(self):
        """Of all."""
        while self._worlds:
            self._worlds.popitem()[1].end()


class Figures:
    """Of a row, or a part of one."""

    def __init__(self):
        self.total = self.tried = self.killed = 0
        self.seconds = 0.0
        self.worst = collections.Counter()
        self.failures = []

    def add(self, result):
        """One more Result."""
        self.tried += 1
        self.killed += bool(result.who)
        self._worse({name: getattr(result, name) for name in WORST})

    def fail(self, stage, cell, error):
        """One failed, after which nothing is as it should be."""
        self.tried += 1
        text = (error if isinstance(error, Wrong) else
                traceback.format_exc(limit=-4))
        self.failures.append(f"{cell}: {text}")
        stage.end()

    def is_enough(self, stage, seconds):
        """For a sample, or to know that it fails."""
        return len(self.failures) >= SHOWN or (
            stage.seconds is not None and self.tried and
            seconds > stage.seconds)

    def join(self, other):
        """Another part."""
        self.total += other.total
        self.tried += other.tried
        self.killed += other.killed
        self.seconds += other.seconds
        self.failures += other.failures
        self._worse(other.worst)

    def _worse(self, worst):
        for name, seconds in worst.items():
            self.worst[name] = max(self.worst[name], seconds)

    def __str__(self):
        worst = ", ".join(f"{name} {1000 * seconds:.0f} ms"
                          for name, seconds in self.worst.items() if seconds)
        return (f"{self.tried} of {self.total} in {self.seconds:.0f} s, "
                f"{self.killed} of them met; at most: {worst}")


class Row:
    """Cells that are played one after the other."""

    def __init__(self, name):
        self.name = name

    def why_not(self):
        """Why it cannot be played here; ""."""
        return ""

    def cells(self, stage):
        """What there is to be played."""
        raise NotImplementedError

    def play(self, stage, cell):
        """Plays one; its Result.  Wrong or AssertionError: it failed."""
        raise NotImplementedError

    def run(self, stage):
        """Figures of all, or of a sample."""
        figures = Figures()
        begun = time.monotonic()
        cells = []
        try:
            cells = list(self.cells(stage))
        except Exception as error:  # pylint: disable=broad-except
            figures.fail(stage, "its calls", error)
        if stage.seconds is not None:
            stage.random.shuffle(cells)
        cells = cells[stage.part::stage.parts]
        figures.total = len(cells)
        for cell in cells:
            if figures.is_enough(stage, time.monotonic() - begun):
                break
            try:
                figures.add(self._judged(stage, cell))
            except Exception as error:  # pylint: disable=broad-except
                figures.fail(stage, cell, error)
        figures.seconds = time.monotonic() - begun
        return figures

    def _judged(self, stage, cell):
        result = self.play(stage, cell)
        if result.orphan > ORPHAN + stage.slack:
            raise Wrong(f"an orphan lived for {result.orphan:.1f} s: {result}")
        return result
