"""Upgrades: the process executes the program that is installed now, and keeps
its pid, its sockets and its clients."""

import os
import shutil
import signal
import struct
import threading
import time

from harness import (DAEMON, IS_ROOT, PATIENCE, Case, close_with_reset,
                     connect, descriptors, exists, free_port, greet, main,
                     proc_status, read_all, wait_for)

PROGRAMS = ("forkgreetd", "forkgreet-reader", "forkgreet-spawner")


class UpgradeCase(Case):
    """A daemon with programs of its own, which may be replaced."""

    def install(self):
        """Copies of the programs, in a folder; the daemon's path."""
        folder = self.folder()
        os.chown(folder, os.geteuid(), os.getegid())
        for name in PROGRAMS:
            shutil.copy(os.path.join(os.path.dirname(DAEMON), name), folder)
        return os.path.join(folder, "forkgreetd")

    def replace(self, name, content=None, source=None):
        """As dpkg(1) does: another file has the name then."""
        path = os.path.join(os.path.dirname(self.path), name)
        if source is not None:
            shutil.copy(source, path + ".new")
        else:
            with open(path + ".new", "wb") as file:
                file.write(content)
        os.chmod(path + ".new", 0o755)
        os.rename(path + ".new", path)

    def start(self, *arguments, **keywords):
        """A daemon."""
        self.path = self.install()
        return self.daemon(*arguments, program=self.path, **keywords)

    def upgrade(self, daemon, result="ok"):
        """Once, to its end; the line that says how."""
        ended = len(daemon.lines("upgrade"))
        os.kill(daemon.pid, signal.SIGUSR2)

        def found():
            for line in daemon.lines("upgrade")[ended:]:
                if line["result"] in ("ok", "failed"):
                    return line
            return None
        try:
            line = wait_for(found, what="the upgrade's end")
        except AssertionError as error:
            raise AssertionError(f"{error}; status {daemon.process.poll()}; the log:\n" + "\n".join(
                daemon.log()[-12:])) from None
        self.assertEqual(line["result"], result, line)
        return line


