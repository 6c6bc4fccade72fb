"""States: what the operator says with forkgreetctl, whom it is told to, and how
long it holds."""

import datetime
import json
import os
import shutil
import signal
import subprocess
import threading
import time

from harness import (CTL, IS_ROOT, PATIENCE, Strace, descriptors, free_port, greet, needs_root,
                     read_all, strace_works, wait_for)
from test_control import ControlCase
from test_notify import Manager

WORDS = {"ready": b"up ready 100%\n", "drain": b"up drain\n",
         "maintenance": b"maint\n"}


class StatesCase(ControlCase):
    """A daemon with listeners of two formats, and a state file."""

    def setUp(self):
        super().setUp()
        self.agent = free_port()
        folder = os.path.join(self.folder(), "var")
        os.mkdir(folder, 0o755)
        if IS_ROOT:
            shutil.chown(folder, "nobody")
        self.state_file = os.path.join(folder, "state")

    def configuration(self, listeners=None, top="", path=None, when=""):
        if listeners is None:
            listeners = ", ".join((
                self.listener('greeting = "hi %{state} %{until}\\n"; '
                              f"when = {{ {when} }}; ", "web"),
                self.listener('format = "agent";', "agent", self.agent)))
        text = super().configuration(listeners, top, path)
        return text.replace('state_file = "";',
                            f'state_file = "{self.state_file}";')

    def states(self):
        """The state of each listener, as status has it."""
        return {row["name"]: row["state"]
                for row in self.status()["listeners"]}

    def said(self):
        """What a client of each listener gets."""
        return greet(self.port), greet(self.agent)


class Words(StatesCase):
    """What clients get."""

    def test_each(self):
        """For all listeners, from the moment on that the verb has returned."""
        daemon = self.start()
        for _ in range(3):
            for verb, word in WORDS.items():
                self.assertEqual(self.good(verb), "")
                self.assertEqual(greet(self.agent), word)
                self.assertEqual(self.states(),
                                 {"web": verb, "agent": verb})
                self.assertEqual(
                    greet(self.port), b"under maintenance\n"
                    if verb == "maintenance" else b"hi %s \n" % verb.encode())
        lines = daemon.lines("state")
        self.assertEqual([line["state"] for line in lines
                          if line["listener"] == "web"],
                         (["drain", "maintenance", "ready"] * 3)[:8])
        wait_for(lambda: len(daemon.lines("client")) == 18, PATIENCE)
        self.assertEqual(
            sorted(line.get("state", "ready")
                   for line in daemon.lines("client")),
            sorted(list(WORDS) * 6))
        self.assert_balanced(daemon)

    def test_texts(self):
        """Those of the listener, with variables."""
        self.start(config=self.configuration(
            when='drain = "away: %{state}\\n"; maintenance = "%{until}|\\n";'))
        self.good("drain")
        self.assertEqual(greet(self.port), b"away: drain\n")
        self.good("maintenance")
        self.assertEqual(greet(self.port), b"|\n")
        shown = self.good("maintenance", "--until", "2030-01-02T03:04:05Z")
        self.assertRegex(shown, r"^until .*\(2030-01-02T03:04:05Z\)\n$")
        self.assertEqual(greet(self.port), b"2030-01-02T03:04:05Z|\n")

    def test_rules(self):
        """A rule's greeting holds while the listener is ready or, without a
        text for it, drains; a denied client is denied."""
        self.start(self.listener(
            'rules = ( { from = "127.0.0.2"; action = "deny"; '
            'greeting = "no\\n"; }, { from = "127.0.0.3"; action = "allow"; '
            'greeting = "own\\n"; } );', "web"))

        def said(source):
            with self.connect(self.port, source=source) as sock:
                return read_all(sock)
        for verb, own in (("ready", b"own\n"), ("drain", b"own\n"),
                          ("maintenance", b"under maintenance\n")):
            self.good(verb)
            self.assertEqual(said("127.0.0.3"), own)
            self.assertEqual(said("127.0.0.2"), b"no\n")

    def test_under_load(self):
        """No client gets half of one and half of the other."""
        self.start()
        seen, ending = set(), threading.Event()

        def ask():
            while not ending.is_set():
                seen.add(greet(self.agent, seconds=PATIENCE))
        threads = [threading.Thread(target=ask) for _ in range(4)]
        for thread in threads:
            thread.start()
        try:
            for verb in list(WORDS) * 10:
                self.good(verb)
        finally:
            ending.set()
            for thread in threads:
                thread.join()
        self.assertEqual(seen - set(WORDS.values()), set())

    def test_status(self):
        """With the end and the reason, which may be anything printable."""
        self.start()
        reason = "disk 100% full, see \"RT#1\" \u00fc"
        self.good("drain", "--until", "2030-01-02T03:04:05Z", "--reason",
                  reason, "web")
        rows = {row["name"]: row for row in self.status()["listeners"]}
        self.assertEqual(rows["web"]["state"], "drain")
        self.assertEqual(rows["web"]["until"], "2030-01-02T03:04:05Z")
        self.assertEqual(rows["web"]["reason"], reason)
        self.assertEqual(rows["agent"]["state"], "ready")
        self.assertNotIn("reason", rows["agent"])
        self.assertIn("  state     drain until 2030-01-02T03:04:05Z (disk",
                      self.good("status"))

    def test_manager(self):
        """STATUS= says how many are in which state."""
        manager = Manager(os.path.join(self.folder(), "notify"))
        self.addCleanup(manager.sock.close)
        self.start(env=manager.variable)
        self.assertIn(b"serving 2 listeners", manager.receive())
        self.good("drain", "web")
        self.assertIn(b"serving 2 listeners, 1 drain", manager.receive())
        self.good("maintenance", "agent")
        self.assertIn(b"serving 2 listeners, 1 drain, 1 maintenance",
                      manager.receive())


