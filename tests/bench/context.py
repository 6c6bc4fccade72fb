"""What all sections of the benchmark work with: servers, scratch, report."""

import os
import re
import subprocess
import time

from peers import PEERS, version_of
from report import Report, output
from server import Failure, HOST, Server, free_port

DAEMON = "forkgreetd"
FLOOR = "server-floor"
TEXTBOOK = "server-textbook"
FILTER = "server-filter"
THREAD = "server-thread"
NOFORK = "server-nofork"
BOUND = (TEXTBOOK, FILTER, THREAD, NOFORK)  # with -Wl,-z,now
OWN = (FLOOR, *(name + linked for name in BOUND
                for linked in ("", "-default")))
SETTLE_SECONDS = 0.1  # for what the last measurement left to end
WARM_UP_SECONDS = 0.3
CONFIGURATION = """\
%(identity)ssandbox = "required";
log = { target = "stderr"; };
limits = { max_clients = %(max_clients)d; max_clients_per_source = 0; };
%(top)s
listeners = (
%(listeners)s
);
"""
LISTENER = ('\t{ address = "%(host)s"; port = %(port)d; backlog = 4096; '
            '%(more)s }')
IDENTITY = (  # needed by root only
    'user = "nobody";\ngroup = "nogroup";\ncontrol_socket = "";\n'
    'state_file = "";\n')


def identity_for(builddir):
    """What is needed by root; an older build does not know all of it."""
    if builddir is None:
        return IDENTITY
    with open(os.path.join(builddir, DAEMON), "rb") as file:
        program = file.read()
    return "".join(line for line in IDENTITY.splitlines(True)
                   if line.split(" ", maxsplit=1)[0].encode() in program)


class Daemon(Server):
    """forkgreetd: with processes and a log to look into."""

    ports = ()
    log_read = 0  # bytes that spawner() has read of the log
    started = None  # the last spawner in them that got clients

    def spawner(self):
        """The pid of the spawner that gets the clients: of all, the last one
        that the log names; Failure when there is none."""
        with open(self.log_path, "rb") as log:
            log.seek(self.log_read)
            text = log.read()
        end = text.rfind(b"\n") + 1
        found = re.findall(rb"(?:^|\s)spawner start pid=(\d+)", text[:end],
                           re.M)
        self.log_read += end
        if found:
            self.started = int(found[-1])
        if self.started not in self.spawners():
            raise Failure(f"{self.name}: no spawner found")
        return self.started

    def spawners(self):
        """The pids of all: one gets clients, one is on standby."""
        return [pid for pid in self.children() if not serves_client(pid)]

    def children(self):
        """The pids of the master's children."""
        pid = self.process.pid
        with open(f"/proc/{pid}/task/{pid}/children") as file:
            return [int(word) for word in file.read().split()]

    def client_children(self):
        """Those of them that serve a client."""
        return {pid for pid in self.children() if serves_client(pid)}

    def log_lines(self, start):
        """How many lines of its log begin so."""
        wanted = re.compile(r"(?:^|\s)" + start)
        with open(self.log_path, errors="replace") as log:
            return sum(1 for line in log if wanted.search(line))

    def check_log(self, report):
        """Every client has a log line, or is counted as dropped."""
        lines = dropped = 0
        with open(self.log_path, errors="replace") as log:
            for line in log:
                if re.search(r"(?:^|\s)client id=", line):
                    lines += 1
                    continue
                found = re.search(r"(?:^|\s)log dropped=(\d+)$", line)
                dropped += int(found.group(1)) if found else 0
        whole = self.clients == lines + dropped
        report.say(f"* log of {self.name}: clients={self.clients} "
                   f"lines={lines} dropped={dropped} "
                   f"({'all there' if whole else 'NOT the same'})")
        return whole


def in_turn(servers, number):
    """The order of a round: another one comes first each time, and every
    second round goes backwards, so that nobody always comes after the same."""
    first = number % len(servers)
    order = [*servers[first:], *servers[:first]]
    return order[::-1] if number % 2 else order


def serves_client(pid):
    """A spawner leads its process group, which its children are in."""
    try:
        return os.getpgid(pid) != pid
    except ProcessLookupError:
        return True  # it has ended


