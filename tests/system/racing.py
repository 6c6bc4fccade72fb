"""Daemons that are started at the same time."""

import os
import signal
import subprocess

from harness import (DAEMON, IS_ROOT, PATIENCE, adopt_orphans, become_user,
                     instances, wait_count)


class Race:
    """Starts in the background, with one configuration file."""

    def __init__(self, config, as_user=False):
        adopt_orphans()
        self.config = config
        self.log = config + ".log"
        self.as_user = as_user and IS_ROOT

    def start(self, count):
        """So many; returns their exit statuses."""
        with open(self.log, "ab") as log:
            commands = [subprocess.Popen(
                [DAEMON, "-c", self.config], stdin=subprocess.DEVNULL,
                stdout=log, stderr=log,
                preexec_fn=become_user if self.as_user else None)
                for _ in range(count)]
        return sorted(command.wait(PATIENCE) for command in commands)

    def alive(self):
        """Pids of those that run."""
        return instances(self.config)

    def wait_alive(self, count):
        """The same, once they are so many: a loser's command may return a
        moment before the loser is gone, and what the loser had started is ours
        for a moment then."""
        return wait_count(count, self.alive, PATIENCE, f"{count} instances")

    def said(self):
        """The end of their log."""
        with open(self.log, encoding="latin-1") as file:
            return "the log says:\n" + "\n".join(
                file.read().splitlines()[-20:])

    def end(self):
        """Of all."""
        for pid in instances(self.config):
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
