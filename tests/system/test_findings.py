"""Each finding of the first version's trial has a test named after its row.

test_findings.py --list prints the rows with their tests, without a build too.
What counts:

    def test_b1_what_it_shows(self):    in tests/system, a program that is run
    test_c9_what_it_shows(void **state) in tests/unit, if cmocka is given it
    group "D2: what it shows"           in tests/package and contrib; "step"
    d2_what_it_shows()                  likewise, and is called

A test of two rows is test_b2_and_b17_what_it_shows.
"""

import glob
import os
import re
import sys
import tempfile
import unittest

TOP = os.environ.get("top_srcdir", os.path.join(
    os.path.dirname(os.path.abspath(__file__)), "..", ".."))

FINDINGS = {
    "A1": "what the build and the checks need is installed by them",
    "A2": "the checks pass in a checkout that others cannot enter",
    "A3": "the first cause of a failed check is the last thing printed",
    "A4": "make install and uninstall leave an edited configuration alone",
    "B1": "a terminal that nobody reads blocks nobody",
    "B2": "the exit status follows the cause, not the phase",
    "B3": "a reload to a standard error that is not there is refused",
    "B4": "what survives exec is tidied at the start",
    "B5": "what starts reloads, and reading stops nobody's service",
    "B6": "activation: reload and restart agree",
    "B7": "messages to the service manager are repeated until sent",
    "B8": "a stream /dev/log is spoken to",
    "B9": "generation= is the one that serves",
    "B10": "STATUS= of a failed reload is the error",
    "B11": "after a failed reload all is exactly as before",
    "B12": "keys that need a restart are compared with what is in effect",
    "B13": "a stale control socket of another owner is replaced, or named",
    "B14": "long paths, many warnings, usage, JSON and names are said whole",
    "B15": "no byte of the other side reaches a terminal raw",
    "B16": "a deadline that passes during a turn wakes the loop",
    "B17": "an error is called by its own name",
    "B18": "a stop is bounded, whatever fails in it",
    "C1": "a layout is used up by a crash",
    "C2": "the master's deny list has namespaces, clone3, open_tree_attr",
    "C3": "a spawner that refuses its clients is replaced",
    "C4": "an untold clone does not outlive its spawner's group",
    "C5": "each step of each set-up is verified",
    "C6": "no descriptor of root's is kept writable, no file is truncated",
    "C7": "owner, mode and directory of what is read and run are looked at",
    "C8": "the parser has neither the master's layout nor its secrets",
    "C9": "the hard limit of CPU time is the soft one",
    "C10": "units and AppArmor profile have what the daemon uses",
    "C11": "each sentence of SECURITY.md is true",
    "D1": "journal: priorities, and no doubled name",
    "D2": "an upgrade never stops a daemon that runs",
    "D3": "README and warnings hold for how the daemon is really started",
    "D4": "a variable in a greeting that is not replaced is warned of",
    "D5": "a port probe is no error",
    "D6": "as PID 1 it reaps what it adopted",
    "D7": "each offending source is named",
    "D8": "a lingering client holds no place",
    "D9": "root in a user namespace of one id",
    "D10": "a container's TERM is done before its KILL",
    "D11": "documentation and operands say the same as the program",
    "D12": "USR1, a deleted control socket, waiting reloads, /proc files",
    "D13": "README's order, one place for greeting texts",
    "D14": "after kill -9 it is soon back; purge leaves nothing",
}

ROW = r"[a-d][0-9]+"
NAME = re.compile(rf"(?:test_)?({ROW}(?:_and_{ROW})*)(?:_|: |$)", re.IGNORECASE)
METHOD = re.compile(rf"^    def (test_{ROW}_\w+)\(self", re.MULTILINE)
FUNCTION = re.compile(rf"^(test_{ROW}_\w+)\(", re.MULTILINE)
STEP = re.compile(rf"^[ \t]*(?:group|step)[ \t]+[\"']?({ROW}(?:_| *:).*?)[\"']?$",
                  re.MULTILINE | re.IGNORECASE)
SHELL_FUNCTION = re.compile(rf"^({ROW}_\w+)\(\)", re.MULTILINE)


def in_python(text):
    """Tests of a unittest module."""
    return METHOD.findall(text)


def in_c(text):
    """Tests of a cmocka program that it runs."""
    return [name for name in FUNCTION.findall(text)
            if re.search(rf"cmocka_unit_test\w*\(\s*{name}\b", text)]


def in_shell(text):
    """Steps of a script, and functions that it calls."""
    return STEP.findall(text) + [
        name for name in SHELL_FUNCTION.findall(text)
        if len(re.findall(rf"\b{name}\b", text)) > 1]


