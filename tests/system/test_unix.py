"""UNIX sockets: their files, who comes, what becomes of what they are sent."""

import array
import errno
import fcntl
import grp
import json
import os
import pwd
import re
import signal
import socket
import stat
import struct
import subprocess
import termios
import time
import unittest

from harness import (CLIENT, CTL, IS_ROOT, PATIENCE, StartCase, Strace, USER,
                     descriptors, if_also_user, is_held,
                     needs_root, read_all, read_to_end, run, strace_works,
                     untimed, wait_for)

GREETING = b"hi client\n"
LARGE = 1 << 20


def address(path):
    """What the socket module wants: "@name" is abstract."""
    return "\0" + path[1:] if path.startswith("@") else path


def dial(path):
    """A connected socket."""
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    sock.settimeout(PATIENCE)
    sock.connect(address(path))
    return sock


def hear(path, say=b""):
    """What a client gets that says something first."""
    with dial(path) as sock:
        if say:
            sock.sendall(say)
        return read_all(sock)


def bound(path, kind=socket.SOCK_STREAM):
    """A socket that is bound there, and does not listen."""
    sock = socket.socket(socket.AF_UNIX, kind)
    sock.bind(address(path))
    if path.startswith("/"):
        os.chmod(path, 0o777)
    return sock


def mode_of(path):
    """Permissions, owner and group of a socket's file."""
    st = os.lstat(path)
    assert stat.S_ISSOCK(st.st_mode)
    return oct(st.st_mode & 0o7777), st.st_uid, st.st_gid


class UnixCase(StartCase):
    """A daemon with a socket in a folder that it may write."""

    def setUp(self):
        super().setUp()
        self.place = self.folder()
        self.path = os.path.join(self.place, "main")

    def listener(self, more="", name="main", port=None, path=None):
        """A listener's group on a UNIX socket."""
        if port is not None:
            return super().listener(more, name, port)
        return (f'{{ name = "{name}"; '
                f'address = "unix:{path or self.path}"; {more} }}')

    def connect(self, path=None, **_keywords):
        """dial() that is closed with the test."""
        sock = dial(path or self.path)
        self.addCleanup(sock.close)
        return sock

    def controlled(self, listeners=None, top="", **more):
        """A daemon with a control socket, self.control."""
        self.control = os.path.join(self.place, "control")
        text = self.configuration(listeners, top).replace(
            'control_socket = "";', "")
        return self.daemon(config=f'control_socket = "{self.control}";{text}',
                           as_user=self.as_user, **more)

    def ctl(self, *arguments):
        """What forkgreetctl says."""
        result = run("-s", self.control, *arguments, program=CTL)
        self.assertEqual((result.returncode, result.stderr), (0, ""))
        return result.stdout


