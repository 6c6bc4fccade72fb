"""Processor time per client of whole process trees."""

import os
import statistics
import sys

from context import (BOUND, DAEMON, FLOOR, NOFORK, TEXTBOOK, THREAD, Daemon,
                     in_turn)
from groups import grouped

AT = (16, 256)
CORES = 16  # of the machine that is projected to
TICK = os.sysconf("SC_CLK_TCK")


def own_us(pid):
    """What a process used, without its children."""
    try:
        with open(f"/proc/{pid}/schedstat") as file:
            return int(file.read().split()[0]) / 1000
    except OSError:
        return sum(stat_ticks(pid)[:2]) / TICK * 1e6


def stat_ticks(pid):
    """utime, stime, cutime, cstime; see proc(5)."""
    with open(f"/proc/{pid}/stat") as file:
        fields = file.read().rpartition(")")[2].split()
    return [int(field) for field in fields[11:15]]


def tree_us(daemon):
    """What the daemon, those it has waited for and its spawner used."""
    return (sum(stat_ticks(daemon.process.pid)) / TICK * 1e6 +
            own_us(daemon.spawner()))


def whole_us(server):
    """What a server has used with all its processes.  Without a group it is
    not known, None, of those that do not wait for their children."""
    if server.group:
        return server.group.used_us()
    if isinstance(server, Daemon):
        return tree_us(server)
    if server.name.startswith((THREAD, NOFORK)):
        return sum(stat_ticks(server.process.pid)) / TICK * 1e6
    return None


def measured(bench, server, at, *more):
    """One run's values, with the processor time per client as "us" where it
    is known.  Begins when what was before has settled, as it ends."""
    clients, before = server.clients, whole_us(server)
    run = server.measure(bench.load, at, bench.arguments.seconds, *more)
    bench.settle()  # for the last children to end
    if before is not None:
        run["us"] = (whole_us(server) - before) / (server.clients - clients)
    return run


class Meter:
    """What one server uses during one run."""

    def __init__(self, server):
        self.server = server

    def read(self):
        """All, master, spawner; what is not known is None."""
        server = self.server
        if not isinstance(server, Daemon):
            return whole_us(server), None, None
        return (whole_us(server), own_us(server.process.pid),
                own_us(server.spawner()))

    def measure(self, bench, at):
        """One run; returns µs per client: all, master, spawner."""
        before = self.read()
        clients = self.server.clients
        bench.settle()
        self.server.measure(bench.load, at, bench.arguments.seconds)
        bench.settle()
        clients = self.server.clients - clients
        return [None if then is None else (now - then) / clients
                for then, now in zip(before, self.read())]


def measure(bench, servers):
    """{(name, at): [[all, master, spawner] of each round]}"""
    found = {}
    for number in range(bench.arguments.rounds):
        for at in AT:
            for server in in_turn(servers, number):
                found.setdefault((server.name, at), []).append(
                    Meter(server).measure(bench, at))
        print(f"cpu: round {number + 1} of {bench.arguments.rounds} done",
              file=sys.stderr)
    return found


def middle(runs, column):
    """The median of what was measured, or None."""
    values = [run[column] for run in runs if run[column] is not None]
    return statistics.median(values) if values else None


def shown(value):
    """A cell."""
    return "-" if value is None else f"{value:.1f}"


def source(in_groups):
    """Where processor time is from, in words."""
    return "user and system time per client, µs, " + (
        "of a control group with the whole\nserver in it.\n" if in_groups else
        "from /proc/PID/stat: no control\ngroup can be written here. Of "
        "servers that do not wait for their children it is\nnot known "
        "then.\n")


def show(bench, servers, found, in_groups):
    """The table."""
    report = bench.report
    report.title("Processor time per client, by process")
    report.say("CPU: " + source(in_groups))
    report.table(
        ["server", "at a time", "all", "of it the master", "the spawner",
         "the clients' processes"],
        [[server.name, at, *(shown(middle(runs, i)) for i in range(3)),
          shown(children(runs))] for at in AT for server in servers
         for runs in (found[server.name, at],)])


def children(runs):
    """What is left for the processes that serve the clients."""
    every = [middle(runs, column) for column in range(3)]
    return None if None in every else every[0] - every[1] - every[2]


def project(bench, runs):
    """What more cores would give at most."""
    whole, master, spawner = (middle(runs, column) for column in range(3))
    ceiling = min(1e6 / master, 1e6 / spawner, CORES * 1e6 / whole)
    bench.report.say(
        f"On {CORES} cores, with the load elsewhere, at most "
        f"{ceiling:,.0f} connections/s: the least of\n1 s / master's time = "
        f"{1e6 / master:,.0f}, 1 s / spawner's time = {1e6 / spawner:,.0f} "
        f"(one spawner), {CORES} s / all\n= {CORES * 1e6 / whole:,.0f}. "
        "Waiting for locks and memory is not in it.\n")


def set_goals(bench, found):
    """At most what the textbook server takes."""
    for at in AT:
        mine, theirs = ([run[0] for run in found[name, at]
                         if run[0] is not None]
                        for name in (DAEMON, TEXTBOOK))
        bench.report.ratio_goal(
            f"CPU per client by that of {TEXTBOOK}, {at} at a time, "
            "section cpu", mine, theirs, 1, least=False)


def run(bench):
    """The whole section."""
    daemons = bench.plain_daemons()
    servers = [*daemons, *bench.owns((FLOOR, *BOUND))]
    with grouped(servers) as in_groups:
        bench.start(servers)
        found = measure(bench, servers)
        bench.stop(servers)
    show(bench, servers, found, in_groups)
    project(bench, found[DAEMON, AT[0]])
    for daemon in daemons:
        bench.check_log(daemon)
    set_goals(bench, found)
