"""max_clients: who waits, who is refused, and what it costs meanwhile."""

import resource
import signal
import socket
import time

from harness import (Case, PATIENCE, connect, cpu_seconds, free_port,
                     greet, is_held, proc_status, read_all, wait_for)

GREETING = b"hi client\n"
BUSY = b"busy, try again later\n"
HOLD = "hold = true; "


def limits(most, when_full=None):
    """A limits group."""
    more = f' when_full = "{when_full}";' if when_full else ""
    return f"limits = {{ max_clients = {most};{more} }}; "


class LimitCase(Case):
    """A daemon that holds clients: a test decides how many there are."""

    def serve(self, top="", **listeners):
        """Starts a daemon with a listener of each name and settings, and
        returns it; self.ports has the ports."""
        self.ports = {name: free_port() for name in listeners}
        return self.daemon(self.groups(listeners), top, as_user=self.as_user)

    def groups(self, listeners):
        """The listeners' groups."""
        return ", ".join(self.listener(settings, name, self.ports[name])
                         for name, settings in listeners.items())

    def held(self, name, count):
        """So many clients of the listener that have been greeted."""
        socks = [self.connect(self.ports[name]) for _ in range(count)]
        for sock in socks:
            self.assertEqual(sock.recv(100), GREETING)
        return socks

    def waiting(self, daemon, name, count):
        """So many clients of the listener that get nothing for now: they are
        in the backlog when the daemon says that it is full."""
        socks = [self.connect(self.ports[name]) for _ in range(count)]
        daemon.wait_line("full")
        time.sleep(0.1)
        self.assertTrue(all(map(is_held, socks)))
        return socks

    def assert_refused(self, name):
        """A client gets the refusal, whole."""
        self.assertEqual(greet(self.ports[name]), BUSY)

    @staticmethod
    def close(socks):
        """The clients' end."""
        for sock in socks:
            sock.close()

    def assert_idle(self, daemon, seconds=0.6):
        """It does not spin: next to no CPU, and it sleeps."""
        used = cpu_seconds(daemon.pid)
        switches = self.switches(daemon)
        time.sleep(seconds)
        self.assertLess(cpu_seconds(daemon.pid) - used, 0.1 * seconds)
        self.assertLess(self.switches(daemon) - switches, 50 * seconds)

    @staticmethod
    def switches(daemon):
        """How often it went to sleep."""
        return int(proc_status(daemon.pid)["voluntary_ctxt_switches"])

    def assert_rest(self, daemon, **rows):
        """All have gone: so many accepted and refused of each listener."""
        wait_for(lambda: daemon.counters()[None]["live"] == 0, what="rest")
        counters = daemon.counters()
        for name, (accepted, refused) in rows.items():
            row = counters[name]
            self.assertEqual((row["accepted"], row["refused_busy"],
                              row["ended_greeted"]),
                             (accepted, refused, accepted - refused), row)
        self.assert_balanced(daemon)

    @staticmethod
    def full_lines(daemon):
        """'full' and 'full ended', in their order."""
        return ["full ended" if line.startswith("full ended") else "full"
                for line in daemon.log() if line.startswith("full ")]

    def assert_full_once(self, daemon):
        """It was said once that it is full, and once that this is over."""
        wait_for(lambda: "full ended" in self.full_lines(daemon),
                 what="full ended")
        self.assertEqual(self.full_lines(daemon), ["full", "full ended"])


