"""What is done again and again beside a test."""

import threading


class Meanwhile:
    """step() in a thread, after PAUSE seconds each time, until the context
    ends."""

    PAUSE = 0.0

    def __init__(self):
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._ending.set()
        self._thread.join()

    def _run(self):
        while not self._ending.wait(self.PAUSE):
            self.step()

    def step(self):
        """Once."""
        raise NotImplementedError
