"""Instances behind HAProxy: what each side costs per client, and a small model
of what that gives on machines that have the cores."""

import os
import shutil
import statistics
import sys

from context import in_turn
from cpu import own_us, shown, whole_us
from greetings import REQUEST, TRUSTED
from groups import grouped
from report import spread
from server import HOST, Server

AT = 16  # for each instance
MOST = 3  # instances
HTTP = 'format = "http"; '
LISTENERS = {"tcp": ("", ""), "tcp, PROXY v2": (TRUSTED, "send-proxy-v2"),
             "http": (HTTP, ""),
             "http, PROXY v2": (HTTP + TRUSTED, "send-proxy-v2")}
ANSWER = "HTTP/1.1 200 *\r\n\r\nhi client\n"  # HAProxy changes the case
CONFIGURATION = """\
global
	maxconn 1000
defaults
	timeout connect 10s
	timeout client 10s
	timeout server 10s
"""
LISTEN = """\
listen {name}
	mode {mode}
	bind {host}:{port}
{servers}
"""
SERVER = "\tserver s{number} {host}:{port} {header}"
RANGE = "/proc/sys/net/ipv4/ip_local_port_range"


def options(kind, direct):
    """The load's."""
    more = ["-q", REQUEST, "-m", ANSWER] if "http" in kind else []
    return [*more, "-b"] if direct and "PROXY" in kind else more


class Way:
    """How clients come to instances: through HAProxy, or straight to one."""

    def __init__(self, kind, count, server, port, used):
        self.name, self.kind, self.count = kind, kind, count
        self.server, self.port, self.used = server, port, used
        self.runs = []

    @property
    def direct(self):
        """Without HAProxy?"""
        return self.count == 0

    def readings(self):
        """µs: the balancer's, the instances', of them the first one's master
        and spawner."""
        first = self.used[0]
        return [0 if self.direct else whole_us(self.server),
                sum(map(whole_us, self.used)), own_us(first.process.pid),
                own_us(first.spawner())]

    def measure(self, bench):
        """One run."""
        before = self.readings()
        run = self.server.measure(
            bench.load, AT * len(self.used), bench.arguments.seconds,
            "-p", str(self.port), *options(self.kind, self.direct))
        bench.settle()
        clients = run["greeted"]
        run.update(
            (key, (now - then) / clients) for key, then, now in zip(
                ("balancer", "instances", "master", "spawner"), before,
                self.readings()))
        # Of one instance, to which only its part came.
        for key in "master", "spawner":
            run[key] *= len(self.used)
        self.runs.append(run)

    def median(self, key):
        """Over the rounds."""
        return statistics.median(run[key] for run in self.runs)

    def ratios(self, other, key):
        """By the other's, round by round."""
        return [mine[key] / theirs[key]
                for mine, theirs in zip(self.runs, other.runs)]


def make_haproxy(bench, daemons):
    """With a port for each kind and number of instances: it, and
    {(kind, number): port}."""
    ports, text = {}, CONFIGURATION
    for place, (kind, (_, header)) in enumerate(LISTENERS.items()):
        for count in range(1, MOST + 1):
            port = ports[kind, count] = bench.port()
            text += LISTEN.format(
                name=f"listen{port}", mode=kind.split(",")[0], host=HOST,
                port=port, servers="\n".join(
                    SERVER.format(number=number, host=HOST, header=header,
                                  port=daemon.ports[place])
                    for number, daemon in enumerate(daemons[:count])))
    path = bench.path("haproxy.cfg")
    with open(path, "w") as file:
        file.write(text)
    return bench.add(Server(
        "haproxy", ["setpriv", "--pdeathsig", "TERM", find(), "-db", "-f",
                    path], ports["tcp", 1],
        bench.path("haproxy.log"))), ports


def find():
    """HAProxy's program, or None."""
    return shutil.which("haproxy", path=os.environ["PATH"] + ":/usr/sbin")


def make_ways(haproxy, ports, daemons):
    """All that are compared."""
    for place, kind in enumerate(LISTENERS):
        first = daemons[0]
        yield Way(kind, 0, first, first.ports[place], [first])
        for count in range(1, MOST + 1):
            yield Way(kind, count, haproxy, ports[kind, count],
                      daemons[:count])


