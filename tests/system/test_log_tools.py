"""What reads the log: the journal, and with what contrib has fail2ban, logcheck
and rsyslog; each by its own program."""

import glob
import json
import os
import signal
import socket
import subprocess
import unittest

from harness import (BUILDDIR, StartCase, die_with_parent, greet, identity,
                     run, wait_for)
from outputs import PRIVATE_DEV, StderrCase, can_mount

SOURCE = os.path.abspath(os.environ.get("top_srcdir", "."))
CONTRIB = os.path.join(SOURCE, "contrib")
PROGRAM = os.path.join(os.path.abspath(os.environ.get("BUILDDIR", ".")),
                       "tests/system/events")
# What stands before a line: in a file of rsyslog's or syslogd's, or on standard
# error.
FILE, SYSLOGD, STDERR = (
    "2026-11-26T04:43:01.123456+00:00 host.example forkgreetd[12]: ",
    "Nov 26 04:43:01 host forkgreetd[12]: ",
    "2026-11-26T04:43:01.123Z forkgreetd: ")
CLIENT = "id=1 listener=main src=%s sport=5 dst=198.51.100.1 dport=4444"


def unpacked(path):
    """A program of the system, or where contrib/install-deps unpacks what it
    does not install; None if there is none."""
    folders = [os.path.join(folder, "build-peers") for folder in
               (os.path.dirname(os.path.abspath(os.environ.get(
                   "BUILDDIR", "."))), os.environ.get("BUILDDIR", "."), SOURCE)]
    for root in "/", *folders:
        if os.access(os.path.join(root, path), os.X_OK):
            return os.path.abspath(root)
    return None


FAIL2BAN = unpacked("usr/bin/fail2ban-regex")
RSYSLOG = unpacked("usr/sbin/rsyslogd")
MISSING = "there is no %s, see contrib/install-deps test"


class Life(StartCase):
    """Lines of a daemon that is used."""

    def life(self):
        """All that a life without an accident logs."""
        control = os.path.join(self.folder(), "control")
        config = self.configuration(self.listener(
            "limits = { rate_per_source = 0.01; burst_per_source = 2; };"))
        daemon = self.daemon(config=f'control_socket = "{control}";' +
                             config.replace('control_socket = "";', ""))
        for _ in range(4):
            greet(self.port)
        for verb in (["reload"], ["drain", "--reason", 'a "b\\'], ["ready"],
                     ["upgrade"], ["log-level", "debug"], ["log-level", "info"]):
            result = run("-s", control, *verb,
                         program=os.path.join(BUILDDIR, "forkgreetctl"))
            self.assertEqual(result.returncode, 0, result.stderr)
        daemon.wait_line("refused", reason="rate_per_source")
        daemon.wait_line("client", outcome="greeted")
        daemon.signal(signal.SIGUSR1)
        daemon.wait_line("counters", 2)
        self.assertEqual(daemon.stop(), 0)
        return daemon.log()


