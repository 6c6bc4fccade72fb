"""What the service manager is told (sd_notify(3))."""

import contextlib
import os
import select
import signal
import socket
import struct
import time

from harness import (HOST, PATIENCE, StartCase, cpu_seconds, if_also_user,
                     needs_root, not_under_valgrind, proc_status, wait_for)

SERVING = b"READY=1\nSTATUS=serving 1 listener"


class Manager:
    """The service manager's end."""

    def __init__(self, address):
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
        self.sock.settimeout(PATIENCE)
        if address[0] == "@":
            self.sock.bind("\0" + address[1:])
        else:
            self.sock.bind(address)
            os.chmod(address, 0o777)
        self.variable = {"NOTIFY_SOCKET": address}
        self.sender = None

    def receive(self):
        """The next datagram; .sender is the pid of who sent it."""
        text, control, _, _ = self.sock.recvmsg(4096, 256)
        self.sender, _, _ = struct.unpack("iii", control[0][2])
        return text

    @contextlib.contextmanager
    def full(self):
        """Its queue has no room until the context ends; what was in it is
        read then."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as other:
            other.setblocking(False)
            other.connect(self.sock.getsockname())
            with contextlib.suppress(BlockingIOError):
                while True:
                    other.send(b"x")
            yield
        while (text := self.sock.recv(4096, socket.MSG_PEEK)) == b"x":
            self.sock.recv(4096)

    def has_more(self):
        """Is there one now?"""
        return select.select([self.sock], [], [], 0)[0] != []


class NotifyCase(StartCase):
    """Tests with a service manager."""

    def setUp(self):
        self.manager = self.manage(os.path.join(self.folder(), "notify"))

    def manage(self, address):
        manager = Manager(address)
        self.addCleanup(manager.sock.close)
        return manager

    def start(self, listeners=None, top="", manager=None, **more):
        manager = manager or self.manager
        return super().start(listeners, top, env=manager.variable, **more)

    def expect(self, text):
        self.assertEqual(self.manager.receive(), text)

    def expect_reloading(self):
        """Returns its time in microseconds."""
        text = self.manager.receive()
        self.assertRegex(text, rb"\ARELOADING=1\nMONOTONIC_USEC=\d+\Z")
        return int(text.rpartition(b"=")[2])

    def expect_failure(self, *texts):
        """READY, or systemd would wait for ever; and why."""
        text = self.manager.receive()
        begin = (b"READY=1\nSTATUS=reload failed, the old configuration "
                 b"serves: ")
        self.assertTrue(text.startswith(begin), text)
        self.assertEqual(text.count(b"\n"), 1, text)
        for part in texts:
            self.assertIn(part.encode(), text)


class Ready(NotifyCase):
    """When the daemon serves, and not before."""

    def test_path(self):
        daemon = self.start()
        self.expect(SERVING)
        self.assertEqual(self.manager.sender, daemon.pid)
        self.assertFalse(self.manager.has_more())

    def test_abstract(self):
        manager = self.manage(f"@forkgreet-test-{os.getpid()}")
        daemon = self.start(manager=manager)
        self.assertEqual(manager.receive(), SERVING)
        self.assertEqual(manager.sender, daemon.pid)

    def test_longest_address(self):
        """sun_path has 108 bytes."""
        name = f"forkgreet-test-{os.getpid()}-"
        manager = self.manage("@" + name + "x" * (106 - len(name)))
        self.start(manager=manager)
        self.assertEqual(manager.receive(), SERVING)

    def test_only_once_serving(self):
        with self.stuck_start(lambda program: self.start(
                program=program, ready=False)):
            self.assertFalse(self.manager.has_more())
        self.expect(SERVING)
        self.greets(self.port)

    def test_number_of_listeners(self):
        self.start(", ".join(self.listener(name=f"name{i}", port=self.port + i)
                             for i in range(3)).replace(
                                 f'"{HOST}"', '"127.77.3.1"'))
        self.expect(SERVING.replace(b"1 listener", b"3 listeners"))

    def test_background(self):
        """By the daemon, not by the command that ends."""
        daemon = self.background(as_user=self.as_user,
                                 env=self.manager.variable)
        self.expect(SERVING)
        self.assertEqual(self.manager.sender, daemon.pid)

    def test_bad_start(self):
        """Nothing is said, even if all but the last step was good."""
        with socket.socket() as other:
            other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            with self.stuck_start(lambda program: self.start(
                    program=program, ready=False)) as daemon:
                other.bind((HOST, self.port))
                other.listen()
            self.assertEqual(daemon.wait(PATIENCE), 69)
        self.refused(78, config="nonsense", env={
            **os.environ, **self.manager.variable})
        self.assertFalse(self.manager.has_more())

    def test_checks_say_nothing(self):
        path = self.file(self.configuration())
        for option in "-t", "-T":
            self.run_with(path, option,
                          env={**os.environ, **self.manager.variable})
        self.assertFalse(self.manager.has_more())

    @needs_root
    def test_variable_ends_here(self):
        daemon = self.start()
        (spawner,) = daemon.spawners()
        with open(f"/proc/{spawner}/environ", "rb") as file:
            self.assertEqual(file.read(), b"")


@if_also_user
class ReadyAsUser(Ready):
    """The same, started by an ordinary user."""

    as_user = True


class Reload(NotifyCase):
    """As Type=notify-reload of systemd.service(5) wants it."""

    def setUp(self):
        super().setUp()
        self.daemon_ = self.start()
        self.expect(SERVING)

    def reload_fails(self, config, *texts):
        """A reload that must fail."""
        self.daemon_.reload(config, "failed")
        self.expect_reloading()
        self.expect_failure(*texts)
        self.greets(self.port)

    def test_good(self):
        before = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
        self.daemon_.write_config(self.configuration(
            self.listener('greeting = "changed\\n";')))
        self.daemon_.signal(signal.SIGHUP)
        began = self.expect_reloading()
        self.expect(SERVING)
        after = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
        self.assertTrue(before <= began <= after, (before, began, after))
        self.assertEqual(self.manager.sender, self.daemon_.pid)
        self.greets(self.port, b"changed\n")

    def test_number_of_listeners(self):
        self.daemon_.reload(self.configuration(
            self.listener() + ", { port = 4444; address = \"127.77.3.2\"; }"))
        self.expect_reloading()
        self.expect(SERVING.replace(b"1 listener", b"2 listeners"))

    def test_wrong_configuration(self):
        self.reload_fails(
            "\nnonsense = 1;\n",
            f"{self.daemon_.config}:2: nonsense: unknown key")

    def test_b10_status_is_the_error(self):
        """Not a warning that stands before it."""
        with socket.create_server((HOST, 0)) as sock:
            port = sock.getsockname()[1]
            self.reload_fails(self.configuration(
                self.listener() + "," + self.listener(name="x", port=port),
                "limits = { burst = 5; };"),
                f"bind {HOST}:{port}: Address already in use")
        lines = [line for line in self.daemon_.log() if
                 line.startswith(self.daemon_.config)]
        self.assertEqual(len(lines), 2, lines)
        self.assertIn(": limits.burst: has no effect while limits.rate is 0",
                      lines[0])

    def test_no_configuration(self):
        os.unlink(self.daemon_.config)
        self.reload_fails(
            None, f"{self.daemon_.config}: No such file or directory")

    def test_no_greeting(self):
        self.reload_fails(
            self.configuration(self.listener('greeting_file = "/no";')),
            '"/no": No such file or directory')

    def test_address_in_use(self):
        with socket.create_server((HOST, 0)) as sock:
            port = sock.getsockname()[1]
            self.reload_fails(
                self.configuration(self.listener() + "," + self.listener(
                    name="other", port=port)),
                f"bind {HOST}:{port}: Address already in use")

    def test_restart_needed(self):
        self.reload_fails(
            self.configuration(top='sandbox = "off";'),
            'sandbox: "off" cannot be set by a reload')

    def test_status_is_one_line(self):
        """Nobody gets assignments of his own in."""
        self.reload_fails('nonsense = "x";\n"\nREADY=1\nSTOPPING=1\n"\n')
        self.reload_fails('pid_file = "a\nSTOPPING=1\n";\n')
        self.reload_fails(f'user = "{"x" * 400}";\n')

    def test_many(self):
        """Each RELOADING has its READY, whatever comes when."""
        for _ in range(20):
            self.daemon_.signal(signal.SIGHUP)
        end = time.monotonic() + PATIENCE
        reloads = 0
        while not reloads or self.manager.has_more() or self.is_reloading():
            self.expect_reloading()
            self.expect(SERVING)
            reloads += 1
            self.assertLess(time.monotonic(), end)
        self.assertEqual(len(self.daemon_.lines("reload")), reloads)
        self.assertLessEqual(reloads, 20)

    def is_reloading(self):
        """No more is to come when, some turns of its loop later, it has said
        nothing."""
        for _ in range(2):
            self.daemon_.counters()
        return self.manager.has_more()

    def test_stop_during_reload(self):
        self.daemon_.signal(signal.SIGSTOP)
        self.daemon_.signal(signal.SIGHUP)
        self.daemon_.signal(signal.SIGTERM)
        self.daemon_.signal(signal.SIGCONT)
        self.assertEqual(self.daemon_.wait(PATIENCE), 0)
        texts = []
        while self.manager.has_more():
            texts.append(self.manager.receive())
        self.assertEqual(texts[-1], b"STOPPING=1\nSTATUS=stopping")


@if_also_user
class ReloadAsUser(Reload):
    """The same, started by an ordinary user."""

    as_user = True


class Upgrade(NotifyCase):
    """For the manager it is a reload: the main process stays."""

    def setUp(self):
        super().setUp()
        self.program = self.copies()

    def start(self, *arguments, **more):
        return super().start(*arguments, program=self.program, **more)

    @not_under_valgrind("it has no execveat(2) of a descriptor")
    def test_good(self):
        daemon = self.start()
        self.expect(SERVING)
        for _ in range(2):
            daemon.signal(signal.SIGUSR2)
            self.expect_reloading()
            self.expect(SERVING)
            self.assertEqual(self.manager.sender, daemon.pid)
        self.assertFalse(self.manager.has_more())
        daemon.signal(signal.SIGTERM)
        self.expect(b"STOPPING=1\nSTATUS=stopping")

    def test_refused(self):
        daemon = self.start()
        self.expect(SERVING)
        os.unlink(self.program)
        daemon.signal(signal.SIGUSR2)
        self.expect_reloading()
        self.expect(b"READY=1\nSTATUS=upgrade failed, the old program serves: "
                    b"upgrade: " + self.program.encode() +
                    b": No such file or directory")

    @not_under_valgrind("it has no execveat(2) of a descriptor")
    def test_watchdog_at_once(self):
        """The last time may have been almost half of the interval ago: the
        manager must not wait as long again."""
        self.manager.variable["WATCHDOG_USEC"] = str(1000 * 10 ** 6)
        daemon = self.start()
        self.expect(SERVING)
        daemon.signal(signal.SIGUSR2)
        said = [self.manager.receive() for _ in range(3)]
        self.assertIn(b"WATCHDOG=1", said)
        self.assertIn(SERVING, said)

    @not_under_valgrind("it has no execveat(2) of a descriptor")
    def test_watchdog(self):
        """It is told on, as often."""
        self.manager.variable["WATCHDOG_USEC"] = "200000"
        daemon = self.start()
        self.expect(SERVING)
        self.expect(b"WATCHDOG=1")
        daemon.signal(signal.SIGUSR2)
        said = []

        def serves():
            said.append(self.manager.receive())
            return said[-1] == SERVING
        wait_for(serves, what="the new program")
        begin = time.monotonic()
        for _ in range(5):
            self.expect(b"WATCHDOG=1")
        self.assertGreater(time.monotonic() - begin, 0.2)


class UpgradeAsUser(Upgrade):
    """The same without root."""

    as_user = True


class Stop(NotifyCase):
    """STOPPING=1, when it begins."""

    def test_each_signal(self):
        for number in signal.SIGTERM, signal.SIGINT, signal.SIGQUIT:
            daemon = self.start()
            self.expect(SERVING)
            daemon.signal(number)
            self.expect(b"STOPPING=1\nSTATUS=stopping")
            self.assertEqual(self.manager.sender, daemon.pid)
            self.assertEqual(daemon.wait(PATIENCE), 0)
            self.assertFalse(self.manager.has_more())

    def test_begins(self):
        """Not at the end; and once, though the second signal hurries it."""
        daemon = self.start(self.listener("hold = true;"),
                            "timeouts = { shutdown = 60; };")
        self.expect(SERVING)
        client = self.connect(self.port, seconds=PATIENCE)
        self.assertEqual(client.recv(100), b"hi client\n")
        daemon.signal(signal.SIGTERM)
        self.expect(b"STOPPING=1\nSTATUS=stopping")
        self.assertIsNone(daemon.process.poll())
        daemon.signal(signal.SIGTERM)
        self.assertEqual(daemon.wait(PATIENCE), 0)
        self.assertFalse(self.manager.has_more())


@if_also_user
class StopAsUser(Stop):
    """The same, started by an ordinary user."""

    as_user = True


class Full(NotifyCase):
    """The manager's socket has no room when something is to be said."""

    def test_b7_ready(self):
        with self.manager.full():
            daemon = self.start()
            daemon.wait_line("notify:")
        self.expect(SERVING)
        self.assertEqual(self.manager.sender, daemon.pid)
        self.assertFalse(self.manager.has_more())
        daemon.wait_line("notify:", 2)
        self.assertEqual([line for line in daemon.log()
                          if line.startswith("notify: ")],
                         ["notify: Resource temporarily unavailable, paused "
                          "until it works again", "notify: works again"])

    def test_b7_reload(self):
        """RELOADING, then READY: of the last reload, if there were more."""
        daemon = self.start()
        self.expect(SERVING)
        with self.manager.full():
            daemon.reload()
            daemon.reload("nonsense = 1;\n", "failed")
            between = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
            daemon.reload(self.configuration())
        self.assertGreater(self.expect_reloading(), between)
        self.expect(SERVING)
        self.assertFalse(self.manager.has_more())

    def test_b7_room_for_one(self):
        """RELOADING was sent, READY had no room."""
        daemon = self.start()
        self.expect(SERVING)
        with self.manager.full():
            self.manager.sock.recv(4096)
            daemon.reload("nonsense = 1;\n", "failed")
        self.expect_reloading()
        self.expect_failure("unknown key")
        self.assertFalse(self.manager.has_more())

    def test_b7_stopping(self):
        """Nothing but that is said then."""
        daemon = self.start(self.listener("hold = true;"),
                            "timeouts = { shutdown = 60; };")
        self.expect(SERVING)
        client = self.connect(self.port, seconds=PATIENCE)
        self.assertEqual(client.recv(100), b"hi client\n")
        with self.manager.full():
            daemon.reload()
            daemon.signal(signal.SIGTERM)
            daemon.wait_line("stop")
        self.expect(b"STOPPING=1\nSTATUS=stopping")
        client.close()
        self.assertEqual(daemon.wait(PATIENCE), 0)
        self.assertFalse(self.manager.has_more())

    def test_b7_stopped(self):
        """The last try is at the very end; it does not wait."""
        daemon = self.start()
        self.expect(SERVING)
        with self.manager.full():
            daemon.signal(signal.SIGTERM)
            self.assertEqual(daemon.wait(PATIENCE), 0)
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as other:
                self.manager.sock.recv(4096)
                other.sendto(b"end", self.manager.sock.getsockname())
        self.expect(b"end")

    def test_b7_watchdog(self):
        """Not at the next half interval only, which could be too late."""
        self.manager.variable["WATCHDOG_USEC"] = "20000000"
        daemon = self.start()
        self.expect(SERVING)
        begin = time.monotonic()
        with self.manager.full():
            daemon.wait_line("notify:", seconds=PATIENCE)
        self.expect(b"WATCHDOG=1")
        self.assertLess(time.monotonic() - begin, 19)


