"""A start that is out of something says what, and exits with 71; a reload says
it, and exits with 1.  Each call that can be out of something, found by tracing,
fails once in each process that makes it."""

import collections
import os
import re
import tempfile
import unittest

from harness import CTL, Case, HOST, PATIENCE, Strace, run, strace_works
from test_verification import Started, sanitized

EXIT_SYSTEM = 71
REFUSED = 1  # of forkgreetctl
ALL = "ALL_FAULTS" in os.environ  # every error at every place: minutes

ERRORS = {"EMFILE": "Too many open files",
          "ENFILE": "Too many open files in system",
          "ENOMEM": "(Cannot allocate|[Oo]ut of) memory",
          "ENOBUFS": "No buffer space available",
          "EAGAIN": "Resource temporarily unavailable",
          "ENOSPC": "No space left on device",
          "EIO": "Input/output error"}
DESCRIPTOR = ("EMFILE", "ENFILE", "ENOMEM")
# What each call can be out of.  Not brk: the kernel never fails it (it says
# where the break is), so that an injected error is taken for an address.
CALLS = {
    "openat": (*DESCRIPTOR, "EIO"), "pipe2": DESCRIPTOR,
    "memfd_create": DESCRIPTOR, "epoll_create1": DESCRIPTOR,
    "signalfd4": DESCRIPTOR, "timerfd_create": DESCRIPTOR,
    "pidfd_open": DESCRIPTOR, "landlock_create_ruleset": DESCRIPTOR,
    "landlock_restrict_self": ("ENOMEM",),
    "socket": (*DESCRIPTOR, "ENOBUFS"), "socketpair": DESCRIPTOR,
    "bind": ("ENOMEM", "ENOBUFS"), "listen": ("ENOMEM", "ENOBUFS"),
    "setsockopt": ("ENOMEM", "ENOBUFS"), "sendmsg": ("ENOMEM", "ENOBUFS"),
    "epoll_ctl": ("ENOMEM", "ENOSPC"),
    "fork": ("EAGAIN", "ENOMEM"), "clone": ("EAGAIN", "ENOMEM"),
    "execveat": ("ENOMEM", "EMFILE", "EIO"), "mmap": ("ENOMEM", "ENFILE"),
    "mprotect": ("ENOMEM",), "madvise": ("ENOMEM",), "seccomp": ("ENOMEM",),
    "setresuid": ("EAGAIN", "ENOMEM"), "fstat": ("EIO", "ENOMEM"),
    "newfstatat": ("EIO", "ENOMEM"), "read": ("EIO",),
    "ftruncate": ("EIO", "ENOSPC"), "pwrite64": ("EIO", "ENOSPC"),
    "fcntl": ("ENOMEM",), "chdir": ("EIO", "ENOMEM"), "setgroups": ("ENOMEM",),
}
# Places where it goes on, or says something else, and why that is right.
HARMLESS = (
    (r"seccomp\(SECCOMP_SET_MODE_(STRICT|FILTER, \w+, NULL)|"
     r"seccomp\(SECCOMP_GET", "libseccomp asks what the kernel has"),
    (r"execve\(NULL|openat\(AT_FDCWD, NULL|socket\(AF_INET, SOCK_STREAM, 0|"
     r"mmap\(NULL, 4096, PROT_READ\|PROT_EXEC",
     "an attempt that the filter must not let through"),
    (r"fcntl\(0, F_DUPFD|= -1 EPERM|setresuid\(-1, 0, -1",
     "an attempt that must be refused, and is"),
    (r"nscd|/etc/nsswitch|/etc/localtime", "the C library has another way"),
    (r"/proc/sys/|/proc/self/cgroup|/sys/fs/cgroup|SELF",
     "a warning less about limits"),
    (r"^read\(\d+, (\"\d+\\n\"|\"\d+:[^\"]*\"\.*|\"\"), (31|1024)",
     "the same, once it is open"),
    (r"EPOLL_CTL_DEL", "the descriptor is closed next"),
    (r"read\(\d+, (\"\\21\\0\\0|0x\w+, (8|1024))",
     "a signal or a timer that is asked again"),
    (r"\bc\", |/c\"|run\"|, 64\)|sun_path|F_GETFD",
     "no control socket, and it is said"),
)


class Site:
    """The number-th call of that name that a process makes."""

    def __init__(self, call, number, text):
        self.call, self.number, self.text = call, number, text

    def __str__(self):
        return f"{self.call} {self.number}: {self.text[:120]}"


def whole_lines(trace):
    """(pid, text) of strace's output, with lines that were cut made whole."""
    begun = {}
    for line in trace.splitlines():
        pid, text = re.match(r"(?:(\d+) +)?(.*)", line).groups()
        if text.endswith(" <unfinished ...>"):
            begun[pid] = text.removesuffix(" <unfinished ...>")
            continue
        again = re.match(r"<\.\.\. \w+ resumed>(.*)", text)
        yield pid, begun.pop(pid, "") + again[1] if again else text


