"""Upgrades: the process executes the program that is installed now, and keeps
its pid, its sockets and its clients."""

import contextlib
import fcntl
import itertools
import json
import os
import random
import re
import shutil
import signal
import socket
import struct
import subprocess
import threading
import time
import unittest

from harness import (CTL, DAEMON, IS_ROOT, PATIENCE, Case, Load, Strace,
                     children, close_with_reset, descriptors, exists,
                     free_port, greet, main, needs_root, proc_status, read_all,
                     run, strace_works, wait_for)
from killing import Killer, killer_works
from programs import UNTRACED, Build, is_32_bit

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

    def setUp(self):
        super().setUp()
        self.control = os.path.join(self.folder(), "control")
        self.path = self.install()

    def configuration(self, listeners=None, top=""):
        """With a control socket."""
        text = super().configuration(listeners, top)
        text = text.replace(' control_socket = "";', "")
        return f'control_socket = "{self.control}";\n{text}'

    def start(self, listeners=None, top="", **keywords):
        """A daemon, with a control socket."""
        return self.daemon(listeners, top, as_user=self.as_user,
                           program=self.path, **keywords)

    def ctl(self, *arguments, seconds=60):
        """forkgreetctl; its subprocess.CompletedProcess."""
        return run("-s", self.control, "-w", str(seconds), *arguments,
                   program=CTL)

    def status(self):
        """What status -j says."""
        return json.loads(self.ctl("-j", "status").stdout)

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
            raise AssertionError(
                f"{error}; status {daemon.process.poll()}; the log:\n"
                + "\n".join(daemon.log()[-12:])) from None
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
        if "fsanitize" in Build(os.environ["BUILDDIR"]).variable("SAN_CFLAGS"):
            keys = [key for key in keys if key != "SigCgt"]  # has its own
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
        pids = list(daemon.clients())
        self.assertEqual(len(pids), 2)
        slow = self.connect(large, receive_buffer=4096)
        lingers = self.connect(self.port)
        self.assertEqual(read_all(lingers), b"hi client\n")
        wait_for(lambda: daemon.counters()["main"]["lingering"] == 1)
        for _ in range(2):
            self.upgrade(daemon)
        self.assertEqual([pid for pid in pids if exists(pid)], pids)
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

    def test_rates_stay(self):
        """Of a listener, and of the daemon for all of them."""
        rate, other = "limits = { rate = 0.01; burst = 3; };", free_port()
        for own, top in (rate, ""), ("", rate):
            daemon = self.start(self.listener(own) + ", " + self.listener(
                "", "other", other), top)
            for port in self.port, self.port, other if top else self.port:
                self.assertEqual(greet(port), b"hi client\n")
            self.upgrade(daemon)
            self.assertIn(b"busy", greet(other if top else self.port))
            daemon.wait_line("refused", reason="rate")
            daemon.stop()

    def test_who_was_refused_may_read_it(self):
        """Its connection stays open for a while."""
        daemon = self.start(self.listener(
            'rules = ( { action = "deny"; from = "127.0.0.0/8"; } );'))
        for _ in range(20):
            begin = time.monotonic()
            sock = self.connect(self.port)
            self.assertIn(b"denied", read_all(sock))
            before = self.socket_of(sock)
            self.upgrade(daemon)
            after = self.socket_of(sock)
            if time.monotonic() - begin < 2:  # LINGER_MS
                break  # else it may be over: this machine is slow
        self.assertNotEqual(before, "socket:[0]")
        self.assertEqual(after, before)

    def test_lines_left_out_are_counted(self):
        daemon = self.start(self.listener(
            'rules = ( { action = "deny"; from = "127.0.0.0/8"; } );'))
        for _ in range(5):
            greet(self.port)
        self.upgrade(daemon)
        greet(self.port)
        wait_for(lambda: daemon.counters()["main"]["refused_denied"] == 6)
        self.assertEqual(sum(1 + int(line["suppressed"])
                             for line in daemon.lines("refused")), 6)

    @staticmethod
    def socket_of(sock):
        """The other end of the connection, as /proc/PID/fd has it."""
        ends = [f"0100007F:{port:04X}" for port in (
            sock.getpeername()[1], sock.getsockname()[1])]
        with open("/proc/net/tcp", encoding="ascii") as file:
            return next((f"socket:[{words[9]}]" for words in
                         map(str.split, file) if words[1:3] == ends), None)

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


class UpgradeAsUser(Upgrade):
    """Nothing of it needs root."""
    as_user = True


