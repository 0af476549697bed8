"""The model card: ours says what is known of our photographs, a stranger's nothing that nobody told."""

from pathlib import Path

import click
import pytest

from common.model_store import ModelStore
from training.about import About, read_about
from training.card import card
from training.plan import FitPlan
from training.recipe import served_plans

SERVED = "20261123-lite0-taught"
NOTE = """Test was looked at twice for this release: at 224 pixels, as it serves, and then at 212, which was given up on
validation's log loss, but after both figures were known; there test had macro-F1 0.769 over all images and 0.694
over originals. Two looks at earlier versions came before. Which runs are averaged was chosen on validation."""


@pytest.fixture
def store(repository: Path) -> ModelStore:
    return ModelStore(repository / "model_store")


def write_about(folder: Path, text: str) -> Path:
    (folder / "about.md").write_text(text, encoding="utf-8")
    return folder / "about.md"


def test_the_card_of_the_version_that_serves_is_what_we_would_write_today(
    store: ModelStore, repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if store.current() != SERVED:
        pytest.skip(f"{SERVED} serves no more")
    monkeypatch.setattr("training.dinov2._PACKAGE", "click")
    plans = served_plans(FitPlan(), given=())
    ingredients = [(0.5, plans["c"]), (0.25, plans["a"]), (0.25, plans["b"])]
    written = card(store.manifest(SERVED), ingredients, NOTE, read_about(repository / "docs" / "data.md"))
    assert written == (store.folder(SERVED) / "card.md").read_text(encoding="utf-8")


def test_a_card_of_foreign_photographs_says_nothing_of_ours(store: ModelStore) -> None:
    written = card(store.manifest(SERVED), [(1.0, FitPlan())], "", About())
    for ours in ("1,000", "camera.", "hypodontia` means", "scraped", "dentists", "Published", "one camera", "healthy`"):
        assert ours not in written
    assert "**Research use only.**" in written
    assert "Nobody stated under which licence" in written
    assert "Nobody stated where the photographs come from" in written
    assert "411 images in 149 groups" in written


def test_what_the_collector_says_stands_in_its_place(tmp_path: Path, store: ModelStore) -> None:
    text = "# Ours\n\nFor those who look.\n\n## Licence\nCC0.\n\n## Limits\n\nAdults **only**.\n"
    about = read_about(write_about(tmp_path, text))
    assert about == About(licence="CC0.", limits="Adults **only**.")
    written = card(store.manifest(SERVED), [(1.0, FitPlan())], "", about)
    assert "It does not diagnose. CC0.\n" in written.replace("it does", "It does")
    assert written.endswith("## Limits\n\nAdults **only**.\n")
    assert "For those who look" not in written


def test_a_text_without_sections_is_about_the_data(tmp_path: Path) -> None:
    assert read_about(write_about(tmp_path, "From our clinic.\n")) == About(data="From our clinic.")
    assert read_about(tmp_path / "nothing.md") == About()


def test_a_section_that_the_card_does_not_have_is_refused(tmp_path: Path) -> None:
    with pytest.raises(click.UsageError, match="line 2: the section 'Licens' has no place"):
        read_about(write_about(tmp_path, "# Ours\n## Licens\nCC0\n"))


def test_a_text_in_another_encoding_is_refused(tmp_path: Path) -> None:
    (tmp_path / "about.md").write_bytes("Privé".encode("latin-1"))
    with pytest.raises(click.UsageError, match="not UTF-8"):
        read_about(tmp_path / "about.md")
