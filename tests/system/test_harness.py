"""What the tests share: tests that run at the same time are in no other's way."""

import array
import os
import resource
import socket
import subprocess
import sys
import unittest

from harness import Case, Daemon, become_user, free_port, greet, needs_root
from racing import Race

HERE = os.path.dirname(os.path.abspath(__file__))
# Takes half of the only two blocks, which no other test uses nor the kernel gives
# away, says them, and lives on until it is told.
HALF = """
import sys
from harness import clients
clients.PORTS = range(61000, 61000 + 2 * clients.BLOCK)
print(*[clients.free_port() for _ in range(clients.BLOCK)], flush=True)
sys.stdin.read()
"""


class Ports(unittest.TestCase):
    """free_port()."""

    def half(self):
        """A process that has taken half of the ports, and these."""
        # pylint: disable=consider-using-with
        process = subprocess.Popen(
            [sys.executable, "-B", "-c", HALF], cwd=HERE, text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE)
        self.addCleanup(process.communicate)
        return process, set(process.stdout.readline().split())

    def test_no_two_processes_get_the_same(self):
        first, ports = self.half()
        _, others = self.half()
        self.assertEqual((len(ports), len(others)), (64, 64))
        self.assertEqual(ports & others, set())
        third, none = self.half()
        self.assertEqual(none, set())
        self.assertIn("all ports are taken", third.communicate()[1])
        first.communicate()
        self.assertEqual(self.half()[1], ports)


class Started(unittest.TestCase):
    """Daemons that race, and spawners that follow each other."""

    def test_a_dead_spawner_is_there_until_it_is_reaped(self):
        """Its successor serves beside it."""
        daemon = Daemon.__new__(Daemon)
        daemon.spawners = iter(([1], [1, 2], [], [2])).__next__
        self.assertEqual(daemon.successor(1), 2)

    def test_a_dead_child_is_there_until_it_is_reaped(self):
        """It may have had the client before."""
        daemon = Daemon.__new__(Daemon)
        daemon.clients = iter(([], [1], [1, 2], [2])).__next__
        self.assertEqual(daemon.client(), 1)
        self.assertEqual(daemon.client(), 2)

    def test_another_one_comes_after_the_first_look(self):
        """What a loser had started is ours, for a moment, when that ends."""
        looks = iter(([1, 2], [1], [1, 3], [1]))
        race = Race("/nowhere")
        race.alive = lambda: next(looks)
        self.assertEqual(race.wait_alive(1), [1])

    def test_none(self):
        """An empty list is one, too."""
        race = Race("/nowhere")
        race.alive = iter(([1], [])).__next__
        self.assertEqual(race.wait_alive(0), [])


@needs_root
class Alone(Case):
    """A test that has a user of its own."""

    alone = True
    FEW = 64  # descriptors that a user's processes may have sent

    def test_others_have_sent_as_many_as_they_may(self):
        """Descriptors of the user whom other tests have."""
        pairs = [socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
                 for _ in range(2 * self.FEW)]
        ready, written = os.pipe()
        pid = os.fork()
        if pid == 0:
            become_user()
            for ours, _ in pairs:
                ours.sendmsg([b"x"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS,
                                       array.array("i", [ready]))])
            os.write(written, b"x")
            os._exit(0)
        os.waitpid(pid, 0)
        self.addCleanup(lambda: [sock.close() for pair in pairs
                                 for sock in pair])
        self.assertEqual(os.read(ready, 1), b"x")
        for as_user in False, True:
            port = free_port()
            self.daemon(self.listener(port=port), as_user=as_user,
                        preexec=lambda: resource.setrlimit(
                            resource.RLIMIT_NOFILE, (self.FEW, self.FEW)))
            self.assertEqual(greet(port), b"hi client\n")


if __name__ == "__main__":
    from harness import main
    main()
