"""One source asks for ten times what it may have: what do others notice, how
many are refused, and what do the limits cost when nobody is beyond them."""

import statistics
import sys

from context import NOFORK
from latency import IDLE_RATE, PLACES

TIMES = 10  # what the flood asks for, by what it may have
AT = (16, 256)
REFUSAL = "no client\n"  # as long as the greeting
OFF = "forkgreetd, no limits"
HIGH = "forkgreetd, all limits high"
LIMITED = "forkgreetd, a rate per source"
# Of the load, which is from 127.0.0.1 ... 127.0.0.16 when nobody says else.
FLOOD = ("-f", "2", "-s", "1", "-x", REFUSAL)
ALLOWED = ("-f", "3", "-s", "1", "-r", str(IDLE_RATE))
ALL_HIGH = """\
limits = { max_clients = 30000; max_clients_per_source = 30000;
rate = 100000; burst = 100000; rate_per_source = 100000;
burst_per_source = 100000; };"""
PER_SOURCE = """\
limits = { rate_per_source = %d; burst_per_source = %d; };
refusals = { rate_per_source = "no client\\n"; };"""


def cost(bench, servers):
    """The same load with all limits off and high, round by round."""
    for number in range(bench.arguments.rounds):
        for at in AT:
            servers.append(servers.pop(0))
            for server in servers:
                bench.settle()
                server.runs.setdefault(at, []).append(server.measure(
                    bench.load, at, bench.arguments.seconds))
        print(f"overload: limits' cost: round {number + 1} of "
              f"{bench.arguments.rounds} done", file=sys.stderr)


def keep(server, name, values):
    """One run's values under a name."""
    server.runs.setdefault(name, []).append(values)


def beside_flood(bench, server, rate):
    """An allowed client's run while the flood asks for so much."""
    seconds = bench.arguments.seconds
    flood = server.begin(bench.load, PLACES, seconds + 2 * bench.settling,
                         "-r", str(rate), *FLOOD)
    try:
        bench.settle()
        keep(server, "beside", server.measure(bench.load, PLACES, seconds,
                                              *ALLOWED))
        keep(server, "flood", server.finish(flood))
    finally:
        flood.kill()
        flood.wait()


def one_round(bench, limited, nofork, rate):
    """Unloaded, beside the flood, and the flood as fast as it can."""
    seconds = bench.arguments.seconds
    for server in (limited, nofork):
        bench.settle()
        keep(server, "alone", server.measure(bench.load, PLACES, seconds,
                                             *ALLOWED))
        bench.settle()
        beside_flood(bench, server, rate)
        bench.settle()
        keep(server, "flat out", server.measure(bench.load, 256, seconds,
                                                *FLOOD))


def show_cost(bench, off, high):
    """The table, and no goal: the issue asks for the number."""
    rows = []
    for at in AT:
        ratios = high.ratios(off, at)
        rows.append([at, f"{off.median(at, 'per_second'):,.0f}",
                     f"{high.median(at, 'per_second'):,.0f}",
                     f"{statistics.median(ratios):.3f}",
                     f"{min(ratios):.2f} to {max(ratios):.2f}"])
    bench.report.say("What the limits cost (when nobody is beyond them):\n")
    bench.report.table(["at a time", "no limits /s", "all limits high /s",
                        "ratio", "rounds"], rows)


def show_flood(bench, limited, nofork, allowed):
    """The allowed client, and the refusals."""
    report = bench.report
    report.say(
        f"127.0.0.2 asks for {TIMES} times the {allowed:,} /s that it may "
        f"have; 127.0.0.3 comes {IDLE_RATE} times a second:\n")
    report.table(
        ["127.0.0.3's first byte", "server", "p50, µs", "p99", "max"],
        [[text, server.name] + [
            f"{server.median(name, key):,.0f}" for key in
            ("first_p50_us", "first_p99_us", "first_max_us")]
         for server in (limited, nofork)
         for name, text in (("alone", "nobody else"),
                            ("beside", "beside the flood"))], left=2)
    report.say(f"{NOFORK} greets the flood: what waits there, waits for the "
               "cores that the load has\ntoo.\n")
    report.bullets([
        f"the flood: served {limited.median('flood', 'per_second'):,.0f} /s, "
        f"refused {limited.median('flood', 'turned_away_per_second'):,.0f} /s",
        "256 at a time from 127.0.0.2, as fast as it can: refused "
        f"{limited.median('flat out', 'turned_away_per_second'):,.0f} /s, "
        f"served {limited.median('flat out', 'per_second'):,.0f} /s; {NOFORK} "
        f"serves {nofork.median('flat out', 'per_second'):,.0f} /s"])


def set_goals(bench, limited, nofork):
    """What the issue wants."""
    waits = [beside["first_p50_us"] / alone["first_p50_us"] for beside, alone
             in zip(limited.runs["beside"], limited.runs["alone"])]
    bench.report.goal(
        "an allowed client's first byte p50 beside a flood by that without",
        statistics.median(waits), 2, least=False,
        note=f"{min(waits):.2f} to {max(waits):.2f}")
    refusals = [mine["turned_away_per_second"] / theirs["per_second"]
                for mine, theirs in zip(limited.runs["flat out"],
                                        nofork.runs["flat out"])]
    bench.report.goal(
        f"refusals/s by the connections/s of {NOFORK}",
        statistics.median(refusals), 0.6,
        note=f"{min(refusals):.2f} to {max(refusals):.2f}")


def run(bench):
    """The whole section."""
    bench.report.title("Overload")
    off = bench.daemon(name=OFF)
    high = bench.daemon(listeners=(ALL_HIGH,), name=HIGH)
    bench.start([off, high])
    cost(bench, [off, high])
    bench.stop([off, high])
    show_cost(bench, off, high)
    allowed = int(off.median(16, "per_second") / TIMES)
    limits = PER_SOURCE % (allowed, max(1, allowed // 10))  # burst: 0.1 s
    limited = bench.daemon(listeners=(limits,),
                           name=LIMITED)
    nofork = bench.own(NOFORK)
    bench.start([limited, nofork])
    for number in range(bench.arguments.rounds):
        one_round(bench, limited, nofork, TIMES * allowed)
        print(f"overload: round {number + 1} of {bench.arguments.rounds} done",
              file=sys.stderr)
    bench.stop([limited, nofork])
    show_flood(bench, limited, nofork, allowed)
    for daemon in (off, high, limited):
        bench.check_log(daemon)
    set_goals(bench, limited, nofork)
