"""One death: a process is killed while the daemon does something, and what must
hold after it."""

import contextlib
import os
import signal
import time
import typing

from baseline import Baseline, at_rest
from harness import PATIENCE, wait_for
from killing import Killer
from world import Wrong

# Of sysexits.h, and 1: a start that is refused says so by one of these.
REFUSED = (1, 69, 70, 71, 73, 74, 75, 77, 78)


class Result(typing.NamedTuple):
    """What came of it."""

    who: str = ""  # was killed, by its name
    call: str = ""
    recovery: float = 0.0  # seconds from the next start to a greeting
    orphan: float = 0.0  # seconds that one has outlived the master
    slowest: float = 0.0  # seconds for a greeting meanwhile


class Death:
    """phase: a class; process, count: see Killer; victim(death): the pid that
    is killed in its place; stopped: for so many seconds, it is not killed."""

    def __init__(self, world, phase, process=1, count=0, victim=None,
                 stopped=0):
        self.world = world
        self.phase = phase(world)
        self.process, self.count = process, count
        self.victim = victim
        self.stopped = stopped
        self.killer = self.killed = None
        self.children = 0  # that may have been killed with their clients

    def play(self):
        """Its Result; Wrong, AssertionError."""
        self._prepare()
        try:
            with self.world.load() as load:
                self.world.load_now = load
                if not self.phase.starts:
                    wait_for(lambda: load.ends["whole"], what="a greeting")
                died = self._kill()
                recovery, orphan = self._recover(died)
            if load.torn:
                raise Wrong(f"torn: {load.torn}")
            if died is None:
                self._account(load)
            self.phase.check()
            if self.world.others.get("feed"):
                self.world.check_feed()
        finally:
            self.world.let_go()
        if died is None:
            self._rest()
        killed = self.killed
        return Result(killed.name if killed else "",
                      killed.call if killed else "", recovery, orphan,
                      load.slowest)

    def _prepare(self):
        world = self.world
        if self.phase.starts:
            world.kill()
            return
        world.start()
        wait_for(lambda: self._main()["live"] == 0, what="no clients")
        self.baseline = Baseline(world.daemon)
        self.before = self._main()
        self.held = world.hold()

    def _main(self):
        return self.world.row()

    def _kill(self):
        """When the daemon died; None: it lives."""
        phase = self.phase
        pids = phase.prepare()
        daemon = self.world.daemon
        victim = self.victim(self) if self.victim else None
        self.killer = Killer(*pids, process=self.process, count=self.count,
                             victim=victim, stops=self.stopped > 0)
        with self.killer:
            phase.begin()
            if self.stopped:
                self._pause()
            phase.wait()
        self.killed = self.killer.killed()
        if self.killed and not self.stopped:
            self.children = 1
            self.world.wait_dead(self.killed.pid)
        return self._check_end(daemon)

    def _pause(self):
        """Lets it be stopped, and go on."""
        wait_for(self.killer.ended, what="the call that stops it")
        if self.killer.killed() is None:
            raise Wrong("nobody is stopped")
        time.sleep(self.stopped)
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.killer.killed().pid, signal.SIGCONT)

    def _check_end(self, daemon):
        """When the daemon ended, which it may have had to; None: it lives."""
        if daemon.process.poll() is None:
            return None
        status, killed = daemon.process.returncode, self.killed
        if killed and killed.pid == daemon.pid and not self.stopped:
            good = status == -signal.SIGKILL
        elif self.phase.starts and killed:
            good = status in (0, *REFUSED)
        else:
            good = (self.phase.ends or self.phase.starts) and status == 0
        if not good:
            raise Wrong(f"{killed}: the daemon's status is {status}: "
                        f"{daemon.log()[-5:]}")
        return time.monotonic()

    def _recover(self, died):
        if died is not None:
            return self.world.recover(died)
        self.world.restore()
        begun = time.monotonic()
        whole = self.world.load_now.ends["whole"]
        try:
            wait_for(lambda: self.world.load_now.ends["whole"] > whole + 1,
                     PATIENCE)
        except AssertionError as error:
            raise Wrong(f"{self.killed}: no greeting after it: "
                        f"{self.world.load_now}, {self.world.daemon.log()[-5:]}"
                        ) from error
        return time.monotonic() - begun, 0.0

    def _account(self, load):
        """Every client is counted, as what it was."""
        if self.phase.starts:
            return
        row = wait_for(self._at_rest, PATIENCE, "rest")
        accepted = row["accepted"] - self.before["accepted"]
        greeted = row["ended"]["greeted"] - self.before["ended"]["greeted"]
        whole = load.ends["whole"]
        # A child may be killed when its client has everything already.
        if (accepted != load.accepted() or
                load.accepted() - whole > self.children or
                not whole - self.children <= greeted <= whole):
            raise Wrong(f"{self.killed}: {dict(load.ends)}, counted: "
                        f"accepted {accepted}, greeted {greeted}: {row}")

    def _at_rest(self):
        row = self._main()
        return row if row["live"] == 0 else None

    def _rest(self):
        """All is as it was before."""
        if self.phase.starts:
            return
        daemon, before = self.world.daemon, self.baseline.before
        self.world.settle()
        now = None

        def same():
            nonlocal now
            now = at_rest(daemon)
            return (now[1:] == before[1:] and
                    now.descriptors <= before.descriptors)
        try:
            wait_for(same, PATIENCE, "rest")
        except AssertionError as error:
            raise Wrong(f"{self.killed}: {now} after {before}"
                        ) from error
        if self.baseline.unbalanced():
            raise Wrong(f"{self.killed}: "
                        f"{self.baseline.unbalanced()}")


def calls(world, phase):
    """All calls of that phase, when nobody is killed."""
    death = Death(world, phase)
    death.play()
    return death.killer.calls()
