"""The network of a row: a namespace of its own, with README's addresses."""

import os
import shutil
import subprocess

BALANCER = "192.0.2.1"
INSTANCES = {"one": "192.0.2.11", "two": "192.0.2.12",
             "three": "192.0.2.13"}
CLIENTS = "198.51.100."  # all of the network
CLIENTS_NETWORK = CLIENTS + "0/24"


def why_none():
    """Why there can be no namespace; "" when there can."""
    if os.geteuid() != 0:
        return "needs root, for a network namespace"
    for name in "ip", "ss", "unshare":
        if shutil.which(name) is None:
            return f"needs {name}"
    done = subprocess.run(["unshare", "-n", "true"], text=True, check=False,
                          stderr=subprocess.PIPE)
    return done.stderr.strip()


def apart(command):
    """The command, in a namespace of its own."""
    return ["unshare", "-n", *command]


def make():
    """In the namespace: everybody's addresses, all of them here."""
    for words in ("link set lo up",
                  *(f"addr add {address}/32 dev lo"
                    for address in (BALANCER, *INSTANCES.values())),
                  f"route add local {CLIENTS_NETWORK} dev lo"):
        subprocess.run(["ip", *words.split()], check=True)


def listens(address, port):
    """Has anybody a listening socket there?  Of /proc/net/tcp the many that
    have been closed would come, too."""
    return subprocess.run(["ss", "-Hltn", f"src {address}:{port}"], check=True,
                          stdout=subprocess.PIPE).stdout != b""