class Queue(LimitCase):
    """when_full = "queue", the default."""

    def test_order(self):
        """Those who wait are served in the order of their coming, each when
        a place is free; it costs nothing, and is said once."""
        daemon = self.serve(limits(3), main=HOLD)
        held = self.held("main", 3)
        waiting = self.waiting(daemon, "main", 6)
        self.assert_idle(daemon)
        row = daemon.counters()["main"]
        self.assertEqual((row["accepted"], row["live"]), (3, 3))
        for i, sock in enumerate(waiting):
            self.assertTrue(all(map(is_held, waiting[i:])))
            held[i].close()
            self.assertEqual(sock.recv(100), GREETING)
            held.append(sock)
        line = daemon.lines("full")[0]
        self.assertEqual((line["listener"], line["clients"],
                          line["max_clients"]), ("-", "3", "3"))
        self.assertEqual(self.full_lines(daemon), ["full"])
        self.close(held)
        self.assert_rest(daemon, main=(9, 0))
        self.assert_full_once(daemon)
        self.assertEqual(len(daemon.lines("client")), 9)

    def test_again(self):
        """It is said again when it was over for a while."""
        daemon = self.serve(limits(1), main=HOLD)
        for i in (1, 2):
            first, = self.held("main", 1)
            second = self.connect(self.ports["main"])
            wait_for(lambda: len(self.full_lines(daemon)) == 2 * i - 1,
                     what="full")
            first.close()
            self.assertEqual(second.recv(100), GREETING)
            second.close()
            wait_for(lambda: len(self.full_lines(daemon)) == 2 * i,
                     what="full ended")
        self.assertEqual(self.full_lines(daemon), ["full", "full ended"] * 2)
        self.assert_rest(daemon, main=(4, 0))

    def test_come_and_go(self):
        """At the limit, the log does not hear of each who comes or goes."""
        daemon = self.serve(limits(2), main=HOLD)
        held = self.held("main", 2)
        for _ in range(5):
            held.pop(0).close()
            wait_for(lambda: daemon.counters()["main"]["live"] == 1,
                     what="a free place")
            held += self.held("main", 1)
        self.assertEqual(self.full_lines(daemon), ["full"])
        self.close(held)
        self.assert_rest(daemon, main=(7, 0))
        self.assert_full_once(daemon)

    def test_not_full(self):
        """Below max_clients nothing is said."""
        daemon = self.serve(limits(4), main=HOLD)
        self.close(self.held("main", 3))
        self.assert_rest(daemon, main=(3, 0))
        self.assertEqual(self.full_lines(daemon), [])

    def test_gone_meanwhile(self):
        """Those who leave the queue do not stop it."""
        daemon = self.serve(limits(1), main=HOLD)
        held = self.held("main", 1)
        waiting = self.waiting(daemon, "main", 4)
        self.close(waiting[:3])
        self.close(held)
        self.assertEqual(waiting[3].recv(100), GREETING)
        self.close(waiting)
        wait_for(lambda: daemon.counters()[None]["live"] == 0, what="rest")
        self.assert_balanced(daemon)

    def test_crowd(self):
        """A long queue passes through few places."""
        daemon = self.serve(limits(4), main="")
        socks = [self.connect(self.ports["main"], seconds=20)
                 for _ in range(300)]
        for sock in socks:
            self.assertEqual(read_all(sock), GREETING)
            sock.close()
        self.assert_rest(daemon, main=(300, 0))

    def test_reload(self):
        """More places let those in who wait; fewer end nobody."""
        listeners = {"main": HOLD}
        daemon = self.serve(limits(2), **listeners)
        held = self.held("main", 2)
        waiting = self.waiting(daemon, "main", 3)
        daemon.reload(self.configuration(self.groups(listeners), limits(4)))
        for sock in waiting[:2]:
            self.assertEqual(sock.recv(100), GREETING)
        self.assertTrue(all(map(is_held, held + waiting)))
        daemon.reload(self.configuration(self.groups(listeners), limits(1)))
        self.assertTrue(all(map(is_held, held + waiting)))
        self.close(held + waiting[:1])
        self.assertTrue(all(map(is_held, waiting[1:])))
        waiting[1].close()
        self.assertEqual(waiting[2].recv(100), GREETING)
        waiting[2].close()
        self.assert_rest(daemon, main=(5, 0))


class QueueAsUser(Queue):
    """The main ones, started by an ordinary user."""

    as_user = True
    test_again = test_come_and_go = test_not_full = None
    test_gone_meanwhile = None


