"""Who is let in: caps and rates by source, networks, rules."""

import contextlib
import ctypes
import os
import re
import shutil
import signal
import socket
import threading
import time

from harness import (Case, HOST, PATIENCE, close_with_reset, connect,
                     free_port, is_held, limit, needs_program, needs_root,
                     read_all, run, wait_for)

HI = b"hi client\n"
TEXTS = {
    "busy": "busy, try again later\n",
    "rate": "busy, try again in 100 s\n",
    "busy_per_source": "too many connections from {source}\n",
    "rate_per_source": "too many connections from {source}, try again in "
                       "100 s\n",
    "denied": "access denied\n",
}
HOLD = "hold = true; timeouts = { linger = 0; }; "
FIRST, SECOND, THIRD = "127.0.0.2", "127.0.0.3", "127.0.1.2"
CLONE_NEWNET = 0x40000000


def told(reason, source):
    """What a refused client reads; the rates here are one in 100 s."""
    return TEXTS[reason].format(source=source).encode()


def limits(text):
    """The top level's; no cap for a source unless text has one."""
    if "max_clients_per_source" not in text:
        text += " max_clients_per_source = 0;"
    return f"limits = {{ {text} }};"


class Admission(Case):
    """A daemon, and clients of many addresses."""

    def serve(self, top="", more=HOLD):
        """A daemon with one listener."""
        return self.daemon(self.listener(more), limits(top),
                           as_user=self.as_user)

    def change(self, daemon, top="", more=HOLD):
        """A reload to what serve() would have started with."""
        daemon.reload(self.configuration(self.listener(more), limits(top)))

    def come(self, source, port=None):
        """A client of that source, and the first that it is told."""
        sock = self.connect(port or self.port, source=source,
                            seconds=PATIENCE)
        return sock, sock.recv(100)

    def passes(self, source, text=HI, port=None):
        """It must be let in; returns the socket."""
        sock, got = self.come(source, port)
        self.assertEqual(got, text)
        return sock

    def fails(self, source, reason, text=None, port=None):
        """It must be refused, with the whole text and an orderly end."""
        sock, got = self.come(source, port)
        got = re.sub(rb"in (?:100|[1-9]?\d) s", b"in 100 s",
                     got + read_all(sock))  # a slow machine takes seconds
        self.assertEqual(got, text or told(reason, source))
        sock.close()

    def rest(self, daemon, **refused):
        """All go; the counters balance, and so many were refused."""
        wait_for(lambda: daemon.counters()[None]["live"] == 0, PATIENCE,
                 "rest")
        row = daemon.counters()["main"]
        for reason in TEXTS:
            self.assertEqual(row["refused_" + reason],
                             refused.get(reason, 0), row)
        self.assert_balanced(daemon)

    def has_gone(self, daemon, live):
        """Waits until so many live."""
        wait_for(lambda: daemon.counters()["main"]["live"] == live,
                 PATIENCE, f"live={live}")


class Reasons(Admission):
    """Each reason to be refused: its text, its line, its counter."""

    def one(self, reason, daemon, source=FIRST):
        """One refusal and all that belongs to it."""
        self.fails(source, reason)
        line, = daemon.wait_line("refused", reason=reason)
        self.assertEqual((line["src"], line["listener"]), (source, "main"))
        self.rest(daemon, **{reason: 1})

    def test_busy_per_source(self):
        """max_clients_per_source."""
        daemon = self.serve("max_clients_per_source = 2;")
        held = [self.passes(FIRST), self.passes(FIRST),
                self.passes(SECOND)]
        self.fails(FIRST, "busy_per_source")
        for sock in held:
            sock.close()
        line, = daemon.wait_line("refused", reason="busy_per_source")
        self.assertEqual(line["src"], FIRST)
        self.rest(daemon, busy_per_source=1)

    def test_rate_per_source(self):
        """rate_per_source."""
        daemon = self.serve("rate_per_source = 0.01; burst_per_source = 2;",
                            "")
        for source in FIRST, FIRST, SECOND:
            self.passes(source).close()
        self.one("rate_per_source", daemon)

    def test_rate(self):
        """rate."""
        daemon = self.serve("rate = 0.01; burst = 3;", "")
        for source in FIRST, SECOND, THIRD:
            self.passes(source).close()
        self.one("rate", daemon)

    def test_denied(self):
        """A rule."""
        daemon = self.serve("", f'rules = ( {{ from = "{FIRST}"; '
                            'action = "deny"; } );')
        self.passes(SECOND).close()
        self.one("denied", daemon)

    def test_busy(self):
        """max_clients with "refuse"; a rule comes first."""
        daemon = self.serve(
            'max_clients = 1; when_full = "refuse";',
            HOLD + f'rules = ( {{ from = "{SECOND}"; action = "deny"; }} );')
        held = self.passes(FIRST)
        self.fails(FIRST, "busy")
        self.fails(SECOND, "denied")
        held.close()
        self.rest(daemon, busy=1, denied=1)


    def test_numbers(self):
        """The text can say which limit it was, and when to come again."""
        text = "%{reason} %{limit} %{retry_after}"
        daemon = self.serve(
            "max_clients_per_source = 2; rate = 0.01; burst = 3;", HOLD +
            "refusals = { busy_per_source = \"" + text + "\"; rate = \"" +
            text + "\"; };")
        held = [self.passes(FIRST), self.passes(FIRST)]
        self.fails(FIRST, "busy_per_source", b"busy_per_source 2 1")
        held.append(self.passes(SECOND))
        sock, got = self.come(SECOND)
        self.assertRegex(got, rb"\Arate 1 (100|[1-9]?\d)\Z")
        sock.close()
        for sock in held:
            sock.close()
        self.rest(daemon, busy_per_source=1, rate=1)


