"""tests/tally.sh: whatever its end, a check says how many, and what failed first."""

import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
import time
import unittest

from harness import exists

SOURCE = os.path.abspath(os.environ.get("top_srcdir", "."))


class Tally(unittest.TestCase):
    """Scripts that use it."""

    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="forkgreet-test-")
        self.addCleanup(shutil.rmtree, self.folder)

    def start(self, script, name="package"):
        """Starts a script whose logs are in the folder."""
        script = (f'set -eu; . "{SOURCE}/tests/tally.sh"\n'
                  f'tally_begin "{self.folder}/{name}" {name}\n{script}\n')
        # pylint: disable=consider-using-with
        process = subprocess.Popen(
            ["sh", "-c", script], stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True, start_new_session=True,
            # A shell in the background has us ignore it.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL))
        self.addCleanup(process.wait)
        self.addCleanup(self.kill, process.pid)
        return process

    @staticmethod
    def kill(group):
        """Ends what the script has left."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(group, signal.SIGKILL)

    def run_script(self, script, status, name="package"):
        """Runs it to its end; what it said, by line."""
        process = self.start(script, name)
        said = process.communicate(timeout=60)[0]
        self.assertEqual(process.returncode, status, said)
        return said.splitlines()

    def test_a3_the_first_cause_comes_last(self):
        said = self.run_script("""
            build() { echo built; }
            stage() { echo first; cp /nonexistent/file "$tally_folder"; echo no; }
            later() { echo because of the first; false; }
            step build build; step stage stage; step later later
            skip box "no box here"
            tally_end""", 1)
        end = said.index("package: 1 passed, 2 failed, 1 skipped")
        self.assertEqual(said[end + 1:end + 3], ["", "What failed first:"])
        self.assertRegex(said[end + 3], "^FAIL: package: stage, the end of ")
        self.assertEqual(said[end + 4], "first")
        self.assertIn("/nonexistent/file", said[-1])
        self.assertEqual(len(said), end + 6)
        self.assertIn("SKIP: package: box: no box here", said)

    def test_a3_a_script_that_dies_says_so_and_counts_it(self):
        said = self.run_script("""
            step good true
            tally_now "making a box"
            cp /nonexistent/file "$tally_folder"
            step never true
            tally_end""", 1)
        self.assertIn("package: 1 passed, 1 failed, 0 skipped", said)
        self.assertIn("FAIL: package: ended early, at: making a box, the end "
                      f"of {self.folder}/package/died.log:", said[-2])
        self.assertTrue(any("/nonexistent/file" in line for line in said))

    def test_a3_one_that_is_interrupted_says_so(self):
        process = self.start("""
            slow() { : >"$tally_folder/runs"; sleep 1000; }
            step slow slow
            tally_end""")
        deadline = time.monotonic() + 30
        while not os.path.exists(f"{self.folder}/package/runs"):
            self.assertLess(time.monotonic(), deadline)
            time.sleep(0.01)
        os.killpg(process.pid, signal.SIGINT)
        said = process.communicate(timeout=60)[0]
        self.assertEqual(process.returncode, 1)
        self.assertIn("package: 0 passed, 1 failed, 0 skipped", said)
        self.assertIn("ended early, at: slow", said.splitlines()[-2])

    def test_a3_a_sum_of_sums_keeps_the_first_cause(self):
        inner = self.run_script("step boxes false; step host true; tally_end",
                                1, "inner")
        log = f"{self.folder}/inner.log"
        with open(log, "w", encoding="utf-8") as file:
            file.write("\n".join(inner) + "\n")
        said = self.run_script(f"""
            step one true
            tally_add inner {log} {self.folder}/inner
            step two false
            tally_end""", 1, "outer")
        self.assertIn("outer: 2 passed, 2 failed, 0 skipped", said)
        self.assertRegex(said[-1], "^FAIL: inner: boxes, the end of ")

    def test_a3_a_sum_that_is_missing_is_a_failure(self):
        log = f"{self.folder}/dead.log"
        with open(log, "w", encoding="utf-8") as file:
            file.write("cp: no such file\n")
        said = self.run_script(f"tally_add dead {log} {self.folder}; tally_end",
                               1)
        self.assertIn("package: 0 passed, 1 failed, 0 skipped", said)
        self.assertEqual(said[-1], "cp: no such file")

    def test_a3_the_cause_of_a_test_is_what_it_said(self):
        os.makedirs(f"{self.folder}/tests/unit")
        with open(f"{self.folder}/tests/unit/one.log", "w",
                  encoding="utf-8") as file:
            file.write("1..3\nok 1 - good\nPASS: tests/unit/one 1 - good\n"
                       "not ok 2 - bad\nFAIL: tests/unit/one 2 - bad\n"
                       "# 3 is not 4\nok 3 - fine\n# fine\nkilled\n")

        def cause(name):
            return subprocess.run(
                ["sh", "-c", f'. "{SOURCE}/tests/tap.sh"; tap_cause "$@"',
                 "sh", self.folder, name], check=True, text=True,
                stdout=subprocess.PIPE).stdout.splitlines()
        self.assertEqual(cause("tests/unit/one 2 - bad"),
                         ["not ok 2 - bad", "# 3 is not 4"])
        self.assertEqual(cause("tests/unit/one - died of a signal")[-1],
                         "killed")
        self.assertEqual(cause("tests/unit/none.py 1 - x"), [])

    def test_one_beside_others(self):
        """It counts where it is waited for, and stops at what fails."""
        said = self.run_script("""
            slow() { until [ -e "$tally_folder/now" ]; do sleep 0.01; done; }
            bad() { echo cause; false; echo never; }
            step_begin slow slow; step_begin bad bad
            step quick touch "$tally_folder/now"
            step_end slow; step_end bad; step last true
            tally_end""", 1)
        self.assertEqual([line for line in said if line[:5] == "PASS:"], [
            f"PASS: package: {name}" for name in ("quick", "slow", "last")])
        self.assertIn("package: 3 passed, 1 failed, 0 skipped", said)
        self.assertRegex(said[-2], "^FAIL: package: bad, the end of ")
        self.assertEqual(said[-1], "cause")

    def test_what_it_began_ends_with_it(self):
        said = self.run_script("""
            setsid sh -c 'echo $$ >"$0/group"; sleep 1000' \
                "$tally_folder" >/dev/null 2>&1 &
            tally_groups=" -$!"
            until [ -s "$tally_folder/group" ]; do sleep 0.01; done
            false""", 1)
        self.assertIn("package: 0 passed, 1 failed, 0 skipped", said)
        with open(f"{self.folder}/package/group", encoding="ascii") as file:
            group = int(file.read())
        self.addCleanup(self.kill, group)
        deadline = time.monotonic() + 30
        while exists(group):
            self.assertLess(time.monotonic(), deadline)
            time.sleep(0.01)

    def test_where_the_time_went(self):
        """By a clock of the test's own."""
        said = self.run_script("""
            now() { echo "$1" >"$tally_folder/now"; }
            date() { cat "$tally_folder/now"; }
            now 1000; tally_since=1000
            step build now 1007; step quick now 1011; step boxes now 1131
            step more false; tally_now "the last of it"; now 1137
            tally_end""", 1)
        end = said.index("package: 3 passed, 1 failed, 0 skipped")
        self.assertEqual(said[end - 4:end], [
            "package: 137 seconds in all:", "     120 s  boxes",
            "       7 s  build", "       6 s  the last of it"])
        again = self.run_script("step quick true; tally_end", 0)
        self.assertEqual(again[-2:], ["PASS: package: quick",
                                      "package: 1 passed, 0 failed, 0 skipped"])

    def test_what_a_killed_run_left_is_not_this_ones(self):
        groups = f"{self.folder}/groups/pids"
        os.makedirs(f"{groups}/forkgreet-box-9999998")  # no pid
        said = self.run_script(f"""
            . "{SOURCE}/tests/package/boxed.sh"
            boxed_cgroups={self.folder}/groups
            host_before "$tally_folder"
            step host host_as_before "$tally_folder"
            rmdir {groups}/forkgreet-box-9999998
            mkdir {groups}/forkgreet-box-$$
            step host host_as_before "$tally_folder"
            mkdir {groups}/forkgreet-box-9999999
            step later host_as_before "$tally_folder"
            tally_end""", 1)
        self.assertIn("package: 2 passed, 1 failed, 0 skipped", said)
        self.assertIn(f"{groups}/forkgreet-box-9999999", said)

    def test_all_well_ends_with_the_sum(self):
        said = self.run_script("step one true; tally_end", 0)
        self.assertEqual(said, ["PASS: package: one",
                                "package: 1 passed, 0 failed, 0 skipped"])


if __name__ == "__main__":
    from harness import main
    main()
