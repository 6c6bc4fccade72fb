"""forkgreet --check, the monitoring plugin, and forkgreet -j: the line, the
object and the exit status, and Debian's negate and check_cluster with it."""

import json
import os
import re
import socket
import subprocess
import unicodedata
import unittest

from test_client import (CLIENT, GREETING, PATIENCE, Server, greet, hold,
                         reset, unused)

PLUGINS = "/usr/lib/nagios/plugins"
NEGATE = os.path.join(PLUGINS, "negate")
CLUSTER = os.path.join(PLUGINS, "check_cluster")

# One line of the guidelines: what it says, and the performance data.
LINE = re.compile(
    r"FORKGREET (OK|WARNING|CRITICAL|UNKNOWN) - ([^|\n]+)"
    r"( \| time=(\d+\.\d{6})s;([\d.]*);([\d.]*);0;([\d.]+) size=(\d+)B;;;0)?\n")
STATES = ("OK", "WARNING", "CRITICAL", "UNKNOWN")


class CheckCase(unittest.TestCase):
    def serve(self, handle):
        """The operand for such a server."""
        server = Server(handle)
        self.addCleanup(server.stop)
        return "127.0.0.1:%d" % server.address[1]

    def run_client(self, *arguments, command=(CLIENT,)):
        return subprocess.run(
            [*command, *arguments], capture_output=True, check=False,
            timeout=PATIENCE)

    def check(self, status, *arguments, says="", command=(CLIENT,)):
        """Runs it as a plugin; returns the parts of its line."""
        done = self.run_client("--check", *arguments, command=command)
        line = done.stdout.decode()
        self.assertEqual((done.returncode, done.stderr), (status, b""), line)
        self.assertLess(len(done.stdout), 1024)
        parts = LINE.fullmatch(line)
        self.assertIsNotNone(parts, line)
        self.assertEqual(parts.group(1), STATES[status], line)
        self.assertIn(says, parts.group(2))
        return parts


class Line(CheckCase):
    def test_ok(self):
        parts = self.check(0, self.serve(greet()), says="hi client")
        self.assertEqual(parts.group(5, 6, 7, 8),
                         ("", "", "10.000", str(len(GREETING))))

    def test_refused(self):
        port = unused(self, socket.AF_INET, "127.0.0.1")
        parts = self.check(2, "-p", str(port), says="Connection refused")
        self.assertIsNone(parts.group(3))

    def test_timed_out(self):
        self.check(2, "-w", "0.2", self.serve(hold), says="timed out")

    def test_reset(self):
        def handle(connection, _server):
            reset(connection)
        self.check(2, self.serve(handle), says="Connection reset")

    def test_no_greeting(self):
        self.check(2, self.serve(greet(b"")), says="without a greeting")

    def test_not_found(self):
        self.check(2, "unix:/nonexistent/socket", says="No such file")

    def test_this_system_fails(self):
        """Without the two descriptors of a pipe no name is looked up, and
        nothing is known of the server."""
        limited = ("sh", "-c", 'ulimit -n 4; exec "$@"', "sh", CLIENT)
        self.check(3, "name.invalid", says="Too many open files",
                   command=limited)

    def test_slow(self):
        """Both limits are passed, or the first, or none."""
        def slow(connection, server):
            server.stopping.wait(0.3)
            return greet()(connection, server)
        for status, warn, crit in (2, "0.1", "0.2"), (1, "0.1", "20"), (
                0, "20", "20"):
            with self.subTest(status=status):
                parts = self.check(status, "--warn", warn, "--crit", crit,
                                   self.serve(slow), says="hi client")
                self.assertEqual(
                    tuple(map(float, parts.group(5, 6))),
                    (float(warn), float(crit)))
                self.assertGreater(float(parts.group(4)), 0.25)

    def test_expect(self):
        text = b"220 ready\r\nstate=up\r\n"
        for status, expect in ((0, "^state=(up|drain)$"), (0, "^220 ready$"),
                               (0, "up"), (2, "^up"), (2, "down"),
                               (2, "ready.state")):
            with self.subTest(expect=expect):
                self.check(status, "--expect", expect,
                           self.serve(greet(text)))

    def test_expect_looks_behind_nul(self):
        self.check(0, "--expect", "^up$", self.serve(greet(b"a\0b\nup\n")))

    def test_hostile_greetings(self):
        """No bar, control byte or second line, and never a long one."""
        for text in (b"|evil=1s;2;3\n", b"\x1b]0;title\x07\n", b"\0\0\n",
                     "\u0085\u2028x".encode(), b"\xff" * 5000,
                     "\u20ac".encode() * 3000, b"\n\n\n", b"x" * 200000):
            with self.subTest(text=text[:8]):
                parts = self.check(0, self.serve(greet(text)))
                self.assertFalse(
                    [c for c in parts.group(2)
                     if unicodedata.category(c) == "Cc"], parts.group(2))
                self.assertEqual(int(parts.group(8)), len(text))

    def test_long_names(self):
        self.check(2, "x|" * 400, says="\\x7c")

    def test_nobody_reads(self):
        with open("/dev/full", "wb") as full:
            done = subprocess.run(
                [CLIENT, "--check", self.serve(greet())], stdout=full,
                stderr=subprocess.PIPE, check=False, timeout=PATIENCE)
        self.assertEqual((done.returncode, done.stderr), (3, b""))


