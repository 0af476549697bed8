"""What `/metrics` of web shows: the stores as they stand, whoever asks, and its own requests and uploads."""

import io
import json
from collections import Counter
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from common.errors import PoisonJobError
from common.jobs import keys
from common.jobs.record import Outcome
from common.redis_client import connect
from common.settings import Settings
from tests.fake_worker import VERSION, FakeWorker
from tests.scrapes import assert_scrapes_are_quick
from web.app_factory import create_app

Samples = dict[tuple[str, tuple[tuple[str, str], ...]], float]


@pytest.fixture
def shown(client):
    def scrape() -> Samples:
        text = client.get("/metrics").get_data(as_text=True)
        return {
            (sample.name, tuple(sorted(sample.labels.items()))): sample.value
            for family in text_string_to_metric_families(text)
            for sample in family.samples
        }

    return scrape


def one(samples: Samples, name: str, **labels: str) -> float:
    return samples[name, tuple(sorted(labels.items()))]


def stored_records(settings: Settings) -> list[dict[str, str]]:
    """Every job record, read from Redis without any of our code."""
    with connect(settings.effective_job_store_url, timeout_seconds=2, max_connections=4) as client:
        return [client.hgetall(key) for key in client.scan_iter(f"{keys.JOB}*")]


def finish_twenty(api, worker: FakeWorker, make_image) -> None:
    """Twenty jobs: succeeded in three outcomes, failed, running, waiting."""
    for number in range(20):
        api.accepted(make_image(width=70 + number), f"{number}.jpg")
    first, second, third = worker.claim(), worker.claim(), worker.claim()
    worker.succeed(first[:4])
    worker.succeed(first[4:6], outcome=Outcome.UNCERTAIN, probabilities=(0.5, 0.2, 0.1, 0.1, 0.05, 0.03, 0.02))
    worker.succeed(first[6:], outcome=Outcome.NOT_DENTAL)
    worker.fail(second[:3])
    worker.succeed(second[3:])
    assert len(third) == 4


def test_counts_by_status_label_and_outcome_equal_the_records(api, worker, shown, settings, make_image) -> None:
    finish_twenty(api, worker, make_image)
    samples, records = shown(), stored_records(settings)
    statuses = Counter(record["status"] for record in records)
    assert statuses == {"succeeded": 13, "failed": 3, "running": 4}
    for status in ("succeeded", "failed", "cancelled"):
        assert one(samples, "dentiq_jobs_finished_total", status=status) == statuses[status]
    assert one(samples, "dentiq_jobs_running") == statuses["running"]
    assert one(samples, "dentiq_jobs_submitted_total") == len(records)
    for outcome, count in Counter(record["outcome"] for record in records if "outcome" in record).items():
        assert one(samples, "dentiq_outcomes_total", model_version=VERSION, outcome=outcome) == count
    assert one(samples, "dentiq_predicted_labels_total", model_version=VERSION, label="caries") == 11
    assert one(samples, "dentiq_predicted_labels_total", model_version=VERSION, label="calculus") == 2
    assert one(samples, "dentiq_job_errors_total", code="image_truncated") == 3


def test_a_new_web_process_shows_the_same_counts(api, worker, shown, settings, make_image) -> None:
    finish_twenty(api, worker, make_image)
    before = shown()
    fresh = create_app(settings).test_client().get("/metrics").get_data(as_text=True)
    for name in ("dentiq_jobs_submitted_total", 'dentiq_jobs_finished_total{status="succeeded"}'):
        assert f"{name} " in fresh
    assert f"dentiq_jobs_submitted_total {one(before, 'dentiq_jobs_submitted_total')}" in fresh


def test_a_poison_alert_has_a_zero_to_rise_from(shown) -> None:
    assert one(shown(), "dentiq_job_errors_total", code=PoisonJobError.code) == 0


def test_labels_and_outcomes_of_the_current_model_rise_from_zero(settings, shown) -> None:
    _make_version(settings.model_store_dir, "v7", shares={})
    samples = shown()
    for label in ("caries", "healthy"):
        assert one(samples, "dentiq_predicted_labels_total", model_version="v7", label=label) == 0
    for outcome in Outcome:
        assert one(samples, "dentiq_outcomes_total", model_version="v7", outcome=outcome.value) == 0


