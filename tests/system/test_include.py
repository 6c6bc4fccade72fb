"""Files that the configuration includes: what they add, whose errors are whose,
whom they must belong to, and what a reload makes of one that comes or goes."""

import os
import re
import socket
import threading
import unittest

from harness import (Case, HOST, IS_ROOT, USER, exists, free_port, greet,
                     if_also_user)
from test_trust import NEXT, OTHER, TrustCase


class IncludeCase(TrustCase):
    """Tests with a directory of files."""

    def setUp(self):
        super().setUp()
        self.ports = [free_port() for _ in range(3)]

    def put(self, name, text, **more):
        """A file of the directory, put there by a rename; its path."""
        fresh = self.make(self.place, text, name=name + ".new", **more)
        path = os.path.join(self.place, name)
        os.rename(fresh, path)
        return path

    def put_listener(self, name, number, more="", **keywords):
        """One with a listener of that name, on self.ports[number]."""
        group = self.listener(more or f'greeting = "{name}";', name,
                              self.ports[number])
        return self.put(name, f"listeners = (\n{group} );\n", **keywords)

    def with_include(self, pattern="*.conf", more=""):
        """The configuration, with "main" on self.port."""
        return self.configuration(
            top=f'\ninclude = "{self.place}/{pattern}";{more}')

    def says(self, *texts, status=78, config=None, arguments=("-t",)):
        """The program ends with that status and those lines, but for its
        name."""
        path = self.file(config or self.with_include())
        result = self.run_with(path, *arguments)
        lines = result.stderr.replace("forkgreetd: ", "").splitlines()
        self.assertEqual(
            (result.returncode, lines),
            (status, [text.replace("FILE", path) for text in texts]))

    def are_served(self, *names):
        """Exactly the listeners of these files, of which number i stands at
        ports[i], or None."""
        for port, name in zip(self.ports, names):
            if name is None:
                with self.assertRaises(ConnectionRefusedError):
                    self.connect(port).close()
            else:
                self.assertEqual(greet(port), name.encode())


class Include(IncludeCase):
    """What is in the files counts."""

    def test_start_and_reload(self):
        """Each file adds listeners, and takes them with it; "main" and its
        clients do not notice."""
        self.put_listener("a.conf", 0)
        self.put_listener("b.conf", 1)
        self.put_listener("c.off", 2)
        daemon = self.start(config=self.with_include())
        self.are_served("a.conf", "b.conf", None)
        with socket.create_connection((HOST, self.ports[1])) as held:
            os.rename(os.path.join(self.place, "c.off"),
                      os.path.join(self.place, "c.conf"))
            os.unlink(os.path.join(self.place, "a.conf"))
            line = daemon.reload()
            self.assertEqual((line["added"], line["removed"]), ("1", "1"))
            self.are_served(None, "b.conf", "c.off")
            self.assertEqual(held.recv(100), b"b.conf")
        self.assertEqual(greet(self.port), b"hi client\n")
        self.assert_balanced(daemon)

    def start(self, config):
        return self.daemon(config=config, as_user=self.as_user)

    def test_reload_of_the_key(self):
        """It is as any key: a reload takes it in, changes it, takes it out."""
        self.put_listener("a.conf", 0)
        self.put_listener("b.conf", 1)
        daemon = self.start(self.configuration())
        self.are_served(None, None)
        for pattern, names in (("*.conf", ("a.conf", "b.conf")),
                               ("b*", (None, "b.conf")),
                               ("nothing*", (None, None))):
            daemon.reload(self.with_include(pattern))
            self.are_served(*names)
        daemon.reload(self.with_include())
        daemon.reload(self.configuration())
        self.are_served(None, None)

    def test_reload_that_fails(self):
        """A file with an error, or one that is empty because it is being
        written, changes nothing, and the log says which one it is."""
        self.put_listener("a.conf", 0)
        daemon = self.start(self.with_include())
        for text, error in (
                ("", ":1: listeners: missing, expected a list of groups, as "
                 "in ( { port = 4444; } )"),
                ("listeners = ( \n{ port = 0; } );",
                 ":2: listeners[0].port: 0 is out of range, expected 1 to "
                 "65535")):
            path = self.put("b.conf", text)
            daemon.reload(result="failed")
            self.assertTrue([line for line in daemon.log()
                             if line.endswith(path + error)], daemon.log())
            self.are_served("a.conf")
        self.put_listener("b.conf", 1)
        daemon.reload()
        self.are_served("a.conf", "b.conf")

    def test_dump(self):
        """It is the merged configuration, and starts a daemon by itself."""
        path = self.put_listener("a.conf", 0)
        result = self.run_with(self.file(self.with_include()), "-T")
        self.assertEqual((result.returncode, result.stderr), (0, ""))
        self.assertIn(f"\n\t# {path}:2\n\t{{\n\t\tname = \"a.conf\";\n",
                      result.stdout)
        self.assertIn(f'\ninclude = ""; # "{self.place}/*.conf": listeners of '
                      "1 file below\n", result.stdout)
        os.unlink(path)
        self.start(result.stdout)
        self.are_served("a.conf", None)


