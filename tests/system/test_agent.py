"""format = "agent": HAProxy believes it, and knows every change."""

import os
import select
import signal
import socket
import struct

from balancer import Balancer
from harness import (HOST, PATIENCE, Case, ControlCase, connect, free_port,
                     greet, needs_program, read_all, wait_for)

READY = b"up ready 100%\n"
# Of struct tcp_info, linux/tcp.h.
SEGS_IN = 140
DATA_SEGS_IN = 152


class AgentCase(ControlCase):
    """A daemon that answers HAProxy's agent checks."""

    def listener(self, more="", name="main", port=None):
        """One that answers agent checks."""
        return super().listener(f'format = "agent"; {more}', name, port)

    def assert_said(self, daemon, line, state=None):
        """What an agent check gets, and its line in the log."""
        with connect(self.port, seconds=PATIENCE) as sock:
            port = str(sock.getsockname()[1])
            self.assertEqual(read_all(sock), line)
        logged, = daemon.wait_line("client", seconds=PATIENCE,
                                        sport=port)
        self.assertEqual(
            (logged["outcome"], logged["bytes"], logged.get("state")),
            ("greeted", str(len(line)), state))


class Words(AgentCase):
    """What is said, and how."""

    def test_states(self):
        """Each of the operator's words, and back from each."""
        daemon = self.daemon()
        self.assert_said(daemon, READY)
        for verb, line in (("drain", b"up drain\n"),
                           ("maintenance", b"maint\n")):
            self.say(verb, "--reason", "they said so", "--until", "+2h")
            self.assert_said(daemon, line, verb)
            self.say("ready")
            self.assert_said(daemon, READY)
        self.say("drain")
        self.say("maintenance", "main")
        self.assert_said(daemon, b"maint\n", "maintenance")
        self.say("drain", "main")
        self.assert_said(daemon, b"up drain\n", "drain")

    def test_until(self):
        """A word ends by itself."""
        self.daemon()

        def is_said():
            self.say("maintenance", "--until", "+2s")
            return greet(self.port) == b"maint\n"
        wait_for(is_said, PATIENCE, "the maintenance")
        wait_for(lambda: greet(self.port, seconds=PATIENCE) == READY,
                 PATIENCE, "the end of the maintenance")

    def test_one_segment(self):
        """HAProxy takes an answer when it has ended: the line and its end
        come together."""
        self.daemon()
        for verb in "ready", "drain", "maintenance":
            self.say(verb)
            for _ in range(20):
                with connect(self.port, seconds=PATIENCE) as sock:
                    poll = select.poll()
                    poll.register(sock, select.POLLRDHUP)
                    self.assertTrue(poll.poll(PATIENCE * 1000))
                    info = sock.getsockopt(socket.IPPROTO_TCP,
                                           socket.TCP_INFO, 256)
                    self.assertTrue(read_all(sock))
                # With the answer to our SYN.
                self.assertEqual(
                    (struct.unpack_from("I", info, SEGS_IN)[0],
                     struct.unpack_from("I", info, DATA_SEGS_IN)[0]), (2, 1))

    def test_talker(self):
        """Who says something first, as agent-send has it, gets it too."""
        self.daemon()
        self.assertEqual(
            greet(self.port, say=b"one/servers\n" * 1000, seconds=PATIENCE),
            READY)

    def test_refused(self):
        """They are told nothing, whatever for."""
        daemon = self.daemon(
            self.listener(
                'rules = ( { from = "127.0.0.2"; action = "deny"; } ); '
                'limits = { rate = 1; burst = 1; };'),
            'refusals = { denied = "denied\\n"; rate = "rate\\n"; };')
        with connect(self.port, source="127.0.0.2", seconds=PATIENCE) as sock:
            self.assertEqual(read_all(sock), b"")
        wait_for(lambda: greet(self.port, seconds=PATIENCE) == b"", PATIENCE,
                 "somebody refused")
        row = daemon.counters()["main"]
        self.assertEqual(row["refused_denied"], 1)
        self.assertGreaterEqual(row["refused_rate"], 1)


