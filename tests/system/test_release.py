"""A release build has nothing of what test builds open or add."""

import os
import re
import subprocess
import unittest

from programs import Build

BUILD = Build(os.environ.get("BUILDDIR", "."))
SOURCE = os.path.join(os.environ.get("top_srcdir") or BUILD.variable(
    "abs_top_srcdir"), "src")
# What compilers leave in a program that they instrument, by configure's option.
TRACES = {
    "SAN_CFLAGS": rb"__(asan|ubsan|tsan|msan|lsan|sanitizer)_",
    "COV_CFLAGS": rb"__gcov_|\.gcda\0",
}
ROW = b"widened: "  # the reason in src/shared/widened.h


class Release(unittest.TestCase):
    """What is in the programs is what configure was asked for."""

    def found(self, pattern):
        """Which programs have it."""
        return [name for name in BUILD.programs()
                if re.search(pattern, BUILD.read(name))]

    def test_instrumented(self):
        """All programs, or none."""
        for variable, trace in TRACES.items():
            with self.subTest(variable):
                wanted = BUILD.variable(variable) != ""
                self.assertEqual(self.found(trace),
                                 BUILD.programs() if wanted else [])

    def test_widened(self):
        """The row that only sanitizers need is in their daemon only."""
        wanted = "fsanitize" in BUILD.variable("SAN_CFLAGS")
        self.assertEqual(self.found(ROW), ["forkgreetd"] if wanted else [])
        self.assertEqual(BUILD.is_defined("WITH_SANITIZERS"), wanted)

    def test_one_place(self):
        """No other file asks how it is built."""
        for macro, files in (("WITH_SANITIZERS", ["shared/widened.h",
                                                  "spawner/lockdown.c"]),
                             ("COVERAGE_FOLDER", [])):
            result = subprocess.run(["grep", "-rlw", macro, "."], cwd=SOURCE,
                                    stdout=subprocess.PIPE, check=False,
                                    encoding="utf-8")
            self.assertEqual(sorted(name.removeprefix("./") for name in
                                    result.stdout.splitlines()), files)


if __name__ == "__main__":
    from harness import main
    main()
