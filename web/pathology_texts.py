"""What the pages call each label and tell of it: one text file a language, so that a new label needs no code."""

import re
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Final

from common.errors import ModelError
from common.model_store import ModelStore

# <slug>/info.<language>.md: a heading with the name, a paragraph of one sentence, then sections.
_FOLDER: Final = Path(__file__).parent / "pathologies"
_FALLBACK_LANGUAGE: Final = "en"


@dataclass(frozen=True)
class PathologyText:
    """What is said of a label.

    Attributes:
        name: Readable name; made from the slug where there is no text.
        summary: One sentence, or empty.
        body: The rest, Markdown with headings of the second level, or empty.
        language: Of the text; the fallback's where the reader's own is missing.
    """

    slug: str
    name: str
    summary: str
    body: str
    language: str


# As `common.manifest.Slug`: a name that is safe in a path.
_SLUG: Final = re.compile(r"[a-z][a-z0-9_-]{0,47}")


def is_slug(text: str) -> bool:
    """Whether a text can be a label."""
    return _SLUG.fullmatch(text) is not None


class PathologyTexts:
    """Read the texts of labels: a model version's own first, then those that come with dentiq.

    Args:
        folder: Of the texts that come with dentiq.
    """

    def __init__(self, models: ModelStore, *, folder: Path = _FOLDER) -> None:
        self._models = models
        self._folder = folder

    def get(self, slug: str, language: str) -> PathologyText:
        """Describe a label in a language; in English where that is missing, by its slug where both are."""
        for candidate in dict.fromkeys((language, _FALLBACK_LANGUAGE)) if is_slug(slug) else ():
            for path in self._places(slug, candidate):
                text = _read(path, slug, candidate)
                if text is not None:
                    return text
        name = slug.replace("_", " ").replace("-", " ").capitalize()
        return PathologyText(slug, name, "", "", _FALLBACK_LANGUAGE)

    def slugs(self) -> list[str]:
        """List the labels of the current model version; without one, those that have a text."""
        try:
            return sorted(self._models.manifest(self._models.current()).labels)
        except ModelError:
            return known_slugs(folder=self._folder)

    def all(self, language: str) -> list[PathologyText]:
        """Describe all labels, by name; the one without a finding last."""
        texts = [self.get(slug, language) for slug in self.slugs()]
        return sorted(texts, key=lambda text: (text.slug == "healthy", text.name.casefold()))

    def _places(self, slug: str, language: str) -> list[Path]:
        own = self._folder / slug / f"info.{language}.md"
        try:
            # `export` of a version copies what its data set says of a label; the manifest's checksums cover it.
            return [self._models.file(self._models.current(), f"info.{slug}.{language}.md"), own]
        except ModelError:
            return [own]


def known_slugs(*, folder: Path = _FOLDER) -> list[str]:
    """List the labels that have a text of dentiq's own."""
    return sorted({path.parent.name for path in folder.glob("*/info.*.md")})


# Absence is remembered too: a version's folder never changes once it serves.
@lru_cache(maxsize=1024)
def _read(path: Path, slug: str, language: str) -> PathologyText | None:
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except OSError:
        return None
    heading, _, rest = "\n".join(lines).strip().partition("\n")
    summary, _, body = rest.strip().partition("\n\n")
    # Not `split()`: it takes the spaces that must not break for others.
    return PathologyText(slug, heading.lstrip("# "), " ".join(summary.strip().splitlines()), body.strip(), language)
