"""The benchmark: a very short one, and its own judgement: arguments, events,
goals, what is absent.

The whole benchmark takes minutes, see "make bench"."""

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import unittest
import unittest.mock

from harness import (BUILDDIR, Case, needs_program, not_under_valgrind,
                     wait_for)

FOLDER = os.path.join(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__))), "bench")
sys.path.insert(0, FOLDER)

import context  # noqa: E402  pylint: disable=wrong-import-position
import cpu  # noqa: E402  pylint: disable=wrong-import-position
import peers  # noqa: E402  pylint: disable=wrong-import-position
import plot  # noqa: E402  pylint: disable=wrong-import-position
import report  # noqa: E402  pylint: disable=wrong-import-position
import server  # noqa: E402  pylint: disable=wrong-import-position
import throughput  # noqa: E402  pylint: disable=wrong-import-position
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


# What it is built of, and is started by "make check".
BUILT = os.path.join(os.environ.get("BUILDDIR", "."), "tests/bench")
EM_X86_64 = 62  # elf(5)


def bench(*arguments, seconds=60):
    """Runs it; returns what came of it."""
    return subprocess.run(
        [sys.executable, "-B", os.path.join(FOLDER, "bench"), *arguments],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        check=False, timeout=seconds)


def has_floor():
    """Whether it is built for an architecture for which it is written."""
    with open(os.path.join(BUILT, context.FLOOR), "rb") as file:
        head = file.read(20)
    return head[4] == 2 and head[18] == EM_X86_64


def rows(text):
    """{what a row of a table begins with: its other cells}, the first such
    row."""
    return {cells[0]: cells[1:] for cells in (
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in reversed(text.splitlines()) if line.startswith("| "))}