class Logcheck(Life):
    """Its rules, by the command that it uses."""

    # What has to be seen: no rule may hide it.
    SEEN = (
        f"client {CLIENT % '192.0.2.7'} outcome=violation bytes=0 "
        "duration_ms=1 cpu_us=1 generation=1",
        f"client {CLIENT % '192.0.2.7'} outcome=crashed bytes=0 "
        "duration_ms=1 cpu_us=1 generation=1",
        f"client {CLIENT % '192.0.2.7'} outcome=killed bytes=0 "
        "duration_ms=1 cpu_us=1",
        f"refused {CLIENT % '192.0.2.7'} reason=no_resources suppressed=0",
        'start version=0.1.0 pid=1 uid=0 listeners=1 max_clients=512 '
        'sandbox=off landlock_abi=0 spawner_libc="musl"',
        'lost listener=main address=::1 port=4444 error="x"',
        'state listener=main state=down reason="#missing"',
        'refresh result=failed step="trial" error="x"',
        "reload result=failed errors=1 generation=1",
        'upgrade result=failed reason="trial: ended by signal 11"',
        "control result=denied uid=1 pid=2 suppressed=0",
        "spawner end pid=1 generation=1 signal=11 in_flight=0",
        "full listener=main clients=512 max_clients=512",
        "log dropped=7", "stopped clients=0 log_dropped=1",
        "accept: Too many open files, paused until it works again",
        "/etc/forkgreet.conf:1: wrong: unknown key",
        'message stop signal=TERM clients=0',
        "stop signal=TERM clients=0 x",
    )

    def left(self, prefix, texts):
        """Of these, what logcheck would send."""
        rules = os.path.join(CONTRIB, "logcheck/forkgreet")
        result = subprocess.run(
            ["grep", "-E", "-v", "-f", rules], text=True, check=False,
            input="".join(f"{prefix}{text}\n" for text in texts),
            stdout=subprocess.PIPE)
        self.assertIn(result.returncode, (0, 1))
        return [line.removeprefix(prefix)
                for line in result.stdout.splitlines()]

    def test_ordinary_life_is_no_news(self):
        """Every line of it has a rule."""
        texts = self.life()
        words = {text.split(" ", 1)[0] for text in texts}
        self.assertEqual(words, {"start", "listen", "client", "refused",
                                 "reload", "control", "state", "spawner",
                                 "upgrade", "log_level", "counters", "stop",
                                 "stopped"})
        for prefix in FILE, SYSLOGD:
            self.assertEqual(self.left(prefix, texts), [])

    def test_accidents_are_seen(self):
        """None of them has."""
        for prefix in FILE, SYSLOGD:
            self.assertEqual(self.left(prefix, self.SEEN), list(self.SEEN))

    def test_lines_of_others(self):
        """They are not ours to hide."""
        prefix = SYSLOGD.replace("forkgreetd", "other")
        text = "stop signal=TERM clients=0"
        self.assertEqual(self.left(prefix, [text]), [text])
        self.assertEqual(self.left(SYSLOGD, [text]), [])


@unittest.skipUnless(FAIL2BAN, MISSING % "fail2ban")
class Fail2ban(Life):
    """Its filter, by fail2ban-regex."""

    def found(self, lines, mode="normal"):
        """The addresses in these lines that the filter counts."""
        path = self.file("".join(line + "\n" for line in lines), 0o644, "log")
        rule = os.path.join(CONTRIB, "fail2ban/filter.d/forkgreet.conf")
        result = subprocess.run(
            ["/usr/bin/python3", os.path.join(
                FAIL2BAN, "usr/bin/fail2ban-regex"),
             "-c", os.path.join(FAIL2BAN, "etc/fail2ban"), "--out", "ip",
             path, f"{rule}[mode={mode}]"],
            env=dict(os.environ, PYTHONPATH=os.path.join(
                FAIL2BAN, "usr/lib/python3/dist-packages")),
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            check=False)
        self.assertEqual(result.returncode, 0, result.stdout + result.stderr)
        return result.stdout.split()

    def test_what_a_daemon_writes(self):
        """One that refused a source: each line of it, and no other."""
        texts = self.life()
        refused = [text for text in texts if text.startswith("refused ")]
        self.assertGreater(len(refused), 0)
        for prefix in FILE, SYSLOGD, STDERR:
            for mode in "normal", "aggressive":
                self.assertEqual(
                    self.found([prefix + text for text in texts], mode),
                    ["127.0.0.1"] * len(refused))

    def test_reasons_and_outcomes(self):
        """Only those that are the client's doing; IPv6 too."""
        normal = [f"refused {CLIENT % f'2001:db8::{number}'} reason={reason} "
                  "suppressed=2" for number, reason in enumerate(
                      ("denied", "busy_per_source", "rate_per_source",
                       "busy", "rate", "no_resources"), 1)]
        slow = [f"client {CLIENT % f'192.0.2.{number}'} outcome={outcome} "
                "bytes=0 duration_ms=7 cpu_us=8" for number, outcome in
                enumerate(("bad_request", "request_timeout", "send_timeout",
                           "session_timeout", "greeted", "probed", "reset",
                           "client_gone", "killed"), 1)]
        lines = [FILE + text for text in normal + slow]
        ours = [f"2001:db8::{number}" for number in range(1, 4)]
        self.assertEqual(self.found(lines), ours)
        self.assertEqual(self.found(lines, "aggressive"),
                         ours + [f"192.0.2.{number}" for number in range(1, 5)])
        self.assertEqual(self.found([lines[-9] + " state=drain"],
                                    "aggressive"), ["192.0.2.1"])

    def test_lines_of_others(self):
        """Another program's, or a text within a line, bans nobody."""
        text = f"refused {CLIENT % '192.0.2.9'} reason=denied suppressed=0"
        self.assertEqual(self.found([
            SYSLOGD.replace("forkgreetd", "evil") + text,
            SYSLOGD.replace("forkgreetd[12]: ", "evil: forkgreetd: ") + text,
            SYSLOGD + "/etc/" + text, SYSLOGD + "x: " + text,
            SYSLOGD + f'state listener=main state=down reason="{text}"',
            SYSLOGD + text + " x"]), [])
        self.assertEqual(self.found([SYSLOGD + text]), ["192.0.2.9"])