class Upgrade(UpgradeCase):
    """What goes over."""

    def test_the_process_stays(self):
        daemon = self.start()
        begun = os.stat(f"/proc/{daemon.pid}/exe").st_ino
        for _ in range(3):
            self.replace("forkgreetd", source=DAEMON)
            self.upgrade(daemon)
            now = os.stat(f"/proc/{daemon.pid}/exe").st_ino
            self.assertNotEqual(now, begun)
            begun = now
            self.assertEqual(greet(self.port), b"hi client\n")
        self.assertEqual(proc_status(daemon.pid)["Name"], "forkgreetd")
        self.assertEqual(daemon.stop(), 0)

    def test_rights_stay_given_up(self):
        """No more than before: identity, capabilities, filters, descriptors."""
        daemon = self.start()
        daemon.settle()
        keys = ("Uid", "Gid", "Groups", "NoNewPrivs", "Seccomp",
                "Seccomp_filters", "CapInh", "CapPrm", "CapEff", "CapBnd",
                "CapAmb", "SigBlk", "SigIgn", "SigCgt", "Umask")
        before = {key: proc_status(daemon.pid).get(key) for key in keys}
        fds = len(descriptors(daemon.pid))
        for _ in range(5):
            self.upgrade(daemon)
        daemon.settle()
        self.assertEqual({key: proc_status(daemon.pid).get(key)
                          for key in keys}, before)
        self.assertLessEqual(len(descriptors(daemon.pid)), fds)
        if IS_ROOT:  # not dumpable: the files belong to root
            self.assertEqual(os.stat(f"/proc/{daemon.pid}/environ").st_uid, 0)
        with open(f"/proc/{daemon.pid}/environ", "rb") as file:
            self.assertNotIn(b"FORKGREET_TRIAL", file.read())

    def test_clients_end_as_they_would(self):
        """Held ones, ones that do not take it all, ones that linger; with
        their own outcome, bytes and duration."""
        held, large = free_port(), free_port()
        daemon = self.start(", ".join((
            self.listener(),
            self.listener("hold = true;", "held", held),
            self.listener(f'greeting = "{"x" * 500000}"; '
                          "timeouts = { send = 30; };", "large", large))))
        ends, resets = self.connect(held), self.connect(held)
        for sock in ends, resets:
            self.assertEqual(sock.recv(100), b"hi client\n")
        slow = self.connect(large, receive_buffer=4096)
        lingers = self.connect(self.port)
        self.assertEqual(read_all(lingers), b"hi client\n")
        wait_for(lambda: daemon.counters()["main"]["lingering"] == 1)
        pids = set(daemon.clients())
        for _ in range(2):
            self.upgrade(daemon)
        self.assertLessEqual(pids, {pid for pid in pids if exists(pid)})
        ends.close()
        close_with_reset(resets)
        lingers.close()
        self.assertEqual(len(read_all(slow)), 500000)
        slow.close()
        daemon.wait_line("client", 4)
        outcomes = {(line["listener"], line["outcome"], line["bytes"])
                    for line in daemon.lines("client")}
        self.assertEqual(outcomes, {
            ("held", "greeted", "10"), ("held", "reset", "10"),
            ("large", "greeted", "500000"), ("main", "greeted", "10")})
        self.assertEqual([line["id"] for line in daemon.lines("client")
                          if int(line["duration_ms"]) > 60000], [])
        self.assert_balanced(daemon)

    def test_deadlines_stay(self):
        """Of a client that is held over the upgrade."""
        daemon = self.start(self.listener(
            "hold = true; timeouts = { session = 3; };"))
        begin = time.monotonic()
        sock = self.connect(self.port)
        self.assertEqual(sock.recv(100), b"hi client\n")
        self.upgrade(daemon)
        daemon.wait_line("client", outcome="session_timeout")
        self.assertGreater(time.monotonic() - begin, 2.5)

    def test_limits_stay(self):
        """Clients of a source, and its rate, are counted on."""
        limits = ("limits = { max_clients_per_source = 2; "
                  "rate_per_source = 0.01; burst_per_source = 3; };")
        daemon = self.start(self.listener("hold = true;" + limits))
        socks = [self.connect(self.port) for _ in range(2)]
        for sock in socks:
            self.assertEqual(sock.recv(100), b"hi client\n")
        self.upgrade(daemon)
        self.assertIn(b"too many", read_all(self.connect(self.port)))
        daemon.wait_line("refused", reason="busy_per_source")
        socks[0].close()
        wait_for(lambda: daemon.counters()["main"]["live"] == 1)
        self.assertEqual(self.connect(self.port).recv(100), b"hi client\n")
        wait_for(lambda: daemon.counters()["main"]["live"] == 2)
        socks[1].close()
        wait_for(lambda: daemon.counters()["main"]["live"] == 1)
        self.upgrade(daemon)
        self.assertIn(b"too", read_all(self.connect(self.port)))
        daemon.wait_line("refused", reason="rate_per_source")

    def test_counters_stay(self):
        daemon = self.start()
        for _ in range(5):
            greet(self.port)
        daemon.wait_line("client", 5)
        before = daemon.counters()
        self.upgrade(daemon)
        after = daemon.counters()
        self.assertEqual(after["main"], before["main"])
        for key in "sent_bytes", "child_cpu_us", "reloads_ok":
            self.assertEqual(after[None][key], before[None][key], key)
        greet(self.port)
        line, = daemon.wait_line("client", id="6")
        self.assertEqual(line["outcome"], "greeted")

    def test_configuration_is_read(self):
        """An upgrade is a reload, too."""
        daemon = self.start()
        other = free_port()
        daemon.write_config(self.configuration(
            self.listener('greeting = "new\\n";') + ", " +
            self.listener("", "other", other)))
        self.upgrade(daemon)
        self.assertEqual(greet(self.port), b"new\n")
        self.assertEqual(greet(other), b"hi client\n")

    def test_pid_file_stays_locked(self):
        """And another start is refused by it."""
        pid_file = os.path.join(self.folder(), "pid")
        daemon = self.start(top=f'pid_file = "{pid_file}";')
        self.upgrade(daemon)
        with open(pid_file, encoding="ascii") as file:
            self.assertEqual(int(file.read()), daemon.pid)
        other = self.daemon(self.listener(port=free_port()),
                            f'pid_file = "{pid_file}";', ready=False)
        self.assertEqual(other.process.wait(PATIENCE), 75)
        self.assertIn(f"pid {daemon.pid}", "\n".join(other.log()))


