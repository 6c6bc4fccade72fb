"""What forkgreet and forkgreetctl have in common: outputs that nobody reads,
terminals, and failures of this system."""

import contextlib
import errno
import fcntl
import json
import os
import pty
import re
import select
import signal
import socket
import subprocess
import tempfile
import termios
import threading
import time
import tty
import unittest

from harness import CTL, PATIENCE, strace_works
from programs import NATIVE_CALLS, UNTRACED

CLIENT = os.path.join(os.path.dirname(CTL), "forkgreet")
HI = b"hi tool\n"
LARGE = b"0123456789abcde\n" * (1 << 14)  # more than any pipe or terminal takes


class Peer:
    """A server, on TCP or (with a path) on a UNIX socket, that gives the parts
    of reply to whoever connects, and then the end of the stream."""

    def __init__(self, reply, path=None, pause=0):
        self.reply, self.pause = reply, pause
        self.asks = path is not None
        family = socket.AF_INET if path is None else socket.AF_UNIX
        self.stopping = threading.Event()
        self.listener = socket.socket(family)
        self.listener.bind(("127.0.0.1", 0) if path is None else path)
        self.listener.listen(64)
        self.port = None if self.asks else self.listener.getsockname()[1]
        self.wake, self.woken = socket.socketpair()
        self.thread = threading.Thread(target=self.serve, daemon=True)
        self.thread.start()

    def serve(self):
        while True:
            ready, _, _ = select.select([self.listener, self.woken], [], [])
            if self.woken in ready:
                return
            connection, _ = self.listener.accept()
            with connection:
                try:
                    self.give(connection)
                except OSError:
                    pass  # the tool may leave as it likes

    def give(self, connection):
        connection.settimeout(PATIENCE)
        if self.asks:
            connection.recv(100)
        for part in self.reply:
            connection.sendall(part)
            if self.stopping.wait(self.pause):
                return
        connection.shutdown(socket.SHUT_WR)
        connection.recv(1)

    def stop(self):
        self.stopping.set()
        self.wake.close()
        self.thread.join(PATIENCE)
        self.listener.close()
        self.woken.close()


def answer(status, out=b"", err=b""):
    """What a daemon says to forkgreetctl."""
    return b"%d %d %d\n" % (status, len(out), len(err)) + out + err


def escaped(data, keep=b"\n"):
    """ASCII text as the tools show it."""
    return b"".join(
        bytes([byte]) if 0x20 <= byte < 0x7f or byte in keep
        else b"\\x%02x" % byte for byte in data)


class ToolCase(unittest.TestCase):
    """Commands with a peer."""

    def peer(self, *arguments, **more):
        peer = Peer(*arguments, **more)
        self.addCleanup(peer.stop)
        return peer

    def greeted(self, *parts, **more):
        """The command that gets these as its greeting."""
        return [CLIENT, "127.0.0.1", str(self.peer(parts, **more).port)]

    def answered(self, *parts, verb="status", **more):
        """The command that gets these as its answer."""
        folder = tempfile.TemporaryDirectory(prefix="forkgreet-test-")
        self.addCleanup(folder.cleanup)
        path = os.path.join(folder.name, "s")
        self.peer(parts, path=path, **more)
        return [CTL, "-s", path, verb]

    def both(self, data):
        """Of both tools: the command that prints data, and its exit status when
        the time is up."""
        return [(self.greeted(data), 2),
                (self.answered(answer(0, data)), 75)]

    def start(self, command, **more):
        more = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE,
                "stderr": subprocess.PIPE, **more}
        process = subprocess.Popen(command, **more)
        self.addCleanup(self.end, process)
        return process

    @staticmethod
    def end(process):
        process.kill()
        process.wait()
        for stream in process.stdout, process.stderr:
            if stream:
                stream.close()

    def result(self, command, **more):
        """Exit status, standard output, standard error."""
        process = self.start(command, **more)
        out, err = process.communicate(timeout=PATIENCE)
        return process.returncode, out, err

    def terminal(self, raw=True):
        """Both ends of a terminal that nobody reads yet."""
        master, slave = pty.openpty()
        self.addCleanup(os.close, master)
        self.addCleanup(os.close, slave)
        if raw:
            tty.setraw(slave)
        return master, slave


    @staticmethod
    def read_all(master, slave):
        """What a terminal got from those who have it no more."""
        with open(os.devnull, "rb") as null:
            os.dup2(null.fileno(), slave)
        data = b""
        with contextlib.suppress(OSError):  # EIO: all has been read
            while part := os.read(master, 1 << 16):
                data += part
        return data