@needs_program("haproxy")
class Haproxy(AgentCase):
    """A real one, which asks twenty times a second."""

    def setUp(self):
        super().setUp()
        self.service = free_port()

    def configuration(self, listeners=None, top=""):
        """With what is balanced."""
        if listeners is None:
            listeners = self.listener()
        service = Case.listener(self, name="service", port=self.service)
        return super().configuration(f"{listeners}, {service}", top)

    def balance(self):
        """HAProxy that asks our agent about a server which answers."""
        balancer = Balancer(
            self.service, f"weight 100 agent-check agent-port {self.port} "
            f"agent-addr {HOST} agent-inter 50ms")
        self.addCleanup(balancer.end)
        balancer.wait(status="UP", agent_status="L7OK", weight="100")
        return balancer

    def test_states(self):
        """Drain and maintenance, for all and for one, and back from each."""
        self.daemon()
        balancer = self.balance()
        for words in (("drain",), ("drain", "main")):
            self.say(*words)
            balancer.wait(status="DRAIN (agent)")
            self.say("ready", *words[1:])
            balancer.wait(status="UP", weight="100")
        self.say("maintenance")
        balancer.wait(status="MAINT")
        self.say("ready")
        balancer.wait(status="UP", weight="100")

    def test_between_states(self):
        """From each to the other, with no ready between."""
        self.daemon()
        balancer = self.balance()
        for _ in range(2):
            self.say("drain")
            balancer.wait(status="DRAIN (agent)")
            self.say("maintenance")
            balancer.wait(status="MAINT")
        self.say("drain")
        balancer.wait(status="DRAIN (agent)")
        self.say("ready")
        balancer.wait(status="UP", weight="100")

    def test_weight(self):
        """A ready one says its weight: HAProxy forgets what it was told
        before."""
        daemon = self.daemon()
        balancer = self.balance()
        # Nobody contradicts while the daemon stands still.
        daemon.signal(signal.SIGSTOP)
        def is_set():  # but perhaps by an answer that was on its way
            balancer.ask("set server servers/one weight 30%")
            return balancer.server()["weight"] == "30"
        wait_for(is_set, PATIENCE, "another weight")
        daemon.signal(signal.SIGCONT)
        balancer.wait(status="UP", weight="100")

    def test_health_file(self):
        """What a file says: weights, drain, maintenance, down with its
        reason, and back from each; a file that has gone is down too."""
        path = os.path.join(self.folder(), "health")

        def write(line):
            with open(path + ".new", "w", encoding="ascii") as file:
                file.write(line + "\n")
            os.rename(path + ".new", path)
        write("up")
        self.daemon(self.listener(
            f'health_file = "{path}"; refresh = 0.1;'))
        balancer = self.balance()
        for line, fields in (
                ("down #no quorum", {"status": "DOWN (agent)",
                                     "last_agt": "via agent : down "
                                     "(no quorum)"}),
                ("drain", {"status": "DRAIN (agent)"}),
                ("maint", {"status": "MAINT"}),
                ("fail", {"status": "DOWN (agent)"}),
                ("up 30%", {"status": "UP", "weight": "30"})):
            with self.subTest(line):
                write(line)
                balancer.wait(**fields)
                write("up")
                balancer.wait(status="UP", weight="100")
        write("up 75%")
        balancer.wait(status="UP", weight="75")
        self.say("drain")
        balancer.wait(status="DRAIN (agent)")
        self.say("ready")
        balancer.wait(status="UP", weight="75")
        os.remove(path)
        balancer.wait(status="DOWN (agent)")
        write("down")
        self.say("maintenance")
        balancer.wait(status="MAINT")
        self.say("ready")
        balancer.wait(status="DOWN (agent)")

    def test_until(self):
        """A word that ends by itself ends there too."""
        self.daemon()
        balancer = self.balance()

        def is_seen():
            self.say("maintenance", "--until", "+2s")
            return balancer.server()["status"] == "MAINT"
        wait_for(is_seen, PATIENCE, "the maintenance")
        balancer.wait(status="UP", weight="100")

    def test_refusals_are_no_news(self):
        """One whose checks are refused stays what it was."""
        daemon = self.daemon()
        balancer = self.balance()
        self.say("drain")
        balancer.wait(status="DRAIN (agent)")
        daemon.reload(self.configuration(self.listener(
            'rules = ( { from = "any"; action = "deny"; } );')))
        self.say("ready")
        begin = daemon.counters()["main"]["refused_denied"]
        wait_for(lambda: daemon.counters()["main"]["refused_denied"] >=
                 begin + 5, PATIENCE, "refused checks")
        self.assertEqual(balancer.server()["status"], "DRAIN (agent)")
        daemon.reload(self.configuration())
        balancer.wait(status="UP", weight="100")


if __name__ == "__main__":
    from harness import main
    main()
