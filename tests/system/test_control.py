"""forkgreetctl and the control socket."""

import contextlib
import json
import os
import signal
import socket
import stat
import subprocess
import tempfile
import threading
import time
import unittest

from harness import (CTL, HOST, IS_ROOT, PATIENCE, StartCase, USER,
                     become_user, cpu_seconds, descriptors, greet, if_also_user, limit,
                     needs_program, needs_root, run, wait_for)

NEW = b"new greeting\n"
REQUEST_MAX = 8192  # CONTROL_REQUEST_MAX
OTHER_USER = 1  # daemon: on every Debian, and no test's daemon runs as that
REFUSALS = ["busy", "rate", "busy_per_source", "rate_per_source", "denied",
            "no_resources"]


def become_other():
    """For preexec_fn: somebody whom the daemon does not know."""
    os.setgroups([])
    os.setresgid(OTHER_USER, OTHER_USER, OTHER_USER)
    os.setresuid(OTHER_USER, OTHER_USER, OTHER_USER)


class ControlCase(StartCase):
    """Tests with a daemon that has a control socket."""

    def setUp(self):
        if self.as_user and not IS_ROOT:
            self.skipTest("all tests run as an ordinary user")
        self.path = os.path.join(self.folder(), "control")

    def configuration(self, listeners=None, top="", path=None):
        """With a control socket."""
        text = super().configuration(listeners, top)
        text = text.replace(' control_socket = "";', "")
        path = self.path if path is None else path
        return f'control_socket = "{path}";\n{text}'

    def ctl(self, *arguments, path=None, **more):
        """Runs forkgreetctl; its subprocess.CompletedProcess."""
        return run("-s", path or self.path, *arguments, program=CTL, **more)

    def good(self, *arguments, **more):
        """The same, which must succeed; its standard output."""
        result = self.ctl(*arguments, **more)
        self.assertEqual((result.returncode, result.stderr), (0, ""))
        return result.stdout

    def status(self):
        """The JSON of status."""
        return json.loads(self.good("-j", "status"))

    def bad(self, status, *arguments, **more):
        """The same, which must end with that status; its standard error."""
        result = self.ctl(*arguments, **more)
        self.assertEqual(result.returncode, status,
                         result.stderr + result.stdout)
        self.assertNotEqual(result.stderr, "")
        return result.stderr

    def dial(self, say=b""):
        """A connection to the control socket."""
        sock = socket.socket(socket.AF_UNIX)
        self.addCleanup(sock.close)
        sock.settimeout(PATIENCE)
        sock.connect(self.path)
        if say:
            # The daemon need not read to the end before it refuses.
            with contextlib.suppress(BrokenPipeError):
                sock.sendall(say)
        return sock

    @staticmethod
    def answer(sock):
        """Status, standard output and standard error in the answer."""
        data = b""
        with contextlib.suppress(ConnectionResetError):
            while part := sock.recv(1 << 16):
                data += part
        header, _, rest = data.partition(b"\n")
        status, out, err = map(int, header.split(b" "))
        assert len(rest) == out + err, data
        return status, rest[:out].decode(), rest[out:].decode()


