"""Standard error that takes no lines: the daemon never waits for it."""

import fcntl
import os
import re
import resource
import select
import signal
import socket
import subprocess
import sys
import threading
import unittest

from harness import (BUILDDIR, IS_ROOT, PATIENCE, USER, children, descriptors,
                     greet, needs_root, not_under_valgrind, parse_line,
                     proc_status, untimed, wait_for)
from outputs import StderrCase, drain


class Stderr(StderrCase):
    """Standard error that does not take lines."""

    def pipe(self):
        """A small pipe."""
        reader, writer = os.pipe()
        self.addCleanup(os.close, reader)
        os.set_blocking(reader, False)
        fcntl.fcntl(writer, fcntl.F_SETPIPE_SZ, 16384)
        return reader, writer

    def test_full_pipe(self):
        """Lines are dropped, counted, and that is said later."""
        reader, writer = self.pipe()
        daemon = self.start(writer)
        self.assert_quick()
        wait_for(lambda: not daemon.clients(), what="rest")
        before = drain(reader)
        self.assertGreater(len(before), 5)
        greet(self.port)
        after = wait_for(lambda: drain(reader), what="lines")
        wait_for(lambda: not daemon.clients(), what="rest")
        after += drain(reader)
        daemon.signal(signal.SIGUSR1)
        counted = []

        def is_counted():
            counted.extend(drain(reader))
            return any(" log_dropped=" in line for line in counted)
        wait_for(is_counted, what="counters")
        lines = [line for line in counted if " counters " in line]
        # The last of the others may have been seen off only now.
        after += [line for line in counted if line not in lines]
        # While it was full, that line may have had room where none of a
        # client had.
        dropped = [int(line.partition("dropped=")[2])
                   for line in before + after
                   if re.fullmatch(r"forkgreetd: log dropped=\d+", line)]
        self.assertIn(f" dropped={dropped[-1]}", after[0])
        self.assertIn(len(after), (2, 3), after)
        for line in after[1:]:
            self.assertTrue(line.startswith("forkgreetd: client id="), after)
        clients = sum(" client id=" in line for line in before + after)
        row = parse_line(lines[0])
        self.assertEqual(clients + sum(dropped), int(row["ended_greeted"]))
        self.assertIn(f"log_dropped={sum(dropped)}", lines[1])
        os.close(writer)
        self.assertEqual(daemon.stop(), 0)
        self.assertTrue(all(line.startswith("forkgreetd: ")
                            for line in before + after + lines))

    def test_nobody_reads(self):
        """The pipe's reader has gone: no SIGPIPE, no end."""
        reader, writer = os.pipe()
        daemon = self.start(writer)
        os.close(reader)
        os.close(writer)
        self.assert_quick()
        daemon.signal(signal.SIGUSR1)
        self.assert_quick(3)
        self.assertEqual(daemon.stop(), 0)

    def test_device_full(self):
        """Every write fails."""
        with open("/dev/full", "wb") as full:
            daemon = self.start(full.fileno())
            self.assert_quick()
            self.assertEqual(daemon.stop(), 0)

    @needs_root
    def test_closed(self):
        """Started without descriptors 0 to 2: no client gets them."""
        daemon = self.start(None)
        with self.connect(self.port):
            self.assert_quick()
            self.assertEqual({descriptors(daemon.pid)[number]
                              for number in range(3)}, {"/dev/null"})
        daemon.write_config(self.configuration())
        daemon.signal(signal.SIGHUP)
        self.assert_quick()
        self.assertEqual({descriptors(daemon.pid)[number]
                          for number in range(3)}, {"/dev/null"})
        self.assertEqual(daemon.stop(), 0)


class StderrAsUser(Stderr):
    """What may differ, started by an ordinary user."""

    as_user = True
    test_device_full = test_nobody_reads = None


