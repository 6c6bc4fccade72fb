"""forkgreetctl: clients, log-level, control_group, and top in a terminal."""

import json
import os
import re
import shlex
import signal
import socket
import stat
import subprocess
import time

from harness import (CTL, HOST, PATIENCE, USER, if_also_user, needs_program,
                     needs_root, run, wait_for)
from test_control import OTHER_USER, ControlCase

GROUP, GROUP_NAME = 4, "adm"  # on every Debian
ROW = re.compile(r"id=(\d+) listener=(\S+) src=(\S+) sport=(\d+) phase=(\w+) "
                 r"age_ms=(\d+)(?: bytes=(\d+))?(?: pid=(\d+))?")
MEMBERS = ["id", "listener", "src", "sport", "phase", "age_ms", "bytes", "pid"]


def become_member():
    """For preexec_fn: a user with that group among its supplementary ones."""
    os.setgroups([GROUP])
    os.setresgid(OTHER_USER, OTHER_USER, OTHER_USER)
    os.setresuid(OTHER_USER, OTHER_USER, OTHER_USER)


def become_primary_member():
    """The same, with that group as its own."""
    os.setgroups([])
    os.setresgid(GROUP, GROUP, GROUP)
    os.setresuid(OTHER_USER, OTHER_USER, OTHER_USER)


def become_other():
    """Somebody who is no member, but one of other groups, fewer and more."""
    os.setgroups([GROUP - 1, GROUP + 1, OTHER_USER + 1])
    os.setresgid(OTHER_USER, OTHER_USER, OTHER_USER)
    os.setresuid(OTHER_USER, OTHER_USER, OTHER_USER)


class HeldCase(ControlCase):
    """A daemon whose clients stay until they go."""

    def hold(self, n, port=None, **keywords):
        """So many clients that have their greeting."""
        held = [self.connect(port or self.port, **keywords)
                for _ in range(n)]
        for client in held:
            self.assertEqual(client.recv(100), b"hi client\n")
        return held

    def start_two(self):
        return self.start(self.listener("hold = true;") + ", " + self.listener(
            "hold = true; limits = { max_clients_per_source = 0; };", "two",
            self.port + 1))

    def rows(self, *arguments):
        """The list as JSON, which is what the lines say, too."""
        return json.loads(self.good("-j", "clients", *arguments))["clients"]


