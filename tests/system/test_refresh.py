"""Greeting files that are followed: clients get what they hold now."""

import os
import signal
import threading
import time

from harness import (Case, PATIENCE, connect, descriptors, free_port, greet,
                     wait_for)


class RefreshCase(Case):
    """A daemon whose greeting is a file, looked at ten times a second."""

    refresh = "0.1"

    def setUp(self):
        super().setUp()
        self.place = self.folder()
        self.path = os.path.join(self.place, "text")
        self.put(b"first\n")

    def put(self, text, path=None):
        """By rename, as it should be."""
        path = path or self.path
        with open(path + ".new", "wb") as file:
            file.write(text)
        os.rename(path + ".new", path)

    def write(self, text, mode="wb"):
        """In place."""
        with open(self.path, mode) as file:
            file.write(text)

    def start(self, more="", top=""):
        """With that file; more is for the listener."""
        return self.daemon(self.follows(self.path, more), top)

    def follows(self, path, more="", name="main", port=None):
        """A listener with that file."""
        return self.listener(
            f'greeting_file = "{path}"; refresh = {self.refresh}; {more}',
            name, port)

    @staticmethod
    def has_standby(daemon):
        """Waits until nothing is on trial.  (The log does not name spawners
        that are there for a new text.)"""
        wait_for(lambda: daemon.counters()[None]["spawner_standby"] == 1 and
                 len(daemon.all_spawners()) == 2, PATIENCE)

    def becomes(self, text, port=None):
        """Clients get that soon."""
        wait_for(lambda: greet(port or self.port) == text, PATIENCE,
                 f"the text {text[:40]}")


class Changes(RefreshCase):
    """Ways of writing."""

    def test_rename(self):
        daemon = self.start()
        for text in (b"second\n", b"", b"x" * (1 << 20), b"\0\xff%{\n"[:2]):
            self.put(text)
            self.becomes(text)
        self.assertEqual(daemon.lines("refresh"), [])
        self.assertEqual(len(daemon.lines("spawner")), 1)  # the first
        self.assert_balanced(daemon)

    def test_variables(self):
        """A text that had none may have some now, and the other way."""
        self.start()
        self.put(b"%{server_port}\n")
        self.becomes(b"%d\n" % self.port)
        self.put(b"port %{server_port}\n")
        self.becomes(b"port %d\n" % self.port)
        self.put(b"none\n")
        self.becomes(b"none\n")

    def test_line_ending(self):
        self.start('line_ending = "crlf";')
        self.put(b"a\nb\n")
        self.becomes(b"a\r\nb\r\n")

    def test_http(self):
        """With the right length in its head."""
        self.start('format = "http";')
        request = b"GET / HTTP/1.0\r\n\r\n"

        def answer():
            return greet(self.port, say=request)
        self.put(b"a longer text than before\n")
        wait_for(lambda: answer().endswith(b"\r\n\r\na longer text than "
                                           b"before\n"), PATIENCE)
        self.assertIn(b"\r\nContent-Length: 26\r\n", answer())

    def test_in_place(self):
        """The old text stays until the new one is written."""
        self.start()
        for _ in range(10):
            self.write(b"half ", "ab")
            until = time.monotonic() + .05
            while time.monotonic() < until:
                self.assertEqual(greet(self.port), b"first\n")
        self.becomes(b"first\n" + 10 * b"half ")

    def test_truncated(self):
        """Empty for a moment."""
        self.start()
        self.write(b"")
        self.write(b"second\n")
        wait_for(lambda: greet(self.port) != b"first\n", PATIENCE)
        self.assertEqual(greet(self.port), b"second\n")

    def test_same_text(self):
        """Written again: no new generation."""
        daemon = self.start()
        for _ in range(5):
            self.put(b"first\n")
            time.sleep(.15)
        self.put(b"second\n")
        self.becomes(b"second\n")
        daemon.reload()
        self.assertEqual(daemon.lines("reload")[0]["generation"], "3")

    def test_link(self):
        """A link that is changed, as Kubernetes does it."""
        for name in "one", "two":
            self.put(name.encode(), os.path.join(self.place, name))
        os.remove(self.path)
        os.symlink("one", self.path)
        self.start()
        self.assertEqual(greet(self.port), b"one")
        os.symlink("two", self.path + ".new")
        os.rename(self.path + ".new", self.path)
        self.becomes(b"two")

    def test_two_listeners(self):
        """Each of its own file; the other's text stays."""
        other = os.path.join(self.place, "other")
        self.put(b"other\n", other)
        port = free_port()
        self.daemon(self.follows(self.path) + ", " +
                    self.follows(other, "", "other", port))
        self.put(b"changed\n", other)
        self.becomes(b"changed\n", port)
        self.assertEqual(greet(self.port), b"first\n")
        self.put(b"second\n")
        self.becomes(b"second\n")
        self.assertEqual(greet(port), b"changed\n")

    def test_off(self):
        """refresh = 0: at a reload only."""
        self.refresh = "0"
        daemon = self.start()
        self.put(b"second\n")
        time.sleep(.5)
        self.assertEqual(greet(self.port), b"first\n")
        daemon.reload()
        self.assertEqual(greet(self.port), b"second\n")


