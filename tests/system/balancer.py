"""HAProxy in front of the daemon: started by a test, ended with it."""

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
	stats socket {socket} mode 600 level admin
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
# Of "show stat", in complaints.
TOLD = ("status", "weight", "check_status", "check_code", "last_chk",
        "agent_status", "last_agt")


class Balancer:
    """haproxy(1) with one server, whose state it tells:

        balancer = Balancer(port, "agent-check agent-port 4444")
        self.addCleanup(balancer.end)
        balancer.wait_status("UP")
    """

    def __init__(self, port, server, options="", more=""):
        self._folder = tempfile.TemporaryDirectory(prefix="forkgreet-test-")
        self._socket = os.path.join(self._folder.name, "stats")
        self._log = os.path.join(self._folder.name, "log")
        config = os.path.join(self._folder.name, "haproxy.cfg")
        with open(config, "w", encoding="ascii") as file:
            file.write(CONFIG.format(
                socket=self._socket, patience=PATIENCE, host=HOST, port=port,
                server=server, options=options, more=more))
        with open(self._log, "wb") as log:
            self._process = subprocess.Popen(
                ["haproxy", "-db", "-f", config], stdin=subprocess.DEVNULL,
                stdout=log, stderr=log, preexec_fn=die_with_parent)

    def end(self):
        """Afterwards it is gone."""
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait()
        self._folder.cleanup()

    def ask(self, command):
        """What it answers on its socket."""
        with socket.socket(socket.AF_UNIX) as sock:
            sock.settimeout(PATIENCE)
            sock.connect(self._socket)
            sock.sendall(command.encode() + b"\n")
            with sock.makefile(encoding="utf-8") as file:
                return file.read()

    def server(self):
        """The server's row of "show stat"; None: not yet."""
        if self._process.poll() is not None:
            with open(self._log, encoding="utf-8") as log:
                raise AssertionError("haproxy has ended:\n" + log.read())
        try:
            text = self.ask("show stat servers 4 -1")
        except (ConnectionError, FileNotFoundError):
            return None
        rows = csv.DictReader(text.removeprefix("# ").splitlines())
        return next(iter(rows), None)

    def wait(self, **fields):
        """Waits until the row has these fields; returns it."""
        row = None

        def has():
            nonlocal row
            row = self.server()
            return row is not None and all(
                row[key] == value for key, value in fields.items())
        try:
            wait_for(has, PATIENCE, f"haproxy: {fields}")
        except AssertionError as error:
            told = {key: value for key, value in (row or {}).items()
                    if key in TOLD}
            raise AssertionError(f"{error}; it says {told}") from None
        return row