class Unread(ToolCase):
    """Nobody reads what the tools write: -w bounds that, too."""

    def late(self, command, status, seconds=0.4, **more):
        """Runs a command that must end with that status because its time is
        up; returns its standard error."""
        started = time.monotonic()
        process = self.start([command[0], "-w", str(seconds), *command[1:]],
                             **more)
        self.assertEqual(process.wait(PATIENCE), status)
        self.assertGreaterEqual(time.monotonic() - started, seconds)
        return process.stderr.read() if process.stderr else None

    def full_pipe(self):
        readable, writable = os.pipe()
        self.addCleanup(os.close, readable)
        self.addCleanup(os.close, writable)
        os.set_blocking(writable, False)
        try:
            while True:
                os.write(writable, b"x" * 4096)
        except BlockingIOError:
            os.set_blocking(writable, True)
        return writable

    def check_late(self, output, data=HI):
        for command, status in self.both(data):
            with self.subTest(command[0]):
                name = os.path.basename(command[0])
                self.assertEqual(
                    self.late(command, status, stdout=output).decode(),
                    name + ": write standard output: timed out\n")

    def test_b1_full_pipe(self):
        self.check_late(self.full_pipe())

    def test_b1_full_pipe_that_does_not_block(self):
        writable = self.full_pipe()
        os.set_blocking(writable, False)
        self.check_late(writable)

    def test_b1_full_socket(self):
        ours, theirs = socket.socketpair()
        with ours, theirs:
            self.check_late(theirs, LARGE * 8)

    def test_b1_terminal_nobody_reads(self):
        self.check_late(self.terminal()[1], LARGE)

    def test_b1_terminal_nobody_reads_that_does_not_block(self):
        slave = self.terminal(raw=False)[1]
        os.set_blocking(slave, False)
        self.check_late(slave, LARGE)

    def test_b1_terminal_stopped(self):
        """^S"""
        slave = self.terminal()[1]
        termios.tcflow(slave, termios.TCOOFF)
        self.check_late(slave)

    def test_b1_terminal_stopped_for_errors_too(self):
        slave = self.terminal()[1]
        termios.tcflow(slave, termios.TCOOFF)
        for command, status in self.both(HI):
            with self.subTest(command[0]):
                self.late(command, status, stdout=slave, stderr=slave)

    def test_b1_errors_nobody_reads(self):
        """The exit status is that of the error all the same."""
        writable = self.full_pipe()
        for command, status in (
                (self.greeted(b""), 3),
                (self.answered(b"nonsense\n"), 69)):
            with self.subTest(command[0]):
                self.late(command, status, stderr=writable)

    def test_b1_answer_errors_nobody_reads(self):
        command = self.answered(answer(1, b"", HI))
        self.late(command, 75, stderr=self.full_pipe())

    def test_b1_help_nobody_reads(self):
        writable = self.full_pipe()
        for program, status in (CLIENT, 2), (CTL, 75):
            for option in "-h", "-V":
                with self.subTest((program, option)):
                    self.late([program, option], status, stdout=writable)

    def test_b1_usage_nobody_reads(self):
        writable = self.full_pipe()
        for program in CLIENT, CTL:
            with self.subTest(program):
                self.late([program, "-x"], 64, stderr=writable)

    def test_b1_reader_comes_late(self):
        for command, _ in self.both(LARGE):
            with self.subTest(command[0]):
                master, slave = self.terminal()
                termios.tcflow(slave, termios.TCOOFF)
                process = self.start([*command, "-w", str(PATIENCE)],
                                     stdout=slave)
                self.assertRaises(subprocess.TimeoutExpired, process.wait, 0.2)
                termios.tcflow(slave, termios.TCOON)
                data = b""
                while len(data) < len(LARGE):
                    data += os.read(master, 1 << 16)
                self.assertEqual(process.wait(PATIENCE), 0)
                self.assertEqual(data, LARGE)

    def test_b1_tostop(self):
        """In the background of a terminal with "stty tostop"."""
        for command, _ in self.both(HI):
            with self.subTest(command[0]):
                self.assertEqual(self.background(command), ([0], HI))

    def background(self, command):
        """Runs command in the background; returns the list of how it ended
        (negative: the signal that stopped it) and what the terminal got."""
        readable, writable = os.pipe()
        child, master = pty.fork()
        if child == 0:
            status = 70
            try:
                status = self.lead(command, writable)
            finally:
                os._exit(status)
        self.addCleanup(os.close, master)
        self.addCleanup(os.close, readable)
        os.close(writable)
        self.assertTrue(select.select([readable], [], [], PATIENCE)[0])
        ends = json.loads(os.read(readable, 100))
        os.waitpid(child, 0)
        seen = b""
        with contextlib.suppress(OSError):  # EIO: all has been read
            while part := os.read(master, 1000):
                seen += part
        return ends, seen

    @staticmethod
    def lead(command, report):
        """The terminal's session leader."""
        tty.setraw(0)
        mode = termios.tcgetattr(0)
        mode[3] |= termios.TOSTOP
        termios.tcsetattr(0, termios.TCSANOW, mode)
        process = os.fork()
        if process == 0:
            os.setpgid(0, 0)
            os.execv(command[0], command)
        _, status = os.waitpid(process, os.WUNTRACED)
        stopped = os.WIFSTOPPED(status)
        os.write(report, json.dumps(
            [-os.WSTOPSIG(status) if stopped
             else os.waitstatus_to_exitcode(status)]).encode())
        if stopped:
            os.kill(process, signal.SIGKILL)
            os.waitpid(process, 0)
        return 0


