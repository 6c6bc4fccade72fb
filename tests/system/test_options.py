"""The command line: what each option prints, checks and refuses."""

import errno
import os
import re
import signal
import socket
import subprocess

import harness
from harness import (HOST, IS_ROOT, PATIENCE, StartCase, free_port,
                     if_also_user, needs_root, run, wait_for)

ABSENT = "203.0.113.77"  # RFC 5737: nobody has it
USAGE = "usage: forkgreetd [-f | -t | -T | -E KEY=VALUE[,...]] [-c FILE]\n"


class Usage(StartCase):
    """Options that need no configuration, and those that are none."""

    def check_usage(self, *arguments):
        """They must be refused with the usage."""
        result = run(*arguments, as_user=self.as_user)
        self.assertEqual(result.returncode, 64, result.stderr)
        self.assertEqual(result.stdout, "")
        self.assertIn(USAGE, result.stderr)
        return result.stderr

    def test_version(self):
        for option in "-V", "--version":
            result = run(option, as_user=self.as_user)
            self.assertEqual((result.returncode, result.stderr), (0, ""))
            self.assertRegex(result.stdout, (
                r"\Aforkgreetd \d+\.\d+\S*\n"
                r"libconfig \d+\.\d+\.\d+\n"
                r"libseccomp \d+\.\d+\.\d+\n"
                r"Landlock ABI (\d+|none)\n"
                r"spawner C library \w+.*\n\Z"))

    def test_help(self):
        for option in "-h", "--help":
            result = run(option, as_user=self.as_user)
            self.assertEqual((result.returncode, result.stderr), (0, ""))
            self.assertTrue(result.stdout.startswith(USAGE))
            for name in ("config FILE", "foreground", "test", "dump",
                         "explain KEY=VALUE[,...]\n",
                         "version", "help"):
                self.assertIn(f"--{name}", result.stdout)

    def test_unknown_option(self):
        self.assertIn("'x'", self.check_usage("-x"))
        self.assertIn("--nonsense", self.check_usage("--nonsense"))
        self.assertIn("'x'", self.check_usage("-E", "src=::1", "-x"))

    def test_missing_or_needless_value(self):
        self.assertIn("'c'", self.check_usage("-c"))
        self.assertIn("'E'", self.check_usage("-E"))
        self.check_usage("--test=yes")

    def test_extra_argument(self):
        path = self.file(self.configuration())
        for arguments in ("-t", "-c", path, "more"), ("--", "more"):
            self.assertIn("unexpected argument: more\n",
                          self.check_usage(*arguments))

    def test_two_things_at_once(self):
        for arguments in ("-t", "-T"), ("-T", "-t"), ("-f", "-t"), ("-T", "-f"):
            self.check_usage(*arguments)

    def test_b14_the_cause_is_named(self):
        for arguments, cause in (
                (("-t", "-t"), "-t was given twice"),
                (("-T", "--dump"), "-T was given twice"),
                (("-t", "-T"), "-t and -T exclude each other"),
                (("--dump", "--test"), "-t and -T exclude each other"),
                (("-E", "a=b", "-T"), "-T and -E exclude each other"),
                (("-t", "-E", "a=b"), "-t and -E exclude each other"),
                (("-E", "a=b", "-E", "a=b"), "-E was given twice"),
                (("-E", "a=b", "-f"), "-f and -E exclude each other: nothing "
                 "is served"),
                (("-t", "-f"), "-f and -t exclude each other: nothing is "
                 "served"),
                (("-f", "-T"), "-f and -T exclude each other: nothing is "
                 "served"),
                (("-t", "-c", ""), "-c: expected the name of a file")):
            with self.subTest(arguments):
                self.assertEqual(
                    self.check_usage(*arguments).splitlines()[0],
                    f"forkgreetd: {cause}")

    def test_full_output(self):
        path = self.file(self.configuration())
        for arguments in ("-V",), ("-h",), ("-T", "-c", path):
            with open("/dev/full", "wb") as full:
                result = run(*arguments, stdout=full, as_user=self.as_user)
            self.assertEqual(result.returncode, 71)
            self.assertEqual(result.stderr, "forkgreetd: standard output: No "
                             "space left on device\n")

    def test_nobody_reads_the_output(self):
        path = self.file(self.configuration())
        for arguments in ("-V",), ("-T", "-c", path):
            ours, theirs = os.pipe()
            os.close(ours)
            result = run(*arguments, stdout=theirs, as_user=self.as_user)
            os.close(theirs)
            self.assertEqual(result.returncode, 71)
            self.assertEqual(result.stderr,
                             "forkgreetd: standard output: Broken pipe\n")

    def test_default_configuration(self):
        """The one that -h names."""
        (path,) = re.findall(r"\(default (\S+)\)", run("-h").stdout)
        self.assertTrue(path.endswith("/forkgreet.conf"), path)
        if os.path.exists(path):
            self.skipTest(f"{path} exists")
        result = run("-t", as_user=self.as_user)
        self.assertEqual(result.returncode, 78)
        # The second where only root can go, as in a checkout below /root.
        self.assertIn(result.stderr, [
            f"forkgreetd: {path}: {os.strerror(number)}\n"
            for number in (errno.ENOENT, errno.EACCES)])

    def test_last_configuration_counts(self):
        good = self.file(self.configuration())
        for arguments in (("-c", good), (f"-c{good}",), ("--config", good),
                          (f"--config={good}",)):
            result = run("-t", "-c", "/nonexistent", *arguments,
                         as_user=self.as_user)
            self.assertEqual((result.returncode, result.stderr), (0, ""))