class Whom(StatesCase):
    """Which listeners a word is for."""

    def test_named(self):
        """The latest word counts, and one for all forgets the others."""
        self.start()
        self.good("drain", "web")
        self.assertEqual(self.states(), {"web": "drain", "agent": "ready"})
        self.good("maintenance")
        self.assertEqual(self.states(),
                         {"web": "maintenance", "agent": "maintenance"})
        self.good("ready", "web")
        self.assertEqual(self.states(),
                         {"web": "ready", "agent": "maintenance"})
        self.good("drain", "web", "agent")
        self.good("ready")
        self.assertEqual(self.states(), {"web": "ready", "agent": "ready"})

    def test_unknown(self):
        """Nothing changes."""
        self.start()
        said = self.bad(1, "drain", "web", "nobody")
        self.assertIn("nobody: no such listener, nothing is changed", said)
        self.assertEqual(self.states(), {"web": "ready", "agent": "ready"})

    def test_future(self):
        """A word for all holds for listeners that a reload adds; one for a
        listener that is gone waits for it."""
        daemon = self.start()
        whole = self.configuration()
        other = self.configuration(self.listener("", "other"))
        self.good("drain")
        self.good("maintenance", "web")
        daemon.reload(other)
        rows = {row["name"]: row["state"]
                for row in self.status()["listeners"] if row["configured"]}
        self.assertEqual(rows, {"other": "drain"})
        daemon.reload(whole)
        self.assertEqual(self.said(), (b"under maintenance\n", b"up drain\n"))

    def test_usage(self):
        """Bad words change nothing."""
        self.start()
        for arguments in (("drain", "--until", "yesterday"),
                          ("drain", "--until", "1999-01-01T00:00:00Z"),
                          ("drain", "--until", "+99999d"),
                          ("drain", "--until"),
                          ("drain", "--reason", "x" * 201),
                          ("drain", "--wait", "-1"),
                          ("drain", "--at-least", "1"),
                          ("drain", "--wait", "1", "--at-least", "1.001"),
                          ("drain", "--wait", "1", "--at-least", "0"),
                          ("status", "--wait", "1", "--at-least", "1"),
                          ("drain", "a b"), ("drain", "a=b"), ("drain", ""),
                          ("drain", *["n" * 60] * 200),
                          ("status", "--reason", "x"), ("status", "web"),
                          ("reload", "--until", "+1h"), ("down",)):
            with self.subTest(arguments):
                self.bad(64, *arguments)
        self.assertEqual(self.states(), {"web": "ready", "agent": "ready"})

    def test_protocol(self):
        """Words that are none of a request."""
        self.start()
        for line in (b"drain until=x", b"drain until=0", b"drain until=-1",
                     b"drain reason=%", b"drain reason=%0", b"drain reason=%00",
                     b"drain reason=%zz", b"drain reason=" + b"x" * 201,
                     b"drain listener", b"drain web", b"drain json json",
                     b"status until=1", b"drain listener=web json"):
            with self.subTest(line):
                status, _, err = self.answer(self.dial(line + b"\n"))
                self.assertEqual(status, 64, err)
        status, _, err = self.answer(self.dial(b"drain listener=\n"))
        self.assertEqual(status, 1, err)
        self.assertEqual(self.states(), {"web": "ready", "agent": "ready"})