class Clients(HeldCase):
    """clients"""

    def test_none(self):
        self.start_two()
        self.assertEqual(self.good("clients"), "")
        self.assertEqual(self.rows(), [])

    def test_lines_and_json(self):
        daemon = self.start_two()
        held = self.hold(3)
        wait_for(lambda: all(row["phase"] == "served" and row["bytes"] == 10
                             for row in self.rows()), PATIENCE)
        rows = self.rows()
        lines = self.good("clients").splitlines()
        self.assertEqual(len(rows), 3)
        for row, line in zip(rows, lines, strict=True):
            self.assertEqual(list(row), MEMBERS)
            found = ROW.fullmatch(line)
            self.assertIsNotNone(found, line)
            for name, text in zip(MEMBERS, found.groups(), strict=True):
                if name != "age_ms":
                    self.assertEqual(str(row[name]), text)
            self.assertLess(row["age_ms"], PATIENCE * 1000)
            self.assertEqual((row["listener"], row["src"]), ("main", HOST))
            with open(f"/proc/{row['pid']}/stat", encoding="ascii") as file:
                self.assertIn("forkgreet", file.read())
        self.assertEqual({row["sport"] for row in rows},
                         {client.getsockname()[1] for client in held})
        for client in held:
            client.close()
        wait_for(lambda: self.rows() == [], PATIENCE)
        logged = {int(line["id"]) for line in daemon.wait_line("client", 3)}
        self.assertEqual({row["id"] for row in rows}, logged)

    def test_lingering(self):
        """One that has everything and does not close has no process."""
        self.start(self.listener(), "timeouts = { linger = 20; };")
        client = self.connect(self.port)
        self.assertEqual(client.recv(100), b"hi client\n")
        self.assertEqual(client.recv(100), b"")
        wait_for(lambda: self.status()["lingering"] == 1, PATIENCE)
        # Until its system has acknowledged them.
        wait_for(lambda: self.rows()[0]["bytes"] == 10, PATIENCE)
        row, = self.rows()
        self.assertIn(row["phase"], ("closing", "lingering"))
        self.assertEqual(list(row), MEMBERS[:-1])
        self.assertNotIn("pid=", self.good("clients"))

    def test_waiting(self):
        """While no spawner takes it, it has neither bytes nor a process."""
        daemon = self.start_two()
        children = f"/proc/{daemon.pid}/task/{daemon.pid}/children"
        with open(children, encoding="ascii") as file:
            spawner = int(file.read().split()[0])
        os.kill(spawner, signal.SIGSTOP)
        try:
            self.connect(self.port)
            rows = wait_for(self.rows, PATIENCE)
            self.assertIn(rows[0]["phase"], ("waiting", "handed_over"))
            self.assertNotIn("pid", rows[0])
        finally:
            os.kill(spawner, signal.SIGCONT)

    def test_filters(self):
        self.start_two()
        self.hold(2)
        near = self.hold(1, self.port + 1)
        far = socket.create_connection((HOST, self.port + 1), PATIENCE,
                                       ("127.7.7.7", 0))
        self.addCleanup(far.close)
        self.assertEqual(far.recv(100), b"hi client\n")

        def ports(*arguments):
            return {row["sport"] for row in self.rows(*arguments)}
        near_port, far_port = (sock.getsockname()[1] for sock in (*near, far))
        self.assertEqual(len(ports()), 4)
        self.assertEqual(ports("--listener", "two"), {near_port, far_port})
        self.assertEqual(ports("--source", "127.7.0.0/16"), {far_port})
        self.assertEqual(ports("--source", "127.7.7.7"), {far_port})
        self.assertEqual(ports("--listener", "two", "--source", HOST),
                         {near_port})
        self.assertEqual(ports("--listener", "main", "--source", "::/1"),
                         set())

    def test_errors(self):
        self.start_two()
        self.assertEqual(
            self.bad(1, "clients", "--listener", "three"),
            "forkgreetd: clients: three: no such listener\n")
        for network in "x", "any", "127.0.0.1/8", "127.0.0.0/33", "1.2.3":
            self.assertIn("expected an address or a network",
                          self.bad(64, "clients", "--source", network))
        for option, what in ("--listener", "a name"), ("--source", "a network"):
            for word in "", "a b", "x" * 201, "a\nb":
                self.assertIn(
                    f"clients: {option}: expected {what} without blanks, of 1 "
                    "to 200 bytes", self.bad(64, "clients", option, word))
        result = self.ctl("-j", "clients", "--listener", "three")
        self.assertEqual(json.loads(result.stdout)["errors"],
                         ["clients: three: no such listener"])

    def test_removed_listener(self):
        """It is known by its name as long as it has clients."""
        daemon = self.start_two()
        client, = self.hold(1, self.port + 1)
        daemon.write_config(self.configuration())
        self.good("reload")
        self.assertEqual(len(self.rows("--listener", "two")), 1)
        client.close()

    def test_slow_readers(self):
        """Whoever does not read what it asked for delays nobody: more than
        there are places."""
        self.start_two()
        self.hold(40, self.port + 1)
        slow = []
        for _ in range(40):
            sock = socket.socket(socket.AF_UNIX)
            self.addCleanup(sock.close)
            sock.setblocking(False)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
            try:
                sock.connect(self.path)
                sock.send(b"clients json\n")
            except BlockingIOError:
                continue
            slow.append(sock)
        self.assertGreater(len(slow), 24)
        begin = time.monotonic()
        self.assertEqual(len(self.rows()), 40)
        self.assertEqual(self.status()["live"], 40)
        self.hold(1)
        self.assertLess(time.monotonic() - begin, 4, "they were waited for")

    def test_while_clients_come_and_go(self):
        """One that is there all the time is in each list once."""
        self.start_two()
        held = {sock.getsockname()[1] for sock in self.hold(5, self.port + 1)}
        for _ in range(30):
            for _ in range(5):
                socket.create_connection((HOST, self.port)).close()
            ports = [row["sport"] for row in self.rows("--listener", "two")]
            self.assertEqual(sorted(ports), sorted(held))


@if_also_user
class ClientsAsUser(Clients):
    """The same, started by an ordinary user."""

    as_user = True


