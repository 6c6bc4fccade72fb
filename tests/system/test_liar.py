"""A spawner that lies to the master gets nowhere either.

The daemon runs with tests/hostile/liar as its first spawner.
"""

import contextlib
import os
import signal
import socket
import subprocess
import time

from harness import (IS_ROOT, PATIENCE, USER, children, descriptors, exists,
                     free_port, if_also_user, is_held, limits, needs_root,
                     read_all, read_to_end, wait_for)
from test_faults import PidsGroup
from test_hostile import GREETING, LIAR, HostileCase, Sleeper, members
from programs import not_sanitized


class LiarCase(HostileCase):
    """The first spawner lies (tests/hostile/liar.c); those after it are
    honest."""

    spawner = LIAR
    REPLACED = 2.0  # seconds after the first client that it failed
    DEFUSED = 5.0  # the same, when all its children want the processor
    GONE = 1.0  # seconds after its last known client, or after the stop

    def setUp(self):
        self.held_port, self.mode_port = free_port(), free_port()
        self.stranger = subprocess.Popen(
            ["sleep", "1000"], start_new_session=True,
            preexec_fn=lambda: os.setresuid(USER, USER, USER)
            if IS_ROOT else None)
        self.addCleanup(self.stranger.wait)
        self.addCleanup(self.stranger.kill)

    def listeners(self, greeting):
        """One that greets and ends, one that holds, one that says how to
        lie."""
        return ", ".join((
            self.listener(),
            self.listener("hold = true;", "held", self.held_port),
            self.listener(f'greeting = "{greeting}";', "mode",
                          self.mode_port)))

    def lying(self, mode, **keywords):
        """A daemon whose first spawner lies so; its pid."""
        path = os.path.join(self.folder(), "lie")
        with open(path, "w", encoding="ascii"):
            pass
        daemon = self.daemon(self.listeners(f"spawner: {mode} {path}"),
                             as_user=self.as_user, program=self.program(),
                             **keywords)
        self.assertFalse(os.path.exists(path), "nobody lies")
        liar, = daemon.spawners()
        return daemon, liar

    def greeted(self, port=None, seconds=PATIENCE):
        """A client that has been greeted, whatever came with it."""
        sock = self.connect(self.port if port is None else port,
                            seconds=seconds)
        got = b""
        while GREETING not in got:
            part = sock.recv(100)
            self.assertTrue(part, f"not greeted: {got}")
            got += part
        return sock

    def assert_replaced(self, daemon, liar, begin, seconds=REPLACED):
        """Another spawner serves, soon enough, and the liar is gone."""
        wait_for(lambda: liar not in daemon.spawners(), PATIENCE,
                 "another spawner")
        self.assertLess(time.monotonic() - begin, seconds +
                        self.sleeper.late)
        self.assertFalse(exists(liar))

    def assert_gone(self, liar):
        """Nobody is in its group, zombies included."""
        begin = time.monotonic()
        wait_for(lambda: not members(liar), PATIENCE, "end of its group")
        self.assertLess(time.monotonic() - begin, self.GONE +
                        self.sleeper.late)

    def assert_sound(self, daemon):
        """All counts are right, nobody else was hit, the next reload and the
        stop succeed."""
        self.greeted().close()
        daemon.reload(self.configuration(self.listeners("honest")))
        self.greeted().close()
        wait_for(lambda: daemon.counters()[None]["live"] == 0, PATIENCE,
                 "rest")
        self.assert_balanced(daemon)
        self.assertIsNone(self.stranger.poll())
        leaders = daemon.settle().all_spawners()
        wait_for(lambda: all(map(exists, children(daemon.pid))), PATIENCE,
                 "no zombie")
        self.assertEqual(daemon.stop(), 0)
        for leader in leaders:
            self.assertEqual(members(leader), [])

    @contextlib.contextmanager
    def watched(self):
        """self.sleeper is how late this machine is meanwhile."""
        with Sleeper() as self.sleeper:
            yield


