"""Each hardening flag in each program, found by binutils in what was built, and
what the kernel has of it.

"test_hardening.py --table" prints the table that README has.
"""

import os
import re
import sys
import unittest

from harness import Case, needs_root
from programs import Build, has_small_image

BUILD = Build(os.environ.get("BUILDDIR", "."))
SOURCE = os.environ.get("top_srcdir") or BUILD.variable("abs_top_srcdir")


class Program:
    """What binutils say of one."""

    def __init__(self, name):
        self.name = name
        self.header = BUILD.tool("readelf", "-hlW", name)
        self.dynamic = BUILD.tool("readelf", "-dW", name)
        self.notes = BUILD.tool("readelf", "-nW", name)
        self.x86_64 = "X86-64" in self.header
        self.x86 = self.x86_64 or "Intel 80386" in self.header
        self.musl = ("INTERP" not in self.header and
                     "musl" in BUILD.definition("SPAWNER_LIBC"))
        self.functions = self._functions()

    def _functions(self):
        """Our own: {name: [instruction, ...]}."""
        ours = {line.split()[-1] for line in BUILD.tool(
            "nm", "--defined-only", *self._objects()).splitlines()
            if re.search(r" [Tt] ", line)}
        found, lines = {}, []
        for line in BUILD.tool("objdump", "-d", "--no-show-raw-insn",
                               self.name).splitlines():
            start = re.match(r"[0-9a-f]+ <(.*)>:$", line)
            if start:
                lines = []
                if start.group(1) in ours:
                    found[start.group(1)] = lines
            elif "\t" in line:
                lines.append(line.split("\t", 1)[1])
        return found

    def _objects(self):
        """Its object files."""
        variable = self.name.replace("-", "_") + "_OBJECTS"
        names = BUILD.expand("am_" + variable)
        archives = {"forkgreetd": "master", "forkgreet-feed": "feed",
                    "forkgreet-reader": "reader",
                    "forkgreet-spawner": "spawner"}
        for archive in BUILD.names(
                rf"am_src_{archives.get(self.name, 'none')}\w+_OBJECTS"):
            names += BUILD.expand(archive)
        return [name.replace("$(OBJEXT)", "o") for name in names]

    def calls(self, pattern):
        """Does a function of ours call one with such a name?"""
        return any(re.search(rf"\b(call|bl)\S* .*<{pattern}(@plt)?>", line)
                   for lines in self.functions.values() for line in lines)

    def segments(self, name):
        """Flags of its segments of that type."""
        return [match.group(1).replace(" ", "") for match in re.finditer(
            rf"^ +{name} +(?:0x\w+ +){{5}}([R ][W ][E ])", self.header,
            re.MULTILINE)]

    def loaded(self):
        """The bytes of the sections that a process has in memory."""
        data = BUILD.read(self.name)
        for line in BUILD.tool("readelf", "-SW", self.name).splitlines():
            row = re.match(r" +\[ *\d+\] (\S+) +(\S+) +\w+ +(\w+) +(\w+) +"
                           r"\w+ +(\w*) ", line)
            if row and "A" in row.group(5) and row.group(2) != "NOBITS":
                begin, size = int(row.group(3), 16), int(row.group(4), 16)
                yield data[begin:begin + size]


# Each returns True, False, or why it cannot be so.  Such a reason follows from
# the target, the C library or the code: never from a flag that is missing.

def has_pie(program):
    """ET_DYN, and said to be a program."""
    return "DYN (" in program.header and bool(re.search(
        r"FLAGS_1.* PIE", program.dynamic))


def has_relro(program):
    """PT_GNU_RELRO."""
    return program.segments("GNU_RELRO") == ["R"]


def has_bind_now(program):
    """DF_BIND_NOW or DF_1_NOW: with RELRO the whole of the GOT is read-only."""
    return bool(re.search(r"FLAGS.*NOW", program.dynamic))


def has_nx_stack(program):
    """PT_GNU_STACK without E."""
    return program.segments("GNU_STACK") == ["RW"]


def has_no_rwx(program):
    """No segment is writable and executable."""
    flags = program.segments(r"\w+")
    return "RE" in flags and "RWE" not in flags


def has_no_textrel(program):
    """The code is not written to when loaded."""
    return "TEXTREL" not in program.dynamic


def has_no_rpath(program):
    """Libraries come from where the system has them."""
    return not re.search(r"\((RPATH|RUNPATH)\)", program.dynamic)


def has_stack_protector(program):
    """A function of ours can end in __stack_chk_fail."""
    return program.calls("__stack_chk_fail(_local)?")


def has_stack_clash(program):
    """No function of ours moves the stack by more than a page at a time, nor by
    one without touching it."""
    if not program.x86_64:
        return "looked for on x86-64 only"
    probed = False
    for lines in program.functions.values():
        for here, line in enumerate(lines):
            moved = re.match(r"sub +\$0x(\w{4,15}),%rsp", line)
            if not moved:
                continue
            if moved.group(1) != "1000" or not re.match(
                    r"(or|mov)\w? +\$0x0,\(%rsp\)", lines[here + 1]):
                return False
            probed = True
    return probed or "no function has a frame of a page"


def has_endbr(program):
    """Functions begin with ENDBR: indirect calls land nowhere else."""
    if not program.x86:
        return "of x86 only"
    return program.functions["main"][0].startswith("endbr")


