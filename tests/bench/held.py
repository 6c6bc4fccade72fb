"""What thousands of clients that stay do to new ones, and what they take."""

import os
import re
import resource
import statistics
import sys
import time

import memory
from context import NOFORK, TEXTBOOK, Daemon, in_turn
from groups import grouped
from live import LiveClients
from server import Failure

LEVELS = (0, 1000, 5000)  # live clients, then as many as this, or as go:
MOST = 15000
SPARE = 100  # descriptors' worth of clients that come meanwhile
AT = 16  # new clients at a time
ROUNDS_MAX = 3  # each makes and ends 15,000 connections
END_SECONDS = 30  # for all children to end
MEMORY_NOISE_MIB = 16
MEMORY_LOOKS = 10  # 1.5 s each: some is freed late
OTHER = re.compile(r"(?:^| )(?:client id=|start version=)")
# One listener whose clients stay, one for those that come and go.
LISTENERS = ("", "hold = true; timeouts = { session = 3600; };")


def descriptors(pid):
    """How many it has open, or None when that may not be seen."""
    try:
        return len(os.listdir(f"/proc/{pid}/fd"))
    except PermissionError:
        return None


def clients_of(server):
    """How many children it has that serve clients."""
    if isinstance(server, Daemon):
        return len(server.client_children())
    pid = server.process.pid
    with open(f"/proc/{pid}/task/{pid}/children") as file:
        return len(file.read().split())


def wait_ended(server):
    """Until the clients' processes have ended; seconds, None when some did
    not."""
    start = time.monotonic()
    while time.monotonic() - start < END_SECONDS:
        if clients_of(server) == 0:
            return time.monotonic() - start
        time.sleep(0.05)
    return None


class Held:
    """What was found for one server."""

    def __init__(self, server, port):
        self.server, self.port = server, port
        self.levels = {}  # live clients: [new ones per second]
        self.memory = []  # KiB per live client, as memory.taken() has it
        self.spawner = []  # its descriptors
        self.master = []

    def look(self):
        """Descriptors of master and spawner now."""
        if isinstance(self.server, Daemon):
            self.spawner.append(descriptors(self.server.spawner()))
            self.master.append(descriptors(self.server.process.pid))

    def one_round(self, bench, clients, levels):
        """All levels, upwards; then all leave."""
        before = memory.settled(self.server.group)
        for level in levels:
            live, why = clients.hold(level)
            if why != "all":
                raise Failure(f"{self.server.name}: {live} clients live of "
                              f"{level}: {why}")
            if level == levels[-1]:
                self.memory.append([mib / live * 1024 for mib in
                                    memory.taken(before,
                                                 self.server.group)])
            self.look()
            bench.settle()
            values = self.server.measure(bench.load, AT,
                                         bench.arguments.seconds)
            self.levels.setdefault(level, []).append(values["per_second"])
        clients.end()
        if wait_ended(self.server) is None:
            raise Failure(f"{self.server.name}: children are left")
        self.server.clients += levels[-1]
        self.look()

    def warm_up(self, clients, level):
        """Once unmeasured: the kernel keeps some of what it frees."""
        clients.hold(level)
        clients.end()
        wait_ended(self.server)
        self.server.clients += level

    def per_second(self, level):
        """The median of the rounds."""
        return statistics.median(self.levels[level])

    def ratios(self, level):
        """The rates by those with nobody live, round by round."""
        return [rate / alone for rate, alone in
                zip(self.levels[level], self.levels[0])]

    def kib(self, column):
        """Memory per live client."""
        return statistics.median(run[column] for run in self.memory)


def make_held(bench):
    """The servers: two ports of the daemon's, one of the others'."""
    for daemon in bench.daemons(listeners=LISTENERS, max_clients=MOST + 1000):
        yield Held(daemon, daemon.ports[1])
    for name in (TEXTBOOK, TEXTBOOK + "-default", NOFORK):
        server = bench.own(name)
        yield Held(server, server.port)


def enough(daemon):
    """How many live clients its open files are enough for, as it says."""
    with open(daemon.log_path, errors="replace") as log:
        found = re.search(r"open files, .* enough for (\d+)", log.read())
    return int(found.group(1)) if found else MOST + SPARE


def make_levels(bench, daemon):
    """How many live clients to measure with."""
    top = min(MOST, enough(daemon) - SPARE)
    if top < MOST:
        bench.report.say(
            f"{MOST:,} are more than the open files of this machine "
            f"are enough for: {top:,} it is.\n")
    return [level for level in LEVELS if level < top] + [top]


def show(bench, every, levels):
    """The tables."""
    report, top = bench.report, levels[-1]
    report.table(
        ["server"] + [f"{level:,} live: new/s" for level in levels] +
        ["ratio", "KiB per live client, control group", "MemAvailable",
         "use"],
        [[held.server.name] +
         [f"{held.per_second(level):,.0f}" for level in levels] +
         [f"{statistics.median(held.ratios(top)):.2f}",
          f"{held.kib(2):.1f}" if held.server.group else "-",
          f"{held.kib(0):.1f}", f"{held.kib(1):.1f}"] for held in every])
    report.say(
        f"New clients {AT} at a time. Memory: that of the server's control "
        "group, cached files\nleft out; and the whole machine's, with the "
        "kernel's part of both ends' sockets,\nwhich is what "
        f"{NOFORK} shows; use: {', '.join(memory.USED)}.\n")
    for held in every:
        for level in levels:
            report.point("cost", held.server.name, level,
                         1e6 / held.per_second(level))
    report.say(f"* descriptors at {', '.join(map(str, levels))} live and "
               f"after, each round: spawner {said(every[0].spawner)}; "
               f"master {said(every[0].master)}")
    for held in every:
        report.say(f"* {held.server.name}, KiB per live client, each round: " +
                   ", ".join(f"{in_group:.1f} ({available:.1f}, {used:.1f})"
                             for available, used, in_group in held.memory))


