"""Heads of requests, and PROXY headers, that come a byte a second, or one a
minute."""

import collections
import time

from harness import PATIENCE, greet, together
from judge import all_ended, deadline, lines_of, served
from place import (GREETING, OTHER, PORT, SERVER, SERVER6, SOURCES, Place,
                   neighbours, neighbours6, sources)
from slow import Crowd

HEAD = b"GET /health HTTP/1.1\r\nHost: forkgreet.example\r\n\r\n"
HEADER = b"PROXY TCP4 203.0.113.9 192.0.2.1 50000 80\r\n"
TRUSTED = f'proxy_protocol = {{ trusted = ( "{SOURCES}", "{SERVER}" ); }};'
HTTP = 'format = "http";'


def timed(host, say, answer):
    """How long an allowed client of the same listener takes, who says all of
    it at once."""
    begin = time.monotonic()
    got = greet(PORT, host, say, seconds=2 * PATIENCE)
    assert got.startswith(answer), got[:80]
    return time.monotonic() - begin


def drip(place, addresses, *allowed):
    """They come all at once, until the server has ended all of them; another
    one comes after them."""
    crowd = Crowd(place.host, PORT, addresses, allowed[0])
    with place.probe(OTHER) as probe:
        left, waited = together(lambda: crowd.last(2 * PATIENCE),
                                lambda: timed(place.host, *allowed))
    assert not left, f"{len(left)} are still there"
    print(f"an allowed client of the same listener waited {waited:.2f} s")
    return crowd.clients, probe, waited


def heads(whole):
    """As many clients as may be, each from a source of its own, and each with
    a head that is not whole in time."""
    most, seconds = (512, 5) if whole else (64, 2)
    listeners = {
        "main": (PORT, f"{HTTP} limits = {{ max_clients = {most}; }};"),
        "other": (OTHER, "")}
    top = (f"limits = {{ max_clients = {most + 64}; }};\n"
           f"timeouts = {{ request = {seconds}; }};")
    with Place(listeners, top) as place:
        clients, probe, _ = drip(place, sources(most), HEAD, b"HTTP/1.1 200 ")
        lines = lines_of(place.daemon, clients)
        all_ended(lines, "request_timeout")
        deadline("heads", lines, seconds, whole)
        for client in clients:
            assert client.got.startswith(b"HTTP/1.1 408 "), client.got[:80]
        served("request heads", probe)
        place.rest()


def heads_of_one(whole, name, host, addresses):
    """The same from one network: it has its own places only, and nobody of
    another one waits."""
    most, seconds, places = (512, 5, 64) if whole else (64, 2, 16)
    listeners = {"main": (PORT, HTTP), "other": (OTHER, "")}
    top = (f"limits = {{ max_clients = {most}; ipv4_prefix = 24; "
           f"max_clients_per_source = {places}; }};\n"
           f"timeouts = {{ request = {seconds}; }};")
    with Place(listeners, top, host=host) as place:
        clients, probe, waited = drip(place, addresses(most), HEAD,
                                      b"HTTP/1.1 200 ")
        assert waited < seconds, f"it waited {waited:.2f} s"
        row = place.counters()
        assert (row["refused_busy_per_source"], row["ended_request_timeout"],
                row["accepted"]) == (most - places, places, most + 1), row
        lines = [line for line in lines_of(place.daemon, clients) if line]
        all_ended(lines, "request_timeout")
        deadline(f"heads of one {name}", lines, seconds, whole)
        said = collections.Counter(client.got[:12] for client in clients)
        print(f"they were told {dict(said)}")
        assert said[b"HTTP/1.1 408"] == places, said
        served(f"request heads of one {name}", probe)
        place.rest()


def headers(whole):
    """As many proxies, whose PROXY headers are not whole in time; a quarter of
    max_clients may be about that, the others are in the kernel's queue."""
    most, seconds = (512, 3) if whole else (64, 1)
    listeners = {"main": (PORT, TRUSTED), "other": (OTHER, "")}
    top = (f"limits = {{ max_clients = {most}; }};\n"
           f"timeouts = {{ proxy = {seconds}; }};")
    with Place(listeners, top) as place:
        clients, probe, waited = drip(place, sources(most), HEADER, GREETING)
        lines = lines_of(place.daemon, clients)
        all_ended(lines, "proxy_error")
        deadline("PROXY headers", lines, seconds, whole)
        assert waited < 5 * seconds + (1 if whole else 10), waited
        served("PROXY headers", probe)
        place.rest()


def byte_a_minute(whole):
    """One byte of a head, of a header, or of nothing that anybody asked for,
    then another one a minute later."""
    each, request, proxy, session = (128, 5, 3, 30) if whole else (
        16, 2, 1, 3)
    expected = {"request_timeout": request, "proxy_error": proxy,
                "session_timeout": session}
    listeners = {"main": (PORT, ""), "request_timeout": (5001, HTTP),
                 "proxy_error": (5002, TRUSTED),
                 "session_timeout": (5003, "hold = true;")}
    top = (f"limits = {{ max_clients = 512; }};\n"
           f"timeouts = {{ request = {request}; proxy = {proxy}; "
           f"session = {session}; }};")
    with Place(listeners, top) as place:
        crowds = [Crowd(SERVER, 5001 + number,
                        sources(each, number * each), say, every=60)
                  for number, say in enumerate((HEAD, HEADER, HEAD))]
        with place.probe() as probe:
            left = together(*[lambda crowd=crowd: crowd.last(2 * PATIENCE)
                              for crowd in crowds])
        assert left == [[], [], []], [len(some) for some in left]
        for crowd, (outcome, seconds) in zip(crowds, expected.items()):
            lines = lines_of(place.daemon, crowd.clients)
            all_ended(lines, outcome)
            deadline(f"a byte a minute, {outcome}", lines, seconds, whole)
        served("a byte a minute", probe)
        place.rest()


def heads_of_24(whole):
    """IPv4."""
    heads_of_one(whole, "/24", SERVER, neighbours)


def heads_of_64(whole):
    """IPv6."""
    heads_of_one(whole, "/64", SERVER6, neighbours6)


TROUBLES = {"request heads": heads,
            "request heads of one /24": heads_of_24,
            "request heads of one /64": heads_of_64,
            "PROXY headers": headers, "a byte a minute": byte_a_minute}
