"""format = "http": the right answer, or the right error, to each request, and
none before it."""

import concurrent.futures
import http.client
import os
import signal
import subprocess
import tempfile
import time

from balancer import Balancer
from harness import (HOST, PATIENCE, Case, close_with_reset, die_with_parent,
                     free_port, is_held, kernel_sockets, needs_program,
                     read_all, together, wait_for)
from http_case import GET, GREETING, HEAD, PLAIN, HttpCase

HEAD_MAX = 8192  # REQUEST_HEAD_MAX
LINGER_MAX = 256
ONE_PIECE = 1024  # GATHERED_MAX of respond.c
MIB = 1 << 20
GO_PROBES = 5000
GO_CLIENT = """
package main

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"sync"
	"time"
)

func probe(client *http.Client, url string) error {
	answer, err := client.Get(url)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		return err
	}
	if answer.StatusCode != 200 || string(body) != "hi client\\n" {
		return fmt.Errorf("%d %q", answer.StatusCode, body)
	}
	return nil
}

func main() {
	url := os.Args[1]
	count, _ := strconv.Atoi(os.Args[2])
	client := &http.Client{Timeout: 30 * time.Second}
	jobs := make(chan bool)
	var group sync.WaitGroup
	for i := 0; i < 8; i++ {
		group.Add(1)
		go func() {
			defer group.Done()
			for range jobs {
				if err := probe(client, url); err != nil {
					fmt.Println(err)
				}
			}
		}()
	}
	for i := 0; i < count; i++ {
		jobs <- true
	}
	close(jobs)
	group.Wait()
}
"""


