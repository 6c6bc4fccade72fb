"""forkgreet-feed: commands of all kinds, its files at any moment, and what the
service manager hears of it."""

import contextlib
import ctypes
import os
import random
import re
import select
import shutil
import signal
import socket
import stat
import subprocess
import sys
import time

from harness import (BUILDDIR, PATIENCE, Case, children, die_with_parent,
                     exists, needs_root, proc_status, wait_for)
from programs import Build

BUILD = Build(os.environ.get("BUILDDIR", "."))
FEED = os.path.join(BUILDDIR, "forkgreet-feed")
MARK = "FORKGREET_TEST_MARK"  # in the environment of commands and theirs
LIMIT = 1 << 20  # bytes of a greeting
PTRACE_SEIZE, PTRACE_DETACH = 0x4206, 17


def read(path):
    """The whole of a file; None: there is none."""
    try:
        with open(path, "rb") as file:
            return file.read()
    except FileNotFoundError:
        return None


class FeedCase(Case):
    """Tests with two files of a feed, and processes of its own."""

    def setUp(self):
        super().setUp()
        self.place = self.folder()
        self.health_file = os.path.join(self.place, "health")
        self.greeting_file = os.path.join(self.place, "greeting")
        self.mark = f"{os.getpid()}-{random.getrandbits(48):x}"
        self.addCleanup(self.kill_marked)

    def health(self):
        """The health file's text."""
        text = read(self.health_file)
        return None if text is None else text.decode()

    def marked(self):
        """All processes but the feed that carry this test's mark: what its
        commands have started, wherever it went."""
        found = []
        for name in filter(str.isdigit, os.listdir("/proc")):
            with contextlib.suppress(OSError):
                if os.path.basename(
                        os.readlink(f"/proc/{name}/exe")) == "forkgreet-feed":
                    continue
                environment = read(f"/proc/{name}/environ") or b""
                if f"{MARK}={self.mark}".encode() in environment.split(b"\0"):
                    found.append(int(name))
        return found

    def sleeps(self):
        """The pid of a sleep(1) of this test; None: there is none."""
        return next((pid for pid in self.marked()
                     if proc_status(pid).get("Name") == "sleep"), None)

    def kill_marked(self):
        for pid in self.marked():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def start(self, *arguments, files=True, env=None, **more):
        """Starts a feed, which ends with the test."""
        if files:
            arguments = ("-s", self.health_file, "-o", self.greeting_file,
                         *arguments)
        more = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE,
                "stderr": subprocess.PIPE, "bufsize": 0,
                "preexec_fn": die_with_parent,
                **more}
        process = subprocess.Popen(
            [FEED, *arguments],
            env={**os.environ, MARK: self.mark, **(env or {})}, **more)
        self.addCleanup(self.end, process)
        return process

    @staticmethod
    def end(process):
        if process.poll() is None:
            process.send_signal(signal.SIGCONT)
            process.terminate()
            try:
                process.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        for stream in process.stdout, process.stderr:
            if stream:
                stream.close()

    def once(self, *arguments, **more):
        """Exit status, what is in the health file, what was said."""
        process = self.start("-1", *arguments, **more)
        out, err = process.communicate(timeout=PATIENCE)
        self.assertIn(out, (b"", None))
        return process.returncode, self.health(), (err or b"").decode()

    def shell(self, text, *options, **more):
        """once() with a shell's text."""
        return self.once(*options, "sh", "-c", text, **more)

    def wait_health(self, text):
        """Until the health file has that text."""
        wait_for(lambda: self.health() == text, PATIENCE,
                 f"health {text!r}")

    def stops(self, process, status=0):
        """TERM ends it; returns what it has said."""
        process.terminate()
        _, err = process.communicate(timeout=PATIENCE)
        self.assertEqual(process.returncode, status)
        return err.decode()

    def names(self):
        return sorted(os.listdir(self.place))


