"""Copies of the sources and of a build, in which one file at a time is
changed, and the tests that are run there."""

import os
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time

from harness import die_with_parent

# No Makefile is made anew, and what a mutant is warned of does not matter.
FIXED = ["AUTOCONF=:", "AUTOMAKE=:", "ACLOCAL=:", "AUTOHEADER=:",
         "WARN_CFLAGS=-w"]
MEMORY = 8 << 30  # of address space, for what does not end
UNIT_SECONDS, SYSTEM_SECONDS = 10, 120  # at least, and
PATIENCE = 6  # times as long as on the source as it is


class Result:
    """Of a test: .good, and .why not."""

    def __init__(self, why=""):
        self.good = not why
        self.why = why


def _before():
    die_with_parent()
    os.setpgid(0, 0)
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))


def _contained(command):
    """All that it has started ends with it, and it has a loopback of its own,
    where we may have that: a test takes its address from its pid."""
    if os.geteuid() != 0 or None in map(shutil.which, ("unshare", "ip")):
        return command
    return ["unshare", "--pid", "--net", "--fork", "--mount-proc",
            "--kill-child", "sh", "-c", 'ip link set lo up && exec "$@"', "sh",
            *command]


class Tree:
    """A build and its sources; the one that was there itself, or a copy."""

    def __init__(self, source, build, temporary):
        self.source, self.build = source, build
        self.temporary = temporary
        self.changed = None  # which file, and its text as it is

    def path(self, file):
        """Of a file below src/."""
        return os.path.join(self.source, "src", file)

    def write(self, file, text):
        """Gives it that text; another one becomes again as it was."""
        if self.changed is not None and self.changed[0] != file:
            self.restore()
        path = self.path(file)
        if self.changed is None:
            with open(path, encoding="utf-8") as old:
                self.changed = file, old.read()
        with open(path, "w", encoding="utf-8") as new:
            new.write(text)

    def restore(self):
        """All is as it was."""
        if self.changed is not None:
            with open(self.path(self.changed[0]), "w",
                      encoding="utf-8") as file:
                file.write(self.changed[1])
            self.changed = None

    def make(self, *targets):
        """Builds them; does it compile?"""
        places = [f"{name}={path}" for name, path in (
            ("srcdir", self.source), ("top_srcdir", self.source),
            ("VPATH", self.source), ("abs_srcdir", self.source),
            ("abs_top_srcdir", self.source), ("abs_builddir", self.build),
            ("abs_top_builddir", self.build))]
        made = subprocess.run(
            ["make", "-s", *FIXED, *places, *targets], cwd=self.build,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, encoding="utf-8", errors="replace",
            check=False, preexec_fn=die_with_parent)
        return made.returncode == 0, made.stdout

    def run(self, command, seconds):
        """A test's program, until it has failed; its result."""
        environment = {**os.environ, "BUILDDIR": self.build,
                       "top_srcdir": self.source, "TMPDIR": self.temporary,
                       "CMOCKA_MESSAGE_OUTPUT": "TAP", "SEED": "1"}
        for name in "MAKEFLAGS", "MFLAGS", "MAKELEVEL":
            environment.pop(name, None)
        with subprocess.Popen(
                _contained(command), cwd=self.build, env=environment,
                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL, encoding="utf-8", errors="replace",
                preexec_fn=_before) as process:
            late = threading.Event()

            def stop():
                late.set()
                os.killpg(process.pid, signal.SIGKILL)
            timer = threading.Timer(seconds, stop)
            timer.start()
            try:
                bad = self._first_bad(process.stdout)
            finally:
                timer.cancel()
                if process.poll() is None and bad:
                    os.killpg(process.pid, signal.SIGKILL)
            status = process.wait()
        if late.is_set():
            return Result("takes too long")
        return Result(bad or (status and f"status {status}") or "")

    @staticmethod
    def _first_bad(lines):
        """The name of the first test that fails."""
        for line in lines:
            if line.startswith("not ok") and "# SKIP" not in line:
                return line.split("-", 1)[-1].strip()
        return ""


def copy(source, build, folder):
    """A tree of their copies below the folder."""
    def left_out(place, names):
        return [name for name in names
                if name == ".git" or name.startswith("build-") or
                os.path.join(place, name) == build != source]
    ours = os.path.join(folder, "source")
    shutil.copytree(source, ours, symlinks=True, ignore=left_out)
    built = ours
    if build != source:
        built = os.path.join(folder, "build")
        shutil.copytree(build, built, symlinks=True)
    temporary = os.path.join(folder, "t")
    os.mkdir(temporary, 0o755)
    os.chmod(temporary, 0o1777)
    return Tree(ours, built, temporary)


class Tests:
    """The tests' programs, and how long each takes on the source as it is,
    where it has to pass."""

    def __init__(self, tree):
        self.tree = tree
        self._seconds = {}
        self._locks = {}
        self._lock = threading.Lock()

    @staticmethod
    def command(tree, test):
        """Of a test, as the table has it, in that tree."""
        if "/" in test:
            return [os.path.join(tree.build, "tests/unit", test)]
        name, *some = test.split()
        return [sys.executable, "-B",
                os.path.join(tree.source, "tests/system", name + ".py"), *some]

    def _limit(self, test):
        with self._lock:
            lock = self._locks.setdefault(test, threading.Lock())
        with lock:
            if test not in self._seconds:
                begin = time.monotonic()
                result = self.tree.run(self.command(self.tree, test), 600)
                if not result.good:
                    raise RuntimeError(
                        f"{test} fails without a mutant: {result.why}")
                self._seconds[test] = time.monotonic() - begin
        least = UNIT_SECONDS if "/" in test else SYSTEM_SECONDS
        return max(least, PATIENCE * self._seconds[test])

    def kills(self, tree, test):
        """Does it fail in the tree, twice?  It depends on more than the source.
        Its reason, or ""."""
        limit = self._limit(test)
        result = tree.run(self.command(tree, test), limit)
        if result.good or "/" in test:
            return result.why and tree.run(self.command(tree, test), limit).why
        again = result.why.split()[0] if "." in result.why.split()[0] else ""
        name = test.split()[0]
        once_more = f"{name} {again}" if again else test
        return tree.run(self.command(tree, once_more), limit).why


def folder():
    """For the trees, where everybody may go, with short paths: sockets are in
    it."""
    path = tempfile.mkdtemp(prefix="fg-mutants-")
    os.chmod(path, 0o755)
    return path