class Stuck(StderrCase):
    """What all of them have in common."""

    NAME = "forkgreetd: "

    def read(self, reader):
        """What has come so far."""
        text = b""
        try:
            while part := os.read(reader, 1 << 16):
                text += part
        except BlockingIOError:
            pass
        return text.replace(b"\r\n", b"\n").decode()

    def lines(self, text):
        """Its lines, each of them whole, without the name."""
        self.assertTrue(text.endswith("\n"), text[-200:])
        found = untimed(text).splitlines()
        for line in found:
            self.assertTrue(line.startswith(self.NAME), line)
            self.assertEqual(line.count("forkgreetd: "),
                             self.NAME.count("forkgreetd: "), line)
            self.assertNotIn("client id", line[len(self.NAME) + 1:])
        return [line[len(self.NAME):] for line in found]

    def ways(self, daemon, kind):
        """How many descriptors the daemon has of that kind, beyond 0 and 1."""
        return sum(number >= 2 and kind in path for number, path in
                   descriptors(daemon.pid).items())

    def exercise(self, daemon, read, again):
        """Clients are served while nobody reads; once read() takes the lines
        that are there all is said, and the sums are right; again() makes it
        stuck once more, and TERM is obeyed."""
        self.assert_quick()
        wait_for(lambda: not daemon.clients(), PATIENCE, "rest")
        text = read()

        def flows():
            nonlocal text
            greet(self.port)
            text += read()
            return "log dropped=" in text
        wait_for(flows, PATIENCE, "lines")
        wait_for(lambda: not daemon.clients(), PATIENCE, "rest")
        daemon.signal(signal.SIGUSR1)

        def counted():
            nonlocal text
            text += read()
            return "log_dropped=" in text and text.endswith("\n")
        wait_for(counted, PATIENCE, "counters")
        self.balance(self.lines(text))
        again()
        self.assert_quick()
        self.assertEqual(daemon.stop(), 0)

    def balance(self, lines):
        """Each client has its line, or is counted as dropped."""
        dropped = sum(int(line.removeprefix("log dropped="))
                      for line in lines if line.startswith("log dropped="))
        clients = sum(line.startswith("client id=") for line in lines)
        row, total = map(parse_line, lines[-2:])
        self.assertGreater(dropped, 0)
        self.assertGreater(clients, 0)
        self.assertEqual(int(total["log_dropped"]), dropped)
        self.assertEqual(clients + dropped, int(row["ended_greeted"]))


class Terminal(Stuck):
    """A terminal: POLLOUT there does not mean that a line fits."""

    foreign = False

    def terminal(self):
        """Its two ends; what is read does not wait."""
        reader, writer = os.openpty()
        self.addCleanup(os.close, reader)
        self.addCleanup(os.close, writer)
        os.set_blocking(reader, False)
        if self.as_user and not self.foreign:
            os.chown(os.ttyname(writer), USER, USER)
        else:
            os.chmod(os.ttyname(writer), 0o600)
        return reader, writer

    def start(self, stderr, config=None):
        daemon = super().start(stderr, config)
        # Whoever shares it goes on waiting when he writes.
        self.assertTrue(os.get_blocking(stderr))
        self.assertEqual(self.ways(daemon, os.ttyname(stderr)),
                         1 if self.foreign else 2)
        return daemon

    def stop_terminal(self, reader, writer):
        """Control-S, until it takes nothing."""
        os.write(reader, b"\x13")
        wait_for(lambda: not select.select([], [writer], [], 0)[1], PATIENCE,
                 "the stop")

    def test_b1_nobody_reads(self):
        """As the other end of a connection that is stuck."""
        reader, writer = self.terminal()
        daemon = self.start(writer)
        self.exercise(daemon, lambda: self.read(reader), lambda: None)

    def test_b1_stopped_by_its_user(self):
        """Control-S, and after a while control-Q."""
        reader, writer = self.terminal()
        daemon = self.start(writer)
        wait_for(lambda: not daemon.clients(), PATIENCE, "rest")
        self.stop_terminal(reader, writer)
        stopped = True

        def read():
            nonlocal stopped
            text = self.read(reader)
            if stopped:
                self.assertLess(text.count("client id="), 2)
                os.write(reader, b"\x11")
                stopped = False
            return text
        self.exercise(daemon, read,
                      lambda: self.stop_terminal(reader, writer))

    def test_b1_start(self):
        """Also at the start: warnings go there, whatever log.target says."""
        reader, writer = self.terminal()
        self.stop_terminal(reader, writer)
        daemon = self.start(writer)
        self.assert_quick(20)
        self.assertEqual(daemon.stop(), 0)
        self.assertEqual(self.read(reader), "")

    def test_b1_hung_up(self):
        """The other end has gone."""
        reader, writer = self.terminal()
        daemon = self.start(writer)
        os.dup2(os.open(os.devnull, os.O_RDONLY), reader)
        self.assert_quick()
        self.assertEqual(daemon.stop(), 0)


