"""The servers that others wrote, each set up to serve as fast as it can.

Each executes tests/bench/handler, the textbook server's child as a program of
its own, linked statically, which is the fastest there is for them.  All limits
on rates and numbers are off or as high as they go; no names are looked up.
"""

import os
import pwd
import re
import shutil

from server import HOST

BACKLOG = 4096  # SERVE_BACKLOG
MOST = 30000  # clients at a time
SBIN = ("/usr/sbin", "/sbin")  # not in every user's PATH
XINETD = """\
defaults
{
	instances = UNLIMITED
	per_source = UNLIMITED
	cps = 1000000 1
}
service greeting
{
	type = UNLISTED
	socket_type = stream
	protocol = tcp
	wait = no
	bind = %(host)s
	port = %(port)d
	user = %(user)s
	server = %(handler)s
}
"""
INETD = "%(host)s:%(port)d stream tcp nowait %(user)s %(handler)s handler\n"


def write_conf(path, text, port, handler):
    """A configuration file; returns its path."""
    user = pwd.getpwuid(os.geteuid()).pw_name
    with open(path, "w") as file:
        file.write(text % {"host": HOST, "port": port, "user": user,
                           "handler": handler})
    return path


def tcpserver(path, port, handler, _):
    """ucspi-tcp: no DNS, no ident."""
    return [path, "-H", "-R", "-l0", "-b", str(BACKLOG), "-c", str(MOST),
            HOST, str(port), handler]


def tcpsvd(path, port, handler, _):
    """ipsvd: as tcpserver."""
    return [path, "-l0", "-b", str(BACKLOG), "-c", str(MOST), HOST, str(port),
            handler]


def xinetd(path, port, handler, scratch):
    """Its backlog cannot be set."""
    conf = write_conf(os.path.join(scratch, "xinetd.conf"), XINETD, port,
                      handler)
    return [path, "-dontfork", "-f", conf, "-pidfile",
            os.path.join(scratch, "xinetd.pid"), "-filelog", "/dev/null"]


def inetd(path, port, handler, scratch):
    """Its rate is per minute."""
    conf = write_conf(os.path.join(scratch, "inetd.conf"), INETD, port,
                      handler)
    return [path, "-i", "-q", str(BACKLOG), "-R", "1000000000", conf]


def socket_activate(path, port, handler, _):
    """It writes a line for each client: to a file, as the daemon does."""
    return [path, "--accept", "--inetd", f"--listen={HOST}:{port}", handler]


def socat(path, port, handler, _):
    """No limit on children unless one is set; nofork: no second fork."""
    return [path, f"TCP4-LISTEN:{port},bind={HOST},reuseaddr,fork,"
            f"backlog={BACKLOG}", f"EXEC:{handler},nofork"]


def ncat(path, port, handler, _):
    """It stays and copies for each client."""
    return [path, "-4", "-n", "-l", "-k", "-m", str(MOST), "-e", handler,
            HOST, str(port)]


class Peer:
    """How a server is found, named and run."""

    def __init__(self, name, package, command, wanted, aims,
                 program=None, version=("--version",)):
        self.name, self.package, self.command = name, package, command
        self.wanted, self.aims = wanted, aims  # times its connections/s
        self.program = program or name
        self.version = version  # None: it cannot say

    def path(self, builddir):
        """Where it is, or None; some are unpacked, not installed."""
        folders = [os.environ.get("PATH", os.defpath), *SBIN]
        for unpacked in unpacked_folders(builddir):
            folders += [os.path.join(unpacked, "usr/sbin"),
                        os.path.join(unpacked, "usr/bin")]
        return shutil.which(self.program, path=os.pathsep.join(folders))

    def absent(self):
        """What to say when it is not there."""
        return (f"absent: {self.name} (apt-get install {self.package}, or, "
                "for all peers, sh contrib/install-deps bench)")


PEERS = (
    Peer("tcpserver", "ucspi-tcp", tcpserver, 3.5, (5,), version=None),
    Peer("tcpsvd", "ipsvd", tcpsvd, 3.5, (5,), version=None),
    Peer("xinetd", "xinetd", xinetd, 5, (8,), version=("-version",)),
    Peer("openbsd-inetd", "openbsd-inetd", inetd, 5, (8,), program="inetd",
         version=None),
    Peer("systemd-socket-activate", "systemd", socket_activate, 5, (8,)),
    Peer("socat", "socat", socat, 5, (8,), version=("-V",)),
    Peer("ncat", "ncat", ncat, 5, (8,)),
)


def unpacked_folders(builddir):
    """Where "contrib/install-deps bench" unpacks what conflicts."""
    source = os.path.dirname(os.path.abspath(__file__))
    return [os.path.join(os.path.abspath(builddir), "build-peers"),
            os.path.join(os.path.dirname(os.path.dirname(source)),
                         "build-peers")]


def version_of(peer, builddir, output):
    """Its version in words: its package's, else what it says itself.
    output(command) gives the lines that a command prints."""
    packaged = output(["dpkg-query", "-W", "-f", "${Version}", peer.package])
    if re.match(r"\d", packaged):
        return f"{peer.package} {packaged}"
    said = output([peer.path(builddir), *peer.version]) if peer.version else ""
    found = re.search(r"\d+\.\d[\w.+~-]*", said)
    return f"{peer.package} {found.group(0) if found else 'version unknown'}"