class Refuse(LimitCase):
    """when_full = "refuse"."""

    def test_refused(self):
        """Beyond the limit: the text, a line, a counter; not within it."""
        daemon = self.serve(limits(2, "refuse"), main=HOLD)
        port = self.ports["main"]
        held = self.held("main", 2)
        with connect(port) as sock:
            source = str(sock.getsockname()[1])
            self.assertEqual(read_all(sock), BUSY)
        line = daemon.wait_line("refused")[0]
        self.assertEqual(list(line), ["_", "id", "listener", "src", "sport",
                                      "dst", "dport", "reason",
                                      "suppressed"])
        self.assertEqual(list(line.values())[2:],
                         ["main", "127.0.0.1", source, "127.0.0.1",
                          str(port), "busy", "0"])
        self.assertTrue(all(map(is_held, held)))
        held.pop().close()
        wait_for(lambda: daemon.counters()["main"]["live"] == 1,
                 what="a free place")
        held += self.held("main", 1)
        self.close(held)
        self.assert_rest(daemon, main=(4, 1))
        self.assert_full_once(daemon)
        self.assertEqual(len(daemon.lines("client")), 3)

    def test_lines_are_limited(self):
        """Many refusals make few lines, which say how many they are."""
        daemon = self.serve(limits(1, "refuse"), main=HOLD)
        held = self.held("main", 1)
        begin = time.monotonic()
        for _ in range(300):
            self.assert_refused("main")
        took = time.monotonic() - begin
        time.sleep(1.05)
        self.assert_refused("main")
        lines = daemon.wait_line("refused", 2)
        self.assertLessEqual(len(lines), took + 3)
        self.assertEqual(lines[0]["suppressed"], "0")
        self.assertEqual(sum(int(line["suppressed"]) for line in lines) +
                         len(lines), 301)
        self.close(held)
        self.assert_rest(daemon, main=(302, 301))

    def test_d7_each_offender_has_a_line(self):
        """A line a second for each source, and 20 a second in all: the ring
        forgets nobody early."""
        daemon = self.serve(
            main='rules = ( { from = "127.0.0.0/8"; action = "deny"; } );')
        sources = [f"127.0.1.{i}" for i in range(1, 31)]
        begin = time.monotonic()
        for source in sources:
            for _ in range(3):
                with connect(self.ports["main"], source=source) as sock:
                    read_all(sock)
        took = time.monotonic() - begin
        wait_for(lambda: daemon.counters()["main"]["refused_denied"] == 90,
                 what="all refusals")
        lines = daemon.lines("refused")
        named = [line["src"] for line in lines]
        self.assertEqual(named[:20], sources[:20])
        for source in set(named):
            self.assertLessEqual(named.count(source), took + 1)
        self.assertLessEqual(len(lines), 20 * (int(took) + 1))
        self.assertEqual(sum(int(line["suppressed"]) for line in lines[:20]),
                         2 * 19)
        time.sleep(1.05)
        with connect(self.ports["main"], source=sources[0]) as sock:
            read_all(sock)
        wait_for(lambda: len(daemon.lines("refused")) > len(lines),
                 what="a line after a second")
        lines = daemon.lines("refused")
        self.assertEqual(sum(int(line["suppressed"]) for line in lines) +
                         len(lines), 91)

    def test_talks_first(self):
        """A refusal is whole and has a clean end, also for a client that has
        already sent something."""
        daemon = self.serve(limits(1, "refuse"), main=HOLD)
        held = self.held("main", 1)
        daemon.signal(signal.SIGSTOP)  # what is sent is there first
        socks = [self.connect(self.ports["main"]) for _ in range(3)]
        for sock in socks:
            sock.sendall(b"GET / HTTP/1.1\r\n\r\n" * 100)
        daemon.signal(signal.SIGCONT)
        for sock in socks:
            self.assertEqual(read_all(sock), BUSY)
            # Not even a reset behind the end of stream.
            self.assertEqual(
                sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR), 0)
        self.close(held)
        self.assert_rest(daemon, main=(4, 3))

    def test_not_logged(self):
        """log.clients = "none" hides refusals, and "errors" does not."""
        for which, count in ("none", 0), ("errors", 1):
            daemon = self.serve(
                limits(1, "refuse"),
                main=HOLD + f'log = {{ clients = "{which}"; }};')
            held = self.held("main", 1)
            self.assert_refused("main")
            self.close(held)
            self.assert_rest(daemon, main=(2, 1))
            self.assertEqual(len(daemon.lines("refused")), count)


class RefuseAsUser(Refuse):
    """The main ones, started by an ordinary user."""

    as_user = True
    test_lines_are_limited = test_not_logged = None