@unittest.skipUnless(IS_ROOT, "an ordinary user runs Terminal")
class TerminalAsUser(Terminal):
    """The same, started by an ordinary user on his terminal."""

    as_user = True


@needs_root
class ForeignTerminal(Terminal):
    """One that cannot be opened anew, as after su(1)."""

    as_user = True
    foreign = True


# A session with a terminal on descriptor 2: in its foreground this program, in
# its background the daemon, with "stty tostop".
SESSION = """
import fcntl, os, signal, subprocess, sys, termios
os.setsid()
fcntl.ioctl(2, termios.TIOCSCTTY, 0)
modes = termios.tcgetattr(2)
modes[3] |= termios.TOSTOP
termios.tcsetattr(2, termios.TCSANOW, modes)
daemon = subprocess.Popen(sys.argv[1:], preexec_fn=os.setpgrp)
signal.signal(signal.SIGTERM, lambda *_: daemon.terminate())
sys.exit(daemon.wait())
"""


class Background(Stuck):
    """A job of a shell, in the background."""

    def test_b1_tostop(self):
        """stty tostop: SIGTTOU does not stop it."""
        reader, writer = os.openpty()
        self.addCleanup(os.close, reader)
        os.set_blocking(reader, False)
        path = os.path.join(self.folder(), "forkgreet.conf")
        with open(path, "w", encoding="ascii") as file:
            file.write(self.configuration())
        session = subprocess.Popen(
            [sys.executable, "-c", SESSION,
             os.path.join(BUILDDIR, "forkgreetd"), "-f", "-c", path],
            stdin=subprocess.DEVNULL, stderr=writer)
        os.close(writer)
        try:
            text = ""

            def started():
                nonlocal text
                text += self.read(reader)
                return "start version" in text
            wait_for(started, PATIENCE, "start")
            (pid,) = children(session.pid)
            self.assertEqual(os.getpgid(pid), pid)
            self.assert_quick(20)
            self.assertNotEqual(proc_status(pid)["State"][0], "T")
            wait_for(lambda: "client id" in self.read(reader), PATIENCE,
                     "a client's line")
            session.terminate()
            self.assertEqual(session.wait(PATIENCE), 0)
        finally:
            if session.poll() is None:
                for pid in (*children(session.pid), session.pid):
                    os.kill(pid, signal.SIGKILL)
                session.wait()


class Pipe(Stuck):
    """A pipe, which others write to as well."""

    def pipe(self):
        """A small one."""
        reader, writer = os.pipe()
        self.addCleanup(os.close, reader)
        self.addCleanup(os.close, writer)
        os.set_blocking(reader, False)
        fcntl.fcntl(writer, fcntl.F_SETPIPE_SZ, 16384)
        return reader, writer

    def test_b1_full(self):
        """Nobody reads it for a while."""
        reader, writer = self.pipe()
        daemon = self.start(writer)
        self.exercise(daemon, lambda: self.read(reader), lambda: None)
        self.assertTrue(os.get_blocking(writer))
        self.read(reader)
        self.assertFalse(self.read(reader))

    def test_b1_filled_by_another(self):
        """Somebody else takes each page that gets free, at once."""
        reader, writer = self.pipe()
        daemon = self.start(writer)
        ends = threading.Event()

        def fill():
            while not ends.is_set():
                os.write(writer, b"x" * 4095 + b"\n")

        def empty():
            while not ends.wait(0.0005):
                try:
                    os.read(reader, 4096)
                except BlockingIOError:
                    pass
        threads = [threading.Thread(target=call) for call in (fill, empty)]
        for thread in threads:
            thread.start()
        try:
            self.assert_quick()
            daemon.signal(signal.SIGTERM)
            self.assertEqual(daemon.wait(), 0)
        finally:
            ends.set()
            while any(thread.is_alive() for thread in threads):
                self.read(reader)
                for thread in threads:
                    thread.join(0.01)


