"""Many thousand connections from one network, or from as many networks."""

import os
import subprocess

from harness import die_with_parent
from judge import served
from place import ALLOWED6, OTHER, PORT, SERVER6, Place

LOAD = os.path.join(os.environ.get("BUILDDIR", "."), "tests/bench/load")
REFUSED = "too many\n"
AT_A_TIME = 256
# KiB: the tables of clients, refusals and sources (forkgreet.conf(5) has their
# sizes), which take nothing before they are used.
TABLES = 8 << 10
TOP = """refusals = { rate_per_source = "too many\\n";
    busy_per_source = "too many\\n"; };
log = { target = "stderr"; clients = "errors"; };
"""


def load(count, *words):
    """So many connections of tests/bench/load; how many were greeted, how many
    refused, and the seconds that it took."""
    done = subprocess.run(
        [LOAD, "-p", str(PORT), "-n", str(count), "-c", str(AT_A_TIME),
         "-x", REFUSED, "-w", "60", *words],
        stdout=subprocess.PIPE, text=True, check=False,
        preexec_fn=die_with_parent)
    found = dict(word.split("=") for word in done.stdout.split()[1:])
    greeted, refused, seconds = (
        int(found["greeted"]), int(found["turned_away"]),
        float(found["seconds"]))
    print(f"{greeted} greeted, {refused} refused in {seconds:.1f} s",
          flush=True)
    assert found["failures"] == "0", done.stdout
    assert greeted + refused == count
    return greeted, refused, seconds


def add_up(place, count, greeted, refused):
    """All that came, and what came of it, is in the counters."""
    place.rest()
    row = place.counters()
    found = (row["accepted"], row["ended_greeted"],
             row["refused_busy_per_source"] + row["refused_rate_per_source"])
    assert found == (count, greeted, refused), (found, row)


def one_network(whole):
    """One /24 has one bucket, and one share of the places; nobody of another
    one notices."""
    count, rate = 60000 if whole else 6000, 200
    listeners = {"main": (PORT, f"limits = {{ ipv4_prefix = 24; "
                          f"rate_per_source = {rate}; }};"),
                 "other": (OTHER, "")}
    with Place(listeners, TOP, host="0.0.0.0", memory=TABLES) as place:
        with place.probe() as probe:
            greeted, refused, seconds = load(count, "-s", "254")
        served("60,000 of one /24", probe)
        allowed = len(probe.seconds)
        add_up(place, count + allowed, greeted + allowed, refused)
        # The burst, which is the rate, and what came to it meanwhile; less
        # those that found all its places taken.
        assert rate <= greeted <= rate * (seconds + 2), greeted


def as_many_networks(whole):
    """Each /64 has a bucket of its own, which holds one: the second client of
    each, with another address in it, is refused, and nobody else is."""
    count = 60000 if whole else 6000
    listeners = {"main": (PORT, "limits = { burst_per_source = 1; "
                          "rate_per_source = 0.001; };"),
                 "other": (OTHER, "")}
    top = TOP + f'limits = {{ exempt = ( "{ALLOWED6}" ); }};'
    with Place(listeners, top, host=SERVER6, memory=TABLES) as place:
        with place.probe() as probe:
            results = [load(count, "-a", SERVER6, "-o", f"2001:db8:1::{host}")
                       for host in (1, 2)]
        served("60,000 of a /64 each", probe)
        allowed = len(probe.seconds)
        add_up(place, 2 * count + allowed, count + allowed, count)
        assert [result[:2] for result in results] == [
            (count, 0), (0, count)], results


TROUBLES = {"60,000 of one /24": one_network,
            "60,000 of a /64 each": as_many_networks}