@not_under_valgrind("a benchmark of what runs under it")
class Short(Case):
    """A run of what "make check" has built."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        folder = os.path.join(BUILDDIR, "tests/bench")
        os.makedirs(folder)
        for name in "load", context.FLOOR, *context.BOUND:
            shutil.copy(os.path.join(BUILT, name), folder)

    def test_throughput_and_cpu(self):
        # server-filter, which that section starts too, does not serve on i386.
        sections = "throughput,cpu" if has_floor() else "throughput"
        done = bench("--sections", sections, "--rounds", "1",
                     "--seconds", "0.1", "--at", "1,16", "--build", BUILDDIR,
                     "--only", "forkgreetd,server-textbook,server-floor",
                     BUILDDIR, seconds=300)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        table = rows(done.stdout.split("Processor time per client, by")[0])
        for name in "forkgreetd", f"forkgreetd {BUILDDIR}":
            self.assertRegex(table[name][2], r"^[\d,]+ \(\d+\.\d\d\)$")
            self.assertRegex(table[name][3], r"^\d+\.\d( \(\d+\.\d\d\))?$")
            self.assertRegex(done.stdout, rf"(?m)^\* log of {name}: .*"
                             r"\(all there\)$")
        self.assertIn("| forkgreetd by | at a time |", done.stdout)
        self.assertIn("connections/s by those of server-textbook, 16 at a time",
                      rows(done.stdout))
        self.assertEqual("no floor: " in done.stdout, not has_floor())

    @needs_program("haproxy")
    def test_scale(self):
        done = bench("--sections", "scale", "--rounds", "1", "--seconds",
                     "0.1", BUILDDIR, seconds=300)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        if "\nNo control group can be made here" in done.stdout:
            return
        for kind in "tcp", "tcp, PROXY v2", "http", "http, PROXY v2":
            for instances in "straight to one", "1", "2", "3":
                self.assertRegex(
                    done.stdout, rf"(?m)^\| {kind} \| {instances} \| [\d,]+ "
                    r"\| (-|\d+\.\d) \| \d+\.\d \|")
        self.assertIn("| tcp, PROXY v2 | ", done.stdout.split(
            "| a core of an instance |")[1])

    def test_floor_is_two_pages(self):
        if not has_floor():
            done = subprocess.run([os.path.join(BUILT, context.FLOOR)],
                                  stderr=subprocess.PIPE, text=True,
                                  check=False)
            self.assertEqual(done.returncode, os.EX_UNAVAILABLE)
            self.assertIn("written for x86-64 only", done.stderr)
            return
        port = server.free_port(())
        with subprocess.Popen([os.path.join(BUILT, context.FLOOR),
                               str(port)]) as floor:
            try:
                wait_for(lambda: self.greeted(port), what="a greeting")
                self.assertTrue(self.greeted(port))
                with open(f"/proc/{floor.pid}/maps") as file:
                    mapped = [line.split()[:2] for line in file
                              if "[vsyscall]" not in line]
            finally:
                floor.terminate()
        self.assertEqual(
            [(int(end, 16) - int(start, 16), mode) for span, mode in mapped
             for start, end in (span.split("-"),)],
            [(4096, "r-xp"), (4096, "rw-p")])

    def greeted(self, port):
        """Whether a client gets the greeting, and the end of the stream."""
        try:
            with socket.create_connection((server.HOST, port), 30) as client:
                return client.makefile("rb").read() == server.GREETING
        except ConnectionRefusedError:
            return False


class Arguments(unittest.TestCase):
    """What is refused before anything is started."""

    def test_usage(self):
        for arguments in (["--rounds", "0"], ["--rounds", "x"],
                          ["--seconds", "0.01"], ["--at", "1,0"],
                          ["--at", "1,,2"], ["--sections", "throughput,none"],
                          ["--also", "name"], ["--none"]):
            with self.subTest(arguments=arguments):
                done = bench(*arguments)
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
                done = bench("--sections", "throughput", "--only",
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

    def test_ratio_goal(self):
        said = report.Report()
        said.ratio_goal("x", [100, 300, 200], [50, 100, 200], 1.85, (2,),
                        least=False, note="y")
        said.ratio_goal("none known", [], [], 1)
        self.assertEqual([goal.cells() for goal in said.goals],
                         [["x", "≤ 1.85", "2", "2.00", "200 / 100", "NO",
                           "1.00 to 3.00; y"]])

    def test_goals_of_throughput(self):
        names = [context.DAEMON, context.FLOOR, *context.BOUND]
        servers = [server.Server(name, [], 0, "") for name in names]
        for one, rate, us in zip(servers, (14, 21, 10, 5, 20, 28),
                                 (90, 50, 140, 260, 50, 25)):
            one.runs = {at: [{"per_second": rate, "us": us}] * 3
                        for at in (1, 16, 256)}
        bench_ = unittest.mock.Mock(report=report.Report())
        bench_.arguments.at = [1, 16, 256]
        throughput.set_goals(bench_, servers)
        self.assertEqual(
            [(goal.what, goal.wanted, round(goal.reached, 2))
             for goal in bench_.report.goals],
            [(f"CPU per client by that of server-floor, {at} at a time", *rest)
             for at, *rest in ((16, 1.85, 1.8), (256, 1.75, 1.8))] +
            [(f"connections/s by those of {name}, {at} at a time", *rest)
             for name, at, *rest in (("server-textbook", 16, 1.3, 1.4),
                                     ("server-textbook", 256, 1.7, 1.4),
                                     ("server-filter", 16, 2.6, 2.8),
                                     ("server-filter", 256, 3.2, 2.8),
                                     ("server-nofork", 16, 0.48, 0.5),
                                     ("server-nofork", 256, 0.62, 0.5))])

    def test_cell(self):
        one, other = (server.Server(name, [], 0, "") for name in "ab")
        one.runs = {16: [{"us": 3.0, "x": 1}, {"us": 5.0, "x": 1}]}
        other.runs = {16: [{"us": 1.0}, {"us": 2.0}]}
        self.assertEqual(throughput.cell(one, other, 16, "us", "{:.1f}"),
                         "4.0 (2.75)")
        self.assertEqual(throughput.cell(one, other, 16, "x", "{}"), "1.0")
        self.assertEqual(throughput.cell(other, one, 16, "x", "{}"), "-")

    def test_in_turn(self):
        orders = [context.in_turn("abc", number) for number in range(6)]
        self.assertEqual({order[0] for order in orders}, set("abc"))
        for order in orders:
            self.assertEqual(sorted(order), ["a", "b", "c"])
        self.assertEqual({order[order.index("b") - 1] for order in orders
                          if order[0] != "b"}, {"a", "c"})

    def test_spawner_that_gets_clients(self):
        with tempfile.NamedTemporaryFile("w") as log:
            daemon = context.Daemon("d", [], 0, log.name)
            alive = [10, 20]
            daemon.spawners = lambda: alive
            log.write("forkgreetd: spawner start pid=10 generation=1\n"
                      "forkgreetd: client id=1 x=spawner\n"
                      "forkgreetd: spawner start pid=2")
            log.flush()
            self.assertEqual(daemon.spawner(), 10)
            log.write("0 generation=2\n")
            log.flush()
            self.assertEqual(daemon.spawner(), 20)
            self.assertEqual(daemon.spawner(), 20)
            alive.remove(20)
            with self.assertRaisesRegex(server.Failure, "no spawner"):
                daemon.spawner()

    def test_leaders_serve_no_client(self):
        with subprocess.Popen(["sleep", "60"], start_new_session=True) as led:
            try:
                self.assertFalse(context.serves_client(led.pid))
            finally:
                led.kill()
        with subprocess.Popen(["sleep", "60"]) as client:
            try:
                self.assertTrue(context.serves_client(client.pid))
            finally:
                client.kill()

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
