"""Clients: sockets that connect, read, reset, hold; load."""

import errno
import random
import socket
import struct
import threading
import time

from .process import HOST, PATIENCE, wait_for

# Below what the kernel gives to those who connect (ip_local_port_range): a port
# that is free now cannot become a client's before the daemon binds it.
PORTS = range(10000, 32768)


# A process takes them in blocks that are its own while it lives: tests that run
# at the same time pick theirs too, and a daemon may bind one much later.
BLOCK = 64

_blocks = []  # the sockets that say so
_ports = []  # not given out yet


def _take_block():
    """Ports of one more block.  An abstract socket is named after it: as ports
    do, such names belong to one network namespace and end with the process."""
    for first in random.sample(PORTS[::BLOCK], len(PORTS[::BLOCK])):
        block = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        try:
            block.bind(f"\0forkgreet-test-ports-{first}")
        except OSError as error:
            block.close()
            if error.errno != errno.EADDRINUSE:
                raise
            continue
        _blocks.append(block)
        ports = range(first, min(first + BLOCK, PORTS.stop))
        return random.sample(ports, len(ports))
    raise AssertionError("all ports are taken")


def free_port(host=HOST, family=socket.AF_INET):
    """A TCP port that nobody has now, and that was not given out before."""
    while True:
        if not _ports:
            _ports.extend(_take_block())
        port = _ports.pop()
        with socket.socket(family, socket.SOCK_STREAM) as sock:
            try:
                sock.bind((host, port))
            except OSError as error:
                if error.errno == errno.EADDRINUSE:
                    continue
                raise
        return port


def connect(port, host=HOST, seconds=PATIENCE, receive_buffer=None,
            source=None):
    """A connected socket; perhaps one that was reset at once, which connect(2)
    may say already."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM)
    sock.settimeout(seconds)
    if receive_buffer is not None:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
    if source is not None:
        sock.bind((source, 0))
    try:
        sock.connect((host, port))
    except (BrokenPipeError, ConnectionResetError):
        pass
    return sock


def read_all(sock):
    """All bytes until the end of stream; ConnectionResetError otherwise."""
    parts = []
    while True:
        part = sock.recv(1 << 16)
        if not part:
            return b"".join(parts)
        parts.append(part)


def greet(port, host=HOST, say=b"", seconds=PATIENCE):
    """What a client gets that says something first."""
    with connect(port, host, seconds) as sock:
        if say:
            sock.sendall(say)
        return read_all(sock)


def close_with_reset(sock):
    """Closes so that the other side gets a reset."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                    struct.pack("ii", 1, 0))
    sock.close()


def read_to_end(sock):
    """All bytes until the stream ends, and whether a reset ended it."""
    parts = []
    try:
        while part := sock.recv(1 << 16):
            parts.append(part)
    except ConnectionResetError:
        return b"".join(parts), True
    return b"".join(parts), False


def is_held(sock):
    """True while the connection is open and nothing more has come."""
    sock.setblocking(False)
    try:
        sock.recv(1, socket.MSG_PEEK)
        return False
    except BlockingIOError:
        return True
    except ConnectionError:
        return False
    finally:
        sock.settimeout(PATIENCE)


class Load:
    """Threads that connect in a loop, each time for one whole greeting:

        with Load(port) as load:
            ...
        # load.served, load.failures (texts), load.slowest (seconds)
    """

    def __init__(self, port, greetings=(b"hi client\n",), threads=4,
                 seconds=PATIENCE):
        self.port = port
        self.greetings = greetings
        self.seconds = seconds
        self.served = 0
        self.slowest = 0.0
        self.failures = []
        self._lock = threading.Lock()
        self._ending = threading.Event()
        self._threads = [threading.Thread(target=self._run, daemon=True)
                         for _ in range(threads)]

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self._ending.set()
        for thread in self._threads:
            thread.join()

    def _run(self):
        while not self._ending.is_set():
            begin = time.monotonic()
            failure = self._once()
            took = time.monotonic() - begin
            with self._lock:
                self.slowest = max(self.slowest, took)
                if failure is None:
                    self.served += 1
                elif len(self.failures) < 100:
                    self.failures.append(failure)

    def _once(self):
        try:
            got = greet(self.port, seconds=self.seconds)
        except OSError as error:
            return repr(error)
        return None if got in self.greetings else f"got {got[:80]!r}"

    def wait_more(self, count, seconds=PATIENCE):
        """Waits until count more have been served."""
        goal = self.served + count
        wait_for(lambda: self.served >= goal, seconds,
                 f"{count} more greetings")
