"""Objects in a bucket of Amazon S3 or of a store that speaks its language, through s3fs."""

import random
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http import HTTPStatus
from itertools import islice
from typing import Any, Final, TypeVar

import s3fs
from botocore.exceptions import BotoCoreError, ClientError

from common.errors import StorageUnavailableError, StorageUnreachableError
from common.s3_access import S3Access

T = TypeVar("T")

# Requests of one process under way at one time. Eight hide 20 ms a request behind a network that computes 3 ms an
# image, and hold eight images in memory.
_AT_ONCE: Final = 8

# What DeleteObjects takes.
_DELETED_TOGETHER: Final = 1000

# Pauses between two tries double from here; no try begins later than one time-out after the first.
_FIRST_PAUSE_SECONDS: Final = 0.1

# Statuses below 500 that pass by themselves: request time-out, throttled.
_PASSING: Final = frozenset({408, 429})

# Asked for to see whether anybody answers; that there is no such object is an answer, and of somebody who lets us in.
_PROBE: Final = "is-anybody-there"
_LET_IN: Final = frozenset({HTTPStatus.OK, HTTPStatus.NOT_FOUND})


class S3Objects:
    """Put, get and delete objects below one prefix; see `common.storage.Objects`.

    The client is made at the first request: of two processes that a fork made of one, each has its own.

    Args:
        bucket: Name of the bucket.
        prefix: What keys begin with; empty for none.
        access: Endpoint, keys, time-outs.
    """

    reads_ahead = _AT_ONCE

    def __init__(self, bucket: str, prefix: str, access: S3Access) -> None:
        self._bucket = bucket
        self._prefix = f"{prefix}/" if prefix else ""
        self._access = access
        self._lock = threading.Lock()
        self._made: s3fs.S3FileSystem | None = None
        self._writers: ThreadPoolExecutor | None = None

    def put_many(self, objects: Mapping[str, bytes], *, new: bool = False) -> None:
        """Store objects, several at a time; each is there whole or not at all, as S3 promises, new or not."""
        del new
        if len(objects) == 1:
            for key, data in objects.items():
                self._put(key, data)
            return
        with self._lock:
            if self._writers is None:
                self._writers = ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="s3-put")
        futures = [self._writers.submit(self._put, key, data) for key, data in objects.items()]
        try:
            for future in futures:
                future.result()
        finally:
            # None of them may still be written once this returns: its caller announced them for a time.
            for future in futures:
                if not future.cancel():
                    future.exception()

    def get(self, key: str) -> bytes:
        """Read an object; `FileNotFoundError` where there is none.

        Raises:
            StorageUnreachableError: Nobody answers, or nobody is let in.
            StorageUnavailableError: This object alone is refused.
        """
        fs, path = self._fs, self._path(key)
        try:
            return bytes(self._tried(lambda limit: fs.cat_file(path, timeout=limit)))
        except StorageUnreachableError as error:
            if not _is_refusal(error.__cause__) or self._probe() not in _LET_IN:
                raise
            raise StorageUnavailableError("The storage does not give this image out.") from error.__cause__

    def delete_many(self, keys: Iterable[str]) -> None:
        """Remove objects, up to 1,000 in a request."""
        rest = iter(keys)
        while some := list(islice(rest, _DELETED_TOGETHER)):
            self._delete(some)

    def names(self) -> list[str]:
        """List the folders below the prefix, which is a request for every 1,000: nothing for a hot path."""
        fs, folder = self._fs, self._path("").rstrip("/")
        try:
            found = self._tried(lambda limit: fs.ls(folder, detail=True, refresh=True, timeout=limit))
        except FileNotFoundError:
            return []
        return sorted(str(entry["name"]).rpartition("/")[2] for entry in found if entry["type"] == "directory")

    def answers(self) -> bool:
        """Whether anybody answers there, even by a refusal: a probe must not ask for more rights than the work does."""
        return self._probe() in range(1, 500)

    def _probe(self) -> int:
        """Ask for an object that there is not; give the status of the answer, 0 where nobody answers."""
        fs = self._fs
        try:
            with _errors_translated():
                fs.call_s3("head_object", Bucket=self._bucket, Key=self._prefix + _PROBE, timeout=self._limit)
        except FileNotFoundError:
            return HTTPStatus.NOT_FOUND
        except StorageUnreachableError as error:
            return _status_of(error.__cause__)
        return HTTPStatus.OK

    def _put(self, key: str, data: bytes) -> None:
        fs, path = self._fs, self._path(key)
        # One request whatever the size: parts of an upload that broke off would stay, unseen and paid for.
        whole = max(len(data) + 1, 1)
        self._tried(lambda limit: fs.pipe_file(path, data, chunksize=whole, timeout=limit))

    def _delete(self, keys: Sequence[str]) -> None:
        named = {"Objects": [{"Key": self._prefix + key} for key in keys], "Quiet": True}
        fs = self._fs
        answer = self._tried(
            lambda limit: fs.call_s3("delete_objects", Bucket=self._bucket, Delete=named, timeout=limit)
        )
        if refused := answer.get("Errors"):
            raise StorageUnavailableError("The storage does not let go of an image; try again later.") from OSError(
                f"{len(refused)} refused, the first: {refused[0].get('Code')} {refused[0].get('Message')}"
            )

    def _tried(self, request: Callable[[float], T]) -> T:
        """Send a request again while its fault passes by itself and there is time; each of ours may be repeated."""
        last_start = time.monotonic() + self._access.timeout_seconds
        pause = _FIRST_PAUSE_SECONDS
        while True:
            try:
                with _errors_translated():
                    return request(self._limit)
            except StorageUnreachableError as error:
                # Half of the pause is chance: those who failed together must not come back together.
                wait = pause * random.uniform(0.5, 1)  # noqa: S311
                if not _passes(error.__cause__) or time.monotonic() + wait > last_start:
                    raise
            time.sleep(wait)
            pause *= 2

    @property
    def _limit(self) -> float:
        # A store that sends a byte now and then is never silent; above this nobody waits for it.
        return self._access.limit_seconds or 4 * self._access.timeout_seconds

    @property
    def _fs(self) -> s3fs.S3FileSystem:
        with self._lock:
            if self._made is None:
                self._made = _file_system(self._access)
            return self._made

    def _path(self, key: str) -> str:
        return f"{self._bucket}/{self._prefix}{key}"


