"""Clients that take their time: each connection drips what it says, or sips
what it is sent, or does neither; and how long the server puts up with it."""

import errno
import select
import socket
import struct
import time

TCP_WINDOW_CLAMP = 10
IPV6_FREEBIND = 78
LAST_DATA_RECV = 52  # tcpi_last_data_recv of struct tcp_info
ENDING = select.EPOLLRDHUP | select.EPOLLHUP | select.EPOLLERR


class Slow:
    """One of them.  begin: when it was connected; ended: when the server had
    had enough; reset: by a reset; got: what it has read; idle: milliseconds
    from when its own kernel took something last to the end."""

    def __init__(self, source, window):
        self.source = source
        self.got, self.said = b"", 0
        self.begin = self.ended = 0.0
        self.reset, self.idle = False, 0
        family = socket.AF_INET6 if ":" in source else socket.AF_INET
        self.sock = socket.socket(family, socket.SOCK_STREAM)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if window:
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, window)
            self.sock.setsockopt(socket.IPPROTO_TCP, TCP_WINDOW_CLAMP, window)
        if family == socket.AF_INET6:
            self.sock.setsockopt(socket.IPPROTO_IPV6, IPV6_FREEBIND, 1)
        self.sock.bind((source, 0))
        self.port = self.sock.getsockname()[1]
        self.sock.setblocking(False)

    def took(self):
        """Seconds from its connection to its end."""
        return self.ended - self.begin

    def end(self, reset):
        """The server has had enough."""
        self.ended = time.monotonic()
        self.begin = self.begin or self.ended
        self.idle = struct.unpack_from("=I", self.sock.getsockopt(
            socket.IPPROTO_TCP, socket.TCP_INFO, 104), LAST_DATA_RECV)[0]
        self.reset = self.reset or reset
        self.read(1 << 24)
        self.sock.close()

    def read(self, limit):
        """At most so many bytes."""
        while limit > 0:
            try:
                part = self.sock.recv(min(limit, 1 << 16))
            except BlockingIOError:
                return
            except OSError:
                self.reset = True
                return
            if not part:
                return
            self.got += part
            limit -= len(part)


class Crowd:
    """They come all at once and stay until the server ends them:

        Crowd(address, port, sources, say=b"GET / ", every=1).last(seconds)

    say: of that each says the next byte every so many seconds.  take: as many
    bytes it reads then; None: all there is at once.
    """

    def __init__(self, host, port, sources, say=b"", take=None, every=1.0,
                 window=0):
        self.say, self.take, self.every = say, take, every
        self.clients = [Slow(source, window) for source in sources]
        self._poll = select.epoll()
        self._by_fd = {}
        for client in self.clients:
            events = ENDING | select.EPOLLOUT | select.EPOLLONESHOT
            self._by_fd[client.sock.fileno()] = client
            self._poll.register(client.sock, events)
            error = client.sock.connect_ex((host, port))
            if error not in (0, errno.EINPROGRESS):
                raise OSError(error, f"connect from {client.source}")

    def last(self, seconds):
        """Until all have ended, or so many seconds are over; returns those who
        are still there."""
        begin = tick = time.monotonic()
        while self._by_fd and time.monotonic() < begin + seconds:
            for fd, events in self._poll.poll(
                    max(0, tick - time.monotonic()), 256):
                self._event(fd, events)
            if time.monotonic() >= tick:
                tick += self.every
                for client in list(self._by_fd.values()):
                    if client.begin:
                        self._step(client)
        return list(self._by_fd.values())

    def close(self):
        """Those who are still there leave."""
        for client in self._by_fd.values():
            client.sock.close()
        self._by_fd.clear()
        self._poll.close()

    def _event(self, fd, events):
        client = self._by_fd[fd]
        if events & ENDING:
            self._end(client, events)
            return
        if not client.begin:
            client.begin = time.monotonic()
        if self.take is None:
            client.read(1 << 24)
        wanted = select.EPOLLIN if self.take is None else 0
        self._poll.modify(fd, ENDING | wanted)

    def _step(self, client):
        if self.take:
            client.read(self.take)
        if client.said < len(self.say):
            try:
                client.said += client.sock.send(
                    self.say[client.said:client.said + 1])
            except BlockingIOError:
                pass
            except OSError:
                client.reset = True  # the poll says the same

    def _end(self, client, events):
        del self._by_fd[client.sock.fileno()]
        client.end(not events & select.EPOLLRDHUP or
                   bool(events & select.EPOLLERR))
