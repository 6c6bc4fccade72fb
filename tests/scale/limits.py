"""Whom limits and rules take: the client whom the balancer names, not the
balancer; its checks nobody counts."""

from balancers import Haproxy
from harness import PATIENCE, is_held, read_all, wait_for
from harness import connect as connect_to
from instance import Instance
from network import BALANCER, CLIENTS
from stage import Stage

PORTS = HELD, RATED, RULED = 4444, 4445, 4446
BURST = 3
CHECKS = 40  # many more than RATED would let one source have
CONFIGURATION = f"""
listeners = (
    {{ name = "held"; address = "0.0.0.0"; port = {HELD}; hold = true;
      limits = {{ max_clients_per_source = 2; }}; PROXY }},
    {{ name = "rated"; address = "0.0.0.0"; port = {RATED};
      limits = {{ rate_per_source = 0.001; burst_per_source = {BURST}; }};
      PROXY }},
    {{ name = "ruled"; address = "0.0.0.0"; port = {RULED};
      rules = ( {{ from = "{CLIENTS}66"; action = "deny"; }} ); PROXY }}
);
""".replace("PROXY",
            f'proxy_protocol = {{ trusted = ( "{BALANCER}/32" ); }};')
LISTEN = f"""
listen {{0}}
	bind {BALANCER}:{{0}}
	server one 192.0.2.11:{{0}} {{1}} check inter 50ms
"""
DEFAULTS = """\
	mode tcp
	timeout connect 30s
	timeout client 30s
	timeout server 30s
	timeout check 30s
"""


class Limits:
    """With these options of HAProxy for the header."""

    def __init__(self, header):
        self.name, self.header = f"limits {header}", header

    @staticmethod
    def why_not():
        """See row.Row."""
        return Haproxy.why_not()

    def play(self, _, begin):
        """See row.Row."""
        with Stage() as stage:
            self.one = stage.add(Instance("one", CONFIGURATION, stage.folder,
                                          HELD))
            self.balancer = stage.front(Haproxy(PORTS, DEFAULTS + "".join(
                LISTEN.format(port, self.header) for port in PORTS)))
            begin()
            self._max_clients_per_source()
            self._rate_per_source()
            self._rules()
            self._untrusted()
            self._checks()
            self._log()

    @staticmethod
    def _said(port, number):
        """What that client hears."""
        with connect_to(port, BALANCER, source=f"{CLIENTS}{number}") as sock:
            return read_all(sock)

    def _held(self, number):
        """A client whom nobody sends away."""
        accepted = self.one.listener()["live"]
        sock = connect_to(HELD, BALANCER, source=f"{CLIENTS}{number}")
        wait_for(lambda: self.one.listener()["live"] > accepted, PATIENCE,
                 "a client who is held")
        assert sock.recv(100) == b"hi client\n"
        assert is_held(sock)
        return sock

    def _max_clients_per_source(self):
        held = [self._held(number) for number in (1, 1, 2, 2, 3)]
        for number in 1, 2:
            text = self._said(HELD, number)
            assert text == (f"too many connections from {CLIENTS}{number}\n"
                            .encode()), text
        for sock in held:
            assert is_held(sock)
            sock.close()
        self._refused(HELD, "busy_per_source", 2)

    def _rate_per_source(self):
        for number in 1, 2:
            for _ in range(BURST):
                text = self._said(RATED, number)
                assert text == b"hi client\n", text
            text = self._said(RATED, number)
            assert text.startswith(
                f"too many connections from {CLIENTS}{number}, try".encode())
        self._refused(RATED, "rate_per_source", 2)

    def _rules(self):
        assert self._said(RULED, 66) == b"access denied\n"
        assert self._said(RULED, 67) == b"hi client\n"
        self._refused(RULED, "denied", 1)

    def _untrusted(self):
        """Who comes by himself, with the header of somebody else."""
        with connect_to(RULED, self.one.address,
                        source=f"{CLIENTS}67") as sock:
            sock.sendall(f"PROXY TCP4 {CLIENTS}68 {BALANCER} 1 2\r\n"
                         .encode())
            try:
                text = read_all(sock)
            except ConnectionResetError:
                text = b""
        assert b"hi client" not in text, text
        self._refused(RULED, "denied", 2)

    def _refused(self, port, reason, count):
        """Nobody else was."""
        refused = self.one.listener(port)["refused"]
        assert {key: value for key, value in refused.items() if value} == {
            reason: count}, refused

    def _checks(self):
        """They come all the time, more than any source may, and are served."""
        before = {port: self.one.listener(port)
                  for port in PORTS}
        for port, row in before.items():
            wait_for(lambda port=port, row=row:
                     self.one.listener(port)["accepted"] >=
                     row["accepted"] + CHECKS, PATIENCE, "checks")
            after = self.one.listener(port)
            assert after["refused"] == row["refused"], (row, after)
            assert after["ended"].get("proxy_error") == 0, after
        for row in self.balancer.servers():
            assert (row["status"], row["chkfail"]) == ("UP", "0"), row

    def _log(self):
        """The clients with their addresses, of checks nothing."""
        lines = self.one.client_lines() + self.one.refused_lines()
        found = {line["src"] for line in lines
                 if line.get("psrc") == BALANCER}
        assert found == {f"{CLIENTS}{number}"
                         for number in (1, 2, 3, 66, 67)}, found
        alone = [line for line in lines if "psrc" not in line]
        assert {line["src"] for line in alone} <= {f"{CLIENTS}67"}, alone
        accepted = sum(self.one.listener(port)["accepted"] for port in PORTS)
        print(f"{len(lines)} lines in the log, {accepted} accepted, the "
              "checks with them", flush=True)


LIMITS = tuple(map(Limits, (
    "send-proxy", "send-proxy-v2", "send-proxy-v2-ssl-cn")))
