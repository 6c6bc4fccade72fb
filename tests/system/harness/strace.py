"""strace at a running process: traces, and faults."""

import shutil
import signal
import subprocess

from .kernel import proc_status
from .process import IS_ROOT, die_with_parent, wait_for


class Strace:
    """strace at a running process: what it injects ends with it."""

    def __init__(self, pid, *expressions, follow=False, output="/dev/null"):
        arguments = ["strace", "-qq", "-s", "80", "-o", output, "-p", str(pid)]
        if follow:
            arguments.append("-f")
        for expression in expressions:
            arguments += ["-e", expression]
        self.pid = pid
        self.process = subprocess.Popen(
            arguments, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE, preexec_fn=die_with_parent)

    def __enter__(self):
        wait_for(lambda: self._traces() or self.process.poll() is not None,
                 what="strace")
        if self.process.poll() is not None:
            raise AssertionError(self.process.stderr.read().decode())
        return self

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGINT)
        self.process.wait()
        self.process.stderr.close()

    def _traces(self):
        return (proc_status(self.pid).get("TracerPid") ==
                str(self.process.pid))


def strace_works():
    """True when a process of another user can be traced."""
    if not IS_ROOT or shutil.which("strace") is None:
        return False
    sleeper = subprocess.Popen(["sleep", "60"])
    try:
        with Strace(sleeper.pid, "trace=none"):
            return True
    except AssertionError:
        return False
    finally:
        sleeper.kill()
        sleeper.wait()
