"""What the whole machine's memory is used for, in MiB."""

import re
import statistics
import time

LOOKS = 5
LOOK_SECONDS = 0.1
QUIET_SECONDS = 1  # for what the kernel frees later
# What processes and sockets take, page cache left out.
USED = ("AnonPages", "Shmem", "Slab", "PageTables", "KernelStack", "Percpu")


def look():
    """MemAvailable, and the sum of what is used."""
    with open("/proc/meminfo") as file:
        kib = {name: int(value) for name, value in
               re.findall(r"^(\w+):\s+(\d+)", file.read(), re.M)}
    return (kib["MemAvailable"] / 1024,
            sum(kib.get(name, 0) for name in USED) / 1024)


def settled(group=None):
    """The same when it is quiet, and what a control group uses, 0 without
    one: medians of some looks."""
    time.sleep(QUIET_SECONDS)
    looks = []
    for _ in range(LOOKS):
        looks.append((*look(), group.used_mib() if group else 0))
        time.sleep(LOOK_SECONDS)
    return [statistics.median(values) for values in zip(*looks)]


def taken(before, group=None):
    """How much more is taken now than before: by MemAvailable, by use, by the
    group."""
    available, used, in_group = settled(group)
    return before[0] - available, used - before[1], in_group - before[2]