class Status(ControlCase):
    """status"""

    def test_json(self):
        daemon = self.start(self.listener("hold = true; "
                                          "limits = { max_clients = 7; };"))
        begin = self.status()
        self.assertEqual(begin["pid"], daemon.pid)
        self.assertEqual(begin["version"], run("-V").stdout.split()[1])
        self.assertEqual(begin["sandbox"], "required")
        self.assertEqual(begin["generation"], 1)
        self.assertEqual(begin["max_clients"], 512)
        self.assertEqual(begin["log_dropped"], 0)
        self.assertEqual(begin["reloads"], {"ok": 0, "failed": 0,
                                            "last": None})
        client = self.connect(self.port)
        self.assertEqual(client.recv(100), b"hi client\n")
        row, = self.status()["listeners"]
        self.assertEqual((row["name"], row["live"], row["accepted"],
                          row["max_clients"]), ("main", 1, 1, 7))
        self.assertEqual(row["addresses"], [{
            "address": HOST, "port": self.port, "listening": True}])
        client.close()
        wait_for(lambda: self.status()["live"] == 0, PATIENCE)
        row, = self.status()["listeners"]
        self.assertEqual(sum(row["ended"].values()), 1)
        self.assertEqual(row["ended"]["greeted"], 1)
        self.assertEqual(list(row["refused"]), REFUSALS)
        self.assertLess(begin["uptime"], PATIENCE)

    def test_as_the_counters(self):
        """The names and the numbers are those that USR1 logs."""
        daemon = self.start()
        for _ in range(5):
            self.greets(self.port)
        wait_for(lambda: self.status()["live"] == 0, PATIENCE)
        row, = self.status()["listeners"]
        logged = daemon.counters()["main"]
        flat = {name: row[name] for name in ("accepted", "live", "lingering")}
        for kind in "refused", "ended":
            for name, number in row[kind].items():
                flat[f"{kind}_{name}"] = number
        self.assertEqual(flat, logged)

    def test_people(self):
        self.start()
        self.greets(self.port)
        wait_for(lambda: self.status()["live"] == 0, PATIENCE)
        lines = self.good("status").splitlines()
        for line in ("sandbox     required", "generation  1",
                     "clients     0 of 512, 0 lingering", "reloads     0 ok, 0 failed",
                     "log level   info", "log lines   0 dropped",
                     "listener main",
                     f"  address   {HOST}:{self.port}", "  clients   0 of 512, 0 lingering",
                     "  accepted  1", "  refused   " + ", ".join(
                         f"{reason} 0" for reason in REFUSALS)):
            self.assertIn(line, lines)
        self.assertRegex(lines[0], r"\Aforkgreetd \S+, pid \d+, up \d+ s\Z")
        self.assertTrue([line for line in lines
                         if line.startswith("  ended     greeted 1, ")])

    def test_sandbox_off(self):
        self.start(top='sandbox = "off";')
        self.assertEqual(self.status()["sandbox"], "off")
        self.assertIn("sandbox     off: clients are not confined\n",
                      self.good("status"))

    def test_optional(self):
        """An address that this machine does not have."""
        self.start(self.listener() + ', { name = "far"; '
                   f'address = "192.0.2.77"; port = {self.port}; '
                   'optional = true; }')
        row = self.status()["listeners"][1]
        self.assertEqual([one["listening"] for one in row["addresses"]],
                         [False])
        self.assertIn(f"192.0.2.77:{self.port} (skipped)\n",
                      self.good("status"))

    def test_removed_listener(self):
        """It stays while it has clients, then its numbers do."""
        port = self.port + 1
        daemon = self.start(self.listener() + ", " + self.listener(
            "hold = true;", "other", port))
        client = self.connect(port)
        self.assertEqual(client.recv(100), b"hi client\n")
        daemon.write_config(self.configuration())
        self.good("reload")
        row = self.status()["listeners"][1]
        self.assertEqual((row["name"], row["configured"], row["live"]),
                         ("other", False, 1))
        self.assertIn("listener other (removed by a reload)\n",
                      self.good("status"))
        client.close()
        wait_for(lambda: self.status()["live"] == 0, PATIENCE)
        self.good("reload")
        status = self.status()
        self.assertEqual(len(status["listeners"]), 1)
        self.assertEqual(status["removed"]["accepted"], 1)
        self.assertEqual(status["removed"]["ended"]["greeted"], 1)
        self.assertIn("removed listeners\n", self.good("status"))

    def test_b14_while_stopping(self):
        daemon = self.start(self.listener("hold = true;"),
                            "timeouts = { shutdown = 60; };")
        client = self.connect(self.port)
        self.assertEqual(client.recv(100), b"hi client\n")
        daemon.signal(signal.SIGTERM)
        daemon.wait_line("stop")
        self.assertTrue(self.status()["stopping"])
        self.assertIn("is stopping", self.bad(1, "reload"))
        result = self.ctl("-j", "reload")
        self.assertEqual(result.returncode, 1)
        self.assertEqual(json.loads(result.stdout), {
            "result": "failed", "warnings": [],
            "errors": ["control: the daemon is stopping"]})
        client.close()
        self.assertEqual(daemon.wait(PATIENCE), 0)


@if_also_user
class StatusAsUser(Status):
    """The same, started by an ordinary user."""

    as_user = True


