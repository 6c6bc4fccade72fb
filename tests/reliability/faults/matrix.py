"""All cells, or a sample of them, several at a time."""

import collections
import multiprocessing
import os
import random
import re
import signal
import time
import traceback

from harness import adopt_orphans, clients, die_with_parent

from cells import Skipped, cells_of
from phases import LIVE
from stage import Stage
from starting import Start
from tools import TOOLS

PHASES = {phase.name: phase for phase in (Start, *LIVE, *TOOLS)}
PATIENCE, PATIENCE_OF_SAMPLE = 2, 10  # seconds until a greeting
_stages = {}  # of this worker


def begin_worker(patience):
    """In each: ports of its own."""
    die_with_parent()
    signal.signal(signal.SIGTERM, signal.SIG_DFL)  # it is how the pool ends them
    adopt_orphans()
    clients._ports.clear()  # pylint: disable=protected-access
    Stage.patience = patience


def stage_of(name):
    """This worker's, of that phase; only one is kept."""
    if name not in _stages:
        end_worker()
        _stages[name] = PHASES[name]()
    return _stages[name]


def end_worker(_=None):
    """Nothing of it is left."""
    for stage in _stages.values():
        stage.end()
    _stages.clear()


def trace(name):
    """The phase's lines."""
    phase = PHASES[name]()
    try:
        return phase.trace()
    finally:
        phase.end()


def needs_another(hits, wrong):
    """The call was not made this time; or memory that is freed late, which does
    not come twice."""
    return (hits == 0 and not wrong) or (
        bool(wrong) and all("of memory more" in one for one in wrong))


def try_one(cell):
    """(cell, hits, what is wrong, seconds)"""
    begin = time.monotonic()
    try:
        hits, wrong = stage_of(cell.phase).try_cell(cell)
        if needs_another(hits, wrong):
            hits, wrong = stage_of(cell.phase).try_cell(cell)
    except Exception:  # pylint: disable=broad-except
        hits, wrong = -1, [traceback.format_exc()[-600:]]
        end_worker()
    return cell, hits, wrong, time.monotonic() - begin


class Matrix:
    """What arguments choose of it; summary is told."""

    def __init__(self, arguments, summary):
        self.arguments, self.summary = arguments, summary
        self.names = arguments.names or list(PHASES)
        self.results = []
        self.seconds = 0.0

    def play(self):
        """All that is to be done."""
        arguments = self.arguments
        patience = arguments.patience or (
            PATIENCE_OF_SAMPLE if arguments.sample else PATIENCE)
        begin = time.monotonic()
        with multiprocessing.Pool(arguments.workers, begin_worker,
                                  (patience,)) as pool:
            cells, skipped = self.find(pool)
            self.try_all(pool, cells)
            pool.map(end_worker, range(4 * arguments.workers), chunksize=1)
        self.seconds = time.monotonic() - begin
        self.report(cells, skipped)

    def find(self, pool):
        """All cells of the phases: (cells, skipped)."""
        cells, skipped = [], []
        for name, lines in zip(self.names, pool.map(trace, self.names, 1)):
            more, without = cells_of(name, lines)
            cells += [cell for cell in more
                      if re.search(self.arguments.match, str(cell))]
            skipped += without
        return cells, skipped

    def try_all(self, pool, cells):
        """Those of a phase one after the other, which share a daemon; a sample
        in an order that the seed says."""
        chance = random.Random(self.arguments.seed)
        chosen = list(cells)
        chance.shuffle(chosen)
        if not self.arguments.sample:
            chosen.sort(key=lambda cell: self.names.index(cell.phase))
            self.take(pool.imap_unordered(try_one, chosen))
            return
        begin, size = time.monotonic(), 4 * self.arguments.workers
        while chosen and time.monotonic() - begin < self.arguments.sample:
            some = sorted(chosen[:size])
            del chosen[:size]
            self.take(pool.imap_unordered(try_one, some, chunksize=4))

    def take(self, results):
        """A line at once for each that failed."""
        for cell, hits, wrong, seconds in results:
            self.results.append((cell, hits, wrong, seconds))
            if wrong:
                self.summary.say("FAIL", str(cell), ": " + "; ".join(wrong))

    def report(self, cells, skipped):
        """A line for each phase, and for each reason to skip."""
        wrong = collections.Counter()
        for cell, hits, problems, _ in self.results:
            if problems:
                wrong[cell.phase] += 1
            elif hits == 0:
                skipped.append(Skipped(str(cell), "not made this time"))
        for name in self.names:
            self.report_phase(name, cells, wrong[name])
        reasons = collections.Counter(one.reason for one in skipped)
        for reason, count in reasons.most_common():
            self.summary.say("SKIP", f"{count} cells", f": {reason}")
        self.write(skipped)
        hits = sum(hits > 0 for _, hits, _, _ in self.results)
        print(f"# {len(cells)} cells, {len(self.results)} tried, {hits} of them "
              f"with a fault, {sum(wrong.values())} failed, "
              f"{len(skipped)} skipped; {self.seconds:.0f} s", flush=True)

    def report_phase(self, name, cells, wrong):
        """What came of it."""
        tried = sum(cell.phase == name for cell, *_ in self.results)
        known = sum(cell.phase == name for cell in cells)
        if tried and not wrong:
            self.summary.say("PASS", name, f": {tried} of {known} cells")

    def write(self, skipped):
        """Each cell, for who wants to know."""
        path = os.path.join(self.summary.folder, "cells")
        with open(path, "w", encoding="utf-8") as file:
            for cell, hits, wrong, seconds in self.results:
                file.write(f"{'FAIL' if wrong else 'PASS'} {cell}: {hits} "
                           f"faults, {seconds:.2f} s{' '.join(wrong)}\n")
            for one in skipped:
                file.write(f"SKIP {one.what}: {one.reason}\n")
