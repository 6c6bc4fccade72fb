"""What tests of the metrics use: Prometheus' own programs, where they are to be
had, and the text format."""

import os
import re
import shutil
import subprocess
import unittest

from harness import BUILDDIR, PATIENCE

SOURCE = os.environ.get("top_srcdir", os.path.join(
    os.path.dirname(os.path.abspath(__file__)), "../.."))
RULES = os.path.join(SOURCE, "contrib/prometheus/forkgreet.rules.yml")
RULES_TEST = os.path.join(SOURCE, "contrib/prometheus/forkgreet.test.yml")
DASHBOARD = os.path.join(SOURCE, "contrib/grafana/forkgreet.json")
# contrib/install-deps unpacks there what it does not install.
PEERS = [os.path.join(folder, "build-peers") for folder in (SOURCE, BUILDDIR)]
SAMPLE = re.compile(
    r'(?P<name>[a-zA-Z_:][a-zA-Z0-9_:]*)'
    r'(?:\{(?P<labels>(?:[a-z_]+="(?:[^"\\\n]|\\["\\n])*",?)+)\})?'
    r' (?P<value>[0-9.]+)')
LABEL = re.compile(r'([a-z_]+)="((?:[^"\\]|\\.)*)"')


def find(program):
    """Its path, or the test is skipped."""
    for folder in PEERS:
        path = os.path.join(folder, "usr/bin", program)
        if os.access(path, os.X_OK):
            return path
    path = shutil.which(program)
    if path is None:
        raise unittest.SkipTest(
            f"needs {program}: sh contrib/install-deps test")
    return path


def promtool(*arguments, **more):
    """Runs it; its subprocess.CompletedProcess."""
    return subprocess.run(
        [find("promtool"), *arguments], capture_output=True, text=True,
        check=False, timeout=4 * PATIENCE, **more)


def parse(text):
    """{(name, ((label, value), ...)): number}, of samples each of which is
    there once and comes after its HELP and TYPE."""
    found, described = {}, {}
    for line in text.splitlines():
        if line.startswith("# HELP "):
            described[line.split()[2]] = None
        elif line.startswith("# TYPE "):
            _, _, name, kind = line.split()
            assert described[name] is None, line
            described[name] = kind
        elif not line.startswith("#"):
            match = SAMPLE.fullmatch(line)
            assert match, line
            name = match["name"]
            family = re.sub("_(bucket|sum|count)$", "", name)
            assert described.get(name) or described[family], line
            key = name, tuple(LABEL.findall(match["labels"] or ""))
            assert key not in found, line
            found[key] = float(match["value"])
    return found


def total(samples, name, **labels):
    """The sum of its samples with those labels."""
    return sum(value for (key, pairs), value in samples.items()
               if key == name and labels.items() <= dict(pairs).items())


def types(text):
    """{metric: its type}"""
    return dict(re.findall(r"^# TYPE (\S+) (\S+)$", text, re.MULTILINE))