def rows_of(test):
    """The rows that a test is named after."""
    return [row.upper() for row in NAME.match(test)[1].split("_and_")]


def programs(top):
    """The paths of what "make check" runs, as Makefile.am has it."""
    with open(os.path.join(top, "Makefile.am"), encoding="utf-8") as file:
        text = file.read().replace("\\\n", " ")
    return " ".join(re.findall(r"^(?:system|unit)_tests = (.*)$", text,
                               re.MULTILINE)).split()


def files(top):
    """(path, how its tests are found) of each file that may have some."""
    run = set(programs(top))
    for pattern, find in (("tests/system/test_*.py", in_python),
                          ("tests/unit/*/test_*.c", in_c),
                          ("tests/package/*", in_shell),
                          ("contrib/*", in_shell)):
        for path in sorted(glob.glob(os.path.join(top, pattern))):
            name = os.path.relpath(path, top)
            if os.path.isfile(path) and (
                    find == in_shell or name.removesuffix(".c") in run):
                yield name, find


def tests(top):
    """{row: its tests, each "FILE: NAME"}."""
    found = {}
    for name, find in files(top):
        with open(os.path.join(top, name), encoding="utf-8") as file:
            for test in find(file.read()):
                for row in rows_of(test):
                    found.setdefault(row, []).append(f"{name}: {test}")
    return found


def print_list(found):
    """All rows, and how many have none."""
    missing = [row for row in FINDINGS if row not in found]
    for row, title in FINDINGS.items():
        print(f"{row}: {title}")
        for test in found.get(row, ["-"]):
            print(f"\t{test}")
    print(f"{len(FINDINGS) - len(missing)} rows have tests, "
          f"{len(missing)} have none" + ": " * bool(missing)
          + " ".join(missing))


class Findings(unittest.TestCase):
    """This tree's."""

    @classmethod
    def setUpClass(cls):
        if not os.path.isdir(os.path.join(TOP, "tests", "package")):
            raise unittest.SkipTest("no checkout: a tarball has not all tests")
        cls.found = tests(TOP)

    def test_each_has_a_test(self):
        for row, title in FINDINGS.items():
            with self.subTest(f"{row}: {title}"):
                self.assertIn(row, self.found)

    def test_no_other_row(self):
        """No test is named after a row that there is not."""
        self.assertEqual(self.found.keys() - FINDINGS.keys(), set())


class Scan(unittest.TestCase):
    """What counts, and what does not."""

    def scan(self, name, text, run=True):
        """The rows and tests of a tree with that file."""
        top = self.enterContext(tempfile.TemporaryDirectory())
        for path, content in ((name, text),
                              ("Makefile.am", "system_tests = \\\n\t" +
                               name.removesuffix(".c") * run + "\n")):
            path = os.path.join(top, path)
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "w", encoding="ascii") as file:
                file.write(content)
        return {row: [test.split(": ", 1)[1] for test in some]
                for row, some in tests(top).items()}

    def test_python(self):
        text = ("class X:\n    def test_b1_stuck(self):\n        pass\n"
                "    def test_b15_c1_controls(self):\n"
                "    def test_b2_and_b17_names(self):\n"
                "    def test_v6only(self):\n    def b3_helper(self):\n")
        name = "tests/system/test_x.py"
        self.assertEqual(self.scan(name, text), {
            "B1": ["test_b1_stuck"], "B15": ["test_b15_c1_controls"],
            "B2": ["test_b2_and_b17_names"], "B17": ["test_b2_and_b17_names"]})
        self.assertEqual(self.scan(name, text, run=False), {})

    def test_c(self):
        """Only what is given to cmocka."""
        text = ("static void\ntest_c9_hard(void **state)\n{\n}\n"
                "static void\ntest_c8_forgotten(void **state)\n{\n}\n"
                "\tcmocka_unit_test_setup_teardown(\n\t    test_c9_hard, a, b)")
        name = "tests/unit/x/test_x.c"
        self.assertEqual(self.scan(name, text), {"C9": ["test_c9_hard"]})
        self.assertEqual(self.scan(name, text, run=False), {})

    def test_shell(self):
        """Only what is a step, or called."""
        self.assertEqual(
            self.scan("tests/package/x.sh",
                      '\tgroup "D2: upgrade"\n# D3: a comment\n'
                      "d1_called() {\n}\nd5_forgotten() {\n}\nd1_called\n"
                      "step a1_bare bare\n"),
            {"D2": ["D2: upgrade"], "D1": ["d1_called"],
             "A1": ["a1_bare bare"]})


if __name__ == "__main__":
    if sys.argv[1:] == ["--list"]:
        print_list(tests(TOP))
    else:
        from harness import main
        main()
