"""Giving up rights is verified: a step that fails, or that says it went through
and had no effect, ends the start (exit status 77, the step named), and later
never makes the running daemon's sandbox weaker."""

import os
import re
import subprocess
import tempfile
import unittest

from harness import (Case, DAEMON, HOST, PATIENCE, Strace, USER,
                     become_user, children, connect, die_with_parent, greet,
                     if_also_user, limits, needs_program, needs_root,
                     parse_line, proc_status, strace_works, wait_for)
from programs import Build

CALLS = ("setgroups", "setresgid", "setresuid", "capset", "prctl", "seccomp",
         "landlock_restrict_self", "prlimit64", "setitimer")
EFFECTS = ("retval=0", "error=EPERM")
STRENGTH = ("Uid", "Gid", "Groups", "CapInh", "CapPrm", "CapEff", "CapBnd",
            "CapAmb", "NoNewPrivs", "Seccomp", "Seccomp_filters")
EXIT_PRIVILEGE = 77
OTHER_GROUP = 4242  # one of root's, to be given up


def strength(pid):
    """What the kernel says of the process's rights."""
    status = proc_status(pid)
    # Not dumpable: then its files there are root's, proc(5).
    owner = os.stat(f"/proc/{pid}/environ").st_uid
    return {"environ": owner, **{key: status.get(key) for key in STRENGTH}}


def places(trace):
    """Which calls of a process to spoil, from strace's output: for each kind of
    call (a prctl of one operation is one) the first and the last.  Counted for
    each process on its own, as strace does."""
    seen = {}
    for line in trace.splitlines():
        match = re.match(r"(\d+ +)?\w+\((\w*)(?:, (PR_CAP_AMBIENT\w+|RLIMIT_\w+))?",
                         line)
        if match:
            seen.setdefault(match[1], []).append((match[2], match[3]))
    numbers = set()
    for kinds in seen.values():
        for kind in set(kinds):
            numbers.add(kinds.index(kind) + 1)
            numbers.add(len(kinds) - kinds[::-1].index(kind))
    return sorted(numbers)


class Started:
    """forkgreetd under strace: it refuses, or it serves."""

    def __init__(self, config, inject, as_user, more=("-f",), wrapper=(),
                 arguments=("-f",)):
        self.output = tempfile.TemporaryFile("w+")
        self.trace = tempfile.NamedTemporaryFile("r")
        os.chmod(self.trace.name, 0o666)

        def before():
            if as_user:
                become_user()
            elif not wrapper:
                os.setgroups([0, OTHER_GROUP])
            die_with_parent()
        self.process = subprocess.Popen(
            [*wrapper, "strace", "-qq", *more, "-o", self.trace.name, "-e",
             inject, DAEMON, *arguments, "-c", config],
            stdin=subprocess.DEVNULL,
            stdout=self.output, stderr=self.output, preexec_fn=before)
        try:
            wait_for(self._decided, PATIENCE, f"the end of {inject}")
        except AssertionError:
            self.end()
            raise
        self.serves = self.process.poll() is None

    def _decided(self):
        return (self.process.poll() is not None
                or "\nforkgreetd: start version=" in "\n" + self.said())

    def said(self):
        """Its standard error so far."""
        self.output.seek(0)
        return self.output.read()

    def pid_in(self, line):
        """What its first line that starts so says."""
        rest = self.said().partition(f"forkgreetd: {line} ")[2]
        return int(parse_line(rest.partition("\n")[0])["pid"])

    def pids(self):
        """Of the master and its spawner."""
        return self.pid_in("start"), self.pid_in("spawner start")

    def end(self):
        """Whatever state it is in: afterwards it is gone.  Its children die
        with it."""
        for pid in children(self.process.pid):
            try:
                os.kill(pid, 9)
            except ProcessLookupError:
                pass
        self.process.wait(PATIENCE)
        self.trace.close()
        self.output.close()


sanitized = "fsanitize" in Build(os.environ.get("BUILDDIR", ".")).variable(
    "SAN_CFLAGS")


