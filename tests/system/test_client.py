"""forkgreet, the client: what it prints and how it ends, against servers that
behave well and badly."""

import errno
import os
import random
import re
import select
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time
import unittest
from programs import UNTRACED

CLIENT = os.path.abspath(
    os.path.join(os.environ.get("BUILDDIR", "."), "forkgreet"))
GREETING = b"hi client\n"


def localhost_is_known():
    """A very bare container has no /etc/hosts."""
    try:
        return bool(socket.getaddrinfo("localhost", None, socket.AF_INET))
    except OSError:
        return False


needs_localhost = unittest.skipUnless(
    localhost_is_known(), "this machine does not know localhost")
# 1 MiB of everything, in no order that repeats.
LARGE = random.Random(4444).randbytes(1 << 20)
# Much longer than anything here takes: a limit against hanging for ever.
PATIENCE = 30


class Server:
    """A listener whose thread hands its first connection to handle(connection,
    server).  What handle returns is server.result."""

    def __init__(self, handle, family=socket.AF_INET, address=None):
        if address is None:
            host = "::1" if family == socket.AF_INET6 else "127.0.0.1"
            address = (host, 0)
        self.handle = handle
        self.result = None
        self.error = None
        self.stopping = threading.Event()
        self.wake, self.woken = socket.socketpair()
        self.listener = socket.socket(family, socket.SOCK_STREAM)
        try:
            self.listener.bind(address)
            self.listener.listen()
        except OSError:
            self.close()
            raise
        self.address = self.listener.getsockname()
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def close(self):
        for each in self.listener, self.wake, self.woken:
            each.close()

    def run(self):
        ready, _, _ = select.select([self.listener, self.woken], [], [])
        if self.listener not in ready:
            return
        connection, _ = self.listener.accept()
        with connection:
            try:
                self.result = self.handle(connection, self)
            except OSError as error:
                self.error = error

    def wait_end(self):
        self.thread.join(PATIENCE)
        if self.thread.is_alive():
            raise AssertionError("the server's thread does not end")
        return self.result

    def stop(self):
        self.stopping.set()
        self.wake.close()
        self.wait_end()
        self.close()


def greet(greeting=GREETING):
    """A handler that greets and then ends the stream as forkgreetd does; its
    result is what the client sent until its own end of stream."""
    def handle(connection, _server):
        connection.sendall(greeting)
        connection.shutdown(socket.SHUT_WR)
        return connection.recv(4096)
    return handle


