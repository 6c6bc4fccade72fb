"""The checks in contrib/feed: against stand-ins that print what the real
clients print, and against real servers where they are installed."""

import contextlib
import glob
import os
import re
import shutil
import signal
import subprocess
import unittest

from harness import (BUILDDIR, HOST, IS_ROOT, PATIENCE, Case, become_user,
                     die_with_parent, free_port, wait_for)

FEED = os.path.join(BUILDDIR, "forkgreet-feed")
RECIPES = os.path.join(os.environ.get(
    "top_srcdir", os.path.join(os.path.dirname(__file__), "../..")),
    "contrib/feed")


class RecipeCase(Case):
    """Runs a recipe as the feed does."""

    def setUp(self):
        super().setUp()
        self.place = self.folder()
        self.bin = os.path.join(self.place, "bin")
        os.mkdir(self.bin)
        self.health_file = os.path.join(self.place, "health")

    def program(self, name, text):
        """A stand-in: a shell script that is found before the real one."""
        path = os.path.join(self.bin, name)
        with open(path, "w", encoding="utf-8") as file:
            file.write("#!/bin/sh\n" + text)
        os.chmod(path, 0o755)

    def health(self, recipe, *arguments, path=None, **variables):
        """What the recipe makes the feed write."""
        subprocess.run(
            [FEED, "-1", "-w", str(PATIENCE), "-s", self.health_file,
             os.path.join(RECIPES, recipe), *arguments],
            env={"PATH": path or f"{self.bin}:{os.environ['PATH']}",
                 **variables},
            stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, check=False,
            timeout=2 * PATIENCE)
        with open(self.health_file, encoding="utf-8") as file:
            return file.read()

    def server(self, *command, **more):
        """A process that ends with the test."""
        log = os.path.join(self.place, "log")

        def before():
            die_with_parent()
            if IS_ROOT:
                become_user()
        with open(log, "ab") as file:
            process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=file, stderr=file,
                preexec_fn=before, cwd=self.place, **more)
        self.addCleanup(self.end, process)
        return process

    @staticmethod
    def end(process, number=signal.SIGINT):
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(number)
        try:
            process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


class Galera(RecipeCase):
    """mariadb --batch --skip-column-names: tabs between, a row a line."""

    def answer(self, state="4", comment="Synced", ready="ON",
               read_only="OFF", name="mariadb"):
        rows = "".join(f"{key}\t{value}\n" for key, value in (
            ("wsrep_local_state", state),
            ("wsrep_local_state_comment", comment),
            ("wsrep_ready", ready), ("read_only", read_only)) if value)
        self.program(name, f'echo "$@" >{self.place}/arguments\n'
                           f"cat <<'END'\n{rows}END\n")

    def test_states(self):
        for arguments, wanted in (
                ({}, "up #Synced"),
                ({"state": "1", "comment": "Joining"},
                 "down #not synced (Joining)"),
                ({"state": "2", "comment": "Donor/Desynced"},
                 "down #donor (Donor/Desynced)"),
                ({"state": "3", "comment": "Joined"},
                 "down #not synced (Joined)"),
                ({"state": "0", "comment": "Initialized", "ready": "OFF"},
                 "down #not synced (Initialized)"),
                ({"ready": "OFF"}, "down #wsrep_ready is off"),
                ({"read_only": "ON"}, "down #read only"),
                ({"state": "", "comment": "", "ready": ""},
                 "down #no Galera node")):
            with self.subTest(arguments):
                self.answer(**arguments)
                self.assertEqual(self.health("galera"), wanted + "\n")

    def test_settings(self):
        self.answer(state="2", comment="Donor/Desynced")
        self.assertEqual(self.health("galera", AVAILABLE_WHEN_DONOR="1"),
                         "up #Donor/Desynced\n")
        self.answer(read_only="ON")
        self.assertEqual(self.health("galera", AVAILABLE_WHEN_READONLY="1"),
                         "up #Synced\n")

    def test_arguments_come_first(self):
        """mariadb wants --defaults-extra-file there."""
        self.answer()
        self.health("galera", "--defaults-extra-file=/x y", "-h", "db")
        with open(os.path.join(self.place, "arguments"),
                  encoding="utf-8") as file:
            self.assertTrue(file.read().startswith(
                "--defaults-extra-file=/x y -h db --batch "))

    def test_mysql(self):
        """The client's other name."""
        self.answer(name="mysql")
        tools = os.path.join(self.place, "tools")
        os.mkdir(tools)
        for name in "sh", "awk":
            os.symlink(shutil.which(name), os.path.join(tools, name))
        # The stand-in calls cat.
        os.symlink(shutil.which("cat"), os.path.join(tools, "cat"))
        self.assertEqual(
            self.health("galera", path=f"{self.bin}:{tools}"), "up #Synced\n")

    def test_no_server(self):
        self.program("mariadb", "echo \"ERROR 2002 (HY000): Can't connect to "
                     "local server through socket '/run/mysqld/mysqld.sock' "
                     "(2)\" >&2\nexit 1\n")
        self.assertEqual(self.health("galera"), (
            "down #exit status 1: ERROR 2002 (HY000): Can't connect to local "
            "server through socket '/run/mysqld/mysqld.sock' (2)")[:106]
            + "\n")


