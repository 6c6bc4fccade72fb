"""The PID file: what it says, whom it locks out, what it may be."""

import ctypes
import fcntl
import os
import signal
import socket
import stat

from harness import (HOST, IS_ROOT, PATIENCE, StartCase, USER, children,
                     descriptors, free_port, if_also_user, needs_root,
                     not_under_valgrind)
from programs import UNTRACED
from racing import Race


def read(path):
    """The text of a file, None without."""
    try:
        with open(path, encoding="latin-1") as file:
            return file.read()
    except FileNotFoundError:
        return None


def write(path, text, owner=None):
    """Makes a file, of that user."""
    with open(path, "w", encoding="latin-1") as file:
        file.write(text)
    os.chmod(path, 0o644)
    if IS_ROOT:
        os.chown(path, *(owner or (0, 0)))


def is_locked(path):
    """By another process, in the manner of fcntl(2)."""
    with open(path, "r+b") as file:
        try:
            fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def flags(pid, fd):
    """Of open(2), of another process's descriptor."""
    with open(f"/proc/{pid}/fdinfo/{fd}", encoding="ascii") as file:
        return int(next(line.split()[1] for line in file
                        if line.startswith("flags:")), 8)


class PidFileCase(StartCase):
    """Tests with a PID file in a folder that the daemon may write."""

    def setUp(self):
        self.path = os.path.join(self.folder(), "pid")

    def top(self):
        return f'pid_file = "{self.path}";'

    def write(self, path, text):
        """A file of the user that starts the daemon."""
        write(path, text, (USER, USER) if self.as_user else None)

    def start(self, listeners=None, top=None, **more):
        return super().start(listeners, self.top() if top is None else top,
                             **more)

    def locked_out(self, pid):
        """Another one, on another port, must name it and leave it alone."""
        self.refused(
            75, f"forkgreetd: {self.path}: locked: another instance is "
            f"running, pid {pid}\n", config=self.configuration(
                self.listener(port=free_port()), self.top()))
        self.assertEqual(read(self.path), f"{pid}\n")
        self.greets(self.port)


class Written(PidFileCase):
    """What is in it, and when."""

    def test_content(self):
        daemon = self.start()
        self.assertEqual(read(self.path), f"{daemon.pid}\n")
        found = os.stat(self.path)
        self.assertEqual(found.st_mode & 0o7777, 0o644)
        self.assertEqual(found.st_uid,
                         USER if self.as_user and IS_ROOT else os.getuid())

    def test_default(self):
        """None in the foreground; in the background none of an ordinary
        user's."""
        def look():
            try:
                found = os.stat("/run/forkgreet.pid")
            except FileNotFoundError:
                return None
            return found.st_ino, found.st_mtime_ns
        before = look()
        daemon = self.start(top="")
        self.assertEqual(look(), before)
        self.assertEqual(os.listdir(os.path.dirname(self.path)), [])
        if self.as_user or not IS_ROOT:
            self.background(
                as_user=True, config="# no pid_file\n" + self.configuration(
                    self.listener(port=free_port())))
            self.assertEqual(look(), before)
        self.assertEqual(daemon.stop(), 0)

    def test_none(self):
        """"" is none in the background too."""
        daemon = self.background(as_user=self.as_user,
                                 top='pid_file = "";')
        self.assertFalse(os.path.exists(daemon.pid_path))
        self.greets(self.port)

    def test_stale(self):
        """Which pid it names does not count: here that of somebody who lives,
        and a longer one than ours."""
        for text in f"{os.getpid()}\n", "4194304123\n", "1", "":
            with self.subTest(text):
                self.write(self.path, text)
                daemon = self.start()
                self.assertEqual(read(self.path), f"{daemon.pid}\n")
                self.assertEqual(daemon.stop(), 0)

    def test_end(self):
        for number in signal.SIGTERM, signal.SIGINT, signal.SIGQUIT:
            with self.subTest(number):
                daemon = self.start()
                daemon.signal(number)
                self.assertEqual(daemon.wait(PATIENCE), 0)
                self.assertIsNone(read(self.path))

    @needs_root
    def test_end_where_only_root_may_remove(self):
        """As in /run: the file stays as it is, and the lock is gone."""
        if self.as_user:
            self.skipTest("an ordinary user cannot make it there")
        os.chown(os.path.dirname(self.path), 0, 0)
        for _ in range(2):
            daemon = self.start()
            self.assertEqual(read(self.path), f"{daemon.pid}\n")
            self.assertTrue(is_locked(self.path))
            self.assertEqual(daemon.stop(), 0)
            self.assertEqual(read(self.path), f"{daemon.pid}\n")
            self.assertFalse(is_locked(self.path))

    def test_c6_no_descriptor_can_write_it(self):
        """Master, spawner and child: the first has it, to read, and locked."""
        daemon = self.start(self.listener("hold = true;"))
        with self.connect(self.port, seconds=PATIENCE) as client:
            self.assertEqual(client.recv(100), b"hi client\n")
            found = [(pid, flags(pid, fd))
                     for pid in (daemon.pid, *children(daemon.settle().pid))
                     for fd, target in descriptors(pid).items()
                     if target == self.path]
        self.assertEqual([(pid, mode & os.O_ACCMODE) for pid, mode in found],
                         [(daemon.pid, os.O_RDONLY)])
        with open("/proc/locks", encoding="ascii") as file:
            locks = [line.split() for line in file]
        inode = str(os.stat(self.path).st_ino)
        self.assertEqual(
            [words[3] for words in locks if words[4] == str(daemon.pid)
             and words[5].rsplit(":", 1)[1] == inode], ["READ"])

    def test_end_of_a_start_that_fails(self):
        with socket.create_server((HOST, 0)) as sock:
            port = sock.getsockname()[1]
            self.refused(69, config=self.configuration(
                self.listener(port=port), self.top()))
        self.assertIsNone(read(self.path))

    def test_removed_by_somebody(self):
        """The end does not remove what is another's."""
        daemon = self.start()
        os.unlink(self.path)
        self.assertEqual(daemon.stop(), 0)
        self.assertIsNone(read(self.path))