class ReasonsAsUser(Reasons):
    """The same, started by an ordinary user."""

    as_user = True
    test_busy = test_rate = test_numbers = None


class Rules(Admission):
    """rules and exempt."""

    def test_first_match(self):
        """The first rule with the address decides, with its greeting."""
        self.serve("", """
            line_ending = "crlf"; rules = (
            { from = "127.0.0.2"; action = "deny"; greeting = "no\\n"; },
            { from = ( "127.0.0.0/24", "::1" ); action = "allow";
              greeting = "near\\n"; },
            { from = "127.0.1.0/24"; action = "allow"; },
            { from = "any"; action = "deny"; greeting = ""; } );""")
        self.fails(FIRST, "denied", b"no\r\n")
        self.passes(SECOND, b"near\r\n")
        self.passes(THIRD, b"hi client\r\n")
        self.assertEqual(self.come("127.0.2.1")[1], b"")

    def test_reload(self):
        """Rules change with a reload; those inside stay."""
        deny = 'rules = ( { from = "127.0.0.0/24"; action = "deny"; } ); '
        daemon = self.serve("")
        held = self.passes(FIRST)
        self.change(daemon, "", HOLD + deny)
        self.fails(FIRST, "denied")
        self.passes(THIRD)
        self.assertTrue(is_held(held))
        self.change(daemon, "", HOLD + 'rules = ( { from = "any"; '
                    'action = "allow"; greeting = "own"; } );')
        self.passes(FIRST, b"own")

    def test_bytes(self):
        """The log knows how long a rule's greeting is."""
        daemon = self.serve("", 'rules = ( { from = "any"; action = "allow"; '
                            'greeting = "longer than the other\\n"; } );')
        self.passes(FIRST, b"longer than the other\n").close()
        line, = daemon.wait_line("client")
        self.assertEqual((line["outcome"], line["bytes"]), ("greeted", "22"))

    def test_exempt(self):
        """The exempt are not counted, and use nothing up."""
        daemon = self.serve("max_clients_per_source = 1; rate = 0.01; "
                            'burst = 1; exempt = "127.0.1.0/24";')
        held = [self.passes(THIRD) for _ in range(5)]
        held.append(self.passes(FIRST))
        self.fails(SECOND, "rate")
        held.append(self.passes(THIRD))
        for sock in held:
            sock.close()
        self.rest(daemon, rate=1)

    def test_doubt(self):
        """-t names the rule that can never match, and is content."""
        path = os.path.join(self.folder(), "conf")
        with open(path, "w", encoding="ascii") as file:
            file.write(self.configuration(self.listener(
                'rules = ( { from = "any"; action = "allow"; },\n'
                '{ from = "10.0.0.0/8"; action = "deny"; } );')))
        result = run("-t", "-c", path)
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertIn("listeners[0].rules[1].from: can never match",
                      result.stderr)