class Failures(RefreshCase):
    """What cannot be taken: the old text stays, and the log says why, once."""

    def fails(self, daemon, error):
        """One line."""
        line, = daemon.wait_line("refresh", result="failed", seconds=PATIENCE)
        self.assertIn(error, line["error"])
        self.assertEqual(greet(self.port), b"first\n")
        self.put(b"second\n")
        self.becomes(b"second\n")
        daemon.wait_line("refresh", result="ok")
        self.assertEqual(len(daemon.lines("refresh")), 2)

    def test_removed(self):
        daemon = self.start()
        os.remove(self.path)
        self.fails(daemon, "No such file")

    def test_unreadable(self):
        """What a reload would refuse."""
        daemon = self.start()
        os.chmod(self.path, 0o666)
        self.fails(daemon, "others can write it")

    def test_too_large(self):
        daemon = self.start()
        self.put(b"x" * ((1 << 20) + 1))
        self.fails(daemon, "is larger than")

    def test_variable(self):
        daemon = self.start()
        self.put(b"%{nonsense}")
        self.fails(daemon, "unknown variable")

    def test_no_process(self):
        """Nobody is harmed where no spawner can be started."""
        daemon = self.start().settle()
        daemon.limit_processes(0)
        self.put(b"second\n")
        line, = daemon.wait_line("refresh", result="failed", seconds=PATIENCE)
        self.assertIn("Resource temporarily unavailable", line["error"])
        daemon.limit_processes(10000)
        self.becomes(b"second\n")
        daemon.wait_line("refresh", result="ok")
        self.assert_balanced(daemon)

    def test_reload(self):
        """A reload that is refused changes nothing, a good one reads anew."""
        daemon = self.start()
        self.put(b"second\n")
        self.becomes(b"second\n")
        good = self.configuration(self.follows(self.path))
        daemon.reload("nonsense;", result="failed")
        self.assertEqual(greet(self.port), b"second\n")
        self.put(b"third\n")
        self.becomes(b"third\n")
        self.put(b"fourth\n")
        daemon.reload(good)
        self.assertEqual(greet(self.port), b"fourth\n")
        self.put(b"fifth\n")
        self.becomes(b"fifth\n")

    def test_spawner_killed(self):
        """Whoever takes its place says the new text."""
        daemon = self.start().settle()
        self.put(b"second\n")
        self.becomes(b"second\n")
        self.has_standby(daemon)
        for pid in daemon.all_spawners():
            os.kill(pid, signal.SIGKILL)
        self.assertEqual(greet(self.port, seconds=PATIENCE), b"second\n")

    def test_stop(self):
        """In the middle of one."""
        daemon = self.start()
        self.put(b"x" * (1 << 20))
        time.sleep(.1)
        self.assertEqual(daemon.stop(), 0)


