"""A start that is out of something says what, and exits with 71; a reload says
it, and exits with 1.  Each call that can be out of something, found by tracing,
fails once in each process that makes it."""

import collections
import os
import re
import tempfile
import unittest

from harness import (CTL, Case, StartCase, Strace, descriptors, limit,
                     needs_program, not_under_valgrind, run, strace_works)
from failing import CALLS, ERRORS
from faking import Started
from programs import UNTRACED
from test_verification import sanitized

EXIT_SYSTEM, EXIT_PRIVILEGE = 71, 77
REFUSED = 1  # of forkgreetctl
ALL = "ALL_FAULTS" in os.environ  # every error at every place: minutes

# Places where it goes on, or says something else, and why that is right; what a
# descriptor stands for is behind it, in <>.
HARMLESS = (
    (r"/forkgreet-coverage", "gcov's counters: nothing is counted then"),
    (r"^seccomp\(SECCOMP_SET_MODE_(STRICT|FILTER, \w+, NULL)|"
     r"^seccomp\(SECCOMP_GET", "libseccomp asks what the kernel has"),
    (r"^seccomp\(.* = -1 E", "that there is no such flag, or it is in effect"),
    (r"^openat\(AT_FDCWD, NULL|^socket\(AF_INET, SOCK_STREAM, 0|"
     r"^mmap\(NULL, 4096, PROT_READ\|PROT_EXEC",
     "an attempt that the filter must not let through"),
    (r"^(dup|fcntl)\(0.* = -1 EMFILE|^(fork|clone)\(.* = -1 EAGAIN|"
     r"^openat\(AT_FDCWD, \"/\", .* = -1 EACCES|^setresuid\(.*= -1 EPERM",
     "an attempt that must be refused, and is"),
    (r"^landlock_create_ruleset\(NULL, 0, LANDLOCK_CREATE_RULESET_VERSION",
     "a question that opens nothing: only ENOSYS and EOPNOTSUPP can be"),
    (r"\"[^\"]*(/nscd/|/nsswitch\.conf|/localtime|/libnss|/ld\.so)",
     "the C library has another way"),
    (r"^(socket|connect)\(AF_UNIX, SOCK_STREAM\|SOCK_CLOEXEC\|SOCK_NONBLOCK, 0"
     r"\)", "the C library's to nscd, or the control socket's: below"),
    (r"\"/etc\"|^newfstatat\(.*, \"/\", |^(newfstatat|fstat)\(\d+<(/etc/|"
     r"/proc/)", "stdio(3) asks for the size of a buffer; nsswitch.conf(5) for "
     "a change"),
    (r"^mmap\(NULL, \d+, PROT_READ\|PROT_WRITE, "
     r"MAP_(PRIVATE|DROPPABLE)\|MAP_ANONYMOUS", "malloc(3) and getrandom(3) have "
     "another way, the system call"),
    (r"(<|\")/(proc/sys|proc/self/(cgroup|uid_map|oom_score_adj)|sys/fs/cgroup)",
     "a question about limits or users: a warning less, or no protection"),
    (r"EPOLL_CTL_(DEL|MOD)", "the descriptor is closed next, or the loop asks "
     "again for what is lost (watch.c)"),
    (r"EPOLL_CTL_ADD, \d+, \{events=0, ", "the same, after another attempt"),
    (r"^(newfstatat|fstat)\(\d+<[^>]*/run>|, \"c\", |/run(/c)?\"|"
     r"^listen\(\d+<socket>, 64\)|^setsockopt\(.*SO_PASSCRED", "no control socket, and it is said"),
    (r"^fcntl\(\d+(<\w+>)?, F_GETF[DL]|"
     r"^(newfstatat\(0, \"\"|fstat\(0), .*S_IFIFO",
     "a question"),
    (r"\.so(\.\d+)*\"|MAP_DENYWRITE|MAP_FIXED|^mprotect\(0x|"
     r"^mmap\(NULL, \d+, PROT_NONE", "the dynamic loader's, which has an exit "
     "status and no more"),
    (r"^listen\(\d+, ", "a reload sets the backlog of a socket that it keeps, "
     "when nothing may fail any more"),
    (r"^(newfstatat|fstat)\(2<", "whether standard error is the journal: as "
     "it was"),
)
# Where strace cannot use a filter of its own, the number that it puts in a
# call's place is one that the spawner's filter kills for; Start does it right.
UNFILTERED = r"CLONE_PARENT"


