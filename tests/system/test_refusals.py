"""What the refused are told: the text arrives whole, whatever the client does,
and refusing costs the daemon next to nothing and never stops it."""

import os
import re
import signal
import socket
import threading
import time
import unittest

from harness import (Case, HOST, IS_ROOT, PATIENCE, Strace, close_with_reset,
                     connect, cpu_seconds, descriptors, free_port, greet,
                     is_held, kernel_sockets, limit, needs_program,
                     needs_root, read_all, read_to_end, strace_works,
                     together, wait_for)

GREETING = b"hi client\n"
BUSY = b"busy, try again later\n"
LINGER_MAX = 256
LINGER_SECONDS = 2
FULL = 'limits = { max_clients = 1; when_full = "refuse"; }; '
HOLD = "hold = true; "


class RefusalCase(Case):
    """A daemon with one client, and no place for more."""

    as_user = False

    def setUp(self):
        if self.as_user and not IS_ROOT:
            self.skipTest("all tests run as an ordinary user")

    def full(self, more="", top="", **keywords):
        """A daemon that refuses; self.held is whom it serves."""
        daemon = self.daemon(self.listener(HOLD + more), FULL + top,
                             as_user=self.as_user, **keywords)
        self.held = self.connect(self.port)
        self.assertEqual(self.held.recv(100), GREETING)
        return daemon

    def lingering(self):
        """How many ended connections the daemon has on self.port: those of
        no process have no inode."""
        return sum(row.inode != 0 and row.state.startswith("FIN-WAIT")
                   for row in kernel_sockets(self.port))

    def sockets(self, daemon):
        """How many the daemon has; who may not look at it counts those of
        self.port, which the kernel may list twice while they change."""
        try:
            return sum(target.startswith("socket:")
                       for target in descriptors(daemon.pid).values())
        except PermissionError:
            return max(self.lingering() - 1, 0)

    def refused(self, daemon, count, listener="main", reason="busy"):
        """Waits until so many have been refused."""
        wait_for(lambda: daemon.counters()[listener]["refused_" + reason] ==
                 count, PATIENCE, f"{count} refused")

    def assert_serves(self, daemon):
        """The one place is free again for somebody."""
        self.held.close()
        def served():
            with self.connect(self.port) as sock:
                return sock.recv(100) == GREETING
        wait_for(served, PATIENCE, "a greeting")
        wait_for(lambda: daemon.counters()[None]["live"] == 0, PATIENCE,
                 "rest")
        self.assert_balanced(daemon)


