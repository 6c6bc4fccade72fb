"""What all system tests share: the daemon under test, clients, TAP output.

A test program is a unittest module that ends with

    if __name__ == "__main__":
        from harness import main
        main()

The programs under test are found in $BUILDDIR (default: the current folder).
Nothing started here outlives its test: Case.addCleanup() ends it, and a daemon
that is still there dies with the test by PR_SET_PDEATHSIG.
"""

import atexit
import concurrent.futures
import contextlib
import ctypes
import errno
import fcntl
import os
import random
import re
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time
import typing
import unittest

IS_ROOT = os.geteuid() == 0
PROGRAMS = ("forkgreetd", "forkgreet", "forkgreetctl", "forkgreet-reader",
            "forkgreet-spawner")


def _builddir():
    """Where the programs are.  Root gets copies: the build may be where an
    ordinary user, whom some tests become, cannot go."""
    build = os.path.abspath(os.environ.get("BUILDDIR", "."))
    if not IS_ROOT:
        return build
    folder = tempfile.mkdtemp(prefix="forkgreet-test-programs-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    os.chmod(folder, 0o755)
    for name in PROGRAMS:
        shutil.copy(os.path.join(build, name), folder)
    return folder


BUILDDIR = _builddir()
DAEMON = os.path.join(BUILDDIR, "forkgreetd")
CLIENT = os.path.join(BUILDDIR, "forkgreet")
CTL = os.path.join(BUILDDIR, "forkgreetctl")
SPAWNER_NAME = "forkgreet-spawn"  # prctl PR_SET_NAME, 15 bytes
# What the daemon runs under: "make check-valgrind" sets it.
UNDER = os.environ.get("DAEMON_UNDER", "").split()
USER = 65534  # nobody, nogroup: on every Debian
HOST = "127.0.0.1"
PATIENCE = 30  # seconds: much longer than what must happen ever takes

_libc = ctypes.CDLL(None, use_errno=True)
PR_SET_PDEATHSIG = 1
PR_SET_CHILD_SUBREAPER = 36


# Below what the kernel gives to those who connect (ip_local_port_range): a port
# that is free now cannot become a client's before the daemon binds it.
PORTS = range(10000, 32768)


def free_port(host=HOST, family=socket.AF_INET):
    """A TCP port that nobody has now, and that was not given out before."""
    while True:
        port = random.choice(PORTS)
        if port in _ports_given:
            continue
        with socket.socket(family, socket.SOCK_STREAM) as sock:
            try:
                sock.bind((host, port))
            except OSError as error:
                if error.errno == errno.EADDRINUSE:
                    continue
                raise
        _ports_given.add(port)
        return port


_ports_given = set()


def wait_for(condition, seconds=5.0, what="condition"):
    """Waits until condition() is true, and returns what it returned."""
    end = time.monotonic() + seconds
    while True:
        result = condition()
        if result:
            return result
        if time.monotonic() > end:
            raise AssertionError(f"{what}: not within {seconds} s")
        time.sleep(0.01)


def connect(port, host=HOST, seconds=5.0, receive_buffer=None, source=None):
    """A connected socket."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM)
    sock.settimeout(seconds)
    if receive_buffer is not None:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
    if source is not None:
        sock.bind((source, 0))
    sock.connect((host, port))
    return sock


def read_all(sock):
    """All bytes until the end of stream; ConnectionResetError otherwise."""
    parts = []
    while True:
        part = sock.recv(1 << 16)
        if not part:
            return b"".join(parts)
        parts.append(part)


def greet(port, host=HOST, say=b"", seconds=5.0):
    """What a client gets that says something first."""
    with connect(port, host, seconds) as sock:
        if say:
            sock.sendall(say)
        return read_all(sock)


def close_with_reset(sock):
    """Closes so that the other side gets a reset."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                    struct.pack("ii", 1, 0))
    sock.close()


def read_to_end(sock):
    """All bytes until the stream ends, and whether a reset ended it."""
    parts = []
    try:
        while part := sock.recv(1 << 16):
            parts.append(part)
    except ConnectionResetError:
        return b"".join(parts), True
    return b"".join(parts), False


def is_held(sock):
    """True while the connection is open and nothing more has come."""
    sock.setblocking(False)
    try:
        sock.recv(1, socket.MSG_PEEK)
        return False
    except BlockingIOError:
        return True
    except ConnectionError:
        return False
    finally:
        sock.settimeout(5.0)


class Load:
    """Threads that connect in a loop, each time for one whole greeting:

        with Load(port) as load:
            ...
        # load.served, load.failures (texts), load.slowest (seconds)
    """

    def __init__(self, port, greetings=(b"hi client\n",), threads=4,
                 seconds=10.0):
        self.port = port
        self.greetings = greetings
        self.seconds = seconds
        self.served = 0
        self.slowest = 0.0
        self.failures = []
        self._lock = threading.Lock()
        self._ending = threading.Event()
        self._threads = [threading.Thread(target=self._run, daemon=True)
                         for _ in range(threads)]

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self._ending.set()
        for thread in self._threads:
            thread.join()

    def _run(self):
        while not self._ending.is_set():
            begin = time.monotonic()
            failure = self._once()
            took = time.monotonic() - begin
            with self._lock:
                self.slowest = max(self.slowest, took)
                if failure is None:
                    self.served += 1
                elif len(self.failures) < 100:
                    self.failures.append(failure)

    def _once(self):
        try:
            got = greet(self.port, seconds=self.seconds)
        except OSError as error:
            return repr(error)
        return None if got in self.greetings else f"got {got[:80]!r}"

    def wait_more(self, count, seconds=20.0):
        """Waits until count more have been served."""
        goal = self.served + count
        wait_for(lambda: self.served >= goal, seconds,
                 f"{count} more greetings")


def together(*calls):
    """Calls all of them at the same time; their results, or the first
    exception once all have ended."""
    with concurrent.futures.ThreadPoolExecutor(len(calls)) as pool:
        futures = [pool.submit(call) for call in calls]
    return [future.result() for future in futures]


class KernelSocket(typing.NamedTuple):
    """A row of /proc/net/tcp."""

    state: str  # as in "ss": "ESTAB", "FIN-WAIT-1"
    unsent: int  # bytes that the other side has not acknowledged
    inode: int  # 0: no process has it


_STATES = ("", "ESTAB", "SYN-SENT", "SYN-RECV", "FIN-WAIT-1", "FIN-WAIT-2",
           "TIME-WAIT", "CLOSE", "CLOSE-WAIT", "LAST-ACK", "LISTEN",
           "CLOSING", "NEW-SYN-RECV")


def kernel_sockets(port):
    """What the kernel has with that local port."""
    found = []
    for name in "tcp", "tcp6":
        with open(f"/proc/net/{name}", encoding="ascii") as file:
            for row in (line.split() for line in list(file)[1:]):
                if int(row[1].rsplit(":", 1)[1], 16) == port:
                    found.append(KernelSocket(
                        _STATES[int(row[3], 16)],
                        int(row[4].split(":")[0], 16), int(row[9])))
    return found


# ------------------------------------------------------------------- processes

def proc_status(pid):
    """/proc/PID/status as a dictionary; empty when the process is gone."""
    try:
        with open(f"/proc/{pid}/status", encoding="ascii") as file:
            return dict(line.rstrip("\n").split(":\t", 1) for line in file
                        if ":\t" in line)
    except (FileNotFoundError, ProcessLookupError):
        return {}


def exists(pid):
    """True while the process is there and no zombie."""
    return proc_status(pid).get("State", "Z")[0] not in "ZX"


def children(pid):
    """Pids of the process's children, zombies too."""
    try:
        with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as f:
            return [int(child) for child in f.read().split()]
    except (FileNotFoundError, ProcessLookupError):
        return []


def descriptors(pid):
    """What the process has open: {number: target}."""
    found = {}
    for name in os.listdir(f"/proc/{pid}/fd"):
        try:
            found[int(name)] = os.readlink(f"/proc/{pid}/fd/{name}")
        except FileNotFoundError:
            pass
    return found


def limits(pid):
    """/proc/PID/limits: {"Max open files": ("1", "1"), ...}, soft and hard."""
    with open(f"/proc/{pid}/limits", encoding="ascii") as file:
        return {line[:26].strip(): (line[26:47].strip(), line[47:68].strip())
                for line in list(file)[1:]}


def cpu_seconds(pid):
    """User and system time that the process has used."""
    with open(f"/proc/{pid}/stat", encoding="ascii") as file:
        fields = file.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def limit(pid, name, soft):
    """prlimit(1): sets a soft limit of a process, as its own user: root in a
    container may have no CAP_SYS_RESOURCE."""
    user = {}
    if IS_ROOT:
        uid = int(proc_status(pid)["Uid"].split()[0])
        gid = int(proc_status(pid)["Gid"].split()[0])
        user = {"user": uid, "group": gid, "extra_groups": []}
    subprocess.run(["prlimit", "--pid", str(pid), f"--{name}={soft}:"],
                   check=True, **user)


def die_with_parent():
    """For preexec_fn."""
    _libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


def become_user():
    """For preexec_fn: root becomes an ordinary user."""
    os.setgroups([])
    os.setresgid(USER, USER, USER)
    os.setresuid(USER, USER, USER)


def _command(wrapper, program):
    """program behind wrapper, and the daemon behind what UNDER says too, its
    %p made unique: pids come again, and may be another user's then."""
    if os.path.basename(program) != "forkgreetd":
        return [*wrapper, program]
    run_id = f"{random.getrandbits(48):x}"
    under = [word.replace("%p", f"{run_id}-%p") for word in UNDER]
    return [*wrapper, *under, program]


def run(*arguments, program=DAEMON, as_user=False, preexec=None, wrapper=(),
        seconds=PATIENCE, **keywords):
    """Runs forkgreetd to its end; returns subprocess.CompletedProcess with
    what it said as text."""
    def before():
        if preexec is not None:
            preexec()
        if as_user and IS_ROOT:
            become_user()
    keywords = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE,
                "stderr": subprocess.PIPE, **keywords}
    return subprocess.run([*_command(wrapper, program), *arguments],
                          timeout=seconds,
                          encoding="utf-8", errors="replace", check=False,
                          preexec_fn=before, **keywords)


