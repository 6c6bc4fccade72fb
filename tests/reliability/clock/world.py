"""A daemon whose wall clock may be set, by libfaketime, and whose monotonic one
may begin elsewhere, in a time namespace."""

import ctypes
import glob
import os
import shutil
import subprocess
import tempfile
import time

from harness import (CTL, IS_ROOT, USER, Daemon, connect, free_port, read_all,
                     run, wait_for)

LIBRARY = "/usr/lib/*/faketime/libfaketime.so.1"
# Beyond what is promised: a machine that does other things too.
LATE = 4.0
SOON = 0.05  # a clock's resolution, and that of the kernel's timers


def why_no_steps():
    """Why the wall clock cannot be faked; "" when it can."""
    return "" if glob.glob(LIBRARY) else "needs libfaketime"


def why_no_offset():
    """Why there can be no time namespace; "" when there can."""
    done = subprocess.run(
        [*offset_wrapper(1000), "cat", "/proc/uptime"], text=True,
        check=False, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    if done.returncode != 0:
        return done.stderr.strip()
    if float(done.stdout.split()[0]) - time.monotonic() < 900:
        return "exec does not enter the time namespace"
    return ""


def offset_wrapper(seconds):
    """unshare(1)."""
    return ("unshare", "-T", "--monotonic", str(seconds), "--boottime",
            str(seconds))


class Shared:
    """The semaphore and the memory that libfaketime has for itself: ours, or
    each process would make them, and a daemon that is no longer root could not
    open its own after an upgrade."""

    _libc = ctypes.CDLL(None, use_errno=True)
    _libc.sem_open.restype = ctypes.c_void_p

    def __init__(self, folder):
        name = os.path.basename(folder)
        self._names = f"/{name}-sem", f"/{name}-shm"
        self.name = " ".join(self._names)
        if self._libc.sem_open(self._names[0].encode(),
                               os.O_CREAT | os.O_EXCL, 0o666, 1) is None:
            raise OSError(ctypes.get_errno(), "sem_open")
        with open(self._paths[1], "wb") as file:
            file.write(bytes(64))
        for path in self._paths:
            os.chmod(path, 0o666)

    @property
    def _paths(self):
        return (f"/dev/shm/sem.{self._names[0][1:]}",
                f"/dev/shm/{self._names[1][1:]}")

    def end(self):
        """Of both."""
        for path in self._paths:
            os.unlink(path)


class World:
    """The daemon of a case, and its clocks."""

    def __init__(self, step, offset):
        self.step, self.offset = step, offset
        self.folder = tempfile.mkdtemp(prefix="forkgreet-clock-")
        os.chmod(self.folder, 0o755)
        if IS_ROOT:
            os.chown(self.folder, USER, USER)
        self.ports, self.daemon, self._ahead = {}, None, 0
        self._shared = Shared(self.folder)
        self._processes, self._failures = [], []
        self._set(0)

    def end(self):
        """Of all that was started."""
        for process in self._processes:
            if process.poll() is None:
                process.kill()
            process.wait()
        if self.daemon is not None:
            self.daemon.end()
        self._shared.end()
        shutil.rmtree(self.folder, ignore_errors=True)

    def guard(self, call, *arguments):
        """For a thread: what it raises, raise_failures() does."""
        try:
            call(*arguments)
        except Exception as error:  # pylint: disable=broad-except
            self._failures.append(error)

    def raise_failures(self):
        """The first."""
        if self._failures:
            raise self._failures[0]

    # ---------------------------------------------------------------- clocks

    def path(self, name):
        """In the folder."""
        return os.path.join(self.folder, name)

    def _set(self, ahead):
        with open(self.path("clock.new"), "w", encoding="ascii") as file:
            file.write(f"{ahead:+d}\n")
        os.chmod(self.path("clock.new"), 0o644)
        os.rename(self.path("clock.new"), self.path("clock"))
        self._ahead = ahead

    def set_clock(self, more=0):
        """The step, and so many seconds more."""
        self._set(self.step + more)

    def now(self):
        """The wall clock that the programs see."""
        return time.time() + self._ahead

    @property
    def environment(self):
        """That has programs see it."""
        if not self.step:
            return {}
        library, = glob.glob(LIBRARY)
        return {"LD_PRELOAD": library, "NO_FAKE_STAT": "1",
                "FAKETIME_TIMESTAMP_FILE": self.path("clock"),
                "FAKETIME_SHARED": self._shared.name,
                "FAKETIME_NO_CACHE": "1", "DONT_FAKE_MONOTONIC": "1",
                "FAKETIME_DONT_FAKE_MONOTONIC": "1"}

    @property
    def wrapper(self):
        """That has the monotonic clock begin elsewhere."""
        return offset_wrapper(self.offset) if self.offset else ()

    # -------------------------------------------------------------- programs

    def start(self, *listeners, top="", env=None):
        """A daemon with these: "NAME: rest of the group"."""
        groups = []
        for text in listeners:
            name, _, rest = text.partition(":")
            self.ports[name] = free_port()
            groups.append(f'{{ name = "{name}"; address = "127.0.0.1"; '
                          f'port = {self.ports[name]}; {rest} }}')
        user = 'user = "nobody"; group = "nogroup"; ' if IS_ROOT else ""
        config = (f'{user} control_socket = "{self.path("control")}"; '
                  'pid_file = ""; state_file = ""; log = { target = "stderr"; '
                  f'}};\n{top}\nlisteners = ( {", ".join(groups)} );\n')
        self.daemon = Daemon(self.folder, config, wrapper=self.wrapper,
                             env={**self.environment, **(env or {})}).ready()

    def greet(self, name, say=b""):
        """What a client gets."""
        with self.connect(name) as sock:
            if say:
                sock.sendall(say)
            return read_all(sock).decode()

    def connect(self, name, **more):
        """A client."""
        return connect(self.ports[name], **more)

    def _environ(self):
        return {**os.environ, **self.environment}

    def ctl(self, *words):
        """forkgreetctl, which must succeed; what it says."""
        done = run("-s", self.path("control"), "-w", "60", *words, program=CTL,
                   seconds=90, env=self._environ(), wrapper=self.wrapper)
        assert done.returncode == 0, (words, done)
        return done.stdout

    def spawn(self, *command, **more):
        """A program in this world that ends with it."""
        # pylint: disable-next=consider-using-with
        process = subprocess.Popen(
            [*self.wrapper, *command], stdin=subprocess.DEVNULL,
            env=self._environ(), cwd=self.folder, **more)
        self._processes.append(process)
        return process

    def lines(self, word, count=1, **fields):
        """Of the log, once they are there."""
        return self.daemon.wait_line(word, count, **fields)


def took(begun, least, what, late=LATE):
    """It ended now: not before the time that was promised, and soon after."""
    seconds = time.monotonic() - begun
    assert least - SOON <= seconds <= least + late, \
        f"{what}: after {seconds:.2f} s, not {least} s"


def until(condition, what, late=LATE):
    """wait_for() with that bound."""
    wait_for(condition, late, what)
