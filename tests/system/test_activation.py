"""Sockets that a service manager passes (sd_listen_fds(3))."""

import errno
import fcntl
import os
import signal
import socket
import time

from harness import (HOST, IS_ROOT, PATIENCE, StartCase, cpu_seconds,
                     descriptors, free_port, greet, if_also_user,
                     needs_program, needs_root, wait_for)

FIRST = 3  # SD_LISTEN_FDS_START
# The process that the variables name is the one that the shell becomes.
SET_PID = ("sh", "-c", 'LISTEN_PID=$$ exec "$@"', "sh")


class ActivationCase(StartCase):
    """Tests with sockets of ours."""

    def setUp(self):
        if self.as_user and not IS_ROOT:
            self.skipTest("all tests run as an ordinary user")

    def listening(self, host=HOST, port=0, v6only=True):
        """A TCP socket that listens, blocking, as systemd passes it."""
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        sock = self.socket(family, socket.SOCK_STREAM)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, v6only)
        sock.bind((host, port or self.port))
        sock.listen(100)
        return sock

    def socket(self, *arguments):
        sock = socket.socket(*arguments)
        self.addCleanup(sock.close)
        return sock

    def passing(self, fds, names=None, count=None, wrapper=SET_PID, **more):
        """Arguments of a start that passes the descriptors (numbers, or
        sockets) as 3 and so on."""
        fds = [fd if isinstance(fd, int) else fd.fileno() for fd in fds]
        # What subprocess opens for itself must not be in their way.
        taken = [os.open("/dev/null", os.O_RDONLY)]
        while taken[-1] < FIRST + len(fds):
            taken.append(os.open("/dev/null", os.O_RDONLY))
        for fd in taken:
            self.addCleanup(os.close, fd)

        def move():
            high = [fcntl.fcntl(fd, fcntl.F_DUPFD, 100) for fd in fds]
            for i, fd in enumerate(high):
                os.dup2(fd, FIRST + i)
        env = {"LISTEN_FDS": str(len(fds) if count is None else count)}
        if names is not None:
            env["LISTEN_FDNAMES"] = names
        return {"preexec": move, "env": {**os.environ, **env},
                "pass_fds": range(FIRST, FIRST + len(fds)),
                "wrapper": wrapper, **more}

    @staticmethod
    def addresses(daemon):
        """(listener, address, port) of the lines that say it."""
        return [(line["listener"], line["address"], int(line["port"]))
                for line in daemon.lines("listen")]

    def assert_has(self, daemon, sock):
        """The daemon serves on that very socket: we do not accept, and nobody
        else can bind its address.  Root can see it too."""
        port = sock.getsockname()[1]
        self.assertNotEqual(greet(port, seconds=PATIENCE), b"")
        if IS_ROOT:
            self.assertIn(self.inode(sock), descriptors(daemon.pid).values())

    @staticmethod
    def inode(sock):
        return f"socket:[{os.fstat(sock.fileno()).st_ino}]"