@if_also_user
class UsageAsUser(Usage):
    """The same, by an ordinary user."""

    as_user = True


class Unreadable(StartCase):
    """Configurations that are none, for every option that reads one."""

    def check(self, path, why):
        """Each must refuse it at once, a FIFO too."""
        for option in "-t", "-T", "-f":
            result = self.run_with(path, option)
            self.assertEqual((result.returncode, result.stdout), (78, ""),
                             option)
            self.assertEqual(result.stderr, f"forkgreetd: {path}: {why}\n")

    def test_missing(self):
        self.check(os.path.join(self.folder(), "forkgreet.conf"),
                   "No such file or directory")
        self.check("/dev/null/forkgreet.conf", "Not a directory")

    def test_no_regular_file(self):
        folder = self.folder()
        self.check(folder, "is a directory, not a regular file")
        fifo = os.path.join(folder, "fifo")
        os.mkfifo(fifo)
        os.chmod(fifo, 0o644)
        self.check(fifo, "is not a regular file")
        for device in "/dev/null", "/dev/zero":
            self.check(device, "is not a regular file")
        path = os.path.join(folder, "socket")
        with socket.socket(socket.AF_UNIX) as sock:
            sock.bind(path)
            os.chmod(path, 0o666)
            self.check(path, "No such device or address")

    def test_others_can_write_it(self):
        for mode in 0o664, 0o646:
            self.check(self.file(self.configuration(), mode),
                       f"group or others can write it (mode {mode:04o})"
                       ": chmod go-w it")

    def test_huge(self):
        path = self.file("")
        os.truncate(path, 1 << 40)
        self.check(path, "is larger than 20971520 bytes (1099511627776)")

    def test_not_ours_to_read(self):
        if IS_ROOT and not self.as_user:
            self.skipTest("root reads all")
        path = self.file(self.configuration(), 0)
        self.check(path, "Permission denied")


@if_also_user
class UnreadableAsUser(Unreadable):
    """The same, by an ordinary user."""

    as_user = True


