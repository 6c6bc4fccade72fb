"""How long a client waits for the first byte: alone, among others, and while
the daemon changes generations."""

import os
import signal
import socket
import sys
import time

from context import FLOOR, TEXTBOOK, in_turn
from server import HOST, Failure

IDLE_RATE = 100  # clients per second
PLACES = 256  # for clients of a rate that are not served at once
EVERY_SECONDS = 0.3  # reloads and crashes; a rotation may wait 0.25 s
HOLDS = "hold = true;"
LASTING_SECONDS = 0.03  # a child that lives longer is a held one
SHOWN = {"one at a time": "one at a time, the next at once",
         "idle": f"{IDLE_RATE} per second"}
# load: the daemon's first byte by the textbook server's: wanted, aims
WANTED = {"one at a time": (0.85, (0.7,)), "idle": (1, (0.7,))}


class Reloader:
    """SIGHUP now and then."""

    def __init__(self, daemon):
        self.daemon = daemon

    def __call__(self):
        os.kill(self.daemon.process.pid, signal.SIGHUP)
        time.sleep(EVERY_SECONDS)

    def close(self):
        """Nothing is left."""


class Crasher:
    """A held client's process dies of SIGSEGV now and then."""

    def __init__(self, daemon):
        self.daemon = daemon
        self.sockets = []

    def __call__(self):
        before = self.daemon.client_children()
        sock = socket.create_connection((HOST, self.daemon.ports[1]), 5)
        self.daemon.clients += 1
        self.sockets.append(sock)
        sock.recv(100)
        fresh = self.daemon.client_children() - before
        time.sleep(LASTING_SECONDS)
        fresh &= self.daemon.client_children()
        if len(fresh) != 1:  # under load, another one may live so long
            return
        os.kill(fresh.pop(), signal.SIGSEGV)
        time.sleep(EVERY_SECONDS)

    def close(self):
        """Lets those go that were not found."""
        for sock in self.sockets:
            sock.close()


def measure(bench, server, name, at, *more, meanwhile=None):
    """One run; its values are kept under the name."""
    bench.settle()
    try:
        server.runs.setdefault(name, []).append(
            server.measure(bench.load, at, bench.arguments.seconds, *more,
                           meanwhile=meanwhile))
    finally:
        if meanwhile:
            meanwhile.close()


def one_round(bench, servers, number):
    """All of it once; half load is half of what the machine does now."""
    daemon, order = servers[0], in_turn(servers, number)
    for server in order:
        measure(bench, server, "full", 16)
        server.half = max(1, int(server.runs["full"][-1]["per_second"] / 2))
    for server in order:
        measure(bench, server, "one at a time", 1)
    for server in order:
        measure(bench, server, "idle", PLACES, "-r", str(IDLE_RATE))
    for server in order:
        measure(bench, server, "half load", PLACES, "-r", str(server.half))
    for name, change in (("reloads", Reloader), ("crashes", Crasher)):
        measure(bench, daemon, name, PLACES, "-r", str(daemon.half),
                meanwhile=change(daemon))


def show(bench, servers):
    """Medians over the rounds."""
    daemon = servers[0]
    reloads = daemon.log_lines("reload result=ok ")
    rotations = daemon.log_lines("spawner rotates ")
    shown = {
        **SHOWN,
        "half load": "half of what it does at 16 at a time",
        "reloads": f"half load, {reloads} reloads meanwhile",
        "crashes": f"half load, {rotations} rotations after crashes meanwhile",
    }
    rows = []
    for name, text in shown.items():
        for server in servers:
            if name not in server.runs:
                continue
            rows.append([text, server.name] + [
                f"{server.median(name, key):,.0f}"
                for key in ("per_second", "first_p50_us", "first_p90_us",
                            "first_p99_us", "first_max_us")] +
                [int(sum(run["failures"] for run in server.runs[name]))])
    bench.report.title("First byte")
    bench.report.table(["load", "server", "/s", "p50, µs", "p90", "p99",
                        "max", "failures"], rows, left=2)
    if not reloads or not rotations:
        raise Failure(f"{reloads} reloads and {rotations} rotations logged")


def set_goals(bench, daemon, textbook):
    """p50 against the textbook server's."""
    for name, wanted in WANTED.items():
        bench.report.ratio_goal(
            f"first byte p50 by that of {TEXTBOOK}, {SHOWN[name]}, µs",
            daemon.values(name, "first_p50_us"),
            textbook.values(name, "first_p50_us"), *wanted, least=False)


def run(bench):
    """The whole section."""
    daemons = bench.daemons(listeners=("", HOLDS))
    textbook = bench.own(TEXTBOOK)
    servers = [*daemons, textbook, *bench.owns((TEXTBOOK + "-default", FLOOR))]
    bench.start(servers)
    for number in range(bench.arguments.rounds):
        one_round(bench, servers, number)
        print(f"latency: round {number + 1} of {bench.arguments.rounds} done",
              file=sys.stderr)
    bench.stop(servers)
    show(bench, servers)
    for daemon in daemons:
        bench.check_log(daemon)
    set_goals(bench, daemons[0], textbook)
