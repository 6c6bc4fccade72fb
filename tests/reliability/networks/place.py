"""Where a trouble happens: a network, a daemon, clients who suffer."""

import os
import shutil
import subprocess
import tempfile

from baseline import Baseline
from harness import USER, Daemon, identity, make_network
from probe import Probe

PORT, OTHER = 4444, 4445
GREETING = b"hi client\n"
SERVER, SERVER6 = "192.0.2.1", "2001:db8::1"
# Who are nobody's neighbours below.
ALLOWED, ALLOWED6 = "192.0.2.200", "2001:db8::200"
SLASH_24 = "198.51.100.0/24"
# RFC 2544's: as many sources as anybody wants.
SOURCES = "198.18.0.0/15"
SLASH_48 = "2001:db8:1::/48"


def sources(count, first=0):
    """So many addresses of SOURCES, each in a /24 of its own as long as there
    are some."""
    return [f"198.{18 + number % 512 // 256}.{number % 256}."
            f"{1 + number // 512}"
            for number in range(first, first + count)]


def neighbours(count):
    """So many of SLASH_24, in turn."""
    return [f"198.51.100.{1 + number % 254}" for number in range(count)]


def neighbours6(count):
    """So many of one /64 of SLASH_48."""
    return [f"2001:db8:1:7::{1 + number:x}" for number in range(count)]


def lose(*rules):
    """Packets that the network does not deliver: rules of nft(8) that end in
    drop.  Replaces those before."""
    text = ("table inet trouble\ndelete table inet trouble\n"
            "table inet trouble {\n\tchain input {\n"
            "\t\ttype filter hook input priority 0;\n" +
            "".join(f"\t\t{rule}\n" for rule in rules) + "\t}\n}\n")
    subprocess.run(["nft", "-f", "-"], input=text, text=True, check=True)


class Place:
    """A daemon that is at rest, in this namespace:

        with Place({"main": (PORT, "hold = true;")}, "limits = ...") as place:
            ...
            place.rest()


    mtu: as on an Ethernet; loopback's own packets of 64 KiB make windows and
    buffers large.  memory: KiB that the master may have more afterwards.
    """

    def __init__(self, listeners, top="", host=SERVER, mtu=1500,
                 memory=Baseline.MEMORY):
        self._listeners, self._top, self.host = listeners, top, host
        self._mtu, self._memory = mtu, memory

    def __enter__(self):
        self.folder = tempfile.mkdtemp(prefix="forkgreet-networks-")
        os.chmod(self.folder, 0o755)
        os.chown(self.folder, USER, USER)
        make_network((SERVER, SERVER6, ALLOWED, ALLOWED6),
                     (SLASH_24, SOURCES, SLASH_48))
        subprocess.run(["ip", "link", "set", "lo", "mtu", str(self._mtu)],
                       check=True)
        self.prepare()
        self.daemon = Daemon(self.folder, self._configuration())
        try:
            self.daemon.ready().settle()
            self.baseline = Baseline(self.daemon)
            self.baseline.MEMORY = self._memory
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        self.daemon.end()
        shutil.rmtree(self.folder)

    def prepare(self):
        """What the daemon needs in self.folder, before its start; FOLDER in
        its listeners is that."""

    def _configuration(self):
        groups = ", ".join(
            f'{{ name = "{name}"; address = "{self.host}"; port = {port}; '
            f'{more.replace("FOLDER", self.folder)} }}'
            for name, (port, more) in self._listeners.items())
        log = "" if "log =" in self._top else 'log = { target = "stderr"; };\n'
        return (identity() + log + self._top +
                f"\nlisteners = ( {groups} );\n")

    def probe(self, port=PORT, **more):
        """A Probe of an allowed client."""
        if ":" in self.host:
            return Probe(port, self.host, source=ALLOWED6, **more)
        return Probe(port, SERVER, source=ALLOWED, **more)

    def counters(self, name="main"):
        """The listener's."""
        return self.daemon.counters()[name]

    def rest(self):
        """All is as it was, and adds up."""
        wrong = self.baseline.wait(30)
        assert not wrong, wrong
        wrong = self.baseline.unbalanced()
        assert not wrong, wrong
