"""The small image: what a spawner and its children have mapped, and what that
costs."""

import ctypes
import os
import re
import subprocess
import unittest

from harness import (Case, Strace, free_port, greet, main, needs_root,
                     proc_status, strace_works, wait_for)
from programs import UNTRACED, Build, has_small_image

KIB = 1024
PAGE = 4 * KIB
# Permissions, what is mapped, bytes.
CHILD = (
    ("r-xp", "forkgreet-spawner", 12 * KIB),  # text and constants of the file
    ("r--p", "", 2 * PAGE),  # those of this spawner, and the plan
    ("rw-p", "", 8 * KIB),  # the child's memory, and its stack
)
# With a plan that is too large to be copied.
LARGE = (
    CHILD[0],
    ("r--p", "", PAGE),
    CHILD[2],
    ("r--s", "/memfd:forkgreet-plan", 1028 * KIB),
)
SPAWNER = (
    ("rw-p", "[stack]", PAGE),
    ("rw-s", "/memfd:forkgreet-pids", 136 * KIB),
)
RANGE = 2 << 20  # what one page of page tables covers


def can_be_renamed():
    """Can the kernel be told where a program's name is?  PR_SET_MM with
    PR_SET_MM_MAP_SIZE asks; EINVAL: it has no CONFIG_CHECKPOINT_RESTORE."""
    size = ctypes.c_uint(0)
    return ctypes.CDLL(None).prctl(35, 15, ctypes.byref(size), 0, 0) == 0


restorable = unittest.skipUnless(
    can_be_renamed(), "the kernel has no CONFIG_CHECKPOINT_RESTORE")


def mappings(pid):
    """The address, permissions, name and size of each; without [vsyscall],
    which is the kernel's in every process."""
    with open(f"/proc/{pid}/maps", encoding="utf-8") as file:
        for line in file:
            fields = line.split()
            name = fields[5] if len(fields) > 5 else ""
            begin, end = (int(at, 16) for at in fields[0].split("-"))
            if name != "[vsyscall]":
                yield (begin, fields[1],
                       re.sub(r"^/(?!memfd).*/", "", name), end - begin)


def status(pid, key):
    """A size of the process, in bytes."""
    return int(proc_status(pid)[key].split()[0]) * KIB


