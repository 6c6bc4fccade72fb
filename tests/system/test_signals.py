"""Signals: TERM and INT drain, QUIT does not, HUP reloads, USR1 counts."""

import fcntl
import os
import pty
import signal
import termios
import time

from harness import (Case, IS_ROOT, children, exists, is_held, limit,
                     needs_program, proc_status, read_all, wait_for)

GREETING = b"hi client\n"


class SignalCase(Case):
    """One listener that holds its clients."""

    as_user = False

    def setUp(self):
        if self.as_user and not IS_ROOT:
            self.skipTest("all tests run as an ordinary user")

    def start(self, shutdown=60, more="hold = true;", **arguments):
        """A daemon that waits so many seconds for its clients' ends."""
        return self.daemon(self.listener(more),
                           f"timeouts = {{ shutdown = {shutdown}; }};",
                           as_user=self.as_user, **arguments)

    def hold(self):
        """A connection that has been greeted and stays."""
        sock = self.connect(self.port)
        self.assertEqual(sock.recv(100), GREETING)
        return sock

    def assert_refused(self):
        """Nobody listens."""
        with self.assertRaises(ConnectionRefusedError):
            self.connect(self.port)

    def assert_ended(self, daemon, begin, least, most, status=0):
        """It ended with status, so many seconds after begin, and nothing of
        it remains."""
        pids = [pid for pid in self.pids if pid != daemon.pid]
        self.assertEqual(daemon.wait(), status)
        took = time.monotonic() - begin
        self.assertGreaterEqual(took, least)
        self.assertLess(took, most)
        wait_for(lambda: not any(map(exists, pids)), 2, "end of children")
        self.assertEqual(daemon.log()[-1].split()[0], "stopped")

    def send(self, daemon, *numbers):
        """Sends the signals, each when the one before has been read; returns
        when the first was."""
        self.pids = children(daemon.pid)
        begin = time.monotonic()
        for number in numbers:
            daemon.signal(number)
            # One that comes as it ends is not read any more.
            wait_for(lambda: not exists(daemon.pid) or not
                     int(proc_status(daemon.pid)["ShdPnd"], 16)
                     >> number - 1 & 1, what="signal")
        return begin