def test_depth_age_and_delayed_jobs_are_shown_by_queue(api, worker, shown, make_image) -> None:
    api.accepted(make_image())
    samples = shown()
    assert one(samples, "dentiq_queue_depth", queue="interactive") == 1
    assert one(samples, "dentiq_queue_depth", queue="bulk") == 0
    assert one(samples, "dentiq_queue_oldest_age_seconds", queue="interactive") > 0
    assert one(samples, "dentiq_queue_oldest_age_seconds", queue="bulk") == 0
    assert one(samples, "dentiq_jobs_delayed") == 0


def test_arrived_images_are_counted_by_verdict_with_their_bytes(api, shown, make_image) -> None:
    good = make_image()
    api.accepted(good)
    api.submit(b"no image at all")
    samples = shown()
    assert one(samples, "dentiq_uploads_total", verdict="accepted") == 1
    assert one(samples, "dentiq_uploads_total", verdict="refused") == 1
    assert one(samples, "dentiq_upload_bytes_total") == len(good) + len(b"no image at all")


def test_images_of_a_batch_are_counted_one_by_one(client, shown, make_image) -> None:
    batch = client.post("/api/v1/batches", json={}).get_json()["id"]
    images = [(io.BytesIO(make_image(width=80 + n)), f"{n}.jpg") for n in range(3)]
    form = {"images": [*images, (io.BytesIO(b"none"), "bad.jpg")]}
    client.post(f"/api/v1/batches/{batch}/images", data=form, content_type="multipart/form-data")
    samples = shown()
    assert one(samples, "dentiq_uploads_total", verdict="accepted") == 3
    assert one(samples, "dentiq_uploads_total", verdict="refused") == 1
    assert one(samples, "dentiq_queue_depth", queue="bulk") == 3


def test_requests_are_counted_under_their_route_whatever_the_path_is(api, client, shown) -> None:
    for number in range(3):
        api.read(f"no-such-job-{number}")
        client.get(f"/nowhere/{number}")
    samples = shown()
    routed = {"route": "/api/v1/jobs/<job_id>", "method": "GET"}
    assert one(samples, "dentiq_http_requests_total", code="404", **routed) == 3
    assert one(samples, "dentiq_http_requests_total", route="(none)", method="GET", code="404") == 3
    assert one(samples, "dentiq_http_request_duration_seconds_count", **routed) == 3
    assert not [name for name, labels in samples if "no-such-job" in str(labels) or "nowhere" in str(labels)]


def test_the_current_model_shows_what_it_was_trained_on(settings, shown) -> None:
    _make_version(settings.model_store_dir, "v7", shares={"caries": 0.75, "healthy": 0.25})
    samples = shown()
    info = {"model_version": "v7", "architecture": "timm:tiny", "dataset": "0123456789ab"}
    assert one(samples, "dentiq_model_info", **info) == 1
    assert one(samples, "dentiq_model_training_share", model_version="v7", label="caries") == 0.75
    assert one(samples, "dentiq_model_created_timestamp_seconds", model_version="v7") == 1_796_000_400


def test_a_damaged_version_does_not_break_the_scrape(settings, shown) -> None:
    _make_version(settings.model_store_dir, "v7", shares={})
    (settings.model_store_dir / "v7" / "manifest.json").write_text("{", encoding="utf-8")
    assert one(shown(), "dentiq_job_store_up") == 1


def test_without_redis_the_rest_is_still_shown(make_redis, tmp_path: Path) -> None:
    server = make_redis()
    app = create_app(Settings(redis_url=server.url, data_dir=tmp_path, redis_timeout_seconds=0.2))
    server.kill()
    text = app.test_client().get("/metrics").get_data(as_text=True)
    assert "dentiq_job_store_up 0.0" in text
    assert "dentiq_queue_depth" not in text
    assert 'dentiq_processes{part="web"}' in text


def test_a_scrape_adds_at_most_20_ms_to_a_request_in_19_of_20(api, worker, client, make_image) -> None:
    finish_twenty(api, worker, make_image)
    worker.be_alive()
    assert_scrapes_are_quick(lambda: client.get("/metrics"), lambda: client.get("/healthz"))


def _make_version(root: Path, version: str, *, shares: dict[str, float]) -> None:
    folder = root / version
    folder.mkdir(parents=True)
    manifest = {
        "version": version,
        "created_at": "2026-11-30T01:00:00Z",
        "architecture": "timm:tiny",
        "labels": ["caries", "healthy"],
        "preprocessing": {"input_size": 32, "decode_edge": 32, "mean": [0, 0, 0], "std": [1, 1, 1]},
        "training_shares": shares,
        "dataset_digest": "0123456789abcdef",
        "seed": 1,
        "files": {},
    }
    (folder / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    (root / "current").write_text(version, encoding="utf-8")