class Verdict(FeedCase):
    """The health file, by how the command ended."""

    def test_good(self):
        for text, line in (
                ("true", "up"), ("echo fine", "up"),
                ("echo up 75%", "up 75%"), ("printf drain", "drain"),
                ("echo 'MAINT #by hand'", "MAINT #by hand"),
                (r"printf 'up\r\nmore\n'", "up"), ("echo 101%", "up"),
                ("echo down '#replica'; echo more", "down #replica"),
                ("echo down >&2", "up")):
            with self.subTest(text):
                self.assertEqual(self.shell(text), (0, line + "\n", ""))

    def test_bad(self):
        for text, status, why in (
                ("exit 3", 3, "exit status 3"),
                ("echo up; exit 1", 1, "exit status 1: up"),
                ("echo no >&2; exit 2", 2, "exit status 2: no"),
                ("echo out; echo err >&2; exit 2", 2, "exit status 2: out"),
                (r"printf '\n \n  x \n'; exit 9", 9, "exit status 9: x"),
                ("kill -SEGV $$", 139, "ended by SIGSEGV"),
                ("echo bye; kill -9 $$", 137, "ended by SIGKILL: bye")):
            with self.subTest(text):
                self.assertEqual(self.shell(text), (
                    status, f"down #{why}\n", f"forkgreet-feed: sh: {why}\n"))

    def test_cannot_be_started(self):
        plain = os.path.join(self.place, "plain")
        with open(plain, "w", encoding="ascii"):
            pass
        for command, status, why in (
                ("./no-such-program", 127, "No such file or directory"),
                ("no-such-program", 127, "No such file or directory"),
                (plain, 126, "Permission denied"),
                (self.place, 126, "Permission denied"),
                (plain + "/x", 126, "Not a directory")):
            with self.subTest(command):
                why = f"cannot be started: {why}"
                self.assertEqual(self.once(command), (
                    status, f"down #{why}\n",
                    f"forkgreet-feed: {command}: {why}\n"))

    def test_no_process_to_be_had(self):
        """Said, and not the end."""
        def none():
            import resource  # pylint: disable=import-outside-toplevel
            die_with_parent()
            resource.setrlimit(resource.RLIMIT_NOFILE, (5, 5))
        status, health, _ = self.once("true", preexec_fn=none)
        self.assertEqual((status, health), (
            126, "down #cannot be started: Too many open files\n"))

    def test_reason_is_printable_and_short(self):
        """Whatever it prints."""
        data = os.path.join(self.place, "data")
        for text in (bytes(range(1, 256)), b"\xff" * 5000, b"\0\n" * 100,
                     "ü€𝄞".encode() * 50, os.urandom(3000)):
            with self.subTest(text[:10]):
                with open(data, "wb") as file:
                    file.write(text)
                status, health, _ = self.shell(f"cat {data}; exit 1")
                self.assertEqual(status, 1)
                self.assertRegex(health, r"\Adown #exit status 1[^\n]*\n\Z")
                self.assertNotRegex(health[:-1], "[\0-\x1f\x7f-\xa0]")
                self.assertLessEqual(len(health[:-1].encode()),
                                     len("down #") + 100)

    def test_time_limit(self):
        status, health, err = self.once("-w", "0.2", "sleep", "1000")
        self.assertEqual((status, health), (124, "down #not done in 0.2 s\n"))
        self.assertEqual(err, "forkgreet-feed: sleep: not done in 0.2 s\n")

    def test_time_limit_with_words(self):
        """It is over when it says that it ended well, and what it said stays
        out of the words."""
        status, health, _ = self.shell(
            "trap 'exit 0' TERM; echo up; while :; do sleep 0.01; done",
            "-w", "2")
        self.assertEqual((status, health),
                         (124, "down #not done in 2 s: up\n"))

    def test_ignores_term(self):
        """KILL comes a second after TERM."""
        begin = time.monotonic()
        status, health, _ = self.shell(
            "trap '' TERM; while :; do sleep 1; done", "-w", "2")
        self.assertEqual((status, health), (124, "down #not done in 2 s\n"))
        self.assertGreaterEqual(time.monotonic() - begin, 3)
        self.assertEqual(self.marked(), [])

    def test_gets_term_first(self):
        note = os.path.join(self.place, "note")
        self.shell(f"trap 'echo term >{note}; exit 1' TERM;"
                   "while :; do sleep 0.01; done", "-w", "2")
        self.assertEqual(read(note), b"term\n")

    def test_stopped_command(self):
        """SIGSTOP does not save it."""
        status, health, _ = self.shell("kill -STOP $$", "-w", "0.2")
        self.assertEqual((status, health), (124, "down #not done in 0.2 s\n"))


class Surroundings(FeedCase):
    """What a command finds."""

    def test_standard_input_is_empty(self):
        readable, writable = os.pipe()
        with os.fdopen(readable), os.fdopen(writable, "w"):
            self.assertEqual(
                self.shell("cat; readlink /proc/self/fd/0", stdin=readable)[0],
                0)
        self.assertEqual(read(self.greeting_file), b"/dev/null\n")

    def test_closed_descriptors(self):
        """A feed that was started without standard streams."""
        for number in range(3):
            with self.subTest(number):
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(self.health_file)
                process = subprocess.run(
                    ["sh", "-c", f'exec "$@" {number}>&-', "sh", FEED, "-1",
                     "-s", self.health_file, "-o", self.greeting_file,
                     "sh", "-c", "cat; echo hi; echo err >&2"],
                    timeout=PATIENCE, check=False)
                self.assertEqual(process.returncode, 0)
                self.assertEqual(self.health(), "up\n")
                self.assertEqual(read(self.greeting_file), b"hi\n")

    def test_process_group_and_signals(self):
        """Its own group; no signal is ignored or blocked, whatever the feed
        has and was given."""
        def spoil():
            die_with_parent()
            signal.signal(signal.SIGUSR1, signal.SIG_IGN)
            signal.signal(signal.SIGCHLD, signal.SIG_IGN)
            signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR2])
        self.assertEqual(self.once(
            sys.executable, "-c",
            "import os; print(os.getpgrp() == os.getpid());"
            "print(open('/proc/self/status').read())",
            preexec_fn=spoil)[0], 0)
        text = read(self.greeting_file).decode()
        self.assertTrue(text.startswith("True\n"), text)
        sets = dict(re.findall(r"(Sig\w+):\s+([0-9a-f]+)", text))
        self.assertEqual(int(sets["SigBlk"], 16), 0)
        # Python itself ignores PIPE and XFSZ; who started us, C libraries' own.
        self.assertEqual(int(sets["SigIgn"], 16) & 0x7fffffff & ~(
            1 << signal.SIGPIPE - 1 | 1 << signal.SIGXFSZ - 1), 0)

    def test_no_descriptor_of_the_feed(self):
        self.assertEqual(self.shell("ls -l /proc/self/fd | wc -l")[0], 0)
        # The three, that of ls, and the line above them.
        self.assertEqual(int(read(self.greeting_file)), 5)

    def test_no_shell(self):
        """Words stay as they are, and options after COMMAND are its own."""
        self.assertEqual(self.once(
            "printf", "%s\n", "$HOME;", "*", "-i", "--help", "a  b")[0], 0)
        self.assertEqual(read(self.greeting_file),
                         b"$HOME;\n*\n-i\n--help\na  b\n")

    def test_no_variables_of_the_manager(self):
        self.shell("env", env={"NOTIFY_SOCKET": "/no", "WATCHDOG_USEC": "7",
                               "WATCHDOG_PID": "1"})
        self.assertNotRegex(read(self.greeting_file), b"NOTIFY|WATCHDOG")


