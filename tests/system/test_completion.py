"""Completion in bash, zsh and fish: what each shell offers, run in that shell,
is what --help lists."""

import os
import pty
import re
import shutil
import subprocess
import tempfile
import unittest

from harness import BUILDDIR, PATIENCE, wait_for

FOLDER = os.path.join(os.path.abspath(os.environ.get("top_srcdir", ".")),
                      "contrib", "completion")
# Where "make" works; BUILDDIR may hold copies of the programs only.
BUILT = os.path.abspath(os.environ.get("BUILDDIR", "."))
PROGRAMS = ("forkgreet", "forkgreetd", "forkgreetctl", "forkgreet-feed")
ENVIRONMENT = dict(os.environ, PATH=os.path.abspath(BUILDDIR) + ":" +
                   os.environ["PATH"])


def help_of(program):
    return subprocess.run(
        [os.path.join(BUILDDIR, program), "--help"], check=True,
        capture_output=True, text=True, timeout=PATIENCE).stdout


def options_of(program):
    """Every name at the start of a line of --help."""
    found = set()
    for line in re.findall(r"^  (-.*)$", help_of(program), re.MULTILINE):
        names = re.match(r"(?:-[^ ,]+, )*-[^ ,]+", line).group()
        found.update(names.split(", "))
    return found


def verbs_of(program):
    return set(re.findall(r"^  ([a-z][a-z-]*)  ", help_of(program),
                          re.MULTILINE))


class Shell:
    """What every shell's completion has to do.  offers(line) is the set of
    words that the shell completes the last word of the line to."""

    def setUp(self):
        super().setUp()
        self.folder = tempfile.mkdtemp(prefix="forkgreet-test-")
        self.addCleanup(shutil.rmtree, self.folder)
        for name in "one.conf", "two.conf":
            with open(os.path.join(self.folder, name), "wb"):
                pass

    def test_options(self):
        for program in PROGRAMS:
            with self.subTest(program=program):
                offered = self.offers(program + " -")
                # Some shells offer no short ones beside long ones at first.
                offered |= self.offers(program + " --")
                self.assertEqual(offered, options_of(program))

    def test_beginning_of_an_option(self):
        self.assertEqual(self.offers("forkgreet --ver"), {"--version"})

    def test_verbs(self):
        verbs = verbs_of("forkgreetctl")
        self.assertIn("reload", verbs)
        self.assertEqual(self.offers("forkgreetctl "), verbs)

    def test_files(self):
        begin = self.folder + "/o"
        for line in ("forkgreetd -c ", "forkgreetd --config ",
                     "forkgreetctl -s ", "forkgreet-feed -o "):
            with self.subTest(line=line):
                offered = self.offers(line + begin)
                self.assertEqual({os.path.basename(name) for name in offered},
                                 {"one.conf"})

    def test_values_that_nobody_can_guess(self):
        for line in ("forkgreet -p ", "forkgreet -w ", "forkgreetctl --until ",
                     "forkgreet --expect "):
            with self.subTest(line=line):
                self.assertEqual(self.offers(line), set())


@unittest.skipUnless(shutil.which("bash"), "no bash")
class Bash(Shell, unittest.TestCase):
    # The function is found as bash finds it: by what "complete" says.
    SCRIPT = r"""
        . "$1"
        compopt() { :; }  # there is no completion going on
        line=$2
        read -ra COMP_WORDS <<<"$line"
        case $line in *' ') COMP_WORDS+=("") ;; esac
        COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
        spec=$(complete -p "${COMP_WORDS[0]}") || exit
        function=${spec#*-F }
        "${function%% *}" "${COMP_WORDS[0]}" "${COMP_WORDS[COMP_CWORD]}" \
            "${COMP_WORDS[COMP_CWORD - 1]}"
        [ ${#COMPREPLY[@]} -eq 0 ] || printf '%s\n' "${COMPREPLY[@]}"
        """

    def offers(self, line):
        done = subprocess.run(
            ["bash", "--norc", "-c", self.SCRIPT, "bash",
             os.path.join(FOLDER, "forkgreet.bash"), line],
            env=ENVIRONMENT, capture_output=True, text=True, check=True,
            timeout=PATIENCE)
        self.assertEqual(done.stderr, "")
        return set(done.stdout.split())


