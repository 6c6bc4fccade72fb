"""Each step of each set-up is verified: a call that fails, or that says it went
through and had no effect, ends the start (77 for privileges and sandbox, the
step named), or a row here says why it does no harm.  The calls are found by
tracing a start."""

import os
import random
import re
import shutil
import tempfile
import unittest
from concurrent.futures import ThreadPoolExecutor

from faking import FAKE, Started, all_calls_of, calls_of, differences, settled
from harness import (Case, PATIENCE, Strace, USER, free_port, greet,
                     needs_program, parse_line, strace_works, wait_for)
from programs import NATIVE_CALLS, Build

# ----------------------------------------------------------------- the tables
# Rows are (role, call): what matches the call's shape from its start, or all of
# it.  Roles: loader (before main()), master, reader, launch (a spawner before
# its exec), spawner, proof (its child that tries the limits), child (a
# client's).

# Calls that return a value, by kind, with what a wrong one does.
VALUES = {
    "brk|mmap2?|mremap|getrandom|set_tid_address": "memory: a wrong address "
    "ends the process; the random bytes are the C library's",
    "open|openat|socket|socketpair|pipe2|dup|memfd_create|epoll_create1|"
    "timerfd_create|signalfd4|pidfd_open|accept4|landlock_create_ruleset|"
    r"fcntl\(\w+, F_(DUPFD|GETF|GET_SEALS)": "descriptors: the next call on a "
    "wrong one fails",
    "read|pread64|write|pwrite64|recvfrom|recvmsg|sendto|sendmsg|readlink|"
    "getdents64|lseek": "bytes: what is short or wrong is refused as such",
    "fstat|newfstatat|statx|stat|access|faccessat2?|getcwd|uname|getsockname|"
    "getsockopt|sysinfo|sched_getaffinity|statfs|fstatfs": "what there is: a "
    "wrong answer refuses what is good, or gives a number that only advises",
    "get(res|e)?[ug]id|getgroups|getp?pid|getpgrp|getpgid|gettid|capget|"
    r"getitimer|prctl\(PR_(GET_|CAPBSET_READ|CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET)|"
    r"prlimit64\(\w+, \w+, NULL|getrlimit|rt_sigpending|rt_sigaction\(\w+, NULL|"
    r"rt_sigprocmask\(\w+, NULL|seccomp\(SECCOMP_GET_|getpriority|"
    r"sched_getscheduler|keyctl|personality\(P": "the questions of the verification: a wrong answer refuses a good start, or "
    "hides one fault",
    r"rt_sigprocmask\(SIG_BLOCK, ~\[\], \[": "a C library's fork(2): it blocks "
    "afterwards what it was told here, at random when it was told nothing",
    "fork|vfork|clone3?|wait4|waitid|getpgrp": "processes: one that is not "
    "there is waited for, with a bound",
    "poll|ppoll|epoll_wait|epoll_pwait": "events: told again",
}
# Tried because they must fail.
ATTEMPTS = "kill|connect|bind|open|openat|dup|fork|execve|setresuid|" \
    "seccomp|ptrace|clone3?|unshare|socket"
# The result is the effect itself.
RESULTS = ("dup2", "dup3", "umask")

# What the message names, where it is not the call.
STEPS = (
    (r"prlimit64\(\w+, (RLIMIT_\w+)", r"\1"),
    (r"prctl\((PR_SET_\w+)", r"\1"),
    (r"prctl\(PR_CAP|cap[sg]et", "capset|capabilit"),
    (r"setresgid|setresuid", "setres|sete"),
    ("rt_sig", "signals|sigprocmask"),
    ("close", "clos"),
    ("seccomp", "seccomp"),
    (r"dup2", "RLIMIT_NOFILE|dup2|clos|short"),
)

