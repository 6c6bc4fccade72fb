"""Test cases: their daemons, folders and sockets go away with them."""

import contextlib
import fcntl
import os
import shutil
import signal
import tempfile
import unittest

from .clients import connect, free_port, greet
from .daemon import Background, Daemon, untimed
from .process import (ALONE, BUILDDIR, CTL, HOST, IS_ROOT, PATIENCE, UNDER,
                      USER, run)


def _unlimited(top):
    """top behind the log's line, with no limit for a source unless it says so:
    tests are one source.  The lines keep their numbers."""
    if "max_clients_per_source" in top:
        return "\n" + top
    none = "max_clients_per_source = 0; "
    if "limits = {" in top:
        return "\n" + top.replace("limits = {", "limits = { " + none, 1)
    return f" limits = {{ {none}}};\n{top}"


class Case(unittest.TestCase):
    """A test with daemons, folders and sockets that go away with it: as root,
    or in a subclass that sets as_user as an ordinary user."""

    as_user = False
    # Its daemons have a user of their own, for what the kernel counts for all of a
    # user's processes: those of other tests would count too.  Processes, and
    # descriptors that were sent and not received yet, of which there may be as
    # many as RLIMIT_NOFILE says (unix(7), ETOOMANYREFS).
    alone = False

    def setUp(self):
        if self.as_user and not IS_ROOT:
            self.skipTest("all tests run as an ordinary user")

    def folder(self):
        """A new folder that everybody may enter."""
        path = tempfile.mkdtemp(prefix="forkgreet-test-")
        os.chmod(path, 0o755)
        if IS_ROOT:
            owner = ALONE if self.alone and self.as_user else USER
            os.chown(path, owner, owner)
        self.addCleanup(shutil.rmtree, path, ignore_errors=True)
        return path

    def daemon(self, listeners=None, top="", ready=True, as_user=False,
               config=None, **arguments):
        """Starts a daemon: config whole, or its listeners and what stands
        above them; by default one listener on self.port."""
        if config is None:
            config = self.configuration(listeners, top)
        daemon = Daemon(self.folder(), config, self._user(as_user), **arguments)
        self.addCleanup(daemon.end)
        return daemon.ready() if ready else daemon

    def background(self, listeners=None, top="", ready=True, as_user=False,
                   config=None, **arguments):
        """The same without -f."""
        if config is None:
            config = self.configuration(listeners, top)
        daemon = Background(self.folder(), config, self._user(as_user),
                            **arguments)
        self.addCleanup(daemon.end)
        return daemon.ready() if ready else daemon

    def _user(self, as_user):
        """Who starts a daemon."""
        return ALONE if as_user and self.alone else as_user

    def configuration(self, listeners=None, top=""):
        """A configuration: one listener on self.port unless listeners says
        otherwise."""
        if listeners is None:
            listeners = self.listener()
        who = identity("games", "games") if self.alone else identity()
        return (who + 'log = { target = "stderr"; };' + _unlimited(top) + f"\nlisteners = ( {listeners} );\n")

    def listener(self, more="", name="main", port=None):
        """A listener's group on 127.0.0.1."""
        if port is None:
            port = self.port
        return (f'{{ name = "{name}"; address = "{HOST}"; port = {port}; '
                f'{more} }}')

    @property
    def port(self):
        """This test's own port."""
        if not hasattr(self, "_port"):
            self._port = free_port()
        return self._port

    def connect(self, *arguments, **keywords):
        """connect() that is closed with the test."""
        sock = connect(*arguments, **keywords)
        self.addCleanup(sock.close)
        return sock

    def assert_balanced(self, daemon):
        """accepted = refused + ended + live, for every listener."""
        for name, row in daemon.counters().items():
            if name is None:
                continue
            parts = sum(value for key, value in row.items()
                        if key.startswith(("refused_", "ended_")))
            self.assertEqual(row["accepted"], parts + row["live"], row)


