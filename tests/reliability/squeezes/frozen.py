"""The control group is stopped for a while and goes on, as a checkpoint or a
pause of the container does."""

from harness import FreezerGroup
from squeeze import Stop


class Frozen(Stop):
    """All processes of the daemon."""

    name = "group frozen, version 1"
    version = 1

    @classmethod
    def why_not(cls):
        group = FreezerGroup(cls.version)
        group.remove()
        return group.why_none()

    def serve(self, **keywords):
        self.group = FreezerGroup(self.version)
        self.addCleanup(self.group.remove)
        return super().serve(preexec=self.group.enter, **keywords)

    def squeeze(self):
        self.rest()
        self.group.freeze()

    def release(self):
        self.group.freeze(False)


class Frozen2(Frozen):
    """The same of version 2."""

    name = "group frozen, version 2"
    version = 2


SQUEEZES = (Frozen, Frozen2)
