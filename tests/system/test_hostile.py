"""A client child that has been taken over gets nowhere.

The daemon runs with tests/hostile/spawner: the real spawner, but what it clones
does what its client says (tests/hostile/attack.h).
"""

import collections
import contextlib
import ctypes
import errno
import fcntl
import os
import platform
import re
import resource
import selectors
import shutil
import signal
import socket
import struct
import subprocess
import termios
import time
import unittest

from harness import (DAEMON, HOST, Meanwhile, PATIENCE, PROGRAMS, Case, children,
                     connect, descriptors, die_with_parent, exists,
                     free_port, if_also_user, is_held, limits, needs_root,
                     proc_status, strace_works, wait_for)
from programs import UNTRACED, Build, has_small_image, not_sanitized

BUILD = os.path.abspath(os.environ.get("BUILDDIR", "."))
HOSTILE = os.path.join(BUILD, "tests/hostile/spawner")
LIAR = os.path.join(BUILD, "tests/hostile/liar")
MARKER = b"forkgreet: test build with attacks"
GREETING = b"hi client\n"

_seccomp = ctypes.CDLL("libseccomp.so.2")


def architecture():
    """Of the hostile program, as libseccomp numbers it (AUDIT_ARCH_...)."""
    with open(HOSTILE, "rb") as file:
        machine = struct.unpack("<18xH", file.read(20))[0]
    return {3: 0x40000003, 62: 0xc000003e, 183: 0xc00000b7}[machine]


ARCHITECTURE = architecture()
# i386's own, which libseccomp hides behind socketcall(2) and ipc(2).
DIRECT = {} if ARCHITECTURE != 0x40000003 else {
    "socket": 359, "socketpair": 360, "bind": 361, "connect": 362,
    "listen": 363, "accept4": 364, "setsockopt": 366, "sendto": 369,
    "sendmsg": 370, "recvfrom": 371, "recvmsg": 372, "shutdown": 373,
    "recvmmsg": 337, "shmget": 395, "shmat": 397}


def number(name):
    """The system call's number there; negative: it has none."""
    if name in DIRECT:
        return DIRECT[name]
    return _seccomp.seccomp_syscall_resolve_name_arch(ARCHITECTURE,
                                                      name.encode())


# ------------------------------------------------------------------ the attacks
#
# What a child may not do at all: (system call, arguments, what the scratch
# buffer has, what comes of it in a child without the filter).  MASTER, SPAWNER
# and SIBLING become pids; -1 stands for any error, None for whatever it is.

UNTRIED = "untried"  # without the filter: it would do harm
PATH = b"/etc/passwd\0"
ADDRESS = struct.pack("=HH4s8x", socket.AF_INET, socket.htons(9),
                      socket.inet_aton(HOST))

CLONE_VM, CLONE_FS, CLONE_FILES, CLONE_SIGHAND = 0x100, 0x200, 0x400, 0x800
CLONE_PIDFD, CLONE_PTRACE, CLONE_VFORK, CLONE_PARENT = (0x1000, 0x2000, 0x4000,
                                                        0x8000)
CLONE_THREAD, CLONE_NEWNS, CLONE_SYSVSEM = 0x10000, 0x20000, 0x40000
CLONE_SETTLS, CLONE_PARENT_SETTID = 0x80000, 0x100000
CLONE_UNTRACED, CLONE_NEWCGROUP, CLONE_NEWUTS = 0x800000, 0x2000000, 0x4000000
CLONE_NEWIPC, CLONE_NEWUSER, CLONE_NEWPID = 0x8000000, 0x10000000, 0x20000000
CLONE_NEWNET, CLONE_IO = 0x40000000, 0x80000000
OUTQ = 0x5411  # SIOCOUTQ
CLONE_ALLOWED = CLONE_PARENT | CLONE_PARENT_SETTID | signal.SIGCHLD

OTHERS = [
    (call, arguments.replace("OTHER", other), b"",
     UNTRIED if arguments == "OTHER 19" else None)
    for other in ("MASTER", "SPAWNER", "SIBLING")
    for call, arguments in (
        ("kill", "OTHER 0"), ("kill", "OTHER 19"), ("tkill", "OTHER 0"),
        ("tgkill", "OTHER OTHER 0"), ("rt_sigqueueinfo", "OTHER 0 &"),
        ("ptrace", "16 OTHER 0 0"), ("ptrace", "0x4206 OTHER 0 0"),
        ("process_vm_writev", "OTHER & 1 & 1 0"),
        ("process_vm_readv", "OTHER & 1 & 1 0"),
        ("prlimit64", "OTHER 7 & 0"), ("prlimit64", "OTHER 0 0 &"),
        ("pidfd_open", "OTHER 0"), ("sched_setscheduler", "OTHER 0 &"),
        ("setpriority", "0 OTHER 19"), ("setpgid", "OTHER 0"),
        ("kcmp", "OTHER OTHER 0 0 0"))]

BROADCASTS = [("kill", "-1 0", b"", None), ("kill", "0 0", b"", None),
              ("pidfd_send_signal", "0 9 0 0", b"", -1),
              ("pidfd_getfd", "0 3 0", b"", -1)]