class ServeTest(UnixCase):
    """Clients."""

    def test_greets(self):
        daemon = self.start()
        self.assertEqual(hear(self.path), GREETING)
        line = daemon.wait_line("client")[0]
        self.assertEqual(
            [line.get(key) for key in ("listener", "uid", "pid", "outcome",
                                       "bytes", "src", "sport", "dst",
                                       "dport")],
            ["main", str(os.getuid()), str(os.getpid()), "greeted", "10"] +
            4 * [None])
        self.assertEqual(daemon.stop(), 0)
        self.assertFalse(os.path.exists(self.path))

    def test_abstract(self):
        name = f"@forkgreet-test-{os.getpid()}"
        daemon = self.start(self.listener(path=name))
        self.assertEqual(hear(name), GREETING)
        line = daemon.lines("listen")[0]
        self.assertEqual((line["address"], line.get("port")),
                         ("unix:" + name, None))
        self.assertEqual(daemon.stop(), 0)
        with bound(name):
            pass

    def test_longest(self):
        """107 bytes, which the kernel has room for, and no byte more."""
        paths = [self.place + "/" + "p" * (106 - len(self.place)),
                 "@" + str(os.getpid()) + "n" * (107 - len(str(os.getpid())))]
        listeners = ", ".join(self.listener(name=f"l{i}", path=path)
                              for i, path in enumerate(paths))
        self.start(listeners)
        for path in paths:
            self.assertEqual(hear(path), GREETING)
        for path in paths:
            self.refused(78, "is too long, expected a path or name of at most "
                         "107 bytes", config=self.configuration(
                             self.listener(path=path + "x")))

    def test_beside_ip(self):
        port = super().port
        group = (f'{{ name = "both"; address = ( "127.0.0.1", '
                 f'"unix:{self.path}" ); port = {port}; }}')
        daemon = self.start(group)
        self.greets(port)
        self.assertEqual(hear(self.path), GREETING)
        self.assertEqual(
            sorted("src" in line for line in daemon.wait_line("client", 2)),
            [False, True])

    def test_variables(self):
        """What there is: the user; no port, no address of ours."""
        self.start(self.listener(
            'greeting = "%{client_ip} %{client_port} %{server_ip} '
            '%{server_port} %{listener}";'))
        self.assertEqual(hear(self.path),
                         b"uid:%d - - - main" % os.getuid())

    def test_rules(self):
        """Networks are not for users, "any" is."""
        rules = ('rules = ( { from = ( "0.0.0.0/0", "::/0" ); '
                 'action = "deny"; }, { from = "any"; action = "allow"; '
                 'greeting = "all"; } );')
        daemon = self.start(self.listener(rules))
        self.assertEqual(hear(self.path), b"all")
        daemon.reload(self.configuration(self.listener(
            'rules = ( { from = ( "0.0.0.0/0", "::/0" ); action = "allow"; }, '
            '{ from = "any"; action = "deny"; } );')))
        self.assertEqual(hear(self.path), b"access denied\n")
        line = daemon.wait_line("refused")[0]
        self.assertEqual((line["reason"], line["uid"], line["pid"]),
                         ("denied", str(os.getuid()), str(os.getpid())))

    def test_http(self):
        daemon = self.start(self.listener('format = "http";'))
        answer = hear(self.path, b"GET / HTTP/1.1\r\n\r\n")
        self.assertTrue(answer.startswith(b"HTTP/1.1 200 OK\r\n"), answer)
        self.assertTrue(answer.endswith(b"\r\n\r\n" + GREETING), answer)
        head = hear(self.path, b"HEAD / HTTP/1.1\r\n\r\n")
        self.assertTrue(head.endswith(b"Content-Length: 10\r\n\r\n"), head)
        self.assertTrue(
            hear(self.path, b"x\r\n").startswith(b"HTTP/1.1 400 "))
        daemon.wait_line("client", 3)
        self.assertEqual(sorted(line["outcome"]
                                for line in daemon.lines("client")),
                         ["bad_request", "greeted", "greeted"])
        self.assert_balanced(daemon)

    def test_agent(self):
        self.start(self.listener('format = "agent";'))
        self.assertEqual(hear(self.path), b"up ready 100%\n")

    def test_metrics(self):
        """A queue that nobody knows the length of is not said to be empty."""
        self.controlled(self.listener() + ", " +
                        self.listener(name="ip", port=super().port))
        metrics = self.ctl("metrics")
        self.assertIn('forkgreet_listen_queue{listener="ip"} 0', metrics)
        self.assertNotIn('forkgreet_listen_queue{listener="main"}', metrics)
        self.assertIn('forkgreet_accepted_total{listener="main"} 0', metrics)

    def test_shown(self):
        """clients, their JSON, --source, top, status, counts of -E."""
        daemon = self.controlled(self.listener("hold = true;"))
        sock = self.connect()
        self.assertEqual(sock.recv(100), GREETING)
        wait_for(daemon.clients, what="a child")
        uid, pid = os.getuid(), os.getpid()
        wait_for(lambda: "phase=served" in self.ctl("clients"), what="served")
        self.assertRegex(
            self.ctl("clients"),
            rf"\Aid=1 listener=main uid={uid} peer_pid={pid} phase=served "
            rf"age_ms=\d+ pid=\d+\n\Z")
        row, = json.loads(self.ctl("-j", "clients"))["clients"]
        self.assertEqual((row["uid"], row["peer_pid"], row.get("src"),
                          row.get("sport"), row.get("bytes")),
                         (uid, pid, None, None, None))
        self.assertEqual(row["pid"], daemon.clients()[0])
        self.assertIn("id=1 ", self.ctl("clients", "--source", f"uid:{uid}"))
        for other in f"uid:{uid + 1}", "0.0.0.0/0", "::/0":
            self.assertEqual(self.ctl("clients", "--source", other), "")
        for wrong in "uid:", "uid:-0", "uid:01", "uid:4294967295", "uid:x":
            result = run("-s", self.control, "clients", "--source", wrong,
                         program=CTL)
            self.assertEqual(result.returncode, 64, wrong)
        self.assertIn("  address   unix:" + self.path, self.ctl("status"))
        status = json.loads(self.ctl("-j", "status"))
        self.assertEqual(
            status["listeners"][0]["addresses"],
            [{"address": "unix:" + self.path, "listening": True}])
        said = run("-c", daemon.config, "-E",
                   f"src=uid:{uid},listener=main").stdout
        self.assertIn(f"client    uid:{uid}\n", said)
        self.assertIn("max_clients of the listener 512, has 1\n", said)
        said = run("-c", daemon.config, "-E",
                   "src=192.0.2.7,listener=main").stdout
        self.assertIn("which cannot come: the listener has no IPv4 address",
                      said)

    def test_limits_of_a_user(self):
        """A user is a source, whichever process of it comes."""
        limits = "limits = { max_clients_per_source = 2; };"
        daemon = self.start(self.listener("hold = true;" + limits))
        first = self.connect()
        code = ("import socket, sys; s = socket.socket(socket.AF_UNIX); "
                "s.connect(sys.argv[1]); print(s.recv(99).decode(), end='', "
                "flush=True); sys.stdin.read()")
        with subprocess.Popen(["python3", "-c", code, self.path],
                              stdin=subprocess.PIPE, stdout=subprocess.PIPE
                              ) as other:
            self.assertEqual(other.stdout.readline(), GREETING)
            self.assertEqual(first.recv(100), GREETING)
            self.assertEqual(
                hear(self.path),
                b"too many connections from uid:%d\n" % os.getuid())
            line = daemon.wait_line("refused")[0]
            self.assertEqual((line["reason"], line["uid"]),
                             ("busy_per_source", str(os.getuid())))
            other.stdin.close()
        daemon.wait_line("client")
        self.assertEqual(self.connect().recv(100), GREETING)

    def test_rate_of_a_user(self):
        """Kept over a reload that changes other prefixes."""
        def limited(more=""):
            return self.configuration(self.listener(
                "limits = { rate_per_source = 0.001; burst_per_source = 1; "
                f"{more} }};"))
        daemon = self.daemon(config=limited(), as_user=self.as_user)
        self.assertEqual(hear(self.path), GREETING)
        self.assertIn(b"too many connections from uid:", hear(self.path))
        daemon.reload(limited("ipv4_prefix = 8; ipv6_prefix = 8;"))
        self.assertIn(b"too many connections from uid:", hear(self.path))

    @needs_root
    def test_users_apart(self):
        daemon = self.start(self.listener(
            "hold = true; socket_mode = \"0666\"; "
            "limits = { max_clients_per_source = 1; };"))
        self.assertEqual(self.connect().recv(100), GREETING)
        others = [run(f"unix:{self.path}", "-w", "1", program=CLIENT,
                      as_user=as_user).stdout for as_user in (True, False)]
        self.assertEqual(others, ["hi client\n",
                                  "too many connections from uid:0\n"])
        self.assertEqual(
            daemon.wait_line("client", uid=str(USER))[0]["outcome"],
            "greeted")

    def test_upgrade_keeps_it(self):
        """Clients, levels and the file."""
        daemon = self.start(self.listener(
            "hold = true; limits = { max_clients_per_source = 1; };"))
        sock = self.connect()
        self.assertEqual(sock.recv(100), GREETING)
        before = os.stat(self.path)
        daemon.signal(signal.SIGUSR2)
        line = daemon.wait_line("upgrade", result="ok")
        self.assertEqual(line[0].get("clients"), "1")
        self.assertIn(b"too many connections from uid:", hear(self.path))
        sock.shutdown(socket.SHUT_WR)
        self.assertEqual(sock.recv(1), b"")
        line = daemon.wait_line("client")[0]
        self.assertEqual((line["outcome"], line["uid"], line["bytes"]),
                         ("greeted", str(os.getuid()), "10"))
        self.assertTrue(os.path.samestat(before, os.stat(self.path)))
        self.assertEqual(daemon.stop(), 0)
        self.assertFalse(os.path.exists(self.path))


    def test_upgrade_adds_one(self):
        """The trial of the new program makes it too, and it is not in the way
        of that program then."""
        daemon = self.start()
        second = os.path.join(self.place, "second")
        daemon.write_config(self.configuration(
            self.listener() + ", " + self.listener(name="b", path=second)))
        daemon.signal(signal.SIGUSR2)
        daemon.wait_line("upgrade", result="ok")
        self.assertEqual(hear(second), GREETING)
        self.assertEqual(hear(self.path), GREETING)
        self.assertEqual(daemon.stop(), 0)
        self.assertEqual(os.listdir(self.place), [])

    def test_upgrade_that_fails(self):
        """What is there goes on, file and all."""
        daemon = self.start()
        second = os.path.join(self.place, "second")
        with bound(second):
            daemon.write_config(self.configuration(
                self.listener() + ", " + self.listener(name="b", path=second)))
            daemon.signal(signal.SIGUSR2)
            daemon.wait_line("upgrade", result="failed")
            self.assertEqual(hear(self.path), GREETING)
            self.assertEqual(daemon.stop(), 0)
            self.assertEqual(os.listdir(self.place), ["second"])


