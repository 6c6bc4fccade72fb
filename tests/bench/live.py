"""Many connections that stay, held by processes of their own."""

import os
import subprocess
import sys

from holder import SOURCES
from server import Failure

PER_HOLDER = 4000  # connections: a process may be limited to 4096 descriptors
FIRST_SOURCE = 32  # the load's are 127.0.0.1 ... 127.0.0.16


def ask(holder, what):
    """Says something to one; returns how many it holds, and why."""
    holder.stdin.write(what + "\n")
    holder.stdin.flush()
    answer = holder.stdout.readline().split(" ", 2)
    if len(answer) != 3:
        raise Failure("a holder of connections has ended")
    return int(answer[1]), answer[2].strip()


class LiveClients:
    """Clients of one server that stay, held by as many processes as needed."""

    def __init__(self, bench, port, most):
        self.holders = []
        source = os.path.join(os.path.dirname(os.path.abspath(__file__)),
                              "holder.py")
        for number in range(-(-most // PER_HOLDER)):
            self.holders.append(bench.popen(
                [sys.executable, "-B", source, str(port),
                 str(FIRST_SOURCE + SOURCES * number)],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True))
            self.holders[-1].stdout.readline()

    def hold(self, number):
        """So many in all, or as many as can be: (how many, why no more)."""
        held = 0
        for place, holder in enumerate(self.holders):
            share = min(PER_HOLDER, max(0, number - place * PER_HOLDER))
            if share == 0:
                break
            has, why = ask(holder, f"hold {share}")
            held += has
            if why != "all":
                return held, why
        return held, "all"

    def end(self):
        """All of them leave."""
        for holder in self.holders:
            ask(holder, "end")

    def close(self):
        """Ends the holders."""
        for holder in self.holders:
            holder.stdin.close()
            holder.wait()
