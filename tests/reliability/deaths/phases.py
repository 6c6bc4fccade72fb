"""What a daemon does while it, or something of it, is killed."""

import contextlib
import os
import signal
import subprocess

from harness import CTL, PATIENCE, children, die_with_parent, greet, wait_for
from world import STOPPED, Wrong


class Phase:
    """begin() while all is traced, wait() until it is over, check() what came
    of it, once the daemon serves (again)."""

    name = ""
    starts = False  # the daemon, that is; else it serves already
    ends = False
    makes = ("master",)  # kinds of processes whose calls are part of it

    def __init__(self, world):
        self.world = world

    def prepare(self):
        """Before anything is traced; the pids to trace."""
        return [self.world.daemon.pid]

    def begin(self):
        """What it does now."""

    def over(self):
        """Is it?"""
        return True

    def wait(self):
        """Until it is over, and nothing is on trial, or the daemon is dead."""
        for condition in self.over, self.world.settled():
            wait_for(lambda condition=condition: self.world.is_dead()
                     or condition(), PATIENCE, f"the end of: {self.name}")

    def check(self):
        """Raises Wrong."""

    def signal(self, number):
        """To the daemon, which may be dead."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.world.daemon.pid, number)


class Start(Phase):
    """Of a daemon that stays in the foreground."""

    name = "start"
    starts = True
    arguments = ("-f",)
    makes = ("master", "reader", "spawner", "child")

    def prepare(self):
        daemon = self.world.begin(STOPPED, self.arguments)
        wait_for(lambda: _is_stopped(daemon.pid), what="a stopped start")
        return [daemon.pid]

    def begin(self):
        self.signal(signal.SIGCONT)

    def over(self):
        return self.world.load_now.ends["whole"] > 0


class Serve(Phase):
    """Clients come all the time; some more here."""

    name = "serve"
    makes = ("master", "spawner", "child")

    def prepare(self):
        return [self.world.daemon.pid, *self.world.daemon.spawners()]

    def begin(self):
        self.before = self.world.load_now.ends["whole"]

    def over(self):
        return self.world.load_now.ends["whole"] > self.before + 3


class Asked(Phase):
    """What forkgreetctl is told to ask for."""

    def ask(self, *words):
        """Starts it; wait() waits for its end."""
        self.ctl = subprocess.Popen(
            [CTL, "-s", self.world.path("control"), "-w", str(PATIENCE),
             *words], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL, preexec_fn=die_with_parent)
        self.world.others["ctl"] = self.ctl

    def over(self):
        return self.ctl.poll() is not None

    def is_done(self):
        """Was it said to be?"""
        return self.ctl.wait(PATIENCE) == 0


class Reload(Asked):
    """With another greeting."""

    name = verb = "reload"
    makes = ("master", "reader", "spawner", "child")

    def begin(self):
        self.world.text += 1
        self.world.daemon.write_config(self.world.configuration())
        self.ask(self.verb)

    def check(self):
        """The greeting is the new one, or can still become it."""
        if not self.is_done():
            result = self.world.ctl("reload")
            if result.returncode != 0:
                raise Wrong(f"no reload after it: {result.stderr}")
        if greet(self.world.port) != self.world.greeting():
            raise Wrong("the old greeting after it")


class Upgrade(Reload):
    """To the same program."""

    name = verb = "upgrade"


class State(Asked):
    """An operator's word."""

    name = "state"
    WORDS = ("drain", "ready")

    def prepare(self):
        self.before = self.world.row()["state"]
        return super().prepare()

    def begin(self):
        self.word = self.WORDS[self.before == "drain"]
        self.ask(self.word, "main")

    def check(self):
        """What was said to be done is, also after a death."""
        now = self.world.row()["state"]
        if now != self.word and (self.is_done() or now != self.before):
            raise Wrong(f"{self.word} after {self.before}, status "
                        f"{self.ctl.returncode}: the state is {now}")


class Stop(Phase):
    """With a client that goes meanwhile."""

    name = "stop"
    ends = True

    def begin(self):
        self.signal(signal.SIGTERM)
        self.world.let_go()

    def over(self):
        return False


class Background(Start):
    """The start of a daemon that goes to the background."""

    name = "start in the background"
    arguments = ()

    def over(self):
        return False

    def wait(self):
        """The command has ended, and what it has left serves or has too."""
        super().wait()
        world = self.world
        wait_for(lambda: not world.orphans() or world.load().once() == "whole",
                 PATIENCE, "a daemon that serves, or none")
        for pid in world.orphans():
            with contextlib.suppress(ProcessLookupError):
                if children(pid):
                    os.kill(pid, signal.SIGKILL)


PHASES = (Start, Background, Serve, Reload, State, Upgrade, Stop)


def _is_stopped(pid):
    with contextlib.suppress(OSError):
        with open(f"/proc/{pid}/stat", encoding="ascii") as file:
            return file.read().rsplit(")", 1)[1].split()[0] == "T"
    return False