class OutcomeTest(UnixCase):
    """What became of it, as the log says."""

    def end(self, more="", close=None):
        """A client's outcome and bytes, and what it had read before."""
        daemon = self.start(self.listener(more))
        sock = self.connect()
        close(sock, daemon)
        line = daemon.wait_line("client")[0]
        self.assert_balanced(daemon)
        return line["outcome"], line.get("bytes")

    def delivered(self, daemon):
        """Until its child has handed everything over, and has ended."""
        wait_for(lambda: daemon.counters()["main"]["lingering"] == 1,
                 what="a client that lingers")

    def seen(self, daemon):
        """Until it has had a turn for what we have done."""
        for _ in range(2):
            daemon.counters()

    def test_reads_and_closes(self):
        def close(sock, _daemon):
            self.assertEqual(read_all(sock), GREETING)
            sock.close()
        self.assertEqual(self.end(close=close), ("greeted", "10"))

    def test_closes_unread(self):
        """As a port check does."""
        def close(sock, daemon):
            self.delivered(daemon)
            sock.close()
        self.assertEqual(self.end(close=close), ("probed", "0"))

    def test_closes_at_once(self):
        def close(sock, _daemon):
            sock.close()
        self.assertEqual(self.end(close=close), ("probed", "0"))

    def test_reads_a_part(self):
        """The kernel does not say how much: it is not everything."""
        def close(sock, daemon):
            self.delivered(daemon)
            self.assertEqual(sock.recv(5), GREETING[:5])
            sock.close()
        self.assertEqual(self.end(close=close), ("probed", "0"))

    def test_says_something_and_closes_unread(self):
        def close(sock, daemon):
            self.delivered(daemon)
            sock.sendall(b"x")
            sock.close()
        self.assertEqual(self.end(close=close), ("reset", "0"))

    def test_ends_its_stream_then_closes_unread(self):
        """Not greeted, though nothing is queued any more."""
        def close(sock, daemon):
            self.delivered(daemon)
            sock.shutdown(socket.SHUT_WR)
            self.seen(daemon)
            sock.close()
        self.assertEqual(
            self.end(close=close, more="timeouts = { linger = 30.0; "
                                       "send = 30.0; };"), ("probed", "0"))

    def test_reads_late(self):
        def close(sock, daemon):
            self.delivered(daemon)
            sock.shutdown(socket.SHUT_WR)
            self.seen(daemon)
            self.assertEqual(read_all(sock), GREETING)
        self.assertEqual(self.end(close=close), ("greeted", "10"))

    def test_never_reads(self):
        """It has timeouts.linger to read and close, then timeouts.send."""
        def close(_sock, _daemon):
            pass
        self.assertEqual(
            self.end("timeouts = { linger = 0.2; send = 0.3; };", close),
            ("send_timeout", "0"))

    def test_large(self):
        def close(sock, _daemon):
            self.assertEqual(len(read_all(sock)), LARGE)
        self.assertEqual(self.end(self.large(), close),
                         ("greeted", str(LARGE)))

    def test_large_not_read(self):
        """The child waits for room; what it cannot give it keeps."""
        def close(_sock, _daemon):
            pass
        self.assertEqual(
            self.end(self.large("timeouts = { send = 0.3; };"), close),
            ("send_timeout", "0"))

    def test_large_taken_slowly(self):
        """A piece now and then, as the kernel counts them, and not enough for
        it to say that there is room: it goes on."""
        def close(sock, _daemon):
            got = 0
            while part := sock.recv(40000, socket.MSG_WAITALL):
                got += len(part)
                time.sleep(0.4)
            self.assertEqual(got, 400000)
        self.assertEqual(
            self.end(f'greeting = "{"x" * 400000}"; '
                     "timeouts = { send = 1.0; };", close),
            ("greeted", "400000"))

    def test_large_given_up(self):
        """No port check: who knows what it has read."""
        def close(sock, _daemon):
            self.assertEqual(len(sock.recv(1 << 16)), 1 << 16)
            sock.close()
        outcome, count = self.end(self.large(), close)
        self.assertIn(outcome, ("client_gone", "reset"))
        self.assertEqual(count, "0")

    def test_large_while_it_talks(self):
        """Who writes a lot before it reads does not wait for us for ever."""
        def close(sock, _daemon):
            sock.sendall(bytes(8 << 20))
            self.assertEqual(len(read_all(sock)), LARGE)
        self.assertEqual(self.end(self.large(), close),
                         ("greeted", str(LARGE)))

    def large(self, more=""):
        """Keys of a listener with a large greeting."""
        return f'greeting = "{"x" * LARGE}"; {more}'

    def test_talks_on(self):
        """A client that has not read what it was sent gets it, and its own
        words fail nowhere before it ends."""
        def close(sock, daemon):
            self.delivered(daemon)
            sock.sendall(bytes(5 << 20))
            self.assertEqual(read_to_end(sock), (GREETING, False))
            sock.close()
        self.assertEqual(self.end("timeouts = { linger = 30.0; };", close),
                         ("greeted", "10"))

    def test_held(self):
        """Nothing is known of one whose child is ended from outside."""
        def close(sock, daemon):
            self.assertEqual(sock.recv(100), GREETING)
            wait_for(daemon.clients, what="a child")
        self.assertEqual(
            self.end("hold = true; timeouts = { session = 0.3; };", close),
            ("session_timeout", None))

    def test_held_while_it_talks(self):
        """Its child has read what it said, and no port check says a word; an
        upgrade forgets nothing of that."""
        def close(sock, daemon):
            wait_for(daemon.clients, what="a child")
            sock.sendall(b"x")
            wait_for(lambda: not struct.unpack("i", fcntl.ioctl(
                sock, termios.TIOCOUTQ, bytes(4)))[0], what="the child reads")
            daemon.signal(signal.SIGUSR2)
            daemon.wait_line("upgrade", result="ok")
            sock.close()
        self.assertEqual(self.end("hold = true;", close), ("reset", "0"))

    def test_held_and_closed(self):
        def close(sock, _daemon):
            self.assertEqual(sock.recv(100), GREETING)
            sock.close()
        self.assertEqual(self.end("hold = true;", close), ("greeted", "10"))

    def test_refused_while_it_talks(self):
        """The text arrives, whatever it has said."""
        self.start(self.listener(
            'rules = ( { from = "any"; action = "deny"; } );'))
        with dial(self.path) as sock:
            sock.sendall(bytes(1 << 20))
            sock.shutdown(socket.SHUT_WR)
            self.assertEqual(read_to_end(sock), (b"access denied\n", False))

    @unittest.skipUnless(strace_works(), "strace cannot trace here")
    def test_the_master_has_one_buffer(self):
        """What lingering and refused clients say comes there and nowhere
        else."""
        denied = os.path.join(self.place, "denied")
        daemon = self.start(
            self.listener("timeouts = { linger = 30.0; };") + ", " +
            self.listener('rules = ( { from = "any"; action = "deny"; } );',
                          "denied", path=denied))
        trace = os.path.join(self.folder(), "trace")
        word = b"said-by-a-client"
        with Strace(daemon.pid, "trace=read,readv,%network", "signal=none",
                    "raw=recvfrom,recv", output=trace + ".raw"), dial(
                        self.path) as sock, dial(denied) as refused:
            self.delivered(daemon)
            for client in sock, refused:
                self.assertTrue(client.recv(100))
                client.sendall(word)
                client.shutdown(socket.SHUT_WR)
            daemon.wait_line("client")
            self.assertEqual(refused.recv(1), b"")
            wait_for(lambda: daemon.counters()["denied"]["refused_denied"] == 1
                     and len(self.receptions(trace + ".raw", word)) >= 2,
                     what="both words")
        self.assertEqual(len(set(self.receptions(trace + ".raw", word))), 1)

    def receptions(self, path, word):
        """(buffer, its length) of the calls that have received so much."""
        with open(path, encoding="latin-1") as file:
            return re.findall(
                r"recv(?:from)?\(0x[0-9a-f]+, (0x[0-9a-f]+), (0x10000), "
                rf"[^)]*\) += {hex(len(word))}\b", file.read())


