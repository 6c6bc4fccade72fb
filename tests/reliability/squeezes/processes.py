"""pids.max, as TasksMax= sets it: no process is left, or few are."""

from harness import PidsGroup
from squeeze import Squeeze, Stop


class _Pids(Squeeze):
    """In a control group of that version."""

    version = 1
    LEFT = 0

    @classmethod
    def why_not(cls):
        group = PidsGroup(cls.version)
        group.remove()
        return group.why_none()

    def serve(self, **keywords):
        self.group = PidsGroup(self.version)
        self.addCleanup(self.group.remove)
        return super().serve(preexec=self.group.enter, **keywords)

    def squeeze(self):
        self.failures = self.count()
        self.server.settle()
        self.rest()
        self.group.limit(self.group.count() + self.LEFT)

    def has_bitten(self):
        return self.count() > self.failures

    def count(self):
        """How often one was wanted in vain."""
        return self.server.counters()[None]["fork_failures"]

    def release(self):
        self.group.limit("max")


class PidsNone(_Pids, Stop):
    """No client can get a child: there are more processes than may be.  With as
    many as may be a spawner that fails its clients makes room for one."""

    name = "pids.max, none left"
    LEFT = -5


class PidsFew(_Pids):
    """Two clients at a time can."""

    name = "pids.max, two left"
    LEFT = 2
    crowded = True


class PidsNone2(PidsNone):
    """The same of version 2."""

    name = "pids.max, none left, version 2"
    version = 2


class PidsFew2(PidsFew):
    """The same of version 2."""

    name = "pids.max, two left, version 2"
    version = 2


SQUEEZES = (PidsNone, PidsFew, PidsNone2, PidsFew2)
