"""The log: what may stand in a line, and the system's log server."""

import datetime
import json
import os
import re
import shutil
import signal
import socket
import time
import unittest

from harness import (BUILDDIR, TIME, UNDER, Case, USER, descriptors, greet,
                     identity, not_under_valgrind, parse_line, untimed,
                     wait_for)
from outputs import (PRIVATE_DEV, PRIVATE_RUN, JournalServer, Server,
                     StderrCase, StreamServer, can_mount)


class Text(Case):
    """What may stand in a line."""

    HOSTILE = "\x1b[31m\x07\x08\r\x7f\x9b31m\xe2\x80\xae"

    def test_control_bytes(self):
        """None gets from a configuration into the log, nor a line of its
        own."""
        daemon = self.daemon()
        forged = "\nreload result=ok generation=99\n"
        for line in (f'wrong_{self.HOSTILE} = 1;',
                     f'user = "a{self.HOSTILE}";',
                     f'user = "a{forged}";',
                     r'user = "a\x1b[31m\nreload result=ok";',
                     r'group = "a\rb\x9b";',
                     f'pid_file = "/run/{self.HOSTILE}";',
                     f'log = {{ level = "{self.HOSTILE}"; }};',
                     f'limits = {{ max_clients = {self.HOSTILE}; }};',
                     f'@include "{self.HOSTILE}"'):
            with self.subTest(ascii(line)):
                daemon.reload(f"{line}\nlisteners = ( {self.listener()} );\n",
                              result="failed")
        daemon.reload(self.configuration(self.listener(
            f'greeting_file = "/nowhere/{self.HOSTILE}";')), result="failed")
        daemon.reload(self.configuration(self.listener(
            name="a" + self.HOSTILE)), result="failed")
        with open(daemon.log_path, "rb") as file:
            log = file.read()
        self.assertEqual(re.findall(rb"[\0-\x09\x0b-\x1f\x7f]", log), [])
        self.assertNotIn("\x9b".encode(), log)
        text = untimed(log.decode("utf-8"))
        self.assertNotIn("\x9b", text)
        self.assertTrue(all(line.startswith("forkgreetd: ")
                            for line in text.splitlines()))
        self.assertEqual({line["result"] for line in
                          daemon.lines("reload")}, {"failed"})
        self.assertIn(r"\x1b", text)


