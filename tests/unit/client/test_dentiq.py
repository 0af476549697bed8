"""The client against a server of canned answers."""

from collections.abc import Callable
from typing import Any

import httpx
import pytest

from client import (
    Dentiq,
    DentiqClientError,
    RequestRefusedError,
    RequestRetries,
    ServerUnreachableError,
    StillRunningError,
    UnexpectedAnswerError,
)

QUEUED: dict[str, Any] = {"id": "j1", "status": "queued", "predictions": [], "error": None, "position": 3}
DONE: dict[str, Any] = {
    **QUEUED,
    "status": "succeeded",
    "outcome": "answered",
    "model_version": "m1",
    "predictions": [{"label": "caries", "probability": 0.9}, {"label": "healthy", "probability": 0.1}],
    "added_by_a_newer_server": 1,
}
REFUSED = {"title": "Truncated image", "status": 422, "detail": "It ends too soon.", "code": "image_truncated"}
LATER = {"title": "Temporarily unavailable", "status": 503, "detail": "Redis is away.", "code": "unavailable"}


class Server:
    """Answer each request with the next of a list: an answer, or an exception of the transport."""

    def __init__(self, *answers: httpx.Response | Exception) -> None:
        self.answers = list(answers)
        self.requests: list[httpx.Request] = []
        self.pauses: list[float] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        request.read()
        self.requests.append(request)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer

    def client(self, **arguments: Any) -> Dentiq:
        return Dentiq(transport=httpx.MockTransport(self), sleep=self.pauses.append, **arguments)


def job(content: dict[str, Any] = DONE, status: int = 200) -> httpx.Response:
    return httpx.Response(status, json=content)


def test_submit_sends_the_bytes_under_their_name() -> None:
    server = Server(job(QUEUED, 202))
    submitted = server.client().submit(b"\xff\xd8image", filename="zähne.jpg")
    assert (submitted.id, submitted.status, submitted.position) == ("j1", "queued", 3)
    request = server.requests[0]
    assert (request.method, request.url.path) == ("POST", "/api/v1/jobs")
    assert b'name="image"' in request.content
    assert b"\xff\xd8image" in request.content


def test_a_retried_submit_cannot_make_a_second_job() -> None:
    server = Server(httpx.ReadError("reset"), httpx.Response(503, json=LATER), job(QUEUED, 202))
    server.client().submit(b"x", filename="x.jpg")
    keys = [request.headers["Idempotency-Key"] for request in server.requests]
    assert len(keys) == 3
    assert len(set(keys)) == 1


def test_two_submits_of_one_image_are_two_jobs() -> None:
    server = Server(job(QUEUED, 202))
    client = server.client()
    for _ in range(2):
        client.submit(b"x", filename="x.jpg")
    assert len({request.headers["Idempotency-Key"] for request in server.requests}) == 2


def test_a_key_of_the_caller_is_sent() -> None:
    server = Server(job(QUEUED, 202))
    server.client().submit(b"x", filename="x.jpg", idempotency_key="mine")
    assert server.requests[0].headers["Idempotency-Key"] == "mine"


def test_the_server_says_how_long_to_stay_away() -> None:
    server = Server(httpx.Response(503, json=LATER, headers={"Retry-After": "7"}), job())
    server.client().job("j1")
    assert server.pauses == [7.0]


def test_without_a_word_of_the_server_pauses_grow() -> None:
    server = Server(*[httpx.Response(503, json=LATER)] * 4, job())
    server.client().job("j1")
    assert len(server.pauses) == 4
    assert all(later > 1.1 * sooner for sooner, later in zip(server.pauses, server.pauses[1:], strict=False))


def test_a_server_that_never_answered_is_given_up_sooner() -> None:
    never = Server(httpx.ConnectError("refused"))
    with pytest.raises(ServerUnreachableError, match="does not answer: refused"):
        never.client().models()
    gone = Server(job(), httpx.ConnectError("refused"))
    client = gone.client()
    client.job("j1")
    with pytest.raises(ServerUnreachableError):
        client.job("j1")
    assert len(never.requests) < len(gone.requests) - 1


def test_a_server_that_stays_unavailable_is_given_up_with_its_reason() -> None:
    server = Server(httpx.Response(503, json=LATER))
    with pytest.raises(ServerUnreachableError, match=r"Redis is away"):
        server.client(retries=RequestRetries(attempts=2)).models()
    assert len(server.requests) == 2