class Test(StartCase):
    """-t"""

    def check(self, config, status=0, errors="", arguments=("-t",), **more):
        """Its standard error must be exactly errors."""
        path = self.file(config)
        result = self.run_with(path, *arguments, **more)
        self.assertEqual((result.stderr, result.stdout),
                         (errors.replace("FILE", path), ""))
        self.assertEqual(result.returncode, status)

    def test_good(self):
        for option in "-t", "--test":
            self.check(self.configuration(), arguments=(option,))

    def test_full_output(self):
        """It has nothing to say."""
        with open("/dev/full", "wb") as full:
            result = self.run_with(self.file(self.configuration()), "-t",
                                   stdout=full)
        self.assertEqual((result.returncode, result.stderr), (0, ""))

    def test_binds_nothing(self):
        with socket.create_server((HOST, 0)) as sock:
            self.check(self.configuration(
                self.listener(port=sock.getsockname()[1]) + "," +
                '{ port = 81; },' +
                f'{{ address = "{ABSENT}"; port = 4444; }}'))

    def test_writes_nothing(self):
        path = os.path.join(self.folder(), "pid")
        self.check(self.configuration(top=f'pid_file = "{path}";'))
        self.assertFalse(os.path.exists(path))

    def test_beside_a_daemon(self):
        path = os.path.join(self.folder(), "pid")
        daemon = self.start(top=f'pid_file = "{path}";')
        result = self.run_with(daemon.config, "-t")
        self.assertEqual((result.returncode, result.stderr), (0, ""))
        with open(path, encoding="ascii") as file:
            self.assertEqual(file.read(), f"{daemon.pid}\n")
        self.greets(self.port)

    def test_warnings(self):
        with open("/proc/sys/net/core/somaxconn", encoding="ascii") as file:
            most = int(file.read())
        if most >= 65535:
            self.skipTest(f"net.core.somaxconn is {most}")
        config = self.configuration(self.listener("backlog = 65535;"))
        line = config.partition("listeners = (")[0].count("\n") + 1
        self.check(config, 0, f"forkgreetd: FILE:{line}: listeners[0].backlog: "
                   f"65535 is more than the kernel allows, {most} "
                   "(net.core.somaxconn)\n")

    def test_advice(self):
        """Texts that a client should not get are warned of by -t alone, with
        the bytes that it would get and this system's names."""
        path = self.file("\x1b[1mhi\n")
        config = self.configuration(", ".join((
            self.listener(f'greeting_file = "{path}";', "a", free_port()),
            self.listener('line_ending = "crlf"; greeting = "220 hi\\n";\n'
                          'when = { down = "421 '
                          f'{os.uname().sysname.upper()}\\n"; }};', "b", 21))))
        line = config.partition("listeners = (")[0].count("\n") + 1
        self.check(
            config, 0,
            f'forkgreetd: FILE:{line}: listeners[0].greeting_file: "{path}": '
            "has the control byte 0x1b, which terminals may obey (line 1, byte "
            "1 of the text)\n"
            f"forkgreetd: FILE:{line + 1}: listeners[1].when.down: names the "
            "kernel, which helps an attacker (line 1, byte 5 of the text)\n")
        daemon = self.start(self.listener(f'greeting_file = "{path}";'))
        self.greets(self.port, b"\x1b[1mhi\n")
        self.assertEqual(
            [text for text in daemon.log() if "control byte" in text], [])

    def test_advice_of_picks(self):
        """RFC 865: a text of at most 512 characters."""
        path = self.file("short\n%\n" + "x" * 512 + "\n%\n")
        config = self.configuration(self.listener(
            f'greeting_file = "{path}"; pick = "random";', "a", free_port()))
        line = config.partition("listeners = (")[0].count("\n") + 1
        self.check(
            config, 0,
            f'forkgreetd: FILE:{line}: listeners[0].greeting_file: "{path}": '
            "has a text of 513 bytes, expected at most 512\n")

    def test_d4_a_variable_in_a_greeting(self):
        """What is none is an error, with its place, and a million of "%{"
        takes no time; with variables = false it is text."""
        path = self.file("up at %{time:%H}\n\n%{time:%Q}\n")
        text = self.file("%{" * 500000 + "}")
        several = ", ".join((
            self.listener('greeting = "%{id} %{client_ip}"; '
                          'rules = ( { from = "192.0.2.2"; action = "allow"; '
                          'greeting = "%{client}"; } );'),
            self.listener(f'greeting_file = "{path}";', "b", free_port()),
            self.listener(f'greeting_file = "{text}";', "c", free_port()),
            self.listener('greeting = "100% {x} %{id";', "d", free_port())))
        config = self.configuration(several)
        line = config.partition("listeners = (")[0].count("\n") + 1
        result = self.run_with(self.file(config), "-t")
        self.assertEqual(result.returncode, 78)
        said = result.stderr.splitlines()
        self.assertEqual(len(said), 4, said)
        for where, what, at in (
                ("1].greeting_file", "an unknown conversion", "line 3, byte 1"),
                ("2].greeting_file", "an unknown variable", "line 1, byte 1"),
                ("3].greeting", 'a "%{" without a "}"', "line 1, byte 10"),
                ("0].rules[0].greeting", "an unknown variable",
                 "line 1, byte 1")):
            found, = (part for part in said
                      if f":{line}: listeners[{where}: " in part)
            self.assertIn(f"has {what}", found)
            self.assertTrue(found.endswith(f"({at} of the text)"), found)
        self.check(self.configuration(
            self.listener('variables = false; greeting = "%{client} %{";')), 0,
                   "")

    def test_errors_of_every_kind(self):
        """All in one run, each with its line."""
        result = self.run_with(self.file(
            'pid_file = "relative";\n'
            'nonsense = 1;\n'
            'sandbox = "sometimes";\n'
            'listeners = ( { port = 70000; },\n'
            '  { address = "localhost"; },\n'
            '  { greeting = 1; } );\n'), "-t")
        self.assertEqual(result.returncode, 78)
        found = re.findall(r"^forkgreetd: /\S+/file:(\d+): (\S+): ",
                           result.stderr, re.MULTILINE)
        self.assertEqual(found, [
            ("1", "pid_file"), ("2", "nonsense"), ("3", "sandbox"),
            ("4", "listeners[0].port"), ("5", "listeners[1].address"),
            ("6", "listeners[2].greeting")])
        self.assertEqual(result.stderr.count("\n"), len(found))

    def test_twenty_errors(self):
        path = self.file("".join(f"key{i} = {i};\n" for i in range(1, 31)))
        result = self.run_with(path, "-t")
        self.assertEqual(result.returncode, 78)
        lines = result.stderr.splitlines()
        self.assertEqual(lines.pop(), "forkgreetd: and 10 more")
        self.assertEqual(len(lines), 20)
        for number, line in enumerate(lines, 1):
            self.assertTrue(line.startswith(
                f"forkgreetd: {path}:{number}: key{number}: unknown key"), line)

    def test_b14_twenty_warnings(self):
        """Those that are left out are announced, and the status stays 0."""
        rule = '{ from = "any"; action = "deny"; },\n'
        config = self.configuration(
            f'{{ port = 4001; rules = (\n{rule * 30}{rule[:-2]} ); }}')
        result = self.run_with(self.file(config), "-t")
        self.assertEqual(result.returncode, 0)
        lines = result.stderr.splitlines()
        self.assertEqual(lines.pop(), "forkgreetd: and 10 more")
        self.assertEqual(len(lines), 20)
        for line in lines:
            self.assertIn("can never match", line)

    def test_b14_long_path(self):
        """Line and reason are there all the same."""
        folder = self.folder()
        for name in "a" * 200, "b" * 200:
            folder = os.path.join(folder, name)
            os.mkdir(folder, 0o755)
        path = os.path.join(folder, "c" * 150)
        with open(path, "w", encoding="utf-8") as file:
            file.write("pid_file =\n5;\nnonsense = 1;\n")
        os.chmod(path, 0o644)
        result = self.run_with(path, "-t")
        self.assertEqual(result.returncode, 78)
        lines = result.stderr.splitlines()
        self.assertEqual(len(lines), 2)
        self.assertRegex(lines[0], r"c{40}:[12]: pid_file: 5 is a whole number, "
                         r"expected a string$")
        self.assertRegex(lines[1], r"c{40}:3: nonsense: unknown key, ")

    def test_greeting_files(self):
        """They are read too, all of them."""
        config = self.configuration(
            '{ port = 4001;\ngreeting_file = "/nonexistent/a"; },\n'
            '{ port = 4002;\ngreeting_file = "/dev/zero"; }')
        line = config.partition("greeting_file")[0].count("\n") + 1
        self.check(config, 78,
                   f'forkgreetd: FILE:{line}: listeners[0].greeting_file: '
                   '"/nonexistent/a": No such file or directory\n'
                   f'forkgreetd: FILE:{line + 2}: listeners[1].greeting_file: '
                   '"/dev/zero": is not a regular file\n')

    @needs_root
    def test_with_the_rights_of_the_daemon(self):
        """Not with root's."""
        path = self.file("secret", 0o600)
        config = self.configuration(self.listener(
            f'greeting_file = "{path}";'))
        line = config.partition("listeners = (")[0].count("\n") + 1
        self.check(config, 78, f'forkgreetd: FILE:{line}: listeners[0].'
                   f'greeting_file: "{path}": Permission denied\n')

    def test_relative_name(self):
        path = self.file("nonsense = 1;\n")
        for name in "file", "./file":
            result = run("-t", "-c", name, cwd=os.path.dirname(path),
                         as_user=self.as_user)
            self.assertEqual(result.returncode, 78)
            self.assertTrue(result.stderr.startswith(
                f"forkgreetd: {name}:1: nonsense: "), result.stderr)