@unittest.skipUnless(RSYSLOG, MISSING % "rsyslog")
class Rsyslog(StartCase, StderrCase):
    """Its example, by rsyslogd."""

    def command(self, path, *more):
        """rsyslogd with that configuration."""
        modules = glob.glob(os.path.join(RSYSLOG, "usr/lib/*/rsyslog"))
        return [os.path.join(RSYSLOG, "usr/sbin/rsyslogd"), "-M",
                ":".join(modules), "-f", path, *more]

    def example(self, target):
        """The example, which writes to that file."""
        path = os.path.join(CONTRIB, "rsyslog/forkgreet.conf")
        with open(path, encoding="ascii") as file:
            text = file.read()
        self.assertEqual(text.count('"/var/log/forkgreet.json"'), 1)
        return text.replace("/var/log/forkgreet.json", target)

    def test_is_valid(self):
        """By rsyslogd -N1, which also finds fault with an error in it."""
        for wrong, status in ("", 0), ("no_such_thing", 1):
            path = self.file(self.example("/nowhere") + wrong, 0o644, "conf")
            result = subprocess.run(
                self.command(path, "-N1"), text=True, check=False,
                stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
            self.assertEqual(result.returncode, status, result.stdout)

    @unittest.skipUnless(can_mount(), "needs root and a private /dev")
    def test_objects(self):
        """What a daemon logs comes out as objects with time and host."""
        folder = self.folder()
        path, log = (os.path.join(folder, name) for name in ("out", "log"))
        server = subprocess.Popen(
            self.command(self.file(
                'global(workDirectory="' + folder + '")\n'
                'module(load="imuxsock" SysSock.Use="off")\n'
                f'input(type="imuxsock" Socket="{log}")\n'
                + self.example(path), 0o644, "conf"),
                "-n", "-i", os.path.join(folder, "pid")),
            preexec_fn=die_with_parent)
        self.addCleanup(server.wait)
        self.addCleanup(server.terminate)
        wait_for(lambda: os.path.exists(log), what="rsyslogd")
        daemon = self.daemon(
            config=identity() + 'log = { target = "syslog"; format = "json"; '
            f'}};\nlisteners = ( {self.listener()} );\n', ready=False,
            wrapper=["unshare", "-m", "sh", "-c", PRIVATE_DEV, "sh", log])
        wait_for(self.serves, what="service")
        daemon.write_config('wrong = "\\x1b\\\\\\"";')
        daemon.signal(signal.SIGHUP)

        def objects():
            try:
                with open(path, encoding="utf-8") as file:
                    return [json.loads(line) for line in file]
            except FileNotFoundError:
                return []
        wait_for(lambda: any(line["event"] == "reload" for line in objects()),
                 what="reload")
        self.assertEqual(daemon.stop(), 0)
        wait_for(lambda: objects()[-1]["event"] == "stopped", what="stopped")
        events = {line["event"]: line for line in objects()}
        for line in objects():
            self.assertRegex(line["time"], r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d")
            self.assertNotEqual(line["host"], "")
        self.assertEqual((events["client"]["outcome"],
                          events["client"]["bytes"]), ("greeted", 10))
        self.assertIn(": wrong: ", events["message"]["message"])


JOURNALD = "/lib/systemd/systemd-journald"
# With a /run of its own.
RUN_JOURNALD = f"""
set -e
mount -t tmpfs -o mode=755 tmpfs /run
mkdir -p /run/systemd/journal /run/log/journal
exec {JOURNALD}
"""


def has_journald():
    """True when one can be run."""
    return (can_mount() and os.access(JOURNALD, os.X_OK) and
            os.path.exists("/etc/machine-id"))


@unittest.skipUnless(has_journald(), "needs root, a private /dev, "
                     "systemd-journald and /etc/machine-id")
class Journald(StartCase):
    """The journal itself, in a mount namespace of its own."""

    def setUp(self):
        super().setUp()
        server = subprocess.Popen(
            ["unshare", "-m", "sh", "-c", RUN_JOURNALD], preexec_fn=
            die_with_parent, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL)
        self.addCleanup(server.wait)
        self.addCleanup(server.terminate)
        self.inside = ["nsenter", "-t", str(server.pid), "-m"]
        self.path = f"/proc/{server.pid}/root/run/systemd/journal/socket"
        wait_for(lambda: os.path.exists(self.path), what="journald")

    def entries(self, *matches):
        """What journalctl finds: dictionaries, as bytes."""
        result = subprocess.run(
            [*self.inside, "journalctl", "-D", "/run/log/journal", "-q",
             "-o", "json", "--all", *matches], check=False,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        return [{name: bytes(value) if isinstance(value, list) else
                 value.encode() for name, value in json.loads(line).items()}
                for line in result.stdout.splitlines()]

    def test_fields_of_a_daemon(self):
        """They can be asked for, one by one."""
        daemon = self.daemon(config=self.configuration().replace(
            '"stderr"', '"journal"'), ready=False, wrapper=self.inside)

        def greeted():
            try:
                return greet(self.port)
            except ConnectionRefusedError:
                return None
        wait_for(greeted, what="service")
        daemon.write_config("wrong")
        daemon.signal(signal.SIGHUP)
        wait_for(lambda: self.entries("FORKGREET_EVENT=reload"), what="reload")
        self.assertEqual(daemon.stop(), 0)
        wait_for(lambda: self.entries("FORKGREET_EVENT=stopped"), what="end")
        entry, = self.entries("FORKGREET_OUTCOME=greeted",
                              f"FORKGREET_DPORT={self.port}")
        self.assertEqual((entry["PRIORITY"], entry["SYSLOG_IDENTIFIER"],
                          entry["_COMM"], entry["FORKGREET_BYTES"]),
                         (b"6", b"forkgreetd", b"forkgreetd", b"10"))
        errors = {entry["FORKGREET_EVENT"] for entry in
                  self.entries("_COMM=forkgreetd", "PRIORITY=3")}
        self.assertEqual(errors, {b"message", b"reload"})

    def test_bytes(self):
        """What arrives is what was sent, newlines and all; nothing is added."""
        texts = (b"two words", b"a\nFORKGREET_EVENT=forged\nPRIORITY=0",
                 b"\x1b[31m\x9b\xff", "\u00fc \u20ac".encode(), b"x" * 1000)
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as client:
            client.connect(self.path)
            for text in texts:
                output = subprocess.run(
                    [PROGRAM, "native", text], check=True,
                    stdout=subprocess.PIPE).stdout
                while output:
                    length, output = output.split(b"\n", 1)
                    client.send(output[:int(length)])
                    output = output[int(length):]
        wait_for(lambda: len(self.entries("FORKGREET_EVENT=lost")) ==
                 len(texts), what="entries")
        for word, key in (("lost", "FORKGREET_ERROR"),
                          ("client", "FORKGREET_SPORT")):
            self.assertEqual([entry[key] for entry in self.entries(
                f"FORKGREET_EVENT={word}")], list(texts))
        self.assertEqual(self.entries("FORKGREET_EVENT=forged"), [])
        self.assertEqual(self.entries("PRIORITY=0", "_COMM=python3"), [])


if __name__ == "__main__":
    from harness import main
    main()