@if_also_user
class FullAsUser(Full):
    """The same, started by an ordinary user."""

    as_user = True
    test_b7_watchdog = None


class Watchdog(NotifyCase):
    """WATCHDOG=1, from the loop."""

    INTERVAL = 0.2
    SET_PID = ("sh", "-c", 'WATCHDOG_PID=$$ exec "$@"', "sh")

    def start(self, *arguments, usec=None, **more):
        self.manager.variable["WATCHDOG_USEC"] = str(
            int(self.INTERVAL * 1e6) if usec is None else usec)
        return super().start(*arguments, **more)

    def is_silent(self):
        """Nothing comes for three intervals."""
        return select.select([self.manager.sock], [], [],
                             3 * self.INTERVAL)[0] == []

    def empty(self):
        """Forgets what has come."""
        while self.manager.has_more():
            self.manager.receive()

    def test_from_the_loop(self):
        """At half the interval; not while the loop stands still."""
        daemon = self.start(wrapper=self.SET_PID)
        self.expect(SERVING)
        begin = time.monotonic()
        for _ in range(5):
            self.expect(b"WATCHDOG=1")
            self.assertEqual(self.manager.sender, daemon.pid)
        self.assertGreater(time.monotonic() - begin, 4 * self.INTERVAL / 2 *
                           0.9, "too often")
        daemon.signal(signal.SIGSTOP)
        wait_for(lambda: proc_status(daemon.pid)["State"][0] == "T", PATIENCE)
        self.empty()
        self.assertTrue(self.is_silent())
        daemon.signal(signal.SIGCONT)
        self.expect(b"WATCHDOG=1")

    def test_no_pid(self):
        """Then it is for us."""
        self.start(wrapper=("env", "-u", "WATCHDOG_PID"))
        self.expect(SERVING)
        self.expect(b"WATCHDOG=1")

    def test_other_pid(self):
        self.start(wrapper=("env", "WATCHDOG_PID=1"))
        self.expect(SERVING)
        self.assertTrue(self.is_silent())

    def test_reload_and_stop(self):
        """It goes on, also while the last clients are served."""
        daemon = self.start(self.listener("hold = true;"),
                            "timeouts = { shutdown = 60; };")
        client = self.connect(self.port, seconds=PATIENCE)
        self.assertEqual(client.recv(100), b"hi client\n")
        daemon.reload()
        daemon.signal(signal.SIGTERM)
        daemon.wait_line("stop", seconds=PATIENCE)
        self.empty()
        for _ in range(3):
            self.expect(b"WATCHDOG=1")
        client.close()
        self.assertEqual(daemon.wait(PATIENCE), 0)

    def test_short(self):
        """Shorter than the loop can be: it does not spin."""
        daemon = self.start(usec=1)
        self.expect(SERVING)
        before = cpu_seconds(daemon.pid)
        end = time.monotonic() + 1
        while time.monotonic() < end:
            self.expect(b"WATCHDOG=1")
        self.assertLess(cpu_seconds(daemon.pid) - before, 0.8)

    def test_garbage(self):
        for usec in "", "0", "-1", "1s", "18446744073709551615":
            daemon = self.start(usec=usec)
            self.expect(SERVING)
            self.assertIn("WATCHDOG_USEC: not a number of microseconds: "
                          + usec, daemon.log())
            self.assertEqual(daemon.stop(), 0)
            self.expect(b"STOPPING=1\nSTATUS=stopping")
        daemon = self.start(wrapper=("env", "WATCHDOG_PID=1x"))
        self.expect(SERVING)
        self.assertIn("WATCHDOG_PID: not a number: 1x", daemon.log())
        self.assertTrue(self.is_silent())

    def test_nobody_there(self):
        """The log does not fill up."""
        self.manager.variable["NOTIFY_SOCKET"] = "/nonexistent/notify"
        daemon = self.start(usec=2000)
        time.sleep(0.5)
        daemon.counters()
        said = [line for line in daemon.log() if line.startswith("notify: ")]
        self.assertTrue(said)
        self.assertLess(len(said), 20)


