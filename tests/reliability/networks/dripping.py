"""Heads of requests, and PROXY headers, that come a byte a second."""

import time

from harness import PATIENCE, greet, together
from judge import all_ended, deadline, lines_of, outcomes, served
from place import (OTHER, PORT, SERVER, SERVER6, Place, neighbours, sources)
from slow import Crowd

HEAD = b"GET /health HTTP/1.1\r\nHost: forkgreet.example\r\n\r\n"


def ask():
    """An allowed client of the listener itself; how long it took."""
    begin = time.monotonic()
    answer = greet(PORT, SERVER, HEAD, seconds=2 * PATIENCE)
    assert answer.startswith(b"HTTP/1.1 200 "), answer[:80]
    return time.monotonic() - begin


def heads(whole):
    """As many clients as may be, each from a source of its own, and each with
    a head that is not whole in time."""
    most, seconds = (512, 5) if whole else (64, 2)
    listeners = {
        "main": (PORT, 'format = "http"; '
                 f"limits = {{ max_clients = {most}; }};"),
        "other": (OTHER, "")}
    top = (f"limits = {{ max_clients = {most + 64}; }};\n"
           f"timeouts = {{ request = {seconds}; }};")
    with Place(listeners, top) as place:
        crowd = Crowd(SERVER, PORT, sources(most), HEAD)
        with place.probe(OTHER) as probe:
            left, waited = together(lambda: crowd.last(PATIENCE), ask)
        assert not left, f"{len(left)} are still there"
        lines = lines_of(place.daemon, crowd.clients)
        all_ended(lines, "request_timeout")
        deadline("heads", lines, seconds, whole)
        print(f"an allowed client of the same listener waited {waited:.2f} s")
        assert all(client.got.startswith(b"HTTP/1.1 408 ")
                   for client in crowd.clients)
        served("request heads", probe)
        place.rest()


TROUBLES = {"request heads": heads}