class Leftovers(FeedCase):
    """What commands leave behind is gone when the run is over."""

    def nothing_left(self):
        self.assertEqual(self.marked(), [])

    def test_background(self):
        self.assertEqual(self.shell("sleep 1000 & sleep 1000 & echo up 1%"),
                         (0, "up 1%\n", ""))
        self.nothing_left()

    def test_ignoring_everything(self):
        self.assertEqual(self.shell(
            "trap '' TERM HUP INT; (while :; do sleep 1; done) & true")[0], 0)
        self.nothing_left()

    def test_other_session(self):
        """Also those who leave group and session, and their children."""
        ready = os.path.join(self.place, "ready")
        self.assertEqual(self.shell(
            f"setsid sh -c 'setsid sleep 1000 & echo >{ready}; sleep 1000' &"
            f"while ! test -s {ready}; do sleep 0.01; done")[0], 0)
        self.nothing_left()

    def test_other_session_after_the_time(self):
        self.assertEqual(self.shell("setsid sleep 1000 & exec sleep 1000",
                                    "-w", "0.3")[0], 124)
        self.nothing_left()

    def test_many_orphans(self):
        """No zombie is left, while the command runs either."""
        process = self.start(
            "sh", "-c", "i=0; while [ $i -lt 200 ]; do (true &); "
            "i=$((i + 1)); done; sleep 1000", "-w", "1000")
        wait_for(self.sleeps, PATIENCE)
        wait_for(lambda: len(children(process.pid)) == 1, PATIENCE,
                 "orphans reaped")
        self.stops(process)
        self.nothing_left()

    def test_output_held_open(self):
        """Who has the pipe in its hands does not matter."""
        begin = time.monotonic()
        self.assertEqual(self.shell("setsid sleep 1000 & echo up 2%"),
                         (0, "up 2%\n", ""))
        self.assertLess(time.monotonic() - begin, PATIENCE)

    def test_cannot_be_killed(self):
        """A tracer keeps it from being reaped, as a dead disk does: the feed
        says so, starts nothing, and goes on when it is gone."""
        libc = ctypes.CDLL(None, use_errno=True)
        process = self.start("-i", "0.1", "-w", "0.5", "sh", "-c",
                             "exec sleep $0", "1000")

        def seized():  # None: it has just ended
            pid = wait_for(self.sleeps, PATIENCE)
            if libc.ptrace(PTRACE_SEIZE, pid, None, None) == 0:
                return pid
            why = os.strerror(ctypes.get_errno())
            if self.sleeps() == pid:
                self.skipTest("ptrace: " + why)
            return None
        pid = wait_for(seized, PATIENCE, "one to trace")
        self.wait_health("down #cannot be killed\n")
        for _ in range(3):
            before = os.stat(self.health_file).st_ino
            wait_for(lambda b=before: os.stat(self.health_file).st_ino != b,
                     PATIENCE, "still written")
        self.assertEqual(children(process.pid), [pid])
        os.waitpid(pid, 0)  # the tracer: now its parent hears of it
        self.wait_health("down #not done in 0.5 s\n")
        self.assertIn("cannot be killed", self.stops(process))


