"""The page of a batch: what it shows of thousands, page by page, and what a reader can do with it."""

import io
import re
from collections import Counter
from collections.abc import Callable
from html import unescape

import pytest
from flask.testing import FlaskClient

from common.jobs.record import Claim, Outcome
from tests.fake_worker import LABELS, FakeWorker
from web.representation import DISCLAIMER

MakeImage = Callable[..., bytes]


@pytest.fixture
def batch(client: FlaskClient) -> str:
    made: str = client.post("/api/v1/batches", json={"name": "Monday"}).get_json()["id"]
    return made


@pytest.fixture
def add(client: FlaskClient, batch: str, make_image: MakeImage) -> Callable[[int], None]:
    """Send photographs to the batch, named by their number."""
    photo = make_image()

    def send(count: int) -> None:
        for first in range(0, count, 64):
            images = [(io.BytesIO(photo), f"{number:04d}.jpg") for number in range(first, min(first + 64, count))]
            response = client.post(f"/api/v1/batches/{batch}/images", data={"images": images})
            assert response.status_code == 202

    return send


def claim_all(worker: FakeWorker) -> list[Claim]:
    claims: list[Claim] = []
    while some := worker.claim():
        claims += some
    return claims


def sure(label: str, probability: float) -> tuple[float, ...]:
    rest = (1 - probability) / (len(LABELS) - 1)
    return tuple(probability if name == label else rest for name in LABELS)


def read(client: FlaskClient, address: str) -> str:
    response = client.get(address)
    assert response.status_code == 200
    return unescape(response.get_data(as_text=True))


def files(page: str) -> list[str]:
    return re.findall(r'class="file">([^<]+)<', page)


def further(page: str) -> str:
    found = re.search(r'hx-get="(/batches/[^"]+/tiles[^"]*)"', page)
    return found.group(1) if found else ""


def test_the_counts_say_what_the_tiles_say(
    client: FlaskClient, batch: str, add: Callable[[int], None], worker: FakeWorker
) -> None:
    def told() -> tuple[dict[str, int], dict[str, int]]:
        page = read(client, f"/batches/{batch}")
        counts = dict(re.findall(r"<dt>([^<]+)</dt><dd>([^<]+)</dd>", page))
        tiles = Counter(re.findall(r'class="verdict"><span>([^<]+)<', page))
        return {name: int(count) for name, count in counts.items()}, dict(tiles)

    add(40)
    assert told() == ({"Queued": 40}, {"Queued": 40})
    claims = worker.claim()
    counts, tiles = told()
    assert counts == tiles == {"Queued": 40 - len(claims), "Running": len(claims)}
    worker.fail(claims[:3])
    counts, tiles = told()
    assert counts == tiles == {"Queued": 40 - len(claims), "Running": len(claims) - 3, "Failed": 3}


def test_the_page_hears_of_photographs_that_are_taken_up_and_of_those_that_end(
    client: FlaskClient, batch: str, add: Callable[[int], None], worker: FakeWorker
) -> None:
    add(2)

    def moved(page: str) -> tuple[str, bool]:
        (address,) = re.findall(r'hx-get="(/batches/[^"]+/progress[^"]*)"', page)
        answer = client.get(unescape(address))
        return answer.get_data(as_text=True), answer.headers.get("HX-Trigger") == "batch-moved"

    page, heard = moved(read(client, f"/batches/{batch}"))
    assert not heard
    claims = worker.claim()
    page, heard = moved(page)
    assert heard
    page, heard = moved(page)
    assert not heard
    worker.succeed(claims[:1])
    page, heard = moved(page)
    assert heard


def test_all_photographs_are_reached_a_page_at_a_time(
    client: FlaskClient, batch: str, add: Callable[[int], None]
) -> None:
    add(110)
    page = read(client, f"/batches/{batch}")
    found = [files(page)]
    while address := further(page):
        page = read(client, address)
        found.append(files(page))
    assert [len(part) for part in found] == [48, 48, 14]
    assert [name for part in found for name in part] == [f"{number:04d}.jpg" for number in range(110)]


def test_results_are_shown_by_label_confidence_and_outcome(
    client: FlaskClient, batch: str, add: Callable[[int], None], worker: FakeWorker
) -> None:
    add(6)
    claims = claim_all(worker)
    worker.succeed(claims[:1], probabilities=sure("caries", 0.95))
    worker.succeed(claims[1:2], probabilities=sure("caries", 0.75))
    worker.succeed(claims[2:3], probabilities=sure("ulcer", 0.85))
    worker.succeed(claims[3:4], probabilities=sure("caries", 0.4), outcome=Outcome.UNCERTAIN)
    worker.fail(claims[4:5], code="image_corrupt")
    assert files(read(client, f"/batches/{batch}?label=caries")) == ["0000.jpg", "0001.jpg", "0003.jpg"]
    assert files(read(client, f"/batches/{batch}?label=caries&show=answered")) == ["0000.jpg", "0001.jpg"]
    assert files(read(client, f"/batches/{batch}?confidence=middle")) == ["0002.jpg", "0001.jpg"]
    assert files(read(client, f"/batches/{batch}?order=rising")) == ["0003.jpg", "0001.jpg", "0002.jpg", "0000.jpg"]
    failed = read(client, f"/batches/{batch}?show=failed")
    assert files(failed) == ["0004.jpg"]
    assert "This photo is damaged and cannot be read." in failed
    assert "No photo fits this choice." in read(client, f"/batches/{batch}?label=healthy")
    whole = read(client, f"/batches/{batch}")
    for expected in ("All photos (6)", "Answered (3)", "Uncertain (1)", "Failed (1)", "Caries (3)", "Mouth ulcer (1)"):
        assert expected in whole
    assert DISCLAIMER in whole
    assert f"/api/v1/batches/{batch}/results.csv" in whole


