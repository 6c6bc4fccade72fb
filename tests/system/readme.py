"""README's sections and their blocks of code."""

import os
import re

TOP = os.path.abspath(os.path.join(os.path.dirname(__file__), "../.."))


def section(heading):
    """Its text, without its heading."""
    with open(os.path.join(TOP, "README.md"), encoding="utf-8") as file:
        return file.read().split(f"\n## {heading}\n")[1].split("\n## ")[0]


def blocks(text):
    """The blocks of code in it."""
    return [re.sub("^    ", "", block, flags=re.MULTILINE)
            for block in re.findall(r"(?:^    .*\n|^\n(?=    ))+", text,
                                    re.MULTILINE)]
