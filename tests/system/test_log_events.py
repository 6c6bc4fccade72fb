"""The table of events: the source, the manual and each renderer have it."""

import glob
import itertools
import json
import os
import re
import subprocess
import unittest

from harness import TIME
from outputs import native_fields

SOURCE = os.environ.get("top_srcdir", ".")
PROGRAM = os.path.join(os.path.abspath(os.environ.get("BUILDDIR", ".")),
                       "tests/system/events")
LEVELS = ("error", "warning", "notice", "info", "debug")
LARGEST, SMALLEST = 2 ** 64 - 1, -2 ** 63
# Written by the log itself, not by log_event().
OF_THE_LOG = {"log", "message"}
TEXTS = (
    b"two words", b"", b"=", b'"', b"\\", b'\\"', b'a" b="1', b"\\x1b",
    b"\x1b[31m", b"a\nreload result=ok\n", b"\r\t\x01\x7f", b"\x9b31m",
    "\x9b31m \xa0 ü € 😀 \u2028 \u202e".encode(), b"\xff\xfe",
    b"\xc3", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\xc0\xaf",
    b"</script>&<", b"{}[],:null", b"%s%n%1$s", b"x" * 100,
)


def run(*arguments):
    """What the program of the test writes."""
    return subprocess.run([PROGRAM, *arguments], check=True,
                          stdout=subprocess.PIPE).stdout


def keys_of(text):
    """'a [b]' -> {'a': True, 'b': False}: is it in every line?"""
    return {key.strip("[]"): not key.startswith("[") for key in text.split()}


def table():
    """The rows of log_events.c: {word: {key: bool}}."""
    rows = [line.split("\t") for line in run("table").decode().splitlines()]
    return {word: keys_of(keys) for word, keys in rows}


def shown(text):
    """The text with \\xNN for what shared/escape.h does not show."""
    characters = []
    for character in text.decode("utf-8", "surrogateescape"):
        number = ord(character)
        if 0xdc80 <= number <= 0xdcff:
            characters.append(f"\\x{number - 0xdc00:02x}")
        elif number < 0x20 or 0x7f <= number <= 0xa0:
            characters += [f"\\x{byte:02x}" for byte in character.encode()]
        else:
            characters.append(character)
    return "".join(characters)


def expected(row, word, keys, text):
    """The fields that the program gives that row."""
    if word == "message":
        return {"message": text}
    values = itertools.cycle((LARGEST, SMALLEST, "a-word", text))
    return {"level": LEVELS[row % len(LEVELS)], "event": word,
            **dict(zip(keys, values))}


class Renderers(unittest.TestCase):
    """Each row of the table goes through each of them, with hostile texts."""

    def each(self, form, text):
        """Rows and what that renderer made of them."""
        output = run(form, text)
        rows = list(table().items())
        if form == "native":
            for row, (word, keys) in enumerate(rows):
                length, output = output.split(b"\n", 1)
                yield row, word, keys, output[:int(length)]
                output = output[int(length):]
            self.assertEqual(output, b"")
            return
        lines = output.decode("utf-8").split("\n")
        self.assertEqual(lines.pop(), "")
        self.assertEqual(len(lines), len(rows), lines)
        for row, (line, (word, keys)) in enumerate(zip(lines, rows)):
            yield row, word, keys, line

    def test_text(self):
        """key=value pairs that can be told apart again."""
        for text in TEXTS:
            for _, word, keys, line in self.each("text", text):
                with self.subTest(word=word, text=text):
                    self.assertTrue(line == shown(line.encode()), line)
                    if word == "message":
                        self.assertEqual(line, shown(text))
                        continue
                    self.assertTrue(line.startswith(word + " "), line)
                    pairs = re.findall(
                        r' (\w+)=(?:"((?:[^"\\]|\\.)*)"|([^" ]\S*))',
                        line[len(word):])
                    self.assertEqual("".join(
                        f' {key}="{quoted}"' if not bare else f" {key}={bare}"
                        for key, quoted, bare in pairs), line[len(word):])
                    wanted = expected(0, word, keys, self.quoted(text))
                    self.assertEqual({key: bare or quoted for key, quoted, bare
                                      in pairs},
                                     {key: str(wanted[key]) for key in keys})

    @staticmethod
    def quoted(text):
        """As it stands within quotes."""
        return shown(text.replace(b"\\", b"\\\\").replace(b'"', b'\\"'))

    def test_json(self):
        """Valid objects with the same keys in the same order."""
        for text in TEXTS:
            for row, word, keys, line in self.each("json", text):
                with self.subTest(word=word, text=text):
                    found = json.loads(line, object_pairs_hook=list)
                    names = [name for name, _ in found]
                    self.assertEqual(len(set(names)), len(names))
                    found = dict(found)
                    if row % 2 == 0:
                        self.assertEqual(names[0], "time")
                        self.assertRegex(found.pop("time"), f"^{TIME}$")
                    wanted = {"level": LEVELS[row % len(LEVELS)],
                              "event": word,
                              **expected(row, word, keys, shown(text))}
                    self.assertEqual(list(found.items()),
                                     list(wanted.items()))

    def test_native(self):
        """Fields with their bytes, in the binary form where they need it."""
        lines = {text: [line for *_, line in self.each("text", text)]
                 for text in TEXTS}
        for text in TEXTS:
            for row, word, keys, datagram in self.each("native", text):
                with self.subTest(word=word, text=text):
                    fields, binary = native_fields(datagram)
                    self.check_native(fields, row, word, expected(
                        row, word, keys, text), lines[text][row])
                    self.assertEqual(binary, {
                        name for name, value in fields.items()
                        if value == text and shown(text).encode() != text})

    def check_native(self, fields, row, word, wanted, line):
        """All that are wanted, and nothing else."""
        self.assertEqual(fields.pop("MESSAGE").decode(), line)
        self.assertEqual(fields.pop("PRIORITY"),
                         b"%d" % (3 + row % len(LEVELS)))
        self.assertEqual(fields.pop("SYSLOG_FACILITY"), b"19")
        self.assertEqual(fields.pop("SYSLOG_IDENTIFIER"), b"forkgreetd")
        self.assertEqual(fields.pop("FORKGREET_EVENT"), word.encode())
        for key in "level", "event", "message":
            wanted.pop(key, None)
        self.assertEqual(fields, {
            "FORKGREET_" + key.upper():
            value if isinstance(value, bytes) else str(value).encode()
            for key, value in wanted.items()})

    def test_long_texts(self):
        """What does not fit is cut, and the form stays whole."""
        for length in (900, 1000, 1023, 1024, 1025, 2000, 2040, 3000, 100000):
            for character in b"x", b'"', b"\xff", "€".encode():
                text = (character * length)[:120000]
                with self.subTest(character=character, length=length):
                    self.check_long(text)

    def check_long(self, text):
        """One text, all forms."""
        for *_, line in self.each("text", text):
            self.assertLess(len(line.encode()), 1024)
            self.assertEqual(line, shown(line.encode()))
        for *_, line in self.each("json", text):
            found = json.loads(line)
            self.assertLess(len(line.encode()), 2048)
            self.assertTrue(found.get("cut", False) or shown(text) in
                            found.values() or len(found) < 7, line)
        for *_, datagram in self.each("native", text):
            self.assertLessEqual(len(datagram), 8192)
            for name, value in native_fields(datagram)[0].items():
                self.assertTrue(name == "MESSAGE" or len(value) < 40 or
                                value == text[:1024], name)


