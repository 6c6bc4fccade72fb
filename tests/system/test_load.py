"""forkgreet --load: counts, percentiles and histogram of a server whose every
answer is known."""

import json
import os
import pty
import re
import resource
import signal
import socket
import subprocess
import threading
import unittest

from test_client import CLIENT, PATIENCE, reset, unused

BY_SIZE = ("p50", "p90", "p99", "p99.9", "max")


def greeted(connection, _stopping):
    connection.sendall(b"hi client\n")


def silent(_connection, _stopping):
    """The stream ends at once."""


def cut_off(connection, _stopping):
    reset(connection)


def late(connection, stopping):
    stopping.wait(0.15)
    connection.sendall(b"hi client\n")


def held(_connection, stopping):
    stopping.wait(PATIENCE)


class Many:
    """Serves connection number i, counted from 0, with answers[i modulo their
    number], each in its thread; number 0 is the one that looks for the
    address."""

    def __init__(self, answers):
        self.answers = answers
        self.stopping = threading.Event()
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=512)
        self.port = self.listener.getsockname()[1]
        self.accepted = 0
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        while True:
            connection, _ = self.listener.accept()
            if self.stopping.is_set():
                connection.close()
                return
            answer = self.answers[self.accepted % len(self.answers)]
            self.accepted += 1
            threading.Thread(target=self.serve, daemon=True,
                             args=(connection, answer)).start()

    def serve(self, connection, answer):
        with connection:
            try:
                answer(connection, self.stopping)
                connection.shutdown(socket.SHUT_WR)
                connection.recv(1)
            except OSError:
                pass  # reset by us, or the client went

    def stop(self):
        self.stopping.set()
        socket.create_connection(("127.0.0.1", self.port)).close()
        self.thread.join(PATIENCE)
        self.listener.close()


class LoadCase(unittest.TestCase):
    def serve(self, *answers):
        server = Many(answers)
        self.addCleanup(server.stop)
        return server

    def start(self, port, total, at, *arguments, **more):
        return subprocess.Popen(
            [CLIENT, "--load", "-n", str(total), "-c", str(at), *arguments,
             "-p", str(port)], stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, **more)

    def object_of(self, status, *arguments, **more):
        process = self.start(*arguments, "-j", **more)
        out, err = process.communicate(timeout=PATIENCE)
        self.assertEqual((process.returncode, err), (status, b""), out)
        said = json.loads(out)
        self.assertEqual(sum(said["ends"].values()), said["ended"])
        return said

    def ends(self, said):
        return {name: n for name, n in said["ends"].items() if n}


class Counts(LoadCase):
    def test_all_greeted(self):
        server = self.serve(greeted)
        said = self.object_of(0, server.port, 300, 7)
        self.assertEqual(self.ends(said), {"greeted": 300})
        self.assertEqual(server.accepted, 301)
        for times in "first_byte_seconds", "end_of_stream_seconds":
            values = [said[times][name] for name in BY_SIZE]
            self.assertEqual(values, sorted(values))
            self.assertGreater(values[0], 0)
        self.assertEqual(sum(said["histogram_us"].values()), 300)
        self.assertAlmostEqual(said["per_second"] * said["seconds"], 300,
                               delta=1)

    def test_each_kind(self):
        server = self.serve(greeted, silent, cut_off, greeted)
        said = self.object_of(3, server.port, 40, 4)
        self.assertEqual(self.ends(said),
                         {"greeted": 20, "short": 10, "reset": 10})

    def test_timed_out(self):
        server = self.serve(held)
        said = self.object_of(2, server.port, 6, 3, "-w", "0.3")
        self.assertEqual(self.ends(said), {"timeout": 6})

    def test_late(self):
        """A greeting that ends after the time is none, whenever that is."""
        server = self.serve(late)
        for seconds in "0.02", "0.11":
            said = self.object_of(2, server.port, 6, 3, "-w", seconds)
            self.assertEqual(self.ends(said), {"timeout": 6})

    def test_at_a_time(self):
        """Held connections are as many as were asked for."""
        server = self.serve(held)
        said = self.object_of(2, server.port, 11, 4, "-w", "0.5")
        self.assertEqual((said["at_a_time"], server.accepted), (4, 12))

    def test_nobody_there(self):
        port = unused(self, socket.AF_INET, "127.0.0.1")
        process = self.start(port, 5, 1)
        out, err = process.communicate(timeout=PATIENCE)
        self.assertEqual((process.returncode, out), (1, b""))
        self.assertIn(b"Connection refused", err)

    def test_too_many_at_a_time(self):
        """Fewer descriptors than are asked for: said before the load."""
        def limited():
            resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))
        server = self.serve(greeted)
        process = self.start(server.port, 500, 200, preexec_fn=limited)
        out, err = process.communicate(timeout=PATIENCE)
        self.assertEqual((process.returncode, out), (71, b""))
        self.assertIn(b"descriptors for 200 at a time", err)

    def test_ports_run_out(self):
        """In a network with 20 local ports; the report says what it was."""
        if os.geteuid() != 0 or subprocess.run(
                ["unshare", "-n", "true"], check=False,
                capture_output=True).returncode != 0:
            self.skipTest("no right to make a network namespace")
        script = (
            'ip link set lo up; echo 40000 40019 '
            '>/proc/sys/net/ipv4/ip_local_port_range; exec "$@"')
        server = (
            "import socket, subprocess, sys\n"
            "s = socket.create_server(('127.0.0.1', 4444), backlog=99)\n"
            "sys.exit(subprocess.run(sys.argv[1:]).returncode)\n")
        done = subprocess.run(
            ["unshare", "-n", "sh", "-c", script, "sh", "python3", "-c",
             server, CLIENT, "--load", "-n", "40", "-c", "30", "-w", "0.5"],
            capture_output=True, check=False, timeout=PATIENCE)
        self.assertEqual(done.returncode, 71, done)
        self.assertRegex(done.stdout, rb" \d+ no local port left\n")
        self.assertIn(b"All local ports were in use", done.stdout)