# ------------------------------------------------------------------ the daemon

def parse_line(text):
    """'client id=1 src=...' -> {'_': 'client', 'id': '1', ...}."""
    words = text.split()
    fields = {"_": words[0]} if words else {"_": ""}
    for match in re.finditer(r'(\w+)=("[^"]*"|\S*)', text):
        fields[match.group(1)] = match.group(2)
    return fields


class Daemon:
    """forkgreetd -f with its standard error in a file."""

    def __init__(self, folder, config, as_user=False, arguments=("-f",),
                 env=None, preexec=None, wrapper=(), pass_fds=(),
                 program=DAEMON):
        self.folder = folder
        self.config = os.path.join(folder, "forkgreet.conf")
        self.log_path = os.path.join(folder, "log")
        self.as_user = as_user
        self.preexec = preexec
        self.write_config(config)
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(
                [*_command(wrapper, program), *arguments, "-c", self.config],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                env={**os.environ, **(env or {})}, pass_fds=pass_fds,
                preexec_fn=self._preexec)
        self.pid = self.process.pid

    def _preexec(self):
        if self.preexec is not None:
            self.preexec()
        if self.as_user and IS_ROOT:
            become_user()
        die_with_parent()

    def write_config(self, text):
        """Replaces the configuration file as an editor would."""
        fresh = self.config + ".new"
        with open(fresh, "w", encoding="latin-1") as file:
            file.write(text)
        os.chmod(fresh, 0o644)
        os.rename(fresh, self.config)

    def log(self):
        """The lines so far, without 'forkgreetd: '."""
        with open(self.log_path, encoding="utf-8", errors="replace") as file:
            return [line.rstrip("\n").removeprefix("forkgreetd: ")
                    for line in file]

    def lines(self, word):
        """Parsed lines that begin with the word."""
        return [parse_line(line) for line in self.log()
                if line.split(" ", 1)[0] == word]

    def wait_line(self, word, count=1, seconds=5.0, **fields):
        """Waits for count lines that begin with word and have the fields;
        returns them."""
        def found():
            some = [line for line in self.lines(word)
                    if all(line.get(key) == value
                           for key, value in fields.items())]
            return some if len(some) >= count else None
        try:
            return wait_for(found, seconds, f"{count} x {word} {fields}")
        except AssertionError as error:
            raise AssertionError(
                f"{error}; the log says:\n" + "\n".join(self.log()[-30:])
            ) from None

    def ready(self, seconds=10.0):
        """Waits until it serves; returns self."""
        def started():
            return self.lines("start") or self.process.poll() is not None
        wait_for(started, seconds, "start")
        if not self.lines("start"):
            raise AssertionError("the daemon did not start, exit status "
                                 f"{self.process.poll()}:\n"
                                 + "\n".join(self.log()))
        return self

    def spawners(self):
        """Pids of its spawners: their own process group's leaders."""
        return [pid for pid in children(self.pid)
                if os.path.exists(f"/proc/{pid}") and
                _pgid(pid) == pid]

    def clients(self):
        """Pids of its client children: in a spawner's process group, and
        with its name, which a process that is not one yet has not."""
        return [pid for pid in children(self.pid)
                if proc_status(pid).get("Name") == SPAWNER_NAME
                and _pgid(pid) not in (pid, None)]

    def counters(self):
        """Asks with SIGUSR1: {listener: {name: number}}; None: the daemon."""
        before = len(self.lines("counters"))
        self.signal(signal.SIGUSR1)
        wait_for(lambda: any("log_dropped" in line for line in
                             self.lines("counters")[before:]),
                 what="counters")
        table = {}
        for line in self.lines("counters")[before:]:
            name = line.pop("listener", None)
            line.pop("_")
            table[name] = {key: int(value) for key, value in line.items()}
        return table

    def reload(self, config=None, result="ok", seconds=10.0):
        """Rewrites the configuration, sends HUP, waits for its result."""
        before = len(self.lines("reload"))
        if config is not None:
            self.write_config(config)
        self.signal(signal.SIGHUP)
        wait_for(lambda: len(self.lines("reload")) > before, seconds,
                 "reload")
        line = self.lines("reload")[before]
        if line["result"] != result:
            raise AssertionError(f"reload result={line['result']}:\n"
                                 + "\n".join(self.log()[-20:]))
        return line

    def signal(self, number):
        """kill(2)."""
        os.kill(self.pid, number)

    def wait(self, seconds=15.0):
        """Its exit status."""
        return self.process.wait(seconds)

    def stop(self, seconds=15.0):
        """TERM, and its exit status."""
        if self.process.poll() is None:
            self.signal(signal.SIGTERM)
        return self.wait(seconds)

    def end(self):
        """Whatever state it is in: afterwards it is gone."""
        if self.process.poll() is None:
            for number in (signal.SIGCONT, signal.SIGKILL):
                self.process.send_signal(number)
            self.process.wait()