class Together(Admission):
    """Limits of the daemon and of its listeners."""

    def setUp(self):
        super().setUp()
        self.ports = free_port(), free_port()

    def two(self, top, first, second=""):
        """A daemon with two listeners."""
        return self.daemon(
            self.listener(HOLD + f"limits = {{ {first} }};", "a",
                          self.ports[0]) + ", " +
            self.listener(HOLD + f"limits = {{ {second} }};", "b",
                          self.ports[1]), limits(top))

    def test_rate(self):
        """The listener's rate bounds it in addition to the daemon's, and what
        it refuses is not taken from the daemon's."""
        daemon = self.two("rate = 0.01; burst = 4;",
                          "rate = 0.01; burst = 2;")
        a, b = self.ports
        for _ in range(2):
            self.passes(FIRST, port=a)
        for _ in range(3):
            self.fails(SECOND, "rate", port=a)
        for _ in range(2):
            self.passes(FIRST, port=b)
        self.fails(SECOND, "rate", port=b)
        row = daemon.counters()
        self.assertEqual((row["a"]["refused_rate"],
                          row["b"]["refused_rate"]), (3, 1))

    def test_per_source(self):
        """Each listener counts for itself; the top gives the default."""
        self.two("max_clients_per_source = 2;",
                 "max_clients_per_source = 1;")
        a, b = self.ports
        self.passes(FIRST, port=a)
        self.fails(FIRST, "busy_per_source", port=a)
        self.passes(FIRST, port=b)
        self.passes(FIRST, port=b)
        self.fails(FIRST, "busy_per_source", port=b)
        self.passes(SECOND, port=a)

    def test_default(self):
        """64 of one source."""
        self.daemon(config=self.configuration(self.listener(HOLD)).replace(
            "max_clients_per_source = 0;", ""))
        held = [self.passes(FIRST) for _ in range(64)]
        self.fails(FIRST, "busy_per_source")
        held.pop().close()
        wait_for(lambda: self.come(FIRST)[1] == HI, PATIENCE, "a place")

    def test_queue(self):
        """In the queue the order stays, and nobody is asked before his
        turn."""
        daemon = self.serve("max_clients = 2; max_clients_per_source = 1;")
        held = [self.passes(FIRST), self.passes(SECOND)]
        waiting = [connect(self.port, source=source, seconds=PATIENCE)
                   for source in (THIRD, FIRST, "127.0.0.9")]
        for sock in waiting:
            self.addCleanup(sock.close)
        daemon.wait_line("full")
        time.sleep(0.1)
        self.assertTrue(all(map(is_held, waiting)))
        held[1].close()
        self.assertEqual(waiting[0].recv(100), HI)
        self.assertTrue(all(map(is_held, waiting[1:])))
        waiting[0].close()
        # FIRST has one client: it is refused, and the next gets the place.
        self.assertEqual(read_all(waiting[1]),
                         told("busy_per_source", FIRST))
        self.assertEqual(waiting[2].recv(100), HI)
        held[0].close()
        waiting[2].close()
        self.rest(daemon, busy_per_source=1)

    def take_turns(self, listeners, a, b):
        """A daemon full with one client gives each place that becomes free to
        the two addresses (host, port) in turn, though more wait at a."""
        daemon = self.daemon(listeners, limits("max_clients = 1;"))

        def come(place):
            return self.connect(place[1], place[0], seconds=PATIENCE)
        served = come(a)
        self.assertEqual(served.recv(100), HI)
        waiting = {a: [come(a) for _ in range(5)], b: [come(b), come(b)]}
        daemon.wait_line("full")
        for place in b, a, b, a, a, a, a:
            served.close()
            served = waiting[place].pop(0)
            self.assertEqual(served.recv(100), HI)
        served.close()
        wait_for(lambda: daemon.counters()[None]["live"] == 0, PATIENCE,
                 "rest")
        self.assert_balanced(daemon)

    def test_turns_of_listeners(self):
        """No listener keeps the others out."""
        a, b = self.ports
        self.take_turns(
            self.listener(HOLD, "a", a) + ", " + self.listener(HOLD, "b", b),
            (HOST, a), (HOST, b))

    def test_turns_of_addresses(self):
        """Nor does an address of the same listener."""
        self.take_turns(
            f'{{ name = "a"; address = ( "{HOST}", "{FIRST}" ); '
            f"port = {self.port}; {HOLD} }}",
            (HOST, self.port), (FIRST, self.port))

    def test_fairness(self):
        """A source that comes 200 times a second does not keep others
        out."""
        daemon = self.serve("rate = 50; rate_per_source = 5; "
                            "max_clients_per_source = 4;", "")
        with self.flood("127.0.0.66", 200) as flood:
            wait_for(lambda: flood["refused"] > 100, PATIENCE, "a flood")
            for i in range(30):
                begin = time.monotonic()
                self.passes(f"127.0.2.{i // 3 + 1}").close()
                time.sleep(max(0, begin + 0.1 - time.monotonic()))
        self.assertGreater(flood["refused"], flood["greeted"])
        self.assertEqual(flood["other"], [])
        wait_for(lambda: daemon.counters()[None]["live"] == 0, PATIENCE,
                 "rest")
        self.assert_balanced(daemon)

    @contextlib.contextmanager
    def flood(self, source, rate):
        """Somebody who comes so often a second."""
        seen = {"greeted": 0, "refused": 0, "other": []}
        ending = threading.Event()
        said = [told("busy_per_source", source),
                told("rate_per_source", source).replace(b"100", b"1")]

        def run_flood():
            while not ending.wait(1 / rate):
                try:
                    with connect(self.port, source=source,
                                 seconds=PATIENCE) as sock:
                        got = read_all(sock)
                except OSError as error:
                    got = repr(error)
                if got == HI:
                    seen["greeted"] += 1
                elif got in said:
                    seen["refused"] += 1
                else:
                    seen["other"].append(got)
        thread = threading.Thread(target=run_flood)
        thread.start()
        try:
            yield seen
        finally:
            ending.set()
            thread.join()