def has_cet_note(program):
    """The kernel and libc are told that all of the program is so built."""
    if not program.x86:
        return "of x86 only"
    if re.search("IBT.*SHSTK", program.notes):
        return True
    return ("musl has no such note" if program.musl else
            "Debian 12's start files have no such note")


def has_fortify(program):
    """A function of ours calls a checking variant of one of libc's."""
    if program.musl:
        return "musl has no checking functions"
    if BUILD.variable("COV_CFLAGS"):
        return "built for gcov: not optimised"
    if program.name == "forkgreet-spawner" and \
            "_FORTIFY_SOURCE" in BUILD.variable("HARDEN_CPPFLAGS"):
        return "all its sizes are known when it is compiled"
    return program.calls(r"__(?!stack)\w+_chk")


def has_no_build_path(program):
    """Where it was built is in no byte that is loaded, but for what gcov has of
    it."""
    if BUILD.variable("COV_CFLAGS"):
        return "built for gcov"
    paths = [path.encode() for path in (BUILD.folder, SOURCE)]
    return not any(path in section for section in program.loaded()
                   for path in paths)


CHECKS = (
    ("position independent (`-pie`, `-static-pie`)", has_pie),
    ("RELRO (`-z relro`)", has_relro),
    ("all symbols bound at start (`-z now`)", has_bind_now),
    ("stack not executable (`-z noexecstack`)", has_nx_stack),
    ("nothing writable and executable", has_no_rwx),
    ("no text relocations", has_no_textrel),
    ("no RPATH, no RUNPATH", has_no_rpath),
    ("stack protector (`-fstack-protector-strong`)", has_stack_protector),
    ("stack clash probes (`-fstack-clash-protection`)", has_stack_clash),
    ("ENDBR at functions (`-fcf-protection`)", has_endbr),
    ("IBT and SHSTK note", has_cet_note),
    ("checking libc calls (`-D_FORTIFY_SOURCE=3`)", has_fortify),
    ("no build path in what is loaded", has_no_build_path),
)


def table():
    """README's."""
    programs = [Program(name) for name in BUILD.programs()]
    names = [f"`{program.name}`" for program in programs]
    yield "| | " + " | ".join(names) + " |"
    yield "|---" * (len(names) + 1) + "|"
    for title, check in CHECKS:
        cells = []
        for program in programs:
            answer = check(program)
            cells.append("yes" if answer is True else
                         "**no**" if answer is False else f"no: {answer}")
        yield f"| {title} | " + " | ".join(cells) + " |"


def why_not_default():
    """Why README does not speak of this build; None: it does."""
    if BUILD.variable("SAN_CFLAGS") or BUILD.variable("COV_CFLAGS"):
        return "a test build"
    if not Program("forkgreetd").x86_64:
        return "not x86-64"
    if "musl, static-pie" not in BUILD.definition("SPAWNER_LIBC"):
        return "the spawner's C library is not the default one"
    if BUILD.variable("CC") != "gcc" or \
            BUILD.variable("CFLAGS") != "-g -O2":
        return "not the default compiler and CFLAGS"
    return None


class Hardening(unittest.TestCase):
    """What configure says it does is in the programs."""

    def setUp(self):
        if not BUILD.variable("HARDEN_LDFLAGS"):
            self.skipTest("built without hardening")

    def test_every_flag(self):
        """In every program, or there is a reason."""
        for name in BUILD.programs():
            program = Program(name)
            for title, check in CHECKS:
                with self.subTest(f"{name}: {title}"):
                    self.assertNotEqual(check(program), False)

    def test_readme(self):
        """Has the table that --table prints."""
        reason = why_not_default()
        if reason is not None:
            self.skipTest(reason)
        with open(os.path.join(SOURCE, "README.md"), encoding="utf-8") as f:
            self.assertIn("\n" + "\n".join(table()) + "\n", f.read())


class Running(Case):
    """What the kernel has of it."""

    @needs_root
    def test_relro(self):
        """What is relocated is not writable in master and spawner; of a small
        image nothing is."""
        if not BUILD.variable("HARDEN_LDFLAGS"):
            self.skipTest("built without hardening")
        daemon = self.daemon(self.listener())
        if has_small_image():
            self.assertEqual(self.writable("forkgreetd", daemon.pid), [])
            return
        for name, pid in (("forkgreetd", daemon.pid),
                          ("forkgreet-spawner", daemon.spawners()[0])):
            with self.subTest(name):
                self.assertEqual(self.writable(name, pid), [])

    @staticmethod
    def writable(name, pid):
        """Mappings of the process that let whole pages of PT_GNU_RELRO be
        written."""
        begin, size = re.search(
            r"^ +GNU_RELRO +0x\w+ +0x(\w+) +0x\w+ +0x\w+ +0x(\w+) ",
            Program(name).header, re.MULTILINE).groups()
        page = os.sysconf("SC_PAGESIZE")
        first = int(begin, 16) // page * page
        last = (int(begin, 16) + int(size, 16)) // page * page
        with open(f"/proc/{pid}/maps", encoding="utf-8") as file:
            lines = file.read().splitlines()
        base = next(int(line.split("-")[0], 16) for line in lines
                    if line.endswith(f"/{name}"))
        found = []
        for line in lines:
            low, high = (int(at, 16) - base
                         for at in line.split()[0].split("-"))
            if low < last and high > first and "w" in line.split()[1]:
                found.append(line)
        return found


if __name__ == "__main__":
    if sys.argv[1:] == ["--table"]:
        print("\n".join(table()))
    else:
        from harness import main
        main()