class Reload(ControlCase):
    """reload"""

    def with_greeting(self, greeting):
        text = greeting.decode().replace("\n", "\\n")
        return self.configuration(self.listener(f'greeting = "{text}";'))

    def test_done_when_it_returns(self):
        daemon = self.start()
        for i in range(5):
            greeting = b"greeting %d\n" % i
            daemon.write_config(self.with_greeting(greeting))
            self.assertEqual(self.good("reload"), "")
            self.assertEqual(greet(self.port), greeting)
        status = self.status()
        self.assertEqual(status["generation"], 6)
        self.assertEqual(status["reloads"]["ok"], 5)
        self.assertEqual(status["reloads"]["last"]["result"], "ok")
        self.assertRegex(status["reloads"]["last"]["time"],
                         r"\A\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ\Z")

    def test_json(self):
        daemon = self.start()
        daemon.write_config(self.configuration(
            self.listener() + ", " +
            self.listener("", "other", self.port + 1)))
        self.assertEqual(json.loads(self.good("-j", "reload")), {
            "result": "ok", "generation": 2, "added": 1, "removed": 0,
            "errors": [], "warnings": []})
        daemon.write_config('nonsense = 1;\n"')
        result = self.ctl("-j", "reload")
        self.assertEqual(result.returncode, 78)
        found = json.loads(result.stdout)
        self.assertEqual(found["result"], "failed")
        self.assertEqual("".join(f"forkgreetd: {line}\n"
                                 for line in found["errors"]), result.stderr)

    def as_test(self, daemon, status, text=None):
        """reload must say what -t says."""
        if text is not None:
            daemon.write_config(text)
        test = self.run_with(daemon.config, "-t")
        result = self.ctl("reload")
        self.assertEqual((result.returncode, result.stdout, result.stderr),
                         (status, test.stdout, test.stderr))
        self.assertEqual(test.returncode, status)
        return result.stderr

    def test_says_what_the_test_says(self):
        daemon = self.start()
        bad = self.configuration().replace("port =", "prot =")
        self.assertIn(": unknown key", self.as_test(daemon, 78, bad))
        self.as_test(daemon, 78, '"\x01\n')
        self.as_test(daemon, 78, "".join(f"k{i} = {i};\n" for i in range(40)))
        self.as_test(daemon, 78, self.configuration(self.listener(
            'greeting_file = "/nonexistent/\\"x\\"";')))
        daemon.write_config("")
        os.chmod(daemon.config, 0o666)
        self.assertIn("chmod go-w", self.as_test(daemon, 78))
        os.unlink(daemon.config)
        self.as_test(daemon, 78)
        self.greets(self.port)
        reloads = self.status()["reloads"]
        self.assertEqual((reloads["ok"], reloads["failed"]), (0, 6))
        self.assertEqual(reloads["last"]["result"], "failed")
        self.assertIn(", the last one failed at ", self.good("status"))

    def test_warnings(self):
        """They are said, and are no failure."""
        daemon = self.start()
        text = self.as_test(daemon, 0, self.configuration(
            self.listener("backlog = 65535;")))
        self.assertIn("somaxconn", text)

    def test_cannot(self):
        """Nothing wrong with the file."""
        daemon = self.start()
        with socket.create_server((HOST, 0)) as sock:
            port = sock.getsockname()[1]
            daemon.write_config(self.configuration(
                self.listener("", "other", port)))
            self.assertIn(f"bind {HOST}:{port}: Address already in use",
                          self.bad(1, "reload"))
        self.greets(self.port)

    def test_restart_needed(self):
        daemon = self.start()
        daemon.write_config(self.configuration(path=self.path + "2"))
        self.assertEqual(
            self.bad(78, "reload"),
            f'forkgreetd: {daemon.config}:1: control_socket: "{self.path}2" '
            "cannot be set by a reload, expected "
            f'"{self.path}" until a restart\n')
        self.assertFalse(os.path.exists(self.path + "2"))

    def test_many_at_a_time(self):
        """Each gets its answer, and what was in the file when it asked is in
        force then."""
        daemon = self.start()
        failures = []

        def one():
            for _ in range(5):
                result = self.ctl("reload", "-w", str(PATIENCE))
                if result.returncode != 0:
                    failures.append(result.stderr)
        threads = [threading.Thread(target=one) for _ in range(4)]
        for thread in threads:
            thread.start()
        for i in range(5):
            greeting = b"greeting %d\n" % i
            daemon.write_config(self.with_greeting(greeting))
            daemon.signal(signal.SIGHUP)
            self.good("reload", "-w", str(PATIENCE))
            self.assertEqual(greet(self.port), greeting)
        for thread in threads:
            thread.join()
        self.assertEqual(failures, [])
        self.assertLessEqual(self.status()["reloads"]["ok"], 30)

    def test_while_one_is_running(self):
        """One that has read its file is followed by another: the first is kept
        running by a file that takes a while to be parsed."""
        daemon = self.start()
        daemon.write_config(self.configuration() + "#\n" * 2000000)
        first = self.dial(b"reload\n")
        daemon.wait_line("control", seconds=PATIENCE)
        daemon.write_config(self.with_greeting(NEW))
        second = self.dial(b"reload\n")
        third = self.dial(b"reload json\n")
        self.assertEqual(self.answer(first), (0, "", ""))
        self.assertEqual(self.answer(second), (0, "", ""))
        status, out, _ = self.answer(third)
        self.assertEqual((status, json.loads(out)["result"]), (0, "ok"))
        self.assertEqual(greet(self.port), NEW)

    def test_d12_waiting_reloads_leave_room(self):
        """However many wait for a reload, status is answered at once; one
        beyond those that may wait is told so.  The first is kept running by a
        file that takes a while to be parsed."""
        daemon = self.start()
        daemon.write_config(self.configuration() + "#\n" * 2000000)
        waiting = [self.dial(b"reload\n") for _ in range(12)]
        daemon.wait_line("control", 12, seconds=PATIENCE)
        status, _, err = self.answer(self.dial(b"reload\n"))
        self.assertEqual(status, 1)
        self.assertIn("too many requests are waiting for one", err)
        status, out, _ = self.answer(self.dial(b"status json\n"))
        self.assertEqual((status, json.loads(out)["reloads"]["ok"]), (0, 0))
        daemon.write_config(self.configuration())
        for peer in waiting:
            self.assertEqual(self.answer(peer)[0], 0)

    def test_after_one_that_fails(self):
        """Nothing else wakes the loop for the one that was asked for
        meanwhile."""
        daemon = self.start()
        for i in range(8):
            daemon.write_config("#\n" * 500000 + "nonsense")
            first = self.dial(b"reload\n")
            daemon.wait_line("control", 2 * i + 1, seconds=PATIENCE)
            daemon.write_config(self.configuration())
            second = self.dial(b"reload\n")
            self.assertIn(self.answer(first)[0], (0, 78))
            self.assertEqual(self.answer(second), (0, "", ""))

    def test_coalesced(self):
        """Those who ask while the daemon is busy share one reload."""
        daemon = self.start()
        daemon.signal(signal.SIGSTOP)
        daemon.signal(signal.SIGHUP)
        peers = [self.dial(b"reload\n") for _ in range(4)]
        daemon.signal(signal.SIGCONT)
        for peer in peers:
            self.assertEqual(self.answer(peer), (0, "", ""))
        self.assertLessEqual(self.status()["reloads"]["ok"], 2)

    def test_stop_meanwhile(self):
        """Who waits is told."""
        daemon = self.start()
        daemon.signal(signal.SIGSTOP)
        peer = self.dial(b"reload\n")
        daemon.signal(signal.SIGTERM)
        daemon.signal(signal.SIGCONT)
        status, _, err = self.answer_or_end(peer)
        self.assertEqual(daemon.wait(PATIENCE), 0)
        if status is not None:
            self.assertIn((status, err), [
                (1, "forkgreetd: control: the daemon is stopping\n"),
                (0, "")])

    def answer_or_end(self, sock):
        """The answer; all None when the daemon ended before it."""
        try:
            return self.answer(sock)
        except ValueError:
            return None, None, None

    def test_asker_goes_away(self):
        """The reload is done all the same, and its place is free again."""
        daemon = self.start()
        for _ in range(20):
            self.dial(b"reload\n").close()
        daemon.write_config(self.with_greeting(NEW))
        self.good("reload", "-w", str(PATIENCE))
        self.assertEqual(greet(self.port), NEW)

    def test_places_change_hands(self):
        """Those who come when others have gone are not taken for them, not
        even while the parser that has just been forked has the others'
        connections too."""
        daemon = self.start()
        for _ in range(20):
            daemon.signal(signal.SIGSTOP)
            for _ in range(4):
                self.dial(b"reload\n").close()
            stay = [self.dial(b"reload\n") for _ in range(8)]
            daemon.signal(signal.SIGCONT)
            for sock in stay:
                self.assertEqual(self.answer(sock), (0, "", ""))

    @needs_root
    def test_asker_leaves_nothing(self):
        """No descriptor stays open (only root can see them)."""
        daemon = self.start()
        before = len(descriptors(daemon.settle().pid))
        for _ in range(20):
            self.dial(b"reload\n").close()
        self.good("reload", "-w", str(PATIENCE))
        wait_for(lambda: len(descriptors(daemon.pid)) == before, PATIENCE,
                 "closed connections")


