"""Reload (SIGHUP): the new configuration is in force, or all is as it was.
Running clients never notice, and nobody is turned away meanwhile."""

import contextlib
import os
import random
import re
import signal
import socket
import time
import unittest

from harness import (Case, HOST, IS_ROOT, Load, Strace, children, descriptors,
                     exists, free_port, greet, group_members, is_held, limit,
                     needs_program, needs_root, not_under_valgrind, read_all,
                     strace_works, wait_for)

OLD = b"old greeting\n"
NEW = b"new greeting\n"
BUSY = b"busy, try again later\n"
OUT_OF_RESOURCES = b"out of resources, try again later\n"


def quoted(greeting):
    """The bytes as a string of the configuration."""
    return '"' + greeting.decode().replace("\n", "\\n") + '"'


def listening(port):
    """Inode of the socket that listens on the port of 127.0.0.1."""
    local = f"0100007F:{port:04X}"
    with open("/proc/net/tcp", encoding="ascii") as file:
        found = [line.split()[9] for line in file
                 if line.split()[1] == local and line.split()[3] == "0A"]
    return found[0] if found else None


def mappings(pid, name):
    """How often the process has that mapped."""
    with open(f"/proc/{pid}/maps", encoding="ascii") as file:
        return sum(name in line for line in file)


class ReloadCase(Case):
    """What the tests of reloads share."""

    def setUp(self):
        super().setUp()
        self.other_port = free_port()

    def with_greeting(self, greeting, more="", top=""):
        """A configuration with that greeting on self.port."""
        return self.configuration(
            self.listener(f"greeting = {quoted(greeting)}; {more}"), top)

    def main(self, greeting=OLD):
        """The group of "main" on self.port."""
        return self.listener(f"greeting = {quoted(greeting)};")

    def other(self, more=""):
        """The group of "other", which holds its clients."""
        return self.listener("hold = true; " + more, "other",
                             self.other_port)

    def start(self, config):
        """A daemon with that configuration."""
        return self.daemon(config=config, as_user=self.as_user)

    def hold(self, port, greeting=b"hi client\n"):
        """A connection that has been greeted and stays."""
        sock = self.connect(port)
        self.assertEqual(sock.recv(100), greeting)
        return sock

    @staticmethod
    def settle(daemon):
        """Waits until one spawner serves and one is on standby; returns the
        pid of the first."""
        return daemon.settle().spawners()[0]