@unittest.skipIf(sanitized, "a sanitizer's own start does not bear these faults")
@unittest.skipUnless(strace_works(), "needs root and strace")
class Start(Case):
    """From the exec to the first client."""

    as_user = False
    wrapper = ()
    needless = ()  # calls by which this user has nothing to give up

    def setUp(self):
        self.config = self.write("required")

    def write(self, sandbox):
        """A configuration file; its path."""
        path = os.path.join(self.folder(), sandbox + ".conf")
        with open(path, "w", encoding="ascii") as file:
            file.write(self.configuration(
                self.listener("hold = true;"), f'sandbox = "{sandbox}";'))
        os.chmod(path, 0o644)
        return path

    def begin(self, inject, config=None, **keywords):
        """Started."""
        return Started(config or self.config, inject, self.as_user,
                       wrapper=self.wrapper, **keywords)

    def rights(self, started):
        """Of master, spawner and a client child."""
        master, spawner = started.pids()
        with connect(self.port, HOST, PATIENCE) as sock:
            self.assertEqual(sock.recv(100), b"hi client\n")
            (child,) = (
                pid for pid in children(master) if pid != spawner and
                proc_status(pid).get("State", "Z")[0] != "Z")
            return [strength(pid) for pid in (master, spawner, child)] + [
                limits(pid) for pid in (spawner, child)]

    def refused(self, started, what):
        """The start failed as it must."""
        said = started.said()
        self.assertEqual(started.process.returncode, EXIT_PRIVILEGE,
                         f"{what}: {said}")
        for line in said.splitlines():
            self.assertTrue(line.startswith("forkgreetd: "), said)

    def calls(self, **keywords):
        """Those that this user's start makes, and where to spoil them."""
        found = {}
        for call in CALLS:
            started = self.begin(f"trace={call}", **keywords)
            try:
                with open(started.trace.name, encoding="ascii") as file:
                    found[call] = places(file.read())
            finally:
                started.end()
        self.assertTrue(any(found.values()))
        return {call: numbers for call, numbers in found.items() if numbers}

    def faults(self, **keywords):
        """Each of these calls once, in each way."""
        return [f"{call}:{effect}:when={number}"
                for call, numbers in self.calls(**keywords).items()
                for number in numbers for effect in EFFECTS]

    def test_all_at_once(self):
        """Not one of these calls works, in no process: said by name."""
        for call in self.calls().keys() - self.needless:
            for effect in EFFECTS:
                what = f"{call}:{effect}"
                with self.subTest(what):
                    started = self.begin(f"inject={what}")
                    try:
                        self.assertFalse(started.serves, started.said())
                        self.refused(started, what)
                        self.assertRegex(started.said(), self.step(call))
                    finally:
                        started.end()

    @staticmethod
    def step(call):
        """How the message names what failed."""
        return {"capset": "capset|capabilities", "prlimit64": "RLIMIT_",
                "prctl": "prctl|PR_|capabilit", "seccomp": "seccomp"}.get(
                    call, call)

    def test_master(self):
        """Each one alone, in the master: no start, or nothing is weaker."""
        started = self.begin("trace=none")
        try:
            whole = self.rights(started)
        finally:
            started.end()
        refusals = 0
        for what in self.faults(more=()):
            with self.subTest(what):
                started = self.begin(f"inject={what}", more=())
                try:
                    if started.serves:
                        self.assertNotRegex(what, "^set.*:retval=0")
                        self.assertEqual(self.rights(started), whole)
                    else:
                        refusals += 1
                        self.refused(started, what)
                        self.assertRegex(started.said(),
                                         "privileges: |sandbox: master: "
                                         "|: seccomp_")
                finally:
                    started.end()
        self.assertGreater(refusals, 5)

    def test_parser(self):
        """The same in the reader, which is all that -T has."""
        dump = {"more": ("-f",), "arguments": ("-T",)}
        refusals = 0
        for what in self.faults(**dump):
            with self.subTest(what):
                started = self.begin(f"inject={what}", **dump)
                try:
                    self.assertFalse(started.serves)
                    if started.process.returncode == 0:
                        self.harmless(what, started)
                        continue
                    refusals += 1
                    self.refused(started, what)
                    self.assertIn("confining the reader: ", started.said())
                finally:
                    started.end()
        self.assertGreater(refusals, 5)

    # Questions; the attempt to get root back; what others have done before.
    HARMLESS = (r"PR_CAPBSET_READ|PR_CAP_AMBIENT_IS_SET|SECCOMP_GET_|"
                r"seccomp\(\w+, \w+, NULL|prlimit64\(0, \w+, NULL|PR_GET_|"
                r"setresuid\(-1, 0, -1\)|PR_SET_NO_NEW_PRIVS")
    # As an ordinary user has nothing to give up, and root's change of user
    # makes the process undumpable.
    HARMLESS_HERE = "PR_SET_DUMPABLE|PR_CAP_AMBIENT_CLEAR_ALL|capset"

    def harmless(self, what, started):
        """What was spoilt can be."""
        begun = {}  # by pid: strace breaks lines when processes take turns
        with open(started.trace.name, encoding="ascii") as file:
            for line in file:
                pid = line.split()[0]
                if " <unfinished" in line:
                    begun[pid] = line.split(" <unfinished")[0]
                    continue
                if "resumed>" in line:
                    line = begun.pop(pid, "") + line.split("resumed>")[1]
                if "(INJECTED)" in line:
                    self.assertRegex(
                        line, self.HARMLESS + "|" + self.HARMLESS_HERE, what)

    def test_behind_another_filter(self):
        """A filter is on already (strace's own)."""
        for call in "seccomp", "landlock_restrict_self":
            started = self.begin(f"inject={call}:retval=0", more=(
                "-f", "--seccomp-bpf", "-e", f"trace={call}"))
            try:
                self.assertFalse(started.serves)
                self.refused(started, call)
                self.assertRegex(started.said(), self.step(call))
            finally:
                started.end()

    def test_off(self):
        """The only way around."""
        started = self.begin("inject=landlock_restrict_self:error=ENOSYS",
                             config=self.write("off"))
        try:
            self.assertTrue(started.serves, started.said())
            self.assertIn(" sandbox=off ", started.said())
        finally:
            started.end()