@unittest.skipUnless(can_mount(), "needs root and a private /dev")
class Syslog(StderrCase):
    """The system's log socket."""

    SERVER = Server
    TARGET = "syslog"
    PRIVATE = PRIVATE_DEV
    PATH = "/dev/log"
    CLIENT = re.compile(
        r"<(\d+)>([A-Z][a-z]{2} [ 1-3]\d \d\d:\d\d:\d\d) "
        r"forkgreetd\[(\d+)\]: client id=\d+ .* outcome=greeted [^\n\0]*")

    def setUp(self):
        super().setUp()
        folder = self.folder()
        self.path = os.path.join(folder, "log")
        self.server = None

    def serve(self):
        """The log server."""
        self.server = self.SERVER(self.path)
        self.addCleanup(self.server.socket.close)
        return self.server

    def wrapper(self):
        """Gives what runs behind it a /dev of its own."""
        command = ["unshare", "-m", "sh", "-c", self.PRIVATE, "sh", self.path]
        if self.as_user:
            command += ["setpriv", f"--reuid={USER}", f"--regid={USER}",
                        "--clear-groups"]
        return command

    def config(self, log="", listener=""):
        """Logs to the server."""
        return (identity() + f'log = {{ target = "{self.TARGET}"; {log} }};\n'
                f"listeners = ( {self.listener(listener)} );\n")

    def start(self, config=None, env=None, program=None, ready=True):
        """A daemon with a /dev of its own."""
        wrapper = self.wrapper()
        if program is not None:
            wrapper += ["sh", "-c", f'shift; exec "{program}" "$@"', "sh"]
        daemon = self.daemon(config=config or self.config(), ready=False,
                             wrapper=wrapper, env=env)
        if ready:
            wait_for(self.serves, what="service")
        return daemon

    def test_format(self):
        """Priority, local time, name and pid stand before each line."""
        server = self.serve()
        daemon = self.start(env={"TZ": "XYZ-13:00"})
        line = server.wait("client ")[0]
        match = self.CLIENT.fullmatch(line)
        self.assertTrue(match, line)
        self.assertEqual(match.group(1), "30")  # daemon.info
        self.assertEqual(int(match.group(3)), daemon.pid)
        there = [time.strftime("%b %e %H:%M:%S",
                               time.gmtime(time.time() + 13 * 3600 - ago))
                 for ago in range(10)]
        self.assertIn(match.group(2), there)
        self.assertTrue(server.wait("start ")[0].startswith("<29>"))
        daemon.write_config("wrong")
        daemon.signal(signal.SIGHUP)
        self.assertTrue(server.wait("reload ")[0].startswith("<27>"))
        self.assertEqual(daemon.log(), [])
        self.assertEqual(daemon.stop(), 0)
        server.wait("stopped ")

    def test_facility_and_level(self):
        """log.facility and log.level, at the start and by a reload."""
        server = self.serve()
        daemon = self.start(self.config(
            'facility = "local3"; level = "warning";'))
        daemon.write_config(self.config("wrong = 1;"))
        daemon.signal(signal.SIGHUP)
        line = server.wait("reload result=failed")[0]
        self.assertTrue(line.startswith(f"<{19 * 8 + 3}>"), line)
        self.assertEqual([text for text in server.texts() if not
                          text.startswith(("reload ", daemon.config))], [])
        daemon.write_config(self.config('facility = "mail";'))
        daemon.signal(signal.SIGHUP)
        line = server.wait("reload result=ok")[0]
        self.assertTrue(line.startswith(f"<{2 * 8 + 5}>"), line)
        greet(self.port)
        line = server.wait("client ")[0]
        self.assertTrue(line.startswith(f"<{2 * 8 + 6}>"), line)

    def test_target_changes(self):
        """From syslog to standard error, and back."""
        server = self.serve()
        daemon = self.start()
        server.wait("client ")
        daemon.reload(self.configuration())
        count = len(server.read())
        greet(self.port)
        daemon.wait_line("client")
        self.assertEqual(len(server.read()), count)
        count = len(daemon.log())
        daemon.write_config(self.config())
        daemon.signal(signal.SIGHUP)
        server.wait("reload result=ok")
        clients = len(server.wait("client "))
        greet(self.port)
        server.wait("client ", clients + 1)
        self.assertEqual([line for line in daemon.log()[count:]
                          if not line.startswith("spawner start")], [])

    def test_slow_server(self):
        """Its queue is full: lines are dropped, nobody waits."""
        server = self.serve()
        daemon = self.start()
        self.assert_quick()
        wait_for(lambda: not daemon.clients(), what="rest")
        before = len(server.read())
        greet(self.port)
        server.wait("log dropped=")
        wait_for(lambda: server.texts()[-1].startswith("client "),
                 what="client line")
        said = server.texts()[before:]
        dropped = int(said[0].removeprefix("log dropped="))
        self.assertGreater(dropped, 0)
        # The last of those before may have been seen off only now.
        self.assertIn(len(said), (2, 3), said)
        daemon.signal(signal.SIGUSR1)
        server.wait("counters live=")
        row, total = (parse_line(text) for text in server.texts()
                      if text.startswith("counters "))
        self.assertEqual(int(total["log_dropped"]), dropped)
        clients = sum(text.startswith("client ")
                      for text in server.texts())
        # A spawner that is slow under valgrind has lines, too.
        self.assertIn(clients + dropped - int(row["ended_greeted"]),
                      range(3 if UNDER else 1))

    def test_server_restarted(self):
        """Lines flow again soon after; those meanwhile are counted."""
        server = self.serve()
        daemon = self.start()
        server.wait("client ")
        server.close()
        self.assert_quick(100)
        wait_for(lambda: not daemon.clients(), what="rest")
        server = self.serve()
        self.wait_flows(server)
        first = server.texts()[0]
        self.assertRegex(first, r"^log dropped=\d+$")
        self.assertGreaterEqual(int(first.split("=")[1]), 100)

    def test_no_server(self):
        """The daemon starts and serves without; later its lines come."""
        self.comes_later(self.start())

    def no_server(self, why="No such file or directory"):
        """What is said then."""
        return (f"log: {self.PATH}: {why}, lines are dropped until there is a "
                "log server")

    def comes_later(self, daemon):
        """It has started without a log server, which comes only now."""
        self.assert_quick(50)
        self.assertEqual(daemon.log(), [self.no_server()])
        server = self.serve()
        self.wait_flows(server)
        self.assertRegex(server.texts()[0], r"^log dropped=\d+$")
        self.assertEqual(daemon.stop(), 0)

    def test_b8_no_server_in_the_background(self):
        """The same said on the terminal that it leaves, once."""
        daemon = self.background(config=self.config(), wrapper=self.wrapper())
        self.comes_later(daemon)
        self.assertEqual(daemon.log(), [self.no_server()])

    def test_b8_reload_without_server(self):
        """What cannot be said to syslog is said where lines went so far."""
        daemon = self.start(self.config().replace(f'"{self.TARGET}"', '"stderr"'))
        daemon.write_config(self.config())
        daemon.signal(signal.SIGHUP)
        wait_for(lambda: daemon.log()[-1:] == [self.no_server()], what="warning")

    def test_b3_reload_to_stderr_in_the_background(self):
        """It has none: refused, with file and line; nothing changes."""
        server = self.serve()
        daemon = self.background(config=self.config(), wrapper=self.wrapper())
        server.wait("start ")
        with open(daemon.config, encoding="ascii") as file:
            good = file.read()
        wrong = good.replace(f'"{self.TARGET}"', '"stderr"').replace(
            "target", "level = \"notice\"; target")
        line = wrong.partition("target")[0].count("\n") + 1
        daemon.write_config(wrong)
        daemon.signal(signal.SIGHUP)
        server.wait("reload result=failed errors=1")
        self.assertIn(f'{daemon.config}:{line}: log.target: "stderr" cannot '
                      "be set by a reload: it was given up when the daemon "
                      "went to the background, restart it", server.texts())
        greet(self.port)
        server.wait("client ")
        self.assertEqual(descriptors(daemon.pid)[2], "/dev/null")
        daemon.write_config(good)
        daemon.signal(signal.SIGHUP)
        server.wait("reload result=ok")
        self.assertEqual(daemon.stop(), 0)

    def test_b3_stderr_in_the_background(self):
        """One that was started with it has it, and may come back to it."""
        server = self.serve()
        good = self.config()
        daemon = self.background(config=good.replace(f'"{self.TARGET}"', '"stderr"'),
                                 wrapper=self.wrapper())
        with open(daemon.config, encoding="ascii") as file:
            to_stderr = file.read()
        daemon.write_config(to_stderr.replace('"stderr"', f'"{self.TARGET}"'))
        daemon.signal(signal.SIGHUP)
        server.wait("reload result=ok")
        daemon.reload(to_stderr)
        self.assertEqual(daemon.stop(), 0)
        daemon.wait_line("stopped")

    @not_under_valgrind("its wrapper runs one program")
    def test_errors_before_ready(self):
        """They are on the terminal too, as long as somebody looks there."""
        server = self.serve()
        folder = self.folder()
        program = os.path.join(folder, "forkgreetd")
        for name in "forkgreetd", "forkgreet-reader":
            shutil.copy(os.path.join(BUILDDIR, name), folder)
        daemon = self.start(program=program, ready=False)
        self.assertEqual(daemon.wait(), 71)
        self.assertEqual(len(daemon.log()), 1, daemon.log())
        self.assertIn("forkgreet-spawner: No such file", daemon.log()[0])
        self.assertEqual(server.texts(), daemon.log())
        shutil.copy(os.path.join(BUILDDIR, "forkgreetctl"),
                    os.path.join(folder, "forkgreet-spawner"))
        daemon = self.start(program=program, ready=False)
        self.assertEqual(daemon.wait(), 77)
        self.assertEqual(len(daemon.log()), 2, daemon.log())
        self.assertIn("spawner: ended with exit status 64", daemon.log()[0])
        self.assertEqual(server.texts()[1:], daemon.log())