class Programs(HttpCase):
    """Those that people use."""

    def setUp(self):
        super().setUp()
        self.served = self.daemon()
        self.url = f"http://{HOST}:{self.port}/any/thing?x=%20y"

    def execute(self, *words, status=0, env=None, seconds=4 * PATIENCE):
        """Runs a program to its end; what it printed."""
        result = subprocess.run(
            words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, timeout=seconds, check=False,
            preexec_fn=die_with_parent,
            env={**os.environ, "no_proxy": "*", "LC_ALL": "C",
                 **(env or {})})
        self.assertEqual(result.returncode, status,
                         (result.stdout + result.stderr)[-2000:])
        return result.stdout

    def assert_greeted(self, count):
        """So many were, and nobody was anything else; but ab connects more
        often than it asks."""
        def ended():
            row = self.served.counters()["main"]
            return row["live"] == 0 and row["ended_greeted"] >= count and row
        row = wait_for(ended, PATIENCE, f"{count} greeted")
        self.assertEqual(row["ended_greeted"], count, row)
        self.assertEqual(row["accepted"], count + row["ended_probed"], row)
        self.assert_balanced(self.served)
        for line in self.served.lines("client"):
            self.assertEqual(line["bytes"] == "0",
                             line["outcome"] == "probed", line)

    @needs_program("curl")
    def test_curl(self):
        """GET, HEAD, HTTP/1.0, a state that --fail sees."""
        curl = "curl", "-q", "-sS", "--max-time", str(PATIENCE), self.url
        self.assertEqual(self.execute(*curl), GREETING)
        self.assertEqual(self.execute(*curl, "--http1.0"), GREETING)
        head = self.execute(*curl, "--head")
        self.assertTrue(head.startswith(b"HTTP/1.1 200 OK\r\n"), head)
        self.assertTrue(head.endswith(b"\r\n\r\n"), head)
        self.assertIn(b"\r\nContent-Length: 10\r\n", head)
        self.assert_greeted(3)
        self.say("drain")
        self.execute(*curl, "--fail", status=22)
        self.assertEqual(self.execute(*curl), b"draining\n")

    @needs_program("curl")
    def test_curl_post(self):
        """5 MB of a form, announced by Expect or not."""
        with tempfile.NamedTemporaryFile() as file:
            file.truncate(5 * MIB)
            for expect in "Expect: 100-continue", "Expect:":
                with self.subTest(expect):
                    said = self.execute(
                        "curl", "-q", "-sS", "--max-time", str(PATIENCE),
                        "-H", expect, "--data-binary", "@" + file.name,
                        self.url)
                    self.assertEqual(said, GREETING)
        self.assert_greeted(2)

    @needs_program("wget")
    def test_wget(self):
        wget = "wget", "--no-config", "-q", "-t", "1", "-T", str(PATIENCE)
        self.assertEqual(self.execute(*wget, "-O", "-", self.url), GREETING)
        self.execute(*wget, "--spider", self.url)
        self.assert_greeted(2)
        self.say("maintenance")
        self.execute(*wget, "-O", "-", self.url, status=8)

    @needs_program("ab")
    def test_ab(self):
        """HTTP/1.0, and one that would keep connections."""
        for more in (), ("-k",), ("-i",):
            said = self.execute("ab", "-q", "-n", "500", "-c", "8", "-s",
                                str(PATIENCE), *more, self.url).decode()
            self.assertRegex(said, r"Complete requests: +500\n")
            self.assertRegex(said, r"Failed requests: +0\n")
            self.assertNotIn("Non-2xx", said)
        self.assert_greeted(1500)

    @needs_program("go")
    def test_go(self):
        """A kubelet is one: not one probe of thousands may fail, at eight at
        a time."""
        with tempfile.TemporaryDirectory() as folder:
            source = os.path.join(folder, "main.go")
            with open(source, "w", encoding="ascii") as file:
                file.write(GO_CLIENT)
            program = os.path.join(folder, "client")
            self.execute(  # with the whole of Go's library
                "go", "build", "-o", program, source, env={
                    "GOCACHE": os.path.join(folder, "cache"), "GOFLAGS": "",
                    "GO111MODULE": "off", "GOTOOLCHAIN": "local"},
                seconds=20 * PATIENCE)
            said = self.execute(program, self.url, str(GO_PROBES))
        self.assertEqual(said.decode(), "")
        self.assert_greeted(GO_PROBES)

    def test_python(self):
        """http.client, with a body of 5 MB too."""
        for method, body in (("GET", None), ("HEAD", None), ("POST", b"x=y"),
                             ("PUT", b"x" * 5 * MIB), ("DELETE", None)):
            with self.subTest(method):
                client = http.client.HTTPConnection(HOST, self.port,
                                                    timeout=PATIENCE)
                client.request(method, "/", body)
                answer = client.getresponse()
                self.assertEqual((answer.status, answer.getheader(
                    "Content-Type")), (200, PLAIN))
                self.assertEqual(answer.read(),
                                 b"" if method == "HEAD" else GREETING)
                client.close()
        self.assert_greeted(5)

    @needs_program("haproxy")
    def test_haproxy_checks(self):
        """httpchk goes by the state; what is proxied gets the answer whole."""
        front = free_port()
        balancer = Balancer(
            self.port, "", "\toption httpchk GET /health",
            f"frontend front\n\tbind {HOST}:{front}\n"
            "\toption httpclose\n\tdefault_backend servers")
        self.addCleanup(balancer.end)
        balancer.wait(status="UP", check_status="L7OK", check_code="200")
        answer, _ = self.ask(GET, port=front)
        self.assertEqual((answer.status, answer.body), (200, GREETING))
        for verb in "drain", "maintenance":
            self.say(verb)
            balancer.wait(status="DOWN", check_status="L7STS",
                          check_code="503")
            self.say("ready")
            balancer.wait(status="UP", check_code="200")
        self.say("maintenance")
        balancer.wait(status="DOWN")
        self.assertEqual(self.ask(GET, port=front)[0].status, 503)


