"""After 20,000 clients, well and badly ended, the daemon is what it was."""

import os
import signal
import socket
import time

from harness import (Case, HOST, children, close_with_reset, descriptors,
                     free_port, is_held, proc_status, read_to_end, wait_for)

GREETING = b"hi client\n"
CLIENTS = 20000
WARM_UP = 1000
# Processes that connect, and connections that each has at a time: a core is
# left for the daemon most of the time.
WORKERS = 2
AT_A_TIME = 8
# Memory that may come and go.
MEMORY_KB = 512


def worker(port, count, how):
    """Connects count times, AT_A_TIME at a time; how(sock) is the client.
    Returns how many failed."""
    failed = 0
    while count > 0:
        socks = []
        for _ in range(min(AT_A_TIME, count)):
            sock = socket.socket()
            sock.settimeout(20)
            sock.connect((HOST, port))
            socks.append(sock)
        for sock in socks:
            try:
                failed += not how(sock)
            except OSError:
                failed += 1
            sock.close()
        count -= len(socks)
    return failed


def load(port, count, how):
    """The same, in several processes."""
    pids = []
    for i in range(WORKERS):
        pid = os.fork()
        if pid == 0:
            failed = 1
            try:
                failed = worker(port, count // WORKERS, how)
            finally:
                os._exit(min(failed, 255))
        pids.append(pid)
    return [os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in pids]


def well(sock):
    """Reads all."""
    return read_to_end(sock) == (GREETING, False)


def badly(sock):
    """Ends before, while and after it is greeted, in turn."""
    badly.turn = (badly.turn + 1) % 4
    if badly.turn == 0:
        close_with_reset(sock)
    elif badly.turn == 1:
        sock.recv(1)
        close_with_reset(sock)
    elif badly.turn == 2:
        sock.shutdown(socket.SHUT_RDWR)
    return True


badly.turn = 0


class Leaks(Case):
    """What must not grow."""

    def setUp(self):
        super().setUp()
        self.held_port = free_port()
        self.refusing_port = free_port()

    def start(self):
        """A daemon that greets, holds, refuses."""
        return self.daemon(
            ", ".join((self.listener(),
                       self.listener("hold = true;", "held", self.held_port),
                       self.listener("hold = true; limits = { max_clients = "
                                     '1; when_full = "refuse"; };',
                                     "refusing", self.refusing_port))),
            "limits = { max_clients = 200; };",
            as_user=self.as_user).settle()

    def state(self, daemon):
        """What must be as before: how many children there are (zombies too),
        and what master and spawner have open."""
        pids = children(daemon.pid)
        state = [len(pids), daemon.all_spawners() == pids]
        try:
            for pid in daemon.pid, *pids:
                state.append(sorted(target.split(":")[0] for target in
                                    descriptors(pid).values()))
        except FileNotFoundError:
            return None  # a spawner has ended just now
        except PermissionError:
            pass  # who drops privileges hides them from an ordinary user
        return state

    @staticmethod
    def memory(daemon):
        """Resident memory of the master, kB."""
        return int(proc_status(daemon.pid)["VmRSS"].split()[0])

    def rest(self, daemon):
        """Waits until no client is left."""
        wait_for(lambda: daemon.counters()[None]["live"] == 0, 20, "rest")

    def assert_state(self, daemon, state):
        """Soon (a crash brings a new spawner) all is as before."""
        self.rest(daemon)
        try:
            wait_for(lambda: self.state(daemon) == state, what="state")
        except AssertionError:
            self.assertEqual(self.state(daemon), state)

    def assert_as_before(self, daemon, state, memory):
        """Nothing has grown."""
        self.assert_state(daemon, state)
        self.assertLessEqual(self.memory(daemon), memory + MEMORY_KB)
        self.assert_balanced(daemon)

    def client_lines(self, daemon):
        """How many lines of clients the log has."""
        with open(daemon.log_path, "rb") as file:
            return file.read().count(b"forkgreetd: client id=")

    def test_well(self):
        """20,000 clients that are greeted: each has one line."""
        daemon = self.start()
        load(self.port, WARM_UP, well)
        self.rest(daemon)
        state, memory = self.state(daemon), self.memory(daemon)
        self.assertEqual(load(self.port, CLIENTS, well), [0] * WORKERS)
        self.assert_as_before(daemon, state, memory)
        counters = daemon.counters()
        row = counters["main"]
        self.assertEqual((row["accepted"], row["ended_greeted"]),
                         (WARM_UP + CLIENTS, WARM_UP + CLIENTS), row)
        self.assertEqual(counters[None]["sent_bytes"],
                         row["accepted"] * len(GREETING))
        self.assertEqual(self.client_lines(daemon), WARM_UP + CLIENTS)
        self.assertEqual(counters[None]["log_dropped"], 0)
        self.assertEqual(counters[None]["spawner_starts"], 1)

    def test_badly(self):
        """4,000 that end in other ways; none is forgotten."""
        daemon = self.start()
        load(self.port, WARM_UP, badly)
        self.rest(daemon)
        state, memory = self.state(daemon), self.memory(daemon)
        load(self.port, 4000, badly)
        self.assert_as_before(daemon, state, memory)
        row = daemon.counters()["main"]
        self.assertEqual(row["accepted"], WARM_UP + 4000)
        for outcome in "greeted", "probed":
            self.assertGreater(row[f"ended_{outcome}"], 0, row)
        self.assertEqual(self.client_lines(daemon), WARM_UP + 4000)

    def test_held_and_refused(self):
        """Clients that are old when they end, by themselves or by hand, and
        such as are refused."""
        daemon = self.start()
        state, memory = self.state(daemon), None
        for number in None, signal.SIGKILL, signal.SIGTERM, signal.SIGSEGV:
            socks = [self.connect(self.held_port) for _ in range(100)]
            for sock in socks:
                self.assertEqual(sock.recv(100), GREETING)
            keeper = self.connect(self.refusing_port)
            self.assertEqual(keeper.recv(100), GREETING)
            time.sleep(0.25)  # they grow old, and are watched by pidfd
            self.assertTrue(all(map(is_held, socks)))
            load(self.refusing_port, 1000, read_to_end)
            if number is not None:
                for pid in daemon.clients():
                    os.kill(pid, number)
            for sock in [keeper, *socks]:
                sock.close()
            self.assert_state(daemon, state)
            memory = memory or self.memory(daemon)
        self.assert_as_before(daemon, state, memory)
        counters = daemon.counters()
        self.assertEqual((counters["held"]["accepted"],
                          counters["refusing"]["accepted"],
                          counters["refusing"]["refused_busy"]),
                         (400, 4004, 4000))
        self.assertEqual(self.client_lines(daemon), 404)


class LeaksAsUser(Leaks):
    """The main ones, started by an ordinary user."""

    as_user = True
    test_well = test_badly = None


if __name__ == "__main__":
    from harness import main
    main()
