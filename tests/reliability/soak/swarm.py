"""The swarm: the process whose clients load the daemon (swarm.c)."""

import collections
import json
import os
import select
import subprocess

from harness import die_with_parent

SWARM = os.path.join(os.path.abspath(os.environ.get("BUILDDIR", ".")),
                     "tests", "reliability", "soak", "swarm")


class Swarm:
    """Clients in the background; what came of all so far."""

    def __init__(self, board, at, seed, targets):
        self.board = board
        self.made = 0
        self.tallies = {}
        # pylint: disable-next=consider-using-with
        self._process = subprocess.Popen(
            [SWARM, board.path, str(at), str(seed), targets],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            preexec_fn=die_with_parent)

    def go(self, count):
        """So many more."""
        self.made += count
        self.board.go(self.made)

    def rests(self, seconds):
        """Have all ended, or have they within that time?  Then .tallies says
        how."""
        ready, _, _ = select.select([self._process.stdout], [], [], seconds)
        if not ready:
            return False
        line = self._process.stdout.readline()
        if not line:
            raise AssertionError("the swarm has ended, exit status "
                                 f"{self._process.wait()}")
        self.tallies = {name: collections.Counter(row)
                        for name, row in json.loads(line).items()}
        return True

    def lasts(self, seconds):
        """So much time passes."""
        select.select([], [], [], seconds)

    def end(self):
        """Of the process."""
        self._process.stdin.close()
        try:
            self._process.wait(5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process.stdout.close()