def control_peer():
    """The number of a control connection's events: it is in all that the kernel
    says of one."""
    with open(os.path.join(os.environ.get("top_srcdir", "."),
                           "src/master/system/events.h"),
              encoding="ascii") as file:
        kinds = re.findall(r"^\t(EVENT_\w+),", file.read(), re.MULTILINE)
    return kinds.index("EVENT_CONTROL_PEER") << 32


# The control connection is gone with it, and forkgreetctl says that.
UNANSWERED = (r"EPOLL_CTL_ADD, \d+, \{events=EPOLLIN, "
              rf"data=(\{{u32=0, u64={control_peer()}\b|{control_peer():#x}\b)")

# How often it is made depends on which of two descriptors is ready first, so that
# the same number may be another site the next time, or none.
FICKLE = ("epoll_ctl",)

OPENS = {"openat": r'"([^"]*)"', "pipe2": "(pipe)", "signalfd4": "(signal)",
         "timerfd_create": "(timer)", "socket": "(socket)",
         "memfd_create": "(memfd)", "epoll_create1": "(epoll)",
         "pidfd_open": "(pidfd)"}


class Traced(Started):
    """Started under strace, which injects something."""

    def __init__(self, config, inject, more):
        self.trace = tempfile.NamedTemporaryFile("r")
        os.chmod(self.trace.name, 0o666)
        super().__init__(config, ("strace", "-qq", *more, "-o",
                                  self.trace.name, "-e", inject))

    def end(self):
        super().end()
        self.trace.close()


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


def named(text, files):
    """The line with what its descriptor stands for, which files, of the
    process, says; and files brought up to date."""
    call = text.partition("(")[0]
    match = re.match(r"\w+\((\d+)", text)
    result = re.search(r" = (\d+)(?:<|$| )", text)
    if match and int(match[1]) in files:
        name = files[int(match[1])]
        text = text.replace(match[1], f"{match[1]}<{name}>", 1)
    if call == "pipe2":
        for number in re.findall(r"\d+", text.partition("]")[0]):
            files[int(number)] = "pipe"
    elif call in OPENS and result:
        files[int(result[1])] = re.search(OPENS[call], text + OPENS[call])[1]
    return text


def find_sites(trace, marker=""):
    """The sites of the first process and of the others, each counted in its own
    process, from the marker on; a site that also lies before it is none.  The
    second pid page is that of the spawner on standby: what follows concerns
    nobody who is being answered."""
    first, loading, pages = None, marker != "", 0
    counts = collections.defaultdict(collections.Counter)
    files = collections.defaultdict(dict)
    before = collections.Counter()
    own, others = {}, {}
    for pid, text in whole_lines(trace):
        call = text.partition("(")[0]
        first = first or pid
        pages += pid == first and 'memfd_create("forkgreet-pids"' in text
        if pages > 1:
            break
        if call not in CALLS:
            continue
        text = named(text, files[pid])
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
    """(site, error): every error somewhere, every site once, but of the sites
    that one row of HARMLESS is for only the first."""
    turn, rows = collections.Counter(), set()
    for site in sites:
        errors = CALLS[site.call]
        row = harmless_row(site)
        if row in rows and not ALL:
            continue
        rows.update([row] if row else [])
        if ALL:
            yield from ((site, error) for error in errors)
        else:
            yield site, errors[turn[site.call] % len(errors)]
            turn[site.call] += 1


def harmless_row(site):
    """The pattern of the row for it, None without."""
    return next((pattern for pattern, _ in HARMLESS
                 if re.search(pattern, site.text)), None)