FILES_AND_NETWORK = [
    ("open", "& 0", PATH, -1),
    ("openat", "-100 & 0", PATH, -1),
    ("openat2", "-100 & & 24", PATH, -1),
    ("open_by_handle_at", "-100 & 0", b"", -1),
    ("memfd_create", "& 0", PATH, -1),
    ("socket", "2 1 0", b"", -1),
    ("socketpair", "1 1 0 &", b"", -1),
    ("bind", "0 & 16", ADDRESS, None),
    ("connect", "0 & 16", ADDRESS, None),
    ("listen", "0 1", b"", None),
    ("accept4", "0 0 0 0", b"", -1),
    ("sendto", "0 & 16 0x20004040 & 16", ADDRESS, None),  # MSG_FASTOPEN
    ("sendto", "0 & 16 0x4040 & 16", ADDRESS, None),
    ("sendmsg", "0 & 0x4040", b"", None),
    ("recvmsg", "0 & 0x40", b"", None),
    ("recvmmsg", "0 & 1 0x40 0", b"", None),
    ("recvfrom", "0 & 16 0x42 0 0", b"", -1),  # its client's words, to stay
    ("recvfrom", "0 & 16 0x60 & &", b"", None),
    ("read", "0 & 0", b"", None),
    ("write", "0 & 0", b"", None),
    ("dup", "0", b"", -1),
    ("fcntl", "0 0 0", b"", -1),  # F_DUPFD
    ("fcntl", "0 8 MASTER", b"", None),  # F_SETOWN
    ("ioctl", "0 0x541b &", b"", None),  # FIONREAD
    ("ioctl", "0 0x5412 &", b"", -1),  # TIOCSTI
    ("ioctl", "0 0x894b &", b"", None),  # SIOCOUTQNSD
    ("ioctl", "0 0x8901 &", b"", None),  # FIOSETOWN
    ("setsockopt", "0 1 13 & 8", b"", None),
    ("shutdown", "0 0", b"", None),
    ("pipe2", "& 0", b"", -1),
    ("epoll_create1", "0", b"", -1),
    ("eventfd2", "0 0", b"", -1),
    ("io_uring_setup", "1 &", b"", -1),
    ("chmod", "& 0", PATH, -1),
    ("unlink", "&", PATH, -1),
    ("chroot", "&", PATH, -1),
    ("mount", "& & & 0 0", PATH, -1),
    ("close_range", "0 0 0", b"", UNTRIED),
    ("close_range", "1 0 0", b"", -1),
    ("close", "1", b"", -1),
]

PROCESSES = [
    ("execve", "& 0 0", PATH, -1),
    ("execveat", "-100 & 0 0 0", PATH, -1),
    ("fork", "", b"", -1),
    ("vfork", "", b"", -1),
    ("clone3", "& 88", b"", -1),
    ("clone3", "& 88", struct.pack("=QQQQQ", CLONE_PARENT, 0, 0, 0,
                                   signal.SIGCHLD) + bytes(48), -1),
    ("unshare", f"{CLONE_NEWUSER}", b"", None),
    ("setns", f"0 {CLONE_NEWNET}", b"", -1),
    # Each would do with fewer limits, so none is tried without the filter.
    *(("clone", f"{flags} 0 & 0 0", b"", UNTRIED) for flags in (
        0, signal.SIGCHLD,
        *(CLONE_ALLOWED | flag for flag in (
            CLONE_VM, CLONE_FS, CLONE_FILES, CLONE_SIGHAND, CLONE_PIDFD,
            CLONE_PTRACE, CLONE_VFORK, CLONE_THREAD, CLONE_NEWNS,
            CLONE_SYSVSEM, CLONE_SETTLS, CLONE_UNTRACED, CLONE_NEWCGROUP,
            CLONE_NEWUTS, CLONE_NEWIPC, CLONE_NEWUSER, CLONE_NEWPID,
            CLONE_NEWNET, CLONE_IO, 1 << 32)),
        CLONE_PARENT | signal.SIGCHLD,
        CLONE_PARENT_SETTID | signal.SIGCHLD,
        CLONE_PARENT | CLONE_PARENT_SETTID,
        CLONE_PARENT | CLONE_PARENT_SETTID | signal.SIGKILL,
        CLONE_VM | CLONE_VFORK | signal.SIGCHLD,
        CLONE_VM | CLONE_SIGHAND | CLONE_THREAD)),
    ("clone", f"{CLONE_ALLOWED} &4096 & 0 0", b"", UNTRIED),  # a stack
]

MEMORY = [
    ("mmap", "0 4096 5 0x22 -1 0", b"", None),  # PROT_READ | PROT_EXEC
    ("mmap", "0 0x40000000 3 0x22 -1 0", b"", None),  # 1 GB
    ("mmap2", "0 4096 5 0x22 -1 0", b"", None),
    ("mprotect", "& 4096 7", b"", None),
    ("mprotect", "& 4096 5", b"", None),
    ("pkey_mprotect", "& 4096 7 -1", b"", None),
    ("mremap", "& 4096 0x40000000 1 0", b"", None),
    ("brk", "0", b"", None),
    ("madvise", "& 4096 10", b"", None),  # MADV_DONTFORK
    ("remap_file_pages", "& 4096 0 0 0", b"", None),
    ("shmget", "0 0x40000000 0x200", b"", None),
    ("mlockall", "3", b"", None),
    ("userfaultfd", "0", b"", -1),
    ("process_madvise", "0 & 1 4 0", b"", -1),
    ("move_pages", "SIBLING 0 0 0 0 0", b"", None),
]

SETTINGS = [
    ("personality", "0x0040000", b"", None),  # ADDR_NO_RANDOMIZE
    ("personality", "0x0400000", b"", None),  # READ_IMPLIES_EXEC
    ("prctl", "4 1 0 0 0", b"", None),  # PR_SET_DUMPABLE
    ("prctl", "38 0 0 0 0", b"", -1),  # PR_SET_NO_NEW_PRIVS
    ("prctl", "22 1 0 0 0", b"", UNTRIED),  # PR_SET_SECCOMP, strict
    ("prctl", "22 0 0 0 0", b"", None),
    ("prctl", "1 0 0 0 0", b"", None),  # PR_SET_PDEATHSIG: none
    ("prctl", "1 15 0 0 0", b"", None),
    ("prctl", "36 1 0 0 0", b"", None),  # PR_SET_CHILD_SUBREAPER
    ("prctl", "0x59616d61 -1 0 0 0", b"", None),  # PR_SET_PTRACER
    ("prctl", "15 & 0 0 0", b"", None),  # PR_SET_NAME
    ("seccomp", "0 0 0", b"", UNTRIED),
    ("seccomp", "1 0 &", b"", -1),
    ("landlock_restrict_self", "0 0", b"", -1),
    ("setrlimit", "7 &", b"", None),
    ("prlimit64", "0 4 & 0", b"", None),  # RLIMIT_CORE
    ("prlimit64", "0 1 & 0", b"", None),  # RLIMIT_FSIZE
    ("prlimit64", "0 3 & 0", b"", None),  # RLIMIT_STACK
    ("prlimit64", "0 7 & 0", b"", None),  # RLIMIT_NOFILE
    ("prlimit64", "0 6 & &", b"", None),
    ("setuid", "0", b"", -1),
    ("setresuid", "0 0 0", b"", -1),
    ("setgroups", "0 0", b"", -1),
    ("capset", "& &", b"", None),
    ("setsid", "", b"", None),
    ("rt_sigaction", "15 & 0 8", struct.pack("=Q", 1), None),  # SIG_IGN: TERM
    ("rt_sigaction", "14 & 0 8", struct.pack("=Q", 1), None),  # ALRM
    ("rt_sigaction", "24 & 0 8", struct.pack("=Q", 1), None),  # XCPU
    ("rt_sigprocmask", "0 & 0 8", b"\xff" * 8, None),
    ("setitimer", "1 & 0", b"", None),  # ITIMER_VIRTUAL
    ("setitimer", "0 & &", b"", None),
    ("timer_create", "0 0 &", b"", None),
    ("sched_setaffinity", "0 8 &", b"\1", None),
    ("sched_yield", "", b"", None),
    ("keyctl", "0 0 0 0 0", b"", None),
    ("bpf", "0 & 72", b"", -1),
    ("perf_event_open", "& 0 -1 -1 0", b"", -1),
    ("getpid", "", b"", None),
]