# Starts that end, but not as a question of privileges and sandbox.
ENDS = {
    ("master", r"setresuid\(-1, 0, -1\)"): (77, "setgroups"),  # which it needs
    ("master", r"bind\("): (69, "bind "),
    ("master", r"(close_range|rt_sig|umask)"): (71, "start: "),
    ("master", r"epoll_ctl"): (  # after the bound of what is waited for
        (71, 77, 78), "parser|reader|trial client: not served"),
    ("reader", r"dup2"): ((71, 78), "parser|reader"),
    ("launch", r"dup2"): ((71, 77), "spawner"),
    ("spawner", r"close\(0\)"): ((71, 77), "trial client: |landlock"),
    ("master", r"fcntl\(\d, F_ADD_SEALS"): (77, "the plan"),
}

# What does no harm, with what may differ: (role, key) of states().
MASTER_FDS = {("master", "descriptors")}
HARMLESS = {
    ("loader", "mprotect"): (
        "the C library's own; that the daemon is linked so is in "
        "test_hardening", {("master", "maps")}),
    ("loader", "munmap"): ("a C library's start", {("master", "maps")}),
    ("loader", "close|set_robust_list|rseq|prlimit64|sigaltstack"):
        ("a C library's start", set()),
    ("loader", "fchmod|ftruncate"): ("gcov's counters", set()),
    ("master", r"close\("): (
        "a descriptor more in the master, none in what it starts", MASTER_FDS),
    ("reader", r"close\(\d+\)"): ("close_range(2) closes it next", set()),
    ("master", r"munmap|madvise"): (
        "memory that is mapped for longer", {("master", "maps")}),
    ("master", r"dup2\((N|\d), 0\)"): (
        "standard input is never read", MASTER_FDS),
    ("master", r"listen"): ("listened again once it is found lost", set()),
    ("master", r"chdir"): (
        "a directory that cannot be unmounted; no path of the daemon's is "
        "relative", {(role, "cwd") for role in
                     ("master", "spawner", "child")}),
    ("master", r"rt_sigaction\(SIG(PIPE)?, {sa_handler=SIG_DFL"):
        ("nobody had set it", set()),
    ("master", r"fcntl\(\d, F_SETFL, O_RDONLY\|O_NONBLOCK\)"):
        ("read when there is something only", set()),
    ("master", r"timerfd_settime"):
        ("a bound for a reader that hangs, which bounds itself", set()),
    ("master", r"epoll_ctl"): (
        "what is told by one event is told by another: a reader's end by its "
        "pipe, a spawner's by SIGCHLD; or see DEAF", set()),
    ("master", r"setsockopt\(\d, SOL_SOCKET, SO_REUSEADDR"):
        ("bind(2) fails sooner", set()),
    ("master|reader|launch", r"prctl\(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR"):
        ("none is in the set, as is asked", set()),
    ("master|reader", r"prctl\(PR_SET_DUMPABLE|capset"):
        ("done by the change of user already, as is asked", set()),
    ("reader", r"rt_sig"): (
        "none is set or blocked by the master that can prolong its life: "
        "RLIMIT_CPU's hard limit kills", set()),
    ("reader|launch|proof", r"set_robust_list|rseq"):
        ("a C library's fork(2)", set()),
    ("reader", r"munmap"): ("it ends", set()),
    ("reader", r"close_range\((2|N), N, 0"): (
        "the master's are closed at the exec already, and the cage closes and "
        "asks", set()),
    ("master|launch", r"setpgid"): (
        "master and child both do it, and ask", set()),
    ("master", r"clock_get"): (
        "what a trial took of a processor: a spawner is started sooner after "
        "another one", set()),
    ("master", r"ftruncate"): (
        "of the standby's page: its trial fails, and is repeated", set()),
    ("launch", r"close_range\((6|N), N, 0"): (
        "the master has none that survives exec; the spawner asks", set()),
    ("launch", r"prctl\(PR_SET_DUMPABLE|close\((N|\d+)\)|openat|pwrite64"): (
        "its oom_score_adj, which says only whom the kernel kills first; the exec "
        "closes, and makes it dumpable or not", {
            (role, "oom_score_adj") for role in ("spawner", "child", "proof")}),
    ("launch", r"capset"): ("an ordinary user has none", set()),
    ("launch", r"rt_sigaction\(SIG(ALRM|XCPU|KILL)?, {sa_handler=SIG_DFL"):
        ("has no handler and is not ignored in the master", set()),
    ("spawner", r"prctl\(PR_SET_NAME"): ("its name", {("spawner", "Name"),
                                                      ("child", "Name")}),
    ("spawner", r"prctl\(PR_SET_MM, PR_SET_MM_MAP"): (
        "what ps(1) shows", {("spawner", "maps"), ("child", "maps")}),
    ("spawner", r"munmap"): (
        "nothing is there, or nothing of the program, whose parts are asked "
        "for", {("spawner", "maps"), ("child", "maps")}),
    ("spawner", r"prctl\(PR_SET_NO_NEW_PRIVS"):
        ("the master's survives exec, as is asked", set()),
    ("spawner|proof", r"rt_sigprocmask\(SIG_(BLOCK|SETMASK), ~\["):
        ("a C library's fork(2); the mask is asked before the filter", set()),
    ("launch", r"rt_sigprocmask\(SIG_SETMASK, \[HUP"):
        ("a C library's fork(2): none are blocked next, as is asked", set()),
    ("proof", r"rt_sigprocmask"): ("it ends", set()),
    ("child", r"close\(3\)"): (
        "its way back to the spawner; that close(2) works is asked in the "
        "spawner (close(4), close(5))", {("child", "descriptors")}),
    ("child", r"prctl\(PR_SET_PDEATHSIG|setitimer"):
        ("proved by the same call in \"proof\"", set()),
    ("child", r"prlimit64"): (
        "proved by the same call in \"proof\"", {("child", "limits")}),
}
# The same call, faked in role proof, must end the start.
PROVED = r"prctl\(PR_SET_PDEATHSIG|setitimer|prlimit64\(\w+, (RLIMIT_\w+)"

