"""contrib/xinetd2forkgreet: what it makes of services of xinetd and inetd is
served, and compared with what those serve themselves where they are installed
(sh contrib/install-deps test unpacks them)."""

import contextlib
import os
import re
import shutil
import signal
import subprocess
import sys
import urllib.error
import urllib.request

from harness import (BUILDDIR, HOST, IS_ROOT, PATIENCE, Case, connect,
                     die_with_parent, free_port, greet, identity, read_all,
                     run, wait_for)

TOP = os.path.abspath(os.environ.get(
    "top_srcdir", os.path.join(os.path.dirname(__file__), "../..")))
TOOL = os.path.join(TOP, "contrib/xinetd2forkgreet")
STATUS = os.path.join(TOP, "contrib/feed/http-status")
FEED = os.path.join(BUILDDIR, "forkgreet-feed")
SOURCES = tuple(f"127.0.0.{last}" for last in range(1, 7))
SERVICES = "daytime 13/tcp\ndaytime 13/udp\ngreet 4444/tcp hello\n"
# Not the real one: it says what it is told to, with an exit status that does
# not tell, as that of olafz/percona-clustercheck.
CLUSTERCHECK = """#!/bin/bash
# Reads nothing.
if [[ $(cat "$1") == Synced ]]; then
    /bin/echo -en "HTTP/1.1 200 OK\\r\\n"
    /bin/echo -en "Content-Type: text/plain\\r\\n\\r\\nsynced.\\r\\n"
else
    echo -en "HTTP/1.1 503 Service Unavailable\\r\\n"
    echo -en "Content-Type: text/plain\\r\\n\\r\\nread only.\\r\\n"
fi
"""


def superserver(name):
    """The program, None where there is none."""
    unpacked = os.path.join(TOP, "build-peers/usr/sbin", name)
    return shutil.which(name) or (
        unpacked if os.access(unpacked, os.X_OK) else None)


def said(port, source=HOST):
    """What a client from that address gets."""
    with connect(port, source=source) as sock:
        try:
            return read_all(sock)
        except ConnectionResetError:
            return b"(reset)"


class ConversionCase(Case):
    """Files below a root directory, and what becomes of them."""

    def setUp(self):
        super().setUp()
        self.root = self.folder()
        self.put("/etc/services", SERVICES)
        self.put("/etc/hosts", "127.0.0.1 localhost\n127.0.0.3 three.test\n")
        os.makedirs(self.root + "/bin")
        os.symlink("dash", self.root + "/bin/sh")

    def put(self, name, text, mode=0o644):
        """A file below the root; returns its path here."""
        path = self.root + name
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as file:
            file.write(text.encode("latin-1") if isinstance(text, str)
                       else text)
        os.chmod(path, mode)
        return path

    def tool(self, *arguments):
        """The finished process."""
        return subprocess.run(
            [sys.executable, "-B", TOOL, *arguments], check=False,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, encoding="utf-8", timeout=PATIENCE)

    def convert(self, text, *arguments, status=0, kind="xinetd"):
        """Of that text of xinetd.conf: the configuration, and the report."""
        path = f"/etc/{kind}.conf"
        self.put(path, text)
        result = self.tool("-r", self.root, f"--{kind}", path, *arguments)
        self.assertEqual(result.returncode, status, result.stderr)
        for line in result.stderr.splitlines():
            self.assertTrue(line.startswith("xinetd2forkgreet: "), line)
        return result.stdout, result.stderr

    def refused(self, text, reason, *arguments, **more):
        """The entry must not be converted, for that reason."""
        config, report = self.convert(text, *arguments, status=1, **more)
        self.assertEqual(config, "")
        self.assertIn("not converted: " + reason, report)

    def adapted(self, config):
        """As it is, but for who runs it and where files are."""
        config = re.sub(r'(?m)^(control_socket|state_file) = .*\n', "", config)
        config = config.replace('log = { facility = "daemon"; };',
                                'log = { target = "stderr"; };')
        return identity() + re.sub(
            r'(greeting_file|health_file) = "(?=/)',
            rf'\1 = "{self.root}', config)

    def serve(self, config, warned=""):
        """forkgreetd with it, after -t has passed it without a word, or with
        that one."""
        config = self.adapted(config)
        path = self.put("/forkgreet.conf", config)
        result = run("-t", "-c", path)
        self.assertEqual(result.returncode, 0, result.stderr + config)
        self.assertRegex(result.stderr, warned or r"\A\Z")
        return self.daemon(config=config)


def service(port, more, name="text"):
    """A section; what more says counts."""
    words = {"type": "UNLISTED", "port": port, "socket_type": "stream",
             "protocol": "tcp", "wait": "no", "user": "nobody",
             "server": "/bin/true"}
    lines = [line.strip() for line in more.splitlines() if line.strip()]
    given = {line.split()[0] for line in lines}
    lines += [f"{key} = {value}" for key, value in words.items()
              if key not in given]
    return f"service {name}\n{{\n" + "".join(f"\t{line}\n" for line in lines) \
        + "}\n"