class Stop(SignalCase):
    """TERM and INT."""

    def test_drain(self):
        """No new clients, and all the time for those who are there."""
        for number in signal.SIGTERM, signal.SIGINT:
            daemon = self.start()
            held = self.hold(), self.hold()
            begin = self.send(daemon, number)
            line, = daemon.wait_line("stop")
            self.assertEqual(line["signal"],
                             signal.Signals(number).name.removeprefix("SIG"))
            self.assertEqual(line["clients"], "2")
            self.assert_refused()
            time.sleep(0.3)
            self.assertTrue(is_held(held[0]))
            held[0].close()
            daemon.wait_line("client", outcome="greeted")
            self.assertTrue(is_held(held[1]))
            held[1].close()
            self.assert_ended(daemon, begin, 0.3, 10)
            self.assertEqual(len(daemon.wait_line("client",
                                                  outcome="greeted")), 2)

    def test_idle(self):
        """Without clients the end is at once."""
        daemon = self.start()
        self.assert_ended(daemon, self.send(daemon, signal.SIGTERM), 0, 2)
        self.assert_refused()

    def test_time_is_over(self):
        """After timeouts.shutdown the rest are ended."""
        daemon = self.start(shutdown=0.5)
        held = self.hold()
        begin = self.send(daemon, signal.SIGTERM)
        self.assertEqual(read_all(held), b"")
        self.assert_ended(daemon, begin, 0.5, 1.4)
        daemon.wait_line("client", outcome="killed")

    def test_d10_a_container_is_stopped_in_time(self):
        """By default a held client delays the stop by 5 seconds: runtimes of
        containers send KILL after 10."""
        daemon = self.daemon(self.listener("hold = true;"),
                             as_user=self.as_user)
        self.hold()
        begin = self.send(daemon, signal.SIGTERM)
        self.assert_ended(daemon, begin, 5, 8)
        daemon.wait_line("client", outcome="killed")

    def test_no_time(self):
        """timeouts.shutdown = 0."""
        daemon = self.start(shutdown=0)
        self.hold()
        self.assert_ended(daemon, self.send(daemon, signal.SIGTERM), 0, 0.9)
        daemon.wait_line("client", outcome="killed")

    def test_kill(self):
        """A child that TERM does not end gets KILL, a second later."""
        daemon = self.start(shutdown=0.2)
        self.hold()
        os.kill(daemon.clients()[0], signal.SIGSTOP)
        begin = self.send(daemon, signal.SIGTERM)
        self.assert_ended(daemon, begin, 1.2, 4)
        daemon.wait_line("client", outcome="killed")

    def test_second(self):
        """A second TERM does not wait for the time; a third one kills."""
        daemon = self.start()
        self.hold()
        self.assert_ended(daemon, self.send(
            daemon, signal.SIGTERM, signal.SIGTERM), 0, 5)
        daemon.wait_line("client", outcome="killed")
        daemon = self.start()
        self.hold()
        os.kill(daemon.clients()[0], signal.SIGSTOP)
        self.assert_ended(daemon, self.send(
            daemon, signal.SIGTERM, signal.SIGTERM, signal.SIGINT), 0, 0.9)

    def test_clients_without_child(self):
        """Clients that have no child yet do not hold up the end."""
        daemon = self.start(shutdown=0.2)
        spawner, = daemon.spawners()
        os.kill(spawner, signal.SIGSTOP)
        waiting = self.wait_for_child(daemon, 80)
        begin = self.send(daemon, signal.SIGTERM)
        self.assert_ended(daemon, begin, 0.2, 5)
        self.assertFalse(any(map(is_held, waiting)))

    @needs_program("prlimit")
    def test_clients_without_spawner(self):
        """Nor do those who cannot get one."""
        # A leak checker would want a process of its own at the end.
        daemon = self.start(shutdown=0.2,
                            env={"ASAN_OPTIONS": "detect_leaks=0"})
        spawners = daemon.settle().all_spawners()
        for spawner in spawners:
            os.kill(spawner, signal.SIGSTOP)
        waiting = self.wait_for_child(daemon, 3)
        limit(daemon.pid, "nproc", 0)
        for spawner in spawners:
            os.kill(spawner, signal.SIGKILL)
        begin = self.send(daemon, signal.SIGTERM)
        self.assert_ended(daemon, begin, 0.2, 5)
        self.assertFalse(any(map(is_held, waiting)))

    def wait_for_child(self, daemon, count):
        """Clients that have been accepted."""
        waiting = [self.connect(self.port) for _ in range(count)]
        wait_for(lambda: daemon.counters()["main"]["accepted"],
                 what="accepted clients")
        return waiting

    def test_others_do_nothing(self):
        """After TERM: HUP is ignored, USR1 still counts."""
        daemon = self.start()
        held = self.hold()
        begin = self.send(daemon, signal.SIGTERM)
        daemon.write_config(self.configuration())
        for _ in range(3):
            daemon.signal(signal.SIGHUP)
            self.assertEqual(daemon.counters()["main"]["live"], 1)
        self.assert_refused()
        self.assertEqual(daemon.lines("reload"), [])
        self.assertTrue(is_held(held))
        held.close()
        self.assert_ended(daemon, begin, 0, 10)


class StopAsUser(Stop):
    """What may differ, started by an ordinary user."""

    as_user = True
    test_clients_without_child = test_others_do_nothing = test_second = None


