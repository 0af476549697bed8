"""Every example in the OpenAPI document is run: what is sent is taken, what is answered fits its own description."""

import io
from collections.abc import Callable, Iterator
from itertools import chain
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
from flask.testing import FlaskClient

from common.settings import Settings
from tests.fake_worker import FakeWorker
from tests.webhook_receiver import SECRET
from web.app_factory import create_app
from web.representation import API_PREFIX

Document = dict[str, Any]


@pytest.fixture
def settings(redis_url: str, tmp_path: Path) -> Settings:
    return Settings.from_env(
        {
            "DENTIQ_REDIS_URL": redis_url,
            "DENTIQ_DATA_DIR": str(tmp_path),
            "DENTIQ_STORAGE_FSYNC": "false",
            "DENTIQ_WEBHOOK_SECRET": SECRET,
        }
    )


@pytest.fixture
def client(settings: Settings) -> FlaskClient:
    return create_app(settings).test_client()


@pytest.fixture
def document(client: FlaskClient) -> Document:
    described: Document = client.get(f"{API_PREFIX}/openapi.json").get_json()
    return described


def followed(schema: Document, document: Document) -> Document:
    """Give the schema that a reference leads to."""
    name = schema.get("$ref", "").rpartition("/")[2]
    found: Document = document["components"]["schemas"][name] if name else schema
    return found


def alternatives(schema: Document, document: Document) -> list[Document]:
    schema = followed(schema, document)
    return [followed(one, document) for one in schema.get("anyOf", [schema])]


def example_of(schema: Document) -> Document:
    return {name: part["example"] for name, part in schema.get("properties", {}).items() if "example" in part}


def bodies(document: Document) -> Iterator[tuple[str, str, list[str], Document]]:
    """Method, path, statuses of success and body of every example of what is sent."""
    for path, item in document["paths"].items():
        for method, operation in item.items():
            content = operation.get("requestBody", {}).get("content", {}).get("application/json")
            for schema in alternatives(content["schema"], document) if content else ():
                good = [status for status in operation["responses"] if status.startswith("2")]
                yield method, path, good, example_of(schema)


def test_every_example_of_a_body_is_taken(
    client: FlaskClient, document: Document, settings: Settings, make_image: Callable[..., bytes]
) -> None:
    worker = FakeWorker(settings)
    job = client.post(f"{API_PREFIX}/jobs", data={"image": (io.BytesIO(make_image()), "a.jpg")}).get_json()
    worker.succeed(worker.claim())
    ran = []
    for method, path, good, body in bodies(document):
        assert body, f"{method} {path} has no example"
        answer = client.open(path.format(job_id=job["id"]), method=method, json=body)
        assert str(answer.status_code) in good, (method, path, body, answer.get_data(as_text=True))
        ran.append((path.removeprefix(API_PREFIX), *body))
    assert sorted(ran) == [
        ("/batches", "name", "webhook_url"),
        ("/jobs/{job_id}/correction", "label"),
        ("/jobs/{job_id}/correction", "verdict"),
    ]


def parts(schema: Any) -> Iterator[Document]:
    if isinstance(schema, dict):
        yield schema
        yield from chain.from_iterable(parts(part) for part in schema.values())
    elif isinstance(schema, list):
        yield from chain.from_iterable(parts(part) for part in schema)


def test_every_example_fits_the_description_that_it_stands_in(document: Document) -> None:
    with_example = [part for part in parts(document) if "example" in part]
    assert len(with_example) > 10
    for part in with_example:
        plain = {name: value for name, value in part.items() if name != "example"}
        jsonschema_rs.validate(plain, part["example"])


def test_examples_of_codes_and_labels_are_real(client: FlaskClient, document: Document) -> None:
    schemas = document["components"]["schemas"]
    missing = client.get(f"{API_PREFIX}/jobs/unknown").get_json()
    shown = example_of(schemas["Problem"])
    assert shown["type"] == missing["type"].replace(missing["code"], shown["code"])
    known = {entry["label"] for entry in client.get(f"{API_PREFIX}/pathologies").get_json()["pathologies"]}
    for name in ("PredictionDocument", "CorrectionDocument", "PathologyDocument"):
        assert example_of(schemas[name])["label"] in known