# 0 is the client; sendto, recvfrom and ioctl are allowed on it only, recvmsg on
# 3.
# 1 << 32 is 0 to the kernel, and would wait for the client.
DESCRIPTORS = [0, 1, 2, 3, 4, 5, 7, 63, 64, 1023, 1 << 16, (1 << 32) - 1,
               1 << 32]
EACH_DESCRIPTOR = [
    (call, arguments.replace("FD", str(fd)), b"",
     UNTRIED if fd in (0, 1 << 32) else -1)
    for fd in DESCRIPTORS
    for call, arguments, allowed in (
        ("sendto", "FD & 1 0x4040 0 0", 0), ("recvfrom", "FD & 1 0x60 0 0", 0),
        ("recvmsg", "FD & 0", 3), ("ioctl", f"FD {OUTQ} &", 0),
        ("write", "FD & 1", None),
        ("read", "FD & 1", None), ("sendmsg", "FD & 0x4040", None))
    if fd != allowed]

# Calls that x86-64, i386 or aarch64 does not have.
NOT_EVERYWHERE = {"chmod", "fork", "mmap2", "open", "unlink", "vfork"}

ATTACKS = {
    "others": OTHERS + BROADCASTS,
    "files and network": FILES_AND_NETWORK,
    "processes": PROCESSES,
    "memory": MEMORY,
    "settings": SETTINGS,
    "descriptors": EACH_DESCRIPTOR,
}


def commands_of(attack, pids):
    """What to tell the child, the system call's command last; None: there is
    no such call on this machine."""
    name, arguments, scratch, _ = attack
    if number(name) < 0:
        return None
    for who, pid in pids.items():
        arguments = arguments.replace(who, str(pid))
    arguments = re.sub(r"(^|(?<= ))-\d+",  # as an unsigned long
                       lambda match: str(int(match[0]) % (1 << 64)), arguments)
    put = [f"put {scratch.hex()}"] if scratch else []
    return put + [f"call {number(name)} {arguments}".rstrip()]


class Puppet:
    """A connection to a child that does what it is told."""

    def __init__(self, port):
        self.sock = connect(port, seconds=PATIENCE)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.port = str(self.sock.getsockname()[1])
        self.greeting = self.line()

    def say(self, command):
        """Sends the command: see tests/hostile/session.c."""
        for letter in command.encode():
            self.sock.sendall(b"x" * letter)
            if self.sock.recv(1) != b".":
                raise ConnectionError("the child has ended")
        self.sock.sendall(b"x" * ord("\n"))

    def line(self):
        """What the child says up to a newline, or its end."""
        line = b""
        with contextlib.suppress(ConnectionError):
            while not line.endswith(b"\n") and (more := self.sock.recv(64)):
                line += more
        return line

    def answer(self):
        """(value, errno), or None when the child has ended instead."""
        match = re.search(rb"(-?\d+) (\d+)\n$", self.line())
        return (int(match[1]), int(match[2])) if match else None

    def ask(self, *commands):
        """Says all; the last one's answer."""
        answer = None
        for command in commands:
            self.say(command)
            answer = self.answer()
        return answer

    def close(self):
        """Ends the connection."""
        self.sock.close()


class HostileCase(Case):
    """Daemons whose clients command their children."""

    as_user = False
    spawner = HOSTILE

    def program(self):
        """A copy of the daemon with the hostile spawner beside it; its
        path."""
        folder = self.folder()
        shutil.copy(self.spawner, os.path.join(folder, "forkgreet-spawner"))
        shutil.copy(DAEMON, folder)
        shutil.copy(os.path.join(os.path.dirname(DAEMON),
                                 "forkgreet-reader"), folder)
        return os.path.join(folder, "forkgreetd")

    def start(self, more="", top=""):
        """A daemon that serves."""
        return self.daemon(self.listener("hold = true;" + more), top,
                           as_user=self.as_user, program=self.program())

    def puppet(self, port=None):
        """One that has been greeted."""
        puppet = Puppet(self.port if port is None else port)
        self.addCleanup(puppet.close)
        self.assertEqual(puppet.greeting, GREETING)
        return puppet

    def outcome(self, daemon, puppet):
        """Its line in the log."""
        return daemon.wait_line("client", sport=puppet.port,
                                seconds=PATIENCE)[0]

    @contextlib.contextmanager
    def unharmed(self, daemon):
        """A sibling is held meanwhile; afterwards it is still there, as are
        the master and its service.  Gives the pids to attack."""
        before = set(daemon.clients())
        sibling = self.puppet()
        pid, = wait_for(lambda: set(daemon.clients()) - before)
        state = proc_status(daemon.pid)
        yield {"MASTER": daemon.pid, "SPAWNER": daemon.spawners()[0],
               "SIBLING": pid}
        wait_for(lambda: set(daemon.clients()) == before | {pid}, PATIENCE,
                 "the slots of those that attacked")
        self.assertIsNone(daemon.process.poll())
        for key in "Uid", "CapPrm", "NoNewPrivs", "Seccomp":
            self.assertEqual(proc_status(daemon.pid)[key], state[key])
        self.assertTrue(exists(pid))
        self.assertTrue(is_held(sibling.sock))
        self.assertEqual(sibling.ask(f"call {number('getppid')}"),
                         (daemon.pid, 0))
        fresh = self.puppet()
        fresh.close()
        self.assertEqual(self.outcome(daemon, fresh)["outcome"], "greeted")
        self.assert_balanced(daemon)