@unittest.skipUnless(has_small_image(), "built without the small image")
class Image(Case):
    """A held client's child, and its spawner."""

    def hold(self, greeting="hi client\\n"):
        """A daemon, its spawner and a child."""
        daemon = self.daemon(self.listener(
            f'hold = true; greeting = "{greeting}";'))
        sock = self.connect(self.port)
        self.assertTrue(sock.recv(100))
        child = daemon.client()
        return daemon, daemon.spawners()[0], child

    def assert_mapped(self, pid, *tables):
        """These, and nothing else."""
        self.assertEqual(
            sorted(row[1:] for row in mappings(pid)),
            sorted(row for table in tables for row in table))

    def test_child(self):
        _, _, child = self.hold()
        self.assert_mapped(child, CHILD)
        self.assertLessEqual(status(child, "VmSize"), 28 * KIB)
        self.assertLessEqual(status(child, "VmPTE"), 12 * KIB)

    def test_spawner(self):
        _, spawner, _ = self.hold()
        self.assert_mapped(spawner, CHILD, SPAWNER)

    def test_a_large_plan_has_its_own_place(self):
        """It is not one page of page tables then."""
        _, spawner, child = self.hold("x" * (RANGE // 2 - 1))
        self.assert_mapped(child, LARGE)
        self.assert_mapped(spawner, LARGE, SPAWNER)

    def test_places(self):
        """Each spawner has another range, and in it other distances; between
        two mappings there is a hole."""
        daemon, spawner, _ = self.hold()
        bases, distances = set(), set()
        for _ in range(8):
            rows = sorted(mappings(spawner))
            base = rows[0][0] // RANGE
            self.assertEqual({row[0] // RANGE for row in rows}, {base})
            for before, after in zip(rows, rows[1:]):
                self.assertGreater(after[0], before[0] + before[3])
            bases.add(base)
            distances.add(tuple(row[0] - rows[0][0] for row in rows))
            daemon.reload()
            spawner, = wait_for(lambda old=spawner: [
                pid for pid in daemon.spawners() if pid != old])
        self.assertEqual(len(bases), 8)
        self.assertEqual(len(distances), 8)

    def test_whole_range(self):
        """Not only where the kernel places a program."""
        daemon, _, _ = self.hold()
        seen = set()
        for _ in range(12):
            for pid in daemon.settle().all_spawners():
                seen.add(next(mappings(pid))[0] >> 40)
            daemon.reload()
        self.assertGreater(len(seen), 8)  # of 128

    @needs_root
    def test_clients_do_not_meet(self):
        """What was rendered for a client is not in the memory of the next
        one's child."""
        other = free_port()
        daemon = self.daemon(", ".join((
            self.listener("hold = true;"),
            self.listener('greeting = "to %{client_port} only";', "other",
                          other))))
        said = greet(other)
        self.assertRegex(said, rb"^to \d+ only$")
        self.assertTrue(self.connect(self.port).recv(100))
        child = daemon.client()
        for begin, rights, _, size in mappings(child):
            with open(f"/proc/{child}/mem", "rb") as file:
                file.seek(begin)
                found = file.read(size)
            self.assertNotIn(said, found)
            self.assertIn(rights, ("r-xp", "r--p", "rw-p"))

    @restorable
    def test_what_ps_shows(self):
        _, spawner, child = self.hold()
        for pid in spawner, child:
            with open(f"/proc/{pid}/cmdline", "rb") as file:
                self.assertEqual(file.read(), b"forkgreet-spawner\0")

    @restorable
    @needs_root
    def test_no_auxiliary_vector(self):
        """No address of what was there before is told."""
        _, spawner, child = self.hold()
        for pid in spawner, child:
            with open(f"/proc/{pid}/auxv", "rb") as file:
                self.assertEqual(file.read().strip(b"\0"), b"")


@unittest.skipUnless(has_small_image(), "built without the small image")
class Check(Case):
    """What image/check.sh finds before the image is linked."""

    # C, and what is said of it.
    SOURCES = (
        ("int f(int n) { return n + 1; }", ""),
        ("extern int g(int); int f(int n) { return g(n) + 1; }", "U g"),
        ("static int n; int f(void) { return ++n; }", "section .bss"),
        ("static int n = 1; int f(void) { return ++n; }", "section .data"),
        ('static const char *const word[] = { "a", "b" }; '
         "const char *f(int n) { return word[n & 1]; }",
         "section .data.rel.ro"),
        ("int g(void); int (*f(void))(void) { return g; }", "GOTPCREL"),
    )

    def setUp(self):
        self.build = Build(os.environ.get("BUILDDIR", "."))
        self.image = os.path.join(
            os.environ.get("top_srcdir")
            or self.build.variable("abs_top_srcdir"), "src/spawner/image")
        self.object = os.path.join(self.folder(), "all.o")

    def link(self, source):
        """As the Makefile does."""
        subprocess.run(
            [*self.build.variable("SPAWNER_CC").split(), "-fPIE",
             *self.build.variable("IMAGE_CFLAGS").split(), "-r", "-nostdlib",
             "-Wl,-T," + os.path.join(self.image, "image.ld"),
             "-x", "c", "-", "-o", self.object],
            input=source.encode(), check=True)

    def check(self, **tools):
        """Its exit status and what it says."""
        done = subprocess.run(
            ["sh", os.path.join(self.image, "check.sh"), self.object],
            stderr=subprocess.PIPE, encoding="utf-8",
            env={**os.environ, **tools})
        return done.returncode, done.stderr

    def test_each(self):
        for source, said in self.SOURCES:
            with self.subTest(source=source):
                self.link(source)
                status, words = self.check()
                self.assertIn(said, words)
                self.assertEqual(status, 1 if said else 0, words)

    def test_what_cannot_be_read(self):
        """No answer is not a good one."""
        self.assertEqual(self.check()[0], 1)  # there is no such file
        self.link(self.SOURCES[0][0])
        self.assertEqual(self.check(NM="false")[0], 1)
        self.assertEqual(self.check(READELF="false")[0], 1)
        self.assertEqual(self.check(READELF="true")[0], 1)


@UNTRACED
@unittest.skipUnless(has_small_image(), "built without the small image")
@unittest.skipUnless(strace_works(), "strace does not work here")
class Traced(Case):
    """What a tracer sees and does."""

    def test_faults(self):
        """A child that greets has one page fault: that of the text."""
        daemon = self.daemon(self.listener()).settle()
        spawner = daemon.spawners()[0]
        for _ in range(3):
            with Strace(spawner, "trace=exit_group",
                        "inject=exit_group:delay_enter=60000000", follow=True):
                sock = self.connect(self.port)
                self.assertEqual(sock.recv(100), b"hi client\n")
                child = daemon.client()
                wait_for(lambda pid=child: self.is_delayed(pid))
                with open(f"/proc/{child}/stat", encoding="ascii") as file:
                    faults = int(file.read().rpartition(")")[2].split()[7])
            self.assertLessEqual(faults, 1)

    @staticmethod
    def is_delayed(pid):
        """Is it stopped by the tracer, in its last call?"""
        with open(f"/proc/{pid}/syscall", encoding="ascii") as file:
            return file.read().startswith("231 ")

    def test_no_canary(self):
        """Without random numbers for it nobody is served.  The eighth are
        for the canary, or for a place, when the first were no good ones."""
        daemon = self.daemon(self.listener()).settle()
        with Strace(daemon.pid, "trace=getrandom",
                    "inject=getrandom:error=ENOSYS:when=8", follow=True):
            daemon.reload(result="failed")
        self.assertIn("spawner: getrandom: Function not implemented",
                      "\n".join(daemon.log()))

    def test_sealed_mappings(self):
        """Where the kernel refuses to unmap its own, the program stays as it
        is, and serves."""
        daemon = self.daemon(self.listener("hold = true;")).settle()
        with Strace(daemon.pid, "trace=munmap",
                    "inject=munmap:error=EPERM:when=1", follow=True):
            daemon.reload()
        self.assertEqual(self.connect(self.port).recv(100), b"hi client\n")
        child = daemon.client()
        for pid in child, daemon.spawners()[0]:
            self.assertIn("[vdso]", self.names(pid))

    @staticmethod
    def names(pid):
        """Of what it has mapped."""
        return [row[2] for row in mappings(pid)]


if __name__ == "__main__":
    main()