class PostgreSQL(RecipeCase):
    """psql --no-align --tuples-only."""

    def test_states(self):
        for answer, wanted in (
                ("f|off", "up #primary"), ("t|on", "down #standby"),
                ("f|on", "down #read only"),
                ("", "down #exit status 1: psql said:")):
            with self.subTest(answer):
                self.program("psql", f"echo '{answer}'\n")
                self.assertEqual(self.health("postgresql-primary"),
                                 wanted + "\n")

    def test_no_server(self):
        self.program("psql", "echo 'psql: error: connection to server on "
                     "socket \"/x\" failed: No such file or directory' >&2\n"
                     "exit 2\n")
        self.assertEqual(
            self.health("postgresql-primary"),
            "down #exit status 2: psql: error: connection to server on socket "
            "\"/x\" failed: No such file or directory\n")

    def test_real_server(self):
        """A primary, stopped, as a standby, and read only."""
        found = sorted(glob.glob("/usr/lib/postgresql/*/bin/initdb"))
        if not found or not shutil.which("psql"):
            self.skipTest("PostgreSQL is not installed")
        programs = os.path.dirname(found[-1])
        data = os.path.join(self.place, "data")
        subprocess.run(
            [os.path.join(programs, "initdb"), "-D", data, "-U", "feed",
             "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync"],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, check=True,
            preexec_fn=become_user if IS_ROOT else None, cwd=self.place)

        def start():
            return self.server(
                os.path.join(programs, "postgres"), "-D", data, "-k",
                self.place, "-c", "listen_addresses=", "-c", "fsync=off",
                env={**os.environ, "LC_ALL": "C"})

        def says(text, **variables):
            wait_for(lambda: self.health(
                "postgresql-primary", "-h", self.place, "-U", "feed",
                **variables) == text + "\n", PATIENCE, text)
        process = start()
        says("up #primary")
        says("down #read only",
             PGOPTIONS="-c default_transaction_read_only=on")
        self.end(process)
        self.assertRegex(
            self.health("postgresql-primary", "-h", self.place, "-U", "feed"),
            "\\Adown #exit status 2: psql: error: ")
        with open(os.path.join(data, "standby.signal"), "w",
                  encoding="ascii"):
            pass
        self.end(process)
        start()
        says("down #standby")


class Redis(RecipeCase):
    """redis-cli ROLE, not on a terminal."""

    def test_states(self):
        for answer, wanted in (
                ("master\n3129659\n127.0.0.1\n9001\n3129242\n", "up #master"),
                ("master\n0\n\n", "up #master"),
                ("slave\n192.0.2.7\n6379\nconnected\n3167038\n",
                 "down #replica of 192.0.2.7:6379, connected"),
                ("sentinel\nresque-master\n", "down #sentinel"),
                ("NOAUTH Authentication required.\n\n",
                 "down #exit status 1: NOAUTH Authentication required."),
                ("LOADING Redis is loading the dataset in memory\n\n",
                 "down #exit status 1: LOADING Redis is loading the dataset in"
                 " memory"),
                ("", "down #exit status 1")):
            with self.subTest(answer):
                self.program("redis-cli", f"cat <<'END'\n{answer}END\n")
                self.assertEqual(self.health("redis-role"), wanted + "\n")

    def test_no_server(self):
        self.program("valkey-cli", "echo 'Could not connect to Redis at "
                     "127.0.0.1:6379: Connection refused' >&2\nexit 1\n")
        self.assertEqual(
            self.health("redis-role", REDIS_CLI="valkey-cli"),
            "down #exit status 1: Could not connect to Redis at "
            "127.0.0.1:6379: Connection refused\n")

    def test_real_server(self):
        """A master, its replica, a password, and nobody there."""
        if not shutil.which("redis-server") or not shutil.which("redis-cli"):
            self.skipTest("Redis is not installed")
        ports = [str(free_port()) for _ in range(2)]
        master, replica = (
            self.server("redis-server", "--port", port, "--bind", HOST,
                        "--save", "", "--daemonize", "no", "--dir",
                        self.place, *more)
            for port, more in zip(ports, (
                (), ("--replicaof", f"{HOST} {ports[0]}"))))

        def says(pattern, port, **variables):
            wait_for(lambda: re.fullmatch(pattern, self.health(
                "redis-role", "-h", HOST, "-p", port, **variables)),
                PATIENCE, pattern)
        says("up #master\n", ports[0])
        says(f"down #replica of {HOST}:{ports[0]}, connected\n", ports[1])
        subprocess.run(["redis-cli", "-p", ports[0], "config", "set",
                        "requirepass", "secret"], check=True,
                       stdout=subprocess.DEVNULL)
        says("down #exit status 1: NOAUTH .*\n", ports[0])
        says("up #master\n", ports[0], REDISCLI_AUTH="secret")
        self.end(master)
        self.end(replica)
        says(r"down #exit status 1: Could not connect to Redis at .*\n",
             ports[0])


