"""Sessions: what a client gets, however it behaves, and what is said of it.

A greeting arrives whole and ends in an end of stream; one that was cut short
ends in a reset and leaves nothing in the kernel, and no client can stay longer
than its timeouts allow."""

import functools
import os
import random
import re
import resource
import signal
import socket
import time

from harness import (Case, HOST, PATIENCE, close_with_reset, connect,
                     cpu_seconds, exists, free_port, greet, identity, is_held,
                     kernel_sockets, not_under_valgrind, proc_status, read_all,
                     read_to_end, together, wait_for)

GREETING = b"hi client\n"
# 1 MiB, the most that a greeting may be, in no order that repeats.
LARGE = random.Random(4444).randbytes(1 << 20)
# What a loaded machine may add to any time.
SLACK_MS = 2500
# So little that nearly all of LARGE has to wait in our kernel.
SMALL_BUFFER = 4096


def sport(sock):
    """The client's port, as it stands in the log."""
    return str(sock.getsockname()[1])


def connect_small(port, receive_buffer=SMALL_BUFFER, seconds=20.0):
    """A client whose small segments make our send buffer small too: nearly all
    of LARGE then waits in the child, not in the kernel."""
    sock = socket.socket()
    sock.settimeout(seconds)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SMALL_BUFFER)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, 500)
    sock.connect((HOST, port))
    return sock


def read_slowly(sock, piece, pause, seconds=20.0):
    """Like read_to_end(), piece bytes at a time with pauses; or what there was
    until the seconds are over."""
    parts, end = [], time.monotonic() + seconds
    try:
        while time.monotonic() < end and (part := sock.recv(piece)):
            parts.append(part)
            time.sleep(pause)
    except ConnectionResetError:
        return b"".join(parts), True
    return b"".join(parts), False


def flood(sock, seconds=15.0, piece=bytes(1 << 16)):
    """Sends until the other side ends it; the number of bytes, or None if it
    has not within the seconds."""
    sent, end = 0, time.monotonic() + seconds
    sock.settimeout(0.1)
    while time.monotonic() < end:
        try:
            sent += sock.send(piece)
        except TimeoutError:
            pass
        except (ConnectionResetError, BrokenPipeError):
            return sent
    return None


class ClientCase(Case):
    """A daemon with several listeners, and clients of it."""

    def file(self, content):
        """The path of a file that the daemon may read."""
        path = os.path.join(self.folder(), "greeting")
        with open(path, "wb") as file:
            file.write(content)
        return path

    def large(self):
        """The setting for a greeting of 1 MiB."""
        return f'variables = false; greeting_file = "{self.file(LARGE)}"; '

    def serve(self, top="", preexec=None, **listeners):
        """Starts a daemon with a listener of each name and settings, and
        returns it; self.ports has the ports."""
        self.ports = {name: free_port() for name in listeners}
        return self.daemon(", ".join(
            self.listener(settings, name, self.ports[name])
            for name, settings in listeners.items()),
            top, as_user=self.as_user, preexec=preexec)

    def line(self, daemon, sock, seconds=10.0):
        """The client's line in the log, once it is there."""
        return daemon.wait_line("client", seconds=seconds,
                                sport=sport(sock))[0]

    def held(self, daemon, port):
        """A client that has had its greeting, and the pid of its child."""
        before = set(daemon.clients())
        sock = self.connect(port)
        self.assertEqual(sock.recv(100), GREETING)
        # After a crash the trial client of a new spawner may be there too.
        return sock, wait_for(lambda: self.only(daemon, before),
                              what="one child of one client")

    @staticmethod
    def only(daemon, before):
        """The pid of the only child that was not there before, or None."""
        new = set(daemon.clients()) - before
        return new.pop() if len(new) == 1 else None

    def assert_ended(self, line, outcome, at_least=0, at_most=0):
        """The outcome, and milliseconds after which it came."""
        self.assertEqual(line["outcome"], outcome, line)
        self.assertGreaterEqual(int(line["duration_ms"]), at_least, line)
        self.assertLessEqual(int(line["duration_ms"]), at_most + SLACK_MS,
                             line)

    def assert_no_orphan(self, port):
        """The kernel has nothing left to send for nobody."""
        orphans = [row for row in kernel_sockets(port)
                   if row.inode == 0 and row.unsent > 0]
        self.assertEqual(orphans, [])


class Greetings(ClientCase):
    """The greeting arrives as it was configured."""

    KINDS = {
        "default": ("", None, GREETING),
        "empty": ('greeting = "";', None, b""),
        "text": (r'greeting = "a\n\tb\\\"";', None, b'a\n\tb\\"'),
        "bytes": ("", bytes(range(256)) * 3 + b"\0", None),
        "empty-file": ("", b"", None),
        "megabyte": ("", LARGE, None),
        "asis": ('line_ending = "asis";', b"a\nb\r\nc\r\0\n", None),
        "lf": ('line_ending = "lf";', b"a\nb\r\nc\r\0\r\r\n\r",
               b"a\nb\nc\r\0\r\n\r"),
        "crlf": ('line_ending = "crlf";', b"\na\nb\r\nc\r\0\n\r",
                 b"\r\na\r\nb\r\nc\r\0\r\n\r"),
        "crlf-megabyte": ('line_ending = "crlf";', b"\n" * (1 << 20),
                          b"\r\n" * (1 << 20)),
    }

    def test_whole(self):
        """Each listener of one daemon has its own, byte for byte."""
        listeners, expected = {}, {}
        for name, (settings, content, result) in self.KINDS.items():
            if content is not None:
                settings += f' variables = false; greeting_file = "{self.file(content)}";'
            listeners[name] = settings
            expected[name] = content if result is None else result
        daemon = self.serve(**listeners)
        got = together(*[lambda port=port: greet(port, seconds=20)
                         for port in self.ports.values() for _ in "12"])
        for i, (name, whole) in enumerate(expected.items()):
            self.assertTrue(got[2 * i] == got[2 * i + 1] == whole, name)
            lines = daemon.wait_line("client", 2, listener=name)
            for line in lines:
                self.assert_ended(line, "greeted")
                self.assertEqual(int(line["bytes"]), len(whole))
        self.assert_balanced(daemon)

    def test_too_large(self):
        """One byte more than 1 MiB is refused."""
        path = self.file(LARGE + b"x")
        daemon = self.daemon(self.listener("variables = false; "
                                           f'greeting_file = "{path}";'),
                             ready=False, as_user=self.as_user)
        self.assertEqual(daemon.wait(), 78)
        self.assertIn(path, "\n".join(daemon.log()))