class Errors(IncludeCase):
    """Each message has its file and line."""

    def test_silent(self):
        """No file, no directory, or one that is right."""
        for pattern in "*.conf", "missing/*.conf":
            self.says(status=0, config=self.with_include(pattern))
        self.put_listener("a.conf", 0)
        self.says(status=0)

    def test_of_all_files(self):
        paths = [self.put("a.conf", "listeners = ( { port = 1; } ); user ="),
                 self.put("b.conf", "\nlisteners = ( { x = 1; } );"),
                 self.put("c.conf", 'user = "u";\nlisteners = ();')]
        path = self.file(self.with_include())
        result = self.run_with(path, "-t")
        self.assertEqual(result.returncode, 78)
        text = result.stderr.replace("forkgreetd: ", "")
        for expected in (f"{paths[0]}:1: ",
                         f"{paths[1]}:2: listeners[0].x: unknown key",
                         f"{paths[2]}:1: user: is not for an included file, "
                         f"expected listeners only ({path} has the rest)",
                         f"{paths[2]}:2: listeners: 0 groups are out of"):
            self.assertIn("\n" + expected, "\n" + text)

    def test_duplicates(self):
        """Of the configuration and of another file; both places are named."""
        group = self.listener(name="one", port=self.ports[0])
        first = self.put("a.conf", f"\n\nlisteners = ( {group} );")
        second = self.put("b.conf", "listeners = ( " + self.listener(
            name="two", port=self.ports[0]) + " );")
        third = self.put("c.conf", "listeners = ( " + self.listener(
            name="main", port=self.ports[1]) + " );")
        config = self.with_include()
        line = config.partition("listeners = (")[0].count("\n") + 1
        self.says(
            f"{second}:1: listeners[0].address: {HOST}:{self.ports[0]} cannot "
            f"be bound beside {HOST}:{self.ports[0]} of listeners[0] "
            f"({first}:3), choose another port or address",
            f'{third}:1: listeners[0].name: "main" is the name of '
            f"listeners[0] too (FILE:{line}), expected one that no other "
            "has", config=config)

    def test_relative(self):
        """Which directory would it be relative to, after a reload?"""
        for pattern in "forkgreet.d/*.conf", "*.conf":
            path = self.file(f'include = "{pattern}";')
            result = self.run_with(path, "-t")
            self.assertEqual(result.returncode, 78)
            self.assertIn(f'{path}:1: include: "{pattern}" is not an absolute '
                          "path, expected one", result.stderr)

    def test_greeting(self):
        """What a listener names is read later, and still its file's."""
        path = self.put_listener("a.conf", 0, 'greeting_file = "/no/such";')
        self.says(f'{path}:2: listeners[0].greeting_file: "/no/such": No such '
                  "file or directory")

    def test_bind(self):
        """So is an address that is in use, or not there."""
        path = self.put_listener("a.conf", 0)
        with socket.create_server((HOST, self.ports[0])):
            result = self.run_with(self.file(self.with_include()), "-f")
        self.assertEqual(result.returncode, 69, result.stderr)
        self.assertIn(f"{path}:2: bind {HOST}:{self.ports[0]}: Address already "
                      "in use", result.stderr)

    def test_warnings(self):
        """What is bad advice, and what has no effect."""
        path = self.put_listener(
            "a.conf", 0, 'greeting = "\\x07"; content_type = "a/b"; rules = ( '
            '{ from = "any"; action = "deny"; }, '
            '{ from = "any"; action = "allow"; } );')
        result = self.run_with(self.file(self.with_include()), "-t")
        self.assertEqual(result.returncode, 0, result.stderr)
        for text in ("listeners[0].content_type: has no effect",
                     "listeners[0].rules[1].from: can never match",
                     "listeners[0].greeting: "):
            self.assertIn(f"{path}:2: {text}", result.stderr)


