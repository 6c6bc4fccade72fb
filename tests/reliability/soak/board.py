"""What the swarm may hear, told to it in a file that it maps (swarm.h)."""

import os
import struct

from targets import KINDS, TARGETS

PHASES, SLOTS = 8192, 16
HEAD, WORD = struct.Struct("=II"), struct.Struct("=5H")
# The first of these that operator and health file say holds.
ORDER = ("maintenance", "down", "drain", "ready")


class Saying:
    """What a target may say: sets, of which there is more than one while
    something changes."""

    def __init__(self, target):
        self.target = target
        self.operator = {"ready"}
        self.health = {"ready"}
        self.versions = {1}  # of its own file
        self.configs = {1}

    def kinds(self):
        """Names of all kinds of text."""
        states = {min(pair, key=ORDER.index)
                  for pair in ((one, other) for one in self.operator
                               for other in self.health)}
        extra = {"special", "denied"} if "r" in self.target.flags else set()
        return states | extra | set(self.target.kinds)

    def word(self):
        """As in swarm.h."""
        followed = "f" in self.target.flags
        own = self.versions if followed else self.configs
        bits = sum(1 << KINDS.index(kind) for kind in self.kinds())
        return WORD.pack(bits, min(own), max(own), min(self.configs),
                         max(self.configs))


class Board:
    """The file, and what stands in it."""

    def __init__(self, path):
        self.path = path
        self.sayings = {target.name: Saying(target) for target in TARGETS}
        self._phase = 0
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC,
                             0o644)
        os.ftruncate(self._file, HEAD.size + PHASES * SLOTS * WORD.size)
        self._publish()

    def close(self):
        """The swarm has its own."""
        os.close(self._file)

    def go(self, clients):
        """Lets so many connect, in all."""
        os.pwrite(self._file, struct.pack("=I", clients), 0)

    def _publish(self):
        """A phase, then its number."""
        place = (self._phase + 1) % PHASES
        row = b"".join(self.sayings[target.name].word() for target in TARGETS)
        os.pwrite(self._file, row,
                  HEAD.size + place * SLOTS * WORD.size)
        self._phase += 1
        os.pwrite(self._file, struct.pack("=I", self._phase), 4)

    def change(self, names, field, value):
        """From now on these targets may say the new thing too."""
        for name in names:
            getattr(self.sayings[name], field).add(value)
        self._publish()

    def settle(self, names, field, value):
        """From now on they may say nothing else."""
        for name in names:
            setattr(self.sayings[name], field, {value})
        self._publish()

    def only(self, name, field):
        """What it says when nothing changes."""
        value, = getattr(self.sayings[name], field)
        return value