class GreetingsAsUser(Greetings):
    """The same, started by an ordinary user."""

    as_user = True


class Addresses(ClientCase):
    """The line says where the client came from, and to what."""

    LINE = (r"client id=\d+ listener={} src={} sport={} dst={} dport={} "
            r"outcome=greeted bytes=10 duration_ms=\d+ cpu_us=\d+")

    def listen(self, addresses, more=""):
        """A daemon with one listener on those addresses."""
        return self.daemon(
            f'{{ name = "here"; address = {addresses}; port = {self.port}; '
            f'{more} }}')

    def assert_line(self, daemon, source, destination, shown=()):
        """Greets a client from source to destination: the whole line."""
        with connect(self.port, destination, source=source) as sock:
            self.assertEqual(read_all(sock), GREETING)
            port = sport(sock)
        self.assertTrue(daemon.wait_line("client", sport=port))
        text = [line for line in daemon.log() if f"sport={port} " in line]
        source, destination = shown or (source, destination)
        self.assertRegex(text[0], "^" + self.LINE.format(
            "here", re.escape(source), port, re.escape(destination),
            self.port) + "$")

    def test_exact(self):
        """One address; another that is not listened on is closed."""
        daemon = self.listen('"127.0.0.1"')
        self.assert_line(daemon, "127.0.0.3", "127.0.0.1")
        with self.assertRaises(ConnectionRefusedError):
            connect(self.port, "127.0.0.2")

    def test_any(self):
        """0.0.0.0: the line has the address that the client used."""
        daemon = self.listen('"0.0.0.0"')
        self.assert_line(daemon, "127.0.0.3", "127.0.0.2")
        self.assert_line(daemon, "127.0.0.1", "127.0.0.1")

    def test_ipv6(self):
        """::1, and not IPv4 with it."""
        daemon = self.listen('"::1"')
        self.assert_line(daemon, "::1", "::1")
        with self.assertRaises(ConnectionRefusedError):
            connect(self.port)

    def test_v6only(self):
        """::, and not IPv4 with it, unless asked for."""
        daemon = self.listen('"::"')
        self.assert_line(daemon, "::1", "::1")
        with self.assertRaises(ConnectionRefusedError):
            connect(self.port)

    def test_dual_stack(self):
        """IPv4 on an IPv6 socket is shown as IPv4."""
        daemon = self.listen('"::"', "v6only = false;")
        self.assert_line(daemon, "::1", "::1")
        self.assert_line(daemon, "127.0.0.3", "127.0.0.2")
        self.assert_line(daemon, "::ffff:127.0.0.3", "::ffff:127.0.0.2",
                         ("127.0.0.3", "127.0.0.2"))

    def test_several(self):
        """Several addresses of one listener."""
        daemon = self.listen('[ "127.0.0.1", "127.0.0.2", "::1" ]')
        for address in "127.0.0.1", "127.0.0.2", "::1":
            self.assert_line(daemon, address, address)
        self.assertEqual(daemon.counters()["here"]["ended_greeted"], 3)


class Talkers(ClientCase):
    """Clients that talk first get a clean end all the same."""

    def talk(self, sock, whole, say, half_close):
        """One client: everything it says goes out before it reads."""
        with sock:
            sock.sendall(say)
            if half_close:
                sock.shutdown(socket.SHUT_WR)
            got = read_all(sock)
            self.assertTrue(got == whole, f"{len(got)} bytes, not whole")
            # Not even a reset behind the end of stream.
            self.assertEqual(
                sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR), 0)
            return sport(sock)

    def test_talk_first(self):
        """One byte, and 1 MB while our 1 MiB is on its way: no deadlock."""
        daemon = self.serve(small="", large=self.large())
        calls = [lambda name=name, whole=whole, size=size, half=half, to=to:
                 self.talk(to(self.ports[name], seconds=20), whole,
                           bytes(size), half)
                 for name, whole in (("small", GREETING), ("large", LARGE))
                 for size in (0, 1, 1000, 1000000)
                 for half in (False, True)
                 for to in (connect, connect_small)]
        for _ in "12":
            for port in together(*calls):
                self.assert_ended(
                    daemon.wait_line("client", sport=port)[0], "greeted")
        self.assert_balanced(daemon)

    def test_talk_later(self):
        """What comes after the greeting does no harm either."""
        daemon = self.serve(small="")
        sock = self.connect(self.ports["small"])
        self.assertEqual(read_all(sock), GREETING)
        sock.sendall(bytes(100000))
        sock.sendall(b"thanks")
        sock.shutdown(socket.SHUT_WR)
        self.assert_ended(self.line(daemon, sock), "greeted")
        self.assertEqual(sock.recv(1), b"")

    def test_small_pieces(self):
        """Many pieces do not make the time for sending pass faster."""
        daemon = self.serve("timeouts = { send = 1.5; linger = 0.1; };",
                            large=self.large())
        sock = self.connect(self.ports["large"], seconds=20,
                            receive_buffer=SMALL_BUFFER)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        end = time.monotonic() + 0.7
        pieces = 0
        while time.monotonic() < end:
            pieces += sock.send(b"x")
        if pieces < 3000:
            self.skipTest(f"only {pieces} pieces: machine too busy")
        self.assertTrue(read_all(sock) == LARGE)
        self.assert_ended(self.line(daemon, sock), "greeted")

    def test_flood(self):
        """Whoever talks without end is not listened to without end."""
        daemon = self.serve(
            "timeouts = { session = 60; linger = 50; };",
            small="", read=self.large(),
            unread=self.large() + "timeouts = { send = 0.5; };")
        small, read, unread = (self.connect(port)
                               for port in self.ports.values())
        again = read.dup()
        again.settimeout(20)
        self.addCleanup(again.close)
        got, *sent = together(
            lambda: read_slowly(again, 1 << 17, 0.01)[0],
            *[lambda sock=sock: flood(sock) for sock in (small, read, unread)])
        self.assertNotIn(None, sent)
        self.assertTrue(got == LARGE, "the flood hurt the greeting")
        for sock, outcome in ((small, "greeted"), (read, "greeted"),
                              (unread, "send_timeout")):
            self.assert_ended(self.line(daemon, sock), outcome, 0, 10000)
        self.assert_no_orphan(self.ports["unread"])
        self.assert_balanced(daemon)


