"""How long clients wait for the first byte while what the daemon logs to takes
no lines: by how long they wait while it does."""

import os
import re
import select
import socket
import statistics
import subprocess
import sys

from context import CONFIGURATION, Daemon, LISTENER
from server import HOST, Failure

PLACES = 256  # for clients of a rate that are not served at once
FULL_SECONDS = 1  # at full speed: far more lines than anything holds
READ_SECONDS = 5  # until its lines come again, once they are read
USER = 65534
# A /dev of its own, in which "log" is ours.
PRIVATE_DEV = ("mount -t tmpfs -o mode=755 tmpfs /dev && "
               "mknod -m 666 /dev/null c 1 3 && ln -s \"$1\" /dev/log && "
               "shift && exec \"$@\"")
AS_USER = ("setpriv", f"--reuid={USER}", f"--regid={USER}", "--clear-groups")


class Logger(Daemon):
    """A daemon whose log is what the kind says."""

    def __init__(self, bench, kind):
        port = bench.port()
        self.kind = kind
        text = CONFIGURATION % {
            "identity": "" if kind.as_user or os.geteuid() else
                        'user = "nobody";\ngroup = "nogroup";\n'
                        'control_socket = ""; state_file = "";\n',
            "max_clients": 1024, "top": "",
            "listeners": LISTENER % {"host": HOST, "port": port, "more": ""}}
        path = bench.path("forkgreet.conf")
        with open(path, "w") as file:
            file.write(text.replace('"stderr"', f'"{kind.target}"'))
        os.chmod(path, 0o644)
        super().__init__(kind.name, [
            *kind.wrapper(), os.path.join(bench.builddir, "forkgreetd"), "-f",
            "-c", path], port, bench.path("log"))
        self.ports = [port]
        bench.add(self)

    def open_log(self):
        """What becomes its standard error."""
        log = self.kind.open()
        return super().open_log() if log is None else log


class Kind:
    """Standard error in a file: the one that takes all lines."""

    name = "a file"
    target = "stderr"
    as_user = False
    reader = None  # descriptor of the end that nobody reads

    def wrapper(self):
        """A command to start the daemon with."""
        return AS_USER if self.as_user and os.geteuid() == 0 else ()

    def open(self):
        """Its standard error; None: a file."""
        return None

    def read(self):
        """Takes what is there."""
        text = b""
        while select.select([self.reader], [], [], 0.05)[0]:
            part = os.read(self.reader, 1 << 20)
            if not part:
                break
            text += part
        return text


class Terminal(Kind):
    """One that nobody reads."""

    name = "a terminal, unread"

    def open(self):
        self.reader, writer = os.openpty()
        os.chmod(os.ttyname(writer), 0o600)
        return os.fdopen(writer, "wb", 0)


class ForeignTerminal(Terminal):
    """One that the daemon may not open itself."""

    name = "another user's terminal, unread"
    as_user = True


class Pipe(Kind):
    """A full one."""

    name = "a pipe, full"

    def open(self):
        self.reader, writer = os.pipe()
        return os.fdopen(writer, "wb", 0)


class ForeignPipe(Pipe):
    """One that the daemon may not open itself."""

    name = "another user's pipe, full"
    as_user = True


class Device(Kind):
    """A disk without room."""

    name = "/dev/full"

    def open(self):
        return open("/dev/full", "wb", 0)


class Stream(Kind):
    """As the journal's, which does not read."""

    name = "the journal's socket, stopped"

    def open(self):
        ours, writer = socket.socketpair()
        self.reader = ours.detach()
        return os.fdopen(writer.detach(), "wb", 0)


class Syslog(Kind):
    """A log server that does not read."""

    name = "syslog, stopped"
    target = "syslog"

    def __init__(self, bench):
        self.path = bench.path("log-socket")
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(self.path)
        os.chmod(self.path, 0o666)
        os.chmod(bench.scratch, 0o711)
        self.reader = self.socket.fileno()

    def wrapper(self):
        return ("unshare", "-m", "sh", "-c", PRIVATE_DEV, "sh", self.path)


def can_mount():
    """True when a private /dev can be had."""
    return os.geteuid() == 0 and subprocess.run(
        ["unshare", "-m", "sh", "-c", PRIVATE_DEV, "sh", "/nowhere", "true"],
        stderr=subprocess.DEVNULL, check=False).returncode == 0


def make(bench):
    """All kinds that can be had here, the file first."""
    kinds = [Kind(), Terminal(), Pipe(), Device(), Stream()]
    if os.geteuid() == 0:
        kinds += [ForeignTerminal(), ForeignPipe()]
    else:
        bench.report.say("Not root: no other user's terminal and pipe.\n")
    if can_mount():
        kinds.append(Syslog(bench))
    else:
        bench.report.say("No private /dev can be had: no syslog.\n")
    return [Logger(bench, kind) for kind in kinds]


def dropped(logger):
    """How many lines it says that it dropped, once somebody reads; "-" when
    nobody can."""
    if logger.kind.reader is None:
        return "-"
    text = logger.kind.read()
    for _ in range(int(READ_SECONDS / 0.1)):
        with socket.create_connection((HOST, logger.port), 5) as client:
            client.makefile("rb").read()
        text += logger.kind.read()
        found = re.findall(rb"log dropped=(\d+)", text)
        if found:
            return f"{sum(map(int, found)):,}"
    raise Failure(f"{logger.name}: it was never stuck")


def show(bench, loggers, lost):
    """Medians over the rounds."""
    bench.report.title("Outputs that are stuck")
    bench.report.say("At a quarter of what it does at 16 at a time.\n")
    bench.report.table(
        ["log", "/s", "first byte p50, µs", "p90", "p99", "max",
         "p99 by that with a file", "lines dropped"],
        [[logger.name] + [f"{logger.median('quarter load', key):,.0f}"
                          for key in ("per_second", "first_p50_us",
                                      "first_p90_us", "first_p99_us",
                                      "first_max_us")] +
         [f"{statistics.median(ratios(logger, loggers[0])):.2f}", lines]
         for logger, lines in zip(loggers, lost)])


def ratios(logger, plain):
    """The p99 by the other's, round by round."""
    return [mine["first_p99_us"] / theirs["first_p99_us"] for mine, theirs in
            zip(logger.runs["quarter load"], plain.runs["quarter load"])]


def one_round(bench, loggers, rate):
    """Each at the same rate, in turn."""
    for logger in loggers:
        bench.settle()
        logger.runs.setdefault("quarter load", []).append(logger.measure(
            bench.load, PLACES, bench.arguments.seconds, "-r", str(rate)))


def run(bench):
    """The whole section."""
    loggers = make(bench)
    bench.start(loggers)
    full = [logger.measure(bench.load, 16, FULL_SECONDS)["per_second"]
            for logger in loggers]
    rate = max(1, int(min(full) / 4))
    order = list(loggers)
    for number in range(bench.arguments.rounds):
        one_round(bench, order, rate)
        order.append(order.pop(0))
        print(f"outputs: round {number + 1} of {bench.arguments.rounds} done",
              file=sys.stderr)
    lost = [dropped(logger) for logger in loggers]
    bench.stop(loggers)
    show(bench, loggers, lost)
    for logger in loggers[1:]:
        found = ratios(logger, loggers[0])
        bench.report.goal(
            f"first byte p99, log is {logger.name}, by that with a file",
            statistics.median(found), 2, least=False,
            note=f"{min(found):.2f} to {max(found):.2f}")
