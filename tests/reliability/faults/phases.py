"""Phases of a running daemon: what is done while calls fail, and what of it is
right."""

import os
import signal
import time

from failing import ERRORS
from harness import descriptors, wait_for

from injector import Injector
from stage import NEW, OLD, Stage, has_reason, left_in_group

CALM = 0.3  # seconds: what is done on its own, more than once
LONG = 1.2  # more than a pattern's second
TRIES = 9  # of an upgrade, to start what it needs
REFUSED, NOBODY, SYSTEM, TIMEOUT = 1, 69, 71, 75


class Live:
    """Cells that share a daemon; one that fails costs it."""

    name = ""

    def __init__(self):
        self.stage = None

    def begin(self):
        """A daemon at rest."""
        if self.stage is None:
            self.stage = Stage()
        if self.stage.running is None:
            self.stage.begin()
        self.stage.rest()

    def end(self):
        """No daemon any more."""
        if self.stage is not None:
            self.stage.doCleanups()
            self.stage = None

    def trace(self):
        """The lines of the phase without a fault."""
        self.begin()
        with Injector(self.stage.roles()) as injector:
            problem = self.act(None)
        if problem:
            raise AssertionError(f"{self.name}: {problem}")
        self.after()
        return injector.trace

    def try_cell(self, cell):
        """(hits, [what is wrong])."""
        self.begin()
        baseline = self.stage.baseline()
        wrong = []
        with Injector(self.stage.roles(), cell.options()) as injector:
            problem = self.act(cell)
        wrong += filter(None, [problem])
        try:
            wrong += self.ended(cell)
            if not wrong and self.stage.running:
                wrong += filter(None, [self.after()])
            if not wrong and self.stage.running:
                wrong += self.stage.judge(baseline)
        except (AssertionError, OSError) as error:
            wrong.append(str(error)[-300:])
        if wrong:
            self.end()
        return injector.hits, wrong

    def ended(self, cell):  # pylint: disable=unused-argument
        """The daemon should not have."""
        daemon = self.stage.running
        if daemon.process.poll() is None:
            return []
        return [f"the daemon has ended: {daemon.process.returncode}: "
                + "; ".join(daemon.log()[-4:])]

    def act(self, cell):
        """While calls fail (cell None: while none does); what is wrong."""
        raise NotImplementedError

    def after(self):
        """When none fails any more; what is wrong."""
        return ""

    def linger(self, cell):
        """For as long as the pattern takes."""
        time.sleep(LONG if cell is not None and cell.pattern == "second"
                   else CALM)


class Idle(Live):
    """Nobody asks for anything; files are looked at."""

    name = "idle"

    def act(self, cell):
        self.linger(cell)
        return ""


class Serving(Live):
    """Clients of every kind; after a single fault they are served while inject,
    whose going wakes everybody, is still there."""

    name = "serving"

    def act(self, cell):
        if cell is not None and cell.pattern in (
                "first", "nth", "late", "later"):
            self.stage.clients()
            return "; ".join(self.stage.ungreeted())
        end = time.monotonic() + (
            LONG if cell is not None and cell.pattern == "second" else 0)
        for _ in range(2):
            self.stage.clients()
        while time.monotonic() < end:
            self.stage.clients(0.1)
            time.sleep(0.1)
        return ""


class Bare(Serving):
    """One listener, and nothing that wakes the daemon but its clients."""

    name = "bare"

    def begin(self):
        if self.stage is None:
            self.stage = Stage(("main",))
            self.stage.timeouts = "linger = 60; session = 60;"
        super().begin()
        time.sleep(LONG)  # it looks for strays a second after each client


class Asking(Live):
    """An operator asks for something."""

    words = ()

    def act(self, cell):
        result = self.stage.ctl(*self.words)
        if cell is None:
            return "" if result.returncode == 0 else result.stderr
        return self.judge_answer(cell, result)

    def judge_answer(self, cell, result):
        """It went through, or not for the reason that there is."""
        status, said = result.returncode, result.stderr
        if status == 0 or is_cut_off(status, said):
            return ""
        if status != REFUSED:
            return f"exit status {status}: {said}"
        return another_reason(cell, said)

    def after(self):
        result = self.stage.ctl(*self.words)
        return "" if result.returncode == 0 else (
            f"afterwards: exit status {result.returncode}: {result.stderr}")