class Good(ReloadCase):
    """Reloads that succeed."""

    def test_greeting(self):
        """The next client gets the new greeting."""
        daemon = self.start(self.with_greeting(OLD))
        self.assertEqual(greet(self.port), OLD)
        spawner, = daemon.spawners()
        line = daemon.reload(self.with_greeting(NEW))
        self.assertEqual(line, {"_": "reload", "result": "ok",
                                "generation": "2", "added": "0",
                                "removed": "0"})
        self.assertEqual(greet(self.port), NEW)
        self.assertNotEqual(self.settle(daemon), spawner)
        self.assert_balanced(daemon)

    def test_greeting_file(self):
        """A changed greeting_file counts from the next reload on."""
        path = os.path.join(self.folder(), "greeting")

        def write(text):
            with open(path, "wb") as file:
                file.write(text)
        write(OLD)
        daemon = self.start(self.configuration(
            self.listener(f'greeting_file = "{path}";')))
        write(NEW)
        self.assertEqual(greet(self.port), OLD)
        daemon.reload()
        self.assertEqual(greet(self.port), NEW)

    def test_listener(self):
        """One is added, then removed: it closes, its clients stay."""
        daemon = self.start(self.configuration(self.main()))
        inode = listening(self.port)
        self.assertIsNone(listening(self.other_port))
        line = daemon.reload(
            self.configuration(self.main() + ", " + self.other()))
        self.assertEqual((line["added"], line["removed"]), ("1", "0"))
        held = self.hold(self.other_port)
        line = daemon.reload(self.configuration(self.main()))
        self.assertEqual((line["added"], line["removed"]), ("0", "1"))
        with self.assertRaises(ConnectionRefusedError):
            self.connect(self.other_port)
        self.settle(daemon)
        self.assertTrue(is_held(held))
        self.assertEqual(listening(self.port), inode)
        self.assertEqual(greet(self.port), OLD)
        self.assertEqual(daemon.counters()["other"]["live"], 1)
        self.assert_balanced(daemon)
        held.close()
        daemon.wait_line("client", listener="other", outcome="greeted")
        self.assert_balanced(daemon)

    @not_under_valgrind("strace would stop valgrind")
    @unittest.skipUnless(strace_works(), "needs root and strace")
    def test_closed_before_it_is_said(self):
        """Who hears that the reload is done finds the port closed."""
        daemon = self.start(
            self.configuration(self.main() + ", " + self.other()))
        name = f"socket:[{listening(self.other_port)}]"
        number, = (fd for fd, target in descriptors(daemon.pid).items()
                   if target == name)
        trace = os.path.join(self.folder(), "trace")
        with Strace(daemon.pid, "trace=close,write,%network",
                    "signal=none", output=trace):
            daemon.reload(self.configuration(self.main()))
        with open(trace, encoding="ascii") as file:
            text = file.read()
        self.assertRegex(text, rf"(?s)\bclose\({number}\) += 0\n"
                         ".*reload result=ok")

    def test_all_listeners(self):
        """All are replaced by others; then the first comes back."""
        daemon = self.start(self.configuration(self.main()))
        daemon.reload(self.configuration(self.other()))
        self.hold(self.other_port).close()
        with self.assertRaises(ConnectionRefusedError):
            self.connect(self.port)
        daemon.reload(self.configuration(self.main(NEW)))
        self.assertEqual(greet(self.port), NEW)

    def test_renamed(self):
        """Listeners that change their places keep sockets and counters."""
        first, second = (
            self.listener(f"greeting = {quoted(OLD)};", "first"),
            self.listener(f"greeting = {quoted(NEW)};", "second",
                          self.other_port))
        daemon = self.start(self.configuration(first + ", " + second))
        inodes = listening(self.port), listening(self.other_port)
        daemon.reload(self.configuration(second + ", " + first))
        self.assertEqual(greet(self.port), OLD)
        self.assertEqual(greet(self.other_port), NEW)
        daemon.reload(self.configuration(
            first.replace("first", "third") + ", " + second))
        self.assertEqual(greet(self.port), OLD)
        self.assertEqual(inodes,
                         (listening(self.port), listening(self.other_port)))
        daemon.wait_line("client", count=3)
        self.assertEqual({line["id"]: line["listener"]
                          for line in daemon.lines("client")},
                         {"1": "first", "2": "second", "3": "third"})
        self.assert_balanced(daemon)

    def test_nobody_is_turned_away(self):
        """Under load: each client gets the old or the new greeting, whole."""
        both = (self.with_greeting(OLD),
                self.configuration(self.main(NEW) + ", " + self.other()))
        daemon = self.start(both[0])
        inode = listening(self.port)
        held = None
        with Load(self.port, (OLD, NEW)) as load:
            for i in range(30):
                daemon.reload(both[(i + 1) % 2])
                if i == 0:
                    held = self.hold(self.other_port)
                load.wait_more(2)
        self.assertEqual(load.failures, [])
        self.assertLess(load.slowest, 1)
        self.assertEqual(listening(self.port), inode)
        self.assertTrue(is_held(held))
        self.assertEqual(daemon.lines("client")[-1]["outcome"], "greeted")
        wait_for(lambda: len(daemon.clients()) == 1, what="rest")
        self.assertEqual(daemon.counters()["main"]["accepted"], load.served)
        self.assert_balanced(daemon)

    def test_timeouts(self):
        """They are those of the time when the client came."""
        def config(seconds):
            return self.configuration(
                self.other(), f"timeouts = {{ session = {seconds}; }};")
        daemon = self.start(config(30))
        held = self.hold(self.other_port)
        daemon.reload(config(0.4))
        self.assertEqual(read_all(self.hold(self.other_port)), b"")
        daemon.wait_line("client", outcome="session_timeout")
        daemon.reload(config(30))
        later = self.hold(self.other_port)
        time.sleep(0.8)
        self.assertTrue(is_held(held))
        self.assertTrue(is_held(later))

    def test_max_clients_refuse(self):
        """Lowered below those who are there: they stay, nobody is added."""
        def config(number):
            return self.configuration(
                self.other(), f"limits = {{ max_clients = {number}; "
                'when_full = "refuse"; };')
        daemon = self.start(config(10))
        held = [self.hold(self.other_port) for _ in range(3)]
        daemon.reload(config(1))
        self.assertEqual(greet(self.other_port), BUSY)
        self.assertEqual([is_held(sock) for sock in held], [True] * 3)
        for sock in held[:2]:
            sock.close()
        daemon.wait_line("client", count=2)
        self.assertEqual(greet(self.other_port), BUSY)
        held[2].close()
        daemon.wait_line("client", count=3)
        self.hold(self.other_port)
        self.assert_balanced(daemon)

    def test_max_clients_queue(self):
        """The same, and who comes waits; raised again, it is served."""
        def config(number):
            return self.configuration(
                self.other(), f"limits = {{ max_clients = {number}; }};")
        daemon = self.start(config(10))
        held = [self.hold(self.other_port) for _ in range(3)]
        daemon.reload(config(1))
        waiting = self.connect(self.other_port)
        daemon.wait_line("full", clients="3", max_clients="1")
        self.assertTrue(is_held(waiting))
        daemon.reload(config(4))
        self.assertEqual(waiting.recv(100), b"hi client\n")
        self.assertEqual([is_held(sock) for sock in held], [True] * 3)
        self.assert_balanced(daemon)

    def test_log(self):
        """log.level and log.clients hold from then on, for new clients."""
        daemon = self.start(self.with_greeting(OLD))
        greet(self.port)
        daemon.wait_line("client", count=1)
        daemon.reload(self.with_greeting(NEW, 'log = { clients = "none"; };'))
        greet(self.port)
        quiet = self.with_greeting(OLD).replace(
            "log = {", 'log = { level = "warning";')
        before = len(daemon.log())
        daemon.write_config(quiet)
        daemon.signal(signal.SIGHUP)
        wait_for(lambda: greet(self.port) == OLD, what="quiet")
        self.assertEqual([line for line in daemon.log()[before:]
                          if not line.startswith("spawner start")], [])
        daemon.write_config(quiet + "wrong = 1;")
        daemon.signal(signal.SIGHUP)
        daemon.wait_line("reload", result="failed")
        daemon.reload(self.with_greeting(NEW))
        greet(self.port)
        daemon.wait_line("client", count=2)
        self.assertEqual(len(daemon.lines("client")), 2)

    def test_storm(self):
        """Many signals: few reloads, and the newest file is in force."""
        daemon = self.start(self.with_greeting(OLD))
        held = self.connect(self.port)
        for i in range(200):
            daemon.write_config(self.with_greeting(b"greeting %d" % i))
            daemon.signal(signal.SIGHUP)
        wait_for(lambda: greet(self.port) == b"greeting 199",
                 what="the newest file")
        done = daemon.lines("reload")
        self.assertLess(len(done), 200)
        self.assertEqual({line["result"] for line in done}, {"ok"})
        self.assertEqual(held.recv(100), OLD)
        held.close()
        self.settle(daemon)
        self.assert_balanced(daemon)

    def test_spawner_killed(self):
        """Under load, the spawner dies while reloads go on."""
        daemon = self.start(self.with_greeting(OLD))
        luck = random.Random(4444)
        with Load(self.port, (OLD, NEW)) as load:
            for i in range(15):
                daemon.write_config(self.with_greeting((NEW, OLD)[i % 2]))
                daemon.signal(signal.SIGHUP)
                time.sleep(luck.random() * 0.02)
                for pid in daemon.spawners():
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(pid, signal.SIGKILL)
                load.wait_more(2)
                wait_for(lambda: len(daemon.lines("reload")) == i + 1,
                         what="reload")
        self.assertEqual(load.failures, [])
        daemon.reload(self.with_greeting(NEW))
        self.assertEqual(greet(self.port), NEW)
        self.settle(daemon)
        self.assertEqual(daemon.counters()["main"]["accepted"],
                         load.served + 1)
        self.assert_balanced(daemon)

    @needs_root
    def test_nothing_leaks(self):
        """50 good and 50 bad reloads leave nothing behind that the first ten
        have not (an allocator grows with those)."""
        good = (self.with_greeting(OLD),
                self.configuration(self.main(NEW) + ", " + self.other()))
        with socket.create_server((HOST, 0)) as taken:
            bad = (self.with_greeting(OLD, "wrong = 1;"),
                   self.configuration(self.main() + ", " + self.listener(
                       name="taken", port=taken.getsockname()[1])))
            daemon = self.start(good[0])
            before = self.open_files(daemon)
            for i in range(60):
                daemon.reload(good[(i + 1) % 2])
                daemon.reload(bad[i % 2], result="failed")
                if i == 9:
                    maps = self.wait_alone(daemon)
        self.assertLess(self.wait_alone(daemon), maps + 10)
        self.assertEqual(self.open_files(daemon), before)
        counters = daemon.counters()
        self.assertEqual((counters[None]["reloads_ok"],
                          counters[None]["reloads_failed"]), (60, 60))
        self.assertNotIn("taken", counters)

    def open_files(self, daemon):
        """What the master has open, once no spawner is on trial or retired."""
        self.wait_alone(daemon)
        return sorted(name.split(":")[0]
                      for name in descriptors(daemon.pid).values())

    def wait_alone(self, daemon):
        """Until the master has forgotten those that it replaced; returns how
        much it has mapped."""
        self.settle(daemon)
        wait_for(lambda: mappings(daemon.pid, "forkgreet-plan") == 1,
                 what="one plan")
        return mappings(daemon.pid, "")

    @needs_root
    def test_low_port(self):
        """A port below 1024 can be added long after the rights are gone."""
        daemon = self.start(self.with_greeting(OLD))
        port = next(port for port in range(1023, 512, -1) if is_free(port))
        config = self.configuration(
            self.main() + ", " + self.listener(name="low", port=port))
        if self.as_user:
            daemon.reload(config, result="failed")
            self.assertIn("CAP_NET_BIND_SERVICE", "\n".join(daemon.log()))
            self.assertEqual(greet(self.port), OLD)
        else:
            daemon.reload(config)
            self.assertEqual(greet(port), b"hi client\n")


