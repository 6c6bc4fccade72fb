"""A squeeze: what a daemon needs is taken from it, and given back."""

import contextlib
import time

from baseline import Baseline
from harness import (ControlCase, Meanwhile, PATIENCE, connect, descriptors, free_port,
                     is_held, read_all, wait_for)
from probe import Latency, Probe, latency_row

GREETING = b"hi client\n"
HELD = 10  # clients that have been greeted, and stay
CROWD = "127.0.0.2"  # where others come from
INTERVAL = 0.002  # seconds between two clients of the probe
TIMES = 2  # so much longer may the slowest of 100 take
MORE = 4  # so many times the rounds, while a machine that is busy says otherwise
LINES = 50  # of log for one squeeze
SHARE = 0.2  # of a processor


class Crowd(Meanwhile):
    """Clients that come AT_A_TIME, from elsewhere, again and again: more than
    there is room for."""

    AT_A_TIME = 8
    PAUSE = 0.05

    def __init__(self, port):
        super().__init__()
        self.port = port
        self.clients = self.greeted = 0

    def step(self):
        """Once."""
        socks = [connect(self.port, source=CROWD)
                 for _ in range(self.AT_A_TIME)]
        self.clients += len(socks)
        for sock in socks:
            with sock:
                try:
                    self.greeted += read_all(sock) == GREETING
                except OSError:
                    pass


class Squeeze(ControlCase):
    """One of them, and its daemon: squeeze(), then bites() says that it does,
    release(), and recover() returns when all is well again."""

    name = ""
    what = ""  # for the table of latencies
    crowded = False  # others come, with the squeeze and without it
    mounts = False  # needs a mount namespace of its own
    LOG = 'log = { clients = "errors"; };'  # of each listener

    def runTest(self):  # pylint: disable=invalid-name
        """unittest wants one."""

    @classmethod
    def why_not(cls):
        """Why it cannot be played here, or ""."""
        return ""

    def begin(self):
        """Starts the daemon, self.server."""
        self.server = self.serve()
        self.held = []
        self.hold()
        self.server.settle()

    def serve(self, **keywords):
        """A listener that greets and ends, and one that greets and holds."""
        self.held_port = free_port()
        return self.daemon(self.both(), **keywords)

    def both(self):
        """The two of them."""
        return self.listener(self.LOG) + ", " + self.listener(
            "hold = true; timeouts = { session = 3600; }; " + self.LOG,
            "held", self.held_port)

    def hold(self):
        """Has as many as there should be, should some have gone."""
        self.held = [sock for sock in self.held if is_held(sock)]
        fresh = [self.connect(self.held_port)
                 for _ in range(HELD - len(self.held))]
        self.clients += len(fresh)
        for sock in fresh:
            self.assertEqual(sock.recv(100), GREETING)
        self.held += fresh

    def squeeze(self):
        """Takes it away."""
        raise NotImplementedError

    def has_bitten(self):
        """Has it done what it is to do?  Until then it lasts."""
        return True

    def bites(self):
        """Asserts that what it did is what it was to do."""

    def release(self):
        """Gives it back."""
        raise NotImplementedError

    def recover(self):
        """Waits until all is well again: somebody is greeted."""
        self.assertEqual(self.greet(), GREETING)

    def rest(self):
        """Waits until only those are served that stay, and all of them and two
        spawners are watched."""
        def rests():
            return (len(self.server.clients()) == len(self.held) and
                    sum("pidfd" in target for target in descriptors(
                        self.server.pid).values()) == len(self.held) + 2)
        wait_for(rests, what="rest")

    def greet(self):
        """A client of ours."""
        self.clients += 1
        with connect(self.port) as sock:
            return read_all(sock)

    # ------------------------------------------------------------------ playing

    def play(self, rounds, seconds, strict):
        """All of it.  Prints what it found; an exception says what is wrong."""
        self.setUp()
        self.clients = 0
        self.recovery = []
        self.before, self.within = Latency(), Latency()
        self.begin()
        for _ in range(50):
            self.greet()
        self.rest()
        baseline = Baseline(self.server)
        for number in range(MORE * rounds if strict else rounds):
            if number in (rounds, 2 * rounds) and self.is_quick():
                break
            self.window(self.before, seconds)
            self.round(baseline, seconds)
        self.account()
        self.report()
        self.assertTrue(not strict or self.is_quick(),
                        f"p99 is not within {TIMES} times")

    def window(self, latency, seconds, until=lambda: True):
        """So long, and until that holds, somebody asks, and perhaps others do."""
        crowd = Crowd(self.port)
        with (Probe(self.port, interval=INTERVAL, patience=PATIENCE) as probe,
              crowd if self.crowded else contextlib.nullcontext()):
            time.sleep(seconds)
            wait_for(until, what=f"an effect of {self.name}")
        self.clients += crowd.clients + probe.clients()
        latency.add(probe)
        self.assert_served(probe.failures)
        self.assertEqual(crowd.greeted, crowd.clients)

    def assert_served(self, failures):
        """Everybody was greeted."""
        self.assertEqual(failures, [])

    def round(self, baseline, seconds):
        """Squeezed, and back."""
        said, spent = baseline.said(), baseline.spent()
        begin = time.monotonic()
        self.squeeze()
        try:
            self.squeezed(seconds)
            self.bites()
        finally:
            released = time.monotonic()
            self.release()
        self.recover()
        self.recovery.append(time.monotonic() - released)
        self.assertEqual(baseline.wait(PATIENCE), "")
        self.assert_quiet(baseline.said() - said, baseline.spent() - spent,
                          released - begin)
        self.assertTrue(all(map(is_held, self.held)))

    def squeezed(self, seconds):
        """While it lasts."""
        self.window(self.within, seconds, self.has_bitten)

    def assert_quiet(self, lines, _spent, _seconds):
        """The log does not run over."""
        self.assertLessEqual(lines, LINES)

    def account(self):
        """Every client is counted, once."""
        for sock in self.held:
            sock.close()
        wait_for(lambda: self.server.counters()[None]["live"] == 0, PATIENCE,
                 "the end of all clients")
        self.assert_balanced(self.server)
        rows = [row for name, row in self.server.counters().items() if name]
        self.assertEqual(sum(row["accepted"] for row in rows), self.clients)

    def report(self):
        """What it found, on standard output."""
        worst = max(self.recovery)
        print(f"recovered in {1000 * worst:.0f} ms at most, of "
              f"{len(self.recovery)}; {self.clients} clients accounted for")
        if self.within.seconds:
            latency_row(f"without {self.name}", self.before)
            latency_row(self.name, self.within)

    def is_quick(self):
        """Are allowed clients as quick as they must be?"""
        return (not self.within.seconds or self.within.milliseconds(.99) <=
                TIMES * self.before.milliseconds(.99))


class Stop(Squeeze):
    """One in which nobody can be served: those who come wait for its end."""

    WAITING = 30

    def squeezed(self, seconds):
        self.waiting = [self.connect(self.port) for _ in range(self.WAITING)]
        self.clients += self.WAITING
        time.sleep(seconds)
        wait_for(self.has_bitten, what=f"an effect of {self.name}")

    def bites(self):
        self.assertTrue(all(map(is_held, self.waiting)))

    def recover(self):
        for sock in self.waiting:
            self.assertEqual(read_all(sock), GREETING)
            sock.close()

    def assert_quiet(self, lines, spent, seconds):
        super().assert_quiet(lines, spent, seconds)
        self.assertLess(spent, SHARE * seconds + 0.5, "spins")
