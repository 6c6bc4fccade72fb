"""Connections per second of all servers, in interleaved rounds."""

import shlex
import statistics
import sys

from context import DAEMON, FILTER, NOFORK, OWN, TEXTBOOK
from peers import PEERS
from server import Failure, Server

# server: what is wanted of the daemon, as times its connections per second,
# and what is aimed at.
WANTED = {TEXTBOOK: (1.3, (1.6, 2)), FILTER: (2, (2.5, 4)),
          **{peer.name: (peer.wanted, peer.aims) for peer in PEERS},
          NOFORK: (0.38, (0.5, 0.65))}
WANTED_AT = (16, 256)
SHOWN = {NOFORK: NOFORK + " (epoll loop, the ceiling)",
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
            yield bench.plain_daemon()
        elif name in OWN:
            yield bench.own(name)
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
    """Measures; the order of the servers moves on by one each time."""
    arguments = bench.arguments
    order = list(servers)
    for number in range(arguments.rounds):
        for at in arguments.at:
            order.append(order.pop(0))
            for server in order:
                bench.settle()
                server.runs.setdefault(at, []).append(
                    server.measure(bench.load, at, arguments.seconds))
        print(f"throughput: round {number + 1} of {arguments.rounds} done",
              file=sys.stderr)


def show(bench, servers):
    """Medians over the rounds."""
    at_all = bench.arguments.at
    textbook = next((s for s in servers if s.name == TEXTBOOK), None)
    lowest = min(at_all)
    head = ["server"]
    for at in at_all:
        head += [f"{at} at a time /s", "ratio"]
    head += [f"first byte p50 at {lowest}, µs", "p99", "load's CPU",
             "failures"]
    rows = []
    for server in servers:
        cells = [SHOWN.get(server.name, server.name)]
        for at in at_all:
            ratios = server.ratios(textbook, at) if textbook else []
            rate = server.median(at, "per_second")
            bench.report.point("throughput", server.name, at, rate)
            cells += [f"{rate:,.0f}",
                      f"{statistics.median(ratios):.2f}" if ratios else "-"]
        busiest = max(server.median(at, "cpu") for at in at_all)
        rows.append(cells + [
            f"{server.median(lowest, 'first_p50_us'):.0f}",
            f"{server.median(lowest, 'first_p99_us'):.0f}",
            f"{busiest:.2f}", server.failures])
    bench.report.table(head, rows)
    bench.report.say(
        f"ratio: to {TEXTBOOK}, the median of the rounds' ratios. load's "
        "CPU: the most that\nthe load took of one core; near 1, the load was "
        "measured, and the server is\nfaster than shown. A failure is mostly "
        "a client whose connection waited longer\nthan 5 s; clients that "
        "overflow a short backlog come again after 1 s and later.\n")


def set_goals(bench, servers):
    """What is wanted, and whether it was reached."""
    found = {server.name: server for server in servers}
    if DAEMON not in found:
        return
    for name, (wanted, aims) in WANTED.items():
        for at in WANTED_AT:
            if name not in found or at not in bench.arguments.at:
                continue
            ratios = found[DAEMON].ratios(found[name], at)
            if ratios:
                bench.report.goal(
                    f"connections/s by those of {name}, {at} at a time",
                    statistics.median(ratios), wanted, aims,
                    note=f"{min(ratios):.2f} to {max(ratios):.2f}")


def run(bench):
    """The whole section."""
    servers = list(make_servers(bench))
    bench.start(servers)
    run_rounds(bench, servers)
    bench.stop(servers)
    bench.report.title("Connections per second")
    bench.report.say(f"Medians of {bench.arguments.rounds} interleaved rounds "
                     f"of {bench.arguments.seconds:g} s.\n")
    show(bench, servers)
    for server in servers:
        if server.name == DAEMON:
            bench.check_log(server)
    set_goals(bench, servers)