@if_also_user
class WrittenAsUser(Written):
    """The same, started by an ordinary user."""

    as_user = True


class Locked(PidFileCase):
    """One instance at a time."""

    def test_for_life(self):
        """Through reloads and spawners; everybody has a copy of the descriptor,
        nobody ends the lock by closing it."""
        daemon = self.start()
        self.assertTrue(is_locked(self.path))
        self.locked_out(daemon.pid)
        daemon.reload()
        spawner = daemon.successor(None)
        os.kill(spawner, signal.SIGKILL)
        daemon.successor(spawner)
        daemon.reload("nonsense", "failed")
        self.locked_out(daemon.pid)
        self.assertTrue(is_locked(self.path))
        self.assertEqual(daemon.stop(), 0)

    def test_killed(self):
        """The next one starts at once, though a client of the last one holds
        its connection."""
        for _ in range(3):
            daemon = self.start(self.listener("hold = true;"))
            client = self.connect(self.port, seconds=PATIENCE)
            self.assertEqual(client.recv(100), b"hi client\n")
            daemon.settle()  # a spawner before its exec has what the master has
            daemon.signal(signal.SIGKILL)
            self.assertEqual(daemon.wait(), -signal.SIGKILL)
            self.assertEqual(read(self.path), f"{daemon.pid}\n")
        daemon = self.start()
        self.assertEqual(read(self.path), f"{daemon.pid}\n")

    def test_locked_by_somebody_else(self):
        with open(self.path, "w", encoding="ascii") as file:
            if IS_ROOT and self.as_user:
                os.chown(self.path, USER, USER)
            fcntl.lockf(file, fcntl.LOCK_EX)
            self.refused(75, "locked: another instance is running, pid "
                         f"{os.getpid()}\n",
                         config=self.configuration(top=self.top()))
        self.assertEqual(read(self.path), "")


@if_also_user
class LockedAsUser(Locked):
    """The same, started by an ordinary user."""

    as_user = True


class SystemCall(ctypes.Structure):
    """struct ptrace_syscall_info of linux/ptrace.h, for an entry"""

    _fields_ = [("op", ctypes.c_uint8), ("arch", ctypes.c_uint32),
                ("instruction", ctypes.c_uint64), ("stack", ctypes.c_uint64),
                ("number", ctypes.c_uint64), ("arguments", ctypes.c_uint64 * 6)]