def said(counts):
    """Numbers of descriptors."""
    return ("not visible to this user" if None in counts else
            ", ".join(map(str, counts)))


def set_goals(bench, every, levels):
    """Flat, constant, small."""
    daemon = every[0]
    textbook = next(held for held in every if held.server.name == TEXTBOOK)
    bench.report.ratio_goal(
        f"new connections/s with {levels[-1]:,} live by those with none",
        daemon.levels[levels[-1]], daemon.levels[0], 0.95)
    if None not in daemon.spawner:
        bench.report.goal(
            "spawner's descriptors, most by fewest",
            max(daemon.spawner) / min(daemon.spawner), 1, least=False)
    in_groups = daemon.server.group and textbook.server.group
    by, column = ("control group", 2) if in_groups else ("MemAvailable", 0)
    bench.report.ratio_goal(
        f"memory per live client by that of {TEXTBOOK}'s, KiB, {by}",
        *([run[column] for run in held.memory] for held in (daemon, textbook)),
        0.48, least=False, note="by MemAvailable, sockets in it, "
        f"{daemon.kib(0) / textbook.kib(0):.2f}, by use "
        f"{daemon.kib(1) / textbook.kib(1):.2f}")


def limits(pid):
    """Open files and processes that a process may have."""
    with open(f"/proc/{pid}/limits") as file:
        text = file.read()
    return {name: re.search(rf"^{name} +(\S+)", text, re.M).group(1)
            for name in ("Max open files", "Max processes")}


def bounds(daemon):
    """What the machine gives."""
    given = limits(daemon.process.pid)
    with open("/proc/sys/kernel/pid_max") as file:
        pid_max = file.read().strip()
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    return (f"open files {given['Max open files']} for the daemon, {hard} "
            f"for us; processes {given['Max processes']}; pid_max {pid_max}; "
            f"memory available {memory.look()[0]:,.0f} MiB")


def log_bounds(daemon):
    """What the daemon says of what it lacks: lines."""
    said_so = re.compile(r"max_clients|full|Too many open files|"
                         r"temporarily unavailable|suppressed")
    lines = []
    with open(daemon.log_path, errors="replace") as log:
        for line in log:
            if said_so.search(line) and not OTHER.search(line):
                lines.append(line.strip().replace(
                    os.path.dirname(daemon.log_path) + "/", ""))
    return lines[:10]


def fill(bench, held, clients):
    """As many live as go; then they end, and the memory is back."""
    report, daemon = bench.report, held.server
    report.title(f"As many live clients as go, up to {MOST:,}", 3)
    before = memory.settled()
    report.say("* bounds: " + bounds(daemon))
    live, why = clients.hold(MOST)
    bound = "what was wanted" if why == "all" else why
    report.say(f"* live: {live:,} ({bound}), processes that serve them "
               f"{clients_of(daemon):,}, descriptors of the master "
               f"{said([descriptors(daemon.process.pid)])}, memory "
               f"{memory.taken(before)[0]:,.0f} MiB")
    for line in log_bounds(daemon):
        report.say(f"* the daemon: `{line}`")
    clients.end()
    ended = wait_ended(daemon)
    for _ in range(MEMORY_LOOKS):
        lost = memory.taken(before)[0]
        if lost <= MEMORY_NOISE_MIB:
            break
    report.say("* all ended: " + (
        "NO" if ended is None else f"after {ended:.1f} s") +
        f"; MemAvailable against before: {-lost:+,.0f} MiB "
        f"({'within' if lost <= MEMORY_NOISE_MIB else 'NOT within'} noise of "
        f"{MEMORY_NOISE_MIB} MiB)\n")
    report.goal("live clients", live, MOST,
                note="" if why == "all" else "see what bound it")


def measure(bench, every):
    """The rounds; returns the levels, and the clients of each server."""
    rounds = min(ROUNDS_MAX, bench.arguments.rounds)
    levels = make_levels(bench, every[0].server)
    groups = [LiveClients(bench, held.port, MOST) for held in every]
    order = list(zip(every, groups))
    for held, clients in order:
        held.warm_up(clients, levels[-1])
    for number in range(rounds):
        for held, clients in in_turn(order, number):
            held.one_round(bench, clients, levels)
        print(f"held: round {number + 1} of {rounds} done", file=sys.stderr)
    return levels, groups


def run(bench):
    """The whole section."""
    bench.report.title("Live clients")
    every = list(make_held(bench))
    servers = [held.server for held in every]
    with grouped(servers, "memory"):
        bench.start(servers)
        levels, groups = measure(bench, every)
        show(bench, every, levels)
        set_goals(bench, every, levels)
        fill(bench, every[0], groups[0])
        for clients in groups:
            clients.close()
        bench.stop(servers)