class LogLevel(ControlCase):
    """log-level"""

    def level(self):
        status = self.status()
        return status["log_level"], status["log_level_temporary"]

    def test_until_the_next_reload(self):
        daemon = self.start()
        self.assertEqual(self.level(), ("info", False))
        self.assertIn("\nlog level   info\n", self.good("status"))
        self.assertEqual(self.good("log-level", "warning"), "")
        self.assertEqual(self.level(), ("warning", True))
        self.assertIn("\nlog level   warning, until the next reload or "
                      "restart\n", self.good("status"))
        line, = daemon.wait_line("log_level")
        self.assertEqual((line["set"], line["was"], line["uid"]), (
            "warning", "info", str(os.geteuid())))
        self.greets(self.port)
        wait_for(lambda: self.status()["live"] == 0, PATIENCE)
        self.assertEqual(daemon.lines("client"), [])
        daemon.write_config("nonsense = 1;")
        self.bad(78, "reload")
        self.assertEqual(self.level(), ("warning", True))
        daemon.write_config(self.configuration())
        self.good("reload")
        self.assertEqual(self.level(), ("info", False))
        self.greets(self.port)
        daemon.wait_line("client")

    def test_each_level(self):
        """The log says so even when it leaves out what it says otherwise."""
        daemon = self.start()
        levels = ["error", "warning", "notice", "info", "debug"]
        for level in levels:
            self.assertEqual(
                json.loads(self.good("-j", "log-level", level)),
                {"result": "ok", "log_level": level})
        self.assertEqual([line["set"] for line in
                          daemon.wait_line("log_level", len(levels))], levels)

    def test_unknown(self):
        daemon = self.start()
        for level in "err", "DEBUG", "7", "debug\x1b":
            self.bad(64, "log-level", level)
        self.assertEqual(daemon.lines("log_level"), [])
        self.assertEqual(self.level(), ("info", False))


class Group(HeldCase):
    """control_group"""

    LOOK = (("status",), ("-j", "status"), ("clients",), ("-j", "clients"),
            ("metrics",))  # and top, which has no end
    CHANGE = (("reload",), ("drain",), ("ready",), ("maintenance",),
              ("log-level", "debug"), ("upgrade",))

    def with_group(self, name):
        return f'control_group = "{name}";\n{self.configuration()}'

    @needs_root
    def test_members_look(self):
        daemon = self.start(config=self.with_group(GROUP_NAME))
        found = os.stat(self.path)
        self.assertEqual((stat.S_IMODE(found.st_mode), found.st_uid,
                          found.st_gid), (0o660, USER, GROUP))
        for member in become_member, become_primary_member:
            for verb in self.LOOK:
                self.good(*verb, preexec=member)
            for verb in self.CHANGE:
                self.assertIn("not for members of control_group",
                              self.bad(77, *verb, preexec=member))
        status = self.status()
        self.assertEqual((status["reloads"]["ok"], status["log_level"],
                          status["listeners"][0]["state"]),
                         (0, "info", "ready"))
        line = daemon.wait_line("control")[0]
        self.assertEqual((line["result"], line["verb"], line["uid"]),
                         ("denied", "reload", str(OTHER_USER)))
        self.good("reload")

    @needs_root
    def test_members_look_after_an_upgrade(self):
        self.start(config=self.with_group(GROUP_NAME), program=self.copies())
        for _ in range(2):
            self.good("upgrade")
            self.good("status", preexec=become_member)
            self.bad(77, "reload", preexec=become_member)

    @needs_root
    def test_others_do_not(self):
        self.start(config=self.with_group(GROUP_NAME))
        self.assertIn("Permission denied",
                      self.bad(77, "status", preexec=become_other))
        os.chmod(self.path, 0o666)
        self.assertIn("not allowed",
                      self.bad(77, "status", preexec=become_other))
        self.good("status", preexec=become_member)

    @needs_root
    def test_hostile_members(self):
        """As many silent ones as they like: root is answered at once."""
        self.start(config=self.with_group(GROUP_NAME))
        flood = ("import socket, time\nheld = []\nfor _ in range(200):\n"
                 " sock = socket.socket(socket.AF_UNIX)\n"
                 " sock.setblocking(False)\n try:\n"
                 f"  sock.connect({self.path!r})\n  sock.send(b'clie')\n"
                 " except OSError:\n  time.sleep(0.01)\n"
                 " held.append(sock)\nprint('there', flush=True)\n"
                 "time.sleep(100)\n")
        with subprocess.Popen(["/usr/bin/python3", "-c", flood],
                              preexec_fn=become_member,
                              stdout=subprocess.PIPE) as members:
            try:
                begin = time.monotonic()
                self.status()
                self.good("reload")
                self.assertEqual(members.stdout.readline(), b"there\n")
                for _ in range(10):
                    self.status()
                    self.good("status", preexec=become_member)
                self.assertLess(time.monotonic() - begin, 5)
            finally:
                members.kill()

    def test_unknown(self):
        for mode in (), ("-t",):
            config = self.file(self.with_group("nosuchgroup"))
            result = self.run_with(config, *mode)
            self.assertEqual(result.returncode, 78)
            self.assertIn(f'{config}:1: control_group: "nosuchgroup": no such '
                          "group", result.stderr)
        result = self.run_with(self.file(self.with_group("root")), "-t")
        self.assertEqual(result.returncode, 78)

    def test_needs_a_restart(self):
        daemon = self.start()
        daemon.write_config(self.with_group(GROUP_NAME))
        self.assertIn(f'control_group: "{GROUP_NAME}" cannot be set by a '
                      "reload", self.bad(78, "reload"))

    @needs_root
    def test_not_a_member_itself(self):
        """A daemon that an ordinary user starts cannot give its socket to any
        group: it says so, and only it and root may look."""
        daemon = self.daemon(config=self.with_group(GROUP_NAME), as_user=True)
        self.assertTrue([line for line in daemon.log() if line.startswith(
            f"control_group: {self.path}: cannot be given to group {GROUP}: ")
            and "may not look" in line], daemon.log())
        self.assertEqual(stat.S_IMODE(os.stat(self.path).st_mode), 0o600)
        self.bad(77, "status", preexec=become_member)
        self.good("status")

    @needs_root
    @needs_program("setpriv")
    def test_a_member_itself(self):
        """As a unit with SupplementaryGroups= starts it."""
        daemon = self.start(config=self.with_group(GROUP_NAME), wrapper=(
            "setpriv", f"--reuid={USER}", f"--regid={USER}",
            f"--groups={GROUP}"))
        found = os.stat(self.path)
        self.assertEqual((stat.S_IMODE(found.st_mode), found.st_gid),
                         (0o660, GROUP))
        self.good("clients", preexec=become_member)
        os.unlink(self.path)
        daemon.signal(signal.SIGHUP)
        wait_for(lambda: os.path.exists(self.path), PATIENCE)
        wait_for(lambda: os.stat(self.path).st_gid == GROUP, PATIENCE)
        self.good("clients", preexec=become_member)


