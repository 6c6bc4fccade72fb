"""Random configurations and clients: what forkgreetd -E says they get, and what
they then get."""

import json
import os
import re
import socket
import time

from harness import (HOST, IS_ROOT, PATIENCE, connect, free_port, is_held,
                     wait_for)

SOURCES4 = ("127.0.0.1", "127.0.0.9", "127.1.2.3", "127.1.2.4", "127.1.9.9",
            "127.200.0.1")
# RFC 3849; whoever makes a network namespace gives them to lo.
SOURCES6 = ("::1", "2001:db8::1", "2001:db8::2", "2001:db8:1::1",
            "2001:db8:1:2::1", "2001:db8:1:2:3::1")
NETWORKS = ("127.0.0.0/8", "127.0.0.0/24", "127.1.0.0/16", "127.1.2.0/24",
            "2001:db8::/32", "2001:db8:1::/48", "2001:db8:1:2::/64",
            *SOURCES4, *SOURCES6)
REFUSALS = ("busy", "rate", "busy_per_source", "rate_per_source", "denied")
# Text of every kind: blanks, what C and the configuration escape, bytes that no
# terminal is shown.
PIECES = ("hi", " ", "\\r\\n", "\\n", "\\t", "\\\\", "\\x01", "\\xff",
          "\\xc3\\xa9", "\\\"", "%", "200 OK", "a longer line of words\\r\\n")
# Only a client who is there has the first two.
VARIABLES = ("client_port", "server_ip", "client_ip", "server_port", "listener",
             "hostname", "id", "clients", "reason", "limit", "retry_after",
             "state", "until", "time:%Y")
REQUEST = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"


def random_text(dice, variables=True, most=6):
    """A string of the configuration, each variable in it as <NAME=%{NAME}>."""
    parts = []
    for _ in range(dice.randint(0, most)):
        if variables and dice.random() < 0.4:
            name = dice.choice(VARIABLES)
            parts.append(f"<{name.partition(':')[0]}=%{{{name}}}>")
        else:
            parts.append(dice.choice(PIECES))
    return '"' + "".join(parts) + '"'


def random_limits(dice, top):
    """A group of them; rates that add nothing while a test runs."""
    keys = {
        "max_clients": dice.randint(4, 30) if top else dice.randint(1, 4),
        "when_full": dice.choice(('"queue"', '"refuse"', '"refuse"')),
        "max_clients_per_source": dice.randint(0, 2),
        "ipv4_prefix": dice.choice((8, 16, 24, 32)),
        "ipv6_prefix": dice.choice((32, 48, 64, 128)),
    }
    for rate, burst in (("rate", "burst"),
                        ("rate_per_source", "burst_per_source")):
        if dice.random() < 0.5:
            keys[rate] = "0.001"
            keys[burst] = dice.randint(1, 3) * (40 if top else 1)
    chosen = dice.sample(list(keys), dice.randint(0, len(keys)))
    for rate in "rate", "rate_per_source":
        burst = rate.replace("rate", "burst")
        if burst in chosen and rate not in chosen:
            chosen.remove(burst)
        if top and rate in chosen and burst not in chosen:
            chosen.append(burst)  # else the daemon's one token is soon gone
    if top and "max_clients_per_source" not in chosen:
        chosen.append("max_clients_per_source")
    return "limits = { %s}; " % "".join(f"{key} = {keys[key]}; "
                                       for key in chosen)


def random_refusals(dice):
    """A group of them."""
    chosen = dice.sample(REFUSALS, dice.randint(0, len(REFUSALS)))
    return "refusals = { %s}; " % "".join(
        f"{key} = {random_text(dice)}; " for key in chosen)


def random_rules(dice):
    """A list of them, each on lines of its own."""
    rules = []
    for _ in range(dice.randint(0, 4)):
        nets = dice.sample(NETWORKS, dice.randint(1, 3))
        if dice.random() < 0.1:
            nets = ["any"]
        greeting = (f"greeting = {random_text(dice)}; "
                    if dice.random() < 0.5 else "")
        rules.append("{ from = ( %s );\n action = \"%s\"; %s}" % (
            ",\n".join(f'"{net}"' for net in nets),
            dice.choice(("allow", "allow", "deny")), greeting))
    return "rules = ( %s );\n" % ",\n".join(rules)