@if_also_user
class ReloadAsUser(Reload):
    """The same, started by an ordinary user."""

    as_user = True


class Hostile(ControlCase):
    """Whoever is at the other end: clients are served and others answered."""

    def setUp(self):
        super().setUp()
        self.daemon_ = self.start()

    def refuses(self, request, *texts):
        status, out, err = self.answer(self.dial(request))
        self.assertEqual((status, out), (64, ""))
        for text in texts:
            self.assertIn(text, err)

    def test_garbage(self):
        for request in (b"\n", b" \n", b"statu\n", b"statusx\n", b"status \n",
                        b"status json x\n", b"status  json\n", b"STATUS\n",
                        b"\0\n", b"\xff\xfe\n", b"GET / HTTP/1.1\r\n",
                        b"status json\0\0\n", b"status\r\n", b"client\n",
                        b"status listener=main\n", b"status level=info\n",
                        b"reload source=::1\n", b"top json\n",
                        b"clients until=5\n", b"clients json json\n",
                        b"clients source=::1 source=::1\n"):
            with self.subTest(request):
                self.refuses(request, "expected one of status clients")
        self.assertNotIn(b"\x1b", self.refused_raw(b"\x1b[2J\n"))
        self.assertEqual(self.status()["live"], 0)

    def refused_raw(self, request):
        sock = self.dial(request)
        data = b""
        while part := sock.recv(4096):
            data += part
        return data

    def test_too_long(self):
        self.refuses(b"x" * REQUEST_MAX, "too long")
        self.refuses(b"x" * 100000, "too long")
        self.refuses(b"status" + b" " * (REQUEST_MAX - 6), "too long")

    def test_in_pieces(self):
        sock = self.dial()
        for byte in b"status json\n":
            sock.sendall(bytes([byte]))
            time.sleep(0.01)
        status, out, err = self.answer(sock)
        self.assertEqual((status, err), (0, ""))
        self.assertEqual(json.loads(out)["pid"], self.daemon_.pid)

    def test_more_than_a_request(self):
        """What follows is not read."""
        sock = self.dial(b"status json\nreload\n" * 3)
        self.assertEqual(self.answer(sock)[0], 0)
        self.assertEqual(self.status()["reloads"]["ok"], 0)

    def test_half(self):
        """One that never ends its line is ended; nobody waits for it."""
        slow = self.dial(b"stat")
        begin = time.monotonic()
        self.status()
        self.greets(self.port)
        self.assertLess(time.monotonic() - begin, 4, "it was waited for")
        self.assertEqual(slow.recv(1), b"")

    def test_closes_its_half(self):
        sock = self.dial(b"status json\n")
        sock.shutdown(socket.SHUT_WR)
        self.assertEqual(self.answer(sock)[0], 0)
        sock = self.dial(b"stat")
        sock.shutdown(socket.SHUT_WR)
        self.assertEqual(sock.recv(1), b"")

    def test_hundred_connections(self):
        """Silent ones make room for one that asks."""
        silent = [self.connect_or_none() for _ in range(100)]
        begin = time.monotonic()
        self.status()
        self.greets(self.port)
        self.assertLess(time.monotonic() - begin, 4, "silent ones in the way")
        self.assertGreater(sum(sock is not None for sock in silent), 60)

    @needs_root
    def test_hundred_descriptors(self):
        """Few are open at a time (only root can see them)."""
        before = len(descriptors(self.daemon_.settle().pid))
        silent = [self.connect_or_none() for _ in range(100)]
        self.status()
        self.assertLessEqual(len(descriptors(self.daemon_.pid)), before + 25)
        for sock in silent:
            if sock is not None:
                sock.close()
        wait_for(lambda: len(descriptors(self.daemon_.pid)) == before,
                 PATIENCE, "closed connections")

    def connect_or_none(self):
        """The queue may be full when the machine is busy."""
        sock = socket.socket(socket.AF_UNIX)
        self.addCleanup(sock.close)
        sock.setblocking(False)
        try:
            sock.connect(self.path)
        except BlockingIOError:
            return None
        return sock

    def test_does_not_read(self):
        """An answer that is not taken is waited for a while, by nobody else.
        A small buffer of ours makes it too large for the socket."""
        listeners = ", ".join(
            f'{{ name = "{"n" * 50}{i}"; address = "127.9.{i}.1"; '
            f'port = {self.port}; }}' for i in range(250))
        self.daemon_.write_config(self.configuration(listeners))
        self.good("reload", "-w", str(PATIENCE))
        idle = [self.dial(b"status json\n") for _ in range(8)]
        begin = time.monotonic()
        self.assertEqual(len(self.status()["listeners"]), 250)
        self.assertEqual(greet(self.port, "127.9.3.1"), b"hi client\n")
        self.assertLess(time.monotonic() - begin, 4, "they were waited for")
        for sock in idle:
            self.assertEqual(self.answer(sock)[0], 0)

    def test_gone_before_the_answer(self):
        for _ in range(50):
            self.dial(b"status json\n").close()
        self.assertIsNone(self.daemon_.process.poll())
        self.assertEqual(self.status()["pid"], self.daemon_.pid)

    @needs_root
    @needs_program("prlimit")
    def test_out_of_descriptors(self):
        """The loop does not spin, and it works again afterwards."""
        used = len(descriptors(self.daemon_.pid))
        limit(self.daemon_.pid, "nofile", used)
        waits = self.dial(b"status json\n")
        before = cpu_seconds(self.daemon_.pid)
        time.sleep(1)
        self.assertLess(cpu_seconds(self.daemon_.pid) - before, 0.5)
        limit(self.daemon_.pid, "nofile", 1000)
        self.assertEqual(self.answer(waits)[0], 0)