class Report(LoadCase):
    def test_text(self):
        server = self.serve(greeted)
        process = self.start(server.port, 100, 5)
        out, err = process.communicate(timeout=PATIENCE)
        self.assertEqual((process.returncode, err), (0, b""))
        text = out.decode()
        self.assertRegex(text, r"\A100 of 100 connections to 127\.0\.0\.1:%d, "
                         r"5 at a time, in \d+\.\d{3} s\n"
                         r"\d+\.\d greetings a second\n" % server.port)
        self.assertRegex(text, r"\n +100 greeted\n")
        self.assertEqual(text.count("p99.9"), 1)
        rows = re.findall(r"^ +[\d.]+ +(\d+) #*$", text, re.MULTILINE)
        self.assertEqual(sum(map(int, rows)), 100)

    def test_interrupted(self):
        """What there is is printed, and the shell sees the signal."""
        for number in signal.SIGINT, signal.SIGTERM:
            server = self.serve(greeted, greeted, held, greeted)
            process = self.start(server.port, 1000000000, 3, "-j")
            while server.accepted < 10:  # every fourth of three is held
                self.assertIsNone(process.poll())
                server.stopping.wait(0.01)
            process.send_signal(number)
            out, err = process.communicate(timeout=PATIENCE)
            self.assertEqual((process.returncode, err), (-number, b""))
            said = json.loads(out)
            self.assertTrue(said["interrupted"])
            self.assertGreater(said["ends"]["greeted"], 0)
            self.assertGreater(said["unfinished"], 0)

    def test_progress_on_a_terminal_only(self):
        server = self.serve(greeted, held)
        main, terminal = pty.openpty()
        self.addCleanup(os.close, main)
        process = subprocess.Popen(
            [CLIENT, "--load", "-n", "8", "-c", "4", "-w", "0.5", "-p",
             str(server.port)], stdout=subprocess.PIPE, stderr=terminal)
        os.close(terminal)
        out, _ = process.communicate(timeout=PATIENCE)
        shown = b""
        while not shown.endswith(b"\033[K"):
            shown += os.read(main, 65536)  # EIO when that is not the end
        self.assertRegex(shown, rb"\r\[#*\.*\] \d of 8")
        self.assertTrue(shown.endswith(b"\r\033[K"), shown)
        self.assertNotIn(b"\r", out)

    def test_memory_is_bounded(self):
        """It does not grow with the number of connections."""
        def peak(total):
            server = self.serve(greeted)
            process = self.start(server.port, total, 8)
            out = process.stdout.read()
            process.stderr.read()
            _, status, usage = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
            process.stdout.close()
            process.stderr.close()
            self.assertEqual(process.returncode, 0, out)
            return usage.ru_maxrss
        self.assertLess(peak(3000) - peak(100), 1024)


class Usage(LoadCase):
    def test_wrong(self):
        for arguments in (["--load"], ["--load", "-n", "5"],
                          ["--load", "-n", "0", "-c", "1"],
                          ["--load", "-n", "1", "-c", "30001"], ["-n", "5"],
                          ["--load", "-n", "1", "-c", "1", "--warn", "1"]):
            with self.subTest(arguments=arguments):
                done = subprocess.run([CLIENT, *arguments], check=False,
                                      capture_output=True, timeout=PATIENCE)
                self.assertEqual((done.returncode, done.stdout), (64, b""))
                self.assertIn(b"(see forkgreet --help)", done.stderr)


if __name__ == "__main__":
    from harness import main
    main()
