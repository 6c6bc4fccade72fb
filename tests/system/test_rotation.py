"""A client child that crashes ends its spawner, and the next one is ready."""

import os
import signal
import time

from harness import (IS_ROOT, Case, children, close_with_reset, exists,
                     needs_root, proc_status, wait_for)
from programs import has_small_image, is_32_bit

CRASHES = (signal.SIGSEGV, signal.SIGBUS, signal.SIGILL, signal.SIGABRT,
           signal.SIGSYS)


def layout(pid):
    """Where the process has its text and its memory: in the small image that of
    a child is one, otherwise the stack."""
    found = {}
    with open(f"/proc/{pid}/maps", encoding="utf-8") as file:
        for line in file:
            fields = line.split()
            if fields[-1].endswith("/forkgreet-spawner"):
                found.setdefault("text", fields[0])
            elif fields[-1] == "[stack]":
                found.setdefault("memory", fields[0])
            elif fields[1] == "rw-p" and has_small_image():
                found["memory"] = fields[0]
            elif fields[1] == "r--p" and len(fields) == 5:
                found["constants"] = fields[0]
    return found


def canary_seed(pid):
    """The stack canary, in the small image; otherwise the 16 random bytes that
    the kernel gave the process (AT_RANDOM), from which its C library makes
    it."""
    if has_small_image():
        with open(f"/proc/{pid}/mem", "rb") as file:
            file.seek(int(layout(pid)["constants"].split("-")[0], 16) + 0x28)
            return file.read(8)
    word = "I" if is_32_bit() else "Q"
    with open(f"/proc/{pid}/auxv", "rb") as file:
        words = memoryview(file.read()).cast(word)
    table = dict(zip(words[::2], words[1::2]))
    with open(f"/proc/{pid}/mem", "rb") as file:
        file.seek(table[25])
        return file.read(16)


