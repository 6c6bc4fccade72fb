"""A light load of clients, of whom each one's end is told apart."""

import collections
import errno
import socket
import time

from harness import HOST, Meanwhile, PATIENCE, connect, read_to_end


class Light(Meanwhile):
    """One client after the other, each for one whole greeting:

        with Light(port, greetings) as load:
            ...
        load.ends      how many "whole", "refused" (nobody listens), "reset",
                       "empty" (closed without a word), "late"
        load.torn      what they got that is no whole greeting, and no end of
                       the connection by a reset
        load.slowest   seconds
    """

    PAUSE = 0.02  # seconds between two clients

    def __init__(self, port, greetings):
        super().__init__()
        self.port = port
        self.greetings = greetings
        self.ends = collections.Counter()
        self.torn = []
        self.slowest = 0.0
        self.failure = None  # that ended it

    def __str__(self):
        return f"{dict(self.ends)}, {self.torn}, {self.failure!r}"

    def accepted(self):
        """Connections that the daemon has got, if it has lived."""
        return sum(self.ends.values()) - self.ends["refused"]

    def _run(self):
        try:
            super()._run()
        except OSError as error:
            self.failure = error

    def step(self):
        begin = time.monotonic()
        end = self.once()
        self.ends[end] += 1
        if end == "whole":
            self.slowest = max(self.slowest, time.monotonic() - begin)

    def once(self):
        """How one client's connection ends."""
        try:
            with connect(self.port, HOST, PATIENCE) as sock:
                got, was_reset = read_to_end(sock)
        except socket.timeout:
            return "late"
        except ConnectionError:
            return "refused"
        except OSError as error:
            if error.errno == errno.ENOTCONN:  # reset already at connect(2)
                return "reset"
            raise
        if got in self.greetings:
            return "whole"
        if was_reset:
            return "reset"
        if got:
            self.torn.append(got[:40] + b"... %d bytes" % len(got))
            return "torn"
        return "empty"