class Texts(RefusalCase):
    """What is said."""

    def test_default(self):
        """The default text, and a line in the log."""
        daemon = self.full()
        self.assertEqual(greet(self.port), BUSY)
        line = daemon.wait_line("refused")[0]
        self.assertEqual((line["reason"], line["listener"]),
                         ("busy", "main"))

    def test_variables(self):
        """Every variable of the contract."""
        names = ("client_ip", "client_port", "server_ip", "server_port",
                 "listener", "hostname", "id", "clients", "time",
                 "time:%Y/%m/%d %%", "unixtime", "reason", "limit",
                 "retry_after")
        text = "".join(f"{name}=%{{{name}}}|" for name in names)
        daemon = self.full(f'refusals = {{ busy = "100% {text}"; }};')
        with self.connect(self.port, source="127.0.0.7") as sock:
            port = sock.getsockname()[1]
            got = read_all(sock).decode()
        self.assertTrue(got.startswith("100% client_ip="), got)
        fields = dict(field.split("=", 1)
                      for field in got[5:].rstrip("|").split("|"))
        self.assertEqual(list(fields), list(names))
        line = daemon.wait_line("refused")[0]
        wanted = {"client_ip": "127.0.0.7", "client_port": str(port),
                  "server_ip": HOST, "server_port": str(self.port),
                  "listener": "main", "hostname": socket.gethostname(),
                  "id": line["id"], "clients": "1", "reason": "busy"}
        self.assertEqual({key: fields[key] for key in wanted}, wanted)
        self.assertRegex(fields["time"],
                         r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$")
        self.assertRegex(fields["time:%Y/%m/%d %%"],
                         r"^\d{4}/\d\d/\d\d %$")
        self.assertLess(abs(int(fields["unixtime"]) - time.time()), PATIENCE)
        self.assertRegex(fields["limit"], r"^\d+$")
        self.assertRegex(fields["retry_after"], r"^\d+$")

    def test_listeners(self):
        """A listener's own text, or that of the top; "" is the end alone."""
        ports = [free_port() for _ in range(3)]
        own = ('', 'refusals = { busy = "mine %{listener}\\n"; };',
               'refusals = { busy = ""; };')
        daemon = self.daemon(
            ", ".join(self.listener(HOLD + FULL + text, f"l{i}", ports[i])
                      for i, text in enumerate(own)),
            'refusals = { busy = "top %{listener}\\n"; };',
            as_user=self.as_user)
        for port, want in zip(ports, (b"top l0\n", b"mine l1\n", b"")):
            with self.connect(port) as held:
                self.assertEqual(held.recv(100), GREETING)
                self.assertEqual(greet(port), want)
        self.assert_balanced(daemon)

    def test_mapped(self):
        """An IPv4 client of an IPv6 socket is shown as IPv4."""
        try:
            self.connect(free_port(), "::1")
        except ConnectionRefusedError:
            pass
        except OSError as error:
            self.skipTest(f"no IPv6: {error.strerror}")
        self.daemon(
            f'{{ name = "both"; address = "::"; port = {self.port}; '
            f'v6only = false; {HOLD} {FULL} '
            'refusals = { busy = "%{client_ip} %{server_ip}"; }; }',
            as_user=self.as_user)
        held = self.connect(self.port)
        self.assertEqual(held.recv(100), GREETING)
        self.assertEqual(greet(self.port), b"127.0.0.1 127.0.0.1")
        self.assertEqual(greet(self.port, "::1"), b"::1 ::1")

    def test_longest(self):
        """As long as a text may be, as many variables as fit."""
        text = "%{client_ip}" * 64
        self.full(f'refusals = {{ busy = "{text}{"x" * 128}"; }};')
        self.assertEqual(greet(self.port), HOST.encode() * 64 + b"x" * 128)

    def test_bad(self):
        """Errors name file, line, key, value and what is allowed."""
        for text, why in (("%{states}", "unknown variable"),
                          ("%{untill}", "unknown variable"),
                          ("%{", "without a"), ("a %{time", "without a"),
                          ("%{time:%Q}", "unknown conversion"),
                          ("%{}", "unknown variable"),
                          ("x" * 1025, "is 1025 bytes long"),
                          ("%{client_ip}" * 67, "longer than 4096")):
            with self.subTest(text[:20]):
                daemon = self.daemon(
                    self.listener(f'\nrefusals = {{ busy = "{text}"; }};'),
                    ready=False, arguments=("-t",), as_user=self.as_user)
                self.assertEqual(daemon.wait(), 78)
                said = "\n".join(daemon.log())
                self.assertRegex(said, r"forkgreet.conf:\d+: "
                                 r"listeners\[0\].refusals.busy: ")
                self.assertIn(why, said)
                self.assertIn("expected", said)


class TextsAsUser(Texts):
    """Started by an ordinary user."""

    as_user = True
    test_bad = None


class Arrival(RefusalCase):
    """The text arrives, whatever the client does."""

    def talk(self, size):
        """What a client gets that says so much first."""
        with connect(self.port, seconds=PATIENCE) as sock:
            sender = threading.Thread(target=sock.sendall,
                                      args=(b"x" * size,))
            sender.start()
            sender.join()
            sock.shutdown(socket.SHUT_WR)
            return read_all(sock)

    def test_talkers(self):
        """Nothing, 64 KB or 1 MB: there is the text and no reset."""
        daemon = self.full()
        for size in 0, 1, 64 << 10, 1 << 20:
            with self.subTest(size):
                self.assertEqual(self.talk(size), BUSY)
        self.refused(daemon, 4)
        self.assert_serves(daemon)

    def test_late_talker(self):
        """Who talks after the end of stream is not reset while it lingers."""
        self.full()
        sock = self.connect(self.port)
        self.assertEqual(read_all(sock), BUSY)
        for _ in range(5):
            sock.sendall(b"x" * 1000)
            time.sleep(0.05)
        self.assertEqual(sock.getsockopt(socket.SOL_SOCKET,
                                         socket.SO_ERROR), 0)

    def test_every_turn(self):
        """Each of many that talk at the same time gets it."""
        daemon = self.full()
        for _ in range(4):
            self.assertEqual(together(*[lambda: self.talk(300000)] * 8),
                             [BUSY] * 8)
        self.refused(daemon, 32)


class ArrivalAsUser(Arrival):
    """Started by an ordinary user."""

    as_user = True
    test_every_turn = None


class Bounds(RefusalCase):
    """The refused cost a bounded amount, for a bounded time."""

    def test_stay(self):
        """Who stays is let go after its time; the place is not taken."""
        daemon = self.full()
        begin = time.monotonic()
        socks = [self.connect(self.port) for _ in range(20)]
        for sock in socks:
            self.assertEqual(read_all(sock), BUSY)
        self.assertEqual(daemon.counters()["main"]["live"], 1)
        self.assertGreater(self.lingering(), 0)
        wait_for(lambda: self.lingering() == 0, PATIENCE, "the end")
        self.assertGreater(time.monotonic() - begin, LINGER_SECONDS - 0.1)
        self.assert_serves(daemon)

    def test_no_readers(self):
        """Windows of nothing block nobody, and nothing spins."""
        daemon = self.full()
        socks = [self.connect(self.port, receive_buffer=1)
                 for _ in range(30)]
        self.refused(daemon, 30)
        used = cpu_seconds(daemon.pid)
        begin = time.monotonic()
        self.assertEqual(greet(self.port), BUSY)
        self.assertTrue(is_held(self.held))
        wait_for(lambda: self.lingering() == 0, PATIENCE, "the end")
        self.assertLess(cpu_seconds(daemon.pid) - used,
                        0.25 + 0.1 * (time.monotonic() - begin))
        for sock in socks:
            self.assertEqual(read_all(sock), BUSY)

    def test_thousand(self):
        """1,000 at once: all are told, the set stays within its bounds."""
        daemon = self.full()
        before = self.sockets(daemon)
        socks = [self.connect(self.port, seconds=PATIENCE)
                 for _ in range(1000)]
        self.refused(daemon, 1000)
        self.assertLessEqual(self.sockets(daemon) - before, LINGER_MAX)
        for sock in socks:
            self.assertEqual(read_all(sock), BUSY)
        for sock in socks:
            sock.close()
        wait_for(lambda: self.lingering() == 0, PATIENCE, "the end")
        refused = daemon.lines("refused")
        self.assertLess(len(refused), 100)
        last = daemon.counters()["main"]
        self.assertEqual((last["accepted"], last["refused_busy"]),
                         (1001, 1000))
        self.assert_serves(daemon)

    def test_endless_talker(self):
        """Who never stops is cut off, and nobody has to wait for it."""
        daemon = self.full()
        sock = self.connect(self.port, seconds=PATIENCE)
        sent = 0
        try:
            while sent < 1 << 30:
                sent += sock.send(b"x" * (1 << 16))
        except ConnectionError:
            pass
        self.assertLess(sent, 64 << 20)
        self.assertEqual(self.lingering(), 0)
        self.assert_serves(daemon)

    @unittest.skipUnless(strace_works(), "needs root and strace")
    def test_c11_the_master_reads_no_byte_of_a_client(self):
        """Of one that is refused and of one whose child has ended: the kernel
        throws them away, uncopied."""
        other = free_port()
        daemon = self.daemon(
            ", ".join((self.listener(HOLD), self.listener(
                "timeouts = { linger = 20; };", "other", other))),
            FULL.replace("= 1", "= 2"))
        trace = os.path.join(self.folder(), "trace")
        word = b"said-by-a-client"
        with Strace(daemon.pid, "trace=read,readv,%network",
                    "signal=none", output=trace):
            ended = self.connect(other)
            self.assertEqual(read_all(ended), GREETING)
            wait_for(lambda: not daemon.clients(), what="end of the child")
            held = [self.connect(self.port) for _ in range(2)]
            for sock in held:
                self.assertEqual(sock.recv(100), GREETING)
            refused = self.connect(self.port)
            for sock in ended, refused:
                sock.sendall(word)
            read_all(refused)
            for sock in ended, refused:
                sock.shutdown(socket.SHUT_WR)
            daemon.wait_line("client", listener="other")
            self.refused(daemon, 1)
        with open(trace, "rb") as file:
            text = file.read()
        self.assertNotIn(word, text)
        self.assertRegex(text.decode(), rf"MSG_TRUNC.* = {len(word)}\b")

    @unittest.skipUnless(strace_works(), "needs root and strace")
    def test_the_master_peeks_at_five_bytes_of_a_request(self):
        """Of one that is refused, to know whether it is HEAD; of one that is
        served, at none."""
        other = free_port()
        daemon = self.daemon(", ".join((
            self.listener('format = "http"; rules = ( { from = "any"; '
                          'action = "deny"; } );'),
            self.listener('format = "http";', "other", other)))).settle()
        trace = os.path.join(self.folder(), "trace")
        word = b"said-by-a-client"
        with Strace(daemon.pid, "trace=read,readv,%network",
                    "signal=none", output=trace):
            for port, method, status in (
                    (other, b"HEAD", b"200 OK"), (other, b"GET", b"200 OK"),
                    (self.port, b"HEAD", b"403 Forbidden"),
                    (self.port, b"GET", b"403 Forbidden")):
                answer = greet(port, say=method + b" /" + word +
                               b" HTTP/1.1\r\nHost: " + word + b"\r\n\r\n")
                self.assertTrue(answer.startswith(b"HTTP/1.1 " + status),
                                answer)
                self.assertEqual(answer.endswith(b"\r\n\r\n"),
                                 method == b"HEAD")
            self.refused(daemon, 2, reason="denied")
            daemon.wait_line("client", 2, listener="other")
        with open(trace, encoding="latin-1") as file:
            text = file.read()
        self.assertNotIn(word.decode(), text)
        self.assertEqual(re.findall(  # recv: i386
            r'recv(?:from)?\(\d+, ("[^"]*"), (\d+), [^)]*MSG_PEEK', text),
            [('"HEAD "', "5"), ('"GET /"', "5")])
        self.assertEqual(set(re.findall(
            r"recv(?:from)?\(\d+, .*, \d+, ([A-Z_|]+)", text)),
            {"MSG_PEEK|MSG_DONTWAIT", "MSG_TRUNC|MSG_DONTWAIT"})

    def test_resets(self):
        """Clients that reset leave nothing."""
        daemon = self.full()
        for _ in range(50):
            close_with_reset(self.connect(self.port))
        wait_for(lambda: self.lingering() == 0, PATIENCE, "the end")
        self.assert_serves(daemon)


class BoundsAsUser(Bounds):
    """Started by an ordinary user."""

    as_user = True
    test_thousand = test_endless_talker = None


class Meanwhile(RefusalCase):
    """What happens while some linger."""

    alone = True

    def test_reload(self):
        """New texts hold for who comes later; the listener may go."""
        daemon = self.full()
        socks = [self.connect(self.port) for _ in range(10)]
        self.refused(daemon, 10)
        other = free_port()
        daemon.reload(self.configuration(
            self.listener(HOLD + 'refusals = { busy = "new"; };', "main") +
            ", " + self.listener("", "other", other), FULL))
        self.assertEqual(greet(self.port), b"new")
        socks.append(self.connect(self.port))
        self.refused(daemon, 12)
        daemon.reload(self.configuration(
            self.listener("", "other", other), FULL))
        for sock in socks:
            sock.sendall(b"x" * 5000)
            sock.shutdown(socket.SHUT_WR)
        self.assertEqual([read_all(sock) for sock in socks],
                         [BUSY] * 10 + [b"new"])
        self.assertEqual(greet(other), BUSY)
        self.held.close()
        wait_for(lambda: daemon.counters()[None]["live"] == 0, what="rest")
        self.assertEqual(greet(other), GREETING)

    def test_reload_under_load(self):
        """Not one is told something else, or nothing."""
        daemon = self.full('refusals = { busy = "old"; };')
        texts = [self.configuration(
            self.listener(f'{HOLD} refusals = {{ busy = "{word}"; }};'),
            FULL) for word in ("new %{id}", "old")]
        got, ending = [], threading.Event()

        def load():
            while not ending.is_set():
                got.append(greet(self.port, say=b"x" * 100,
                                 seconds=PATIENCE))
        threads = [threading.Thread(target=load) for _ in range(3)]
        for thread in threads:
            thread.start()
        try:
            for i in range(6):
                daemon.reload(texts[i % 2])
        finally:
            ending.set()
            for thread in threads:
                thread.join()
        self.assertEqual([text for text in got
                          if not re.fullmatch(rb"old|new \d+", text)], [])
        self.assertIn(b"old", got)
        self.assert_balanced(daemon)

    def stop(self, number):
        """Seconds from a refusal to the end, which the signal asks for."""
        daemon = self.full()
        begin = time.monotonic()
        with self.connect(self.port) as sock:
            self.assertEqual(read_all(sock), BUSY)
            self.held.close()
            daemon.wait_line("client")
            daemon.signal(number)
            self.assertEqual(daemon.wait(PATIENCE), 0)
        return time.monotonic() - begin

    def test_stop(self):
        """The end waits for them."""
        self.assertGreaterEqual(self.stop(signal.SIGTERM),
                                LINGER_SECONDS - 0.1)

    def test_stop_now(self):
        """Not when it is hurried.  The machine may be slow, so three times."""
        self.assertLess(min(self.stop(signal.SIGQUIT) for _ in range(3)),
                        LINGER_SECONDS - 0.1)

    @needs_root  # to see the daemon's descriptors
    @needs_program("prlimit")
    def test_descriptors(self):
        """Those who linger give way: the next one gets its text, or its
        greeting, though no descriptor is left."""
        daemon = self.full()
        used = len(descriptors(daemon.pid))
        limit(daemon.pid, "nofile", used + 8)
        socks = [self.connect(self.port) for _ in range(100)]
        self.refused(daemon, 100)
        for sock in socks:
            self.assertEqual(read_all(sock), BUSY)
        self.assertFalse([line for line in daemon.log()
                          if line.startswith("accept:")])
        self.assert_serves(daemon)

    @needs_root  # to see the daemon's descriptors
    @needs_program("prlimit")
    def test_spawner(self):
        """A spawner that dies is replaced, and not only when those have had
        their time who were refused and have all descriptors.  The machine
        may be slow, so three times."""
        daemon = self.full()
        took = [self.replaced(daemon, 100 * (i + 1)) for i in range(3)]
        self.assertLess(min(took), LINGER_SECONDS - 0.5)
        self.assert_serves(daemon)

    def replaced(self, daemon, refused):
        """Seconds from the spawner's death to the next one, when it takes
        some descriptors of the 100 that have just been refused."""
        pid = wait_for(daemon.spawners, PATIENCE, "a spawner")[0]
        limit(daemon.pid, "nofile", 1000)
        socks = [self.connect(self.port) for _ in range(100)]
        self.refused(daemon, refused)
        limit(daemon.pid, "nofile", len(descriptors(daemon.pid)) - 20)
        begin = time.monotonic()
        os.kill(pid, signal.SIGKILL)
        daemon.successor(pid)
        took = time.monotonic() - begin
        for sock in socks:
            sock.close()
        return took

    @unittest.skipUnless(strace_works(), "needs root and strace")
    def test_calls_fail(self):
        """Whatever call fails for one of them, the daemon goes on."""
        daemon = self.full()
        for i, fault in enumerate(("sendto:error=ENOBUFS",
                                   "sendto:error=EPIPE",
                                   "shutdown:error=ENOTCONN",
                                   "epoll_ctl:error=ENOSPC",
                                   "epoll_ctl:error=ENOMEM",
                                   "recvfrom:error=EINTR",
                                   "recvfrom:error=ENOMEM"), 1):
            with self.subTest(fault), Strace(
                    daemon.pid, "trace=" + fault.split(":")[0],
                    "inject=" + fault):
                for _ in range(4):
                    with self.connect(self.port) as sock:
                        self.assertIn(read_to_end(sock)[0], (BUSY, b""))
                self.refused(daemon, 4 * i)
        self.assertEqual(greet(self.port, say=b"x"), BUSY)
        wait_for(lambda: self.lingering() == 0, PATIENCE, "the end")
        self.assert_serves(daemon)


class MeanwhileAsUser(Meanwhile):
    """Started by an ordinary user."""

    as_user = True
    test_reload_under_load = test_calls_fail = None


if __name__ == "__main__":
    from harness import main
    main()