class Terminal(ToolCase):
    """What reaches a terminal, and what does not."""

    ALL = bytes(range(256)) + b"\x1b]0;title\x07\x1b[2J\x9b31m"

    def on_terminal(self, command):
        """What a terminal gets."""
        master, slave = self.terminal()
        process = self.start(command, stdout=slave)
        self.assertEqual(process.wait(PATIENCE), 0)
        return self.read_all(master, slave)

    def test_b15_greeting_on_a_terminal(self):
        self.assertEqual(self.on_terminal(self.greeted(self.ALL)),
                         escaped(self.ALL, keep=b"\t\n"))

    def test_b15_greeting_elsewhere(self):
        self.assertEqual(self.result(self.greeted(self.ALL)),
                         (0, self.ALL, b""))

    def test_b15_greeting_with_characters(self):
        for text, shown in (
                ("grüße €𝄞\n", "grüße €𝄞\n"),
                ("a\tb\r\nc\r\n", "a\tb\r\nc\r\n"),
                ("a\rb\r\r\n\r", "a\\x0db\\x0d\r\n\\x0d"),
                ("\u0085\u009b\u00a1", "\\xc2\\x85\\xc2\\x9b\u00a1")):
            with self.subTest(text):
                self.assertEqual(
                    self.on_terminal(self.greeted(text.encode())).decode(),
                    shown)

    def test_b15_greeting_in_pieces(self):
        """A character is not torn by where the stream is."""
        text = "ü€𝄞\r\n\r".encode() + b"\xe2\x82"
        command = self.greeted(*(bytes([byte]) for byte in text), pause=0.02)
        self.assertEqual(self.on_terminal(command),
                         "ü€𝄞\r\n\\x0d\\xe2\\x82".encode())

    def test_b15_greeting_cut_by_the_time(self):
        """What may have been a character is shown when the time is up."""
        command = self.greeted(b"hi\xe2\x82", b"x", pause=PATIENCE)
        master, slave = self.terminal()
        process = self.start([*command, "-w", "0.5"], stdout=slave)
        self.assertEqual(process.wait(PATIENCE), 2)
        self.assertEqual(self.read_all(master, slave), b"hi\\xe2\\x82")

    def test_b15_greeting_larger_than_the_buffers(self):
        text = ("x" + "€" * 20000).encode()
        master, slave = self.terminal()
        process = self.start(self.greeted(text), stdout=slave)
        seen = b""
        while len(seen) < len(text):
            seen += os.read(master, 1 << 16)
        self.assertEqual(process.wait(PATIENCE), 0)
        self.assertEqual(seen, text)

    def test_b15_answer(self):
        """Escaped wherever it goes."""
        self.assertEqual(
            self.result(self.answered(answer(1, self.ALL, b"!" + self.ALL))),
            (1, escaped(self.ALL), b"!" + escaped(self.ALL)))
        self.assertEqual(
            self.on_terminal(self.answered(answer(0, self.ALL))),
            escaped(self.ALL))

    def test_b15_answer_with_characters(self):
        text = ("x" + "€" * 20000 + "\n").encode()
        self.assertEqual(self.result(self.answered(answer(0, text))),
                         (0, text, b""))

    def test_b15_answer_in_json(self):
        """What is JSON stays that, and says the same."""
        texts = ["grüße €𝄞", "del \x7f, CSI \u009b, NEL \u0085", "tab \\t\n"]
        data = json.dumps(texts, ensure_ascii=False).encode() + b"\n"
        status, out, err = self.result([*self.answered(answer(0, data)), "-j"])
        self.assertEqual((status, err), (0, b""))
        self.assertEqual(json.loads(out), texts)
        self.assertNotRegex(out.decode(), "[\x00-\x09\x0b-\x1f\x7f-\x9f]")

    def test_b15_answer_in_broken_json(self):
        data = b'["' + bytes(range(1, 256)).replace(b'"', b"").replace(
            b"\\", b"").replace(b"\n", b"") + b'"]'
        status, out, _ = self.result([*self.answered(answer(0, data)), "-j"])
        self.assertEqual(status, 0)
        self.assertEqual([ord(each) for each in json.loads(out)[0]],
                         [each for each in range(1, 256)
                          if each not in b'"\\\n'])

    def test_b15_messages(self):
        """Also of what came with the command line."""
        for command, status in (
                ([CLIENT, "-w", "1", "unix:/nonexistent/\x1b[2J"], 4),
                ([CLIENT, "-p", "\x1b[2J"], 64),
                ([CTL, "-s", "/nonexistent/\x9b", "status"], 69),
                ([CTL, "\x1b"], 64)):
            with self.subTest(command):
                result, _, err = self.result(command)
                self.assertEqual(result, status)
                self.assertRegex(err.decode("ascii"), r"\\x(1b|c2\\x9b)")
                self.assertNotIn("\x1b", err.decode("ascii"))