class Listener:
    """One of random configurations."""

    def __init__(self, dice, name, health_file):
        self.name = name
        self.port = free_port()
        self.format = dice.choice(("plain", "plain", "http", "agent"))
        self.hold = self.format == "plain" and dice.random() < 0.6
        self.addresses = dice.choice((
            (HOST,), ("::1",), (HOST, "::1"), ("0.0.0.0",), ("::",)))
        self.v6only = dice.random() < 0.5
        self.health_file = health_file
        self.health = dice.choice((
            None, None, "up 30%\n", "drain\n", "down #disk full\n", "maint\n"))
        self.text = self._text(dice)

    def _text(self, dice):
        parts = [f'{{ name = "{self.name}";\nport = {self.port};\n',
                 "address = ( %s );\n" % ", ".join(
                     f'"{address}"' for address in self.addresses),
                 f'format = "{self.format}"; ',
                 f"v6only = {str(self.v6only).lower()};\n",
                 random_limits(dice, False)]
        if self.hold:
            parts.append("hold = true; ")
        if self.health is not None:
            parts.append(f'health_file = "{self.health_file}"; ')
        if self.format != "agent":
            parts += [f"greeting = {random_text(dice)}; ",
                      f"variables = {dice.choice(('true', 'true', 'false'))}; ",
                      random_refusals(dice),
                      "when = { %s}; " % "".join(
                          f"{state} = {random_text(dice)}; "
                          for state in ("drain", "maintenance", "down")
                          if dice.random() < 0.5)]
            parts.append(random_rules(dice))
        else:
            parts.append(re.sub(r"greeting = [^;]*; ", "",
                                random_rules(dice)))
        return "".join(parts) + "}"

    def hosts(self, family):
        """Where a client of the family can connect to it."""
        any_of = {HOST: (HOST,), "::1": ("::1",), "0.0.0.0": (HOST,),
                  "::": ("::1",) if self.v6only else ("::1", HOST)}
        return [host for address in self.addresses
                for host in any_of[address]
                if (":" in host) == (family == socket.AF_INET6)]


def unescape(text):
    """The bytes that -E shows, its lines without their two blanks."""
    plain = {b"n": b"\n", b"r": b"\r", b"t": b"\t", b"\\": b"\\"}

    def byte(match):
        word = match.group(1)
        return plain.get(word) or bytes([int(word[1:], 16)])
    return re.sub(rb"\\(x[0-9a-f]{2}|.)", byte, text)


class Explained:
    """What -E printed, taken apart."""

    WORDS = "listener client daemon state rule exempt limit verdict answer"

    def __init__(self, text):
        self.text = text
        self.lines = {}
        lines = text.encode("utf-8").split(b"\n")[:-1]
        while lines and b"answer" not in self.lines:
            line = lines.pop(0)
            self.lines.setdefault(line.split()[0], []).append(line[10:])
        self.unknown = []
        if lines and lines[0].startswith(b" " * 10 + b"with - for"):
            self.unknown = lines.pop(0).split(b": ")[1].decode().split(", ")
        assert all(line.startswith(b"  ") for line in lines), text
        self.bytes = unescape(b"".join(line[2:] for line in lines))

    def line(self, word):
        """The first line of that word."""
        return self.lines[word.encode()][0].decode()

    @property
    def queued(self):
        """True when it waits."""
        return "waits" in self.line("verdict")

    @property
    def reason(self):
        """Why it is refused, or None."""
        found = re.search(r"refused: (\w+)", self.line("verdict"))
        return found and found.group(1)


def without_unknown(data, unknown):
    """The bytes with - for what -E cannot know, and without what that and time
    change: Date, Content-Length, seconds to wait; and those seconds."""
    for name in unknown:
        data = re.sub(rb"<%s=[^>]*>" % name.encode(),
                      b"<%s=->" % name.encode(), data)
    data = re.sub(rb"(?m)^Date: .*?\r$", b"Date: -\r", data)
    waits = re.compile(rb"(Retry-After: |<retry_after=|try again in )(\d+)")
    if unknown or waits.search(data):
        data = re.sub(rb"Content-Length: \d+", b"Content-Length: -", data)
    return (waits.sub(rb"\1-", data),
            [int(seconds) for _, seconds in waits.findall(data)])