class TalkersAsUser(Talkers):
    """The main ones, started by an ordinary user."""

    as_user = True
    test_small_pieces = None


class Stalls(ClientCase):
    """Clients that do not take what they asked for."""

    def assert_cut(self, daemon, sock, outcome, at_least, at_most):
        """The client's session ends, and with it the connection."""
        line = self.line(daemon, sock)
        self.assert_ended(line, outcome, at_least, at_most)
        self.assert_no_orphan(int(line["dport"]))
        return line

    def assert_prefix(self, sock, line):
        """The client has what the line says, and a reset behind it."""
        got, was_reset = read_to_end(sock)
        self.assertTrue(was_reset, "a cut greeting looks whole")
        self.assertTrue(LARGE.startswith(got) and len(got) < len(LARGE))
        self.assertEqual(len(got), int(line["bytes"]), line)

    def test_reads_nothing(self):
        """timeouts.send ends it, in whatever state the connection is."""
        daemon = self.serve(
            "timeouts = { send = 0.5; linger = 0.3; session = 30; };",
            large=self.large())
        port = self.ports["large"]
        small = self.connect(port, receive_buffer=SMALL_BUFFER)
        usual = self.connect(port)
        ended = self.connect(port, receive_buffer=SMALL_BUFFER)
        ended.shutdown(socket.SHUT_WR)
        talks = self.connect(port, receive_buffer=SMALL_BUFFER)
        talks.sendall(bytes(100000))
        tiny, tiny_ended = (connect_small(port) for _ in "12")
        self.addCleanup(tiny.close)
        self.addCleanup(tiny_ended.close)
        tiny_ended.shutdown(socket.SHUT_WR)
        for sock in small, usual, ended, talks, tiny, tiny_ended:
            line = self.assert_cut(daemon, sock, "send_timeout", 490, 900)
            self.assert_prefix(sock, line)
        self.assert_balanced(daemon)

    def test_session_timeout(self):
        """Who reads, but not enough, is ended by timeouts.session."""
        daemon = self.serve(
            "timeouts = { send = 1.0; linger = 0.2; session = 1.2; };",
            large=self.large())
        port = self.ports["large"]
        socks = [self.connect(port, receive_buffer=SMALL_BUFFER)
                 for _ in range(2)]
        socks[1].shutdown(socket.SHUT_WR)
        parts = together(*[lambda sock=sock: read_slowly(
            sock, 8192, 0.05, 1.6) for sock in socks])
        for sock, (got, was_reset) in zip(socks, parts):
            line = self.assert_cut(
                daemon, sock, "session_timeout", 1190, 1200)
            if not was_reset:
                more, was_reset = read_to_end(sock)
                got += more
            self.assertTrue(was_reset, "a cut greeting looks whole")
            self.assertTrue(LARGE.startswith(got))
            # What was on its way when the session ended may have arrived.
            self.assertIn(len(got) - int(line["bytes"]), range(1 << 16))

    def test_byte_a_second(self):
        """A byte now and then is no progress for ever."""
        daemon = self.serve(
            "timeouts = { send = 0.7; linger = 0.2; session = 1.0; };",
            large=self.large())
        port = self.ports["large"]
        sock = self.connect(port, receive_buffer=SMALL_BUFFER)
        read_slowly(sock, 1, 0.5, 1.5)
        line = self.line(daemon, sock)
        self.assertIn(line["outcome"], ("session_timeout", "send_timeout"))
        self.assert_cut(daemon, sock, line["outcome"], 690, 1000)

    def test_takes_little(self):
        """Who goes on taking is not ended by timeouts.send, however little it
        is; who stops taking is, from when it took something last."""
        daemon = self.serve(
            "timeouts = { send = 2; linger = 0.2; session = 9; };",
            large=self.large())
        goes_on, stops = (connect_small(self.ports["large"]) for _ in "12")
        (got, was_reset), (some, stopped_early) = together(
            lambda: read_slowly(goes_on, 500, 0.05, 13),
            lambda: read_slowly(stops, 500, 0.05, 4))
        with goes_on, stops:
            self.assertTrue(was_reset, "a cut greeting looks whole")
            self.assertTrue(LARGE.startswith(got) and LARGE.startswith(some))
            self.assertFalse(stopped_early)
            self.assert_cut(daemon, goes_on, "session_timeout", 8990, 9000)
            self.assert_cut(daemon, stops, "send_timeout", 5000, 6500)

    def slow(self, daemon, sock, pause, half_close, whole=LARGE):
        """Reads in pieces; gets everything, and is not refused a last word."""
        with sock:
            if half_close:
                sock.shutdown(socket.SHUT_WR)
            got = read_slowly(sock, 1 << 16, pause)
            self.assertTrue(got == (whole, False),
                            f"{len(got[0])} bytes, reset={got[1]}")
            if not half_close:
                for _ in "12":
                    sock.send(b"thanks")
                    time.sleep(0.01)
                sock.shutdown(socket.SHUT_WR)
            line = self.line(daemon, sock)
        self.assert_ended(line, "greeted", 500, 15000)
        self.assertEqual(int(line["bytes"]), len(whole))

    def test_slow_reader(self):
        """Who takes longer than linger, and than send, but goes on, gets
        everything; also 2 MiB, most of which waits in the child."""
        lines = self.file(b"\n" * (1 << 20))
        daemon = self.serve(
            "timeouts = { send = 1.2; linger = 1.0; session = 60; };",
            large=self.large(), huge=f'greeting_file = "{lines}"; '
            'line_ending = "crlf";')
        large, huge = self.ports.values()
        calls = []
        for half in False, True:
            for sock, pause, whole in (
                    (connect(large, receive_buffer=1 << 14), 0.05, LARGE),
                    (connect(large, receive_buffer=1 << 17), 0.2, LARGE),
                    (connect_small(huge, 1 << 13), 0.01,
                     b"\r\n" * (1 << 20))):
                calls.append(functools.partial(
                    self.slow, daemon, sock, pause, half, whole))
        together(*calls)
        for port in large, huge:
            self.assert_no_orphan(port)


