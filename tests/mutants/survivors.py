"""The mutants that no test can see, each with its reason, and those that only a
test in tests/system/ sees, each with that test."""

import os

PATH = os.path.join(os.path.dirname(os.path.abspath(__file__)), "survivors")
SYSTEMS = os.path.join(os.path.dirname(PATH), "systems")
UNKNOWN = "-"  # which test of the file's it is


def systems():
    """Their names, and the tests as table has them, or UNKNOWN."""
    return read(SYSTEMS)


def read(path=PATH):
    """Their names and reasons: a line for the file and the mutant, and behind
    it an indented one, or several, that say why it changes nothing."""
    reasons = {}
    with open(path, encoding="utf-8") as file:
        for line in file:
            line = line.rstrip()
            if not line or line.startswith("#"):
                continue
            if not line.startswith("\t"):
                name = line
                if name in reasons:
                    raise ValueError(f"{path}: twice: {name}")
                reasons[name] = ""
            else:
                reasons[name] = f"{reasons[name]} {line.strip()}".strip()
    for name, reason in reasons.items():
        if not reason:
            raise ValueError(f"{path}: no reason: {name}")
    return reasons