class Adopted(ActivationCase):
    """What fits."""

    def test_by_name(self):
        """The name counts, not the address; a warning says so."""
        sock = self.listening()
        other = free_port()
        daemon = self.start(self.listener(port=other),
                            **self.passing([sock], "main"))
        self.greets(self.port)
        with self.assertRaises(ConnectionRefusedError):
            self.connect(other)
        self.assert_has(daemon, sock)
        self.assertEqual(self.addresses(daemon), [("main", HOST, self.port)])
        self.assertTrue([line for line in daemon.log() if line.endswith(
            f'{HOST}:{other}: descriptor 3 ("main") was passed for it and '
            f"has {HOST}:{self.port}, which is used")], daemon.log())
        line = daemon.wait_line("client", seconds=PATIENCE)[0]
        self.assertEqual((line["dst"], line["dport"]), (HOST, str(self.port)))

    def test_by_address(self):
        """With the name that systemd gives, or none."""
        for names in "forkgreet.socket", None, "", "127.0.0.1":
            sock = self.listening()
            daemon = self.start(**self.passing([sock], names))
            self.greets(self.port)
            self.assert_has(daemon, sock)
            self.assertFalse([line for line in daemon.log()
                              if "descriptor" in line])
            daemon.stop()
            sock.close()

    def test_names_before_addresses(self):
        """One that has another's address, but a name of its own."""
        one, two = self.listening(), self.listening(port=free_port())
        ports = [sock.getsockname()[1] for sock in (one, two)]
        daemon = self.start(
            self.listener('greeting = "a";', "a", ports[0]) + ", " +
            self.listener('greeting = "b";', "b", ports[1]),
            **self.passing([one, two], "b:a"))
        self.assertEqual(greet(ports[0]), b"b")
        self.assertEqual(greet(ports[1]), b"a")
        self.assertEqual(len(self.addresses(daemon)), 2)

    def test_one_name_two_addresses(self):
        """A socket unit has one name for all of its sockets."""
        socks = [self.listening("::1"), self.listening()]
        daemon = self.start(
            f'{{ name = "both"; address = ( "{HOST}", "::1" ); '
            f"port = {self.port}; }}", **self.passing(socks, "both:both"))
        self.greets(self.port)
        self.greets(self.port, host="::1")
        self.assertEqual(self.addresses(daemon), [
            ("both", HOST, self.port), ("both", "::1", self.port)])
        self.assertFalse([line for line in daemon.log()
                          if "descriptor" in line])

    def test_some(self):
        """The others are bound as ever."""
        sock = self.listening()
        port = free_port()
        self.start(self.listener() + ", " + self.listener(
            'greeting = "b";', "b", port), **self.passing([sock]))
        self.greets(self.port)
        self.greets(port, b"b")

    def test_dual_stack(self):
        """As systemd's default is."""
        sock = self.listening("::", v6only=False)
        daemon = self.start(
            f'{{ name = "main"; address = "::"; port = {self.port}; }}',
            **self.passing([sock]))
        self.greets(self.port)
        self.greets(self.port, host="::1")
        self.assertTrue([line for line in daemon.log() if line.endswith(
            f'[::]:{self.port}: descriptor 3 ("unknown") was passed for it '
            "and has v6only = false, which is used")], daemon.log())

    def test_many_clients(self):
        """The socket was blocking: the loop would stand still."""
        daemon = self.start(**self.passing([self.listening()]))
        for _ in range(50):
            self.greets(self.port)
        daemon.counters()

    def test_background(self):
        """The process that was started is not the one that serves."""
        sock = self.listening()
        daemon = self.background(as_user=self.as_user,
                                 **self.passing([sock]))
        self.greets(self.port)
        self.assert_has(daemon, sock)

    def test_nobody_inherits_it(self):
        sock = self.listening()
        daemon = self.start(**self.passing([sock]))
        if not IS_ROOT:
            self.skipTest("needs root to look at the spawner's descriptors")
        with open(f"/proc/{daemon.pid}/fdinfo/{FIRST}",
                  encoding="ascii") as file:
            flags = int(dict(line.split(":") for line in file)["flags"], 8)
        self.assertTrue(flags & os.O_CLOEXEC)
        spawner, = daemon.spawners()
        self.assertNotIn(self.inode(sock), descriptors(spawner).values())

    def test_none(self):
        daemon = self.start(**self.passing([]))
        self.greets(self.port)
        self.assertEqual(self.addresses(daemon), [("main", HOST, self.port)])

    @needs_root
    def test_without_the_right_to_bind(self):
        """A port below 1024, and a user without capabilities."""
        for port in range(1023, 600, -1):
            try:
                sock = self.listening(port=port)
                break
            except OSError:
                continue
        self.daemon(self.listener(port=port), as_user=True,
                    **self.passing([sock]))
        self.greets(port)

    @needs_program("systemd-socket-activate")
    def test_systemd(self):
        """The real one, which starts the daemon at the first connection."""
        daemon = self.start(self.listener(port=free_port()), ready=False,
                            wrapper=("systemd-socket-activate",
                                     "-l", f"{HOST}:{self.port}",
                                     "--fdname=main"))
        wait_for(lambda: self.can_connect(daemon), PATIENCE, "its socket")
        daemon.ready(PATIENCE)
        self.greets(self.port)
        self.assertEqual(self.addresses(daemon), [("main", HOST, self.port)])

    def can_connect(self, daemon):
        self.assertIsNone(daemon.process.poll(), daemon.log())
        try:
            self.connect(self.port).close()
        except ConnectionRefusedError:
            return False
        return True


