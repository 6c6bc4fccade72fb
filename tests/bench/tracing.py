"""What perf(1) saw of a server: who called what, and for how long it ran.

One record of system calls, switches, forks and page faults of the whole
machine is read once; only the server's own processes count.
"""

import collections
import re
import shutil
import subprocess

EVENTS = ("raw_syscalls:sys_enter", "raw_syscalls:sys_exit",
          "sched:sched_switch", "sched:sched_process_fork")
RECORD = ["perf", "record", "-q", "-a", "-m", "16M",
          "-e", ",".join(EVENTS), "-e", "page-faults", "-c", "1"]
# The last switch of a process that has been reaped has -1.
LINE = re.compile(r"^ *(-?\d+) +(\d+)\.(\d{9}): +(\S+):(?: (.*))?$")
SWITCH = re.compile(r"prev_pid=(\d+) .*? ==> .*?next_pid=(\d+) ")
FORK = re.compile(r"pid=(\d+) .*child_pid=(\d+)")
ROLES = ("master", "spawner", "client")


class Task:
    """One process, as seen so far."""

    def __init__(self, role, since=None):
        self.role = role
        self.since = since  # it runs since then; None: it does not
        self.ran = 0  # ns, until since
        self.call = None  # (number, what it had run, when)
        self.forked = None

    def running(self, now):
        """What it has run in all."""
        return self.ran + (now - self.since if self.since is not None else 0)


class Seen:
    """Sums over all processes of a role."""

    def __init__(self):
        # role, number: [calls, ns that it ran in them, ns that they took]
        self.calls = collections.defaultdict(lambda: [0, 0, 0])
        self.faults = collections.Counter()
        self.switches = collections.Counter()
        self.ran = collections.Counter()
        self.clients = 0
        self.started = self.first_wait = 0
        self.exits = self.exit_ns = 0
        self.lost = 0


class Reader:
    """Goes through the events."""

    def __init__(self, master, spawner, exit_number):
        self.tasks = {master: Task("master")}
        if spawner:
            self.tasks[spawner] = Task("spawner")
        self.parent = spawner or master
        self.exit_number = exit_number
        self.seen = Seen()

    def line(self, line):
        """One event of perf script."""
        found = LINE.match(line)
        if not found:
            self.seen.lost += "LOST" in line
            return
        tid, seconds, nanoseconds, event, rest = found.groups()
        now = int(seconds) * 10**9 + int(nanoseconds)
        task = self.tasks.get(int(tid))
        if event == "sched:sched_switch":
            self.switch(rest, now)
        elif event == "sched:sched_process_fork":
            self.fork(rest, now)
        elif task is None:
            return
        elif event == "raw_syscalls:sys_enter":
            task.call = (int(rest.split()[1]), task.running(now), now)
        elif event == "raw_syscalls:sys_exit":
            self.leave(task, now)
        elif event.startswith("page-faults"):
            self.seen.faults[task.role] += 1

    def fork(self, rest, now):
        """A client's process begins."""
        parent, child = map(int, FORK.search(rest).groups())
        if parent == self.parent:
            self.tasks[child] = Task("client")
            self.tasks[child].forked = now
            self.seen.clients += 1

    def switch(self, rest, now):
        """One stops to run, another one starts."""
        last, following = map(int, SWITCH.search(rest).groups())
        task = self.tasks.get(last)
        if task:
            self.seen.switches[task.role] += 1
            if task.since is not None:
                task.ran += now - task.since
                self.seen.ran[task.role] += now - task.since
            task.since = None
            if task.role == "client" and re.search(r"prev_state=[ZX]", rest):
                self.end(task)
                del self.tasks[last]
        task = self.tasks.get(following)
        if task:
            task.since = now
            if task.forked is not None:
                self.seen.started += 1
                self.seen.first_wait += now - task.forked
                task.forked = None

    def leave(self, task, now):
        """A call returns; a clone does in the child too, without entry."""
        if task.call is None:
            return
        number, ran, when = task.call
        task.call = None
        sums = self.seen.calls[task.role, number]
        sums[0] += 1
        sums[1] += task.running(now) - ran
        sums[2] += now - when

    def end(self, task):
        """It ran for the last time, in the call that does not return."""
        if task.call is None or task.call[0] != self.exit_number:
            return
        self.seen.exits += 1
        self.seen.exit_ns += task.ran - task.call[1]


def numbers(compiler):
    """Names of the system calls by number, from the C library's header."""
    done = subprocess.run([*compiler, "-E", "-dM", "-"], text=True,
                          input="#include <sys/syscall.h>\n", check=False,
                          stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    return {int(number): name for name, number in
            re.findall(r"^#define __NR_(\w+) (\d+)$", done.stdout, re.M)}


def works():
    """Whether perf may record these events here; "" or why not."""
    if shutil.which("perf") is None:
        return "absent: perf (apt-get install linux-perf)"
    done = subprocess.run([*RECORD, "-o", "/dev/null", "--", "true"],
                          stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                          text=True, check=False)
    if done.returncode == 0:
        return ""
    return "perf does not work here: " + " ".join(done.stderr.split())[:200]


def read(path, master, spawner, exit_number):
    """What a record has of a server; spawner may be None."""
    reader = Reader(master, spawner, exit_number)
    with subprocess.Popen(
            ["perf", "script", "-i", path, "--ns", "--show-lost-events",
             "-F", "tid,time,event,trace"], stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL, text=True) as script:
        for line in script.stdout:
            reader.line(line)
    return reader.seen