class Requests(HttpCase):
    """Heads, good and bad: however slow this machine is, nobody's time is
    over, and a child that is still to be reaped is in nobody's way."""

    def setUp(self):
        super().setUp()
        self.served = self.daemon(self.listener(
            "timeouts = { request = 600; session = 600; }; "
            "limits = { max_clients_per_source = 512; };"))

    def good(self, *pieces, **keywords):
        """A request that must get the greeting."""
        return self.assert_answered(self.served, pieces, 200, body=GREETING,
                                    **keywords)

    def bad(self, status, *pieces, **keywords):
        """One that must get that error."""
        answer = self.assert_answered(self.served, pieces, status,
                                      "bad_request", **keywords)
        self.assertNotIn(b"hi client", answer.body)
        self.assertNotIn("Retry-After", answer.fields)

    def test_good(self):
        """Any method and target, HTTP/1.x, bare LF, what comes first."""
        for head in (GET, b"GET * HTTP/1.0\r\n\r\n", b"G / HTTP/1.9\n\n",
                     b"OPTIONS http://x/ HTTP/1.1\r\nA: b\n\r\n",
                     b"\r\n\r\nGET / HTTP/1.1\r\n\r\n",
                     b"HEADER / HTTP/1.1\r\n\r\n",
                     b"head / HTTP/1.1\r\n\r\n",
                     b"CONNECT x:443 HTTP/1.1\r\n\r\n",
                     b"GET / HTTP/1.1\r\nno field at all \xff\0\r\n\r\n"):
            with self.subTest(head):
                self.good(head)

    def test_head(self):
        """Its answer has the length of the body, and no body."""
        for head in HEAD, b"\r\nHEAD / HTTP/1.0\n\n":
            answer, port = self.ask(head)
            self.assertEqual((answer.status, answer.body), (200, b""))
            self.assertEqual(answer.fields["Content-Length"],
                             str(len(GREETING)))
            self.assert_fields(answer, head=True)
            line = self.outcome(self.served, port)
            self.assertEqual((line["outcome"], line["bytes"]),
                             ("greeted", str(answer.length)))

    def test_pieces(self):
        """Byte by byte; in two, wherever; nothing is said before the end."""
        self.good(*(bytes([byte]) for byte in GET))
        for at in range(1, len(GET)):
            self.ask(GET[:at], GET[at:])
        sock = self.dial()
        sock.sendall(GET[:-1])
        self.good(GET)  # comes later, and is served before
        self.assertTrue(is_held(sock))
        sock.sendall(GET[-1:])
        sock.settimeout(PATIENCE)
        self.assertTrue(read_all(sock).endswith(b"\r\n\r\n" + GREETING))

    def test_not_http(self):
        """A TLS hello, HTTP/0.9 and /2, other protocols, garbage."""
        hello = (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" +
                 bytes(range(256)) * 2)
        for bad in (hello, b"GET /\r\n", b"GET / HTTP/2.0\r\n\r\n",
                    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", b"GET  HTTP/1.1\r\n",
                    b"GET / HTTP/1.10\r\n", b"GET / HTTP/1.\r\n",
                    b"GET / HTTP/1.1 \r\n", b"GET / http/1.1\r\n",
                    b" GET / HTTP/1.1\r\n", b"\0", b"SSH-2.0-x\r\n",
                    b"GET /a b HTTP/1.1\r\n", b"G\xc3\xa9T / HTTP/1.1\r\n",
                    b"\r\rGET", os.urandom(4) + b"\0 " * 100):
            with self.subTest(bad):
                self.bad(400, bad)

    def test_longest(self):
        """A head may have 8,192 bytes; not a byte more, wherever it is."""
        for start in (b"GET / HTTP/1.1\r\nX: ", b"GET /"):
            end = b" HTTP/1.1\r\n\r\n" if start == b"GET /" else b"\r\n\r\n"
            fill = HEAD_MAX - len(start) - len(end)
            self.good(start + b"x" * fill + end)
            self.bad(431, start + b"x" * (fill + 1) + end)
            self.bad(431, start + b"x" * (1 << 20))
        many = b"GET / HTTP/1.1\r\n" + b"a: b\r\n" * 2000 + b"\r\n"
        self.bad(431, many)
        self.bad(431, b"\r\n" * 5000)

    def test_what_follows(self):
        """A body, a second request or garbage after the head is discarded,
        and destroys nothing."""
        for rest in (b"x", GET * 50, os.urandom(100000), b"\0" * MIB,
                     b"x" * 3 * MIB):
            with self.subTest(len(rest)):
                self.good(GET, rest)
                self.good(GET + rest)

    def test_large_bodies(self):
        """5 MB, with Expect, which is not waited for, or without."""
        post = (b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n"
                % (5 * MIB))
        body = b"x" * 5 * MIB
        sock = self.dial()
        sock.sendall(post + b"Expect: 100-continue\r\n\r\n")
        said = read_all(sock)
        self.assertTrue(said.startswith(b"HTTP/1.1 200 OK\r\n"), said)
        self.assertTrue(said.endswith(GREETING), said)
        self.assertEqual(self.outcome(self.served, sock.getsockname()[1])
                         ["outcome"], "greeted")
        for expect in b"", b"Expect: 100-continue\r\n":
            self.good(post + expect + b"\r\n", body)
        self.assertEqual(together(*[lambda: self.ask(
            post + b"\r\n", body)[0].body] * 8), [GREETING] * 8)

    def test_half_a_head(self):
        """Who has said that this was all gets an error; who has closed
        altogether cannot."""
        self.bad(400, GET[:20], end=True)
        self.bad(400, GET[:-1], end=True)
        self.good(GET, end=True)
        for leave in (lambda sock: sock.close()), close_with_reset:
            sock = self.dial()
            port = sock.getsockname()[1]
            sock.sendall(GET[:20])
            leave(sock)
            line = self.outcome(self.served, port)
            self.assertIn(line["outcome"],
                          ("bad_request", "client_gone", "reset"))

    def test_nothing(self):
        """Who leaves without a word was a port check, however it leaves."""
        for leave in (lambda sock: sock.close()), close_with_reset:
            sock = self.dial()
            port = sock.getsockname()[1]
            leave(sock)
            line = self.outcome(self.served, port)
            self.assertEqual((line["outcome"], line["bytes"]),
                             ("probed", "0"))
        answer, port = self.ask(end=True)
        self.assertEqual(answer.length, 0)
        self.assertEqual(self.outcome(self.served, port)["outcome"], "probed")

    def test_at_the_same_time(self):
        """Slow ones keep nobody, and each gets what it asked for."""
        slow = [self.dial() for _ in range(50)]
        for sock in slow:
            sock.sendall(HEAD[:-2])
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            for answer, _ in pool.map(lambda _: self.ask(GET), range(200)):
                self.assertEqual(answer.body, GREETING)
        for sock in slow:
            sock.sendall(HEAD[-2:])
        for sock in slow:
            said = read_all(sock)
            self.assertTrue(said.startswith(b"HTTP/1.1 200 OK\r\n"), said)
            self.assertTrue(said.endswith(b"\r\n\r\n"), said)