class _Adopted:
    """What Daemon needs of subprocess.Popen, for a process that became our
    child when its parent ended."""

    def __init__(self, pid):
        self.pid = pid
        self.returncode = None

    def poll(self):
        """Its exit status, or None while it runs."""
        if self.returncode is None:
            try:
                pid, status = os.waitpid(self.pid, os.WNOHANG)
            except ChildProcessError:  # another Background.end() found it
                pid, status = self.pid, signal.SIGKILL
            if pid == self.pid:
                self.returncode = os.waitstatus_to_exitcode(status)
        return self.returncode

    def wait(self, seconds=15.0):
        """Its exit status."""
        wait_for(lambda: self.poll() is not None, seconds, "the daemon's end")
        return self.returncode

    def send_signal(self, number):
        """kill(2)."""
        if self.poll() is None:
            os.kill(self.pid, number)


class Background(Daemon):
    """forkgreetd without -f.  Its PID file is pid_path, unless config says
    otherwise.  .command is the starting command, .process the daemon, once
    ready() has returned."""

    def __init__(self, folder, config, as_user=False, arguments=(),
                 **keywords):
        adopt_orphans()
        self.pid_path = os.path.join(folder, "pid")
        if "pid_file" not in config:
            config = f'pid_file = "{self.pid_path}";\n{config}'
        super().__init__(folder, config, as_user, arguments, **keywords)
        self.command = self.process

    def written_pid(self):
        """What the PID file says; None: nothing, or no file."""
        try:
            with open(self.pid_path, encoding="ascii") as file:
                return int(file.read() or 0) or None
        except FileNotFoundError:
            return None

    def ready(self, seconds=20.0):
        """Waits for the starting command; returns self."""
        if self.command.wait(seconds) != 0:
            raise AssertionError("the daemon did not start:\n"
                                 + "\n".join(self.log()))
        (self.pid,) = instances(self.config)
        self.process = _Adopted(self.pid)
        return self

    def end(self):
        """Whatever state it is in: afterwards it is gone."""
        super().end()
        if self.command.poll() is None:
            self.command.kill()
            self.command.wait()
        for pid in instances(self.config):
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)


