"""A start of the daemon with one of its calls faked: which calls there are,
what has come of it."""

import collections
import os
import re
import signal
import subprocess
import tempfile
import typing

from harness import (DAEMON, HOST, PATIENCE, children, connect,
                     descriptors, die_with_parent, exists, limits, proc_status,
                     wait_for, untimed)

FAKE = os.path.join(os.path.abspath(os.environ.get("BUILDDIR", ".")),
                    "tests", "system", "fake")
OTHER_GROUP = 4242  # one of root's, to be given up
# What the kernel says of a process that must be the same with a call faked.
STATUS = ("Name", "Umask", "Uid", "Gid", "Groups", "Seccomp", "Seccomp_filters",
          "NoNewPrivs", "CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb",
          "SigBlk", "SigIgn", "SigCgt")
# What a dynamic loader does before main(), and the start of a C library; the two
# of fchmod and ftruncate are for gcov's counters (tests/coverage/counters.c).
LOADER = re.compile(
    r"brk|mmap|access|openat|newfstatat|fstat|read|pread64|close|munmap|"
    r"fchmod|ftruncate|mprotect|arch_prctl|set_tid_address|set_robust_list|rseq|getrandom|"
    r"set_thread_area|prlimit64\(0, RLIMIT_STACK, NULL|prctl\(PR_CAPBSET_READ|"
    r"seccomp\(SECCOMP_GET_ACTION_AVAIL")


class Call(typing.NamedTuple):
    """A call of a traced start, where it is and what it looks like."""

    process: int  # in the order of creation, the daemon is 1
    role: str
    name: str
    count: int  # which of this process' calls of that name
    shape: str  # with its arguments, without what changes from run to run
    result: str

    def __str__(self):
        return f"{self.role}: {self.shape}"


def shape(name, arguments):
    """The call without pointers, pids, times, larger descriptors; kinds of
    signals and capabilities count as one."""
    text = re.sub(r"0x[0-9a-f]+( /\* \d+ vars \*/)?", "P", arguments)
    text = re.sub(r'"(?:[^"\\]|\\.)*"(\.\.\.)?', "TEXT", text)
    text = re.sub(r"\bSIG(?!_|KILL\b|PIPE\b|ALRM\b|XCPU\b)(RT_\d+|[A-Z0-9]+)\b",
                  "SIG", text)
    text = re.sub(r"\bCAP_\w+|P /\* CAP_\?\?\? \*/", "CAP", text)
    text = re.sub(r"\bsa_flags=[^}]*|sa_mask=~?\[[^]]*\]", "", text)
    text = re.sub(r"(?<![\w.])\d{2,}\b", "N", text)
    return f"{name}({text})"


def whole_lines(trace):
    """(pid, call) of strace's output, calls in one piece."""
    begun = {}
    for line in trace.splitlines():
        pid, _, text = line.partition(" ")
        text = text.strip()
        if text.endswith("<unfinished ...>"):
            begun[pid] = text.removesuffix("<unfinished ...>").rstrip()
            continue
        resumed = re.match(r"<\.\.\. \w+ resumed>(.*)", text)
        if resumed:
            text = begun.pop(pid, "") + resumed[1]
        yield pid, re.sub(r",\s*", ", ", text)


def calls_of(trace):
    """The calls of a traced start (strace -f) with one client at its end; of
    the children that served somebody only the last one's, until it serves."""
    calls = list(all_calls_of(trace))
    launched = {call.process for call in calls if call.role == "spawner"}
    begin = max(i for i, call in enumerate(calls) if call.process == 1
                and call.name == "execve" and call.result == "0")
    last = max(call.process for call in calls)
    serves = False
    for call in calls[begin + 1:]:
        if call.role == "reader" and call.process in launched:
            call = call._replace(role="launch")
        if call.role == "child":
            if call.process != last or serves:
                continue
            serves = call.name == "sendto"
        yield call


def all_calls_of(trace):
    """The same as they are in the trace, without a process whose maker was
    killed before its fork returned."""
    lines = list(whole_lines(trace))
    makers = {made: (pid, arguments) for pid, name, arguments, made in
              parsed(lines) if name in ("fork", "vfork", "clone", "clone3")}
    numbers, roles, counts, loading = {}, {}, collections.Counter(), {}
    for pid, name, arguments, result in parsed(lines):
        if numbers and pid not in numbers and pid not in makers:
            continue
        if pid not in numbers:
            numbers[pid] = len(numbers) + 1
            roles[pid] = role_of_child(
                roles[makers[pid][0]], makers[pid][1]) if numbers[
                    pid] > 1 else "master"
            loading[pid] = False
        if name in ("execve", "execveat") and result == "0":
            loading[pid] = True
            if "forkgreet-spawner" in arguments:
                roles[pid] = "spawner"
        elif loading[pid] and is_in_main(name, arguments, roles[pid]):
            loading[pid] = False
        counts[pid, name] += 1
        yield Call(numbers[pid],
                   "loader" if loading[pid] else roles[pid], name,
                   counts[pid, name], shape(name, arguments), result)


def parsed(lines):
    """(pid, name, arguments, result) of each call that returned."""
    for pid, text in lines:
        match = re.match(r"(\w+)\((.*)\)\s+= (\S+)", text)
        if match:
            yield pid, *match.groups()