@if_also_user
class HostileAsUser(Hostile):
    """The same, started by an ordinary user."""

    as_user = True


class Allowed(ControlCase):
    """Who may ask."""

    def test_mode(self):
        self.start()
        status = os.stat(self.path)
        self.assertEqual(stat.S_IMODE(status.st_mode), 0o600)
        self.assertEqual(status.st_uid,
                         USER if IS_ROOT else os.geteuid())

    @needs_root
    def test_others(self):
        """By the mode of the file, or by the daemon, if the mode was
        changed; and the log has it."""
        daemon = self.start()
        self.assertIn("Permission denied",
                      self.bad(77, "status", preexec=become_other))
        os.chmod(self.path, 0o666)
        for verb in "status", "reload":
            self.assertIn("not allowed",
                          self.bad(77, verb, preexec=become_other))
        line, = daemon.wait_line("control")[:1]
        self.assertEqual((line["result"], line["uid"]),
                         ("denied", str(OTHER_USER)))
        self.assertEqual(self.status()["reloads"]["ok"], 0)

    @needs_root
    def test_the_daemons_user(self):
        daemon = self.start()
        self.good("status", preexec=become_user)
        self.good("reload", preexec=become_user)
        self.assertEqual(daemon.lines("control")[-1]["uid"], str(USER))