def adopt_orphans():
    """From now on a daemon that goes to the background becomes our child, and
    cannot get lost."""
    _libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def instances(config):
    """Pids of our children, living ones, that run with that configuration
    file."""
    return [pid for pid in children(os.getpid())
            if config.encode() in _command_line(pid)]


def _command_line(pid):
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as file:
            return file.read().split(b"\0")
    except (FileNotFoundError, ProcessLookupError):
        return []


def _pgid(pid):
    try:
        return os.getpgid(pid)
    except ProcessLookupError:
        return None


def _unlimited(top):
    """top behind the log's line, with no limit for a source unless it says so:
    tests are one source.  The lines keep their numbers."""
    if "max_clients_per_source" in top:
        return "\n" + top
    none = "max_clients_per_source = 0; "
    if "limits = {" in top:
        return "\n" + top.replace("limits = {", "limits = { " + none, 1)
    return f" limits = {{ {none}}};\n{top}"


class Case(unittest.TestCase):
    """A test with daemons, folders and sockets that go away with it."""

    def folder(self):
        """A new folder that everybody may enter."""
        path = tempfile.mkdtemp(prefix="forkgreet-test-")
        os.chmod(path, 0o755)
        if IS_ROOT:
            os.chown(path, USER, USER)
        self.addCleanup(shutil.rmtree, path, ignore_errors=True)
        return path

    def daemon(self, listeners=None, top="", ready=True, as_user=False,
               config=None, **arguments):
        """Starts a daemon: config whole, or its listeners and what stands
        above them; by default one listener on self.port."""
        if config is None:
            config = self.configuration(listeners, top)
        daemon = Daemon(self.folder(), config, as_user, **arguments)
        self.addCleanup(daemon.end)
        return daemon.ready() if ready else daemon

    def background(self, listeners=None, top="", ready=True, as_user=False,
                   config=None, **arguments):
        """The same without -f."""
        if config is None:
            config = self.configuration(listeners, top)
        daemon = Background(self.folder(), config, as_user, **arguments)
        self.addCleanup(daemon.end)
        return daemon.ready() if ready else daemon

    def configuration(self, listeners=None, top=""):
        """A configuration: one listener on self.port unless listeners says
        otherwise."""
        if listeners is None:
            listeners = self.listener()
        return (identity() + 'log = { target = "stderr"; };' +
                _unlimited(top) + f"\nlisteners = ( {listeners} );\n")

    def listener(self, more="", name="main", port=None):
        """A listener's group on 127.0.0.1."""
        if port is None:
            port = self.port
        return (f'{{ name = "{name}"; address = "{HOST}"; port = {port}; '
                f'{more} }}')

    @property
    def port(self):
        """This test's own port."""
        if not hasattr(self, "_port"):
            self._port = free_port()
        return self._port

    def connect(self, *arguments, **keywords):
        """connect() that is closed with the test."""
        sock = connect(*arguments, **keywords)
        self.addCleanup(sock.close)
        return sock

    def assert_balanced(self, daemon):
        """accepted = refused + ended + live, for every listener."""
        for name, row in daemon.counters().items():
            if name is None:
                continue
            parts = sum(value for key, value in row.items()
                        if key.startswith(("refused_", "ended_")))
            self.assertEqual(row["accepted"], parts + row["live"], row)


