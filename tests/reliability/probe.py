"""An allowed client, over and over, while something else goes wrong: how long
its greetings take.  A process of its own, so that what the test does meanwhile
costs it nothing."""

import json
import math
import os
import socket
import subprocess
import sys
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))


def percentile(values, share):
    """The smallest value that at least that share (0 to 1) is not above."""
    ranked = sorted(values)
    return ranked[max(0, math.ceil(share * len(ranked)) - 1)]


def latency_row(name, latency):
    """Prints what a table of latencies while there is trouble says of that
    trouble."""
    print(f"LATENCY: {name}: {latency.figures()}", flush=True)


class Latency:
    """What some clients found:

        latency.seconds   how long each greeting took
        latency.failures  what was not one, as texts
        latency.figures() "p50 0.4 ms, p99 …"
    """

    def __init__(self):
        self.seconds, self.failures = [], []

    def add(self, other):
        """Those clients, too."""
        self.seconds += other.seconds
        self.failures += other.failures

    def clients(self):
        """How many there were."""
        return len(self.seconds) + len(self.failures)

    def milliseconds(self, share):
        """That percentile."""
        return 1000 * percentile(self.seconds, share)

    def figures(self):
        """All that a table says of it."""
        if not self.seconds:
            return f"no greeting, {len(self.failures)} failures"
        return (f"p50 {self.milliseconds(.5):.2f} ms, "
                f"p99 {self.milliseconds(.99):.2f} ms, "
                f"p99.9 {self.milliseconds(.999):.2f} ms of "
                f"{len(self.seconds)} greetings, "
                f"{len(self.failures)} failures")


class Probe(Latency):
    """Clients one after the other, each for one whole greeting:

        with Probe(port) as probe:
            ...
        latency_row("what goes wrong", probe)
    """

    def __init__(self, port, host="127.0.0.1", greeting=b"hi client\n",
                 source="", interval=0.01, patience=10.0, wrapper=()):
        super().__init__()
        # pylint: disable-next=consider-using-with
        self._process = subprocess.Popen(
            [*wrapper, sys.executable, "-B", os.path.abspath(__file__),
             json.dumps([host, port, greeting.decode("latin-1"), source,
                         interval, patience])],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def __enter__(self):
        self._process.stdout.readline()  # it has begun
        return self

    def __exit__(self, *_):
        output, _ = self._process.communicate()  # closes its standard input
        for line in output.splitlines():
            took, failure = json.loads(line)
            if failure:
                self.failures.append(failure)
            else:
                self.seconds.append(took)


def once(host, port, greeting, source, patience):
    """What was wrong with one greeting, or ""."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_STREAM) as sock:
            sock.settimeout(patience)
            if source:
                sock.bind((source, 0))
            sock.connect((host, port))
            got = b""
            while part := sock.recv(1 << 16):
                got += part
    except OSError as error:
        return repr(error)
    return "" if got == greeting else f"got {got[:80]!r}"


def main():
    """Until the standard input ends."""
    host, port, greeting, source, interval, patience = json.loads(sys.argv[1])
    ended = threading.Event()

    def wait():
        sys.stdin.read()
        ended.set()
    threading.Thread(target=wait, daemon=True).start()
    print("begun", flush=True)
    results = []
    while not ended.wait(interval):
        begin = time.monotonic()
        failure = once(host, port, greeting.encode("latin-1"), source, patience)
        results.append((time.monotonic() - begin, failure))
    for result in results:
        print(json.dumps(result))


if __name__ == "__main__":
    main()