class Rotation(Case):
    """Crashes, and what follows."""

    def start(self):
        """A daemon that holds its clients."""
        return self.daemon(self.listener("hold = true;"), as_user=True)

    def hold(self, daemon):
        """A held client: its socket and its child's pid."""
        before = set(daemon.clients())
        sock = self.connect(self.port)
        sock.recv(100)
        return sock, wait_for(lambda: self.lasting(daemon, before))

    @staticmethod
    def lasting(daemon, before):
        """The new child that stays: those of a trial do not."""
        fresh = set(daemon.clients()) - before
        time.sleep(0.02)
        stays = fresh & set(daemon.clients())
        return stays.pop() if len(fresh) == len(stays) == 1 else None

    def crash(self, daemon, number=signal.SIGSEGV):
        """One client child dies of the signal."""
        ended = len(daemon.lines("client"))
        sock, pid = self.hold(daemon)
        os.kill(pid, number)
        wait_for(lambda: len(daemon.lines("client")) > ended)
        sock.close()

    def wait_rotation(self, daemon, old):
        """Waits until another spawner is the only one; its pid."""
        def rotated():
            pids = daemon.spawners()
            return pids if len(pids) == 1 and pids != old else None
        return wait_for(rotated, what="rotation")

    def test_each_crash_rotates(self):
        daemon = self.start()
        for number in CRASHES:
            with self.subTest(signal=number.name):
                old = daemon.spawners()
                self.crash(daemon, number)
                self.wait_rotation(daemon, old)
        outcomes = [line["outcome"] for line in daemon.lines("client")]
        self.assertEqual(outcomes, ["crashed"] * 4 + ["violation"])
        self.assertEqual([line["generation"] for line in
                          daemon.lines("client")], ["1", "2", "3", "4", "5"])

    def test_c1_the_standby_takes_over(self):
        """It was tried before the crash, and serves when the master has heard
        of that."""
        daemon = self.start()
        for _ in range(5):
            old, = daemon.settle().spawners()
            standby, = set(daemon.all_spawners()) - {old}
            self.crash(daemon)
            wait_for(lambda: old not in children(daemon.pid),
                     what="the end of the old one")
            self.assertEqual(daemon.spawners(), [standby])
        self.assert_balanced(daemon)

    def test_other_deaths_do_not(self):
        daemon = self.start()
        old = daemon.spawners()
        for number in (signal.SIGKILL, signal.SIGTERM, signal.SIGXCPU,
                       signal.SIGALRM):
            self.crash(daemon, number)
        time.sleep(0.5)
        self.assertEqual(daemon.spawners(), old)

    def test_earlier_generation_does_not(self):
        daemon = self.start()
        _, early = self.hold(daemon)
        old = daemon.spawners()
        daemon.reload()
        fresh = self.wait_rotation(daemon, old)
        os.kill(early, signal.SIGSEGV)
        daemon.wait_line("client", outcome="crashed")
        time.sleep(0.5)
        self.assertEqual(daemon.spawners(), fresh)

    def test_others_live_on(self):
        daemon = self.start()
        sock, pid = self.hold(daemon)
        old = daemon.spawners()
        self.crash(daemon)
        self.wait_rotation(daemon, old)
        self.assertTrue(exists(pid))
        sock.close()
        daemon.wait_line("client", outcome="greeted")

    def assert_differ(self, seen):
        """Each has a layout and a canary of its own.  The kernel has 256
        places for the text of a 32-bit program, so some of them may meet."""
        spare = len(seen) // 3 if is_32_bit() else 0
        for key in "text", "memory":
            self.assertGreaterEqual(len({place[key] for place, _ in seen}),
                                    len(seen) - spare, key)
        self.assertEqual(len({seed for _, seed in seen}), len(seen))

    @needs_root
    def test_layouts_differ(self):
        daemon = self.start()
        seen = []
        for _ in range(3):
            old = daemon.spawners()
            seen.append((layout(old[0]), canary_seed(old[0])))
            self.crash(daemon)
            self.wait_rotation(daemon, old)
        self.assertEqual(len(seen), 3)
        self.assert_differ(seen)

    @needs_root
    def test_c11_children_of_a_generation_share_a_layout(self):
        """And the canary: what one of them leaks holds for the others."""
        daemon = self.daemon(self.listener("hold = true;"))
        for _ in range(2):
            self.assertEqual(self.connect(self.port).recv(100),
                             b"hi client\n")
        seen = [(layout(pid), canary_seed(pid))
                for pid in (*daemon.clients(), *daemon.spawners())]
        self.assertEqual(len(seen), 3)
        self.assertLessEqual({"text", "memory"}, set(seen[0][0]))
        self.assertEqual(seen[1:], seen[:-1])

    def test_c1_layouts_differ_on_standby(self):
        """Text, stack and canary of the one that takes over are its own."""
        if not IS_ROOT:
            self.skipTest("only root sees another process's memory")
        daemon = self.start()
        seen = []
        for _ in range(3):
            seen += [(layout(pid), canary_seed(pid))
                     for pid in daemon.settle().all_spawners()]
            for _ in range(2):
                old = daemon.spawners()
                self.crash(daemon)
                self.wait_rotation(daemon, old)
                daemon.settle()
        self.assertEqual(len(seen), 6)
        self.assert_differ(seen)

    def test_hundred_crashes(self):
        daemon = self.start()
        for _ in range(100):
            self.crash(daemon)
        generations = [int(line["generation"])
                       for line in daemon.lines("client")]
        self.assertEqual(generations, list(range(1, 101)))
        sock, _ = self.hold(daemon)
        close_with_reset(sock)
        wait_for(lambda: not daemon.clients())
        daemon.settle()
        self.assertEqual(len(daemon.all_spawners()), 2)
        self.assertEqual(proc_status(daemon.pid)["State"][0], "S")
        row = daemon.counters()["main"]
        self.assertEqual(row["ended_crashed"], 100)
        self.assert_balanced(daemon)


if __name__ == "__main__":
    from harness import main
    main()