class Trust(IncludeCase):
    """Whose they are counts as for the configuration."""

    def test_owner(self):
        if not IS_ROOT:
            self.skipTest("only root can give files away")
        for owner in 0, USER:
            self.put_listener("a.conf", 0, owner=owner)
            self.says(status=0)
        path = self.put_listener("a.conf", 0, owner=OTHER)
        self.said(f"{path}: ", f"belongs to user {OTHER}, expected root or "
                  f"user {USER}: chown root it")

    def said(self, *texts):
        result = self.run_with(self.file(self.with_include()), "-t")
        self.assertEqual(result.returncode, 78, result.stderr)
        for text in texts:
            self.assertIn(text, result.stderr)

    def test_modes(self):
        for mode in 0o664, 0o646:
            path = self.put_listener("a.conf", 0, mode=mode)
            self.said(f"{path}: group or others can write")

    def test_directory(self):
        path = self.put_listener("a.conf", 0)
        os.chmod(self.place, 0o777)
        self.said(f"{path}: ", NEXT.format(self.place, 0o777))

    def test_link(self):
        """Both directories count."""
        other = self.make_folder(0o777)
        path = self.put_listener("a.conf", 0)
        os.rename(path, os.path.join(other, "file"))
        os.symlink(os.path.join(other, "file"), path)
        self.said(f"{path}: ", NEXT.format(other, 0o777))
        os.chmod(other, 0o755)
        self.says(status=0)

    def test_kinds(self):
        path = os.path.join(self.place, "a.conf")
        for make, why in ((os.mkdir, "is a directory, not a regular file"),
                          (os.mkfifo, "is not a regular file")):
            make(path)
            self.said(f"{path}: {why} (included by ")
            if os.path.isdir(path):
                os.rmdir(path)
            else:
                os.unlink(path)

    def test_size(self):
        path = self.put_listener("a.conf", 0)
        with open(path, "ab") as file:
            file.truncate(1 << 30)
        self.said(f"{path}: ", "20971520 bytes")

    def test_what_a_reload_cannot_read(self):
        """Root could: the start says so already."""
        if not IS_ROOT or self.as_user:
            self.skipTest("only root reads what others cannot")
        path = self.put_listener("a.conf", 0, mode=0o600)
        os.chown(path, 0, 0)
        self.said(f"{path}: as user nobody: Permission denied (a reload could "
                  "not read it)")
        os.chmod(path, 0o644)
        os.chmod(self.place, 0o711)
        self.said(f'include: "{self.place}/*.conf": as user nobody: '
                  "Permission denied (a reload could not read it)")


class Moves(IncludeCase):
    """A file that comes and goes all the time."""

    def test_in_or_out(self):
        """Each reload succeeds, and has the file as it was once, or not at
        all; 40, and more until both have been seen."""
        self.put_listener("b.conf", 0)
        daemon = self.daemon(config=self.with_include(), as_user=self.as_user)
        path = os.path.join(self.place, "b.conf")
        done = threading.Event()

        def move():
            number = 0
            while not done.is_set():
                number += 1
                self.put_listener(
                    "b.conf", 0, f'greeting = "{"x" * (number % 2000)}.";')
                if number % 2:
                    os.unlink(path)
        mover = threading.Thread(target=move)
        mover.start()
        seen = set()
        try:
            for count in range(1000):
                if count >= 40 and len(seen) == 2:
                    break
                daemon.reload()
                self.assertEqual(greet(self.port), b"hi client\n")
                try:
                    text = greet(self.ports[0])
                except ConnectionRefusedError:
                    seen.add("out")
                    continue
                self.assertTrue(re.fullmatch(rb"(x*\.|b\.conf)", text), text)
                seen.add("in")
        finally:
            done.set()
            mover.join()
        self.assertEqual(seen, {"in", "out"})
        self.assertTrue(exists(daemon.pid))
        self.assert_balanced(daemon)


@if_also_user
class IncludeAsUser(Include):
    """The same, started by an ordinary user."""

    as_user = True


@if_also_user
class TrustAsUser(Trust):
    """The same, started by an ordinary user."""

    as_user = True


if __name__ == "__main__":
    from harness import main
    main()