class Usage(CheckCase):
    def test_wrong(self):
        for arguments, says in (
                (("--expect", "("), "--expect (: "),
                (("--warn", "2", "--crit", "1"), "--warn: expected at most"),
                (("--warn", "0"), "--warn 0: expected seconds"),
                (("--crit",), "--crit: needs a value"),
                (("--check=1",), "--check=1: takes no value"),
                (("-x",), "-x: no such option"),
                (("-p", "0"), "port 0: "),
                (("a", "1", "b"), "b: one argument too many")):
            with self.subTest(arguments=arguments):
                self.check(3, *arguments, says=says)

    def test_wrong_before(self):
        """--check holds for what stands before it, too."""
        done = self.run_client("-p", "0", "--che")
        self.assertEqual((done.returncode, done.stderr), (3, b""))
        self.assertIsNotNone(LINE.fullmatch(done.stdout.decode()))

    def test_help_and_version(self):
        """UNKNOWN by the guidelines."""
        for option in "-h", "--version":
            done = self.run_client("--check", option)
            self.assertEqual((done.returncode, done.stderr), (3, b""))
            self.assertIn(b"forkgreet", done.stdout)

    def test_only_with_check(self):
        for option in "--expect", "--warn", "--crit":
            done = self.run_client(option, "1")
            self.assertEqual((done.returncode, done.stdout), (64, b""))
            self.assertIn(b"only with --check", done.stderr)


class Json(CheckCase):
    def object_of(self, status, *arguments):
        done = self.run_client("-j", *arguments)
        self.assertEqual((done.returncode, done.stderr), (status, b""))
        self.assertTrue(done.stdout.endswith(b"}\n"))
        said = json.loads(done.stdout)
        self.assertEqual(said["exit_status"], status)
        return said

    def test_greeting(self):
        text = "q\" b\\ \u20ac \x1b \u0085\r\n\0".encode()
        said = self.object_of(0, self.serve(greet(text)))
        self.assertEqual(said["greeting"], text.decode())
        self.assertEqual((said["bytes"], said["cut"]), (len(text), False))
        self.assertLessEqual(said["first_byte_seconds"], said["seconds"])
        self.assertNotIn("error", said)

    def test_bytes_that_are_no_text(self):
        said = self.object_of(0, self.serve(greet(b"a\xff\xe2\x82")))
        self.assertEqual(said["greeting"], "a\ufffd\ufffd\ufffd")

    def test_long(self):
        said = self.object_of(0, self.serve(greet(b"x" * 100000)))
        self.assertEqual((said["bytes"], said["cut"], said["greeting"]),
                         (100000, True, "x" * 65536))

    def test_refused(self):
        port = unused(self, socket.AF_INET, "127.0.0.1")
        said = self.object_of(1, "-p", str(port))
        self.assertIn("Connection refused", said["error"])

    def test_check(self):
        said = self.object_of(2, "--check", "--expect", "down", "--warn", "2",
                              self.serve(greet()))
        self.assertEqual((said["state"], said["warn"]), ("CRITICAL", 2))
        self.assertIn("does not say", said["error"])

    def test_check_usage(self):
        self.object_of(3, "--check", "-p", "0")


