"""proxy_protocol: clients behind a proxy are who their headers say."""

import errno
import os
import signal
import socket
import time

import proxying
from harness import (HOST, PATIENCE, ControlCase, close_with_reset, connect,
                     free_port, greet, read_all, wait_for)
from proxying import CLIENT, CLIENT6, SERVER, SERVER6, summed, v1, v2

TRUSTED = f'proxy_protocol = {{ trusted = ( "{HOST}" ); }};'
WHO = (TRUSTED + ' greeting = "%{client_ip} %{client_port} %{server_ip} '
       '%{server_port}\\n";')
GET = b"GET / HTTP/1.0\r\n\r\n"


def who(client, server):
    """What WHO says."""
    return f"{client[0]} {client[1]} {server[0]} {server[1]}\n".encode()


class ProxyCase(ControlCase):
    """A daemon with listeners behind a proxy, which is the test."""

    def listener(self, more=WHO, name="main", port=None):
        return super().listener(more, name, port)

    def says(self, *parts, port=None):
        """Sends them one after the other; returns what comes back: None for a
        reset."""
        sock = self.connect(self.port if port is None else port)
        try:
            for part in parts:
                sock.sendall(part)
            return read_all(sock)
        except (BrokenPipeError, ConnectionResetError):
            return None

    def assert_error(self, daemon, *parts):
        """It is no header: the client gets nothing, and the log says why."""
        before = len(daemon.lines("client"))
        self.assertFalse(self.says(*parts), parts)
        lines = daemon.wait_line("client", before + 1)
        self.assertEqual(lines[-1]["outcome"], "proxy_error", parts)
        self.assertEqual(lines[-1]["src"], HOST)
        self.assertNotIn("psrc", lines[-1])

    def ended(self, daemon, **counts):
        """Waits until so many have ended that way."""
        wait_for(lambda: all(daemon.counters()["main"][key] == value
                             for key, value in counts.items()), PATIENCE,
                 f"{counts}")


