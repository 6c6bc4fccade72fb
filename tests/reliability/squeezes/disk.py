"""A full disk: for the file of states, for the PID file."""

import json
import os
import subprocess

from harness import CTL, PATIENCE, USER, Background, free_port, run
from squeeze import Squeeze

NO_SPACE = "No space left on device"


class _Disk(Squeeze):
    """A file system of its own, self.disk: in turn without room for bytes, and
    without room for another file."""

    mounts = True
    SIZE = "size=1m,nr_inodes=64"

    def make_disk(self):
        """Mounts it."""
        self.disk = self.folder()
        self.turn, self.full = 0, []
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"{self.SIZE},mode=755",
                        "squeezes", self.disk], check=True)
        self.addCleanup(subprocess.run, ["umount", "-l", self.disk],
                        check=True)
        os.chown(self.disk, USER, USER)

    def squeeze(self):
        self.turn += 1
        file = self.another()
        with self.assertRaisesRegex(OSError, NO_SPACE):
            while True:
                if self.turn % 2 == 1:
                    os.write(file, bytes(4096))
                else:
                    os.close(file)
                    file = self.another()
        if self.turn % 2 == 1:
            os.close(file)

    def another(self):
        """A new file."""
        path = os.path.join(self.disk, f"full-{len(self.full)}")
        file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        self.full.append(path)
        return file

    def release(self):
        while self.full:
            os.unlink(self.full.pop())

    def others(self):
        """What else is there."""
        return sorted(name for name in os.listdir(self.disk)
                      if not name.startswith("full-"))

    def read(self, name):
        """What a file there says."""
        with open(os.path.join(self.disk, name), encoding="ascii") as file:
            return file.read()


class StateFile(_Disk):
    """An order is obeyed, and the operator is told that it is not kept; the file
    stays as it was.  Once there is room the next one is kept."""

    name = "full disk, state file"

    def configuration(self, listeners=None, top=""):
        return super().configuration(listeners, top).replace(
            'state_file = "";', f'state_file = "{self.disk}/state";')

    def begin(self):
        self.make_disk()
        super().begin()
        self.say("drain", "held")

    def order(self, word):
        """forkgreetctl WORD held."""
        return run("-s", self.control, word, "held", program=CTL)

    def squeezed(self, seconds):
        self.kept = self.read("state")
        self.refused = []
        super().squeezed(seconds)
        for word in ("maintenance", "ready", "maintenance"):
            self.refused.append(self.order(word))
            rows = json.loads(self.say("-j", "status"))["listeners"]
            self.assertEqual(rows[1]["state"], word)

    def bites(self):
        for done in self.refused:
            self.assertEqual(done.returncode, 1)
            self.assertIn("in force, but not kept over a restart", done.stderr)
            self.assertIn(NO_SPACE, done.stderr)
        self.assertEqual(self.read("state"), self.kept)
        self.assertEqual(self.others(), ["state", "state.lock"])

    def recover(self):
        super().recover()
        self.assertEqual(self.order("drain").returncode, 0)
        self.assertIn("drain", self.read("state"))


class PidFile(_Disk):
    """Who starts is told, and leaves nothing that is in the way; the daemon that
    has its PID file there goes on, and who starts later begins well."""

    name = "full disk, PID file"
    EX_OSERR = 71

    def begin(self):
        self.make_disk()
        super().begin()

    def configuration(self, listeners=None, top=""):
        return (f'pid_file = "{self.disk}/pid";\n' +
                super().configuration(listeners, top))

    def serve(self, **keywords):
        return super().serve(arguments=("-f",), **keywords)

    def another_start(self):
        """A daemon in the background."""
        text = super().configuration(
            self.listener(name="other", port=free_port())).replace(
                self.control, self.control + "2")
        return Background(self.folder(),
                          f'pid_file = "{self.disk}/other";\n{text}')

    def squeezed(self, seconds):
        super().squeezed(seconds)
        other = self.another_start()
        self.addCleanup(other.end)
        self.status = other.command.wait(PATIENCE)
        self.said = "\n".join(other.log())

    def bites(self):
        self.assertEqual(self.status, self.EX_OSERR, self.said)
        self.assertIn(f"{self.disk}/other: ", self.said)
        self.assertIn(NO_SPACE, self.said)
        self.assertEqual(self.read("pid"), f"{self.server.pid}\n")

    def recover(self):
        super().recover()
        other = self.another_start()
        self.addCleanup(other.end)
        other.ready()
        self.assertEqual(self.read("other"), f"{other.pid}\n")
        self.assertEqual(other.stop(), 0)
        self.assertEqual(self.others(), ["pid"])


SQUEEZES = (StateFile, PidFile)