def _file_system(access: S3Access) -> s3fs.S3FileSystem:
    made = s3fs.S3FileSystem(
        key=access.access_key_id or None,
        secret=access.secret_access_key or None,
        endpoint_url=access.endpoint_url or None,
        client_kwargs={"region_name": access.region} if access.region else {},
        config_kwargs={
            "connect_timeout": access.timeout_seconds,
            "read_timeout": access.timeout_seconds,
            "max_pool_connections": 4 * _AT_ONCE,
            # Tried again in one place, `_tried`: three layers of three tries each would keep a sender for minutes.
            "retries": {"mode": "standard", "total_max_attempts": 1},
            # Checksums of new kinds, which other stores than AWS's refuse, only where S3 insists.
            "request_checksum_calculation": "when_required",
            "response_checksum_validation": "when_required",
        },
        # One object is one request; with more s3fs asks for the size first.
        max_concurrency=1,
        use_listings_cache=False,
        skip_instance_cache=True,
    )
    made.retries = 1
    return made


@contextmanager
def _errors_translated() -> Iterator[None]:
    """Turn what s3fs and the libraries below it raise into our terms; no object of that name is `FileNotFoundError`."""
    try:
        yield
    except FileNotFoundError as error:
        # A bucket that is gone is nothing that the sender of one image could have lost.
        if _code_of(error) == "NoSuchBucket":
            raise _unreachable(error) from error
        raise
    except (OSError, BotoCoreError, ClientError, TimeoutError) as error:
        raise _unreachable(error) from error
    except Exception as error:
        # aiohttp, which has a tree of its own; anything else is a bug of ours.
        if not type(error).__module__.startswith(("aiohttp", "aiobotocore", "botocore", "fsspec", "asyncio")):
            raise
        raise _unreachable(error) from error


def _unreachable(_: Exception) -> StorageUnreachableError:
    return StorageUnreachableError("The storage cannot be reached; try again in a few seconds.")


def _response_of(error: BaseException | None) -> Mapping[str, Any]:
    """Find what S3 answered, if it did: in the error or in that which it was made from."""
    while error is not None:
        if isinstance(response := getattr(error, "response", None), Mapping):
            return response
        error = error.__cause__
    return {}


def _code_of(error: BaseException | None) -> str:
    return str(_response_of(error).get("Error", {}).get("Code", ""))


def _status_of(error: BaseException | None) -> int:
    return int(_response_of(error).get("ResponseMetadata", {}).get("HTTPStatusCode", 0))


def _is_refusal(error: BaseException | None) -> bool:
    """Whether S3 refuses what is there: it is forbidden, or archived. What is not there is `FileNotFoundError`."""
    status = _status_of(error)
    return status in range(400, 500) and status != HTTPStatus.NOT_FOUND and not _passes(error)


def _passes(error: BaseException | None) -> bool:
    """Whether the same request may succeed in a moment: nobody answered, or S3 said so."""
    status = _status_of(error)
    return status == 0 or status >= 500 or status in _PASSING or _code_of(error) in {"SlowDown", "RequestTimeout"}