class SyslogStream(Syslog):
    """A stream, as syslog(3) has it too."""

    SERVER = StreamServer

    def test_b8_slow_server(self):
        """What does not fit is dropped, and no line is ever torn."""
        server = self.serve()
        daemon = self.start()
        self.assert_quick(600)
        wait_for(lambda: not daemon.clients(), what="rest")
        server.read()
        greet(self.port)
        server.wait("log dropped=")
        wait_for(lambda: not daemon.clients(), what="rest")
        daemon.signal(signal.SIGUSR1)
        server.wait("counters live=")
        texts = server.texts()
        dropped = int(server.wait("log dropped=")[0].rpartition("=")[2])
        clients = server.wait("client ")
        for line in clients:
            self.assertTrue(self.CLIENT.fullmatch(line), line)
        row, total = map(parse_line, texts[-2:])
        self.assertEqual(int(total["log_dropped"]), dropped)
        self.assertEqual(len(clients) + dropped, int(row["ended_greeted"]))

    def test_b8_does_not_accept(self):
        """Its backlog is full."""
        server = self.serve()
        server.socket.listen(0)
        with socket.socket(socket.AF_UNIX) as other:
            other.connect(self.path)
            daemon = self.start()
            self.assert_quick(50)
            self.assertEqual(daemon.log(), [
                self.no_server("Resource temporarily unavailable")])
            self.assertEqual(daemon.stop(), 0)

    # What differs is above.
    test_slow_server = None
    test_no_server = test_b8_no_server_in_the_background = None
    test_b8_reload_without_server = test_errors_before_ready = None


