"""One of the instances of forkgreetd."""

import json
import os
import re
import subprocess
import time

from harness import (CTL, PATIENCE, USER, Daemon, identity, listens,
                     wait_for)
from network import INSTANCES
from recipe import block, replaced

PROXY = re.compile(r"\n *proxy_protocol = \{[^}]*\};")


def new_folder(parent, name):
    """One that belongs to the user who the daemon becomes."""
    path = os.path.join(parent, name)
    os.mkdir(path, 0o755)
    os.chown(path, USER, USER)
    return path


def configuration(proxy, more=""):
    """README's, with or without the PROXY protocol."""
    text = block("listeners = (")
    if not PROXY.search(text):
        raise AssertionError(f"README has no proxy_protocol:\n{text}")
    return more + (text if proxy else PROXY.sub("", text))


class Instance:
    """Started, drained, killed, started again:

        one = Instance("one", configuration(True), folder, 4444)
        one.start()
    """

    def __init__(self, name, text, folder, port):
        self.name, self.port = name, port
        self.address = INSTANCES[name]
        self.folder = new_folder(folder, name)
        self.control = os.path.join(self.folder, "control")
        self.text = (
            identity().replace('control_socket = "";',
                               f'control_socket = "{self.control}";').replace(
                'state_file = "";', f'state_file = "{self.folder}/state";') +
            'log = { target = "stderr"; };\n' +
            replaced(text, "0.0.0.0", self.address))
        self.daemons = []  # each that was started; the last one runs

    @property
    def daemon(self):
        """The one that runs."""
        return self.daemons[-1]

    def start(self):
        """Another one, with a log of its own."""
        self.daemons.append(Daemon(
            new_folder(self.folder, str(len(self.daemons))), self.text))
        self.daemon.ready()

    def restart(self):
        """Stops it, as a service manager does, and starts another one."""
        if self.daemon.stop() != 0:
            raise AssertionError("\n".join(self.daemon.log()[-10:]))
        self.start()

    def kill(self):
        """With -9; returns from when to when clients may have suffered: until
        nobody can be connected any more."""
        begin = time.monotonic()
        self.daemon.process.kill()
        self.daemon.wait()
        wait_for(lambda: not listens(self.address, self.port), PATIENCE,
                 "the end of its socket")
        return begin, time.monotonic()

    def end(self):
        """Afterwards it is gone."""
        if self.daemons:
            self.daemon.end()

    def ctl(self, *words):
        """forkgreetctl, which must succeed; what it says."""
        done = subprocess.run(
            [CTL, "-s", self.control, "-w", str(PATIENCE), *words],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, encoding="utf-8", check=False)
        if done.returncode != 0:
            raise AssertionError(f"{self.name}: {words}: {done.stdout}")
        return done.stdout

    def listener(self, port=None):
        """The row of the status for that port, or for the one that is
        balanced."""
        port = port or self.port
        rows = json.loads(self.ctl("-j", "status"))["listeners"]
        return next(row for row in rows
                    if row["addresses"][0]["port"] == port)

    def client_lines(self):
        """Lines of clients in the logs of all that were started."""
        return [line for daemon in self.daemons
                for line in daemon.lines("client")]

    def refused_lines(self):
        """The same of those who were refused."""
        return [line for daemon in self.daemons
                for line in daemon.lines("refused")]