class StartCase(Case):
    """A test of how the daemon starts: as root, or in a subclass that sets
    as_user as an ordinary user."""

    as_user = False

    def start(self, listeners=None, top="", **more):
        """A daemon that serves."""
        return self.daemon(listeners, top, as_user=self.as_user, **more)

    def file(self, text, mode=0o644, name="file"):
        """Writes one in a folder of its own; returns its path."""
        path = os.path.join(self.folder(), name)
        with open(path, "w", encoding="latin-1") as file:
            file.write(text)
        os.chmod(path, mode)
        return path

    def run_with(self, path, *arguments, as_user=None, **more):
        """run() with that configuration file."""
        return run(*arguments, "-c", path,
                   as_user=self.as_user if as_user is None else as_user,
                   **more)

    def refused(self, status, *texts, config=None, mode=0o644,
                arguments=("-f",), **more):
        """The daemon must not start, but exit with that status and say these
        texts, FILE:LINE being where the listeners stand."""
        if config is None:
            config = self.configuration()
        path = self.file(config, mode, "forkgreet.conf")
        result = self.run_with(path, *arguments, **more)
        self.assertEqual(result.returncode, status, result.stderr)
        for line in result.stderr.splitlines():
            self.assertTrue(line.startswith("forkgreetd: "), result.stderr)
        before = config.partition("listeners = (")[0].count("\n")
        for text in texts:
            text = text.replace("FILE", path)
            self.assertIn(text.replace("LINE", str(before + 1)),
                          result.stderr)

    def greets(self, port, text=b"hi client\n", host=HOST):
        """Somebody must send the text there."""
        self.assertEqual(greet(port, host, seconds=PATIENCE), text)

    def copies(self):
        """A copy of the daemon, its path; what it executes is beside it."""
        folder = self.folder()
        for name in "forkgreetd", "forkgreet-reader", "forkgreet-spawner":
            shutil.copy(os.path.join(BUILDDIR, name), folder)
        return os.path.join(folder, "forkgreetd")

    @contextlib.contextmanager
    def stuck_start(self, start):
        """start(program) starts a daemon, which binds, but cannot open its
        spawner's program until the context ends: our lease (fcntl(2)) makes it
        wait."""
        program = self.copies()
        spawner = os.open(os.path.join(os.path.dirname(program),
                                       "forkgreet-spawner"),
                          os.O_RDONLY | os.O_CLOEXEC)
        before = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGIO])
        try:
            try:
                fcntl.fcntl(spawner, fcntl.F_SETLEASE, fcntl.F_WRLCK)
            except OSError as error:
                self.skipTest(f"F_SETLEASE: {error.strerror}")
            daemon = start(program)
            self.assertIsNotNone(
                signal.sigtimedwait([signal.SIGIO], PATIENCE),
                "nobody opens the spawner's program")
            yield daemon
        finally:
            os.close(spawner)
            signal.pthread_sigmask(signal.SIG_SETMASK, before)