# -------------------------------------------------------------- forbidden calls

class Forbidden(HostileCase):
    """What the filter does not allow ends the child, and only it."""

    def violate(self, daemon, pids, attacks):
        """All of them must end in "violation"; how many there were."""
        begun = 0
        for attack in attacks:
            if DIRECT and any(int(word) >> 32 for word in attack[1].split()
                              if word.isdigit()):
                continue  # no such argument on a 32-bit machine
            commands = commands_of(attack, pids)
            with self.subTest(call=attack[0], arguments=attack[1]):
                if commands is None:
                    self.assertIn(attack[0], NOT_EVERYWHERE)
                    continue
                puppet = self.puppet()
                begun += 1
                self.assertIsNone(puppet.ask(*commands))
                line = self.outcome(daemon, puppet)
                self.assertEqual(line["outcome"], "violation")
                puppet.close()
        return begun

    def check(self, group):
        """One group, and the state of the daemon after it."""
        daemon = self.start()
        with self.unharmed(daemon) as pids:
            count = self.violate(daemon, pids, ATTACKS[group])
        row = daemon.counters()["main"]
        self.assertEqual(row["ended_violation"], count)
        self.assertEqual((row["live"], row["ended_greeted"]), (1, 1))

    def test_others(self):
        """Master, spawner and a sibling cannot be reached."""
        self.check("others")

    def test_files_and_network(self):
        self.check("files and network")

    def test_processes(self):
        self.check("processes")

    def test_memory(self):
        self.check("memory")

    def test_settings(self):
        self.check("settings")

    def test_descriptors(self):
        self.check("descriptors")


@if_also_user
class ForbiddenAsUser(Forbidden):
    """The same, started by an ordinary user."""

    as_user = True


class WithoutFilter(HostileCase):
    """sandbox = "off": the same attacks reach the kernel, so it is the filter
    that ends them above.  Some fail all the same, by other limits."""

    def start_without(self):
        """A daemon without the sandbox."""
        return self.start(top='sandbox = "off";')

    def test_reaches_the_kernel(self):
        daemon = self.start_without()
        # None but itself to hit, and with no signal but 0.
        for attack in [attack for group in ATTACKS.values()
                       for attack in group if attack[3] != UNTRIED]:
            puppet = self.puppet()
            pid = daemon.client()
            commands = commands_of(attack, dict.fromkeys(
                ("MASTER", "SPAWNER", "SIBLING"), pid))
            with self.subTest(call=attack[0], arguments=attack[1]):
                answer = puppet.ask(*commands) if commands else (-1, 0)
                puppet.close()
                wait_for(lambda: not daemon.clients(), PATIENCE)
                self.assertNotEqual(
                    self.outcome(daemon, puppet)["outcome"], "violation")
                if attack[3] == -1:
                    self.assertEqual(answer[0], -1, answer)

    def test_descriptors(self):
        """There is none below 1024 but the client."""
        self.start_without()
        puppet = self.puppet()
        for call in "write & 0", "read & 0", "recvmsg & 0x40":
            name, arguments = call.split(" ", 1)
            self.assertEqual(puppet.ask(f"each {number(name)} {arguments}"),
                             (1, 0), call)

    def test_code_in_data(self):
        """The mprotect that is forbidden would make data executable."""
        self.start_without()
        puppet = self.puppet()
        self.assertEqual(puppet.ask(*return_in_data(self), f"call "
                                    f"{number('mprotect')} & 4096 7"), (0, 0))
        self.assertEqual(puppet.ask("jump &"), (0, 0))


def return_in_data(test):
    """Commands that put a function which does nothing into the scratch
    buffer."""
    code = {"x86_64": "c3", "i686": "c3", "aarch64": "c0035fd6"}
    if platform.machine() not in code:
        test.skipTest(f"how {platform.machine()} returns is not known here")
    return [f"put {code[platform.machine()]}"]


# ------------------------------------------------------------------ descriptors

class UnixPuppet(Puppet):
    """A connection over a UNIX socket."""

    def __init__(self, path):  # pylint: disable=super-init-not-called
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(PATIENCE)
        self.sock.connect(path)
        self.greeting = self.line()

    def say(self, command):
        """Until the child has read it: what comes next is not part of it."""
        super().say(command)
        wait_for(lambda: not struct.unpack("i", fcntl.ioctl(
            self.sock, termios.TIOCOUTQ, bytes(4)))[0], what="a child that "
                 "reads")

    def give(self, count):
        """Passes so many copies of one end of a pipe; the other end, which
        hears when all have gone."""
        reader, writer = os.pipe()
        os.set_blocking(reader, False)
        self.sock.sendmsg([b"x"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS,
                                    struct.pack(f"{count}i",
                                                *count * [writer]))])
        os.close(writer)
        return reader


def has_ended(reader):
    """Has nobody the other end of the pipe?"""
    try:
        return os.read(reader, 1) == b""
    except BlockingIOError:
        return False


class Descriptors(HostileCase):
    """A client of a UNIX socket passes descriptors to a child that wants
    them."""

    def start_unix(self, top=""):
        """A daemon, and a puppet of it with its pid."""
        path = os.path.join(self.folder(), "socket")
        daemon = self.daemon(
            f'{{ name = "main"; address = "unix:{path}"; hold = true; }}', top,
            as_user=self.as_user, program=self.program())
        puppet = UnixPuppet(path)
        self.addCleanup(puppet.close)
        self.assertEqual(puppet.greeting, GREETING)
        pid = daemon.client()
        return daemon, puppet, pid

    def give(self, puppet, count=3):
        """give() that is closed with the test."""
        reader = puppet.give(count)
        self.addCleanup(os.close, reader)
        return reader

    def test_without_asking(self):
        """What the filter allows receives bytes, and descriptors end there."""
        daemon, puppet, pid = self.start_unix()
        before = descriptors(daemon.settle().pid)
        for _ in range(3):
            reader = self.give(puppet)
            self.assertEqual(puppet.sock.recv(1), b".")
            wait_for(lambda reader=reader: has_ended(reader), what="their end")
            self.assertEqual(list(descriptors(pid)), [0])
        self.assertEqual(list(descriptors(daemon.pid).values()),
                         list(before.values()))

    def test_asking(self):
        """recvmsg(2) on the client is the child's end."""
        daemon, puppet, _ = self.start_unix()
        puppet.say("take")
        reader = self.give(puppet)
        self.assertIsNone(puppet.answer())
        self.assertEqual(daemon.wait_line("client")[0]["outcome"],
                         "violation")
        wait_for(lambda: has_ended(reader), what="their end")

    def test_asking_without_the_filter(self):
        """Then there is no number for them: RLIMIT_NOFILE is 1."""
        _, puppet, pid = self.start_unix('sandbox = "off";')
        puppet.say("take")
        reader = self.give(puppet)
        self.assertEqual(puppet.answer(), (100, 0))
        wait_for(lambda: has_ended(reader), what="their end")
        self.assertEqual(list(descriptors(pid)), [0])


