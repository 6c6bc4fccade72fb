"""Files that somebody else could have changed: whose they are, who may write
them, and who may put others in their place."""

import os

from harness import (IS_ROOT, StartCase, USER, if_also_user, needs_program,
                     needs_root)

OTHER = 5  # games: neither root, nor the daemon's user
NEXT = "group or others can write its directory, {0} (mode {1:04o}): " \
    "chmod go-w {0}"


class TrustCase(StartCase):
    """Tests with a folder that is root's, or whoever's who runs the tests."""

    def setUp(self):
        self.place = self.make_folder()

    def make_folder(self, mode=0o755):
        path = os.path.realpath(self.folder())
        if IS_ROOT:
            os.chown(path, 0, 0)
        os.chmod(path, mode)
        return path

    def make(self, folder, text, owner=None, mode=0o644, name="file"):
        """A file; its path."""
        path = os.path.join(folder, name)
        with open(path, "w", encoding="ascii") as file:
            file.write(text)
        os.chmod(path, mode)
        if owner is not None:
            os.chown(path, owner, owner)
        return path

    def tries(self, path, why=None, status=78):
        """-t of that configuration: why not, None: it is accepted."""
        result = self.run_with(path, "-t")
        if why is None:
            self.assertEqual((result.returncode, result.stderr), (0, ""))
            return
        self.assertEqual(result.returncode, status, result.stderr)
        self.assertIn(why, result.stderr)


class Trust(TrustCase):
    """Of configurations and greetings."""

    def greets_from(self, path, why=None):
        """A greeting's file."""
        config = self.make(self.place, self.configuration(
            self.listener(f'greeting_file = "{path}";')), name="conf")
        self.tries(config, why)

    def test_c7_owner_of_the_configuration(self):
        if not IS_ROOT:
            self.skipTest("only root can give files away")
        for owner in 0, USER:
            self.tries(self.make(self.place, self.configuration(), owner))
        self.tries(self.make(self.place, self.configuration(), OTHER),
                   f"belongs to user {OTHER}, expected root or user {USER}: "
                   "chown root it")

    def test_c7_owner_of_a_greeting(self):
        """Anybody's may be said."""
        if not IS_ROOT:
            self.skipTest("only root can give files away")
        for owner in 0, USER, OTHER:
            self.greets_from(self.make(self.place, "hi\n", owner))

    def test_c7_directory(self):
        for mode in 0o755, 0o775, 0o757, 0o777, 0o711:
            with self.subTest(f"{mode:o}"):
                folder = self.make_folder(mode)
                why = NEXT.format(folder, mode) if mode & 0o22 else None
                self.tries(self.make(folder, self.configuration()), why)
                self.greets_from(self.make(folder, "hi\n"), why)

    def test_c7_name_without_a_directory(self):
        """The working directory's."""
        for mode in 0o755, 0o777:
            folder = self.make_folder(mode)
            self.make(folder, self.configuration())
            result = self.run_with("file", "-t", cwd=folder)
            self.assertEqual(result.returncode, 78 if mode & 0o22 else 0,
                             result.stderr)

    def test_c7_sticky_directory(self):
        """As /tmp: root's, the daemon's own, and what is the directory's
        owner's."""
        if not IS_ROOT:
            self.skipTest("only root can give files away")
        folder = self.make_folder(0o1777)
        for owner in 0, USER:
            self.tries(self.make(folder, self.configuration(), owner))
            self.greets_from(self.make(folder, "hi\n", owner, name="text"))
        path = self.make(folder, "hi\n", OTHER, name="text")
        self.greets_from(path, f"belongs to user {OTHER}, in {folder}, where "
                         "anybody can put files: chown root it, or move it")
        os.chown(folder, OTHER, OTHER)
        self.greets_from(path)

    def test_c7_links(self):
        """Both directories count, and not those above them."""
        for first in 0o755, 0o777:
            for second in 0o755, 0o777:
                with self.subTest(f"{first:o} {second:o}"):
                    near, far = (self.make_folder(first),
                                 self.make_folder(second))
                    link = os.path.join(near, "link")
                    os.symlink(self.make(far, self.configuration()), link)
                    bad = near if first & 0o22 else far
                    self.tries(link, NEXT.format(bad, 0o777)
                               if (first | second) & 0o22 else None)
        above = self.make_folder(0o777)
        below = os.path.join(above, "below")
        os.mkdir(below)
        os.chmod(below, 0o755)
        self.tries(self.make(below, self.configuration()))

    def test_c7_reload(self):
        """The daemon goes on with what it has."""
        daemon = self.start()
        if IS_ROOT:
            os.chown(daemon.folder, 0, 0)
        os.chmod(daemon.folder, 0o777)
        daemon.reload(result="failed")
        self.assertTrue([line for line in daemon.log() if NEXT.format(
            daemon.folder, 0o777) in line], daemon.log())
        os.chmod(daemon.folder, 0o755)
        daemon.reload()

    @needs_program("unshare")
    @needs_root
    def test_c7_read_only_mount(self):
        """As a ConfigMap's volume: nobody writes there, whatever the modes
        say."""
        if self.as_user:
            self.skipTest("an ordinary user mounts nothing")
        path = self.make(self.place, self.configuration(), mode=0o666)
        os.chmod(self.place, 0o777)
        self.tries(path, "chmod go-w it")
        result = self.run_with(path, "-t", wrapper=(
            "unshare", "-m", "sh", "-c", 'mount --bind "$0" "$0" && '
            'mount -o remount,ro,bind "$0" && exec "$@"', self.place))
        self.assertEqual((result.returncode, result.stderr), (0, ""))

    @needs_program("unshare")
    @needs_root
    def test_c7_owner_that_is_not_mapped(self):
        """Root's file in a user namespace without root; another's there is
        nobody's too, and cannot be told from it."""
        if not self.as_user:
            self.skipTest("root has root")
        path = self.make(self.place, self.configuration(), 0)
        result = self.run_with(path, "-t", wrapper=("unshare", "-r"))
        if "unshare failed" in result.stderr:
            self.skipTest(result.stderr)
        self.assertEqual(result.returncode, 0, result.stderr)
        self.tries(self.make(self.place, self.configuration(), OTHER),
                   f"belongs to user {OTHER}, expected root or user {USER}")


