"""What the tests of the log share: daemons whose output is the test's, and log
servers."""

import os
import socket
import subprocess
import time

from harness import Case, IS_ROOT, greet, untimed, wait_for

GREETING = b"hi client\n"
# Far below what one second of waiting for a log would make of so many.
MANY = 300
QUICKLY = 10.0

# A /run of its own, in which the journal's socket is the test's.
PRIVATE_RUN = """
set -e
mount -t tmpfs -o mode=755 tmpfs /run
mkdir -p /run/systemd/journal
ln -s "$1" /run/systemd/journal/socket
shift
exec "$@"
"""

# A /dev of its own, in which "log" is the test's socket.
PRIVATE_DEV = """
set -e
mount -t tmpfs -o mode=755 tmpfs /dev
mknod -m 666 /dev/null c 1 3
ln -s "$1" /dev/log
shift
exec "$@"
"""


def can_mount():
    """True when a private /dev can be had."""
    return IS_ROOT and subprocess.run(
        ["unshare", "-m", "sh", "-c", PRIVATE_DEV, "sh", "/nowhere", "true"],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        check=False).returncode == 0


class StderrCase(Case):
    """A daemon whose standard error is what the test says."""

    as_user = False

    def setUp(self):
        if self.as_user and not IS_ROOT:
            self.skipTest("all tests run as an ordinary user")

    def start(self, stderr, config=None):
        """Standard error becomes that descriptor (None: closed)."""
        def preexec():
            if stderr is None:
                os.closerange(0, 3)
            else:
                os.dup2(stderr, 2)
        daemon = self.daemon(config=config, ready=False, preexec=preexec,
                             as_user=self.as_user)
        wait_for(self.serves, 10, "service")
        return daemon

    def serves(self):
        """True once a client is greeted."""
        try:
            return greet(self.port) == GREETING
        except ConnectionRefusedError:
            return False

    def assert_quick(self, count=MANY):
        """So many clients do not wait."""
        begin = time.monotonic()
        for _ in range(count):
            self.assertEqual(greet(self.port), GREETING)
        self.assertLess(time.monotonic() - begin, QUICKLY)

    def wait_flows(self, server):
        """Greets until a client's line arrives there."""
        def flows():
            greet(self.port)
            return any(text.startswith("client ")
                       for text in server.texts())
        wait_for(flows, 2, "lines")


def drain(reader):
    """The lines that are in the pipe."""
    text = b""
    try:
        while part := os.read(reader, 1 << 16):
            text += part
    except BlockingIOError:
        pass
    return untimed(text.decode()).splitlines()


class Server:
    """A log server: reads datagrams into lines, or does not read."""

    KIND = socket.SOCK_DGRAM

    def __init__(self, path):
        self.path = path
        self.lines = []
        self.socket = socket.socket(socket.AF_UNIX, self.KIND)
        self.socket.bind(path)
        os.chmod(path, 0o666)

    def read(self):
        """Takes what has come; returns all lines so far."""
        try:
            while True:
                self.lines.append(self.socket.recv(
                    1 << 16, socket.MSG_DONTWAIT).decode())
        except BlockingIOError:
            return self.lines

    def text(self, line):
        """The line without what stands before the colon."""
        return line.split(": ", 1)[1]

    def texts(self):
        """All so far, only their texts."""
        return [self.text(line) for line in self.read()]

    def wait(self, start, count=1, seconds=5.0):
        """Waits for lines that start so; returns them as they came."""
        def found():
            some = [line for line in self.read()
                    if self.text(line).startswith(start)]
            return some if len(some) >= count else None
        return wait_for(found, seconds, f"{count} x {start}")

    def close(self):
        """Goes away, with its socket."""
        self.socket.close()
        os.unlink(self.path)


def native_fields(datagram):
    """The fields of a record in the journal's own form, as bytes; and the names
    of those that came in the binary form."""
    fields, binary = {}, set()
    while datagram:
        name, datagram = datagram.split(b"\n", 1)
        name, equal, value = name.partition(b"=")
        if not equal:
            length = int.from_bytes(datagram[:8], "little")
            value, rest = datagram[8:8 + length], datagram[8 + length:]
            if len(value) != length or rest[:1] != b"\n":
                raise ValueError(f"{name}: not {length} bytes and a newline")
            datagram = rest[1:]
            binary.add(name.decode())
        if name.decode() in fields:
            raise ValueError(f"{name}: twice")
        fields[name.decode()] = value
    return fields, binary


class JournalServer(Server):
    """The journal: a line is a dictionary of its fields."""

    def read(self):
        try:
            while True:
                fields, _ = native_fields(self.socket.recv(
                    1 << 16, socket.MSG_DONTWAIT))
                self.lines.append({name: value.decode("utf-8", "replace")
                                   for name, value in fields.items()})
        except BlockingIOError:
            return self.lines

    def text(self, line):
        return line["MESSAGE"]


class StreamServer(Server):
    """The same as a stream, on which a line ends with a NUL byte."""

    KIND = socket.SOCK_STREAM

    def __init__(self, path):
        super().__init__(path)
        self.peers = {}
        self.socket.listen()
        self.socket.setblocking(False)

    def read(self):
        """Takes what has come; returns all whole lines so far."""
        try:
            while True:
                peer, _ = self.socket.accept()
                peer.setblocking(False)
                self.peers[peer] = b""
        except BlockingIOError:
            pass
        for peer in self.peers:
            self._read(peer)
        return self.lines

    def _read(self, peer):
        try:
            while part := peer.recv(1 << 16):
                *lines, self.peers[peer] = (self.peers[peer] +
                                            part).split(b"\0")
                self.lines += [line.decode() for line in lines]
        except (BlockingIOError, ConnectionResetError):
            pass

    def close(self):
        """Goes away, with its socket and all connections."""
        for peer in self.peers:
            peer.close()
        super().close()
