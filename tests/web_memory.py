"""The memory of a web server, watched while a test is at it."""

import threading

import psutil

from tests.web_server import WebServer


class Memory:
    """The resident memory of web's processes together, watched from a thread."""

    def __init__(self, web: WebServer) -> None:
        assert web.process is not None
        master = psutil.Process(web.process.pid)
        # Found once: to look through all processes of the machine at each step costs a core.
        self._processes = [master, *master.children(recursive=True)]
        self.before = self.peak = self._now()
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._watch)

    def _now(self) -> int:
        return sum(int(process.memory_info().rss) for process in self._processes)

    def _watch(self) -> None:
        while not self._stopped.wait(0.02):
            self.peak = max(self.peak, self._now())

    @property
    def growth(self) -> int:
        """How much more it was at its highest than before, in bytes."""
        return self.peak - self.before

    def __enter__(self) -> "Memory":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
        self._thread.join()