class Manual(HeldCase):
    """forkgreetctl(8) has every verb, exit status and JSON member."""

    def setUp(self):
        super().setUp()
        self.manual = self.source("src/ctl/forkgreetctl.8")

    @staticmethod
    def source(name):
        path = os.path.join(os.environ["top_srcdir"], name)
        with open(path, encoding="utf-8") as file:
            return file.read()

    def words(self):
        """All that the manual marks up as a word to be typed or read."""
        lines = re.findall(r"^\.(?:It )?(?:Cm|Pf .*Cm) (.*)$", self.manual,
                           re.MULTILINE)
        return set(re.findall(r"[a-z][a-z0-9_-]+", " ".join(lines)))

    def test_verbs(self):
        table = re.search(r"static const struct verb \{.*?^\} verbs\[\] = "
                          r"\{(.*?)^\};", self.source(
                              "src/master/control/verbs.c"),
                          re.DOTALL | re.MULTILINE).group(1)
        verbs = {verb: looks for verb, looks, shown in re.findall(
            r'\{ "([a-z-]+)", [A-Z0-9_ |]+, (true|false), (true|false),',
            table) if shown == "true"}
        self.assertEqual(len(verbs), 10)
        for verb in verbs:
            self.assertRegex(self.manual, rf"(?m)^\.It Cm {verb}( |$)")
            self.assertIn(verb, run("-h", program=CTL).stdout)
        looks = re.search(r"may use the verbs that change nothing:\n\.Cm (.*)"
                          r"\nand\n\.Cm (.*)\.\n", self.manual.replace(
                              " ,", "")).expand(r"\1 \2").split()
        self.assertEqual(set(looks), {
            verb for verb, looks in verbs.items() if looks == "true"})
        self.assertEqual(set(looks) - {"top"},
                         {verb[-1] for verb in Group.LOOK})
        self.assertEqual(set(verbs) - set(looks),
                         {verb[0] for verb in Group.CHANGE})

    def test_statuses(self):
        statuses = re.findall(r"^\tCONTROL_[A-Z]+ = (\d+),", self.source(
            "src/shared/control.h"), re.MULTILINE)
        self.assertEqual(len(statuses), 8)
        chapter = self.manual.split(".Sh EXIT STATUS")[1].split(".Sh ")[0]
        self.assertEqual(re.findall(r"^\.It (\d+)$", chapter, re.MULTILINE),
                         sorted(statuses, key=int))

    def members(self, found):
        """All names in it, but those that are reasons and outcomes."""
        names = set()
        if isinstance(found, list):
            for one in found:
                names |= self.members(one)
        elif isinstance(found, dict):
            for name, value in found.items():
                names.add(name)
                if name not in ("refused", "ended"):
                    names |= self.members(value)
        return names

    def test_members(self):
        self.start_two()
        self.hold(1)
        self.good("drain", "--until", "+1h", "--reason", "why", "main")
        names = self.members([self.status(), {"clients": self.rows()}, *(
            json.loads(self.good("-j", *verb)) for verb in (
                ["reload"], ["upgrade"], ["log-level", "info"], ["drain"]))])
        self.assertIn("until", names)
        # What an object has is said of each verb that makes one.
        verbs = "clients|drain|log-level|reload|status|upgrade"
        for verb in verbs.split("|"):
            self.assertRegex(self.manual, rf"(?s)\n\.It Cm {verb}\b((?!\n\.It Cm "
                             rf"({verbs}|maintenance)\b).)*\bobject has\b")
        self.assertEqual(names - self.words(), set())