def is_in_main(name, arguments, role):
    """Is that beyond the loader?  A spawner's first step is to look at its
    plan."""
    if role == "spawner" and re.match("4, ", arguments):
        return True
    return not LOADER.match(f"{name}({arguments}")


def role_of_child(role, arguments):
    """What a process is that one of that role has made."""
    if role == "master":
        return "reader"  # or a spawner, when it has become one
    return "child" if "CLONE_PARENT" in arguments else "proof"


def state(pid):
    """All that /proc shows of a process' rights."""
    status = proc_status(pid)
    with open(f"/proc/{pid}/maps", encoding="utf-8") as file:
        maps = collections.Counter(
            (row[1], re.sub(r"/tmp/.*/", "", row[5]) if len(row) > 5 else "")
            for row in (line.split() for line in file))
    found = {key: status.get(key) for key in STATUS}
    found["environ"] = os.stat(f"/proc/{pid}/environ").st_uid
    found["limits"] = limits(pid)
    found["descriptors"] = {
        number: re.sub(r"\[\d+\]|/tmp/tmp\w+", "", target)
        for number, target in descriptors(pid).items()}
    found["maps"] = {" ".join(key): count for key, count in maps.items()
                     if key[1] not in ("[heap]", "")}
    found["cwd"] = os.readlink(f"/proc/{pid}/cwd")
    found["leads"] = os.getpgid(pid) == pid
    with open(f"/proc/{pid}/oom_score_adj", encoding="ascii") as file:
        found["oom_score_adj"] = file.read()
    return found


def inherit():
    """For preexec_fn: what the daemon has to tidy."""
    os.umask(0o077)
    for number in signal.SIGALRM, signal.SIGXCPU:
        signal.signal(number, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGALRM, signal.SIGXCPU])


def only(pids):
    """The pid when there is but one."""
    found = list(pids)
    return found[0] if len(found) == 1 else None


class Started:
    """wrapper (strace, fake) runs before (which may change the user), and that
    forkgreetd: it refuses, or it serves."""

    def __init__(self, config, wrapper, before=()):
        self.output = tempfile.NamedTemporaryFile("a")
        inherited = os.open("/", os.O_RDONLY)

        def prepare():
            os.setgroups([0, OTHER_GROUP])
            die_with_parent()
            inherit()
        self.process = subprocess.Popen(
            [*wrapper, *before, DAEMON, "-f", "-c", config],
            stdin=inherited, stdout=self.output, stderr=self.output,
            pass_fds=(inherited,), preexec_fn=prepare)
        os.close(inherited)
        try:
            wait_for(self._decided, PATIENCE, f"the end of {wrapper}")
        except AssertionError:
            self.end()
            raise
        self.serves = self.process.poll() is None

    def _decided(self):
        return (self.process.poll() is not None
                or "\nforkgreetd: start version=" in "\n" + self.said())

    def said(self):
        """Its standard error so far."""
        with open(self.output.name, encoding="utf-8") as file:
            return untimed(file.read())

    def faked(self):
        """Has the call been?"""
        return "faked\n" in self.said()

    def master(self):
        """The daemon's pid."""
        return int(re.search(r"^forkgreetd: start .* pid=(\d+)", self.said(),
                             re.MULTILINE)[1])

    def spawner(self):
        """Its spawner's."""
        return int(re.search(r"^forkgreetd: spawner start pid=(\d+)",
                             self.said(), re.MULTILINE)[1])

    def _has_standby(self):
        """Is nothing on trial any more?"""
        os.kill(self.master(), signal.SIGUSR1)
        found = re.findall(r"spawner_standby=(\d)", self.said())
        return found and found[-1] == "1"

    def states(self, port, seconds=PATIENCE):
        """{role: state} of master, spawner, and the child of a held client
        that has been greeted; OSError when it is not."""
        master, spawner = self.master(), self.spawner()
        wait_for(self._has_standby, seconds, "a spawner on standby")
        with connect(port, HOST, seconds) as sock:
            if sock.recv(100) != b"hi client\n":
                raise ConnectionError("closed without a greeting")
            child = wait_for(lambda: only(
                pid for pid in children(master)
                if pid != spawner and exists(pid) and
                os.getpgid(pid) == spawner), what="one client's child")
            return {"master": state(master), "spawner": state(spawner),
                    "child": state(child)}

    def end(self):
        """Whatever state it is in: afterwards it is gone, and so is what it
        traces."""
        for pid in children(self.process.pid):
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(PATIENCE)
        self.output.close()


def settled(started, port):
    """The states, once they stay as they are: a spawner has a client's
    descriptor for a moment."""
    seen = []

    def again():
        seen.append(started.states(port))
        return seen[-1] if seen[-1] in seen[:-1] else None
    return wait_for(again)


def differences(whole, started, port, accepted, seconds=PATIENCE):
    """What the processes' rights are otherwise than they should be, except for
    what is accepted: ["ROLE KEY: SHOULD, IS", ...].  Waits for what is on its
    way (a spawner has a client's descriptor for a moment)."""
    found = []

    def same():
        try:
            states = started.states(port, seconds)
        except ProcessLookupError:
            return False  # one has just ended
        found[:] = [
            f"{role} {key}: {whole[role][key]}, {state[key]}"
            for role, state in states.items()
            for key in state
            if state[key] != whole[role][key]
            and (role, key) not in accepted]
        return not found
    try:
        wait_for(same, 2)
    except AssertionError:
        pass
    return found
