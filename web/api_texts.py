"""Texts of the OpenAPI document in the languages of the pages: the document itself is in English."""

import json
from dataclasses import dataclass
from functools import cache

from web.i18n import TRANSLATIONS, language_code
from web.markdown import render_markdown


@dataclass(frozen=True)
class Words:
    """A text for a page.

    Attributes:
        text: As Markdown.
        english: Whether it is in English because nobody has translated it into the reader's language.
    """

    text: str
    english: bool

    @property
    def html(self) -> str:
        """Ready to be shown."""
        return render_markdown(self.text)


def words(text: str) -> Words:
    """Give a text of the document in the reader's language."""
    language = language_code()
    translated = translations(language).get(text)
    return Words(translated or text, english=not translated and language != "en")


@cache
def translations(language: str) -> dict[str, str]:
    """Read the translations into a language, by the English text; none where nobody wrote any."""
    path = TRANSLATIONS / language / "api.json"
    if not path.is_file():
        return {}
    found: dict[str, str] = json.loads(path.read_text(encoding="utf-8"))
    return found