class Timeouts(HttpCase):
    """timeouts.request"""

    def setUp(self):
        super().setUp()
        self.other = free_port()
        self.served = self.daemon(
            self.listener("timeouts = { request = 1; };") + ", " +
            self.listener(name="other", port=self.other))

    def test_silent(self):
        """Who says nothing is closed without a word, once its time is
        over."""
        begin = time.monotonic()
        answer, port = self.ask()
        self.assertGreater(time.monotonic() - begin, 0.9)
        self.assertEqual(answer.length, 0)
        line = self.outcome(self.served, port)
        self.assertEqual((line["outcome"], line["bytes"]),
                         ("request_timeout", "0"))

    def test_part(self):
        """Who has said a part is told, whole."""
        for part in b"G", b"\r\n", GET[:-1]:
            self.assert_answered(self.served, part, 408, "request_timeout",
                                 b"request timeout\n")

    def test_trickle(self):
        """The time is for the whole head: bytes do not prolong it."""
        sock = self.dial()
        begin = time.monotonic()
        endless = iter(GET[:-2] + b"a: b\r\n" * 100000)
        while is_held(sock):
            try:
                sock.sendall(bytes([next(endless)]))
            except ConnectionError:
                break
            time.sleep(0.01)
        self.assertGreater(time.monotonic() - begin, 0.9)
        line = self.outcome(self.served, sock.getsockname()[1])
        self.assertEqual(line["outcome"], "request_timeout")

    def test_default(self):
        """5 s: who has not asked after one is still waited for."""
        sock = self.connect(self.other, seconds=PATIENCE)
        self.assertEqual(self.ask()[0].length, 0)  # took a second
        self.assertTrue(is_held(sock))
        sock.sendall(GET)
        self.assertTrue(read_all(sock).endswith(GREETING))
        self.assertEqual(self.outcome(self.served, sock.getsockname()[1])
                         ["outcome"], "greeted")


class Log(HttpCase):
    """Of requests that were not answered as they wished."""

    def test_errors(self):
        """They are lines where others are none, and are counted."""
        daemon = self.daemon(self.listener(
            'log = { clients = "errors"; }; timeouts = { request = 1; };'))
        wanted = {"bad_request", "request_timeout"}
        self.ask(GET)
        self.ask(b"x\r\n")
        self.ask(b"GET")
        self.ask()
        lines = daemon.wait_line("client", 3, PATIENCE)
        self.assertEqual({line["outcome"] for line in lines}, wanted)
        row = daemon.counters()["main"]
        self.assertEqual((row["ended_greeted"], row["ended_bad_request"],
                          row["ended_request_timeout"]), (1, 1, 2))
        self.assertEqual(len(daemon.lines("client")), 3)
        self.assert_balanced(daemon)