class Texts(ConversionCase):
    """What is sent, byte for byte."""

    def both(self, cases, top="", after=""):
        """Converts a service for each of these cases, {name: (lines, {source:
        bytes})}; who connects gets that from forkgreetd, and from xinetd where
        there is one."""
        ports = {name: free_port() for name in cases}
        config = top + "".join(
            service(ports[name], lines.replace("ROOT", self.root), name)
            for name, (lines, _) in cases.items()) + after
        wanted = {(name, source): text for name, (_, texts) in cases.items()
                  for source, text in texts.items()}
        real = superserver("xinetd")
        if real:
            with self.running(real, config, ports.values()):
                self.gets(ports, wanted)
        text, report = self.convert(
            config.replace(self.root + "/", "/"))
        self.serve(text)
        self.gets(ports, wanted)
        if not real:
            print("# no xinetd to compare with")
        return text, report

    def gets(self, ports, wanted):
        """Who connects must get that: {(name, source): bytes}."""
        got = {key: said(ports[key[0]], key[1]) for key in wanted}
        self.assertEqual({key: text for key, text in got.items()
                          if text != wanted[key]},
                         {key: text for key, text in wanted.items()
                          if text != got[key]})

    @contextlib.contextmanager
    def running(self, program, config, ports, options=("-dontfork",)):
        """xinetd with that configuration."""
        place = self.folder()
        path = os.path.join(place, "conf")
        with open(path, "w", encoding="latin-1") as file:
            file.write(config)
        arguments = [program, *options, "-f", path, "-pidfile", place + "/pid",
                     "-filelog", place + "/log"]
        if os.path.basename(program) == "inetd":
            arguments = [program, *options, path]
        with subprocess.Popen(
                arguments, stdin=subprocess.DEVNULL, cwd="/",
                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                env={**os.environ, "TZ": "UTC"},
                preexec_fn=die_with_parent) as process:
            try:
                for port in ports:
                    wait_for(lambda port=port: process.poll() is not None
                             or self.listens(port), what=f"port {port}")
                self.assertIsNone(process.poll(), "it ended")
                yield
            finally:
                process.send_signal(signal.SIGKILL)

    @staticmethod
    def listens(port):
        """Is there a socket in that state?  Nobody connects to find out."""
        wanted = f":{port:04X}"
        for name in "/proc/net/tcp", "/proc/net/tcp6":
            with open(name, encoding="ascii") as file:
                for words in map(str.split, file):
                    if words[1].endswith(wanted) and words[3] == "0A":
                        return True
        return False

    def test_programs(self):
        """cat, echo, printf, and scripts that have only those."""
        self.put("/etc/motd", "Welcome,\tall\n")
        self.put("/etc/two", b"\xe4 %{client_ip} \"q\" \\ 100%\r\n\xff")
        self.put("/srv/script", """#!/bin/sh
# A comment with $dollars and `backticks`.
set -e
echo 'single $quoted' "double \\"quoted\\"" \\\\ plain   words # comment
printf 'a\\tb %s|%s\\n' one two three
echo -n "no newline;"; echo 'dash\\tescapes'
cat <<EOF
here document
EOF
exec /bin/echo -e 'x\\x41\\c' not this
echo never
""", 0o755)
        sent = (b'single $quoted double "quoted" \\ plain words\n'
                b"a\tb one|two\na\tb three|\nno newline;dash\tescapes\n"
                b"here document\nxA")
        self.put("/srv/bash", "#!/bin/bash\necho 'no\\tescapes'\n"
                 "echo -e 'es\\x63apes\\n'\nexit 0\necho never\n", 0o755)
        cases = {
            "cat": ("server = /bin/cat\nserver_args = ROOT/etc/motd",
                    b"Welcome,\tall\n"),
            "cats": ("server = /usr/bin/cat\nserver_args = -u ROOT/etc/motd "
                     "ROOT/etc/two",
                     b"Welcome,\tall\n\xe4 %{client_ip} \"q\" \\ 100%\r\n\xff"),
            "echo": ("server = /bin/echo\nserver_args = \"a   b\" 'c' \\n # d",
                     b"\"a b\" 'c' \\n # d\n"),
            "echo-ne": ("server = /bin/echo\nserver_args = -ne a\\tb\\r\\n",
                        b"a\tb\r\n"),
            "utf-8": ("server = /bin/echo\nserver_args = voil\xc3\xa0 x",
                      b"voil\xc3\xa0 x\n"),
            "empty-echo": ("server = /bin/echo", b"\n"),
            "printf": ("server = /usr/bin/printf\n"
                       "server_args = %s-%d%%\\x21\\n ab 7", b"ab-7%!\n"),
            "sh": ("server = ROOT/srv/script", sent),
            "bash": ("server = ROOT/srv/bash", b"no\\tescapes\nescapes\n\n"),
            "shell": ("server = /bin/bash\nserver_args = ROOT/srv/bash x",
                      b"no\\tescapes\nescapes\n\n"),
            "minus-c": ("server = /bin/sh\nserver_args = -c echo hi",
                        b"\n"),
            "named": ("flags = REUSE NAMEINARGS\nserver = /bin/echo\n"
                      "server_args = other hi", b"hi\n"),
            "banner": ("banner = ROOT/etc/motd", b"Welcome,\tall\n"),
            "success": ("banner = ROOT/etc/motd\nbanner_success = ROOT/etc/two"
                        "\nserver = /bin/echo\nserver_args = end",
                        b"Welcome,\tall\n\xe4 %{client_ip} \"q\" \\ 100%\r\n"
                        b"\xffend\n"),
            "first": ("server = /bin/echo\nserver_args = one\n"
                      "server_args = two\nserver_args += three\n"
                      "banner = ROOT/etc/motd\nbanner = ROOT/etc/two",
                      b"Welcome,\tall\none\n"),
            "missing": ("banner = ROOT/etc/none\nserver = /bin/echo\n"
                        "server_args = hi", b"hi\n"),
        }
        text, report = self.both({name: (lines, {HOST: wanted})
                                  for name, (lines, wanted) in cases.items()})
        self.assertIn('greeting_file = "/etc/motd";', text)
        self.assertIn("missing: lost: banner = /etc/none: No such file or "
                      "directory; nothing is sent", report)
        self.assertIn("cats: lost: later changes of /etc/two: its text is "
                      "copied, because it is one of several", report)
        self.assertNotIn("cat: lost: later changes", report)
        self.assertIn("first: lost: server_args = two: xinetd takes the first "
                      "one", report)
        self.assertIn("first: lost: server_args += three: xinetd has only = "
                      "here", report)

    def test_access(self):
        """only_from and no_access, and the banners of both."""
        self.put("/b", "always\n")
        self.put("/s", "welcome\n")
        self.put("/f", "go away\n")
        yes, no = b"always\nwelcome\nhi\n", b"always\ngo away\n"
        rest = ("\nserver = /bin/echo\nserver_args = hi\nbanner = ROOT/b\n"
                "banner_success = ROOT/s\nbanner_fail = ROOT/f\n")
        cases = {
            "one": ("only_from = 127.0.0.1", "1"),
            "twice": ("only_from = 127.0.0.1\nonly_from = 127.0.0.2", "2"),
            "plus": ("only_from = 127.0.0.1\nonly_from += 127.0.0.2", "12"),
            "added": ("only_from += 127.0.0.2", "256"),
            "later": ("only_from += 127.0.0.2\nonly_from = 127.0.0.1", "1"),
            "defaults": ("", "56"),
            "minus": ("only_from += 127.0.0.1 127.0.0.2\n"
                      "only_from -= 127.0.0.2", "156"),
            "taken": ("only_from -= 127.0.0.5\n"
                      "only_from += 127.0.0.1", "16"),
            "gone": ("only_from -= 127.0.0.6 127.0.0.5", ""),
            "all": ("only_from = 0.0.0.0", "12356"),
            "zeros": ("only_from = 127.0.0.0", "12356"),
            "short": ("only_from = 127.0.0", "12356"),
            "factors": ("only_from = 127.0.0.{2,3}", "23"),
            "mask": ("only_from = 127.0.0.1/30", "123"),
            "mapped": ("only_from = ::/0", "12356"),
            "better": ("only_from = 127.0.0.0/8\n"
                       "no_access += 127.0.0.2", "1356"),
            "worse": ("only_from = 127.0.0.2\nno_access += 127.0.0.0/30", ""),
            "same": ("only_from = 127.0.0.2 127.0.0.1\n"
                     "no_access += 127.0.0.2", "1"),
            "less": ("only_from = 0.0.0.0/0\nno_access -= 127.0.0.4", "123456"),
            "nobody": ("only_from =", ""),
            "none": ("no_access = 0.0.0.0/0 ::/0\nserver = /bin/sleep", ""),
        }
        top = ("defaults\n{\n\tonly_from = 127.0.0.5\n\tonly_from = 127.0.0.6\n"
               "\tno_access = 127.0.0.4\n}\n")
        text, report = self.both(
            {name: (lines + (rest if name != "none" else rest.replace(
                "server = /bin/echo\n", "")),
                    {source: yes if source[-1] in let else no
                     for source in SOURCES})
             for name, (lines, let) in cases.items()}, top=top)
        self.assertIn("nobody: lost: its clients are logged as served", report)
        self.assertIn("worse: lost: only_from = 127.0.0.2/32: no_access has "
                      "127.0.0.0/30", report)
        self.assertNotIn('action = "deny"; greeting', text)

    def test_defaults_that_come_later(self):
        """They do not count for it."""
        rest = "\nserver = /bin/echo\nserver_args = hi"
        cases = {"none": ("", "123456"),
                 "plus": ("only_from += 127.0.0.1", "1"),
                 "minus": ("only_from += 127.0.0.1 127.0.0.2\n"
                           "only_from -= 127.0.0.2", "1"),
                 "deny": ("only_from = 0.0.0.0\nno_access += 127.0.0.1",
                          "23456")}
        _, report = self.both(
            {name: (lines + rest, {source: b"hi\n" if source[-1] in let else b""
                                   for source in SOURCES})
             for name, (lines, let) in cases.items()},
            after="defaults\n{\n\tonly_from = 127.0.0.5 127.0.0.6\n"
            "\tno_access = 127.0.0.4\n}\n")
        self.assertIn("deny: lost: no_access = 127.0.0.4 of the defaults that "
                      "come later", report)

    def test_banners_of_defaults(self):
        """The service's own word comes first."""
        self.put("/b", "default\n")
        self.put("/o", "own\n")
        self.both({"none": ("", {HOST: b"default\n"}),
                   "own": ("banner = ROOT/o", {HOST: b"own\n"})},
                  top=f"defaults\n{{\n\tbanner = {self.root}/b\n}}\n")

    def test_names(self):
        """Those of /etc/hosts are addresses; others are denied, or refused
        where they would be."""
        port = free_port()
        text, report = self.convert(service(
            port, "server = /bin/echo\nserver_args = hi\n"
            "only_from = localhost .example.org three.test"))
        self.assertIn("lost: only_from = .example.org: forkgreet looks up no "
                      "names; its clients are denied", report)
        self.serve(text)
        self.assertEqual([said(port, source) for source in SOURCES],
                         [b"hi\n", b"", b"hi\n", b"", b"", b""])
        for lines, name in (("no_access = evil.example", "no_access = "
                             "evil.example"),
                            ("only_from = a.b c.d", "only_from = a.b c.d")):
            self.refused(service(port, lines),
                         name + ": forkgreet looks up no names")

    def test_variables_stay_text(self):
        """%{ in a text for refused clients cannot be sent to all of them."""
        self.put("/f", "%{client_ip}\n")
        port = free_port()
        text, report = self.convert(service(
            port, "only_from = 127.0.0.2\nbanner_fail = /f"))
        self.assertIn("lost: the text for clients over a limit", report)
        self.serve(text)
        self.assertEqual(said(port), b"%{client_ip}\n")
        self.assertEqual(said(port, "127.0.0.2"), b"")

    def test_daytime(self):
        """The same time in the same place of the line, in UTC."""
        port = free_port()
        config = service(port, "type = INTERNAL UNLISTED\nuser = root",
                         "daytime")
        form = rb"\d\d [A-Za-z]{3} \d{4} \d\d:\d\d:\d\d UTC\r\n"
        real = superserver("xinetd")
        if real:
            with self.running(real, config, [port]):
                self.assertRegex(said(port), form)
        else:
            print("# no xinetd to compare with")
        text, report = self.convert(config)
        self.assertIn("lost: its own zone and form", report)
        self.serve(text)
        self.assertRegex(said(port), form)

    def test_daytime_with_a_banner(self):
        """The banner is text, the time is not."""
        self.put("/b", "100% sure\n")
        port = free_port()
        lines = "type = INTERNAL UNLISTED\nbanner = /b"
        text, _ = self.convert(service(port, lines, "daytime"))
        self.serve(text)
        self.assertRegex(said(port), rb"^100% sure\n\d\d [A-Z][a-z]{2} \d{4} ")
        self.put("/b", "%{x}\n")
        self.refused(service(port, lines, "daytime"), "its banner has %{")

    def test_inetd(self):
        """Lines of inetd.conf, and inetd itself."""
        ports = [free_port() for _ in range(6)]
        self.put("/srv/text", "from a file\n")
        lines = (
            f'{ports[0]} stream tcp nowait nobody /bin/echo echo "a  b" \'c\'\n'
            "# a comment\n#<off># daytime stream tcp nowait root internal\n"
            f"{HOST}:{ports[1]} stream tcp4 nowait.20 nobody /bin/cat cat "
            "ROOT/srv/text\n"
            f"*:{ports[2]} stream tcp nowait nobody /bin/echo echo more\n"
            "\tof it\n"
            "127.0.0.1,127.0.0.2:\n"
            f"{ports[3]} stream tcp nowait nobody:nogroup /bin/echo echo two\n"
            f"{ports[4]} stream tcp nowait:30 nobody /bin/echo echo colon\n")
        wanted = [b'"a b" \'c\'\n', b"from a file\n", b"more of it\n", b"two\n",
                  b"colon\n"]
        real = superserver("inetd")
        if real and IS_ROOT:
            with self.running(real, lines.replace("ROOT", self.root),
                              ports[:5], ("-di",)):
                self.assertEqual([said(port) for port in ports[:5]], wanted)
                with connect(ports[3], "127.0.0.2") as sock:
                    self.assertEqual(read_all(sock), b"two\n")
        else:
            print("# no inetd, or no root, to compare with")
        text, report = self.convert(lines.replace("ROOT", ""), kind="inetd")
        self.assertIn("switched off, left out: daytime", report)
        self.assertIn("lost: nowait.20: the pause of ten minutes", report)
        self.assertIn("limits = { rate = 0.333; burst = 20; };", text)
        self.assertEqual(text.count('address = ( "127.0.0.1", "127.0.0.2" );'),
                         2)
        self.serve(text)
        self.assertEqual([said(port) for port in ports[:5]], wanted)
        self.assertEqual(greet(ports[3], "127.0.0.2", seconds=PATIENCE),
                         b"two\n")

    def test_address_families(self):
        """Without bind all addresses of both."""
        for lines, hosts in (("", (HOST, "::1")), ("flags = IPv4", (HOST,)),
                             ("bind = ::1", ("::1",)),
                             ("flags = IPv6", (HOST, "::1")),
                             ("interface = localhost", (HOST,))):
            with self.subTest(lines):
                port = free_port()
                text, _ = self.convert(service(port, lines +
                                               "\nserver = /bin/echo"))
                daemon = self.serve(text)
                for host in (HOST, "::1"):
                    if host in hosts:
                        self.assertEqual(greet(port, host, seconds=PATIENCE),
                                         b"\n")
                    else:
                        with self.assertRaises(ConnectionRefusedError):
                            connect(port, host)
                daemon.stop()


