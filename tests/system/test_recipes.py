"""README's recipes do what it says of them, as they stand: only the ports are
others, and the notice is that of the source."""

import contextlib
import datetime
import grp
import http.client
import json
import os
import re
import shlex
import shutil
import socket
import subprocess
import time
import urllib.parse
import urllib.request

from harness import (BUILDDIR, HOST, IS_ROOT, PATIENCE, USER, become_user,
                     die_with_parent, free_port, greet, identity,
                     needs_program, run, wait_for)
from monitoring import find, parse, total
from readme import blocks, section
from test_control import OTHER_USER, ControlCase
from test_documents import read

BUILD = BUILDDIR  # a copy that other users may execute
SOURCE = os.environ.get("top_srcdir", ".")
NOTICE = "/etc/forkgreet/notice.txt"
QUOTES = "/etc/forkgreet/quotes"
METRICS = "/run/forkgreet-feed/metrics"
GROUP = USER if IS_ROOT else os.getgid()  # of the daemon
PROXY = """
global
    stats socket {stats}
defaults
    mode http
    timeout connect 5s
    timeout client 5s
    timeout server 5s
frontend front
    bind {bind}
    default_backend back
backend back
{lines}
"""


def recipes():
    """{heading: its blocks of code}"""
    parts = re.split(r"^### (.*)$", section("Recipes"),
                     flags=re.MULTILINE)[1:]
    return {heading: blocks(body)
            for heading, body in zip(parts[::2], parts[1::2])}


def server_state(path):
    """What HAProxy's statistics socket says of web1."""
    with socket.socket(socket.AF_UNIX) as sock:
        sock.connect(path)
        sock.sendall(b"show stat\n")
        with sock.makefile() as answer:
            lines = [line.split(",") for line in answer]
    return [line[lines[0].index("status")]
            for line in lines if line[1:2] == ["web1"]][0]


def with_group(text):
    """With the daemon's own group, whose name is another one here."""
    return text.replace(
        'control_group = "forkgreet";',
        f'control_group = "{grp.getgrgid(GROUP).gr_name}";')


def become_member():
    """For preexec_fn: a user whom only the daemon's group may let in."""
    os.setgroups([GROUP])
    os.setresgid(OTHER_USER, OTHER_USER, OTHER_USER)
    os.setresuid(OTHER_USER, OTHER_USER, OTHER_USER)


class RecipeCase(ControlCase):
    """A daemon with the configuration of one."""

    heading = None

    def setUp(self):
        super().setUp()
        self.blocks = recipes()[self.heading]
        self.ports = {}
        self.notice = self.file(read("etc/forkgreet/notice.txt"))
        self.quotes = self.file(
            recipes()[Old.heading][1].lstrip("\n"))

    def adapted(self, text):
        """With ports that are free here."""
        def port(match):
            return match.group(1) + str(self.ports.setdefault(
                int(match.group(2)), free_port()))
        text = re.sub(r"(\bport = )(\d+)", port, text)
        return with_group(text).replace(NOTICE, self.notice).replace(
            QUOTES, self.quotes)

    def recipe(self):
        """Starts it."""
        head = identity().replace(' control_socket = "";', "")
        return self.daemon(config=(
            f'log = {{ target = "stderr"; }};{head}'
            f'control_socket = "{self.path}";\n{self.adapted(self.blocks[0])}'))

    def commands(self):
        """Arguments of each forkgreetctl in it."""
        return [shlex.split(line)[1:]
                for block in self.blocks[1:] for line in block.splitlines()
                if line.startswith("forkgreetctl ")]

    def get(self, port, method="GET", host=HOST):
        """A response and its body."""
        connection = http.client.HTTPConnection(
            host, self.ports[port], timeout=PATIENCE)
        with contextlib.closing(connection):
            connection.request(method, "/any")
            response = connection.getresponse()
            return response, response.read()

    def said(self, port, host=HOST):
        """What a client gets."""
        return greet(self.ports[port], host, seconds=PATIENCE)

    def proxy_states(self, lines, port, steps):
        """HAProxy with these lines of a backend, whose server asks that port of
        ours: after each command it must come to see that state."""
        stats = os.path.join(self.folder(), "stats")
        service = socket.create_server((HOST, 0))
        self.addCleanup(service.close)
        lines = lines.replace(
            "192.0.2.10:80", f"{HOST}:{service.getsockname()[1]}").replace(
                f"port {port}", f"port {self.ports[port]}")
        config = self.file(PROXY.format(stats=stats, lines=lines,
                                        bind=f"{HOST}:{free_port()}"))
        with subprocess.Popen(["haproxy", "-db", "-f", config],
                              stdout=subprocess.DEVNULL,
                              stderr=subprocess.DEVNULL) as proxy:
            try:
                wait_for(lambda: os.path.exists(stats), PATIENCE, "HAProxy")
                for command, state in steps:
                    self.good(*command)
                    wait_for(lambda state=state:
                             server_state(stats).startswith(state),
                             PATIENCE, state)
            finally:
                proxy.kill()


