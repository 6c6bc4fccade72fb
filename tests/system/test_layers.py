"""tests/layers notices each way in which a folder of src/ may be broken."""

import os
import subprocess
import sys

from harness import Case
from programs import Build

LAYERS = os.path.join(os.environ.get("top_srcdir", "."), "tests", "layers")
TREE = {
    "src/shared/number.h": "int number(void);\n",
    "src/shared/number.c": '#include "shared/number.h"\n'
                           "int number(void) { return 1; }\n",
    "src/master/system/log.h": "int say(void);\n",
    "src/master/system/log.c": '#include "config.h"\n'
                               '#include "master/system/log.h"\n'
                               '#include "shared/number.h"\n'
                               "int say(void) { return number(); }\n",
    "src/master/server.h": "int serve(void);\n",
    "src/master/server.c": '#include "master/server.h"\n'
                           '#include "master/system/log.h"\n'
                           "int serve(void) { return say(); }\n",
    "src/reader/lexer.c": "#include <libconfig.h>\n",
    "src/master/system/denylist.c": "#include <seccomp.h>\n"
                                    "#include <linux/seccomp.h>\n",
    "tests/unit/helper.h": "int help(void);\n",
    "tests/unit/helper.c": "#include <stdio.h>\n",
    "tests/unit/system/test_log.c": '#include "unit/helper.h"\n'
                                    '#include "master/system/log.h"\n',
}
ARCHIVES = {"src/libshared.a": "src/shared/number.c",
            "src/master/system/libsystem.a": "src/master/system/log.c",
            "src/master/libtop.a": "src/master/server.c"}


class Layers(Case):
    """On a small tree that holds all rules."""

    def setUp(self):
        self.top = self.folder()
        for name, text in TREE.items():
            self.write(name, text)
        self.write("config.h", "")

    def write(self, name, text):
        """A file of the tree."""
        path = os.path.join(self.top, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="ascii") as file:
            file.write(text)

    def add(self, name, text):
        """To the beginning of a file of the tree."""
        self.write(name, text + "\n" + TREE.get(name, ""))

    def build(self):
        """Makes the archives; returns their folder."""
        build = Build(os.environ.get("BUILDDIR", "."))
        compiler = build.variable("CC").split()
        self.write("Makefile",
                   f"host_alias = {build.variable('host_alias')}\n")
        for archive, source in ARCHIVES.items():
            member = archive + ".o"
            subprocess.run([*compiler, "-I.", "-Isrc", "-c", source, "-o",
                            member], cwd=self.top, check=True)
            subprocess.run(["ar", "rcs", archive, member], cwd=self.top,
                           check=True)
        return self.top

    def run_layers(self, *arguments):
        """What it says."""
        environment = {key: value for key, value in os.environ.items()
                       if key != "BUILDDIR"}
        return subprocess.run(
            [sys.executable, "-B", LAYERS, self.top, *arguments],
            stdout=subprocess.PIPE, encoding="utf-8", env=environment,
            check=False)

    def broken(self, rule, line, *arguments):
        """That rule only is broken, and the line says how."""
        result = self.run_layers(*arguments)
        self.assertEqual(result.returncode, 1)
        said = result.stdout.splitlines()
        failed = [text.partition(" - ")[2] for text in said
                  if text.startswith("not ok")]
        self.assertEqual(failed, [rule])
        self.assertIn("# " + line, said)

    def test_holds(self):
        result = self.run_layers()
        self.assertEqual(result.returncode, 0, result.stdout)
        self.assertIn("no upward symbol # SKIP no build", result.stdout)

    def test_holds_when_built(self):
        result = self.run_layers(self.build())
        self.assertEqual(result.returncode, 0, result.stdout)
        self.assertNotIn("SKIP", result.stdout)

    def test_unknown_folder(self):
        self.write("src/master/odd/x.h", "")
        self.broken("each folder has a place", "master/odd: has no place in "
                    "the order of tests/layers")

    def test_bare_include(self):
        self.add("src/master/server.c", '#include "options.h"')
        self.broken("includes are paths from src/", 'master/server.c: '
                    '"options.h" is no path from src/')

    def test_upward_include(self):
        self.add("src/master/system/log.c", ' # include "master/server.h"')
        result = self.run_layers()
        self.assertIn("# master/system/log.c includes master/server.h",
                      result.stdout)
        self.assertEqual(result.returncode, 1)

    def test_program_includes_another(self):
        for place in "reader", "spawner", "client", "ctl", "feed":
            with self.subTest(place):
                name = f"{place}/own.c"
                self.write("src/" + name, '#include "master/system/log.h"\n'
                                          '#include "shared/number.h"\n')
                self.broken("no upward include",
                            f"{name} includes master/system/log.h")
                os.unlink(os.path.join(self.top, "src", name))

    def test_master_includes_a_program(self):
        self.write("src/spawner/lock.h", "")
        self.add("src/master/server.c", '#include "spawner/lock.h"')
        self.broken("no upward include",
                    "master/server.c includes spawner/lock.h")

    def test_unit_test_above_its_folder(self):
        self.add("tests/unit/system/test_log.c",
                 '#include "master/server.h"')
        self.broken("no upward include in unit tests",
                    "tests/unit/system/test_log.c includes master/server.h")

    def test_unit_test_by_its_helper(self):
        self.add("tests/unit/helper.c", '#include "master/server.h"')
        self.broken("no upward include in unit tests",
                    "tests/unit/system/test_log.c includes master/server.h")

    def test_reserved_header(self):
        for header in "libconfig.h", "seccomp.h":
            with self.subTest(header):
                self.add("src/master/server.c", f"#include <{header}>")
                self.broken("libraries' headers where they belong",
                            f"master/server.c includes <{header}>")

    def test_circle_through_three(self):
        self.add("src/shared/number.h", '#include "shared/sign.h"')
        self.write("src/shared/sign.c", '#include "shared/digit.h"')
        self.write("src/shared/sign.h", "")
        self.write("src/shared/digit.h", '#include "shared/number.h"')
        self.broken("no circle of includes", "circle: shared/digit -> "
                    "shared/number -> shared/sign")

    def test_upward_symbol(self):
        self.add("src/master/system/log.c",
                 "int serve(void); int up(void) { return serve(); }")
        self.broken("no upward symbol",
                    "master/system: libsystem.a.o uses serve of master",
                    self.build())


if __name__ == "__main__":
    from harness import main
    main()
