"""Tests of listeners that answer HTTP requests."""

import email.utils
import socket
import time

from harness import HOST, PATIENCE, ControlCase, connect, read_all

GREETING = b"hi client\n"
GET = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
HEAD = GET.replace(b"GET", b"HEAD")
PLAIN = "text/plain; charset=utf-8"


class Answer:
    """An answer, taken apart; "" has no status."""

    def __init__(self, data):
        head, _, self.body = data.partition(b"\r\n\r\n")
        self.line, *lines = head.decode().split("\r\n")
        self.status = int(self.line.split(" ")[1]) if self.line else None
        self.fields = dict(line.split(": ", 1) for line in lines)
        self.length = len(data)


class HttpCase(ControlCase):
    """A daemon with listeners that answer HTTP requests."""

    def listener(self, more="", name="main", port=None):
        """One in that format."""
        return super().listener(f'format = "http"; {more}', name, port)

    def dial(self, **keywords):
        """A connection that waits for long, closed with the test."""
        return self.connect(self.port, seconds=PATIENCE, **keywords)

    def ask(self, *pieces, end=False, port=None, **keywords):
        """What somebody gets who says that, each piece in a segment of its
        own, and then, perhaps, that this is the end; and its port."""
        with connect(port or self.port, seconds=PATIENCE, **keywords) as sock:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            for piece in pieces:
                sock.sendall(piece)
            if end:
                sock.shutdown(socket.SHUT_WR)
            return Answer(read_all(sock)), sock.getsockname()[1]

    def outcome(self, daemon, port, source=HOST):
        """Its line in the log: two sources may have the same port."""
        return daemon.wait_line("client", seconds=PATIENCE, src=source,
                                sport=str(port))[0]

    def assert_answered(self, daemon, request, status, outcome="greeted",
                        body=None, **keywords):
        """What the request gets, and its outcome in the log: the Answer."""
        answer, port = self.ask(*([request] if isinstance(request, bytes)
                                  else request), **keywords)
        self.assertEqual(answer.status, status, answer.line)
        if body is not None:
            self.assertEqual(answer.body, body)
        self.assert_fields(answer)
        line = self.outcome(daemon, port, keywords.get("source") or HOST)
        self.assertEqual((line["outcome"], line["bytes"]),
                         (outcome, str(answer.length)))
        return answer

    def assert_fields(self, answer, content_type=PLAIN, head=False):
        """Those that each answer has, and the length of its body."""
        self.assertEqual(answer.line[:9], "HTTP/1.1 ")
        self.assertLessEqual({"Date", "Content-Type", "Content-Length",
                              "Cache-Control", "Connection"},
                             set(answer.fields))
        self.assertEqual((answer.fields["Content-Type"],
                          answer.fields["Cache-Control"],
                          answer.fields["Connection"]),
                         (content_type, "no-store", "close"))
        if not head:
            self.assertEqual(answer.fields["Content-Length"],
                             str(len(answer.body)))
        date = answer.fields["Date"]
        self.assertTrue(date.endswith(" GMT"), date)
        then = email.utils.parsedate_to_datetime(date)
        self.assertLess(abs(time.time() - then.timestamp()), PATIENCE)
        self.assertEqual(email.utils.format_datetime(then, usegmt=True),
                         date)
