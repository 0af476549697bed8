"""Pathologies and the model card: made from the files of a model version, in both languages, whatever they hold."""

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from common.curves import CURVES_NAME, Curves
from common.settings import Settings
from web.app_factory import create_app
from web.markdown import render_markdown
from web.pages.curve_picture import BOTTOM, LEFT, RIGHT, TOP, Axis

ROOT = Path(__file__).resolve().parents[3]
VERSION = (ROOT / "model_store" / "current").read_text(encoding="utf-8").strip()


@pytest.fixture
def store(tmp_path: Path, settings: Settings) -> Path:
    """A model store with the manifest, the card and the pictures of the version that comes with dentiq."""
    store = settings.model_store_dir
    (store / VERSION).mkdir(parents=True)
    for path in (ROOT / "model_store" / VERSION).iterdir():
        if path.suffix in {".json", ".md", ".png"}:
            shutil.copy(path, store / VERSION)
    (store / "current").write_text(VERSION)
    return store


@pytest.fixture
def client(settings: Settings, store: Path) -> FlaskClient:
    return create_app(settings).test_client()


def read(client: FlaskClient, address: str, language: str = "en") -> str:
    response = client.get(address, headers={"Accept-Language": language}, follow_redirects=True)
    assert response.status_code == 200, address
    return response.get_data(as_text=True)


def test_every_label_of_the_model_has_its_page(client: FlaskClient) -> None:
    index = read(client, "/pathologies")
    for label in client.get("/api/v1/models").get_json()["models"][0]["labels"]:
        assert f"/pathologies/{label}" in index
        page = read(client, f"/pathologies/{label}")
        for expected in ("Signs", "Causes", "When to see a dentist", "Prevention", "Sources", "F1 on the test photos"):
            assert expected in page
        assert "Quand consulter" in read(client, f"/pathologies/{label}", "fr")


def test_a_new_label_needs_no_text_to_have_a_page(client: FlaskClient, store: Path) -> None:
    manifest = store / VERSION / "manifest.json"
    manifest.write_text(manifest.read_text().replace('"ulcer"', '"gum_recession"'))
    page = read(client, "/pathologies/gum_recession")
    assert "Gum recession" in page
    assert "Nothing has been written about this yet." in page
    assert "Gum recession" in read(client, "/pathologies")


def test_a_versions_own_text_wins_and_its_markup_is_shown_never_obeyed(client: FlaskClient, store: Path) -> None:
    manifest = store / VERSION / "manifest.json"
    manifest.write_text(manifest.read_text().replace('"ulcer"', '"sore"'))
    signs = "<script>alert(1)</script> [x](javascript:alert(1)) ![y](//host/y.png)"
    text = f"# <b>Sore</b>\n\nA sore.\n\n## Signs\n\n{signs}\n"
    (store / VERSION / "info.sore.en.md").write_text(text)
    page = read(client, "/pathologies/sore", "fr")
    assert 'lang="en"' in page
    assert "&lt;script&gt;" in page
    for forbidden in ("<script>alert", "<b>Sore", 'href="javascript', 'src="//host'):
        assert forbidden not in page


@pytest.mark.parametrize("slug", ["nothing", "..%2F..%2Fetc", "caries%00", "info.en.md"])
def test_an_unknown_pathology_is_not_found(client: FlaskClient, slug: str) -> None:
    assert client.get(f"/pathologies/{slug}").status_code == 404


@pytest.mark.parametrize(
    ("language", "title", "words"),
    [
        (
            "en",
            "How well it does",
            ("weak labels", "Share answered", "Share of right answers", "Probability given", "Epoch"),
        ),
        (
            "fr",
            "Ses résultats",
            ("des classes peu sûres", "Part des photos ayant une réponse", "Part de réponses justes", "Époque"),
        ),
    ],
)
def test_the_model_card_shows_figures_with_intervals_pictures_and_limits(
    client: FlaskClient, language: str, title: str, words: tuple[str, ...]
) -> None:
    page = read(client, "/model", language)
    for expected in (VERSION, title, *words):
        assert expected in page
    # Everything is drawn in the reader's language.
    assert ".png" not in page
    assert page.count("<svg") == page.count('role="img"') == 5
    manifest = json.loads((ROOT / "model_store" / VERSION / "manifest.json").read_text(encoding="utf-8"))
    figures = manifest["metrics"]["test"]["all"]
    shown = f"{figures['macro_f1']:.2f} ({figures['macro_f1_interval'][0]:.2f}"
    assert (shown.replace(".", ",") if language == "fr" else shown) in page
    assert page.count("<h1") == 1


