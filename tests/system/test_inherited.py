"""What survives execve(2): whatever state the daemon is started in, it runs in
the same one.  src/master/system/inherited.c has the table."""

import ctypes
import os
import resource
import signal
import subprocess

from harness import (PATIENCE, StartCase, children, connect, descriptors,
                     greet, if_also_user, limits, needs_program, needs_root,
                     proc_status, wait_for)
from programs import not_sanitized

libc = ctypes.CDLL(None, use_errno=True)
PR_SET_SECUREBITS, PR_SET_CHILD_SUBREAPER, PR_SET_TIMERSLACK = 28, 36, 29
NO_SETUID_FIXUP, LOCKED = 1 << 2, 1 << 3
MIB = 1 << 20
BIND_SERVICE = 1 << 10  # capabilities(7), linux/capability.h


def prctl(*arguments):
    """For preexec_fn."""
    if libc.prctl(*arguments, 0, 0, 0) == -1:
        os._exit(99)


def is_zombie(pid):
    """It has ended, and has not been reaped."""
    return proc_status(pid).get("State", "X")[0] == "Z"


class Inherited(StartCase):
    """One test for each row of the table."""

    def start_in_silence(self, listeners=None, **more):
        """A daemon whose log may not say that it serves."""
        def answers():
            try:
                return greet(self.port) != b""
            except ConnectionRefusedError:
                return False
        daemon = self.start(listeners, ready=False, **more)
        wait_for(answers, PATIENCE, "a greeting")
        return daemon

    def every(self, daemon):
        """The master and its spawner."""
        return daemon.pid, *daemon.spawners()

    # ------------------------------------------------------------------ tidied

    def test_b4_file_size(self):
        """A log that is larger than a file may be drops lines, and no more."""
        def limited():
            os.ftruncate(2, MIB + 1)
            resource.setrlimit(resource.RLIMIT_FSIZE, (MIB, MIB))
        daemon = self.start_in_silence(preexec=limited)
        for _ in range(3):
            self.greets(self.port)
        daemon.signal(signal.SIGHUP)
        self.greets(self.port)
        self.assertEqual(daemon.stop(), 0)
        self.assertEqual(os.path.getsize(daemon.log_path), MIB + 1)

    def test_b4_soft_limits(self):
        """Of the shell's: raised to what the administrator allows."""
        daemon = self.start(preexec=lambda: (
            resource.setrlimit(resource.RLIMIT_FSIZE, (1, MIB)),
            resource.setrlimit(resource.RLIMIT_CPU, (1, 10000))))
        found = limits(daemon.pid)
        self.assertEqual(found["Max file size"], (str(MIB), str(MIB)))
        self.assertEqual(found["Max cpu time"], ("10000", "10000"))
        self.assertIn("the limit of CPU time is 10000 s, after which the "
                      "daemon is killed (ulimit -t, LimitCPU=)", daemon.log())

    def test_b4_cpu_limit_below_timeouts_cpu(self):
        """A child cannot raise the hard limit to timeouts.cpu: its client is
        served with what there is, and the start and a reload say so."""
        daemon = self.start(
            self.listener("timeouts = { cpu = 3600; };"),
            preexec=lambda: resource.setrlimit(
                resource.RLIMIT_CPU, (1000, 1000)))
        self.greets(self.port)
        daemon.wait_line("client", seconds=PATIENCE, outcome="greeted")
        warning = ("listeners[0].timeouts.cpu: 3600 is more than the limit of "
                   "CPU time allows, 1000 (ulimit -t, LimitCPU=)")
        self.assertEqual(
            [line.endswith(warning) for line in daemon.log()
             if "timeouts.cpu" in line], [True])
        self.assertEqual(daemon.stop(), 0)

    def test_b4_hard_file_size(self):
        """Too small to begin with: the limit is named, and it is no fault of
        the configuration."""
        self.refused(71, "File too large", preexec=lambda: resource.setrlimit(
            resource.RLIMIT_FSIZE, (MIB // 16, MIB // 16)))

    def test_b4_timers(self):
        """They would go off long before the client's session has ended."""
        def timed():
            for timer in (signal.ITIMER_REAL, signal.ITIMER_VIRTUAL,
                          signal.ITIMER_PROF):
                signal.setitimer(timer, 0.5, 0.5)
        daemon = self.start(
            self.listener("hold = true; timeouts = { session = 1; };"),
            preexec=timed)
        with connect(self.port, seconds=PATIENCE) as sock:
            self.assertEqual(sock.recv(100), b"hi client\n")
            daemon.wait_line("client", seconds=PATIENCE,
                             outcome="session_timeout")
        self.assertEqual(daemon.stop(), 0)

    def test_b4_pending_signals(self):
        """Of a past life."""
        def pending():
            signal.pthread_sigmask(signal.SIG_BLOCK, range(1, 65))
            for number in (signal.SIGALRM, signal.SIGHUP, signal.SIGUSR1,
                           signal.SIGUSR2, signal.SIGXCPU, signal.SIGRTMIN):
                os.kill(os.getpid(), number)
        daemon = self.start(preexec=pending)
        self.greets(self.port)
        self.assertEqual(daemon.stop(), 0)

    def test_b4_pending_end(self):
        """One that asks for the end is obeyed."""
        def pending():
            signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
            os.kill(os.getpid(), signal.SIGTERM)
        daemon = self.start(ready=False, preexec=pending)
        self.assertEqual(daemon.wait(PATIENCE), -signal.SIGTERM)

    def test_b4_dispositions(self):
        """The master ignores two, and nobody else any."""
        def odd():
            for number in range(1, 32):
                if number not in (signal.SIGKILL, signal.SIGSTOP):
                    signal.signal(number, signal.SIG_IGN)
        daemon = self.start(preexec=odd)
        self.assertEqual(
            int(proc_status(daemon.pid)["SigIgn"], 16),
            1 << signal.SIGPIPE - 1 | 1 << signal.SIGXFSZ - 1 |
            1 << signal.SIGTTOU - 1)
        (spawner,) = daemon.spawners()
        wait_for(lambda: int(proc_status(spawner)["SigIgn"], 16) == 0,
                 PATIENCE)

    @needs_root
    def test_b4_umask_and_directory(self):
        daemon = self.start(preexec=lambda: (os.umask(0o777), os.chdir("/usr")))
        self.assertEqual(proc_status(daemon.pid)["Umask"], "0022")
        self.assertEqual(os.readlink(f"/proc/{daemon.pid}/cwd"), "/")

    @needs_root
    def test_b4_descriptors(self):
        ours, theirs = os.pipe()
        high = os.dup2(theirs, 500)
        daemon = self.start(pass_fds=(theirs, high))
        os.close(ours)
        os.close(theirs)
        os.close(high)
        self.assertFalse([target for pid in self.every(daemon)
                          for target in descriptors(pid).values()
                          if target.startswith("pipe:")])

    @needs_root
    def test_b4_no_dev_null(self):
        """As in a bare chroot: said, also where there are descriptors."""
        self.refused(71, "forkgreetd: /dev/null: No such file or directory\n",
                     wrapper=("unshare", "-m", "sh", "-c",
                              'mount -t tmpfs none /dev && exec "$@"', "sh"))

    @needs_root
    def test_b4_environment(self):
        """What steers the loader and malloc(3) ends with the master."""
        odd = {"LD_BIND_NOW": "1", "GLIBC_TUNABLES": "glibc.malloc.check=3",
               "MALLOC_ARENA_MAX": "1", "LD_PRELOAD": ""}
        daemon = self.start(env=odd)
        (spawner,) = daemon.spawners()
        with open(f"/proc/{spawner}/environ", "rb") as file:
            self.assertEqual(file.read(), b"")

    @needs_program("setpriv")
    @needs_root
    def test_b4_ambient_capabilities(self):
        daemon = self.start(wrapper=(
            "setpriv", "--inh-caps", "+kill,+chown",
            "--ambient-caps", "+kill,+chown"))
        for pid in self.every(daemon):
            status = proc_status(pid)
            for name in "CapAmb", "CapEff":
                self.assertEqual(int(status[name], 16), 0, name)
            # The master passes this one on, to who it upgrades to.
            self.assertEqual(int(status["CapInh"], 16),
                             int(status["CapPrm"], 16) & BIND_SERVICE
                             if pid == daemon.pid else 0)

    @needs_root
    def test_b4_securebits(self):
        """Without the fix-up root would stay root while it tries what the
        daemon's user may read."""
        secret = self.file("secret", 0o600)
        config = self.configuration(
            f'{{ port = {self.port}; greeting_file = "{secret}"; }}')
        self.refused(78, "Permission denied", config=config,
                     preexec=lambda: prctl(PR_SET_SECUREBITS, NO_SETUID_FIXUP))
        self.refused(
            77, "securebits: no-setuid-fixup: Operation not permitted",
            preexec=lambda: prctl(PR_SET_SECUREBITS, NO_SETUID_FIXUP | LOCKED))

    @needs_program("strace")
    def test_b4_session_keyring(self):
        """Whose keys they are cannot be seen from outside: files that are
        mapped keep the keyring of whoever opened them alive."""
        trace = os.path.join(self.folder(), "trace")
        daemon = self.start(ready=False, wrapper=(
            "strace", "-qq", "-o", trace, "-e", "trace=keyctl"))
        wait_for(lambda: daemon.lines("start") or
                 daemon.process.poll() is not None, PATIENCE)
        if daemon.process.poll() is not None:
            self.skipTest(f"strace: {daemon.log()}")
        with open(trace, encoding="ascii") as file:
            self.assertRegex(file.read(), r"^keyctl\(KEYCTL_JOIN_SESSION_"
                             r"KEYRING, NULL(, \S+)*\) = (\d|-1 E)")

    @not_sanitized("AddressSanitizer sets ADDR_NO_RANDOMIZE itself")
    @needs_program("setarch")
    @needs_root
    def test_b4_personality(self):
        """Memory is laid out at random, and data cannot be executed."""
        seen = {}
        for option in "-R", "-X", "-RX":
            for _ in range(2):
                daemon = self.start(wrapper=("setarch", os.uname().machine,
                                             option))
                for pid in self.every(daemon):
                    with open(f"/proc/{pid}/personality",
                              encoding="ascii") as file:
                        self.assertEqual(int(file.read(), 16), 0)
                    self.assertEqual(
                        proc_status(pid)["Name"],
                        "forkgreetd" if pid == daemon.pid else
                        "forkgreet-spawn")
                    with open(f"/proc/{pid}/maps", encoding="ascii") as file:
                        maps = file.read()
                    self.assertNotRegex(maps, r"(?m)^\S+ .wx.")
                    seen.setdefault(pid == daemon.pid, []).append(
                        maps.partition("-")[0])
                self.assertEqual(daemon.stop(), 0)
        with open("/proc/sys/kernel/randomize_va_space",
                  encoding="ascii") as file:
            if file.read() == "0\n":
                return
        for addresses in seen.values():
            self.assertGreater(len(set(addresses)), 1, seen)

    @needs_root
    def test_b4_dumpable(self):
        """Its files in /proc are root's, proc(5)."""
        daemon = self.start()
        for pid in self.every(daemon):
            self.assertEqual(os.stat(f"/proc/{pid}/environ").st_uid, 0)

    def test_b4_no_new_privileges(self):
        daemon = self.start(preexec=lambda: prctl(38, 1))
        for pid in self.every(daemon):
            self.assertEqual(proc_status(pid)["NoNewPrivs"], "1")

    # -------------------------------------------------------------------- kept

    def test_b4_nice_is_kept(self):
        nice = min(os.nice(0) + 7, 19)  # these tests may be nice themselves
        daemon = self.start(preexec=lambda: os.nice(7))
        for pid in self.every(daemon):
            self.assertEqual(os.getpriority(os.PRIO_PROCESS, pid), nice)

    def test_b4_scheduling_is_kept(self):
        def scheduled():
            os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))
            os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
        daemon = self.start(preexec=scheduled)
        for pid in self.every(daemon):
            self.assertEqual(os.sched_getscheduler(pid), os.SCHED_BATCH)
            self.assertEqual(len(os.sched_getaffinity(pid)), 1)

    @needs_program("ionice")
    def test_b4_io_priority_is_kept(self):
        daemon = self.start(wrapper=("ionice", "-c", "2", "-n", "6"))
        for pid in self.every(daemon):
            said = subprocess.run(["ionice", "-p", str(pid)], check=True,
                                  capture_output=True, encoding="ascii")
            self.assertEqual(said.stdout, "best-effort: prio 6\n")

    @needs_root
    def test_b4_timer_slack_is_kept(self):
        daemon = self.start(preexec=lambda: prctl(PR_SET_TIMERSLACK, 70000))
        with open(f"/proc/{daemon.pid}/timerslack_ns",
                  encoding="ascii") as file:
            self.assertEqual(file.read(), "70000\n")

    def test_b4_oom_score_is_kept(self):
        """One that makes the daemon the first to go; children too."""
        def first():
            with open("/proc/self/oom_score_adj", "w",
                      encoding="ascii") as file:
                file.write("700")
        daemon = self.start(self.listener("hold = true;"), preexec=first)
        with connect(self.port, seconds=PATIENCE) as sock:
            self.assertEqual(sock.recv(100), b"hi client\n")
            for pid in children(daemon.settle().pid):
                with open(f"/proc/{pid}/oom_score_adj",
                          encoding="ascii") as file:
                    self.assertEqual(file.read(), "700\n")

    # ---------------------------------------------------------------- children

    def orphans(self, daemon, orphan):
        """That child of the daemon's is reaped, others keep working."""
        wait_for(lambda: orphan not in children(daemon.pid), PATIENCE,
                 "the end of the orphan")
        self.greets(self.port)
        daemon.wait_line("client", seconds=PATIENCE, outcome="greeted")
        daemon.reload()
        self.greets(self.port)
        wait_for(lambda: not [pid for pid in children(daemon.pid)
                              if is_zombie(pid)], PATIENCE, "no zombie")

    def test_d6_children_of_a_past_life(self):
        """Of whoever exec'd the daemon."""
        daemon = self.start(wrapper=(
            "sh", "-c", 'sleep 1000 & echo $! >&2; exec "$@"', "sh"))
        (pid,) = (int(line) for line in daemon.log() if line.isdigit())
        self.assertIn(pid, children(daemon.pid))
        os.kill(pid, signal.SIGKILL)
        self.orphans(daemon, pid)
        self.assertEqual(daemon.stop(), 0)

    def test_d6_subreaper(self):
        """As process 1 of a container has all orphans, a subreaper has those of
        its own: here one that ends long after its parent."""
        daemon = self.start(
            preexec=lambda: prctl(PR_SET_CHILD_SUBREAPER, 1),
            wrapper=("sh", "-c", "(sleep 1000 & echo $! >&2; sleep 1001 & "
                     'echo $! >&2); exec "$@"', "sh"))
        pids = [int(line) for line in daemon.log() if line.isdigit()]
        self.assertEqual(len(pids), 2, daemon.log())
        for pid in pids:
            self.assertIn(pid, children(daemon.pid))
            os.kill(pid, signal.SIGKILL)
            self.orphans(daemon, pid)
        self.assertEqual(daemon.stop(), 0)

    @needs_program("unshare")
    @needs_root
    def test_d6_process_1(self):
        """Of a namespace, as in a container; many orphans, and clients."""
        daemon = self.start(wrapper=(
            "unshare", "-p", "-f", "--mount-proc", "--kill-child", "sh", "-c",
            'exec "$@"', "sh"))
        (master,) = children(daemon.pid)
        self.assertEqual(proc_status(master)["NSpid"].split()[-1], "1")
        for _ in range(3):
            subprocess.run(["nsenter", "-p", "-t", str(master), "sh", "-c",
                            "for i in 1 2 3 4 5; do (sleep 0.1 &); done"],
                           check=True)
            self.greets(self.port)
        wait_for(lambda: not [pid for pid in children(master)
                              if proc_status(pid).get("Name") == "sleep"],
                 PATIENCE, "the end of the orphans")
        self.greets(self.port)


@if_also_user
class InheritedAsUser(Inherited):
    """The same, started by an ordinary user."""

    as_user = True
    # What only root can arrange.
    test_b4_ambient_capabilities = test_b4_no_dev_null = None
    test_b4_securebits = test_d6_process_1 = None


if __name__ == "__main__":
    from harness import main
    main()