class GoodAsUser(Good):
    """What may differ, started by an ordinary user."""

    as_user = True
    test_all_listeners = test_greeting_file = test_log = None
    test_max_clients_queue = test_max_clients_refuse = None
    test_renamed = test_storm = test_timeouts = None


def is_free(port):
    """True when the port can be bound."""
    with socket.socket() as sock:
        try:
            sock.bind((HOST, port))
            return True
        except OSError:
            return False


class Slow(ReloadCase):
    """Reloads that take their time."""

    def test_service_goes_on(self):
        """While a file is parsed, however long, nobody waits for that."""
        large = "".join(f"# {i:<100}\n" for i in range(180000))
        daemon = self.start(self.with_greeting(OLD))
        group = os.getpgid(daemon.pid)
        daemon.write_config(large + self.with_greeting(NEW))
        with Load(self.port, (OLD, NEW), threads=2) as load:
            load.wait_more(10)
            daemon.signal(signal.SIGHUP)
            parser = wait_for(lambda: group_members(
                group, children(daemon.pid)),
                              what="parser")[0]
            os.kill(parser, signal.SIGSTOP)
            time.sleep(1)
            load.wait_more(10)
            os.kill(parser, signal.SIGCONT)
            daemon.wait_line("reload", result="ok", seconds=10)
            load.wait_more(10)
        self.assertEqual(load.failures, [])
        self.assertLess(load.slowest, 0.8)
        self.assertEqual(greet(self.port), NEW)

    @not_under_valgrind("too slow to be caught in time")
    def test_trial_stuck(self):
        """A new spawner that does not serve is not taken."""
        config = self.with_greeting(OLD)
        daemon = self.start(config)
        stuck = self.catch_trial(daemon, config)
        with Load(self.port, (OLD,), threads=1) as load:
            daemon.wait_line("reload", result="failed", seconds=15)
        self.assertEqual(load.failures, [])
        self.assertIn("not served in 5 s", "\n".join(daemon.log()))
        wait_for(lambda: not exists(stuck), what="its end")
        self.settle(daemon)
        daemon.reload(self.with_greeting(NEW))
        self.assertEqual(greet(self.port), NEW)
        self.assert_balanced(daemon)

    def test_old_spawner_stuck(self):
        """Its clients are served by the new one; a client whose listener is
        gone does not get another one's greeting."""
        daemon = self.start(self.configuration(
            self.main() + ", " + self.other()))
        spawner, = daemon.spawners()
        os.kill(spawner, signal.SIGSTOP)
        waiting = [self.connect(self.port) for _ in range(5)]
        gone = self.connect(self.other_port)
        wait_for(lambda: daemon.counters()[None]["live"] == 6,
                 what="hand-over")
        daemon.reload(self.configuration(self.main(NEW)))
        self.assertEqual(greet(self.port), NEW)
        for sock in waiting:
            self.assertEqual(read_all(sock), NEW)
        self.assertEqual(read_all(gone), OUT_OF_RESOURCES)
        self.assertFalse(exists(spawner))
        wait_for(lambda: not daemon.clients(), what="rest")
        self.assert_balanced(daemon)

    @not_under_valgrind("too slow to be caught in time")
    def test_stop_during_trial(self):
        """The daemon that is to stop does not listen again."""
        config = self.configuration(self.other())
        daemon = self.start(config)
        held = self.hold(self.other_port)
        self.catch_trial(daemon, config)
        reloads = daemon.lines("reload")
        daemon.signal(signal.SIGTERM)
        daemon.wait_line("stop")
        wait_for(lambda: not daemon.all_spawners()[2:], what="end of trial")
        time.sleep(0.2)
        self.assertIsNone(listening(self.port))
        self.assertIsNone(listening(self.other_port))
        self.assertTrue(is_held(held))
        self.assertEqual(daemon.lines("reload"), reloads)
        held.close()
        self.assertEqual(daemon.wait(), 0)

    def catch_trial(self, daemon, config):
        """Reloads NEW to self.port after config, and stops the spawner that
        is on trial for it; returns its pid."""
        for _ in range(20):
            daemon.reload(config)
            known = set(daemon.settle().all_spawners())
            before = len(daemon.lines("reload"))
            daemon.write_config(self.with_greeting(NEW))
            daemon.signal(signal.SIGHUP)
            end = time.monotonic() + 5
            while not (fresh := set(daemon.all_spawners()) - known):
                self.assertLess(time.monotonic(), end, "no spawner")
            os.kill(min(fresh), signal.SIGSTOP)
            time.sleep(0.05)
            if len(daemon.lines("reload")) == before:
                return min(fresh)
            os.kill(min(fresh), signal.SIGCONT)
        return self.skipTest("no trial could be stopped before its end")