@pytest.mark.parametrize(
    "query", ["show=x", "label=%00", "confidence=9", "order=-", "cursor=-1", "cursor=%D9%A3", f"cursor={'9' * 400}"]
)
def test_a_choice_that_is_none_shows_a_page_all_the_same(
    client: FlaskClient, batch: str, add: Callable[[int], None], query: str
) -> None:
    add(1)
    assert client.get(f"/batches/{batch}?{query}").status_code == 200
    assert client.get(f"/batches/{batch}/tiles?show=answered&{query}").status_code == 200
    assert client.get(f"/batches/{batch}/progress?turn={'9' * 400}&seen=x&{query}").status_code == 200


def test_progress_tells_whether_results_have_come_since_the_page_asked(
    client: FlaskClient, batch: str, add: Callable[[int], None], worker: FakeWorker
) -> None:
    add(4)
    claims = claim_all(worker)
    worker.succeed(claims[:2])
    first = client.get(f"/batches/{batch}/progress?turn=0&seen=0")
    assert first.headers["HX-Trigger"] == "batch-moved"
    body = first.get_data(as_text=True)
    assert "2 of 4 photos analysed" in body
    (again,) = re.findall(r'hx-get="([^"]+)"', body)
    assert "HX-Trigger" not in client.get(unescape(again)).headers


def test_a_cancelled_batch_keeps_its_results_and_its_page_asks_no_more(
    client: FlaskClient, batch: str, add: Callable[[int], None], worker: FakeWorker
) -> None:
    add(3)
    worker.succeed(worker.claim()[:1])
    response = client.post(f"/batches/{batch}/cancel", follow_redirects=True)
    page = response.get_data(as_text=True)
    assert (response.status_code, "data-poll" in page) == (200, False)
    assert "Cancel the rest" not in page.split("<dialog")[0]
    assert files(read(client, f"/batches/{batch}?show=answered")) == ["0000.jpg"]


def test_an_erased_batch_is_told_of_once_and_gone(client: FlaskClient, batch: str, add: Callable[[int], None]) -> None:
    add(2)
    response = client.post(f"/batches/{batch}/delete", follow_redirects=True)
    assert response.request.path == "/"
    assert "The batch, its photos and their results were erased." in response.get_data(as_text=True)
    assert "were erased" not in client.get("/").get_data(as_text=True)
    assert client.get(f"/batches/{batch}").status_code == 404


def test_a_thumbnail_is_a_small_jpeg_that_goes_with_its_job(
    client: FlaskClient, batch: str, add: Callable[[int], None]
) -> None:
    add(1)
    job = client.get(f"/api/v1/batches/{batch}/jobs").get_json()["jobs"][0]["id"]
    thumbnail = client.get(f"/jobs/{job}/thumbnail")
    assert (thumbnail.status_code, thumbnail.content_type) == (200, "image/jpeg")
    etag = {"If-None-Match": thumbnail.headers["ETag"]}
    assert client.get(f"/jobs/{job}/thumbnail", headers=etag).status_code == 304
    client.delete(f"/api/v1/jobs/{job}")
    assert client.get(f"/jobs/{job}/thumbnail", headers=etag).status_code == 404


def test_an_unknown_batch_is_not_found(client: FlaskClient) -> None:
    for address in ("/batches/x", "/batches/x/progress", "/batches/x/tiles"):
        assert client.get(address).status_code == 404
    for address in ("/batches/x/cancel", "/batches/x/delete"):
        assert client.post(address).status_code == 404


@pytest.mark.parametrize(
    ("count", "language", "under_way", "ended"),
    [
        (1, "en", "0 of 1 photo analysed", "The photo is analysed"),
        (2, "en", "0 of 2 photos analysed", "All 2 photos are analysed"),
        (1, "fr", "Photo analysée\u00a0: 0 sur 1", "La photo est analysée"),
        (2, "fr", "Photos analysées\u00a0: 0 sur 2", "Les 2 photos sont analysées"),
    ],
)
def test_one_photograph_is_not_many(
    client: FlaskClient,
    worker: FakeWorker,
    batch: str,
    add: Callable[[int], None],
    *,
    count: int,
    language: str,
    under_way: str,
    ended: str,
) -> None:
    client.set_cookie("language", language)
    add(count)
    assert under_way in read(client, f"/batches/{batch}")
    worker.succeed(claim_all(worker), probabilities=sure("caries", 0.9))
    page = read(client, f"/batches/{batch}")
    assert ended in page
    if language == "fr":
        assert "90\u202f%" in page
        assert not re.search("[ \u00a0]%", page)
