"""forkgreetd -E: what a client gets, and why."""

import ctypes
import os
import random
import re
import socket
import subprocess
import unittest

from explaining import SOURCES6, Explained, Round
from harness import PATIENCE, free_port, needs_root, run, together
from test_control import ControlCase

CLONE_NEWNET = 0x40000000
# "make check-explain" compares more.
CONFIGURATIONS = int(os.environ.get("EXPLAIN_CONFIGURATIONS", "100"))
SEED = int(os.environ.get("EXPLAIN_SEED", "14"))
AT_A_TIME = 20
CLIENTS = 8


class ExplainCase(ControlCase):
    """Tests that ask for explanations."""

    def explain(self, daemon, **query):
        """What -E says of the daemon's configuration, which it must accept."""
        return Explained(self.explain_file(daemon.config, **query))

    def explain_file(self, path, **query):
        """The same of a file; the text."""
        result = self.ask(path, **query)
        self.assertEqual((result.returncode, result.stderr), (0, ""))
        return result.stdout

    @staticmethod
    def ask(path, **query):
        """Runs it."""
        words = ",".join(f"{key}={value}" for key, value in query.items())
        return run("-E", words, "-c", path)


LISTENERS = """
{ name = "main"; address = "127.0.0.1"; port = %d;
  greeting = "hi %%{client_ip}:%%{client_port} %%{id}\\r\\n\\t\\\\\\x01";
  hold = true;
  limits = { max_clients = 2; when_full = "queue"; rate = 0.001; burst = 9; };
  rules = (
    { from = ("192.0.2.0/24",
              "127.0.0.2"); action = "deny"; greeting = "no\\n"; },
    { from = "10.0.0.0/8"; action = "allow"; greeting = "ten\\n"; } ); },
{ name = "web,2"; address = ("0.0.0.0", "::1"); port = %d;
  format = "http"; greeting = "to %%{server_ip}"; }"""


