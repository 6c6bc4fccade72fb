"""Holds connections to a server; a process of its own, for its descriptors.

python3 holder.py PORT FIRST_SOURCE: says "ready", then for each line of input
"hold NUMBER" connects until it has NUMBER in all, each greeted, and says
"held NUMBER WHY" (WHY is "all" when it is what was asked for); "end" closes
all and says "held 0 all".  Ends with its input.
"""

import resource
import signal
import socket
import sys

from server import GREETING, HOST

SOURCES = 8  # 127.0.0.FIRST_SOURCE ...: 28,000 ports each
IP_BIND_ADDRESS_NO_PORT = 24  # linux/in.h
WAIT_SECONDS = 5  # for a greeting; after that the server is full


def connect(port, source):
    """A greeted connection; OSError when there is none."""
    sock = socket.socket()
    try:
        sock.settimeout(WAIT_SECONDS)
        sock.setsockopt(socket.IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1)
        sock.bind((f"127.0.0.{source}", 0))
        sock.connect((HOST, port))
        got = sock.recv(100)
        if got != GREETING:
            raise OSError(f"greeted with {got!r}")
        return sock
    except OSError:
        sock.close()
        raise


def hold(socks, number, port, first):
    """Makes them as many as asked for; returns why not, or "all"."""
    while len(socks) < number:
        try:
            socks.append(connect(port, first + len(socks) % SOURCES))
        except OSError as error:
            return f"the next client: {error.strerror or error}"
    return "all"


def main():
    """See above."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # its input ends
    port, first = (int(word) for word in sys.argv[1:])
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))
    socks = []
    print("ready", flush=True)
    for line in sys.stdin:
        why = "all"
        if line.startswith("hold "):
            why = hold(socks, int(line.split()[1]), port, first)
        else:
            for sock in socks:
                sock.close()
            socks.clear()
        print(f"held {len(socks)} {why}", flush=True)


if __name__ == "__main__":
    main()
