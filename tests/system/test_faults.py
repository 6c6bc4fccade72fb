"""Faults: spawner and master killed or stopped, resources that run out, system
calls that fail.  No client may be lost, nothing may spin, and what was wrong
must be over within about a second of its cause being gone."""

import contextlib
import os
import signal
import subprocess
import time
import unittest

from harness import (Case, Load, PATIENCE, PidsGroup, Strace, children,
                     close_with_reset, cpu_seconds, descriptors, exists,
                     free_port, greet, group_members, is_held, limit,
                     needs_program, read_all, strace_works, wait_for)
from programs import UNTRACED

GREETING = b"hi client\n"
OUT_OF_RESOURCES = b"out of resources, try again later\n"
# What the contract calls a second, on a machine that does other things too.
ABOUT_A_SECOND = 3.0


class FaultCase(Case):
    """Two listeners: one greets and ends, one greets and holds."""

    def setUp(self):
        super().setUp()
        self.held_port = free_port()

    def start(self, top="", more="", **keywords):
        """A daemon with both listeners."""
        return self.daemon(
            self.listener(more) + ", " +
            self.listener("hold = true; " + more, "held", self.held_port),
            top, as_user=self.as_user, **keywords)

    def hold(self, count=1):
        """Connections that have been greeted and stay."""
        held = [self.connect(self.held_port) for _ in range(count)]
        for sock in held:
            self.assertEqual(sock.recv(100), GREETING)
        return held

    def assert_held(self, held):
        """The connections are still there."""
        self.assertEqual([is_held(sock) for sock in held],
                         [True] * len(held))

    def release(self, daemon, held):
        """The held clients end, as clients that had their greeting."""
        before = self.ended(daemon, "held", "greeted")
        for sock in held:
            sock.close()
        wait_for(lambda: self.ended(daemon, "held", "greeted") ==
                 before + len(held), what="end of held clients")

    @staticmethod
    def ended(daemon, listener, outcome):
        """How many client lines say so."""
        return sum(line["listener"] == listener and
                   line["outcome"] == outcome
                   for line in daemon.lines("client"))

    @staticmethod
    def spawner(daemon, besides=None):
        """The pid of the only spawner, once it is another one."""
        def only():
            pids = [pid for pid in daemon.spawners() if exists(pid)]
            return pids[0] if len(pids) == 1 and pids[0] != besides else None
        return wait_for(only, what="one spawner")

    @staticmethod
    def kill_spawners(daemon):
        """The one that serves and the one on standby."""
        spawners = daemon.all_spawners()
        for pid in spawners:
            os.kill(pid, signal.SIGKILL)
        for pid in spawners:
            daemon.wait_line("spawner", pid=str(pid), signal="9")

    def assert_quiet(self, daemon, lines):
        """For a second the daemon uses next to no time and no log."""
        before, used = len(daemon.log()), cpu_seconds(daemon.pid)
        time.sleep(1)
        self.assertLess(cpu_seconds(daemon.pid) - used, 0.25, "spins")
        said = daemon.log()[before:]
        self.assertLessEqual(len(said), lines, said)

    def assert_spawner_quiet(self, daemon):
        """No spawner has used much time; one that fails its clients is replaced
        after a second, and may end while it is looked at."""
        def used():
            try:
                return [cpu_seconds(pid)
                        for pid in daemon.all_spawners()] or [0]
            except FileNotFoundError:
                return None
        self.assertLess(max(wait_for(used)), 0.5, "the spawner spins")

    def assert_served(self, waiting, begin):
        """All the waiting clients get theirs, about a second after begin."""
        for sock in waiting:
            self.assertEqual(read_all(sock), GREETING)
            sock.close()
        self.assertLess(time.monotonic() - begin, ABOUT_A_SECOND)

    def assert_at_rest(self, daemon, served):
        """Every client that was served has been counted, once."""
        row = wait_for(lambda: self.row_at_rest(daemon), what="rest")
        self.assertEqual(row["accepted"], served, row)
        self.assertEqual(row["ended_greeted"], served, row)
        self.assert_balanced(daemon)

    @staticmethod
    def row_at_rest(daemon):
        """The counters of "main" when no client is left in it."""
        row = daemon.counters()["main"]
        return row if row["live"] == 0 else None

    def spawner_dies_under(self, name, few, many):
        """It does while a limit of the master's is few, and is replaced when
        that is many."""
        daemon = self.start()
        held = self.hold(3)
        daemon.settle()
        limit(daemon.pid, name, few)
        self.kill_spawners(daemon)
        waiting = [self.connect(self.port) for _ in range(30)]
        daemon.wait_line("spawner", suppressed="0")
        self.assert_quiet(daemon, lines=1)
        limit(daemon.pid, name, many)
        self.assert_served(waiting, time.monotonic())
        self.assert_held(held)
        self.assert_at_rest(daemon, len(waiting))