class Meanwhile(HttpCase):
    """What happens to one that has not asked yet."""

    def waiting(self):
        """A daemon, and a client that it serves, with half a request."""
        daemon = self.daemon(
            self.listener("timeouts = { request = 600; session = 600; };"),
            f"timeouts = {{ shutdown = {PATIENCE}; }};")
        sock = self.dial()
        sock.sendall(GET[:-1])
        wait_for(daemon.clients, PATIENCE, "a child")
        return daemon, sock

    def assert_answer(self, sock):
        """It gets the answer it would have got before."""
        sock.sendall(GET[-1:])
        said = read_all(sock)
        self.assertTrue(said.startswith(b"HTTP/1.1 200 OK\r\n"), said)
        self.assertTrue(said.endswith(b"\r\n\r\n" + GREETING), said)

    def test_reload(self):
        """Other texts, other formats, no such listener any more: it is
        answered as before, who comes later as it is now."""
        daemon, sock = self.waiting()
        plain = Case.listener(self, 'greeting = "new\\n";')
        agent = Case.listener(self, 'format = "agent";')
        for listener, request, said in (
                (self.listener('greeting = "new\\n";'), GET,
                 b"\r\n\r\nnew\n"),
                (plain, b"", b"new\n"),
                (agent, b"", b"up ready 100%\n"),
                (self.listener(), GET, b"\r\n\r\n" + GREETING)):
            daemon.reload(self.configuration(listener))
            with self.connect(self.port, seconds=PATIENCE) as other:
                other.sendall(request)
                self.assertTrue(read_all(other).endswith(said), said)
        daemon.reload(self.configuration(
            self.listener(name="other", port=free_port())))
        self.assert_answer(sock)
        line = self.outcome(daemon, sock.getsockname()[1])
        self.assertEqual((line["outcome"], line["listener"]),
                         ("greeted", "main"))

    def test_graceful_stop(self):
        """It may still ask."""
        daemon, sock = self.waiting()
        daemon.signal(signal.SIGTERM)
        daemon.wait_line("stop", seconds=PATIENCE)
        self.assert_answer(sock)
        self.assertEqual(daemon.wait(PATIENCE), 0)


class Answers(HttpCase):
    """What an answer is made of."""

    def test_content_type(self):
        """Of each answer that is ours to choose; errors are plain."""
        kind = "application/json"
        self.daemon(self.listener(
            f'content_type = "{kind}"; greeting = "{{}}\\n"; '
            'rules = ( { from = "127.0.0.2"; action = "allow"; '
            'greeting = "[]\\n"; } );'))
        for source, body in ((HOST, b"{}\n"), ("127.0.0.2", b"[]\n")):
            answer, _ = self.ask(GET, source=source)
            self.assertEqual(answer.body, body)
            self.assert_fields(answer, kind)
        self.say("drain")
        self.assert_fields(self.ask(GET)[0], kind)
        self.assert_fields(self.ask(b"x\r\n")[0])

    def test_longest_content_type(self):
        kind = "a/" + "b" * 98
        self.daemon(self.listener(f'content_type = "{kind}";'))
        for verb, status in (("ready", 200), ("drain", 503)):
            self.say(verb)
            answer, _ = self.ask(GET)
            self.assertEqual(answer.status, status)
            self.assert_fields(answer, kind)

    def test_empty(self):
        """No greeting is no body, and not no answer."""
        daemon = self.daemon(self.listener('greeting = "";'))
        self.assert_answered(daemon, GET, 200, body=b"")

    def test_short_and_long(self):
        """The longest that is sent in one piece, and around it: whole."""
        rules = ", ".join(
            f'{{ from = "127.0.0.{n}"; action = "allow"; '
            f'greeting = "{"x" * (ONE_PIECE - 165 + n)}\\n"; }}'
            for n in range(1, 7))
        daemon = self.daemon(self.listener(f"rules = ( {rules} );"))
        lengths = [self.assert_answered(
            daemon, GET, 200, source=f"127.0.0.{n}",
            body=b"x" * (ONE_PIECE - 165 + n) + b"\n").length
                   for n in range(1, 7)]
        self.assertIn(ONE_PIECE, lengths[1:-1])

    def test_variables(self):
        """Filled in for each client: the length is that of what it gets."""
        daemon = self.daemon(self.listener(
            'greeting = "%{client_ip} %{client_port} %{listener} '
            '[%{state}]\\n"; rules = ( { from = "127.0.0.2"; '
            'action = "allow"; greeting = "rule for %{client_ip}\\n"; } ); '
            'when = { drain = "%{state} for %{client_ip}\\n"; };'))
        for source in HOST, "127.0.0.11":
            answer, port = self.ask(GET, source=source)
            self.assertEqual(answer.body.decode(),
                             f"{source} {port} main [ready]\n")
            self.assert_fields(answer)
        answer, port = self.ask(HEAD)
        self.assertEqual(answer.body, b"")
        self.assertEqual(answer.fields["Content-Length"],
                         str(len(f"{HOST} {port} main [ready]\n")))
        self.assert_answered(daemon, GET, 200, source="127.0.0.2",
                             body=b"rule for 127.0.0.2\n")
        self.say("drain")
        for source in HOST, "127.0.0.2":
            self.assert_answered(
                daemon, GET, 503, source=source,
                body=f"drain for {source}\n".encode())

    def test_longest_with_variables(self):
        """The most that one may become."""
        self.daemon(self.listener(
            f'greeting = "{"x" * 4091}%{{client_port}}";'))
        answer, port = self.ask(GET)
        self.assertEqual(answer.body.decode(), "x" * 4091 + str(port))
        self.assert_fields(answer)

    def test_one_mib(self):
        """A large one is whole, also for many and for slow readers."""
        body = os.urandom(MIB).replace(b"%{", b"%%")
        path = os.path.join(self.folder(), "greeting")
        with open(path, "wb") as file:
            file.write(body)
        os.truncate(path, len(body))
        daemon = self.daemon(self.listener(
            f'greeting_file = "{path}"; variables = false;'))
        self.assert_answered(daemon, GET, 200, body=body)
        slow = self.dial(receive_buffer=1)
        slow.sendall(GET)
        for answer in together(*[lambda: self.ask(GET)[0]] * 8):
            self.assertEqual(answer.body, body)
        self.assertTrue(read_all(slow).endswith(body))
        answer, _ = self.ask(HEAD)
        self.assertEqual((answer.fields["Content-Length"], answer.body),
                         (str(MIB), b""))

    def test_one_mib_cut_short(self):
        """Who leaves while it comes, with a reset, is not greeted."""
        path = os.path.join(self.folder(), "greeting")
        with open(path, "wb") as file:
            file.truncate(MIB)
        daemon = self.daemon(self.listener(f'greeting_file = "{path}";'))
        sock = self.dial(receive_buffer=1)
        port = sock.getsockname()[1]
        sock.sendall(GET)
        self.assertTrue(sock.recv(100))
        close_with_reset(sock)
        line = self.outcome(daemon, port)
        self.assertIn(line["outcome"], ("reset", "client_gone"))
        self.assertLess(int(line["bytes"]), MIB)


