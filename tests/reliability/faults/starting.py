"""From the exec to the first client, and to the end again."""

import os
import re
import shutil
import tempfile

from harness import Daemon, USER, wait_for

from baseline import at_rest
from injector import Wrapper
from phases import another_reason
from stage import Stage, left_in_group

PATIENCE = 15  # seconds: a trial or a reader may be waited for
ADDRESS, SYSTEM, PRIVILEGE = 69, 71, 77
NOT_OF_THE_SYSTEM = ("EPERM", "EINVAL", "ENOTCONN", "ECANCELED", "ESRCH",
                     "EFAULT", "EBUSY", "ENOLCK")


class Start:
    """Each cell starts a daemon."""

    name = "start"

    def __init__(self):
        self.stage = Stage()
        self.usual = None  # descriptors of one at rest

    def end(self):
        """Nothing is left of it."""
        self.stage.doCleanups()

    def begin(self, options=()):
        """(the daemon, the wrapper), once it serves or has ended."""
        folder = tempfile.mkdtemp(prefix="forkgreet-test-")
        os.chmod(folder, 0o755)
        os.chown(folder, USER, USER)
        self.stage.control = os.path.join(folder, "control")
        wrapper = Wrapper("master", options)
        daemon = Daemon(folder, self.stage.configuration(),
                        wrapper=wrapper.words)
        self.stage.running = daemon
        wait_for(lambda: daemon.process.poll() is not None
                 or daemon.lines("start"), PATIENCE, "a start or its end")
        return daemon, wrapper

    def forget(self, daemon, wrapper):
        """Whatever state it is in."""
        daemon.end()
        wrapper.close()
        shutil.rmtree(daemon.folder, ignore_errors=True)
        self.stage.running = None

    def trace(self):
        """The lines of a start without a fault."""
        daemon, wrapper = self.begin()
        try:
            self.adopt(daemon)
            self.stage.settle()
            daemon.process.terminate()
            wait_for(lambda: wrapper.result()[1], PATIENCE)
            return wrapper.result()[1]
        finally:
            self.forget(daemon, wrapper)

    @staticmethod
    def adopt(daemon):
        """It is what the injector has started."""
        daemon.pid = int(daemon.lines("start")[0]["pid"])

    def try_cell(self, cell):
        """(hits, [what is wrong])."""
        self.learn()
        daemon, wrapper = self.begin(cell.options())
        try:
            if daemon.lines("start"):
                wrong = self.judge_service(daemon)
            else:
                wrong = self.judge_refusal(daemon, cell)
            return wrapper.result()[0], wrong
        except AssertionError as error:
            return 1, [str(error)[-300:]]
        finally:
            self.forget(daemon, wrapper)

    def learn(self):
        """What one without a fault has open."""
        if self.usual is None:
            daemon, wrapper = self.begin()
            self.adopt(daemon)
            daemon.process.terminate()
            self.stage.settle()
            self.stage.rest()
            self.usual = at_rest(daemon).descriptors
            self.forget(daemon, wrapper)

    def judge_service(self, daemon):
        """One that has gone on: as if nothing had been."""
        self.adopt(daemon)
        daemon.process.terminate()  # inject lets go of it
        baseline = self.stage.baseline()
        wrong = self.stage.judge_service(baseline)
        self.stage.settle()
        try:
            self.stage.rest()
            wait_for(lambda: at_rest(daemon).descriptors <= self.usual, 5)
        except AssertionError:
            wrong.append(f"{at_rest(daemon)} instead of {self.usual} "
                         "descriptors")
        wrong += self.stage.spinning()
        return wrong + self.stops(daemon)

    def stops(self, daemon):
        """It can be ended, and all is gone then."""
        groups = daemon.all_spawners()
        os.kill(daemon.pid, 15)
        status = daemon.process.wait(PATIENCE)
        return ([f"exit status {status} after TERM"] if status else []) + list(
            self.left(groups))

    def left(self, groups):
        """What there still is after its end."""
        try:
            wait_for(lambda: not left_in_group(groups), 2)
        except AssertionError:
            yield f"processes are left: {left_in_group(groups)}"
        if os.path.exists(self.stage.control):
            yield "the control socket is left"

    def judge_refusal(self, daemon, cell):
        """The contract's status, and the error's own name."""
        status, said = daemon.process.returncode, "\n".join(daemon.log())
        wrong = list(self.left(re.findall(r"spawner start pid=(\d+)", said)))
        expected = (SYSTEM, PRIVILEGE) if (
            cell.error in NOT_OF_THE_SYSTEM) else (SYSTEM,)
        if status not in expected:
            wrong.append(f"exit status {status}: {said[-300:]}")
        else:
            wrong += filter(None, [another_reason(cell, said)])
        return wrong