def identity():
    """What a daemon that root starts must be told."""
    if not IS_ROOT:
        return ""
    return 'user = "nobody"; group = "nogroup"; control_socket = "";\n'


def needs_root(test):
    """Skips a test that an ordinary user cannot run."""
    return unittest.skipUnless(IS_ROOT, "needs root")(test)


if_also_user = unittest.skipUnless(
    IS_ROOT, "an ordinary user runs the same tests in the other class")


def needs_program(name):
    """Skips a test without that program."""
    return unittest.skipUnless(shutil.which(name), f"needs {name}")


def not_under_valgrind(reason):
    """Skips a test that valgrind itself would spoil."""
    return unittest.skipIf(UNDER, "valgrind: " + reason)


class Strace:
    """strace at a running process: what it injects ends with it."""

    def __init__(self, pid, *expressions, follow=False, output="/dev/null"):
        arguments = ["strace", "-qq", "-o", output, "-p", str(pid)]
        if follow:
            arguments.append("-f")
        for expression in expressions:
            arguments += ["-e", expression]
        self.pid = pid
        self.process = subprocess.Popen(
            arguments, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE, preexec_fn=die_with_parent)

    def __enter__(self):
        wait_for(lambda: self._traces() or self.process.poll() is not None,
                 what="strace")
        if self.process.poll() is not None:
            raise AssertionError(self.process.stderr.read().decode())
        return self

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGINT)
        self.process.wait()
        self.process.stderr.close()

    def _traces(self):
        return (proc_status(self.pid).get("TracerPid") ==
                str(self.process.pid))