class Round:
    """One daemon with several random configurations, and clients of each."""

    def __init__(self, case, dice, listeners):
        self.case = case
        self.dice = dice
        folder = case.folder()
        self.listeners = [
            Listener(dice, f"l{number}", os.path.join(folder, f"h{number}"))
            for number in range(listeners)]
        for listener in self.listeners:
            if listener.health is not None:
                with open(listener.health_file, "w", encoding="ascii") as file:
                    file.write(listener.health)
        self.held = []
        self.compared = 0
        self.kinds = set()
        exempt = ", ".join(f'"{net}"' for net in
                           dice.sample(NETWORKS, dice.randint(0, 2)))
        top = random_limits(dice, True).replace(
            "limits = { ", f"limits = {{ exempt = ( {exempt} ); ")
        self.daemon = case.start(
            ",\n".join(listener.text for listener in self.listeners),
            top + random_refusals(dice) + "timeouts = { session = 600; };")

    # ------------------------------------------------------------- the daemon

    def row(self, listener):
        """Its counters."""
        (row,) = [row for row in self.status()["listeners"]
                  if row["name"] == listener.name]
        return row

    def status(self):
        """Without a process, for there are many."""
        with self.case.dial(b"status json\n") as sock:
            data = b"".join(iter(lambda: sock.recv(1 << 16), b""))
        return json.loads(data.partition(b"\n")[2])

    def settle(self):
        """Waits until only the clients that we hold are there."""
        wait_for(lambda: self.status()["live"] == len(self.held), PATIENCE,
                 "clients that end")

    def order(self, listener):
        """Perhaps an operator says something."""
        verb = self.dice.choice((None, None, "ready", "drain", "maintenance"))
        if verb is None:
            return
        words = [verb, f"listener={listener.name}"]
        if verb != "ready" and self.dice.random() < 0.5:
            words += ["until=1999999999", "reason=new%20disk"]
        with self.case.dial(" ".join(words).encode() + b"\n") as sock:
            answer = b"".join(iter(lambda: sock.recv(1 << 16), b""))
        self.case.assertTrue(answer.startswith(b"0 "), answer)

    # ------------------------------------------------------------- the clients

    def client(self, listener, source):
        """Compares one; it may then be held."""
        explained = self.case.explain(self.daemon, src=source,
                                      listener=listener.name)
        family = socket.AF_INET6 if ":" in source else socket.AF_INET
        hosts = listener.hosts(family)
        self.case.assertEqual("cannot come" in explained.line("client"),
                              not hosts, explained.text)
        if not hosts:
            return
        before, asked = self.row(listener), time.monotonic()
        sock = connect(listener.port, self.dice.choice(hosts), source=source)
        try:
            if explained.queued:
                self.check_queued(listener, sock, before, explained)
                return
            self.check(listener, sock, explained, asked)
            self.check_counted(listener, before, explained)
            if listener.hold and explained.reason is None and \
                    self.dice.random() < 0.6:
                self.held.append((listener, sock))
                sock = None
        finally:
            if sock is not None:
                sock.close()
            self.settle()

    def check(self, listener, sock, explained, asked):
        """What it gets is what was said."""
        if listener.format == "http":
            sock.sendall(REQUEST)
        data = self.received(listener, sock, explained)
        got, waited = without_unknown(data, explained.unknown)
        said, waits = without_unknown(explained.bytes, explained.unknown)
        self.case.assertEqual(got, said, explained.text)
        passed = time.monotonic() - asked + 1
        for wait, left in zip(waits, waited):
            self.case.assertTrue(0 <= wait - left <= passed, explained.text)
        head, _, body = data.partition(b"\r\n\r\n")
        length = re.search(rb"Content-Length: (\d+)", head)
        if listener.format == "http":
            self.case.assertEqual(int(length.group(1)), len(body))
        self.compared += 1
        self.kinds.add((listener.format, explained.reason,
                        explained.line("state").split()[0].rstrip(",")))

    @staticmethod
    def received(listener, sock, explained):
        """All bytes; of a client that is held so many as must come."""
        data = b""
        ends = not listener.hold or explained.reason is not None
        while ends or len(data) < len(explained.bytes):
            part = sock.recv(1 << 16)
            if not part:
                break
            data += part
            if not ends and explained.unknown and \
                    data.count(b">") >= explained.bytes.count(b">") and \
                    data.endswith(explained.bytes[-1:]) and \
                    is_held(sock):
                break
        return data

    def check_counted(self, listener, before, explained):
        """It was refused for that reason, or not at all."""
        wait_for(lambda: self.row(listener)["accepted"] > before["accepted"],
                 PATIENCE, "the client")
        after = self.row(listener)
        refused = {reason: after["refused"][reason] - number
                   for reason, number in before["refused"].items()
                   if after["refused"][reason] != number}
        self.case.assertEqual(
            refused, {} if explained.reason is None else {explained.reason: 1},
            explained.text)
        self.case.assertEqual(after["accepted"], before["accepted"] + 1)

    def check_queued(self, listener, sock, before, explained):
        """It is not accepted until a client goes."""
        self.status()  # a turn of the daemon's loop is over
        self.case.assertTrue(is_held(sock), explained.text)
        self.case.assertEqual(self.row(listener)["accepted"],
                              before["accepted"], explained.text)
        self.compared += 1
        self.kinds.add((listener.format, "queued", ""))
        for _, held in self.held:
            held.close()
        self.held.clear()
        wait_for(lambda: self.row(listener)["accepted"] > before["accepted"],
                 PATIENCE, "a place in the queue's turn")

    def run(self, clients):
        """Clients of each listener, from anywhere."""
        sources = SOURCES4 + (SOURCES6 if IS_ROOT else SOURCES6[:1])
        for listener in self.listeners:
            self.order(listener)
            for _ in range(clients):
                self.client(listener, self.dice.choice(sources))
        for _, sock in self.held:
            sock.close()
        self.held.clear()
        self.settle()