@if_also_user
class Lost(ActivationCase):
    """Whoever has the socket too can end it: it is had back."""

    def start_two(self, more=""):
        """Listeners "passed", on our socket, and "other"; the socket too."""
        sock = self.listening()
        self.other = free_port()
        daemon = self.start(
            self.listener(name="passed") + ", " +
            self.listener(name="other", port=self.other), more,
            **self.passing([sock]))
        return daemon, sock

    def back(self, daemon, times):
        """Waits until it listens again, for the so-manieth time."""
        wait_for(lambda: len(daemon.lines("listen")) == 2 + times, PATIENCE,
                 "it listens again")
        self.assertEqual(daemon.lines("listen")[-1],
                         daemon.lines("listen")[0])

    def test_shut_down(self):
        """It listens again, at most a second later, and costs nothing."""
        daemon, sock = self.start_two()
        for i in range(3):
            sock.shutdown(socket.SHUT_RDWR)
            self.back(daemon, i + 1)
            self.greets(self.port)
            self.greets(self.other)
        lost = daemon.lines("lost")
        self.assertEqual([(line["listener"], line["port"], line["error"])
                          for line in lost],
                         [("passed", str(self.port),
                           '"shut down from outside"')] * 3)
        self.assertEqual(daemon.counters()[None]["accept_failures"], 0)
        self.assert_balanced(daemon)

    def test_while_full(self):
        """Also when nobody is let in just then."""
        daemon, sock = self.start_two("limits = { max_clients = 1; };")
        daemon.reload(self.configuration(
            self.listener("hold = true;", "passed") + ", " +
            self.listener("hold = true;", "other", self.other),
            "limits = { max_clients = 1; };"))
        held = self.connect(self.other)
        self.assertEqual(held.recv(100), b"hi client\n")
        waiting = self.connect(self.port)
        daemon.wait_line("full")
        sock.shutdown(socket.SHUT_RDWR)
        self.back(daemon, 1)
        del waiting  # the kernel has ended it
        late = self.connect(self.port, seconds=PATIENCE)
        self.is_idle(daemon)
        held.close()
        self.assertEqual(late.recv(100), b"hi client\n")

    def is_idle(self, daemon):
        """It does not spin."""
        before = cpu_seconds(daemon.pid)
        time.sleep(1)
        self.assertLess(cpu_seconds(daemon.pid) - before, 0.3)

    def test_address_taken(self):
        """Somebody else has the address meanwhile: the others are served, the
        line says why, once, and when he goes it is had back."""
        daemon, sock = self.start_two()
        sock.shutdown(socket.SHUT_RDWR)
        self.back(daemon, 1)  # and the next try is a second away
        sock.shutdown(socket.SHUT_RDWR)
        thief = self.listening(port=self.port)
        wait_for(lambda: len(daemon.lines("lost")) == 3, PATIENCE, "lost")
        self.assertEqual(daemon.lines("lost")[-1]["error"],
                         f'"{os.strerror(errno.EADDRINUSE)}"')
        self.is_idle(daemon)
        time.sleep(1.5)
        self.greets(self.other)
        self.assertEqual(len(daemon.lines("lost")), 3)
        thief.close()
        self.back(daemon, 2)
        self.greets(self.port)

    def test_reload(self):
        """A reload has it back at once."""
        daemon, sock = self.start_two()
        sock.shutdown(socket.SHUT_RDWR)
        self.back(daemon, 1)
        sock.shutdown(socket.SHUT_RDWR)
        wait_for(lambda: len(daemon.lines("lost")) == 2, PATIENCE, "lost")
        daemon.reload()
        self.greets(self.port)
        self.back(daemon, 2)