# A listener that serves nobody (the log's line): there is no call that asks for
# this.
DEAF = {
    ("master", r"epoll_ctl"): "",
    ("master", r"listen"): "lost listener=main",
}

# What nobody notices yet.  Once somebody does, the row fails and goes.
OPEN = {}

# The fault is set up by root, but not made by its processes.
AS_USER = (shutil.which("setpriv"), "--reuid", str(USER), "--regid", str(USER),
           "--clear-groups")
EXIT_PRIVILEGE = 77
STATUSES = (69, 71, 75, 77, 78)
WHOLE = os.environ.get("VERIFICATION") == "whole"
SEED = int(os.environ.get("SEED") or random.randrange(1 << 32))
SAMPLE = 30


def row_of(table, call):
    """The row that the call is in, or None."""
    for (roles, pattern), row in table.items():
        if call.role in roles.split("|") and re.match(pattern, call.shape):
            return row
    return None


def is_value(call):
    """A call that returns more than success."""
    return any(re.match(rf"(?:{pattern})(?![a-z0-9_])", call.shape)
               for pattern in VALUES)


def step_of(call):
    """How a message may name what failed."""
    for pattern, name in STEPS:
        match = re.match(pattern, call.shape)
        if match:
            return match.expand(name)
    return call.name


BUILD = Build(os.environ.get("BUILDDIR", "."))
sanitized = "fsanitize" in BUILD.variable("SAN_CFLAGS")
if "dynamic" in BUILD.definition("SPAWNER_LIBC"):
    HARMLESS["spawner", r"mprotect\(P, N, PROT_READ\)"] = (
        "the dynamic loader has done it", set())


