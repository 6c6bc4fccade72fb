"""What the tests share: tests that run at the same time are in no other's way."""

import os
import subprocess
import sys
import unittest

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


if __name__ == "__main__":
    from harness import main
    main()
