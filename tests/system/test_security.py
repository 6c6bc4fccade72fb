"""What .github/SECURITY.md claims is held by tests that exist.

A claim is a sentence, or a row of a table, in a section without the mark

    <!-- no claims: WHY -->

right below its heading.  Each has at least one reference, `FILE: NAME`, of its
own: that of the sentence before it does not count.  What ends with a colon and
only leads to a list is no claim.  NAME is a class, a Class.method or a function
that is a test, or the row that a step of tests/package is named after; a file
alone is not enough.  Other sections may have references,
which must exist too.
"""

import ast
import glob
import os
import re
import unittest

TOP = os.environ.get("top_srcdir",
                     os.path.join(os.path.dirname(__file__), "../.."))
DOCUMENT = os.path.join(TOP, ".github/SECURITY.md")
REFERENCE = re.compile(r"`([a-z0-9_-]+): ([A-Za-z0-9_.]+)`")
MARK = re.compile(r"<!-- no claims: \S.* -->")
RULE = re.compile(r"\|[-| ]+\|")


def sections(text):
    """(heading, lines) of each."""
    parts = re.split(r"^(#+ .*)$", text, flags=re.MULTILINE)
    if parts[0].strip():
        yield "", parts[0].splitlines()
    for heading, body in zip(parts[1::2], parts[2::2]):
        yield heading, body.strip().splitlines()


def blocks(lines):
    """Paragraphs, items of lists, and rows of tables without their heads."""
    block = []
    for number, line in enumerate([*lines, ""]):
        row = line.startswith("|")
        if row or not line.strip() or re.match(r"(\*|-|\d+\.) ", line):
            if block:
                yield " ".join(block)
            block = []
        if not row:
            block += [line.strip()] if line.strip() else []
        elif not RULE.fullmatch(line) and not RULE.fullmatch(
                lines[min(number + 1, len(lines) - 1)]):
            yield line


def sentences(block):
    """Of a paragraph or an item; a row is one, whatever it has in it."""
    if block.startswith("|"):
        return [block]
    # Not at a full stop in `code`.
    pieces = re.split(r"(`[^`]*`)", block)
    pieces[::2] = [re.sub(r"([.!?][)*\"]*)\s+", "\\1\n", piece)
                   for piece in pieces[::2]]
    return [part.strip() for part in "".join(pieces).split("\n")
            if re.search(r"\w", part)]


def unproved(text):
    """The claims without a test."""
    return [sentence
            for _, lines in sections(text)
            if not (lines and MARK.fullmatch(lines[0]))
            for block in blocks(lines)
            for sentence in sentences(block)
            if not REFERENCE.search(sentence) and not sentence.endswith(":")]


def in_python(text, name):
    """Is it a class with a test, or a test of one?  What it inherits from
    another class of the file is its own; None takes it away."""
    classes = {node.name: node for node in ast.parse(text).body
               if isinstance(node, ast.ClassDef)}

    def tests(class_name):
        found = set()
        if class_name in classes:
            for base in classes[class_name].bases:
                found |= tests(getattr(base, "id", None))
            for node in classes[class_name].body:
                if isinstance(node, ast.FunctionDef):
                    found.add(node.name)
                elif isinstance(node, ast.Assign):
                    found -= {getattr(target, "id", None)
                              for target in node.targets}
        return {test for test in found if test.startswith("test")}
    class_name, _, method = name.partition(".")
    return method in tests(class_name) if method else bool(tests(class_name))


def in_c(text, name):
    """Is it a function that the program gives to cmocka?"""
    return (re.search(rf"^{name}\(void \*\*state\)", text, re.MULTILINE)
            is not None and
            re.search(rf"\b(cmocka_unit_test\w*|TEST)\(\s*{name}\b", text)
            is not None)


def in_shell(text, name):
    """Is a step named so?"""
    return re.search(rf"^\s*(group|step) \"{re.escape(name)}: ", text,
                     re.MULTILINE) is not None


def exists(program, name):
    """Is there a test program of that name with that test?"""
    for place, find in (("tests/system/test_{}.py", in_python),
                        ("tests/unit/*/test_{}.c", in_c),
                        ("tests/package/{}", in_shell)):
        for path in glob.glob(os.path.join(TOP, place.format(program))):
            with open(path, encoding="utf-8") as file:
                if find(file.read(), name):
                    return True
    return False


