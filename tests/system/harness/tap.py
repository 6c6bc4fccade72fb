"""TAP version 12 of a unittest module."""

import sys
import unittest

from .process import IS_ROOT, UNDER


class TapResult(unittest.TestResult):
    """Prints TAP version 12 as tests end."""

    def __init__(self, stream):
        super().__init__()
        self.stream = stream
        self.number = 0

    def _say(self, good, test, directive="", detail=""):
        self.number += 1
        name = test.id().removeprefix("__main__.")
        print("ok" if good else "not ok", self.number, "-", name + directive,
              file=self.stream, flush=True)
        for line in detail.splitlines():
            print("#", line, file=self.stream, flush=True)

    def addSuccess(self, test):
        self._say(True, test)

    def addFailure(self, test, err):
        super().addFailure(test, err)
        self._say(False, test, detail=self.failures[-1][1])

    def addError(self, test, err):
        super().addError(test, err)
        self._say(False, test, detail=self.errors[-1][1])

    def addSkip(self, test, reason):
        super().addSkip(test, reason)
        self._say(True, test, f" # SKIP {reason}")

    def addSubTest(self, test, subtest, err):
        super().addSubTest(test, subtest, err)
        if err is not None:
            self._say(False, subtest,
                      detail=self._exc_info_to_string(err, test))


def _flat(suite):
    for test in suite:
        if isinstance(test, unittest.TestSuite):
            yield from _flat(test)
        else:
            yield test


def _is_needed(test):
    """Valgrind is slow: there root leaves out what differs in the user only."""
    return not (UNDER and IS_ROOT and
                type(test).__name__.endswith("AsUser"))


def main():
    """Runs all tests of the module that was started, or those named."""
    module = sys.modules["__main__"]
    names = sys.argv[1:] or None
    loader = unittest.defaultTestLoader
    suite = (loader.loadTestsFromNames(names, module) if names
             else loader.loadTestsFromModule(module))
    suite = unittest.TestSuite(filter(_is_needed, _flat(suite)))
    result = TapResult(sys.stdout)
    suite.run(result)
    print(f"1..{result.number}", flush=True)
    sys.exit(0 if result.wasSuccessful() else 1)