class Load(UpgradeCase):
    """Clients come all the time."""

    COUNT = 20

    def test_nobody_is_refused(self):
        daemon = self.start()
        stop = threading.Event()
        failed, counts = [], []

        def loop():
            n = 0
            while not stop.is_set():
                try:
                    sock = connect(self.port)
                    if read_all(sock) != b"hi client\n":
                        failed.append("text")
                    sock.close()
                    n += 1
                except OSError as error:
                    failed.append(error)
            counts.append(n)
        threads = [threading.Thread(target=loop) for _ in range(2)]
        for thread in threads:
            thread.start()
        try:
            for _ in range(self.COUNT):
                self.upgrade(daemon)
        finally:
            stop.set()
            for thread in threads:
                thread.join()
        self.assertEqual(failed, [])
        wait_for(lambda: daemon.counters()["main"]["live"] == 0)
        counters = daemon.counters()["main"]
        self.assertEqual(counters["accepted"], sum(counts))
        self.assertEqual(counters["ended_greeted"], sum(counts), counters)


class Refused(UpgradeCase):
    """A program that will not do: the old one goes on, and says why."""

    def assert_goes_on(self, daemon, reason):
        """After a refused upgrade; the reason is in the log."""
        pids = set(daemon.spawners())
        line = self.upgrade(daemon, "failed")
        self.assertRegex(line["reason"], reason)
        self.assertEqual(greet(self.port), b"hi client\n")
        self.assertEqual(set(daemon.spawners()), pids)
        self.assert_balanced(daemon)

    def test_programs(self):
        cases = (
            ("no program", b"no program\n", "Exec format error"),
            ("empty", b"", "Exec format error"),
            ("another architecture", self.foreign(), "Exec format error"),
            ("crashes", self.crashing(), "signal 4"),
            ("refuses", self.other("false"), "status 1"),
            ("hands nothing over", self.other("true"), "not one of ours"),
        )
        daemon = self.start()
        for what, content, reason in cases:
            with self.subTest(what):
                self.replace("forkgreetd", content)
                self.assert_goes_on(daemon, reason)
        self.replace("forkgreetd", source=DAEMON)
        self.upgrade(daemon)

    @staticmethod
    def other(name):
        """Another program."""
        with open(shutil.which(name), "rb") as file:
            return file.read()

    @staticmethod
    def crashing():
        """Ours, but for its first instructions."""
        with open(DAEMON, "rb") as file:
            program = bytearray(file.read())
        entry, = struct.unpack_from("<Q", program, 24)
        program[entry:entry + 8] = b"\x0f\x0b" * 4  # ud2
        return bytes(program)

    @staticmethod
    def foreign():
        """A program of a machine that nobody has."""
        with open(DAEMON, "rb") as file:
            program = bytearray(file.read())
        struct.pack_into("<H", program, 18, 0x1234)
        return bytes(program)

    def test_no_program(self):
        daemon = self.start()
        os.unlink(self.path)
        self.assert_goes_on(daemon, "No such file")

    def test_untrusted_program(self):
        daemon = self.start()
        os.chmod(self.path, 0o777)
        self.assert_goes_on(daemon, "write")

    def test_spawner(self):
        """The trial is one of the new spawner, too."""
        daemon = self.start()
        self.replace("forkgreet-spawner", b"#!/bin/sh\nexit 1\n")
        self.assert_goes_on(daemon, "spawner")

    def test_configuration(self):
        daemon = self.start()
        daemon.write_config(self.configuration(self.listener("prot = 1;")))
        self.assert_goes_on(daemon, "prot")

    def test_what_needs_a_restart(self):
        daemon = self.start()
        daemon.write_config(self.configuration(
            self.listener(), 'sandbox = "off";'))
        self.assert_goes_on(daemon, "sandbox")

    def test_state_by_hand(self):
        """What is not a state is not believed."""
        for value in "3", "x", "999":
            daemon = self.daemon(ready=False, env={"FORKGREET_STATE": value})
            self.assertEqual(daemon.process.wait(PATIENCE), 64)


if __name__ == "__main__":
    main()