class Quit(SignalCase):
    """QUIT."""

    def test_quit(self):
        """Ends all at once, whatever the children do."""
        daemon = self.start()
        held = [self.hold() for _ in range(5)]
        os.kill(daemon.clients()[0], signal.SIGSTOP)
        self.assert_ended(daemon, self.send(daemon, signal.SIGQUIT), 0, 0.9)
        self.assertFalse(any(map(is_held, held)))
        self.assertEqual(daemon.wait_line("stop")[0]["signal"], "QUIT")
        self.assertEqual(len(daemon.wait_line("client", outcome="killed")),
                         5)

    def test_quit_under_way(self):
        """Children that are just being started end, too."""
        for _ in range(5):
            daemon = self.start()
            clients = [self.connect(self.port) for _ in range(30)]
            self.assert_ended(daemon, self.send(daemon, signal.SIGQUIT),
                              0, 0.9)
            for sock in clients:
                sock.close()

    def test_quit_after_term(self):
        """Ends what TERM has begun."""
        daemon = self.start()
        self.hold()
        os.kill(daemon.clients()[0], signal.SIGSTOP)
        self.assert_ended(daemon, self.send(
            daemon, signal.SIGTERM, signal.SIGQUIT), 0, 0.9)


class Others(SignalCase):
    """USR1, and what the starting process did with signals."""

    def test_counters(self):
        """USR1 logs a line for each listener, and one for all."""
        daemon = self.start()
        self.hold()
        with self.hold():
            pass
        daemon.wait_line("client")
        for _ in range(2):
            table = daemon.counters()
            self.assertEqual(set(table), {"main", None})
            self.assertEqual(table["main"]["accepted"], 2)
            self.assertEqual(table["main"]["live"], 1)
            self.assertEqual(table["main"]["ended_greeted"], 1)
            self.assertEqual(table[None]["live"], 1)
            self.assertEqual(table[None]["sent_bytes"], len(GREETING))
        self.assert_balanced(daemon)

    def test_d12_counters_at_any_level(self):
        """USR1 is asked for: log.level does not hide what it says."""
        daemon = self.daemon(config=self.configuration().replace(
            'target = "stderr";', 'target = "stderr"; level = "notice";'))
        self.assertEqual(set(daemon.counters()), {"main", None})

    def test_blocked_and_ignored(self):
        """It makes no difference whether they were at the start."""
        def preexec():
            numbers = signal.valid_signals() - {signal.SIGKILL,
                                                signal.SIGSTOP}
            for number in numbers:
                signal.signal(number, signal.SIG_IGN)
            signal.pthread_sigmask(signal.SIG_BLOCK, numbers)
        daemon = self.start(preexec=preexec)
        held = self.hold()
        for pid in daemon.spawners() + daemon.clients():
            status = proc_status(pid)
            self.assertEqual(int(status["SigBlk"], 16), 0)
            self.assertEqual(int(status["SigIgn"], 16), 0)
        daemon.reload()
        self.assertEqual(daemon.counters()["main"]["live"], 1)
        held.close()
        daemon.wait_line("client", outcome="greeted")
        self.assertEqual(daemon.clients(), [])
        self.assertEqual(daemon.stop(), 0)

    def test_interrupt_key(self):
        """^C at the terminal drains: it does not reach the children."""
        terminal, line = pty.openpty()
        self.addCleanup(os.close, terminal)
        self.addCleanup(os.close, line)

        def preexec():
            os.setsid()
            fcntl.ioctl(line, termios.TIOCSCTTY, 0)
        daemon = self.start(preexec=preexec)
        held = self.hold()
        before = sorted(children(daemon.settle().pid))
        self.assertEqual(len(before), 3)
        os.write(terminal, b"\x03")
        daemon.wait_line("stop", signal="INT")
        self.assert_refused()
        time.sleep(0.2)
        self.assertTrue(is_held(held))
        self.assertEqual(sorted(children(daemon.pid)), before)
        held.close()
        self.assertEqual(daemon.wait(), 0)
        daemon.wait_line("client", outcome="greeted")


if __name__ == "__main__":
    from harness import main
    main()