class StartCase(Case):
    """Starts of one user."""

    before = ()  # a command that the start is behind

    def configure(self, sandbox="required"):
        """A configuration of its own; its path and port."""
        port = free_port()
        path = os.path.join(self.folder(), "forkgreet.conf")
        with open(path, "w", encoding="ascii") as file:
            file.write(self.configuration(
                self.listener("hold = true;", port=port),
                f'sandbox = "{sandbox}";'))
        os.chmod(path, 0o644)
        return path, port

    def begin(self, *wrapper, sandbox="required"):
        """Started, and its port."""
        path, port = self.configure(sandbox)
        return Started(path, wrapper, self.before), port

    def lines_are_ours(self, said):
        """Nothing but messages of the daemon."""
        for line in said.splitlines():
            self.assertTrue(line == "faked" or
                            line.startswith("forkgreetd: "), said)


class Trace(unittest.TestCase):
    """What is read out of a trace."""

    def test_end_between_fork_and_its_return(self):
        """A process whose maker died in its fork belongs to nobody."""
        calls = list(all_calls_of(
            '10 execve("forkgreetd", []) = 0\n'
            "10 clone(flags=SIGCHLD) = 11\n"
            "10 clone(flags=SIGCHLD <unfinished ...>\n"
            "12 getpid() = 12\n"
            "11 getppid() = 10\n"
            "10 <... clone resumed>) = ?\n"
            "10 +++ killed by SIGKILL +++\n"))
        self.assertEqual([(call.process, call.role, call.name)
                          for call in calls],
                         [(1, "loader", "execve"), (1, "master", "clone"),
                          (2, "reader", "getppid"), (1, "master", "clone")])


