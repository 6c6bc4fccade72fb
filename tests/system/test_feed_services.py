"""forkgreet-feed as init systems run it: the unit, and Debian's init script."""

import contextlib
import os
import re
import shutil
import signal
import subprocess
import unittest

from harness import (BUILDDIR, PATIENCE, USER, Case, needs_program,
                     needs_root, proc_status, wait_for)
from programs import Build

BUILD = Build(os.environ.get("BUILDDIR", "."))
SOURCE = os.environ.get("top_srcdir", os.path.join(
    os.path.dirname(__file__), "../.."))
SCRIPT = os.path.join(SOURCE, "debian/forkgreet.forkgreet-feed.init")
UNIT = "contrib/systemd/forkgreet-feed@.service"


@needs_root
@needs_program("start-stop-daemon")
@unittest.skipUnless(os.path.exists(SCRIPT),
                     "no debian/ in the released source")
@unittest.skipUnless(os.path.exists("/lib/lsb/init-functions"),
                     "needs /lib/lsb/init-functions")
class InitScript(Case):
    """With paths of the test's own."""

    def setUp(self):
        super().setUp()
        place = os.path.join(self.folder(), "own")  # root's
        os.mkdir(place)
        self.feeds = os.path.join(place, "feeds")
        self.run_folder = os.path.join(place, "run")
        self.log = os.path.join(place, "log")
        self.bin = os.path.join(place, "bin")
        os.mkdir(self.feeds)
        os.mkdir(self.bin)
        daemon = os.path.join(self.bin, "forkgreet-feed")
        shutil.copy(os.path.join(BUILDDIR, "forkgreet-feed"), daemon)
        self.program("logger", f'exec sed -u "s/^/$2: /" >>{self.log}\n')
        self.defaults = os.path.join(place, "default")
        with open(self.defaults, "w", encoding="ascii") as file:
            file.write("FEED_USER=nobody\n")
        with open(SCRIPT, encoding="utf-8") as file:
            text = file.read()
        for name, value in (
                ("PATH", f"{self.bin}:/sbin:/usr/sbin:/bin:/usr/bin"),
                ("DAEMON", daemon), ("FEEDS", self.feeds),
                ("RUN", self.run_folder)):
            text, found = re.subn(rf"(?m)^{name}=.*$", f"{name}={value}",
                                  text)
            self.assertEqual(found, 1)
        text = text.replace("/etc/default/forkgreet-feed", self.defaults)
        self.script = os.path.join(place, "script")
        with open(self.script, "w", encoding="utf-8") as file:
            file.write(text)
        self.addCleanup(self.kill_all)

    def program(self, name, text):
        path = os.path.join(self.bin, name)
        with open(path, "w", encoding="utf-8") as file:
            file.write("#!/bin/sh\n" + text)
        os.chmod(path, 0o755)
        return path

    def feed(self, name, text):
        with open(os.path.join(self.feeds, name), "w",
                  encoding="utf-8") as file:
            file.write(text)

    def pid(self, name):
        """None: there is none."""
        with contextlib.suppress(FileNotFoundError, ValueError):
            with open(os.path.join(self.run_folder, name + ".pid"),
                      encoding="ascii") as file:
                pid = int(file.read())
            if proc_status(pid).get("Name") == "forkgreet-feed":
                return pid
        return None

    def kill_all(self):
        for name in os.listdir(self.feeds):
            pid = self.pid(name)
            if pid:
                os.kill(pid, signal.SIGKILL)

    def service(self, verb, *names, status=0):
        """What it says."""
        result = subprocess.run(
            ["sh", self.script, verb, *names], stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            timeout=3 * PATIENCE, check=False)
        self.assertEqual(result.returncode, status, result.stdout)
        return result.stdout

    def text(self, name, file="health"):
        with contextlib.suppress(FileNotFoundError):
            with open(os.path.join(self.run_folder, name, file),
                      encoding="utf-8") as stream:
                return stream.read()
        return None

    def test_life(self):
        """Started, its files there at once; restarted; stopped."""
        self.feed("one", "# a comment\n\nCOMMAND=\"printf '%s;' 'a  b' c\"\n"
                  "INTERVAL=0.1\n")
        self.feed("two", "COMMAND='env'\nWORD=\"x y\"\nINTERVAL=0.1\n")
        self.feed("two.cnf", "password=secret\n")
        self.service("status", status=3)
        self.service("start")
        self.assertEqual(self.text("one"), "up\n")
        self.assertEqual(self.text("one", "greeting"), "a  b;c;")
        self.assertIn("\nWORD=x y\n", "\n" + self.text("two", "greeting"))
        self.assertEqual(sorted(os.listdir(self.run_folder)),
                         ["one", "one.pid", "two", "two.pid"])
        for name in "one", "two":
            self.assertEqual(proc_status(self.pid(name))["Uid"].split(),
                             [str(USER)] * 4)
        self.service("status")
        before = self.pid("one"), self.pid("two")
        self.service("start")
        self.assertEqual((self.pid("one"), self.pid("two")), before)
        self.service("restart", "one")
        self.assertNotEqual(self.pid("one"), before[0])
        self.assertEqual(self.pid("two"), before[1])
        self.service("try-restart")
        self.assertNotEqual(self.pid("two"), before[1])
        os.unlink(os.path.join(self.feeds, "two"))
        self.service("stop")
        self.assertIsNone(self.pid("two"))
        self.assertEqual(os.listdir(self.run_folder), [])
        self.service("stop")
        self.service("try-restart")
        self.assertIsNone(self.pid("one"))
        self.service("status", status=3)

    def test_nothing_configured(self):
        for verb in "start", "stop", "restart", "status":
            self.assertEqual(self.service(verb), "")

    def test_log(self):
        """What it says, later too."""
        flag = os.path.join(self.folder(), "flag")
        self.feed("one", f"COMMAND=\"test -e {flag}\"\nINTERVAL=0.1\n")
        self.service("start")
        said = "forkgreet-feed@one: forkgreet-feed: test: exit status 1\n"
        wait_for(lambda: self.logged() == said, PATIENCE, "its line")
        with open(flag, "w", encoding="ascii"):
            pass
        said += "forkgreet-feed@one: forkgreet-feed: test: works again\n"
        wait_for(lambda: self.logged() == said, PATIENCE, "its line")
        self.service("stop")

    def logged(self):
        with contextlib.suppress(FileNotFoundError):
            with open(self.log, encoding="utf-8") as file:
                return file.read()
        return ""

    def test_nothing_is_executed(self):
        """Of the file, but COMMAND, and that without a shell."""
        note = os.path.join(self.feeds, "note")
        self.feed("one", f"touch {note}\nX=$(touch {note})\n"
                  f"COMMAND=\"echo $(touch {note}) `touch {note}` ; x\"\n"
                  f"RUN=/no\nfolder=/no\nINTERVAL=0.1\n")
        self.service("start")
        self.assertEqual(self.text("one", "greeting"),
                         f"$(touch {note}) `touch {note}` ; x\n")
        self.assertFalse(os.path.exists(note))
        self.service("stop")

    def test_wrong_file(self):
        """It is said, and the others are started."""
        self.feed("a", "# nothing\n")
        self.feed("b", "COMMAND=true\nINTERVAL=often\n")
        self.feed("c", "COMMAND=true\n")
        said = self.service("start", status=1)
        self.assertRegex(said, "a not started")
        self.assertRegex(said, "b not started")
        self.assertRegex(said, "c started")
        wait_for(lambda: len(self.logged().splitlines()) == 2, PATIENCE)
        self.assertEqual(set(self.logged().splitlines()), {
            "forkgreet-feed@a: forkgreet-feed: COMMAND: missing (see "
            "forkgreet-feed --help)",
            "forkgreet-feed@b: forkgreet-feed: -i often: expected seconds "
            "from 0.001 to 86400 (see forkgreet-feed --help)"})
        self.assertRegex(self.service("start", "no", status=1),
                         "no: cannot be read")
        self.service("stop")

    def test_user(self):
        with open(self.defaults, "a", encoding="ascii") as file:
            file.write("FEED_USER_my_own=daemon\n")
        self.feed("my-own", "COMMAND='id -un'\n")
        self.feed("other", "COMMAND='id -un'\n")
        self.service("start")
        self.assertEqual(self.text("my-own", "greeting"), "daemon\n")
        self.assertEqual(self.text("other", "greeting"), "nobody\n")
        self.service("stop")

    def test_usage(self):
        self.assertRegex(self.service("go", status=2), "usage: ")
        self.assertRegex(self.service("", status=2), "usage: ")


