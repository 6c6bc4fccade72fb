"""Control groups of our own, of version 1 or 2: cgroups(7)."""

import os
import re
import signal

from .process import PATIENCE, wait_for

# Where systemd and containers have them.
PARENTS = {1: "/sys/fs/cgroup/{}", 2: "/sys/fs/cgroup"}
UNIFIED = "/sys/fs/cgroup/unified"  # version 2 beside version 1


class ControlGroup:
    """One that can be made and has that file, of the version or of either; or
    none: then .path is None."""

    CONTROLLER = ""
    FILES = {}  # {version: {what: name of a file}}

    def __init__(self, version=None):
        self.path, self.version = None, version
        for each in (1, 2) if version is None else (version,):
            parents = (PARENTS[2], UNIFIED) if each == 2 else (PARENTS[1],)
            for parent in parents:
                if self.path is None:
                    self._make(parent.format(self.CONTROLLER), each)

    def _make(self, parent, version):
        path = os.path.join(
            parent, f"forkgreet-test-{self.CONTROLLER}-{os.getpid()}")
        try:
            os.mkdir(path)
        except OSError:
            return
        if all(os.path.exists(os.path.join(path, name))
               for name in self.FILES[version].values()):
            self.path, self.version = path, version
        else:
            os.rmdir(path)

    def why_none(self):
        """Why there is none; "" when there is one."""
        if self.path is not None:
            return ""
        which = "" if self.version is None else f" of version {self.version}"
        return (f"no control group{which} with "
                f"{self.CONTROLLER} can be made")

    def write(self, name, value):
        """Sets a file of the group."""
        with open(os.path.join(self.path, name), "w",
                  encoding="ascii") as file:
            file.write(str(value))

    def read(self, name):
        """What a file of the group says."""
        with open(os.path.join(self.path, name), encoding="ascii") as file:
            return file.read().strip()

    def file(self, what):
        """Its name in this version."""
        return self.FILES[self.version][what]

    def enter(self):
        """For preexec: a process and all that it starts are in it."""
        self.write("cgroup.procs", os.getpid())

    def remove(self):
        """Ends what is left in it."""
        def removed():
            for pid in self.read("cgroup.procs").split():
                try:
                    os.kill(int(pid), signal.SIGKILL)
                except ProcessLookupError:
                    pass
            try:
                os.rmdir(self.path)
            except OSError:
                return False
            return True
        if self.path is not None:
            wait_for(removed, PATIENCE, "an empty control group")


class PidsGroup(ControlGroup):
    """Counts processes."""

    CONTROLLER = "pids"
    FILES = dict.fromkeys((1, 2), {"limit": "pids.max",
                                   "used": "pids.current"})

    def count(self):
        """How many processes are in it."""
        return int(self.read("pids.current"))

    def limit(self, most):
        """So many may be in it; the others may stay."""
        self.write("pids.max", most)


class MemoryGroup(ControlGroup):
    """Counts bytes."""

    CONTROLLER = "memory"
    FILES = {1: {"limit": "memory.limit_in_bytes",
                 "used": "memory.usage_in_bytes",
                 "kills": "memory.oom_control"},
             2: {"limit": "memory.max", "used": "memory.current",
                 "kills": "memory.events"}}

    def used(self):
        """Bytes."""
        return int(self.read(self.file("used")))

    def limit(self, most):
        """So many bytes; None: no limit.  Version 1 says EBUSY when it has
        more and nothing to give back."""
        none = {1: -1, 2: "max"}[self.version]
        self.write(self.file("limit"), none if most is None else most)

    def kills(self):
        """How many processes the kernel has killed in it."""
        return int(re.search(r"(?m)^oom_kill (\d+)$",
                             self.read(self.file("kills")))[1])


class FreezerGroup(ControlGroup):
    """Stops all that is in it."""

    CONTROLLER = "freezer"
    FILES = {1: {"stop": "freezer.state"}, 2: {"stop": "cgroup.freeze"}}
    WORDS = {1: ("THAWED", "FROZEN"), 2: ("0", "1")}

    def freeze(self, frozen=True):
        """Or lets it go on."""
        self.write(self.file("stop"), self.WORDS[self.version][frozen])
        if not frozen:
            return
        name, word = {1: ("freezer.state", "FROZEN"),
                      2: ("cgroup.events", "frozen 1")}[self.version]
        wait_for(lambda: word in self.read(name), PATIENCE, "a frozen group")

    def remove(self):
        if self.path is not None:
            self.freeze(False)
        super().remove()