@unittest.skipUnless(IS_ROOT, "an ordinary user runs Pipe")
class PipeAsUser(Pipe):
    """One that cannot be opened anew: root has made it."""

    as_user = True


class File(Stuck):
    """A regular file."""

    def file(self, flags=os.O_APPEND):
        """Its path, and a descriptor for writing."""
        path = os.path.join(self.folder(), "log")
        writer = os.open(path, os.O_WRONLY | os.O_CREAT | flags, 0o644)
        self.addCleanup(os.close, writer)
        return path, writer

    def text(self, path):
        """What is in it."""
        with open(path, encoding="utf-8") as file:
            return file.read()

    def test_b1_over_its_limit(self):
        """No SIGXFSZ; the line that was cut goes on where there is room."""
        path, writer = self.file()
        filling = 5200 * (self.NAME + "x" * 188 + "\n")
        os.write(writer, filling.encode())
        limit = len(filling) + 5000

        def preexec():
            resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
            os.dup2(writer, 2)
        daemon = self.daemon(ready=False, preexec=preexec)
        wait_for(self.serves, PATIENCE, "service")
        self.exercise_file(daemon, path, limit)

    def exercise_file(self, daemon, path, size):
        """Full, emptied, full again."""
        self.assert_quick()
        wait_for(lambda: not daemon.clients(), PATIENCE, "rest")
        before = self.text(path)
        self.assertEqual(len(before), size)
        os.truncate(path, 0)
        greet(self.port)
        wait_for(lambda: not daemon.clients(), PATIENCE, "rest")
        daemon.signal(signal.SIGUSR1)
        wait_for(lambda: "log_dropped=" in self.text(path), PATIENCE,
                 "counters")
        self.balance(self.lines(before + self.text(path)))
        self.assert_quick()
        self.assertEqual(daemon.stop(), 0)

    def test_b1_shared_offset(self):
        """Opened without O_APPEND: nobody overwrites what others write."""
        path, writer = self.file(0)
        daemon = self.start(writer)
        for count in range(5):
            os.write(writer, b"forkgreetd: another %d\n" % count)
            greet(self.port)
            wait_for(lambda: not daemon.clients(), PATIENCE, "rest")
        self.assertEqual(daemon.stop(), 0)
        lines = self.lines(self.text(path))
        self.assertEqual([line for line in lines if "another" in line],
                         [f"another {count}" for count in range(5)])
        self.assertEqual(sum("client id" in line for line in lines), 6)

    @needs_root
    @not_under_valgrind("its wrapper runs one program")
    def test_b1_full_disk(self):
        """ENOSPC, then room again."""
        folder = self.folder()
        mount = ('mount -t tmpfs -o size=16k tmpfs "$1" && '
                 'exec 2>>"$1/log" && shift && exec "$@"')
        daemon = self.daemon(ready=False, wrapper=(
            "unshare", "-m", "sh", "-c", mount, "sh", folder))
        wait_for(self.serves, PATIENCE, "service")
        path = f"/proc/{daemon.pid}/root{folder}/log"
        self.exercise_file(daemon, path, 1 << 14)


