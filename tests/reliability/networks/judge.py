"""What came of a trouble, and whether it may be so."""

import collections

from probe import latency_row, percentile

LATE_MS = 100  # p99, beyond a deadline; what the issue wants of the whole run
LOOSE_MS = 2000  # in a sample, beside whatever else the machine does


def lines_of(daemon, clients):
    """The log's line of each of these clients, in their order."""
    found = {(line["src"], int(line["sport"])): line
             for line in daemon.lines("client") if "src" in line}
    return [found.get((client.source, client.port)) for client in clients]


def outcomes(lines):
    """How often each, most first, as a text."""
    counted = collections.Counter(line["outcome"] if line else "(no line)"
                                  for line in lines)
    return ", ".join(f"{count} {name}" for name, count in
                     counted.most_common())


def all_ended(lines, *allowed):
    """With one of these outcomes."""
    assert all(line and line["outcome"] in allowed for line in lines), \
        f"{outcomes(lines)}; expected {allowed}"


def deadline(what, lines, seconds, strict):
    """How late they ended, from when they were accepted."""
    lateness(what, [int(line["duration_ms"]) - 1000 * seconds
                    for line in lines], seconds, strict)


def lateness(what, late, seconds, strict, early=1):
    """Milliseconds: says it, and that nobody ended too early, but for so many
    that clocks may differ, or too late."""
    p99, most = percentile(late, .99), max(late)
    print(f"{what}: {len(late)} clients, {seconds} s, late by p50 "
          f"{percentile(late, .5):.0f} ms, p99 {p99:.0f} ms, at most "
          f"{most:.0f} ms", flush=True)
    assert min(late) >= -early, f"{what}: {-min(late):.0f} ms too early"
    bound = LATE_MS if strict else LOOSE_MS
    assert p99 < bound, f"{what}: p99 {p99:.0f} ms late, bound {bound} ms"


def served(name, probe):
    """The allowed clients had their greetings; their row of the table."""
    latency_row(name, probe)
    assert probe.seconds, f"{name}: no greeting at all"
    assert not probe.failures, (
        f"{name}: {len(probe.failures)} of the allowed clients failed: "
        f"{probe.failures[:5]}")