class Headers(ProxyCase):
    """They say who the client is."""

    def test_who_it_is(self):
        """Of both versions and families, in variables and in the log."""
        daemon = self.daemon()
        mapped = ("::ffff:192.0.2.7", 5000), ("::ffff:203.0.113.9", 443)
        rows = ((v1(), CLIENT, SERVER), (v2(), CLIENT, SERVER),
                (v1(CLIENT6, SERVER6), CLIENT6, SERVER6),
                (v2(CLIENT6, SERVER6), CLIENT6, SERVER6),
                (v1(*mapped), CLIENT, SERVER), (v2(*mapped), CLIENT, SERVER),
                (summed(), CLIENT, SERVER),
                (v1(("192.0.2.7", 0), ("0.0.0.0", 65535)), ("192.0.2.7", 0),
                 ("0.0.0.0", 65535)))
        for n, (header, client, server) in enumerate(rows, 1):
            with self.subTest(header=header):
                sock = self.connect(self.port)
                sock.sendall(header)
                got = read_all(sock)
                expected = who(client, server).replace(b" 0 ", b" - ")
                self.assertEqual(got, expected)
                line, = daemon.wait_line("client", id=str(n))
                self.assertEqual(
                    [line[key] for key in (
                        "src", "sport", "dst", "dport", "psrc", "psport",
                        "outcome", "bytes")],
                    [client[0], str(client[1]), server[0], str(server[1]),
                     HOST, str(sock.getsockname()[1]), "greeted",
                     str(len(got))])
        self.assert_balanced(daemon)

    def test_piece_by_piece(self):
        """A header may come byte by byte, and none behind it is taken."""
        daemon = self.daemon(self.listener() + ", " + self.listener(
            f'{TRUSTED} format = "http"; greeting = "%{{client_ip}}\\n";',
            "web", other := free_port()))
        for header in v1(), v2(), summed(proxying.tlv(0x20, b"x" * 40)):
            with self.subTest(header=header):
                sock = self.connect(other)
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                for n in range(len(header)):
                    sock.sendall(header[n:n + 1])
                sock.sendall(GET)
                self.assertTrue(read_all(sock).endswith(b"\r\n192.0.2.7\n"))
                self.assertTrue(self.says(header + GET, port=other)
                                .endswith(b"\r\n192.0.2.7\n"))
        self.ended(daemon, live=0)

    def test_client_bytes_stay(self):
        """What comes with the header is the client's: a request, of which the
        answer depends on each byte."""
        daemon = self.daemon(self.listener(f'{TRUSTED} format = "http";'))
        self.assertTrue(self.says(v2() + GET).startswith(b"HTTP/1.1 200"))
        self.assertTrue(self.says(v2() + b" " + GET)
                        .startswith(b"HTTP/1.1 400"))
        self.assertTrue(self.says(v1() + b"HEAD / HTTP/1.1\r\n\r\n")
                        .endswith(b"\r\n\r\n"))
        daemon.wait_line("client", outcome="bad_request")

    def test_large(self):
        """64 KiB of TLVs, with a checksum."""
        self.daemon()
        tlvs = proxying.tlv(proxying.NOOP, b"x" * 60000)
        tlvs += proxying.tlv(0xe0, b"y" * (65535 - 12 - 7 - 60003 - 3))
        header = summed(tlvs)
        self.assertEqual(len(header), 16 + 65535)
        self.assertEqual(self.says(header), who(CLIENT, SERVER))
        self.assertEqual(self.says(header[:30000], header[30000:]),
                         who(CLIENT, SERVER))

    def test_none(self):
        """What is no header: the connection is closed."""
        daemon = self.daemon()
        for header in (
                b"GET / HTTP/1.1\r\n\r\n", b"PROXY TCP4 \r\n", b"\0",
                v1()[:-2] + b"\n", v1().replace(b"7", b"07"),
                v1(CLIENT6, SERVER), b"PROXY UNKNOWN" + b"x" * 95,
                proxying.raw(0x11, 0x11, proxying.addresses()),
                proxying.raw(0x22, 0x11, proxying.addresses()),
                proxying.raw(proxying.PROXY, 0x41, bytes(40)),
                proxying.raw(proxying.PROXY, proxying.TCP6, bytes(35)),
                v2(tlvs=b"\4\0\5abc"), summed(wrong=1)):
            with self.subTest(header=header):
                self.assert_error(daemon, header)
        self.assert_balanced(daemon)

    def test_versions(self):
        """A proxy that is to send one version only."""
        for version, good, bad in (("v1", v1(), v2()), ("v2", v2(), v1())):
            daemon = self.daemon(self.listener(WHO.replace(
                "); }", f'); version = "{version}"; }}')))
            self.assertEqual(self.says(good), who(CLIENT, SERVER))
            self.assert_error(daemon, bad)
            daemon.stop()

    def test_cut(self):
        """One that ends, is reset or stops within the header, and one that
        says nothing."""
        daemon = self.daemon(self.listener(
            WHO + " timeouts = { proxy = 0.5; };"))
        for header in v1(), v2():
            sock = self.connect(self.port)
            sock.sendall(header[:-1])
            sock.shutdown(socket.SHUT_WR)
            self.assertFalse(sock.recv(1))
        self.ended(daemon, ended_proxy_error=2)
        sock = self.connect(self.port)
        sock.sendall(v2()[:20])
        close_with_reset(sock)
        self.ended(daemon, ended_reset=1)
        for header in v1()[:-1], b"":
            begin = time.monotonic()
            self.assert_error(daemon, header)
            self.assertGreater(time.monotonic() - begin, 0.4)
        self.connect(self.port).close()  # a port check
        self.ended(daemon, ended_probed=1)
        sock = self.connect(self.port)  # one of whom the proxy tells
        sock.sendall(v2())
        close_with_reset(sock)
        wait_for(lambda: daemon.counters()["main"]["live"] == 0)
        self.assert_balanced(daemon)

    def test_nobody_declared(self):
        """Health checks: served, quiet, as whom they come from, and outside
        the limits."""
        daemon = self.daemon(self.listener(
            WHO + " limits = { rate = 0.01; burst = 1; "
            'max_clients_per_source = 1; }; rules = ( { from = "any"; '
            'action = "deny"; } );'))
        own = self.connect(self.port)  # as HAProxy's check by version 1
        own.sendall(v1(own.getsockname(), own.getpeername()))
        self.assertEqual(read_all(own), who(own.getsockname(),
                                            own.getpeername()))
        checks = (proxying.raw(proxying.LOCAL, 0),
                  proxying.raw(proxying.LOCAL, 0x31, b"dummy"),
                  proxying.raw(proxying.PROXY, 0, b"whatever"),
                  proxying.raw(proxying.PROXY, proxying.UNIX, bytes(216)),
                  proxying.raw(proxying.PROXY, proxying.UDP4, bytes(12)),
                  b"PROXY UNKNOWN\r\n", b"PROXY UNKNOWN ff:: :: 1 2\r\n")
        for header in checks:
            sock = self.connect(self.port)
            sock.sendall(header)
            self.assertEqual(read_all(sock),
                             who(sock.getsockname(), (HOST, self.port)))
        for client in CLIENT, (HOST, 5000):
            self.assertEqual(self.says(v1(client)), b"access denied\n")
            daemon.wait_line("refused", src=client[0], psrc=HOST)
        self.ended(daemon, ended_greeted=1 + len(checks), refused_denied=2)
        self.assertEqual(daemon.lines("client"), [])
        status = daemon.stop()
        self.assertEqual(status, 0)
        line, = daemon.lines("quiet")
        self.assertEqual(line["clients"], str(1 + len(checks)))

    def test_unix(self):
        """A proxy on this machine, over a UNIX socket."""
        path = os.path.join(self.folder(), "socket")
        daemon = self.daemon(
            f'{{ name = "main"; address = "unix:{path}"; socket_mode = "0666"; '
            + WHO.replace(HOST, "any") + " }")
        for header, text in ((v2(), who(CLIENT, SERVER)),
                             (proxying.raw(proxying.LOCAL, 0),
                              f"uid:{os.getuid()} - - -\n".encode())):
            with socket.socket(socket.AF_UNIX) as sock:
                sock.settimeout(PATIENCE)
                sock.connect(path)
                sock.sendall(header)
                self.assertEqual(read_all(sock), text)
        line, = daemon.wait_line("client", src=CLIENT[0])
        self.assertEqual((line["psrc"], line["outcome"]),
                         (f"uid:{os.getuid()}", "greeted"))

    def test_untrusted(self):
        """Its header is not read."""
        daemon = self.daemon(self.listener(WHO.replace(HOST, "192.0.2.0/24")))
        self.assertEqual(self.says(b""), b"access denied\n")
        sock = self.connect(self.port)
        sock.sendall(v2())
        self.assertEqual(sock.recv(100), b"access denied\n")
        line = daemon.wait_line("refused", 1)[0]
        self.assertEqual((line["src"], line["reason"]), (HOST, "denied"))
        self.ended(daemon, refused_denied=2, live=0)


