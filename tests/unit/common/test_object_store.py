"""The storage in an object store, over HTTP: what it promises, and what it says when nobody answers."""

import re
import subprocess
import sys
import threading
from collections.abc import Callable
from time import monotonic
from typing import Any

import pytest

from common.errors import (
    ConfigurationError,
    StorageUnavailableError,
    StorageUnreachableError,
    StoredImageMissingError,
)
from common.s3_access import S3Access
from common.storage import Storage, image_key, keys_of, preview_key
from tests.chaos.link import Line, Link
from tests.fixtures.s3 import Bucket
from tests.waiting import wait_until

# Above what a busy machine needs for one answer.
_SHORT = 1.5


@pytest.fixture
def storage(bucket: Bucket) -> Storage:
    return Storage(bucket.url, fsync=True, s3=bucket.access())


def through(link: Link, bucket: Bucket) -> Storage:
    return Storage(bucket.url, fsync=True, s3=bucket.access(port=link.port, timeout_seconds=_SHORT))


def test_objects_are_stored_under_the_prefix_read_and_replaced(storage: Storage, bucket: Bucket) -> None:
    storage.put(image_key("abc"), b"one")
    storage.put(image_key("abc"), b"two")
    assert storage.get(image_key("abc")) == b"two"
    assert bucket.names() == ["kept/images/ab/abc"]


def test_a_missing_object_is_an_error_of_its_own(storage: Storage) -> None:
    with pytest.raises(StoredImageMissingError):
        storage.get(image_key("nosuchjob"))


def test_many_objects_are_stored_and_erased_in_one_request_for_all(storage: Storage, bucket: Bucket) -> None:
    images = {image_key(f"job{number}"): b"x" * number for number in range(40)}
    storage.put_new(images)
    storage.put(preview_key("job1"), b"small")
    assert len(bucket.names()) == 41
    storage.delete_many([key for number in range(40) for key in keys_of(f"job{number}")])
    assert bucket.names() == []
    assert sum(request.startswith("POST") for request in bucket.requests()) == 1


def test_an_object_of_any_size_is_one_request_and_none_lists_the_bucket(storage: Storage, bucket: Bucket) -> None:
    large = bytes(12_000_000)
    storage.put(image_key("large"), large)
    assert storage.get(image_key("large")) == large
    storage.delete(image_key("large"))
    methods = [re.split(r" |\?", request)[0] for request in bucket.requests()[1:]]
    assert methods == ["PUT", "GET", "POST"]


def test_a_chunk_is_read_several_at_a_time_in_order_each_with_its_own_fault(
    bucket: Bucket, make_link: Callable[[int], Link]
) -> None:
    ids = [f"job{number:02}" for number in range(24)]
    link = make_link(bucket.store.port)
    storage = Storage(bucket.url, fsync=True, s3=bucket.access(port=link.port))
    storage.put_new({image_key(job_id): job_id.encode() for job_id in ids})
    storage.delete(image_key("job07"))
    link.set(Line.OPEN, delay_seconds=0.5)  # each way: one after the other they would take 24 s, eight at a time 3 s
    started = monotonic()
    found = list(storage.get_each([image_key(job_id) for job_id in ids]))
    assert monotonic() - started < 0.6 * 24
    assert isinstance(found[7], StoredImageMissingError)
    assert [data for data in found if isinstance(data, bytes)] == [i.encode() for i in ids if i != "job07"]


def test_an_object_that_the_store_refuses_is_one_fault_and_its_neighbours_are_read(
    storage: Storage, bucket: Bucket
) -> None:
    ids = [f"job{number:02}" for number in range(24)]
    storage.put_new({image_key(job_id): job_id.encode() for job_id in ids})
    bucket.forbid(f"kept/{image_key('job07')}")
    found = list(storage.get_each([image_key(job_id) for job_id in ids]))
    # Not the error that costs no attempt: such a job would be tried for a day.
    assert type(found[7]) is StorageUnavailableError
    assert [data for data in found if isinstance(data, bytes)] == [i.encode() for i in ids if i != "job07"]
    assert not storage.is_away()


def test_a_store_that_lets_nobody_in_counts_as_out_of_reach_for_each_image(storage: Storage, bucket: Bucket) -> None:
    keys = [image_key(f"job{number:02}") for number in range(12)]
    storage.put_new(dict.fromkeys(keys, b"x"))
    bucket.forbid("*")
    assert {type(error) for error in storage.get_each(keys)} == {StorageUnreachableError}


