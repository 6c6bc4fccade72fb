"""What must go on as promised when the wall clock is set: each is a function of
a World, which it starts and whose clock it sets."""

import datetime
import os
import re
import signal
import socket
import threading
import time

from harness import BUILDDIR, CLIENT, CTL, read_all, wait_for
from world import SOON, took, until

HTTP = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
LOOK = 30  # seconds: how often the daemon looks whether a state has ended


def ends(sock, begun, least, what):
    """The daemon closes the connection when its time is over."""
    try:
        read_all(sock)
    except ConnectionResetError:
        pass
    took(begun, least, what)
    sock.close()


def timeouts(world):
    """timeouts.request, .proxy, .session, .send."""
    path = world.path("big")
    with open(path, "w", encoding="ascii") as file:
        file.write("x" * (1 << 20))
    os.chmod(path, 0o644)
    world.start('http: format = "http"; timeouts = { request = 1; };',
                'proxy: proxy_protocol = { trusted = "127.0.0.0/8"; }; '
                "timeouts = { proxy = 1; };",
                "held: hold = true; timeouts = { session = 2; };",
                f'send: greeting_file = "{path}"; timeouts = {{ send = 1; }};')
    begun = time.monotonic()
    socks = {name: world.connect(name, receive_buffer=4096)
             for name in ("http", "proxy", "held", "send")}
    socks["http"].sendall(HTTP[:9])
    assert socks["held"].recv(100) == b"hi client\n"
    world.set_clock()
    threads = [threading.Thread(
        target=world.guard, args=(ends, socks[name], begun, least, name))
        for name, least in (("http", 1), ("proxy", 1), ("held", 2))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for name, outcome in (("http", "request_timeout"), ("send", "send_timeout"),
                          ("held", "session_timeout")):
        line, = world.lines("client", listener=name, outcome=outcome)
        assert int(line["duration_ms"]) < 8000, line
    socks["send"].close()
    world.raise_failures()


def rates(world):
    """limits.rate_per_source: as many as the monotonic clock has seconds."""
    world.start("main: limits = { rate_per_source = 1; };")
    heard = [world.greet("main")]
    begun = time.monotonic()
    world.set_clock()
    allowed = 0
    while time.monotonic() - begun < 3:
        heard.append(world.greet("main"))
        allowed += heard[-1] == "hi client\n"
        time.sleep(0.02)
    most = time.monotonic() - begun + SOON
    assert heard[0] == "hi client\n", heard[0]
    assert 1 <= allowed <= most, f"{allowed} in {most:.2f} s"


def ends_by_wall(world):
    """--until is wall time: it has come when the clock says so, be it set."""
    world.start('one: when = { drain = "drained\\n"; };',
                'two: when = { drain = "drained\\n"; };')
    world.ctl("drain", "--until", "+6s", "one")
    world.ctl("drain", "--until", "+2h", "two")
    begun = time.monotonic()
    world.set_clock()

    def drained(name):
        return world.greet(name) == "drained\n"

    def ended(name):
        until(lambda: not drained(name), f"the end of drain, {name}", LOOK + 5)
    if world.step >= 0:
        ended("one")
        if not world.step:
            took(begun, 5, "--until +6s")
    else:
        while time.monotonic() - begun < 8:
            assert drained("one"), "it has ended, not by the clock"
            time.sleep(0.05)
        world.set_clock(-world.step + 10)
        ended("one")
    assert drained("two") == (world.step < 7200)
    world.set_clock(-world.step + 2 * 3600 + 10)
    if world.step:
        ended("two")


class Writer(threading.Thread):
    """Who writes a health file over and over, until it dies."""

    def __init__(self, world):
        super().__init__(daemon=True)
        self.world, self.path = world, world.path("health")
        self.died = threading.Event()
        self._lock = threading.Lock()
        self.write()

    def write(self, then=None):
        """As of now."""
        with self._lock:
            with open(self.path + ".new", "w", encoding="ascii") as file:
                file.write("up\n")
            os.chmod(self.path + ".new", 0o644)
            now = self.world.now()
            os.utime(self.path + ".new", (now, now))
            os.rename(self.path + ".new", self.path)
            self.written = time.monotonic()
            if then is not None:
                then()

    def run(self):
        while not self.died.wait(0.2):
            self.write()


def max_age(world):
    """It is the writer's life: neither is it down when the clock is set, nor up
    when it has died."""
    writer = Writer(world)
    world.start(f'main: format = "agent"; health_file = "{writer.path}"; '
                "refresh = 0.2; max_age = 2;")
    writer.start()
    begun, stepped = time.monotonic(), False
    while time.monotonic() - begun < 3:
        if not stepped and time.monotonic() - begun > 0.5:
            writer.write(world.set_clock)  # before the daemon looks
            stepped = True
        said = world.greet("main")
        assert (said == "up ready 100%\n" or
                time.monotonic() - writer.written > 1), said
        time.sleep(0.02)
    writer.died.set()
    writer.join()
    world.set_clock(world.step)  # once more
    wait_for(lambda: world.greet("main").startswith(
        "ready down #not written for "), what="down")
    # A version that was written before a step and is seen after it counts from
    # the look before.
    took(writer.written, 2 - 0.2, "max_age")


def watchdog(world):
    """WATCHDOG=1 comes as often as before."""
    path = world.path("notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(path)
        os.chmod(path, 0o777)
        manager.settimeout(10)
        world.start("main:", env={"NOTIFY_SOCKET": path,
                                  "WATCHDOG_USEC": "1000000"})
        pings = []
        begun = last = time.monotonic()
        while time.monotonic() - begun < 4:
            if b"WATCHDOG=1" in manager.recv(4096):
                pings.append(time.monotonic() - last)
                last = time.monotonic()
            if len(pings) == 2:
                world.set_clock()
    assert max(pings) < 3, pings
    assert len(pings) < 20, pings


def utc(text):
    """Seconds since 1970."""
    return datetime.datetime.fromisoformat(
        text.replace("Z", "+00:00")).timestamp()


def is_now(world, text, what):
    """That time is the wall clock's."""
    assert -2 <= utc(text) - world.now() <= 2, f"{what}: {text}"


def times(world):
    """What is logged and said is the wall clock's time; what lasts is not."""
    world.start('main: greeting = "%{time}\\n";',
                'http: format = "http"; greeting = "%{unixtime}\\n";')
    begun = time.monotonic()
    world.greet("main")
    for _ in range(2):
        world.set_clock()
        is_now(world, world.greet("main").strip(), "%{time}")
        answer = world.greet("http", HTTP)
        date = datetime.datetime.strptime(
            re.search(r"Date: (.*) GMT", answer)[1], "%a, %d %b %Y %H:%M:%S")
        is_now(world, date.isoformat() + "Z", "Date")
        is_now(world, datetime.datetime.utcfromtimestamp(
            int(answer.split()[-1])).isoformat() + "Z", "%{unixtime}")
        world.lines("client", listener="http")
        with open(world.daemon.log_path, encoding="utf-8") as file:
            is_now(world, list(file)[-1].split()[0], "the log")
    for line in world.lines("client"):
        assert int(line["duration_ms"]) < 10000, line
    status = world.ctl("-j", "status")
    uptime = int(re.search(r'"uptime": (\d+)', status)[1])
    assert uptime <= time.monotonic() - begun + 10, status


def retry_after(world):
    """Retry-After is what the wall clock leaves."""
    world.start('main: format = "http";')
    world.ctl("maintenance", "--until", "+2h")
    world.set_clock()
    answer = world.greet("main", HTTP)
    left = int(re.search(r"Retry-After: (\d+)", answer)[1])
    wanted = max(1, 7200 - world.step)
    assert wanted - 20 <= left <= wanted, f"{left}, not {wanted}"


def refresh(world):
    """A greeting file is followed, whatever the time it has."""
    path = world.path("greeting")

    def write(text):
        with open(path + ".new", "w", encoding="ascii") as file:
            file.write(text)
        os.chmod(path + ".new", 0o644)
        os.utime(path + ".new", (world.now(), world.now()))
        os.rename(path + ".new", path)
    write("0\n")
    world.start(f'main: greeting_file = "{path}"; refresh = 0.2;')
    for i in range(1, 6):
        if i == 3:
            world.set_clock()
        write(f"{i}\n")
        until(lambda i=i: world.greet("main") == f"{i}\n", f"text {i}")


def stop(world):
    """timeouts.shutdown."""
    world.start("main: hold = true;", top="timeouts = { shutdown = 2; };")
    with world.connect("main") as sock:
        assert sock.recv(100) == b"hi client\n"
        begun = time.monotonic()
        world.daemon.signal(signal.SIGTERM)
        world.lines("stop")
        world.set_clock()
        assert world.daemon.wait() == 0
        took(begun, 2, "the stop")


def upgrade(world):
    """A client's deadline, over it."""
    world.start("main: hold = true; timeouts = { session = 4; };")
    begun = time.monotonic()
    with world.connect("main") as sock:
        assert sock.recv(100) == b"hi client\n"
        world.set_clock()
        world.ctl("upgrade")
        read_all(sock)
        took(begun, 4, "timeouts.session")


def ctl_waits(world):
    """forkgreetctl --wait."""
    world.start("main: hold = true;")
    with world.connect("main") as sock:
        assert sock.recv(100) == b"hi client\n"
        begun = time.monotonic()
        process = world.spawn(CTL, "-s", world.path("control"), "-w", "30",
                              "drain", "--wait", "2")
        world.lines("state")
        world.set_clock()
        assert process.wait(30) == 0
        took(begun, 2, "--wait")


def client_waits(world):
    """forkgreet -w."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        begun = time.monotonic()
        process = world.spawn(CLIENT, "-w", "2", "127.0.0.1",
                              str(silent.getsockname()[1]))
        with silent.accept()[0]:
            world.set_clock()
            assert process.wait(30) == 2
            took(begun, 2, "-w")


def feed(world):
    """forkgreet-feed's interval and timeout."""
    program = os.path.join(BUILDDIR, "forkgreet-feed")
    path = world.path("state")
    world.spawn(program, "-i", "0.3", "-s", path, "true")
    wait_for(lambda: os.path.exists(path))
    for i in range(6):
        if i == 2:
            world.set_clock()
        before = os.stat(path).st_ino, os.stat(path).st_mtime_ns
        until(lambda before=before: (os.stat(path).st_ino,
                                     os.stat(path).st_mtime_ns) != before,
              "the next run")
    world.set_clock(-world.step)
    begun = time.monotonic()
    process = world.spawn(program, "-1", "-w", "2", "-s", path, "sleep", "60")
    time.sleep(0.5)
    world.set_clock()
    process.wait(30)
    took(begun, 2, "-w")


CASES = (timeouts, rates, ends_by_wall, max_age, watchdog, times, retry_after,
         refresh, stop, upgrade, ctl_waits, client_waits, feed)