@if_also_user
class DescriptorsAsUser(Descriptors):
    """The same for an ordinary user's daemon."""

    as_user = True


# ---------------------------------------------------------------- allowed calls

class Allowed(HostileCase):
    """What the filter allows is of no use to a child, even what it allows for
    the spawner's sake."""

    def test_spawners_calls(self):
        """The next client, a child, a close."""
        daemon = self.start()
        with self.unharmed(daemon):
            puppet = self.puppet()
            before = children(daemon.settle().pid)
            self.assertEqual(
                puppet.ask(f"call {number('recvmsg')} 3 & 0"),
                (-1, errno.EBADF))
            for page in "0", "&", "*":
                self.assertEqual(
                    puppet.ask(f"call {number('clone')} {CLONE_ALLOWED} 0 "
                               f"{page} 0 0"), (-1, errno.EAGAIN))
            self.assertEqual(puppet.ask(f"call {number('close')} 3"),
                             (-1, errno.EBADF))
            self.assertEqual(children(daemon.pid), before)
            puppet.close()
            self.assertEqual(self.outcome(daemon, puppet)["outcome"],
                             "greeted")

    def test_question(self):
        """How much its own client has not taken, into its own memory."""
        daemon = self.start()
        with self.unharmed(daemon):
            puppet = self.puppet()
            wait_for(lambda: puppet.ask(
                f"call {number('ioctl')} 0 {OUTQ} &") == (0, 0),
                what="nothing that the client has not taken")
            for address in "0", "*", "!", "-4096":
                self.assertEqual(
                    puppet.ask(f"call {number('ioctl')} 0 {OUTQ} {address}"),
                    (-1, errno.EFAULT), address)
            puppet.close()
            self.assertEqual(self.outcome(daemon, puppet)["outcome"],
                             "greeted")

    def test_limits(self):
        """They can be lowered only."""
        daemon = self.start()
        with self.unharmed(daemon) as pids:
            puppet = self.puppet()
            pid, = wait_for(lambda: set(daemon.clients()) - {pids["SIBLING"]})
            before = limits(pid)
            for name, key in (("RLIMIT_NPROC", "Max processes"),
                              ("RLIMIT_CPU", "Max cpu time")):
                limit = getattr(resource, name)
                hard = int(before[key][1])
                for more in ((hard, hard + 1), (hard + 1, hard + 1),
                             (2**64 - 1, 2**64 - 1)):
                    self.assertEqual(
                        puppet.ask(f"put {struct.pack('=QQ', *more).hex()}",
                                   f"call {number('prlimit64')} 0 {limit} & 0"),
                        (-1, errno.EPERM), (key, more))
            self.assertEqual(limits(pid), before)
            puppet.close()

    def test_end(self):
        """It may lie about its own end, not more."""
        daemon = self.start()
        with self.unharmed(daemon):
            for status, outcome in ((0, "greeted"), (1, "client_gone"),
                                    (2, "reset"), (3, "send_timeout"),
                                    (4, "crashed"), (70, "crashed"),
                                    (255, "crashed"), (256, "greeted")):
                puppet = self.puppet()
                puppet.ask(f"call {number('exit_group')} {status}")
                self.assertEqual(self.outcome(daemon, puppet)["outcome"],
                                 outcome, status)

    @needs_root
    def test_memory(self):
        """It cannot see the pid page, and has no memory that is both
        written and executed."""
        daemon = self.start()
        self.puppet()
        child = daemon.client()
        maps = {}
        for who, pid in ("child", child), ("spawner", daemon.spawners()[0]):
            with open(f"/proc/{pid}/maps", encoding="utf-8") as file:
                maps[who] = file.read()
            self.assertNotRegex(maps[who], r"(?m)^\S+ .wx")
            if not has_small_image():
                self.assertRegex(maps[who], r"(?m)^\S+ r--s .*forkgreet-plan")
        self.assertIn("forkgreet-pids", maps["spawner"])
        self.assertNotIn("forkgreet-pids", maps["child"])


@if_also_user
class AllowedAsUser(Allowed):
    """The same, started by an ordinary user."""

    as_user = True


# ---------------------------------------------------------------------- crashes

