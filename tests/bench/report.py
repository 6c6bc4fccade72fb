"""What the benchmark found, as Markdown, and what it should have found."""

import os
import platform
import re
import shlex
import statistics
import subprocess
import sys
import time


def output(command, lines=None, where="."):
    """The (first) lines that a command prints, or "unknown"."""
    try:
        done = subprocess.run(command, cwd=where, text=True, check=False,
                              stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE,
                              stderr=subprocess.DEVNULL, timeout=10)
    except (OSError, subprocess.SubprocessError):
        return "unknown"
    return "; ".join(done.stdout.splitlines()[:lines]) or "unknown"


def make_variables(builddir):
    """What the build's Makefile assigns."""
    try:
        with open(os.path.join(builddir, "Makefile")) as file:
            return dict(re.findall(r"^(\w+) = (.*)$", file.read(), re.M))
    except OSError:
        return {}


def cpu_model():
    """As /proc says it."""
    with open("/proc/cpuinfo") as file:
        found = re.search(r"^(?:model name|Model|cpu model)\s*: (.*)$",
                          file.read(), re.M)
    return found.group(1) if found else platform.machine()


def memory_mib():
    """The machine's memory."""
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 2**20


def circumstances(builddir):
    """What a reader must know to compare the numbers with others: lines."""
    source = os.path.dirname(os.path.abspath(__file__))
    make = make_variables(builddir)
    compiler = make.get("CC", os.environ.get("CC", "cc"))
    return [
        f"machine: {len(os.sched_getaffinity(0))} cores, {cpu_model()}, "
        f"{memory_mib()} MiB",
        f"kernel: {platform.release()}",
        "compiler: " + output([*shlex.split(compiler), "--version"], 1) +
        f", CFLAGS {make.get('CFLAGS', 'unknown')}",
        "commit: " + output(["git", "--no-optional-locks", "describe",
                             "--always", "--dirty"], 1, source),
        "daemon: " + output([os.path.join(builddir, "forkgreetd"), "-V"]),
        "command: " + shlex.join(sys.argv),
        f"date: {time.strftime('%Y-%m-%dT%H:%M:%SZ', time.gmtime())}",
    ]


def spread(values):
    """The middle half of them."""
    if len(values) < 2:
        return "-"
    low, _, high = statistics.quantiles(values, n=4, method="inclusive")
    return f"{low:.2f} to {high:.2f}"


def number(value):
    """With as many digits as tell something."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}"


def row(cells):
    """A line of a Markdown table."""
    return "| " + " | ".join(str(cell) for cell in cells) + " |"


class Goal:
    """One thing that is wanted, and what came of it."""

    def __init__(self, what, reached, wanted, aims=(), *, least=True, note="",
                 of=""):
        self.what, self.reached, self.note, self.of = what, reached, note, of
        self.wanted, self.aims, self.least = wanted, aims, least

    def met(self):
        """Whether what is wanted was reached."""
        if self.least:
            return self.reached >= self.wanted
        return self.reached <= self.wanted

    def cells(self):
        """Its row."""
        sign = "≥" if self.least else "≤"
        return [self.what, f"{sign} {self.wanted:g}",
                ", ".join(f"{aim:g}" for aim in self.aims) or "-",
                f"{self.reached:.2f}", self.of or "-",
                "yes" if self.met() else "NO", self.note or "-"]


class Report:
    """Prints what is found as it is found, and keeps it for a file."""

    def __init__(self):
        self.text = ""
        self.goals = []
        self.series = {}  # for the plot: panel: {name: [(x, y)]}

    def say(self, line=""):
        """A line of Markdown."""
        print(line, flush=True)
        self.text += line + "\n"

    def title(self, text, level=2):
        """A heading."""
        self.say(f"{'' if level == 1 else chr(10)}{'#' * level} {text}\n")

    def bullets(self, lines):
        """A list."""
        for line in lines:
            self.say(f"* {line}")

    def table(self, head, rows, left=1):
        """Columns after the first (left) are numbers."""
        self.say(row(head))
        self.say(row(["---"] * left + ["---:"] * (len(head) - left)))
        for cells in rows:
            self.say(row(cells))
        self.say()

    def goal(self, *arguments, **named):
        """Something that is wanted: no reason to fail when not reached."""
        self.goals.append(Goal(*arguments, **named))

    def ratio_goal(self, what, mine, theirs, wanted, aims=(), *, least=True,
                   note=""):
        """The same for values of rounds by those of another server in the
        same rounds; none where they could not be measured."""
        ratios = [one / other for one, other in zip(mine, theirs) if other]
        if not ratios:
            return
        note = f"; {note}" if note else ""
        self.goal(what, statistics.median(ratios), wanted, aims, least=least,
                  of=" / ".join(number(statistics.median(values))
                                for values in (mine, theirs)),
                  note=f"{min(ratios):.2f} to {max(ratios):.2f}{note}")

    def point(self, panel, name, x, y):
        """A point of the plot."""
        self.series.setdefault(panel, {}).setdefault(name, []).append((x, y))

    def show_goals(self):
        """All that was wanted in what was measured."""
        if not self.goals:
            return
        self.title("Wanted of forkgreetd")
        self.table(["what", "wanted", "aim", "reached", "of", "",
                    "rounds, notes"],
                   [goal.cells() for goal in self.goals])

    def write(self, path):
        """The Markdown, whole or not at all."""
        with open(path + ".tmp", "w") as file:
            file.write(self.text)
        os.rename(path + ".tmp", path)