class More(UpgradeCase):
    """What goes over besides."""

    def test_an_operators_word(self):
        """Without a state file, too."""
        daemon = self.start()
        self.assertEqual(self.ctl("drain", "--reason", "new disk",
                                  "--until", "+1h").returncode, 0)
        before = self.status()["listeners"][0]
        self.upgrade(daemon)
        after = self.status()["listeners"][0]
        self.assertEqual(after["state"], "drain")
        for key in "state", "until", "reason":
            self.assertEqual(after[key], before[key], key)

    def test_metrics(self):
        daemon = self.start()
        for _ in range(4):
            greet(self.port)
        daemon.wait_line("client", 4)

        def metrics():
            """All but gauges, by name with labels."""
            rows = [line.rsplit(" ", 1)
                    for line in self.ctl("metrics").stdout.splitlines()
                    if not line.startswith("#")]
            return {name: value for name, value in rows
                    if re.search("_(total|bucket|sum|count|start_time_seconds)"
                                 "(\\{|$)", name)}
        before = metrics()
        second = int(time.time())
        wait_for(lambda: int(time.time()) > second)
        self.assertGreater(len(before), 40)
        self.assertEqual(
            before["forkgreet_session_duration_seconds_count"], "4")
        before['forkgreet_spawner_starts_total{reason="upgrade"}'] = "1"
        self.upgrade(daemon)
        self.assertEqual(metrics(), before)

    def test_status(self):
        """The daemon has not been started anew."""
        daemon = self.start()
        daemon.reload()
        before = self.status()
        self.upgrade(daemon)
        after = self.status()
        for key in "pid", "reloads", "version":
            self.assertEqual(after[key], before[key], key)
        self.assertGreaterEqual(after["uptime"], before["uptime"])
        self.assertEqual(after["generation"], before["generation"] + 1)

    def test_level_of_the_log(self):
        """It is as temporary as it would be with a reload."""
        daemon = self.start()
        self.ctl("log-level", "debug")
        self.assertTrue(self.status()["log_level_temporary"])
        self.upgrade(daemon)
        self.assertFalse(self.status()["log_level_temporary"])

    def test_lines_that_were_lost_are_counted(self):
        """There is no log server."""
        daemon = self.background(
            config=self.configuration().replace("stderr", "syslog"),
            program=self.path)
        for _ in range(50):
            self.assertEqual(greet(self.port), b"hi client\n")
        dropped = wait_for(lambda: self.status()["log_dropped"] > 50 and
                           self.status()["log_dropped"])
        self.assertEqual(self.ctl("upgrade").returncode, 0)
        self.assertGreater(self.status()["log_dropped"], dropped)
        self.assertEqual(daemon.stop(), 0)

    def test_relative_paths(self):
        """The daemon is in / since it was started."""
        daemon = self.start(wrapper=(
            "sh", "-c", 'cd "${4%/*}" && cp "${1%/*}"/* . && '
            'exec ./forkgreetd -f -c "${4##*/}"', "sh"))
        self.upgrade(daemon)
        self.assertEqual(greet(self.port), b"hi client\n")
        self.upgrade(daemon)

    def test_fewer_places(self):
        """Than there are clients: they stay, and nobody else comes."""
        http = 'format = "http"; timeouts = { request = 20; };'
        daemon = self.start(self.listener(http))
        socks = [self.connect(self.port) for _ in range(10)]
        wait_for(lambda: len(daemon.clients()) == 10)
        daemon.write_config(self.configuration(
            self.listener(http),
            'limits = { max_clients = 2; when_full = "refuse"; };'))
        self.upgrade(daemon)
        self.assertEqual(self.status()["live"], 10)
        request = b"GET / HTTP/1.0\r\n\r\n"
        self.assertIn(b" 503 ", greet(self.port, say=request))
        for sock in socks:
            sock.sendall(request)
            self.assertIn(b" 200 ", read_all(sock))
            sock.close()
        wait_for(lambda: self.status()["live"] == 0)
        self.assertIn(b" 200 ", greet(self.port, say=request))
        self.assert_balanced(daemon)

    def test_those_who_wait_for_a_place(self):
        daemon = self.start(self.listener("hold = true;"),
                            'limits = { max_clients = 1; when_full = '
                            '"queue"; };')
        held = self.connect(self.port)
        self.assertEqual(held.recv(100), b"hi client\n")
        waiting = [self.connect(self.port) for _ in range(3)]
        for _ in range(2):
            self.upgrade(daemon)
        for sock in waiting:
            held.close()
            self.assertEqual(sock.recv(100), b"hi client\n")
            held = sock
        held.close()
        wait_for(lambda: self.status()["live"] == 0)
        self.assertEqual(daemon.counters()["main"]["ended_greeted"], 4)

    def test_a_listener_that_goes(self):
        """Its clients stay, and are counted as its."""
        port = free_port()
        early, held = free_port(), self.listener("hold = true;", "held", port)
        daemon = self.start(", ".join((
            self.listener("", "early", early), held, self.listener())))
        for _ in range(3):
            greet(early)
        wait_for(lambda: daemon.counters()["early"]["ended_greeted"] == 3)
        daemon.reload(self.configuration(held + ", " + self.listener()))
        sock = self.connect(port)
        self.assertEqual(sock.recv(100), b"hi client\n")
        daemon.write_config(self.configuration(
            self.listener("", "first", free_port()) + ", " + self.listener()))
        for _ in range(2):
            self.upgrade(daemon)
        self.assertEqual(daemon.counters()["held"]["live"], 1)
        self.assertEqual(daemon.counters()["-"]["accepted"], 3)
        self.assertEqual(greet(self.port), b"hi client\n")
        sock.close()
        line, = daemon.wait_line("client", listener="held")
        self.assertEqual((line["outcome"], line["bytes"]), ("greeted", "10"))
        with self.assertRaises(ConnectionRefusedError):
            self.connect(port)

    @needs_root
    def test_a_port_that_needs_a_right(self):
        """The right to bind it goes over, and no other."""
        with open("/proc/sys/net/ipv4/ip_unprivileged_port_start",
                  encoding="ascii") as file:
            if int(file.read()) <= 1:
                self.skipTest("no port needs a right here")
        daemon = self.start()
        for port in 81, 82:
            daemon.write_config(self.configuration(
                self.listener() + ", " + self.listener("", "low", port)))
            self.upgrade(daemon)
            self.assertEqual(greet(port), b"hi client\n")

    def test_in_the_background(self):
        """Standard error is gone there: the log cannot go to it."""
        pid_file = os.path.join(self.folder(), "pid")

        def config(target):
            return self.configuration(
                None, f'pid_file = "{pid_file}"; ').replace("stderr", target)
        daemon = self.background(config=config("syslog"), program=self.path)
        begun = os.stat(f"/proc/{daemon.pid}/exe").st_ino
        self.replace("forkgreetd", source=DAEMON)
        daemon.write_config(config("stderr"))
        result = self.ctl("upgrade")
        self.assertEqual(result.returncode, 78)
        self.assertIn('log.target: "stderr" cannot be set by an upgrade',
                      result.stderr)
        self.assertEqual(os.stat(f"/proc/{daemon.pid}/exe").st_ino, begun)
        daemon.write_config(config("syslog"))
        result = self.ctl("upgrade")
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertNotEqual(os.stat(f"/proc/{daemon.pid}/exe").st_ino, begun)
        self.assertEqual(greet(self.port), b"hi client\n")
        self.assertEqual(daemon.stop(), 0)
        self.assertFalse(os.path.exists(pid_file))