class Faults(Case):
    """What both have."""

    def check(self, site, error, status, expected, said):
        """How one of them went; status None: it went on."""
        what = f"{site} {error}: status {status}: {said}"
        # strace counts in each process: there it was the dynamic loader's, who
        # can say nothing.
        if re.search("the reader's libraries cannot be loaded|the reader died "
                     "of signal 11", said):
            return
        if status is None and site.call in FICKLE:
            return
        if harmless_row(site):
            self.assertIn(status, (None, expected, EXIT_PRIVILEGE), what)
            return
        self.assertEqual(status, expected, what)
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
                f'state_file = "{run_folder}/state";\n'
                f'listeners = ( {self.listener()} );\n')
        os.chmod(self.config, 0o644)
        os.chown(run_folder, 1, 1)

    def begin(self, calls, inject=None):
        """Started; inject goes to the master only without calls."""
        more = ("--seccomp-bpf", "-f", "-e", f"trace={calls}") if calls else ()
        return Traced(self.config, inject or f"trace={calls}", more)

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

    def test_b17_files(self):
        """A disk that does not read: no wrong configuration, no unknown
        user."""
        for path in self.config, "/etc/passwd", "/etc/group":
            with self.subTest(path):
                started = Traced(self.config, "inject=read:error=EIO:when=1",
                                 ("-P", path))
                try:
                    self.assertFalse(started.serves)
                    self.assertEqual(started.process.returncode, EXIT_SYSTEM,
                                     started.said())
                    self.assertIn("Input/output error", started.said())
                finally:
                    started.end()

    def test_b17_the_other_processes_calls(self):
        _, others = find_sites(self.trace(), '"/dev/null"')
        self.assertGreater(len(others), 10)
        for site, error in faults(others):
            with self.subTest(str(site), error=error):
                self.spoil(site, error, True)


@not_under_valgrind("it needs more of all of these")
@unittest.skipIf(sanitized, "a sanitizer needs more of all of these")
class Limits(StartCase):
    """Limits that are too low for any start, by ulimit(1)."""

    alone = True

    as_user = True

    @needs_program("prlimit")
    def test_b2_too_low(self):
        for kind, most, why in (
                ("nproc", 1, "Resource temporarily unavailable"),
                ("nofile", 6, "Too many open files"),
                ("nofile", 10, "Too many open files"),
                ("as", 12000 << 10, ERRORS["ENOMEM"])):
            with self.subTest(kind=kind, most=most):
                result = self.run_with(
                    self.file(self.configuration()), "-f",
                    wrapper=("prlimit", f"--{kind}={most}"))
                self.assertEqual(result.returncode, EXIT_SYSTEM, result.stderr)
                self.assertRegex(result.stderr, why)

    def test_b2_reload(self):
        """No descriptor is left, or no process: the daemon could not; the file
        is not wrong."""
        path = os.path.join(self.folder(), "c")
        text = self.configuration().replace('control_socket = "";', "")
        daemon = self.daemon(config=f'control_socket = "{path}";\n' + text,
                             as_user=True)
        for kind, most, why in (
                ("nofile", len(descriptors(daemon.pid)) + 2,
                 "Too many open files"),
                ("nproc", 1, "Resource temporarily unavailable")):
            with self.subTest(kind):
                limit(daemon.pid, kind, most)
                result = run("-s", path, "reload", program=CTL)
                limit(daemon.pid, kind, 1000)
                self.assertEqual(result.returncode, REFUSED, result.stderr)
                self.assertIn(why, result.stderr)
                self.assertEqual(
                    run("-s", path, "reload", program=CTL).returncode, 0)


@UNTRACED
@unittest.skipUnless(strace_works(), "needs root and strace")
class Spawner(Faults):
    """One on trial that somebody kills, or stops."""

    def test_b2_killed_or_stopped(self):
        config = os.path.join(self.folder(), "conf")
        with open(config, "w", encoding="ascii") as file:
            file.write(self.configuration())
        os.chmod(config, 0o644)
        for number, why in (("KILL", "by signal 9"),
                            ("STOP", "trial client: not served in")):
            with self.subTest(number):
                started = Traced(config, f"inject=recvmsg:signal={number}:"
                                 "when=1", ("-f",))
                try:
                    self.assertFalse(started.serves)
                    self.assertEqual(started.process.returncode, EXIT_SYSTEM,
                                     started.said())
                    self.assertIn(why, started.said())
                finally:
                    started.end()


@unittest.skipIf(sanitized, "a sanitizer's own start does not bear these faults")
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
        self.running.settle()
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
            if re.search(f"{UNFILTERED}|{UNANSWERED}", site.text):
                continue
            with self.subTest(str(site), error=error):
                result, _ = self.reload(f"inject={site.call}:error={error}:"
                                        f"when={site.number}")
                self.check(site, error, result.returncode or None, REFUSED,
                           result.stderr)
        self.assertEqual(self.reload("trace=none")[0].returncode, 0)


if __name__ == "__main__":
    from harness import main
    main()