class StallsAsUser(Stalls):
    """The main ones, started by an ordinary user."""

    as_user = True
    test_session_timeout = test_byte_a_second = test_slow_reader = None


class Linger(ClientCase):
    """How long the client's end of stream is waited for."""

    def test_zero(self):
        """The daemon closes at once."""
        daemon = self.serve("timeouts = { linger = 0; };", main="")
        sock = self.connect(self.ports["main"])
        self.assertEqual(read_all(sock), GREETING)
        self.assert_ended(self.line(daemon, sock), "greeted")

    def test_zero_unread(self):
        """Also when the greeting is still on its way; it arrives."""
        daemon = self.serve("timeouts = { linger = 0; send = 30; };",
                            main=self.large())
        sock = self.connect(self.ports["main"], receive_buffer=1 << 14)
        self.assert_ended(self.line(daemon, sock), "greeted")
        self.assertTrue(read_all(sock) == LARGE)

    def test_bound(self):
        """A client that never ends is left, also when it goes on talking."""
        daemon = self.serve("timeouts = { linger = 0.5; };", main="")
        silent = self.connect(self.ports["main"])
        talker = self.connect(self.ports["main"])
        begin = time.monotonic()
        while time.monotonic() < begin + 10 and len(
                daemon.lines("client")) < 2:
            try:
                talker.send(b"x")
            except (ConnectionResetError, BrokenPipeError):
                pass
            time.sleep(0.02)
        for sock in silent, talker:
            self.assert_ended(self.line(daemon, sock), "greeted", 490, 500)
        self.assertEqual(read_all(silent), GREETING)

    def test_ends_early(self):
        """The client's end ends it."""
        daemon = self.serve("timeouts = { linger = 20; };", main="")
        for _ in range(3):
            sock = self.connect(self.ports["main"])
            self.assertEqual(read_all(sock), GREETING)
            sock.shutdown(socket.SHUT_WR)
            self.assert_ended(self.line(daemon, sock), "greeted")