class File(ControlCase):
    """The socket's file."""

    def warns(self, text, **more):
        """The daemon serves, without a control socket, and says why."""
        path = more.pop("path", self.path)
        daemon = self.start(config=self.configuration(path=path), **more)
        self.greets(self.port)
        self.assertTrue([line for line in daemon.log() if line.startswith(
            f"control_socket: {path}: ") and text in line],
            daemon.log())
        return daemon

    def test_removed_at_the_end(self):
        for number in signal.SIGTERM, signal.SIGQUIT:
            daemon = self.start()
            self.assertTrue(os.path.exists(self.path))
            daemon.signal(number)
            self.assertEqual(daemon.wait(PATIENCE), 0)
            self.assertFalse(os.path.lexists(self.path))

    def test_removed_after_a_bad_start(self):
        """Here it is stopped before it serves."""
        with self.stuck_start(lambda program: self.start(
                program=program, ready=False)) as daemon:
            self.assertTrue(os.path.exists(self.path))
            daemon.signal(signal.SIGTERM)
        self.assertEqual(daemon.wait(PATIENCE), 71)
        self.assertFalse(os.path.lexists(self.path))

    def test_survives_reloads(self):
        self.start()
        before = os.stat(self.path).st_ino
        self.good("reload")
        self.assertEqual(os.stat(self.path).st_ino, before)
        self.good("status")

    def test_nobody_inherits_it(self):
        daemon = self.start(self.listener("hold = true;"))
        client = self.connect(self.port)
        self.assertEqual(client.recv(100), b"hi client\n")
        held = self.dial()
        self.good("reload")
        if not os.access("/proc/1/fd", os.R_OK):
            self.skipTest("needs root to look at processes that others may "
                          "not")
        (pid,) = wait_for(lambda: len(daemon.spawners()) == 1
                          and daemon.spawners(), PATIENCE, "one spawner")
        sockets = [target for target in descriptors(pid).values()
                   if target.startswith("socket:")]
        self.assertEqual(len(sockets), 1, "its own to the master")
        held.close()

    def test_stale(self):
        """Left by a daemon that was killed."""
        daemon = self.start()
        daemon.signal(signal.SIGKILL)
        daemon.wait()
        self.assertTrue(os.path.exists(self.path))
        # A spawner that is just made has all it had until its exec.
        wait_for(lambda: "Connection refused" in self.bad(69, "status"))
        daemon = self.start()
        self.assertEqual(self.status()["pid"], daemon.pid)

    @needs_root
    def test_b13_stale_of_another_user(self):
        """Which that user's daemon, or one that ran as root, left: replaced by
        root's, and an ordinary user's says what it is."""
        for owner in OTHER_USER, 0:
            with self.subTest(owner), socket.socket(socket.AF_UNIX) as sock:
                sock.bind(self.path)
                os.chmod(self.path, 0o600)
                os.chown(self.path, owner, owner)
                sock.close()
                if self.as_user:
                    self.warns("another user's socket is there").stop()
                    os.unlink(self.path)
                    continue
                daemon = self.start()
                self.assertEqual(self.status()["pid"], daemon.pid)
                self.assertEqual(daemon.stop(), 0)

    @needs_root
    def test_b13_alive_of_another_user(self):
        """Nothing is taken from one that listens."""
        with socket.socket(socket.AF_UNIX) as sock:
            sock.bind(self.path)
            os.chmod(self.path, 0o600)
            sock.listen()
            self.warns("another user's socket is there" if self.as_user else
                       "another daemon answers there").stop()
            self.assertTrue(os.path.exists(self.path))

    def test_alive(self):
        """Another daemon's is left alone."""
        first = self.start()
        port = self.port + 1
        second = self.start(config=self.configuration(
            self.listener(port=port)))
        self.assertIn(f"control_socket: {self.path}: another daemon answers "
                      "there (continuing without it)", second.log())
        self.greets(port)
        self.assertEqual(self.status()["pid"], first.pid)
        self.assertEqual(second.stop(), 0)
        self.assertEqual(self.status()["pid"], first.pid)

    def test_second_instance(self):
        """The PID file's lock comes first."""
        pid_file = os.path.join(self.folder(), "pid")
        config = f'pid_file = "{pid_file}";\n' + self.configuration()
        first = self.start(config=config)
        self.refused(75, "another instance is running", config=config)
        self.assertEqual(self.status()["pid"], first.pid)

    def test_d12_removed(self):
        """One that was removed comes back with a reload."""
        daemon = self.start()
        os.unlink(self.path)
        daemon.reload()
        self.assertEqual(stat.S_IMODE(os.stat(self.path).st_mode), 0o600)
        self.good("status")
        self.good("reload")
        self.assertEqual(
            sum("made again" in line for line in daemon.log()), 1)
        self.assertEqual(daemon.stop(), 0)
        self.assertFalse(os.path.exists(self.path))

    def test_not_ours_any_more(self):
        """What somebody has put there instead is not removed."""
        daemon = self.start()
        os.unlink(self.path)
        with open(self.path, "w", encoding="ascii"):
            pass
        self.assertEqual(daemon.stop(), 0)
        self.assertTrue(os.path.isfile(self.path))

    def test_something_else_there(self):
        for make in (os.mkdir, os.mkfifo,
                     lambda path: os.symlink("/nonexistent", path),
                     lambda path: os.symlink("/etc/passwd", path),
                     lambda path: os.close(os.open(path, os.O_CREAT))):
            make(self.path)
            before = os.lstat(self.path)
            self.warns("something other than a socket").stop()
            self.assertEqual(os.lstat(self.path).st_ino, before.st_ino)
            if stat.S_ISDIR(before.st_mode):
                os.rmdir(self.path)
            else:
                os.unlink(self.path)

    def test_directory_is_a_link(self):
        link = os.path.join(self.folder(), "link")
        os.symlink(os.path.dirname(self.path), link)
        self.warns("Not a directory", path=link + "/control")
        self.assertEqual(os.listdir(os.path.dirname(self.path)), [])

    def test_others_can_write_the_directory(self):
        for mode in 0o775, 0o757, 0o1777:
            os.chmod(os.path.dirname(self.path), mode)
            self.warns("chmod go-w").stop()
            self.assertFalse(os.path.lexists(self.path))

    @needs_root
    def test_somebody_elses_directory(self):
        os.chown(os.path.dirname(self.path), OTHER_USER, OTHER_USER)
        self.warns("belongs to another user")

    @needs_root
    def test_roots_directory(self):
        """In which the user may not write."""
        os.chown(os.path.dirname(self.path), 0, 0)
        self.warns("Permission denied")

    @needs_root
    def test_no_directory(self):
        """In a place where others than root can write."""
        path = os.path.join(os.path.dirname(self.path), "none", "control")
        self.warns("not made where others than root can write", path=path)
        self.assertFalse(os.path.lexists(os.path.dirname(path)))

    def test_none(self):
        daemon = self.start(config=self.configuration(path=""))
        self.greets(self.port)
        self.assertEqual([line for line in daemon.log()
                          if "control" in line], [])

    def test_too_long(self):
        """sun_path has 108 bytes, one of them a NUL."""
        folder = os.path.dirname(self.path)
        self.path = os.path.join(folder, "x" * (107 - len(folder) - 1))
        self.start()
        self.good("status")
        self.refused(78, "control_socket: \"", "is 108 bytes long, expected "
                     "0 to 107", config=self.configuration(
                         path=self.path + "x"))