class Explanations(ExplainCase):
    """What is printed, and when nothing is."""

    def setUp(self):
        super().setUp()
        self.other = free_port()

    def configuration(self, listeners=None, top="", path=None):
        if listeners is None:
            listeners = LISTENERS % (self.port, self.other)
        if not top:
            top = ('limits = { exempt = "127.0.0.3"; '
                   'max_clients_per_source = 2; };')
        return super().configuration(listeners, top, path)

    def whole(self):
        """The file, and where LISTENERS begins in it."""
        text = self.configuration()
        return (self.file(text),
                text.partition("listeners = (")[0].count("\n") + 1)

    def test_without_a_daemon(self):
        """All lines, with those of the file."""
        path, first = self.whole()
        text = self.explain_file(path, src="192.0.2.9", listener="main")
        self.assertEqual(text, f"""\
listener  main, {path}:{first + 1}, format "plain"
client    192.0.2.9
daemon    none answers: connect {self.path}: No such file or directory
          what follows is configured; nothing is counted
state     ready, unless somebody has said otherwise
rule      {path}:{first + 6}: action "deny", from {path}:{first + 6}: \
192.0.2.0/24, greeting {path}:{first + 7}
limit     max_clients 512, has 0
limit     max_clients of the listener 2, has 0
limit     max_clients_per_source 2, has 0
limit     rate of the listener 0.001 a second, burst 9, has 9.000 left
verdict   refused: denied
answer    3 bytes
  no\\n
""")
        text = self.explain_file(path, src="127.0.0.3", listener="main")
        self.assertIn(f"\nexempt    {path}:{first - 1}: 127.0.0.3, so that "
                      "only max_clients holds\nlimit     max_clients 512, "
                      "has 0\nlimit     max_clients of the listener 2, "
                      "has 0\nverdict   allowed\nanswer    21 bytes\n"
                      "          with - for what is not known: client_port, "
                      "id\n  hi 127.0.0.3:- -\\r\\n\n  "
                      "\\t\\\\\\x01\n", text)
        text = self.explain_file(path, src="10.255.0.1", listener="main")
        self.assertIn("\nanswer    4 bytes\n  ten\\n\n", text)

    def test_proxied(self):
        """Whoever a header declares: from which proxies, and where to is not
        known, nor whether the families agree."""
        text = self.configuration(self.listener(
            'greeting = "%{client_ip} %{server_ip} %{server_port}\\n"; '
            "proxy_protocol = { trusted = (\n"
            '"10.0.0.0/8", "127.0.0.1" ); };'))
        path = self.file(text)
        line = text.partition("listeners = (")[0].count("\n") + 2
        text = self.explain_file(path, src="2001:db8::1", listener="main")
        self.assertIn(f"""
client    2001:db8::1
proxy     {path}:{line}: 10.0.0.0/8, by a PROXY header
          {path}:{line}: 127.0.0.1, by a PROXY header
""", text)
        self.assertIn("""
          with - for what is not known: server_ip, server_port
  2001:db8::1 - -\\n
""", text)

    def test_included(self):
        """Each place is named with the file that it is in."""
        where = self.folder()
        included = os.path.join(where, "a.conf")
        with open(included, "w", encoding="ascii") as file:
            file.write("listeners = (" + LISTENERS % (self.port, self.other) +
                       ");\n")
        path = self.file(self.configuration(
            self.listener(port=free_port(), name="own"),
            f'include = "{where}/*.conf";\n'
            'limits = { exempt = "127.0.0.3"; };'))
        text = self.explain_file(path, src="192.0.2.9", listener="main")
        self.assertIn(f"listener  main, {included}:2, ", text)
        self.assertIn(f"\nrule      {included}:7: action \"deny\", from "
                      f"{included}:7: 192.0.2.0/24, greeting {included}:8\n",
                      text)
        text = self.explain_file(path, src="127.0.0.3", listener="main")
        self.assertRegex(text, rf"\nexempt    {path}:\d: 127\.0\.0\.3, ")

    def test_http(self):
        """Head and body; the name has a comma; IPv4-mapped is IPv4."""
        path, _ = self.whole()
        for source in "::ffff:192.0.2.1", "2001:db8::7":
            text = self.explain_file(path, src=source, listener="web,2")
            self.assertRegex(
                text, r"\nanswer    16\d bytes, to a GET\n"
                r" {10}with - for what is not known: server_ip\n"
                r"  HTTP/1\.1 200 OK\\r\\n\n")
            self.assertIn("\nclient    %s\n" % source.removeprefix("::ffff:"),
                          text)
        text = self.explain_file(path, src="::1", listener="web,2",
                                 state="drain")
        self.assertIn("\nstate     drain, as asked\n", text)
        self.assertIn("\n  HTTP/1.1 503 Service Unavailable\\r\\n\n", text)
        self.assertTrue(text.endswith("\n  draining\\n\n"), text)
        text = self.explain_file(path, src="::1", listener="main")
        self.assertIn("\nclient    ::1, which cannot come: the listener has no "
                      "IPv6 address\n", text)

    def test_raw(self):
        """The bytes, and nothing else."""
        path, _ = self.whole()
        for source, data in (("192.0.2.9", b"no\n"), ("10.0.0.1", b"ten\n"),
                             ("::1", b"hi ::1:- -\r\n\t\\\x01")):
            result = run("-c", path, "-E", f"raw=true,src={source},"
                         "listener=main", stdout=subprocess.PIPE)
            self.assertEqual((result.returncode, result.stderr), (0, ""))
            self.assertEqual(result.stdout, data.decode().replace("\r\n",
                                                                  "\n"))

    def test_with_a_daemon(self):
        """It counts, and its next client is this one."""
        daemon = self.start()
        held = [self.connect(self.port) for _ in range(2)]
        for sock in held:
            sock.recv(100)
        explained = self.explain(daemon, src="127.0.0.1", listener="main")
        self.assertEqual(explained.line("daemon"), f"pid {daemon.pid}")
        self.assertEqual([line.decode() for line in explained.lines[b"limit"]],
                         ["max_clients 512, has 2",
                          "max_clients of the listener 2, has 2",
                          "max_clients_per_source 2, has 2",
                          "rate of the listener 0.001 a second, burst 9, "
                          "has 7.000 left"])
        self.assertEqual(
            explained.line("verdict"), "waits in the kernel's queue until one "
            "of 2 clients goes; then refused: busy_per_source, may come again "
            "in 1 s")
        explained = self.explain(daemon, src="127.0.0.9", listener="main")
        self.assertEqual(
            explained.line("verdict"), "waits in the kernel's queue until one "
            "of 2 clients goes; then allowed")
        self.assertEqual(explained.bytes, b"hi 127.0.0.9:- 3\r\n\t\\\x01")
        self.good("maintenance", "--until", "2033-05-18T03:33:19Z",
                  "--reason", "new disk")
        explained = self.explain(daemon, src="::1", listener="web,2")
        self.assertEqual(explained.line("state"), "maintenance until "
                         "2033-05-18T03:33:19Z, reason new disk")
        self.assertIn(b"\r\nRetry-After: ", explained.bytes)
        explained = self.explain(daemon, src="::1", listener="web,2",
                                 state="ready")
        self.assertEqual(explained.line("state"), "ready, as asked")
        self.assertIn(b" 200 OK\r\n", explained.bytes)

    def test_another_configuration(self):
        """The file has been changed, and not been loaded yet."""
        daemon = self.start()
        other = "it runs another configuration than"
        text = self.configuration()

        def said(listener="main"):
            return self.explain(daemon, src="127.0.0.1",
                                listener=listener).text
        self.assertNotIn(other, said())
        daemon.write_config(text.replace('"hi ', '"ho '))
        self.assertIn(other, said())
        self.assertIn("\n  ho 127.0.0.1", said())
        daemon.reload()
        self.assertNotIn(other, said())
        daemon.write_config(text.replace("web,2", "new"))
        self.assertIn("\n          it has no such listener\n", said("new"))

    def test_random_text(self):
        """Any of them, and that is said."""
        texts = self.file("one\n%\ntwo\n%\nthree\n")
        path = self.file(self.configuration(self.listener(
            f'greeting_file = "{texts}"; pick = "random";')))
        seen = {self.explain_file(path, src="127.0.0.1", listener="main")
                .partition("one of 3 texts: each client gets another one\n")[2]
                for _ in range(60)}
        self.assertEqual(seen, {"  one\\n\n", "  two\\n\n", "  three\\n\n"})

    def test_usage(self):
        """What is no question: 64, and what was meant."""
        path, _ = self.whole()
        good = "src=::1,listener=main"
        for words, why in (
                ("scr=::1", "-E: scr: unknown key, did you mean src?"),
                ("colour=red", "-E: colour: unknown key, expected src, "
                 "listener, state or raw"),
                ("src", '-E: "src": expected KEY=VALUE'),
                ("src=::1", "-E: expected listener=, as in "
                 "src=192.0.2.7,listener=main"),
                ("listener=main", "-E: expected src=, as in "
                 "src=192.0.2.7,listener=main"),
                (good + ",src=::2", "-E: src: given twice"),
                ("src=host,listener=main", '-E: src "host" is not an address, '
                 "expected IPv4 or IPv6 such as 192.0.2.7 or 2001:db8::7"),
                ("src=1.2.3.4/8,listener=main", '-E: src "1.2.3.4/8" is not '),
                (f"src={'1' * 300},listener=main", '-E: src "1111'),
                ("src=::,listener=main", '-E: src "::": nobody comes from '
                 "there"),
                ("src=fe80::1%none0,listener=main", '-E: src "fe80::1%none0": '
                 "no interface has that name"),
                (good + ",state=drian", '-E: state "drian": unknown, did you '
                 "mean drain?"),
                (good + ",state=x", '-E: state "x": unknown, expected ready, '
                 "drain, down or maintenance"),
                (good + ",raw=yes", '-E: raw "yes": expected true or false'),
                (good + "x" * 64, '-E: listener "mainx'),
                ("src=::1,listener=mian", f'{path}: no listener has the name '
                 '"mian", did you mean "main"?'),
                ("src=::1,listener=other", f"{path}: none of the 2 listeners "
                 'has the name "other"')):
            with self.subTest(words):
                result = run("-E", words, "-c", path)
                self.assertEqual((result.returncode, result.stdout), (64, ""))
                self.assertIn(f"forkgreetd: {why}", result.stderr)
                self.assertEqual(result.stderr.count("\n"), 1)

    def test_wrong_configuration(self):
        """As for -t: 78, with file and line."""
        path = self.file("\nuser = 1;\n")
        result = self.ask(path, src="::1", listener="main")
        self.assertEqual((result.returncode, result.stdout), (78, ""))
        self.assertIn(f"forkgreetd: {path}:2: user: ", result.stderr)

    def test_full_output(self):
        """71, as for other output."""
        path, _ = self.whole()
        with open("/dev/full", "wb") as full:
            result = run("-E", "src=::1,listener=main", "-c", path,
                         stdout=full)
        self.assertEqual((result.returncode, result.stderr),
                         (71, "forkgreetd: standard output: No space left on "
                          "device\n"))

    def test_somebody_else_answers(self):
        """Whoever sits at the control socket: no byte of it counts, and none
        reaches a terminal raw."""
        path, _ = self.whole()
        line = ("pid=7 fingerprint=1 stopping=0 next_id=1 clients=0 known=1 "
                "listener_clients=0 source_clients=0 source_level=-1 "
                "listener_level=-1 daemon_level=-1 state=0 weight=-1 until=0 "
                "reason=")
        other = "it speaks another version's language"
        for answer, why in (
                ("", "closed without an answer"),
                ("hello\n", "what answers there is not forkgreetd"),
                ("64 0 9\n\x1b[2Jwhat?\n", r"\x1b[2Jwhat?"),
                ("0 3 0\nno\n", other),
                (self.framed(line.replace("clients=0", "clients=-1", 1)), other),
                (self.framed(line.replace("state=0", "state=4")), other),
                (self.framed(line.replace("weight=-1", "weight=128")), other),
                (self.framed(line + "x" * 201), other),
                (self.framed(line + "%00"), other),
                (self.framed(line + " more"), other)):
            with self.subTest(answer):
                text = self.answered(path, answer)
                self.assertIn("\ndaemon    none answers: ", text)
                self.assertIn(why, text)
        text = self.answered(path, self.framed(line + "a%1B[2J"))
        self.assertIn("\nstate     ready, reason a\\x1b[2J\n", text)
        self.assertIn("\ndaemon    pid 7\n", text)

    @staticmethod
    def framed(line):
        """As a daemon answers."""
        return f"0 {len(line) + 1} 0\n{line}\n"

    def answered(self, path, answer):
        """What -E says when that is what it gets."""
        with socket.socket(socket.AF_UNIX) as listening:
            listening.bind(self.path)
            listening.listen()
            listening.settimeout(PATIENCE)

            def serve():
                with listening.accept()[0] as sock:
                    sock.recv(1 << 16)
                    sock.sendall(answer.encode())
            text, _ = together(
                lambda: self.explain_file(path, src="::1", listener="main"),
                serve)
        os.unlink(self.path)
        return text