class Attributes(ConversionCase):
    """Each other attribute is a key, or is said to be lost."""

    def settings(self, lines, *wanted, lost=(), top=""):
        """What these lines make of a service."""
        text, report = self.convert(top + service(free_port(), lines))
        for each in wanted:
            self.assertIn(each, text)
        self.assertEqual(
            re.findall(r"(?m)text: lost: (.*)$", report), list(lost))
        for each in lost:
            self.assertIn(f"# Lost: {each}\n", text)
        self.serve(text).stop()

    def test_limits(self):
        self.settings("instances = 5\nper_source = 2", "limits = { "
                      'max_clients = 5; when_full = "refuse"; '
                      "max_clients_per_source = 2; };")
        self.settings("instances = UNLIMITED\nper_source = UNLIMITED",
                      "limits = { max_clients = 512; max_clients_per_source = "
                      "0; ipv6_prefix = 128; };")
        self.settings("instances = 700", "limits = { max_clients = 700; max_"
                      "clients_per_source = 0;")
        self.settings("instances = 40000\nper_source = 40000",
                      "max_clients = 30000; when_full", lost=(
                          "instances = 40000: 30000 at most",
                          "per_source = 40000: 30000 at most; there is no "
                          "limit"))
        self.settings("cps = 50 10", "limits = { rate = 50; burst = 50; };",
                      lost=("cps = 50 10: the pause of 10 seconds; clients "
                            "over the rate are refused",))
        self.settings("cps = 0 0")

    def test_limits_of_defaults(self):
        self.settings("per_source = 3", "limits = { max_clients = 7; when_full "
                      '= "refuse"; max_clients_per_source = 3; };',
                      top="defaults\n{\n\tinstances = 7\n\tper_source = 9\n}\n")

    def test_over_a_limit(self):
        """banner_fail is for them too."""
        self.put("/b", "hello\n")
        self.put("/f", "not you\n")
        port = free_port()
        text, _ = self.convert(service(
            port, "banner = /b\nbanner_fail = /f\ncps = 1 10"))
        self.serve(text)
        self.assertEqual(said(port), b"hello\n")
        self.assertEqual(said(port), b"hello\nnot you\n")

    def test_log(self):
        file = "log_type = FILE /var/log/x: forkgreet logs to syslog or to " \
            "standard error"
        self.settings("", 'log = { clients = "none"; };')
        self.settings("log_on_failure = HOST", 'log = { clients = "errors"; };')
        self.settings("log_type = FILE /var/log/x", lost=[file])
        user = "%s USERID: forkgreet does not ask who the user is (RFC 1413)"
        self.settings("log_on_success = HOST PID\nlog_on_failure += USERID",
                      lost=[user % "log_on_failure"])
        text, report = self.convert(
            service(free_port(), "log_type = SYSLOG local3 info\n"
                    "log_on_success = HOST", "a")
            + service(free_port(), "log_type = SYSLOG mail notice", "b"))
        self.assertIn('log = { facility = "local3"; };', text)
        self.assertEqual(re.findall(r"(?m): (b: lost: .*)$", report), [
            "b: lost: log_type = SYSLOG mail notice: each line has a level of "
            "its own",
            "b: lost: log_type SYSLOG mail: there is one facility for all, "
            "local3"])
        self.assertEqual(text.count("{ clients ="), 1)

    def test_without_effect(self):
        """There is no program that they could hold for: nothing is lost."""
        self.settings("group = nogroup\ngroups = yes\nnice = 10\numask = 077\n"
                      "rlimit_as = 8M\nrlimit_cpu = 3\nenv = A=b\npassenv = C\n"
                      "flags = REUSE NODELAY NOLIBWRAP\nmdns = no")

    def test_unknown(self):
        self.settings("frob = 3\nflags = KEEPALIVE ODD", lost=(
            "frob = 3: xinetd does not know it either",
            "flags = ODD: not understood",
            "flags = KEEPALIVE: timeouts.session ends a client that is gone"))

    def test_files_that_are_not_followed(self):
        """What forkgreetd would not read is copied."""
        port = free_port()
        for mode, why in ((0o664, "group or others may write to it"),
                          (0o640, "not everybody may read it")):
            with self.subTest(why):
                self.put("/srv/text", "text\n", mode)
                text, report = self.convert(service(port,
                                                    "banner = /srv/text"))
                self.assertIn("lost: later changes of /srv/text: its text is "
                              "copied, because " + why, report)
                self.serve(text).stop()
        self.put("/srv/text", "text\n")
        os.chmod(self.root + "/srv", 0o777)
        _, report = self.convert(service(port, "banner = /srv/text"))
        self.assertIn("because group or others may write to /srv", report)
        self.put("/srv/text", "nul\0\n")
        self.refused(service(port, "banner = /srv/text"), "its text has a NUL")
        os.chmod(self.root + "/srv", 0o755)
        text, _ = self.convert(service(port, "banner = /srv/text"))
        self.serve(text, "control byte 0x00")
        self.assertEqual(said(port), b"nul\0\n")