class AdoptedAsUser(Adopted):
    """The same, started by an ordinary user."""

    as_user = True


class NotForUs(ActivationCase):
    """Variables that name another process."""

    def check(self, **passing):
        """They mean nothing, and the descriptors are closed."""
        port = free_port()
        sock = self.listening(port=port)
        daemon = self.start(**self.passing([sock], **passing))
        self.greets(self.port)
        sock.close()
        with self.assertRaises(ConnectionRefusedError):
            self.connect(port)
        self.assertEqual(self.addresses(daemon), [("main", HOST, self.port)])

    def test_other_pid(self):
        self.check(wrapper=("env", "LISTEN_PID=1"))

    def test_no_pid(self):
        self.check(wrapper=("env", "-u", "LISTEN_PID"))

    def test_garbage_for_another(self):
        self.check(wrapper=("env", "LISTEN_PID=1"), names="a:b:c", count="-2")

    def test_test_and_dump(self):
        """They serve nothing."""
        sock = self.socket(socket.AF_UNIX)
        path = self.file(self.configuration())
        for option in "-t", "-T":
            arguments = self.passing([sock])
            result = self.run_with(path, option, **arguments)
            self.assertEqual((result.returncode, result.stderr), (0, ""))


@if_also_user
class NotForUsAsUser(NotForUs):
    """The same, started by an ordinary user."""

    as_user = True


class Wrong(ActivationCase):
    """What does not fit: the daemon does not start."""

    def wrong(self, fds, *texts, names=None, count=None, **more):
        self.refused(78, *texts, **self.passing(fds, names, count), **more)

    def test_garbage(self):
        sock = self.listening()
        for count in "-2", "2a", "a2", "", "1025", "99999999999999999999":
            with self.subTest(count):
                self.wrong([sock], f'LISTEN_FDS: "{count}": expected a '
                           "number from 0 to 1024\n", count=count)
        self.wrong([sock], 'LISTEN_FDNAMES: "a:b" has 2 names', names="a:b")
        self.refused(78, 'LISTEN_PID: "1x": expected a process ID\n',
                     **self.passing([sock], wrapper=("env", "LISTEN_PID=1x")))

    def test_not_open(self):
        """More are said than there are."""
        self.wrong([self.listening()],
                   'LISTEN_FDS: descriptor 4 ("b"): is not open, expected a '
                   'listening TCP or UNIX stream socket\n', names="a:b", count=2)

    def test_no_socket(self):
        with open("/dev/null", "rb") as file:
            self.wrong([file.fileno()], 'descriptor 3 ("x"): is not a socket',
                       names="x")

    def test_kinds(self):
        """All of them are said."""
        datagram = self.socket(socket.AF_INET, socket.SOCK_DGRAM)
        datagram.bind((HOST, 0))
        unix = self.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        unix.bind(os.path.join(self.folder(), "s"))
        unix.listen()
        bound = self.socket()
        bound.bind((HOST, 0))
        client = self.connect(self.listening().getsockname()[1])
        seqpacket = self.socket(socket.AF_NETLINK, socket.SOCK_RAW)
        self.wrong([datagram, self.listening(port=free_port()), unix, bound,
                    client, seqpacket],
                   'descriptor 3 ("datagram"): is a datagram socket, expected '
                   "a listening TCP or UNIX stream socket\n",
                   'descriptor 5 ("unix"): is a socket of another protocol',
                   'descriptor 6 ("bound"): is a socket that does not listen',
                   'descriptor 7 ("client"): is a socket that does not listen',
                   'descriptor 8 ("netlink"): is a socket of another address '
                   "family", names="datagram:good:unix:bound:client:netlink")

    def test_nobody_wants_it(self):
        sock = self.listening(port=free_port())
        port = sock.getsockname()[1]
        other = self.listening("127.0.0.2")
        for arguments in ("-f",), ():
            self.wrong([other, sock],
                       f'LISTEN_FDS: descriptor 4 ("extra", {HOST}:{port}): '
                       "no listener has that name or address, expected "
                       f'one of "main" ({HOST}:{self.port})\n',
                       names="main:extra", arguments=arguments)

    def test_one_too_many(self):
        """Of that name, for a listener with one address."""
        self.wrong([self.listening(), self.listening("127.0.0.2")],
                   f'descriptor 4 ("main", 127.0.0.2:{self.port}): no '
                   "listener",
                   names="main:main")

    def test_hostile_name(self):
        self.wrong([self.listening(port=free_port())],
                   r'descriptor 3 ("\x1b[2J\x0aREADY=1"', names="\x1b[2J\n"
                   "READY=1")
        self.wrong([self.listening(port=free_port())], "no listener",
                   names="x" * 5000)