class SeenOff(ClientCase):
    """Clients who have been told everything, and have not ended yet."""

    alone = True

    def lingering(self, timeouts="linger = 20;", top=""):
        """A daemon and a client whose child has ended."""
        daemon = self.serve(f"timeouts = {{ {timeouts} }}; {top}", main="")
        sock = self.connect(self.ports["main"], seconds=PATIENCE)
        self.assertEqual(read_all(sock), GREETING)
        wait_for(lambda: not daemon.clients(), what="end of the child")
        return daemon, sock

    def test_no_process(self):
        """No process waits for them, but they are clients still."""
        daemon, sock = self.lingering()
        self.assertEqual(daemon.counters()["main"]["live"], 1)
        self.assertEqual(daemon.lines("client"), [])
        sock.shutdown(socket.SHUT_WR)
        self.assert_ended(self.line(daemon, sock), "greeted")
        self.assert_balanced(daemon)

    def test_d8_no_place(self):
        """They hold no place of limits.max_clients, nor of their source."""
        daemon = self.serve(
            'limits = { max_clients = 2; max_clients_per_source = 1; '
            'when_full = "refuse"; }; timeouts = { linger = 20; };', main="")
        socks = []
        for n in range(1, 41):
            socks.append(self.connect(self.ports["main"], seconds=PATIENCE))
            self.assertEqual(read_all(socks[-1]), GREETING)
            wait_for(lambda: daemon.counters()["main"]["lingering"] == n,
                     what="one more that lingers")
        row = daemon.counters()["main"]
        self.assertEqual((row["live"], row["accepted"]), (40, 40))
        for sock in socks:
            sock.shutdown(socket.SHUT_WR)
            self.assert_ended(self.line(daemon, sock), "greeted")
        self.assert_balanced(daemon)

    @not_under_valgrind("it limits the descriptors that valgrind needs")
    def test_d8_bounded(self):
        """There is a bound, by the descriptors; who has had everything goes
        before who has not, as greeted, the older ones first."""
        daemon = self.serve(
            "limits = { max_clients = 8; }; timeouts = { linger = 20; };",
            preexec=lambda: resource.setrlimit(
                resource.RLIMIT_NOFILE, (400, 400)),
            main="", large=self.large())
        slow = self.connect(self.ports["large"], seconds=PATIENCE,
                            receive_buffer=SMALL_BUFFER)
        self.assertTrue(LARGE.startswith(slow.recv(1)))
        wait_for(lambda: not daemon.clients(), what="end of the child")
        socks = []
        for _ in range(100):
            socks.append(self.connect(self.ports["main"], seconds=PATIENCE))
            self.assertEqual(read_all(socks[-1]), GREETING)
            wait_for(lambda: not daemon.clients(), what="end of the child")
        counters = daemon.counters()
        most = counters[None]["lingering"]
        self.assertIn(most, range(64, 90))
        self.assertEqual(counters["large"]["lingering"], 1)
        self.assertEqual(counters["main"]["ended_greeted"], 101 - most)
        ended = daemon.lines("client")
        self.assertEqual({(line["listener"], line["outcome"])
                          for line in ended}, {("main", "greeted")})
        # One whose acknowledgement came late may be taken for a later one.
        ports = {line["sport"] for line in ended}
        self.assertLess(sum(sport(sock) in ports for sock in socks[-60:]), 5)
        self.assertTrue(read_all(slow) == LARGE[1:])

    @not_under_valgrind("it limits the descriptors that valgrind needs")
    def test_d8_heaviest_source(self):
        """When all have yet to take something, the source with most pays."""
        daemon = self.serve(
            "limits = { max_clients = 8; }; "
            "timeouts = { linger = 20; send = 20; };",
            preexec=lambda: resource.setrlimit(
                resource.RLIMIT_NOFILE, (380, 380)), main=self.large())

        def slow(source):
            sock = self.connect(self.ports["main"], seconds=PATIENCE,
                                source=source, receive_buffer=SMALL_BUFFER)
            self.assertTrue(LARGE.startswith(sock.recv(1)))
            wait_for(lambda: not daemon.clients(), what="end of the child")
            return sock
        light = [slow(f"127.0.2.{i}") for i in range(1, 6)]
        heavy = [slow("127.0.3.1") for _ in range(80)]
        ended = daemon.lines("client")
        self.assertTrue(ended)
        self.assertEqual({line["src"] for line in ended}, {"127.0.3.1"})
        self.assertEqual({line["outcome"] for line in ended}, {"killed"})
        self.assertEqual([line["sport"] for line in ended],
                         [sport(sock) for sock in heavy[:len(ended)]])
        for sock in light:
            self.assertTrue(read_all(sock) == LARGE[1:])

    def test_session_timeout(self):
        """timeouts.session is their whole life."""
        daemon, sock = self.lingering("linger = 20; session = 1.0;")
        self.assert_ended(self.line(daemon, sock), "session_timeout",
                          990, 1000)

    def test_reset(self):
        """A reset is seen, of a client that has said something: without that,
        and without an acknowledgement, it may be a port check."""
        daemon, sock = self.lingering()
        port = sport(sock)
        sock.send(b"x")
        close_with_reset(sock)
        line, = daemon.wait_line("client", sport=port)
        self.assert_ended(line, "reset")

    def test_reload(self):
        """A reload, also one that has no such listener, leaves them."""
        daemon, sock = self.lingering()
        port = free_port()
        daemon.reload(self.configuration(
            f'{{ name = "other"; address = "{HOST}"; port = {port}; }}'))
        self.assertEqual(daemon.lines("client"), [])
        sock.shutdown(socket.SHUT_WR)
        self.assert_ended(self.line(daemon, sock), "greeted")
        self.assert_balanced(daemon)

    def test_idle(self):
        """Who has ended, but has not read all yet, costs next to nothing."""
        daemon = self.serve("timeouts = { send = 20; };", main=self.large())
        sock = self.connect(self.ports["main"], receive_buffer=SMALL_BUFFER)
        self.assertTrue(LARGE.startswith(sock.recv(1)))
        wait_for(lambda: not daemon.clients(), what="end of the child")
        time.sleep(0.1)
        sock.shutdown(socket.SHUT_WR)
        used = cpu_seconds(daemon.pid)
        time.sleep(1)
        self.assertLess(cpu_seconds(daemon.pid) - used, 0.25, "spins")
        self.assertTrue(read_all(sock) == LARGE[1:])
        self.assert_ended(self.line(daemon, sock), "greeted")

    def test_stop(self):
        """TERM waits for them, a second one does not."""
        daemon, sock = self.lingering()
        daemon.signal(signal.SIGTERM)
        daemon.wait_line("stop")
        time.sleep(0.2)
        self.assertEqual(daemon.lines("client"), [])
        daemon.signal(signal.SIGTERM)
        self.assert_ended(self.line(daemon, sock), "greeted")
        self.assertEqual(daemon.wait(), 0)

    def test_stop_undelivered(self):
        """Who has not got all by then is reset, and said to be cut."""
        daemon = self.serve("timeouts = { linger = 20; send = 20; };",
                            main=self.large())
        sock = self.connect(self.ports["main"], receive_buffer=SMALL_BUFFER)
        self.assertTrue(LARGE.startswith(sock.recv(1)))
        wait_for(lambda: not daemon.clients(), what="end of the child")
        daemon.signal(signal.SIGQUIT)
        self.assert_ended(self.line(daemon, sock), "killed")
        self.assertEqual(daemon.wait(), 0)
        self.assertTrue(read_to_end(sock)[1], "a cut greeting looks whole")


