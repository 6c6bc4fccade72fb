"""The clients: so many at a time, one after the other, in a process of their
own."""

import collections
import json
import multiprocessing
import os
import socket
import ssl
import threading
import time

from harness import PATIENCE, wait_for
from network import BALANCER, CLIENTS

# Before their addresses are known: it leaves the port to connect(2).
IP_BIND_ADDRESS_NO_PORT = 24
SPOKEN = b"hello, I speak first\r\n"
REQUEST = b"GET / HTTP/1.1\r\nHost: page\r\nConnection: close\r\n\r\n"

Failure = collections.namedtuple("Failure", "begin end address port why")


class Wrong(Exception):
    """What came is not what should have come."""


class Client:
    """One, again and again: says who it is, and hears it again."""

    def __init__(self, number, port, http, tls, heard):
        self.address = f"{CLIENTS}{1 + number}"
        self.port, self.http = port, http
        self.heard = heard or self.address
        self.tls = tls
        # In tcp mode every second one speaks first.
        self.says = REQUEST if http else SPOKEN if number % 2 else b""

    def connected(self):
        """A socket, perhaps with TLS."""
        sock = socket.socket()
        try:
            sock.settimeout(PATIENCE)
            sock.setsockopt(socket.IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1)
            sock.bind((self.address, 0))
            sock.connect((BALANCER, self.port))
            self.name = sock.getsockname()
            return self.tls.wrap_socket(sock) if self.tls else sock
        except BaseException:
            sock.close()
            raise

    def visit(self):
        """Once; OSError or Wrong when it is not as it should be."""
        self.name = (self.address, 0)
        parts = []
        with self.connected() as sock:
            if self.says:
                sock.sendall(self.says)
            while part := sock.recv(4096):
                parts.append(part)
        self.judge(b"".join(parts).decode("ascii", "replace"))

    def judge(self, text):
        """Raises Wrong."""
        if self.http:
            head, _, text = text.partition("\r\n\r\n")
            if not head.startswith("HTTP/1.1 200 "):
                raise Wrong(f"status: {head[:40]!r}")
        if text != self.heard + "\n":
            raise Wrong(f"{text[:60]!r}, not {self.heard!r}")


class Crowd:
    """All of them:

        with Crowd(16, 4444, http=False) as crowd:
            crowd.wait_more(100)
        crowd.greeted    # [[address, port]]
        crowd.failures   # [Failure]
        crowd.slowest    # seconds, of those greeted

    tls: what makes the context of each.  heard: the address that all hear,
    when it is not their own.
    """

    def __init__(self, at, folder, port, http, tls=None, heard=None):
        self.at = at
        self._path = os.path.join(folder, "clients")
        self._clients = [Client(number, port, http, tls, heard)
                         for number in range(at)]
        context = multiprocessing.get_context("fork")
        self._count = context.Value("L", 0)
        self._ending = context.Event()
        self._process = context.Process(target=self._work, daemon=True)
        self.greeted, self.failures, self.slowest = [], [], 0

    def __enter__(self):
        self._process.start()
        return self

    def __exit__(self, *_):
        self._ending.set()
        self._process.join(3 * PATIENCE)
        if self._process.exitcode != 0:
            self._process.kill()
            raise AssertionError("the clients did not come to their end")
        with open(self._path, encoding="ascii") as file:
            self.greeted, failures, self.slowest = json.load(file)
        self.failures = [Failure(*row) for row in failures]

    @property
    def count(self):
        """How many were greeted."""
        return self._count.value

    def wait_more(self, count):
        """Waits until so many more were greeted."""
        goal = self.count + count
        wait_for(lambda: self.count >= goal, PATIENCE,
                 f"{count} more clients who are greeted")

    def _work(self):
        threads = [threading.Thread(target=self._repeat, args=(client,))
                   for client in self._clients]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        with open(self._path, "w", encoding="ascii") as file:
            json.dump([self.greeted, self.failures, self.slowest], file)

    def _repeat(self, client):
        while not self._ending.is_set():
            begin = time.monotonic()
            try:
                client.visit()
            except (OSError, Wrong) as error:
                self.failures.append(Failure(
                    begin, time.monotonic(), *client.name, repr(error)))
                continue
            took = time.monotonic() - begin
            with self._count.get_lock():
                self.greeted.append(client.name)
                self.slowest = max(self.slowest, took)
                self._count.value += 1


def tls_context(authority, certificate):
    """For Crowd: TLS with a client's certificate."""
    context = ssl.create_default_context(cafile=authority)
    context.check_hostname = False
    context.load_cert_chain(certificate)
    return context
