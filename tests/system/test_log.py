"""The log: standard error or syslog, and the daemon never waits for either."""

import fcntl
import os
import re
import shutil
import signal
import socket
import subprocess
import time
import unittest

from harness import (BUILDDIR, Case, IS_ROOT, USER, descriptors, greet,
                     identity, needs_root, not_under_valgrind, parse_line,
                     wait_for)

GREETING = b"hi client\n"
# Far below what one second of waiting for a log would make of so many.
MANY = 300
QUICKLY = 10.0

# A /dev of its own, in which "log" is the test's socket.
PRIVATE_DEV = """
set -e
mount -t tmpfs -o mode=755 tmpfs /dev
mknod -m 666 /dev/null c 1 3
ln -s "$1" /dev/log
shift
exec "$@"
"""


def can_mount():
    """True when a private /dev can be had."""
    return IS_ROOT and subprocess.run(
        ["unshare", "-m", "sh", "-c", PRIVATE_DEV, "sh", "/nowhere", "true"],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        check=False).returncode == 0


class StderrCase(Case):
    """A daemon whose standard error is what the test says."""

    as_user = False

    def setUp(self):
        if self.as_user and not IS_ROOT:
            self.skipTest("all tests run as an ordinary user")

    def start(self, stderr, config=None):
        """Standard error becomes that descriptor (None: closed)."""
        def preexec():
            if stderr is None:
                os.closerange(0, 3)
            else:
                os.dup2(stderr, 2)
        daemon = self.daemon(config=config, ready=False, preexec=preexec,
                             as_user=self.as_user)
        wait_for(self.serves, 10, "service")
        return daemon

    def serves(self):
        """True once a client is greeted."""
        try:
            return greet(self.port) == GREETING
        except ConnectionRefusedError:
            return False

    def assert_quick(self, count=MANY):
        """So many clients do not wait."""
        begin = time.monotonic()
        for _ in range(count):
            self.assertEqual(greet(self.port), GREETING)
        self.assertLess(time.monotonic() - begin, QUICKLY)

    def wait_flows(self, server):
        """Greets until a client's line arrives there."""
        def flows():
            greet(self.port)
            return any(text.startswith("client ")
                       for text in server.texts())
        wait_for(flows, 2, "lines")


def drain(reader):
    """The lines that are in the pipe."""
    text = b""
    try:
        while part := os.read(reader, 1 << 16):
            text += part
    except BlockingIOError:
        pass
    return text.decode().splitlines()


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
        lines = wait_for(lambda: drain(reader), what="counters")
        dropped = int(re.fullmatch(r"forkgreetd: log dropped=(\d+)",
                                   after[0]).group(1))
        # The last of the others may have been seen off only now.
        self.assertIn(len(after), (2, 3), after)
        for line in after[1:]:
            self.assertTrue(line.startswith("forkgreetd: client id="), after)
        clients = sum(" client id=" in line for line in before + after)
        row = parse_line(lines[0])
        self.assertEqual(clients + dropped, int(row["ended_greeted"]))
        self.assertIn(f"log_dropped={dropped}", lines[1])
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


class Text(Case):
    """What may stand in a line."""

    HOSTILE = "\x1b[31m\x07\x08\r\x7f\x9b31m\xe2\x80\xae"

    def test_control_bytes(self):
        """None gets from a configuration into the log, nor a line of its
        own."""
        daemon = self.daemon()
        forged = "\nreload result=ok generation=99\n"
        for line in (f'wrong_{self.HOSTILE} = 1;',
                     f'user = "a{self.HOSTILE}";',
                     f'user = "a{forged}";',
                     r'user = "a\x1b[31m\nreload result=ok";',
                     r'group = "a\rb\x9b";',
                     f'pid_file = "/run/{self.HOSTILE}";',
                     f'log = {{ level = "{self.HOSTILE}"; }};',
                     f'limits = {{ max_clients = {self.HOSTILE}; }};',
                     f'@include "{self.HOSTILE}"'):
            with self.subTest(ascii(line)):
                daemon.reload(f"{line}\nlisteners = ( {self.listener()} );\n",
                              result="failed")
        daemon.reload(self.configuration(self.listener(
            f'greeting_file = "/nowhere/{self.HOSTILE}";')), result="failed")
        daemon.reload(self.configuration(self.listener(
            name="a" + self.HOSTILE)), result="failed")
        with open(daemon.log_path, "rb") as file:
            log = file.read()
        self.assertEqual(re.findall(rb"[\0-\x09\x0b-\x1f\x7f]", log), [])
        self.assertNotIn("\x9b".encode(), log)
        text = log.decode("utf-8")
        self.assertNotIn("\x9b", text)
        self.assertTrue(all(line.startswith("forkgreetd: ")
                            for line in text.splitlines()))
        self.assertEqual({line["result"] for line in
                          daemon.lines("reload")}, {"failed"})
        self.assertIn(r"\x1b", text)