class Asked(UpgradeCase):
    """forkgreetctl upgrade."""

    def test_the_new_program_answers(self):
        daemon = self.start()
        with open(DAEMON, "rb") as file:
            program = file.read()
        version = self.status()["version"]
        other = "9" + version[1:]
        self.replace("forkgreetd", program.replace(
            version.encode(), other.encode()))
        result = self.ctl("upgrade")
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertEqual(result.stdout,
                         f"forkgreetd {other}, it was {version}\n")
        self.assertEqual(self.status()["version"], other)
        held = self.connect(self.port)
        self.replace("forkgreetd", program)
        result = json.loads(self.ctl("-j", "upgrade").stdout)
        held.close()
        clients = result.pop("clients")
        self.assertIn(clients, (0, 1))
        if is_32_bit():  # there its own version is not a text in the program
            other = result["was"]
        self.assertEqual(result, {
            "result": "ok", "version": version, "was": other,
            "generation": 3, "errors": [], "warnings": []})
        self.assertEqual(daemon.lines("control")[0]["verb"], "upgrade")

    def test_the_control_sockets_file_stays_its_own(self):
        """A reload leaves it alone while it is there, and makes it again; the
        stop removes it."""
        daemon = self.start()
        for _ in range(2):
            self.upgrade(daemon)
        before = os.stat(self.control)
        daemon.reload()
        self.assertNotIn("control_socket", "\n".join(daemon.log()))
        self.assertTrue(os.path.samestat(before, os.stat(self.control)))
        os.unlink(self.control)
        daemon.reload()
        self.assertIn("was removed, made again", "\n".join(daemon.log()))
        self.status()
        self.upgrade(daemon)
        self.assertEqual(daemon.stop(), 0)
        self.assertFalse(os.path.exists(self.control))

    def test_refused(self):
        """By the program, and by the configuration; with all that it says."""
        daemon = self.start()
        config = self.configuration(self.listener())
        self.replace("forkgreetd", b"no program\n")
        result = self.ctl("upgrade")
        self.assertEqual(result.returncode, 1)
        self.assertIn("Exec format error", result.stderr)
        self.replace("forkgreetd", source=DAEMON)
        daemon.write_config(config.replace("port", "prot").replace(
            "control_socket", "kontrol_socket"))
        result = self.ctl("upgrade")
        self.assertEqual(result.returncode, 78, result.stderr)
        self.assertEqual(result.stdout, "")
        self.assertIn("prot: unknown key", result.stderr)
        self.assertIn("kontrol_socket: unknown key", result.stderr)
        daemon.write_config(self.configuration(
            self.listener(), 'limits = { burst = 3; }; sandbox = "off";'))
        result = self.ctl("-j", "upgrade")
        self.assertEqual(result.returncode, 78)
        answer = json.loads(result.stdout)
        self.assertEqual(answer["result"], "failed")
        self.assertEqual([len(answer[key]) for key in ("errors", "warnings")],
                         [1, 1], answer)
        self.assertIn("sandbox:", answer["errors"][0])
        self.assertIn("limits.burst:", answer["warnings"][0])
        self.assertNotIn("was", answer)
        self.assertEqual(greet(self.port), b"hi client\n")

    def test_warnings(self):
        """Of the configuration, from the new one."""
        daemon = self.start()
        daemon.write_config(self.configuration(
            self.listener(), " limits = { burst = 3; };"))
        result = self.ctl("upgrade")
        self.assertEqual(result.returncode, 0)
        self.assertIn("limits.burst: has no effect", result.stderr)

    def test_who_is_asking_when_it_begins(self):
        """A request that is half said, and one that waits for a reload."""
        daemon = self.start()
        sock = socket.socket(socket.AF_UNIX)
        self.addCleanup(sock.close)
        sock.settimeout(PATIENCE)
        sock.connect(self.control)
        sock.sendall(b"status js")
        self.upgrade(daemon)
        sock.sendall(b"on\n")
        self.assertIn(b'"version"', read_all(sock))

    def test_many_at_a_time(self):
        """Upgrades and reloads, each of which somebody waits for."""
        daemon = self.start()
        with Load(self.port, threads=1) as load:
            for _ in range(4):
                verbs = ["upgrade"] * 4 + ["reload"] * 4 + ["status"] * 4
                random.shuffle(verbs)
                asking = [subprocess.Popen(
                    [CTL, "-s", self.control, "-w", "60", verb],
                    stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                    text=True) for verb in verbs]
                said = [process.communicate()[1] for process in asking]
                self.assertEqual(
                    [(verb, process.returncode, text) for verb, process, text
                     in zip(verbs, asking, said)],
                    [(verb, 0, "") for verb in verbs])
            load.wait_more(10)
        self.assertEqual(load.failures, [])
        self.assert_balanced(daemon)

    def test_signals_at_any_time(self):
        """None of them is lost: what came last holds in the end."""
        daemon = self.start()
        with Load(self.port, threads=1, greetings=[
                f"{n}\n".encode() for n in range(30)] + [b"hi client\n"]) as load:
            for n in range(30):
                daemon.write_config(self.configuration(
                    self.listener(f'greeting = "{n}\\n";')))
                os.kill(daemon.pid, random.choice(
                    (signal.SIGHUP, signal.SIGUSR2)))
                time.sleep(random.uniform(0, 0.02))
            wait_for(lambda: greet(self.port) == b"29\n",
                     what="the last configuration")
        self.assertEqual(load.failures, [])
        self.assert_balanced(daemon)


