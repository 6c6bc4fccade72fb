"""How the programs here are started, and ended, whatever happens."""

import argparse
import os
import shutil
import signal
import subprocess
import sys
import tempfile

from context import Bench
from server import Failure


class Parser(argparse.ArgumentParser):
    """One that exits as sysexits(3) has it."""

    def error(self, message):
        self.print_usage(sys.stderr)
        self.exit(os.EX_USAGE, f"{self.prog}: {message}\n")


def make_parser(prog, text):
    """With what all have."""
    parser = Parser(prog=prog, description=text.split("\n\n", maxsplit=1)[0])
    parser.add_argument(
        "builddir", nargs="?", default=os.environ.get("BUILDDIR", "."),
        help="where make was run (default: $BUILDDIR, or here)")
    parser.add_argument(
        "--daemon-conf", metavar="FILE",
        help="forkgreetd's configuration where one listener is enough; "
        "@PORT@ in it becomes the port")
    parser.add_argument("--markdown", metavar="FILE",
                        help=f"default BUILDDIR/{prog}.md")
    return parser


def on_signals(action):
    """For what ends a program from outside."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, action)


def run(prog, arguments, action):
    """action(Bench), then everything is stopped and removed; returns the exit
    status."""
    on_signals(signal.default_int_handler)  # raises KeyboardInterrupt
    arguments.markdown = arguments.markdown or os.path.join(
        arguments.builddir, prog + ".md")
    scratch = tempfile.mkdtemp(prefix="forkgreet-bench-")
    os.chmod(scratch, 0o755)  # forkgreetd reads as an unprivileged user
    bench = Bench(arguments, scratch)
    try:
        action(bench)
        bench.report.write(arguments.markdown)
        return 1 if bench.failed else 0
    except (Failure, OSError, subprocess.SubprocessError) as error:
        print(f"{prog}: {error}", file=sys.stderr)
        return os.EX_UNAVAILABLE
    except KeyboardInterrupt:
        return 130
    finally:
        on_signals(signal.SIG_IGN)
        bench.clean_up()
        shutil.rmtree(scratch)