class Output(FeedCase):
    """The greeting file."""

    def test_as_it_is(self):
        data = os.path.join(self.place, "data")
        for text in (b"hi\n", b"", b"\0", bytes(range(256)) * 100,
                     os.urandom(LIMIT), b"up\n" + b"x" * (LIMIT - 3)):
            with self.subTest(len(text)):
                with open(data, "wb") as file:
                    file.write(text)
                status, _, err = self.once("cat", data)
                self.assertEqual((status, err), (0, ""))
                self.assertEqual(read(self.greeting_file), text)

    def test_not_after_a_failure(self):
        self.shell("echo good")
        for text in "echo bad; exit 1", "echo bad; kill -9 $$":
            self.shell(text)
            self.assertEqual(read(self.greeting_file), b"good\n")
        self.shell("echo bad; exec sleep 1000", "-w", "0.3")
        self.assertEqual(read(self.greeting_file), b"good\n")

    def test_errors_are_not_output(self):
        self.shell("echo out; echo err >&2")
        self.assertEqual(read(self.greeting_file), b"out\n")

    def test_too_much(self):
        """The old one stays; the verdict is that of the command all the
        same."""
        self.shell("echo old")
        status, health, err = self.shell(
            f"echo up 9%; head -c {LIMIT} /dev/zero")
        self.assertEqual((status, health), (71, "up 9%\n"))
        self.assertEqual(err, f"forkgreet-feed: {self.greeting_file}: not "
                              f"written: more than {LIMIT} bytes\n")
        self.assertEqual(read(self.greeting_file), b"old\n")

    def test_a_gigabyte(self):
        """On both; it is read to the end, and needs no memory."""
        process = self.start(
            "-1", "-w", "500", "sh", "-c",
            "head -c 1000000000 /dev/zero & "
            "head -c 1000000000 /dev/zero >&2; wait", stderr=subprocess.DEVNULL)
        peak = 0
        while process.poll() is None:
            with contextlib.suppress(OSError, KeyError):
                peak = max(peak, int(
                    proc_status(process.pid)["VmHWM"].split()[0]))
            time.sleep(0.01)
        self.assertEqual(process.returncode, 71)
        self.assertEqual(self.health(), "up\n")
        self.assertIsNone(read(self.greeting_file))
        if not BUILD.variable("SAN_CFLAGS"):
            self.assertLess(peak, 16384, "KiB")

    def test_endless(self):
        status, health, _ = self.once("-w", "2", "yes")
        self.assertEqual((status, health),
                         (124, "down #not done in 2 s: y\n"))

    def test_said_once(self):
        """And that it works again."""
        flag = os.path.join(self.place, "flag")
        process = self.start(
            "-i", "0.05", "sh", "-c",
            f"if test -e {flag}; then echo small; "
            f"else head -c {LIMIT + 1} /dev/zero; fi")
        self.runs(process, 5)
        with open(flag, "w", encoding="ascii"):
            pass
        wait_for(lambda: read(self.greeting_file) == b"small\n", PATIENCE)
        self.runs(process, 2)
        self.assertEqual(
            self.stops(process),
            f"forkgreet-feed: {self.greeting_file}: not written: more than "
            f"{LIMIT} bytes\n"
            f"forkgreet-feed: {self.greeting_file}: works again\n")

    def runs(self, process, number):
        """Waits until the health file has been written so often again."""
        for _ in range(number):
            before = self.inode()
            wait_for(lambda b=before: self.inode() not in (None, b), PATIENCE,
                     "a run")
            self.assertIsNone(process.poll())

    def inode(self):
        with contextlib.suppress(FileNotFoundError):
            return os.stat(self.health_file).st_ino
        return None


