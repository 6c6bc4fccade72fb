"""Connections per second of all servers, and the processor time that each takes
per client, in interleaved rounds."""

import shlex
import statistics
import sys

import cpu
from context import (DAEMON, FILTER, FLOOR, NOFORK, OWN, TEXTBOOK, Daemon,
                     in_turn)
from groups import grouped
from peers import PEERS
from report import spread
from server import Failure, Server

# server: at a time: what is wanted of the daemon, as times its connections per
# second, and what is aimed at.
WANTED = {TEXTBOOK: {16: (1.3, (1.6,)), 256: (1.7, (1.9,))},
          FILTER: {16: (2.6,), 256: (3.2,)},
          NOFORK: {16: (0.48, (0.65,)), 256: (0.62, (0.65,))},
          **{peer.name: dict.fromkeys((16, 256), (peer.wanted, peer.aims))
             for peer in PEERS}}
# The same for its processor time, as times the floor's: at most.
WANTED_US = {16: (1.85, (1.6,)), 256: (1.75, (1.6,))}
SHOWN = {FLOOR: FLOOR + " (two pages and no sandbox: the floor)",
         TEXTBOOK: TEXTBOOK + " (symbols bound, as in all of ours)",
         TEXTBOOK + "-default": TEXTBOOK + "-default (as the compiler links)",
         NOFORK: NOFORK + " (epoll loop, the ceiling)",
         "server-thread": "server-thread (a thread per client)"}


def names(arguments):
    """All servers that there might be, in the order of the table."""
    return [DAEMON, *OWN, *(peer.name for peer in PEERS), *arguments.also]


def make_servers(bench):
    """Those that were asked for and that are there."""
    arguments = bench.arguments
    only = arguments.only.split(",") if arguments.only else names(arguments)
    if not set(only) <= set(names(arguments)):
        raise Failure(f"--only {arguments.only}: there are "
                      f"{' '.join(names(arguments))}")
    peers = {peer.name: peer for peer in PEERS}
    for name in only:
        if name == DAEMON:
            yield from bench.plain_daemons()
        elif name in OWN:
            yield from bench.owns([name])
        elif name in peers:
            server = bench.peer(peers[name])
            if server:
                yield server
        else:
            port = bench.port()
            yield bench.add(Server(
                name, shlex.split(arguments.also[name].replace(
                    "{port}", str(port))), port, bench.path("also.log")))


def run_rounds(bench, servers):
    """Measures all in turn."""
    arguments = bench.arguments
    bench.settle()
    for number in range(arguments.rounds):
        for place, at in enumerate(arguments.at):
            for server in in_turn(servers, number + place):
                server.runs.setdefault(at, []).append(
                    cpu.measured(bench, server, at))
        print(f"throughput: round {number + 1} of {arguments.rounds} done",
              file=sys.stderr)


def cell(server, other, at, key, form):
    """The median of a value, and that of its ratios to another server's."""
    values = server.values(at, key)
    if not values:
        return "-"
    ratios = server.ratios(other, at, key) if other else []
    ratio = f" ({statistics.median(ratios):.2f})" if ratios else ""
    return form.format(statistics.median(values)) + ratio


def show(bench, servers):
    """Medians over the rounds."""
    at_all, lowest = bench.arguments.at, min(bench.arguments.at)
    found = {server.name: server for server in servers}
    head = ["server"]
    for at in at_all:
        head += [f"{at} at a time: /s (ratio)", "CPU, µs (ratio)"]
    rows = []
    for server in servers:
        cells = [SHOWN.get(server.name, server.name)]
        for at in at_all:
            bench.report.point("throughput", server.name, at,
                               server.median(at, "per_second"))
            cells += [
                cell(server, found.get(TEXTBOOK), at, "per_second", "{:,.0f}"),
                cell(server, found.get(FLOOR), at, "us", "{:.1f}")]
        busiest = max(server.median(at, "cpu") for at in at_all)
        rows.append(cells + [
            f"{server.median(lowest, 'first_p50_us'):.0f}",
            f"{server.median(lowest, 'first_p99_us'):.0f}",
            f"{busiest:.2f}", server.failures])
    bench.report.table(head + [
        f"first byte p50 at {lowest}, µs", "p99", "load's CPU", "failures"],
        rows)
    bench.report.say(
        f"Ratios: of the connections to those of {TEXTBOOK}, of the CPU to "
        f"that of\n{FLOOR}; each the median of the rounds' ratios. load's "
        "CPU: the most that the\nload took of one core; near 1, the load was "
        "measured, and the server is faster\nthan shown. A failure is mostly "
        "a client whose connection waited longer than\n5 s; clients that "
        "overflow a short backlog come again after 1 s and later.\n")


def show_builds(bench, daemon, others):
    """The daemon by those of other builds."""
    rows = []
    for other in others:
        for at in bench.arguments.at:
            cells = [other.name, at]
            for key in ("per_second", "us"):
                ratios = daemon.ratios(other, at, key)
                cells += [f"{statistics.median(ratios):.3f}",
                          spread(ratios)] if ratios else ["-", "-"]
            rows.append(cells)
    bench.report.table([f"{DAEMON} by", "at a time", "/s", "middle half",
                        "CPU", "middle half"], rows)


def set_goals(bench, servers):
    """What is wanted, and whether it was reached."""
    found = {server.name: server for server in servers}
    daemon, floor = found.get(DAEMON), found.get(FLOOR)
    if not daemon:
        return
    for at in bench.arguments.at:
        if floor and at in WANTED_US:
            bench.report.ratio_goal(
                f"CPU per client by that of {FLOOR}, {at} at a time",
                daemon.values(at, "us"), floor.values(at, "us"),
                *WANTED_US[at], least=False)
    for name, wanted in WANTED.items():
        for at in bench.arguments.at:
            if name in found and at in wanted:
                bench.report.ratio_goal(
                    f"connections/s by those of {name}, {at} at a time",
                    daemon.values(at, "per_second"),
                    found[name].values(at, "per_second"), *wanted[at])


def run(bench):
    """The whole section."""
    servers = list(make_servers(bench))
    with grouped(servers) as in_groups:
        bench.start(servers)
        run_rounds(bench, servers)
        bench.stop(servers)
    bench.report.title("Connections per second, and processor time")
    bench.report.say(f"Medians of {bench.arguments.rounds} interleaved rounds "
                     f"of {bench.arguments.seconds:g} s.\nCPU: "
                     f"{cpu.source(in_groups)}")
    show(bench, servers)
    daemons = [server for server in servers if isinstance(server, Daemon)]
    if len(daemons) > 1:
        show_builds(bench, daemons[0], daemons[1:])
    for daemon in daemons:
        bench.check_log(daemon)
    set_goals(bench, servers)