@if_also_user
class TestAsUser(Test):
    """The same, by an ordinary user."""

    as_user = True


class Dump(StartCase):
    """-T"""

    def dump(self, path):
        result = self.run_with(path, "-T")
        self.assertEqual((result.returncode, result.stderr), (0, ""))
        return result.stdout

    def check(self, config):
        """The dump of the dump must be the same."""
        first = self.dump(self.file(config))
        self.assertEqual(self.dump(self.file(first)), first)
        return first

    def test_defaults(self):
        text = self.check("")
        default = "" if self.as_user or not IS_ROOT else "/run/forkgreet.pid"
        for line in (f'pid_file = "{default}";', 'user = "forkgreet";',
                     'sandbox = "required";', '\t\tport = 4444;',
                     '\t\taddress = "127.0.0.1";', '\t\tbacklog = 511;',
                     '\t\tgreeting = "hi client\\n";', "\tsession = 30;"):
            self.assertIn(line + "\n", text)

    def test_of_the_dump(self):
        greeting = self.file("from a file")
        text = self.check(
            'user = "nobody"; pid_file = "/x/\\"y\\\\z";\n'
            'log = { facility = "local7"; level = "debug"; '
            'clients = "none"; };\n'
            'limits = { max_clients = 7; when_full = "refuse"; };\n'
            'timeouts = { session = 2.5; linger = 0; cpu = 9; };\n'
            'listeners = (\n'
            '  { name = "a"; address = ( "127.0.0.1", "::1" ); '
            'greeting = "\\x01\\xff\\t%{}\\r\\n"; hold = true; },\n'
            '  { address = "fe80::1%eth0"; port = 1; backlog = 65535; '
            f'greeting_file = "{greeting}"; line_ending = "crlf"; }},\n'
            '  { address = "::"; port = 65535; v6only = false; '
            'optional = true; log = { clients = "errors"; }; '
            'timeouts = { send = 0.1; }; } );\n')
        for line in ('session = 2.5;', 'address = "fe80::1%eth0";',
                     r'greeting = "\x01\xff\t%{}\r\n";', 'send = 0.1;',
                     'v6only = false;', f'greeting_file = "{greeting}";'):
            self.assertIn(f"{line}\n", text)

    def test_is_a_configuration(self):
        """A daemon that gets the dump does the same."""
        dump = self.dump(self.file(self.configuration(
            self.listener('greeting = "dumped\\r\\n\\x01";'))))
        self.start(config=dump)
        self.greets(self.port, b"dumped\r\n\x01")

    def test_wrong(self):
        result = self.run_with(self.file("nonsense = 1;\n"), "-T")
        self.assertEqual((result.returncode, result.stdout), (78, ""))
        self.assertIn(":1: nonsense: unknown key", result.stderr)