class Reading(ConversionCase):
    """The syntax, and which services are served at all."""

    def names(self, text, status=0):
        """Of those that are converted, and the report."""
        config, report = self.convert(text, status=status)
        return re.findall(r'name = "(.*)";', config), report

    def test_switched_off(self):
        text = "".join(service(free_port(), more, name) for name, more in (
            ("on", ""), ("off", "disable = yes"), ("flag", "flags = DISABLE"),
            ("other", "id = named")))
        self.assertEqual(self.names(text)[0], ["on", "named"])
        self.assertIn("switched off, left out: off, flag\n",
                      self.names(text)[1])
        names, report = self.names(
            text + "defaults\n{\ndisabled = on\ndisabled = other named\n}\n")
        self.assertEqual(names, [])
        self.assertIn("nothing to convert\n", report)
        self.assertEqual(self.names(
            text + "defaults\n{\n\tenabled = named off\n}\n")[0], ["named"])

    def test_includes(self):
        for name, text in (("b", "b"), ("a", "a"), ("c.conf", "c"),
                           ("d~", "d")):
            self.put("/etc/xinetd.d/" + name, service(free_port(), "", text))
        self.put("/etc/more", service(free_port(), "", "more")
                 + "include /etc/none\n")
        names, report = self.names(
            "# comment\n\n  include /etc/more\nincludedir /etc/xinetd.d\n",
            status=1)
        self.assertEqual(names, ["more", "a", "b"])
        self.assertIn("/etc/none: not read: No such file or directory", report)

    def test_a_circle_of_includes_ends(self):
        _, report = self.names("include /etc/xinetd.conf\n" * 3, status=1)
        self.assertEqual(report.count("more than 256 files: not read"), 1,
                         report)

    def test_odd_bytes(self):
        """Digits that are none, a NUL in a name: not converted."""
        for lines, why in (("port = 4\xb2", "4\\xb2/tcp is not in"),
                           ("instances = \xb3", "instances = \\xb3 is no"),
                           ("server = /bin/x\0y", "/bin/x\\x00y: a NUL in")):
            with self.subTest(lines):
                self.assertIn("not converted: " + why, self.names(
                    service(4000, lines), status=1)[1])

    def test_slips(self):
        """They have file and line, and the rest is read."""
        good = service(free_port(), "", "good")
        for text, where, what in (
                ("servce x\n", 1, "not understood: servce x"),
                (good + "service x {\n}\n", 11, "not understood: service x {"),
                ("service x\nport = 3\n" + good, 1, "no { in the line"),
                (good + "service x\n{\nport 3\n}\n", 13, "not understood: po"),
                (good + "service x\n{\n", 11, "no } to the end")):
            with self.subTest(text):
                lines = good.count("\n") - 10
                names, report = self.names(text, status=1)
                where += lines if where > 10 else 0
                self.assertIn(f"/etc/xinetd.conf:{where}: {what}", report)
                self.assertEqual(names, ["good"] if good in text else [])

    def test_what_xinetd_does_not_serve(self):
        """It would be new."""
        for more, why in (("type =", "text/tcp is not in /etc/services"),
                          ("wait =", "it has no wait"),
                          ("user =", "it has no user"),
                          ("server =", "it has no server"),
                          ("socket_type =", "it has no socket_type"),
                          ("port =", "it is UNLISTED and has no port")):
            with self.subTest(more):
                self.refused(service(4000, more),
                             "xinetd does not serve it: " + why)
        self.refused(service(4445, "type =", "greet"),
                     "xinetd does not serve it: port 4445 is not that of greet "
                     "in /etc/services, 4444")
        self.assertEqual(self.names(service(4444, "type =", "hello"))[0],
                         ["hello"])

    def test_names_and_ports_are_unique(self):
        port = free_port()
        both = service(port, "", "a/b") + service(free_port(), "", "a/b")
        self.assertEqual(self.names(both)[0], ["a-b", "a-b-2"])
        names, report = self.names(
            both + service(port, "bind = 127.0.0.1", "c"), status=1)
        self.assertEqual(names, ["a-b", "a-b-2"])
        self.assertIn(f"c: not converted: port {port} is that of a-b", report)
        apart = service(port, "bind = 127.0.0.1", "a") + service(
            port, "bind = 127.0.0.2", "b")
        self.assertEqual(self.names(apart)[0], ["a", "b"])

    def test_default_files(self):
        """Both, where they are."""
        port = free_port()
        self.put("/etc/xinetd.conf", service(port, "", "one"))
        self.put("/etc/inetd.conf", f"{free_port()} stream tcp nowait root "
                 "/bin/echo echo\nfour words are few\n")
        result = self.tool("-r", self.root)
        self.assertEqual(result.returncode, 1)
        self.assertEqual(result.stdout.count("name = "), 2)
        self.assertIn("/etc/inetd.conf:2: not understood: four words are few",
                      result.stderr)

    def test_exit_status(self):
        self.assertEqual(self.tool("--frob").returncode, 64)
        self.assertEqual(self.tool("-f", "x=y").returncode, 64)
        result = self.tool("-r", self.root, "-x", "/none")
        self.assertEqual((result.returncode, result.stdout), (78, ""))
        self.assertIn("/none: No such file or directory", result.stderr)
        result = self.tool("-r", self.root)
        self.assertEqual((result.returncode, result.stdout), (0, ""))
        self.put("/etc/xinetd.conf", service(4000, ""))
        with open("/dev/full", "w", encoding="ascii") as full:
            self.assertEqual(subprocess.run(
                [sys.executable, "-B", TOOL, "-r", self.root], stdout=full,
                stderr=subprocess.DEVNULL, check=False,
                timeout=PATIENCE).returncode, 71)
        result = self.tool("-r", self.root, "-o", self.root)
        self.assertEqual(result.returncode, 78)
        self.assertIn("not empty", result.stderr)


