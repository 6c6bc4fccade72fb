"""Control groups for servers, which know what a server uses with all its
processes."""

import contextlib
import os
import re
import time

REMOVE_SECONDS = 5  # killed processes leave a control group a little later
# controller of version 1: its file, and that of version 2
ACCOUNTS = {"cpuacct": ("cpuacct.usage", "cpu.stat"),
            "memory": ("memory.usage_in_bytes", "memory.current")}


def own_group(folder, pattern):
    """Our control group's folder below folder; pattern finds it in
    /proc/self/cgroup."""
    with open("/proc/self/cgroup") as file:
        found = re.search(pattern, file.read(), re.M)
    return os.path.join(folder, found.group(1)) if found else None


def accounts(controller):
    """folder, file, of each way in which groups may be had here."""
    with open("/proc/self/mounts") as file:
        for line in file:
            _, folder, kind, options = line.split()[:4]
            if kind == "cgroup" and controller in options.split(","):
                yield own_group(folder, rf"^\d+:(?:[^:]*,)?{controller}"
                                r"(?:,[^:]*)?:/(.*)$"), ACCOUNTS[controller][0]
            elif kind == "cgroup2":
                yield own_group(folder, r"^0::/(.*)$"), ACCOUNTS[controller][1]


class Group:
    """A control group for one server."""

    def __init__(self, folder, account):
        self.folder, self.account = folder, account

    def enter(self):
        """Moves the calling process."""
        with open(os.path.join(self.folder, "cgroup.procs"), "w") as file:
            file.write(str(os.getpid()))

    def read(self, name):
        """The text of one of its files."""
        with open(os.path.join(self.folder, name)) as file:
            return file.read()

    def used_us(self):
        """User and system time of all that ever ran in it."""
        text = self.read(self.account)
        found = re.search(r"^usage_usec (\d+)$", text, re.M)
        return int(found.group(1)) if found else int(text) / 1000

    def used_mib(self):
        """Memory of its processes, the kernel's for them in it, without
        cached files."""
        files = re.search(r"^(?:total_cache|file) (\d+)$",
                          self.read("memory.stat"), re.M)
        return (int(self.read(self.account)) - int(files.group(1))) / 2**20

    def remove(self):
        """When all its processes have ended."""
        deadline = time.monotonic() + REMOVE_SECONDS
        while True:
            try:
                return os.rmdir(self.folder)
            except OSError:
                if time.monotonic() >= deadline:
                    raise
            time.sleep(0.02)


def make_group(controller, name):
    """A new group, or None when there can be none."""
    for folder, account in accounts(controller):
        if folder is None:
            continue
        folder = os.path.join(folder, name)
        try:
            os.mkdir(folder)
        except OSError:
            continue
        if os.path.exists(os.path.join(folder, account)):
            return Group(folder, account)
        os.rmdir(folder)
    return None


@contextlib.contextmanager
def grouped(servers, controller="cpuacct"):
    """Each in a control group of its own while it lasts, where there can be
    any: then True.  They are started in it, and stopped."""
    for number, server in enumerate(servers):
        server.group = make_group(
            controller, f"forkgreet-bench-{os.getpid()}-{number}")
    try:
        yield all(server.group for server in servers)
    finally:
        for server in servers:
            server.stop()
            if server.group:
                server.group.remove()