class Until(StatesCase):
    """A word that is over by itself."""

    def test_expires(self):
        daemon = self.start()
        self.good("drain")
        begin = time.time()

        def is_set():
            self.good("maintenance", "--until", "+2s", "web")
            return self.states()["web"] == "maintenance"
        wait_for(is_set, PATIENCE, "the maintenance")
        wait_for(lambda: self.states()["web"] == "drain", PATIENCE)
        self.assertGreater(time.time() - begin, 1)
        self.assertEqual(daemon.lines("state")[-1]["state"], "drain")

    def test_while_down(self):
        """Also while there is no daemon."""
        self.start().stop()
        daemon = self.start()
        self.good("maintenance", "--until", "+1s")
        until = time.time() + 1
        daemon.stop()
        wait_for(lambda: time.time() > until + 1, PATIENCE)
        self.start()
        wait_for(lambda: self.states()["web"] == "ready", PATIENCE)

    def test_local_time(self):
        """HH:MM is the next time that the local clock shows it."""
        self.start()
        then = datetime.datetime.now() + datetime.timedelta(minutes=90)
        self.good("drain", "--until", then.strftime("%H:%M"))
        row, _ = self.status()["listeners"]
        until = datetime.datetime.fromisoformat(
            row["until"].replace("Z", "+00:00")).timestamp()
        self.assertEqual(
            int(until), int(then.replace(second=0, microsecond=0)
                            .timestamp()))