def reset(connection):
    connection.setsockopt(
        socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


def hold(connection, server):
    """Says nothing until the test is over."""
    server.stopping.wait(PATIENCE)


class ClientTest(unittest.TestCase):
    def serve(self, handle, family=socket.AF_INET, address=None):
        server = Server(handle, family, address)
        self.addCleanup(server.stop)
        return server

    def serve_ipv6(self, handle, address=("::1", 0)):
        try:
            return self.serve(handle, socket.AF_INET6, address)
        except OSError as error:
            return self.skipTest("no IPv6 here: %s" % error)

    def directory(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        return directory.name

    def start(self, *arguments, **options):
        """The client as a process, which ends with the test."""
        options.setdefault("stdout", subprocess.PIPE)
        options.setdefault("stderr", subprocess.PIPE)
        process = subprocess.Popen(
            [CLIENT] + [str(each) for each in arguments],
            stdin=subprocess.DEVNULL, **options)

        def stop():
            process.kill()
            process.wait()
            for stream in process.stdout, process.stderr:
                if stream:
                    stream.close()
        self.addCleanup(stop)
        return process

    def finish(self, process, status, out, error):
        """Waits for process and checks how it ended.  error is the whole line
        on standard error without "forkgreet: ", None: there is none."""
        printed, said = process.communicate(timeout=PATIENCE)
        self.assertEqual(said.decode(),
                         "" if error is None else "forkgreet: %s\n" % error)
        self.assertEqual(process.returncode, status)
        if out is not None:
            self.assertEqual(printed, out)

    def check(self, arguments, status, out=b"", error=None, **options):
        self.finish(self.start(*arguments, **options), status, out, error)

    def check_usage(self, arguments, error):
        self.check(arguments, 64, b"", error + " (see forkgreet --help)")


def unused(test, family, host):
    """A port that is taken but where nobody listens: refused for sure."""
    taken = socket.socket(family, socket.SOCK_STREAM)
    test.addCleanup(taken.close)
    taken.bind((host, 0))
    return taken.getsockname()[1]


def full(test, family, address):
    """A listener that accepts nobody and whose backlog is full: TCP drops what
    comes, so a connection neither comes about nor fails."""
    listener = socket.socket(family, socket.SOCK_STREAM)
    test.addCleanup(listener.close)
    listener.bind(address)
    listener.listen(0)
    for _ in range(4):
        waiting = socket.socket(family, socket.SOCK_STREAM)
        test.addCleanup(waiting.close)
        waiting.setblocking(False)
        waiting.connect_ex(listener.getsockname())
    _, ready, _ = select.select([], [waiting], [], 0.2)
    if ready and family != socket.AF_UNIX:
        test.skipTest("cannot fill a backlog on this kernel")
    return listener


class GreetingTest(ClientTest):
    """Greetings that come, in all their forms."""

    def test_host_and_port(self):
        server = self.serve(greet())
        self.check(server.address, 0, GREETING)

    def test_port_option(self):
        server = self.serve(greet())
        self.check(["-p", server.address[1]], 0, GREETING)

    def test_options_after_operands(self):
        server = self.serve(greet())
        self.check(["127.0.0.1", "-4", "-p", server.address[1], "-w", "2.5"],
                   0, GREETING)

    def test_d11_host_and_port_in_one(self):
        server = self.serve(greet())
        self.check(["127.0.0.1:%d" % server.address[1]], 0, GREETING)
        server = self.serve_ipv6(greet())
        self.check(["[::1]:%d" % server.address[1]], 0, GREETING)

    @needs_localhost
    def test_d11_name_and_port_in_one(self):
        server = self.serve(greet())
        self.check(["localhost:%d" % server.address[1]], 0, GREETING)

    @needs_localhost
    def test_name(self):
        # It may have ::1 too, where nobody listens on that port.
        server = self.serve(greet())
        self.check(["localhost", server.address[1]], 0, GREETING)

    def test_ipv6(self):
        for arguments in ["::1"], ["[::1]"], ["-6", "::1"], ["-6", "[::1]"]:
            with self.subTest(arguments=arguments):
                server = self.serve_ipv6(greet())
                self.check(arguments + [server.address[1]], 0, GREETING)

    def test_ipv6_is_local_by_default(self):
        server = self.serve_ipv6(greet())
        self.check(["-6", "-p", server.address[1]], 0, GREETING)

    def test_ipv6_scope(self):
        with open("/proc/net/if_inet6", encoding="ascii") as table:
            rows = [line.split() for line in table]
        rows = [row for row in rows if row[3] == "20"]
        if not rows:
            self.skipTest("no interface has a link-local address")
        digits, name = rows[0][0], rows[0][5]
        text = ":".join(re.findall("....", digits)) + "%" + name
        address = socket.getaddrinfo(text, 0, socket.AF_INET6)[0][4]
        server = self.serve_ipv6(greet(), address)
        self.check([text, server.address[1]], 0, GREETING)

    def test_unix_socket(self):
        path = os.path.join(self.directory(), "socket")
        self.serve(greet(), socket.AF_UNIX, path)
        self.check(["unix:" + path], 0, GREETING)

    def test_unix_socket_longest_path(self):
        directory = self.directory()
        path = directory + "/" + "x" * (107 - len(directory) - 1)
        self.serve(greet(), socket.AF_UNIX, path)
        self.check(["unix:" + path], 0, GREETING)

    def test_large_binary(self):
        server = self.serve(greet(LARGE))
        self.check(server.address, 0, LARGE)

    def test_large_binary_to_file(self):
        server = self.serve(greet(LARGE))
        with tempfile.TemporaryFile() as file:
            self.check(server.address, 0, None, stdout=file)
            file.seek(0)
            self.assertEqual(file.read(), LARGE)

    def test_byte_by_byte(self):
        def handle(connection, _server):
            for byte in GREETING:
                connection.sendall(bytes([byte]))
                time.sleep(0.01)
        server = self.serve(handle)
        self.check(server.address, 0, GREETING)

    def halves(self):
        """The client, which has printed the first half of a greeting, and the
        event that makes the server send the second."""
        proceed = threading.Event()
        self.addCleanup(proceed.set)

        def handle(connection, _server):
            connection.sendall(b"first ")
            proceed.wait(PATIENCE)
            connection.sendall(b"second")
        process = self.start(*self.serve(handle).address)
        self.assertEqual(os.read(process.stdout.fileno(), 100), b"first ")
        return process, proceed

    def test_printed_as_it_comes(self):
        process, proceed = self.halves()
        proceed.set()
        self.finish(process, 0, b"second", None)

    def test_sends_nothing_and_ends_in_order(self):
        server = self.serve(greet())
        self.check(server.address, 0, GREETING)
        self.assertEqual(server.wait_end(), b"")
        self.assertIsNone(server.error)

    def test_stopped_and_continued(self):
        process, proceed = self.halves()
        process.send_signal(signal.SIGSTOP)
        os.waitid(os.P_PID, process.pid, os.WSTOPPED | os.WNOWAIT)
        process.send_signal(signal.SIGCONT)
        proceed.set()
        self.finish(process, 0, b"second", None)


class RefusedTest(ClientTest):
    """Nobody there: exit status 1."""

    def test_refused(self):
        port = unused(self, socket.AF_INET, "127.0.0.1")
        self.check(["127.0.0.1", port], 1, b"",
                   "connect 127.0.0.1:%d: Connection refused" % port)

    @needs_localhost
    def test_name_refused(self):
        port = unused(self, socket.AF_INET, "127.0.0.1")
        # /etc/hosts may give it more than once.
        number = len(socket.getaddrinfo("localhost", port, socket.AF_INET,
                                        socket.SOCK_STREAM))
        many = f", first of {number} addresses" if number > 1 else ""
        self.check(["-4", "-p", port, "localhost"], 1, b"",
                   f"connect localhost (127.0.0.1:{port}){many}: "
                   "Connection refused")

    def test_ipv6_refused(self):
        try:
            port = unused(self, socket.AF_INET6, "::1")
        except OSError as error:
            self.skipTest("no IPv6 here: %s" % error)
        self.check(["[::1]", port], 1, b"",
                   "connect [::1]:%d: Connection refused" % port)

    def test_scope_is_shown(self):
        try:
            port = unused(self, socket.AF_INET6, "::1")
        except OSError as error:
            self.skipTest("no IPv6 here: %s" % error)
        self.check(["::1%1", port], 1, b"", "connect [::1%%%s]:%d: Connection "
                   "refused" % (socket.if_indextoname(1), port))

    def test_unix_socket_refused(self):
        path = os.path.join(self.directory(), "socket")
        with socket.socket(socket.AF_UNIX) as bound:
            bound.bind(path)
        self.check(["unix:" + path], 1, b"",
                   "connect unix:%s: Connection refused" % path)

    def test_unix_datagram_socket(self):
        path = os.path.join(self.directory(), "socket")
        bound = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.addCleanup(bound.close)
        bound.bind(path)
        self.check(["unix:" + path], 1, b"",
                   "connect unix:%s: Protocol wrong type for socket" % path)


class TimeoutTest(ClientTest):
    """Too late: exit status 2, and what came is printed."""

    def check_time(self, seconds, arguments, *expected, **options):
        started = time.monotonic()
        self.check(["-w", seconds] + list(arguments), 2, *expected, **options)
        took = time.monotonic() - started
        self.assertGreaterEqual(took, seconds)
        self.assertLess(took, seconds + 5)

    def test_silent(self):
        server = self.serve(hold)
        self.check_time(0.3, server.address, b"",
                        "read 127.0.0.1:%d: timed out after 0 bytes"
                        % server.address[1])

    def test_held_after_greeting(self):
        def handle(connection, server):
            connection.sendall(GREETING)
            hold(connection, server)
        server = self.serve(handle)
        self.check_time(0.5, server.address, GREETING,
                        "read 127.0.0.1:%d: timed out after %d bytes"
                        % (server.address[1], len(GREETING)))

    def test_progress_does_not_prolong(self):
        def handle(connection, server):
            while not server.stopping.wait(0.05):
                connection.sendall(b"x")
        server = self.serve(handle)
        process = self.start("-w", "0.5", *server.address)
        printed, said = process.communicate(timeout=PATIENCE)
        self.assertEqual(process.returncode, 2)
        self.assertTrue(printed)
        self.assertEqual(
            said.decode(), "forkgreet: read 127.0.0.1:%d: "
            "timed out after %d bytes\n" % (server.address[1], len(printed)))

    def test_ready_data_does_not_prolong(self):
        proceed = threading.Event()
        self.addCleanup(proceed.set)

        def handle(connection, _server):
            connection.sendall(b"first ")
            proceed.wait(PATIENCE)
            connection.sendall(b"x" * 50000)
        server = self.serve(handle)
        process = self.start("-w", "1", *server.address)
        self.assertEqual(os.read(process.stdout.fileno(), 100), b"first ")
        process.send_signal(signal.SIGSTOP)
        os.waitid(os.P_PID, process.pid, os.WSTOPPED | os.WNOWAIT)
        proceed.set()
        server.wait_end()
        time.sleep(1.1)
        process.send_signal(signal.SIGCONT)
        printed, said = process.communicate(timeout=PATIENCE)
        self.assertEqual(process.returncode, 2)
        self.assertLess(len(printed), 50000)
        self.assertEqual(
            said.decode(), "forkgreet: read 127.0.0.1:%d: timed out after %d "
            "bytes\n" % (server.address[1], len(b"first ") + len(printed)))

    def test_connect(self):
        listener = full(self, socket.AF_INET, ("127.0.0.1", 0))
        port = listener.getsockname()[1]
        self.check_time(0.3, ["127.0.0.1", port], b"",
                        "connect 127.0.0.1:%d: timed out" % port)

    def test_unix_connect(self):
        path = os.path.join(self.directory(), "socket")
        full(self, socket.AF_UNIX, path)
        self.check_time(0.3, ["unix:" + path], b"",
                        "connect unix:%s: timed out" % path)

    def test_reader_stands_still(self):
        def handle(connection, _server):
            connection.sendall(b"x")  # so that no write fills the pipe exactly
            time.sleep(0.1)
            connection.sendall(LARGE)
        server = self.serve(handle)
        process = self.start("-w", "0.5", *server.address)
        self.assertEqual(process.wait(PATIENCE), 2)
        self.assertEqual(
            process.stderr.read().decode(),
            "forkgreet: write standard output: timed out\n")


class PatientTest(ClientTest):
    """What is late, but not too late."""

    def test_unix_backlog_empties(self):
        path = os.path.join(self.directory(), "socket")
        listener = full(self, socket.AF_UNIX, path)
        process = self.start("unix:" + path)
        with self.assertRaises(subprocess.TimeoutExpired):
            process.wait(0.3)
        # Those that full() left come first; they have gone or do not read.
        while process.poll() is None:
            if select.select([listener], [], [], 0.1)[0]:
                with listener.accept()[0] as connection:
                    connection.sendall(GREETING)
        self.finish(process, 0, GREETING, None)

    def test_nonblocking_output(self):
        server = self.serve(greet(LARGE))
        readable, writable = os.pipe()
        os.set_blocking(writable, False)
        with open(readable, "rb") as reader:
            process = self.start(*server.address, stdout=writable)
            os.close(writable)
            time.sleep(0.1)  # lets the pipe fill
            self.assertEqual(reader.read(), LARGE)
        self.finish(process, 0, None, None)


class ResetTest(ClientTest):
    """Cut off, or nothing said: exit status 3."""

    def test_closed_at_once(self):
        server = self.serve(lambda connection, server: None)
        self.check(server.address, 3, b"",
                   "read 127.0.0.1:%d: ended without a greeting"
                   % server.address[1])

    def test_unix_socket_closed_at_once(self):
        path = os.path.join(self.directory(), "socket")
        self.serve(lambda connection, server: None, socket.AF_UNIX, path)
        self.check(["unix:" + path], 3, b"",
                   "read unix:%s: ended without a greeting" % path)

    def test_reset_at_once(self):
        server = self.serve(lambda connection, server: reset(connection))
        process = self.start(*server.address)
        printed, said = process.communicate(timeout=PATIENCE)
        self.assertEqual(process.returncode, 3)
        self.assertEqual(printed, b"")
        # The reset may come before connect() is through.
        self.assertRegex(
            said.decode(), r"\Aforkgreet: (read 127\.0\.0\.1:\d+: Connection "
            r"reset by peer after 0 bytes|connect 127\.0\.0\.1:\d+: "
            r"Connection reset by peer)\n\Z")

    def test_reset_in_the_middle(self):
        arrived = threading.Event()
        self.addCleanup(arrived.set)

        def handle(connection, _server):
            connection.sendall(b"part")
            arrived.wait(PATIENCE)
            reset(connection)
        server = self.serve(handle)
        process = self.start(*server.address)
        self.assertEqual(os.read(process.stdout.fileno(), 100), b"part")
        arrived.set()
        self.finish(process, 3, b"", "read 127.0.0.1:%d: Connection reset by "
                    "peer after 4 bytes" % server.address[1])


class NotFoundTest(ClientTest):
    """No such name, address or socket: exit status 4.  None of these asks a
    name server."""

    def test_name(self):
        # Too long a label for DNS.
        name = "x" * 64 + ".invalid"
        process = self.start(name)
        printed, said = process.communicate(timeout=PATIENCE)
        self.assertEqual((process.returncode, printed), (4, b""))
        self.assertRegex(said.decode(),
                         r"\Aforkgreet: look up %s: .+\n\Z" % name)

    def test_no_such_interface(self):
        self.check(["[fe80::1%nosuchif0]"], 4, b"",
                   "look up fe80::1%nosuchif0: Name or service not known")

    def test_wrong_family(self):
        for arguments in (["-4", "::1"], ["-4", "[::1]"],
                          ["-6", "127.0.0.1"], ["[127.0.0.1]"]):
            address = arguments[-1].strip("[]")
            with self.subTest(arguments=arguments):
                self.check(arguments, 4, b"", "look up %s: Address family for "
                           "hostname not supported" % address)

    def test_unix_socket(self):
        path = os.path.join(self.directory(), "socket")
        self.check(["unix:" + path], 4, b"",
                   "connect unix:%s: No such file or directory" % path)


class OutputTest(ClientTest):
    """Standard output that cannot be written: exit status 71."""

    def shell(self, redirection, *arguments):
        return subprocess.run(
            ["sh", "-c", 'exec "$0" "$@" ' + redirection, CLIENT]
            + [str(each) for each in arguments], stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=PATIENCE,
            check=False)

    def test_closed_pipe(self):
        server = self.serve(greet())
        readable, writable = os.pipe()
        os.close(readable)
        process = self.start(*server.address, stdout=writable)
        os.close(writable)
        self.finish(process, 71, None, "write standard output: Broken pipe")

    def test_full_device(self):
        server = self.serve(greet())
        with open("/dev/full", "wb") as device:
            self.check(server.address, 71, None, "write standard output: "
                       "No space left on device", stdout=device)

    def test_no_output(self):
        """The connection must not become standard output."""
        server = self.serve(greet())
        result = self.shell("<&- >&-", *server.address)
        self.assertEqual(result.returncode, 71)
        self.assertEqual(result.stderr, b"forkgreet: write standard output: "
                         b"Bad file descriptor\n")
        self.assertEqual(server.wait_end(), b"")

    def test_no_error_output(self):
        """Nor standard error: the message is not for the server."""
        server = self.serve(greet(b""))
        result = self.shell("2>&-", *server.address)
        self.assertEqual((result.returncode, result.stdout), (3, b""))
        self.assertEqual(server.wait_end(), b"")

    def test_version_and_help(self):
        for option in "-V", "-h":
            for redirection, reason in ((">/dev/full",
                                         b"No space left on device"),
                                        (">&-", b"Bad file descriptor")):
                with self.subTest(option=option, redirection=redirection):
                    result = self.shell(redirection, option)
                    self.assertEqual(result.returncode, 71)
                    self.assertEqual(result.stderr, b"forkgreet: write "
                                     b"standard output: " + reason + b"\n")


class UsageTest(ClientTest):
    """The command line: exit status 64."""

    def test_help(self):
        for option in "-h", "--help":
            process = self.start(option)
            printed, said = process.communicate(timeout=PATIENCE)
            self.assertEqual((process.returncode, said), (0, b""))
            self.assertTrue(printed.startswith(b"usage: forkgreet "))

    def test_version(self):
        for option in "-V", "--version":
            process = self.start(option)
            printed, said = process.communicate(timeout=PATIENCE)
            self.assertEqual((process.returncode, said), (0, b""))
            self.assertRegex(printed, rb"\Aforkgreet \d+\.\d+\.\d+\S*\n\Z")

    def test_ports(self):
        for text in "0", "65536", "-1", "", "http", "80x", " 80", "080", "+80":
            with self.subTest(text=text):
                error = "port%s: expected a number from 1 to 65535" % (
                    text and " " + text)
                self.check_usage(["-p", text], error)
                self.check_usage(["--", "127.0.0.1", text], error)

    def test_seconds(self):
        for text in ("0", "0.000", "0.0001", "86400.001", "86401", "-1", "",
                     "1s", ".5", "1.", "1,5", "99999999999999999999"):
            with self.subTest(text=text):
                self.check_usage(
                    ["-w", text], "-w%s: expected seconds from 0.001 to 86400"
                    % (text and " " + text))

    def test_seconds_allowed(self):
        for text in "2.5", "86400", "86399.999", "3":
            with self.subTest(text=text):
                server = self.serve(greet())
                self.check(["-w", text, *server.address], 0, GREETING)

    def test_smallest_wait(self):
        server = self.serve(hold)
        process = self.start("-w", "0.001", *server.address)
        process.communicate(timeout=PATIENCE)
        self.assertEqual(process.returncode, 2)

    def test_options(self):
        for arguments, error in (
                (["-x"], "-x: no such option"),
                (["-4x"], "-x: no such option"),
                (["-x4"], "-x: no such option"),
                (["--wait", "3"], "--wait: no such option"),
                (["--version=2"], "--version=2: takes no value"),
                (["-p"], "-p: needs a value"),
                (["-w"], "-w: needs a value"),
                (["-4", "-6"], "-4 -6: expected one of them"),
                (["-64"], "-4 -6: expected one of them")):
            with self.subTest(arguments=arguments):
                self.check_usage(arguments, error)

    def test_d11_ports_in_conflict(self):
        for arguments, error in (
                (["a:1", "2"], "port 1: given twice"),
                (["-p", "2", "a:1"], "port 1: given twice"),
                (["[::1]:1", "1"], "port 1: given twice"),
                (["-p", "1", "[::1]:2"], "port 2: given twice"),
                (["a:"], "port: expected a number from 1 to 65535"),
                (["[::1]:"], "port: expected a number from 1 to 65535"),
                (["a:x"], "port x: expected a number from 1 to 65535"),
                (["a:65536"], "port 65536: expected a number from 1 to 65535"),
                (["[::1]:0"], "port 0: expected a number from 1 to 65535"),
                ([":4444"], "host: empty"),
                (["[]:4444"], "host: empty"),
                (["[::1"], "[::1: the ] is missing"),
                (["[::1]4444"],
                 "[::1]4444: expected nothing or :PORT after the ]"),
                (["unix:/x", "1"],
                 "unix:/x: takes neither -4, -6 nor a port")):
            with self.subTest(arguments=arguments):
                self.check_usage(arguments, error)

    def test_operands(self):
        long = "unix:/" + "x" * 107
        for arguments, error in (
                (["a", "1", "b"], "b: one argument too many"),
                (["-p", "1", "a", "2"], "port 2: given twice"),
                ([""], "host: empty"),
                (["[]"], "host: empty"),
                (["unix:"], "unix:: expected a path of 1 to 107 bytes"),
                ([long], long + ": expected a path of 1 to 107 bytes"),
                (["unix:@"], "unix:@: expected a name of 1 to 107 bytes"),
                (["unix:@" + "x" * 108], "unix:@" + "x" * 108 +
                 ": expected a name of 1 to 107 bytes"),
                (["-p", "1", "unix:@x"],
                 "unix:@x: takes neither -4, -6 nor a port"),
                (["unix:/x", "1"],
                 "unix:/x: takes neither -4, -6 nor a port"),
                (["-p", "1", "unix:/x"],
                 "unix:/x: takes neither -4, -6 nor a port"),
                (["-6", "unix:/x"],
                 "unix:/x: takes neither -4, -6 nor a port")):
            with self.subTest(arguments=arguments):
                self.check_usage(arguments, error)


class NamespaceTest(ClientTest):
    """Names and networks as this test wants them, in namespaces of its own."""

    def unshare(self, flags, script, *arguments, under=()):
        """The client, started by the words of under, in new namespaces where
        script has run."""
        command = ["unshare", flags, "sh", "-c", script, "sh"]
        try:
            subprocess.run(command, check=True, stdin=subprocess.DEVNULL,
                           stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        except (OSError, subprocess.CalledProcessError) as error:
            self.skipTest("unshare %s is not possible: %s" % (flags, error))
        command += [*under, CLIENT] + [str(each) for each in arguments]
        command[4] = script + 'exec "$@"'
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL,
                                   stdout=subprocess.PIPE,
                                   stderr=subprocess.PIPE)
        self.addCleanup(process.stdout.close)
        self.addCleanup(process.stderr.close)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        return process

    def with_hosts(self, hosts, *arguments):
        """The client with another /etc/hosts."""
        return self.unshare("-rm", 'mount --bind "%s" /etc/hosts || exit; '
                            % hosts, *arguments)

    def hosts(self, text):
        path = os.path.join(self.directory(), "hosts")
        with open(path, "w", encoding="ascii") as file:
            file.write(text)
        return path

    def twin(self):
        """A hosts file where the name twin has two addresses."""
        return self.hosts("127.0.0.2 twin\n127.0.0.3 twin\n")

    def test_defaults(self):
        # Its loopback interface is down.
        process = self.unshare("-rn", "")
        self.finish(process, 1, b"",
                    "connect 127.0.0.1:4444: Network is unreachable")

    def test_loopback_addresses_are_found(self):
        """Also where no other address of their family is (AI_ADDRCONFIG)."""
        for option, address, text in (("-4", "127.0.0.1", "127.0.0.1"),
                                      ("-6", "::1", "[::1]")):
            process = self.unshare("-rn", "", option, address)
            _, said = process.communicate(timeout=PATIENCE)
            self.assertIn(process.returncode, (1, 4))
            self.assertRegex(said.decode(), r"\Aforkgreet: connect %s:4444: "
                             % re.escape(text))

    def test_brackets_are_for_addresses(self):
        path = self.hosts("::1 name.invalid\n")
        process = self.with_hosts(path, "[name.invalid]")
        self.finish(process, 4, b"",
                    "look up name.invalid: Name or service not known")

    @UNTRACED
    @unittest.skipUnless(shutil.which("strace"), "needs strace")
    def test_b17_look_up_short_of_something(self):
        """Not "no such name": the error's own name, and 71."""
        path = self.hosts("127.0.0.1 name.invalid\n")
        files = ["-P", path, "-P", "/etc/hosts", "-P", "/dev/null",
                 "-P", "/etc/nsswitch.conf", "-P", "/etc/resolv.conf"]
        for call, error, limits in (
                ("openat", "EMFILE", files), ("openat", "ENFILE", files),
                ("openat", "ENOMEM", files), ("pipe2", "EMFILE", []),
                ("pipe2", "ENFILE", []), ("clone", "EAGAIN", []),
                ("clone", "ENOMEM", [])):
            with self.subTest(call=call, error=error):
                process = self.unshare(
                    "-rm", 'mount --bind "%s" /etc/hosts || exit; ' % path,
                    "name.invalid", under=[
                        "strace", "--seccomp-bpf", "-f", "-qq", "-o",
                        "/dev/null", *limits, "-e", "trace=" + call, "-e",
                        "inject=%s:error=%s" % (call, error)])
                self.finish(process, 71, b"", "look up name.invalid: "
                            + os.strerror(getattr(errno, error)))

    def test_b17_local_ports_in_use(self):
        """That is trouble here, and not "no such address"."""
        script = """
import socket, subprocess, sys
with open("/proc/sys/net/ipv4/ip_local_port_range", "w") as file:
    file.write("40000 40000")
family = socket.AF_INET6 if ":" in sys.argv[2] else socket.AF_INET
with socket.socket(family) as server, socket.socket(family) as client:
    server.bind((sys.argv[2], 4444))
    server.listen()
    client.connect((sys.argv[2], 4444))
    sys.exit(subprocess.call(sys.argv[1:3]))
"""
        for address, text in ("127.0.0.1", "127.0.0.1"), ("::1", "[::1]"):
            with self.subTest(address):
                process = self.unshare(
                    "-rn", "ip link set lo up || exit; ", address,
                    under=[sys.executable, "-c", script])
                self.finish(process, 71, b"", "connect %s:4444: Cannot assign "
                            "requested address" % text)

    def test_no_ipv6(self):
        process = self.unshare(
            "-rn", "ip link set lo up || exit; echo 1 "
            ">/proc/sys/net/ipv6/conf/all/disable_ipv6 || exit; ", "::1")
        self.finish(process, 4, b"", "connect [::1]:4444: Cannot assign "
                    "requested address")

    def test_first_refuses(self):
        port = unused(self, socket.AF_INET, "127.0.0.2")
        self.serve(greet(), address=("127.0.0.3", port))
        process = self.with_hosts(self.twin(), "twin", port)
        self.finish(process, 0, GREETING, None)

    def test_first_is_silent(self):
        listener = full(self, socket.AF_INET, ("127.0.0.2", 0))
        port = listener.getsockname()[1]
        self.serve(greet(), address=("127.0.0.3", port))
        process = self.with_hosts(self.twin(), "-w", "2", "twin", port)
        self.finish(process, 0, GREETING, None)

    def test_all_refuse(self):
        port = unused(self, socket.AF_INET, "127.0.0.2")
        process = self.with_hosts(self.twin(), "twin", port)
        self.finish(process, 1, b"", "connect twin (127.0.0.2:%d), first of 2 "
                    "addresses: Connection refused" % port)

    def test_first_failure_counts(self):
        listener = full(self, socket.AF_INET, ("127.0.0.2", 0))
        port = listener.getsockname()[1]
        process = self.with_hosts(self.twin(), "-w", "0.4", "twin", port)
        self.finish(process, 2, b"", "connect twin (127.0.0.2:%d), first of 2 "
                    "addresses: timed out" % port)

    def test_look_up_hangs(self):
        # The resolver waits for somebody to open the other end.
        path = os.path.join(self.directory(), "hosts")
        os.mkfifo(path)
        started = time.monotonic()
        process = self.with_hosts(path, "-w", "0.5", "name.invalid")
        self.finish(process, 2, b"", "look up name.invalid: timed out")
        self.assertLess(time.monotonic() - started, 5)
        # And no process is left that waits.
        with self.assertRaises(OSError) as raised:
            os.close(os.open(path, os.O_WRONLY | os.O_NONBLOCK))
        self.assertEqual(raised.exception.errno, errno.ENXIO)


if __name__ == "__main__":
    from harness import main
    main()