def is_cut_off(status, said):
    """The connection to the daemon is what failed, and that is said."""
    return status == NOBODY and "answer" in said


def is_mute(cell, said):
    """A child, a spawner in service and a reader whose pipe is broken can only
    end, with a status; who cannot write at all says nothing."""
    if cell.call in ("write", "writev") and cell.pattern in (
            "second", "third") and not said.strip():
        return True
    return (cell.role, cell.call) in (
        ("reader", "write"), ("spawner", "recvmsg"), ("trial", "write")) or (
            cell.role == "child" and "exit status" in said)


def another_reason(cell, said):
    """What is said is not what failed; of a client's child all that can be known
    is its end."""
    if has_reason(said, ERRORS.get(cell.error, "")) or is_mute(cell, said):
        return ""
    return f"another reason: {said}"


class Reload(Asking):
    """A configuration is read again."""

    name = "reload"
    words = ("reload",)


class State(Asking):
    """One listener is taken out, and in again."""

    name = "state"

    def act(self, cell):
        self.words = ("drain", "main")
        problem = super().act(cell)
        self.words = ("ready", "main")
        return problem or super().act(cell)


class Upgrade(Asking):
    """The daemon executes its program again."""

    name = "upgrade"
    words = ("upgrade",)

    def begin(self):
        """One that lacks something keeps lacking it."""
        if self.stage is not None and self.stage.running is not None and (
                self.usual != len(descriptors(self.stage.running.pid))):
            self.end()
        super().begin()
        self.stage.may_lack = True
        self.usual = len(descriptors(self.stage.running.pid))

    usual = None

    def ended(self, cell):
        """It gives up what fails each time, after some tries."""
        wrong = super().ended(cell)
        daemon = self.stage.running
        if cell.pattern != "third" or daemon.process.poll() != SYSTEM or (
                "\n".join(daemon.log()).count("trying again") < TRIES):
            return wrong
        self.stage.end()
        return []

    def after(self):
        self.stage.settle()
        return ""


class Refresh(Live):
    """The files that are followed change."""

    name = "refresh"

    def act(self, cell):
        self.stage.write("text", NEW)
        self.stage.write("health", b"drain\n")
        self.linger(cell)
        time.sleep(CALM)
        return ""

    def after(self):
        self.stage.write("health", b"up\n")
        port = self.stage.ports["followed"]
        try:
            wait_for(lambda: self.stage.greet_at(port, 5) == NEW,
                     self.stage.patience + 1)
        except (AssertionError, OSError) as error:
            return f"the new text is not served: {error}"
        finally:
            self.stage.write("text", OLD)
        agent = self.stage.ports["agent"]
        wait_for(lambda: self.stage.greet_at(port, 5) == OLD
                 and self.stage.greet_at(agent, 5) in
                 self.stage.expects(agent), 5, "the files as before")
        return ""


class Stop(Live):
    """It is told to stop, with a client that stays."""

    name = "stop"

    def act(self, cell):
        daemon = self.stage.running
        os.kill(daemon.pid, signal.SIGTERM)
        try:
            status = daemon.wait(1 + 2 * self.stage.patience)
        except Exception:  # pylint: disable=broad-except
            return f"it does not stop: {daemon.log()[-3:]}"
        if status not in ((0,) if cell is None else (0, SYSTEM)):
            return f"exit status {status}: {daemon.log()[-3:]}"
        return ""

    def try_cell(self, cell):
        self.begin()
        groups = self.stage.running.all_spawners()
        held = self.stage.connect(self.stage.ports["held"])
        with Injector(self.stage.roles(), cell.options()) as injector:
            problem = self.act(cell)
        held.close()
        wrong = list(filter(None, [problem, *self.left(groups)]))
        if has_reason("\n".join(self.stage.running.log()),
                      "cannot be removed"):
            wrong = [one for one in wrong if not one.endswith(" is left")]
        self.stage.end()
        return injector.hits, wrong

    def left(self, groups):
        """What it has left behind."""
        try:
            wait_for(lambda: not left_in_group(groups), 2)
        except AssertionError:
            yield f"processes are left: {left_in_group(groups)}"
        for path in self.stage.control, f"{self.stage.place}/pid":
            if os.path.exists(path):
                yield f"{os.path.basename(path)} is left"

    def trace(self):
        trace = super().trace()
        self.stage.end()
        return trace


LIVE = (Idle, Serving, Bare, Reload, Refresh, State, Upgrade, Stop)
