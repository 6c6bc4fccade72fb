"""Faults in the calls of running processes, or of a command: inject."""

import os
import shutil
import subprocess
import tempfile

from harness import BUILDDIR, PATIENCE, die_with_parent

# A copy, as of the programs: the build may go on.
INJECT = shutil.copy(
    os.path.join(os.path.abspath(os.environ.get("BUILDDIR", ".")), "tests",
                 "reliability", "faults", "inject"), BUILDDIR)


class Injector:
    """At running processes, {pid: role}, and what they start:

        with Injector(pids, options) as injector:
            ...
        injector.hits, or .trace without options
    """

    def __init__(self, pids, options=()):
        self.options, self.hits, self.trace = options, 0, []
        self._output = tempfile.NamedTemporaryFile("r", errors="replace")
        attach = [word for pid, role in pids.items()
                  for word in ("-p", f"{role}={pid}")]
        self._process = subprocess.Popen(
            [INJECT, "-o", self._output.name, *options, *attach],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, preexec_fn=die_with_parent)

    def __enter__(self):
        if self._process.stdout.readline() != b"ready\n":
            raise AssertionError(self._process.stderr.read().decode())
        return self

    def __exit__(self, *_):
        self._process.terminate()
        self._process.communicate(timeout=PATIENCE)
        self.hits, self.trace = result(self._output, self.options)
        self._output.close()


class Wrapper:
    """For what is started with a wrapper."""

    def __init__(self, role, options=()):
        self.options = options
        self._output = tempfile.NamedTemporaryFile("r", errors="replace")
        self.words = (INJECT, "-o", self._output.name, "-r", role, *options)

    def result(self):
        """(hits, trace), once it has ended or been told to."""
        return result(self._output, self.options)

    def close(self):
        """Forgets it."""
        self._output.close()


def result(file, options):
    """(how many calls failed, the trace) that inject has written."""
    file.seek(0)
    lines = file.read().splitlines()
    if options:
        return int(lines[0]) if lines else 0, []
    whole = bool(lines) and lines[-1] == "end"
    return 0, lines[:-1] if whole else []