class Crashes(HostileCase):
    """Wrong use of memory ends the child, and only it."""

    def crash(self, daemon, *commands):
        """Must end in "crashed"."""
        puppet = self.puppet()
        self.assertIsNone(puppet.ask(*commands))
        self.assertEqual(self.outcome(daemon, puppet)["outcome"], "crashed")
        puppet.close()

    def test_each(self):
        daemon = self.start()
        attacks = (["poke 0"], ["poke *"], ["poke !"], ["jump 0"],
                   [*return_in_data(self), "jump &"], ["trap"], ["touch"])
        with self.unharmed(daemon):
            for attack in attacks:
                with self.subTest(attack=attack):
                    self.crash(daemon, *attack)
        self.assertEqual(daemon.counters()["main"]["ended_crashed"],
                         len(attacks))

    def test_stack_protector(self):
        """What overflows into a canary does not return."""
        if not Build(os.environ.get("BUILDDIR", ".")).variable(
                "HARDEN_CFLAGS"):
            self.skipTest("built without hardening")
        daemon = self.start()
        with self.unharmed(daemon):
            puppet = self.puppet()
            self.assertIsNone(puppet.ask("smash"))
            self.assertIn(self.outcome(daemon, puppet)["outcome"],
                          ("crashed", "violation"))

    def test_stack(self):
        """It ends at RLIMIT_STACK, 256 KB; in the small image, where there is
        nothing more."""
        small = has_small_image()
        daemon = self.start()
        with self.unharmed(daemon):
            puppet = self.puppet()
            self.assertEqual(puppet.ask(f"deep {0 if small else 64}"), (0, 0))
            puppet.close()
            for kilobytes in 1 if small else 256, 1 << 20:
                self.crash(daemon, f"deep {kilobytes}")

    @needs_root
    def test_no_core(self):
        """A program that core_pattern names is not started for it."""
        daemon = self.start()
        seen = self.core_program()
        with self.unharmed(daemon):
            for attack in "poke 0", "trap", f"call {number('getpid')}":
                puppet = self.puppet()
                puppet.ask(attack)
                self.outcome(daemon, puppet)
        self.dump_core()
        wait_for(lambda: "sleep" in seen(), what="the other process' core")
        self.assertNotIn("forkgreet", seen())

    def core_program(self):
        """Makes the kernel start a program for each process that dumps core
        until the test's end; a function that gives their names.  A shell
        that waits for our end puts the old pattern back in any case."""
        pattern = "/proc/sys/kernel/core_pattern"
        folder = self.folder()
        seen = os.path.join(folder, "seen")
        program = os.path.join(folder, "core")
        with open(program, "w", encoding="ascii") as file:
            file.write(f'#!/bin/sh\nprintf "%s\\n" "$1" >>{seen}\n')
        os.chmod(program, 0o755)
        if not os.access(pattern, os.W_OK):
            self.skipTest(f"{pattern} cannot be written here")
        guard = subprocess.Popen(
            ["sh", "-c", f'old=$(cat {pattern}); echo; cat >/dev/null; '
             f'printf "%s\\n" "$old" >{pattern}'], start_new_session=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.addCleanup(guard.communicate)
        guard.stdout.readline()
        try:
            with open(pattern, "w", encoding="ascii") as file:
                file.write(f"|{program} %e")
        except OSError as error:
            self.skipTest(f"{pattern}: {error.strerror}")

        def names():
            try:
                with open(seen, encoding="ascii") as file:
                    return file.read()
            except FileNotFoundError:
                return ""
        self.dump_core()
        try:
            wait_for(names, what="a core")
        except AssertionError:
            self.skipTest(f"{pattern} does not name a file of this system")
        os.unlink(seen)
        return names

    @staticmethod
    def dump_core():
        """A process with RLIMIT_CORE 0, like a client child."""
        with subprocess.Popen(
                ["sleep", "60"], preexec_fn=lambda: resource.setrlimit(
                    resource.RLIMIT_CORE, (0, 0))) as process:
            process.send_signal(signal.SIGSEGV)


@if_also_user
class CrashesAsUser(Crashes):
    """The same, started by an ordinary user."""

    as_user = True


# -------------------------------------------------------------------- deadlines

class Sleeper(Meanwhile):
    """Sees how late this machine wakes those who wait for a time, in seconds:
    no deadline can be kept better than that."""

    STEP = 0.02

    def __init__(self):
        super().__init__()
        self.late = 0.0

    def step(self):
        before = time.monotonic()
        time.sleep(self.STEP)
        self.late = max(self.late, time.monotonic() - before - self.STEP)


class Deadlines(HostileCase):
    """It cannot stay, nor use more of the processor than it may."""

    SESSION = 0.5  # seconds, of the listener "short"
    CPU = 1  # seconds, of the listener "busy"
    STAYING = {  # what it says to the listener "short"
        "does nothing": [],
        "stops its timer": ["call setitimer 0 & 0"],
        "sets its timer to 1000 s": [
            f"put {struct.pack('@4l', 0, 0, 1000, 0).hex()}",
            "call setitimer 0 & 0"],
        "stops its timer and loops": ["call setitimer 0 & 0", "loop"],
        "closes its client": ["call setitimer 0 & 0", "call close 0"],
        "ends the stream": ["call setitimer 0 & 0", "call shutdown 0 1"],
    }
    # After these there is no answer.
    SILENT = re.compile(r"loop|call (close|shutdown) ")
    LOOPING = {  # what it says to the listener "busy", and its outcome
        "loops": (["loop"], "cpu_limit"),
        "lowers the soft limit and loops": (
            [f"put {struct.pack('=QQ', CPU, CPU).hex()}",
             f"call prlimit64 0 {resource.RLIMIT_CPU} & 0", "loop"],
            "cpu_limit"),
    }

    def start_three(self):
        """A daemon with a third listener for those who are left alone."""
        self.short, self.busy = free_port(), free_port()
        return self.daemon(",".join((
            self.listener("hold = true;"),
            self.listener("hold = true; timeouts = { "
                          f"session = {self.SESSION}; cpu = 20; }};",
                          "short", self.short),
            self.listener("hold = true; timeouts = { "
                          f"session = 60; cpu = {self.CPU}; }};",
                          "busy", self.busy))),
            as_user=self.as_user, program=self.program())

    def command(self, port, said):
        """A puppet that was told so."""
        puppet = self.puppet(port)
        for command in said:
            puppet.say(re.sub(r"(?<=^call )\w+",
                              lambda name: str(number(name[0])), command))
            if command != said[-1] or not self.SILENT.match(command):
                self.assertEqual(puppet.answer()[1], 0, command)
        return puppet

    def test_ends(self):
        daemon = self.start_three()
        with self.unharmed(daemon), Sleeper() as sleeper:
            staying = {name: self.command(self.short, said)
                       for name, said in self.STAYING.items()}
            looping = {name: (self.command(self.busy, said), outcome)
                       for name, (said, outcome) in self.LOOPING.items()}
            for name, puppet in staying.items():
                with self.subTest(name):
                    line = self.outcome(daemon, puppet)
                    self.assertEqual(line["outcome"], "session_timeout")
                    self.assertLess(
                        int(line["duration_ms"]),
                        (self.SESSION + 1 + sleeper.late) * 1000)
            for name, (puppet, outcome) in looping.items():
                with self.subTest(name):
                    line = self.outcome(daemon, puppet)
                    self.assertEqual(line["outcome"], outcome)
                    self.assertLess(int(line["cpu_us"]),
                                    (self.CPU + 1.5) * 1000000)
        table = daemon.counters()
        self.assertEqual(table["short"]["ended_session_timeout"],
                         len(self.STAYING))
        self.assertEqual((table["busy"]["ended_cpu_limit"],
                          table["busy"]["ended_killed"]), (2, 0))

    def test_c9_no_child_gets_more_of_the_processor(self):
        """The hard limit is timeouts.cpu: it cannot be raised, and who reaches
        it ends with that outcome."""
        daemon = self.start_three()
        puppet = self.puppet(self.busy)
        for soft, hard in ((self.CPU + 1, self.CPU + 1),
                           (self.CPU, self.CPU + 1),
                           (2 ** 64 - 1, 2 ** 64 - 1)):
            self.assertEqual(puppet.ask(
                f"put {struct.pack('=QQ', soft, hard).hex()}",
                f"call {number('prlimit64')} 0 {resource.RLIMIT_CPU} & 0"),
                (-1, errno.EPERM))
        puppet.say("loop")
        line = self.outcome(daemon, puppet)
        self.assertEqual(line["outcome"], "cpu_limit")
        self.assertLess(int(line["cpu_us"]), (self.CPU + 0.5) * 1000000)

    def test_c9_a_kill_is_no_cpu_limit(self):
        """By hand, of one that has used next to nothing."""
        daemon = self.start_three()
        puppet = self.puppet(self.busy)
        pid = daemon.client()
        os.kill(pid, signal.SIGKILL)
        self.assertEqual(self.outcome(daemon, puppet)["outcome"], "killed")


# -------------------------------------------------------------------- the trial

class Trial(HostileCase):
    """A generation whose children would be killed never counts, and the error
    names the system call."""

    def listeners(self, command):
        """Whose canary begins with that command."""
        return self.listener(f'hold = true; greeting = "canary: {command}";')

    def said(self, name):
        """What the error must say."""
        return ("trial client: violation by signal 31 (Bad system call): "
                f"system call {name} ({number(name)})")

    def test_start(self):
        for name in "getpid", "openat", "ptrace":
            daemon = self.daemon(
                self.listeners(f"call {number(name)}"), ready=False,
                as_user=self.as_user, program=self.program())
            self.assertEqual(daemon.wait(PATIENCE), 77)
            self.assertIn(self.said(name), daemon.log())

    def test_reload(self):
        """The running generation goes on."""
        daemon = self.start()
        spawners = daemon.spawners()
        with self.unharmed(daemon):
            for name in "getpid", "socket":
                daemon.reload(self.configuration(
                    self.listeners(f"call {number(name)}")), "failed")
                self.assertIn(self.said(name), "\n".join(daemon.log()))
        self.assertEqual(daemon.spawners(), spawners)

    def test_b11_a_failed_trial_leaves_both_spawners(self):
        """The one that serves and the one on standby stay what they were."""
        daemon = self.start()
        before = daemon.settle().all_spawners()
        for _ in range(3):
            daemon.reload(self.configuration(self.listeners("trap")),
                          "failed")
        wait_for(lambda: daemon.all_spawners() == before, PATIENCE,
                 "the end of those that were tried")
        self.assertEqual(daemon.counters()[None]["spawner_starts"], 1)
        self.assertEqual(daemon.counters()[None]["spawner_standby"], 1)

    def test_b9_generation_is_the_one_that_serves(self):
        """Not one that was only tried."""
        daemon = self.start()
        for _ in range(3):
            line = daemon.reload(self.configuration(self.listeners("trap")),
                                 "failed")
            self.assertEqual(line["generation"], "1")
        line = daemon.reload(
            self.configuration(self.listener("hold = true;")))
        self.assertEqual(line["generation"], "2")
        self.assertEqual(
            [line["generation"] for line in daemon.lines("spawner")
             if "signal" not in line], ["1", "2"])

    def test_other_deaths(self):
        """Said too; there is nothing to name."""
        daemon = self.start()
        daemon.reload(self.configuration(self.listeners("trap")), "failed")
        self.assertIn("trial client: crashed by signal 4 (Illegal instruction)",
                      "\n".join(daemon.log()))
        daemon.reload(self.configuration(self.listener("hold = true;")))
        self.puppet()


@if_also_user
class TrialAsUser(Trial):
    """The same, started by an ordinary user."""

    as_user = True


# -------------------------------------------------------------- a storm of crashes

def crash_on(port, at_a_time, seconds):
    """A process that keeps so many connections there, each until it ends; its
    pid.  It exits by itself."""
    pid = os.fork()
    if pid:
        return pid
    try:
        die_with_parent()
        end = time.monotonic() + seconds
        with selectors.DefaultSelector() as selector:
            while (now := time.monotonic()) < end:
                while len(selector.get_map()) < at_a_time:
                    sock = socket.socket()
                    sock.setblocking(False)
                    sock.connect_ex((HOST, port))
                    selector.register(sock, selectors.EVENT_READ)
                for key, _ in selector.select(min(end - now, 0.1)):
                    selector.unregister(key.fileobj)
                    key.fileobj.close()
    finally:
        os._exit(0)


def all_cpu_seconds(pid):
    """What it and the children that it has reaped have used."""
    with open(f"/proc/{pid}/stat", encoding="ascii") as file:
        fields = file.read().rsplit(")", 1)[1].split()
    return sum(map(int, fields[11:15])) / os.sysconf("SC_CLK_TCK")


def members(group):
    """Pids of all that is in the process group, zombies too."""
    found = []
    for name in filter(str.isdigit, os.listdir("/proc")):
        try:
            if os.getpgid(int(name)) == group:
                found.append(int(name))
        except ProcessLookupError:
            pass
    return found


@not_sanitized("a start takes a second, not 20 ms")
class Storm(HostileCase):
    """Every child of one listener crashes at once, as the clients want."""

    AT_A_TIME = 64
    SECONDS = 5
    IN_FLIGHT = 64  # SPAWNER_IN_FLIGHT_MAX
    SHARE = 0.3  # of one processor, for new generations
    ROTATIONS = 20

    def start_storm(self):
        """A daemon with a listener whose children crash."""
        self.crashing = free_port()
        return self.daemon(", ".join((
            self.listener("hold = true;"),
            self.listener('hold = true; greeting = "canary: trap";',
                          "crashing", self.crashing))),
            as_user=self.as_user, program=self.program())

    def waits(self, until):
        """How long clients from another source waited, in seconds."""
        waited = []
        while not os.waitpid(until, os.WNOHANG)[0]:
            begin = time.monotonic()
            with connect(self.port, seconds=PATIENCE,
                         source="127.0.0.2") as sock:
                self.assertEqual(sock.recv(100), GREETING)
            waited.append(time.monotonic() - begin)
        return sorted(waited)

    def cost(self, daemon):
        """Seconds of a processor for one more generation, when nothing else
        happens."""
        before = all_cpu_seconds(daemon.pid)
        for _ in range(self.ROTATIONS):
            wait_for(lambda: len(daemon.all_spawners()) == 2, PATIENCE)
            pid = daemon.successor(None)
            os.kill(pid, signal.SIGKILL)
            daemon.successor(pid)
        return (all_cpu_seconds(daemon.pid) - before) / self.ROTATIONS

    def test_c1_storm(self):
        daemon = self.start_storm()
        before = int(daemon.counters()[None]["spawner_starts"])
        begin = time.monotonic()
        with Sleeper() as sleeper:
            waited = self.waits(crash_on(
                self.crashing, self.AT_A_TIME, self.SECONDS))
        seconds = time.monotonic() - begin
        starts = int(daemon.counters()[None]["spawner_starts"]) - before
        wait_for(lambda: daemon.counters()[None]["live"] == 0, PATIENCE,
                 "rest")
        tries = collections.Counter(
            line["generation"] for line in daemon.lines("client")
            if line["outcome"] == "crashed")
        late = waited[len(waited) * 99 // 100]
        cost = self.cost(daemon)
        print(f"# {sum(tries.values())} crashes in {seconds:.1f} s, at most "
              f"{max(tries.values())} in a generation of {len(tries)}; "
              f"{starts} started, {cost * 1000:.1f} ms each; "
              f"{len(waited)} others waited {late * 1000:.0f} ms (p99)",
              flush=True)
        self.assertGreater(sum(tries.values()), self.AT_A_TIME)
        self.assertLessEqual(max(tries.values()),
                             self.AT_A_TIME + self.IN_FLIGHT)
        self.assertLess(late, 1 + sleeper.late)
        self.assertLess(starts * cost / seconds, self.SHARE)
        self.assert_balanced(daemon)

    def test_c1_what_was_not_cloned_goes_to_the_next_one(self):
        """Clients that the spawner had when a child of it crashed lose
        nothing, and none of them is of its layout."""
        daemon = self.start_storm()
        victim = self.puppet()
        pid = daemon.client()
        old, = daemon.spawners()
        os.kill(old, signal.SIGSTOP)
        socks = [self.connect(self.port) for _ in range(20)]
        wait_for(lambda: daemon.counters()["main"]["accepted"] == 21)
        os.kill(pid, signal.SIGSEGV)
        self.assertEqual(self.outcome(daemon, victim)["generation"], "1")
        for sock in socks:
            self.assertEqual(sock.recv(100), GREETING)
        self.assertNotIn(old, daemon.spawners())
        self.assertEqual(members(old), [])
        self.assertEqual(
            [line for line in daemon.lines("spawner")
             if line.get("reason") == "stuck"], [])
        self.assertEqual(
            len({os.getpgid(child) for child in daemon.clients()}), 1)


# ------------------------------------------------------------------ the pid page

@UNTRACED
@unittest.skipUnless(strace_works(), "needs root and strace")
class Page(Case):
    """No child has the spawner's page."""

    def test_c5_madvise_without_effect(self):
        """The step goes through, but is not in effect: no start."""
        for top in "", 'sandbox = "off";':
            daemon = self.daemon(top=top, ready=False, wrapper=(
                "strace", "-f", "-qq", "-o", "/dev/null", "-e",
                "trace=madvise", "-e", "inject=madvise:retval=0"))
            self.assertEqual(daemon.wait(PATIENCE), 77)
            self.assertIn("spawner: madvise MADV_DONTFORK: not in effect",
                          "\n".join(daemon.log()))

    def test_c4_setpgid_without_effect(self):
        """A spawner that leads no group, though both sides asked for it."""
        daemon = self.daemon(ready=False, wrapper=(
            "strace", "-f", "-qq", "-o", "/dev/null", "-e",
            "trace=setpgid", "-e", "inject=setpgid:retval=0"))
        self.assertEqual(daemon.wait(PATIENCE), 77)
        self.assertIn("spawner: setpgid: not in effect",
                      "\n".join(daemon.log()))


# ----------------------------------------------------------------- what is built

class Release(Case):
    """None of this is in what is installed."""

    def has_marker(self, path):
        """Is it a program with attacks?"""
        with open(path, "rb") as file:
            return MARKER in file.read()

    def test_programs(self):
        self.assertTrue(self.has_marker(HOSTILE))
        self.assertTrue(self.has_marker(LIAR))
        for name in PROGRAMS:
            self.assertFalse(self.has_marker(os.path.join(BUILD, name)), name)

    def test_install(self):
        """What "make install" installs."""
        folder = self.folder()
        environment = {key: value for key, value in os.environ.items()
                       if key not in ("MAKEFLAGS", "MFLAGS", "MAKELEVEL")}
        subprocess.run(["make", "-s", "-C", BUILD, "install",
                        f"DESTDIR={folder}"], env=environment, check=True,
                       stdout=subprocess.DEVNULL)
        paths = [os.path.join(where, name)
                 for where, _, names in os.walk(folder) for name in names]
        programs = {os.path.basename(path) for path in paths
                    if os.access(path, os.X_OK)}
        recipes = os.listdir(os.path.join(
            os.environ.get("top_srcdir", "."), "contrib/feed"))
        self.assertEqual(programs, {*PROGRAMS, *recipes, "xinetd2forkgreet"})
        for path in paths:
            self.assertFalse(self.has_marker(path), path)


if __name__ == "__main__":
    from harness import main
    main()