class Kept(StatesCase):
    """Over a restart."""

    def test_restart(self):
        daemon = self.start()
        self.good("drain", "--reason", "why not", "--until", "+3h")
        self.good("maintenance", "web")
        before = self.status()["listeners"]
        daemon.stop()
        self.start()
        for old, new in zip(before, self.status()["listeners"]):
            for key in "state", "until", "reason":
                self.assertEqual(old.get(key), new.get(key))
        self.assertEqual(self.said(), (b"under maintenance\n", b"up drain\n"))

    def test_killed(self):
        """kill -9 at any moment leaves the old or the new."""
        for count in range(12):
            daemon = self.start()
            self.good("drain")
            sock = self.dial(b"maintenance\n")
            time.sleep(0.0004 * count)
            os.kill(daemon.pid, signal.SIGKILL)
            daemon.wait()
            sock.close()
            daemon = self.start()
            self.assertIn(self.states()["web"], ("drain", "maintenance"))
            self.assertEqual(daemon.lines("state file"), [])
            self.good("ready")
            daemon.stop()

    def test_damaged(self):
        """Set aside, warned of, and all are ready."""
        daemon = self.start()
        self.good("drain")
        daemon.stop()
        with open(self.state_file, "r+b") as file:
            text = file.read().replace(b"drain", b"ready")
            file.seek(0)
            file.write(text)
        daemon = self.start()
        self.assertEqual(self.states()["web"], "ready")
        self.assertTrue(any(line.startswith("state file")
                            for line in daemon.log()), daemon.log())
        with open(self.state_file + ".damaged", "rb") as file:
            self.assertEqual(file.read(), text)
        self.assertFalse(os.path.exists(self.state_file))
        self.good("drain")
        self.assertTrue(os.path.exists(self.state_file))

    def test_second_daemon(self):
        """75, and the first goes on."""
        self.start()
        self.good("drain")
        port, path = free_port(), os.path.join(self.folder(), "second")
        second = self.daemon(
            config=self.configuration(self.listener("", "x", port),
                                      path=path), ready=False,
            as_user=self.as_user)
        self.assertEqual(second.wait(), 75)
        self.assertIn("has it", "\n".join(second.log()))
        self.assertEqual(self.states()["web"], "drain")

    @needs_root
    def test_full_disk(self):
        """It is in force, it is said that it is not kept, exit 1; the old
        file stays."""
        if not strace_works():
            self.skipTest("needs strace")
        daemon = self.start()
        self.good("drain")
        with open(self.state_file, "rb") as file:
            before = file.read()
        with Strace(daemon.pid, "trace=fsync",
                    "inject=fsync:error=ENOSPC"):
            said = self.bad(1, "maintenance")
        self.assertIn("in force, but not kept over a restart", said)
        self.assertIn("No space left", said)
        self.assertEqual(self.states()["web"], "maintenance")
        with open(self.state_file, "rb") as file:
            self.assertEqual(file.read(), before)
        self.good("ready")

    def test_json(self):
        self.start()
        self.assertEqual(json.loads(self.good("-j", "drain", "--until", "+1h")),
                         {"result": "ok", "state": "drain"})
        result = self.ctl("-j", "drain", "nobody")
        self.assertEqual(result.returncode, 1)
        self.assertIn("no such listener", result.stdout)

    def test_no_directory(self):
        """It serves, warns, and each order says that it is not kept."""
        self.state_file = os.path.join(os.path.dirname(self.state_file),
                                       "none", "none", "state")
        daemon = self.start()
        self.assertIn("what forkgreetctl orders is not kept",
                      "\n".join(daemon.log()))
        self.assertIn("in force, but not kept", self.bad(1, "drain"))
        self.assertEqual(self.states()["web"], "drain")

    def test_none(self):
        """Without a state file nothing is kept, and that is no error."""
        self.state_file = ""
        daemon = self.start()
        daemon.reload()
        self.assertEqual(self.good("drain"), "")
        daemon.stop()
        self.start()
        self.assertEqual(self.states()["web"], "ready")

    def test_reload(self):
        """A reload keeps the words, and cannot change the file."""
        daemon = self.start()
        self.good("drain")
        daemon.reload()
        self.assertEqual(self.states()["web"], "drain")
        text = self.configuration().replace(self.state_file,
                                            self.state_file + "2")
        with self.assertRaisesRegex(AssertionError, "state_file: .* cannot be "
                                    "set by a reload"):
            daemon.reload(text)