class Bad(ReloadCase):
    """Reloads that fail leave everything as it was."""

    def setUp(self):
        super().setUp()
        self.daemon_ = self.start(
            self.configuration(self.main() + ", " + self.other()))
        self.held = self.hold(self.other_port)
        self.daemon_.settle()
        self.before = self.state()

    def state(self):
        """All that a failed reload must not change."""
        return {"listening": (listening(self.port),
                              listening(self.other_port)),
                "spawner": self.daemon_.spawners(),
                "clients": self.daemon_.clients(),
                "descriptors": self.descriptors()}

    def descriptors(self):
        """What the daemon has open, but for clients' pidfds; only root sees
        it."""
        return {number: target for number, target in
                descriptors(self.daemon_.pid).items()
                if "pidfd" not in target} if IS_ROOT else None

    def refused(self, *patterns):
        """HUP: refused with lines that match, and nothing has changed."""
        daemon = self.daemon_
        before = len(daemon.log())
        daemon.reload(result="failed")
        said = daemon.log()[before:]
        for pattern in patterns:
            self.assertTrue(any(re.search(pattern, line) for line in said),
                            (pattern, said))
        self.assertEqual(self.state(), self.before)
        self.assertTrue(is_held(self.held))
        self.assertEqual(greet(self.port), OLD)
        daemon.wait_line("client", count=len(daemon.lines("client")))
        wait_for(lambda: daemon.clients() == self.before["clients"])

    def recovers(self):
        """The next good reload works."""
        self.daemon_.reload(self.configuration(
            self.main(NEW) + ", " + self.other()))
        self.assertEqual(greet(self.port), NEW)
        self.assertTrue(is_held(self.held))
        self.assert_balanced(self.daemon_)

    def at_line(self, number=r"\d+"):
        """The configuration file and that line, as a pattern."""
        return "^" + re.escape(self.daemon_.config) + f":{number}: .*"

    def test_text(self):
        """Files with errors: each is named with its line."""
        good = self.configuration(self.main() + ", " + self.other())
        last = good.count("\n") + 1
        for line, pattern in (
                ("listeners = ( {", "listeners"),
                ("limits = { max_clients = 10 }; x", "x: has no value"),
                ("wrong = 1;", "wrong"),
                ('@include "."', "@include"),
                ("limits = { max_clients = 4294967376; };", "4294967376"),
                ("timeouts = { cpu = 0; };", "cpu"),
                ('timeouts = { session = "30s"; };', "session"),
                ("# \0", "")):
            with self.subTest(ascii(line)):
                self.daemon_.write_config(good + line + "\n")
                self.refused(self.at_line(last) + pattern)
        self.recovers()

    def test_file(self):
        """Files that cannot be read, or should not be."""
        path = self.daemon_.config

        def other_file(break_it, pattern):
            if os.path.isdir(path):
                os.rmdir(path)
            elif os.path.lexists(path):
                os.unlink(path)
            break_it()
            with self.subTest(pattern):
                self.refused("^" + re.escape(path) + ": .*" + pattern)

        def with_mode(mode, size=0):
            self.daemon_.write_config(self.configuration())
            os.chmod(path, mode)
            if size > 0:
                os.truncate(path, size)

        other_file(lambda: None, "No such file")
        other_file(lambda: os.mkdir(path), "is a directory")
        other_file(lambda: os.mkfifo(path, 0o644), "not a regular file")
        other_file(lambda: os.symlink(path, path), "symbolic links")
        other_file(lambda: with_mode(0), "Permission denied")
        other_file(lambda: with_mode(0o666), "group or others")
        other_file(lambda: with_mode(0o644, 21 << 20), "is larger than")
        self.recovers()

    def test_greeting_file(self):
        """The same for a greeting_file, and none to begin with."""
        path = os.path.join(self.daemon_.folder, "greeting")
        self.daemon_.write_config(self.configuration(
            self.main() + ",\n" + self.other(f'greeting_file = "{path}";')))
        last = self.configuration().count("\n") + 1
        self.refused(self.at_line(last) + "No such file")
        os.mkfifo(path)
        self.refused(self.at_line(last) + "not a regular file")
        os.unlink(path)
        with open(path, "wb") as file:
            file.truncate((1 << 20) + 1)
        self.refused(self.at_line(last) + "larger than")
        os.truncate(path, 100)
        os.chmod(path, 0o666)
        self.refused(self.at_line(last) + "group or others")
        os.chmod(path, 0o644)
        self.daemon_.reload()
        self.assertEqual(self.connect(self.other_port).recv(200), bytes(100))
        self.recovers()

    def test_port_taken(self):
        """Another program has it; when it goes, the reload works."""
        with socket.create_server((HOST, 0)) as taken:
            port = taken.getsockname()[1]
            config = self.configuration(
                self.main(NEW) + ",\n" + self.other() + ",\n" +
                self.listener(name="third", port=free_port()) + ",\n" +
                self.listener(name="taken", port=port))
            self.daemon_.write_config(config)
            self.refused(self.at_line() +
                         f"bind 127.0.0.1:{port}: Address already in use")
            self.assertNotIn("taken", self.daemon_.counters())
        self.daemon_.reload(config)
        self.assertEqual(greet(port), b"hi client\n")
        self.assertTrue(is_held(self.held))

    def test_restart_only(self):
        """Keys that need a restart."""
        listeners = self.main(NEW) + ", " + self.other()
        for top in ('pid_file = "/tmp/forkgreet-test.pid";',
                    'sandbox = "off";'):
            with self.subTest(top):
                self.daemon_.write_config(self.configuration(listeners, top))
                self.refused(self.at_line(2 + IS_ROOT) + top.split()[0] +
                             ".*until a restart")
        for key in ("user", "group") if IS_ROOT and not self.as_user else ():
            text = self.configuration(listeners).replace(
                f'{key} = "no', f'{key} = "daemon-no')
            with self.subTest(key):
                self.daemon_.write_config(text)
                self.refused(self.at_line(1) + key + ".*until a restart")
        self.recovers()

    def test_b12_pid_file_in_the_foreground(self):
        """None is in effect, so the default of a daemon that root starts in the
        background is another one."""
        listeners = self.main(NEW) + ", " + self.other()
        top = 'pid_file = "/run/forkgreet.pid";'
        self.daemon_.write_config(self.configuration(listeners, top))
        self.refused(self.at_line(2 + IS_ROOT) + 'pid_file: '
                     '"/run/forkgreet.pid" cannot be set by a reload, .*""')
        self.recovers()

    @needs_program("prlimit")
    @not_under_valgrind("it keeps limits of its own")
    def test_out_of_processes(self):
        """The parser cannot be started."""
        limit(self.daemon_.pid, "nproc", 0)
        self.daemon_.write_config(self.with_greeting(NEW))
        self.refused("temporarily unavailable")
        limit(self.daemon_.pid, "nproc", 10000)
        self.recovers()

    @needs_program("prlimit")
    @not_under_valgrind("it keeps limits of its own")
    def test_out_of_descriptors(self):
        """Not one can be had."""
        limit(self.daemon_.pid, "nofile", 3)
        self.daemon_.write_config(self.with_greeting(NEW))
        before = len(self.daemon_.lines("reload"))
        self.daemon_.signal(signal.SIGHUP)
        self.daemon_.wait_line("reload", count=before + 1, result="failed")
        limit(self.daemon_.pid, "nofile", 1000)
        self.assertEqual(self.state(), self.before)
        self.recovers()


class BadAsUser(Bad):
    """What may differ, started by an ordinary user."""

    as_user = True
    test_text = test_port_taken = test_out_of_processes = None


if __name__ == "__main__":
    from harness import main
    main()
