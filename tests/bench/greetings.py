"""What greetings that do more cost: variables, answers to HTTP requests and to
HAProxy's agent check, the PROXY protocol's header; each by a fixed greeting of
about the same length that the same daemon gives to the same clients."""

import statistics
import sys

import cpu
from groups import grouped
from report import spread
from server import HOST

AT = (16, 256)
# As fast: two listeners that are the same differ by so much, see the table.
THE_SAME = 0.95
VARIABLES_WANTED = 0.95
HTTP_WANTED = 0.8
PROXY_WANTED = 0.55
GREETING = "hi client\n"  # what a daemon must say to be ready
FIXED = "hi 127.0.0.10, you are 123456 here, it is 2026-11-25T23:12:38Z\n"
VARIABLES = "hi %{client_ip}, you are %{id} here, it is %{time}\n"
TRUSTED = 'proxy_protocol = { trusted = ( "127.0.0.0/8" ); }; '
REQUEST = (f"GET /healthz HTTP/1.1\r\nHost: {HOST}:8080\r\n"
           "User-Agent: kube-probe/1.31\r\nAccept: */*\r\n"
           "Connection: close\r\n\r\n")


def setting(text):
    """As the configuration has it."""
    return text.replace("\n", "\\n")


class Kind:
    """A listener, what its clients say, and what they should hear; proxied:
    behind a header of the PROXY protocol, version 2."""

    def __init__(self, name, listener, pattern, request=None, proxied=False):
        self.name = name
        self.listener = (TRUSTED if proxied else "") + listener
        self.pattern, self.request, self.proxied = pattern, request, proxied

    def options(self, port):
        """The load's."""
        more = ["-q", self.request] if self.request else []
        if self.proxied:
            more.append("-b")
        return ["-p", str(port), "-m", self.pattern, *more]


PLAIN = Kind("plain", f'greeting = "{setting(FIXED)}";', FIXED)
AGAIN = Kind("plain, another listener", PLAIN.listener, FIXED)
ASKED = Kind("plain, after the same request", PLAIN.listener, FIXED, REQUEST)
RENDERED = Kind("plain with three variables",
                f'greeting = "{setting(VARIABLES)}";',
                "hi 127.0.0.*, you are * here, it is *Z\n")
HTTP = Kind("http", f'format = "http"; {PLAIN.listener}',
            "HTTP/1.1 200 OK\r\n*Date: *\r\n\r\n" + FIXED, REQUEST)
AGENT = Kind("agent", 'format = "agent";', "up ready 100%\n")
PROXIED = Kind("plain, PROXY v2", PLAIN.listener, FIXED, proxied=True)
PROXIED_HTTP = Kind("http, PROXY v2", HTTP.listener, HTTP.pattern, REQUEST,
                    proxied=True)
KINDS = (PLAIN, AGAIN, RENDERED, AGENT, ASKED, HTTP, PROXIED, PROXIED_HTTP)


class Place:
    """A daemon's listener of a kind."""

    def __init__(self, daemon, port, kind):
        self.daemon, self.port, self.kind = daemon, port, kind

    def measure(self, bench, at):
        """One run's values."""
        return cpu.measured(bench, self.daemon, at,
                            *self.kind.options(self.port))


