"""A network of a program's own: what it does there nobody else sees."""

import os
import shutil
import subprocess


def why_no_network(*programs):
    """Why there can be no namespace, or which of these programs that the test
    needs in it is missing; "" when all is there."""
    if os.geteuid() != 0:
        return "needs root, for a network namespace"
    for name in "ip", "ss", "unshare", *programs:
        if shutil.which(name) is None:
            return f"needs {name}"
    done = subprocess.run(["unshare", "-n", "true"], text=True, check=False,
                          stderr=subprocess.PIPE)
    return done.stderr.strip()


def apart(command):
    """The command, in a namespace of its own."""
    return ["unshare", "-n", *command]


def make_network(addresses, networks):
    """In the namespace: everybody's addresses, all of them here, also a second
    time.  Of a network any address can be bound; of one of IPv6 with
    IPV6_FREEBIND."""
    _ip("link set lo up")
    for address in addresses:
        more = "128 nodad" if ":" in address else "32"
        _ip(f"addr replace {address}/{more} dev lo")
    for network in networks:
        _ip(f"{'-6' if ':' in network else '-4'} "
            f"route replace local {network} dev lo")


def _ip(words):
    subprocess.run(["ip", *words.split()], check=True)


def listens(address, port):
    """Has anybody a listening socket there?  Of /proc/net/tcp the many that
    have been closed would come, too."""
    return subprocess.run(["ss", "-Hltn", f"src {address}:{port}"], check=True,
                          stdout=subprocess.PIPE).stdout != b""