class Hold(ClientCase):
    """hold = true."""

    HOLD = "hold = true; "

    @staticmethod
    def close_and_forget(sock):
        """Closes, and answers our end of stream with a reset: the kernel does
        so by itself when it has too many connections in TIME-WAIT."""
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_LINGER2, -1)
        sock.close()

    def test_client_ends(self):
        """By closing, by half-closing, by a reset."""
        daemon = self.serve(main=self.HOLD)
        for end, outcome in (
                (lambda sock: sock.shutdown(socket.SHUT_WR), "greeted"),
                (lambda sock: sock.shutdown(socket.SHUT_RDWR), "greeted"),
                (self.close_and_forget, "greeted"),
                (close_with_reset, "reset")):
            sock, _ = self.held(daemon, self.ports["main"])
            port = sport(sock)
            sock.sendall(b"I am here\n")
            time.sleep(0.3)
            self.assertTrue(is_held(sock))
            end(sock)
            self.assert_ended(daemon.wait_line("client", sport=port)[0],
                              outcome, 290, 300)
        self.assert_balanced(daemon)

    def test_at_once(self):
        """The greeting does not wait for more to go with it."""
        self.serve(main=self.HOLD)
        times = []
        for _ in range(10):
            begin = time.monotonic()
            sock = self.connect(self.ports["main"])
            self.assertEqual(sock.recv(100), GREETING)
            times.append(time.monotonic() - begin)
        self.assertLess(min(times), 0.15)  # the kernel's own patience: 0.2

    def test_session_timeout(self):
        """timeouts.session ends it."""
        daemon = self.serve("timeouts = { session = 0.7; };", main=self.HOLD)
        sock, _ = self.held(daemon, self.ports["main"])
        self.assertEqual(read_to_end(sock)[0], b"")
        self.assert_ended(self.line(daemon, sock), "session_timeout", 690,
                          700)

    def test_flood(self):
        """Who floods while being held costs next to nothing."""
        daemon = self.serve("timeouts = { session = 1.5; cpu = 1; };",
                            main=self.HOLD)
        sock, _ = self.held(daemon, self.ports["main"])
        self.assertIsNotNone(flood(sock))
        line = self.line(daemon, sock)
        self.assert_ended(line, "session_timeout", 1490, 1500)
        self.assertLess(int(line["cpu_us"]), 400000)

    def test_large(self):
        """A large greeting is held too, and is whole."""
        daemon = self.serve(main=self.HOLD + self.large())
        sock = self.connect(self.ports["main"])
        got = b""
        while len(got) < len(LARGE):
            got += sock.recv(1 << 16)
        self.assertTrue(got == LARGE)
        self.assertTrue(is_held(sock))
        sock.shutdown(socket.SHUT_WR)
        self.assert_ended(self.line(daemon, sock), "greeted")


    def test_half_closed(self):
        """The client's end before it has read all does not make the daemon
        forget the rest."""
        daemon = self.serve("timeouts = { send = 0.5; linger = 0.1; };",
                            main=self.HOLD + self.large())
        port = self.ports["main"]
        reads, stalls = (self.connect(port, receive_buffer=1 << 14)
                         for _ in range(2))
        for sock in reads, stalls:
            sock.shutdown(socket.SHUT_WR)
        self.assertTrue(read_slowly(reads, 1 << 16, 0.02) == (LARGE, False))
        self.assert_ended(self.line(daemon, reads), "greeted", 0, 2000)
        self.assert_ended(self.line(daemon, stalls), "send_timeout", 490,
                          700)
        self.assert_no_orphan(port)


class HoldAsUser(Hold):
    """The main ones, started by an ordinary user."""

    as_user = True
    test_at_once = test_session_timeout = test_flood = None


