"""make install and make uninstall: what an operator edits is left alone."""

import os
import shutil
import subprocess
import tempfile
import unittest

BUILD = os.path.abspath(os.environ.get("BUILDDIR", "."))
SOURCE = os.environ.get("top_srcdir", ".")
CONFIGURATION = "forkgreet.conf"
TEXT = "forkgreet/notice.txt"
# The prefix of the build does not matter here.
PLACE = ("prefix=/usr", "sysconfdir=/etc", "systemdsystemunitdir=/units")


def read(path):
    """The whole of a file."""
    with open(path, "rb") as file:
        return file.read()


class Install(unittest.TestCase):
    """Below a directory of its own."""

    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="forkgreet-test-")
        self.addCleanup(shutil.rmtree, self.folder)

    def make(self, target):
        """make TARGET, and what it said."""
        environment = {name: value for name, value in os.environ.items()
                       if name not in ("MAKEFLAGS", "MFLAGS", "MAKELEVEL")}
        result = subprocess.run(
            ["make", "-C", BUILD, target, f"DESTDIR={self.folder}", *PLACE],
            env=environment, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True, check=False)
        self.assertEqual(result.returncode, 0, result.stdout)
        return result.stdout

    def etc(self, name):
        """Where it is installed."""
        return os.path.join(self.folder, "etc", name)

    def edit(self, name):
        """As an operator does."""
        with open(self.etc(name), "ab") as file:
            file.write(b"# edited\n")

    def left(self):
        """All files that are there."""
        return sorted(os.path.join(folder, name)
                      for folder, _, names in os.walk(self.folder)
                      for name in names)

    def test_a4_install_never_overwrites_what_was_edited(self):
        self.make("install")
        for name in (CONFIGURATION, TEXT):
            self.assertEqual(read(self.etc(name)),
                             read(os.path.join(SOURCE, "etc", name)))
            self.edit(name)
        edited = [read(self.etc(name)) for name in (CONFIGURATION, TEXT)]
        self.make("install")
        self.assertEqual(
            [read(self.etc(name)) for name in (CONFIGURATION, TEXT)], edited)

    def test_a4_install_leaves_a_link_of_the_operator(self):
        os.makedirs(self.etc(""))
        os.symlink("not-there-yet", self.etc(CONFIGURATION))
        self.make("install")
        self.assertEqual(os.readlink(self.etc(CONFIGURATION)),
                         "not-there-yet")
        self.assertFalse(os.path.exists(self.etc("not-there-yet")))

    def test_a4_uninstall_leaves_what_was_edited(self):
        self.make("install")
        for name in (CONFIGURATION, TEXT):
            self.edit(name)
        own = self.etc("forkgreet/mine.txt")
        with open(own, "wb") as file:
            file.write(b"mine\n")
        said = self.make("uninstall")
        self.assertEqual(self.left(), sorted(
            [self.etc(CONFIGURATION), self.etc(TEXT), own]))
        for name in (CONFIGURATION, TEXT):
            self.assertTrue(read(self.etc(name)).endswith(b"# edited\n"))
            self.assertIn(f"{self.etc(name)} has been edited: it stays", said)

    def test_a4_uninstall_removes_what_was_not_edited(self):
        self.make("install")
        self.make("uninstall")
        self.assertEqual(self.left(), [])
        self.assertFalse(os.path.exists(self.etc("forkgreet")))


if __name__ == "__main__":
    from harness import main
    main()
