"""What people and services run: forkgreetctl, forkgreet, forkgreet-feed."""

import os
import subprocess
import time

from failing import ERRORS
from harness import (BUILDDIR, CLIENT, CTL, children, die_with_parent, exists,
                     run, wait_for)

from injector import Injector, Wrapper
from phases import is_mute
from stage import Stage, has_reason

FEED = os.path.join(BUILDDIR, "forkgreet-feed")
SYSTEM = 71
LONG, CALM = 1.2, 0.4  # seconds
# What is not this system's, but how the other side is.
OTHER_SIDE = ("ECONNREFUSED", "ETIMEDOUT", "ECONNRESET", "EPIPE", "ENOTCONN")


class Tool:
    """A program that runs to its end, beside a daemon without faults."""

    name = role = ""
    others = ()  # its statuses for what the other side may do

    def __init__(self):
        self.stage = Stage()
        self.expected = None
        self.first = ""

    def end(self):
        """Nothing is left of it."""
        self.stage.doCleanups()

    def begin(self):
        """What it needs."""
        if self.stage.running is None:
            self.stage.begin()

    def command(self):
        """(program, arguments)"""
        raise NotImplementedError

    def run(self, wrapper=None):
        """Its CompletedProcess."""
        program, arguments = self.command()
        return run(*arguments, program=program,
                   wrapper=wrapper.words if wrapper else ())

    def trace(self):
        """Its calls without a fault."""
        self.begin()
        wrapper = Wrapper(self.role)
        result = self.run(wrapper)
        if result.returncode != 0:
            raise AssertionError(result.stderr)
        trace = wrapper.result()[1]
        wrapper.close()
        return trace

    def try_cell(self, cell):
        """(hits, [what is wrong])."""
        self.begin()
        wrapper = Wrapper(self.role, cell.options())
        result = self.run(wrapper)
        hits, _ = wrapper.result()
        wrapper.close()
        wrong = self.judge(cell, result)
        again = self.run()
        if again.returncode != 0:
            wrong.append(f"afterwards: {again.returncode}: {again.stderr}")
            self.stage.end()
        return hits, wrong

    def judge(self, cell, result):
        """Done, or one of the contract's statuses and a reason."""
        status = result.returncode
        if status == 0:
            return self.judge_success(result)
        if status not in (SYSTEM, *(
                self.others if cell.error in OTHER_SIDE else ())):
            return [f"exit status {status}: {result.stderr}"]
        if not is_mute(cell, result.stderr) and not has_reason(
                result.stderr + result.stdout, ERRORS.get(cell.error, ".")):
            return [f"another reason: {result.stderr}"]
        return []

    def judge_success(self, result):
        """Is it really?"""
        return [] if result.stdout else ["it says nothing"]


class Control(Tool):
    """forkgreetctl."""

    name, role, others = "ctl-status", "control", (69, 75)
    words = ("status",)

    def command(self):
        return CTL, ("-s", self.stage.control, "-w", "5", *self.words)

    def judge_success(self, result):
        return []


class ControlClients(Control):
    """A longer answer, in JSON."""

    name, words = "ctl-clients", ("-j", "clients")


class ControlReload(Control):
    """What changes something."""

    name, words = "ctl-reload", ("reload",)


class ControlState(Control):
    """A state with a time."""

    name, words = "ctl-state", ("ready", "main")


class ControlUpgrade(Control):
    """The longest wait."""

    name, words = "ctl-upgrade", ("upgrade",)


class Client(Tool):
    """forkgreet."""

    name, role, others = "client", "client", (1, 2, 3)

    def command(self):
        return CLIENT, ("-w", "5", "127.0.0.1",
                        str(self.stage.ports["main"]))

    def judge_success(self, result):
        return [] if result.stdout == "hi client\n" else [repr(result.stdout)]


class Load(Client):
    """As a load."""

    name = "client-load"

    def command(self):
        program, arguments = super().command()
        return program, ("--load", "-n", "20", "-c", "4", *arguments)

    def judge_success(self, result):
        return [] if "20" in result.stdout else [result.stdout[-200:]]