@unittest.skipIf(sanitized, "a sanitizer's own start does not bear these faults")
@NATIVE_CALLS
@unittest.skipUnless(strace_works(), "needs root and strace")
class Sweep(StartCase):
    """Each call of a start and its first client, one at a time."""

    sample = None  # of the calls; None: all
    least = 65  # starts that end, of all

    def setUp(self):
        super().setUp()
        print(f"# SEED={SEED}")
        self.calls = self.trace()
        started, port = self.begin(shutil.which("env"))
        try:
            self.whole = settled(started, port)
        finally:
            started.end()

    def trace(self):
        """The calls of a start, and of one client."""
        with tempfile.NamedTemporaryFile("r") as trace:
            os.chmod(trace.name, 0o666)
            started, port = self.begin("strace", "-qq", "-f", "-o", trace.name)
            try:
                started.states(port)
            finally:
                started.end()
            return list(calls_of(trace.read()))

    def steps(self):
        """Calls whose only result is success: the first of each shape in each
        role."""
        found = {}
        for call in self.calls:
            if call.result == "0" or call.name in RESULTS:
                if not is_value(call) and not call.name.startswith("exec"):
                    found.setdefault((call.role, call.shape), call)
        return list(found.values())

    def chosen(self, steps, sample):
        """All, or a sample."""
        if WHOLE or sample is None or sample >= len(steps):
            return steps
        return random.Random(SEED).sample(steps, sample)

    def try_all(self, steps, result, judge):
        """judge(call, started, port) for each with that result, some at a
        time; fails for the problems that it returns."""
        def attempt(call):
            value = (int(call.result, 8 if call.name == "umask" else 10)
                     if result == 0 else result)
            started, port = self.begin(
                FAKE, str(call.process), call.name, str(call.count),
                str(value))
            try:
                return judge(call, started, port)
            finally:
                started.end()
        with ThreadPoolExecutor(4) as pool:
            for call, problem in zip(steps, pool.map(attempt, steps)):
                with self.subTest(str(call)):
                    self.assertIsNone(problem)

    def test_no_unknown_call(self):
        """Each call of the start is in a table, or is faked."""
        known = {call.name for call in self.steps()}
        unknown = {str(call) for call in self.calls
                   if call.name not in known and not is_value(call)
                   and not re.fullmatch(ATTEMPTS, call.name)
                   and call.name not in ("execveat", "exit_group")
                   and call.role != "loader"}
        self.assertEqual(unknown, set())

    def test_roles(self):
        """The trace has them all."""
        self.assertEqual(
            {call.role for call in self.steps()},
            {"loader", "master", "reader", "launch", "spawner", "proof",
             "child"})

    def test_c5_each_step_is_verified(self):
        """Success without an effect."""
        steps = self.steps()
        self.refused = set()
        self.try_all(self.chosen(steps, self.sample), 0, self.judge)
        if WHOLE or self.sample is None:
            self.assertGreater(len(self.refused), self.least)
            self.all_are_proved(steps)

    def all_are_proved(self, steps):
        """What a client's child does not ask, its proof does."""
        for call in steps:
            match = re.match(PROVED, call.shape)
            if call.role == "child" and match:
                self.assertTrue(any(
                    shape.startswith(match[0]) for role, shape in self.refused
                    if role == "proof"), call)

    def judge(self, call, started, port):
        """What is wrong with what came of the fake, None: nothing."""
        problem = self.problem(call, started, port)
        if row_of(OPEN, call) is not None:
            return None if problem else "is noticed now: its row of OPEN goes"
        return problem

    def problem(self, call, started, port):
        """The same without regard to what is open."""
        if not started.serves:
            return self.problem_of_end(call, started)
        deaf, row = row_of(DEAF, call), row_of(HARMLESS, call)
        try:
            found = differences(
                self.whole, started, port, row[1] if row else (),
                PATIENCE if deaf is None else 0.5)
        except OSError as error:
            if deaf is None:
                return f"serves, and not: {error}"
            wait_for(lambda: deaf in started.said(), PATIENCE, deaf)
            return None
        if not started.faked():
            return "the call was not made"
        if row is None:
            return f"nobody notices, and {found or 'no difference'}"
        return str(found) if found else None

    def problem_of_end(self, call, started):
        """It did not start."""
        said, status = started.said(), started.process.returncode
        if call.role == "loader":
            return None
        wanted, step = row_of(ENDS, call) or (EXIT_PRIVILEGE, step_of(call))
        wanted = wanted if isinstance(wanted, tuple) else (wanted,)
        if status not in wanted:
            return f"status {status}, expected {wanted}: {said}"
        if not re.search(step, said):
            return f"does not name {step}: {said}"
        self.lines_are_ours(said)
        self.refused.add((call.role, call.shape))
        return None

    def test_each_step_fails(self):
        """An error: the start ends with a status of the contract, or nothing
        is weaker."""
        steps = [call for call in self.steps() if call.role != "loader"]
        self.try_all(self.chosen(steps, SAMPLE), -1, self.judge_failure)

    def judge_failure(self, call, started, port):
        """What is wrong, None: nothing."""
        if not started.serves:
            self.lines_are_ours(started.said())
            status = started.process.returncode
            return None if status in STATUSES else f"status {status}"
        row = row_of(HARMLESS, call)
        try:
            found = differences(self.whole, started, port,
                                row[1] if row else (), 1)
        except OSError as error:
            return (None if call.role == "child" or row_of(DEAF, call)
                    is not None else f"serves, and not: {error}")
        return str(found) if found else None


@needs_program("setpriv")
class SweepAsUser(Sweep):
    """The same, started by an ordinary user."""

    before = AS_USER
    sample = SAMPLE
    least = 50


@needs_program("setpriv")
class SweepWithAmbient(Sweep):
    """As a unit with User= and too many ambient capabilities starts it."""

    before = (*AS_USER, "--inh-caps", "+net_bind_service,+kill",
              "--ambient-caps", "+net_bind_service,+kill")
    sample = SAMPLE
    least = 50


