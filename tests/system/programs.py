"""What was built, and how: the Makefile that configure wrote, the programs."""

import os
import re
import subprocess
import unittest


class Build:
    """A build folder."""

    def __init__(self, folder):
        self.folder = os.path.abspath(folder)
        with open(self.path("Makefile"), encoding="utf-8") as file:
            self.makefile = file.read().replace("\\\n", " ")

    def path(self, name):
        """Of a file in it."""
        return os.path.join(self.folder, name)

    def variable(self, name):
        """A variable of the Makefile, "" when it is not there."""
        found = re.search(rf"^{name} = *(.*)$", self.makefile, re.MULTILINE)
        return found.group(1).strip() if found else ""

    def names(self, pattern):
        """The variables of the Makefile whose names match the pattern."""
        return re.findall(rf"^({pattern}) = ", self.makefile, re.MULTILINE)

    def expand(self, name):
        """The words of a variable, and of those that it refers to."""
        words = []
        for word in self.variable(name).split():
            inner = re.fullmatch(r"\$\((am_\w+)\)", word)
            words += self.expand(inner.group(1)) if inner else [word]
        return words

    def programs(self):
        """What "make install" installs, libexec too, in the order of the
        Makefile."""
        names = []
        for variable in "sbin", "bin", "pkglibexec":
            names += self.variable(variable + "_PROGRAMS").split()
        return [name.removesuffix("$(EXEEXT)") for name in names]

    def read(self, name):
        """A program's bytes."""
        with open(self.path(name), "rb") as file:
            return file.read()

    def definition(self, macro):
        """What config.h makes of it; None: not defined."""
        with open(self.path("config.h"), encoding="utf-8") as file:
            found = re.search(rf"^#define {macro} (.*)$", file.read(),
                              re.MULTILINE)
        return found.group(1) if found else None

    def is_defined(self, macro):
        """In config.h."""
        return self.definition(macro) is not None

    def tool(self, name, *arguments):
        """What a binutils program of the target says."""
        triplet = self.variable("host_alias")
        prefix = triplet + "-" if triplet else ""
        return subprocess.run([prefix + name, *arguments], check=True,
                              stdout=subprocess.PIPE, cwd=self.folder,
                              encoding="utf-8", errors="replace").stdout


def not_sanitized(reason):
    """Decorator: skips where the programs are built with sanitizers."""
    flags = Build(os.environ.get("BUILDDIR", ".")).variable("SAN_CFLAGS")
    return unittest.skipIf("fsanitize" in flags, reason)


def is_32_bit():
    """Is that build for a 32-bit machine?"""
    path = os.path.join(os.environ.get("BUILDDIR", "."), "forkgreetd")
    try:
        with open(path, "rb") as file:
            return file.read(5)[4:] == b"\1"  # ELFCLASS32
    except FileNotFoundError:
        return False


def has_small_image():
    """Has the spawner of that build the small image?"""
    return "small image" in Build(
        os.environ.get("BUILDDIR", ".")).definition("SPAWNER_LIBC")


# What has the system calls of 64 bits in tables, or in a tracer's registers.
NATIVE_CALLS = unittest.skipIf(
    is_32_bit(), "the system calls of a 32-bit build have other names")
UNTRACED = not_sanitized("LeakSanitizer does not work under ptrace")