def references(text):
    """(file, name) of each test that is named."""
    return REFERENCE.findall(" ".join(text.split()))


class Document(unittest.TestCase):
    """SECURITY.md as it is."""

    def setUp(self):
        with open(DOCUMENT, encoding="utf-8") as file:
            self.text = file.read()

    def test_c11_each_sentence_has_its_test(self):
        for sentence in unproved(self.text):
            with self.subTest(sentence):
                self.fail("no test beside it")

    def test_c11_each_test_exists(self):
        """Names do not rot."""
        found = set(references(self.text))
        self.assertGreater(len(found), 50)
        for program, name in sorted(found):
            with self.subTest(program=program, name=name):
                self.assertTrue(exists(program, name))

    def test_c11_most_of_it_is_claims(self):
        """The mark is for what cannot have tests, not a way around."""
        marked = [heading for heading, lines in sections(self.text)
                  if lines and MARK.fullmatch(lines[0])]
        self.assertEqual(marked, [
            "## Reporting", "## How to read this", "## What is trusted",
            "## What others have and this has not",
            "## Not defended against"])


class Checker(unittest.TestCase):
    """What it refuses."""

    PROVED = "It holds (`start: Privileges`)."

    def test_c11_a_sentence_without_a_test_is_refused(self):
        for text, found in (
                (self.PROVED, []),
                ("It holds.", ["It holds."]),
                (f"{self.PROVED} So does this.", ["So does this."]),
                (f"Not this. {self.PROVED}", ["Not this."]),
                ("Nor (this.) Nor *that.* No?",
                 ["Nor (this.)", "Nor *that.*", "No?"]),
                ("A file is `a.c. B`, and\nits end (`start: Privileges`).", []),
                ("It is held by all of `reload`.",
                 ["It is held by all of `reload`."]),
                (f"It can:\n\n* read\n* {self.PROVED}", ["* read"]),
                (f"{self.PROVED}\nno stop", ["no stop"]),
                (f"# A\n{self.PROVED}\n## B\nAn end.", ["An end."])):
            with self.subTest(text):
                self.assertEqual(unproved(text), found)

    def test_c11_a_row_without_a_test_is_refused(self):
        table = "| a | b |\n|---|---|\n| x | `start: Privileges` |\n| y | z. |"
        self.assertEqual(unproved(table), ["| y | z. |"])

    def test_c11_a_mark_is_for_its_section(self):
        mark = "<!-- no claims: they are others' -->"
        self.assertEqual(unproved(f"# A\n\n{mark}\nOne. Two."), [])
        self.assertEqual(unproved(f"# A\n{mark}\nOne.\n## B\nTwo."), ["Two."])
        self.assertEqual(unproved(f"# A\nOne.\n\n{mark}")[0], "One.")
        self.assertTrue(unproved("# A\n<!-- no claims:  -->\nOne."))

    def test_c11_a_test_that_is_none_is_refused(self):
        python = ("class A:\n    def test_x(self): pass\n"
                  "    def help(self): pass\n"
                  "class B(A):\n    test_x = None\n"
                  "class C(A):\n    pass\n"
                  "class D:\n    def test_y(self): pass\n")
        for name, is_one in (("A", True), ("A.test_x", True), ("C", True),
                             ("C.test_x", True), ("B", False),
                             ("B.test_x", False), ("A.help", False),
                             ("A.test_y", False), ("test_x", False),
                             ("E", False)):
            with self.subTest(name):
                self.assertEqual(in_python(python, name), is_one)
        c = ("static void\nx(void **state)\nstatic void\ny(void **state)\n"
             "static void\nz(void)\ncmocka_unit_test(x), TEST(z)")
        for name, is_one in (("x", True), ("y", False), ("z", False)):
            with self.subTest(name):
                self.assertEqual(in_c(c, name), is_one)
        for name, is_one in (("c10", True), ("c1", False)):
            with self.subTest(name):
                self.assertEqual(
                    in_shell('\tgroup "c10: nothing else"\n', name), is_one)
        self.assertTrue(exists("security", "Checker"))
        self.assertFalse(exists("security", "Nobody"))
        self.assertFalse(exists("nothing", "Checker"))


if __name__ == "__main__":
    from harness import main
    main()