class DescriptorsTest(UnixCase):
    """What a client passes (SCM_RIGHTS) nobody takes, and nothing keeps."""

    def passed(self, sock, data=b"x", count=10):
        """Sends it, with so many descriptors of one end of a pipe; the other
        end: it hears when the last copy of the first has gone."""
        reader, writer = os.pipe()
        self.addCleanup(os.close, reader)
        rights = array.array("i", count * [writer])
        sock.sendmsg([data],
                     [(socket.SOL_SOCKET, socket.SCM_RIGHTS, rights)])
        os.close(writer)
        os.set_blocking(reader, False)
        return reader

    def is_closed(self, reader):
        """Has nobody the other end any more?"""
        try:
            return os.read(reader, 1) == b""
        except BlockingIOError:
            return False

    def check(self, more, finish=None, say=b"x"):
        """The same descriptors in daemon and child while they may have come,
        and none in flight when the client has gone."""
        daemon = self.start(self.listener(more))
        daemon.settle()
        before = descriptors(daemon.pid)
        with dial(self.path) as sock:
            reader = self.passed(sock, say)
            if finish is not None:
                finish(sock, daemon)
            self.assertEqual(
                [fd for fd in descriptors(daemon.pid).values()
                 if fd.startswith("pipe:")],
                [fd for fd in before.values() if fd.startswith("pipe:")])
        wait_for(lambda: self.is_closed(reader), what="its last copy's end")
        daemon.wait_line("client")
        wait_for(lambda: len(descriptors(daemon.pid)) == len(before),
                 what="the descriptors of before")

    def test_held(self):
        """A child that reads has its client on 0 and nothing else."""
        def finish(sock, daemon):
            self.assertEqual(sock.recv(100), GREETING)
            pid = daemon.client()
            wait_for(lambda: list(descriptors(pid)) == [0],
                     what="the child's own")
            for _ in range(3):
                reader = self.passed(sock)
                wait_for(lambda reader=reader: self.is_closed(reader),
                         what="the child throws it away")
                self.assertEqual(list(descriptors(pid)), [0])
        self.check("hold = true;", finish)

    def test_lingering(self):
        """The master reads what it says then."""
        def finish(sock, daemon):
            wait_for(lambda: daemon.counters()["main"]["lingering"] == 1,
                     what="a client that lingers")
            reader = self.passed(sock)
            wait_for(lambda: self.is_closed(reader),
                     what="the master throws it away")
        self.check("timeouts = { linger = 30.0; };", finish)

    def test_request(self):
        """A child that reads the head of a request."""
        def finish(sock, _daemon):
            reader = self.passed(sock, b"\r\n\r\n")
            self.assertIn(b"200 OK", read_all(sock))
            wait_for(lambda: self.is_closed(reader), what="its end")
        self.check('format = "http";', finish, b"GET / HTTP/1.1")

    def test_refused(self):
        """One that is refused, peeked at and thrown away by the master."""
        daemon = self.start(self.listener(
            'format = "http"; rules = ( { from = "any"; action = "deny"; } );'
        ))
        daemon.settle()
        before = len(descriptors(daemon.pid))
        with dial(self.path) as sock:
            reader = self.passed(sock, b"G")
            self.assertIn(b" 403 ", read_all(sock))
            wait_for(lambda: self.is_closed(reader), what="its end")
        wait_for(lambda: len(descriptors(daemon.pid)) == before,
                 what="the descriptors of before")

    def test_a_socket_in_itself(self):
        """In flight in a cycle: the kernel's collector has it, not we."""
        daemon = self.start()
        daemon.settle()
        before = len(descriptors(daemon.pid))
        for _ in range(20):
            with dial(self.path) as sock:
                rights = array.array("i", [sock.fileno()])
                sock.sendmsg([b"x"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS,
                                       rights)])
        daemon.wait_line("client", 20)
        wait_for(lambda: len(descriptors(daemon.pid)) == before,
                 what="the descriptors of before")


