"""README's section "More than one machine": its configurations."""

import re

from readme import blocks, section

HEADING = "More than one machine"


def block(beginning):
    """The one in which a line begins so."""
    found, = (text for text in blocks(section(HEADING))
              if re.search("^" + re.escape(beginning), text, re.MULTILINE))
    return found.lstrip("\n")


def replaced(text, old, new):
    """Where it must be there."""
    if old not in text:
        raise AssertionError(f"README's section has no {old!r}:\n{text}")
    return text.replace(old, new)
