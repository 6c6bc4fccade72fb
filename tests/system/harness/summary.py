"""Lines of result and their sum, as contrib/check adds them up."""

import os


class Summary:
    """What tests/tally.sh calls a script that sums up itself: a line for each
    thing that was checked, and in the end "NAME: N passed, N failed, N skipped"
    with what failed first.  Logs are in its folder: $FORKGREET_LOGS, or
    build-NAME/ of the checkout."""

    def __init__(self, name, folder):
        self.name = name
        self.folder = folder
        self.counts = {"PASS": 0, "FAIL": 0, "SKIP": 0}
        self.first = ""
        os.makedirs(folder, exist_ok=True)
        if os.path.exists(self._first_path):
            os.unlink(self._first_path)

    @property
    def _first_path(self):
        return os.path.join(self.folder, "first")

    def say(self, result, what, more=""):
        """A line, and what stands below it."""
        self.counts[result] += 1
        text = f"{result}: {self.name}: {what}{more}"
        print(text, flush=True)
        if result == "FAIL" and not self.first:
            self.first = text
            with open(self._first_path, "w", encoding="utf-8") as file:
                file.write(text + "\n")

    def end(self):
        """The sum; returns the exit status."""
        print("{}: {PASS} passed, {FAIL} failed, {SKIP} skipped".format(
            self.name, **self.counts))
        if self.first:
            print(f"\nWhat failed first:\n{self.first}")
        return 1 if self.counts["FAIL"] else 0