@if_also_user
class TrustAsUser(Trust):
    """The same, started by an ordinary user."""

    as_user = True


class Program(TrustCase):
    """The reader and the spawner, which the daemon executes."""

    name = "forkgreet-reader"

    def check(self, why, owner=None, mode=0o755, folder=0o755):
        """A start with such a program."""
        program = self.copies()
        spawner = os.path.join(os.path.dirname(program), self.name)
        if IS_ROOT:
            os.chown(os.path.dirname(program), 0, 0)
        os.chmod(os.path.dirname(program), folder)
        os.chmod(spawner, mode)
        if owner is not None:
            os.chown(spawner, owner, owner)
        if why is None:
            self.assertEqual(self.start(program=program).stop(), 0)
            return
        why = why.format(os.path.dirname(spawner), folder)
        self.refused(77, f"forkgreetd: start: open {spawner}: {why}\n",
                     program=program)

    def test_c7_mode(self):
        self.check("group or others can write it (mode 0777): chmod go-w "
                   "it", mode=0o777)
        self.check(NEXT, folder=0o775)
        self.check(None)

    def test_c7_owner(self):
        if not IS_ROOT:
            self.skipTest("only root can give files away")
        who = f"root or user {USER}" if self.as_user else "root"
        self.check(f"belongs to user {OTHER}, expected {who}: chown root it",
                   owner=OTHER)
        self.check(None if self.as_user else
                   f"belongs to user {USER}, expected root: chown root it",
                   owner=USER)


@if_also_user
class ProgramAsUser(Program):
    """The same, started by an ordinary user."""

    as_user = True


if __name__ == "__main__":
    from harness import main
    main()
