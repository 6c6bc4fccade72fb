"""The listeners of the soak: what each says in which state and version, for the
configuration and for the swarm (swarm.h), which must agree."""

import os
import typing

from harness import HOST, free_port

FORMATS = ("plain", "http", "agent", "hold")
KINDS = ("ready", "drain", "maintenance", "down", "busy", "rate",
         "busy_per_source", "rate_per_source", "denied", "no_resources",
         "special", "bad_request", "request_timeout", "silent")
STATES = KINDS[:4]
REFUSALS = KINDS[4:10]
LINE = 64  # of a filler, as in judge.c
SOURCE_DENIED, SOURCE_SPECIAL = 250, 251  # as in swarm.h


class Target(typing.NamedTuple):
    """A listener and its clients."""

    name: str
    format: str
    flags: str  # "w": its texts say who, "p": behind a proxy, "r": rules
    share: int  # of the clients
    sources: int = 0  # 127.0.0.1 ...
    filler: int = 0  # bytes of its greeting file; 0 with "f" in flags: none
    host: str = HOST
    more: str = ""  # of its group
    kinds: tuple = ()  # refusals that its limits bring about


TARGETS = (
    Target("plain", "plain", "wr", 25, sources=254),
    Target("http", "http", "wr", 15, sources=254),
    Target("agent", "agent", "f", 8, sources=254),
    Target("proxied", "plain", "wp", 10, sources=254),
    Target("proxyhttp", "http", "wp", 5, sources=254),
    Target("unix", "plain", "-", 8, host="unix"),
    Target("six", "plain", "w", 5, host="::1"),
    Target("file", "plain", "f", 6, sources=254, filler=2 * 1024),
    Target("big", "plain", "f", 3, sources=254, filler=128 * 1024),
    Target("hold", "hold", "w", 5, sources=254),
    Target("limited", "hold", "w", 4, sources=254, kinds=("busy",),
           more='limits = { max_clients = 3; when_full = "refuse"; };'),
    Target("sourced", "hold", "w", 3, sources=4, kinds=("busy_per_source",),
           more="limits = { max_clients_per_source = 1; };"),
    Target("rated", "plain", "w", 3, sources=4,
           kinds=("rate", "rate_per_source"),
           more="limits = { rate = 40; rate_per_source = 20; };"),
)


def text(target, kind, version):
    """A text as the configuration has it, behind its quote."""
    who = " %{client_ip} %{client_port}" if "w" in target.flags else ""
    return f"soak {target.name} {kind} {version}{who}\\n"


def greeting(target, version):
    """The content of a greeting file; an agent's is its health file."""
    first = text(target, "ready", version).replace("\\n", "\n")
    return first + "".join(
        f"{i:{LINE - 23}d} of version {version:<10d}\n"
        for i in range(target.filler // LINE))


class Places:
    """Where the targets are: ports, sockets, files."""

    def __init__(self, folder):
        self.folder = folder
        self._ports = {target.name: free_port() for target in TARGETS
                       if target.host != "unix"}

    def file(self, target):
        """The file that it follows."""
        return os.path.join(self.folder, target.name)

    def address(self, target):
        """For connect(2): address and port; a path and 0."""
        if target.host == "unix":
            return os.path.join(self.folder, "socket"), 0
        return target.host, self._ports[target.name]

    def write(self, target, content):
        """Replaces its file."""
        path = self.file(target)
        with open(path + ".new", "w", encoding="ascii") as file:
            file.write(content)
        os.chmod(path + ".new", 0o644)
        os.rename(path + ".new", path)

    def list(self, path):
        """Writes the file that the swarm reads."""
        with open(path, "w", encoding="ascii") as file:
            for target in TARGETS:
                address, port = self.address(target)
                print(target.name, FORMATS.index(target.format),
                      target.flags, target.share, target.sources,
                      target.filler, address, port, file=file)

    def group(self, target, version):
        """Its group in the configuration."""
        address, port = self.address(target)
        words = [f'name = "{target.name}"; {target.more}']
        if port:
            words.append(f'address = "{address}"; port = {port};')
        else:
            words.append(f'address = "unix:{address}"; socket_mode = "0666";')
        if target.format == "hold":
            words.append("hold = true;")
        else:
            words.append(f'format = "{target.format}";')
        if "p" in target.flags:
            words.append('proxy_protocol = { trusted = "127.0.0.0/8"; };')
        words += (self._agent(target) if target.format == "agent" else
                  self._texts(target, version))
        return "{ " + "\n".join(words) + " }"

    def _agent(self, target):
        return [f'health_file = "{self.file(target)}"; refresh = 0.1;']

    def _texts(self, target, version):
        def one(kind):
            return f'{kind} = "{text(target, kind, version)}";'
        words = ["when = { " + " ".join(map(one, STATES[1:])) + " };",
                 "refusals = { " + " ".join(map(one, REFUSALS)) + " };"]
        if "f" in target.flags:
            words.append(f'greeting_file = "{self.file(target)}"; '
                         "refresh = 0.1;")
        else:
            words.append(f'greeting = "{text(target, "ready", version)}";')
        if "r" in target.flags:
            words.append(
                f'rules = ( {{ from = "127.0.0.{SOURCE_DENIED}"; action = '
                f'"deny"; }}, {{ from = "127.0.0.{SOURCE_SPECIAL}"; action = '
                '"allow"; greeting = "'
                f'{text(target, "special", version)}"; }} );')
        return words

    def configuration(self, version, top=""):
        """All of it."""
        return (f'control_socket = "{self.folder}/control"; '
                f'state_file = "{self.folder}/state"; pid_file = "";\n{top}\n'
                "limits = { max_clients = 128; max_clients_per_source = 0; };\n"
                "timeouts = { request = 2; proxy = 2; session = 60; "
                "send = 30; linger = 1; };\n"
                "listeners = (\n" + ",\n".join(
                    self.group(target, version) for target in TARGETS) +
                "\n);\n")
