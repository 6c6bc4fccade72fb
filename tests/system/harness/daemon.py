"""The daemon under test: -f with its log in a file, or in the background."""

import os
import re
import signal
import subprocess

from .kernel import (children, command_line, exists, limit, pgid,
                     proc_status, serves_tcp)
from .process import (DAEMON, IS_ROOT, PATIENCE, SPAWNER_NAME, USER,
                      adopt_orphans, become_user, command, die_with_parent,
                      wait_count, wait_for)


TIME = r"\d{4}(?:-\d\d){2}T(?:\d\d:){2}\d\d\.\d{3}Z"


def untimed(text):
    """The lines without the time that some begin with (log.timestamps)."""
    return re.sub(rf"(?m)^{TIME} (?=forkgreetd: )", "", text)


def parse_line(text):
    """'client id=1 src=...' -> {'_': 'client', 'id': '1', ...}."""
    words = text.split()
    fields = {"_": words[0]} if words else {"_": ""}
    for match in re.finditer(r'(\w+)=("[^"]*"|\S*)', text):
        fields[match.group(1)] = match.group(2)
    return fields


class Daemon:
    """forkgreetd -f with its standard error in a file; as_user: as an ordinary
    user, or as the user with that number."""

    def __init__(self, folder, config, as_user=False, arguments=("-f",),
                 env=None, preexec=None, wrapper=(), pass_fds=(),
                 program=DAEMON):
        self.folder = folder
        self.config = os.path.join(folder, "forkgreet.conf")
        self.log_path = os.path.join(folder, "log")
        self.as_user = as_user
        self.preexec = preexec
        self.write_config(config)
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(
                [*command(wrapper, program), *arguments, "-c", self.config],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                env={**os.environ, **(env or {})}, pass_fds=pass_fds,
                preexec_fn=self._preexec)
        self.pid = self.process.pid

    def _preexec(self):
        if self.preexec is not None:
            self.preexec()
        if self.as_user and IS_ROOT:
            become_user(USER if self.as_user is True else self.as_user)
        die_with_parent()

    def write_config(self, text):
        """Replaces the configuration file as an editor would."""
        fresh = self.config + ".new"
        with open(fresh, "w", encoding="latin-1") as file:
            file.write(text)
        os.chmod(fresh, 0o644)
        os.rename(fresh, self.config)

    def log(self):
        """The lines so far, without their time and 'forkgreetd: '."""
        with open(self.log_path, encoding="utf-8", errors="replace") as file:
            return [untimed(line.rstrip("\n")).removeprefix("forkgreetd: ")
                    for line in file]

    def lines(self, word):
        """Parsed lines that begin with the word."""
        return [parse_line(line) for line in self.log()
                if line.split(" ", 1)[0] == word]

    def wait_line(self, word, count=1, seconds=PATIENCE, **fields):
        """Waits for count lines that begin with word and have the fields;
        returns them."""
        def found():
            some = [line for line in self.lines(word)
                    if all(line.get(key) == value
                           for key, value in fields.items())]
            return some if len(some) >= count else None
        try:
            return wait_for(found, seconds, f"{count} x {word} {fields}")
        except AssertionError as error:
            raise AssertionError(
                f"{error}; the log says:\n" + "\n".join(self.log()[-30:])
            ) from None

    def ready(self, seconds=PATIENCE):
        """Waits until it serves; returns self."""
        def started():
            return self.lines("start") or self.process.poll() is not None
        wait_for(started, seconds, "start")
        if not self.lines("start"):
            raise AssertionError("the daemon did not start, exit status "
                                 f"{self.process.poll()}:\n"
                                 + "\n".join(self.log()))
        return self

    def spawners(self):
        """Pids of its spawners that have got clients: their own process
        group's leaders, but neither on trial nor on standby."""
        served = self._served()
        return [pid for pid in self.all_spawners()
                if not served or pid in served]

    def all_spawners(self):
        """The same, with those on trial and on standby."""
        return [pid for pid in children(self.pid)
                if os.path.exists(f"/proc/{pid}") and
                pgid(pid) == pid]

    def clients(self):
        """Pids of its client children: in the process group of a spawner that
        has got clients, and with its name, which a process that is not one
        yet has not."""
        served = self._served()
        return [pid for pid in children(self.pid)
                if proc_status(pid).get("Name") == SPAWNER_NAME
                and (group := pgid(pid)) not in (pid, None)
                and (group in served if served else serves_tcp(pid))]

    def client(self, seconds=PATIENCE):
        """Waits until there is one client child, once those before it have
        been reaped; returns its pid."""
        return wait_count(1, self.clients, seconds, "one client child")[0]

    def _served(self):
        """Pids of spawners that have got clients, as the log says; empty when
        it is elsewhere."""
        return {int(pid) for pid in re.findall(
            r"spawner start pid=(\d+)", "\n".join(self.log()))}

    def settle(self, seconds=PATIENCE):
        """Waits until nothing is on trial: a spawner serves and another one
        is on standby; returns self."""
        wait_for(lambda: self.counters()[None]["spawner_standby"] == 1 and
                 len(self.spawners()) == 1, seconds, "a spawner on standby")
        return self

    def successor(self, old, seconds=PATIENCE):
        """Waits until that spawner is gone and another one has got clients;
        returns its pid."""
        def others():
            pids = self.spawners()
            return [] if old in pids else pids
        return wait_count(1, others, seconds, "the spawner's successor")[0]

    def limit_processes(self, soft):
        """No spawner of this daemon can have children, nor can the daemon
        start another one; or they can again."""
        if not soft:
            self.settle()
        limit(self.pid, "nproc", soft)
        for pid in self.all_spawners():
            try:
                limit(pid, "nproc", soft)
            except (KeyError, subprocess.CalledProcessError):
                if exists(pid):
                    raise  # else it was on trial, or has been replaced

    def counters(self):
        """Asks with SIGUSR1: {listener: {name: number}}; None: the daemon."""
        before = len(self.lines("counters"))
        self.signal(signal.SIGUSR1)
        wait_for(lambda: any("log_dropped" in line for line in
                             self.lines("counters")[before:]),
                 what="counters")
        table = {}
        for line in self.lines("counters")[before:]:
            name = line.pop("listener", None)
            line.pop("_")
            table[name] = {key: int(value) for key, value in line.items()}
        return table

    def reload(self, config=None, result="ok", seconds=PATIENCE):
        """Rewrites the configuration, sends HUP, waits for its result."""
        before = len(self.lines("reload"))
        if config is not None:
            self.write_config(config)
        self.signal(signal.SIGHUP)
        wait_for(lambda: len(self.lines("reload")) > before, seconds,
                 "reload")
        line = self.lines("reload")[before]
        if line["result"] != result:
            raise AssertionError(f"reload result={line['result']}:\n"
                                 + "\n".join(self.log()[-20:]))
        return line

    def signal(self, number):
        """kill(2)."""
        os.kill(self.pid, number)

    def wait(self, seconds=PATIENCE):
        """Its exit status."""
        return self.process.wait(seconds)

    def stop(self, seconds=PATIENCE):
        """TERM, and its exit status."""
        if self.process.poll() is None:
            self.signal(signal.SIGTERM)
        return self.wait(seconds)

    def end(self):
        """Whatever state it is in: afterwards it is gone, also when what we
        started has only started it."""
        under = self._under(self.process.pid)
        if self.process.poll() is None:
            for number in (signal.SIGCONT, signal.SIGKILL):
                self.process.send_signal(number)
            self.process.wait()
        for pid in under:
            if self.config.encode() in command_line(pid):
                os.kill(pid, signal.SIGKILL)
                wait_for(lambda pid=pid: not exists(pid), what="its end")

    def _under(self, parent):
        """The daemons that a wrapper of it has started."""
        found = []
        for pid in children(parent):
            found += self._under(pid)
            if self.config.encode() in command_line(pid):
                found.append(pid)
        return found


