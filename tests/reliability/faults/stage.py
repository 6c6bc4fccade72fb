"""A daemon with every kind of listener, and what must hold of it after a fault."""

import os
import re
import time

from harness import (CTL, ControlCase, connect, cpu_seconds, exists,
                     free_port, group_members, read_all, run, wait_for)
from proxying import v1

from baseline import Baseline, at_rest

OLD, NEW = b"one text\n", b"another text\n"
SPIN = 0.2  # of a processor
WINDOW = 0.3  # seconds in which that is looked at
LINES = 50  # of log, besides the clients'
LISTENERS = ("main", "held", "web", "agent", "proxied", "followed")
UNASKED = ("client ", "counters ")


class Stage(ControlCase):
    """The daemon of many cells.  patience is how many seconds a greeting may
    take."""

    patience = 2.0
    timeouts = "linger = 1; proxy = 1; session = 5;"
    may_lack = False  # descriptors: after an upgrade

    def __init__(self, names=LISTENERS):
        super().__init__()
        self.setUp()
        self.place = self.folder()
        self.ports = {name: free_port() for name in names}
        self.write("text", OLD)
        self.write("health", b"up\n")
        self.running = None

    def write(self, name, text):
        """A file that the daemon follows, by rename."""
        path = os.path.join(self.place, name)
        with open(path + ".new", "wb") as file:
            file.write(text)
        os.rename(path + ".new", path)

    def configuration(self, listeners=None, top=""):
        """All of it."""
        follow = f'refresh = 0.1; greeting_file = "{self.place}/text";'
        more = {"main": "", "held": "hold = true;",
                "web": 'format = "http";', "agent": 'format = "agent"; '
                f'health_file = "{self.place}/health"; refresh = 0.1;',
                "proxied":
                'proxy_protocol = { trusted = ( "127.0.0.1" ); };',
                "followed": follow}
        return super().configuration(
            ", ".join(self.listener(more[name], name, port)
                      for name, port in self.ports.items()),
            f'pid_file = "{self.place}/pid";\n'
            f"timeouts = {{ shutdown = 1; {self.timeouts} }};"
            "\nlimits = { rate_per_source = 0; };\n"
            if top == "" else top).replace(
                'state_file = "";', f'state_file = "{self.control}.state";')

    def begin(self):
        """A fresh daemon, at rest."""
        self.end()
        self.running = self.daemon()
        self.settle()

    def settle(self):
        """Nothing is on trial: one spawner serves, one is on standby."""
        daemon = self.running
        for port in self.ports.values():
            self.greets_at(port, 30)
        wait_for(lambda: daemon.counters()[None]["spawner_standby"] == 1 and
                 len(daemon.all_spawners()) == 2, 30, "a spawner on standby")

    def rest(self):
        """Nothing of what was before is under way."""
        wait_for(lambda: at_rest(self.running)[1:] == (2, 0, 0), 30, "rest")

    def end(self):
        """No daemon any more."""
        if self.running is not None:
            self.running.end()
            self.running = None

    def roles(self):
        """{pid: role} of what runs."""
        daemon = self.running
        return {daemon.pid: "master",
                **{pid: "spawner" for pid in daemon.all_spawners()}}

    def ctl(self, *words, wrapper=(), seconds=20):
        """forkgreetctl's CompletedProcess."""
        return run("-s", self.control, "-w", str(seconds), *words, program=CTL,
                   wrapper=wrapper, seconds=seconds + 20)

    # ----------------------------------------------------------- clients
    def ask(self, port):
        """What a client says there."""
        if port == self.ports.get("web"):
            return b"GET / HTTP/1.0\r\n\r\n"
        return v1() if port == self.ports.get("proxied") else b""

    def expects(self, port):
        """What one must get there."""
        if port == self.ports.get("followed"):
            return (OLD, NEW)
        if port == self.ports.get("agent"):
            return (b"up ready 100%\n",)
        return (b"hi client\n",)

    def greet_at(self, port, seconds):
        """What one client gets there."""
        with connect(port, seconds=seconds) as sock:
            if self.ask(port):
                sock.sendall(self.ask(port))
            if port == self.ports.get("held"):
                return sock.recv(100)
            return read_all(sock)

    def greets_at(self, port, seconds):
        """"" when somebody is greeted there in that time, or why not.  What
        follows a file says for a moment what it last could read."""
        end = time.monotonic() + seconds
        problem = self.is_greeted(port, end)
        while problem and time.monotonic() < end and (
                port in (self.ports.get("agent"),
                         self.ports.get("followed"))):
            time.sleep(0.05)
            problem = self.is_greeted(port, end)
        return problem

    def is_greeted(self, port, end):
        """One client, until then."""
        seconds = max(end - time.monotonic(), 0.1)
        try:
            got = self.greet_at(port, seconds)
        except OSError as error:
            return repr(error)
        if time.monotonic() > end:
            return "too late"
        if got in self.expects(port) or (
                port == self.ports.get("web") and got.endswith(b"hi client\n")):
            return ""
        return repr(got)

    def clients(self, seconds=0.3):
        """One at each listener, whatever becomes of them."""
        for port in self.ports.values():
            try:
                self.greet_at(port, seconds)
            except OSError:
                pass

    # ----------------------------------------------------------- judgement
    def judge(self, baseline):
        """What is wrong with the daemon after a fault, as texts."""
        daemon, wrong = self.running, []
        if daemon.process.poll() is not None:
            return [f"the daemon has ended: {daemon.process.poll()}; "
                    f"{daemon.log()[-3:]}"]
        wrong += self.judge_service(baseline)
        different = baseline.wait()
        if different and not (self.may_lack and self.lacks(baseline)):
            wrong.append(different)
        if baseline.unbalanced():
            wrong.append(f"unbalanced: {baseline.unbalanced()}")
        return wrong + self.spinning()

    def ungreeted(self):
        """Where nobody is greeted, and why."""
        for name, port in self.ports.items():
            problem = self.greets_at(port, self.patience)
            if problem:
                yield f"no greeting at {name}: {problem}"

    def lacks(self, baseline):
        """Has it less open than before, and does it say why?"""
        now = at_rest(self.running)
        return (now[1:] == baseline.before[1:]
                and now.descriptors < baseline.before.descriptors
                and any(re.search("cannot|not kept", line) for line in
                        self.running.log()[baseline.log_before:]))

    def judge_service(self, baseline):
        """Everybody is greeted, and the log is short."""
        wrong = list(self.ungreeted())
        said = [line for line in self.running.log()[baseline.log_before:]
                if not line.startswith(UNASKED)]
        if len(said) > LINES:
            wrong.append(f"{len(said)} lines of log: {said[:3]}")
        return wrong

    def spinning(self):
        """Who of the daemon's processes uses a processor at rest."""
        def used():
            return {pid: cpu_seconds(pid)
                    for pid in (self.running.pid, *self.running.all_spawners())
                    if exists(pid)}
        before = used()
        time.sleep(WINDOW)
        return [f"{pid} spins: {now - before[pid]:.2f} s of {WINDOW} s"
                for pid, now in used().items()
                if now - before.get(pid, now) > SPIN * WINDOW]

    def baseline(self):
        """Of the daemon, now."""
        baseline = Baseline(self.running)
        baseline.log_before = len(self.running.log())
        return baseline


def left_in_group(groups):
    """Those of these process groups that still live."""
    return [pid for group in groups for pid in group_members(group)]


def has_reason(text, reason):
    """Does it say that error's name?"""
    return re.search(reason, text) is not None


