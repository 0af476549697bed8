"""The model card, in each language: ours says what is known of our photographs, a stranger's nothing that none told."""

import re
from dataclasses import fields
from pathlib import Path
from string import Formatter

import click
import pytest

from common.manifest import card_name
from common.model_store import ModelStore
from training.about import About, read_about, read_abouts
from training.card import card
from training.card_texts import CARD_TEXTS, ENGLISH, CardTexts
from training.plan import FitPlan
from training.recipe import served_plans

SERVED = "20261123-lite0-taught"
NOTE = """Test was looked at twice for this release: at 224 pixels, as it serves, and then at 212, which was given up on
validation's log loss, but after both figures were known; there test had macro-F1 0.769 over all images and 0.694
over originals. Two looks at earlier versions came before. Which runs are averaged was chosen on validation."""
NOTE_FR = """Les photos de test ont été regardées deux fois pour cette version : à 224 pixels, comme elle sert, puis
à 212, ce qui a été abandonné d’après la perte logarithmique sur la validation, mais une fois les deux résultats
connus ; à cette taille, la macro-F1 sur le test était de 0,769 sur toutes les images et de 0,694 sur les
originales. Deux regards sur des versions antérieures ont précédé. Les exécutions dont on fait la moyenne ont été
choisies sur la validation."""


@pytest.fixture
def store(repository: Path) -> ModelStore:
    return ModelStore(repository / "model_store")


def write_about(folder: Path, text: str) -> Path:
    (folder / "about.md").write_text(text, encoding="utf-8")
    return folder / "about.md"


@pytest.mark.parametrize(("language", "note"), [("en", NOTE), ("fr", NOTE_FR)])
def test_the_card_of_the_version_that_serves_is_what_we_would_write_today(
    store: ModelStore, repository: Path, monkeypatch: pytest.MonkeyPatch, language: str, note: str
) -> None:
    if store.current() != SERVED:
        pytest.skip(f"{SERVED} serves no more")
    monkeypatch.setattr("training.dinov2._PACKAGE", "click")
    plans = served_plans(FitPlan(), given=())
    ingredients = [(0.5, plans["c"]), (0.25, plans["a"]), (0.25, plans["b"])]
    about = read_abouts(repository / "docs" / "data.md")[language]
    written = card(store.manifest(SERVED), ingredients, note, about, language=language)
    assert written == (store.folder(SERVED) / card_name(language)).read_text(encoding="utf-8")


def numbers(text: str) -> list[str]:
    """What a text counts, whatever the language that writes it."""
    plain = text.replace("\u202f000", ",000").replace("\u202f%", "%").replace(" %", "%")
    return [number.replace(",", ".") for number in re.findall(r"\d+(?:[.,]\d+)*(?:e-\d+)?%?", plain)]


def test_the_cards_of_the_version_that_serves_have_the_same_numbers_and_sections(store: ModelStore) -> None:
    english, french = (
        (store.folder(SERVED) / card_name(language)).read_text(encoding="utf-8") for language in CARD_TEXTS
    )
    assert len(numbers(english)) > 150
    assert numbers(french) == numbers(english)
    for kind in ("## ", "| "):
        lines = [sum(line.startswith(kind) for line in text.splitlines()) for text in (english, french)]
        assert lines[0] == lines[1] > 0
    assert "anglais" not in french


def templates(texts: CardTexts) -> dict[str, str]:
    """Every template of a language by its place."""
    found: dict[str, str] = {}
    for field in fields(texts):
        value = getattr(texts, field.name)
        if isinstance(value, str):
            found[field.name] = value
        elif not callable(value):
            each = value.items() if hasattr(value, "items") else enumerate(value)
            found |= {f"{field.name}, {key}": text for key, text in each}
    return found


@pytest.mark.parametrize("language", sorted(set(CARD_TEXTS) - {"en"}))
def test_every_sentence_of_the_card_is_there_in_each_language_with_the_same_values(language: str) -> None:
    def values(text: str) -> list[tuple[str, str | None]]:
        return sorted((name, spec or "") for _, name, spec, _ in Formatter().parse(text) if name)

    english, other = templates(ENGLISH), templates(CARD_TEXTS[language])
    assert {place: values(text) for place, text in other.items()} == {
        place: values(text) for place, text in english.items()
    }
    sentences = {place: text for place, text in english.items() if " " in text}
    assert [place for place, text in sentences.items() if other[place] == text] == []


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


def test_what_the_collector_said_in_english_alone_is_marked_in_the_french_card(
    tmp_path: Path, store: ModelStore
) -> None:
    path = write_about(tmp_path, "## Licence\nCC0.\n\n## Limits\n\nAdults only.\n")
    (tmp_path / "about.fr.md").write_text("## Limits\n\nAdultes seulement : rien d’autre.\n", encoding="utf-8")
    abouts = read_abouts(path)
    assert abouts["en"] == About(licence="CC0.", limits="Adults only.")
    written = card(store.manifest(SERVED), [(1.0, FitPlan())], "", abouts["fr"], language="fr")
    assert "pas de diagnostic. (En anglais\u00a0:) CC0.\n" in written
    assert written.endswith("## Limites\n\nAdultes seulement\u00a0: rien d’autre.\n")
    assert "Personne n’a indiqué d’où viennent les photos" in written
    (tmp_path / "about.fr.md").write_text("## Limites\n", encoding="utf-8")
    with pytest.raises(click.UsageError, match=r"about\.fr\.md, line 1"):
        read_abouts(path)


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