class Spawner(FaultCase):
    """The spawner dies or is stopped."""

    def test_killed_idle(self):
        """A spawner that dies is replaced; its clients live on."""
        daemon = self.start()
        held = self.hold(3)
        pid = self.spawner(daemon)
        for number in signal.SIGKILL, signal.SIGSEGV:
            os.kill(pid, number)
            daemon.wait_line("spawner", pid=str(pid),
                             signal=str(int(number)))
            pid = self.spawner(daemon, besides=pid)
            self.assertEqual(greet(self.port), GREETING)
            self.assert_held(held)
        self.assertEqual(daemon.counters()[None]["spawner_starts"], 3)
        self.release(daemon, held)
        self.assert_at_rest(daemon, 2)

    def test_killed_under_load(self):
        """Not one client is lost, nor greeted twice."""
        daemon = self.start()
        held = self.hold(3)
        pid = None
        with Load(self.port) as load:
            for i in range(20):
                pid = self.spawner(daemon, besides=pid)
                load.wait_more(10)
                os.kill(pid, (signal.SIGKILL, signal.SIGSEGV)[i % 2])
            load.wait_more(20)
        self.assertEqual(load.failures, [])
        self.assert_held(held)
        self.release(daemon, held)
        self.assert_at_rest(daemon, load.served)
        self.assertEqual(daemon.counters()[None]["spawner_starts"], 21)
        ends = [line for line in daemon.lines("spawner")
                if "signal" in line]
        self.assertEqual(len(ends), 20)
        self.assertEqual(daemon.stop(), 0)

    def test_stopped(self):
        """Clients of a spawner that is stuck wait for the next one only."""
        daemon = self.start()
        held = self.hold(3)
        pid = self.spawner(daemon)
        os.kill(pid, signal.SIGSTOP)
        begin = time.monotonic()
        waiting = [self.connect(self.port) for _ in range(100)]
        self.assert_served(waiting, begin)
        line, = daemon.wait_line("spawner", pid=str(pid), reason="stuck")
        self.assertGreater(int(line["in_flight"]), 0)
        self.assertFalse(exists(pid))
        self.spawner(daemon, besides=pid)
        self.assert_held(held)
        self.assert_at_rest(daemon, len(waiting))

    def test_stopped_briefly(self):
        """A spawner that goes on soon enough stays."""
        daemon = self.start()
        pid = self.spawner(daemon)
        for _ in range(10):
            begin = time.monotonic()
            os.kill(pid, signal.SIGSTOP)
            client = self.connect(self.port)
            time.sleep(0.05)
            os.kill(pid, signal.SIGCONT)
            if time.monotonic() - begin > 0.9:
                self.skipTest("the machine is too busy for 0.05 s")
            self.assertEqual(read_all(client), GREETING)
            client.close()
        self.assertEqual(self.spawner(daemon), pid)
        self.assert_at_rest(daemon, 10)
        self.assertEqual(
            [line for line in daemon.lines("spawner") if "signal" in line],
            [])


class SpawnerAsUser(Spawner):
    """What may differ, started by an ordinary user."""

    as_user = True
    test_stopped_briefly = None