class Refused(ConversionCase):
    """What is not only a text, or would let in others than today."""

    def test_reasons(self):
        self.put("/srv/reads", "#!/bin/sh\nread line\necho $line\n", 0o755)
        self.put("/srv/perl", "#!/usr/bin/perl\nprint 1;\n", 0o755)
        self.put("/srv/elf", b"\x7fELF\0", 0o755)
        os.mkfifo(self.root + "/srv/fifo")
        for more, why in (
                ("socket_type = dgram\nprotocol = udp", "it is not TCP"),
                ("type = RPC", "it is found through rpcbind"),
                ("type = TCPMUX UNLISTED", "its clients name it"),
                ("redirect = 192.0.2.1 80", "it passes clients on"),
                ("wait = yes", "its program accepts the clients itself"),
                ("access_times = 2:00-8:59", "access_times = 2:00-8:59: "),
                ("max_load = 2.5", "max_load = 2.5: "),
                ("flags = IDONLY", "flags = IDONLY: "),
                ("flags = SENSOR", "flags = SENSOR: "),
                ("instances = 0", "instances = 0: it serves nobody"),
                ("per_source = 0", "per_source = 0: it serves nobody"),
                ("instances = many", "instances = many is no number"),
                ("only_from =", "it lets nobody in and sends nothing"),
                ("bind = eth0.example", "the address of eth0.example is not"),
                ("port = 70000", "70000/tcp is not in /etc/services"),
                ("server = /bin/cat", "cat sends back what the client sends"),
                ("server = /bin/cat\nserver_args = -n /etc/hosts", "cat sends"),
                ("server = /bin/cat\nserver_args = /no", "/no: No such file"),
                ("server = /bin/cat\nserver_args = /srv/fifo",
                 "/srv/fifo: not a regular file"),
                ("server = /srv/elf", "/srv/elf is a program, and what it "
                 "sends is not known"),
                ("server = /srv/none", "/srv/none: No such file"),
                ("server = /bin/sh", "/bin/sh runs what the client sends"),
                ("server = /srv/perl", "/srv/perl is not a script of a shell"),
                ("server = /srv/reads", "/srv/reads: it runs read"),
                ("server = /usr/bin/printf\nserver_args = %5d 3",
                 "%5 of printf is not understood")):
            with self.subTest(more):
                self.refused(service(4000, more), why)
        for name, why in (("echo", "it sends back what it gets"),
                          ("discard", "it sends nothing"),
                          ("chargen", "it sends for ever"),
                          ("time", "it sends the time as a binary number"),
                          ("servers", "it lists xinetd's own servers"),
                          ("services", "it lists xinetd's own services")):
            with self.subTest(name):
                self.refused(service(4000, "type = INTERNAL UNLISTED", name),
                             why)

    def test_scripts(self):
        """Nothing is run, and nothing is guessed."""
        marker = os.path.join(self.root, "marker")
        for line in (f"touch {marker}", f"echo $(touch {marker})",
                     f"echo `touch {marker}`", f'echo "$(touch {marker})"',
                     "echo $HOME", 'echo "$HOME"', "echo *", "echo a | cat",
                     f"echo a >{marker}", "echo a & echo b", "A=b echo",
                     "if true; then echo; fi", "(echo a)", "{ echo a", "cat",
                     "echo ~", "echo {a,b}", "cat </etc/hosts", "echo 'open",
                     'echo "open', "cat <<EOF\nopen\n", "cat <<EOF\n$x\nEOF",
                     "! true", "echo a &&", "cat /proc/loadavg", "printf -v x",
                     "exec 3<&0", "while true", "sleep 3", "set -x"):
            with self.subTest(line):
                self.put("/srv/script", f"#!/bin/sh\n{line}\n", 0o755)
                self.refused(service(4000, "server = /srv/script"),
                             "/srv/script: ")
        self.assertFalse(os.path.exists(marker))

    def test_libwrap(self):
        """Its rules count, for it denies what forkgreet would let in."""
        port = free_port()
        text = service(port, "server = /bin/echo")
        self.put("/etc/hosts.allow", "ALL: 127.0.0.1\n")
        self.put("/etc/hosts.deny", "# ALL: ALL\nsshd: ALL\n")
        self.convert(text)
        for name, rule in (("deny", "ALL: PARANOID"), ("deny", "echo : ALL"),
                           ("deny", "sshd, \\\n text: ALL"),
                           ("allow", "ALL EXCEPT sshd: x: DENY")):
            with self.subTest(rule):
                self.put("/etc/hosts.allow", "")
                self.put("/etc/hosts.deny", "")
                self.put("/etc/hosts." + name, rule + "\n")
                self.refused(text, "libwrap may deny clients")
                self.convert(text, "--without-libwrap")
                self.convert(service(port, "server = /bin/echo\n"
                                     "flags = NOLIBWRAP"))
        line = f"{port} stream tcp nowait root %s echo\n"
        self.put("/etc/hosts.deny", "ALL: ALL\n")
        self.convert(line % "/bin/echo", kind="inetd")
        self.refused(line % "/usr/sbin/tcpd /bin/echo",
                     "libwrap may deny clients", kind="inetd")

    def test_the_rest_is_converted(self):
        """One that is not does not stand in the way."""
        text, report = self.convert(
            service(4000, "wait = yes", "bad")
            + service(free_port(), "server = /bin/echo", "good"), status=1)
        self.assertIn('name = "good";', text)
        self.assertIn("/etc/xinetd.conf:1: bad: not converted: ", report)
        self.serve(text)


