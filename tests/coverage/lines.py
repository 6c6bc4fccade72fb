"""What gcov says of all objects of a build, added up for each line and branch
of the sources."""

import collections
import gzip
import json
import os
import re
import subprocess
import tempfile

TOGETHER = 40  # objects for one gcov
# Its branches are not counted: no input takes the one that fails.
ASSERT = re.compile(r"\bassert\(")


def assert_lines(path):
    """The numbers of a source's lines that have an assert(3)."""
    found, depth = set(), 0
    with open(path, encoding="utf-8") as file:
        for number, line in enumerate(file, 1):
            match = ASSERT.search(line) if depth == 0 else None
            if match or depth > 0:
                found.add(number)
                text = line[match.start() if match else 0:]
                depth += text.count("(") - text.count(")")
    return found


class File:
    """A source: how often each of its .lines was run, and each way of its
    .branches, by line; those of asserts are apart."""

    def __init__(self, path):
        self.lines = collections.Counter()
        self.branches = {}  # (line, function, number): count
        self.asserted = {}
        self.assert_lines = assert_lines(path)

    def add(self, line):
        """What gcov says of a line, of one object."""
        number = line["line_number"]
        self.lines[number] += line["count"]
        branches = (self.asserted if number in self.assert_lines else
                    self.branches)
        for index, branch in enumerate(line["branches"]):
            place = number, line.get("function_name"), index
            branches[place] = branches.get(place, 0) + branch["count"]

    def run_lines(self):
        """How many were, of how many."""
        return sum(count > 0 for count in self.lines.values()), len(self.lines)

    def taken_branches(self):
        """How many were, of how many."""
        return (sum(count > 0 for count in self.branches.values()),
                len(self.branches))

    def missing_lines(self):
        """The numbers of lines that were not run."""
        return sorted(line for line, count in self.lines.items() if not count)

    def missing_branches(self):
        """(line, how many of its ways were not taken, of how many)."""
        ways = collections.defaultdict(list)
        for (line, _, _), count in self.branches.items():
            ways[line].append(count)
        return sorted((line, counts.count(0), len(counts))
                      for line, counts in ways.items() if 0 in counts)


def _reports(gcov, notes, folder):
    """What gcov says of these objects."""
    for first in range(0, len(notes), TOGETHER):
        with tempfile.TemporaryDirectory() as place:
            subprocess.run(
                [gcov, "--branch-probabilities", "--json-format",
                 "--preserve-paths", "--hash-filenames",
                 *notes[first:first + TOGETHER]],
                cwd=place, check=True, stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL)
            for name in os.listdir(place):
                with gzip.open(os.path.join(place, name), "rt",
                               encoding="utf-8") as file:
                    report = json.load(file)
                yield from ((os.path.normpath(os.path.join(
                    folder, report["current_working_directory"],
                    source["file"])), source["lines"])
                    for source in report["files"])


def read(build, top, gcov="gcov"):
    """The files of src/ by their name below it."""
    files = {}
    notes = [os.path.join(place, name)
             for place, _, names in os.walk(build)
             for name in names if name.endswith(".gcno")]
    sources = os.path.join(os.path.realpath(top), "src") + os.sep
    for path, lines in _reports(gcov, notes, build):
        path = os.path.realpath(path)
        if path.startswith(sources):
            name = path.removeprefix(sources)
            if name not in files:
                files[name] = File(path)
            for line in lines:
                files[name].add(line)
    return files


def left_out(files, top):
    """The sources of src/ that have no code in this build: a table only, or left
    out."""
    sources = os.path.join(top, "src")
    return sorted({os.path.relpath(os.path.join(place, name), sources)
                   for place, _, names in os.walk(sources)
                   for name in names if name.endswith(".c")} - set(files))