def show_costs(bench, ways):
    """What was measured."""
    found = {(way.kind, way.count): way for way in ways}
    rows = []
    for way in ways:
        one = found[way.kind, 1]
        ratios = way.ratios(one, "instances")
        rows.append([
            way.kind, way.count or "straight to one",
            f"{way.median('per_second'):,.0f}",
            "-" if way.direct else shown(way.median("balancer")),
            shown(way.median("instances")), shown(way.median("master")),
            shown(way.median("spawner")),
            f"{statistics.median(ratios):.2f}", spread(ratios)])
    bench.report.table(
        ["clients", "instances", "/s", "HAProxy, µs", "instances, µs",
         "of it a master", "a spawner", "instances by those with one",
         "middle half"], rows, left=2)


def show_headers(bench, ways):
    """What the PROXY protocol costs, on both sides."""
    found = {(way.kind, way.count): way for way in ways}
    rows = []
    for mode in "tcp", "http":
        with_it, without = (found[f"{mode}, PROXY v2", 1], found[mode, 1])
        cells = []
        for key in "balancer", "instances":
            ratios = with_it.ratios(without, key)
            cells += [f"{statistics.median(ratios):.2f}", spread(ratios)]
        rows.append([mode, *cells])
    bench.report.table(["with the header by without", "HAProxy",
                        "middle half", "instance", "middle half"], rows)


def show_model(bench, ways):
    """What follows, when each process has the core that it needs."""
    rows = []
    for way in ways:
        if way.count != 1:
            continue
        whole, balancer = way.median("instances"), way.median("balancer")
        # What one process of an instance does of it, one after the other.
        narrow = max(way.median("master"), way.median("spawner"))
        rows.append([
            way.kind, f"{1e6 / whole:,.0f}", f"{1e6 / narrow:,.0f}",
            f"{whole / narrow:.1f}", f"{1e6 / balancer:,.0f}",
            f"{whole / balancer:.1f}"])
    bench.report.table(
        ["clients/s", "a core of an instance", "an instance at most",
         "which takes cores", "a core of HAProxy",
         "and keeps busy of instances' cores"], rows)
    with open(RANGE) as file:
        first, last = map(int, file.read().split())
    bench.report.say(
        "Work that was measured on cores that all shared, divided: waiting "
        "for locks,\nmemory and the network is not in it. An instance is at "
        "its most when its master,\nor its spawner, has a core for itself: "
        "from there on only another instance adds\nany. HAProxy has "
        f"{last - first + 1:,} ports (ip_local_port_range) for clients at a "
        "time on\neach instance.\n")


def run(bench):
    """The whole section."""
    bench.report.title("Instances behind HAProxy")
    if find() is None:
        bench.report.say("haproxy is not installed: not measured.\n")
        return
    daemons = [bench.daemon(listeners=[
        more for more, _ in LISTENERS.values()]) for _ in range(MOST)]
    haproxy, ports = make_haproxy(bench, daemons)
    ways = list(make_ways(haproxy, ports, daemons))
    with grouped([haproxy, *daemons]) as in_groups:
        if not in_groups:
            bench.report.say("No control group can be made here: not "
                             "measured.\n")
            return
        bench.start([*daemons, haproxy])
        for number in range(bench.arguments.rounds):
            for way in in_turn(ways, number):
                way.measure(bench)
            print(f"scale: round {number + 1} of {bench.arguments.rounds} "
                  "done", file=sys.stderr)
        bench.stop([haproxy, *daemons])
    bench.failed |= bool(haproxy.failures)
    bench.report.say(
        f"{AT} clients at a time for each instance; medians of "
        f"{bench.arguments.rounds} interleaved rounds\nof "
        f"{bench.arguments.seconds:g} s. The load, HAProxy and all instances "
        f"share {len(os.sched_getaffinity(0))} cores: the rates say how\n"
        "much work a client is in all, not what more instances give. What "
        "each side costs\n(user and system time per client, of its control "
        "group) says that.\n")
    show_costs(bench, ways)
    show_headers(bench, ways)
    show_model(bench, ways)