class SyslogAsUser(Syslog):
    """What may differ, started by an ordinary user."""

    as_user = True
    test_facility_and_level = test_slow_server = None


class Journal(Syslog):
    """The journal's own socket; what differs is its form."""

    SERVER = JournalServer
    TARGET = "journal"
    PRIVATE = PRIVATE_RUN
    PATH = "/run/systemd/journal/socket"

    def test_format(self):
        """Each key is a field of its own."""
        server = self.serve()
        daemon = self.start()
        line = dict(server.wait("client ")[0])
        text = parse_line(line.pop("MESSAGE"))
        self.assertEqual([line.pop(name) for name in (
            "PRIORITY", "SYSLOG_FACILITY", "SYSLOG_IDENTIFIER")],
            ["6", "3", "forkgreetd"])
        self.assertEqual(line.pop("FORKGREET_EVENT"), text.pop("_"))
        self.assertEqual(line["FORKGREET_OUTCOME"], "greeted")
        self.assertEqual(line, {f"FORKGREET_{key.upper()}": value
                                for key, value in text.items()})
        self.assertEqual(server.wait("start ")[0]["PRIORITY"], "5")
        self.assertEqual(daemon.log(), [])
        self.assertEqual(daemon.stop(), 0)
        server.wait("stopped ")

    def test_facility_and_level(self):
        """log.facility, log.level and log.format, at the start and by a
        reload."""
        server = self.serve()
        daemon = self.start(self.config(
            'facility = "local3"; level = "warning";'))
        daemon.write_config(self.config("wrong = 1;"))
        daemon.signal(signal.SIGHUP)
        line = server.wait("reload result=failed")[0]
        self.assertEqual((line["SYSLOG_FACILITY"], line["PRIORITY"]),
                         ("19", "3"))
        line = server.wait(daemon.config)[0]
        self.assertEqual(line["FORKGREET_EVENT"], "message")
        self.assertNotIn("FORKGREET_MESSAGE", line)
        daemon.write_config(self.config('facility = "mail"; format = "json";'))
        daemon.signal(signal.SIGHUP)
        line = server.wait('{"level":"notice","event":"reload"')[0]
        self.assertEqual((line["SYSLOG_FACILITY"], line["PRIORITY"],
                          line["FORKGREET_RESULT"]), ("2", "5", "ok"))
        self.assertEqual(json.loads(line["MESSAGE"])["result"], "ok")


class JournalAsUser(Journal):
    """What may differ, started by an ordinary user."""

    as_user = True
    test_facility_and_level = test_slow_server = None


