"""What .github/SECURITY.md claims is held by tests that exist."""

import glob
import os
import re
import unittest

TOP = os.environ.get("top_srcdir",
                     os.path.join(os.path.dirname(__file__), "../.."))
DOCUMENT = os.path.join(TOP, ".github/SECURITY.md")
PLACES = ("tests/system/test_{}.py", "tests/unit/*/test_{}.c")


def source(name):
    """The text of that test program."""
    for place in PLACES:
        for path in glob.glob(os.path.join(TOP, place.format(name))):
            with open(path, encoding="utf-8") as file:
                return file.read()
    return None


def claims():
    """(file, name or None) of each test that the document names."""
    with open(DOCUMENT, encoding="utf-8") as file:
        text = " ".join(file.read().split())
    return re.findall(r"`([a-z_]+)(?:: ([A-Za-z_.]+))?`", text)


class Document(unittest.TestCase):
    """Names of tests do not rot."""

    def test_names(self):
        found = 0
        for program, name in claims():
            text = source(program)
            if text is None and not name:
                continue  # some other word
            with self.subTest(program=program, name=name):
                self.assertIsNotNone(text)
                found += 1
                for part in filter(None, (name or "").split(".")):
                    self.assertRegex(
                        text, rf"\b(class {part}\b|def {part}\(|{part}\(void)")
        self.assertGreater(found, 30)


if __name__ == "__main__":
    from harness import main
    main()