class Pair:
    """Two that are measured one after the other and compared."""

    def __init__(self, mine, theirs, wanted=None, aims=(), than=None):
        self.mine, self.theirs = mine, theirs
        self.wanted, self.aims = wanted, aims
        self.than = than or theirs.kind.name
        self.runs = {at: [] for at in AT}  # [(mine, theirs)]

    def measure(self, bench, at, swapped):
        """Both, in this order or in the other."""
        if swapped:
            theirs = self.theirs.measure(bench, at)
            self.runs[at].append((self.mine.measure(bench, at), theirs))
        else:
            self.runs[at].append((self.mine.measure(bench, at),
                                  self.theirs.measure(bench, at)))

    def ratios(self, at, key):
        """Round by round; none where it could not be measured."""
        return [mine[key] / theirs[key] for mine, theirs in self.runs[at]
                if key in mine]

    def cells(self, at, key, form):
        """The medians of both, the median of the ratios, their middle."""
        ratios = self.ratios(at, key)
        if not ratios:
            return ["-"] * 4
        return [*(form.format(statistics.median(run[side][key]
                                                for run in self.runs[at]))
                  for side in (0, 1)),
                f"{statistics.median(ratios):.3f}", spread(ratios)]

    def row(self, at):
        """The table's."""
        return [self.mine.kind.name, self.than, at,
                *self.cells(at, "per_second", "{:,.0f}"),
                *self.cells(at, "us", "{:.1f}")]

    def set_goals(self, report):
        """What the issue wants."""
        for at in AT if self.wanted else ():
            ratios = self.ratios(at, "per_second")
            report.goal(
                f"{self.mine.kind.name}: connections/s by those of "
                f"{self.than}, {at} at a time", statistics.median(ratios),
                self.wanted, self.aims,
                note=f"{min(ratios):.2f} to {max(ratios):.2f}, "
                f"middle half {spread(ratios)}")


def make_places(bench, kinds, **named):
    """A daemon with a listener for each kind, behind the one for which
    whoever starts it waits."""
    daemon = bench.daemon(listeners=(
        f'greeting = "{setting(GREETING)}";',
        *(kind.listener for kind in kinds)), **named)
    return {kind: Place(daemon, port, kind)
            for kind, port in zip(kinds, daemon.ports[1:])}


def make_pairs(bench):
    """What is compared with what, and what is wanted of it."""
    places = make_places(bench, KINDS)

    def pair(mine, theirs, *wanted):
        return Pair(places[mine], places[theirs], *wanted)

    pairs = [pair(AGAIN, PLAIN), pair(RENDERED, PLAIN, VARIABLES_WANTED),
             pair(AGENT, PLAIN, THE_SAME, (1,)), pair(HTTP, ASKED, HTTP_WANTED),
             pair(HTTP, PLAIN), pair(PROXIED, PLAIN, PROXY_WANTED),
             pair(PROXIED, ASKED), pair(PROXIED_HTTP, HTTP, PROXY_WANTED)]
    for name, folder in bench.build_names().items():
        other = make_places(bench, (PLAIN,), name=name, builddir=folder)
        pairs.append(Pair(places[PLAIN], other[PLAIN], THE_SAME, (1,), name))
    return pairs


def show(bench, pairs):
    """Medians over the rounds."""
    bench.report.title("What greetings cost")
    bench.report.say(
        f"A listener for each; {bench.arguments.rounds} interleaved rounds "
        f"of {bench.arguments.seconds:g} s, each right before or\nafter what "
        "it is compared with. Ratios are medians of the rounds' ratios, with\n"
        "their middle half. CPU: the daemon's control group, user and system "
        "time per\nclient, µs.\n")
    bench.report.table(
        ["greeting", "compared with", "at a time", "/s", "the other's",
         "ratio", "middle half", "CPU, µs", "the other's", "ratio",
         "middle half"], [pair.row(at) for at in AT for pair in pairs],
        left=2)


def run(bench):
    """The whole section."""
    pairs = make_pairs(bench)
    daemons = list(dict.fromkeys(
        place.daemon for pair in pairs for place in (pair.mine, pair.theirs)))
    with grouped(daemons):
        bench.start(daemons)
        for number in range(bench.arguments.rounds):
            for at in AT:
                for pair in pairs:
                    pair.measure(bench, at, number % 2)
            print(f"greetings: round {number + 1} of "
                  f"{bench.arguments.rounds} done", file=sys.stderr)
        bench.stop(daemons)
    show(bench, pairs)
    for daemon in daemons:
        bench.check_log(daemon)
    for pair in pairs:
        pair.set_goals(bench.report)