class FileTest(UnixCase):
    """The file: there, whose, and gone."""

    as_user = False

    def test_mode(self):
        """From the first moment: nothing looser in between."""
        for mode in "0600", "660", "0777", "0000":
            with self.subTest(mode=mode):
                daemon = self.start(self.listener(f'socket_mode = "{mode}";'))
                self.assertEqual(mode_of(self.path)[0], oct(int(mode, 8)))
                self.assertEqual(daemon.stop(), 0)

    def test_mode_is_the_default(self):
        previous = os.umask(0o002)
        self.addCleanup(os.umask, previous)
        self.start()
        self.assertEqual(mode_of(self.path)[0], "0o660")

    def test_kill_and_start(self):
        """What a killed daemon leaves does not stop the next."""
        daemon = self.start()
        daemon.signal(signal.SIGKILL)
        daemon.wait()
        self.assertTrue(os.path.exists(self.path))
        # A child that was forked just then may have it for a moment.
        wait_for(lambda: hear_error(self.path) == errno.ECONNREFUSED,
                 what="a socket that nobody has")
        daemon = self.start()
        self.assertEqual(hear(self.path), GREETING)
        self.assertEqual(daemon.stop(), 0)
        self.assertFalse(os.path.exists(self.path))

    def refuses(self, status, *texts):
        """It does not start, and what is there stays."""
        before = os.lstat(self.path)
        self.refused(status, *[f"FILE:LINE: bind unix:{self.path}: {text}"
                               for text in texts])
        self.assertTrue(os.path.samestat(before, os.lstat(self.path)))

    def test_another_daemon(self):
        daemon = self.start()
        self.refuses(69, "another program has it: see 'ss -lxp'")
        self.assertEqual(hear(self.path), GREETING)
        wait_for(lambda: len(daemon.lines("client")) >= 1, what="a line")
        # Nobody has knocked at it to find that out.
        self.assertEqual(daemon.counters()["main"]["accepted"], 1)

    def test_another_daemon_that_does_not_listen_yet(self):
        for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM,
                     socket.SOCK_SEQPACKET):
            with self.subTest(kind=kind), bound(self.path, kind):
                self.refuses(69, "another program has it")
            os.unlink(self.path)

    def test_another_name(self):
        name = f"@forkgreet-test-{os.getpid()}"
        config = self.configuration(self.listener(path=name))
        with bound(name):
            self.refused(69, f"bind unix:{name}: Address already in use (by "
                         "another program: see 'ss -lxp')", config=config)

    def test_something_else(self):
        with open(self.path, "w", encoding="ascii") as file:
            file.write("precious")
        self.refuses(69, "there is something other than a socket")
        os.unlink(self.path)
        os.symlink("/nowhere", self.path)
        self.refuses(69, "there is something other than a socket")
        os.unlink(self.path)
        os.mkdir(self.path)
        self.refuses(69, "there is something other than a socket")
        result = self.run_with(self.file(self.configuration(), 0o644,
                                         "forkgreet.conf"), "-t")
        self.assertEqual(result.returncode, 69)
        self.assertIn("there is something other than a socket", result.stderr)

    def test_no_directory(self):
        missing = os.path.join(self.place, "no", "such", "socket")
        config = self.configuration(self.listener(path=missing))
        self.refused(69, f"bind unix:{missing}: No such file or directory "
                     "(its directory is missing)", config=config)
        daemon = self.start(self.listener() + ", " + self.listener(
            "optional = true;", "other", path=missing))
        self.assertIn("(optional, skipped)", "\n".join(daemon.log()))

    def test_not_a_directory(self):
        file = self.file("")
        self.refused(69, "Not a directory", config=self.configuration(
            self.listener(path=file + "/socket")))

    def test_start_that_fails_leaves_nothing(self):
        """What was made for it is removed, also when another listener is what
        fails."""
        other = os.path.join(self.place, "other")
        with bound(other):
            self.refused(69, config=self.configuration(
                self.listener() + ", " + self.listener(name="o", path=other)))
        self.assertFalse(os.path.exists(self.path))

    def test_start_that_fails_late_leaves_nothing(self):
        """After the socket was made: there is no program to serve with."""
        program = self.copies()
        os.unlink(os.path.join(os.path.dirname(program), "forkgreet-spawner"))
        daemon = self.daemon(ready=False, program=program,
                             as_user=self.as_user)
        self.assertNotEqual(daemon.wait(), 0)
        self.assertIn("forkgreet-spawner", "\n".join(daemon.log()))
        self.assertEqual(os.listdir(self.place), [])

    def test_removed_by_somebody_else(self):
        """What is there at the stop is not ours then."""
        daemon = self.start()
        os.unlink(self.path)
        with bound(self.path):
            self.assertEqual(daemon.stop(), 0)
            self.assertTrue(os.path.exists(self.path))

    def test_reload_makes_it_again(self):
        daemon = self.start()
        os.unlink(self.path)
        daemon.reload()
        self.assertIn("its file is gone, and is made again",
                      "\n".join(daemon.log()))
        self.assertEqual(hear(self.path), GREETING)
        self.assertEqual(daemon.stop(), 0)
        self.assertFalse(os.path.exists(self.path))

    def test_reload_replaces_what_a_dead_one_left(self):
        daemon = self.start()
        os.unlink(self.path)
        bound(self.path).close()
        daemon.reload()
        self.assertEqual(hear(self.path), GREETING)

    def test_reload_does_not_take_it_back(self):
        daemon = self.start()
        os.unlink(self.path)
        with bound(self.path):
            daemon.reload()
            self.assertIn("another program has replaced its file",
                          "\n".join(daemon.log()))

    def test_reload(self):
        """Adds, keeps, changes and removes them."""
        daemon = self.start(self.listener("hold = true;"))
        held = self.connect()
        self.assertEqual(held.recv(100), GREETING)
        before = os.stat(self.path)
        second = os.path.join(self.place, "second")
        daemon.reload(self.configuration(
            self.listener('socket_mode = "0600";') + ", " +
            self.listener(name="second", path=second)))
        self.assertEqual(mode_of(self.path)[0], "0o600")
        self.assertTrue(os.path.samestat(before, os.stat(self.path)))
        self.assertEqual(hear(second), GREETING)
        self.assertTrue(is_held(held))
        daemon.reload(self.configuration(
            self.listener(name="second", path=second)))
        self.assertFalse(os.path.exists(self.path))
        self.assertEqual(hear(second), GREETING)
        self.assertTrue(is_held(held))
        # What fails changes nothing.
        with bound(self.path):
            daemon.reload(self.configuration(
                self.listener() + ", " + self.listener(
                    'socket_mode = "0606";', "second", path=second)),
                result="failed")
        self.assertEqual(mode_of(second)[0], "0o660")
        self.assertEqual(hear(second), GREETING)
        self.assertEqual(daemon.stop(), 0)
        self.assertFalse(os.path.exists(second))

    def test_reload_from_ip(self):
        daemon = self.start(self.listener(port=super().port))
        daemon.reload(self.configuration())
        self.assertEqual(hear(self.path), GREETING)
        daemon.reload(self.configuration(self.listener(port=super().port)))
        self.greets(super().port)
        self.assertFalse(os.path.exists(self.path))

    def test_two_that_start_together(self):
        """One of them serves, whoever was first; the other one says why."""
        config = self.configuration()
        daemons = [self.daemon(config=config, ready=False,
                               as_user=self.as_user) for _ in range(2)]

        def settled():
            ended = [daemon.process.poll() for daemon in daemons]
            return ended.count(None) == 1 and any(
                daemon.lines("start") for daemon in daemons)
        wait_for(settled, what="one of the two")
        self.assertEqual(sorted(daemon.process.poll() or 0
                                for daemon in daemons), [0, 69])
        self.assertEqual(hear(self.path), GREETING)

    def test_owner_is_for_root(self):
        if IS_ROOT and not self.as_user:
            self.skipTest("root may give a file away")
        self.refused(77, "cannot be given to socket_owner and socket_group",
                     config=self.configuration(
                         self.listener('socket_owner = "daemon";')))
        self.assertFalse(os.path.exists(self.path))