class Between(UpgradeCase):
    """The trial has passed: what comes then is not the new program's end."""

    def test_files_change(self):
        """All the time, and are wrong every other time: a new program that
        does not find what its trial found would not start."""
        folder = self.folder()
        text = os.path.join(folder, "text")
        included = os.path.join(folder, "x.d", "one.conf")
        os.mkdir(os.path.dirname(included))
        listener = self.listener(f'greeting_file = "{text}";')
        good = self.configuration(
            listener, f'include = "{os.path.dirname(included)}/*.conf";')
        more = free_port()
        self.write(text, "hi client\n")
        self.write(included, f"listeners = ( {{ port = {more}; }} );\n")
        daemon = self.daemon(config=good, program=self.path)
        stop = threading.Event()

        def change():
            while not stop.is_set():
                for config, add in (("prot = 1;", "listeners = 1;"),
                                    (good, None)):
                    daemon.write_config(config)
                    if add is None:
                        self.write(included, "listeners = ( { port = "
                                   f"{more}; }} );\n")
                        self.write(text, "hi client\n")
                    else:
                        os.unlink(text)
                        os.unlink(included) if random.random() < 0.5 else \
                            self.write(included, add)
                    time.sleep(random.uniform(0, 0.01))
        thread = threading.Thread(target=change)
        thread.start()
        results = []
        try:
            with Load(self.port, threads=1) as load:
                while results.count(0) < 10 or results.count(78) < 3:
                    results.append(self.ctl("upgrade").returncode)
                    self.assertIn(results[-1], (0, 78))
                    self.assertLess(len(results), 500)
        finally:
            stop.set()
            thread.join()
        self.assertEqual(load.failures, [])
        self.assert_balanced(daemon)

    @staticmethod
    def write(path, text):
        with open(path + ".new", "w", encoding="ascii") as file:
            file.write(text)
        os.rename(path + ".new", path)

    @contextlib.contextmanager
    def stopped_trial(self, daemon):
        """An upgrade has begun, and its trial, which has read all files, stands
        still until the context has been left."""
        def trial():
            for pid in children(daemon.pid):
                if (proc_status(pid).get("Name") == "forkgreetd" and any(
                        proc_status(child).get("Name") == "forkgreet-spawn"
                        for child in children(pid))):
                    return pid
            return None

        def ended():
            return sum(line["result"] in ("ok", "failed")
                       for line in daemon.lines("upgrade"))
        pid, deadline = None, time.monotonic() + 2 * PATIENCE
        while pid is None:  # it may be over before we have seen it
            self.assertLess(time.monotonic(), deadline, daemon.log()[-3:])
            before = ended()
            os.kill(daemon.pid, signal.SIGUSR2)
            while (pid is None and ended() == before and
                   time.monotonic() < deadline):
                pid = trial()
            with contextlib.suppress(ProcessLookupError, TypeError):
                os.kill(pid, signal.SIGSTOP)
            if pid is not None and not exists(pid):
                pid = None
        try:
            wait_for(lambda: proc_status(pid)["State"].startswith("T"))
            yield
        finally:
            os.kill(pid, signal.SIGCONT)

    def test_what_comes_meanwhile(self):
        """A reload, another upgrade: they come after it."""
        daemon = self.start(self.listener('greeting = "0\\n";'))
        for text, number in ("1", signal.SIGHUP), ("2", signal.SIGUSR2):
            with self.stopped_trial(daemon):
                daemon.write_config(self.configuration(
                    self.listener(f'greeting = "{text}\\n";')))
                os.kill(daemon.pid, number)
                self.assertEqual(greet(self.port).decode(),
                                 f"{int(text) - 1}\n")
            wait_for(lambda: greet(self.port).decode() == f"{text}\n",
                     what="what was written meanwhile")
            self.assertEqual(
                [line["result"] for line in daemon.lines("reload")], ["ok"])
        self.assertEqual(daemon.lines("upgrade")[-1]["result"], "ok")

    def test_a_program_that_comes_meanwhile(self):
        """The one that was tried is executed; the next upgrade finds it."""
        daemon = self.start()
        with self.stopped_trial(daemon):
            self.replace("forkgreetd", source=DAEMON)
        wait_for(lambda: daemon.lines("upgrade")[-1]["result"] == "ok")
        self.upgrade(daemon)
        self.assertEqual(os.readlink(f"/proc/{daemon.pid}/exe"), self.path)

    def test_a_state_file_that_is_lost(self):
        """No reason to end, once it serves: what it would say is known."""
        folder = self.folder()
        if IS_ROOT:
            os.chmod(folder, 0o777)
        state = os.path.join(folder, "state")
        lock = state + ".lock"
        daemon = self.daemon(
            config=self.configuration().replace(
                'state_file = "";', f'state_file = "{state}";'),
            as_user=self.as_user, program=self.path)
        self.assertEqual(self.ctl("drain").returncode, 0)
        owner = os.stat(lock)
        with self.stopped_trial(daemon):
            os.unlink(lock)
            other = open(lock, "w", encoding="ascii")
            self.addCleanup(other.close)
            os.chown(lock, owner.st_uid, owner.st_gid)
            fcntl.lockf(other, fcntl.LOCK_EX)
        wait_for(lambda: daemon.lines("upgrade")[-1]["result"] == "ok")
        self.assertIn("what forkgreetctl orders is not kept",
                      "\n".join(daemon.log()))
        self.assertEqual(self.status()["listeners"][0]["state"], "drain")

    def test_what_comes_when_it_begins(self):
        """A reload that is asked for while the new program starts."""
        daemon = self.start(self.listener('greeting = "0\\n";'))
        for text in "123":
            begun = len(daemon.lines("upgrade"))
            os.kill(daemon.pid, signal.SIGUSR2)
            wait_for(lambda: any(line["result"] == "executing" for line in
                                 daemon.lines("upgrade")[begun:]))
            daemon.write_config(self.configuration(
                self.listener(f'greeting = "{text}\\n";')))
            os.kill(daemon.pid, signal.SIGHUP)
            wait_for(lambda: greet(self.port).decode() == f"{text}\n",
                     what="what was written meanwhile")

    def test_a_text_that_comes_meanwhile(self):
        """Clients get the new text once, and never the old one again."""
        text = os.path.join(self.folder(), "text")
        self.write(text, "old\n")
        daemon = self.start(self.listener(
            f'greeting_file = "{text}"; refresh = 0.1;'))
        begun = time.monotonic()
        with self.stopped_trial(daemon):
            self.write(text, "new\n")
            got = [greet(self.port)]
            while time.monotonic() < begun + 1.5:  # it would be new by then
                got.append(greet(self.port))

        def greets(wanted):
            got.append(greet(self.port))
            return wanted()
        wait_for(lambda: greets(
            lambda: daemon.lines("upgrade")[-1]["result"] == "ok"))
        for _ in range(2):
            wait_for(lambda: greets(lambda: got[-1] == b"new\n"))
        self.assertEqual([text for text, _ in itertools.groupby(got)],
                         [b"old\n", b"new\n"])

    @needs_root
    @UNTRACED
    @unittest.skipUnless(strace_works(), "needs root and strace")
    def test_what_it_starts(self):
        """Nothing can be started for a while, neither its reader nor its
        spawner: clients wait, and are served."""
        daemon = self.start(self.listener("hold = true;"))
        held = self.connect(self.port)
        self.assertEqual(held.recv(100), b"hi client\n")
        keys = "CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"
        rights = [proc_status(daemon.pid)[key] for key in keys]
        for when in "2..4", "3..5":  # the trial is the first
            with Strace(daemon.pid, "inject=clone,clone3:error=EAGAIN:when="
                        + when):
                self.upgrade(daemon)
        said = "\n".join(daemon.log())
        self.assertRegex(said, "reader: .*temporarily unavailable")
        self.assertRegex(said, "spawner: .*temporarily unavailable")
        self.assertGreater(said.count("upgrade: trying again"), 2)
        self.assertEqual([proc_status(daemon.pid)[key] for key in keys],
                         rights)
        self.assertEqual(self.connect(self.port).recv(100), b"hi client\n")
        held.close()
        line, = daemon.wait_line("client")
        self.assertEqual(line["outcome"], "greeted")

    @needs_root
    @UNTRACED
    @unittest.skipUnless(strace_works(), "needs root and strace")
    def test_a_stop_while_it_lacks_something(self):
        """It is not forgotten."""
        daemon = self.start(self.listener("hold = true;"))
        held = self.connect(self.port)
        self.assertEqual(held.recv(100), b"hi client\n")
        with Strace(daemon.pid, "inject=clone,clone3:error=EAGAIN:when=2..7"):
            os.kill(daemon.pid, signal.SIGUSR2)
            wait_for(lambda: any("trying again" in line
                                 for line in daemon.log()))
            os.kill(daemon.pid, signal.SIGTERM)
            daemon.wait_line("stop")
            held.close()
            self.assertEqual(daemon.process.wait(PATIENCE), 0)
        line, = daemon.lines("client")
        self.assertEqual(line["outcome"], "greeted")

    @needs_root
    @UNTRACED
    @unittest.skipUnless(strace_works(), "needs root and strace")
    def test_it_is_not_tried_for_ever(self):
        daemon = self.start()
        with Strace(daemon.pid, "inject=clone,clone3:error=EAGAIN:when=2+"):
            os.kill(daemon.pid, signal.SIGUSR2)
            self.assertEqual(daemon.process.wait(PATIENCE), 71)
        self.assertEqual("\n".join(daemon.log()).count(
            "upgrade: trying again"), 9)

    def test_a_stop_is_orderly(self):
        """Whenever it comes: exit status 0, and what was begun ends."""
        for _ in range(10):
            daemon = self.start(self.listener("hold = true;"))
            held = self.connect(self.port)
            self.assertEqual(held.recv(100), b"hi client\n")
            os.kill(daemon.pid, signal.SIGUSR2)
            time.sleep(random.uniform(0, 0.03))
            os.kill(daemon.pid, signal.SIGTERM)
            daemon.wait_line("stop")
            held.close()
            self.assertEqual(daemon.process.wait(PATIENCE), 0)
            line, = daemon.lines("client")
            self.assertEqual(line["outcome"], "greeted")


