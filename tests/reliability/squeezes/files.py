"""RLIMIT_NOFILE of the daemon that runs is lowered: no descriptor is left, or
few are."""

from harness import descriptors, limit, limits
from squeeze import Squeeze, Stop


class _Files(Squeeze):
    """With so many left."""

    LEFT = 0

    def begin(self):
        super().begin()
        self.before_it = limits(self.server.pid)["Max open files"][0]

    def squeeze(self):
        self.failures = self.count()
        self.rest()
        used, most = descriptors(self.server.pid), 0
        while sum(number not in used for number in range(most)) < self.LEFT:
            most += 1
        limit(self.server.pid, "nofile", most)

    def has_bitten(self):
        return self.count() > self.failures

    def count(self):
        """How often one was wanted in vain."""
        return self.server.counters()[None]["accept_failures"]

    def release(self):
        limit(self.server.pid, "nofile", self.before_it)


class FilesNone(_Files, Stop):
    """No client can be accepted."""

    name = "descriptors, none left"


class FilesFew(_Files):
    """Two clients at a time can."""

    name = "descriptors, two left"
    LEFT = 2
    crowded = True


SQUEEZES = (FilesNone, FilesFew)