@unittest.skipIf(sanitized, "a sanitizer's own start does not bear these faults")
@NATIVE_CALLS
@unittest.skipUnless(strace_works(), "needs root and strace")
class Start(StartCase):
    """Faults of a kind of call, in all processes at once."""

    CALLS = ("setgroups", "setresgid", "setresuid", "capset", "prctl",
             "seccomp", "landlock_restrict_self", "prlimit64", "setitimer")
    needless = ()
    STEPS = {"capset": "capset|capabilities", "prlimit64": "RLIMIT_",
             "prctl": "prctl|PR_|capabilit"}

    def begin(self, *strace, sandbox="required"):
        """Started, by strace with these arguments."""
        path, _ = self.configure(sandbox)
        return Started(path, (*self.before, "strace", "-qq", "-f", "-o",
                              "/dev/null", *strace))

    def refused(self, call, *strace):
        """The start fails with 77 and names the call."""
        started = self.begin(*strace)
        try:
            self.assertFalse(started.serves, started.said())
            self.assertEqual(started.process.returncode, EXIT_PRIVILEGE,
                             started.said())
            self.lines_are_ours(started.said())
            self.assertRegex(started.said(), self.STEPS.get(call, call))
        finally:
            started.end()

    def test_all_at_once(self):
        """Not one of these calls works, in no process: said by name."""
        for call in self.CALLS:
            if call in self.needless:
                continue
            for effect in "retval=0", "error=EPERM":
                with self.subTest(f"{call}:{effect}"):
                    self.refused(call, "-e", f"inject={call}:{effect}")

    def test_behind_another_filter(self):
        """A filter is on already (strace's own)."""
        for call in "seccomp", "landlock_restrict_self":
            self.refused(call, "--seccomp-bpf", "-e", f"trace={call}", "-e",
                         f"inject={call}:retval=0")

    def test_off(self):
        """The only way around."""
        started = self.begin(
            "-e", "inject=landlock_restrict_self:error=ENOSYS", sandbox="off")
        try:
            self.assertTrue(started.serves, started.said())
            self.assertIn(" sandbox=off ", started.said())
        finally:
            started.end()


@needs_program("setpriv")
class StartAsUser(Start):
    """The same, started by an ordinary user, who has nothing to give up."""

    before = AS_USER
    needless = ("setgroups", "setresgid", "setresuid", "capset")


@unittest.skipUnless(strace_works(), "needs root and strace")
class Running(Case):
    """Later generations."""

    FAULTS = ("seccomp:retval=0", "landlock_restrict_self:retval=0",
              "prlimit64:retval=0", "setitimer:retval=0",
              "seccomp:error=EPERM", "landlock_restrict_self:error=EPERM")

    def test_reload(self):
        daemon = self.daemon()
        spawners = daemon.spawners()
        for fault in self.FAULTS:
            with self.subTest(fault), Strace(
                    daemon.pid, f"inject={fault}", follow=True):
                daemon.reload(self.configuration(
                    self.listener('greeting = "changed";')), "failed", 20)
        self.assertEqual(daemon.spawners(), spawners)
        self.assertEqual(greet(self.port), b"hi client\n")

    def respawn(self, daemon):
        """Kills the spawner and the one on standby.  True: there is another;
        False: it has been said why not."""
        serving, = daemon.settle().spawners()
        killed = {serving, *daemon.all_spawners()}
        before = len(daemon.log())
        for pid in killed - {serving}:
            os.kill(pid, 9)
        os.kill(serving, 9)

        def decided():
            fresh = daemon.log()[before:]
            if any(line.startswith("spawner start ") and
                   int(parse_line(line)["pid"]) not in killed
                   for line in fresh):
                return "started"
            if any(line.startswith("spawner failed ") for line in fresh):
                return "failed"
            return None
        return wait_for(decided, PATIENCE) == "started"

    def test_nobody_is_served(self):
        """By a spawner that is not proved; those who wait are once there is
        one that is."""
        daemon = self.daemon()
        with Strace(daemon.pid, "inject=seccomp:retval=0", follow=True):
            self.assertFalse(self.respawn(daemon))
            sock = self.connect(self.port, seconds=PATIENCE)
            sock.settimeout(0.5)
            with self.assertRaises(TimeoutError):
                sock.recv(1)
            self.assertTrue(any("seccomp: not in effect" in line
                                for line in daemon.log()))
        sock.settimeout(PATIENCE)
        self.assertEqual(sock.recv(100), b"hi client\n")


if __name__ == "__main__":
    from harness import main
    main()