class Master(FaultCase):
    """The master dies or is stopped."""

    def test_killed(self):
        """Nothing outlives it, and another one can start at once."""
        daemon = self.start()
        held = self.hold(10)
        pids = daemon.clients() + daemon.spawners()
        self.assertEqual(len(pids), 11)
        os.kill(daemon.pid, signal.SIGKILL)
        wait_for(lambda: not any(map(exists, pids)), 2, "end of children")
        daemon.wait()
        self.assertFalse(any(map(is_held, held)))
        self.start()
        self.assertEqual(greet(self.port), GREETING)

    def test_killed_with_queue(self):
        """Clients that the spawner had not cloned yet get no child then."""
        for resume in False, True, True:
            daemon = self.start()
            spawner = self.spawner(daemon)
            os.kill(spawner, signal.SIGSTOP)
            for _ in range(20):
                self.connect(self.held_port)
            time.sleep(0.1)
            os.kill(daemon.pid, signal.SIGKILL)
            if resume:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(spawner, signal.SIGCONT)
            daemon.wait()
            wait_for(lambda: not group_members(spawner), 2,
                     "end of spawner and children")

    def test_killed_under_load(self):
        """No child remains of those that were being started."""
        for _ in range(3):
            daemon = self.start()
            spawner = self.spawner(daemon)
            with Load(self.port) as load:
                load.wait_more(50)
                os.kill(daemon.pid, signal.SIGKILL)
            daemon.wait()
            wait_for(lambda: not group_members(spawner), 2,
                     "end of spawner and children")

    def test_stopped(self):
        """Clients wait; the spawner is not taken for stuck."""
        daemon = self.start()
        spawner = self.spawner(daemon)
        held = self.hold(3)
        with Load(self.port) as load:
            load.wait_more(20)
            os.kill(daemon.pid, signal.SIGSTOP)
            waiting = [self.connect(self.port) for _ in range(20)]
            time.sleep(1.5)
            os.kill(daemon.pid, signal.SIGCONT)
            self.assert_served(waiting, time.monotonic())
            load.wait_more(20)
        self.assertEqual(load.failures, [])
        self.assert_held(held)
        self.assertEqual(self.spawner(daemon), spawner)
        self.release(daemon, held)
        self.assert_at_rest(daemon, load.served + len(waiting))


class MasterAsUser(Master):
    """What may differ, started by an ordinary user."""

    as_user = True
    test_killed_under_load = test_stopped = None


@needs_program("prlimit")
class Descriptors(FaultCase):
    """The master has no descriptor to spare."""

    alone = True

    def test_accept(self):
        """Clients wait for a descriptor; the daemon waits with them."""
        daemon = self.start()
        held = self.hold(3)
        limit(daemon.pid, "nofile", 3)
        waiting = [self.connect(self.port) for _ in range(30)]
        daemon.wait_line("accept:")
        self.assert_quiet(daemon, lines=1)
        limit(daemon.pid, "nofile", 1000)
        self.assert_served(waiting, time.monotonic())
        self.assert_held(held)
        self.assert_at_rest(daemon, len(waiting))
        self.assertIn(daemon.counters()[None]["accept_failures"],
                      range(1, 30))
        said = [line for line in daemon.log() if line.startswith("accept")]
        self.assertEqual(len(said), 2, said)
        self.assertIn("Too many open files", said[0])
        self.assertIn("works again", said[1])

    def test_clients_take_all(self):
        """Clients that stay take the last descriptor: none is left to watch
        their children by, and still nothing spins and no end is missed."""
        daemon = self.start()
        limit(daemon.pid, "nofile", 145)
        held = [self.connect(self.held_port) for _ in range(160)]
        daemon.wait_line("accept:")
        self.assert_quiet(daemon, lines=1)
        for sock in held[:70]:
            self.assertEqual(sock.recv(100), GREETING)
            close_with_reset(sock)
        for sock in held[70:]:
            self.assertEqual(sock.recv(100), GREETING)
            sock.close()
        wait_for(lambda: len(daemon.lines("client")) == 160, 10,
                 "end of all clients")
        self.assert_balanced(daemon)
        self.assertEqual(daemon.clients(), [])

    def test_one_each(self):
        """Clients need no second descriptor: where there are few, none is
        spent on watching children, and all ends are seen still."""
        daemon = self.start("limits = { max_clients = 300; };")
        before = 2  # its spawner and the next one
        wait_for(lambda: self.watched(daemon) == before, what="spawners")
        limit(daemon.pid, "nofile", 64 + 256 + 300)
        for _ in range(2):
            held = self.hold(200)
            time.sleep(0.5)  # they are old then
            # A spawner that is replaced meanwhile is one more for a moment.
            wait_for(lambda: self.watched(daemon) == before,
                     what="no child watched")
            self.assert_quiet(daemon, lines=0)
            pids = daemon.clients()
            for pid in pids:  # SIGCHLD comes once for several of them
                os.kill(pid, signal.SIGKILL)
            wait_for(lambda: daemon.counters()["held"]["live"] == 0, 10,
                     "end of 200")
            for sock in held:
                sock.close()
        limit(daemon.pid, "nofile", 1500)
        held = self.hold(20)
        wait_for(lambda: self.watched(daemon) == before + 20,
                 what="watching")
        self.release(daemon, held)
        self.assert_balanced(daemon)

    @staticmethod
    def watched(daemon):
        """Children that the master has a descriptor of."""
        return sum("pidfd" in target
                   for target in descriptors(daemon.pid).values())

    def test_spawner_dies(self):
        """It is replaced when that becomes possible."""
        self.spawner_dies_under("nofile", 3, 1000)