class Server:
    """A log server: reads datagrams into lines, or does not read."""

    def __init__(self, path):
        self.path = path
        self.lines = []
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(path)
        os.chmod(path, 0o666)

    def read(self):
        """Takes what has come; returns all lines so far."""
        try:
            while True:
                self.lines.append(self.socket.recv(
                    1 << 16, socket.MSG_DONTWAIT).decode())
        except BlockingIOError:
            return self.lines

    def texts(self):
        """All so far, without what stands before the colon."""
        return [line.split(": ", 1)[1] for line in self.read()]

    def wait(self, start, count=1, seconds=5.0):
        """Waits for lines that start so; returns them as they came."""
        def found():
            some = [line for line in self.read()
                    if line.split(": ", 1)[1].startswith(start)]
            return some if len(some) >= count else None
        return wait_for(found, seconds, f"{count} x {start}")

    def close(self):
        """Goes away, with its socket."""
        self.socket.close()
        os.unlink(self.path)


@unittest.skipUnless(can_mount(), "needs root and a private /dev")
class Syslog(StderrCase):
    """The system's log socket."""

    CLIENT = re.compile(
        r"<(\d+)>([A-Z][a-z]{2} [ 1-3]\d \d\d:\d\d:\d\d) "
        r"forkgreetd\[(\d+)\]: client id=\d+ .* outcome=greeted [^\n\0]*")

    def setUp(self):
        super().setUp()
        folder = self.folder()
        self.path = os.path.join(folder, "log")
        self.server = None

    def serve(self):
        """A log server at /dev/log."""
        self.server = Server(self.path)
        self.addCleanup(self.server.socket.close)
        return self.server

    def config(self, log="", listener=""):
        """Logs to syslog."""
        return (identity() + f'log = {{ target = "syslog"; {log} }};\n'
                f"listeners = ( {self.listener(listener)} );\n")

    def start(self, config=None, env=None, program=None, ready=True):
        """A daemon with a /dev of its own."""
        wrapper = ["unshare", "-m", "sh", "-c", PRIVATE_DEV, "sh", self.path]
        if self.as_user:
            wrapper += ["setpriv", f"--reuid={USER}", f"--regid={USER}",
                        "--clear-groups"]
        if program is not None:
            wrapper += ["sh", "-c", f'shift; exec "{program}" "$@"', "sh"]
        daemon = self.daemon(config=config or self.config(), ready=False,
                             wrapper=wrapper, env=env)
        if ready:
            wait_for(self.serves, 10, "service")
        return daemon

    def test_format(self):
        """Priority, local time, name and pid stand before each line."""
        server = self.serve()
        daemon = self.start(env={"TZ": "XYZ-13:00"})
        line = server.wait("client ")[0]
        match = self.CLIENT.fullmatch(line)
        self.assertTrue(match, line)
        self.assertEqual(match.group(1), "30")  # daemon.info
        self.assertEqual(int(match.group(3)), daemon.pid)
        there = [time.strftime("%b %e %H:%M:%S",
                               time.gmtime(time.time() + 13 * 3600 - ago))
                 for ago in range(10)]
        self.assertIn(match.group(2), there)
        self.assertTrue(server.wait("start ")[0].startswith("<29>"))
        daemon.write_config("wrong")
        daemon.signal(signal.SIGHUP)
        self.assertTrue(server.wait("reload ")[0].startswith("<27>"))
        self.assertEqual(daemon.log(), [])
        self.assertEqual(daemon.stop(), 0)
        server.wait("stopped ")

    def test_facility_and_level(self):
        """log.facility and log.level, at the start and by a reload."""
        server = self.serve()
        daemon = self.start(self.config(
            'facility = "local3"; level = "warning";'))
        daemon.write_config(self.config("wrong = 1;"))
        daemon.signal(signal.SIGHUP)
        line = server.wait("reload result=failed")[0]
        self.assertTrue(line.startswith(f"<{19 * 8 + 3}>"), line)
        self.assertEqual([text for text in server.texts() if not
                          text.startswith(("reload ", daemon.config))], [])
        daemon.write_config(self.config('facility = "mail";'))
        daemon.signal(signal.SIGHUP)
        line = server.wait("reload result=ok")[0]
        self.assertTrue(line.startswith(f"<{2 * 8 + 5}>"), line)
        greet(self.port)
        line = server.wait("client ")[0]
        self.assertTrue(line.startswith(f"<{2 * 8 + 6}>"), line)

    def test_target_changes(self):
        """From syslog to standard error, and back."""
        server = self.serve()
        daemon = self.start()
        server.wait("client ")
        daemon.reload(self.configuration())
        count = len(server.read())
        greet(self.port)
        daemon.wait_line("client")
        self.assertEqual(len(server.read()), count)
        count = len(daemon.log())
        daemon.write_config(self.config())
        daemon.signal(signal.SIGHUP)
        server.wait("reload result=ok")
        clients = len(server.wait("client "))
        greet(self.port)
        server.wait("client ", clients + 1)
        self.assertEqual([line for line in daemon.log()[count:]
                          if not line.startswith("spawner start")], [])

    def test_slow_server(self):
        """Its queue is full: lines are dropped, nobody waits."""
        server = self.serve()
        daemon = self.start()
        self.assert_quick()
        wait_for(lambda: not daemon.clients(), what="rest")
        before = len(server.read())
        greet(self.port)
        server.wait("log dropped=")
        wait_for(lambda: server.texts()[-1].startswith("client "),
                 what="client line")
        said = server.texts()[before:]
        dropped = int(said[0].removeprefix("log dropped="))
        self.assertGreater(dropped, 0)
        self.assertEqual(len(said), 2, said)
        daemon.signal(signal.SIGUSR1)
        server.wait("counters live=")
        row, total = map(parse_line, server.texts()[-2:])
        self.assertEqual(int(total["log_dropped"]), dropped)
        clients = sum(text.startswith("client ")
                      for text in server.texts())
        self.assertEqual(clients + dropped, int(row["ended_greeted"]))

    def test_server_restarted(self):
        """Lines flow again soon after; those meanwhile are counted."""
        server = self.serve()
        daemon = self.start()
        server.wait("client ")
        server.close()
        self.assert_quick(100)
        wait_for(lambda: not daemon.clients(), what="rest")
        server = self.serve()
        self.wait_flows(server)
        first = server.texts()[0]
        self.assertRegex(first, r"^log dropped=\d+$")
        self.assertGreaterEqual(int(first.split("=")[1]), 100)

    def test_no_server(self):
        """The daemon starts and serves without; later its lines come."""
        daemon = self.start()
        self.assert_quick(50)
        self.assertEqual(daemon.log(), [])
        server = self.serve()
        self.wait_flows(server)
        self.assertRegex(server.texts()[0], r"^log dropped=\d+$")
        self.assertEqual(daemon.stop(), 0)

    @not_under_valgrind("its wrapper runs one program")
    def test_errors_before_ready(self):
        """They are on the terminal too, as long as somebody looks there."""
        server = self.serve()
        folder = self.folder()
        program = os.path.join(folder, "forkgreetd")
        shutil.copy(os.path.join(BUILDDIR, "forkgreetd"), program)
        daemon = self.start(program=program, ready=False)
        self.assertEqual(daemon.wait(), 71)
        self.assertEqual(len(daemon.log()), 1, daemon.log())
        self.assertIn("forkgreet-spawner: No such file", daemon.log()[0])
        self.assertEqual(server.texts(), daemon.log())
        shutil.copy(os.path.join(BUILDDIR, "forkgreetctl"),
                    os.path.join(folder, "forkgreet-spawner"))
        daemon = self.start(program=program, ready=False)
        self.assertEqual(daemon.wait(), 77)
        self.assertEqual(len(daemon.log()), 2, daemon.log())
        self.assertIn("spawner: ended with exit status 64", daemon.log()[0])
        self.assertEqual(server.texts()[1:], daemon.log())


class SyslogAsUser(Syslog):
    """What may differ, started by an ordinary user."""

    as_user = True
    test_facility_and_level = test_slow_server = None


if __name__ == "__main__":
    from harness import main
    main()