class Often(RefreshCase):
    """Without an end."""

    def test_under_load(self):
        """Whole texts only, in their order, none that is old."""
        self.refresh = "1"
        daemon = self.start()
        ending, times, errors = threading.Event(), [time.monotonic()], []
        texts = [f"text {n} {'x' * n}\n".encode() for n in range(200)]
        self.put(texts[0])
        daemon.reload()

        def ask():
            while not ending.is_set():
                begun = time.monotonic()
                said = greet(self.port, seconds=PATIENCE)
                number = int(said.split()[1]) if said in texts else -1
                if number == -1 or len(times) > number + 1 and (
                        begun - times[number + 1] > PATIENCE):
                    errors.append((number, said))
        threads = [threading.Thread(target=ask) for _ in range(4)]
        for thread in threads:
            thread.start()
        for text in texts[1:40]:
            time.sleep(.1)
            times.append(time.monotonic())
            self.put(text)
        self.becomes(texts[39])
        ending.set()
        for thread in threads:
            thread.join()
        self.assertEqual(errors, [])
        self.assertEqual(daemon.lines("refresh"), [])
        ended = {line["outcome"] for line in daemon.lines("client")}
        self.assertEqual(ended, {"greeted"})
        self.assert_balanced(daemon)

    def test_no_leak(self):
        """Of descriptors, memory, processes; with clients that hold on."""
        daemon = self.start("hold = true;").settle()
        held = []
        before = len(descriptors(daemon.pid))
        for number in range(4):
            held.append(self.connect(self.port))
            self.put(b"%d\n" % number)
            wait_for(lambda text=b"%d\n" % number: self.first(text), PATIENCE)
        for sock in held:
            sock.close()
        self.has_standby(daemon)
        wait_for(lambda: len(descriptors(daemon.pid)) == before, PATIENCE)
        self.assertEqual(len(daemon.all_spawners()), 2)

    def first(self, text):
        """Does a client get that?"""
        with connect(self.port) as sock:
            return sock.recv(100) == text


class Pick(RefreshCase):
    """A file in the form of fortune(6)."""

    TEXTS = b"one\n", b"two %{server_port}\nlines\n", b"three\n"

    def setUp(self):
        super().setUp()
        self.put(b"%\n%\n" + b"%\n".join(self.TEXTS) + b"%\n")

    def expected(self):
        """What may be got."""
        return {text.replace(b"%{server_port}", b"%d" % self.port)
                for text in self.TEXTS}

    def test_random(self):
        daemon = self.start('pick = "random";')
        got = set()
        wait_for(lambda: got.add(greet(self.port)) or
                 got == self.expected(), PATIENCE)
        self.put(b"%\r\nother\r\n%\r\n")
        self.becomes(b"other\r\n")
        self.assert_balanced(daemon)

    def test_daily(self):
        """One for all, until midnight in UTC."""
        self.start('pick = "daily";')
        def today():
            return sorted(self.expected(), key=[
                text.replace(b"%{server_port}", b"%d" % self.port)
                for text in self.TEXTS].index)[
                    int(time.time()) // 86400 % len(self.TEXTS)]
        before = today()
        got = {greet(self.port) for _ in range(20)}
        self.assertTrue(got == {before} or today() != before, got)

    def test_no_variables(self):
        """They are text."""
        self.start('pick = "random"; variables = false;')
        wait_for(lambda: greet(self.port) == self.TEXTS[1], PATIENCE)

    def test_http(self):
        self.start('pick = "random"; format = "http";')
        for _ in range(20):
            head, _, body = greet(
                self.port, say=b"GET / HTTP/1.1\r\n\r\n").partition(
                    b"\r\n\r\n")
            self.assertIn(body, self.expected())
            self.assertIn(b"\r\nContent-Length: %d" % len(body), head)

    def test_whole(self):
        """The default."""
        self.put(b"a\n%\nb\n")
        self.start()
        self.assertEqual(greet(self.port), b"a\n%\nb\n")

    def refused(self, text, more, error):
        """A start with that is."""
        self.put(text)
        daemon = self.daemon(self.follows(self.path, more), ready=False)
        self.assertEqual(daemon.wait(), 78)
        self.assertIn(error, "\n".join(daemon.log()))

    def test_bad(self):
        """With the place of the error in the file."""
        self.refused(b"%\n%\n", 'pick = "random";', "has no text")
        self.refused(b"a\n%\nb %{c}\n", 'pick = "daily";',
                     "(line 3, byte 3 of the text)")
        self.refused(b"a\n%\n" + 4097 * b"b", 'pick = "daily"; '
                     "variables = false;", "longer than 4096 bytes (line 3")

    def test_without_a_file(self):
        daemon = self.daemon(self.listener('pick = "daily";'), ready=False)
        self.assertEqual(daemon.wait(), 78)
        self.assertIn("pick: needs greeting_file", "\n".join(daemon.log()))


if __name__ == "__main__":
    from harness import main
    main()