class UnderLoad(UpgradeCase):
    """Clients come all the time."""

    COUNT = 20

    def test_nobody_is_refused(self):
        daemon = self.start()
        with Load(self.port, threads=2) as load:
            for _ in range(self.COUNT):
                self.upgrade(daemon)
        self.assertEqual(load.failures, [])
        wait_for(lambda: daemon.counters()["main"]["live"] == 0)
        counters = daemon.counters()["main"]
        self.assertEqual(counters["accepted"], load.served)
        self.assertEqual(counters["ended_greeted"], load.served, counters)


    def test_everything_at_once(self):
        """200 reloads, 20 upgrades, 50 spawners that are killed, in any
        order: each greeting is one of the two, and each client is counted."""
        texts = ["a" * 3000 + "\n", "b" * 5000 + "\n"]

        def config(text):
            return self.configuration(
                self.listener(f'greeting = "{text[:-1]}\\n";'))
        daemon = self.daemon(config=config(texts[0]), program=self.path)
        steps = ["reload"] * 200 + ["upgrade"] * 20 + ["kill"] * 50
        random.shuffle(steps)
        with Load(self.port, [text.encode() for text in texts],
                  threads=2) as load:
            for n, step in enumerate(steps):
                if step == "kill":
                    for pid in daemon.spawners()[:1]:
                        with contextlib.suppress(ProcessLookupError):
                            os.kill(pid, signal.SIGKILL)
                    continue
                daemon.write_config(config(texts[n % 2]))
                result = self.ctl(step)
                self.assertEqual(result.returncode, 0, result.stderr)
        self.assertEqual(load.failures, [])
        wait_for(lambda: daemon.counters()["main"]["live"] == 0)
        counters = daemon.counters()
        self.assertEqual(counters["main"]["accepted"], load.served)
        self.assertEqual(counters["main"]["ended_greeted"], load.served)
        self.assertEqual(counters[None]["reloads_ok"], 200)