@if_also_user
class FileAsUser(File):
    """The same, started by an ordinary user."""

    as_user = True

    def test_somebody_elses_directory(self):
        os.chown(os.path.dirname(self.path), OTHER_USER, OTHER_USER)
        os.chmod(os.path.dirname(self.path), 0o755)
        self.warns("belongs to another user")

    def test_no_directory(self):
        """It is made where that user can make one: in its own, or where anybody
        can, as in an empty volume of a pod."""
        top = os.path.dirname(self.path)
        self.path = os.path.join(top, "run", "control")
        for owner, mode in (None, 0o755), (0, 0o777), (0, 0o2777):
            if owner is not None:
                os.chown(top, owner, owner)
                os.chmod(top, mode)
            daemon = self.start()
            status = os.stat(os.path.dirname(self.path))
            self.assertEqual((stat.S_IMODE(status.st_mode) & 0o777,
                              status.st_uid), (0o755, USER))
            self.good("status")
            self.assertEqual(daemon.stop(), 0)
            os.rmdir(os.path.dirname(self.path))

    def test_no_directory_and_none_is_made(self):
        """Nothing but a warning comes of it."""
        top = os.path.dirname(self.path)
        os.chown(top, 0, 0)
        os.chmod(top, 0o755)
        self.warns("Permission denied",
                   path=os.path.join(top, "run/control")).stop()
        self.warns("No such file or directory",
                   path=os.path.join(top, "a/b/control"))
        self.assertEqual(os.listdir(top), [])


@needs_root
class Directory(ControlCase):
    """What root makes."""

    def setUp(self):
        top = tempfile.mkdtemp(prefix="forkgreet-test-")
        os.chmod(top, 0o755)
        self.top = top
        self.addCleanup(subprocess.run, ["rm", "-rf", top], check=True)
        self.path = os.path.join(top, "run", "control")

    def test_made(self):
        daemon = self.start()
        status = os.stat(os.path.dirname(self.path))
        self.assertEqual((stat.S_IMODE(status.st_mode), status.st_uid,
                          status.st_gid), (0o755, USER, USER))
        self.good("status")
        self.assertEqual(daemon.stop(), 0)
        self.assertFalse(os.path.lexists(self.path))
        self.start()
        self.good("status")

    def test_link_in_its_place(self):
        """It does not become somebody's."""
        target = os.path.join(self.top, "target")
        os.mkdir(target)
        for place in target, os.path.join(self.top, "nowhere"):
            os.symlink(place, os.path.dirname(self.path))
            daemon = self.start()
            self.assertIn(f"control_socket: {self.path}: Not a directory",
                          "\n".join(daemon.log()))
            self.assertEqual(os.stat(target).st_uid, 0)
            self.assertEqual(os.listdir(self.top).count("nowhere"), 0)
            daemon.stop()
            os.unlink(os.path.dirname(self.path))

    def test_no_parent(self):
        self.path = os.path.join(self.top, "a", "b", "control")
        self.assertIn("No such file or directory",
                      "\n".join(self.start().log()))


