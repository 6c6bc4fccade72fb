"""A run of spin and of the program that it makes."""

import glob
import os
import re
import resource
import shutil
import subprocess

from harness import die_with_parent

HERE = os.path.dirname(os.path.abspath(__file__))
MEGABYTES = 1000
SECONDS = 60  # of a processor: for one run
DEPTH = 1000000
COUNTS = ("CRASHES", "KILLS", "CLONE_FAILURES", "FAILED_TRIALS", "RELOADS",
          "UPGRADES", "HANGS", "LIES", "FORGERIES")


class Broken(Exception):
    """The model could not be checked."""


class Result:
    """What a run has found: .error is "" or what is wrong, .taken the names of
    the transitions that were taken."""

    def __init__(self, output, usage):
        found = re.search(r"pan:\d+: (.*?)(?: \(at depth|$)", output,
                          re.MULTILINE)
        self.error = found.group(1) if found else ""
        states = re.search(r"(\d+) states, stored", output)
        self.states = int(states.group(1)) if states else 0
        self.seconds = usage.ru_utime + usage.ru_stime
        self.megabytes = usage.ru_maxrss / 1024
        self.taken = set(re.findall(r"taken: (\w+)", output))

    def __str__(self):
        return (f"{self.states:,} states, {self.seconds:.1f} s, "
                f"{self.megabytes:.0f} MB")


def _call(command, folder):
    """Its output, and what it used."""
    def limits():
        die_with_parent()
        resource.setrlimit(resource.RLIMIT_CPU, (5 * SECONDS, 5 * SECONDS))
    with open(os.path.join(folder, "output"), "w+", encoding="utf-8",
              errors="replace") as file:
        with subprocess.Popen(command, cwd=folder, stdout=file, stderr=file,
                              stdin=subprocess.DEVNULL,
                              preexec_fn=limits) as process:
            _, status, usage = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
        file.seek(0)
        output = file.read()
    if process.returncode != 0:
        raise Broken(f"{command[0]} ended with {process.returncode}:\n"
                     f"{output[-2000:]}")
    return output, usage


def check(folder, clients, defines, live, mutation=None):
    """Checks the model in that folder, which is its own; raises Broken, also
    when it is too large."""
    all_defines = {**dict.fromkeys(COUNTS, 0), "CLIENTS": clients, **defines}
    if live:
        all_defines["LIVENESS"] = 1
    if mutation:
        all_defines[f"M_{mutation}"] = 1
    flags = [f"-D{name}={value}" for name, value in all_defines.items()]
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(folder)
    for name in glob.glob(os.path.join(HERE, "*.pml")):
        shutil.copy(name, folder)
    _call(["spin", "-a", *flags, "forkgreet.pml"], folder)
    _call(["cc", "-O0", "-w", f"-DMEMLIM={MEGABYTES}",
           *([] if live else ["-DSAFETY"]), "-o", "pan", "pan.c"], folder)
    output, usage = _call(["./pan", f"-m{DEPTH}",
                           *(["-a", "-f"] if live else [])], folder)
    for sign in ("MEMLIM bound", "max search depth too small",
                 "out of memory"):
        if sign in output:
            raise Broken(sign)
    result = Result(output, usage)
    if result.seconds > SECONDS:
        raise Broken(f"too large: {result}")
    return result