class Killed(UpgradeCase):
    """kill -9 during an upgrade: a start works at once."""

    @needs_root
    @UNTRACED
    @unittest.skipUnless(killer_works(), "needs root, and to trace")
    def test_at_its_calls(self):
        """Before each kind of call that the upgrade makes, the first and the
        last of it; make check-upgrade does it at each call."""
        stride = os.environ.get("UPGRADE_KILLS") == "all"
        calls = self.calls()
        self.assertGreater(len(calls), 100)
        self.assertIn("execveat", calls)
        points = range(1, len(calls) + 1) if stride else sorted(
            {calls.index(name) + 1 for name in calls} |
            {len(calls) - calls[::-1].index(name) for name in calls})
        for when in points:
            with self.subTest(when=when, call=calls[when - 1]):
                self.kill_at(when)

    def begin(self):
        """A daemon that has no upgrade behind it, and a held client."""
        pid_file = os.path.join(self.folder(), "pid")
        daemon = self.start(
            self.listener("hold = true;"), f'pid_file = "{pid_file}";')
        with open(daemon.config, encoding="utf-8") as file:
            self.config = file.read()
        daemon.settle()
        return daemon

    def start_again(self):
        """At once."""
        return self.daemon(config=self.config, program=self.path)

    def calls(self):
        """The names of the master's calls in one upgrade."""
        daemon = self.begin()
        with Killer(daemon.pid) as killer:
            self.upgrade(daemon)
        daemon.end()
        return [call.call for call in killer.calls() if call.process == 1]

    def kill_at(self, when):
        """The upgrade's call number when kills the daemon, before it."""
        daemon = self.begin()
        with Killer(daemon.pid, count=when):
            with contextlib.suppress(ProcessLookupError):  # killed already
                os.kill(daemon.pid, signal.SIGUSR2)
            wait_for(lambda: daemon.process.poll() is not None or
                     any(line["result"] == "ok"
                         for line in daemon.lines("upgrade")),
                     what="its end")
        daemon.process.kill()
        daemon.process.wait(PATIENCE)
        another = self.start_again()
        self.assertEqual(self.connect(self.port).recv(100), b"hi client\n")
        another.end()

    def test_the_trial(self):
        """It is killed at any time, or what the new program starts is: the
        daemon goes on."""
        daemon = self.begin()
        for _ in range(10):
            before = set(children(daemon.pid))
            ended = len(self.ends(daemon))

            def trial():
                return next((pid for pid in set(children(daemon.pid)) - before
                             if proc_status(pid).get("Name") == "forkgreetd"
                             or len(self.ends(daemon)) > ended), None)
            os.kill(daemon.pid, signal.SIGUSR2)
            pid = wait_for(trial, what="the trial")
            time.sleep(random.uniform(0, 0.01))
            if len(self.ends(daemon)) == ended:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            wait_for(lambda: len(self.ends(daemon)) > ended)
            self.assertEqual(self.connect(self.port).recv(100),
                             b"hi client\n")
        daemon.stop()

    @staticmethod
    def ends(daemon):
        """How upgrades ended."""
        return [line["result"] for line in daemon.lines("upgrade")
                if line["result"] in ("ok", "failed")]

    @needs_root
    def test_the_trial_ends_with_the_daemon(self):
        """Stopped, so that it is there: it has the listening sockets."""
        daemon = self.begin()
        before = set(children(daemon.pid))

        def trial():
            """It has read the configuration, or reads it."""
            for pid in set(children(daemon.pid)) - before:
                if (proc_status(pid).get("Name") == "forkgreetd" and
                        children(pid)):
                    return pid
            return None
        pid = None
        while pid is None:  # it may be over before we have seen it
            ended = len(self.ends(daemon))
            os.kill(daemon.pid, signal.SIGUSR2)
            while pid is None and len(self.ends(daemon)) == ended:
                pid = trial()
            before = set(children(daemon.pid)) - {pid}
        os.kill(pid, signal.SIGSTOP)
        daemon.process.kill()
        daemon.process.wait(PATIENCE)
        another = self.start_again()
        self.assertEqual(self.connect(self.port).recv(100), b"hi client\n")
        self.assertFalse(exists(pid))
        another.end()


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

    def assert_refused(self, *cases):
        """Each of (what it is, its content, the reason that is given)."""
        daemon = self.start()
        for what, content, reason in cases:
            with self.subTest(what):
                self.replace("forkgreetd", content)
                self.assert_goes_on(daemon, reason)
        self.replace("forkgreetd", source=DAEMON)
        self.upgrade(daemon)

    def test_programs(self):
        self.assert_refused(
            ("no program", b"no program\n", "Exec format error"),
            ("empty", b"", "Exec format error"),
            ("another architecture", self.foreign(), "Exec format error"),
            # Those are of 64 bits, which the daemon's deny list may not let
            # make calls.
            ("refuses", self.other("false"), "status 1|signal 31"),
            ("hands nothing over", self.other("true"),
             "not forkgreetd|signal 31"))

    def test_an_older_program(self):
        self.assert_refused(
            ("an older one", self.older(), "of another format"))

    def test_programs_that_go_wrong(self):
        self.assert_refused(
            ("crashes", self.beginning(b"\x0f\x0b"), "signal 4"),
            ("says no end", self.beginning(  # write(1, rsp, 256) for ever
                bytes.fromhex("b801000000 bf01000000 4889e6 ba00010000 0f05"
                              "ebea")), "says too much"))

    @UNTRACED
    @unittest.skipUnless(strace_works(), "needs root and strace")
    def test_a_program_that_says_no_more(self):
        """It is waited for, and not asked again and again."""
        daemon = self.start().settle()
        before = set(children(daemon.pid))
        self.replace("forkgreetd", self.beginning(  # close 1 and 2, pause
            bytes.fromhex("b803000000 bf01000000 0f05 b803000000 bf02000000"
                          "0f05 b822000000 0f05 ebf7")))
        os.kill(daemon.pid, signal.SIGUSR2)
        pid = wait_for(lambda: next(iter(set(children(daemon.pid)) - before),
                                    None), what="the trial")
        wait_for(lambda: not {1, 2} & set(descriptors(pid)))
        trace = os.path.join(self.folder(), "trace")
        with Strace(daemon.pid, output=trace):
            time.sleep(1)
        with open(trace, encoding="ascii", errors="replace") as file:
            self.assertLess(len(list(file)), 50, "it spins")
        os.kill(pid, signal.SIGKILL)
        daemon.wait_line("upgrade", result="failed")
        self.assertEqual(greet(self.port), b"hi client\n")

    @staticmethod
    def other(name):
        """Another program."""
        with open(shutil.which(name), "rb") as file:
            return file.read()

    @staticmethod
    def beginning(code):
        """Ours, but for its first instructions; those of x86-64."""
        with open(DAEMON, "rb") as file:
            program = bytearray(file.read())
        if (program[4], *program[18:20]) != (2, 62, 0):
            raise unittest.SkipTest("not a program of x86-64")
        entry, = struct.unpack_from("<Q", program, 24)
        program[entry:entry + len(code)] = code
        return bytes(program)

    @staticmethod
    def foreign():
        """A program of a machine that nobody has."""
        with open(DAEMON, "rb") as file:
            program = bytearray(file.read())
        struct.pack_into("<H", program, 18, 0x1234)
        return bytes(program)

    @staticmethod
    def older():
        """Ours, but for the version of the state that it knows."""
        with open(DAEMON, "rb") as file:
            program = file.read()
        version = struct.pack("<Q", 0x6667737461746501)
        if version not in program:
            raise unittest.SkipTest("the state's version is not in one piece")
        return program.replace(version, struct.pack("<Q", 0x6667737461746500))

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
        spawners = set(daemon.spawners())
        config = self.configuration()
        keys = ['sandbox = "off";', f'state_file = "{self.control}.s";',
                'pid_file = "/run/other.pid";', 'control_group = "daemon";',
                f'control_socket = "{self.control}2";']
        if IS_ROOT:
            keys.append('user = "daemon";')
        for key in keys:
            name = key.split(" ", maxsplit=1)[0]
            with self.subTest(name):
                without = re.sub(f'{name} = "[^"]*";', "", config)
                daemon.write_config(without.rstrip("\n") + key + "\n")
                result = self.ctl("upgrade")
                self.assertEqual(result.returncode, 78)
                self.assertRegex(result.stderr, f"conf:[0-9]*: {name}: .* "
                                 "cannot be set by an upgrade, expected ")
        daemon.write_config(config)
        self.assertEqual(set(daemon.spawners()), spawners)
        self.upgrade(daemon)

    def test_state_by_hand(self):
        """What is not a state is not believed."""
        for value in "3", "x", "999":
            daemon = self.daemon(ready=False, env={"FORKGREET_STATE": value})
            self.assertEqual(daemon.process.wait(PATIENCE), 64)


if __name__ == "__main__":
    main()
