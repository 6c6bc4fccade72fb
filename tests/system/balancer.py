"""HAProxy in front of daemons: started by a test, ended with it."""

import csv
import os
import socket
import subprocess
import tempfile

from harness import HOST, PATIENCE, die_with_parent, wait_for

# Checks are frequent, and every change counts at once.
CONFIG = """
global
	maxconn 64
defaults
	mode http
	timeout connect {patience}s
	timeout client {patience}s
	timeout server {patience}s
	timeout check {patience}s
	default-server check inter 50ms rise 1 fall 1
{more}
backend servers
{options}
	server one {host}:{port} {server}
"""
STATISTICS = """
global
	stats socket {} mode 600 level admin
"""
# Of "show stat", in complaints.
TOLD = ("status", "weight", "check_status", "check_code", "last_chk",
        "agent_status", "last_agt")


class HAProxy:
    """haproxy(1) with that configuration; it tells the state of its servers:

        balancer = HAProxy(text)
        self.addCleanup(balancer.end)
        balancer.wait("web1", status="UP")
    """

    def __init__(self, text):
        self._folder = tempfile.TemporaryDirectory(prefix="forkgreet-test-")
        self._socket = os.path.join(self._folder.name, "stats")
        self.log_path = os.path.join(self._folder.name, "log")
        config = os.path.join(self._folder.name, "haproxy.cfg")
        with open(config, "w", encoding="ascii") as file:
            file.write(STATISTICS.format(self._socket) + text)
        with open(self.log_path, "wb") as log:
            self._process = subprocess.Popen(
                ["haproxy", "-db", "-f", config], stdin=subprocess.DEVNULL,
                stdout=log, stderr=log, preexec_fn=die_with_parent)

    def end(self):
        """Afterwards it is gone."""
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait()
        self._folder.cleanup()

    def log(self):
        """Its lines so far."""
        with open(self.log_path, encoding="utf-8") as log:
            return log.read().splitlines()

    def ask(self, command):
        """What it answers on its socket."""
        with socket.socket(socket.AF_UNIX) as sock:
            sock.settimeout(PATIENCE)
            sock.connect(self._socket)
            sock.sendall(command.encode() + b"\n")
            with sock.makefile(encoding="utf-8") as file:
                return file.read()

    def servers(self, name=None):
        """The rows of "show stat", of all or of those with that name; none:
        not yet."""
        if self._process.poll() is not None:
            raise AssertionError("haproxy has ended:\n" +
                                 "\n".join(self.log()))
        try:
            text = self.ask("show stat -1 4 -1")
        except (ConnectionError, FileNotFoundError):
            return []
        return [row for row in csv.DictReader(
            text.removeprefix("# ").splitlines())
                if name in (None, row["svname"])]

    def server(self, name):
        """The only row with that name; None: not yet."""
        return next(iter(self.servers(name)), None)

    def wait(self, name, **fields):
        """Waits until the server's row has these fields; returns it."""
        row = None

        def has():
            nonlocal row
            row = self.server(name)
            return row is not None and all(
                row[key] == value for key, value in fields.items())
        try:
            wait_for(has, PATIENCE, f"haproxy: {name}: {fields}")
        except AssertionError as error:
            told = {key: value for key, value in (row or {}).items()
                    if key in TOLD}
            raise AssertionError(f"{error}; it says {told}") from None
        return row


class Balancer(HAProxy):
    """With one server:

        balancer = Balancer(port, "agent-check agent-port 4444")
        self.addCleanup(balancer.end)
        balancer.wait(status="UP")
    """

    def __init__(self, port, server, options="", more=""):
        super().__init__(CONFIG.format(
            patience=PATIENCE, host=HOST, port=port, server=server,
            options=options, more=more))

    def server(self, name="one"):
        """Its row."""
        return super().server(name)

    def wait(self, name="one", **fields):
        """Waits until its row has these fields; returns it."""
        return super().wait(name, **fields)