class Disk(RecipeCase):
    """df -P."""

    def answer(self, space, inodes):
        self.program("df", f"""case $2 in
-k) echo 'Filesystem 1024-blocks Used Available Capacity Mounted on'
    echo '/dev/disk/by name 100 50 50 {space} /srv/my data' ;;
-i) echo 'Filesystem Inodes IUsed IFree IUse% Mounted on'
    echo '/dev/disk/by name 100 50 50 {inodes} /srv/my data' ;;
esac
""")

    def test_used(self):
        for space, inodes, most, wanted in (
                ("50%", "1%", (), "up #/srv/my data: 50% used"),
                ("90%", "90%", (), "up #/srv/my data: 90% used"),
                ("91%", "1%", (), "down #/srv/my data: 91% used"),
                ("91%", "-", ("95",), "up #/srv/my data: 91% used"),
                ("1%", "100%", ("95",),
                 "down #/srv/my data: 100% of the inodes used")):
            with self.subTest((space, inodes)):
                self.answer(space, inodes)
                self.assertEqual(
                    self.health("disk", "/srv/my data", *most), wanted + "\n")

    def test_real(self):
        self.assertRegex(self.health("disk", self.place, "100"),
                         rf"\Aup #{self.place}: \d+% used\n\Z")
        self.assertRegex(self.health("disk", "/no/such/place"),
                         r"\Adown #exit status 1: df: .*/no/such/place")

    def test_usage(self):
        for arguments in ((), ("/", "x"), ("/", "90", "x"), ("/", "-1")):
            with self.subTest(arguments):
                self.assertRegex(self.health("disk", *arguments),
                                 r"\Adown #exit status 64: ")


class Load(RecipeCase):
    """/proc/loadavg."""

    def weight(self, *arguments):
        text = self.health("load", *arguments)
        found = re.fullmatch(r"up ready (\d+)% #load [0-9.]+\n", text)
        self.assertIsNotNone(found, text)
        return int(found.group(1))

    def test_weight(self):
        self.assertIn(self.weight(), range(1, 101))
        self.assertEqual(self.weight("1000000"), 100)
        self.program("getconf", "echo 1000000\n")
        self.assertEqual(self.weight(), 100)

    def test_never_less_than_one(self):
        if os.getloadavg()[0] < 0.01:
            self.skipTest("this machine is idle")
        self.assertEqual(self.weight("0.000001"), 1)

    def test_usage(self):
        for arguments in (("0",), ("x",), ("1", "2"), ("-1",)):
            with self.subTest(arguments):
                self.assertRegex(self.health("load", *arguments),
                                 r"\Adown #exit status 64: ")


class Metrics(RecipeCase):
    """forkgreetctl metrics; test_recipes.py has the real one."""

    def greeting(self, text, *arguments):
        """With that stand-in: the greeting that the feed writes, None: none;
        and its verdict."""
        self.program("forkgreetctl", text)
        path = os.path.join(self.place, "greeting")
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path)
        subprocess.run(
            [FEED, "-1", "-w", str(PATIENCE), "-s", self.health_file, "-o",
             path, os.path.join(RECIPES, "metrics"), *arguments],
            env={"PATH": f"{self.bin}:{os.environ['PATH']}"},
            stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, check=False,
            timeout=2 * PATIENCE)
        with open(self.health_file, encoding="utf-8") as file:
            verdict = file.read()
        if not os.path.exists(path):
            return None, verdict
        with open(path, encoding="utf-8") as file:
            return file.read(), verdict

    def test_states(self):
        self.assertEqual(
            self.greeting('echo "# HELP $*"; echo "a 1"', "-s", "/x"),
            ("# HELP -s /x metrics\na 1\n", "up\n"))
        self.assertEqual(
            self.greeting("echo no daemon >&2; exit 69"),
            ("# forkgreetd does not run\n", "up\n"))
        self.assertEqual(
            self.greeting("echo a 1; echo not allowed >&2; exit 77"),
            (None, "down #exit status 77: not allowed\n"))


class Written(unittest.TestCase):
    """As all of them are."""

    def test_shellcheck(self):
        if not shutil.which("shellcheck"):
            self.skipTest("needs shellcheck")
        for name in sorted(os.listdir(RECIPES)):
            with self.subTest(name):
                result = subprocess.run(
                    ["shellcheck", os.path.join(RECIPES, name)], text=True,
                    stdout=subprocess.PIPE, check=False)
                self.assertEqual(result.stdout, "")

    def test_header(self):
        """What it is, and the line of the feed's file."""
        for name in sorted(os.listdir(RECIPES)):
            with self.subTest(name):
                with open(os.path.join(RECIPES, name),
                          encoding="utf-8") as file:
                    text = file.read()
                self.assertTrue(text.startswith(f"#!/bin/sh\n# {name}: "))
                self.assertIn(
                    f'#\tCOMMAND="/usr/share/forkgreet/feed/{name}', text)


if __name__ == "__main__":
    from harness import main
    main()