@if_also_user
class FileUserTest(FileTest):
    """The same for an ordinary user."""

    as_user = True


@needs_root
class RootTest(UnixCase):
    """What root does before it becomes the daemon's user."""

    def test_belongs_to_the_daemon(self):
        self.start()
        self.assertEqual(mode_of(self.path), ("0o660", USER, USER))

    def test_owner_and_group(self):
        owner = pwd.getpwnam("daemon").pw_uid
        group = grp.getgrnam("mail").gr_gid
        keys = ('socket_owner = "daemon"; socket_group = "mail"; '
                'socket_mode = "0640";')
        daemon = self.start(self.listener(keys))
        self.assertEqual(mode_of(self.path), ("0o640", owner, group))
        daemon.reload()
        for key, other in (("socket_owner", 'socket_owner = "mail"'),
                           ("socket_group", 'socket_group = "daemon"'),
                           ("socket_mode", 'socket_mode = "0600"')):
            with self.subTest(key=key):
                changed = re.sub(rf'{key} = "\w+"', other, keys)
                daemon.reload(self.configuration(self.listener(changed)),
                              result="failed")
                self.assertIn(f"{key} cannot be changed by a reload, only by "
                              "a restart", "\n".join(daemon.log()))
        self.assertEqual(mode_of(self.path), ("0o640", owner, group))
        daemon.stop()
        self.assertFalse(os.path.exists(self.path))

    @unittest.skipUnless(strace_works(), "strace cannot trace here")
    def test_nobody_comes_before_it_is_his(self):
        """The mode is there when the file is; then its owner; then it
        listens."""
        trace = os.path.join(self.folder(), "trace")
        daemon = self.daemon(
            self.listener('socket_mode = "0640"; socket_owner = "daemon"; '
                          'socket_group = "mail";'), ready=False,
            wrapper=("strace", "-f", "-o", trace, "-e",
                     "trace=umask,bind,chmod,fchmodat,fchownat,listen"))
        wait_for(lambda: os.path.exists(self.path) and
                 not hear_error(self.path), what="a daemon that listens")
        daemon.end()
        with open(trace, encoding="utf-8") as file:
            calls = [line.split(None, 1)[1] for line in file]
        at = next(i for i, call in enumerate(calls)
                  if call.startswith("bind(") and self.path in call)
        self.assertTrue(calls[at - 1].startswith("umask(0137)"),
                        calls[at - 1])
        after = [call.split("(")[0] for call in calls[at + 1:]
                 if call.startswith(("chmod(", "fch", "listen("))]
        self.assertEqual(after[:2], ["fchownat", "listen"], calls)

    def test_who_may_connect(self):
        """The mode holds, for users and for groups."""
        self.start(self.listener('socket_owner = "root"; '
                                 'socket_group = "mail";'))
        mail = grp.getgrnam("mail").gr_gid

        def member():
            os.setgroups([mail])
            os.setresgid(1, 1, 1)
            os.setresuid(1, 1, 1)

        def stranger():
            os.setgroups([])
            os.setresgid(1, 1, 1)
            os.setresuid(1, 1, 1)
        for preexec, status in ((member, 0), (stranger, 1)):
            self.assertEqual(run("unix:" + self.path, program=CLIENT,
                                 preexec=preexec).returncode, status)

    def test_in_roots_directory(self):
        """Root makes what the daemon's user may not, and it stays there."""
        os.chown(self.place, 0, 0)
        daemon = self.start()
        self.assertEqual(mode_of(self.path), ("0o660", USER, USER))
        self.assertIn("stays behind when the daemon stops",
                      "\n".join(daemon.log()))
        daemon.reload(self.configuration(
            self.listener('socket_mode = "0600";')))
        self.assertEqual(mode_of(self.path)[0], "0o600")
        other = os.path.join(self.place, "other")
        daemon.reload(self.configuration(
            self.listener() + ", " + self.listener(name="o", path=other)),
            result="failed")
        self.assertIn("the daemon's user may not write to its directory: what "
                      "root has to make needs a restart",
                      "\n".join(daemon.log()))
        self.assertEqual(daemon.stop(), 0)
        self.assertEqual(hear_error(self.path), errno.ECONNREFUSED)
        self.start()
        self.assertEqual(hear(self.path), GREETING)

    def test_in_somebody_elses_directory(self):
        os.chown(self.place, 1, 1)
        self.refused(77, f"bind unix:{self.path}: Permission denied (the "
                     "daemon's user may not write to its directory)")
        os.chown(self.place, 0, 1)
        os.chmod(self.place, 0o775)
        self.refused(77, "Permission denied")

    def test_another_users_socket(self):
        """Root can ask whether anybody has it; a dead one is replaced where
        the daemon's user may."""
        bound(self.path).close()
        os.chmod(self.path, 0o600)
        self.start()
        self.assertEqual(hear(self.path), GREETING)

    def test_directory_is_made(self):
        """In one of root's, as for the control socket."""
        os.chown(self.place, 0, 0)
        made = os.path.join(self.place, "made")
        path = os.path.join(made, "socket")
        daemon = self.start(self.listener(path=path))
        st = os.stat(made)
        self.assertEqual((oct(st.st_mode & 0o7777), st.st_uid), ("0o755", USER))
        self.assertEqual(hear(path), GREETING)
        self.assertEqual(daemon.stop(), 0)
        self.assertEqual(os.listdir(made), [])

    def test_set_group_id_of_its_directory(self):
        """Without a wish it is in the group that the directory gives it."""
        group = grp.getgrnam("mail").gr_gid
        os.chown(self.place, USER, group)
        os.chmod(self.place, 0o2755)
        self.start()
        self.assertEqual(mode_of(self.path), ("0o660", USER, group))


