"""AppArmor profiles as far as files and capabilities go: what a profile allows."""

import os
import re

DELETED = " (deleted)"
FOLDER = "/etc/apparmor.d"  # of the package apparmor: tunables, abstractions
_RULE = re.compile(r"""(?P<owner>owner\s+)?(?P<path>"[^"]+"|[/@]\S+)\s+
                   (?P<permissions>[a-zA-Z]+)\s*(->\s*\S+)?\s*,""", re.X)
_VARIABLE = re.compile(r"(@\{\w+\})\s*\+?=\s*(.*)")
_HEAD = re.compile(r"profile\s.*flags=\((?P<flags>[^)]*)\)\s*\{")
_INCLUDE = re.compile(r"#?include\s+(if exists\s+)?<([^>]+)>")


def _lines(path):
    """Lines without comments, those of what it includes in their place."""
    if os.path.isdir(path):
        for name in sorted(os.listdir(path)):
            yield from _lines(os.path.join(path, name))
        return
    with open(path, encoding="utf-8") as file:
        for line in file:
            line = line.strip()
            include = _INCLUDE.match(line)
            if include:
                other = os.path.join(FOLDER, include.group(2))
                if not include.group(1) or os.path.exists(other):
                    yield from _lines(other)
            elif not line.startswith("#"):
                yield re.sub(r"\s#.*", "", line)


def glob_regex(glob):
    """The regular expression of a path with *, **, ?, [], {} (apparmor.d(5)).

    >>> def matches(glob, *paths):
    ...     return [path for path in paths
    ...             if re.fullmatch(glob_regex(glob), path)]
    >>> matches("/etc/a/**", "/etc/a/", "/etc/a/b", "/etc/a/b/c", "/etc/ab")
    ['/etc/a/b', '/etc/a/b/c']
    >>> matches("/run/a-*/", "/run/a-/", "/run/a-b/", "/run/a-b/c/", "/run/a-b")
    ['/run/a-/', '/run/a-b/']
    >>> matches("/sys/{,**/}x.max", "/sys/x.max", "/sys/a/b/x.max", "/sys/xzmax")
    ['/sys/x.max', '/sys/a/b/x.max']
    >>> matches("/proc/[1-9]*/fd", "/proc/12/fd", "/proc/self/fd")
    ['/proc/12/fd']
    """
    out, depth, position = "", 0, 0
    while position < len(glob):
        char = glob[position]
        if glob.startswith("**", position):
            # Behind a slash it is not nothing.
            out += ".+" if glob[position - 1:position] == "/" else ".*"
            position += 1
        elif char == "*":
            out += "[^/]+" if (glob[position - 1:position] == "/" and glob[
                position + 1:position + 2] in ("", "/")) else "[^/]*"
        elif char == "?":
            out += "[^/]"
        elif char == "[":
            end = glob.index("]", position)
            out += glob[position:end + 1]
            position = end
        elif char == "{":
            out, depth = out + "(?:", depth + 1
        elif char == "}":
            out, depth = out + ")", depth - 1
        elif char == "," and depth:
            out += "|"
        elif char == "\\":
            position += 1
            out += re.escape(glob[position])
        else:
            out += re.escape(char)
        position += 1
    return out


class Profile:
    """Whether it lets its program do something."""

    def __init__(self, path):
        self.capabilities = set()
        self.flags = set()
        self._variables = {}
        self._rules = []
        for line in _lines(path):
            self._take(line)

    def _take(self, line):
        variable = _VARIABLE.match(line)
        rule = _RULE.fullmatch(line)
        head = _HEAD.match(line)
        if head:
            self.flags.update(re.split(r"[,\s]+", head.group("flags")))
        elif variable:
            self._variables.setdefault(variable.group(1), []).extend(
                variable.group(2).replace('"', "").split())
        elif line.startswith("capability "):
            self.capabilities.update(line[len("capability "):-1].split())
        elif rule:
            path = self._expand(rule.group("path").strip('"'))
            self._rules.append((re.compile(glob_regex(path)),
                                set(rule.group("permissions"))))

    def _expand(self, path):
        """@{VARIABLE}s become {alternatives}; slashes do not double."""
        while "@{" in path:
            name = re.search(r"@\{\w+\}", path).group()
            values = self._variables.get(name, ["NOTHING"])
            path = path.replace(name, "{%s}" % ",".join(
                value.rstrip("/") or "/" for value in values), 1)
        return re.sub("/+", "/", path)

    def lacks(self, path, permissions):
        """Those of the permissions that no rule gives for that path; a file
        that was deleted has one only where it is mediated (apparmor.d(5))."""
        left = set(permissions)
        if path.endswith(DELETED):
            if "mediate_deleted" not in self.flags:
                return "".join(sorted(left))
            path = path.removesuffix(DELETED)
        for regex, given in self._rules:
            if regex.fullmatch(path):
                left -= given
        return "".join(sorted(left))