class _Adopted:
    """What Daemon needs of subprocess.Popen, for a process that became our
    child when its parent ended."""

    def __init__(self, pid):
        self.pid = pid
        self.returncode = None

    def poll(self):
        """Its exit status, or None while it runs."""
        if self.returncode is None:
            try:
                pid, status = os.waitpid(self.pid, os.WNOHANG)
            except ChildProcessError:  # another Background.end() found it
                pid, status = self.pid, signal.SIGKILL
            if pid == self.pid:
                self.returncode = os.waitstatus_to_exitcode(status)
        return self.returncode

    def wait(self, seconds=PATIENCE):
        """Its exit status."""
        wait_for(lambda: self.poll() is not None, seconds, "the daemon's end")
        return self.returncode

    def send_signal(self, number):
        """kill(2)."""
        if self.poll() is None:
            os.kill(self.pid, number)


class Background(Daemon):
    """forkgreetd without -f.  Its PID file is pid_path, unless config says
    otherwise.  .command is the starting command, .process the daemon, once
    ready() has returned."""

    def __init__(self, folder, config, as_user=False, arguments=(),
                 **keywords):
        adopt_orphans()
        self.pid_path = os.path.join(folder, "pid")
        if "pid_file" not in config:
            config = f'pid_file = "{self.pid_path}";\n{config}'
        super().__init__(folder, config, as_user, arguments, **keywords)
        self.command = self.process

    def written_pid(self):
        """What the PID file says; None: nothing, or no file."""
        try:
            with open(self.pid_path, encoding="ascii") as file:
                return int(file.read() or 0) or None
        except FileNotFoundError:
            return None

    def ready(self, seconds=PATIENCE):
        """Waits for the starting command; returns self."""
        if self.command.wait(seconds) != 0:
            raise AssertionError("the daemon did not start:\n"
                                 + "\n".join(self.log()))
        (self.pid,) = instances(self.config)
        self.process = _Adopted(self.pid)
        return self

    def end(self):
        """Whatever state it is in: afterwards it is gone."""
        super().end()
        if self.command.poll() is None:
            self.command.kill()
            self.command.wait()
        for pid in instances(self.config):
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)


def instances(config):
    """Pids of our children, living ones, that run with that configuration
    file."""
    return [pid for pid in children(os.getpid())
            if config.encode() in command_line(pid)]