def calls():
    """Each call of log_event() in the source: its place and its text."""
    with open(os.path.join(SOURCE, "src/master/clients/fields.h"),
              encoding="utf-8") as file:
        fields = dict(re.findall(
            r"#define (\w+_FIELDS\()[^)]*\)\s*\\\n(.*?)\n\n", file.read(),
            re.S))
    for path in sorted(glob.glob(os.path.join(SOURCE, "src/**/*.c"),
                                 recursive=True)):
        with open(path, encoding="utf-8") as file:
            text = file.read()
        for match in re.finditer(r"\blog_event\(", text):
            end = text.index(");", match.end())
            yield path, re.sub(r"\w+_FIELDS\(",
                               lambda name: fields[name[0]] + "(",
                               text[match.end():end])


class Table(unittest.TestCase):
    """It says what the source does and what the manual says."""

    def test_each_call_is_a_row(self):
        """Every word, with its keys in their order; a key that is not in every
        line is in brackets."""
        rows, seen = table(), {}
        for path, call in calls():
            word = re.search(r'"([^"]*)"', call)[1]
            found = re.findall(r'(LOG_IF\([^;]*?)?LOG_(?:NUMBER|SIGNED|WORD|'
                               r'QUOTED)\(\s*"(\w+)"', call)
            with self.subTest(path=path, word=word):
                self.assertIn(word, rows)
                keys = rows[word]
                used = [key for _, key in found]
                self.assertEqual([key for key in keys if key in used], used)
                always = {key for condition, key in found if not condition}
                self.assertLessEqual({key for key in keys if keys[key]},
                                     always)
                seen.setdefault(word, set()).update(used)
        self.assertEqual(set(rows) - set(seen), OF_THE_LOG)
        # The counters of a listener have keys that are made up.
        made_up = {"listener", "accepted", "refused_REASON", "ended_OUTCOME"}
        for word, used in seen.items():
            with self.subTest(word=word):
                self.assertEqual(set(rows[word]) - used,
                                 made_up if word == "counters" else set())

    def test_no_key_is_taken(self):
        """None means something else in JSON or in the journal."""
        for word, keys in table().items():
            with self.subTest(word=word):
                self.assertEqual(set(keys) & {"time", "level", "event", "cut"},
                                 set())
                self.assertEqual([key for key in keys if not re.fullmatch(
                    "[a-z][a-z_]{0,50}(REASON|OUTCOME)?", key)], [])

    def test_manual(self):
        """forkgreetd(8), EVENTS, has the same rows in the same order."""
        with open(os.path.join(SOURCE, "src/master/forkgreetd.8"),
                  encoding="utf-8") as file:
            section = re.search(r"^\.Sh EVENTS\n(.*?)^\.Sh ", file.read(),
                                re.S | re.M)[1]
        found = re.findall(
            r"^\.It Cm (.*)\n(?:[^.\n].*\n)+\.br\n((?:[^.\n].*\n)+)", section,
            re.M)
        self.assertEqual([(word, keys_of(keys)) for word, keys in found],
                         list(table().items()))


if __name__ == "__main__":
    from harness import main
    main()