def test_no_more_objects_are_in_memory_than_are_read_ahead(storage: Storage, bucket: Bucket) -> None:
    keys = [image_key(f"job{number:02}") for number in range(32)]
    storage.put_new(dict.fromkeys(keys, b"x"))
    asked: list[str] = []
    get = storage.get
    storage.get = lambda key: asked.append(key) or get(key)  # type: ignore[method-assign,func-returns-value]
    images = storage.get_each(keys)
    for number in range(1, 5):
        next(images)
        assert len(asked) <= 8 + number
    images.close()  # type: ignore[attr-defined]


@pytest.mark.parametrize("line", [Line.CUT, Line.MUTE, Line.DEAF])
def test_a_store_that_cannot_be_reached_is_told_and_works_again(
    bucket: Bucket, storage: Storage, make_link: Callable[[int], Link], line: Line
) -> None:
    link = make_link(bucket.store.port)
    distant = through(link, bucket)
    storage.put(image_key("abc"), b"one")
    link.set(line, reset=line is Line.CUT)
    for request in (lambda: distant.get(image_key("abc")), lambda: distant.put(image_key("new"), b"two")):
        with pytest.raises(StorageUnreachableError):
            request()
    link.set(Line.OPEN)

    def works() -> bool:
        try:
            return distant.get(image_key("abc")) == b"one"
        except StorageUnreachableError:
            return False

    wait_until(works, 30, what="the object store through an open line")


def test_a_passing_fault_is_tried_again_unseen(bucket: Bucket, make_link: Callable[[int], Link]) -> None:
    link = make_link(bucket.store.port)
    storage = Storage(bucket.url, fsync=True, s3=bucket.access(port=link.port))
    storage.put(image_key("abc"), b"one")
    link.lose_answer_to(b"images/ab/abc")
    assert storage.get(image_key("abc")) == b"one"
    link.lose_answer_to(b"images/ab/abd")
    storage.put(image_key("abd"), b"two")
    assert storage.get(image_key("abd")) == b"two"


def test_once_nobody_answers_the_rest_of_a_chunk_is_not_asked_for(
    bucket: Bucket, make_link: Callable[[int], Link]
) -> None:
    link = make_link(bucket.store.port)
    storage = through(link, bucket)
    assert not storage.is_away()
    link.set(Line.MUTE)
    started = monotonic()
    found = list(storage.get_each([image_key(f"job{number}") for number in range(64)]))
    assert {type(error) for error in found} == {StorageUnreachableError}
    assert monotonic() - started < 8 * 2 * _SHORT  # each eight of them would wait for one or two time-outs
    assert storage.is_away()
    link.set(Line.OPEN)
    wait_until(lambda: not storage.is_away(), 30)


def test_a_bucket_that_is_gone_loses_no_image(bucket: Bucket) -> None:
    storage = Storage("s3://no-such-bucket-anywhere/x", fsync=True, s3=bucket.access())
    with pytest.raises(StorageUnreachableError):
        storage.get(image_key("abc"))
    with pytest.raises(StorageUnavailableError):
        storage.put_new({image_key("abc"): b"1", image_key("abd"): b"2"})


def test_threads_share_one_client(storage: Storage, bucket: Bucket) -> None:
    faults: list[BaseException] = []

    def work(number: int) -> None:
        try:
            storage.put(image_key(f"job{number}"), b"%d" % number)
            assert storage.get(image_key(f"job{number}")) == b"%d" % number
        except BaseException as fault:  # noqa: BLE001  a thread's fault must fail the test
            faults.append(fault)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert faults == []
    assert len(bucket.names()) == 16


@pytest.mark.parametrize("url", ["s3://", "s3:///x", "s3://key:secret@bucket/x"])
def test_a_url_without_a_bucket_or_with_keys_is_a_wrong_setting(url: str) -> None:
    with pytest.raises(ConfigurationError, match="DENTIQ_STORAGE_URL must read s3://bucket/prefix"):
        Storage(url, fsync=True, s3=S3Access())


def test_without_the_library_the_setting_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "common.s3_objects", raising=False)
    monkeypatch.setitem(sys.modules, "s3fs", None)
    with pytest.raises(ConfigurationError, match=r"pip install 'dentiq\[s3\]'"):
        Storage("s3://bucket/x", fsync=True)


def test_a_storage_in_a_folder_loads_no_object_store_library() -> None:
    code = "import sys, worker.process; print([m for m in ('s3fs', 'fsspec', 'botocore') if m in sys.modules])"
    answer: Any = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "[]"