class All(ControlCase):
    """What holds for each of them."""

    def test_each_has_a_test(self):
        """And none is tried that is not there."""
        self.assertEqual(
            set(recipes()),
            {case.heading for case in RecipeCase.__subclasses__()})

    def test_check(self):
        """-t has nothing to say of it as it stands; its ports are its own."""
        for heading, blocks in recipes().items():
            with self.subTest(heading):
                text = with_group(blocks[0]).replace(
                    NOTICE, self.file("notice\n")).replace(
                        QUOTES, self.file("quote\n")).replace(
                            f"{METRICS}/greeting", self.file("# metrics\n"))
                result = self.run_with(self.file(text), "-t", as_user=True)
                self.assertEqual(
                    (result.returncode, result.stderr), (0, ""))


class MoreThanOneMachine(ControlCase):
    """What tests/scale/run, which takes longer, tries in full."""

    def setUp(self):
        super().setUp()
        self.blocks = blocks(section("More than one machine"))

    def test_instance(self):
        """-t has nothing to say of it."""
        result = self.run_with(self.file(self.blocks[0]), "-t", as_user=True)
        self.assertEqual((result.returncode, result.stderr), (0, ""))

    @needs_program("haproxy")
    def test_haproxy(self):
        """Nor has HAProxy of its configuration, both modes in one."""
        done = run("-c", "-f", self.file("".join(self.blocks[1:3])),
                   program="haproxy")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertNotIn("WARNING", done.stderr)


