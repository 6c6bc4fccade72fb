"""How long plain clients wait for the first byte while the texts of a hundred
other listeners change every second: by how long they wait while none does."""

import os
import socket
import statistics
import sys
import time

from report import spread
from server import HOST

TEXTS = 100
TEXT_BYTES = 1 << 20
EVERY_SECONDS = 1
FOLLOW_SECONDS = 5
RATE = 1000  # clients a second
PLACES = 256  # for clients of a rate that are not served at once
SHOWN = {"still": "no text changes", "changing":
         f"{TEXTS} texts of {TEXT_BYTES >> 20} MiB change every "
         f"{EVERY_SECONDS} s"}


class Texts:
    """The files, two versions of each, so that a change costs no writing: only
    the daemon's own work is measured."""

    def __init__(self, folder):
        self.folder = folder
        self.version = 0
        self.next_at = 0
        os.mkdir(folder, 0o755)
        for number in range(TEXTS):
            for version in range(2):
                with open(self.path(number, version), "wb") as file:
                    line = b"%d, version %d\n" % (number, version)
                    file.write((line * (TEXT_BYTES // len(line) + 1))
                               [:TEXT_BYTES])
                    os.fsync(file.fileno())  # not while clients are measured
        self.change()

    def path(self, number, version=None):
        """Of the file that a listener has, or of what it becomes."""
        name = f"{number}" if version is None else f"{number}.{version}"
        return os.path.join(self.folder, name)

    def change(self):
        """All of them, by rename."""
        self.version = 1 - self.version
        for number in range(TEXTS):
            path = self.path(number)
            os.link(self.path(number, self.version), path + ".new")
            os.rename(path + ".new", path)
        self.next_at = time.monotonic() + EVERY_SECONDS

    def __call__(self):
        """Called again and again while a run lasts."""
        if time.monotonic() >= self.next_at:
            self.change()
        time.sleep(0.01)


def one_round(bench, daemon, texts):
    """Both, who comes first alternates."""
    order = ["still", "changing"]
    for name in order if texts.version else reversed(order):
        bench.settle()
        daemon.runs.setdefault(name, []).append(daemon.measure(
            bench.load, PLACES, bench.arguments.seconds, "-r", str(RATE),
            meanwhile=texts if name == "changing" else None))


def follows(daemon, texts):
    """Whether clients get a text that has changed, soon after."""
    texts.change()
    line = b"0, version %d\n" % texts.version
    for _ in range(int(FOLLOW_SECONDS / 0.1)):
        with socket.create_connection((HOST, daemon.ports[1]), 5) as client:
            daemon.clients += 1
            if client.makefile("rb").read().startswith(line):
                return True
        time.sleep(0.1)
    return False


def show(bench, daemon):
    """Medians over the rounds."""
    bench.report.title("Texts that change")
    bench.report.say(f"At {RATE:,} clients a second.\n")
    bench.report.table(
        ["meanwhile", "/s", "first byte p50, µs", "p90", "p99", "max"],
        [[SHOWN[name]] + [f"{daemon.median(name, key):,.0f}" for key in
                          ("per_second", "first_p50_us", "first_p90_us",
                           "first_p99_us", "first_max_us")]
         for name in SHOWN])


def run(bench):
    """The whole section."""
    texts = Texts(bench.path("texts"))
    daemon = bench.daemon(listeners=("", *(
        f'greeting_file = "{texts.path(number)}";'
        for number in range(TEXTS))))
    bench.start([daemon])
    for number in range(bench.arguments.rounds):
        one_round(bench, daemon, texts)
        print(f"changes: round {number + 1} of {bench.arguments.rounds} done",
              file=sys.stderr)
    # Twice: one of both versions is what it has read at its start.
    followed = follows(daemon, texts) and follows(daemon, texts)
    bench.stop([daemon])
    show(bench, daemon)
    bench.check_log(daemon)
    if not followed:
        bench.report.say("* the daemon does not look at texts that change")
        return
    ratios = [changing["first_p99_us"] / still["first_p99_us"]
              for changing, still in zip(daemon.runs["changing"],
                                         daemon.runs["still"])]
    bench.report.goal(
        f"first byte p99 while {TEXTS} texts change by that while none does",
        statistics.median(ratios), 2, least=False,
        note=f"{min(ratios):.2f} to {max(ratios):.2f}, "
             f"middle half {spread(ratios)}")
