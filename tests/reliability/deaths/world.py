"""A daemon with all that it can have: PID file, control socket, state file, a
listener that holds its clients, one that follows a feed's health file."""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time

from harness import (BUILDDIR, CTL, DAEMON, HOST, PATIENCE, USER, Daemon,
                     adopt_orphans, children, connect, die_with_parent, exists,
                     free_port, greet, run, wait_for)
from light import Light

HERE = os.path.dirname(os.path.abspath(__file__))
FEED = os.path.join(BUILDDIR, "forkgreet-feed")
SIZE = 2000  # bytes of a greeting: one send(2)
GREETINGS = [letter * SIZE + b"\n" for letter in (b"a", b"b")]
# Stops at its first step, so that it can be traced from there on.
STOPPED = ("sh", "-c", 'kill -STOP $$; exec "$@"', "sh")


class Wrong(Exception):
    """What must not be."""


class World:
    """Made once for many deaths: what one leaves, the next start finds."""

    def __init__(self, top="", log="stderr", wrapper=()):
        adopt_orphans()
        self.folder = tempfile.mkdtemp(prefix="forkgreet-deaths-")
        os.chmod(self.folder, 0o755)
        self.var = os.path.join(self.folder, "var")
        os.mkdir(self.var, 0o755)
        os.chown(self.var, USER, USER)
        self.port, self.held, self.fed = (free_port() for _ in range(3))
        self.top, self.log, self.wrapper = top, log, wrapper
        self.text = 0  # which greeting is configured
        self.daemon = None
        self.others = {}  # processes of ours that are no daemon: {name: Popen}
        self.load_now = None  # a Light
        self._held = []
        with open(self.path("health"), "w", encoding="ascii") as file:
            file.write("up\n")

    def path(self, name):
        """Of a file of the daemon's."""
        return os.path.join(self.var, name)

    def configuration(self):
        """With the greeting that is this turn's."""
        greeting = GREETINGS[self.text % 2].decode().strip()
        return f'''user = "nobody"; group = "nogroup";
log = {{ target = "{self.log}"; clients = "errors"; }};
pid_file = "{self.path("pid")}";
control_socket = "{self.path("control")}";
state_file = "{self.path("state")}";
{self.top}
limits = {{ max_clients_per_source = 0; }};
listeners = (
    {{ name = "main"; address = "{HOST}"; port = {self.port};
       greeting = "{greeting}\\n"; }},
    {{ name = "held"; address = "{HOST}"; port = {self.held};
       hold = true; }},
    {{ name = "fed"; address = "{HOST}"; port = {self.fed};
       format = "agent"; refresh = 0.1;
       health_file = "{self.path("health")}"; }} );
'''

    # ------------------------------------------------------------- processes

    def begin(self, wrapper=(), arguments=("-f",)):
        """Starts the daemon, and does not wait for it."""
        with contextlib.suppress(FileNotFoundError):
            os.unlink(os.path.join(self.folder, "log"))
        self.daemon = Daemon(self.folder, self.configuration(),
                             arguments=arguments,
                             wrapper=(*self.wrapper, *wrapper))
        return self.daemon

    def start(self):
        """Starts it; it serves, and nothing is on trial."""
        if self.is_dead():
            self.begin().ready()
        return self.daemon.settle()

    def is_dead(self):
        """Is no daemon there?"""
        return self.daemon is None or self.daemon.process.poll() is not None

    def kill(self):
        """The daemon, and what is left of it."""
        self.let_go()
        if self.daemon is not None:
            self.daemon.end()
        for pid in self.orphans():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        wait_for(lambda: not self.orphans(), what="the end of orphans")
        self.reap()

    def feed(self):
        """Starts one that says so every 50 ms or so."""
        self.others["feed"] = subprocess.Popen(
            [FEED, "-s", self.path("health"), "-i", "0.05", "echo", "up"],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL, preexec_fn=die_with_parent)
        return self.others["feed"]

    def syslogd(self):
        """Starts a log server at self.path("log"); what it gets is the
        daemon's log."""
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self.path("log"))
        self.others["syslogd"] = subprocess.Popen(
            [sys.executable, "-B", os.path.join(HERE, "syslogd"),
             self.path("log"), os.path.join(self.folder, "log")],
            preexec_fn=die_with_parent)
        wait_for(lambda: os.path.exists(self.path("log")), what="syslogd")
        return self.others["syslogd"]

    def orphans(self):
        """Living processes of a daemon that is dead: ours now."""
        return [pid for pid in self._adopted() if exists(pid)]

    def _adopted(self):
        known = {process.pid for process in self.others.values()}
        if self.daemon is not None:
            known.add(self.daemon.pid)
        return [pid for pid in children(os.getpid())
                if pid not in known and _is_daemons(pid)]

    def reap(self):
        """What has ended of a daemon's that was ours."""
        for pid in self._adopted():
            with contextlib.suppress(ChildProcessError):
                os.waitpid(pid, os.WNOHANG)

    def end(self):
        """Nothing of it is left."""
        for process in self.others.values():
            process.kill()
            process.wait()
        self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)

    # ------------------------------------------------------------ what it says

    def load(self):
        """A light one."""
        return Light(self.port, GREETINGS)

    def hold(self):
        """A client that stays; its child."""
        before = self.daemon.clients()
        sock = connect(self.held)
        self._held.append(sock)
        if sock.recv(100) != b"hi client\n":
            raise Wrong("a client is not held")
        return wait_for(lambda: set(self.daemon.clients()) - set(before),
                        what="its child").pop()

    def let_go(self):
        """Of those who were held."""
        while self._held:
            self._held.pop().close()

    def ctl(self, *words):
        """forkgreetctl; its subprocess.CompletedProcess."""
        return run("-s", self.path("control"), "-w", str(PATIENCE), *words,
                   program=CTL)

    def state(self):
        """Of the listener main, as the control socket says."""
        result = self.ctl("-j", "status")
        if result.returncode != 0:
            raise Wrong(f"status: {result.stderr}")
        rows = json.loads(result.stdout)["listeners"]
        return next(row["state"] for row in rows if row["name"] == "main")

    # ----------------------------------------------------------- after a death

    def recover(self, died):
        """The daemon died at that time: a start at once works, though what it
        started may not have ended yet; returns seconds (until a client was
        greeted, of the longest-lived orphan)."""
        begun = time.monotonic()
        daemon = self.begin()
        orphans, served = died, None
        while served is None or self.orphans():
            now = time.monotonic()
            if self.orphans():
                orphans = now
            if now - begun > PATIENCE:
                raise Wrong(f"after {PATIENCE} s: orphans {self.orphans()}, "
                            f"log {daemon.log()[-5:]}")
            if daemon.process.poll() is not None:
                raise Wrong(f"the start is refused: {daemon.log()[-5:]}")
            if served is None and daemon.lines("start"):
                greet(self.port)
                served = time.monotonic()
            time.sleep(0.002)
        self.reap()
        with open(self.path("pid"), encoding="ascii") as file:
            if file.read() != f"{daemon.pid}\n":
                raise Wrong("the PID file is not the new one's")
        self.state()  # the control socket answers
        return served - begun, orphans - died


def _is_daemons(pid):
    """Is it a program of ours?"""
    try:
        with open(f"/proc/{pid}/comm", encoding="ascii") as file:
            return file.read().startswith("forkgreet")
    except OSError:
        return False