class Feeds(ConversionCase):
    """Programs that forkgreet-feed runs."""

    def setUp(self):
        super().setUp()
        self.web = free_port()
        self.out = os.path.join(self.folder(), "out")

    def fed(self, text, *arguments):
        """The configuration and a function that runs the feed once."""
        self.put("/etc/xinetd.conf", text)
        result = self.tool("-r", self.root, "-o", self.out, *arguments)
        self.assertEqual((result.returncode, result.stdout), (0, ""),
                         result.stderr)
        self.report = result.stderr
        with open(self.out + "/forkgreet.conf", encoding="latin-1") as file:
            config = file.read()
        path = self.out + "/forkgreet/feed/text"
        self.assertEqual(os.stat(path).st_mode & 0o777, 0o600)
        with open(path, encoding="latin-1") as file:
            command, *rest = file.read().splitlines()
        self.assertEqual(rest, ["INTERVAL=2", "TIMEOUT=5"])
        # As systemd cuts it.
        words = re.findall(r"'[^']*'|\S+", re.fullmatch(
            r'COMMAND="(.*)"', command)[1])
        words = [word.strip("'") for word in words]
        place = self.root + "/run/forkgreet-feed/text/"
        os.makedirs(place)

        def once():
            subprocess.run(
                [FEED, "-1", "-s", place + "health", "-o", place + "greeting",
                 *(word.replace("/usr/share/forkgreet/feed/http-status", STATUS)
                   .replace("/srv/", self.root + "/srv/") for word in words)],
                stdin=subprocess.DEVNULL, check=False, timeout=PATIENCE)
        return config, once

    def status(self):
        """Of the answer to a request."""
        try:
            with urllib.request.urlopen(f"http://{HOST}:{self.web}/",
                                        timeout=PATIENCE) as answer:
                return answer.status
        except urllib.error.HTTPError as error:
            with error:
                return error.code

    def test_clustercheck(self):
        """Its status is that of the answers, which come after the request."""
        self.put("/srv/clustercheck", CLUSTERCHECK, 0o755)
        config, once = self.fed(service(
            self.web, "server = /srv/clustercheck\nserver_args = /srv/state\n"
            "user = mysql\ngroup = adm\nnice = 5\nrlimit_as = 64M\n"
            "rlimit_cpu = UNLIMITED\numask = 027\nenv = A=b c=%n\n"
            "passenv = LANG\n"
            "per_source = UNLIMITED\nonly_from = 0.0.0.0/0\n"
            "log_on_failure += USERID"))
        self.assertIn('format = "http";', config)
        self.assertIn("max_age = 20;", config)
        self.assertIn("converted, port "
                      f"{self.web}, fed by forkgreet-feed@text", self.report)
        self.assertIn("FEED_USER_text=mysql", self.report)
        self.assertIn("lost: passenv = LANG: ", self.report)
        with open(self.out + "/systemd/system/forkgreet-feed@text.service.d/"
                  "user.conf", encoding="ascii") as file:
            self.assertEqual(file.read().splitlines(), [
                "[Service]", "DynamicUser=no", "User=mysql",
                "RuntimeDirectoryPreserve=restart", "Group=adm", "Nice=5",
                "UMask=027", "LimitAS=64M", "LimitCPU=infinity",
                "Environment=A=b", "Environment=c=%%n"])
        self.put("/srv/state", "Synced\n")
        once()
        self.serve(config)
        self.assertEqual(self.status(), 200)
        self.put("/srv/state", "Donor\n")
        once()
        wait_for(lambda: self.status() == 503, what="503")
        self.put("/srv/state", "Synced\n")
        once()
        wait_for(lambda: self.status() == 200, what="200")

    def test_not_on_standard_output(self):
        """A feed's arguments may be passwords."""
        self.put("/srv/clustercheck", CLUSTERCHECK, 0o755)
        text, report = self.convert(service(
            self.web, "server = /srv/clustercheck\nserver_args = u secret"))
        self.assertNotIn("secret", text + report)
        self.assertIn("its feed has files, which -o DIR writes", report)

    def test_one_that_reads_the_request(self):
        """It may answer others differently."""
        for line in ("read -r request", "if read -t 1 x; then :; fi",
                     "while IFS= read -r x; do :; done", "cat /dev/stdin",
                     "echo $REMOTE_HOST", "cat -"):
            with self.subTest(line):
                self.put("/srv/check", CLUSTERCHECK + line + "\n", 0o755)
                self.refused(service(4000, "server = /srv/check"),
                             "/srv/check: line 3 has [")
        self.put("/srv/check", CLUSTERCHECK + "# read this\n", 0o755)
        self.convert(service(4000, "server = /srv/check"))

    def test_agent(self):
        """Only the operator knows that a program reads nothing."""
        self.put("/srv/agent", "#!/bin/sh\nexec cat \"$1\"\n", 0o755)
        self.put("/srv/state", "up 30%\n")
        entry = service(self.web, "server = /srv/agent\n"
                        "server_args = /srv/state")
        self.refused(entry, "/srv/agent: ")
        config, once = self.fed(entry, "--feed", "text=agent")
        once()
        self.serve(config)
        self.assertEqual(said(self.web), b"up ready 30%\n")

    def test_text(self):
        """The output of the last run; here of a file that the kernel makes."""
        config, once = self.fed(service(
            self.web, "server = /bin/cat\nserver_args = /proc/self/comm\n"
            "only_from = 127.0.0.1"))
        once()
        self.serve(config)
        self.assertEqual(said(self.web), b"cat\n")
        self.assertIn("lost: each client's own run", self.report)

    def test_what_a_feed_cannot_have(self):
        self.put("/srv/clustercheck", CLUSTERCHECK, 0o755)
        self.put("/b", "hello\n")
        lines = "server = /srv/clustercheck\n"
        self.refused(service(4000, lines + "banner = /b"),
                     "it has a banner before what its program says")
        for word in "it's", 'a"b', "a\\b", "$HOME", "`x`":
            self.refused(service(4000, lines + "server_args = " + word),
                         repr(word) + " has a quote, a backslash or $")
        text, report = self.convert(service(4000, ""), "--feed", "x=text",
                                    status=1)
        self.assertIn("--feed: x: no such service is converted", report)
        self.assertIn('name = "text";', text)

    def test_http_status(self):
        """What the adapter makes of answers."""
        for answer, wanted in (
                ("HTTP/1.1 200 OK\\r\\n\\r\\nx", "up #200 OK"),
                ("HTTP/1.0 302 Found\\r\\n", "up #302 Found"),
                ("HTTP/1.1 200\\r\\n", "up #200"),
                ("HTTP/1.1 503 Service Unavailable\\r\\n",
                 "down #503 Service Unavailable"),
                ("HTTP/1.1 2000 OK\\n", "down #2000 OK"),
                ("", "down #no HTTP response, exit status 3"),
                ("up", "down #no HTTP response, exit status 3")):
            with self.subTest(answer):
                result = subprocess.run(
                    [STATUS, "sh", "-c", f"printf '{answer}'; exit 3"],
                    stdout=subprocess.PIPE, check=True, timeout=PATIENCE)
                self.assertEqual(result.stdout.decode(), wanted + "\n")
        self.assertEqual(subprocess.run(
            [STATUS], stderr=subprocess.DEVNULL, check=False,
            timeout=PATIENCE).returncode, 64)