class Journal(Stuck):
    """A stream socket, as the journal's (systemd.exec(5), $JOURNAL_STREAM)."""

    def journal(self, inode=0):
        """Its two ends, and the variable; inode is added to the true one."""
        reader, writer = socket.socketpair()
        self.addCleanup(reader.close)
        self.addCleanup(writer.close)
        reader.setblocking(False)
        status = os.fstat(writer.fileno())
        return reader, writer, {
            "JOURNAL_STREAM": f"{status.st_dev}:{status.st_ino + inode}"}

    def start_with(self, writer, variable):
        """A daemon whose standard error it is."""
        daemon = self.daemon(
            ready=False, env=variable, as_user=self.as_user,
            preexec=lambda: os.dup2(writer.fileno(), 2))
        wait_for(self.serves, PATIENCE, "service")
        return daemon

    def test_d1_priorities(self):
        """Each line begins with its own, and has no name."""
        reader, writer, variable = self.journal()
        daemon = self.start_with(writer, variable)
        daemon.write_config("wrong = 1;\n")
        daemon.signal(signal.SIGHUP)
        text = ""

        def failed():
            nonlocal text
            text += self.read(reader.fileno())
            return "reload result=" in text
        wait_for(failed, PATIENCE, "reload")
        self.assertNotIn("forkgreetd: ", text)
        self.assertRegex(text, r"(?m)^<5>start version=")
        self.assertRegex(text, r"(?m)^<6>client id=\d+ .*outcome=greeted")
        self.assertRegex(text, r"(?m)^<3>.*forkgreet\.conf:1: wrong: ")
        self.assertRegex(text, r"(?m)^<3>reload result=failed")
        self.assertEqual(daemon.stop(), 0)

    def test_d1_child_that_is_killed(self):
        """What a child that was broken into may end by is an error."""
        reader, writer, variable = self.journal()
        daemon = self.daemon(
            self.listener("hold = true;"), ready=False, env=variable,
            as_user=self.as_user, preexec=lambda: os.dup2(writer.fileno(), 2))
        text = ""

        def says(pattern):
            nonlocal text
            text += self.read(reader.fileno())
            return re.search(pattern, text)
        wait_for(lambda: says("start version="), PATIENCE, "start")
        for number, outcome in ((signal.SIGSEGV, "crashed"),
                                (signal.SIGSYS, "violation")):
            client = self.connect(self.port)
            self.assertEqual(client.recv(100), b"hi client\n")
            # While a generation is on trial there are its children too.
            wait_for(lambda: len(daemon.clients()) == 1, PATIENCE, "a child")
            os.kill(daemon.clients()[0], number)
            wait_for(lambda end=outcome: says(
                f"(?m)^<3>client id=.* outcome={end} "), PATIENCE, outcome)
        self.assertEqual(daemon.stop(), 0)

    def test_d1_start_that_fails(self):
        """Its errors, before anything is configured."""
        reader, writer, variable = self.journal()
        daemon = self.daemon(
            config="wrong = 1;\n", ready=False, env=variable,
            as_user=self.as_user, preexec=lambda: os.dup2(writer.fileno(), 2))
        self.assertEqual(daemon.wait(), 78)
        self.assertRegex(self.read(reader.fileno()),
                         r"\A<3>\S+/forkgreet\.conf:1: wrong: .*\n\Z")

    def test_d1_not_the_journal(self):
        """Standard error was turned elsewhere, or the variable is garbage."""
        for change in (lambda good: {}, lambda good: {"JOURNAL_STREAM": ""},
                       lambda good: {"JOURNAL_STREAM": good[:-1]},
                       lambda good: {"JOURNAL_STREAM": good + "0"},
                       lambda good: {"JOURNAL_STREAM": good.replace(":", "")},
                       lambda good: {"JOURNAL_STREAM": ":" + good},
                       lambda good: {"JOURNAL_STREAM": "9" * 100}):
            reader, writer, variable = self.journal()
            variable = change(variable["JOURNAL_STREAM"])
            with self.subTest(variable):
                daemon = self.start_with(writer, variable)
                self.assertEqual(daemon.stop(), 0)
                lines = self.lines(self.read(reader.fileno()))
                self.assertTrue(lines[-1].startswith("stopped "), lines)

    def test_b1_journal_stopped(self):
        """It does not read: dropped, counted, said later."""
        reader, writer, variable = self.journal()
        writer.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
        daemon = self.start_with(writer, variable)
        self.assertTrue(writer.getblocking())

        def read():
            return re.sub("(?m)^<\\d>", self.NAME,
                          self.read(reader.fileno()))
        self.exercise(daemon, read, lambda: None)

    def test_b1_journal_gone(self):
        """It was killed: no SIGPIPE."""
        reader, writer, variable = self.journal()
        daemon = self.start_with(writer, variable)
        reader.close()
        self.assert_quick()
        self.assertEqual(daemon.stop(), 0)


@unittest.skipUnless(IS_ROOT, "an ordinary user runs Journal")
class JournalAsUser(Journal):
    """The same, started by an ordinary user."""

    as_user = True


if __name__ == "__main__":
    from harness import main
    main()