class Counts(Admission):
    """Counts are right, whatever happens."""

    CAP = "max_clients_per_source = 2;"

    def is_whole(self, daemon):
        """Nobody is counted any more: the source gets all its places."""
        self.has_gone(daemon, 0)
        held = [self.passes(FIRST), self.passes(FIRST)]
        self.fails(FIRST, "busy_per_source")
        for sock in held:
            sock.close()
        self.has_gone(daemon, 0)
        self.assert_balanced(daemon)

    def test_ends(self):
        """The client closes, resets; its child is killed, or timed out."""
        daemon = self.serve(self.CAP)
        for _ in range(3):
            self.passes(FIRST).close()
            close_with_reset(self.passes(FIRST))
            self.has_gone(daemon, 0)
            self.passes(FIRST), self.passes(FIRST)
            pids = wait_for(lambda: len(daemon.clients()) == 2 and
                            daemon.clients(), PATIENCE, "two children")
            os.kill(pids[0], signal.SIGKILL)
            os.kill(pids[1], signal.SIGTERM)
            self.has_gone(daemon, 0)
        self.is_whole(daemon)
        self.change(daemon, self.CAP,
                    "hold = true; timeouts = { session = 0.2; };")
        self.passes(FIRST), self.passes(FIRST)
        self.is_whole_after_timeouts(daemon)

    def is_whole_after_timeouts(self, daemon):
        """Two sessions end by themselves, and two more find room."""
        self.has_gone(daemon, 0)
        self.assertEqual([self.come(FIRST)[1] for _ in range(2)], [HI, HI])
        self.has_gone(daemon, 0)
        row = daemon.counters()["main"]
        self.assertEqual(row["ended_session_timeout"], 4, row)

    def test_spawner_killed(self):
        """The clients of a spawner that dies are counted on, and released
        when they end."""
        daemon = self.serve(self.CAP)
        held = [self.passes(FIRST)]
        for _ in range(3):
            spawner, = daemon.spawners()
            os.kill(spawner, signal.SIGKILL)
            held.append(self.passes(FIRST))
            self.fails(FIRST, "busy_per_source")
            held.pop(0).close()
            self.has_gone(daemon, 1)
        held[0].close()
        self.is_whole(daemon)

    @needs_program("prlimit")
    def test_never_served(self):
        """Who gets no child in time gives the place back."""
        daemon = self.serve(self.CAP, "timeouts = { session = 0.5; };")
        daemon.limit_processes(0)
        for _ in range(4):
            self.passes(FIRST, b"out of resources, try again later\n").close()
        daemon.limit_processes(10000)
        self.change(daemon, self.CAP)
        self.is_whole(daemon)

    @needs_program("prlimit")
    def test_waits_over_reload(self):
        """Who has no child yet gets what the rules say after a reload."""
        rule = '{ from = "%s"; action = "allow"; greeting = "%s"; }'
        first, second = rule % (FIRST, "first"), rule % (SECOND, "second")
        daemon = self.serve(self.CAP, f"rules = ( {first} );")
        limit(daemon.spawners()[0], "nproc", 0)
        sock = self.connect(self.port, source=FIRST, seconds=PATIENCE)
        daemon.wait_line("clone:")
        self.change(daemon, self.CAP, f"rules = ( {second}, {first} );")
        self.assertEqual(read_all(sock), b"first")
        sock.close()
        self.has_gone(daemon, 0)
        self.assert_balanced(daemon)

    def test_reload(self):
        """Counts survive a reload, with other limits and prefixes too."""
        daemon = self.serve(self.CAP)
        held = [self.passes(FIRST), self.passes(FIRST)]
        self.change(daemon, self.CAP)
        self.fails(FIRST, "busy_per_source")
        self.change(daemon, "max_clients_per_source = 3;")
        held.append(self.passes(FIRST))
        self.fails(FIRST, "busy_per_source")
        self.change(daemon, "max_clients_per_source = 4; ipv4_prefix = 24;")
        held.append(self.passes(SECOND))
        self.fails(SECOND, "busy_per_source")
        held.append(self.passes(THIRD))
        # Less than there are: they stay, and nobody comes.
        self.change(daemon, self.CAP)
        self.assertTrue(all(map(is_held, held)))
        self.fails(FIRST, "busy_per_source")
        held[0].close()
        self.has_gone(daemon, 4)
        self.fails(FIRST, "busy_per_source")
        self.change(daemon, "")
        held.append(self.passes(FIRST))
        self.change(daemon, self.CAP)
        self.fails(FIRST, "busy_per_source")
        for sock in held:
            sock.close()
        self.is_whole(daemon)

    def test_listener_comes_back(self):
        """Clients of a listener that a reload took out, and another brought
        back, count again."""
        daemon = self.serve(self.CAP)
        held = [self.passes(FIRST), self.passes(FIRST)]
        other = self.listener("", "other", free_port())
        daemon.reload(self.configuration(other, limits(self.CAP)))
        held.pop().close()
        self.has_gone(daemon, 1)
        self.change(daemon, self.CAP)
        held.append(self.passes(FIRST))
        self.fails(FIRST, "busy_per_source")
        for sock in held:
            sock.close()
        self.is_whole(daemon)

    def test_rate_survives_reload(self):
        """A reload gives nobody a fresh burst."""
        rate = "rate_per_source = 0.01; burst_per_source = 2;"
        daemon = self.serve(rate, "")
        for _ in range(2):
            self.passes(FIRST).close()
        self.change(daemon, rate, "")
        self.fails(FIRST, "rate_per_source")
        self.passes(SECOND)