class Forms(Case):
    """log.format and log.timestamps on standard error."""

    def configured(self, log):
        """With these keys of the group log."""
        return self.configuration().replace('target = "stderr";',
                                            f'target = "stderr"; {log}')

    def now(self, daemon, begin):
        """Lines of clients since that many bytes of the log; waits for one."""
        greet(self.port)

        def found():
            with open(daemon.log_path, encoding="utf-8") as file:
                file.seek(begin)
                return [line for line in file.read().splitlines()
                        if "outcome" in line]
        return wait_for(found, what="a client's line")

    def changed(self, daemon, log):
        """Lines of clients after a reload to this."""
        before = os.path.getsize(daemon.log_path)
        daemon.write_config(self.configured(log))
        daemon.signal(signal.SIGHUP)

        def reloaded():
            with open(daemon.log_path, encoding="utf-8") as file:
                file.seek(before)
                return re.search("reload.*result", file.read())
        wait_for(reloaded, what="reload")
        return self.now(daemon, os.path.getsize(daemon.log_path))

    PLAIN = re.compile(r"forkgreetd: client id=\d+ .*")
    TIMED = re.compile(TIME + r" forkgreetd: client id=\d+ .*")

    def test_time_is_now(self):
        """UTC, whatever the local time is."""
        daemon = self.daemon(env={"TZ": "XYZ-13:00"})
        begin = datetime.datetime.now(datetime.timezone.utc)
        line = self.now(daemon, 0)[-1]
        end = datetime.datetime.now(datetime.timezone.utc)
        self.assertTrue(self.TIMED.fullmatch(line), line)
        time_ = datetime.datetime.fromisoformat(line[:23] + "+00:00")
        self.assertLessEqual(begin - datetime.timedelta(milliseconds=1), time_)
        self.assertLessEqual(time_, end)

    def test_reload_changes_them(self):
        """Each reload; one that is refused changes nothing."""
        daemon = self.daemon()
        for log, form in (("timestamps = false;", self.PLAIN),
                          ("timestamps = true;", self.TIMED),
                          ("wrong = 1; timestamps = false;", self.TIMED),
                          ('format = "xml"; timestamps = false;', self.TIMED),
                          ('format = "text"; timestamps = false;', self.PLAIN),
                          ("wrong = 1;", self.PLAIN), ("", self.TIMED)):
            with self.subTest(log):
                for line in self.changed(daemon, log):
                    self.assertTrue(form.fullmatch(line), line)
        for log, first in (('format = "json";', "time"),
                           ('format = "json"; timestamps = false;', "level"),
                           ('format = "text"; wrong = 1;', "level"),
                           ('format = "json"; timestamps = true;', "time")):
            with self.subTest(log):
                for line in self.changed(daemon, log):
                    self.assertEqual(next(iter(json.loads(line))), first)
        self.assertTrue(self.PLAIN.fullmatch(self.changed(
            daemon, "timestamps = false;")[0]))

    def test_json_is_what_text_says(self):
        """Every line is an object, from the start to the end; what fails after
        the configuration is in force, too."""
        daemon = self.daemon(config=self.configured('format = "json";'),
                             ready=False)

        def started():
            with open(daemon.log_path, encoding="utf-8") as file:
                return '"event":"start"' in file.read()
        wait_for(started, what="start")
        client = self.now(daemon, 0)[0]
        daemon.signal(signal.SIGUSR1)
        daemon.write_config('wrong = "\x1b\\\\\xff";')
        daemon.signal(signal.SIGHUP)

        def failed():
            with open(daemon.log_path, encoding="utf-8") as file:
                return '"result":"failed"' in file.read()
        wait_for(failed, what="reload")
        self.assertEqual(daemon.stop(), 0)
        with open(daemon.log_path, encoding="utf-8") as file:
            objects = [json.loads(line) for line in file]
        for found in objects:
            self.assertRegex(found.pop("time"), f"^{TIME}$")
            self.assertIn(found.pop("level"),
                          ("error", "warning", "notice", "info", "debug"))
        events = [found["event"] for found in objects]
        self.assertEqual({"listen", "spawner start", "start", "client",
                          "counters", "message", "reload", "stop", "stopped"},
                         set(events))
        self.assertEqual(events[-1], "stopped")
        self.assertIn("wrong", [found["message"] for found in objects
                                if found["event"] == "message"][0])
        client = json.loads(client)
        self.assertEqual((client["outcome"], client["bytes"],
                          client["dport"]), ("greeted", 10, self.port))


if __name__ == "__main__":
    from harness import main
    main()