@if_also_user
class WrongAsUser(Wrong):
    """The same, started by an ordinary user."""

    as_user = True


class Reload(ActivationCase):
    """They survive reloads."""

    def with_greeting(self, greeting, port=None, name="main"):
        return self.configuration(
            self.listener(f'greeting = "{greeting}";', name, port))

    def test_same_address(self):
        sock = self.listening()
        daemon = self.start(**self.passing([sock]))
        for i in range(3):
            line = daemon.reload(self.with_greeting(f"text {i}"))
            self.assertEqual((line["added"], line["removed"]), ("0", "0"))
            self.greets(self.port, f"text {i}".encode())
        self.assert_has(daemon, sock)

    def test_same_name(self):
        """Its address in the file says nothing; one listener may have it from
        another."""
        sock = self.listening()
        daemon = self.start(self.listener(port=free_port()),
                            **self.passing([sock], "main"))
        for port in free_port(), free_port():
            line = daemon.reload(self.with_greeting("b", port))
            self.assertEqual((line["added"], line["removed"]), ("0", "0"))
            self.greets(self.port, b"b")
        daemon.reload(self.with_greeting("c", name="other"))
        self.greets(self.port, b"c")
        self.assert_has(daemon, sock)

    def test_upgrade(self):
        """They stay whose they were."""
        sock = self.listening()
        daemon = self.start(self.listener(port=free_port()),
                            program=self.copies(),
                            **self.passing([sock], "main"))
        for upgrades in 1, 2:
            daemon.signal(signal.SIGUSR2)
            daemon.wait_line("upgrade", upgrades, result="ok")
            self.assert_has(daemon, sock)
        other = free_port()
        daemon.reload(self.with_greeting("b", other, "other"),
                      result="failed")
        self.assertIn('LISTEN_FDS: descriptor', "\n".join(daemon.log()))
        daemon.reload(self.with_greeting("c"))
        self.greets(self.port, b"c")

    def test_b6_nobody_wants_it_any_more(self):
        """Refused, as a start would be: its clients would wait for ever."""
        sock = self.listening()
        daemon = self.start(**self.passing([sock]))
        other = free_port()
        fresh = self.with_greeting("b", other, "other")
        daemon.reload(fresh, result="failed")
        said = (f'LISTEN_FDS: descriptor 3 ("unknown", {HOST}:{self.port}): no '
                "listener has that name or address, expected one of "
                f'"other" ({HOST}:{other})')
        self.assertIn(said, daemon.log())
        self.greets(self.port)
        self.assertEqual(daemon.stop(), 0)
        self.refused(78, said, config=fresh, **self.passing([sock]))

    def test_b6_renamed(self):
        """The socket's name is the old one, its address not the listener's: it
        does not go over to the new name without a word."""
        sock = self.listening()
        wrong = free_port()
        daemon = self.start(self.listener(port=wrong),
                            **self.passing([sock], "main"))
        self.greets(self.port)
        fresh = self.with_greeting("b", wrong, "other")
        daemon.reload(fresh, result="failed")
        self.greets(self.port)
        self.assertEqual(daemon.stop(), 0)
        self.refused(78, f'descriptor 3 ("main", {HOST}:{self.port}): no '
                     "listener has that name or address", config=fresh,
                     **self.passing([sock], "main"))

    def test_b6_reload_and_restart_agree(self):
        """Any file after any other: both refuse it, or both serve the same."""
        ports = [free_port() for _ in range(2)]
        socks = [self.listening(port=port) for port in ports]
        passing = self.passing(socks, "x:y")
        absent = free_port()
        files = [", ".join(self.listener(f'greeting = "{name} ";', name, port)
                           for name, port in pairs) for pairs in (
            (("x", ports[0]), ("y", ports[1])),
            (("x", ports[1]), ("y", ports[0])),
            (("x", absent), ("y", ports[1])),
            (("z", absent), ("y", ports[1])),
            (("z", ports[0]), ("y", ports[1])),
            (("y", ports[0]), ("x", absent)),
            (("z", ports[0]), ("u", ports[1])))]

        def served():
            found = []
            for port in (*ports, absent):
                try:
                    found.append(greet(port, seconds=PATIENCE))
                except ConnectionRefusedError:
                    found.append(None)
            return found
        restarts = []
        for text in files:
            daemon = self.start(text, ready=False, **passing)
            wait_for(lambda daemon=daemon: daemon.lines("start") or
                     daemon.process.poll() is not None, PATIENCE)
            restarts.append(served() if daemon.lines("start") else
                            daemon.wait(PATIENCE))
            daemon.end()
        self.assertIn(78, restarts)
        for first, restart in zip(files, restarts):
            if restart == 78:
                continue
            for text, want in zip(files, restarts):
                daemon = self.start(first, **passing)
                daemon.reload(self.configuration(text),
                              "failed" if want == 78 else "ok")
                self.assertEqual(served(), restart if want == 78 else want)
                daemon.end()

    def test_bad(self):
        """One that fails changes nothing, however late."""
        sock = self.listening()
        daemon = self.start(**self.passing([sock]))
        with socket.create_server((HOST, 0)) as taken:
            port = taken.getsockname()[1]
            for _ in range(2):
                daemon.reload(self.configuration(
                    self.listener() + ", " + self.listener(
                        name="b", port=port)), result="failed")
                self.greets(self.port)
        daemon.reload(self.with_greeting("b"))
        self.greets(self.port, b"b")


@if_also_user
class ReloadAsUser(Reload):
    """The same, started by an ordinary user."""

    as_user = True


class Stop(ActivationCase):
    """The socket is the service manager's again."""

    def test_stop(self):
        """New clients wait for the next daemon, without a busy loop of this
        one, which still has a client."""
        sock = self.listening()
        daemon = self.start(self.listener("hold = true;"),
                            "timeouts = { shutdown = 60; };",
                            **self.passing([sock]))
        held = self.connect(self.port)
        self.assertEqual(held.recv(100), b"hi client\n")
        daemon.signal(signal.SIGTERM)
        daemon.wait_line("stop")
        waiting = self.connect(self.port, seconds=PATIENCE)
        before = cpu_seconds(daemon.pid)
        time.sleep(0.5)
        self.assertLess(cpu_seconds(daemon.pid) - before, 0.3)
        held.close()
        self.assertEqual(daemon.wait(PATIENCE), 0)
        self.start(**self.passing([sock]))
        self.assertEqual(waiting.recv(100), b"hi client\n")


@if_also_user
class StopAsUser(Stop):
    """The same, started by an ordinary user."""

    as_user = True


if __name__ == "__main__":
    from harness import main
    main()
