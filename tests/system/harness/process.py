"""The programs under test, running them, and waiting."""

import atexit
import concurrent.futures
import ctypes
import os
import random
import shutil
import signal
import subprocess
import tempfile
import time

IS_ROOT = os.geteuid() == 0
PROGRAMS = ("forkgreetd", "forkgreet", "forkgreet-feed", "forkgreetctl",
            "forkgreet-reader", "forkgreet-spawner")


def _builddir():
    """Where the programs are: copies, for the build may be where an ordinary
    user, whom some tests become, cannot go, and its files, with an umask of
    002, what the daemon does not execute."""
    build = os.path.abspath(os.environ.get("BUILDDIR", "."))
    folder = tempfile.mkdtemp(prefix="forkgreet-test-programs-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    os.chmod(folder, 0o755)
    for name in PROGRAMS:
        os.chmod(shutil.copy(os.path.join(build, name), folder), 0o755)
    return folder


BUILDDIR = _builddir()
DAEMON = os.path.join(BUILDDIR, "forkgreetd")
CLIENT = os.path.join(BUILDDIR, "forkgreet")
CTL = os.path.join(BUILDDIR, "forkgreetctl")
SPAWNER_NAME = "forkgreet-spawn"  # prctl PR_SET_NAME, 15 bytes
# What the daemon runs under: "make check-valgrind" sets it.
UNDER = os.environ.get("DAEMON_UNDER", "").split()
USER = 65534  # nobody, nogroup: on every Debian
# A user that no other test has at this time.
ALONE = 60000 + os.getpid() % 5000
HOST = "127.0.0.1"
PATIENCE = 30  # seconds: much longer than what must happen ever takes

_libc = ctypes.CDLL(None, use_errno=True)
PR_SET_PDEATHSIG = 1
PR_SET_CHILD_SUBREAPER = 36


def wait_for(condition, seconds=PATIENCE, what="condition"):
    """Waits until condition() is true, and returns what it returned."""
    end = time.monotonic() + seconds
    while True:
        result = condition()
        if result:
            return result
        if time.monotonic() > end:
            raise AssertionError(f"{what}: not within {seconds} s")
        time.sleep(0.01)


def wait_count(count, look, seconds=PATIENCE, what="as many"):
    """Waits until look() has found so many, perhaps none; returns that list,
    for another look may find others."""
    def found():
        them = look()
        return (them,) if len(them) == count else None
    return wait_for(found, seconds, what)[0]


def together(*calls):
    """Calls all of them at the same time; their results, or the first
    exception once all have ended."""
    with concurrent.futures.ThreadPoolExecutor(len(calls)) as pool:
        futures = [pool.submit(call) for call in calls]
    return [future.result() for future in futures]


def die_with_parent():
    """For preexec_fn."""
    _libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


def become_user(user=USER):
    """For preexec_fn: root becomes an ordinary user."""
    os.setgroups([])
    os.setresgid(user, user, user)
    os.setresuid(user, user, user)


def command(wrapper, program):
    """program behind wrapper, and the daemon behind what UNDER says too, its
    %p made unique: pids come again, and may be another user's then."""
    if os.path.basename(program) != "forkgreetd":
        return [*wrapper, program]
    run_id = f"{random.getrandbits(48):x}"
    under = [word.replace("%p", f"{run_id}-%p") for word in UNDER]
    return [*wrapper, *under, program]


def run(*arguments, program=DAEMON, as_user=False, preexec=None, wrapper=(),
        seconds=PATIENCE, **keywords):
    """Runs forkgreetd to its end; returns subprocess.CompletedProcess with
    what it said as text."""
    def before():
        if preexec is not None:
            preexec()
        if as_user and IS_ROOT:
            become_user()
    keywords = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE,
                "stderr": subprocess.PIPE, **keywords}
    return subprocess.run([*command(wrapper, program), *arguments],
                          timeout=seconds,
                          encoding="utf-8", errors="replace", check=False,
                          preexec_fn=before, **keywords)


def adopt_orphans():
    """From now on a daemon that goes to the background becomes our child, and
    cannot get lost."""
    _libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
