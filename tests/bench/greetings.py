"""What greetings that do more cost: variables, answers to HTTP requests and to
HAProxy's agent check, each by a fixed greeting of about the same length that
the same daemon gives to the same clients."""

import statistics
import sys

import cpu
from report import spread
from server import HOST

AT = (16, 256)
GREETING = "hi client\n"  # what a daemon must say to be ready
FIXED = "hi 127.0.0.10, you are 123456 here, it is 2026-11-25T23:12:38Z\n"
VARIABLES = "hi %{client_ip}, you are %{id} here, it is %{time}\n"
REQUEST = (f"GET /healthz HTTP/1.1\r\nHost: {HOST}:8080\r\n"
           "User-Agent: kube-probe/1.31\r\nAccept: */*\r\n"
           "Connection: close\r\n\r\n")


def setting(text):
    """As the configuration has it."""
    return text.replace("\n", "\\n")


class Kind:
    """A listener, what its clients say, and what they should hear."""

    def __init__(self, name, listener, pattern, request=None):
        self.name, self.pattern, self.request = name, pattern, request
        self.listener = listener

    def options(self, port):
        """The load's."""
        more = ["-q", self.request] if self.request else []
        return ["-p", str(port), "-m", self.pattern, *more]


PLAIN = Kind("plain", f'greeting = "{setting(FIXED)}";', FIXED)
AGAIN = Kind("plain, a second listener", PLAIN.listener, FIXED)
ASKED = Kind("plain, to the same request", PLAIN.listener, FIXED, REQUEST)
RENDERED = Kind("plain with three variables",
                f'greeting = "{setting(VARIABLES)}";',
                "hi 127.0.0.*, you are * here, it is *Z\n")
HTTP = Kind("http", f'format = "http"; {PLAIN.listener}',
            "HTTP/1.1 200 OK\r\n*Date: *\r\n\r\n" + FIXED, REQUEST)
AGENT = Kind("agent", 'format = "agent";', "up ready 100%\n")
KINDS = (PLAIN, AGAIN, RENDERED, AGENT, ASKED, HTTP)
# Kind: what it is compared with, and what is wanted; None: only to be seen.
COMPARED = {AGAIN: (PLAIN, None), RENDERED: (PLAIN, 0.95),
            AGENT: (PLAIN, 1.0), ASKED: (PLAIN, None), HTTP: (ASKED, 0.8)}
# What "plain" is by that of another build's daemon, which --before names.
BEFORE_WANTED = 0.97


class Side:
    """A daemon that is measured, and what it is measured with."""

    def __init__(self, daemon, kinds):
        self.daemon = daemon
        self.kinds = list(kinds)  # in the order of the round
        self.ports = dict(zip(kinds, daemon.ports[1:]))
        self.runs = {}  # (kind, at): [values of load, a run each]

    def measure(self, bench, kind, at):
        """One run, with processor time per client where it can be had."""
        daemon = self.daemon
        clients, before = daemon.clients, self.used_us()
        run = daemon.measure(bench.load, at, bench.arguments.seconds,
                             *kind.options(self.ports[kind]))
        bench.settle()  # for the last children to be reaped
        if before is not None:
            run["us"] = (self.used_us() - before) / (daemon.clients - clients)
        self.runs.setdefault((kind, at), []).append(run)

    def used_us(self):
        """Of the daemon's group; None: not known."""
        return self.daemon.group.used_us() if self.daemon.group else None

    def has(self, key):
        """Whether such a value was measured."""
        return all(key in run for runs in self.runs.values() for run in runs)

    def ratios(self, kind, at, key, other):
        """Its values by those of (side, kind), round by round."""
        side, theirs = other
        return [a[key] / b[key] for a, b in
                zip(self.runs[kind, at], side.runs[theirs, at])]

    def median(self, kind, at, key):
        """The median of one value over the rounds."""
        return statistics.median(run[key] for run in self.runs[kind, at])


def make_side(bench, kinds, **named):
    """A daemon with a listener for each kind, behind the one for which
    whoever starts it waits."""
    return Side(bench.daemon(listeners=(
        f'greeting = "{setting(GREETING)}";',
        *(kind.listener for kind in kinds)), **named), kinds)


def one_round(bench, sides, at):
    """All once; who comes first moves on by one each time."""
    kinds = sides[0].kinds
    kinds.append(kinds.pop(0))
    for number, kind in enumerate(kinds):
        for side in sides if number % 2 else reversed(sides):
            if kind in side.ports:
                side.measure(bench, kind, at)


def ratio_cells(side, kind, at, key):
    """The ratio to what it is compared with, and its middle half."""
    if kind not in COMPARED or not side.has(key):
        return ["-", "-"]
    ratios = side.ratios(kind, at, key, (side, COMPARED[kind][0]))
    return [f"{statistics.median(ratios):.3f}", spread(ratios)]


def row(side, kind, at):
    """The table's."""
    used = f"{side.median(kind, at, 'us'):.1f}" if side.has("us") else "-"
    return [kind.name, at, f"{side.median(kind, at, 'per_second'):,.0f}",
            COMPARED[kind][0].name if kind in COMPARED else "-",
            *ratio_cells(side, kind, at, "per_second"), used,
            *ratio_cells(side, kind, at, "us")]


def show(bench, side):
    """Medians over the rounds."""
    bench.report.title("What greetings cost")
    bench.report.say(
        f"One daemon, a listener for each; {bench.arguments.rounds} "
        f"interleaved rounds of {bench.arguments.seconds:g} s. Ratios are\n"
        "medians of the rounds' ratios, and their middle half. CPU: the "
        "daemon's control\ngroup, user and system time per client, µs.\n")
    bench.report.table(
        ["greeting", "at a time", "/s", "compared with", "ratio",
         "middle half", "CPU, µs", "ratio", "middle half"],
        [row(side, kind, at) for at in AT for kind in KINDS])


def set_goals(bench, side, before):
    """What the issue wants."""
    compared = [(kind, f"{kind.name}: connections/s by those of {other.name}",
                 (side, other), wanted)
                for kind, (other, wanted) in COMPARED.items() if wanted]
    if before:
        compared.append((PLAIN, "plain: connections/s by those of the build "
                         "before", (before, PLAIN), BEFORE_WANTED))
    for kind, what, other, wanted in compared:
        for at in AT:
            ratios = side.ratios(kind, at, "per_second", other)
            bench.report.goal(
                f"{what}, {at} at a time", statistics.median(ratios), wanted,
                note=f"{min(ratios):.2f} to {max(ratios):.2f}, "
                     f"middle half {spread(ratios)}")


def run(bench):
    """The whole section."""
    side = make_side(bench, KINDS)
    before = make_side(bench, (PLAIN,), name="the build before",
                       builddir=bench.arguments.before) \
        if bench.arguments.before else None
    sides = [side, before] if before else [side]
    daemons = [each.daemon for each in sides]
    with cpu.grouped(daemons):
        bench.start(daemons)
        for number in range(bench.arguments.rounds):
            for at in AT:
                one_round(bench, sides, at)
            print(f"greetings: round {number + 1} of "
                  f"{bench.arguments.rounds} done", file=sys.stderr)
        bench.stop(daemons)
    show(bench, side)
    for daemon in daemons:
        bench.check_log(daemon)
    set_goals(bench, side, before)