class Limits(ProxyCase):
    """They are about the declared client."""

    def test_rules(self):
        """Each by its own rule."""
        daemon = self.daemon(self.listener(
            f'{TRUSTED} greeting = "others\\n"; rules = ( '
            '{ from = "192.0.2.1"; action = "deny"; greeting = "you\\n"; }, '
            '{ from = "192.0.2.0/24"; action = "allow"; '
            'greeting = "%{client_ip}\\n"; }, '
            f'{{ from = "{HOST}"; action = "deny"; }} );'))
        for client, text in (("192.0.2.1", b"you\n"),
                             ("192.0.2.2", b"192.0.2.2\n"),
                             ("198.51.100.1", b"others\n"),
                             (HOST, b"access denied\n")):
            self.assertEqual(self.says(v2((client, 1))), text)
        self.ended(daemon, refused_denied=2, ended_greeted=2)
        self.assert_balanced(daemon)

    def test_per_source(self):
        """Clients of one source, and its rate, whatever the proxy."""
        daemon = self.daemon(self.listener(
            f"{TRUSTED} hold = true; limits = {{ max_clients_per_source = 1; "
            "rate_per_source = 0.01; burst_per_source = 2; };"))
        held = self.connect(self.port)
        held.sendall(v1())
        self.assertEqual(held.recv(100), b"hi client\n")
        self.assertEqual(self.says(v1()),
                         b"too many connections from 192.0.2.7\n")
        other = self.connect(self.port)
        other.sendall(v2(("192.0.2.8", 1)))
        self.assertEqual(other.recv(100), b"hi client\n")
        held.close()
        wait_for(lambda: daemon.counters()["main"]["live"] == 1)
        held = self.connect(self.port)
        held.sendall(v1())
        self.assertEqual(held.recv(100), b"hi client\n")
        held.close()
        wait_for(lambda: daemon.counters()["main"]["live"] == 1)
        self.assertIn(b"too many connections from 192.0.2.7, try",
                      self.says(v1()))
        self.ended(daemon, refused_busy_per_source=1,
                   refused_rate_per_source=1)
        line = daemon.lines("refused")[0]
        self.assertEqual((line["src"], line["psrc"]), (CLIENT[0], HOST))

    def test_refused_request(self):
        """A client that speaks HTTP is told so after its request."""
        self.daemon(self.listener(
            f'{TRUSTED} format = "http"; rules = ( {{ from = "192.0.2.7"; '
            'action = "deny"; } );'))
        got = self.says(v2() + GET)
        self.assertTrue(got.startswith(b"HTTP/1.1 403 "), got)
        self.assertTrue(got.endswith(b"access denied\n"))

    def test_waiting_for_headers(self):
        """A quarter of all may, at least one; then the others wait, or are
        refused; others' listeners go on."""
        for more, most in (("max_clients = 8;", 2), ("max_clients = 3;", 1)):
            daemon = self.daemon(
                self.listener() + ", " + super().listener(
                    "", "plain", other := free_port()),
                f"limits = {{ {more} }};")
            socks = [self.connect(self.port) for _ in range(most)]
            wait_for(lambda: daemon.counters()["main"]["live"] == most)
            last = self.connect(self.port)
            last.sendall(v2())
            self.assertEqual(greet(other), b"hi client\n")
            self.assertEqual(daemon.counters()["main"]["live"], most)
            line, = daemon.wait_line("full", undeclared=str(most))
            self.assertEqual(line["listener"], "main")
            socks[0].sendall(v1())
            self.assertEqual(read_all(socks[0]), who(CLIENT, SERVER))
            self.assertEqual(read_all(last), who(CLIENT, SERVER))
            wait_for(lambda: [line for line in daemon.log()
                              if line.startswith("full ended ")])
            daemon.stop()

    def test_waiting_refused(self):
        """The same with when_full = "refuse"."""
        daemon = self.daemon(
            top='limits = { max_clients = 8; when_full = "refuse"; };')
        socks = [self.connect(self.port) for _ in range(2)]
        wait_for(lambda: daemon.counters()["main"]["live"] == 2)
        sock = self.connect(self.port)
        self.assertEqual(read_all(sock), b"busy, try again later\n")
        socks[0].sendall(v1())
        self.assertEqual(read_all(socks[0]), who(CLIENT, SERVER))
        wait_for(lambda: self.says(v2()) == who(CLIENT, SERVER))

    def test_full(self):
        """max_clients holds for trusted peers too."""
        daemon = self.daemon(self.listener(f"{TRUSTED} hold = true; limits = "
                                           "{ max_clients = 2; };"))
        socks = []
        for n in range(2):
            socks.append(self.connect(self.port))
            socks[-1].sendall(v2())
            self.assertEqual(socks[-1].recv(100), b"hi client\n")
        last = self.connect(self.port)
        last.sendall(v2(("192.0.2.8", 1)))
        daemon.wait_line("full", listener="main")
        socks[0].close()
        self.assertEqual(last.recv(100), b"hi client\n")

    def test_quiet_and_exempt(self):
        """So are log.quiet and limits.exempt."""
        daemon = self.daemon(self.listener(
            f"{TRUSTED} limits = {{ rate = 0.01; burst = 1; }};"),
            'limits = { exempt = ( "192.0.2.7" ); };').stop
        self.assertEqual(daemon(), 0)
        text = self.configuration(
            self.listener(f"{TRUSTED} limits = {{ rate = 0.01; burst = 1; }};"),
            'limits = { exempt = ( "192.0.2.7" ); };').replace(
                'target = "stderr";',
                'target = "stderr"; quiet = ( "192.0.2.7" );')
        daemon = self.daemon(config=text)
        for _ in range(3):
            self.assertEqual(self.says(v2()), b"hi client\n")
        self.assertEqual(self.says(v2(("192.0.2.8", 1))), b"hi client\n")
        self.assertIn(b"busy", self.says(v2(("192.0.2.8", 2))))
        line, = daemon.wait_line("client", src="192.0.2.8")
        self.assertEqual(daemon.lines("client"), [line])

    def test_control(self):
        """forkgreetctl clients has both of them."""
        daemon = self.daemon(self.listener(f"{TRUSTED} hold = true;"))
        awaited, held = self.connect(self.port), self.connect(self.port)
        held.sendall(v2())
        self.assertEqual(held.recv(100), b"hi client\n")
        wait_for(lambda: daemon.counters()["main"]["live"] == 2)
        lines = self.say("clients").splitlines()
        first, second = sorted(lines, key=lambda line: "psrc" in line)
        self.assertIn(f"src={HOST} ", first)
        self.assertIn(" phase=undeclared ", first)
        self.assertIn(f"src={CLIENT[0]} sport={CLIENT[1]} psrc={HOST} "
                      f"psport={held.getsockname()[1]}", second)
        self.assertIn(f'"psrc": "{HOST}"', self.say("-j", "clients"))
        self.assertEqual(
            len(self.say("clients", "--source", "192.0.2.0/24")
                .splitlines()), 1)
        awaited.close()