class Files(FeedCase):
    """Replaced whole, whatever happens."""

    def test_mode(self):
        process = self.start("-1", "true", preexec_fn=lambda: os.umask(0o077))
        self.assertEqual(process.wait(PATIENCE), 0)
        for path in self.health_file, self.greeting_file:
            self.assertEqual(stat.S_IMODE(os.stat(path).st_mode), 0o644)
        self.assertEqual(self.names(), ["greeting", "health"])

    def test_written_after_every_run(self):
        """Changed or not."""
        process = self.start("-i", "0.05", "echo", "same")
        seen = {}
        for path in self.health_file, self.greeting_file:
            wait_for(lambda p=path: os.path.exists(p), PATIENCE)
            seen[path] = os.stat(path).st_mtime_ns
        for _ in range(3):
            for path, before in seen.items():
                wait_for(lambda p=path, b=before:
                         os.stat(p).st_mtime_ns > b, PATIENCE, "written again")
                seen[path] = os.stat(path).st_mtime_ns
        self.assertEqual(self.stops(process), "")

    def test_only_what_is_asked_for(self):
        for option, name in (("-s", "health"), ("-o", "greeting")):
            shutil.rmtree(self.place)
            os.mkdir(self.place)
            status, _, _ = self.once(
                option, os.path.join(self.place, name), "true", files=False)
            self.assertEqual(status, 0)
            self.assertEqual(self.names(), [name])
        self.assertEqual(self.once("sh", "-c", "exit 5", files=False)[0], 5)

    def test_relative_path(self):
        self.assertEqual(self.once("-s", "h", "-o", "./g", "echo", "up",
                                   files=False, cwd=self.place)[0], 0)
        self.assertEqual(self.names(), ["g", "h"])

    def test_readers_see_whole_texts(self):
        """Two texts of a megabyte in turn, read all the time."""
        process = self.start(
            "-i", "0.01", "sh", "-c",
            "test -e flag && { rm flag; exec head -c 1000000 /dev/zero; };"
            "touch flag; head -c 500000 /dev/zero | tr '\\0' x",
            cwd=self.place)
        wanted = {b"\0" * 1000000, b"x" * 500000}
        seen = set()
        end = time.monotonic() + PATIENCE
        while (seen != wanted or len(seen) < 2) and time.monotonic() < end:
            text = read(self.greeting_file)
            self.assertIn(text, (*wanted, None))
            seen |= {text} - {None}
        self.assertEqual(seen, wanted)
        self.stops(process)

    def test_killed_at_any_moment(self):
        """The old or the new, no temporary left after the next start, and no
        command."""
        texts = [bytes([letter]) * 400000 for letter in b"ab"]
        data = [os.path.join(self.place, name) for name in "ab"]
        for path, text in zip(data, texts):
            with open(path, "wb") as file:
                file.write(text)
        rng = random.Random(7)
        self.once("cat", data[0])
        for turn in range(60):
            process = self.start("-i", "0.001", "sh", "-c",
                                 f"cat {data[turn % 2]}; echo >&2")
            wait_for(lambda p=process: children(p.pid) or p.poll(), PATIENCE)
            time.sleep(rng.random() * 0.03)
            process.kill()
            process.wait(PATIENCE)
            self.assertIn(read(self.greeting_file), texts)
            self.assertEqual(self.health(), "up\n")
        wait_for(lambda: not self.marked(), PATIENCE, "commands that end")
        self.assertEqual(self.once("cat", data[0])[0], 0)
        self.assertEqual(self.names(), ["a", "b", "greeting", "health"])

    def test_killed_with_its_command(self):
        """A command that would run for ever does not outlive it."""
        process = self.start("-w", "1000", "sleep", "1000")
        wait_for(self.marked, PATIENCE)
        process.kill()
        wait_for(lambda: not self.marked(), PATIENCE, "its command ends")

    def test_killed_while_it_writes(self):
        """With the temporary there: stopped in fsync(2) by strace's delay."""
        if not shutil.which("strace"):
            self.skipTest("needs strace")
        self.once("echo", "old")
        tracer = subprocess.Popen(
            ["strace", "-qq", "-o", "/dev/null", "-e",
             "inject=fsync:delay_enter=100000000", FEED, "-s",
             self.health_file, "-o", self.greeting_file, "echo", "new"],
            stdin=subprocess.DEVNULL, stderr=subprocess.PIPE,
            env={**os.environ, MARK: self.mark}, preexec_fn=die_with_parent)
        self.addCleanup(self.end, tracer)
        try:
            wait_for(lambda: len(self.names()) == 3 or tracer.poll(),
                     PATIENCE, "a temporary")
        finally:
            killed = children(tracer.pid)
            for pid in killed:
                os.kill(pid, signal.SIGKILL)
            tracer.kill()
            tracer.wait()
        for pid in killed:  # until then it has the temporary's lock
            wait_for(lambda p=pid: not exists(p), PATIENCE, "its end")
        if len(self.names()) != 3:
            self.skipTest("strace: " + tracer.stderr.read().decode().strip())
        (left,) = set(self.names()) - {"greeting", "health"}
        self.assertRegex(left, r"\A\.greeting\.feed-\w{6}\Z")
        self.assertEqual(read(self.greeting_file), b"old\n")
        self.assertEqual(self.once("echo", "new")[0], 0)
        self.assertEqual(read(self.greeting_file), b"new\n")
        self.assertEqual(self.names(), ["greeting", "health"])

    @needs_root
    def test_full_disk(self):
        """It keeps the old files, says so once, and goes on."""
        if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "none",
                           self.place], stderr=subprocess.DEVNULL,
                          check=False).returncode != 0:
            self.skipTest("cannot mount a tmpfs")
        self.addCleanup(subprocess.run, ["umount", "-l", self.place],
                        check=False)
        process = self.start("-i", "0.05", "sh", "-c",
                             "echo up; head -c 5000 /dev/zero")
        wait_for(lambda: read(self.greeting_file), PATIENCE)
        old = read(self.greeting_file)
        with open(os.path.join(self.place, "fill"), "wb", 0) as file:
            with contextlib.suppress(OSError):
                while True:
                    file.write(b"x" * 512)
        line = process.stderr.readline().decode()
        self.assertEqual(line, f"forkgreet-feed: {self.greeting_file}: not "
                               "written: No space left on device\n")
        self.assertEqual(read(self.greeting_file), old)
        self.assertEqual(self.health(), "up\n")
        os.unlink(os.path.join(self.place, "fill"))
        before = os.stat(self.greeting_file).st_ino
        wait_for(lambda: os.stat(self.greeting_file).st_ino != before,
                 PATIENCE, "written again")
        said = self.stops(process)
        self.assertEqual(said.count(self.greeting_file + ": "), 1, said)
        self.assertIn(self.greeting_file + ": works again\n", said)
        # Of the health file too, if there was no room for it either.
        self.assertEqual(2 * said.count(" not written"),
                         said.count(self.health_file), said)
        self.assertEqual(self.names(), ["greeting", "health"])

    def test_directory_goes_and_comes(self):
        process = self.start("-i", "0.05", "true")
        self.wait_health("up\n")
        shutil.rmtree(self.place)
        for _ in range(2):
            self.assertIn(b": not written: No such file or directory\n",
                          process.stderr.readline())
        os.mkdir(self.place)
        self.wait_health("up\n")
        said = self.stops(process)
        self.assertEqual(said.count("works again"), 2, said)

    def test_two_feeds_on_one_file(self):
        """No half text either."""
        feeds = [self.start("-i", "0.001", "sh", "-c",
                            f"head -c 300000 /dev/zero | tr '\\0' {letter}")
                 for letter in "ab"]
        texts = {letter * 300000 for letter in (b"a", b"b")}
        seen = set()
        end = time.monotonic() + PATIENCE
        while seen != texts and time.monotonic() < end:
            text = read(self.greeting_file)
            self.assertIn(text, (*texts, None))
            seen |= {text} - {None}
        self.assertEqual(seen, texts)
        for feed in feeds:
            self.stops(feed)


