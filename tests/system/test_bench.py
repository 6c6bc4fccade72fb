"""The benchmark's own judgement: arguments, events, goals, what is absent.

The benchmark itself takes minutes, see "make bench"."""

import os
import subprocess
import sys
import tempfile
import unittest
import unittest.mock

FOLDER = os.path.join(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__))), "bench")
sys.path.insert(0, FOLDER)

import cpu  # noqa: E402  pylint: disable=wrong-import-position
import peers  # noqa: E402  pylint: disable=wrong-import-position
import plot  # noqa: E402  pylint: disable=wrong-import-position
import report  # noqa: E402  pylint: disable=wrong-import-position
import tracing  # noqa: E402  pylint: disable=wrong-import-position

EXIT_GROUP = 231
CLONE = 56
# A spawner (20) of a master (10) forks a client (30), which ends; 99 is
# somebody else, also in what it forks.
EVENTS = """\
   10 1.000000000:       sched:sched_switch: prev_comm=x prev_pid=0 \
prev_prio=1 prev_state=R ==> next_comm=d next_pid=20 next_prio=1
   20 1.000001000:  raw_syscalls:sys_enter: NR 56 (1, 2, 3, 4, 5, 6)
   20 1.000002000:  page-faults:
   20 1.000003000:  sched:sched_process_fork: comm=s pid=20 child_comm=s \
child_pid=30
   99 1.000003000:  sched:sched_process_fork: comm=s pid=99 child_comm=s \
child_pid=98
   98 1.000003500:  page-faults:
   20 1.000004000:       sched:sched_switch: prev_comm=s prev_pid=20 \
prev_prio=1 prev_state=R ==> next_comm=s next_pid=30 next_prio=1
   30 1.000005000:  raw_syscalls:sys_exit: NR 56 = 0
   30 1.000006000:  raw_syscalls:sys_enter: NR 231 (0, 2, 3, 4, 5, 6)
   -1 1.000009000:       sched:sched_switch: prev_comm=s prev_pid=30 \
prev_prio=1 prev_state=X ==> next_comm=s next_pid=20 next_prio=1
   20 1.000010000:  raw_syscalls:sys_exit: NR 56 = 30
"""


class Arguments(unittest.TestCase):
    """What is refused before anything is started."""

    def bench(self, *arguments):
        """Runs it; returns what came of it."""
        return subprocess.run(
            [sys.executable, "-B", os.path.join(FOLDER, "bench"), *arguments],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            check=False, timeout=60)

    def test_usage(self):
        for arguments in (["--rounds", "0"], ["--rounds", "x"],
                          ["--seconds", "0.01"], ["--at", "1,0"],
                          ["--at", "1,,2"], ["--sections", "throughput,none"],
                          ["--also", "name"], ["--none"]):
            with self.subTest(arguments=arguments):
                done = self.bench(*arguments)
                self.assertEqual(done.returncode, os.EX_USAGE, done.stderr)
                self.assertRegex(done.stderr, "(?m)^bench: ")
                self.assertEqual(done.stdout, "")

    def test_nothing_is_left(self):
        with tempfile.TemporaryDirectory() as folder:
            build = os.path.join(folder, "build")
            scratch = os.path.join(folder, "tmp")
            os.mkdir(build)
            os.mkdir(scratch)
            with unittest.mock.patch.dict(os.environ, TMPDIR=scratch):
                done = self.bench("--sections", "throughput", "--only",
                                  "forkgreetd", build)
            self.assertEqual(done.returncode, os.EX_UNAVAILABLE)
            self.assertIn("forkgreetd: No such file", done.stderr)
            self.assertEqual(os.listdir(scratch) + os.listdir(build), [])


class Peers(unittest.TestCase):
    """Which there are."""

    def test_absent(self):
        with tempfile.TemporaryDirectory() as folder, \
                unittest.mock.patch.dict(os.environ, PATH=folder), \
                unittest.mock.patch.object(peers, "SBIN", ()), \
                unittest.mock.patch.object(peers, "unpacked_folders",
                                           lambda _: []):
            self.assertEqual([peer.path(folder) for peer in peers.PEERS],
                             [None] * len(peers.PEERS))

    def test_unpacked(self):
        with tempfile.TemporaryDirectory() as folder, \
                unittest.mock.patch.dict(os.environ, PATH=folder), \
                unittest.mock.patch.object(peers, "SBIN", ()):
            path = os.path.join(folder, "build-peers/usr/sbin/xinetd")
            os.makedirs(os.path.dirname(path))
            with open(path, "w", encoding="ascii") as file:
                file.write("#!/bin/sh\n")
            os.chmod(path, 0o755)
            xinetd = next(p for p in peers.PEERS if p.name == "xinetd")
            self.assertEqual(xinetd.path(folder), path)

    def test_how_to_install(self):
        for peer in peers.PEERS:
            self.assertIn(f"absent: {peer.name} (apt-get install "
                          f"{peer.package},", peer.absent())


class Events(unittest.TestCase):
    """What is made of perf's events."""

    def read(self, text):
        """What a reader saw."""
        reader = tracing.Reader(10, 20, EXIT_GROUP)
        for line in text.splitlines():
            reader.line(line + "\n")
        return reader.seen

    def test_one_client(self):
        seen = self.read(EVENTS)
        self.assertEqual((seen.clients, seen.exits, seen.lost), (1, 1, 0))
        # The fork took 9 us, 5 of which the client had.
        self.assertEqual(dict(seen.calls),
                         {("spawner", CLONE): [1, 4000, 9000]})
        self.assertEqual(seen.exit_ns, 3000)
        self.assertEqual((seen.started, seen.first_wait), (1, 1000))
        self.assertEqual(dict(seen.faults), {"spawner": 1})
        self.assertEqual(dict(seen.switches), {"spawner": 1, "client": 1})
        self.assertEqual(dict(seen.ran), {"spawner": 4000, "client": 5000})

    def test_lost(self):
        self.assertEqual(self.read(EVENTS + "LOST 17 events!\n").lost, 1)


class Judgement(unittest.TestCase):
    """Goals, times, plots."""

    def test_goals(self):
        for reached, least, met in ((1.3, True, True), (1.29, True, False),
                                    (1.3, False, True), (1.31, False, False)):
            goal = report.Goal("x", reached, 1.3, least=least)
            self.assertEqual(goal.met(), met)
            self.assertIn("yes" if met else "NO", goal.cells())

    def test_spread(self):
        self.assertEqual(report.spread([1, 5, 2, 4, 3]), "2.00 to 4.00")
        self.assertEqual(report.spread([1]), "-")

    def test_own_time_grows(self):
        before = cpu.own_us(os.getpid())
        sum(range(10**6))
        after = cpu.own_us(os.getpid())
        self.assertGreater(after, before)

    def test_plot_without_gnuplot(self):
        series = {"throughput": {"forkgreetd": [(1, 7000), (16, 13000)]}}
        with tempfile.TemporaryDirectory() as folder, \
                unittest.mock.patch.dict(os.environ, PATH=folder):
            said = plot.draw(series, os.path.join(folder, "x.svg"))
            self.assertIn("apt-get install gnuplot-nox", said)
            self.assertEqual(os.listdir(folder), [])
        self.assertIn("1 7000\n16 13000\n", plot.script(series, "x.svg"))


if __name__ == "__main__":
    from harness import main
    main()
