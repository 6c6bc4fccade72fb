"""Starting: addresses, privileges, what is inherited, going to the background,
the spawner's program."""

import ctypes
import errno
import fcntl
import grp
import os
import pty
import pwd
import re
import resource
import select
import shutil
import signal
import socket
import subprocess
import tempfile
import termios
import threading

from harness import (BUILDDIR, Background, Daemon, HOST, IS_ROOT, PATIENCE,
                     StartCase, USER, children, connect, descriptors, free_port, greet,
                     if_also_user, limits, needs_program, needs_root,
                     proc_status, read_all, run, wait_for)

libc = ctypes.CDLL(None, use_errno=True)
SPAWNER = "forkgreet-spawner"
ABSENT = "203.0.113.77"  # RFC 5737: nobody has it
CLONE_NEWNET = 0x40000000
CLONE_NEWUSER = 0x10000000
NOTHING = "0000000000000000"  # as /proc/PID/status shows an empty set
BIND_SERVICE = "0000000000000400"


def group(name, address, port, more=""):
    """A listener; address as it stands in the file."""
    return (f'{{ name = "{name}"; address = {address}; port = {port}; '
            f'greeting = "{name}\\n"; {more} }}')


def answers(port, host=HOST):
    """True when somebody greets there."""
    try:
        return greet(port, host, seconds=PATIENCE) != b""
    except ConnectionRefusedError:
        return False


def client_line(daemon, **fields):
    """The log's line about one client."""
    return daemon.wait_line("client", seconds=PATIENCE, **fields)[0]


def unprivileged_ports():
    """The least port that anybody may bind."""
    with open("/proc/sys/net/ipv4/ip_unprivileged_port_start",
              encoding="ascii") as file:
        return int(file.read())


# ------------------------------------------------------------------- addresses

class Addresses(StartCase):
    """What is bound, and what is said when it cannot be."""

    def own_ipv6(self):
        try:
            return free_port("::1", socket.AF_INET6)
        except OSError as error:
            return self.skipTest(f"::1: {error.strerror}")

    def occupied(self):
        """A port that somebody else listens on."""
        sock = socket.create_server((HOST, 0))
        self.addCleanup(sock.close)
        return sock.getsockname()[1]

    def test_several_listeners(self):
        other = free_port()
        daemon = self.start(group("one", f'"{HOST}"', self.port) + "," +
                            group("two", f'"{HOST}"', other))
        self.greets(self.port, b"one\n")
        self.greets(other, b"two\n")
        said = {(line["listener"], line["address"], int(line["port"]))
                for line in daemon.lines("listen")}
        self.assertEqual(said, {("one", HOST, self.port),
                                ("two", HOST, other)})
        self.assertEqual(daemon.lines("start")[0]["listeners"], "2")

    def test_list_of_addresses(self):
        daemon = self.start(group(
            "both", f'( "{HOST}", "127.77.1.2" )', self.port))
        for host in HOST, "127.77.1.2":
            self.greets(self.port, b"both\n", host)
            client_line(daemon, dst=host, listener="both")
        with self.assertRaises(ConnectionRefusedError):
            connect(self.port, "127.77.1.3")

    def test_ipv6(self):
        port = self.own_ipv6()
        daemon = self.start(group("six", '"::1"', port))
        self.greets(port, b"six\n", "::1")
        line = client_line(daemon)
        self.assertEqual((line["src"], line["dst"], line["dport"]),
                         ("::1", "::1", str(port)))
        self.assertEqual(daemon.lines("listen")[0]["address"], "::1")

    def test_default_name(self):
        daemon = self.start(f'{{ port = {self.port}; }}')
        self.assertEqual(daemon.lines("listen")[0]["listener"],
                         f"{HOST}:{self.port}")

    def test_v6only(self):
        """Beside it, there is room for the same port of IPv4."""
        self.own_ipv6()
        port = free_port("::", socket.AF_INET6)
        daemon = self.start(group("six", '"::"', port))
        with self.assertRaises(ConnectionRefusedError):
            connect(port)
        daemon.reload(self.configuration(
            group("six", '"::"', port) + "," +
            group("four", '"0.0.0.0"', port)))
        self.greets(port, b"four\n")
        self.greets(port, b"six\n", "::1")

    def test_dual_stack(self):
        self.own_ipv6()
        port = free_port("::", socket.AF_INET6)
        daemon = self.start(group("all", '"::"', port, "v6only = false;"))
        self.greets(port, b"all\n")
        line = client_line(daemon)
        self.assertEqual((line["src"], line["dst"]), (HOST, HOST))
        self.greets(port, b"all\n", "::1")
        client_line(daemon, src="::1", dst="::1")

    def test_optional(self):
        daemon = self.start(group(
            "some", f'( "{ABSENT}", "{HOST}" )', self.port,
            "optional = true;"))
        self.greets(self.port, b"some\n")
        warnings = [line for line in daemon.log() if "skipped" in line]
        self.assertEqual(len(warnings), 1)
        self.assertRegex(warnings[0],
                         rf"^{re.escape(daemon.config)}:\d+: bind {ABSENT}:"
                         rf"{self.port}: .*\(optional, skipped\)$")
        self.assertEqual(len(daemon.lines("listen")), 1)

    def test_absent(self):
        self.refused(
            69, f"forkgreetd: FILE:LINE: bind {ABSENT}:{self.port}: Cannot "
            "assign requested address (this machine does not have it; "
            "'optional = true' would skip it)\n",
            config=self.configuration(
                group("some", f'( "{HOST}", "{ABSENT}" )', self.port)))

    def test_all_optional_and_absent(self):
        self.refused(
            69, f"FILE:LINE: bind {ABSENT}:{self.port}: ",
            "bind: no address could be bound",
            config=self.configuration(group(
                "none", f'( "{ABSENT}", "203.0.113.78" )', self.port,
                "optional = true;")))

    def test_in_use(self):
        """Each of them is said, and nothing is left bound or written."""
        ports = self.occupied(), self.occupied()
        self.refused(
            69, *(f"forkgreetd: FILE:LINE: bind {HOST}:{port}: Address "
                  "already in use (by another program: see 'ss -ltnp')\n"
                  for port in ports),
            config=self.configuration(
                group("a", f'"{HOST}"', ports[0]) + "," +
                group("b", f'"{HOST}"', self.port) + "," +
                group("c", f'"{HOST}"', ports[1])))

    def test_taken_for_a_moment(self):
        """As by a child of a daemon that was killed just now."""
        with socket.socket() as sock:
            sock.bind((HOST, self.port))
            sock.listen()
            end = threading.Timer(0.1, sock.close)
            end.start()
            self.start()
            end.join()
        self.greets(self.port)

    def test_optional_but_in_use(self):
        port = self.occupied()
        self.refused(
            69, f"FILE:LINE: bind {HOST}:{port}: Address already in use",
            config=self.configuration(
                group("a", f'"{HOST}"', port, "optional = true;") + "," +
                group("b", f'"{HOST}"', self.port)))

    def test_backlog_above_somaxconn(self):
        with open("/proc/sys/net/core/somaxconn", encoding="ascii") as file:
            most = int(file.read())
        if most >= 65535:
            self.skipTest(f"net.core.somaxconn is {most}")
        daemon = self.start(self.listener(f"backlog = {most + 1};"))
        self.greets(self.port)
        warning = (f"listeners[0].backlog: {most + 1} is more than the kernel "
                   f"allows, {most} (net.core.somaxconn)")
        self.assertEqual(
            len([line for line in daemon.log() if warning in line]), 1)

    def test_b2_low_port_is_refused(self):
        if unprivileged_ports() <= 81:
            self.skipTest("anybody may bind port 81 here")
        without = ("setpriv", "--bounding-set", "-net_bind_service")
        if not self.as_user and IS_ROOT and not shutil.which("setpriv"):
            self.skipTest("needs setpriv")
        self.refused(
            77, "FILE:LINE: bind 127.77.2.1:81: Permission denied (ports "
            "below 1024 need CAP_NET_BIND_SERVICE)",
            config=self.configuration(group("low", '"127.77.2.1"', 81)),
            wrapper=without if IS_ROOT and not self.as_user else ())

    def test_low_port_is_refused_at_reload(self):
        if unprivileged_ports() <= 82:
            self.skipTest("anybody may bind port 82 here")
        as_root = IS_ROOT and not self.as_user
        if as_root and not shutil.which("setpriv"):
            self.skipTest("needs setpriv")
        main = group("main", f'"{HOST}"', self.port)
        daemon = self.start(main, wrapper=(
            "setpriv", "--bounding-set", "-net_bind_service")
            if as_root else ())
        daemon.reload(self.configuration(
            main.replace("main", "changed") + "," +
            group("low", '"127.77.2.2"', 82)), "failed")
        self.assertIn("bind 127.77.2.2:82: Permission denied (ports below "
                      "1024 need CAP_NET_BIND_SERVICE)",
                      "\n".join(daemon.log()))
        self.greets(self.port, b"main\n")


