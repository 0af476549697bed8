"""The OpenAPI document describes what the server does: every route, every answer, nothing else."""

import io
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from common.settings import Settings
from tests.fake_worker import FakeWorker
from web.app_factory import create_app
from web.representation import API_PREFIX

Document = dict[str, Any]

# Described as a page, not as an operation.
_NOT_OPERATIONS = {f"{API_PREFIX}/openapi.json"}


@pytest.fixture
def settings(redis_url: str, tmp_path: Path) -> Settings:
    return Settings(redis_url=redis_url, data_dir=tmp_path, storage_fsync=False)


@pytest.fixture
def app(settings: Settings) -> Flask:
    return create_app(settings)


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return app.test_client()


@pytest.fixture
def document(client: FlaskClient) -> Document:
    described: Document = client.get(f"{API_PREFIX}/openapi.json").get_json()
    return described


def operations(document: Document) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, item in document["paths"].items():
        for method, operation in item.items():
            yield path, method, operation


def references(part: Any) -> Iterator[str]:
    if isinstance(part, dict):
        if isinstance(part.get("$ref"), str):
            yield part["$ref"]
        for value in part.values():
            yield from references(value)
    elif isinstance(part, list):
        for value in part:
            yield from references(value)


def test_every_route_of_the_api_is_described_and_no_other(app: Flask, document: Document) -> None:
    served = {
        (re.sub(r"<(?:[^:<>]+:)?([^<>]+)>", r"{\1}", rule.rule), method.lower())
        for rule in app.url_map.iter_rules()
        if rule.rule.startswith(API_PREFIX) or rule.rule in {"/healthz", "/readyz", "/metrics"}
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    }
    described = {(path, method) for path, method, _ in operations(document)}
    assert {(path, method) for path, method in served if path not in _NOT_OPERATIONS} == described


def test_every_reference_leads_to_a_schema(document: Document) -> None:
    known = {f"#/components/schemas/{name}" for name in document["components"]["schemas"]}
    found = set(references(document))
    assert found
    assert found <= known


def test_every_operation_has_a_name_of_its_own_and_a_summary(document: Document) -> None:
    names = [operation["operationId"] for _, _, operation in operations(document)]
    assert len(set(names)) == len(names)
    assert [
        name
        for (_, _, operation), name in zip(operations(document), names, strict=True)
        if not operation.get("summary") or "<br" in operation.get("description", "")
    ] == []


def test_every_error_answer_is_described_as_a_problem(document: Document) -> None:
    faults = [
        (path, method, status)
        for path, method, operation in operations(document)
        for status, answer in operation["responses"].items()
        if int(status) >= 400 and "application/problem+json" not in answer.get("content", {})
    ]
    assert faults == []


def test_a_job_reads_exactly_as_it_is_described(
    client: FlaskClient, document: Document, settings: Settings, make_image: Callable[..., bytes]
) -> None:
    worker = FakeWorker(settings)
    submitted = client.post(f"{API_PREFIX}/jobs", data={"image": (io.BytesIO(make_image()), "a.jpg")}).get_json()
    worker.succeed(worker.claim())
    job = client.get(submitted["links"]["self"]).get_json()
    schemas = document["components"]["schemas"]
    for answer in (submitted, job):
        assert set(answer) == set(schemas["JobDocument"]["properties"])
        assert set(answer["timings"]) == set(schemas["TimingsDocument"]["properties"])
        assert set(answer["links"]) == set(schemas["LinksDocument"]["properties"])
    assert set(job["predictions"][0]) == set(schemas["PredictionDocument"]["properties"])


def test_a_problem_reads_exactly_as_it_is_described(client: FlaskClient, document: Document) -> None:
    problem = client.get(f"{API_PREFIX}/jobs/unknown").get_json()
    assert set(problem) == set(document["components"]["schemas"]["Problem"]["properties"])
