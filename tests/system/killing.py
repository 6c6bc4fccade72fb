"""kill -9 at one system call of a process, or of what it starts, and which
calls there are."""

import os
import subprocess
import tempfile
import typing

from harness import IS_ROOT, die_with_parent, wait_for

KILLER = os.path.join(os.path.abspath(os.environ.get("BUILDDIR", ".")),
                      "tests", "system", "killer")


class Call(typing.NamedTuple):
    """A call that was traced."""

    process: int  # in the order of creation, the first is 1
    name: str  # of the process
    call: str


class Killed(typing.NamedTuple):
    """Who was, and by which call."""

    pid: int
    name: str
    call: str


class Killer:
    """Traces the processes, and what they start, while the context lasts:

        with Killer(pid, count=7) as killer:
            ...  # the call number 7 of the process kills it, or the victim
        killer.killed() is None  # it has not made so many

    count 0: all calls are listed.  process: whose calls are counted.  stops: it
    is stopped, not killed."""

    def __init__(self, *pids, count=0, process=1, victim=None, stops=False):
        self._output = tempfile.TemporaryFile()
        options = ["-s"] * stops
        if victim is not None:
            options += ["-v", str(victim)]
        self._process = subprocess.Popen(
            [KILLER, *options, str(process), str(count), *map(str, pids)],
            stdin=subprocess.DEVNULL, stdout=self._output,
            stderr=self._output, preexec_fn=die_with_parent)

    def __enter__(self):
        wait_for(lambda: "traced" in self._lines() or self.ended(),
                 what="tracing")
        if "traced" not in self._lines():
            text = "\n".join(self._lines())
            self.__exit__()
            raise AssertionError(f"{KILLER}: {text}")
        return self

    def __exit__(self, *_):
        if not self.ended():
            self._process.terminate()
            self._process.wait()
        self._text = self._lines()
        self._output.close()

    def ended(self):
        """Has it killed somebody, or has the first process ended?"""
        return self._process.poll() is not None

    def _lines(self):
        if self._output.closed:
            return self._text
        size = os.fstat(self._output.fileno()).st_size
        return os.pread(self._output.fileno(), size, 0).decode().splitlines()

    def killed(self):
        """Killed, or None."""
        for line in self._lines():
            if line.startswith("killed "):
                _, pid, rest = line.split(" ", 2)
                return Killed(int(pid), *rest.rsplit(" ", 1))
        return None

    def calls(self):
        """All so far, with count=0."""
        found = []
        for line in self._lines():
            number, _, rest = line.partition(" ")
            if number.isdigit():
                found.append(Call(int(number), *rest.rsplit(" ", 1)))
        return found


def killer_works():
    """True when a process of another user can be traced."""
    if not IS_ROOT:
        return False
    with subprocess.Popen(["sleep", "60"]) as sleeper:
        try:
            with Killer(sleeper.pid):
                return True
        except AssertionError:
            return False
        finally:
            sleeper.kill()
