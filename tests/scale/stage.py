"""What a row is played on: a folder, a network, instances, a balancer."""

import os
import shutil
import tempfile

from harness import PATIENCE, listens, wait_for
from network import BALANCER, make


class Stage:
    """All of it ends with it:

        with Stage() as stage:
            stage.add(Instance(...))
            stage.front(Haproxy(...))
    """

    def __enter__(self):
        self.folder = tempfile.mkdtemp(prefix="forkgreet-scale-")
        os.chmod(self.folder, 0o755)
        self.instances = {}
        self.balancer = None
        make()
        return self

    def __exit__(self, *_):
        for what in (self.balancer, *self.instances.values()):
            if what is not None:
                what.end()
        shutil.rmtree(self.folder)

    def add(self, instance):
        """Starts it."""
        self.instances[instance.name] = instance
        instance.start()
        return instance

    def front(self, balancer):
        """One that has just been started: waits until it works."""
        self.balancer = balancer
        wait_for(lambda: all(listens(BALANCER, port)
                             for port in balancer.ports), PATIENCE,
                 "the balancer")
        for name in self.instances:
            balancer.wait_taking(name)
        return balancer
