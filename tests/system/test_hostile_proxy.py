"""A client's process behind a proxy that lies about its client: it can lie about
that one only (tests/hostile/proxied.c)."""

from harness import (HOST, connect, free_port, if_also_user, read_all,
                     wait_for)
from proxying import CLIENT, SERVER, v2
from test_hostile import GREETING, HostileCase

DENY = ' rules = ( { from = "192.0.2.7"; action = "deny"; } );'
LIE = b"hi liar.\n\n"

# What the child is told to do, and the outcome of its client.
CRASHED = {
    "w": "a declaration that is too short",
    "t": "one that is too long",
    "f": "a family that does not exist here",
    "d": "two families",
    "n": "a header of no byte",
    "l": "one that is longer than any",
    "s": "a scope",
    "b": "more bytes than IPv4 has",
    "e": "greets, and has declared nobody",
}
VIOLATION = {
    "m": "asks for a descriptor on the pair",
    "o": "sends one",
}


class Lies(HostileCase):
    """The master believes none that it can see through."""

    def setUp(self):
        super().setUp()
        self.proxied = free_port()

    def start(self, more="", session=60):
        """Beside the one whose clients must not notice."""
        return self.daemon(
            self.listener("hold = true;") + ", " + self.listener(
                'hold = true; proxy_protocol = { trusted = "127.0.0.1"; }; '
                f"timeouts = {{ session = {session}; proxy = 1; }}; {more}",
                "proxied", self.proxied),
            as_user=self.as_user, program=self.program())

    def tell(self, how):
        """A client whose child does that; what it gets, None: a reset."""
        sock = connect(self.proxied)
        self.addCleanup(sock.close)
        sock.sendall(how.encode())
        return sock

    @staticmethod
    def got(sock):
        """All of it; nothing when it is reset."""
        try:
            return read_all(sock)
        except ConnectionResetError:
            return b""

    def test_seen_through(self):
        """It is killed, and its generation is used up."""
        daemon = self.start()
        n = 0
        with self.unharmed(daemon):
            for outcome, ways in (("crashed", CRASHED),
                                  ("violation", VIOLATION)):
                for how, what in ways.items():
                    with self.subTest(what):
                        n += 1
                        sock = self.tell(how)
                        self.assertIn(self.got(sock), (b"", LIE))
                        line, = daemon.wait_line(
                            "client", sport=str(sock.getsockname()[1]))
                        self.assertEqual(
                            (line["outcome"], line["src"]), (outcome, HOST))
                        daemon.wait_line("spawner", 2 * n)
        counters = daemon.counters()["proxied"]
        self.assertEqual(counters["ended_crashed"], len(CRASHED))
        self.assertEqual(counters["ended_violation"], len(VIOLATION))

    def test_about_its_own_client(self):
        """Whom it declares first counts; what it says to its client is its own
        affair."""
        daemon = self.start()
        with self.unharmed(daemon):
            for how in "c", "2", "i":
                sock = self.tell(how)
                self.assertIn(self.got(sock), (LIE, b""))
                wait_for(lambda: daemon.counters()["proxied"]["live"] == 0)
        lines = [line for line in daemon.lines("client")
                 if line["listener"] == "proxied"]
        ends = [(line["outcome"], line["src"], line.get("psrc"))
                for line in lines]
        true, seen = (("greeted", "192.0.2.7", HOST),
                      ("crashed", HOST, None))
        self.assertEqual(ends[:2], [true, true])
        self.assertIn(ends[2], (true, seen))  # it may end before it is heard

    def test_says_it_failed(self):
        """After the word to go on that is no end that there is."""
        daemon = self.start()
        with self.unharmed(daemon):
            self.assertEqual(self.got(self.tell("p")), b"")
            daemon.wait_line("client", src="192.0.2.7", outcome="crashed")

    def test_refused(self):
        """It is refused, whatever its child does, and is no one who has been
        served; a child that stays is ended at its deadline."""
        daemon = self.start(DENY, session=1)
        with self.unharmed(daemon):
            for how, text in (("c", LIE), ("p", b"access denied\n"),
                              ("q", b"access denied\n")):
                self.assertEqual(self.got(self.tell(how)), text)
        counters = daemon.counters()["proxied"]
        self.assertEqual(
            (counters["refused_denied"], counters["accepted"]), (3, 3))

    def test_honest_ones_go_on(self):
        """The canary is one, and so are others beside the liars."""
        daemon = self.start()
        with self.unharmed(daemon):
            self.tell("w")
            daemon.wait_line("spawner", 3)
            with connect(self.proxied) as sock:
                sock.sendall(v2(CLIENT, SERVER))
                self.assertEqual(sock.recv(100), GREETING)


@if_also_user
class LiesAsUser(Lies):
    """The same, started by an ordinary user."""

    as_user = True


if __name__ == "__main__":
    from harness import main
    main()