class Followed(RecipeCase):
    """A listener that says what a feed has found."""

    heading = "Agent check that follows a database"

    def adapted(self, text):
        self.health = os.path.join(self.folder(), "health")
        return super().adapted(text).replace(
            "/run/forkgreet-feed/db/health", self.health)

    def feed(self, *command):
        """One run of the command, whose verdict is written."""
        subprocess.run([os.path.join(BUILD, "forkgreet-feed"), "-1", "-s",
                        self.health, *command], check=False, timeout=PATIENCE,
                       stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def test_recipe(self):
        settings = dict(line.split("=", 1)
                        for line in self.blocks[1].split())
        self.assertEqual(set(settings), {"COMMAND", "INTERVAL", "TIMEOUT"})
        check = os.path.basename(settings["COMMAND"])
        self.assertTrue(os.access(os.path.join(
            SOURCE, "contrib/feed", check), os.R_OK), check)
        self.recipe()
        self.assertTrue(self.said(9200).startswith(b"ready down #"))
        self.feed("echo", "up 75%")
        wait_for(lambda: self.said(9200) == b"up ready 75%\n", PATIENCE)
        self.feed("sh", "-c", "echo replica; exit 1")
        wait_for(lambda: self.said(9200).startswith(b"ready down #") and
                 b"replica" in self.said(9200), PATIENCE)


class Scraped(RecipeCase):
    """Prometheus asks."""

    heading = "Scrape target for Prometheus"

    def setUp(self):
        super().setUp()
        self.place = self.folder()
        self.feed = None
        self.addCleanup(self.end_feed)

    def adapted(self, text):
        return super().adapted(text).replace(METRICS, self.place)

    def start_feed(self):
        """As the unit does, more often."""
        self.assertEqual(self.blocks[2].split(),
                         ["[Service]", "SupplementaryGroups=forkgreet"])
        if IS_ROOT:
            os.chown(self.place, OTHER_USER, OTHER_USER)
        settings = dict(line.split("=", 1)
                        for line in self.blocks[1].split())
        self.assertEqual(set(settings), {"COMMAND", "INTERVAL", "TIMEOUT"})
        command = shutil.copy(os.path.join(
            SOURCE, "contrib/feed", os.path.basename(settings["COMMAND"])),
            self.folder())  # the source may be root's only

        def before():
            die_with_parent()
            if IS_ROOT:
                become_member()
        self.feed = subprocess.Popen(
            [os.path.join(BUILD, "forkgreet-feed"), "-i", "0.2",
             "-w", settings["TIMEOUT"], "-s", f"{self.place}/health",
             "-o", f"{self.place}/greeting", command, "-s", self.path],
            env={**os.environ, "PATH": f"{BUILD}:{os.environ['PATH']}"},
            stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            preexec_fn=before)
        wait_for(lambda: os.path.exists(f"{self.place}/greeting"), PATIENCE,
                 "the first file")

    def end_feed(self):
        """If it is there."""
        if self.feed is not None:
            self.feed.terminate()
            self.feed.wait(PATIENCE)
        self.feed = None

    def scraped(self):
        """Samples that the listener has; None while it has none."""
        response, body = self.get(9444)
        self.assertEqual(response.getheader("Content-Type"),
                         "text/plain; version=0.0.4; charset=utf-8")
        return parse(body.decode()) if response.status == 200 else None

    def test_target(self):
        """The feed comes first, as its unit says; until the daemon answers it
        there is nothing to be had, which is no error."""
        self.start_feed()
        with open(f"{self.place}/greeting", encoding="ascii") as file:
            self.assertEqual(file.read(), "# forkgreetd does not run\n")
        self.recipe()
        wait_for(lambda: total(self.scraped(), "forkgreet_accepted_total",
                               listener="metrics") > 2, PATIENCE, "metrics")
        self.assertEqual({name for name, _ in self.scraped()},
                         {name for name, _ in parse(self.good("metrics"))})

    def test_stale(self):
        """Old numbers are not served as new ones."""
        self.start_feed()
        self.blocks[0] = self.blocks[0].replace("max_age = 30", "max_age = 2")
        self.recipe()
        self.assertEqual(self.get(9444)[0].status, 200)
        self.end_feed()
        wait_for(lambda: self.get(9444)[0].status == 503, PATIENCE,
                 "an old file")
        self.start_feed()
        wait_for(lambda: self.get(9444)[0].status == 200, PATIENCE,
                 "a new file")

    def ask(self, port, expression):
        """What Prometheus says of it: [(labels, number)]."""
        url = f"http://{HOST}:{port}/api/v1/query?" + urllib.parse.urlencode(
            {"query": expression})
        try:
            with urllib.request.urlopen(url, timeout=PATIENCE) as answer:
                result = json.load(answer)["data"]["result"]
        except OSError:
            return []
        return [(row["metric"], float(row["value"][1])) for row in result]

    def test_prometheus(self):
        """The real one, with README's lines: it has the numbers, a client that
        comes is seen, and so is the end of the feed."""
        program = find("prometheus")
        (lines,) = [block for block in self.blocks if "scrape_configs" in block]
        self.start_feed()
        self.blocks[0] = self.blocks[0].replace("max_age = 30", "max_age = 2")
        self.recipe()
        port = free_port()
        config = self.file(
            "global: { scrape_interval: 500ms, scrape_timeout: 500ms }\n" +
            lines.replace("192.0.2.10:9444", f"{HOST}:{self.ports[9444]}"))

        def before():
            die_with_parent()
            if IS_ROOT:
                become_user()
        with subprocess.Popen(
                [program, f"--config.file={config}",
                 f"--storage.tsdb.path={self.folder()}/data",
                 f"--web.listen-address={HOST}:{port}"],
                stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL, preexec_fn=before) as server:
            try:
                self.followed(port)
            finally:
                server.kill()

    def followed(self, port):
        """What Prometheus at that port comes to know."""
        wait_for(lambda: self.ask(port, "up") and
                 self.ask(port, "up")[0][1] == 1, 2 * PATIENCE, "a scrape")
        ((labels, value),) = wait_for(
            lambda: self.ask(port, "forkgreet_build_info"), PATIENCE)
        self.assertEqual((labels["job"], value), ("forkgreet", 1))
        for _ in range(3):
            self.get(9444)
        wait_for(lambda: self.ask(
            port, 'rate(forkgreet_accepted_total{listener="metrics"}[1m]) > 0'),
            PATIENCE, "a rate")
        self.assertTrue(self.ask(port, (
            "histogram_quantile(0.9, "
            "rate(forkgreet_session_duration_seconds_bucket[1m])) > 0")))
        self.end_feed()
        wait_for(lambda: self.ask(port, "up")[0][1] == 0, PATIENCE,
                 "that the feed has stopped")


class Agent(RecipeCase):
    """An agent check."""

    heading = "Agent check for HAProxy"
    words = [b"up drain\n", b"maint\n", b"up ready 100%\n"]

    def test_words(self):
        self.recipe()
        self.assertEqual(self.said(9100), self.words[-1])
        for command, word in zip(self.commands(), self.words, strict=True):
            self.good(*command)
            self.assertEqual(self.said(9100), word)

    @needs_program("haproxy")
    def test_haproxy(self):
        """The real one follows, with README's line."""
        self.recipe()
        (line,) = [block for block in self.blocks if "agent-check" in block]
        self.proxy_states(line, 9100, zip(
            self.commands(), ("DRAIN", "MAINT", "no check"), strict=True))


class Readiness(RecipeCase):
    """A probe over HTTP."""

    heading = "Readiness for Kubernetes and HAProxy"

    def test_probe(self):
        self.recipe()
        for method, body in ("GET", b"ok\n"), ("HEAD", b""):
            response, said = self.get(8081, method)
            self.assertEqual((response.status, said), (200, body))
        (command,) = self.commands()
        self.good(*command)
        for method, body in ("GET", b"draining\n"), ("HEAD", b""):
            response, said = self.get(8081, method)
            self.assertEqual((response.status, said), (503, body))
        self.good("ready")
        self.assertEqual(self.get(8081)[0].status, 200)

    @needs_program("haproxy")
    def test_haproxy(self):
        """The real one follows, with README's lines."""
        self.recipe()
        (lines,) = [block for block in self.blocks if "httpchk" in block]
        (command,) = self.commands()
        self.proxy_states(lines, 8081, (
            (["ready"], "UP"), (command, "DOWN"), (["ready"], "UP")))

    def test_ports(self):
        """The probers' lines name the listener's port."""
        for block in self.blocks:
            self.assertTrue("8081" in block or "forkgreetctl" in block, block)


class Page(RecipeCase):
    """A page in place of a service."""

    heading = "Maintenance page for a stopped service"

    def test_page(self):
        self.recipe()
        (command,) = self.commands()
        begin = time.time()
        self.good(*command)
        response, page = self.get(80)
        self.assertEqual(response.status, 503)
        self.assertEqual(response.getheader("Content-Type"),
                         "text/html; charset=utf-8")
        left = int(response.getheader("Retry-After"))
        self.assertLess(abs(begin + 5400 - time.time() - left), PATIENCE)
        until = re.fullmatch(
            rb"<h1>Under maintenance</h1>\n<p>We are back at (\S+Z)\.</p>\n",
            page).group(1).decode()
        until = datetime.datetime.fromisoformat(until.replace("Z", "+00:00"))
        self.assertLess(abs(until.timestamp() - begin - 5400), PATIENCE)


class Address(RecipeCase):
    """Each client's own."""

    heading = "What is my address?"

    def test_address(self):
        self.recipe()
        response, body = self.get(8082)
        self.assertEqual((response.status, body), (200, b"127.0.0.1\n"))
        self.assertRegex(self.said(8083), rb"\A127\.0\.0\.1 \d+\n\Z")

    def test_ipv6(self):
        if not os.path.exists("/proc/net/if_inet6"):
            self.skipTest("no IPv6")
        self.recipe()
        self.assertEqual(self.get(8082, host="::1")[1], b"::1\n")
        self.assertRegex(self.said(8083, "::1"), rb"\A::1 \d+\n\Z")


class Notice(RecipeCase):
    """A file."""

    heading = "Legal notice"

    def test_notice(self):
        self.recipe()
        self.assertEqual(self.said(23).decode(), read(
            "etc/forkgreet/notice.txt").replace("\n", "\r\n"))


class Old(RecipeCase):
    """Two of the oldest services."""

    heading = "Quote of the day, and daytime"

    def test_quote(self):
        """RFC 865: at most 512 characters, printable ones of ASCII, space,
        CR and LF (and tabs, which separate the name)."""
        self.recipe()
        quote = self.said(17)
        self.assertIn(quote.decode().replace("\r\n", "\n"),
                      self.blocks[1].lstrip("\n").split("%\n"))
        self.assertLessEqual(len(quote), 512)
        self.assertRegex(quote, rb"\A([ -~\t]+\r\n)+\Z")

    def test_daytime(self):
        """RFC 867: Weekday, Month Day, Year Time-Zone."""
        self.recipe()
        line = self.said(13).decode()
        then = datetime.datetime.strptime(
            line, "%A, %B %d, %Y %H:%M:%S-UTC\r\n").replace(
                tzinfo=datetime.timezone.utc)
        self.assertLess(abs(then.timestamp() - time.time()), PATIENCE)


if __name__ == "__main__":
    from harness import main
    main()