@unittest.skipUnless(os.access(NEGATE, os.X_OK) and os.access(CLUSTER, os.X_OK),
                     "no %s (monitoring-plugins-basic)" % NEGATE)
class WithOthers(CheckCase):
    def test_negate(self):
        port = str(unused(self, socket.AF_INET, "127.0.0.1"))
        for expected, arguments in (
                ((2, "CRITICAL"), [self.serve(greet())]),
                ((0, "OK"), ["-p", port]), ((3, "UNKNOWN"), ["-p", "0"])):
            done = self.run_client(
                "-s", CLIENT, "--check", *arguments, command=(NEGATE,))
            text = done.stdout.decode()
            self.assertEqual((done.returncode, text.split()[1]), expected, text)

    def test_cluster(self):
        port = str(unused(self, socket.AF_INET, "127.0.0.1"))
        states = [self.run_client("--check", *arguments).returncode
                  for arguments in ([self.serve(greet())],
                                    ["--warn", "0.001", self.serve(
                                        lambda connection, server: (
                                            server.stopping.wait(0.1),
                                            greet()(connection, server)))],
                                    ["-p", port])]
        done = self.run_client(
            "-s", "-l", "greeting", "-d", ",".join(map(str, states)),
            "-w", "0", "-c", "@2:", command=(CLUSTER,))
        self.assertEqual(done.stdout.decode().strip(),
                         "CLUSTER CRITICAL: greeting: 1 ok, 1 warning, "
                         "0 unknown, 1 critical")


class Manual(CheckCase):
    """forkgreet(1) has each option and each member of an object."""

    def setUp(self):
        path = os.path.join(os.environ["top_srcdir"], "src/client/forkgreet.1")
        with open(path, encoding="utf-8") as file:
            self.text = file.read()

    def test_options(self):
        said = self.run_client("--help").stdout.decode()
        options = set(re.findall(r"(?<!\S)-{1,2}[a-zA-Z0-9][a-z]*", said))
        self.assertGreaterEqual(len(options), 16)
        described = {
            "-" + option.replace("\\-", "-") for line in re.findall(
                r"^\.It (Fl .*)$", self.text, re.MULTILINE)
            for option in re.findall(r"Fl (\S+)", line)}
        self.assertEqual({option for option in options | described if
                          (option in options) != (option in described)}, set())

    def members(self, said):
        names = set(said)
        for value in said.values():
            if isinstance(value, dict):
                names |= self.members(value)
        return {name for name in names if not name.isdecimal()}

    def test_members(self):
        silent = socket.create_server(("127.0.0.1", 0))
        self.addCleanup(silent.close)
        names = set()
        for arguments in (
                [self.serve(greet(GREETING))], ["127.0.0.1:%d" % unused(
                    self, socket.AF_INET, "127.0.0.1")],
                ["--check", "--warn", "8", "--crit", "9",
                 self.serve(greet(GREETING))],
                ["--load", "-w", "0.2", "-n", "1", "-c", "1",
                 "127.0.0.1:%d" % silent.getsockname()[1]]):
            names |= self.members(json.loads(
                self.run_client("-j", *arguments).stdout))
        self.assertTrue({"warn", "error", "p99.9", "greeted"} <= names)
        words = re.findall(r"^\.Cm (.*)$", self.text, re.MULTILINE)
        self.assertEqual(names - set(" ".join(words).split()), set())


if __name__ == "__main__":
    from harness import main
    main()