class Check(Client):
    """As a monitoring plugin: 3 is what it does not know."""

    name, others = "client-check", (2, 3)

    def command(self):
        program, arguments = super().command()
        return program, ("--check", *arguments)

    def judge(self, cell, result):
        if result.returncode in (2, 3) and (
                result.stdout or cell.call == "write"):
            return []
        return super().judge(cell, result)

    def judge_success(self, result):
        return [] if "hi client" in result.stdout or (
            "OK" in result.stdout) else [repr(result.stdout)]


class Feed(Tool):
    """forkgreet-feed, once."""

    name, role = "feed-once", "feed"
    files = {"health": b"up\n", "text": b"up\n"}

    def begin(self):
        self.place = self.stage.place

    def command(self):
        return FEED, ("-1", "-s", os.path.join(self.place, "health"),
                      "-o", os.path.join(self.place, "text"), "echo", "up")

    def try_cell(self, cell):
        hits, wrong = super().try_cell(cell)
        return hits, wrong + list(self.left())

    def left(self):
        """What is in the folder besides."""
        names = set(os.listdir(self.place)) - {"health", "text"}
        if names:
            yield f"files are left: {names}"

    def judge(self, cell, result):
        if result.returncode in (126, 127) and (
                cell.role == "command" or "cannot be started" in result.stderr):
            return []
        return super().judge(cell, result)

    def judge_success(self, result):
        return self.written()

    def written(self):
        """What is wrong with the files."""
        wrong = []
        for name, text in self.files.items():
            with open(os.path.join(self.place, name), "rb") as file:
                got = file.read()
            if got != text:
                wrong.append(f"{name} is {got!r}")
        return wrong


class FeedService(Feed):
    """forkgreet-feed, over and over."""

    name = "feed"

    def __init__(self):
        super().__init__()
        self.process = None

    def begin(self):
        super().begin()
        if self.process is None:
            self.said = open(os.path.join(self.place, "..said"), "w+b")
            self.process = subprocess.Popen(
                [FEED, "-i", "0.1", *self.command()[1][1:]],
                stdin=subprocess.DEVNULL, stdout=self.said, stderr=self.said,
                preexec_fn=die_with_parent)
            self.fresh()

    def end(self):
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.said.close()
            self.process = None
        super().end()

    def fresh(self):
        """Waits for files that are written now."""
        for name in self.files:
            self.stage.write(name, b"old\n")
        wait_for(lambda: not self.written(), self.stage.patience,
                 "files that are written")

    def trace(self):
        self.begin()
        with Injector({self.process.pid: "feed"}) as injector:
            time.sleep(CALM)
        return injector.trace

    def left(self):
        names = set(os.listdir(self.place)) - {"health", "text", "..said"}
        names = {name for name in names if not name.startswith(".forkgreet")}
        if names:
            yield f"files are left: {names}"

    def try_cell(self, cell):
        self.begin()
        wrong = []
        said = os.fstat(self.said.fileno()).st_size
        with Injector({self.process.pid: "feed"}, cell.options()) as injector:
            time.sleep(LONG if cell.pattern == "second" else CALM)
        if self.process.poll() is not None:
            wrong.append(f"it has ended: {self.process.returncode}")
            self.process = None
            return injector.hits, wrong
        try:
            self.fresh()
            wait_for(lambda: not [pid for pid in children(self.process.pid)
                                  if not exists(pid)] and
                     len(children(self.process.pid)) <= 1, 2, "processes")
        except AssertionError as error:
            wrong.append(str(error))
        self.said.seek(said)
        lines = self.said.read().count(b"\n")
        if lines > 50:
            wrong.append(f"{lines} lines said")
        if wrong:
            self.process.kill()
            self.process.wait()
            self.process = None
        return injector.hits, wrong


TOOLS = (Control, ControlClients, ControlReload, ControlState, ControlUpgrade,
         Client, Load, Check, Feed, FeedService)
