"""The transitions that stand in the code, and those that stand in the model."""

import os
import re

from readme import TOP

HERE = os.path.dirname(os.path.abspath(__file__))
FOLDERS = ("src/master", "src/spawner/image")
# What changes the phase of a client, the state of a spawner or of an upgrade, or
# is a message; the group is what it becomes.
PATTERNS = (
    ("phase", re.compile(r"\bclients_move\(\s*[^,]+,\s*[^,]+,\s*([^;]*)\);")),
    ("phase", re.compile(r"\bclients_(remove)\(")),
    ("phase", re.compile(r"\bclients_(add)\(")),
    ("proxied", re.compile(r"\bclient->proxied = ([^;]+);")),
    ("proxied", re.compile(r"\bdismiss\(service, client, (\w+)\);")),
    ("state", re.compile(r"state = (SPAWNER_\w+);")),
    ("doomed", re.compile(r"\bdoomed = (\w+);")),
    ("current", re.compile(r"\bspawners->current = ([^;=]+);")),
    ("standby", re.compile(r"\bspawners->standby = ([^;=]+);")),
    ("stage", re.compile(r"\bupgrade->stage = (\w+);")),
    ("stage", re.compile(r"(\*upgrade) = \(struct upgrade\)")),
    ("order", re.compile(r"\b(sendmsg)\(spawner->socket")),
    ("order", re.compile(r"\b(call3)\(SYS_recvmsg, SPAWNER_SOCKET")),
    ("order", re.compile(r"\bdescriptor_(close)\(&spawner->socket\)")),
    ("row", re.compile(r"__atomic_(store)_n\(\s*(?:&\w+->page|pid,)")),
    ("row", re.compile(r"__atomic_(load)_n\([^;]*page")),
    ("row", re.compile(r"\| (CLONE_PARENT_SETTID) \|")),
    ("pair", re.compile(r"\b(sendmsg)\(client->pair")),
    ("pair", re.compile(r"\b(recv)\(client->pair")),
    ("pair", re.compile(r"\b(shutdown)\(client->pair")),
    ("pair", re.compile(r"\b(call_declare|call_await_go)\((?!const|void)")),
)
FUNCTION = re.compile(r"^(\w+)\((?:[^;]|\n)*?\)\n\{", re.MULTILINE)
MARK = re.compile(r"\b(?:MOVE\(\s*(\w+),\s*\w+,\s*(\w+),\s*(\w+)\)"
                  r"|(?:CHANGE|STEP)\((\w+)[,)]|DISMISS\(\w+, (\w+),)")
ENUMS = (("src/master/clients/clients.h", "CLIENT_"),
         ("src/master/clients/proxy.h", "PROXIED_"),
         ("src/master/generations/spawners.h", "SPAWNER_"),
         ("src/master/server.h", "UPGRADE_"))


def _read(path):
    with open(path, encoding="utf-8") as file:
        return file.read()


def _sources():
    for folder in FOLDERS:
        for at, _, names in os.walk(os.path.join(TOP, folder)):
            for name in sorted(names):
                if name.endswith(".c"):
                    path = os.path.join(at, name)
                    yield (os.path.relpath(path, os.path.join(TOP, "src")),
                           re.sub(r"/\*.*?\*/", lambda comment: re.sub(
                               r"[^\n]", " ", comment.group()),
                               _read(path), flags=re.DOTALL))


def _function(text, at):
    """The one that the place is in; "-": none."""
    name = "-"
    for match in FUNCTION.finditer(text, 0, at + 1):
        name = match.group(1)
    return name if text.rfind("\n}\n", 0, at) < text.rfind("\n{\n", 0, at) \
        else "-"


def of_code():
    """A list of (file, function, what, to), each as often as it stands there."""
    found = []
    for path, text in _sources():
        for what, pattern in PATTERNS:
            for match in pattern.finditer(text):
                to = re.sub(r"\s+", "", match.group(1))
                names = re.findall(r"\b(?:CLIENT|PROXIED)_[A-Z]+\b", to)
                function = _function(text, match.start())
                if function == "-" and what == "phase":
                    continue  # its definition
                for one in names or [to]:
                    found.append((path, function, what, one))
    return sorted(found)


def of_model():
    """{name: "FROM>TO" or ""} of the model's marks; two with one name must be
    the same."""
    marks = {}
    for name in sorted(os.listdir(HERE)):
        if not name.endswith(".pml"):
            continue
        text = re.sub(r"#define [^\n]*(?:\\\n[^\n]*)*STEP\(name\)[^\n]*", "",
                      _read(os.path.join(HERE, name)))
        for moved, start, to, step, dismissed in MARK.findall(text):
            mark = moved or step or dismissed
            if mark == "name":
                continue
            change = f"{start}>{to}" if moved else ""
            if marks.setdefault(mark, change) != change:
                raise ValueError(f"{name}: two transitions are {mark}")
    return marks


def constants():
    """What the code's enums and the model's constants are, for comparison."""
    model = dict(re.findall(r"^#define (\w+) (\d+)$",
                            _read(os.path.join(HERE, "names.pml")),
                            re.MULTILINE))
    for path, prefix in ENUMS:
        text = re.sub(r"/\*.*?\*/", "", _read(os.path.join(TOP, path)),
                      flags=re.DOTALL)
        for body in re.findall(r"enum \w+ \{(.*?)\}", text, re.DOTALL):
            words = re.findall(r"\w+", body)
            if words[0].startswith(prefix) and words[0] in model:
                theirs = {word: str(number) for number, word
                          in enumerate(words)
                          if not word.endswith("_PHASES")}
                ours = {name: number for name, number in model.items()
                        if name.startswith(prefix)}
                yield path, theirs, ours


def table():
    """Rows of the table: (file, function, what, to), [names]; none: it says why
    not."""
    for line in _read(os.path.join(HERE, "transitions")).splitlines():
        if line.startswith("#") or not line:
            continue
        place, names = line.split(" = ", 1)
        yield (tuple(place.split()),
               [] if names.startswith("- ") else names.split())


def _differences(ours, theirs, where):
    return [f"only {where[0]}: {' '.join(one)}"
            for one in sorted(ours - theirs)] + \
        [f"only {where[1]}: {' '.join(one)}" for one in sorted(theirs - ours)]


def _ends(rows, marks):
    """Where the table pairs a phase with a MOVE() to another one."""
    return [f"{' '.join(place)} is {name}, {marks[name]}"
            for place, names in rows for name in names
            if place[2] == "phase" and place[3].startswith("CLIENT_") and
            marks.get(name, ">" + place[3]).split(">")[1] != place[3]]


def compare():
    """Yields (what is compared, [differences])."""
    rows, marks = list(table()), of_model()
    yield ("code and table have the same transitions",
           _differences(set(of_code()), {place for place, _ in rows},
                        ("in the code", "in the table")))
    named = [name for _, names in rows for name in names]
    yield ("model and table have the same transitions",
           _differences({(name,) for name in marks},
                        {(name,) for name in named},
                        ("in the model", "in the table")))
    yield ("the transitions end in the same phases", _ends(rows, marks))
    enums = list(constants())
    yield ("the phases and states are the same",
           [f"{path}: {theirs}, the model: {ours}"
            for path, theirs, ours in enums if theirs != ours] +
           ([] if len(enums) == len(ENUMS) else ["an enum was not found"]))