@not_under_valgrind("ptrace would stop valgrind")
class BeforeTheLock(PidFileCase):
    """What another instance does after ours has opened the file, and before it
    locks it.  ptrace(2) stops ours there."""

    TRACEME, SYSCALL, DETACH = 0, 24, 17
    SETOPTIONS, GET_SYSCALL_INFO = 0x4200, 0x420e
    O_TRACESYSGOOD, O_EXITKILL = 1, 1 << 20
    F_SETLK64 = 13  # what 32-bit programs say

    def setUp(self):
        super().setUp()
        self.libc = ctypes.CDLL(None, use_errno=True)
        self.libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long,
                                     ctypes.c_void_p, ctypes.c_void_p]
        self.libc.ptrace.restype = ctypes.c_long

    def ptrace(self, request, pid, address=None, data=None):
        if self.libc.ptrace(request, pid, address, data) == -1:
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number), "ptrace")

    def is_lock(self, pid):
        """Does it stand before fcntl(its PID file, F_SETLK)?"""
        call = SystemCall()
        self.ptrace(self.GET_SYSCALL_INFO, pid, ctypes.sizeof(call),
                    ctypes.byref(call))
        if call.op != 1 or call.arguments[1] not in (
                fcntl.F_SETLK, self.F_SETLK64):
            return False
        try:
            link = os.readlink(f"/proc/{pid}/fd/{call.arguments[0]}")
        except FileNotFoundError:
            return False
        return link == self.path

    def start_to_lock(self, times=1):
        """A daemon that is about to lock the file, and stopped."""
        def traced():
            if self.libc.ptrace(self.TRACEME, 0, None, None) == -1:
                os._exit(99)
        daemon = super().start(ready=False, preexec=traced)
        pid = daemon.pid
        _, status = os.waitpid(pid, 0)
        if not os.WIFSTOPPED(status):
            daemon.process.returncode = os.waitstatus_to_exitcode(status)
            self.skipTest("ptrace(2) is not allowed here")
        self.ptrace(self.SETOPTIONS, pid, None,
                    self.O_TRACESYSGOOD | self.O_EXITKILL)
        number = 0
        while True:
            self.ptrace(self.SYSCALL, pid, None, number)
            _, status = os.waitpid(pid, 0)
            self.assertTrue(os.WIFSTOPPED(status), daemon.log())
            number = os.WSTOPSIG(status)
            if number == signal.SIGTRAP | 0x80:
                times -= self.is_lock(pid)
                if times == 0:
                    return daemon
                number = 0

    @UNTRACED
    def test_c6_overtaken(self):
        """Between its two locks another one had the file, and has it still or
        has no writable descriptor either."""
        for kind in fcntl.LOCK_EX, fcntl.LOCK_SH:
            with self.subTest(kind):
                daemon = self.start_to_lock(2)
                self.assertEqual(read(self.path), f"{daemon.pid}\n")
                self.write(self.path, f"{os.getpid()}\n")
                with open(self.path, "r+b") as file:
                    fcntl.lockf(file, kind | fcntl.LOCK_NB)
                    self.ptrace(self.DETACH, daemon.pid)
                    self.assertEqual(daemon.wait(PATIENCE), 75)
                self.assertEqual(read(self.path), f"{os.getpid()}\n")
                self.assertIn("another instance is running, pid "
                              f"{os.getpid()}", "\n".join(daemon.log()))

    def test_removed(self):
        """The other one ended, and took the file with it."""
        daemon = self.start_to_lock()
        os.unlink(self.path)
        self.ptrace(self.DETACH, daemon.pid)
        daemon.ready()
        self.locked_out(daemon.pid)

    def test_replaced(self):
        """And a third one was faster."""
        daemon = self.start_to_lock()
        os.unlink(self.path)
        self.write(self.path, "another's\n")
        with open(self.path, "r+b") as file:
            fcntl.lockf(file, fcntl.LOCK_EX)
            self.ptrace(self.DETACH, daemon.pid)
            self.assertEqual(daemon.wait(PATIENCE), 75)
            self.assertEqual(file.read(), b"another's\n")
        self.assertIn(f"another instance is running, pid {os.getpid()}",
                      "\n".join(daemon.log()))


@if_also_user
class BeforeTheLockAsUser(BeforeTheLock):
    """The same, started by an ordinary user."""

    as_user = True


