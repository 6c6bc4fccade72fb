"""The daemon of the soak, its programs, its operator."""

import collections
import json
import os
import shutil
import signal

from board import Board
from harness import (BUILDDIR, CTL, IS_ROOT, SPAWNER_NAME, USER, Daemon,
                     children, descriptors, exists, limits, proc_status, run, wait_for)
from harness.kernel import pgid
from swarm import Swarm
from targets import TARGETS, Places, greeting

INSTALLED = ("forkgreetd", "forkgreet-reader", "forkgreet-spawner")
NAMES = tuple(target.name for target in TARGETS)
FOLLOWED = tuple(t for t in TARGETS if "f" in t.flags and t.format != "agent")
AT_A_TIME = 160
# Large blocks are the kernel's again once they are freed, so that what a burst
# took, and holes that it left, do not look as if memory grew (mallopt(3)).
MALLOC = {"MALLOC_MMAP_THRESHOLD_": "32768", "MALLOC_TRIM_THRESHOLD_": "32768",
          "MALLOC_TOP_PAD_": "0"}


class Scene:
    """All that runs."""

    def __init__(self, folder, seed):
        self.folder = folder
        os.chmod(folder, 0o755)
        if IS_ROOT:
            os.chown(folder, USER, USER)
        self.places = Places(folder)
        self.board = Board(os.path.join(folder, "board"))
        self.daemon = self.swarm = None
        self.upgrades = 0
        self.squeezed = False
        self.asked = collections.Counter()  # by us, not by the swarm
        self.install()
        for target in FOLLOWED:
            self.places.write(target, greeting(target, 1))
        self.places.write(TARGETS[NAMES.index("agent")], "up 2%\n")
        top = 'user = "nobody"; group = "nogroup";' if IS_ROOT else ""
        self.top = (f'{top} log = {{ target = "stderr"; clients = "errors"; '
                    '};')
        self.daemon = Daemon(os.path.join(self._own("daemon")),
                             self.places.configuration(1, self.top),
                             program=self.program("forkgreetd"),
                             env=MALLOC).ready()
        listed = os.path.join(folder, "targets")
        self.places.list(listed)
        self.settle()
        self.descriptors = len(descriptors(self.daemon.pid))
        self.swarm = Swarm(self.board, AT_A_TIME, seed, listed)

    def _own(self, name):
        """A folder that is not the daemon's."""
        path = os.path.join(self.folder, name)
        os.makedirs(path, 0o755, exist_ok=True)
        return path

    def end(self):
        """Of all."""
        for one in self.swarm, self.daemon:
            if one is not None:
                one.end()
        self.board.close()

    # ------------------------------------------------------------- programs

    def program(self, name):
        """The path of a program that may be replaced."""
        return os.path.join(self._own("programs"), name)

    def install(self, source=None):
        """New files, as dpkg(1) makes them; source: instead of the daemon."""
        for name in INSTALLED:
            path = self.program(name)
            given = source if name == "forkgreetd" and source else \
                os.path.join(BUILDDIR, name)
            shutil.copy(given, path + ".new")
            os.chmod(path + ".new", 0o755)
            os.rename(path + ".new", path)

    # ------------------------------------------------------------- operator

    def ctl(self, *words):
        """forkgreetctl; its subprocess.CompletedProcess."""
        return run("-s", os.path.join(self.folder, "control"), "-w", "60",
                   *words, program=CTL, seconds=90)

    def must(self, *words, status=0):
        """The same, which must end so."""
        done = self.ctl(*words)
        if done.returncode != status:
            raise AssertionError(
                f"forkgreetctl {' '.join(words)}: {done.returncode}, "
                f"{done.stderr or done.stdout}\n"
                + "\n".join(self.daemon.log()[-15:]))
        return done.stdout

    def status(self):
        """What status -j says."""
        return json.loads(self.must("-j", "status"))

    def forget_log(self):
        """It would be gigabytes."""
        os.truncate(self.daemon.log_path, 0)

    # ------------------------------------------------------------ processes

    def spawners(self):
        """Pids: the one that serves, and the one on standby."""
        return self.daemon.all_spawners()

    def clients(self):
        """Pids of children that serve clients."""
        return [pid for pid in children(self.daemon.pid)
                if proc_status(pid).get("Name") == SPAWNER_NAME
                and pgid(pid) not in (pid, None)]

    def readers(self):
        """Pids of processes that parse the configuration."""
        return [pid for pid in children(self.daemon.pid)
                if proc_status(pid).get("Name", "").startswith(
                    "forkgreet-reade")]

    def kill(self, pid, number):
        """True when it was still there."""
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            return False
        return True

    def settled(self):
        """Do the two spawners stand, and nothing else?"""
        pids = children(self.daemon.pid)
        return (len(pids) == 2 and all(map(exists, pids)) and
                sorted(self.spawners()) == sorted(pids))

    def settle(self, seconds=60):
        """Waits for that."""
        wait_for(self.settled, seconds, "two spawners and nothing else")

    def soft_files(self):
        """The master's limit of descriptors."""
        return limits(self.daemon.pid)["Max open files"][0]


SIGNALS = (signal.SIGKILL, signal.SIGSEGV, signal.SIGTERM, signal.SIGABRT)
