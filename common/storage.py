"""Where image bytes are kept: a folder or an object store, with a key for each job's image and what is made of it."""

from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Protocol
from urllib.parse import urlsplit

from common.errors import (
    ConfigurationError,
    DentiqError,
    StorageUnavailableError,
    StorageUnreachableError,
    StoredImageMissingError,
)
from common.local_objects import LocalObjects
from common.s3_access import S3Access, open_s3


def image_key(job_id: str) -> str:
    """Name a job's image in the storage; 1,024 folders keep each of them small."""
    return f"images/{job_id[:2]}/{job_id}"


def explanation_key(job_id: str) -> str:
    """Name a job's heat map in the storage."""
    return f"explanations/{job_id[:2]}/{job_id}.jpg"


def keys_of(job_id: str) -> tuple[str, ...]:
    """Name everything in the storage that belongs to a job and goes with it."""
    return image_key(job_id), preview_key(job_id), thumbnail_key(job_id), explanation_key(job_id)


def preview_key(job_id: str) -> str:
    """Name a job's preview in the storage."""
    return f"previews/{job_id[:2]}/{job_id}.jpg"


def thumbnail_key(job_id: str) -> str:
    """Name a job's thumbnail in the storage."""
    return f"thumbnails/{job_id[:2]}/{job_id}.jpg"


class Objects(Protocol):
    """What a kind of storage does; each raises `StorageUnavailableError` when it cannot."""

    @property
    def reads_ahead(self) -> int:
        """Objects that are best read at one time."""
        ...

    def put_many(self, objects: Mapping[str, bytes], *, new: bool = False) -> None:
        """Store objects, each whole or not at all; new ones, which nobody looks for yet, as is cheapest."""
        ...

    def get(self, key: str) -> bytes:
        """Read an object; `FileNotFoundError` where there is none."""
        ...

    def delete_many(self, keys: Iterable[str]) -> None:
        """Remove objects; those that are not there count as removed."""
        ...

    def answers(self) -> bool:
        """Whether it can be reached, in one small request."""
        ...


class Storage:
    """Put, get and delete whole objects.

    Every method raises `StorageUnavailableError` when the storage does not answer, and of these
    `StorageUnreachableError` when a storage at a distance answers nobody. Keys come from this module's functions,
    never from a sender.

    Args:
        url: `file:///folder` or `s3://bucket/prefix`.
        fsync: Flush each object of a local storage to the disk before `put` returns.
        s3: How an object store is reached; None for AWS's own way.
    """

    def __init__(self, url: str, *, fsync: bool, s3: S3Access | None = None) -> None:
        self._objects = _open(url, fsync=fsync, s3=s3)
        self._readers: ThreadPoolExecutor | None = None
        self._is_away = False

    def put(self, key: str, data: bytes) -> None:
        """Store an object whole: after a crash it is there complete or not at all.

        Raises:
            StorageFullError: There is no room.
        """
        self._put({key: data}, new=False)

    def put_new(self, objects: Mapping[str, bytes]) -> None:
        """Store objects under keys that nobody knows before this returns: who is killed on the way may leave a part.

        Raises:
            StorageFullError: There is no room. Some of them may be there.
        """
        self._put(objects, new=True)

    def _put(self, objects: Mapping[str, bytes], *, new: bool) -> None:
        try:
            self._objects.put_many(objects, new=new)
        except FileNotFoundError as error:
            raise StorageUnavailableError("The storage does not answer; try again later.") from error

    def get(self, key: str) -> bytes:
        """Read an object.

        Raises:
            StoredImageMissingError: There is no such object.
        """
        try:
            return self._objects.get(key)
        except FileNotFoundError as error:
            raise StoredImageMissingError("The stored image is gone; it was erased or lost.") from error

    def get_each(self, keys: Sequence[str]) -> Iterator[bytes | DentiqError]:
        """Read objects one after the other, each as its bytes or as the error that reading it met.

        A storage at a distance is read a few objects ahead, so that a chunk waits once and not 32 times; no more of
        them than that are in memory. Once nobody answers there, the rest is not asked for; where somebody answers by
        a refusal, it is: the next object may be given out.
        """
        if self._objects.reads_ahead == 1 or len(keys) == 1:
            yield from map(self._read, keys)
            return
        if self._readers is None:
            self._readers = ThreadPoolExecutor(self._objects.reads_ahead, thread_name_prefix="storage")
        waiting = iter(keys)
        ahead: deque[Future[bytes | DentiqError]] = deque()
        away: StorageUnreachableError | None = None
        try:
            for _ in keys:
                while away is None and len(ahead) < self._objects.reads_ahead and (key := next(waiting, None)):
                    ahead.append(self._readers.submit(self._read, key))
                found = ahead.popleft().result() if ahead else away
                assert found is not None  # noqa: S101  nothing is ahead only once somebody was away
                if away is None and isinstance(found, StorageUnreachableError) and self.is_away():
                    away = found
                yield found
        finally:
            for future in ahead:
                future.cancel()

    def _read(self, key: str) -> bytes | DentiqError:
        try:
            return self.get(key)
        except DentiqError as error:
            self._is_away = isinstance(error, StorageUnreachableError)
            return error

    def is_away(self) -> bool:
        """Whether the last reading found the storage out of reach and it still is; free of cost while all is well."""
        if self._is_away:
            self._is_away = not self._objects.answers()
        return self._is_away

    def delete(self, key: str) -> None:
        """Remove an object and what a killed writer left of it; nothing happens when there is none."""
        self.delete_many([key])

    def delete_many(self, keys: Iterable[str]) -> None:
        """Remove objects, at a distance in one request; nothing happens to those that there are not."""
        self._objects.delete_many(keys)


def require_known_storage(url: str) -> None:
    """Find out by its URL alone that dentiq knows a storage.

    Raises:
        ConfigurationError: It does not.
    """
    scheme = _scheme(url)
    if scheme not in {"file", "s3"}:
        raise ConfigurationError(
            f"DENTIQ_STORAGE_URL names a storage that dentiq does not know ({scheme}://); use file:///folder or "
            "s3://bucket/prefix."
        )


def _open(url: str, *, fsync: bool, s3: S3Access | None) -> Objects:
    require_known_storage(url)
    if _scheme(url) == "s3":
        return open_s3(url, s3 or S3Access(), setting="DENTIQ_STORAGE_URL")
    return LocalObjects(url, fsync=fsync)


def _scheme(url: str) -> str:
    return urlsplit(url).scheme if "://" in url else "file"