class Health(StatesCase):
    """A health file says what a listener is ready for."""

    def setUp(self):
        super().setUp()
        self.health = os.path.join(self.folder(), "health")

    def configuration(self, listeners=None, top="", path=None, when="",
                      more=""):
        if listeners is None:
            follow = f'health_file = "{self.health}"; refresh = 0.1; {more} '
            listeners = ", ".join((
                self.listener('greeting = "hi\\n"; ' + follow, "web"),
                self.listener('format = "agent"; ' + follow, "agent",
                              self.agent)))
        return super().configuration(listeners, top, path)

    def write(self, text):
        """Renamed over the old one, as who does it well does."""
        with open(self.health + ".new", "wb") as file:
            file.write(text)
        os.rename(self.health + ".new", self.health)

    def becomes(self, word):
        """Waits until the agent says so."""
        wait_for(lambda: greet(self.agent) == word, PATIENCE, word)

    def test_words(self):
        """All that HAProxy knows, and back again from each."""
        self.write(b"up\n")
        daemon = self.start()
        self.assertEqual(greet(self.agent), b"up ready 100%\n")
        for text, word, plain in (
                (b"up 75%\n", b"up ready 75%\n", b"hi\n"),
                (b"drain\n", b"up drain\n", b"hi\n"),
                (b"0%\n", b"up ready 0%\n", b"hi\n"),
                (b"maint\n", b"maint\n", b"under maintenance\n"),
                (b"ready\r\nand more\n", b"up ready 100%\n", b"hi\n"),
                (b"down #no disk\n", b"ready down #no disk\n", b"down\n"),
                (b"UP, 10%\n", b"up ready 10%\n", b"hi\n"),
                (b"fail\n", b"ready down #\n", b"down\n")):
            with self.subTest(text):
                self.write(text)
                self.becomes(word)
                self.assertEqual(greet(self.port), plain)
        self.assertIn({"_": "state", "listener": "web", "state": "down"},
                      [dict(list(line.items())[:3])
                       for line in daemon.lines("state")])

    def test_bad(self):
        """What is none is down, with its reason."""
        self.write(b"up\n")
        self.start()
        for text, why in ((b"nonsense\n", b""), (b"\0up\n", b""),
                          (b"200%\n", b""), (b"x" * 70000, b"larger")):
            self.write(text)
            said = wait_for(lambda: (lambda word: word if word.startswith(
                b"ready down #") else None)(greet(self.agent)), PATIENCE)
            self.assertIn(why, said)
            self.assertGreater(len(said), len(b"ready down #\n"))
            self.write(b"up\n")
            self.becomes(b"up ready 100%\n")
        os.unlink(self.health)
        self.becomes(b"ready down #No such file or directory\n")
        os.mkfifo(self.health)
        wait_for(lambda: b"not a regular file" in greet(self.agent), PATIENCE)

    def test_unfinished(self):
        """One that is being written gets another look; then it counts as it
        stands."""
        self.write(b"up 50%\n")
        self.start()
        with open(self.health, "wb") as file:
            file.write(b"drai")
            file.flush()
            wait_for(lambda: greet(self.agent).startswith(b"ready down #"),
                     PATIENCE)
            file.write(b"n\n")
            file.flush()
            self.becomes(b"up drain\n")
        with open(self.health, "wb"):
            self.becomes(b"ready down #empty\n")

    def test_unreadable_for_a_while(self):
        """What is to blame may be elsewhere than in the file."""
        self.write(b"up\n")
        self.start()
        folder = os.path.dirname(self.health)
        os.chmod(folder, 0o777)
        self.write(b"up 50%\n")
        wait_for(lambda: b"can write its directory" in greet(self.agent),
                 PATIENCE)
        os.chmod(folder, 0o755)
        self.becomes(b"up ready 50%\n")

    def test_missing_at_the_start(self):
        """It serves, and is down."""
        self.start()
        self.assertEqual(greet(self.agent),
                         b"ready down #No such file or directory\n")
        self.write(b"up\n")
        self.becomes(b"up ready 100%\n")

    def test_too_old(self):
        self.write(b"up\n")
        self.start(config=self.configuration(more="max_age = 1000; "))
        self.assertEqual(greet(self.agent), b"up ready 100%\n")
        os.utime(self.health, (time.time() - 2000, time.time() - 2000))
        wait_for(lambda: greet(self.agent).startswith(
            b"ready down #not written for 20"), PATIENCE)
        self.write(b"up\n")
        self.becomes(b"up ready 100%\n")

    def test_too_old_though_of_the_future(self):
        """It was written before the clock was set back an hour: who writes it
        has died all the same.  Its age lasts over reloads."""
        self.write(b"up\n")
        os.utime(self.health, (time.time() + 3600, time.time() + 3600))
        daemon = self.start(
            config=self.configuration(more="max_age = 1.5; "))
        self.assertEqual(greet(self.agent), b"up ready 100%\n")
        wait_for(lambda: greet(self.agent).startswith(
            b"ready down #not written for "), PATIENCE)
        for _ in range(3):
            daemon.reload()
            self.assertTrue(greet(self.agent).startswith(
                b"ready down #not written for "))
        self.write(b"up\n")
        self.becomes(b"up ready 100%\n")

    def test_operator(self):
        """The worse of both; ready takes back the operator's word only, and
        says what the file says."""
        self.write(b"drain #reboot\n")
        self.start()
        self.good("maintenance")
        self.assertEqual(greet(self.agent), b"maint\n")
        said = self.good("ready", "web")
        self.assertEqual(said, "web: its health file says drain (reboot)\n")
        self.assertEqual(self.states(), {"web": "drain",
                                         "agent": "maintenance"})
        self.write(b"down #gone\n")
        self.good("drain")
        wait_for(lambda: self.states()["web"] == "down", PATIENCE)
        self.write(b"up\n")
        wait_for(lambda: self.states()["web"] == "drain", PATIENCE)

    def test_thousands_of_changes(self):
        """No descriptor leaks, and only changes of state are lines."""
        self.write(b"up\n")
        daemon = self.start()
        before = len(descriptors(daemon.pid)) if IS_ROOT else 0
        lines = len(daemon.lines("state"))
        for count in range(3000):
            self.write(b"up %d%% #%d\n" % (count % 101, count))
        self.write(b"up 42%\n")
        self.becomes(b"up ready 42%\n")
        self.assertEqual(len(daemon.lines("state")), lines)
        if IS_ROOT:
            wait_for(lambda: len(descriptors(daemon.pid)) <= before,
                     PATIENCE)

    def test_reload_only(self):
        """With refresh = 0."""
        self.write(b"up\n")
        text = self.configuration().replace("refresh = 0.1", "refresh = 0")
        daemon = self.start(config=text)
        self.write(b"drain\n")
        time.sleep(0.5)
        self.assertEqual(greet(self.agent), b"up ready 100%\n")
        daemon.reload()
        self.assertEqual(greet(self.agent), b"up drain\n")