class Json(ToolCase):
    """forkgreetctl -j prints an object whatever happens."""

    def object(self, command, status):
        result, out, err = self.result([*command, "-j"])
        self.assertEqual(result, status)
        self.assertNotEqual(err, b"")
        return json.loads(out)

    def test_b14_refused(self):
        said = b'forkgreetd: reload: "x\\\x1b"\nforkgreetd: more\nlast'
        self.assertEqual(
            self.object(self.answered(answer(1, b"", said)), 1),
            {"result": "failed", "warnings": [],
             "errors": ['reload: "x\\\x1b"', "more", "last"]})

    def test_b14_refused_without_a_word(self):
        self.assertEqual(self.object(self.answered(answer(77)), 77),
                         {"result": "failed", "errors": [], "warnings": []})

    def test_b14_no_answer(self):
        path = "/nonexistent/control"
        self.assertEqual(
            self.object([CTL, "-s", path, "status"], 69)["errors"],
            [f"connect {path}: No such file or directory"])
        command = self.answered(b"0 1", b"", pause=PATIENCE)
        self.assertEqual(
            self.object([*command, "-w", "0.3"], 75)["errors"],
            [f"read {command[2]}: timed out"])

    def test_b14_what_the_daemon_made(self):
        made = {"result": "failed", "generation": 7}
        self.assertEqual(
            self.object(self.answered(
                answer(78, json.dumps(made).encode(), b"no\n")), 78), made)


class HostileDaemon(ToolCase):
    """forkgreetctl and somebody who wants it to hang or to swell."""

    def test_b18_byte_by_byte_for_ever(self):
        for name, parts in (
                ("header", [b"0"] * 30),
                ("answer", [b"0 4194304 0\n"] + [b"x"] * 10000)):
            with self.subTest(name):
                command = self.answered(*parts, pause=0.05)
                started = time.monotonic()
                status, out, err = self.result([*command, "-w", "0.5"])
                self.assertEqual((status, out), (75, b""))
                self.assertIn(b"timed out", err)
                self.assertLess(time.monotonic() - started, PATIENCE / 2)

    def test_b18_more_than_it_promised(self):
        command = self.answered(answer(0, HI), LARGE, LARGE, pause=0.01)
        self.assertEqual(self.result(command), (0, HI, b""))

    def test_b18_never_closed(self):
        command = self.answered(answer(0, HI), b"", pause=PATIENCE)
        self.assertEqual(self.result(command), (0, HI, b""))

    def test_b18_largest_answer(self):
        data = b"\x1b" * (4 << 20)
        status, out, err = self.result(self.answered(answer(0, data)))
        self.assertEqual((status, err), (0, b""))
        self.assertEqual(out, b"\\x1b" * (4 << 20))

    def test_b18_larger_than_that(self):
        for header in b"0 4194305 0\n", b"0 1 4194304\n", b"0 0 99999999\n":
            with self.subTest(header):
                status, out, err = self.result(self.answered(header, LARGE))
                self.assertEqual((status, out), (69, b""))
                self.assertIn(b"not forkgreetd", err)

    def test_b18_status_of_its_own_making(self):
        """Exit statuses are those of the manual."""
        known = {0, 1, 64, 69, 71, 75, 77, 78}
        for number in range(0, 260):
            if number in known or number % 37 == 0 or number > 250:
                status, _, err = self.result(self.answered(answer(number)))
                self.assertEqual(status, number if number in known else 69)
                self.assertEqual(err == b"", number == 0)


