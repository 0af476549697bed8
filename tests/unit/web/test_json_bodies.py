"""JSON that nobody should send."""

import pytest
from flask.testing import FlaskClient

DEEP = {
    "without an end": b"[" * 100_000,
    "with one": b"[" * 3_000 + b"]" * 3_000,
    "objects": b'{"name":' * 3_000 + b"1" + b"}" * 3_000,
    "within a field": b'{"name": ' + b"[" * 500 + b"]" * 500 + b"}",
}


@pytest.mark.parametrize("body", DEEP.values(), ids=DEEP.keys())
def test_json_that_is_nested_deeply_is_a_wrong_request(client: FlaskClient, body: bytes) -> None:
    answer = client.post("/api/v1/batches", data=body, content_type="application/json")
    assert (answer.status_code, answer.get_json()["code"]) == (422, "invalid_request")
