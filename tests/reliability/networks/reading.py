"""Clients who do not read what they are sent, or next to nothing of it."""

from harness import PATIENCE
from judge import all_ended, deadline, lateness, lines_of, served
from place import OTHER, PORT, SERVER, Place, sources
from slow import Crowd

MIB = 1 << 20  # the longest greeting that there can be: forkgreet.conf(5)
LISTENERS = {"main": (PORT, 'greeting_file = "FOLDER/greeting";'),
             "other": (OTHER, "")}
TICK = 10  # ms: of jiffies, what tcp_info counts


class Reading(Place):
    """A place whose greeting has 1 MiB."""

    def prepare(self):
        with open(self.folder + "/greeting", "wb") as file:
            file.write(bytes(range(256)) * (MIB // 256))


def trouble(name, clients, top, outcome, judge, mtu=1500, **how):
    """These clients, until the server ends them, each with that outcome;
    judge() gets them and their lines."""
    with Reading(LISTENERS, top, mtu=mtu) as place:
        crowd = Crowd(SERVER, PORT, sources(clients), **how)
        with place.probe(OTHER) as probe:
            left = crowd.last(2 * PATIENCE)
        assert not left, f"{len(left)} are still there"
        lines = lines_of(place.daemon, crowd.clients)
        all_ended(lines, outcome)
        judge(crowd.clients, lines)
        for client, line in zip(crowd.clients, lines):
            assert client.reset, f"a cut greeting looks whole: {line}"
            assert int(line["bytes"]) < MIB, line
        served(name, probe)
        place.rest()


def take_nothing(name, whole, mtu=1500, **how):
    """For timeouts.send, from when a client's kernel took something last."""
    clients, send = (128, 10) if whole else (24, 2)
    linger = 2 if whole else 0.5  # well below send, as the default is
    trouble(name, clients,
            f"timeouts = {{ send = {send}; linger = {linger}; }};",
            "send_timeout",
            lambda crowd, _: lateness(
                name, [client.idle - 1000 * send for client in crowd], send,
                whole, TICK), mtu, **how)


def never_read(whole):
    """The greeting, of 1 MiB.  Most of it is in the client's process, which sends
    what the buffers take, and waits."""
    take_nothing("never read", whole, take=0)


def never_read_large(whole):
    """With loopback's own packets, which make buffers large: all of the
    greeting is in the kernel's, the client's process has ended at once, and
    the master waits."""
    take_nothing("never read, large buffers", whole, 65536, take=0)


def byte_a_minute(whole):
    """One byte, then another one a minute later."""
    take_nothing("read a byte a minute", whole, take=1, every=60)


def tiny_windows(whole):
    """Windows of a packet or two, and who reads so little that its session
    ends before it has everything, and long before the kernel has room again
    for more of it: it is taking something all the time."""
    clients, send, session = (128, 10, 30) if whole else (24, 2, 6)
    trouble("tiny windows", clients,
            f"timeouts = {{ send = {send}; session = {session}; }};",
            "session_timeout",
            lambda _, lines: deadline("tiny windows", lines, session, whole),
            take=1500, every=0.25, window=4096)


TROUBLES = {"never read": never_read,
            "never read, large buffers": never_read_large,
            "tiny windows": tiny_windows,
            "read a byte a minute": byte_a_minute}
