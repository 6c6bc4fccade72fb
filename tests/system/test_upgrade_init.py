"""Upgrades of a daemon that is process 1 of a namespace, as in a container: with
it all would end."""

import os
import signal
import shutil
import subprocess
import unittest

from harness import (DAEMON, PATIENCE, children, connect, exists, greet, main,
                     needs_program, needs_root, proc_status, read_all,
                     wait_for)
from test_upgrade import UpgradeCase

AS_INIT = ("unshare", "--pid", "--fork", "--mount-proc", "--kill-child", "sh",
           "-c", 'exec "$@"', "sh")


@needs_program("unshare")
@needs_root
class Process1(UpgradeCase):
    """What the first process does besides goes on too."""

    def start(self, *arguments, **keywords):
        """A daemon whose pid is that of the master, as seen from here."""
        daemon = super().start(*arguments, wrapper=AS_INIT, **keywords)
        (daemon.pid,) = children(daemon.process.pid)
        self.assert_is_1(daemon)
        return daemon

    def assert_is_1(self, daemon):
        """Still, or already."""
        self.assertEqual(proc_status(daemon.pid)["NSpid"].split()[-1], "1")
        self.assertEqual(proc_status(daemon.pid)["Name"], "forkgreetd")

    def orphans(self, daemon, seconds):
        """Processes that are the master's to reap, with these times to live."""
        subprocess.run(
            ["nsenter", "-p", "-t", str(daemon.pid), "sh", "-c",
             'for i; do (sleep "$i" &); done', "sh", *map(str, seconds)],
            check=True)

    def sleepers(self, daemon):
        """Those that have not been reaped."""
        return [pid for pid in children(daemon.pid)
                if proc_status(pid).get("Name") == "sleep"]

    def test_it_stays_the_first(self):
        """With its clients."""
        daemon = self.start(self.listener("hold = true;"))
        sock = connect(self.port)
        self.addCleanup(sock.close)
        self.assertEqual(sock.recv(100), b"hi client\n")
        for _ in range(3):
            self.replace("forkgreetd", source=DAEMON)
            self.upgrade(daemon)
            self.assert_is_1(daemon)
        other = connect(self.port)
        self.addCleanup(other.close)
        self.assertEqual(other.recv(100), b"hi client\n")
        for one in sock, other:
            one.shutdown(1)
            one.close()
        daemon.wait_line("client", 2, outcome="greeted")
        self.assertEqual([line["outcome"] for line in daemon.lines("client")],
                         ["greeted"] * 2)
        daemon.signal(signal.SIGTERM)
        self.assertEqual(daemon.wait(), 0)

    @unittest.skipUnless(os.path.exists("/proc/sys/vm/memfd_noexec"),
                         "the kernel has no vm.memfd_noexec (Linux 6.3)")
    def test_memory_files_are_not_executed(self):
        """Where an administrator has said so: the kernel adds a seal then."""
        for value in "012":
            daemon = UpgradeCase.start(
                self, wrapper=(*AS_INIT[:-2],
                               f"echo {value} >/proc/sys/vm/memfd_noexec; "
                               'exec "$@"', "sh"))
            (daemon.pid,) = children(daemon.process.pid)
            self.upgrade(daemon)
            self.assertEqual(greet(self.port), b"hi client\n")
            daemon.signal(signal.SIGTERM)
            self.assertEqual(daemon.wait(), 0)

    def test_orphans_are_reaped(self):
        """Those that end before, during and after it."""
        daemon = self.start()
        self.orphans(daemon, [i / 20 for i in range(40)])
        long = [600, 600]
        self.orphans(daemon, long)
        for _ in range(3):
            self.upgrade(daemon)
        wait_for(lambda: len(self.sleepers(daemon)) == len(long), PATIENCE,
                 "the end of the orphans")
        for pid in self.sleepers(daemon):
            self.assertNotEqual(proc_status(pid)["State"][0], "Z")
        self.orphans(daemon, [0.1] * 5)
        wait_for(lambda: len(self.sleepers(daemon)) == len(long), PATIENCE,
                 "the end of orphans that came later")
        self.assertEqual(greet(self.port), b"hi client\n")

    def test_a_program_that_does_not_start(self):
        """Process 1 goes on, and a later one will do."""
        daemon = self.start()
        for wrong in (b"not a program", b""):
            self.replace("forkgreetd", content=wrong)
            self.upgrade(daemon, "failed")
        self.replace("forkgreetd", source=shutil.which("true"))
        self.upgrade(daemon, "failed")
        self.assert_is_1(daemon)
        self.assertTrue(exists(daemon.pid))
        self.assertEqual(read_all(self.connect(self.port)), b"hi client\n")
        self.replace("forkgreetd", source=DAEMON)
        self.upgrade(daemon)
        self.assert_is_1(daemon)
        self.assertEqual(greet(self.port), b"hi client\n")


if __name__ == "__main__":
    main()