class DescriptorsAsUser(Descriptors):
    """What may differ, started by an ordinary user."""

    as_user = True
    test_clients_take_all = test_spawner_dies = None


@needs_program("prlimit")
class Processes(FaultCase):
    """No process can be started."""

    def test_clone(self):
        """Clients wait until a child can be had."""
        daemon = self.start()
        held = self.hold(3)
        daemon.limit_processes(0)
        spawners = daemon.all_spawners()
        waiting = [self.connect(self.port) for _ in range(100)]
        daemon.wait_line("clone:")
        # The spawner may be replaced by the other one, which cannot either.
        self.assert_quiet(daemon, lines=4)
        self.assert_spawner_quiet(daemon)
        daemon.limit_processes(10000)
        self.assert_served(waiting, time.monotonic())
        self.assert_held(held)
        self.assertIn(self.spawner(daemon), spawners)
        self.assert_at_rest(daemon, len(waiting))
        self.assertGreater(daemon.counters()[None]["fork_failures"], 0)
        said = [line for line in daemon.log() if line.startswith("clone")]
        self.assertEqual(len(said), 2, said)
        self.assertIn("temporarily unavailable", said[0])
        self.assertIn("works again", said[1])

    def test_waited_too_long(self):
        """timeouts.session is over before there was a child: refused."""
        daemon = self.start("timeouts = { session = 0.5; };")
        daemon.limit_processes(0)
        begin = time.monotonic()
        for sock in [self.connect(self.port) for _ in range(3)]:
            self.assertEqual(read_all(sock), OUT_OF_RESOURCES)
        self.assertGreater(time.monotonic() - begin, 0.4)
        self.assertLess(time.monotonic() - begin, ABOUT_A_SECOND)
        line = daemon.wait_line("refused")[0]
        self.assertEqual(line["reason"], "no_resources")
        self.assertEqual(line["listener"], "main")
        daemon.limit_processes(10000)
        self.assertEqual(greet(self.port), GREETING)
        row = wait_for(lambda: self.row_at_rest(daemon))
        self.assertEqual(row["refused_no_resources"], 3)
        self.assert_balanced(daemon)

    def test_spawner_dies(self):
        """It is replaced when that becomes possible."""
        self.spawner_dies_under("nproc", 0, 10000)


class ProcessesAsUser(Processes):
    """What may differ, started by an ordinary user."""

    as_user = True
    test_waited_too_long = test_spawner_dies = None


