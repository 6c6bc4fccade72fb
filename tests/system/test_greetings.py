"""Greetings with variables: what each client gets is its own."""

import datetime
import os
import re
import socket

from harness import Case, HOST, connect, free_port, greet, read_all

ROOM = 4096  # GREET_MESSAGE_MAX


class Variables(Case):
    """Filled in for each client, in all kinds of greetings."""

    def file(self, content):
        """The path of a file with that content."""
        path = os.path.join(self.folder(), "greeting")
        with open(path, "wb") as file:
            file.write(content)
        return path

    def said(self, source=None, port=None):
        """What a client from there gets, and its own port."""
        with connect(port or self.port, source=source) as sock:
            return read_all(sock).decode(), sock.getsockname()[1]

    def test_client(self):
        """Address and port of both ends, and whose listener it is."""
        self.daemon(self.listener(
            'greeting = "%{client_ip} %{client_port} %{server_ip} '
            '%{server_port} %{listener}\\n";'))
        for source in "127.0.0.1", "127.0.0.2":
            said, port = self.said(source)
            self.assertEqual(
                said, f"{source} {port} {HOST} {self.port} main\n")

    def test_numbers(self):
        """The id of the log, how many there are, and what refusals have."""
        daemon = self.daemon(self.listener(
            'hold = true; greeting = "%{id} %{clients} [%{reason}] %{limit} '
            '%{hostname}\\n";'))
        with connect(self.port) as first, connect(self.port) as second:
            self.assertEqual(first.recv(100).decode(),
                             f"1 1 [] 0 {socket.gethostname()[:64]}\n")
            self.assertEqual(second.recv(100).decode(),
                             f"2 2 [] 0 {socket.gethostname()[:64]}\n")
        lines = daemon.wait_line("client", 2)
        self.assertEqual({line["id"] for line in lines}, {"1", "2"})
        self.assertEqual({line["bytes"] for line in lines},
                         {str(len(f"1 1 [] 0 {socket.gethostname()[:64]}\n"))})

    def test_time(self):
        self.daemon(self.listener(
            'greeting = "%{time} %{unixtime} %{time:%d %b %Y %H:%M}\\n";'))
        said, _ = self.said()
        found = re.fullmatch(r"(\S+)Z (\d+) (.*)\n", said)
        then = datetime.datetime.fromisoformat(found.group(1)).replace(
            tzinfo=datetime.timezone.utc)
        self.assertEqual(int(then.timestamp()), int(found.group(2)))
        self.assertEqual(then.strftime("%d %b %Y %H:%M"), found.group(3))
        now = datetime.datetime.now(datetime.timezone.utc)
        self.assertLess(abs((now - then).total_seconds()), 60)

    def test_rules(self):
        """Those of rules too, of one that denies too."""
        daemon = self.daemon(self.listener(
            'rules = ( { from = "127.0.0.2"; action = "deny"; '
            'greeting = "%{client_ip}: %{reason}\\n"; }, '
            '{ from = "127.0.0.3"; action = "allow"; '
            'greeting = "hello %{client_ip}\\n"; } ); '
            'greeting = "%{client_ip}\\n";'))
        self.assertEqual(self.said("127.0.0.2")[0], "127.0.0.2: denied\n")
        self.assertEqual(self.said("127.0.0.3")[0], "hello 127.0.0.3\n")
        self.assertEqual(self.said("127.0.0.4")[0], "127.0.0.4\n")
        daemon.wait_line("refused", src="127.0.0.2", reason="denied")

    def test_any_bytes(self):
        """A file with variables may have any other bytes."""
        text = bytes(range(256)) + b"\r\n%{server_port}\n%%{x%}"
        text = text.replace(b"%{x", b"%{id}")
        path = self.file(text)
        self.daemon(self.listener(f'greeting_file = "{path}";'))
        self.assertEqual(greet(self.port), text.replace(
            b"%{server_port}", b"%d" % self.port).replace(b"%{id}", b"1"))

    def test_line_ending(self):
        """They are converted before: what comes from outside is not."""
        self.daemon(self.listener(
            'line_ending = "crlf"; greeting = "%{id}\\n%{listener}\\r\\n\\n";'))
        self.assertEqual(greet(self.port), b"1\r\nmain\r\n\r\n")

    def test_off(self):
        """With variables = false all is text, in rules too."""
        self.daemon(self.listener(
            'variables = false; greeting = "%{client_ip} %{nothing} %{"; '
            'rules = ( { from = "127.0.0.2"; action = "allow"; '
            'greeting = "%{id}"; } );'))
        self.assertEqual(self.said()[0], "%{client_ip} %{nothing} %{")
        self.assertEqual(self.said("127.0.0.2")[0], "%{id}")

    def test_longest(self):
        """As long as may be; a byte more is refused, and the daemon goes on."""
        variable = "%{client_port}"  # at most 5 bytes
        daemon = self.daemon(self.listener(
            f'greeting = "{"x" * (ROOM - 5)}{variable}";'))
        said, port = self.said()
        self.assertEqual(said, "x" * (ROOM - 5) + str(port))
        with self.assertRaisesRegex(AssertionError, "longer than 4096 bytes"):
            daemon.reload(self.configuration(self.listener(
                f'greeting = "{"x" * (ROOM - 4)}{variable}";')))
        self.assertEqual(self.said()[0][:-5], "x" * (ROOM - 5))

    def test_first_listener_is_the_canary(self):
        """One whose text is longer than what it can become."""
        text = "%{time:" + "%%" * 2000 + "}"
        daemon = self.daemon(", ".join((
            self.listener(f'greeting = "{text}";'),
            self.listener('greeting = "%{listener}";', "b",
                          (port := free_port())))))
        self.assertEqual(greet(self.port), b"%" * 2000)
        self.assertEqual(greet(port), b"b")
        for hold in "", "hold = true; ":
            daemon.reload(self.configuration(self.listener(
                f'{hold}greeting = "";')))
            with self.connect(self.port) as sock:
                sock.shutdown(socket.SHUT_WR)
                self.assertEqual(read_all(sock), b"")

    def test_ipv6(self):
        """An IPv4-mapped client is shown as IPv4."""
        self.daemon('{ address = "::"; v6only = false; '
                    f'port = {self.port}; '
                    'greeting = "%{client_ip} %{server_ip}"; }')
        self.assertEqual(greet(self.port), b"127.0.0.1 127.0.0.1")
        self.assertEqual(greet(self.port, host="::1"), b"::1 ::1")


if __name__ == "__main__":
    from harness import main
    main()