@if_also_user
class StartAsUser(Start):
    """The same, started by an ordinary user."""

    as_user = True
    needless = {"capset"}
    HARMLESS_HERE = "PR_CAP_AMBIENT_CLEAR_ALL|capset"


@needs_program("setpriv")
@needs_root
class StartWithAmbient(Start):
    """As a unit with User= and too many ambient capabilities starts it."""

    wrapper = ("setpriv", "--reuid", str(USER), "--regid", str(USER),
               "--clear-groups", "--inh-caps", "+net_bind_service,+kill",
               "--ambient-caps", "+net_bind_service,+kill")
    test_behind_another_filter = test_off = test_parser = None


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

    def rights(self, daemon):
        """Of the spawner and a child."""
        with connect(self.port, HOST, PATIENCE) as sock:
            self.assertEqual(sock.recv(100), b"hi client\n")
            (spawner,) = wait_for(lambda: len(daemon.spawners()) == 1
                                  and daemon.spawners(), PATIENCE)
            (child,) = wait_for(lambda: len(daemon.clients()) == 1
                                and daemon.clients(), PATIENCE)
            found = [of(pid) for of in (strength, limits)
                     for pid in (spawner, child)]
        wait_for(lambda: not daemon.clients(), PATIENCE)
        return found

    def respawn(self, daemon):
        """Kills the spawner.  True: there is another; False: it has been
        said why not."""
        before = len(daemon.log())
        os.kill(daemon.spawners()[0], 9)

        def decided():
            fresh = daemon.log()[before:]
            if any(line.startswith("spawner start ") for line in fresh):
                return "started"
            if any(line.startswith("spawner failed ") for line in fresh):
                return "failed"
            return None
        return wait_for(decided, PATIENCE) == "started"

    def places_of_respawn(self, daemon, call):
        """Where to spoil the call while a spawner starts."""
        with tempfile.NamedTemporaryFile("r") as trace:
            with Strace(daemon.pid, f"trace={call}", follow=True,
                        output=trace.name):
                self.assertTrue(self.respawn(daemon))
            return places(trace.read())

    def test_respawn(self):
        """Each one alone, in the spawner and its children: it does not count,
        or nothing is weaker."""
        daemon = self.start()
        whole = self.rights(daemon)
        refusals = 0
        calls = ("capset", "prctl", "prlimit64", "setitimer", "seccomp",
                 "landlock_restrict_self")
        faults = [f"{call}:{effect}:when={number}" for call in calls
                  for number in self.places_of_respawn(daemon, call)
                  for effect in EFFECTS]
        daemon.end()
        for what in faults:
            with self.subTest(what):
                daemon = self.start()
                with Strace(daemon.pid, f"inject={what}", follow=True):
                    started = self.respawn(daemon)
                refusals += not started
                self.assertEqual(self.rights(daemon), whole)
                daemon.end()
        self.assertGreater(refusals, 20)

    def start(self):
        """A daemon that holds its clients."""
        return self.daemon(self.listener("hold = true;"))

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