class PidsMax(FaultCase):
    """The control group's pids.max, as TasksMax= sets it."""

    def setUp(self):
        super().setUp()
        self.group = PidsGroup()
        if self.group.path is None:
            self.skipTest("no control group for processes can be made")
        self.addCleanup(self.group.remove)

    def start(self, *arguments, **keywords):
        return super().start(*arguments, preexec=self.group.enter, **keywords)

    def test_clone(self):
        """Clients wait until a child can be had, though none ends."""
        daemon = self.start()
        held = self.hold(3)
        daemon.settle()
        self.group.limit(self.group.count())
        waiting = [self.connect(self.port) for _ in range(50)]
        daemon.wait_line("clone:")
        self.assert_quiet(daemon, lines=4)
        self.assert_spawner_quiet(daemon)
        self.group.limit("max")
        self.assert_served(waiting, time.monotonic())
        self.assert_held(held)
        self.assert_at_rest(daemon, len(waiting))
        self.assertGreater(daemon.counters()[None]["fork_failures"], 0)
        said = [line for line in daemon.log() if line.startswith("clone")]
        self.assertEqual(len(said), 2, said)
        self.assertIn("works again", said[1])

    def test_start(self):
        """What the group is too small for is said, with numbers and where
        to change that; everybody is served in turn all the same."""
        self.group.limit(12)
        daemon = self.start("limits = { max_clients = 50; };")
        self.assertIn(
            "limits.max_clients: 50 clients need 56 processes, the control "
            "group's limit is 12, enough for 6 (TasksMax=, "
            f"{self.group.path}/pids.max)", "\n".join(daemon.log()))
        waiting = [self.connect(self.port, seconds=PATIENCE)
                   for _ in range(60)]
        for sock in waiting:
            self.assertEqual(read_all(sock), GREETING)
            sock.close()
        self.assert_at_rest(daemon, len(waiting))
        self.group.limit(1000)
        before = len(daemon.log())
        daemon.reload()
        self.assertNotIn("need", "\n".join(daemon.log()[before:]))

    def test_too_long(self):
        """Who waits for longer than timeouts.session is told."""
        daemon = self.start("timeouts = { session = 0.5; };",
                            'refusals = { no_resources = "%{reason} %{limit} '
                            '%{retry_after}"; };')
        # A spawner that is replaced meanwhile makes room for one process.
        daemon.settle()
        self.group.limit(self.group.count() - 1)
        for sock in [self.connect(self.port) for _ in range(5)]:
            sock.sendall(b"x" * 1000)
            self.assertEqual(read_all(sock), b"no_resources 0 1")
            sock.close()
        self.group.limit("max")
        wait_for(lambda: greet(self.port) == GREETING, PATIENCE, "recovery")
        wait_for(lambda: daemon.counters()["main"]["live"] == 0, PATIENCE)
        self.assertEqual(
            daemon.counters()["main"]["refused_no_resources"] >= 5, True)
        self.assert_balanced(daemon)

    def test_spawner_dies(self):
        """It is replaced when that becomes possible."""
        daemon = self.start()
        held = self.hold(3)
        daemon.settle()
        self.group.limit(self.group.count() - 2)
        self.kill_spawners(daemon)
        waiting = [self.connect(self.port) for _ in range(20)]
        daemon.wait_line("spawner", suppressed="0")
        self.assert_quiet(daemon, lines=1)
        self.group.limit("max")
        self.assert_served(waiting, time.monotonic())
        self.assert_held(held)
        self.assert_at_rest(daemon, len(waiting))

    def test_reload(self):
        """A reload for which no process can be had changes nothing."""
        daemon = self.start()
        held = self.hold(3)
        daemon.settle()
        self.group.limit(self.group.count())
        daemon.reload(result="failed")
        self.assert_held(held)
        self.group.limit("max")
        daemon.reload()
        self.assertEqual(greet(self.port), GREETING)


# ------------------------------------------------------ system calls that fail

