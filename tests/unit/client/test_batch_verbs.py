"""The client's verbs for batches, against a server in memory."""

from typing import Any

import httpx
import pytest

from client import Dentiq, RequestRefusedError, UnexpectedAnswerError
from tests.fake_batch_server import FakeBatchServer

IMAGE = b"\xff\xd8\xffimage"


def test_a_batch_is_made_filled_and_read() -> None:
    server = FakeBatchServer()
    client = server.client()
    batch = client.create_batch(name="Monday")
    addition = client.add_images(batch.id, [("a/1.jpg", IMAGE), ("2.jpg", IMAGE + b"broken"), ("3.jpg", IMAGE)])
    assert [image.filename for image in addition.accepted] == ["a/1.jpg", "3.jpg"]
    assert [(image.filename, image.code) for image in addition.rejected] == [("2.jpg", "image_truncated")]
    found = client.batch(batch.id)
    assert (found.name, found.total, found.finished, found.counts["succeeded"]) == ("Monday", 2, 2, 2)


def test_the_same_key_makes_nothing_twice() -> None:
    server = FakeBatchServer()
    client = server.client()
    first, again = (client.create_batch(name="Monday", idempotency_key="k") for _ in range(2))
    assert first.id == again.id
    ids = [client.add_images(first.id, [("1.jpg", IMAGE)], idempotency_key="p").accepted[0].id for _ in range(2)]
    assert ids == ["j1", "j1"]
    assert len(server.jobs) == 1


def test_all_jobs_are_read_page_by_page() -> None:
    server = FakeBatchServer()
    client = server.client()
    batch = client.create_batch()
    for portion in range(20):
        client.add_images(batch.id, [(f"{portion}-{number}.jpg", IMAGE) for number in range(64)])
    before = server.requests
    assert [job.id for job in client.batch_jobs(batch.id)] == [f"j{number + 1}" for number in range(1280)]
    assert server.requests - before == 3


def test_a_batch_is_cancelled_and_erased_by_its_own_address() -> None:
    asked: list[tuple[str, bytes]] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append((request.method, request.url.raw_path))
        content: dict[str, Any] = {"id": "b/1", "state": "cancelled", "total": 0, "counts": {}}
        return httpx.Response(200, json=content) if request.method == "POST" else httpx.Response(204)

    with Dentiq(transport=httpx.MockTransport(answer)) as client:
        assert client.cancel_batch("b/1").state == "cancelled"
        client.erase_batch("b/1")
    assert asked == [("POST", b"/api/v1/batches/b%2F1/cancel"), ("DELETE", b"/api/v1/batches/b%2F1")]


def test_a_webhook_is_asked_for_where_one_is_given() -> None:
    bodies: list[bytes] = []

    def answer(request: httpx.Request) -> httpx.Response:
        bodies.append(request.read())
        return httpx.Response(201, json={"id": "b", "state": "open", "status": "queued", "total": 0, "counts": {}})

    with Dentiq(transport=httpx.MockTransport(answer)) as client:
        client.create_batch(name="Monday")
        client.create_batch(name="Monday", webhook_url="https://example.com/hook")
        client.submit(IMAGE, filename="1.jpg")
        client.submit(IMAGE, filename="1.jpg", webhook_url="https://example.com/hook")
    assert [b"https://example.com/hook" in body for body in bodies] == [False, True, False, True]


def test_an_unknown_batch_is_refused() -> None:
    with pytest.raises(RequestRefusedError) as caught:
        FakeBatchServer().client().batch("b9")
    assert caught.value.code == "batch_not_found"


@pytest.mark.parametrize("answer", [[1], {"id": "b1"}, {"accepted": [1]}, {"jobs": 1, "next_cursor": None}])
def test_an_answer_that_is_no_batch_is_recognised(answer: Any) -> None:
    client = Dentiq(transport=httpx.MockTransport(lambda _: httpx.Response(200, json=answer)))
    with pytest.raises(UnexpectedAnswerError):
        client.batch("b1")
    with pytest.raises(UnexpectedAnswerError):
        client.add_images("b1", [("1.jpg", IMAGE)])
    with pytest.raises(UnexpectedAnswerError):
        client.batch_job_page("b1")
