"""What gcov says of all objects of a build, added up for each line and branch
of the sources."""

import collections
import gzip
import json
import os
import subprocess
import tempfile

TOGETHER = 40  # objects for one gcov


class File:
    """A source: how often each of its .lines was run, and each way of its
    .branches, by line."""

    def __init__(self):
        self.lines = collections.Counter()
        self.branches = {}  # (line, function, number): count

    def add(self, line):
        """What gcov says of a line, of one object."""
        number = line["line_number"]
        self.lines[number] += line["count"]
        for index, branch in enumerate(line["branches"]):
            place = number, line.get("function_name"), index
            self.branches[place] = (self.branches.get(place, 0) +
                                    branch["count"])

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
    files = collections.defaultdict(File)
    notes = [os.path.join(place, name)
             for place, _, names in os.walk(build)
             for name in names if name.endswith(".gcno")]
    sources = os.path.join(os.path.realpath(top), "src") + os.sep
    for path, lines in _reports(gcov, notes, build):
        path = os.path.realpath(path)
        if path.startswith(sources):
            for line in lines:
                files[path.removeprefix(sources)].add(line)
    return dict(files)
