"""What thousands of clients that stay do to new ones, and what they take."""

import os
import re
import resource
import statistics
import subprocess
import sys
import time

from context import DAEMON, NOFORK, TEXTBOOK
from server import Failure

LEVELS = (0, 1000, 3000, 10000)  # live clients
MOST = 15000
AT = 16  # new clients at a time
PER_HOLDER = 4000
FIRST_SOURCE = 32  # the load's are 127.0.0.1 ... 127.0.0.16
ROUNDS_MAX = 3  # each makes and ends 10,000 connections
END_SECONDS = 30  # for all children to end
MEMORY_NOISE_MIB = 16
# One listener whose clients stay, one for those that come and go.
LISTENERS = ("", "hold = true; timeouts = { session = 3600; };")


class Crowd:
    """Live clients of one server, held by as many processes as needed."""

    def __init__(self, bench, port):
        self.bench = bench
        self.holders = []
        source = os.path.join(os.path.dirname(os.path.abspath(__file__)),
                              "holder.py")
        for number in range(-(-MOST // PER_HOLDER)):
            self.holders.append(bench.popen(
                [sys.executable, "-B", source, str(port),
                 str(FIRST_SOURCE + 8 * number)],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True))
            self.holders[-1].stdout.readline()

    def ask(self, holder, what):
        """Says something to one; returns how many it holds, and why."""
        holder.stdin.write(what + "\n")
        holder.stdin.flush()
        answer = holder.stdout.readline().split(" ", 2)
        if len(answer) != 3:
            raise Failure("a holder of connections has ended")
        return int(answer[1]), answer[2].strip()

    def hold(self, number):
        """So many in all, or as many as can be: (how many, why no more)."""
        held = 0
        for place, holder in enumerate(self.holders):
            share = min(PER_HOLDER, max(0, number - place * PER_HOLDER))
            if share == 0:
                break
            has, why = self.ask(holder, f"hold {share}")
            held += has
            if why != "all":
                return held, why
        return held, "all"

    def end(self):
        """All of them leave."""
        for holder in self.holders:
            self.ask(holder, "end")

    def close(self):
        """Ends the holders."""
        for holder in self.holders:
            holder.stdin.close()
            holder.wait()


def available_mib():
    """What the kernel thinks could be had: the median of some looks."""
    values = []
    for _ in range(5):
        with open("/proc/meminfo") as file:
            values.append(int(re.search(r"^MemAvailable:\s+(\d+)",
                                        file.read(), re.M).group(1)) / 1024)
        time.sleep(0.1)
    return statistics.median(values)


def descriptors(pid):
    """How many it has open, or None when that may not be seen."""
    try:
        return len(os.listdir(f"/proc/{pid}/fd"))
    except PermissionError:
        return None


def processes(server):
    """How many children it has."""
    pid = server.process.pid
    with open(f"/proc/{pid}/task/{pid}/children") as file:
        return len(file.read().split())


def wait_ended(server):
    """Until the clients' processes have ended; seconds, None when some did
    not."""
    start = time.monotonic()
    left = 1 if server.name == DAEMON else 0  # the spawner
    while time.monotonic() - start < END_SECONDS:
        if processes(server) <= left:
            return time.monotonic() - start
        time.sleep(0.05)
    return None


class Held:
    """What was found for one server."""

    def __init__(self, server, port):
        self.server, self.port = server, port
        self.levels = {}  # live clients asked for: [(live, per second)]
        self.memory = []  # MiB per 1,000 live clients
        self.spawner = []  # its descriptors
        self.master = []

    def look(self):
        """Descriptors of master and spawner now."""
        if self.server.name == DAEMON:
            self.spawner.append(descriptors(self.server.spawner()))
            self.master.append(descriptors(self.server.process.pid))

    def one_round(self, bench, crowd):
        """All levels, upwards; then all leave."""
        before = available_mib()
        live = 0
        for level in LEVELS:
            live, why = crowd.hold(level)
            if level == LEVELS[-1]:
                self.memory.append((before - available_mib()) / live * 1000)
            self.look()
            bench.settle()
            values = self.server.measure(bench.load, AT,
                                         bench.arguments.seconds)
            self.levels.setdefault(level, []).append(
                (live, values["per_second"]))
            if why != "all":
                bench.report.say(f"* {self.server.name}: {live} live instead "
                                 f"of {level}: {why}")
                break
        crowd.end()
        if wait_ended(self.server) is None:
            raise Failure(f"{self.server.name}: children are left")
        self.server.clients += live
        self.look()

    def per_second(self, level):
        """The median of the rounds, or None."""
        runs = self.levels.get(level)
        return statistics.median(rate for _, rate in runs) if runs else None

    def ratios(self, level):
        """The rates by those with nobody live, round by round."""
        return [rate / alone for (_, rate), (_, alone) in
                zip(self.levels.get(level, []), self.levels[0])]


def make_held(bench):
    """The servers: two ports of the daemon's, one of the others'."""
    daemon = bench.daemon(listeners=LISTENERS, max_clients=MOST + 1000)
    yield Held(daemon, daemon.ports[1])
    for name in (TEXTBOOK, NOFORK):
        server = bench.own(name)
        yield Held(server, server.port)


def show(bench, every):
    """The tables."""
    report = bench.report
    report.table(
        ["server"] + [f"{level:,} live: new/s" for level in LEVELS] +
        ["ratio", "memory per live client, KiB"],
        [[held.server.name] +
         [f"{held.per_second(level) or 0:,.0f}" for level in LEVELS] +
         [f"{statistics.median(held.ratios(LEVELS[-1]) or [0]):.2f}",
          f"{statistics.median(held.memory or [0]) * 1.024:.1f}"]
         for held in every])
    report.say(
        f"New clients {AT} at a time. Memory: by MemAvailable, with the "
        "kernel's part of the\nclient's and the server's socket, which is "
        f"what {NOFORK} shows.\n")
    for held in every:
        for level in LEVELS:
            rate = held.per_second(level)
            if rate:
                report.point("cost", held.server.name,
                             max(live for live, _ in held.levels[level]),
                             1e6 / rate)
    report.say(f"* descriptors of {DAEMON} at {', '.join(map(str, LEVELS))} "
               "live and after, each round: "
               f"spawner {said(every[0].spawner)}; "
               f"master {said(every[0].master)}")


def said(counts):
    """Numbers of descriptors."""
    return ("not visible to this user" if None in counts else
            ", ".join(map(str, counts)))


def set_goals(bench, every):
    """Flat, constant, small."""
    daemon, textbook = every[:2]
    ratios = daemon.ratios(LEVELS[-1])
    if ratios:
        bench.report.goal(
            f"new connections/s with {LEVELS[-1]:,} live by those with none",
            statistics.median(ratios), 0.85,
            note=f"{min(ratios):.2f} to {max(ratios):.2f}")
    if None not in daemon.spawner:
        bench.report.goal(
            "spawner's descriptors, most by fewest",
            max(daemon.spawner) / min(daemon.spawner), 1, least=False)
    ratios = [mine / theirs for mine, theirs in
              zip(daemon.memory, textbook.memory) if theirs > 0]
    if ratios:
        bench.report.goal(
            f"memory per live client by that of {TEXTBOOK}'s",
            statistics.median(ratios), 0.75, (0.6,), least=False,
            note=f"{min(ratios):.2f} to {max(ratios):.2f}, with sockets")


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
    return (f"open files {given['Max open files']} for the daemon (two for "
            f"each live client), {hard} for us; processes "
            f"{given['Max processes']}; pid_max {pid_max}; memory available "
            f"{available_mib():,.0f} MiB")


def log_bounds(daemon):
    """What the daemon says of what it lacks: lines."""
    said_so = re.compile(r"max_clients|full|Too many open files|"
                         r"temporarily unavailable|suppressed")
    lines = []
    with open(daemon.log_path, errors="replace") as log:
        for line in log:
            if said_so.search(line) and " client id=" not in line:
                lines.append(line.strip())
    return lines[:10]


def fill(bench, held, crowd):
    """As many live as go; then they end, and the memory is back."""
    report, daemon = bench.report, held.server
    report.title(f"As many live clients as go, up to {MOST:,}", 3)
    before = available_mib()
    report.say("* bounds: " + bounds(daemon))
    live, why = crowd.hold(MOST)
    during = available_mib()
    report.say(f"* live: {live:,} ({'what was wanted' if why == 'all' else why}"
               f"), processes of the daemon {processes(daemon):,}, memory "
               f"{before - during:,.0f} MiB")
    for line in log_bounds(daemon):
        report.say(f"* the daemon: `{line}`")
    crowd.end()
    ended = wait_ended(daemon)
    bench.settle()
    time.sleep(1)
    lost = before - available_mib()
    report.say("* all ended: " + (
        "NO" if ended is None else f"after {ended:.1f} s") +
        f"; memory not back: {lost:,.0f} MiB "
        f"({'within' if lost <= MEMORY_NOISE_MIB else 'NOT within'} noise of "
        f"{MEMORY_NOISE_MIB} MiB)\n")
    report.goal("live clients", live, MOST,
                note="" if why == "all" else "see what bound it")


def run(bench):
    """The whole section."""
    rounds = min(ROUNDS_MAX, bench.arguments.rounds)
    bench.report.title("Live clients")
    every = list(make_held(bench))
    bench.start([held.server for held in every])
    crowds = [Crowd(bench, held.port) for held in every]
    for number in range(rounds):
        for held, crowd in zip(every, crowds):
            held.one_round(bench, crowd)
        print(f"held: round {number + 1} of {rounds} done", file=sys.stderr)
    show(bench, every)
    set_goals(bench, every)
    fill(bench, every[0], crowds[0])
    for crowd in crowds:
        crowd.close()
    bench.stop([held.server for held in every])