class Outcomes(ClientCase):
    """What the log says of each end."""

    BY_HAND = {
        signal.SIGKILL: "killed",
        signal.SIGTERM: "killed",
        signal.SIGSEGV: "crashed",
        signal.SIGABRT: "crashed",
        signal.SIGXCPU: "cpu_limit",
        signal.SIGALRM: "session_timeout",
        signal.SIGSYS: "violation",
    }

    def test_by_hand(self):
        """A child that gets a signal ends alone, and so it is said."""
        daemon = self.serve(main="hold = true;")
        port = self.ports["main"]
        others = [self.held(daemon, port)[0] for _ in range(3)]
        for number, outcome in self.BY_HAND.items():
            with self.subTest(signal=number.name):
                sock, pid = self.held(daemon, port)
                os.kill(pid, number)
                self.assertEqual(read_to_end(sock)[0], b"")
                line = self.line(daemon, sock)
                self.assert_ended(line, outcome)
                self.assertEqual(line["bytes"], "10")
                self.assertFalse(exists(pid))
                self.assertTrue(all(map(is_held, others)))
        for sock in others:
            sock.shutdown(socket.SHUT_WR)
            self.assert_ended(self.line(daemon, sock), "greeted", 0, 5000)
        row = daemon.counters()["main"]
        for outcome in set(self.BY_HAND.values()):
            self.assertEqual(row[f"ended_{outcome}"],
                             list(self.BY_HAND.values()).count(outcome), row)
        self.assert_balanced(daemon)

    def test_killed_unsent(self):
        """A child killed before its greeting is read leaves nothing in the
        kernel."""
        daemon = self.serve(large="hold = true; " + self.large())
        sock = self.connect(self.ports["large"], receive_buffer=SMALL_BUFFER)
        pid = wait_for(daemon.clients, what="child")[0]
        self.assertTrue(LARGE.startswith(sock.recv(1)))
        os.kill(pid, signal.SIGKILL)
        self.assert_ended(self.line(daemon, sock), "killed")
        self.assert_no_orphan(self.ports["large"])
        self.assertTrue(read_to_end(sock)[1], "a cut greeting looks whole")

    def before_accept(self, daemon, act):
        """A client that acts before the daemon has seen it: its port."""
        daemon.signal(signal.SIGSTOP)
        sock = self.connect(self.ports["main"])
        port = sport(sock)
        act(sock)
        sock.close()
        daemon.signal(signal.SIGCONT)
        return port

    def test_gone(self):
        """Closed before anything was sent, after saying something:
        client_gone, or reset."""
        daemon = self.serve(main="", large=self.large())
        for act, outcome in ((lambda sock: sock.send(b"x"), "client_gone"),
                             (lambda sock: (sock.send(b"x"),
                                            close_with_reset(sock)),
                              "reset")):
            port = self.before_accept(daemon, act)
            line = daemon.wait_line("client", sport=port, src=HOST)[0]
            self.assert_ended(line, outcome)
            self.assertEqual(line["bytes"], "0")

    def test_d5_port_check(self):
        """Closed or reset at once, without a word: probed, no error."""
        daemon = self.serve(main="")
        for act in (lambda sock: None), close_with_reset:
            port = self.before_accept(daemon, act)
            line = daemon.wait_line("client", sport=port, src=HOST)[0]
            self.assert_ended(line, "probed")
        for _ in range(50):
            self.connect(self.ports["main"]).close()

        def all_ended():
            row = daemon.counters()["main"]
            return row if row["accepted"] == 52 and not row["live"] else None
        row = wait_for(all_ended, what="rest")
        self.assertEqual(row["ended_probed"] + row["ended_greeted"], 52)

    def test_d5_errors_only(self):
        """log.clients = "errors" has no line for what clients choose."""
        errors = 'log = { clients = "errors"; }; '
        daemon = self.serve("timeouts = { send = 1; };", main=errors,
                            large=errors + self.large())
        port = self.before_accept(daemon, lambda sock: None)
        for act in lambda sock: sock.send(b"x"), close_with_reset:
            port = self.before_accept(daemon, act)
        stuck = self.connect(self.ports["large"], receive_buffer=SMALL_BUFFER)
        line, = daemon.wait_line("client")
        self.assertEqual((line["outcome"], line["sport"]),
                         ("send_timeout", sport(stuck)))
        self.assertEqual(daemon.counters()["main"]["accepted"], 3)

    def test_gone_halfway(self):
        """Closed when a part was there, after an end of stream or without."""
        daemon = self.serve(large=self.large())
        for half_close, outcome in (True, "client_gone"), (False, "reset"):
            sock = self.connect(self.ports["large"],
                                receive_buffer=SMALL_BUFFER)
            port = sport(sock)
            if half_close:
                sock.shutdown(socket.SHUT_WR)
            self.assertEqual(len(sock.recv(1000)), 1000)
            close_with_reset(sock)
            line = daemon.wait_line("client", sport=port)[0]
            self.assert_ended(line, outcome)
            self.assertIn(int(line["bytes"]), range(1000, len(LARGE)))
        self.assert_balanced(daemon)

    def test_d5_quiet(self):
        """Clients of log.quiet have one line together, unless something goes
        wrong; the end of the daemon does not swallow it."""
        errors = 'log = { clients = "all"; }; '
        config = self.configuration(self.listener(
            errors + "timeouts = { send = 1; }; " + self.large())).replace(
            'target = "stderr";',
            'target = "stderr"; quiet = ( "127.0.4.0/24" );')
        daemon = self.daemon(config=config)
        for _ in range(3):
            with connect(self.port, source="127.0.4.9") as sock:
                self.assertTrue(read_all(sock) == LARGE)
        with connect(self.port, source="127.0.5.9") as sock:
            self.assertTrue(read_all(sock) == LARGE)
        stuck = self.connect(self.port, receive_buffer=SMALL_BUFFER,
                             source="127.0.4.8")
        daemon.wait_line("client", 2)
        self.assertEqual({(line["src"], line["outcome"])
                          for line in daemon.lines("client")},
                         {("127.0.5.9", "greeted"),
                          ("127.0.4.8", "send_timeout")})
        stuck.close()
        wait_for(lambda: daemon.counters()[None]["live"] == 0, what="rest")
        self.assertEqual(daemon.lines("quiet"), [])
        self.assertEqual(daemon.stop(), 0)
        line, = daemon.lines("quiet")
        self.assertEqual((line["listener"], line["clients"], line["greeted"]),
                         ("main", "3", "3"))

    def test_limits(self):
        """A child has the limits that would end it as it says."""
        daemon = self.serve("timeouts = { cpu = 3; };", main="hold = true;")
        _, pid = self.held(daemon, self.ports["main"])
        with open(f"/proc/{pid}/limits", encoding="ascii") as file:
            limits = file.read()
        for row in (r"Max cpu time +3 +3 ", r"Max processes +0 +0 ",
                    r"Max open files +1 +1 ", r"Max core file size +0 +0 "):
            self.assertRegex(limits, row)

    def test_which_are_logged(self):
        """log.clients, for all and for each listener."""
        for top, shown in (
                ("", {"default": 2, "all": 2, "errors": 1, "none": 0}),
                ('log.clients = "errors"',
                 {"default": 1, "all": 2, "errors": 1, "none": 0})):
            with self.subTest(top=top):
                self.assert_shown(top, shown)

    def assert_shown(self, top, shown):
        """Of two clients of each listener, one greeted and one killed, so
        many have a line."""
        settings = {name: "hold = true; " + (
            "" if name == "default" else f'log = {{ clients = "{name}"; }};')
            for name in shown}
        level = 'clients = "errors"; ' if top else ""
        self.ports = {name: free_port() for name in shown}
        daemon = self.daemon(config=(
            identity() + f'log = {{ target = "stderr"; {level}}};\n'
            "listeners = ( " + ", ".join(
                self.listener(settings[name], name, self.ports[name])
                for name in shown) + " );\n"), as_user=self.as_user)
        for port in self.ports.values():
            sock, pid = self.held(daemon, port)
            os.kill(pid, signal.SIGKILL)
            read_to_end(sock)
            self.held(daemon, port)[0].shutdown(socket.SHUT_WR)
        wait_for(lambda: daemon.counters()[None]["live"] == 0, what="rest")
        lines = daemon.lines("client")
        for name, count in shown.items():
            here = [line["outcome"] for line in lines
                    if line["listener"] == name]
            self.assertEqual(sorted(here), ["greeted", "killed"][2 - count:])

    def test_unknown(self):
        """A wrong log.clients is refused."""
        daemon = self.daemon(self.listener('log = { clients = "some"; };'),
                             ready=False)
        self.assertEqual(daemon.wait(), 78)
        self.assertIn("log.clients", "\n".join(daemon.log()))