@needs_root
class Manual(unittest.TestCase):
    """forkgreetd(8) has each key, and each word that a line begins with."""

    @staticmethod
    def source(name):
        path = os.path.join(os.environ["top_srcdir"], "src/master", name)
        with open(path, encoding="utf-8") as file:
            return file.read()

    def test_keys_and_words(self):
        part = self.source("forkgreetd.8").split("\n.Ss Explanations\n")[1]
        part = re.split(r"\n\.S[sh] ", part)[0]
        keys = re.findall(r'^\t\{ "(\w+)", (?:true|false), take_',
                          self.source("explain_query.c"), re.MULTILINE)
        self.assertIn("raw", keys)
        self.assertEqual(re.findall(r"^\.It Cm (\w+)$", part, re.MULTILINE),
                         keys)
        words = re.findall(r'put_word\(out, "(\w+)"\)', self.source(
            "explain_show.c") + self.source("explain_answer.c"))
        self.assertIn("verdict", words)
        self.assertEqual(re.findall(r"^\.It Li (\w+)$", part, re.MULTILINE),
                         list(dict.fromkeys(words)))


class Compared(ExplainCase):
    """Random configurations and clients, in a network of their own."""

    @classmethod
    def setUpClass(cls):
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.unshare(CLONE_NEWNET) == -1:
            raise unittest.SkipTest("no network namespace: " +
                                    os.strerror(ctypes.get_errno()))
        for words in (["link", "set", "lo", "up"],
                      *(["addr", "add", f"{source}/128", "dev", "lo", "nodad"]
                        for source in SOURCES6[1:])):
            subprocess.run(["ip", *words], check=True)

    def test_as_the_daemon_does(self):
        """The decision, the counters and the bytes of each client."""
        compared, kinds = 0, set()
        for number in range(0, CONFIGURATIONS, AT_A_TIME):
            with self.subTest(seed=SEED, number=number):
                dice = random.Random(f"{SEED}-{number}")
                comparison = Round(self, dice, AT_A_TIME)
                try:
                    comparison.run(CLIENTS)
                finally:
                    comparison.daemon.end()
                compared += comparison.compared
                kinds |= comparison.kinds
        print(f"# compared {compared} clients of {CONFIGURATIONS} "
              f"configurations, seed {SEED}, {len(kinds)} kinds")
        self.assertGreaterEqual(compared, CONFIGURATIONS)
        reasons = {kind[1] for kind in kinds}
        self.assertLessEqual({None, "busy", "rate", "busy_per_source",
                              "rate_per_source", "denied", "queued"}, reasons)


if __name__ == "__main__":
    from harness import main
    main()