class Families(Admission):
    """What a source is."""

    def dual(self, top):
        """A daemon on :: for both families."""
        return self.daemon(
            f'{{ name = "main"; address = "::"; port = {self.port}; '
            f'v6only = false; {HOLD} }}', limits(top))

    def test_mapped(self):
        """IPv4 clients of an IPv6 socket are IPv4: by prefix, by rule."""
        if not socket.has_ipv6 or not os.path.exists("/proc/net/if_inet6"):
            self.skipTest("no IPv6 here")
        self.dual("max_clients_per_source = 1; ipv4_prefix = 24; "
                  'exempt = "127.0.9.0/24";')
        self.passes(FIRST)
        self.fails(SECOND, "busy_per_source")
        self.passes(THIRD)
        self.passes("127.0.9.1")
        self.passes("127.0.9.1")

    @needs_root
    def test_v6_networks(self):
        """A /64 is one source, in a network namespace of its own."""
        if shutil.which("ip") is None or shutil.which("unshare") is None:
            self.skipTest("needs ip and unshare")
        sources = ["2001:db8:0:1::1", "2001:db8:0:1:ffff::2",
                   "2001:db8:0:2::1"]
        script = ("ip link set lo up && " + " && ".join(
            f"ip address add {source}/128 dev lo" for source in sources) +
            ' && exec "$@"')
        if not self.can_unshare():
            self.skipTest("no network namespace can be made")
        daemon = self.daemon(
            f'{{ name = "main"; address = "::"; port = {self.port}; '
            f'{HOLD} }}', limits("max_clients_per_source = 1;"),
            wrapper=("unshare", "-n", "sh", "-c", script, "sh"))
        got = self.inside(daemon.pid, sources)
        self.assertEqual(
            got, [HI, told("busy_per_source", sources[1]), HI])
        self.rest(daemon, busy_per_source=1)

    @staticmethod
    def can_unshare():
        """May we make a network namespace?"""
        return run("-n", "true", program="unshare").returncode == 0

    def inside(self, pid, sources):
        """What clients there get, who stay until all have come."""
        got = []

        def visit():
            with open(f"/proc/{pid}/ns/net", "rb") as space:
                libc = ctypes.CDLL(None, use_errno=True)
                if libc.setns(space.fileno(), CLONE_NEWNET) == -1:
                    got.append(os.strerror(ctypes.get_errno()))
                    return
            with contextlib.ExitStack() as stack:
                for source in sources:
                    sock = stack.enter_context(connect(
                        self.port, "2001:db8:0:2::1", source=source,
                        seconds=PATIENCE))
                    got.append(sock.recv(100))
        # The namespace is the thread's, and ends with it.
        thread = threading.Thread(target=visit)
        thread.start()
        thread.join()
        return got


if __name__ == "__main__":
    from harness import main
    main()
