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

from harness import (BUILDDIR, CTL, HOST, PATIENCE, USER, Daemon,
                     adopt_orphans, children, connect, die_with_parent, exists,
                     free_port, greet, run, wait_for)
from light import Light
from outputs import PRIVATE_DEV

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

    def __init__(self, log="stderr"):
        adopt_orphans()
        self.folder = tempfile.mkdtemp(prefix="forkgreet-deaths-")
        os.chmod(self.folder, 0o755)
        self.var = os.path.join(self.folder, "var")
        os.mkdir(self.var, 0o755)
        os.chown(self.var, USER, USER)
        self.port, self.held, self.fed = (free_port() for _ in range(3))
        self.log = log
        self.text = 0  # which greeting is configured
        self.daemon = None
        self.others = {}  # processes of ours that are no daemon: {name: Popen}
        self.load_now = None  # a Light
        self._held = []
        with open(self.path("health"), "w", encoding="ascii") as file:
            file.write("up\n")
        self.restore()

    def path(self, name):
        """Of a file of the daemon's."""
        return os.path.join(self.var, name)

    def greeting(self):
        """This turn's."""
        return GREETINGS[self.text % 2]

    def configuration(self):
        """With that greeting."""
        greeting = self.greeting().decode().strip()
        return f'''user = "nobody"; group = "nogroup";
log = {{ target = "{self.log}"; clients = "errors"; }};
pid_file = "{self.path("pid")}";
control_socket = "{self.path("control")}";
state_file = "{self.path("state")}";
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

    def write(self):
        """The configuration, for a start that is not ours; its path."""
        path = os.path.join(self.folder, "forkgreet.conf")
        with open(path, "w", encoding="ascii") as file:
            file.write(self.configuration())
        os.chmod(path, 0o644)
        return path

    # ------------------------------------------------------------- processes

    def begin(self, wrapper=(), arguments=("-f",)):
        """Starts the daemon, and does not wait for it."""
        with contextlib.suppress(FileNotFoundError):
            os.unlink(os.path.join(self.folder, "log"))
        self.daemon = Daemon(self.folder, self.configuration(),
                             arguments=arguments,
                             wrapper=(*self._wrapper(), *wrapper))
        return self.daemon

    def _wrapper(self):
        """Our log server is the system's."""
        if self.log == "stderr":
            return ()
        return ("unshare", "-m", "sh", "-c", PRIVATE_DEV, "sh",
                self.path("log"))

    def start(self):
        """Starts it; it serves, and nothing is on trial."""
        if self.is_dead():
            self.begin().ready()
        self.settle()

    def settle(self):
        """Waits until nothing is on trial; what the log says of spawners may
        have been lost."""
        if self.log == "stderr":
            self.daemon.settle()
            return
        wait_for(self._flows, what="the log")
        wait_for(lambda: self.daemon.counters()[None]["spawner_standby"] == 1,
                 what="a spawner on standby")

    def _flows(self):
        """Does a line of the log arrive?"""
        before = len(self.daemon.lines("counters"))
        self.daemon.signal(signal.SIGUSR1)
        try:
            wait_for(lambda: len(self.daemon.lines("counters")) > before, 0.5)
        except AssertionError:
            return False
        return True

    def restore(self):
        """What is no daemon lives, again; with a log server also a feed."""
        if self.log == "stderr":
            return
        for name, start in ("syslogd", self.syslogd), ("feed", self.feed):
            if name not in self.others or self.others[name].poll() is not None:
                start()

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
            [sys.executable, "-B", "-I", "-S", os.path.join(HERE, "syslogd"),
             self.path("log"), os.path.join(self.folder, "log")],
            preexec_fn=die_with_parent)
        wait_for(lambda: os.path.exists(self.path("log")), what="syslogd")
        return self.others["syslogd"]

    def wait_dead(self, pid):
        """What was killed, if it is ours."""
        for process in self.others.values():
            if process.pid == pid:
                process.wait(PATIENCE)

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
        """A client that stays; its child, if the log says who that is."""
        if self.log != "stderr":
            return None
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

    def row(self, name="main"):
        """Of that listener, as the control socket says."""
        result = self.ctl("-j", "status")
        if result.returncode != 0:
            raise Wrong(f"status: {result.stderr}")
        rows = json.loads(result.stdout)["listeners"]
        return next(row for row in rows if row["name"] == name)

    def settled(self):
        """A condition: nothing is on trial any more.  It asks, but not when
        /proc says already that there is."""
        seen = None

        def settled():
            nonlocal seen
            if self.log != "stderr":
                return True  # the answer may be lost
            if not self._may_be_settled():
                seen = None
                return False
            answers = [line["spawner_standby"] for line in
                       self.daemon.lines("counters")
                       if "spawner_standby" in line]
            if seen is None:
                with contextlib.suppress(ProcessLookupError):
                    self.daemon.signal(signal.SIGUSR1)
                seen = len(answers)
            if len(answers) == seen:
                return False
            seen = None
            return answers[-1] == "1"
        return settled

    def _may_be_settled(self):
        """Two spawners, each of which waits, and the clients that are held."""
        spawners = self.daemon.all_spawners()
        return len(spawners) == 2 and len(children(
            self.daemon.pid)) <= 3 + len(self._held)

    def check_feed(self):
        """What it writes is whole, and it goes on writing."""
        with open(self.path("health"), encoding="ascii") as file:
            if file.read() != "up\n":
                raise Wrong("the health file is torn")
        with open(self.path("other"), "w", encoding="ascii") as file:
            file.write("down\n")
        os.rename(self.path("other"), self.path("health"))

        def is_up():
            with open(self.path("health"), encoding="ascii") as file:
                return file.read() == "up\n"
        wait_for(is_up, what="a feed's verdict")
        wait_for(lambda: greet(self.fed).startswith(b"up"),
                 what="a verdict that is believed")

    # ----------------------------------------------------------- after a death

    def recover(self, died):
        """The daemon died at that time: a start at once works, though what it
        started may not have ended yet; returns seconds (until a client was
        greeted, of the longest-lived orphan)."""
        begun = time.monotonic()
        self.restore()
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
        self.row()  # the control socket answers
        return served - begun, orphans - died


def _is_daemons(pid):
    """Is it a program of ours?"""
    try:
        with open(f"/proc/{pid}/comm", encoding="ascii") as file:
            return file.read().startswith("forkgreet")
    except OSError:
        return False