# What may run out, by call; each must be told by its name, with 71.
SHORT = {
    "socket": ("EMFILE", "ENFILE", "ENOMEM", "ENOBUFS"),
    "connect": ("ENOMEM", "ENOBUFS", "EAGAIN"),
    "poll": ("ENOMEM", "EINVAL"),
    "getsockopt": ("ENOBUFS", "ENOMEM"),
    "sendto": ("ENOMEM", "ENOBUFS"),
    "recvfrom": ("ENOMEM", "ENOBUFS", "EFAULT"),
    "write": ("EIO", "ENOSPC", "ENOMEM", "EDQUOT", "EFBIG"),
}
# Calls whose failure loses nothing: the tool does its work without them.
HARMLESS = {"rt_sigaction", "rt_sigprocmask", "setitimer", "ioctl", "close",
            "fcntl", "newfstatat", "fstat", "getrandom", "futex",
            "restart_syscall"}
# No failure to inject: brk() returns an address in any case, the others end.
NEVER = {"brk", "exit_group", "exit"}


@UNTRACED
@NATIVE_CALLS
@unittest.skipUnless(strace_works(), "needs root and strace")
class Short(ToolCase):
    """This system is out of something: 71, with the error's name."""

    def traced(self, command, *injected):
        """Exit status, output, errors and the lines of the trace, from where
        main() begins."""
        with tempfile.NamedTemporaryFile("r", encoding="utf-8") as trace:
            result = self.result(
                ["strace", "--seccomp-bpf", "-f", "-qq", "-o", trace.name,
                 *injected, *command])
            return (*result, trace.read().splitlines())

    def calls(self, command):
        """Each call that the tool's own code makes, with its number."""
        status, _, _, lines = self.traced(command)
        self.assertEqual(status, 0)
        counted, began = {}, False
        for line in lines:
            call = re.match(r"\d+ +(\w+)\(", line)
            if call is None:
                continue
            name = call.group(1)
            counted[name] = counted.get(name, 0) + 1
            began = began or "F_GETFD" in line
            if began and name not in NEVER:
                yield name, counted[name]

    def check(self, command, out):
        seen = set()
        for name, number in self.calls(command):
            if name in HARMLESS:
                errors = ("ENOMEM",)
            else:
                self.assertIn(name, SHORT, "a new call: what may it fail of?")
                errors = SHORT[name]
            for error in errors:
                with self.subTest(call=name, number=number, error=error):
                    if self.failed(command, out, name, number, error):
                        seen.add(name)
        return seen

    def failed(self, command, out, name, number, error):
        """Injects one failure; returns whether it came about."""
        status, printed, said, lines = self.traced(
            command, "-e", f"trace={name}",
            "-e", f"inject={name}:error={error}:when={number}")
        came = any("(INJECTED)" in line for line in lines)
        if not came or name in HARMLESS and status == 0:
            self.assertEqual((status, printed, said), (0, out, b""))
            return False
        again = error == "EAGAIN" and command[0] == CTL
        if again:  # a full queue, which is waited for
            self.assertEqual((status, printed, said), (0, out, b""))
        else:
            self.assertEqual(status, 71, said)
            self.assertIn(os.strerror(getattr(errno, error)), said.decode())
        return True

    def test_b18_forkgreet(self):
        seen = self.check(self.greeted(HI), HI)
        self.assertLessEqual(
            {"socket", "connect", "poll", "getsockopt", "recvfrom", "write"},
            seen)

    def test_b18_forkgreetctl(self):
        seen = self.check(self.answered(answer(0, HI)), HI)
        self.assertLessEqual(
            {"socket", "connect", "sendto", "recvfrom", "write"}, seen)


if __name__ == "__main__":
    from harness import main
    main()