def find_sites(trace, marker=""):
    """The sites of the first process and of the others, each counted in its own
    process, from the marker on; a site that also lies before it is none."""
    first, loading = None, marker != ""
    counts = collections.defaultdict(collections.Counter)
    before = collections.Counter()
    own, others = {}, {}
    for pid, text in whole_lines(trace):
        call = text.partition("(")[0]
        first = first or pid
        if call not in CALLS:
            continue
        counts[pid][call] += 1
        loading = loading and marker not in text
        number = counts[pid][call]
        if loading:
            before[call] = number
        elif number > before[call]:
            (own if pid == first else others).setdefault(
                (call, number), Site(call, number, text))
    return list(own.values()), list(others.values())


def faults(sites):
    """(site, error): every error somewhere, every site once."""
    turn = collections.Counter()
    for site in sites:
        errors = CALLS[site.call]
        if ALL:
            yield from ((site, error) for error in errors)
        else:
            yield site, errors[turn[site.call] % len(errors)]
            turn[site.call] += 1


def is_harmless(site):
    """There is a row for it."""
    return any(re.search(pattern, site.text) for pattern, _ in HARMLESS)


class Faults(Case):
    """What both have."""

    def check(self, site, error, status, expected, said):
        """How one of them went; status None: it went on."""
        what = f"{site} {error}: status {status}: {said}"
        if status is None or (status != expected and is_harmless(site)):
            self.assertTrue(is_harmless(site), what)
            return
        self.assertEqual(status, expected, what)
        if not is_harmless(site):
            self.assertRegex(said, ERRORS[error], what)


@unittest.skipIf(sanitized, "a sanitizer's own start does not bear these faults")
@unittest.skipUnless(strace_works(), "needs root and strace")
class Start(Faults):
    """From the exec to the first client."""

    def setUp(self):
        folder = self.folder()
        run_folder = os.path.join(folder, "run")
        self.config = os.path.join(folder, "forkgreet.conf")
        os.mkdir(run_folder)
        # Not nobody, whom nss-systemd makes up when /etc/passwd is unreadable.
        with open(self.config, "w", encoding="ascii") as file:
            file.write(
                f'user = "daemon"; group = "daemon";\n'
                f'log = {{ target = "stderr"; }};\n'
                f'pid_file = "{folder}/pid";\n'
                f'control_socket = "{run_folder}/c";\n'
                f'listeners = ( {self.listener()} );\n')
        os.chmod(self.config, 0o644)
        os.chown(run_folder, 1, 1)

    def begin(self, calls, inject=None):
        """Started; inject goes to the master only without calls."""
        more = ("--seccomp-bpf", "-f", "-e", f"trace={calls}") if calls else ()
        return Started(self.config, inject or f"trace={calls}", False,
                       more=more)

    def trace(self):
        """Of a start that nothing troubles."""
        started = self.begin(",".join(CALLS))
        try:
            self.assertTrue(started.serves, started.said())
            with open(started.trace.name, encoding="utf-8",
                      errors="replace") as file:
                return file.read()
        finally:
            started.end()

    def spoil(self, site, error, follow):
        """One start in which that fails."""
        inject = f"inject={site.call}:error={error}:when={site.number}"
        started = self.begin(site.call if follow else "", inject)
        try:
            self.check(site, error,
                       None if started.serves else started.process.returncode,
                       EXIT_SYSTEM, started.said())
        finally:
            started.end()

    def test_b17_the_masters_calls(self):
        own, _ = find_sites(self.trace(), '"/dev/null"')
        self.assertGreater(len(own), 60)
        for site, error in faults(own):
            with self.subTest(str(site), error=error):
                self.spoil(site, error, False)

    def test_b17_the_other_processes_calls(self):
        _, others = find_sites(self.trace(), '"/dev/null"')
        self.assertGreater(len(others), 10)
        for site, error in faults(others):
            with self.subTest(str(site), error=error):
                self.spoil(site, error, True)


@unittest.skipUnless(strace_works(), "needs root and strace")
class Reload(Faults):
    """From the request to the answer; the running configuration serves on."""

    def setUp(self):
        folder = self.folder()
        os.chown(folder, 65534, 65534)
        self.path = os.path.join(folder, "c")
        text = self.configuration().replace('control_socket = "";', "")
        self.running = self.daemon(
            config=f'control_socket = "{self.path}";\n' + text)

    def reload(self, *inject):
        """(the result of forkgreetctl reload, the trace)."""
        with tempfile.NamedTemporaryFile("r", errors="replace") as trace:
            with Strace(self.running.pid, *inject, follow=True,
                        output=trace.name):
                result = run("-s", self.path, "reload", program=CTL)
            return result, trace.read()

    def test_b2_each_call(self):
        result, trace = self.reload("trace=" + ",".join(CALLS))
        self.assertEqual(result.returncode, 0, result.stderr)
        own, others = find_sites(trace)
        self.assertGreater(len(own), 20)
        self.assertGreater(len(others), 20)
        for site, error in faults(own + others):
            with self.subTest(str(site), error=error):
                result, _ = self.reload(f"inject={site.call}:error={error}:"
                                        f"when={site.number}")
                self.check(site, error, result.returncode or None, REFUSED,
                           result.stderr)
        self.assertEqual(self.reload("trace=none")[0].returncode, 0)


if __name__ == "__main__":
    from harness import main
    main()