class States(ClientCase):
    """Children that are stopped."""

    @staticmethod
    def stop(pid):
        """SIGSTOP, and waits until it has stopped."""
        os.kill(pid, signal.SIGSTOP)
        wait_for(lambda: proc_status(pid)["State"][0] == "T", what="stop")

    def test_goes_on(self):
        """After SIGCONT a child goes on where it was."""
        daemon = self.serve(main="hold = true;")
        sock, pid = self.held(daemon, self.ports["main"])
        for _ in range(3):
            self.stop(pid)
            os.kill(pid, signal.SIGCONT)
            wait_for(lambda: proc_status(pid)["State"][0] == "S",
                     what="going on")
        self.assertTrue(exists(pid))
        sock.shutdown(socket.SHUT_WR)
        self.assert_ended(self.line(daemon, sock), "greeted")

    def test_while_sending(self):
        """A greeting that was interrupted arrives whole."""
        daemon = self.serve(large="hold = true; " + self.large())
        sock = self.connect(self.ports["large"], receive_buffer=SMALL_BUFFER,
                            seconds=20)
        pid = wait_for(daemon.clients, what="child")[0]
        got = sock.recv(1)
        for _ in range(20):
            self.stop(pid)
            got += sock.recv(1 << 12)
            os.kill(pid, signal.SIGCONT)
            got += sock.recv(1 << 12)
        while len(got) < len(LARGE):
            got += sock.recv(1 << 16)
        self.assertTrue(got == LARGE)
        sock.shutdown(socket.SHUT_WR)
        self.assert_ended(self.line(daemon, sock), "greeted", 0, 10000)

    def test_deadline(self):
        """The master ends a child that cannot end itself, and its place is
        free again."""
        daemon = self.serve(
            "limits = { max_clients = 1; }; timeouts = { session = 1.0; };",
            main="hold = true;")
        stopped, pid = self.held(daemon, self.ports["main"])
        self.stop(pid)
        with connect(self.ports["main"], seconds=10) as waiting:
            self.assertEqual(waiting.recv(100), GREETING)
        self.assert_ended(self.line(daemon, stopped), "session_timeout",
                          1000, 2000)
        self.assertFalse(exists(pid))
        self.assert_balanced(daemon)

    def test_own_timer(self):
        """A child ends itself when the master cannot end it."""
        daemon = self.serve("timeouts = { session = 1.0; };",
                            main="hold = true;")
        begin = time.monotonic()
        sock, pid = self.held(daemon, self.ports["main"])
        daemon.signal(signal.SIGSTOP)
        wait_for(lambda: not exists(pid), what="end of the child")
        self.assertGreaterEqual(time.monotonic() - begin, 0.99)
        daemon.signal(signal.SIGCONT)
        self.assert_ended(self.line(daemon, sock), "session_timeout", 0, 1000)


class StatesAsUser(States):
    """The main ones, started by an ordinary user."""

    as_user = True
    test_goes_on = test_while_sending = test_own_timer = None


def few_descriptors():
    """For preexec: what a shell gives, less than many clients need."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (256, hard))


class Crowd(ClientCase):
    """Many at a time."""

    def crowd(self, count):
        """So many clients, all greeted."""
        socks = [self.connect(self.port, seconds=20) for _ in range(count)]
        for sock in socks:
            self.assertEqual(sock.recv(100), GREETING)
        return socks

    @not_under_valgrind("too slow for so many at a time")
    def test_held(self):
        """500 at once; a limit on descriptors that can be raised is."""
        hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        if hard < 1400:
            self.skipTest(f"hard limit on open files is {hard}")
        daemon = self.daemon(
            self.listener("hold = true;"), "limits = { max_clients = 600; };",
            as_user=self.as_user, preexec=few_descriptors)
        for _ in range(2):
            socks = self.crowd(500)
            self.assertEqual(len(daemon.clients()), 500)
            self.assertEqual(daemon.counters()["main"]["live"], 500)
            for sock in socks:
                sock.close()
            wait_for(lambda: daemon.counters()["main"]["live"] == 0,
                     what="end of 500")
        row = daemon.counters()["main"]
        self.assertEqual((row["accepted"], row["ended_greeted"]),
                         (1000, 1000))
        self.assert_balanced(daemon)

    def test_deadlines(self):
        """200 that never end are all ended in time."""
        daemon = self.daemon(self.listener("hold = true;"),
                             "timeouts = { session = 2; };",
                             as_user=self.as_user)
        socks = self.crowd(200)
        for line in daemon.wait_line("client", 200):
            self.assert_ended(line, "session_timeout", 1990, 2000)
        for sock in socks:
            self.assertEqual(read_to_end(sock)[0], b"")
        self.assertEqual(daemon.clients(), [])
        self.assert_balanced(daemon)


class CrowdAsUser(Crowd):
    """The main ones, started by an ordinary user."""

    as_user = True
    test_deadlines = None


if __name__ == "__main__":
    from harness import main
    main()