class Mixed(LimitCase):
    """Limits of listeners, in addition to the daemon's."""

    def test_own_limit(self):
        """A listener at its own limit does not stop another; the daemon's
        limit stops both."""
        daemon = self.serve(limits(5), few=HOLD + limits(2), many=HOLD)
        held = self.held("few", 2)
        waiting = self.waiting(daemon, "few", 2)
        held += self.held("many", 2)
        self.assert_idle(daemon)
        line = daemon.lines("full")[0]
        self.assertEqual((line["listener"], line["clients"],
                          line["max_clients"]), ("few", "2", "2"))
        held += self.held("many", 1)
        others = [self.connect(self.ports["many"])]
        self.assert_idle(daemon)
        self.assertTrue(all(map(is_held, waiting + others)))
        held.pop().close()
        self.assertEqual(others[0].recv(100), GREETING)
        self.assertTrue(all(map(is_held, waiting)), "beyond its limit")
        held.pop(0).close()
        self.assertEqual(waiting[0].recv(100), GREETING)
        held.pop(0).close()
        self.assertEqual(waiting[1].recv(100), GREETING)
        self.close(held + waiting + others)
        self.assert_rest(daemon, few=(4, 0), many=(4, 0))
        self.assert_full_once(daemon)

    def test_queue_beside_refuse(self):
        """Each does as it is told, and the one that waits does not make the
        other spin or wait."""
        daemon = self.serve(
            "", waits=HOLD + limits(1), refuses=HOLD + limits(1, "refuse"),
            free="")
        held = self.held("waits", 1)
        waiting = self.waiting(daemon, "waits", 2)
        held += self.held("refuses", 1)
        for _ in range(5):
            self.assert_refused("refuses")
            self.assertEqual(greet(self.ports["free"]), GREETING)
        self.assert_idle(daemon)
        self.assertTrue(all(map(is_held, waiting + held)))
        held.pop(0).close()
        self.assertEqual(waiting[0].recv(100), GREETING)
        waiting[0].close()
        self.assertEqual(waiting[1].recv(100), GREETING)
        self.close(held + waiting)
        self.assert_rest(daemon, waits=(3, 0), refuses=(6, 5), free=(5, 0))

    def test_daemon_full(self):
        """At the daemon's limit each listener does as it is told."""
        daemon = self.serve(limits(2), waits=HOLD,
                            refuses=HOLD + limits(9, "refuse"))
        held = self.held("waits", 2)
        self.assert_refused("refuses")
        waiting = self.waiting(daemon, "waits", 1)
        self.assert_refused("refuses")
        self.close(held)
        self.assertEqual(waiting[0].recv(100), GREETING)
        self.close(waiting)
        self.assert_rest(daemon, waits=(3, 0), refuses=(2, 2))

    def test_addresses_share(self):
        """All addresses of a listener share its limit."""
        daemon = self.daemon(
            f'{{ name = "main"; address = [ "127.0.0.1", "127.0.0.2" ]; '
            f'port = {self.port}; {HOLD} {limits(2, "refuse")} }}',
            as_user=self.as_user)
        held = [self.connect(self.port, host)
                for host in ("127.0.0.1", "127.0.0.2")]
        for sock in held:
            self.assertEqual(sock.recv(100), GREETING)
        for host in "127.0.0.1", "127.0.0.2":
            self.assertEqual(greet(self.port, host), BUSY)
        self.close(held)
        self.assert_rest(daemon, main=(4, 2))


class Files(LimitCase):
    """Two descriptors for each client."""

    alone = True
    WARNING = "limits.max_clients: 100 clients need "

    @staticmethod
    def set_files(soft, hard):
        """For preexec."""
        return lambda: resource.setrlimit(resource.RLIMIT_NOFILE,
                                          (soft, hard))

    def test_raised(self):
        """What the hard limit allows is taken, and nothing is said."""
        daemon = self.daemon(top=limits(100), as_user=True,
                             preexec=self.set_files(64, 1000))
        with open(f"/proc/{daemon.pid}/limits", encoding="ascii") as file:
            self.assertRegex(file.read(), r"Max open files +5\d\d +1000 ")
        self.assertNotIn(self.WARNING, "\n".join(daemon.log()))
        text = self.configuration(top=limits(200))
        daemon.reload(text)
        with open(f"/proc/{daemon.pid}/limits", encoding="ascii") as file:
            self.assertRegex(file.read(), r"Max open files +7\d\d +1000 ")

    def test_not_enough(self):
        """A hard limit that is too low is warned of; who finds no place
        waits."""
        daemon = self.daemon(self.listener(HOLD), limits(100), as_user=True,
                             preexec=self.set_files(64, 64))
        said = "\n".join(daemon.log())
        self.assertRegex(said, r"forkgreet.conf:\d+: " + self.WARNING)
        socks = [self.connect(self.port) for _ in range(80)]
        wait_for(lambda: daemon.counters()[None]["accept_failures"] > 0,
                 PATIENCE, "accept without descriptors")
        for _ in range(2):
            greeted = wait_for(lambda: [sock for sock in socks
                                        if not is_held(sock)],
                               what="greetings")
            self.close(greeted)
            socks = [sock for sock in socks if sock not in greeted]
        self.close(socks)
        wait_for(lambda: daemon.counters()[None]["live"] == 0, what="rest")
        self.assert_balanced(daemon)


class Bad(LimitCase):
    """What limits may not be."""

    def test_refused(self):
        """Each is an error that names its key."""
        for settings, key in (
                ("limits = { max_clients = 0; };", "max_clients"),
                ("limits = { max_clients = 30001; };", "max_clients"),
                ('limits = { max_clients = "9"; };', "max_clients"),
                ('limits = { when_full = "drop"; };', "when_full")):
            for top, listener in ((settings, ""), ("", settings)):
                with self.subTest(settings=settings, top=bool(top)):
                    daemon = self.daemon(self.listener(listener), top,
                                         ready=False, arguments=("-t",))
                    self.assertEqual(daemon.wait(), 78)
                    self.assertRegex("\n".join(daemon.log()),
                                     rf"forkgreet.conf:\d+: \S*limits.{key}")


if __name__ == "__main__":
    from harness import main
    main()