@if_also_user
class DumpAsUser(Dump):
    """The same, by an ordinary user."""

    as_user = True


class Relative(StartCase):
    """A daemon goes to "/", but its configuration stays found."""

    @staticmethod
    def in_folder(command):
        """A wrapper that starts the program where its last argument, the
        configuration, is."""
        script = ('for last; do :; done; program=$0; '
                  f'cd "${{last%/*}}" && exec "$program" {command}')
        return ("sh", "-c", script)

    def check(self, daemon):
        """A reload finds it, and errors name it in full."""
        self.greets(self.port)
        daemon.reload(self.configuration(
            self.listener('greeting = "changed\\n";')))
        self.greets(self.port, b"changed\n")
        daemon.reload("nonsense = 1;\n", "failed")
        folder = os.path.dirname(daemon.config)
        self.assertTrue([line for line in daemon.log() if re.match(
            re.escape(folder) + r"/\S+:1: nonsense: ", line)], daemon.log())
        self.greets(self.port, b"changed\n")

    def test_foreground(self):
        for name in "forkgreet.conf", "./forkgreet.conf":
            with self.subTest(name):
                daemon = self.start(
                    wrapper=self.in_folder(f"-f -c {name}"))
                self.check(daemon)
                self.assertEqual(daemon.stop(), 0)

    def test_background(self):
        folder = self.folder()
        path = os.path.join(folder, "forkgreet.conf")
        pid_path = os.path.join(folder, "pid")
        with open(path, "w", encoding="ascii") as file:
            file.write(self.configuration(top=f'pid_file = "{pid_path}";'))
        harness.adopt_orphans()
        log = os.path.join(folder, "log")
        with open(log, "wb") as file:
            subprocess.run([harness.DAEMON, "-c", "forkgreet.conf"],
                           cwd=folder, stdin=subprocess.DEVNULL, stdout=file,
                           stderr=file, check=True, timeout=PATIENCE,
                           preexec_fn=harness.become_user
                           if self.as_user and IS_ROOT else None)
        with open(pid_path, encoding="ascii") as file:
            pid = int(file.read())
        self.addCleanup(os.waitpid, pid, 0)
        self.addCleanup(os.kill, pid, signal.SIGKILL)
        with open(path, "w", encoding="ascii") as file:
            file.write(self.configuration(self.listener(
                'greeting = "changed\\n";'), f'pid_file = "{pid_path}";'))
        os.kill(pid, signal.SIGHUP)

        def reloaded():
            with open(log, encoding="utf-8") as file:
                return "reload result=ok" in file.read()
        wait_for(reloaded, PATIENCE, "reload")
        self.greets(self.port, b"changed\n")


@if_also_user
class RelativeAsUser(Relative):
    """The same, by an ordinary user."""

    as_user = True


if __name__ == "__main__":
    from harness import main
    main()