class Lines(HeldCase):
    """top without a terminal"""

    def top(self, **more):
        process = subprocess.Popen(
            [CTL, "-s", self.path, "top"], stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, stdin=subprocess.DEVNULL,
            encoding="ascii", **more)

        def end():
            process.kill()
            process.wait()
            process.stdout.close()
            process.stderr.close()
        self.addCleanup(end)
        return process

    @staticmethod
    def fields(line):
        return dict(word.split("=", 1) for word in line.split())

    def test_rates(self):
        daemon = self.start(self.listener("hold = true;") + ", " +
                            self.listener("", "quick", self.port + 1))
        process = self.top()
        self.hold(2)
        first = self.fields(process.stdout.readline())
        self.assertRegex(first["time"], r"\A\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ\Z")
        self.assertEqual(list(first)[:7], [
            "time", "live", "lingering", "accepted", "refused", "ended",
            "sent_bytes"])
        self.assertEqual([name for name in first
                          if name.startswith("refused_")], [
            "refused_busy", "refused_rate", "refused_busy_per_source",
            "refused_rate_per_source", "refused_denied",
            "refused_no_resources"])
        accepted = ended = 0
        for _ in range(50):
            self.greets(self.port + 1)
        for _ in range(PATIENCE):
            row = self.fields(process.stdout.readline())
            accepted += float(row["accepted"])
            ended += float(row["ended"])
            if "cpu_us" in row:
                self.assertGreater(float(row["cpu_us"]), 0)
            if ended > 40:
                break
        self.assertGreater(accepted, 40)
        row = self.fields(process.stdout.readline())
        self.assertEqual((row["top_source"], row["top_source_clients"]),
                         (HOST, row["live"]))
        daemon.signal(signal.SIGTERM)
        process.stdout.read()
        self.assertEqual(process.wait(PATIENCE), 69)
        self.assertIn("forkgreetctl: ", process.stderr.read())

    def test_nobody(self):
        result = self.ctl("top")
        self.assertEqual((result.returncode, result.stdout), (69, ""))

    def test_nobody_reads(self):
        self.start()
        process = self.top()
        process.stdout.readline()
        process.stdout.close()
        self.assertEqual(process.wait(PATIENCE), 71)
        process.stdout = open(os.devnull, encoding="ascii")