@unittest.skipUnless(shutil.which("fish"), "no fish")
class Fish(Shell, unittest.TestCase):
    def offers(self, line):
        done = subprocess.run(
            ["fish", "--no-config", "-c", "source $argv[1]; "
             "complete -C $argv[2]", os.path.join(FOLDER, "forkgreet.fish"),
             line],
            env=dict(ENVIRONMENT, HOME=self.folder), capture_output=True,
            text=True, check=True, timeout=PATIENCE)
        self.assertEqual(done.stderr, "")
        return {row.split("\t")[0] for row in done.stdout.splitlines()}


@unittest.skipUnless(shutil.which("zsh"), "no zsh")
class Zsh(Shell, unittest.TestCase):
    """On a terminal, because only there zsh completes."""

    SCRIPT = r"""
        PS1= fpath=($1 $fpath)
        autoload -U compinit
        compinit -u -D
        offered=$2
        compadd() {
            local -a words
            if [[ ${@[1,(i)(-|--)]} != *-[OAD]\ * ]]; then
                builtin compadd -O words "$@"
                [[ $#words -eq 0 ]] || print -rl -- $words >>$offered
            fi
            builtin compadd "$@"
        }
        zle -C capture list-choices _main_complete
        bindkey '^X' capture
        finish() { print -r -- . >>$offered; exit }
        zle -N finish
        bindkey '^T' finish
        """

    def offers(self, line):
        script = os.path.join(self.folder, ".script")
        offered = os.path.join(self.folder, ".offered")
        with open(script, "w", encoding="utf-8") as file:
            file.write(self.SCRIPT)
        with open(offered, "wb"):
            pass
        pid, terminal = pty.fork()
        if pid == 0:
            os.execvpe("zsh", ["zsh", "-f", "-i"],
                       dict(ENVIRONMENT, TERM="dumb", HOME=self.folder))
        try:
            os.write(terminal, (". %s %s %s\n" % (
                script, FOLDER, offered)).encode())
            os.write(terminal, line.encode() + b"\x18\x14")
            return self.read(terminal, offered)
        finally:
            os.close(terminal)
            os.kill(pid, 9)
            os.waitpid(pid, 0)

    def read(self, terminal, offered):
        """Until the last line of the file is a point."""
        os.set_blocking(terminal, False)
        lines = []

        def is_done():
            try:
                while os.read(terminal, 65536):
                    pass
            except OSError:
                pass  # nothing there, or zsh has ended
            with open(offered, encoding="utf-8") as file:
                lines[:] = file.read().split()
            return lines[-1:] == ["."]
        wait_for(is_done, what="the answer of zsh")
        return set(lines[:-1])


class Installed(unittest.TestCase):
    def test_each_command_has_its_file(self):
        """Where Debian's shells look; and uninstall takes them away."""
        where = tempfile.mkdtemp(prefix="forkgreet-test-")
        self.addCleanup(shutil.rmtree, where)
        for target, there in ("install-data-local", True), (
                "uninstall-local", False):
            subprocess.run(
                ["make", "-s", "-C", BUILT, target, "DESTDIR=" + where,
                 "prefix=/usr"], check=True, capture_output=True,
                timeout=PATIENCE)
            for program in PROGRAMS:
                for name in ("bash-completion/completions/" + program,
                             "zsh/vendor-completions/_" + program,
                             "fish/vendor_completions.d/%s.fish" % program):
                    path = os.path.join(where, "usr/share", name)
                    self.assertEqual(os.path.isfile(path), there, path)


if __name__ == "__main__":
    from harness import main
    main()