@if_also_user
class WatchdogAsUser(Watchdog):
    """The same, started by an ordinary user."""

    as_user = True


class Garbage(StartCase):
    """A service manager that cannot be reached is worth a warning."""

    def check(self, address, warning):
        daemon = self.start(env={"NOTIFY_SOCKET": address})
        self.greets(self.port)
        daemon.reload()
        self.assertIn(warning, daemon.log())
        self.assertEqual(daemon.stop(), 0)

    def test_no_address(self):
        for address in ("", "/", "@", "relative/name", "vsock:2:1234",
                        "/" + "x" * 107):
            with self.subTest(address):
                self.check(address, "NOTIFY_SOCKET: not a socket address: "
                           + address)

    def test_control_bytes(self):
        self.check("\x1b[2J\n", "NOTIFY_SOCKET: not a socket address: "
                   r"\x1b[2J\x0a")

    def test_b15_c1_controls(self):
        """Those of 0x80 to 0x9f, and the same as UTF-8; other text stays."""
        self.check(os.fsdecode(b"\x9b2J"), "NOTIFY_SOCKET: not a socket "
                   r"address: \x9b2J")
        self.check("\x9b2J\x85", "NOTIFY_SOCKET: not a socket address: "
                   r"\xc2\x9b2J\xc2\x85")
        self.check("gr\xfc\xdfe \u20ac", "NOTIFY_SOCKET: not a socket "
                   "address: gr\xfc\xdfe \u20ac")

    def test_nobody_there(self):
        for address, why in (("/nonexistent/notify",
                              "No such file or directory"),
                             ("@forkgreet-nobody", "Connection refused")):
            self.check(address, f"notify: {why}, paused until it works again")

    def test_of_another_kind(self):
        path = os.path.join(self.folder(), "stream")
        with socket.socket(socket.AF_UNIX) as sock:
            sock.bind(path)
            sock.listen()
            os.chmod(path, 0o777)
            self.check(path, "notify: Protocol wrong type for socket, paused "
                       "until it works again")

    def test_does_not_read(self):
        """The daemon does not wait for it."""
        manager = Manager(os.path.join(self.folder(), "notify"))
        with manager.sock, manager.full():
            self.check(manager.sock.getsockname(), "notify: Resource "
                       "temporarily unavailable, paused until it works again")
            while manager.sock.recv(4096) == b"x" and manager.has_more():
                pass
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as other:
                other.sendto(b"end", manager.sock.getsockname())


@if_also_user
class GarbageAsUser(Garbage):
    """The same, started by an ordinary user."""

    as_user = True


if __name__ == "__main__":
    from harness import main
    main()