class Wait(StatesCase):
    """drain --wait, as a container's preStop runs it."""

    def test_wait(self):
        """Until nobody is being served."""
        self.start(self.listener("hold = true;", "web") + ", " +
                   self.listener("hold = true;", "agent", self.agent))
        sock = self.connect(self.port, seconds=PATIENCE)
        self.assertEqual(sock.recv(100), b"hi client\n")
        other = self.connect(self.agent, seconds=PATIENCE)
        self.assertEqual(other.recv(100), b"hi client\n")
        begin = time.monotonic()
        result = self.ctl("drain", "--wait", "0.5", "web")
        self.assertGreaterEqual(time.monotonic() - begin, 0.5)
        self.assertEqual(result.returncode, 0)
        self.assertIn("1 still being served", result.stderr)
        closer = threading.Timer(0.3, sock.close)
        closer.start()
        self.good("drain", "--wait", str(PATIENCE), "web")
        closer.join()
        self.assertEqual(self.status()["live"], 1)

    def test_at_least(self):
        """Nobody is being served, and who comes meanwhile is."""
        self.start()
        begin = time.monotonic()
        with subprocess.Popen([CTL, "-s", self.path, "drain", "--wait",
                               str(PATIENCE), "--at-least", "0.7"]) as ctl:
            wait_for(lambda: self.states()["web"] == "drain")
            self.assertEqual(greet(self.port), b"hi drain \n")
            self.assertEqual(ctl.wait(2 * PATIENCE), 0)
        self.assertGreaterEqual(time.monotonic() - begin, 0.7)
        self.assertEqual(self.status()["live"], 0)

    def test_at_least_is_no_reason_to_leave_somebody(self):
        """That long, and as long as somebody is being served."""
        self.start(self.listener("hold = true;", "web") + ", " +
                   self.listener("", "agent", self.agent))
        sock = self.connect(self.port, seconds=PATIENCE)
        self.assertEqual(sock.recv(100), b"hi client\n")
        result = self.ctl("drain", "--wait", "0.5", "--at-least", "0.1")
        self.assertEqual(result.returncode, 0)
        self.assertIn("1 still being served", result.stderr)


if __name__ == "__main__":
    from harness import main
    main()