def hear_error(path):
    """Why nobody answers."""
    try:
        dial(path).close()
    except OSError as error:
        return error.errno
    return None


class ConfigurationTest(UnixCase):
    """What -t and -T say."""

    def wrong(self, *texts, listeners=None, top=""):
        """-t says that at the line of the listeners, and no more."""
        path = self.file(self.configuration(listeners, top), 0o644,
                         "forkgreet.conf")
        result = self.run_with(path, "-t")
        self.assertEqual(result.returncode, 78, result.stderr)
        said = untimed(result.stderr)
        self.assertEqual(said.count("\n"), len(texts), said)
        for text in texts:
            self.assertIn("listeners[0]." + text, said)

    def test_keys_without_a_meaning(self):
        ip = "has no effect on a UNIX socket"
        for key in "port = 4444", "v6only = true":
            self.wrong(f"{key.split()[0]}: {ip}",
                       listeners=self.listener(key + ";"))
        file = "is for the file of a UNIX socket, and the listener has none"
        for key in "mode", "owner", "group":
            value = "0600" if key == "mode" else "root"
            more = f'socket_{key} = "{value}";'
            self.wrong(f"socket_{key}: {file}",
                       listeners=self.listener(more, port=4444))
            self.wrong(f"socket_{key}: {file}",
                       listeners=self.listener(more, path="@abstract"))

    def test_modes(self):
        for mode in '"0668"', '"1777"', '"66"', '"00660"', '"rw-"', '"-660"':
            self.wrong("socket_mode: ",
                       listeners=self.listener(f"socket_mode = {mode};"))
        path = self.file(self.configuration(
            self.listener("socket_mode = 0660;")), 0o644, "forkgreet.conf")
        self.assertEqual(self.run_with(path, "-t").returncode, 78)

    def test_accounts(self):
        for key, what in (("owner", "user"), ("group", "group")):
            config = self.configuration(self.listener(
                f'socket_{key} = "nobody-at-all";'))
            said = f'FILE:LINE: socket_{key}: "nobody-at-all": no such {what}'
            self.refused(78, said, config=config)
            self.refused(78, said, config=config, arguments=("-t",))
        self.assertFalse(os.path.exists(self.path))

    def test_paths(self):
        for path in ("run/x", "", "@", "/", "/run/", "/run/.", "/run/..",
                     "/run/../x", "/run/./x", "//x", "/run//x", "/run/a b",
                     "/run/\\\"x", "/run/ä"):
            with self.subTest(path=path):
                self.wrong('address: "unix:', listeners=(
                    f'{{ name = "n"; address = "unix:{path}"; }}'))
        self.wrong('address: "/run/x" is not an address, expected "unix:" '
                   'before the path',
                   listeners='{ name = "n"; address = "/run/x"; }')

    def test_twice(self):
        path = self.file(self.configuration(
            self.listener() + ", " + self.listener(name="other")), 0o644,
            "forkgreet.conf")
        said = self.run_with(path, "-t").stderr
        self.assertIn(f"unix:{self.path} cannot be bound beside "
                      f"unix:{self.path} of listeners[0]", said)
        self.assertIn(", choose another path or name", said)

    def test_control_socket(self):
        config = self.configuration().replace('control_socket = "";', "")
        path = self.file(f'control_socket = "{self.path}";{config}', 0o644,
                         "forkgreet.conf")
        result = self.run_with(path, "-t")
        self.assertEqual(result.returncode, 78)
        self.assertIn(f"unix:{self.path} is the daemon's control_socket",
                      result.stderr)

    def test_names(self):
        """Without one it has its address, where that can be a name."""
        path = self.file(self.configuration(
            '{ address = "unix:@short"; }'), 0o644, "forkgreet.conf")
        self.assertEqual(self.run_with(path, "-t").returncode, 0)
        self.assertIn('name = "unix:@short"', self.run_with(path, "-T").stdout)
        for address_ in "@a=b", "/" + 60 * "x":
            self.wrong("name: missing", listeners=(
                f'{{ address = "unix:{address_}"; }}'))

    def test_dump(self):
        """What is dumped can be read again, and has nothing without a
        meaning."""
        name = self.listener(name="n", path="@name")
        config = self.file(self.configuration(
            self.listener('socket_mode = "0606"; socket_group = "mail";') +
            ", " + name + ", " + self.listener(name="ip", port=4444)), 0o644,
            "forkgreet.conf")
        dumped = self.run_with(config, "-T").stdout
        groups = dumped.split("listeners = (")[1].split("\t{")[1:]
        self.assertIn(f'address = "unix:{self.path}";', groups[0])
        self.assertIn('socket_mode = "0606";', groups[0])
        self.assertIn('socket_owner = "";', groups[0])
        self.assertIn('socket_group = "mail";', groups[0])
        for text, has in (("port", (False, False, True)),
                          ("v6only", (False, False, True)),
                          ("socket_mode", (True, False, False))):
            self.assertEqual([f"\t{text} = " in group for group in groups],
                             list(has), text)
        again = self.file(dumped, 0o644, "forkgreet.conf")
        self.assertEqual(self.run_with(again, "-T").stdout, dumped)

    def test_rule_that_never_matches(self):
        path = self.file(self.configuration(self.listener(
            'rules = ( { from = "192.0.2.0/24"; action = "deny"; } );')), 0o644,
            "forkgreet.conf")
        result = self.run_with(path, "-t")
        self.assertEqual(result.returncode, 0)
        self.assertIn("rules[0].from: can never match: clients of a UNIX "
                      'socket have no address, only "any" is for them',
                      result.stderr)