@unittest.skipUnless(strace_works(), "needs root and strace")
class Injected(FaultCase):
    """System calls of the master fail, some times in a row."""

    RELOADING = (
        "openat:error=EMFILE:when=1",
        "pipe2:error=EMFILE:when=1",
        "fork,vfork,clone,clone3:error=EAGAIN:when=1",
        "fork,vfork,clone,clone3:error=EAGAIN:when=2",
        "pidfd_open:error=EMFILE:when=1",
        "pidfd_open:error=EMFILE:when=2",
        "timerfd_create:error=EMFILE:when=1",
        "epoll_create1:error=EMFILE:when=1",
        "memfd_create:error=EMFILE:when=1",
        "memfd_create:error=EMFILE:when=2",
        "memfd_create:error=EMFILE:when=3",
        "write:error=ENOSPC:when=1",
        "write:error=ENOSPC:when=2",
        "socket:error=EMFILE:when=1",
        "setsockopt:error=ENOMEM:when=1",
        "bind:error=EADDRINUSE:when=1",
        "bind:error=EACCES:when=1",
        "listen:error=EADDRINUSE:when=1",
        "socketpair:error=EMFILE:when=1",
        "socketpair:error=EMFILE:when=2",
        "sendmsg:error=ENOBUFS:when=1",
        *(f"epoll_ctl:error=ENOMEM:when={i}" for i in range(1, 5)),
    )
    SERVING = (
        "accept4:error=EMFILE:when=1..3",
        "accept4:error=ENFILE:when=1..3",
        "accept4:error=ENOBUFS:when=1..3",
        "accept4:error=ENOMEM:when=2+3",
        "accept4:error=ECONNABORTED:when=1+2",
        "accept4:error=EINTR:when=1+2",
        "accept4:error=EPROTO:when=1+2",
        "sendmsg:error=EAGAIN:when=1..3",
        "sendmsg:error=ENOBUFS:when=1..3",
        "sendmsg:error=ENOMEM:when=2+3",
        "sendmsg:error=ETOOMANYREFS:when=1..3",
        "epoll_wait:error=EINTR:when=1+2",
        "getsockopt:error=ENOTCONN:when=1+2",
        "wait4:error=EINTR:when=1+2",
        "read:error=EINTR:when=1+2",
    )

    def test_b16_turns_longer_than_any_pause(self):
        """A pause that ends while the turn that began it still runs is not
        slept through: the call takes longer than the pause after it."""
        daemon = self.start()
        for served, fault in enumerate((
                "accept4:error=EMFILE", "accept4:error=ENOBUFS",
                "sendmsg:error=ENOBUFS", "sendmsg:error=EMFILE"), 1):
            with self.subTest(fault), Strace(
                    daemon.pid, "trace=" + fault.split(":")[0],
                    f"inject={fault}:delay_exit=60000:when=1"):
                self.assert_served([self.connect(self.port)],
                                   time.monotonic())
        self.assert_at_rest(daemon, served)

    def test_serving(self):
        """Every client is served, whatever call failed for it."""
        daemon = self.start()
        served = 0
        for fault in self.SERVING:
            with self.subTest(fault), Strace(
                    daemon.pid, "trace=" + fault.split(":")[0],
                    "inject=" + fault):
                for _ in range(3):
                    waiting = [self.connect(self.port) for _ in range(4)]
                    served += len(waiting)
                    self.assert_served(waiting, time.monotonic())
                # A call that strace leaves half way gives ENOSYS.
                wait_for(lambda: not daemon.clients(), what="rest")
        self.assert_at_rest(daemon, served)
        wait_for(lambda: children(daemon.pid) == daemon.all_spawners(),
                 what="only spawners")

    def test_accept_of_lost_connections(self):
        """What went wrong with one client is no reason to pause."""
        daemon = self.start()
        with Strace(daemon.pid, "trace=accept4",
                    "inject=accept4:error=ECONNABORTED:when=1+2"):
            for _ in range(10):
                self.assertEqual(greet(self.port), GREETING)
            self.assertEqual(daemon.counters()[None]["accept_failures"], 0)

    def test_accept_never_works(self):
        """What goes wrong each time is no client's error, whatever it is: the
        daemon waits, says so, and goes on within a second."""
        for error in "EPERM", "EINVAL":
            with self.subTest(error):
                daemon = self.start()
                with Strace(daemon.pid, "trace=accept4",
                            f"inject=accept4:error={error}"):
                    waiting = [self.connect(self.port)]
                    daemon.wait_line("accept:", seconds=PATIENCE)
                    before = daemon.counters()[None]["accept_failures"]
                    time.sleep(1)
                    self.assertLess(
                        daemon.counters()[None]["accept_failures"],
                        before + 30)
                self.assert_served(waiting, time.monotonic())
                daemon.stop()

    def test_old_clients(self):
        """Clients that stay are not forgotten when nothing can watch their
        children."""
        daemon = self.start("timeouts = { session = 4; };")
        for fault in ("pidfd_open:error=EMFILE", "pidfd_open:error=ENOMEM",
                      "epoll_ctl:error=ENOSPC"):
            with self.subTest(fault), Strace(
                    daemon.pid, "trace=" + fault.split(":")[0],
                    "inject=" + fault):
                count = self.ended(daemon, "held", "session_timeout")
                held = self.hold(2)
                time.sleep(0.2)
                self.release(daemon, held[:1])
                wait_for(lambda: self.ended(
                    daemon, "held", "session_timeout") == count + 1,
                    what="session timeout")
        self.assertEqual(greet(self.port), GREETING)
        self.assert_balanced(daemon)
        wait_for(lambda: children(daemon.pid) == daemon.all_spawners(),
                 what="only spawners")

    def test_respawn(self):
        """What fails while a spawner is replaced is tried again."""
        daemon = self.start()
        before = len(descriptors(daemon.settle().pid))
        for fault in ("memfd_create:error=EMFILE:when=1",
                      "socketpair:error=ENFILE:when=1",
                      "socketpair:error=EMFILE:when=2",
                      "fork,vfork,clone,clone3:error=EAGAIN:when=1",
                      "pidfd_open:error=EMFILE:when=1",
                      "sendmsg:error=ENOBUFS:when=1",
                      "epoll_ctl:error=ENOMEM:when=1",
                      "epoll_ctl:error=ENOMEM:when=3"):
            with self.subTest(fault), Strace(
                    daemon.pid, "trace=" + fault.split(":")[0],
                    "inject=" + fault):
                pid = self.spawner(daemon)
                os.kill(pid, signal.SIGKILL)
                self.spawner(daemon, besides=pid)
                self.assertEqual(greet(self.port), GREETING)
                daemon.settle()
        failed = [line for line in daemon.log()
                  if line.startswith("spawner failed")]
        self.assertEqual(len(failed), 1, failed)
        self.assertIn("Too many open files", failed[0])
        self.assertEqual(daemon.counters()[None]["spawner_starts"], 9)
        wait_for(lambda: len(descriptors(daemon.pid)) == before,
                 what="as many descriptors as before")
        self.assert_at_rest(daemon, 8)

    @staticmethod
    def backlog(port):
        """Of the listening socket, as the kernel has it."""
        shown = subprocess.run(
            ("ss", "-Hltn", f"sport = :{port}"), check=True, text=True,
            stdout=subprocess.PIPE).stdout.split()
        return int(shown[2])

    def test_b11_reload(self):
        """A reload for which something cannot be had changes nothing."""
        daemon = self.start()
        held = self.hold()
        third = free_port()

        def state():
            return daemon.spawners(), self.backlog(self.port), sorted(
                descriptors(daemon.pid).values())
        daemon.settle()
        wait_for(lambda: sum("pidfd" in name for name in state()[2]) == 3,
                 what="pidfds of the spawners and a client")
        before = state()
        daemon.write_config(self.configuration(
            self.listener('greeting = "new"; backlog = 7;') + ", " +
            self.listener("hold = true;", "held", self.held_port) + ", " +
            self.listener("", "third", third)))
        for fault in self.RELOADING:
            with self.subTest(fault), Strace(
                    daemon.pid, "trace=" + fault.split(":")[0],
                    "inject=" + fault):
                daemon.reload(result="failed")
                self.assertEqual(greet(self.port), GREETING)
                self.assert_held(held)
                wait_for(lambda: state() == before, 3, "all as before")
        with self.assertRaises(ConnectionRefusedError):
            self.connect(third)
        daemon.reload()
        self.assertEqual(self.backlog(self.port), 7)
        self.assertEqual(greet(self.port), b"new")
        self.assertEqual(greet(third), GREETING)
        self.assert_balanced(daemon)

    @UNTRACED
    def test_b18_stop_though_kill_fails(self):
        """Not one of its signals arrives: the spawners go when their sockets
        are closed."""
        daemon = self.start()
        spawners = daemon.settle().all_spawners()
        with Strace(daemon.pid, "trace=kill", "inject=kill:error=EPERM"):
            begin = time.monotonic()
            daemon.signal(signal.SIGTERM)
            self.assertEqual(daemon.wait(PATIENCE), 0)
            self.assertLess(time.monotonic() - begin, PATIENCE / 2)
        self.assertEqual(list(filter(exists, spawners)), [])

    @UNTRACED
    def test_b18_stop_though_spawners_stay(self):
        """Nor do they go by themselves: the daemon says so and ends, and they
        die with it."""
        daemon = self.start()
        spawners = daemon.settle().all_spawners()
        for pid in spawners:
            os.kill(pid, signal.SIGSTOP)
        with Strace(daemon.pid, "trace=kill", "inject=kill:error=EPERM"):
            daemon.signal(signal.SIGTERM)
            self.assertEqual(daemon.wait(PATIENCE), 0)
        self.assertTrue(any(line.startswith("spawner left ")
                            for line in daemon.log()))
        wait_for(lambda: not any(map(exists, spawners)), PATIENCE,
                 "their end")

    def test_b18_rotation_though_kill_fails(self):
        """One that cannot be killed clones nothing that counts."""
        daemon = self.start()
        held = self.hold(2)
        pid = self.spawner(daemon)
        victim = wait_for(daemon.clients)[0]
        with Strace(daemon.pid, "trace=kill", "inject=kill:error=EPERM"):
            os.kill(victim, signal.SIGSEGV)
            self.spawner(daemon, besides=pid)
            self.assertEqual(greet(self.port), GREETING)
        wait_for(lambda: not exists(pid), what="its end")
        self.assertEqual(sum(map(is_held, held)), 1)
        self.assert_balanced(daemon)

    def test_b11_backlog(self):
        """However late it fails, a socket that it keeps is as before."""
        daemon = self.start()
        before = self.backlog(self.port)
        held = self.listener("hold = true;", "held", self.held_port)
        third = self.listener("", "third", free_port())
        old = self.configuration(self.listener() + ", " + held)
        new = self.configuration(
            self.listener("backlog = 7;") + ", " + held + ", " + third)
        failed = 0
        for number in range(1, 15):
            daemon.reload(old)
            daemon.settle()
            self.assertEqual(self.backlog(self.port), before)
            count = len(daemon.lines("reload"))
            with Strace(daemon.pid, "trace=epoll_ctl",
                        f"inject=epoll_ctl:error=ENOMEM:when={number}"):
                daemon.write_config(new)
                daemon.signal(signal.SIGHUP)
                line = daemon.wait_line("reload", count + 1)[-1]
            good = line["result"] == "ok"
            failed += not good
            self.assertEqual(self.backlog(self.port), 7 if good else before)
        self.assertGreater(failed, 3)

    def test_child_too_late(self):
        """A child that asks for the signal of its parent's death when its
        parent is dead already sees that."""
        daemon = self.start()
        spawner = self.spawner(daemon)
        with Strace(spawner, "trace=prctl",
                    "inject=prctl:delay_enter=1000000", follow=True):
            self.connect(self.held_port)
            wait_for(daemon.clients, what="a child")
            os.kill(daemon.pid, signal.SIGKILL)
            daemon.wait()
            time.sleep(0.2)
            self.assertTrue(group_members(spawner), "the delay was no use")
            wait_for(lambda: not group_members(spawner), 5,
                     "end of the late child")


if __name__ == "__main__":
    from harness import main
    main()
