"""Packets that are lost, connections that are reset before anybody has accepted
them, and those that never become any."""

import collections
import random
import signal
import socket
import struct
import subprocess
import time

from harness import PATIENCE, close_with_reset, wait_for
from judge import (LATE_MS, LOOSE_MS, deadline, lines_of, outcomes, served)
from place import (GREETING, OTHER, PORT, SERVER, SLASH_24, SOURCES, Place,
                   lose, sources)
from slow import Crowd

TEXT = bytes(range(256)) * 256  # 64 KiB: some fifty packets
TWO = {"main": (PORT, ""), "other": (OTHER, "")}


class Large(Place):
    """A place whose greeting takes some packets."""

    def prepare(self):
        with open(self.folder + "/greeting", "wb") as file:
            file.write(TEXT)


def honest(client, line):
    """Whom the log calls greeted has it all, an end of stream comes after all
    of it, and what has come is the greeting's."""
    assert TEXT.startswith(client.got), "what has come is something else"
    if line and line["outcome"] == "greeted":
        assert client.got == TEXT, f"{len(client.got)} bytes: {line}"
    if line:
        assert int(line["bytes"]) <= len(client.got), (len(client.got), line)
    if client.ended and not client.reset:
        assert client.got == TEXT, f"an end after {len(client.got)}: {line}"


def give_up(tries):
    """Neither side repeats its first packet more often; how long that may take
    each (tcp(7))."""
    for name in "tcp_syn_retries", "tcp_synack_retries":
        with open(f"/proc/sys/net/ipv4/{name}", "w", encoding="ascii") as file:
            file.write(str(tries))
    return 2 ** (tries + 1) - 1


def loss(whole):
    """A part of all packets, in both directions, is lost."""
    for percent in (20, 40) if whole else (20,):
        lossy(percent, whole)


def lossy(percent, whole):
    """See above."""
    clients, send, session, tries = (256, 10, 30, 3) if whole else (
        48, 2, 6, 1)
    listeners = {"main": (PORT, 'greeting_file = "FOLDER/greeting";'),
                 "other": (OTHER, "")}
    top = f"timeouts = {{ send = {send}; session = {session}; }};"
    with Large(listeners, top) as place:
        connecting = 2 * give_up(tries)
        lose(*[f"ip {end} {SOURCES} numgen random mod 100 < {percent} drop"
               for end in ("saddr", "daddr")])
        crowd = Crowd(SERVER, PORT, sources(clients))
        with place.probe(OTHER) as probe:
            crowd.last(connecting + session + 2)
            place.rest()
        lines = lines_of(place.daemon, crowd.clients)
        print(f"{percent} %: {outcomes(lines)}")
        for client, line in zip(crowd.clients, lines):
            honest(client, line)
        crowd.close()
        found = [line for line in lines if line]
        assert len(found) == place.counters()["accepted"], "lines are missing"
        assert any(line["outcome"] == "greeted" for line in found)
        late = max(int(line["duration_ms"]) for line in found) - 1000 * session
        assert late < (LATE_MS if whole else LOOSE_MS), f"{late} ms late"
        ended = [line for line in found
                 if line["outcome"] == "session_timeout"]
        if ended:
            deadline(f"{percent} % lost", ended, session, whole)
        served(f"{percent} % of packets lost", probe)


def reset_one(number, say):
    """Connects and resets; on loopback it is in the server's queue by then."""
    sock = socket.socket()
    sock.setblocking(False)
    sock.bind((sources(1, number)[0], 0))
    try:
        sock.connect((SERVER, PORT))
    except BlockingIOError:
        pass
    if say:
        try:
            sock.send(b"x")
        except OSError:
            pass  # its queue is full
    close_with_reset(sock)


def resets(whole):
    """First while the master does not accept, so that all are; then all the
    time, two thousand a second."""
    queued, count, rate = (400, 20000, 2000) if whole else (400, 2000, 1000)
    with Place(TWO, memory=4 << 10) as place:
        place.daemon.signal(signal.SIGSTOP)
        for number in range(queued):
            reset_one(number, number % 2)
        place.daemon.signal(signal.SIGCONT)
        wait_for(lambda: place.counters()["accepted"] == queued, PATIENCE,
                 "all that were in the queue")
        place.rest()
        row = place.counters()
        gone = {key: value for key, value in row.items()
                if key.startswith("ended_") and value}
        print(f"{queued} in the queue: {gone}")
        assert row["ended_greeted"] == 0, row
        assert sum(gone.values()) == queued, row
        begin = time.monotonic()
        with place.probe() as probe:
            for number in range(count):
                reset_one(number, number % 2)
                time.sleep(max(0, begin + number / rate - time.monotonic()))
        place.rest()
        row = place.counters()
        allowed = len(probe.seconds)
        print(f"{count} more: {row['accepted'] - queued - allowed} came as far "
              "as accept")
        assert allowed <= row["accepted"] - queued <= count + allowed
        served("resets before accept", probe)


