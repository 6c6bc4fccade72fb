"""The Landlock domain is as strict as the kernel's ABI allows, whichever that
is: older and newer kernels are played by answering the question for it."""

import os
import re
import tempfile
import unittest

from harness import Case, greet, strace_works

# What each ABI knows: Linux 6.12, Documentation/userspace-api/landlock.rst.
FS = {1: 0x1fff, 2: 0x3fff, 3: 0x7fff, 4: 0x7fff, 5: 0xffff, 6: 0xffff}
NET = 3  # bind, connect: from ABI 4
SCOPED = 3  # abstract UNIX sockets, signals: from ABI 6


def kernel_abi():
    """What this kernel answers; 0: none."""
    import ctypes
    libc = ctypes.CDLL(None, use_errno=True)
    return max(0, libc.syscall(444, None, 0, 1))


@unittest.skipUnless(strace_works(), "needs root and strace")
class Landlock(Case):
    """What is asked of the kernel, and what is said."""

    def start(self, answer):
        """A daemon whose kernel answers so when asked for its ABI; with it,
        the rulesets that were made: [(attributes, size)]."""
        with tempfile.NamedTemporaryFile("r") as trace:
            daemon = self.daemon(wrapper=(
                "strace", "-f", "-qq", "-X", "raw", "-o", trace.name,
                "-e", "trace=landlock_create_ruleset,landlock_restrict_self",
                "-e", f"inject=landlock_create_ruleset:{answer}:when=1"))
            greeting = greet(self.port)
            line = daemon.lines("start")[0]
            os.kill(int(line["pid"]), 15)
            daemon.wait()
            self.assertEqual(greeting, b"hi client\n")
            text = trace.read()
        made = re.findall(r"landlock_create_ruleset\((\{.*?\}|0x\w+), (\w+), 0\)",
                          text)
        self.assertEqual("landlock_restrict_self" in text, bool(made))
        return line["landlock_abi"], made

    def test_every_abi(self):
        newest = kernel_abi()
        if newest == 0:
            self.skipTest("this kernel has no Landlock")
        for abi in range(1, newest + 1):
            with self.subTest(abi=abi):
                said, ((attributes, size), *_) = self.start(f"retval={abi}")
                self.assertEqual(said, str(abi))
                expected = [FS[min(abi, 6)]]
                expected += [NET] if abi >= 4 else []
                expected += [SCOPED] if abi >= 6 else []
                self.assertEqual(int(size, 0), 8 * len(expected))
                self.assertEqual([int(number, 16) for number in
                                  re.findall(r"0x\w+", attributes)][0],
                                 expected[0])

    def test_future_abi(self):
        """A kernel that knows more is used as far as we know it."""
        if kernel_abi() < 6:
            self.skipTest("this kernel has no Landlock ABI 6")
        said, ((_, size), *_) = self.start("retval=99")
        self.assertEqual((said, int(size, 0)), ("99", 24))

    def test_none(self):
        """Not built in, or switched off."""
        for error in "ENOSYS", "EOPNOTSUPP":
            self.assertEqual(self.start(f"error={error}"), ("0", []))


if __name__ == "__main__":
    from harness import main
    main()