def test_a_refusal_is_final_and_carries_its_code() -> None:
    server = Server(httpx.Response(422, json=REFUSED))
    with pytest.raises(RequestRefusedError) as caught:
        server.client().submit(b"x", filename="x.jpg")
    assert (caught.value.status, caught.value.code) == (422, "image_truncated")
    assert str(caught.value) == "It ends too soon."
    assert len(server.requests) == 1


def test_a_file_that_a_proxy_finds_too_large_is_refused() -> None:
    server = Server(httpx.Response(413, html="<h1>413</h1>"))
    with pytest.raises(RequestRefusedError) as caught:
        server.client().submit(b"x", filename="x.jpg")
    assert caught.value.code == "http_413"


@pytest.mark.parametrize(
    "answer",
    [
        httpx.Response(200, html="<html>"),
        httpx.Response(200, json=[1]),
        httpx.Response(200, json={"id": "j1"}),
        httpx.Response(404, html="<html>"),
        httpx.Response(403, json={"message": "forbidden"}),
        httpx.Response(302, headers={"Location": "/login"}),
    ],
)
def test_another_server_is_recognised(answer: httpx.Response) -> None:
    with pytest.raises(UnexpectedAnswerError):
        Server(answer).client().job("j1")
    with pytest.raises(UnexpectedAnswerError):
        Server(answer).client().models()


def test_a_job_keeps_what_a_newer_server_adds() -> None:
    found = Server(job()).client().job("j1")
    assert found.raw["added_by_a_newer_server"] == 1
    assert found.best is not None
    assert (found.best.label, found.best.probability) == ("caries", 0.9)


def test_wait_follows_the_job_to_its_end() -> None:
    server = Server(job(QUEUED), job({**QUEUED, "status": "running"}), job())
    assert server.client().wait("j1").status == "succeeded"
    assert server.requests[0].url.params["wait"] == "20"


def test_wait_pauses_where_the_server_does_not_hold_the_question() -> None:
    server = Server(*[job(QUEUED)] * 5, job())
    server.client().wait("j1")
    assert len(server.pauses) == 5
    assert server.pauses[-1] > server.pauses[0]


@pytest.mark.parametrize("status", ["failed", "cancelled"])
def test_wait_ends_with_any_final_status(status: str) -> None:
    content = {**QUEUED, "status": status, "error": {"code": "poison", "message": "It stopped its worker."}}
    ended = Server(job(content)).client().wait("j1")
    assert (ended.status, ended.error_code, ended.error_message) == (status, "poison", "It stopped its worker.")


def test_wait_gives_up_in_time_and_leaves_the_job_alone() -> None:
    server = Server(job(QUEUED))
    with pytest.raises(StillRunningError, match="j1 is still queued"):
        server.client().wait("j1", timeout_seconds=0)
    assert all(request.method == "GET" for request in server.requests)


def test_an_id_cannot_reach_another_address() -> None:
    server = Server(httpx.Response(404, json={**REFUSED, "code": "job_not_found"}))
    with pytest.raises(RequestRefusedError):
        server.client().job("../models?x=1")
    assert server.requests[0].url.raw_path == b"/api/v1/jobs/..%2Fmodels%3Fx%3D1"


def test_models_are_listed() -> None:
    content = {"models": [{"version": "m2", "current": True, "labels": ["a", "b"]}]}
    models = Server(httpx.Response(200, json=content)).client().models()
    assert [(model.version, model.current, model.labels) for model in models] == [("m2", True, ("a", "b"))]


@pytest.mark.parametrize("address", ["foo", "localhost:5000", "ftp://example.org", "http://a:b", ""])
def test_a_wrong_address_is_named(address: str) -> None:
    with Dentiq(address) as client, pytest.raises(ServerUnreachableError, match="no address of a server"):
        client.models()


def _every_transport_error() -> list[type[httpx.TransportError]]:
    found: list[type[httpx.TransportError]] = []
    classes: list[type[httpx.TransportError]] = [httpx.TransportError]
    while classes:
        one = classes.pop()
        found.append(one)
        classes += one.__subclasses__()
    return found


@pytest.mark.parametrize("kind", [*_every_transport_error(), httpx.DecodingError, httpx.TooManyRedirects])
def test_no_exception_of_the_http_library_leaves_the_client(kind: Callable[..., Exception]) -> None:
    with pytest.raises(DentiqClientError):
        Server(kind("broken")).client().models()