class Time(FeedCase):
    """When it runs the command."""

    def starts(self, script, number, *options):
        """The moments at which it started it."""
        log = os.path.join(self.place, "log")
        process = self.start(
            *options, sys.executable, "-c",
            f"import time; now = time.monotonic(); {script}\n"
            f"open({log!r}, 'a').write(f'{{now}} {{time.monotonic()}}\\n')")
        wait_for(lambda: len((read(log) or b"").splitlines()) >= number,
                 PATIENCE, "runs")
        self.stops(process)
        return [tuple(map(float, line.split()))
                for line in read(log).decode().splitlines()]

    def test_never_two_at_a_time(self):
        """Slow ones follow each other; none is made up for."""
        rows = self.starts("time.sleep(0.15)", 5, "-i", "0.05")
        for (_, end), (begin, _) in zip(rows, rows[1:]):
            self.assertGreaterEqual(begin, end)

    def test_not_too_early(self):
        """From start to start, in all."""
        rows = self.starts(
            "now = int(open('/proc/self/stat').read().split()[21])", 5,
            "-i", "0.5")
        took = (rows[4][0] - rows[0][0]) / os.sysconf("SC_CLK_TCK")
        # When the kernel has made them; the first one may be late.
        self.assertGreater(took, 4 * 0.5 / 2)

    def test_first_one_at_once(self):
        self.start("-i", "86400", "true")
        self.wait_health("up\n")

    def test_feed_that_was_stopped(self):
        """Nothing piles up."""
        log = os.path.join(self.place, "log")
        process = self.start("-i", "0.05", "sh", "-c", f"echo x >>{log}")
        wait_for(lambda: read(log), PATIENCE)
        process.send_signal(signal.SIGSTOP)
        wait_for(lambda: proc_status(process.pid)["State"][0] == "T",
                 PATIENCE)
        wait_for(lambda: not self.marked(), PATIENCE)
        time.sleep(1)  # twenty intervals
        before = len(read(log).splitlines())
        process.send_signal(signal.SIGCONT)
        process.terminate()
        self.assertEqual(process.wait(PATIENCE), 0)
        self.assertLessEqual(len(read(log).splitlines()) - before, 1)

    def test_no_other_clock(self):
        """It asks for no time but that of CLOCK_MONOTONIC, which nobody can
        set: what else there is in the C library it does not use."""
        used = subprocess.run(["nm", "-D", "--undefined-only", FEED],
                              check=True, stdout=subprocess.PIPE,
                              text=True).stdout
        names = {line.split()[-1].split("@")[0] for line in used.splitlines()}
        self.assertEqual(names & {
            "time", "gettimeofday", "ftime", "timespec_get", "timerfd_create",
            "timer_create", "clock_nanosleep", "nanosleep", "alarm"}, set())
        self.assertTrue(names & {"clock_gettime", "__clock_gettime64"})


class Stop(FeedCase):
    """The end."""

    def test_each_signal(self):
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT,
                       signal.SIGHUP):
            with self.subTest(number):
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(self.health_file)
                process = self.start("-i", "1000", "true")
                self.wait_health("up\n")
                process.send_signal(number)
                self.assertEqual(process.wait(PATIENCE), 0)

    def test_nohup(self):
        def ignore():
            die_with_parent()
            signal.signal(signal.SIGHUP, signal.SIG_IGN)
        process = self.start("-i", "0.05", "true", preexec_fn=ignore)
        self.wait_health("up\n")
        process.send_signal(signal.SIGHUP)
        for _ in range(2):
            before = os.stat(self.health_file).st_ino
            wait_for(lambda b=before: os.stat(self.health_file).st_ino != b,
                     PATIENCE)
        self.assertEqual(self.stops(process), "")

    def test_during_a_run(self):
        """TERM for the group; nothing is written."""
        self.once("echo", "old")
        note = os.path.join(self.place, "note")
        trapped = os.path.join(self.place, "trapped")
        process = self.start(
            "-w", "1000", "sh", "-c",
            f"trap 'echo term >{note}; exit 0' TERM; echo new; "
            f": >{trapped}; while :; do sleep 0.01; done")
        wait_for(lambda: os.path.exists(trapped), PATIENCE)
        before = os.stat(self.health_file)
        self.assertEqual(self.stops(process), "")
        self.assertEqual(read(note), b"term\n")
        self.assertEqual(os.stat(self.health_file), before)
        self.assertEqual(read(self.greeting_file), b"old\n")
        self.assertEqual(self.marked(), [])

    def stubborn(self):
        process = self.start("-w", "1000", "sh", "-c", "trap '' TERM; "
                             "while :; do sleep 1000; done")
        wait_for(self.sleeps, PATIENCE)
        return process

    def test_ignores_term(self):
        process = self.stubborn()
        begin = time.monotonic()
        self.stops(process)
        self.assertGreaterEqual(time.monotonic() - begin, 1)
        self.assertEqual(self.marked(), [])

    def test_second_signal_hurries(self):
        process = self.stubborn()
        process.terminate()
        process.send_signal(signal.SIGINT)
        self.assertEqual(process.wait(PATIENCE), 0)
        self.assertEqual(self.marked(), [])

    def test_once_interrupted(self):
        process = self.start("-1", "sleep", "1000")
        wait_for(self.marked, PATIENCE)
        self.stops(process, 128 + signal.SIGTERM)
        self.assertIsNone(self.health())

    def test_errors_that_nobody_reads(self):
        """Standard error is full: it goes on."""
        readable, writable = os.pipe()
        with os.fdopen(readable), os.fdopen(writable, "w") as file:
            os.set_blocking(writable, False)
            with contextlib.suppress(BlockingIOError):
                while True:
                    os.write(writable, b"x" * 4096)
            os.set_blocking(writable, True)
            flag = os.path.join(self.place, "flag")
            process = self.start("-i", "0.05", "test", "-e", flag,
                                 stderr=file)
            self.wait_health("down #exit status 1\n")
            with open(flag, "w", encoding="ascii"):
                pass
            self.wait_health("up\n")
            process.terminate()
            self.assertEqual(process.wait(PATIENCE), 0)

    def test_errors_reader_gone(self):
        process = self.start("-i", "0.05", "false")
        process.stderr.close()
        self.wait_health("down #exit status 1\n")
        process.terminate()
        self.assertEqual(process.wait(PATIENCE), 0)


