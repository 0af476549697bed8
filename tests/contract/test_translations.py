"""Every text of the pages exists in every language, and the compiled catalogues are those of the sources."""

import inspect
import io
import re
from pathlib import Path

import pytest
from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.frontend import parse_mapping_cfg
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po

from common import errors
from common.model_store import ModelStore
from infra.refused_heads import REFUSED_HEADS
from training.card_texts import CARD_TEXTS
from web.i18n import LANGUAGES, TRANSLATIONS
from web.pathology_texts import PathologyTexts, known_slugs
from web.sentences import known_codes

ROOT = Path(__file__).resolve().parents[2]

# Errors that a page can show: those of a request, and those by which a job fails. The others stop a start.
SHOWN = sorted(
    kind.code
    for kind in vars(errors).values()
    if inspect.isclass(kind)
    and issubclass(kind, errors.DentiqError)
    and not issubclass(kind, errors.ConfigurationError)
)

# What the router, the forms and the web server refuse by themselves, in the words of HTTP.
OF_HTTP = {"not_found", "method_not_allowed", "request_timeout", "forbidden"} | {head.code for head in REFUSED_HEADS}


def catalogue(language: str) -> Catalog:
    with (TRANSLATIONS / language / "LC_MESSAGES" / "messages.po").open("rb") as source:
        return read_po(source, locale=language)


def is_whole(translation: str | tuple[str, ...]) -> bool:
    """Whether there is a translation, of each number where the text depends on one."""
    return bool(translation) if isinstance(translation, str) else all(translation)


@pytest.fixture(scope="module")
def texts() -> set[str | tuple[str, ...]]:
    """Every text that code and templates mark for translation."""
    with (ROOT / "babel.cfg").open(encoding="utf-8") as mapping:
        methods, options = parse_mapping_cfg(mapping)
    found = extract_from_dir(
        ROOT, methods, options, keywords={"_": None, "gettext": None, "lazy_gettext": None, "ngettext": (1, 2)}
    )
    return {message for _, _, message, *_ in found}


@pytest.mark.parametrize("language", sorted(set(LANGUAGES) - {"en"}))
class TestCatalogue:
    """One language beside English, in which the texts are written."""

    def test_no_text_is_untranslated(self, texts: set[str | tuple[str, ...]], language: str) -> None:
        translated = {message.id for message in catalogue(language) if is_whole(message.string) and not message.fuzzy}
        assert texts, "nothing was extracted"
        assert sorted(texts - translated, key=str) == []

    def test_no_translation_is_left_over(self, texts: set[str | tuple[str, ...]], language: str) -> None:
        assert sorted({message.id for message in catalogue(language) if message.id} - texts, key=str) == []

    def test_placeholders_are_kept(self, language: str) -> None:
        faults = [(message.id, fault) for message in catalogue(language) for fault in message.check()]
        assert faults == []

    def test_the_compiled_catalogue_is_the_one_of_the_source(self, language: str) -> None:
        compiled = io.BytesIO()
        write_mo(compiled, catalogue(language))
        path = TRANSLATIONS / language / "LC_MESSAGES" / "messages.mo"
        assert path.read_bytes() == compiled.getvalue(), "run: pybabel compile -d web/translations"


def test_training_writes_the_card_in_every_language_of_the_pages() -> None:
    assert set(CARD_TEXTS) == set(LANGUAGES)


def test_every_error_that_a_page_can_show_has_a_sentence() -> None:
    assert sorted((set(SHOWN) | OF_HTTP) - known_codes()) == []


def test_every_sentence_is_about_an_error_that_is_raised() -> None:
    assert sorted(known_codes() - set(SHOWN) - OF_HTTP) == []


@pytest.mark.parametrize("language", sorted(LANGUAGES))
def test_every_label_with_a_text_has_it_in_every_language(language: str) -> None:
    folder = ROOT / "web" / "pathologies"
    assert [slug for slug in known_slugs() if not (folder / slug / f"info.{language}.md").exists()] == []


@pytest.mark.parametrize("language", sorted(LANGUAGES))
@pytest.mark.parametrize("slug", known_slugs())
def test_every_text_says_all_that_a_reader_needs(tmp_path: Path, slug: str, language: str) -> None:
    text = PathologyTexts(ModelStore(tmp_path)).get(slug, language)
    headings = [line for line in text.body.splitlines() if line.startswith("## ")]
    # What it is, signs, causes, when to see a dentist, prevention, sources.
    assert len(headings) == 6
    sources = text.body.rpartition("## Sources")[2]
    assert len([line for line in sources.splitlines() if line.startswith("- ")]) >= 3
    assert text.summary.endswith(".")


# French puts a space before these signs that must not break (narrow before ; ! ? %), and inside its quotation marks.
BREAKING = re.compile(r" [:;!?»]|[ \u00a0]%(?![(])|« |\d (?=\d{3})")


def test_no_french_line_breaks_before_a_sign() -> None:
    texts = [str(message.string) for message in catalogue("fr") if message.id]
    pages = [*(ROOT / "web" / "pathologies").glob("*/info.fr.md"), *(ROOT / "model_store").glob("*/card.fr.md")]
    texts += [path.read_text(encoding="utf-8") for path in (*pages, ROOT / "docs" / "data.fr.md")]
    # Titles of English works are cited as they are.
    assert sorted({found for text in texts for found in BREAKING.findall(text)}) == []