class Bench:
    """One run of the benchmark."""

    def __init__(self, arguments, scratch):
        self.arguments, self.scratch = arguments, scratch
        self.builddir = os.path.abspath(arguments.builddir)
        self.report = Report()
        self.servers = []  # all that were made
        self.processes = []  # others that must not be left behind
        self.taken = set()
        self.failed = False  # a client of ours was not greeted

    settling = SETTLE_SECONDS

    def program(self, name):
        """A program of tests/bench."""
        return os.path.join(self.builddir, "tests/bench", name)

    @property
    def load(self):
        """The load generator."""
        return self.program("load")

    def port(self):
        """One that no other server of this run has."""
        port = free_port(self.taken)
        self.taken.add(port)
        return port

    def path(self, name):
        """A new file's name in scratch."""
        return os.path.join(self.scratch, f"{len(self.servers)}-"
                            f"{name.replace('/', '_')}")

    def add(self, server):
        """Keeps it, so that it is stopped at the end."""
        self.servers.append(server)
        return server

    def own(self, name):
        """A server of ours to compare with."""
        port = self.port()
        return self.add(Server(name, [self.program(name), str(port)], port,
                               self.path(name + ".log")))

    def lacks_floor(self):
        """Why this machine has no floor; "" when it has."""
        try:
            done = subprocess.run([self.program(FLOOR)], text=True,
                                  stderr=subprocess.PIPE, check=False)
        except OSError as error:
            return f"{FLOOR}: {error.strerror}"
        return "" if done.returncode == os.EX_USAGE else done.stderr.strip()

    def owns(self, names):
        """Those of our servers that can run here."""
        return [self.own(name) for name in names
                if name != FLOOR or not self.lacks_floor()]

    def peer(self, peer):
        """A server of somebody else's, or None when it is absent."""
        path, port = peer.path(self.builddir), self.port()
        if path is None:
            return None
        command = peer.command(path, port, self.program("handler"),
                               self.scratch)
        # They would outlive a bench that is killed.
        return self.add(Server(peer.name, ["setpriv", "--pdeathsig", "TERM",
                                           *command], port,
                               self.path(peer.name + ".log")))

    def daemon(self, listeners=("",), max_clients=1024, top="", name=DAEMON,
               builddir=None):
        """forkgreetd with one listener for each text of more settings; its
        ports are server.ports.  builddir: of another build."""
        ports = [self.port() for _ in listeners]
        return self.daemon_with(CONFIGURATION % {
            "identity": identity_for(builddir) if os.geteuid() == 0 else "",
            "max_clients": max_clients, "top": top,
            "listeners": ",\n".join(
                LISTENER % {"host": HOST, "port": port, "more": more}
                for port, more in zip(ports, listeners))}, ports, name,
            builddir)

    def build_names(self):
        """What the daemons of --build are called: {name: folder}."""
        return {f"{DAEMON} {folder}": folder
                for folder in self.arguments.build}

    def daemons(self, **named):
        """forkgreetd, then those of the other builds."""
        return [self.daemon(**named), *(
            self.daemon(name=name, builddir=folder, **named)
            for name, folder in self.build_names().items())]

    def plain_daemons(self):
        """What is compared, and the same of the other builds."""
        return [self.plain_daemon(), *(
            self.plain_daemon(name, folder)
            for name, folder in self.build_names().items())]

    def plain_daemon(self, name=DAEMON, builddir=None):
        """From --daemon-conf when there is one."""
        if not self.arguments.daemon_conf:
            return self.daemon(name=name, builddir=builddir)
        with open(self.arguments.daemon_conf) as file:
            text = file.read()
        if "@PORT@" not in text:
            raise Failure(f"{self.arguments.daemon_conf}: no @PORT@ in it")
        port = self.port()
        return self.daemon_with(text.replace("@PORT@", str(port)), [port],
                                name, builddir)

    def daemon_with(self, text, ports, name=DAEMON, builddir=None):
        """forkgreetd with that configuration."""
        path = self.path("forkgreet.conf")
        with open(path, "w") as file:
            file.write(text)
        os.chmod(path, 0o644)  # forkgreetd reads as an unprivileged user
        daemon = Daemon(name, [os.path.join(builddir or self.builddir, DAEMON),
                               "-f", "-c", path], ports[0],
                        self.path(name + ".log"))
        daemon.ports = ports
        return self.add(daemon)

    def start(self, servers):
        """Starts and waits until all serve; warms them up."""
        for server in servers:
            server.start()
        for server in servers:
            server.wait_ready()
        for server in servers:
            server.measure(self.load, 16, WARM_UP_SECONDS)

    def stop(self, servers):
        """Stops; whoever of ours failed a client makes the run fail."""
        for server in servers:
            server.stop()
            ours = server.name in OWN or isinstance(server, Daemon)
            if ours and server.failures:
                self.failed = True

    def check_log(self, daemon):
        """After stop(): all clients of a daemon are in its log."""
        if not daemon.check_log(self.report):
            self.failed = True

    def settle(self):
        """Between two measurements."""
        time.sleep(self.settling)

    def popen(self, command, **named):
        """A process that is ended with the bench."""
        process = subprocess.Popen(command, **named)
        self.processes.append(process)
        return process

    def clean_up(self):
        """Whatever happened: nothing is left running."""
        for process in self.processes:
            if process.poll() is None:
                process.kill()
                process.wait()
        for server in self.servers:
            server.stop()

    def peer_lines(self):
        """Which peers there are, and which are not: lines."""
        lacks = self.lacks_floor()
        lines = [f"no floor: {lacks}"] if lacks else []
        for peer in PEERS:
            if peer.path(self.builddir) is None:
                lines.append(peer.absent())
            else:
                lines.append(f"peer: {peer.name} from "
                             f"{version_of(peer, self.builddir, output)}")
        return lines
