"""What the matrix is made of: which system calls there are (found by tracing),
what each can fail with, how often it does."""

import collections
import errno
import typing

from failing import CALLS, MORE_CALLS, NEVER
from impossible import why_not

ALL_CALLS = {**CALLS, **MORE_CALLS}
# first: once, the first time; late: and it takes longer than any pause of the
# loop's; later: the turn after it does; nth: once, at another place; third: each third
# one; second: all that are made for a second.
OPTIONS = {"first": (), "nth": (), "late": ("-d", "60"),
           "later": ("-D", "60"), "third": ("-s", "3", "-f", "1"),
           "second": ("-s", "1", "-m", "1000")}
OFTEN = {"third", "second"}
# Interrupted each time, a call is only ever made again.
ONCE = ("EINTR", "EAGAIN")
AGAIN = ("fork", "clone", "vfork", "clone3", "setresuid")


class Cell(typing.NamedTuple):
    """One of the matrix."""

    phase: str
    role: str
    call: str
    shape: str
    error: str
    pattern: str

    def options(self):
        """For inject."""
        more = ("-x", self.shape) if self.pattern == "nth" else ()
        return ("-c", self.role, "-n", self.call, "-e",
                str(getattr(errno, self.error)), *OPTIONS[self.pattern],
                *more)

    def __str__(self):
        return (f"{self.phase}/{self.role} {self.shape} {self.error} "
                f"{self.pattern}")


class Skipped(typing.NamedTuple):
    """One that cannot be tried, and why."""

    what: str
    reason: str


def cells_of(phase, trace):
    """All of a phase: (cells, skipped), from the lines "ROLE SHAPE"."""
    places = collections.defaultdict(dict)  # in the order in which they came
    for line in trace:
        role, _, shape = line.partition(" ")
        if role in ("", "other"):  # not a program of ours, or not yet
            continue
        places[role, shape.partition("(")[0]][shape] = None
    cells, skipped = [], []
    for (role, call), shapes in places.items():
        if call not in ALL_CALLS:
            skipped.append(Skipped(f"{phase}/{role} {call}",
                                   NEVER.get(call, "it is in no table")))
            continue
        for error in ALL_CALLS[call]:
            for cell in _cells(phase, role, call, list(shapes), error):
                reason = why_not(cell)
                if reason:
                    skipped.append(Skipped(str(cell), reason))
                else:
                    cells.append(cell)
    return cells, skipped


def _cells(phase, role, call, shapes, error):
    for pattern in OPTIONS:
        if pattern == "nth" or (
                pattern in ("late", "later") and role != "master"):
            continue
        if pattern not in OFTEN or error not in ONCE or call in AGAIN:
            yield Cell(phase, role, call, shapes[0], error, pattern)
    for shape in shapes[1:]:
        yield Cell(phase, role, call, shape, error, "nth")
