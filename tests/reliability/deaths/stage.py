"""Where rows are played, and what all of them have."""

import collections
import random
import time
import traceback

from world import World, Wrong

ORPHAN = 1.0  # seconds that nothing may outlive its master by
LOOSE = 15.0  # the same, on a machine that has other things to do
SHOWN = 5  # failures of a row


class Stage:
    """A world, made anew after each failure; seconds: of a sample of each row,
    None for the whole of it."""

    def __init__(self, seed, seconds=None):
        self.random = random.Random(seed)
        self.seconds = seconds
        self.orphan = ORPHAN if seconds is None else LOOSE
        self._world = None
        self._known = {}

    @property
    def world(self):
        """With all that a daemon can have."""
        if self._world is None:
            self._world = World()
        return self._world

    def once(self, key, find):
        """find(), which is called the first time only."""
        if key not in self._known:
            self._known[key] = find()
        return self._known[key]

    def end(self):
        """Of the world."""
        if self._world is not None:
            self._world.end()
            self._world = None


class Figures:
    """Of a row."""

    def __init__(self):
        self.tried = self.killed = 0
        self.worst = collections.Counter()

    def add(self, result):
        """One more Result."""
        self.tried += 1
        self.killed += bool(result.who)
        for name in "recovery", "orphan", "slowest":
            self.worst[name] = max(self.worst[name], getattr(result, name))

    def __str__(self):
        worst = {name: f"{1000 * seconds:.0f} ms"
                 for name, seconds in self.worst.items()}
        return (f"{self.killed} deaths; at most {worst['recovery']} to the "
                f"next greeting, {worst['orphan']} of an orphan's life, "
                f"{worst['slowest']} for a greeting meanwhile")


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
        """(text, failures)."""
        cells = list(self.cells(stage))
        total = len(cells)
        begun = time.monotonic()
        if stage.seconds is not None:
            stage.random.shuffle(cells)
        figures, failures = Figures(), []
        for cell in cells:
            if (stage.seconds is not None and figures.tried and
                    time.monotonic() - begun > stage.seconds):
                break
            try:
                figures.add(self._judged(stage, cell))
            except (Wrong, AssertionError, OSError) as error:
                failures.append(f"{cell}: {error or traceback.format_exc()}")
                stage.end()
                if len(failures) == SHOWN:
                    break
        seconds = time.monotonic() - begun
        return (f"{figures.tried + len(failures)} of {total} in "
                f"{seconds:.0f} s, {figures}", failures)

    def _judged(self, stage, cell):
        result = self.play(stage, cell)
        if result.orphan > stage.orphan:
            raise Wrong(f"an orphan lived for {result.orphan:.1f} s: {result}")
        return result