class ControlCase(Case):
    """The same with a control socket, self.control."""

    def setUp(self):
        super().setUp()
        self.control = os.path.join(self.folder(), "control")

    def configuration(self, listeners=None, top=""):
        text = super().configuration(listeners, top)
        text = text.replace(' control_socket = "";', "")
        return f'control_socket = "{self.control}";\n{text}'

    def say(self, *words):
        """forkgreetctl, which must succeed; what it says."""
        result = run("-s", self.control, *words, program=CTL)
        self.assertEqual((result.returncode, result.stderr), (0, ""))
        return result.stdout


class StartCase(Case):
    """A test of how the daemon starts."""

    def start(self, listeners=None, top="", **more):
        """A daemon that serves."""
        return self.daemon(listeners, top, as_user=self.as_user, **more)

    def file(self, text, mode=0o644, name="file"):
        """Writes one in a folder of its own; returns its path."""
        path = os.path.join(self.folder(), name)
        with open(path, "w", encoding="latin-1") as file:
            file.write(text)
        os.chmod(path, mode)
        return path

    def run_with(self, path, *arguments, as_user=None, **more):
        """run() with that configuration file."""
        return run(*arguments, "-c", path,
                   as_user=self.as_user if as_user is None else as_user,
                   **more)

    def refused(self, status, *texts, config=None, mode=0o644,
                arguments=("-f",), **more):
        """The daemon must not start, but exit with that status and say these
        texts, FILE:LINE being where the listeners stand."""
        if config is None:
            config = self.configuration()
        path = self.file(config, mode, "forkgreet.conf")
        result = self.run_with(path, *arguments, **more)
        self.assertEqual(result.returncode, status, result.stderr)
        said = untimed(result.stderr)
        for line in said.splitlines():
            self.assertTrue(line.startswith("forkgreetd: "), said)
        before = config.partition("listeners = (")[0].count("\n")
        for text in texts:
            text = text.replace("FILE", path)
            self.assertIn(text.replace("LINE", str(before + 1)), said)

    def greets(self, port, text=b"hi client\n", host=HOST):
        """Somebody must send the text there."""
        self.assertEqual(greet(port, host, seconds=PATIENCE), text)

    def copies(self):
        """A copy of the daemon, its path; what it executes is beside it."""
        folder = self.folder()
        for name in "forkgreetd", "forkgreet-reader", "forkgreet-spawner":
            shutil.copy(os.path.join(BUILDDIR, name), folder)
        return os.path.join(folder, "forkgreetd")

    @contextlib.contextmanager
    def stuck_start(self, start):
        """start(program) starts a daemon, which binds, but cannot open its
        spawner's program until the context ends: our lease (fcntl(2)) makes it
        wait."""
        program = self.copies()
        spawner = os.open(os.path.join(os.path.dirname(program),
                                       "forkgreet-spawner"),
                          os.O_RDONLY | os.O_CLOEXEC)
        before = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGIO])
        try:
            try:
                fcntl.fcntl(spawner, fcntl.F_SETLEASE, fcntl.F_WRLCK)
            except OSError as error:
                self.skipTest(f"F_SETLEASE: {error.strerror}")
            daemon = start(program)
            self.assertIsNotNone(
                signal.sigtimedwait([signal.SIGIO], PATIENCE),
                "nobody opens the spawner's program")
            yield daemon
        finally:
            os.close(spawner)
            signal.pthread_sigmask(signal.SIG_SETMASK, before)


def identity(user="nobody", group="nogroup"):
    """What a daemon that root starts must be told."""
    if not IS_ROOT:
        return ""
    return (f'user = "{user}"; group = "{group}"; control_socket = ""; '
            'state_file = "";\n')


def needs_root(test):
    """Skips a test that an ordinary user cannot run."""
    return unittest.skipUnless(IS_ROOT, "needs root")(test)


if_also_user = unittest.skipUnless(
    IS_ROOT, "an ordinary user runs the same tests in the other class")


def needs_program(name):
    """Skips a test without that program."""
    return unittest.skipUnless(shutil.which(name), f"needs {name}")


def not_under_valgrind(reason):
    """Skips a test that valgrind itself would spoil."""
    return unittest.skipIf(UNDER, "valgrind: " + reason)