def checksum(data):
    """RFC 1071."""
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return ~total & 0xffff


def syn(source, port, sequence):
    """A packet, with its IP header, as anybody can write one."""
    addresses = socket.inet_aton(source) + socket.inet_aton(SERVER)

    def segment(total):
        return struct.pack("!HHIIBBHHH", port, PORT, sequence, 0, 5 << 4, 2,
                           65535, total, 0)
    pseudo = addresses + struct.pack("!BBH", 0, socket.IPPROTO_TCP, 20)
    return struct.pack("!BBHHHBBH", 0x45, 0, 40, 0, 0, 64,
                       socket.IPPROTO_TCP, 0) + addresses + segment(
                           checksum(pseudo + segment(0)))


def kernel_count(name):
    """A counter of TcpExt, in this namespace."""
    with open("/proc/net/netstat", encoding="ascii") as file:
        rows = [line.split() for line in file if line.startswith("TcpExt:")]
    return int(dict(zip(*rows))[name])


def half_open_count():
    """Connections that wait for their third packet."""
    return subprocess.run(["ss", "-Htn", "state", "syn-recv"], check=True,
                          stdout=subprocess.PIPE).stdout.count(b"\n")


def flood(seconds):
    """SYNs whose sources hear nothing; how many, and how many were half open
    at a time."""
    lose(f"ip daddr {SLASH_24} drop")
    network = SLASH_24.rpartition(".")[0]
    draw = random.Random(1)
    packets = [syn(f"{network}.{draw.randrange(1, 255)}",
                   draw.randrange(1024, 65536), draw.getrandbits(32))
               for _ in range(5000)]
    end, sent, half_open = time.monotonic() + seconds, 0, 0
    with socket.socket(socket.AF_INET, socket.SOCK_RAW,
                       socket.IPPROTO_RAW) as sock:
        while time.monotonic() < end:
            for packet in packets:
                sock.sendto(packet, (SERVER, 0))
            sent += len(packets)
            half_open = max(half_open, half_open_count())
    return sent, half_open


def half_open_flood(whole):
    """None of it comes as far as the daemon, and who means it is served."""
    with Place(TWO) as place:
        with place.probe() as probe:
            sent, half_open = flood(10 if whole else 3)
        cookies = kernel_count("SyncookiesSent")
        print(f"{sent} SYNs, {half_open} half open at a time, {cookies} "
              "cookies")
        assert half_open > 100 and cookies > 100, "that was no flood"
        place.rest()
        row = place.counters()
        assert row["accepted"] == row["ended_greeted"] == len(
            probe.seconds), row
        served("half-open flood", probe)


def third_packet(whole):
    """Clients whose third packet is lost think that they are connected; when
    the network is well again they are, and are greeted."""
    # Fewer than half the backlog: then the kernel drops old ones early.
    count, seconds = (200, 5) if whole else (100, 2)
    with Place(TWO) as place:
        lose(f"ip saddr {SOURCES} tcp flags & syn == 0 drop")
        crowd = Crowd(SERVER, PORT, sources(count), say=b"hello there",
                      every=0.5)
        with place.probe() as probe:
            left = crowd.last(seconds)
            assert len(left) == count and half_open_count() == count
            accepted = place.counters()["accepted"]
            lose()
            left = crowd.last(2 * PATIENCE)
        assert not left, f"{len(left)} are still there"
        said = collections.Counter(client.got for client in crowd.clients)
        print(f"{count} half open, {accepted} others meanwhile; then "
              f"{said[GREETING]} were greeted")
        assert said == {GREETING: count}, said
        place.rest()
        row = place.counters()
        assert row["accepted"] == count + len(probe.seconds), row
        served("third packets lost", probe)


TROUBLES = {"loss": loss, "resets before accept": resets,
            "half-open flood": half_open_flood,
            "third packets lost": third_packet}