class Log(FeedCase):
    """What is said, and how often."""

    def test_news_only(self):
        flag = os.path.join(self.place, "flag")
        process = self.start("-i", "0.05", "sh", "-c",
                             f"test -e {flag} || {{ echo bad; exit 4; }}")
        for _ in range(2):
            self.wait_health("down #exit status 4: bad\n")
            for _ in range(3):
                before = os.stat(self.health_file).st_ino
                wait_for(lambda b=before:
                         os.stat(self.health_file).st_ino != b, PATIENCE)
            with open(flag, "w", encoding="ascii"):
                pass
            self.wait_health("up\n")
            os.unlink(flag)
        self.wait_health("down #exit status 4: bad\n")
        self.assertRegex(
            self.stops(process),
            r"\A(forkgreet-feed: sh: exit status 4: bad\n"
            r"forkgreet-feed: sh: works again\n){2}"
            r"(forkgreet-feed: sh: exit status 4: bad\n)?\Z")


class Usage(FeedCase):
    """Command lines."""

    def refused(self, status, text, *arguments, **more):
        process = subprocess.run([FEED, *arguments], check=False,
                                 stdin=subprocess.DEVNULL, timeout=PATIENCE,
                                 capture_output=True, text=True, **more)
        self.assertEqual((process.returncode, process.stdout), (status, ""),
                         process.stderr)
        self.assertEqual(process.stderr, f"forkgreet-feed: {text}\n")

    def test_usage(self):
        seconds = "expected seconds from 0.001 to 86400"
        for text, *arguments in (
                ("COMMAND: missing",),
                ("COMMAND: missing", "-1"),
                ("COMMAND: empty", ""),
                ("-x: no such option", "-x", "true"),
                ("--no: no such option", "--no", "true"),
                ("--help=x: takes no value", "--help=x"),
                ("-i: needs a value", "-i"),
                (f"-i 0: {seconds}", "-i", "0", "true"),
                (f"-i -1: {seconds}", "-i", "-1", "true"),
                (f"-i 2s: {seconds}", "-i", "2s", "true"),
                (f"-w 86401: {seconds}", "-w", "86401", "true"),
                (f"-w 0.0001: {seconds}", "-w", "0.0001", "true"),
                (f"-w : {seconds}".replace(" :", ":"), "-w", "", "true"),
                ("-s: expected a file", "-s", "", "true"),
                ("-o x/: expected a file", "-o", "x/", "true"),
                ("-o -s x: expected two files", "-o", "x", "-s", "x", "true")):
            with self.subTest(arguments):
                self.refused(64, text + " (see forkgreet-feed --help)",
                             *arguments)

    def test_files_that_cannot_be(self):
        """Found before anything runs."""
        fifo = os.path.join(self.place, "fifo")
        os.mkfifo(fifo)
        link = os.path.join(self.place, "link")
        os.symlink("/dev/null", link)
        for path, why in (
                (fifo, "is no regular file"), (link, "is no regular file"),
                (self.place, "is no regular file"),
                ("/dev/null", "is no regular file"),
                (self.place + "/no/x", "No such file or directory"),
                (fifo + "/x", "Not a directory"),
                ("x" * 5000, "File name too long")):
            for option in "-s", "-o":
                with self.subTest((option, path[:100])):
                    self.refused(78, f"{path[:1900]}: {why}"
                                 if len(path) < 1900 else
                                 f"{path}: "[:2046 - len("forkgreet-feed: ")],
                                 option, path, "touch",
                                 os.path.join(self.place, "ran"))
        self.assertEqual(self.names(), ["fifo", "link"])

    def test_not_allowed(self):
        """As an ordinary user, whoever runs the test."""
        def become():
            if os.getuid() == 0:
                os.setgroups([])
                os.setgid(65534)
                os.setuid(65534)
        os.chmod(self.place, 0o555)
        path = self.health_file
        self.refused(77, f"{path}: Permission denied", "-s", path, "true",
                     preexec_fn=become)

    def test_help_and_version(self):
        for arguments in (["-h"], ["--help"], ["-i", "3", "-h", "x"]):
            result = subprocess.run([FEED, *arguments], check=True,
                                    capture_output=True, text=True)
            self.assertTrue(result.stdout.startswith(
                "usage: forkgreet-feed [-1] [-i SECONDS] "))
            self.assertEqual(result.stderr, "")
            self.assertLessEqual(max(map(len, result.stdout.splitlines())), 80)
        for option in "-V", "--version":
            result = subprocess.run([FEED, option], check=True,
                                    capture_output=True, text=True)
            self.assertRegex(result.stdout, r"\Aforkgreet-feed \d+\.\d+\.\d+\n")

    def test_help_that_cannot_be_written(self):
        with open("/dev/full", "w", encoding="ascii") as full:
            result = subprocess.run([FEED, "-h"], check=False, stdout=full,
                                    stderr=subprocess.PIPE, text=True)
        self.assertEqual(result.returncode, 71)
        self.assertEqual(result.stderr, "forkgreet-feed: write standard "
                                        "output: No space left on device\n")


