"""The memory of a control group, as MemoryMax= sets it: little is left, or the
kernel kills for it."""

import mmap
import os
import signal
import threading

from harness import (MemoryGroup, connect, die_with_parent, exists,
                     parse_line, read_to_end, wait_for)
from squeeze import GREETING, Squeeze, Stop

KIB = 1024
MIB = 1024 * KIB


class _Memory(Squeeze):
    """In a control group of that version, which has more than the daemon in it:
    the kernel weighs processes against the limit, and with less it would take
    the largest, whatever its oom_score_adj is."""

    version = 1
    BALLAST = 64 * MIB

    @classmethod
    def why_not(cls):
        group = MemoryGroup(cls.version)
        group.remove()
        return group.why_none()

    def begin(self):
        self.lost = 0  # clients that the kernel took from us
        super().begin()

    def assert_served(self, failures):
        """Or its child is one of those that were killed: on a machine that is
        busy the kernel may want more than one."""
        self.lost += len(failures)

    def recover(self):
        super().recover()
        self.hold()

    def account(self):
        """Whoever was lost was killed; who was killed may have had everything
        just before."""
        super().account()
        killed = self.server.counters()["main"]["ended_killed"]
        self.assertLessEqual(self.lost, killed)
        self.assertLessEqual(killed, self.group.kills())

    def serve(self, **keywords):
        self.group = MemoryGroup(self.version)
        self.addCleanup(self.group.remove)
        self.ballast = os.memfd_create("ballast")
        self.addCleanup(os.close, self.ballast)
        self.assertEqual(self.in_group(self.fill), 0)
        return super().serve(preexec=self.group.enter, **keywords)

    def in_group(self, call, *arguments):
        """Has a process of the group do that; its exit status, below 0 when a
        signal ended it."""
        pid = os.fork()
        if pid == 0:
            status = 1
            try:
                die_with_parent()
                self.group.enter()
                call(*arguments)
                status = 0
            finally:
                os._exit(status)
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])

    def fill(self):
        """Takes memory that is nobody's."""
        for at in range(0, self.BALLAST, MIB):
            os.pwrite(self.ballast, bytes(MIB), at)

    def release(self):
        self.group.limit(None)


def score(pid, value):
    """Whom the kernel kills first: proc(5), oom_score_adj."""
    with open(f"/proc/{pid}/oom_score_adj", "w", encoding="ascii") as file:
        file.write(str(value))


class _Kills(_Memory):
    """A neighbour in the group takes memory until the kernel has killed whom we
    want it to, and gives it back; or is killed next."""

    LEFT = 8 * MIB
    FIRST = 1000  # oom_score_adj of those who are to be killed
    OTHERS = 0.95  # of that has the neighbour, of the daemon's children 0.9
    EACH = 1.5  # seconds; each time the kernel writes much into its log

    def squeeze(self):
        self.rest()
        self.most = self.group.used() + self.LEFT
        self.killed = self.group.kills()
        self.group.limit(self.most)

    def has_bitten(self):
        return self.group.kills() > self.killed

    def victims(self):
        """Pids of those who are to be killed."""
        raise NotImplementedError

    def squeezed(self, seconds):
        ending = threading.Event()
        thread = threading.Thread(target=self.kill, args=(ending, seconds))
        thread.start()
        try:
            super().squeezed(seconds)
        finally:
            ending.set()
            thread.join()
        self.assertEqual(self.wrong, [])

    def kill(self, ending, seconds):
        """Again and again."""
        self.wrong = []
        while not ending.wait(min(self.EACH, seconds / 3)):
            try:
                self.kill_once()
            except (AssertionError, OSError) as error:
                self.wrong.append(error)

    def kill_once(self):
        """Them."""
        before, victims = self.group.kills(), self.victims()
        for pid in victims:
            score(pid, self.FIRST)
        self.assertIn(self.in_group(self.take, victims), (0, -signal.SIGKILL))
        wait_for(lambda: not any(map(exists, victims)), what="their end")
        self.assertGreaterEqual(self.group.kills(), before + len(victims))

    def take(self, victims):
        """The neighbour: takes all that there is."""
        with open("/proc/self/statm", encoding="ascii") as file:
            own = int(file.read().split()[1]) * mmap.PAGESIZE
        share = self.OTHERS - (own + self.LEFT) / self.most
        score(os.getpid(), round(self.FIRST * share))
        taken = mmap.mmap(-1, self.most)
        for at in range(0, self.most, mmap.PAGESIZE):
            taken[at] = 1
            if at > self.LEFT / 2 and not any(map(exists, victims)):
                return


class MemoryChildren(_Kills):
    """It kills clients' children."""

    name = "OOM kills of children"
    COUNT = 1

    def begin(self):
        super().begin()
        self.taken = []

    def victims(self):
        socks = [self.connect(self.held_port) for _ in range(self.COUNT)]
        self.clients += self.COUNT
        self.taken += socks
        for sock in socks:
            self.assertEqual(sock.recv(100), GREETING)
        ports = [sock.getsockname()[1] for sock in socks]
        rows = map(parse_line, self.say(
            "clients", "--listener", "held").splitlines())
        return [int(row["pid"]) for row in rows
                if int(row.get("sport", 0)) in ports]

    def bites(self):
        self.assertGreaterEqual(
            self.server.counters()["held"]["ended_killed"], len(self.taken))
        for sock in self.taken:
            self.assertEqual(read_to_end(sock)[0], b"")


class MemorySpawner(_Kills):
    """It kills the spawner that serves; stopped, for what it clones would be as
    likely to be killed."""

    name = "OOM kills of the spawner"

    def victims(self):
        self.server.settle()
        pids = self.server.spawners()
        for pid in pids:
            os.kill(pid, signal.SIGSTOP)
        return pids


class MemoryNone(_Memory, Stop):
    """Nothing is left: the kernel kills children and spawners.  The daemon stays,
    and goes on."""

    name = "memory, none left"
    OTHERS = 300
    LOG = 'log = { clients = "none"; };'

    def squeeze(self):
        self.rest()
        self.killed = self.group.kills()
        self.group.limit(self.group.used())

    def squeezed(self, seconds):
        self.others = []
        super().squeezed(seconds)

    def has_bitten(self):
        """Others come and stay until what a processor has in stock is used."""
        bitten = self.group.kills() > self.killed
        if not bitten and len(self.others) < self.OTHERS:
            self.others.append(self.connect(self.held_port))
            self.clients += 1
        return bitten

    def bites(self):
        """Some may have been greeted, and some are gone."""

    def recover(self):
        for sock in self.others:
            sock.close()
        for sock in self.waiting:
            self.lost += read_to_end(sock)[0] != GREETING
            sock.close()
        wait_for(self.is_well, what="a greeting")
        self.hold()

    def is_well(self):
        """Is somebody greeted?"""
        self.clients += 1
        with connect(self.port) as sock:
            greeted = read_to_end(sock)[0] == GREETING
        self.lost += not greeted
        return greeted


class MemoryNone2(MemoryNone):
    """The same of version 2."""

    name = "memory, none left, version 2"
    version = 2


class MemoryChildren2(MemoryChildren):
    """The same of version 2."""

    name = "OOM kills of children, version 2"
    version = 2


class MemorySpawner2(MemorySpawner):
    """The same of version 2."""

    name = "OOM kills of the spawner, version 2"
    version = 2


SQUEEZES = (MemoryNone, MemoryChildren, MemorySpawner,
            MemoryNone2, MemoryChildren2, MemorySpawner2)