def test_the_card_of_training_is_in_the_readers_language_or_marked_as_english(client: FlaskClient, store: Path) -> None:
    french = read(client, "/model", "fr")
    assert "<h2>Raccourcis</h2>" in french
    assert 'lang="en"' not in french.partition('<section aria-labelledby="card">')[2].partition("</section>")[0]
    assert ", en anglais</summary>" not in french
    # As versions have it that were made when training wrote English alone.
    (store / VERSION / "card.fr.md").unlink()
    french = read(client, "/model", "fr")
    assert ", en anglais</summary>" in french
    assert '<div lang="en">' in french
    assert "<h2>Shortcuts</h2>" in french
    english = read(client, "/model")
    assert "<h2>Shortcuts</h2>" in english
    assert ", in English</summary>" not in english


def test_curves_are_drawn_from_their_numbers_and_stand_in_a_table(client: FlaskClient) -> None:
    page, curves = read(client, "/model"), Curves.read(ROOT / "model_store" / VERSION / CURVES_NAME)
    assert page.count('<circle cx="') == len(curves.reliability) + 2 * len(curves.history)
    served = curves.served
    share = f"{100 * served.answered / curves.images:.1f}%"
    row = f"<td>{served.answered}</td><td>{100 * served.accuracy:.1f}%</td>"
    assert f'<th scope="row">This version: {share}</th>{row}' in page
    # The diagonal, from corner to corner.
    assert f'<polyline class="guide" points="{LEFT}.0,{BOTTOM}.0 {RIGHT}.0,{TOP}.0"/>' in page
    ids = re.findall(r' id="([^"]+)"', page)
    assert len(ids) == len(set(ids))
    for named in re.findall(r'role="img" aria-labelledby="([^"]+)"', page):
        assert set(named.split()) <= set(ids)


def without_curves(folder: Path) -> None:
    manifest = json.loads((folder / "manifest.json").read_text())
    del manifest["files"]["curves.json"]
    (folder / "manifest.json").write_text(json.dumps(manifest))


def with_damaged_curves(folder: Path) -> None:
    (folder / "curves.json").write_text('{"reliability": []}')


def with_lost_curves(folder: Path) -> None:
    (folder / "curves.json").unlink()


@pytest.mark.parametrize("change", [without_curves, with_damaged_curves, with_lost_curves])
def test_a_version_without_curves_is_shown_with_the_pictures_of_training(
    client: FlaskClient, store: Path, change: Callable[[Path], None]
) -> None:
    change(store / VERSION)
    page = read(client, "/model", "fr")
    for picture in ("reliability.png", "risk_coverage.png", "history.png"):
        assert page.count(picture) == 1
        assert client.get(f"/model/{VERSION}/{picture}").status_code == 200
    assert "Les courbes sont tracées par l’entraînement" in page


def test_an_axis_is_marked_at_round_values() -> None:
    def marks(low: float, high: float) -> list[str]:
        return [words for words, _ in Axis("", low, high, lambda value, digits: f"{value:.{digits}f}").ticks]

    assert marks(0, 1) == ["0.0", "0.2", "0.4", "0.6", "0.8", "1.0"]
    assert marks(0, 12) == ["0", "2", "4", "6", "8", "10", "12"]
    assert marks(0.647, 0.776) == ["0.66", "0.68", "0.70", "0.72", "0.74", "0.76"]
    # A run of one epoch has one value.
    flat = Axis.around("", [0.5], lambda value, digits: f"{value:.{digits}f}")
    assert flat.low < 0.5 < flat.high


def test_pictures_of_a_version_are_served_and_nothing_else_of_it(client: FlaskClient) -> None:
    picture = client.get(f"/model/{VERSION}/confusion.png")
    assert (picture.status_code, picture.content_type) == (200, "image/png")
    assert picture.get_data()[:4] == b"\x89PNG"
    for address in (
        f"{VERSION}/manifest.json",
        f"{VERSION}/model.onnx",
        f"{VERSION}/..%2Fcurrent",
        "nothing/confusion.png",
    ):
        assert client.get(f"/model/{address}").status_code == 404
    assert client.get("/model/nothing").status_code == 404


def test_without_a_model_the_page_says_so(settings: Settings) -> None:
    response = create_app(settings).test_client().get("/model")
    assert response.status_code == 503
    assert "No model is installed." in response.get_data(as_text=True)


def test_the_api_tells_the_pathologies_in_both_languages(client: FlaskClient) -> None:
    french = client.get("/api/v1/pathologies?language=fr").get_json()
    caries = next(entry for entry in french["pathologies"] if entry["label"] == "caries")
    assert (caries["name"], caries["language"], caries["page"]) == ("Carie", "fr", "/pathologies/caries")
    assert "## Quand consulter" in caries["text"]
    assert french["disclaimer"]
    assert client.get("/api/v1/pathologies?language=xx").status_code == 422


def test_a_table_can_be_scrolled_by_keyboard() -> None:
    table = render_markdown("| a | b |\n| --- | --- |\n| 1 | 2 |\n")
    assert '<div class="table-frame" tabindex="0"><table>' in table
    assert '<th scope="col">' in table