class Liar(LiarCase):
    """What it says is believed only if it can be; who fails clients is
    replaced."""

    # It does not serve, or names a child that cannot be: no client is lost.
    ROOM = 60  # processes, for a fork bomb
    FAILING = ("again", "silent", "stuck", "exit", "own", "init", "master",
               "group", "lowest", "highest")

    def test_c3_failing_is_replaced(self):
        for mode in self.FAILING:
            with self.subTest(mode), self.watched():
                daemon, liar = self.lying(mode)
                begin = time.monotonic()
                for sock in [self.connect(self.port, seconds=PATIENCE)
                             for _ in range(5)]:
                    self.assertEqual(read_all(sock), GREETING)
                self.assert_replaced(daemon, liar, begin)
                self.assert_gone(liar)
                self.assert_sound(daemon)

    def test_c3_slow_is_replaced(self):
        """It serves one after the other, each within a second."""
        with self.watched():
            daemon, liar = self.lying("slow")
            socks = [self.connect(self.port, seconds=PATIENCE)
                     for _ in range(5)]
            begin = time.monotonic()
            self.assert_replaced(daemon, liar, begin)
            for sock in socks:
                self.assertEqual(read_all(sock), GREETING)
            self.assert_gone(liar)
            self.assert_sound(daemon)

    def test_c3_another_clients_pid(self):
        """That client stays what it was, and its slot too."""
        with self.watched():
            daemon, liar = self.lying("other")
            held = self.greeted(self.held_port)
            pid, = daemon.clients()
            begin = time.monotonic()
            self.greeted().close()
            self.assert_replaced(daemon, liar, begin)
            self.assertTrue(is_held(held))
            self.assertEqual(
                [line for line in daemon.lines("client")
                 if line["listener"] == "held"], [])
            held.close()
            wait_for(lambda: not exists(pid), PATIENCE)
            self.assert_gone(liar)
            self.assert_sound(daemon)

    def test_c3_reload_over_one_that_fails(self):
        """It cannot veto what comes after it, nor forge its trial."""
        with self.watched():
            daemon, liar = self.lying("again")
            sock = self.connect(self.port, seconds=PATIENCE)
            daemon.reload(self.configuration(self.listeners("honest")))
            self.assertEqual(read_all(sock), GREETING)
            self.assert_gone(liar)
            self.assert_sound(daemon)

    def test_c4_its_children_end_with_it(self):
        """Untold ones, and the one whose row named another: over a reload."""
        for mode in "untold", "twice", "ghost":
            with self.subTest(mode), self.watched():
                daemon, liar = self.lying(mode)
                socks = [self.connect(self.port, seconds=PATIENCE)
                         for _ in range(5)]
                wait_for(lambda: len(members(liar)) > 5, PATIENCE)
                daemon.reload(self.configuration(self.listeners("honest")))
                for sock in socks:
                    sock.close()
                wait_for(lambda: daemon.counters()[None]["live"] == 0,
                         PATIENCE, "the end of its clients")
                self.assert_gone(liar)
                self.assert_sound(daemon)

    def test_c4_its_children_end_with_the_daemon(self):
        for mode in "untold", "twice", "ghost", "keep", "deaf":
            with self.subTest(mode), self.watched():
                daemon, liar = self.lying(mode)
                socks = []
                for _ in range(5):
                    # Greeted and reset before connect(2) has returned.
                    with contextlib.suppress(BrokenPipeError):
                        socks.append(self.connect(self.port,
                                                  seconds=PATIENCE))
                wait_for(lambda: daemon.counters()["main"]["accepted"] == 5,
                         PATIENCE)
                for sock in socks:
                    sock.close()
                self.assertEqual(daemon.stop(), 0)
                self.assert_gone(liar)
                self.assertIsNone(self.stranger.poll())

    @needs_root
    def test_c11_it_keeps_connections_that_have_ended(self):
        """In its one descriptor, besides that of the orders: until it goes."""
        with self.watched():
            daemon, liar = self.lying("keep")
            sock = self.greeted()
            self.assertEqual(read_all(sock), b"")
            sock.shutdown(socket.SHUT_WR)
            daemon.wait_line("client", outcome="greeted")
            kept = [target for fd, target in descriptors(liar).items()
                    if fd != 3]
            self.assertEqual(len(kept), 1)
            self.assertEqual(limits(liar)["Max open files"], ("1", "1"))
            self.assertRegex(kept[0], r"^socket:")
            daemon.reload(self.configuration(self.listeners("honest")))
            self.assert_gone(liar)
            self.assert_sound(daemon)

    def test_c4_a_client_of_a_retired_one_lives_on(self):
        """Until its own end; the untold child beside it no longer than it."""
        with self.watched():
            daemon, liar = self.lying("twice")
            held = self.greeted(self.held_port)
            wait_for(lambda: len(members(liar)) == 3, PATIENCE)
            daemon.reload(self.configuration(self.listeners("honest")))
            wait_for(lambda: not exists(liar), PATIENCE)
            self.assertTrue(members(liar))
            self.assertEqual(daemon.counters()["held"]["live"], 1)
            held.close()
            self.assert_gone(liar)
            self.assert_sound(daemon)

    def test_c4_strays_are_reaped(self):
        """Children that it did not tell of, and that have ended."""
        with self.watched():
            daemon, liar = self.lying("strays")
            begin = time.monotonic()
            self.greeted().close()
            self.assert_replaced(daemon, liar, begin)
            self.assert_gone(liar)
            daemon.wait_line("spawner", reason="stray")
            self.assert_sound(daemon)

    def bombed(self):
        """A daemon whose first spawner has taken all processes that a control
        group allows for them: it, the spawner, the group, how many."""
        group = PidsGroup()
        if group.path is None:
            self.skipTest("no control group for processes can be made")
        self.addCleanup(group.remove)
        daemon, liar = self.lying("bomb", preexec=group.enter)
        wait_for(lambda: len(daemon.all_spawners()) == 2, PATIENCE)
        most = group.count() + self.ROOM
        group.limit(most)
        self.greeted(self.held_port)
        wait_for(lambda: group.count() == most, PATIENCE)
        return daemon, liar, group, most

    def assert_defused(self, daemon, liar):
        """It is replaced, its group makes room, and all are greeted."""
        begin = time.monotonic()
        for sock in [self.connect(self.port, seconds=PATIENCE)
                     for _ in range(20)]:
            self.assertIn(GREETING, read_to_end(sock)[0])
        self.assert_replaced(daemon, liar, begin, self.DEFUSED)
        self.assert_gone(liar)
        for sock in [self.connect(self.port, seconds=PATIENCE)
                     for _ in range(20)]:
            self.assertIn(GREETING, read_to_end(sock)[0])
        self.assertLess(time.monotonic() - begin,
                        self.DEFUSED + self.GONE + self.sleeper.late)
        self.assert_sound(daemon)

    @not_sanitized("each process takes 20 TB of addresses, and a while")
    def test_c4_fork_bomb(self):
        """It leaves no process for anybody else.  Its own clients end with it,
        as nothing less would make room."""
        with self.watched():
            daemon, liar, _, _ = self.bombed()
            self.assert_defused(daemon, liar)

    @not_sanitized("each process takes 20 TB of addresses, and a while")
    def test_c4_fork_bomb_without_a_standby(self):
        """Nor for the one that would take its place."""
        with self.watched():
            daemon, liar, group, most = self.bombed()
            group.limit(most - 2)
            for pid in daemon.all_spawners():
                if pid != liar:
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(pid, signal.SIGKILL)
            wait_for(lambda: daemon.all_spawners() == [liar], PATIENCE)
            self.assert_defused(daemon, liar)

    def test_c4_deaf_is_killed(self):
        """It does not go when it is dismissed."""
        with self.watched():
            daemon, liar = self.lying("deaf")
            self.greeted().close()
            begin = time.monotonic()
            daemon.reload(self.configuration(self.listeners("honest")))
            wait_for(lambda: not exists(liar), PATIENCE, "its end")
            self.assertLess(time.monotonic() - begin,
                            self.REPLACED + self.sleeper.late)
            self.assert_gone(liar)
            self.assert_sound(daemon)


@if_also_user
class LiarAsUser(Liar):
    """The same, started by an ordinary user."""

    as_user = True


if __name__ == "__main__":
    from harness import main
    main()