class Notify(FeedCase):
    """What the service manager hears."""

    def setUp(self):
        super().setUp()
        self.address = os.path.join(self.folder(), "notify")
        self.manager = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.addCleanup(self.manager.close)
        self.manager.bind(self.address)
        self.manager.settimeout(PATIENCE)

    def start(self, *arguments, env=None, **more):
        return super().start(*arguments, env={
            "NOTIFY_SOCKET": self.address, **(env or {})}, **more)

    def expect(self, text):
        self.assertEqual(self.manager.recv(4096).decode(), text)

    def has_more(self):
        return select.select([self.manager], [], [], 0)[0] != []

    def test_ready_after_the_first_run(self):
        flag = os.path.join(self.place, "flag")
        process = self.start("-i", "0.05", "sh", "-c", "echo up 1%; "
                             f"while ! test -e {flag}; do sleep 0.01; done")
        wait_for(self.marked, PATIENCE)
        self.assertFalse(self.has_more())
        self.assertIsNone(self.health())
        with open(flag, "w", encoding="ascii"):
            pass
        self.expect("READY=1\nSTATUS=up 1%")
        self.assertEqual(self.health(), "up 1%\n")
        self.stops(process)
        self.expect("STOPPING=1\nSTATUS=stopping")
        self.assertFalse(self.has_more())

    def test_ready_after_a_bad_run_too(self):
        self.start("-i", "0.05", "false")
        self.expect("READY=1\nSTATUS=down #exit status 1")

    def test_status_follows(self):
        """When it changes."""
        said = os.path.join(self.place, "said")
        process = self.start("-i", "0.05", "cat", said)
        self.expect("READY=1\nSTATUS=down #exit status 1: cat: "
                    f"{said}: No such file or directory"[:116])
        for text in "up 10%", "up 20%":
            with open(said + ".new", "w", encoding="ascii") as file:
                file.write(text + "\n")
            os.rename(said + ".new", said)
            self.expect("STATUS=" + text)
        self.stops(process)

    def test_abstract_address(self):
        name = "forkgreet-test-" + self.mark
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
            manager.bind("\0" + name)
            manager.settimeout(PATIENCE)
            self.start("true", env={"NOTIFY_SOCKET": "@" + name})
            self.assertEqual(manager.recv(100), b"READY=1\nSTATUS=up")

    def test_full_socket(self):
        """Told when there is room; nobody waits for that."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as other:
            other.setblocking(False)
            other.connect(self.address)
            with contextlib.suppress(BlockingIOError):
                while True:
                    other.send(b"x")
            self.start("-i", "1000", "true")
            self.wait_health("up\n")
        while (text := self.manager.recv(4096)) == b"x":
            pass
        self.assertEqual(text, b"READY=1\nSTATUS=up")

    def test_watchdog(self):
        """While a command runs, and between runs."""
        for arguments in (("-w", "1000", "sh", "-c", "test -e done || "
                           "{ touch done; exit; }; sleep 1000"),
                          ("-i", "1000", "true")):
            # That we may be late to hear of READY=1 makes it no earlier.
            begin = time.monotonic()
            process = self.start("-i", "0.05", *arguments, cwd=self.place,
                                 env={"WATCHDOG_USEC": "200000"})
            self.expect("READY=1\nSTATUS=up")
            for _ in range(5):
                self.expect("WATCHDOG=1")
            self.assertGreater(time.monotonic() - begin, 5 * 0.1, "too often")
            self.stops(process)
            while self.has_more():
                text = self.manager.recv(4096)
            self.assertEqual(text, b"STOPPING=1\nSTATUS=stopping")

    def test_watchdog_of_another(self):
        process = self.start("-i", "0.05", "true", env={
            "WATCHDOG_USEC": "20000", "WATCHDOG_PID": "1"})
        self.expect("READY=1\nSTATUS=up")
        self.assertEqual(select.select([self.manager], [], [], 0.3)[0], [])
        self.stops(process)

    def test_nonsense(self):
        """Is said, and nothing else comes of it."""
        for variable, text, said in (
                ("NOTIFY_SOCKET", "nonsense", "not a socket address"),
                ("WATCHDOG_USEC", "often", "not a number of microseconds"),
                ("WATCHDOG_PID", "me", "not a number")):
            _, health, err = self.once(
                "true", env={"WATCHDOG_USEC": "1000000", variable: text})
            self.assertEqual(health, "up\n")
            self.assertEqual(err,
                             f"forkgreet-feed: {variable}: {said}: {text}\n")


if __name__ == "__main__":
    from harness import main
    main()
