"""Sending portions in parallel, each recorded before and after."""

import hashlib
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue
from threading import Event, Lock, Thread
from typing import Final

from client.dentiq import Dentiq
from client.errors import RequestRefusedError
from client.folder.journal import Journal
from client.folder.names import sent_name
from client.folder.portions import Fate, Portion, match

# Enough to keep a server's processes decoding while the next portions are on their way; each holds 16 MB.
THREADS: Final = 3

# The server remembers keys for a day; the rest is for clocks and long requests.
_KEY_LIFE_SECONDS: Final = 20 * 3600

# The portion is refused as a whole, a part of it may not be.
_TOO_MUCH: Final = frozenset({"too_many_parts", "archive_too_large", "image_too_large", "http_413"})


@dataclass(frozen=True)
class _Image:
    file: str
    data: bytes


@dataclass(frozen=True)
class PortionSender:
    """Send one portion, now or again."""

    dentiq: Dentiq
    folder: Path
    batch_id: str
    run: str

    def send(self, portion: Portion) -> list[Fate]:
        """Send a portion and say what became of each file; the same portion again makes no job again.

        Raises:
            DentiqClientError: The server does not take it now, or at all.
        """
        images, fates = self._read(portion.files)
        key = f"{self.run}.{portion.number}"
        forgotten = portion.begun_at is not None and time.time() - portion.begun_at > _KEY_LIFE_SECONDS
        if not forgotten:
            try:
                return fates + self._add(images, key=key)
            except RequestRefusedError as error:
                if error.code != "idempotency_conflict":
                    raise
        return self._recover(portion, images, fates, key=key)

    def _read(self, files: Sequence[str]) -> tuple[list[_Image], list[Fate]]:
        images: list[_Image] = []
        fates: list[Fate] = []
        for file in files:
            try:
                images.append(_Image(file, (self.folder / file).read_bytes()))
            except OSError as error:
                fates.append(Fate(file, None, "file_unreadable", f"It cannot be read: {error.strerror}"))
        return images, fates

    def _add(self, images: Sequence[_Image], *, key: str) -> list[Fate]:
        if not images:
            return []
        names = [(image.file, sent_name(image.file)) for image in images]
        files = [(name, image.data) for (_, name), image in zip(names, images, strict=True)]
        try:
            return match(names, self.dentiq.add_images(self.batch_id, files, idempotency_key=key))
        except RequestRefusedError as error:
            if error.code not in _TOO_MUCH:
                raise
            if len(images) == 1:
                return [Fate(images[0].file, None, error.code, error.detail)]
        middle = len(images) // 2
        return [*self._add(images[:middle], key=f"{key}.0"), *self._add(images[middle:], key=f"{key}.1")]

    def _recover(self, portion: Portion, images: Sequence[_Image], fates: Sequence[Fate], *, key: str) -> list[Fate]:
        """Find what was made of a portion whose key helps no more, by the names; send only what was not."""
        names = {sent_name(file): file for file in portion.files}
        jobs = self.dentiq.batch_jobs(self.batch_id)
        made = {names[job.filename]: job.id for job in jobs if job.filename in names}
        rest = [image for image in images if image.file not in made]
        content = hashlib.sha256()
        for image in rest:
            content.update(hashlib.sha256(image.data).digest())
        return [
            *(Fate(file, job_id) for file, job_id in made.items()),
            *(fate for fate in fates if fate.file not in made),
            *self._add(rest, key=f"{key}.{content.hexdigest()[:16]}"),
        ]


class Sending:
    """Threads that send portions; the one that made them puts portions in and takes fates out.

    The threads are daemons: one that waits for a server does not keep an interrupted command alive.
    """

    def __init__(self, sender: PortionSender, journal: Journal, *, threads: int = THREADS) -> None:
        self._sender = sender
        self._journal = journal
        self._waiting: SimpleQueue[Portion | None] = SimpleQueue()
        self._lock = Lock()
        self._unanswered = 0
        self._fates: list[Fate] = []
        self._error: BaseException | None = None
        self._stopped = Event()
        self._threads = [Thread(target=self._work, daemon=True) for _ in range(threads)]
        for thread in self._threads:
            thread.start()

    def put(self, portion: Portion) -> None:
        """Send a portion as soon as a thread is free."""
        with self._lock:
            self._unanswered += 1
        self._waiting.put(portion)

    @property
    def idle(self) -> bool:
        """Whether all that was put in has been answered and taken."""
        with self._lock:
            return self._unanswered == 0 and not self._fates

    def take(self) -> list[Fate]:
        """Take what became of files since the last time.

        Raises:
            DentiqClientError: A portion could not be sent.
        """
        with self._lock:
            if self._error is not None:
                raise self._error
            taken, self._fates = self._fates, []
            return taken

    def stop(self, *, grace_seconds: float) -> None:
        """Begin no further portion, and give those under way a moment to be answered and recorded."""
        self._stopped.set()
        for _ in self._threads:
            self._waiting.put(None)
        end = time.monotonic() + grace_seconds
        for thread in self._threads:
            thread.join(max(0.0, end - time.monotonic()))

    def _work(self) -> None:
        while (portion := self._waiting.get()) is not None and not self._stopped.is_set():
            try:
                self._send(portion)
            except BaseException as error:  # noqa: BLE001  it is raised where the fates are taken
                with self._lock:
                    self._error = self._error or error
                return

    def _send(self, portion: Portion) -> None:
        if portion.begun_at is None:
            self._journal.sent(portion)
        fates = self._sender.send(portion)
        self._journal.answered(portion, fates)
        with self._lock:
            self._fates += fates
            self._unanswered -= 1