class Debian(ConversionCase):
    """Files of Debian 12's packages, as they are there but for comments."""

    def check(self, name, text, reason):
        """That entry, switched on."""
        self.put("/etc/services", "amanda 10080/tcp\ndaytime 13/tcp\n"
                 "finger 79/tcp\nprinter 515/tcp spooler\nident 113/tcp\n"
                 "telnet 23/tcp\npop3 110/tcp\n")
        with self.subTest(name):
            self.refused(text, reason)

    def test_xinetd(self):
        """/etc/xinetd.d/daytime of xinetd 1:2.3.15.3-1+b1."""
        text = """service daytime
{
	disable		= yes
	type		= INTERNAL
	id		= daytime-stream
	socket_type	= stream
	protocol	= tcp
	user		= root
	wait		= no
}

service daytime
{
	disable		= yes
	type		= INTERNAL
	id		= daytime-dgram
	socket_type	= dgram
	protocol	= udp
	user		= root
	wait		= yes
}
"""
        config, report = self.convert(text)
        self.assertEqual(config, "")
        self.assertIn("switched off, left out: daytime-stream, daytime-dgram",
                      report)
        config, report = self.convert(text.replace("= yes\n\ttype",
                                                   "= no\n\ttype"), status=1)
        self.assertIn("daytime-stream: converted, port 13", report)
        self.assertIn("daytime-dgram: not converted: it is not TCP", report)

    def test_all_of_xinetd(self):
        """Each file of the package, where it is unpacked."""
        folder = os.path.join(TOP, "build-peers/etc")
        if not os.path.exists(folder + "/xinetd.conf"):
            self.skipTest("xinetd is not unpacked: sh contrib/install-deps "
                          "test")
        shutil.copytree(folder + "/xinetd.d", self.root + "/etc/xinetd.d")
        with open(folder + "/xinetd.conf", encoding="ascii") as file:
            config, report = self.convert(file.read())
        self.assertEqual(config, "")
        self.assertIn("switched off, left out: chargen-stream, chargen-dgram, "
                      "daytime-stream", report)
        names = os.listdir(self.root + "/etc/xinetd.d")
        for name in names:
            path = self.root + "/etc/xinetd.d/" + name
            with open(path, encoding="ascii") as file:
                text = file.read()
            with open(path, "w", encoding="ascii") as file:
                file.write(re.sub(r"(disable\s*=) yes", r"\1 no", text))
        self.put("/etc/services", "".join(
            f"{name} {port}/tcp\n" for name, port in (
                ("echo", 7), ("discard", 9), ("daytime", 13), ("chargen", 19),
                ("time", 37))))
        with open(folder + "/xinetd.conf", encoding="ascii") as file:
            config, report = self.convert(file.read(), status=1)
        self.assertEqual(re.findall(r'name = "(.*)"', config),
                         ["daytime-stream"])
        self.assertNotIn("not understood", report)
        self.assertEqual(report.count("not converted: it is not TCP"), 10)

    def test_packages(self):
        """/etc/xinetd.d and examples."""
        self.put("/usr/libexec/tangdw", '#!/bin/sh\n\nSVC="$1"\n', 0o755)
        self.check("tang-xinetd 11-2+deb12u1", """service tangd
{
    port            = 8888
    server_args     = /var/lib/tang
    server          = /usr/libexec/tangdw
    socket_type     = stream
    user            = _tang
    group           = _tang
    wait            = no
    log_on_success  += USERID
    log_on_failure  += USERID
    disable         = no
    type            = UNLISTED
}
""", "/usr/libexec/tangdw: line 3 has ")
        self.put("/usr/lib/amanda/amandad", b"\x7fELF\2\1\1\0", 0o755)
        self.check("amanda-common 1:3.5.1-11+deb12u2", """service amanda
{
        disable         = no
        flags           = IPv4
        socket_type     = stream
        protocol        = tcp
        wait            = no
        user            = backup
        group           = disk
        groups          = yes
        server          = /usr/lib/amanda/amandad
        server_args     = -auth=bsdtcp amdump amindexd amidxtaped senddiscover
}
""", "/usr/lib/amanda/amandad is a program")
        self.put("/usr/sbin/in.fingerd", b"\x7fELF\2\1\1\0", 0o755)
        self.check("fingerd 0.17-17", """service finger
{
	disable = no
	socket_type = stream
	protocol = tcp
	flags = IPv6
	wait = no
	user = nobody
	server = /usr/sbin/in.fingerd
	server_args = -l -w
	log_type = SYSLOG daemon info
	log_on_success = HOST
}
""", "/usr/sbin/in.fingerd is a program")

    def test_update_inetd(self):
        """Lines that packages add to /etc/inetd.conf."""
        self.put("/etc/services", "printer 515/tcp\nident 113/tcp\n"
                 "pop3 110/tcp\nbootps 67/udp\n")
        for path in ("/usr/lib/cups/daemon/cups-lpd", "/usr/sbin/nullidentd",
                     "/usr/sbin/popa3d"):
            self.put(path, b"\x7fELF\2\1\1\0", 0o755)
        _, report = self.convert(
            # cups-bsd 2.4.2-3+deb12u9
            "printer stream tcp nowait lp /usr/lib/cups/daemon/cups-lpd "
            "cups-lpd\n"
            # nullidentd 1.0-5+b2
            "ident\t\tstream\ttcp\tnowait\tnobody\t/usr/sbin/nullidentd\t"
            "nullidentd\n"
            # popa3d 1.0.3-1.1
            "pop3\t\tstream\ttcp\tnowait\troot\t/usr/sbin/tcpd\t"
            "/usr/sbin/popa3d\n"
            # rstatd 4.0.1-11+b1
            "rstatd/1-5\tdgram\trpc/udp\twait\tnobody\t/usr/sbin/tcpd\t"
            "/usr/sbin/rpc.rstatd\n"
            # bootp 2.4.3-19.1
            "#<off># bootps\t\tdgram\tudp\twait\troot\t/usr/sbin/bootpd\t"
            "bootpd -i -t 120\n", kind="inetd", status=1)
        for text in ("printer: not converted: /usr/lib/cups/daemon/cups-lpd is "
                     "a program",
                     "ident: not converted: /usr/sbin/nullidentd is a program",
                     "pop3: not converted: /usr/sbin/popa3d is a program",
                     "rstatd/1-5: not converted: it is not TCP",
                     "switched off, left out: bootps"):
            self.assertIn(text, report)

    def test_mysqlchk(self):
        """scripts/mysqlchk.sh of Percona XtraDB Cluster, which Debian had
        until 2021: it is not in /etc/services by itself."""
        text = """service mysqlchk
{
        disable = no
        flags           = REUSE
        socket_type     = stream
        port            = 9200
        wait            = no
        user            = nobody
        server          = /usr/bin/clustercheck
        log_on_failure  += USERID
        only_from       = 0.0.0.0/0
        per_source      = UNLIMITED
}
"""
        self.put("/usr/bin/clustercheck", CLUSTERCHECK, 0o755)
        self.check("mysqlchk", text, "xinetd does not serve it: mysqlchk/tcp "
                   "is not in /etc/services")
        self.put("/etc/services", "mysqlchk 9200/tcp\n")
        config, report = self.convert(text)
        self.assertIn('format = "http";', config)
        self.assertIn("mysqlchk: converted, port 9200, fed by "
                      "forkgreet-feed@mysqlchk", report)


class Manual(ConversionCase):
    """xinetd2forkgreet(1)."""

    def manual(self):
        """Its text."""
        with open(os.path.join(TOP, "contrib/xinetd2forkgreet.1"),
                  encoding="utf-8") as file:
            return file.read()

    def test_options(self):
        """--help and the manual have the same."""
        helped = self.tool("--help").stdout
        flags = set(re.findall(r"(?m)^  (-\w)(?: \S+)?, (--[\w-]+)", helped))
        manual = set(re.findall(r"(?m)^\.It Fl (\w) (?:Ar [\w=]+ )?, Fl "
                                r"\\-([\w-]+)", self.manual()))
        self.assertEqual({("-" + short, "--" + name)
                          for short, name in manual}, flags)
        self.assertEqual(len(flags), 7)

    def test_attributes(self):
        """Each that the tool knows is in it."""
        namespace = {"__name__": "tool"}
        with open(TOOL, encoding="utf-8") as file:
            exec(compile(file.read(), TOOL, "exec"), namespace)
        text = self.manual()
        for name in sorted(namespace["KNOWN"]):
            with self.subTest(name):
                self.assertRegex(text, rf"\b{name}\b")


if __name__ == "__main__":
    from harness import main
    main()