class States(HttpCase):
    """ready, drain, maintenance"""

    def assert_state(self, daemon, status, body, state=None):
        """What is answered, and in which state the log says it was."""
        answer, port = self.ask(GET)
        self.assertEqual((answer.status, answer.body), (status, body))
        self.assert_fields(answer)
        line = self.outcome(daemon, port)
        self.assertEqual((line["outcome"], line.get("state")),
                         ("greeted", state))
        return answer.fields.get("Retry-After")

    def test_defaults(self):
        daemon = self.daemon()
        self.assertIsNone(self.assert_state(daemon, 200, GREETING))
        for verb, body in (("drain", b"draining\n"),
                           ("maintenance", b"under maintenance\n")):
            self.say(verb)
            self.assertIsNone(self.assert_state(daemon, 503, body, verb))
            answer, _ = self.ask(HEAD)
            self.assertEqual((answer.status, answer.body), (503, b""))
            self.assertEqual(answer.fields["Content-Length"], str(len(body)))
            self.say("ready")
            self.assertIsNone(self.assert_state(daemon, 200, GREETING))

    def test_own_texts(self):
        daemon = self.daemon(self.listener(
            'when = { drain = "go away\\n"; '
            'maintenance = "until %{until}\\n"; };'))
        self.say("drain")
        self.assert_state(daemon, 503, b"go away\n", "drain")
        until = time.strftime("%Y-%m-%dT%H:%M:%SZ",
                              time.gmtime(time.time() + 86400))
        self.say("maintenance", "--until", until)
        self.assert_state(daemon, 503, f"until {until}\n".encode(),
                          "maintenance")

    def test_retry_after(self):
        """The seconds to the end, when that is known; and then it is
        over."""
        daemon = self.daemon()
        for verb, body in (("maintenance", b"under maintenance\n"),
                           ("drain", b"draining\n")):
            self.say(verb, "--until", "+1h")
            wait = int(self.assert_state(daemon, 503, body, verb))
            self.assertTrue(3600 - PATIENCE < wait <= 3600, wait)
            self.say(verb)
            self.assertIsNone(self.assert_state(daemon, 503, body, verb))

        def soon():  # None: over already
            self.say("maintenance", "--until", "+3s")
            return self.ask(GET)[0].fields.get("Retry-After")
        self.assertIn(wait_for(soon, PATIENCE, "an end"), ("1", "2", "3"))
        wait_for(lambda: self.ask(GET)[0].status == 200, PATIENCE,
                 "the end of the maintenance")

    def test_one_of_two(self):
        """A word for one listener leaves the other."""
        port = free_port()
        self.daemon(self.listener() + ", " +
                    self.listener(name="other", port=port))
        self.say("maintenance", "other")
        self.assertEqual(self.ask(GET)[0].status, 200)
        self.assertEqual(self.ask(GET, port=port)[0].status, 503)

    def test_who_was_there_before(self):
        """An answer says what was so when its client came."""
        daemon = self.daemon()
        sock = self.dial()
        wait_for(lambda: daemon.counters()["main"]["accepted"] == 1, PATIENCE,
                 "a client")
        self.say("drain")
        sock.sendall(GET)
        self.assertTrue(read_all(sock).endswith(GREETING))
        self.assertEqual(self.ask(GET)[0].status, 503)

    def test_reload(self):
        """The words survive it."""
        daemon = self.daemon()
        self.say("drain")
        daemon.reload(self.configuration(self.listener(
            'when = { drain = "new\\n"; };')))
        self.assert_state(daemon, 503, b"new\n", "drain")