class ActivationTest(UnixCase):
    """Sockets that a service manager has bound."""

    def start_with(self, sock, config, names="x"):
        """A daemon that was passed the socket."""
        os.set_inheritable(sock.fileno(), True)

        def preexec():
            os.dup2(sock.fileno(), 3)
            os.environ["LISTEN_PID"] = str(os.getpid())
        del preexec
        script = ('export LISTEN_PID=$$; exec "$@" 3<&%d' % sock.fileno())
        return self.daemon(
            config=config, wrapper=("sh", "-c", script, "sh"), ready=False,
            env={"LISTEN_FDS": "1", "LISTEN_FDNAMES": names},
            pass_fds=(sock.fileno(),), as_user=self.as_user)

    def listening(self, path):
        """One as systemd makes it."""
        sock = bound(path)
        self.addCleanup(sock.close)
        sock.listen(8)
        return sock

    def test_by_path(self):
        sock = self.listening(self.path)
        os.chmod(self.path, 0o622)
        daemon = self.start_with(sock, self.configuration()).ready()
        self.assertEqual(hear(self.path), GREETING)
        self.assertEqual(daemon.wait_line("client")[0]["uid"],
                         str(os.getuid()))
        daemon.reload(self.configuration(self.listener(
            'greeting = "second";')))
        self.assertEqual(hear(self.path), b"second")
        self.assertEqual(daemon.stop(), 0)
        # It is not ours to remove or to change.
        self.assertEqual(mode_of(self.path)[0], "0o622")

    def test_by_name(self):
        """Its own path is shown."""
        other = os.path.join(self.place, "other")
        daemon = self.start_with(self.listening(other), self.configuration(),
                                 "main").ready()
        self.assertEqual(daemon.lines("listen")[0]["address"],
                         "unix:" + other)
        self.assertIn(f"unix:{self.path}: descriptor 3 (\"main\") was passed "
                      f"for it and has unix:{other}, which is used",
                      "\n".join(daemon.log()))
        self.assertEqual(hear(other), GREETING)
        self.assertFalse(os.path.exists(self.path))

    def test_abstract(self):
        name = f"@forkgreet-test-{os.getpid()}"
        self.start_with(self.listening(name), self.configuration(
            self.listener(path=name))).ready()
        self.assertEqual(hear(name), GREETING)

    def test_not_ours(self):
        other = os.path.join(self.place, "other")
        daemon = self.start_with(self.listening(other), self.configuration())
        self.assertEqual(daemon.wait(), 78)
        self.assertIn(f'descriptor 3 ("x", unix:{other}): no listener has that '
                      "name or address", "\n".join(daemon.log()))

    def test_wrong_kind(self):
        for kind, text in ((socket.SOCK_DGRAM, "is a datagram socket"),
                           (socket.SOCK_SEQPACKET,
                            "is a socket of another protocol"),
                           (socket.SOCK_STREAM,
                            "is a socket that does not listen")):
            with self.subTest(kind=kind), bound(self.path, kind) as sock:
                daemon = self.start_with(sock, self.configuration())
                self.assertEqual(daemon.wait(), 78)
                self.assertIn(text + ", expected a listening TCP or UNIX "
                              "stream socket", "\n".join(daemon.log()))
            os.unlink(self.path)


class ClientTest(UnixCase):
    """forkgreet."""

    def forkgreet(self, *arguments):
        """Its exit status and what it printed."""
        result = run(*arguments, program=CLIENT)
        return result.returncode, result.stdout

    def test_targets(self):
        name = f"@forkgreet-test-{os.getpid()}"
        self.start(self.listener() + ", " +
                   self.listener(name="name", path=name))
        for target in "unix:" + self.path, "unix:" + name:
            self.assertEqual(self.forkgreet(target), (0, "hi client\n"))
            status, said = self.forkgreet("--check", target)
            self.assertEqual(status, 0)
            self.assertIn(target, said)
            status, said = self.forkgreet("--load", "-n", "200", "-c", "4",
                                          "-j", target)
            self.assertEqual(status, 0, said)
            self.assertIn('"greeted": 200', said)
        self.assertEqual(self.forkgreet("unix:@nobody-has-this")[0], 1)


if __name__ == "__main__":
    from harness import main
    main()
