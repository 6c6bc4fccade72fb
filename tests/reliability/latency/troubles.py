"""What can befall a daemon that serves, again and again while an allowed client
is timed."""

import os
import signal
import time

from harness import ControlCase, children, descriptors, exists, limit, wait_for
from probe import Latency, Probe, latency_row

INTERVAL = 0.002  # seconds between two clients of the probe


class Trouble(ControlCase):
    """One of them: happen() is once, then PAUSE seconds."""

    name = ""
    PAUSE = 0.1
    killed = 0  # so many clients may have been, with their children

    def runTest(self):  # pylint: disable=invalid-name
        """unittest wants one."""

    def happen(self):
        """Once."""
        raise NotImplementedError

    def between(self):
        """Two of them."""
        time.sleep(self.PAUSE)

    def play(self, rounds, seconds):
        """Times clients without it and with it, in turn; prints both rows."""
        self.setUp()
        self.server = self.daemon(self.listener('log = { clients = "errors"; };'))
        self.server.settle()
        quiet, troubled = Latency(), Latency()
        for _ in range(rounds):
            quiet.add(self.window(seconds, self.between))
            troubled.add(self.window(seconds, self.happens))
        latency_row(f"without {self.name}", quiet)
        latency_row(self.name, troubled)
        self.assertEqual(quiet.failures, [])
        self.assertLessEqual(len(troubled.failures), self.killed)

    def happens(self):
        """Once, and a pause."""
        self.happen()
        self.between()

    def window(self, seconds, again):
        """What clients found in that time."""
        with Probe(self.port, interval=INTERVAL) as probe:
            end = time.monotonic() + seconds
            while time.monotonic() < end:
                again()
        return probe


class Reloads(Trouble):
    """Each starts a spawner."""

    name = "reloads, ten a second"

    def happen(self):
        self.say("reload")


class States(Trouble):
    """Each is another word for all who come, who get the same text."""

    name = "changes of state, twenty a second"

    def happen(self):
        self.say("drain")
        self.say("ready")


class Upgrades(Trouble):
    """The program is executed anew."""

    name = "upgrades, two a second"
    PAUSE = 0.4

    def happen(self):
        self.say("upgrade")


class Spawners(Trouble):
    """The one that serves is killed; a client whose child dies with it is the
    only one that may fail."""

    name = "the spawner killed, five times a second"
    PAUSE = 0.2

    def happen(self):
        for pid in self.server.spawners():
            os.kill(pid, signal.SIGKILL)
            wait_for(lambda pid=pid: not exists(pid), what="its end")
        self.killed += 1


class Stopped(Trouble):
    """It hangs, and is replaced."""

    name = "the spawner stopped, once in two seconds"
    PAUSE = 2

    def happen(self):
        for pid in self.server.spawners():
            os.kill(pid, signal.SIGSTOP)


class Children(Trouble):
    """Those of other clients, who were greeted and stay."""

    name = "children killed, ten a second"

    def happen(self):
        with self.connect(self.port):
            for pid in children(self.server.pid):
                if pid not in self.server.all_spawners() and exists(pid):
                    os.kill(pid, signal.SIGKILL)
        self.killed += 1


class Descriptors(Trouble):
    """None is left for a tenth of a second, then all are."""

    name = "no descriptor for 0.1 s of 0.2"

    def happen(self):
        limit(self.server.pid, "nofile", len(descriptors(self.server.pid)))
        self.between()
        limit(self.server.pid, "nofile", 1024)


TROUBLES = {trouble.name: trouble for trouble in (
    Reloads, States, Upgrades, Spawners, Stopped, Children, Descriptors)}
