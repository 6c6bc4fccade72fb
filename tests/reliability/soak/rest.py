"""The daemon at rest: what is sampled, and what must add up."""

import typing

from harness import children, descriptors, proc_status, wait_for
from targets import REFUSALS, STATES, TARGETS

# Ends that our faults bring about, and no client.
FAULTS = ("killed", "crashed", "violation")
# Ends that nobody brings about here.
NEVER = ("cpu_limit", "session_timeout", "send_timeout")
TROUBLES = ("reset", "empty", "cut")


class Sample(typing.NamedTuple):
    """At one rest."""

    clients: int
    upgrades: int
    memory: int  # KiB that are the master's own
    mapped: int  # KiB
    descriptors: int
    processes: int


def sample(scene):
    """At this one."""
    status = proc_status(scene.daemon.pid)

    def kib(name):
        return int(status[name].split()[0])
    return Sample(scene.swarm.made, scene.upgrades,
                  kib("RssAnon") + kib("RssShmem"), kib("VmSize"),
                  len(descriptors(scene.daemon.pid)),
                  len(children(scene.daemon.pid)))


def slope(samples, name):
    """How much more of it there is after a client: the least squares."""
    x_mean = sum(one.clients for one in samples) / len(samples)
    y_mean = sum(getattr(one, name) for one in samples) / len(samples)
    above = sum((one.clients - x_mean) * (getattr(one, name) - y_mean)
                for one in samples)
    return above / sum((one.clients - x_mean) ** 2 for one in samples)


def rows(status):
    """The counters of each listener: {name: {"accepted": number, ...}}."""
    return {row["name"]: row for row in status["listeners"]}


def unbalanced(status):
    """Listeners where accepted is not refused + ended + live."""
    return [f"{name}: {row}" for name, row in rows(status).items()
            if row["accepted"] != row["live"] + sum(row["refused"].values())
            + sum(row["ended"].values())]


def connections(scene):
    """Does the master still hold one of the control socket's?"""
    return len(descriptors(scene.daemon.pid)) > scene.descriptors


def wait_rest(scene, seconds=60):
    """Waits until nobody is there any more; the status."""
    def resting():
        status = scene.status()
        return (status if status["live"] == status["lingering"] == 0
                else None)
    status = wait_for(resting, seconds, "rest")
    scene.settle(seconds)
    wait_for(lambda: not connections(scene), seconds, "the control sockets")
    return status


def disagreements(scene, status):
    """Where daemon and clients counted otherwise: texts."""
    found = []
    for target in TARGETS:
        row = rows(status)[target.name]
        tally = scene.swarm.tallies[target.name]
        found += [f"{target.name}: {what}: {+tally}, {_not_zero(row)}"
                  for what in _wrong(target, row, tally,
                                     scene.asked[target.name],
                                     scene.squeezed)]
    return found


def _not_zero(row):
    """What has been counted."""
    parts = {"accepted": row["accepted"], **row["refused"], **row["ended"]}
    return {name: value for name, value in parts.items() if value}


def _evicted(target, row, tally):
    """At most so many HTTP clients were refused, and before they had asked for
    the answer their descriptor was needed."""
    if target.format != "http":
        return 0
    return sum(row["refused"].values()) - sum(tally[f"whole_{kind}"]
                                              for kind in REFUSALS)


def _wrong(target, row, tally, asked, squeezed):
    """Of one."""
    ended = row["ended"]
    faults = sum(ended[name] for name in FAULTS)
    said = sum(tally[f"whole_{kind}"] for kind in (*STATES, "special"))
    loose = tally["impolite"] + asked
    if tally["connected"] + asked != row["accepted"]:
        yield "accepted is not what connected"
    if tally["unmade"] or tally["timeout"] or tally["wrong"]:
        yield "a client was not served, or wrongly"
    lost = faults + (_evicted(target, row, tally) if squeezed else 0)
    if sum(tally[name] for name in TROUBLES) > lost:
        yield "more clients were lost than children were killed"
    if not ended["greeted"] - loose <= said <= ended["greeted"] + faults:
        yield "greeted is not what was heard"
    if any(ended[name] for name in NEVER):
        yield "an end that nobody brought about"
    for kind in REFUSALS:
        refused = row["refused"][kind]
        if not refused - loose <= tally[f"whole_{kind}"] <= refused:
            yield f"refused {kind} is not what was heard"
    for kind in "bad_request", "request_timeout":
        heard = tally[f"whole_{kind}"]
        if not ended[kind] - loose <= heard <= ended[kind] + faults:
            yield f"{kind} is not what was heard"
    if target.format == "agent" and sum(row["refused"].values()):
        yield "refused without a limit"