class Refusals(HttpCase):
    """Answers too, and not before the request either."""

    FULL = 'limits = { max_clients = 1; when_full = "refuse"; };'
    BUSY = b"busy, try again later\n"

    def full(self, more="", top=""):
        """A daemon that serves one, who says nothing, and nobody else."""
        daemon = self.daemon(self.listener(
            f'timeouts = {{ request = 600; session = 600; }}; {more}'),
            self.FULL + top)
        self.held = self.dial()
        wait_for(lambda: daemon.counters()["main"]["live"] == 1, PATIENCE,
                 "the first client")
        return daemon

    def assert_refused(self, status, body, *pieces, again=True, **keywords):
        """What it gets: and when to come again."""
        answer, _ = self.ask(*(pieces or (GET,)), **keywords)
        self.assertEqual((answer.status, answer.body), (status, body))
        self.assert_fields(answer)
        if again:
            self.assertGreater(int(answer.fields["Retry-After"]), 0)
        else:
            self.assertNotIn("Retry-After", answer.fields)
        return answer

    def refused(self, daemon, count, reason="busy"):
        """Waits until so many have been."""
        wait_for(lambda: daemon.counters()["main"]["refused_" + reason] ==
                 count, PATIENCE, f"{count} refused")

    def test_busy(self):
        daemon = self.full()
        self.assert_refused(503, self.BUSY)
        self.assert_refused(503, self.BUSY, b"any", b"thing")
        line = daemon.wait_line("refused")[0]
        self.assertEqual(line["reason"], "busy")
        self.held.close()
        wait_for(lambda: daemon.counters()["main"]["live"] == 0, PATIENCE,
                 "a place")
        self.assertEqual(self.ask(GET)[0].status, 200)
        self.assert_balanced(daemon)

    def test_texts(self):
        """Own ones, their variables, none; none has a content_type of the
        greetings'."""
        self.full('content_type = "application/json"; refusals = { '
                  'busy = "%{reason} %{client_ip} %{retry_after}\\n"; };')
        answer, _ = self.ask(GET)
        self.assertEqual(
            answer.body.decode(),
            f"busy {HOST} {answer.fields['Retry-After']}\n")
        self.assert_fields(answer)

    def test_empty_text(self):
        self.full('refusals = { busy = ""; };')
        self.assert_refused(503, b"")

    def test_denied(self):
        """It never changes, so there is no Retry-After."""
        daemon = self.daemon(self.listener(
            'refusals = { denied = "no\\n"; }; '
            'rules = ( { from = "127.0.0.2"; action = "deny"; }, '
            '{ from = "127.0.0.3"; action = "deny"; '
            'greeting = "not you, %{client_ip}\\n"; } );'))
        self.assert_refused(403, b"no\n", source="127.0.0.2", again=False)
        self.assert_refused(403, b"not you, 127.0.0.3\n", again=False,
                            source="127.0.0.3")
        self.refused(daemon, 2, "denied")
        self.assertEqual(self.ask(GET)[0].status, 200)

    def test_rates(self):
        """All limits for a source, and all rates: 429."""
        for limits, reason in (
                ("rate = 1; burst = 1;", "rate"),
                ("rate_per_source = 1; burst_per_source = 1;",
                 "rate_per_source")):
            with self.subTest(reason):
                port = free_port()
                daemon = self.daemon(self.listener(
                    f'limits = {{ {limits} }}; '
                    'refusals = { rate = "x\\n"; rate_per_source = "x\\n"; };',
                    port=port))
                answer = wait_for(
                    lambda: (got := self.ask(GET, port=port)[0]).status != 200
                    and got, PATIENCE, "somebody refused")
                self.assertEqual((answer.status, answer.body), (429, b"x\n"))
                self.assertGreater(int(answer.fields["Retry-After"]), 0)
                self.assert_fields(answer)
                self.assertGreater(
                    daemon.counters()["main"]["refused_" + reason], 0)

    def test_busy_per_source(self):
        daemon = self.daemon(self.listener(
            "limits = { max_clients_per_source = 1; }; "
            "timeouts = { request = 600; session = 600; }; "
            'refusals = { busy_per_source = "you again\\n"; };'))
        self.dial()
        wait_for(lambda: daemon.counters()["main"]["live"] == 1, PATIENCE,
                 "a client")
        self.assert_refused(429, b"you again\n")
        self.assertEqual(self.ask(GET, source="127.0.0.2")[0].status, 200)

    def test_not_before(self):
        """It is not told before it has said something, as far as can be
        seen."""
        daemon = self.full()

        def told():  # b"": its time, two seconds, was over before it asked
            before = daemon.counters()["main"]["refused_busy"]
            sock = self.dial()
            self.refused(daemon, before + 1)
            if is_held(sock):
                sock.sendall(b"G")
                return read_all(sock)
            self.assertEqual(read_all(sock), b"")
            return b""
        said = wait_for(told, PATIENCE, "an answer")
        self.assertTrue(said.startswith(b"HTTP/1.1 503 "), said)
        self.assertTrue(said.endswith(self.BUSY), said)

    def test_silent(self):
        """Who says nothing, or what may still become HEAD, is closed without
        a word, before long."""
        daemon = self.full()
        for start in b"", b"H", b"HEAD":
            with self.subTest(start):
                begin = time.monotonic()
                answer, _ = self.ask(start)
                took = time.monotonic() - begin
                self.assertEqual(answer.length, 0)
                self.assertTrue(1.9 < took < PATIENCE, took)
        self.refused(daemon, 3)
        self.assertTrue(is_held(self.held))

    def test_head(self):
        """No body, also when the word comes in pieces."""
        self.full()
        for at in range(0, len(HEAD)):
            answer, _ = self.ask(*filter(None, (HEAD[:at], HEAD[at:])))
            self.assertEqual((answer.status, answer.body), (503, b""), at)
            self.assertEqual(answer.fields["Content-Length"],
                             str(len(self.BUSY)))
        sock = self.dial()
        for byte in b"HEAD":
            sock.sendall(bytes([byte]))
            self.assertTrue(is_held(sock))
        sock.settimeout(PATIENCE)
        sock.sendall(b" ")
        self.assertTrue(read_all(sock).endswith(b"\r\n\r\n"))

    def test_almost_head(self):
        """What only begins like it gets a body."""
        self.full()
        for start in b"HEADER ", b"HE\r\n", b"HEAD\t", b"head ", b"X":
            self.assert_refused(503, self.BUSY, start)
            self.assert_refused(503, self.BUSY,
                                *(bytes([byte]) for byte in start))

    def test_large_bodies(self):
        """The answer arrives whole, whatever is said meanwhile."""
        self.full()
        post = b"POST / HTTP/1.1\r\nContent-Length: 5242880\r\n\r\n"
        self.assert_refused(503, self.BUSY, post, b"x" * 5 * MIB)
        self.assert_refused(503, self.BUSY, post + b"x" * MIB, end=True)

    def test_python(self):
        """A client that everybody has understands it."""
        self.full()
        for method in "GET", "HEAD", "POST":
            client = http.client.HTTPConnection(HOST, self.port,
                                                timeout=PATIENCE)
            client.request(method, "/", b"x" * MIB if method == "POST"
                           else None)
            answer = client.getresponse()
            self.assertEqual(answer.status, 503)
            self.assertEqual(answer.read(),
                             b"" if method == "HEAD" else self.BUSY)
            client.close()

    def test_flood(self):
        """Silent ones without end: the set is bounded, the oldest of them
        make room, and who asks is answered."""
        def kept():  # connections that are the daemon's, but for self.held
            return sum(row.inode != 0 and row.state != "LISTEN"
                       for row in kernel_sockets(self.port)) - 1
        daemon = self.full()
        silent = [self.dial() for _ in range(600)]
        self.refused(daemon, 600)
        self.assertLessEqual(kept(), LINGER_MAX)
        self.assert_refused(503, self.BUSY)
        for sock in silent:
            self.assertEqual(read_all(sock), b"")
        wait_for(lambda: kept() == 0, PATIENCE, "their end")
        self.assertTrue(is_held(self.held))
        self.assert_balanced(daemon)


if __name__ == "__main__":
    from harness import main
    main()