class Unit(Case):
    """As systemd understands it."""

    def setUp(self):
        super().setUp()
        if not os.path.exists(BUILD.path(UNIT)):  # "make check" has made it
            subprocess.run(["make", "-s", "-C", BUILD.folder, UNIT],
                           check=True, stdout=subprocess.DEVNULL)
        with open(BUILD.path(UNIT), encoding="utf-8") as file:
            self.text = file.read()

    def test_nothing_left_to_replace(self):
        self.assertNotRegex(self.text, r"@\w+@")

    def installed(self):
        """It and its program where systemd looks for them."""
        folder = self.folder()
        bindir = BUILD.variable("prefix") + "/bin"
        with open(os.path.join(folder, "forkgreet-feed@.service"), "w",
                  encoding="utf-8") as file:
            file.write(self.text.replace(
                bindir + "/forkgreet-feed",
                os.path.join(BUILDDIR, "forkgreet-feed")))
        return os.path.join(folder, "forkgreet-feed@.service")

    @needs_program("systemd-analyze")
    def test_verify(self):
        path = self.installed().replace("@.", "@one.")
        shutil.copy(path.replace("@one.", "@."), path)
        result = subprocess.run(
            ["systemd-analyze", "verify", "--man=no", path], text=True,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
        ours = [line for line in result.stdout.splitlines()
                if "forkgreet-feed" in line]
        self.assertEqual(ours, [])

    @needs_program("systemd-analyze")
    def test_exposure(self):
        """A check needs programs and the network, and no more."""
        result = subprocess.run(
            ["systemd-analyze", "security", "--offline=true",
             "--threshold=25", "--no-pager", self.installed()], text=True,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
        if "nrecognized option" in result.stdout:
            self.skipTest("systemd-analyze security has no --offline")
        self.assertEqual(result.returncode, 0, result.stdout)


if __name__ == "__main__":
    from harness import main
    main()