@needs_program("tmux")
class Screen(HeldCase):
    """top in a terminal: tmux is one, and tells what it shows."""

    def tmux(self, *arguments):
        result = subprocess.run(
            ["tmux", "-S", os.path.join(self.folder_, "tmux"), "-f",
             "/dev/null", *arguments], capture_output=True, text=True,
            timeout=PATIENCE, check=True,
            env={**os.environ, "LC_ALL": "C.UTF-8"})
        return result.stdout

    def open(self, width=80, height=24, term=None):
        """A shell in a terminal that runs top, and says how it ended."""
        self.folder_ = self.folder()
        server = os.path.join(self.folder_, "tmux")  # of this call
        ctl = shlex.join([CTL, "-s", self.path, "top"])
        term = "" if term is None else f"export TERM={term}; "
        script = (f"trap : INT; {term}echo before; "
                  f"sh -c 'echo $$ >{self.folder_}/pid; exec {ctl}'; "
                  "echo status=$?; stty -a | tr ';' ' ' >"
                  f"{self.folder_}/stty; sleep 1000")
        self.addCleanup(lambda: subprocess.run(
            ["tmux", "-S", server, "kill-server"], capture_output=True,
            check=False))
        self.tmux("new-session", "-d", "-x", str(width), "-y", str(height),
                  script)

    def lines(self):
        return self.tmux("capture-pane", "-p").splitlines()

    def shows(self, *patterns):
        """Waits until there is a line for each of these."""
        def found():
            lines = self.lines()
            return all(any(re.search(pattern, line) for line in lines)
                       for pattern in patterns)
        try:
            wait_for(found, PATIENCE)
        except AssertionError as error:
            raise AssertionError("\n".join(
                [str(patterns), *self.lines()])) from error
        return self.lines()

    def pid(self):
        with open(os.path.join(self.folder_, "pid"), encoding="ascii") as file:
            return int(file.read())

    def ended(self, status):
        """The shell has its terminal back as it was."""
        lines = self.shows(f"^status={status}$")
        self.assertEqual(lines[0], "before")
        path = os.path.join(self.folder_, "stty")

        def modes():
            with open(path, encoding="ascii") as file:
                return file.read().split()
        wait_for(lambda: os.path.exists(path) and modes(), PATIENCE)
        self.assertIn("echo", modes())
        self.assertIn("icanon", modes())
        self.assertEqual(self.tmux("display", "-p", "#{cursor_flag}"), "1\n")

    def test_what_it_shows(self):
        self.start(self.listener(
            "hold = true; rules = ( { action = \"deny\"; "
            "from = \"127.7.7.7\"; } );"))
        self.hold(3)
        with socket.create_connection((HOST, self.port), PATIENCE,
                                      ("127.7.7.7", 0)) as denied:
            denied.recv(100)
        self.open()
        self.shows(
            r"^forkgreetd  up 0d 00:00:\d\d  \d{4}-",
            r"^clients     3 served of 512, 0 lingering$",
            r"^a second    \d+\.\d accepted, \d+\.\d refused, \d+\.\d ended$",
            r"^ +\d+\.\d bytes taken by clients$",
            r"^CPU         (-|\d+\.\d) microseconds a client$",
            r"^accepted a second, \d+ s, most \d+\.\d$", r"^\|",
            r"^refused +a second +all$", r"^busy +0\.0 +0$",
            r"^denied +0\.0 +1$",
            r"^clients of the top sources$", r"^ +3  127\.0\.0\.1$",
            r"^q: quit$")
        self.tmux("send-keys", "q")
        self.ended(0)

    def test_graph(self):
        self.start()
        self.open()
        self.shows(r"^accepted a second, \d+ s")
        for _ in range(20):
            self.greets(self.port)
        self.shows(r"^\|.*#")
        self.tmux("send-keys", "Q")
        self.ended(0)

    def test_ctrl_c(self):
        self.start()
        self.open()
        self.shows("^q: quit$")
        self.tmux("send-keys", "C-c")
        self.ended(0)

    def test_ctrl_c_while_the_daemon_hangs(self):
        daemon = self.start()
        self.open()
        self.shows("^q: quit$")
        daemon.signal(signal.SIGSTOP)
        try:
            time.sleep(1.5)  # it asks, and is not answered
            self.tmux("send-keys", "C-c")
            self.ended(0)
        finally:
            daemon.signal(signal.SIGCONT)

    def test_terminated(self):
        """The terminal is given back all the same."""
        self.start()
        for number in signal.SIGTERM, signal.SIGQUIT:
            self.open()
            self.shows("^q: quit$")
            os.kill(self.pid(), number)
            self.ended(128 + number)

    def test_stopped_and_continued(self):
        self.start()
        self.open()
        self.shows("^q: quit$")
        os.kill(self.pid(), signal.SIGTSTP)
        self.shows("^before$")
        os.kill(self.pid(), signal.SIGCONT)
        self.shows("^q: quit$")
        self.tmux("send-keys", "q")
        self.ended(0)

    def open_shell(self):
        """A shell with job control in a terminal."""
        self.folder_ = self.folder()
        server = os.path.join(self.folder_, "tmux")
        self.addCleanup(lambda: subprocess.run(
            ["tmux", "-S", server, "kill-server"], capture_output=True,
            check=False))
        self.tmux("new-session", "-d", "-x", "80", "-y", "24",
                  "PS1='$ ' exec bash --norc -i")
        self.shows(r"^\$")

    def type(self, *keys):
        self.tmux("send-keys", *keys, "Enter")

    def echoes(self, word):
        """The shell has the terminal, and what is typed is seen."""
        self.type(f"echo {word} | tr a-z A-Z")
        self.shows(rf"^\$ echo {word} ", f"^{word.upper()}$")

    def top(self):
        return shlex.join([CTL, "-s", self.path, "top"])

    def test_background(self):
        """It waits to be in the foreground, as top(1) does."""
        self.start()
        self.open_shell()
        self.type(f"{self.top()} &")
        wait_for(lambda: self.type("") or any(
            line.startswith("[1]+  Stopped") for line in self.lines()),
                 PATIENCE)
        self.echoes("word")
        self.type("fg")
        self.shows("^q: quit$")
        self.tmux("send-keys", "q")
        self.echoes("other")

    def test_continued_in_the_background(self):
        """By Ctrl-Z, or by a signal that nobody sees."""
        self.start()
        self.open_shell()
        self.type(self.top())
        self.shows("^q: quit$")
        for word in "one", "two":
            if word == "one":
                self.tmux("send-keys", "C-z")
            else:
                subprocess.run(["sh", "-c", "kill -STOP $(cat \"$1\")", "sh",
                                os.path.join(self.folder_, "pid")], check=True)
            self.shows(r"^\[1\]\+  Stopped")
            self.type("clear; bg; jobs -p %1 >" +
                      os.path.join(self.folder_, "pid"))
            self.echoes(word)
            time.sleep(1.5)  # it would have drawn
            self.assertFalse([line for line in self.lines()
                              if line.startswith("q: quit")])
            self.type("clear; fg")
            self.shows("^q: quit$", "^clients ")
        self.tmux("send-keys", "q")
        self.echoes("three")

    def test_window_changes(self):
        self.start()
        self.open()
        self.shows("^q: quit$")
        self.tmux("resize-window", "-x", "30", "-y", "5")
        lines = self.shows("^window too small, needs 40x8$")
        self.assertEqual([line for line in lines if line.strip()],
                         ["window too small, needs 40x8"])
        self.tmux("resize-window", "-x", "40", "-y", "8")
        lines = self.shows("^q: quit$", "^clients ")
        self.assertEqual(lines[7], "q: quit")
        self.assertTrue(lines[0].startswith("forkgreetd  up "))
        self.assertTrue(lines[3].strip().endswith("bytes taken by clients") or
                        lines[3].startswith("  "), lines)
        self.tmux("resize-window", "-x", "200", "-y", "50")
        self.shows("^no_resources ")
        self.tmux("send-keys", "q")
        self.ended(0)

    def test_tiny(self):
        """It is said as far as it fits."""
        self.start()
        self.open(width=8, height=2)
        self.shows("^window t$")
        self.tmux("send-keys", "q")
        wait_for(lambda: os.path.exists(os.path.join(self.folder_, "stty")),
                 PATIENCE)

    def test_over_a_restart(self):
        daemon = self.start()
        self.open(height=30)
        self.shows("^q: quit$")
        daemon.signal(signal.SIGTERM)
        self.assertEqual(daemon.wait(PATIENCE), 0)
        self.shows("^no answer   connect .*No such file")
        self.start()
        wait_for(lambda: not any("no answer" in line
                                 for line in self.lines()), PATIENCE)
        self.shows(r"^a second    \d")
        self.tmux("send-keys", "q")
        self.ended(0)

    def test_dumb(self):
        """No cursor is moved: lines."""
        self.start()
        self.open(term="dumb")
        lines = self.shows("^time=")
        self.assertEqual(lines[0], "before")
        self.tmux("send-keys", "C-c")
        self.shows("status=130$")


if __name__ == "__main__":
    from harness import main
    main()