class Program(unittest.TestCase):
    """forkgreetctl's own ways to fail."""

    def ctl(self, status, *arguments, **more):
        result = run(*arguments, program=CTL, **more)
        self.assertEqual(result.returncode, status, result.stderr)
        if status != 0:
            self.assertEqual(result.stdout, "")
            self.assertTrue(result.stderr.startswith("forkgreetctl: "))
        return result.stdout + result.stderr

    def test_usage(self):
        for arguments in (
                (), ("client",), ("metric",), ("drian",), ("status", "x"),
                ("-x", "status"), ("-s",), ("-s", "", "status"),
                ("-s", "/" + "x" * 107, "status"), ("-w", "0", "status"),
                ("-w", "86401", "status"), ("-w", "1s", "status"),
                ("--nonsense", "status"), ("--help=1",), ("statu",), ("",),
                ("clients", "main"), ("status", "--listener", "main"),
                ("drain", "--source", "::1"), ("clients", "--until", "+1h"),
                ("clients", "--source", ""), ("clients", "--listener", "a b"),
                ("clients", "--listener"), ("top", "-j"), ("top", "main"),
                ("top", "--source", "::1"), ("log-level",),
                ("log-level", "info", "x"), ("log-level", ""),
                ("log-level", "info", "--wait", "1")):
            with self.subTest(arguments):
                self.assertIn("see forkgreetctl --help",
                              self.ctl(64, *arguments))

    def test_help_and_version(self):
        for option in "-h", "--help":
            self.assertTrue(self.ctl(0, option).startswith(
                "usage: forkgreetctl "))
        version = run("-V").stdout.split()[1]
        for option in "-V", "--version":
            self.assertEqual(self.ctl(0, option),
                             f"forkgreetctl {version}\n")

    def test_output_lost(self):
        with open("/dev/full", "w", encoding="ascii") as full:
            result = run("-h", program=CTL, stdout=full)
        self.assertEqual(result.returncode, 71)
        self.assertIn("No space left", result.stderr)

    def test_nobody(self):
        self.assertIn("No such file", self.ctl(
            69, "-s", "/nonexistent/control", "status"))
        self.assertIn("Connection refused", self.ctl(
            69, "-s", "/dev/null", "status"))


class Impostor(unittest.TestCase):
    """forkgreetctl with something else at the other end."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="forkgreet-test-")
        self.addCleanup(folder.cleanup)
        self.path = os.path.join(folder.name, "s")
        self.server = socket.socket(socket.AF_UNIX)
        self.addCleanup(self.server.close)
        self.server.bind(self.path)
        self.server.listen(1)

    def ask(self, reply, verb="status", wait=PATIENCE, close=True):
        """What forkgreetctl makes of the reply."""
        process = subprocess.Popen(
            [CTL, "-s", self.path, "-w", str(wait), verb],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, encoding="latin-1")
        peer, _ = self.server.accept()
        with peer:
            request = peer.recv(100)
            self.assertEqual(request, verb.encode() + b"\n")
            with contextlib.suppress(BrokenPipeError):
                peer.sendall(reply)
            if close:
                peer.close()
            out, err = process.communicate(timeout=PATIENCE)
        return process.returncode, out, err

    def test_answers(self):
        self.assertEqual(self.ask(b"0 2 0\nhi"), (0, "hi", ""))
        self.assertEqual(self.ask(b"78 0 3\nno\n"), (78, "", "no\n"))
        self.assertEqual(self.ask(b"1 1 1\nab", "reload"), (1, "a", "b"))
        self.assertEqual(self.ask(b"0 1 0\nab"), (0, "a", ""))
        large = b"x" * 1000000
        self.assertEqual(self.ask(b"0 1000000 0\n" + large)[1],
                         large.decode())

    def test_nonsense(self):
        for reply in (b"\n", b"0\n", b"0 1\n", b"0 0 0 0\n", b"-1 0 0\n",
                      b"256 0 0\n", b"2 0 0\n", b"0 4194305 0\n",
                      b"0 4194304 1\n", b"0 1 4194304\n", b"x 0 0\n", b"0  0 0\n",
                      b"0 0 0x\n", b"HTTP/1.1 400 Bad Request\r\n\r\n",
                      b"1" * 100):
            with self.subTest(reply):
                status, out, err = self.ask(reply)
                self.assertEqual((status, out), (69, ""))
                self.assertIn("not forkgreetd", err)

    def test_cut_off(self):
        for reply, text in ((b"", "without an answer"),
                            (b"0 5 0\nhi", "before the end"),
                            (b"0 5", "without an answer")):
            with self.subTest(reply):
                status, out, err = self.ask(reply)
                self.assertEqual((status, out), (69, ""))
                self.assertIn(text, err)

    def test_silent(self):
        for reply in b"", b"0 5 0\nhi", b"0":
            with self.subTest(reply):
                status, out, err = self.ask(reply, wait=0.3, close=False)
                self.assertEqual((status, out), (75, ""))
                self.assertIn("timed out", err)

    def test_queue_full(self):
        """Nobody accepts, and the kernel holds no more."""
        waiting = []
        try:
            for _ in range(10):
                sock = socket.socket(socket.AF_UNIX)
                waiting.append(sock)
                sock.setblocking(False)
                sock.connect(self.path)
        except BlockingIOError:
            pass
        else:
            self.fail("the queue is not full")
        finally:
            self.addCleanup(lambda: [sock.close() for sock in waiting])
        result = run("-s", self.path, "-w", "0.3", "status", program=CTL)
        self.assertEqual(result.returncode, 75)


if __name__ == "__main__":
    from harness import main
    main()