@if_also_user
class AddressesAsUser(Addresses):
    """The same, started by an ordinary user."""

    as_user = True


@needs_root
class Scopes(StartCase):
    """Link-local addresses, in a network of its own."""

    def setUp(self):
        for program in "ip", "unshare":
            if not shutil.which(program):
                self.skipTest(f"needs {program}")
        home = os.open("/proc/self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
        if libc.unshare(CLONE_NEWNET) == -1:
            os.close(home)
            self.skipTest("no network of its own: "
                          + os.strerror(ctypes.get_errno()))
        self.addCleanup(self.leave, home)
        self.ip("link", "set", "lo", "up")
        for name in "fg0", "fg1":
            self.add(name)

    @staticmethod
    def leave(home):
        if libc.setns(home, CLONE_NEWNET) == -1:
            raise OSError(ctypes.get_errno(), "setns")
        os.close(home)

    def ip(self, *words):
        return subprocess.run(["ip", *words], check=False,
                              capture_output=True).returncode == 0

    def add(self, name):
        """A network interface with fe80::1 and nobody on the other side."""
        if not (self.ip("link", "add", name, "type", "dummy") or
                self.ip("link", "add", name, "type", "veth")):
            self.skipTest("neither a dummy nor a veth can be made")
        if not (self.ip("link", "set", name, "up") and
                self.ip("addr", "add", "fe80::1/64", "dev", name, "nodad")):
            self.skipTest("no IPv6")

    def greeting(self, name):
        with socket.socket(socket.AF_INET6, socket.SOCK_STREAM) as sock:
            sock.settimeout(PATIENCE)
            sock.connect(("fe80::1", self.port, 0, socket.if_nametoindex(name)))
            return read_all(sock)

    def test_two_scopes(self):
        """The same address and port on two links are two listeners; one by its
        number."""
        number = socket.if_nametoindex("fg1")
        daemon = self.start(group("a", '"fe80::1%fg0"', self.port) + "," +
                            group("b", f'"fe80::1%{number}"', self.port))
        self.assertEqual(self.greeting("fg0"), b"a\n")
        self.assertEqual(self.greeting("fg1"), b"b\n")
        daemon.reload(self.configuration(
            group("c", '"fe80::1%fg0"', self.port)))
        self.assertEqual(self.greeting("fg0"), b"c\n")
        with self.assertRaises(ConnectionRefusedError):
            self.greeting("fg1")

    def test_absent_scope(self):
        self.refused(
            69, f"FILE:LINE: bind [fe80::1%fg9]:{self.port}: Cannot assign "
            "requested address (this machine does not have it; ",
            config=self.configuration(
                group("a", '"fe80::1%fg9"', self.port)))

    def test_absent_optional_scope(self):
        self.start(group("a", '( "fe80::1%fg9", "fe80::1%fg0" )', self.port,
                         "optional = true;"))
        self.assertEqual(self.greeting("fg0"), b"a\n")

    def test_no_scope(self):
        self.refused(78, "FILE:LINE: listeners[0].address: \"fe80::1\" is "
                     "link-local and has no scope",
                     config=self.configuration(
                         group("a", '"fe80::1"', self.port)))


# ------------------------------------------------------------------ privileges

def deny_system_call(number):
    """For preexec_fn: from now on this call fails with EACCES."""
    class Instruction(ctypes.Structure):
        """struct sock_filter of linux/filter.h"""
        _fields_ = [("code", ctypes.c_uint16), ("true", ctypes.c_uint8),
                    ("false", ctypes.c_uint8), ("k", ctypes.c_uint32)]

    class Program(ctypes.Structure):
        """struct sock_fprog"""
        _fields_ = [("length", ctypes.c_uint16),
                    ("code", ctypes.POINTER(Instruction))]
    code = (Instruction * 4)(
        (0x20, 0, 0, 0),  # load the call's number
        (0x15, 0, 1, number),  # if it is this one
        (0x06, 0, 0, 0x00050000 | errno.EACCES),  # SECCOMP_RET_ERRNO
        (0x06, 0, 0, 0x7fff0000))  # else SECCOMP_RET_ALLOW
    zero = ctypes.c_ulong(0)
    if (libc.prctl(38, ctypes.c_ulong(1), zero, zero, zero) == -1 or
            libc.prctl(22, ctypes.c_ulong(2),
                       ctypes.byref(Program(4, code)), zero, zero) == -1):
        os._exit(99)


class Privileges(StartCase):
    """Who the processes are and what they may."""

    def assert_identity(self, status):
        for key in "Uid", "Gid":
            self.assertEqual(set(status[key].split()),
                             {str(USER if IS_ROOT else
                                  os.getuid() if key == "Uid" else
                                  os.getgid())}, key)
        if IS_ROOT:
            self.assertEqual(status["Groups"].split(),
                             [] if self.as_user else [str(USER)])

    def assert_capabilities(self, status, permitted=NOTHING):
        """What is permitted can be inherited, as an upgrade has it done."""
        for key in "CapEff", "CapAmb":
            self.assertEqual(status[key], NOTHING, key)
        for key in "CapPrm", "CapInh":
            self.assertEqual(status[key], permitted, key)
        if IS_ROOT and not self.as_user:
            self.assertEqual(status["CapBnd"], NOTHING)

    def held_client(self, daemon):
        """Connects; returns its child's pid."""
        sock = self.connect(self.port, seconds=PATIENCE)
        self.assertEqual(sock.recv(100), b"hi client\n")
        (pid,) = daemon.clients()
        return pid

    def assert_sandboxed(self, pid, filters=2):
        """Of the filters the first is the master's."""
        status = proc_status(pid)
        self.assert_identity(status)
        self.assert_capabilities(status)
        self.assertEqual(status["NoNewPrivs"], "1")
        self.assertEqual(status["Seccomp"], "2" if filters else "0")
        self.assertEqual(status["Seccomp_filters"], str(filters))

    def assert_not_dumpable(self, pid):
        """proc(5): then its files there are root's."""
        self.assertEqual(os.stat(f"/proc/{pid}/environ").st_uid, 0)

    def test_master(self):
        daemon = self.start()
        status = proc_status(daemon.pid)
        self.assert_identity(status)
        self.assert_capabilities(
            status, NOTHING if self.as_user or not IS_ROOT else BIND_SERVICE)
        self.assertEqual(status["NoNewPrivs"], "1")
        self.assertEqual(status["Seccomp_filters"], "1")
        self.assert_not_dumpable(daemon.pid)
        self.assertEqual(daemon.lines("start")[0]["uid"],
                         status["Uid"].split()[0])

    def test_children(self):
        daemon = self.start(self.listener("hold = true;"))
        (spawner,) = daemon.spawners()
        client = self.held_client(daemon)
        for pid in spawner, client:
            self.assert_sandboxed(pid)
            self.assert_not_dumpable(pid)
        self.assertEqual(proc_status(client)["PPid"], str(daemon.pid))

    @needs_root
    def test_descriptors(self):
        daemon = self.start(self.listener("hold = true;"))
        (spawner,) = daemon.spawners()
        client = self.held_client(daemon)
        for pid, number in (spawner, 3), (client, 0):
            wait_for(lambda: list(descriptors(pid)) == [number], PATIENCE)
            self.assertRegex(descriptors(pid)[number], r"^socket:")

    def test_limits(self):
        daemon = self.start(self.listener("hold = true;"),
                            "timeouts = { cpu = 7; };")
        (spawner,) = daemon.spawners()
        client = limits(self.held_client(daemon))
        for found in client, limits(spawner):
            for name in ("Max core file size", "Max file size",
                         "Max locked memory", "Max msgqueue size"):
                self.assertEqual(found[name], ("0", "0"), name)
            self.assertEqual(found["Max open files"], ("1", "1"))
        self.assertEqual(client["Max processes"], ("0", "0"))
        self.assertEqual(client["Max cpu time"], ("7", "7"))

    def test_sandbox_off(self):
        """Said, and all but the filter is there."""
        daemon = self.start(self.listener("hold = true;"),
                            'sandbox = "off";')
        line = daemon.lines("start")[0]
        self.assertEqual((line["sandbox"], line["landlock_abi"]), ("off", "0"))
        (spawner,) = daemon.spawners()
        client = self.held_client(daemon)
        for pid in spawner, client:
            self.assert_sandboxed(pid, filters=0)
        self.assertEqual(limits(client)["Max processes"], ("0", "0"))
        self.assertEqual(proc_status(daemon.pid)["Seccomp_filters"], "0")

    def test_sandbox_is_said(self):
        line = self.start().lines("start")[0]
        self.assertEqual(line["sandbox"], "required")

    def test_sandbox_cannot_be_had(self):
        """"required" does not run without, "off" does."""
        if "Landlock ABI none" in run("-V").stdout:
            self.skipTest("this kernel has no Landlock to fail")

        def without_landlock():
            deny_system_call(446)  # landlock_restrict_self, everywhere
        self.refused(77, "forkgreetd: spawner: landlock_restrict_self: "
                     "Permission denied\n", preexec=without_landlock)
        self.start(top='sandbox = "off";', preexec=without_landlock)
        self.greets(self.port)


@if_also_user
class PrivilegesAsUser(Privileges):
    """The same, started by an ordinary user."""

    as_user = True


@needs_root
class Capabilities(StartCase):
    """CAP_NET_BIND_SERVICE: root's, a unit's, and none."""

    # Where other tests, at the same time, are not.
    address = f"127.77.{os.getpid() % 250 + 3}.{os.getpid() // 250 % 250 + 1}"

    def low(self, *ports):
        return ", ".join(group(f"port{port}", f'"{self.address}"', port)
                         for port in ports)

    def assert_kept(self, daemon):
        """Permitted and, for an upgrade, inheritable, and nothing else."""
        status = proc_status(daemon.pid)
        for key in "CapPrm", "CapInh":
            self.assertEqual(status[key], BIND_SERVICE, key)
        for key in "CapEff", "CapAmb":
            self.assertEqual(status[key], NOTHING, key)
        # One that is retired may end meanwhile: it has no status any more.
        spawners = [status for status in map(proc_status, daemon.spawners())
                    if "CapPrm" in status]
        self.assertNotEqual(spawners, [])
        for status in spawners:
            for key in "CapInh", "CapEff", "CapAmb", "CapPrm":
                self.assertEqual(status[key], NOTHING, key)

    def check_low_ports(self, daemon):
        """At the start, and again after the drop."""
        self.assert_kept(daemon)
        self.greets(81, b"port81\n", self.address)
        daemon.reload(self.configuration(self.low(81, 82)))
        self.assert_kept(daemon)
        self.greets(81, b"port81\n", self.address)
        self.greets(82, b"port82\n", self.address)
        self.assertEqual(proc_status(daemon.pid)["Uid"].split(),
                         [str(USER)] * 4)

    def test_root(self):
        self.check_low_ports(self.daemon(self.low(81)))

    @needs_program("setpriv")
    def test_root_with_inheritable(self):
        """What a login session leaves behind is not kept."""
        self.check_low_ports(self.daemon(self.low(81), wrapper=(
            "setpriv", "--inh-caps", "+net_bind_service,+kill,+net_admin",
            "--ambient-caps", "+net_bind_service,+kill")))

    @needs_program("setpriv")
    def test_user_with_ambient(self):
        self.check_low_ports(self.daemon(self.low(81), wrapper=(
            "setpriv", "--reuid", str(USER), "--regid", str(USER),
            "--clear-groups", "--inh-caps", "+net_bind_service",
            "--ambient-caps", "+net_bind_service")))

    @needs_program("setpriv")
    def test_user_with_more_ambient(self):
        """Others than that one are given up."""
        self.check_low_ports(self.daemon(self.low(81), wrapper=(
            "setpriv", "--reuid", str(USER), "--regid", str(USER),
            "--clear-groups", "--inh-caps", "+net_bind_service,+sys_admin",
            "--ambient-caps", "+net_bind_service,+sys_admin")))

    @needs_program("setpriv")
    def test_root_without(self):
        """A container's root need not have it."""
        daemon = self.daemon(wrapper=("setpriv", "--bounding-set",
                                      "-net_bind_service"))
        self.greets(self.port)
        self.assertEqual(proc_status(daemon.pid)["CapPrm"], NOTHING)

    @needs_program("setpriv")
    def test_drop_fails(self):
        """Root that cannot empty the bounding set does not go on."""
        self.refused(77, "forkgreetd: privileges: capability bounding set: "
                     "Operation not permitted\n",
                     wrapper=("setpriv", "--bounding-set", "-setpcap"))


@needs_root
class Identity(StartCase):
    """Whom root becomes."""

    def check(self, *texts, user="nobody", name="nogroup"):
        config = (f'user = "{user}";\ngroup = "{name}";\n'
                  f'listeners = ( {self.listener()} );\n')
        self.refused(78, *texts, config=config)

    def test_unknown_user(self):
        self.check('FILE:1: user: "fg-nobody": no such user\n',
                   user="fg-nobody")

    def test_unknown_group(self):
        self.check('FILE:2: group: "fg-nobody": no such group\n',
                   name="fg-nobody")

    def test_root_user(self):
        for name in "root", "0":
            self.check(f'FILE:1: user: "{name}" is refused', user=name)

    def test_root_group(self):
        self.check('FILE:2: group: "root" is refused', name="root")

    def test_ordinary_user_needs_none(self):
        """user and group mean nothing then."""
        self.daemon(as_user=True, config=(
            'user = "fg-nobody"; group = "fg-nobody";\n'
            'log = { target = "stderr"; };\n'
            f'listeners = ( {self.listener()} );\n'))
        self.greets(self.port)


@needs_root
class Ignored(StartCase):
    """user and group where there is nobody to become."""

    as_user = True

    def warnings(self, daemon):
        return [line.removeprefix(daemon.config) for line in daemon.log()
                if "ignored, not started as root" in line]

    def conf(self, more):
        """With nothing else above the listeners."""
        return (f'log = {{ target = "stderr"; }};\n{more}\n'
                f'control_socket = "";\nstate_file = "";\n'
                f'listeners = ( {self.listener()} );\n')

    def own(self):
        """The names of who starts the daemon."""
        uid, gid = (USER, USER) if IS_ROOT else (os.getuid(), os.getgid())
        return pwd.getpwuid(uid).pw_name, grp.getgrgid(gid).gr_name

    def test_d3_warned_of(self):
        """Once, by the key that differs; -t says it too."""
        user, group = self.own()
        for more, key in ((f'user = "games"; group = "{group}";', "user"),
                          ('user = "no-such-user";', "user"),
                          (f'user = "{user}"; group = "games";', "group"),
                          ('group = "no-such-group";', "group")):
            with self.subTest(more):
                daemon = self.daemon(config=self.conf(more), as_user=True)
                uid = USER if IS_ROOT else os.getuid()
                gid = USER if IS_ROOT else os.getgid()
                want = (f":2: {key}: ignored, not started as root: the daemon "
                        f"runs as user {uid}, group {gid}")
                self.assertEqual(self.warnings(daemon), [want])
                result = self.run_with(daemon.config, "-t")
                self.assertEqual((result.returncode, result.stderr), (
                    0, f"forkgreetd: {daemon.config}{want}\n"))
                daemon.end()

    def test_d3_not_warned_of(self):
        """What does not differ, or is a default."""
        user, group = self.own()
        for more in "", f'user = "{user}"; group = "{group}";':
            daemon = self.daemon(config=self.conf(more), as_user=True)
            self.assertEqual(self.warnings(daemon), [])
            daemon.end()

    def test_b12_reload_compares_what_is_in_effect(self):
        """Nobody becomes anybody: another name changes nothing."""
        daemon = self.daemon(config=self.conf('user = "games";'), as_user=True)
        daemon.reload(self.conf('user = "daemon"; group = "daemon";'))
        self.greets(self.port)


class OneUser(StartCase):
    """A user namespace that has one user, as "unshare -r" makes it."""

    UNSHARE = ("unshare", "-r")

    def setUp(self):
        found = run("-r", "true", program=shutil.which("unshare"),
                    as_user=self.as_user)
        if found.returncode != 0:
            self.skipTest(f"unshare -r: {found.stderr}")

    def test_d9_ordinary_user(self):
        """Who is called root there: serves as what it is, and says so."""
        if not self.as_user:
            self.skipTest("root is root outside too")
        daemon = self.start(self.listener("hold = true;"),
                            wrapper=self.UNSHARE)
        self.assertIn(f"{daemon.config}: user: stays 0: this user namespace "
                      "has no other user (user_namespaces(7))", daemon.log())
        with connect(self.port, seconds=PATIENCE) as sock:
            self.assertEqual(sock.recv(100), b"hi client\n")
            for pid in (daemon.pid, *daemon.all_spawners()):
                status = proc_status(pid)
                self.assertEqual(status["Uid"].split(), [str(
                    USER if IS_ROOT else os.getuid())] * 4)
                self.assertEqual(status["CapEff"], NOTHING)
                self.assertEqual(status["NoNewPrivs"], "1")
        daemon.reload(self.configuration())
        self.greets(self.port)
        self.assertEqual(daemon.stop(), 0)

    @needs_root
    def test_d9_root(self):
        """Whom RLIMIT_NPROC does not bind: both reasons are said."""
        if self.as_user:
            self.skipTest("an ordinary user is bound")
        self.refused(77, "user: stays 0: this user namespace has no other user",
                     "spawner: client child: RLIMIT_NPROC: not in effect",
                     wrapper=self.UNSHARE)

    @needs_root
    def test_d9_user_that_is_not_mapped(self):
        """There are others, but not that one."""
        if self.as_user:
            self.skipTest("an ordinary user may map one only")
        asked, go = os.pipe(), os.pipe()

        def before():
            if libc.unshare(CLONE_NEWUSER) == -1:
                os._exit(99)
            os.write(asked[1], str(os.getpid()).encode())
            os.read(go[0], 1)

        def give_users():
            pid = int(os.read(asked[0], 20))
            for name in "uid_map", "gid_map":
                with open(f"/proc/{pid}/{name}", "w",
                          encoding="ascii") as file:
                    file.write("0 0 100")
            os.write(go[1], b"!")
        thread = threading.Thread(target=give_users)
        thread.start()
        self.addCleanup(thread.join)
        self.refused(
            77, "set", ": Invalid argument", preexec=before)
        for number in asked + go:
            os.close(number)


@if_also_user
class OneUserAsUser(OneUser):
    """The same, started by an ordinary user."""

    as_user = True


class Files(StartCase):
    """What root could read, but the daemon not again."""

    def test_configuration(self):
        for arguments in ("-f",), (), ("-t",):
            with self.subTest(arguments):
                self.refused(78, "forkgreetd: FILE: as user nobody: "
                             "Permission denied (a reload could not read "
                             "it)\n", mode=0o600, arguments=arguments)

    def test_configuration_of_the_group(self):
        folder = self.folder()
        path = os.path.join(folder, "forkgreet.conf")

        def for_group():
            os.chown(path, 0, USER)
            os.chmod(path, 0o640)
        daemon = Daemon(folder, self.configuration(), preexec=for_group)
        self.addCleanup(daemon.end)
        daemon.ready()
        self.assertEqual(os.stat(path).st_mode & 0o777, 0o640)
        self.greets(self.port)
        daemon.reload()

    def test_configuration_of_somebody_else(self):
        self.refused(78, "forkgreetd: FILE: Permission denied\n", mode=0o600,
                     as_user=True)

    def test_greeting(self):
        path = self.file("secret\n", 0o600)
        for arguments in ("-f",), (), ("-t",):
            with self.subTest(arguments):
                self.refused(
                    78, f'forkgreetd: FILE:LINE: listeners[0].greeting_file: '
                    f'"{path}": Permission denied\n', arguments=arguments,
                    config=self.configuration(
                        self.listener(f'greeting_file = "{path}";')))

    def test_greeting_of_the_group(self):
        path = self.file("for the group\n", 0o640)
        os.chown(path, 0, USER)
        daemon = self.daemon(self.listener(f'greeting_file = "{path}";'))
        self.greets(self.port, b"for the group\n")
        daemon.reload()

    def test_greeting_in_a_closed_folder(self):
        path = self.file("secret\n")
        os.chown(os.path.dirname(path), 0, 0)
        os.chmod(os.path.dirname(path), 0o700)
        self.refused(78, "Permission denied", config=self.configuration(
            self.listener(f'greeting_file = "{path}";')))


# ------------------------------------------------------------------- inherited

class Inherited(StartCase):
    """Oddities of the process that starts the daemon do no harm."""

    alone = True

    def start_in_silence(self, listeners=None, **more):
        """A daemon that may have no standard error to say that it serves."""
        daemon = self.start(listeners, ready=False, **more)
        wait_for(lambda: answers(self.port), PATIENCE, "a greeting")
        return daemon

    def test_signals(self):
        def odd():
            for number in (signal.SIGCHLD, signal.SIGHUP, signal.SIGTERM,
                           signal.SIGUSR1, signal.SIGALRM, signal.SIGXCPU):
                signal.signal(number, signal.SIG_IGN)
            signal.pthread_sigmask(signal.SIG_BLOCK, range(1, 65))
        daemon = self.start(
            self.listener("hold = true; timeouts = { session = 1; };"),
            preexec=odd)
        with connect(self.port, seconds=PATIENCE) as sock:
            self.assertEqual(sock.recv(100), b"hi client\n")
            for pid in daemon.spawners() + daemon.clients():
                status = proc_status(pid)
                self.assertEqual((status["SigBlk"], status["SigIgn"]),
                                 (NOTHING, NOTHING))
            self.assertEqual(read_all(sock), b"")
        client_line(daemon, outcome="session_timeout")
        status = proc_status(daemon.pid)
        ignores = sum(1 << number - 1 for number in (
            signal.SIGPIPE, signal.SIGXFSZ, signal.SIGTTOU))
        self.assertEqual(status["SigIgn"], f"{ignores:016x}")
        waits_for = sum(1 << number - 1 for number in (
            signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGUSR1,
            signal.SIGUSR2, signal.SIGTERM, signal.SIGCHLD))
        self.assertEqual(status["SigBlk"], f"{waits_for:016x}")
        daemon.reload()
        daemon.counters()
        self.assertEqual(daemon.stop(), 0)

    def test_closed_descriptors(self):
        for closed in (0,), (1,), (2,), (0, 1, 2):
            def close(closed=closed):
                for number in closed:
                    os.close(number)
            with self.subTest(closed):
                daemon = self.start_in_silence(preexec=close)
                self.assertIsNone(daemon.process.poll())
                if IS_ROOT:
                    found = descriptors(daemon.pid)
                    for number in closed:
                        self.assertEqual(found[number], "/dev/null")
                    wait_for(lambda: [list(descriptors(spawner)) for spawner
                                      in daemon.all_spawners()] == [[3], [3]],
                             PATIENCE, "only the master's sockets")
                self.assertEqual(daemon.stop(), 0)

    def test_closed_descriptors_and_a_bad_start(self):
        def close():
            for number in range(3):
                os.close(number)
        self.refused(78, config="nonsense", preexec=close)

    def test_more_descriptors(self):
        """They are closed: the pipe ends though the daemon runs."""
        ours, theirs = os.pipe()
        self.addCleanup(os.close, ours)
        more = [theirs, os.dup(theirs), fcntl.fcntl(theirs, fcntl.F_DUPFD, 200)]
        self.start(pass_fds=more)
        for number in more:
            os.close(number)
        ready, _, _ = select.select([ours], [], [], PATIENCE)
        self.assertTrue(ready, "somebody holds the pipe")
        self.assertEqual(os.read(ours, 1), b"")

    def test_few_descriptors(self):
        daemon = self.start(
            self.listener("hold = true;"),
            preexec=lambda: resource.setrlimit(resource.RLIMIT_NOFILE,
                                               (64, 64)))
        for _ in range(10):
            sock = self.connect(self.port, seconds=PATIENCE)
            self.assertEqual(sock.recv(100), b"hi client\n")
        daemon.reload(self.configuration())
        for _ in range(70):
            self.greets(self.port)
        daemon.wait_line("client", 70, PATIENCE, outcome="greeted")

    def test_umask(self):
        folder = self.folder()
        path = os.path.join(folder, "pid")
        self.start(top=f'pid_file = "{path}";',
                   preexec=lambda: os.umask(0o777))
        self.assertEqual(os.stat(path).st_mode & 0o7777, 0o644)

    def test_deleted_folder(self):
        def delete():
            folder = tempfile.mkdtemp()
            os.chdir(folder)
            os.rmdir(folder)
        daemon = self.start(preexec=delete)
        self.greets(self.port)
        if IS_ROOT:
            self.assertEqual(os.readlink(f"/proc/{daemon.pid}/cwd"), "/")
        result = run("-f", "-c", "forkgreet.conf", preexec=delete,
                     as_user=self.as_user)
        self.assertEqual(result.returncode, 71)
        self.assertEqual(result.stderr, "forkgreetd: getcwd: No such file or "
                         "directory\n")

    def test_environment(self):
        odd = {"LC_ALL": "xx_YY.nonsense", "TZ": ":/nowhere\x01", "": "nameless",
               "PATH": "", "POSIXLY_CORRECT": "1", "IFS": "/",
               "LONG": "x" * 100000, "MALLOC_PERTURB_": "165"}
        for wrapper in (shutil.which("env"), "-i"), ():
            with self.subTest(wrapper):
                daemon = self.start(wrapper=wrapper, env=odd)
                self.greets(self.port)
                if IS_ROOT:
                    (spawner,) = daemon.spawners()
                    with open(f"/proc/{spawner}/environ", "rb") as file:
                        self.assertEqual(file.read(), b"")
                self.assertEqual(daemon.stop(), 0)

    def test_reader_of_the_log_is_gone(self):
        """SIGPIPE, in other words; asked for as the default."""
        ours, theirs = os.pipe()

        def to_pipe():
            signal.signal(signal.SIGPIPE, signal.SIG_DFL)
            os.dup2(theirs, 2)
        daemon = self.start_in_silence(preexec=to_pipe)
        os.close(theirs)
        os.close(ours)
        for _ in range(3):
            self.greets(self.port)
        self.assertIsNone(daemon.process.poll())
        self.assertEqual(daemon.stop(), 0)

    @needs_root
    def test_terminal(self):
        """Standard input becomes /dev/null."""
        ours, theirs = pty.openpty()
        self.addCleanup(os.close, ours)
        daemon = self.start(preexec=lambda: os.dup2(theirs, 0))
        os.close(theirs)
        wait_for(lambda: descriptors(daemon.pid)[0] == "/dev/null", PATIENCE)
        self.greets(self.port)


@if_also_user
class InheritedAsUser(Inherited):
    """The same, started by an ordinary user."""

    as_user = True


# ------------------------------------------------------------------ background

class InBackground(StartCase):
    """Without -f."""

    def start_background(self, **more):
        return self.background(as_user=self.as_user, **more)

    def start_stuck(self, program):
        return self.start_background(program=program, ready=False)

    def fails(self, status, *texts, **more):
        """The command must exit with the status and the daemon's words."""
        daemon = self.start_background(ready=False, **more)
        self.assertEqual(daemon.command.wait(PATIENCE), status, daemon.log())
        for text in texts:
            self.assertIn(text.replace("FILE", daemon.config),
                          "\n".join(daemon.log()))
        wait_for(lambda: not os.path.exists(daemon.pid_path), PATIENCE,
                 "the end of the PID file")

    def test_serves_when_the_command_returns(self):
        with self.stuck_start(self.start_stuck) as daemon:
            self.assertIsNone(daemon.command.poll())
            with self.assertRaises(ConnectionRefusedError):
                connect(self.port)
        daemon.ready()
        self.greets(self.port)
        self.assertEqual(daemon.stop(), 0)

    def test_session(self):
        daemon = self.start_background()
        with open(f"/proc/{daemon.pid}/stat", encoding="ascii") as file:
            fields = file.read().rsplit(")", 1)[1].split()
        parent, session, terminal = (int(fields[i]) for i in (1, 3, 4))
        self.assertEqual(parent, os.getpid())  # we are the reaper
        self.assertNotEqual(session, daemon.pid)
        self.assertNotEqual(session, os.getsid(0))
        self.assertEqual(terminal, 0)

    @needs_root
    def test_descriptors_and_folder(self):
        config = self.configuration().replace('target = "stderr"',
                                              'level = "error"')
        daemon = self.start_background(config=config)
        found = descriptors(daemon.pid)
        self.assertEqual([found[i] for i in range(3)], ["/dev/null"] * 3)
        self.assertEqual(os.readlink(f"/proc/{daemon.pid}/cwd"), "/")

    def test_warnings_are_seen(self):
        daemon = self.start_background(listeners=group(
            "some", f'( "{ABSENT}", "{HOST}" )', self.port,
            "optional = true;"))
        self.assertIn("(optional, skipped)", "\n".join(daemon.log()))

    def test_terminal_goes_away(self):
        ours, theirs = pty.openpty()

        def on_terminal():
            os.setsid()
            os.dup2(theirs, 0)
            fcntl.ioctl(0, termios.TIOCSCTTY, 0)
        daemon = self.start_background(preexec=on_terminal)
        os.close(theirs)
        os.close(ours)
        self.greets(self.port)
        daemon.counters()
        self.assertEqual(daemon.lines("reload"), [])  # no SIGHUP came

    def test_closed_descriptors(self):
        def close():
            for number in range(3):
                os.close(number)
        self.start_background(preexec=close)
        self.greets(self.port)

    def test_address_in_use(self):
        with socket.create_server((HOST, 0)) as sock:
            port = sock.getsockname()[1]
            self.fails(69, f"bind {HOST}:{port}: Address already in use",
                       listeners=self.listener(port=port))

    def test_another_instance(self):
        first = self.start_background()
        again = Background(first.folder, self.configuration(), self.as_user)
        self.addCleanup(again.end)
        self.assertEqual(again.command.wait(PATIENCE), 75)
        self.assertIn(f"another instance is running, pid {first.pid}",
                      "\n".join(again.log()))
        self.greets(self.port)

    def test_wrong_configuration(self):
        self.fails(78, "FILE:2: nonsense", config="nonsense = 1;\n")

    def test_no_greeting(self):
        self.fails(78, 'greeting_file: "/nonexistent/greeting": No such file '
                   "or directory", listeners=self.listener(
                       'greeting_file = "/nonexistent/greeting";'))

    def test_no_spawner(self):
        program = self.copies()
        os.unlink(os.path.join(os.path.dirname(program), SPAWNER))
        self.fails(71, f"start: open {os.path.dirname(program)}/{SPAWNER}: No "
                   "such file or directory", program=program)

    def test_broken_spawner(self):
        program = self.copies()
        os.chmod(os.path.join(os.path.dirname(program), SPAWNER), 0o644)
        self.fails(77, "spawner: exec of forkgreet-spawner: Permission denied",
                   "start: no client could be served", program=program)

    def test_killed_during_start(self):
        with self.stuck_start(self.start_stuck) as daemon:
            os.kill(daemon.written_pid(), signal.SIGKILL)
            self.assertEqual(daemon.command.wait(PATIENCE), 71)
        self.assertIn("start: the daemon died before it served", daemon.log())

    def test_stopped_during_start(self):
        with self.stuck_start(self.start_stuck) as daemon:
            os.kill(daemon.written_pid(), signal.SIGTERM)
        self.assertEqual(daemon.command.wait(PATIENCE), 71)
        self.assertIn("start: stopped by signal 15", daemon.log())
        self.assertEqual(daemon.lines("start"), [])
        wait_for(lambda: not os.path.exists(daemon.pid_path), PATIENCE)

    def test_port_taken_before_listen(self):
        """Two may bind, one may listen."""
        with socket.socket() as other:
            other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            with self.stuck_start(self.start_stuck) as daemon:
                other.bind((HOST, self.port))
                other.listen()
            self.assertEqual(daemon.command.wait(PATIENCE), 69)
        self.assertIn(f"listen {HOST}:{self.port}: Address already in use",
                      daemon.log())


@if_also_user
class InBackgroundAsUser(InBackground):
    """The same, started by an ordinary user."""

    as_user = True


# ---------------------------------------------------------- the reader's program

class Reader(StartCase):
    """What is wrong with it is said, and is not the configuration's fault."""

    def fails(self, text, change):
        """change() is called with its path."""
        program = self.copies()
        reader = os.path.join(os.path.dirname(program), "forkgreet-reader")
        change(reader)
        self.refused(71, text.replace("READER", reader), program=program)

    def test_b17_missing(self):
        self.fails("forkgreetd: start: open READER: No such file or "
                   "directory\n", change=os.unlink)

    def test_b17_not_executable(self):
        self.fails("starting the reader: exec: Permission denied\n",
                   change=lambda path: os.chmod(path, 0o644))

    def test_b17_no_program(self):
        def write(path):
            with open(path, "wb") as file:
                file.write(b"\0" * 1000)
        self.fails("starting the reader: exec: Exec format error\n",
                   change=write)


# --------------------------------------------------------- the spawner's program

class Spawner(StartCase):
    """What is wrong with it is said."""

    def fails(self, status, *texts, change):
        """change() is called with its path."""
        program = self.copies()
        spawner = os.path.join(os.path.dirname(program), SPAWNER)
        change(spawner)
        self.refused(status, *(text.replace("SPAWNER", spawner)
                               for text in texts), program=program)

    def test_missing(self):
        self.fails(71, "forkgreetd: start: open SPAWNER: No such file or "
                   "directory\n", change=os.unlink)

    def test_not_executable(self):
        self.fails(77, "forkgreetd: spawner: exec of forkgreet-spawner: "
                   "Permission denied\n",
                   change=lambda path: os.chmod(path, 0o644))

    def test_no_program(self):
        def write(path):
            with open(path, "wb") as file:
                file.write(b"\0" * 1000)
        self.fails(77, "spawner: exec of forkgreet-spawner: Exec format "
                   "error", change=write)

    def test_another_program(self):
        self.fails(77, "spawner: ended with exit status 64",
                   change=lambda path: shutil.copy(
                       os.path.join(BUILDDIR, "forkgreetctl"), path))

    def test_of_another_version(self):
        magic = (0x6667706c616e0001).to_bytes(8, "little")

        def change(path):
            with open(path, "r+b") as file:
                code = file.read()
                if magic not in code:
                    self.skipTest("the plan's magic number is not in one piece")
                file.seek(0)
                file.write(code.replace(magic, b"\2" + magic[1:]))
        self.fails(77, "spawner: reading the plan (spawner and daemon "
                   "differ?): Protocol error", change=change)

    def test_is_opened_once(self):
        """An upgrade that replaces it does not mix the versions."""
        program = self.copies()
        daemon = self.start(program=program)
        os.unlink(os.path.join(os.path.dirname(program), SPAWNER))
        daemon.reload(self.configuration(
            self.listener('greeting = "changed\\n";')))
        self.greets(self.port, b"changed\n")

    def test_stopped_during_start(self):
        """In the foreground."""
        with self.stuck_start(lambda program: self.start(
                program=program, ready=False)) as daemon:
            daemon.signal(signal.SIGTERM)
        self.assertEqual(daemon.wait(PATIENCE), 71)
        self.assertIn("start: stopped by signal 15", daemon.log())


class Checkout(StartCase):
    """A build where only root can go."""

    @needs_root
    def test_of_root(self):
        program = self.copies()
        folder = os.path.dirname(program)
        os.chown(folder, 0, 0)
        os.chmod(folder, 0o700)
        daemon = self.start(program=program)
        self.greets(self.port)
        daemon.reload(self.configuration(
            self.listener('greeting = "changed\\n";')))
        self.greets(self.port, b"changed\n")


@if_also_user
class SpawnerAsUser(Spawner):
    """The same, started by an ordinary user."""

    as_user = True


if __name__ == "__main__":
    from harness import main
    main()