class Unusable(PidFileCase):
    """What cannot be a PID file ends the start, and stays as it was.  All of it
    is the test's own: a daemon that is wrong, as root, takes it away."""

    def check(self, why, path=None, step="open: "):
        path = self.path if path is None else path
        self.refused(78, f"forkgreetd: {path}: {step}{why}\n", config=self.configuration(top=f'pid_file = "{path}";'))

    def test_link(self):
        target = self.path + ".target"
        os.symlink(target, self.path)
        for text in None, "precious":
            if text is not None:
                self.write(target, text)
            self.check("Too many levels of symbolic links (it must not be a "
                       "link)")
            self.assertEqual(read(target), text)
        self.assertTrue(os.path.islink(self.path))

    def test_folder(self):
        os.mkdir(self.path)
        self.check("Is a directory")

    def test_fifo(self):
        os.mkfifo(self.path)
        if IS_ROOT:
            os.chown(self.path, USER, USER)
        self.check("is not a regular file")

    def test_device(self):
        """A /dev/null of its own."""
        if not IS_ROOT:
            self.skipTest("only root can make one")
        try:
            os.mknod(self.path, stat.S_IFCHR | 0o666, os.makedev(1, 3))
            os.chmod(self.path, 0o666)
            with open(self.path, "wb"):
                pass
        except OSError as error:
            self.skipTest(f"mknod: {error.strerror}")
        self.check("is not a regular file")
        self.assertTrue(stat.S_ISCHR(os.stat(self.path).st_mode))

    def test_socket(self):
        with socket.socket(socket.AF_UNIX) as sock:
            sock.bind(self.path)
            os.chmod(self.path, 0o666)
            self.check("No such device or address")

    def test_no_folder(self):
        self.check("No such file or directory", self.path + "/no/pid")
        self.write(self.path, "")
        self.check("Not a directory", self.path + "/pid")

    def test_folder_that_takes_no_files(self):
        if IS_ROOT and not self.as_user:
            self.check("No such file or directory", "/proc/forkgreet.pid")
            return
        os.chmod(os.path.dirname(self.path), 0o555)
        self.check("Permission denied")

    def test_c6_no_pid_file(self):
        """A key that names another file by mistake costs nothing."""
        for text in ("precious", "x" * 10000, "\0", "12x\n", "1\n2\n", " 1",
                     "\n", "1" * 11, "-1\n"):
            with self.subTest(text[:9]):
                self.write(self.path, text)
                self.check("holds something other than a pid: not overwritten",
                           step="")
                self.assertEqual(read(self.path), text)

    def test_c6_others_may_write_it(self):
        self.write(self.path, "1\n")
        for mode in 0o664, 0o646:
            os.chmod(self.path, mode)
            self.check("group or others can write it (mode "
                       f"{mode:04o}): chmod go-w it", step="")
        self.assertEqual(read(self.path), "1\n")

    @needs_root
    def test_c6_of_another_user(self):
        """One that the daemon, or anybody, could change."""
        if self.as_user:
            self.skipTest("an ordinary user cannot open it")
        write(self.path, "1\n", (USER, USER))
        self.check(f"belongs to user {USER}, who could write any pid into it: "
                   "remove it", step="")

    def test_file_of_somebody_else(self):
        if IS_ROOT and not self.as_user:
            self.skipTest("root may write all")
        with open(self.path, "w", encoding="ascii") as file:
            file.write("precious")
        os.chmod(self.path, 0o444)
        self.check("Permission denied")
        self.assertEqual(read(self.path), "precious")


@if_also_user
class UnusableAsUser(Unusable):
    """The same, started by an ordinary user."""

    as_user = True


class Races(PidFileCase):
    """Several that start at the same time."""

    rounds = 50

    def setUp(self):
        super().setUp()
        self.race = Race(self.file(self.configuration(top=self.top())),
                         self.as_user)
        self.addCleanup(self.race.end)

    def test_one_survives(self):
        """Killed or ended, the next four find the place free."""
        for number in range(self.rounds):
            self.assertEqual(self.race.start(4), [0, 75, 75, 75],
                             self.race.said())
            (pid,) = self.race.wait_alive(1)
            self.assertEqual(read(self.path), f"{pid}\n")
            self.greets(self.port)
            os.kill(pid, signal.SIGTERM if number % 2 else signal.SIGKILL)
            os.waitpid(pid, 0)

    def test_while_one_ends(self):
        """The last one's end, which removes the file, never makes room for
        two."""
        last = None
        for _ in range(self.rounds):
            if last is not None:
                os.kill(last, signal.SIGTERM)
            statuses = self.race.start(3)
            if last is not None:
                os.waitpid(last, 0)
            self.assertLessEqual(set(statuses), {0, 75}, self.race.said())
            self.assertLessEqual(statuses.count(0), 1, self.race.said())
            now = self.race.wait_alive(statuses.count(0))
            last = now[0] if now else None
            if last is not None:
                self.assertEqual(read(self.path), f"{last}\n")
                self.greets(self.port)


@if_also_user
class RacesAsUser(Races):
    """The same, started by an ordinary user."""

    as_user = True
    rounds = 15


if __name__ == "__main__":
    from harness import main
    main()