def strace_works():
    """True when a process of another user can be traced."""
    if not IS_ROOT or shutil.which("strace") is None:
        return False
    sleeper = subprocess.Popen(["sleep", "60"])
    try:
        with Strace(sleeper.pid, "trace=none"):
            return True
    except AssertionError:
        return False
    finally:
        sleeper.kill()
        sleeper.wait()


# ------------------------------------------------------------------------- TAP

class TapResult(unittest.TestResult):
    """Prints TAP version 12 as tests end."""

    def __init__(self, stream):
        super().__init__()
        self.stream = stream
        self.number = 0

    def _say(self, good, test, directive="", detail=""):
        self.number += 1
        name = test.id().removeprefix("__main__.")
        print("ok" if good else "not ok", self.number, "-", name + directive,
              file=self.stream, flush=True)
        for line in detail.splitlines():
            print("#", line, file=self.stream, flush=True)

    def addSuccess(self, test):
        self._say(True, test)

    def addFailure(self, test, err):
        super().addFailure(test, err)
        self._say(False, test, detail=self.failures[-1][1])

    def addError(self, test, err):
        super().addError(test, err)
        self._say(False, test, detail=self.errors[-1][1])

    def addSkip(self, test, reason):
        super().addSkip(test, reason)
        self._say(True, test, f" # SKIP {reason}")

    def addSubTest(self, test, subtest, err):
        super().addSubTest(test, subtest, err)
        if err is not None:
            self._say(False, subtest,
                      detail=self._exc_info_to_string(err, test))


def _flat(suite):
    for test in suite:
        if isinstance(test, unittest.TestSuite):
            yield from _flat(test)
        else:
            yield test


def _is_needed(test):
    """Valgrind is slow: there root leaves out what differs in the user only."""
    return not (UNDER and IS_ROOT and
                type(test).__name__.endswith("AsUser"))


def main():
    """Runs all tests of the module that was started, or those named."""
    module = sys.modules["__main__"]
    names = sys.argv[1:] or None
    loader = unittest.defaultTestLoader
    suite = (loader.loadTestsFromNames(names, module) if names
             else loader.loadTestsFromModule(module))
    suite = unittest.TestSuite(filter(_is_needed, _flat(suite)))
    result = TapResult(sys.stdout)
    suite.run(result)
    print(f"1..{result.number}", flush=True)
    sys.exit(0 if result.wasSuccessful() else 1)