class Changes(ProxyCase):
    """While a header is awaited, the daemon changes."""

    def awaited(self, daemon, n=1):
        """A client that has said nothing yet, and has its child."""
        sock = self.connect(self.port)
        wait_for(lambda: len(daemon.clients()) == n)
        return sock

    def test_reload(self):
        """Whoever declares itself after a reload gets the new text, by the
        new rules."""
        daemon = self.daemon()
        old, denied = self.awaited(daemon), self.awaited(daemon, 2)
        daemon.reload(self.configuration(self.listener(
            f'{TRUSTED} greeting = "new\\n"; rules = ( {{ from = '
            '"192.0.2.1"; action = "deny"; } );')))
        old.sendall(v2())
        self.assertEqual(read_all(old), b"new\n")
        denied.sendall(v2(("192.0.2.1", 1)))
        self.assertEqual(read_all(denied), b"access denied\n")
        self.ended(daemon, live=0, ended_greeted=1, refused_denied=1)
        self.assert_balanced(daemon)

    def test_reload_takes_it_away(self):
        """The listener, or its headers."""
        daemon = self.daemon()
        for listeners in (super().listener("", "plain", free_port()),
                          self.listener('greeting = "plain\\n";')):
            sock = self.awaited(daemon)
            daemon.reload(self.configuration(listeners))
            sock.sendall(v2())
            got = read_all(sock)
            self.assertIn(got, (b"out of resources, try again later\n",
                                b"plain\n"))
            wait_for(lambda: daemon.clients() == [])
            daemon.reload(self.configuration())

    def test_state(self):
        """The state is that of when the client came."""
        daemon = self.daemon(self.listener(f'{TRUSTED} format = "http";'))
        sock = self.awaited(daemon)
        self.say("drain")
        sock.sendall(v2() + GET)
        self.assertTrue(read_all(sock).startswith(b"HTTP/1.1 200"))
        self.assertTrue(self.says(v2() + GET).startswith(b"HTTP/1.1 503"))

    def test_spawner_dies(self):
        """Its children live on, and serve."""
        daemon = self.daemon()
        sock = self.awaited(daemon)
        os.kill(daemon.spawners()[0], signal.SIGKILL)
        daemon.wait_line("spawner", generation="2")
        sock.sendall(v2())
        self.assertEqual(read_all(sock), who(CLIENT, SERVER))
        self.assertEqual(self.says(v1()), who(CLIENT, SERVER))

    def test_upgrade(self):
        """The new program takes over whoever is awaited."""
        daemon = self.daemon(self.listener(
            WHO + ' rules = ( { from = "192.0.2.1"; action = "deny"; } );'
            " timeouts = { proxy = 60; session = 60; };"),
            "limits = { max_clients = 12; };")
        socks = [self.awaited(daemon, n + 1) for n in range(3)]
        for _ in range(2):
            self.say("upgrade")
        last = self.connect(self.port)  # the quarter is counted on
        last.sendall(v2(("192.0.2.9", 9)))
        self.say("status")
        self.assertEqual(daemon.counters()["main"]["live"], 3)
        socks[0].sendall(v2())
        self.assertEqual(read_all(socks[0]), who(CLIENT, SERVER))
        self.assertEqual(read_all(last), who(("192.0.2.9", 9), SERVER))
        socks[1].sendall(v1(("192.0.2.1", 1)))
        self.assertEqual(read_all(socks[1]), b"access denied\n")
        socks[2].sendall(b"x")
        self.assertFalse(self.reads(socks[2]))
        self.ended(daemon, live=0, ended_greeted=2, refused_denied=1,
                   ended_proxy_error=1)
        self.assertEqual(self.says(v2()), who(CLIENT, SERVER))  # it is free
        self.assert_balanced(daemon)

    def test_upgrade_keeps_who_they_are(self):
        """Who came through which proxy, and who is nobody."""
        daemon = self.daemon(self.listener(
            f"{TRUSTED} hold = true; limits = {{ max_clients_per_source = 1; "
            "};"))
        named, nobody = self.connect(self.port), self.connect(self.port)
        for sock, header in (named, v2()), (nobody, b"PROXY UNKNOWN\r\n"):
            sock.sendall(header)
            self.assertEqual(sock.recv(100), b"hi client\n")
        self.say("upgrade")
        self.assertIn(b"too many", self.says(v2()))
        proxys = self.connect(self.port)  # nobody is not the proxy either
        proxys.sendall(v2((HOST, 9)))
        self.assertEqual(proxys.recv(100), b"hi client\n")
        port = str(named.getsockname()[1])
        for sock in named, nobody, proxys:
            sock.close()
        line, = daemon.wait_line("client", src=CLIENT[0])
        self.assertEqual((line["psrc"], line["psport"]), (HOST, port))
        self.ended(daemon, live=0, ended_greeted=3)
        self.assert_balanced(daemon)

    @staticmethod
    def reads(sock):
        """All of it; nothing when it is reset."""
        try:
            return read_all(sock)
        except ConnectionResetError:
            return b""

    def test_stop(self):
        """Nobody waits for a header for ever."""
        daemon = self.daemon(self.listener(
            f"{TRUSTED} timeouts = {{ proxy = 60; session = 60; }};"),
            "timeouts = { shutdown = 0.5; };")
        self.awaited(daemon)
        self.assertEqual(daemon.stop(), 0)
        line, = daemon.lines("client")
        self.assertEqual(line["outcome"], "killed")

    def test_nothing_is_left(self):
        """Descriptors, processes, places: after each way to end."""
        daemon = self.daemon(self.listener(
            WHO + ' rules = ( { from = "192.0.2.1"; action = "deny"; } );'))
        self.says(v2())
        daemon.settle()
        fds = len(os.listdir(f"/proc/{daemon.pid}/fd"))
        for _ in range(20):
            for header in (v2(), v1(("192.0.2.1", 1)), b"none",
                           b"PROXY UNKNOWN\r\n", v2()[:5]):
                sock = connect(self.port)
                sock.sendall(header)
                try:
                    sock.shutdown(socket.SHUT_WR)
                except OSError as error:  # it has been reset
                    self.assertEqual(error.errno, errno.ENOTCONN)
                self.reads(sock)
                sock.close()
            self.connect(self.port).close()
        wait_for(lambda: daemon.counters()["main"]["live"] == 0)
        self.assertEqual(daemon.clients(), [])
        wait_for(lambda: len(os.listdir(f"/proc/{daemon.pid}/fd")) <= fds)
        self.assert_balanced(daemon)


if __name__ == "__main__":
    from harness import main
    main()
