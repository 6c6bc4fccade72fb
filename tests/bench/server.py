"""A server under test: started, loaded, stopped."""

import os
import random
import re
import signal
import socket
import statistics
import subprocess
import sys
import time

HOST = "127.0.0.1"
GREETING = b"hi client\n"
START_SECONDS = 10
STOP_SECONDS = 15  # more than timeouts.shutdown
# Below what connect(2) chooses from (ip_local_port_range starts at 32768).
PORTS = range(20000, 30000)


class Failure(Exception):
    """The comparison cannot be made; the text says why."""


def free_port(taken):
    """A port that nobody listens on and that connect(2) never takes."""
    for port in random.sample(PORTS, 100):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((HOST, port))
            except OSError:
                continue
        if port not in taken:
            return port
    raise Failure("no free port found")


class Server:
    """A server and what was measured."""

    def __init__(self, name, command, port, log_path):
        self.name, self.command, self.port = name, command, port
        self.log_path = log_path
        self.process = None
        self.clients = self.failures = 0
        self.runs = {}  # clients at a time: [values of load, a run each]
        self.group = None  # the control group to start it in

    def enter(self):
        """Between fork and exec."""
        os.setpgrp()
        if self.group:
            self.group.enter()

    def open_log(self):
        """What becomes its standard error."""
        return open(self.log_path, "ab")

    def start(self):
        """In its own process group; not in its own session, which the
        scheduler may treat as one competitor (sched_autogroup_enabled)."""
        with self.open_log() as log:
            try:
                self.process = subprocess.Popen(
                    self.command, stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL, stderr=log,
                    preexec_fn=self.enter)
            except OSError as error:
                raise Failure(
                    f"{self.command[0]}: {error.strerror}") from error

    def wait_ready(self):
        """Returns when it has greeted a client, who counts as one."""
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline and self.process.poll() is None:
            try:
                with socket.create_connection((HOST, self.port), 5) as client:
                    self.clients += 1
                    if client.makefile("rb").read() == GREETING:
                        return
            except ConnectionRefusedError:
                pass
            except OSError as error:
                raise Failure(f"{self.name}: {error}") from error
            time.sleep(0.02)
        raise Failure(f"{self.name} does not serve:\n{self.log_head()}")

    def log_head(self):
        """The first lines of what it wrote to standard error."""
        with open(self.log_path, errors="replace") as log:
            return log.read(2000)

    def has_ended(self):
        """True when the process has ended; it is not reaped yet."""
        return os.waitid(os.P_PID, self.process.pid, os.WEXITED |
                         os.WNOHANG | os.WNOWAIT) is not None

    def stop(self):
        """Ends the server, then its group."""
        if self.process is not None and self.process.returncode is None:
            # Not terminate(), which would reap: the pid must stay ours.
            os.kill(self.process.pid, signal.SIGTERM)
            deadline = time.monotonic() + STOP_SECONDS
            while not self.has_ended() and time.monotonic() < deadline:
                time.sleep(0.01)
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()

    def begin(self, load, at, seconds, *more, under=()):
        """Starts a run of the load; more of its options may be given, and a
        command to run it under."""
        return subprocess.Popen(
            [*under, load, "-p", str(self.port), "-c", str(at),
             "-t", f"{seconds:.3f}", *more],
            stdout=subprocess.PIPE, text=True)

    def finish(self, process):
        """Waits until the run is over; returns its values."""
        said, _ = process.communicate()
        if not said.startswith("load "):
            raise Failure(f"load failed with status {process.returncode}")
        values = {key: float(value) for key, value in
                  re.findall(r"(\w+)=(\S+)", said)}
        # Who was refused by the kernel never reached the server.
        self.clients += int(values["connections"] - values["refused"] -
                            values["turned_away"] - values["local"])
        self.failures += int(values["failures"])
        if values["failures"]:
            print(f"{self.name}: {said.strip()}", file=sys.stderr)
        return values

    def measure(self, load, at, seconds, *more, meanwhile=None, under=()):
        """One run of the load; returns its values.  meanwhile is called again
        and again until the run is over."""
        process = self.begin(load, at, seconds, *more, under=under)
        try:
            while meanwhile and process.poll() is None:
                meanwhile()
            return self.finish(process)
        finally:
            process.terminate()  # perf, too, then ends the load
            process.wait()

    def median(self, at, key):
        """The median of one value over the rounds."""
        return statistics.median(run[key] for run in self.runs[at])

    def values(self, at, key):
        """One value of each round in which it is known."""
        return [run[key] for run in self.runs[at] if key in run]

    def ratios(self, other, at, key="per_second"):
        """Its value, its rate mostly, by the other's, round by round."""
        return [mine[key] / theirs[key]
                for mine, theirs in zip(self.runs[at], other.runs[at])
                if key in mine and theirs.get(key)]
