"""The system's log, /dev/log: absent, full, restarted, stuck."""

import json
import os
import socket
import subprocess
import threading

from harness import (CTL, PATIENCE, Daemon, connect, free_port, parse_line,
                     read_all, wait_for)
from outputs import PRIVATE_DEV, Server, StreamServer, can_mount
from squeeze import GREETING, Squeeze


class Asked(Daemon):
    """One whose log is elsewhere: its control socket is asked instead."""

    control = ""

    def ask(self, *words):
        """forkgreetctl."""
        return subprocess.run([CTL, "-s", self.control, *words], check=True,
                              stdout=subprocess.PIPE, text=True).stdout

    def counters(self):
        status = json.loads(self.ask("-j", "status"))
        rows = {row["name"]: {
            "accepted": row["accepted"], "live": row["live"],
            **{f"{kind}_{name}": count for kind in ("refused", "ended")
               for name, count in row[kind].items()}}
            for row in status["listeners"]}
        return {**rows, None: {"live": status["live"],
                               "log_dropped": status["log_dropped"]}}

    def settle(self, seconds=PATIENCE):
        wait_for(lambda: len(self.all_spawners()) == 2, seconds,
                 "a spawner on standby")
        return self


class _Log(Squeeze):
    """A log server of ours, which a thread reads."""

    SERVER = Server
    LOG = ""
    EACH = 0.02  # seconds between two looks

    @classmethod
    def why_not(cls):
        return "" if can_mount() else "needs a private /dev"

    def serve(self, **keywords):
        self.path = os.path.join(self.folder(), "log")
        self.lock = threading.Lock()
        self.reading, self.ending = True, threading.Event()
        self.lines, self.log_server = [], self.SERVER(self.path)
        thread = threading.Thread(target=self.read, daemon=True)
        thread.start()
        self.addCleanup(thread.join)
        self.addCleanup(self.ending.set)
        self.held_port = free_port()
        daemon = Asked(
            self.folder(), self.configuration(self.both()).replace(
                'target = "stderr"', 'target = "syslog"'),
            wrapper=["unshare", "-m", "sh", "-c", PRIVATE_DEV, "sh",
                     self.path])
        daemon.control = self.control
        self.addCleanup(daemon.end)
        wait_for(lambda: any(line.startswith("start ") for line in self.lines),
                 PATIENCE, "start")
        return daemon

    def read(self):
        """Again and again, while it is reading."""
        while not self.ending.wait(self.EACH):
            with self.lock:
                self.take()

    def take(self):
        """What has come."""
        if self.reading and self.log_server is not None:
            self.lines += self.log_server.texts()[len(self.lines):]

    def close(self):
        """The log server goes away, and takes nothing along that it was sent."""
        with self.lock:
            self.take()
            last = self.log_server
            self.log_server = None
            os.unlink(self.path)
            last.socket.shutdown(socket.SHUT_RD)
            while line := last.socket.recv(1 << 16):
                self.lines.append(last.text(line.decode()))
            last.socket.close()

    def open(self):
        """It comes back, with what it had."""
        with self.lock:
            self.log_server = self.SERVER(self.path)
            self.log_server.lines = [f"x: {line}" for line in self.lines]

    def dropped(self):
        """Lines, as the daemon has counted them."""
        return self.server.counters()[None]["log_dropped"]

    def recover(self):
        """A line comes again of who comes now, and it has been said how many have
        not."""
        ports = set()

        def flows():
            self.clients += 1
            with connect(self.port) as sock:
                ports.add(f" sport={sock.getsockname()[1]} ")
                self.assertEqual(read_all(sock), GREETING)
            with self.lock:
                return any(port in line for line in self.lines[before:]
                           for port in ports)
        with self.lock:
            before = len(self.lines)
        wait_for(flows, what="lines of clients")
        wait_for(lambda: self.dropped() == self.said_dropped(),
                 what="how many were dropped")

    def said_dropped(self):
        """The same, as the log has it."""
        with self.lock:
            return sum(int(parse_line(line)["dropped"]) for line in self.lines
                       if line.startswith("log dropped="))


class _Exact(_Log):
    """All that it did not drop arrives."""

    def window(self, latency, seconds, until=lambda: True):
        self.gone = self.dropped()
        super().window(latency, seconds, until)

    def has_bitten(self):
        return self.dropped() > self.gone

    def account(self):
        super().account()
        wait_for(lambda: self.told() + self.dropped() >= self.clients,
                 what="lines of all clients")
        self.assertEqual(self.told() + self.dropped(), self.clients)

    def told(self):
        """Of how many clients lines have come."""
        with self.lock:
            return sum(line.startswith("client ") for line in self.lines)


class LogAbsent(_Exact):
    """There is none."""

    name = "/dev/log absent"

    def squeeze(self):
        self.close()

    def release(self):
        self.open()


class LogFull(_Exact):
    """Nobody reads it: it takes no more."""

    name = "/dev/log full"

    def squeeze(self):
        with self.lock:
            self.reading = False

    def release(self):
        with self.lock:
            self.reading = True


class LogStuck(LogFull):
    """The same of a stream, in which a line can be taken in part."""

    name = "/dev/log stuck, a stream"
    SERVER = StreamServer


class LogRestarted(_Exact):
    """Again and again."""

    name = "/dev/log restarted"
    PAUSE = 0.1

    def squeeze(self):
        self.restarting = threading.Event()
        self.restarter = threading.Thread(target=self.restart, daemon=True)
        self.restarts = 0
        self.restarter.start()

    def restart(self):
        """Until the squeeze ends."""
        while not self.restarting.wait(self.PAUSE):
            self.close()
            self.restarting.wait(self.PAUSE)
            self.open()
            self.restarts += 1

    def has_bitten(self):
        return self.restarts > 0

    def release(self):
        self.restarting.set()
        self.restarter.join()


SQUEEZES = (LogAbsent, LogFull, LogStuck, LogRestarted)
