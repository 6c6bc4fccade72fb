"""README, the manual pages and the example file agree with each other and with
the programs."""

import os
import re
import unittest

from harness import IS_ROOT, StartCase

TOP = os.environ.get("top_srcdir",
                     os.path.join(os.path.dirname(__file__), "../.."))
README = "README.md"
CONFIG_MANUAL = "etc/forkgreet.conf.5"
DOCUMENTS = (README, ".github/SECURITY.md", "ChangeLog.md", CONFIG_MANUAL,
             "etc/forkgreet.conf", "src/master/forkgreetd.8",
             "src/ctl/forkgreetctl.8", "src/client/forkgreet.1",
             "src/feed/forkgreet-feed.1",
             "src/spawner/forkgreet-spawner.8")
SECTIONS = ["Supported systems", "Try it", "Install", "Configure", "Recipes",
            "Operate", "More than one machine", "Security in short", "How it works", "Benchmarks", "Test",
            "Licence"]


def read(name):
    """The text of that file of the source."""
    with open(os.path.join(TOP, name), encoding="utf-8") as file:
        return file.read()


def says(name, text):
    """Has that document the text, wherever its lines end?"""
    return text in " ".join(read(name).split())


class Readme(unittest.TestCase):
    """What a stranger looks for, in the order in which it is needed."""

    def test_d13_readme_has_its_order(self):
        """What it is, try, install, use; how it works comes later."""
        self.assertEqual(re.findall(r"^## (.*)$", read(README), re.MULTILINE),
                         SECTIONS)

    def test_d13_readme_names_systems(self):
        """Which ones it runs on is said before how."""
        supported = " ".join(read(README).split("## ")[1].split())
        for word in ("Debian 12 and 13", "Linux 5.9", "glibc 2.36",
                     "libseccomp 2.5.2", "libcap 2.44", "libconfig 1.5"):
            self.assertIn(word, supported)

    def test_d13_readme_names_what_exists(self):
        """Each file of the source that it names is there."""
        names = set(re.findall(
            r"\b(?:contrib|debian|etc|src|tests)/[\w./-]*\w", read(README)))
        names = {name for name in names if not re.search(
            r"/" + re.escape(name) + r"\b", read(README))}  # not /etc/...
        self.assertGreater(len(names), 5)
        for name in sorted(names):
            with self.subTest(name):
                self.assertTrue(os.path.exists(os.path.join(TOP, name)))

    def test_d13_the_package_has_what_it_points_to(self):
        """SECURITY.md is installed with it."""
        if not os.path.isdir(os.path.join(TOP, "debian")):
            self.skipTest("no debian/ in the released source")
        self.assertEqual(read("debian/forkgreet.docs").split(),
                         [".github/SECURITY.md", README])


class Contributing(unittest.TestCase):
    """The paths through the source that it describes are there."""

    def test_d13_paths_through_the_source(self):
        """Each file, and the functions named with it."""
        text = read(".github/CONTRIBUTING.md")
        text = " ".join(text[text.index("### The path of a client"):
                             text.index("## Style")].split())
        found = re.findall(r"`([\w/]+\.c)`(?:: `(\w+)\(\)`)?", text)
        self.assertGreater(len(found), 20)
        for name, function in found:
            with self.subTest(name, function=function):
                source = read(f"src/{name}")
                if function:
                    self.assertRegex(
                        source, rf"(?m)^{function}\(")


class Words(unittest.TestCase):
    """What is said in several places is said once."""

    def test_d13_greeting_texts_have_one_place(self):
        """/etc/forkgreet, in every example."""
        found = []
        for name in DOCUMENTS:
            found += re.findall(r'greeting_file = "([^"]*)"', read(name))
        self.assertEqual(set(found), {"/etc/forkgreet/notice.txt",
                                      "/etc/forkgreet/quotes",
                                      # What a feed writes is nobody's text.
                                      "/run/forkgreet-feed/metrics/greeting"})
        self.assertGreaterEqual(len(found), 4)

    def test_d3_the_service_manager_stops(self):
        """No document has root kill what a file of another user names."""
        for name in DOCUMENTS:
            with self.subTest(name):
                self.assertEqual(re.findall(
                    r"kill\b[^\n]*(?:\$\(|\.pid).*", read(name)), [])
        self.assertTrue(says(README, "`systemctl stop forkgreet`"))
        self.assertTrue(says(README, "`service forkgreet stop`"))


class Programs(StartCase):
    """What the documents say of the programs."""

    top = 'user = "nobody"; group = "nogroup";\n'

    def dump(self, text="", as_user=None):
        """-T's output for that text."""
        result = self.run_with(self.file(self.top + text), "-T",
                               as_user=as_user)
        self.assertEqual(result.returncode, 0, result.stderr)
        return result.stdout

    def test_d3_dump_is_of_who_asks(self):
        """README: root's shell shows a PID file that the unit has not."""
        self.assertTrue(says(README, "`forkgreetd -T` shows what would hold"))
        if IS_ROOT:
            self.assertIn('pid_file = "/run/forkgreet.pid";', self.dump())
        self.assertIn('pid_file = "";', self.dump(as_user=True))

    def test_d11_numbers_as_the_manual_writes_them(self):
        """Decimal digits are in it, and are read; nothing else is."""
        manual = read(CONFIG_MANUAL)
        part = manual[manual.index(".It Ar number"):
                      manual.index(".It Ar boolean")]
        values = {"30": "30", "2.5": "2.5"}
        self.assertEqual(
            re.findall(r"^\.Pq Li (\S+)", part, re.MULTILINE), list(values))
        for number, value in values.items():
            with self.subTest(number):
                self.assertIn(
                    f"\tsession = {value};\n",
                    self.dump(f"timeouts = {{ session = {number}; }};\n"))
        for number in "0x1e", "3e1":
            with self.subTest(number), self.assertRaises(AssertionError):
                self.dump(f"timeouts = {{ session = {number}; }};\n")

    def test_d11_a_byte_order_mark(self):
        """Is an error, and the manual says so."""
        self.assertTrue(says(CONFIG_MANUAL, "byte order mark"))
        path = self.file("\xef\xbb\xbf" + self.top)
        result = self.run_with(path, "-t")
        self.assertEqual(result.returncode, 78)
        self.assertIn("byte order mark", result.stderr)


if __name__ == "__main__":
    from harness import main
    main()
