"""What the pages call each label: a text file a language in a folder by its slug, so that a new one needs no code."""

from dataclasses import dataclass
from functools import cache
from pathlib import Path

# <slug>/info.<language>.md: a heading with the name, then one sentence.
_FOLDER = Path(__file__).parent / "pathologies"
_FALLBACK_LANGUAGE = "en"


@dataclass(frozen=True)
class PathologyText:
    """The readable name of a label and one sentence about it."""

    name: str
    summary: str


def pathology_text(slug: str, language: str, *, folder: Path = _FOLDER) -> PathologyText:
    """Describe a label in a language; in English where that is missing, by its slug where both are."""
    for candidate in (language, _FALLBACK_LANGUAGE):
        text = _read(folder, slug, candidate)
        if text is not None:
            return text
    return PathologyText(name=slug.replace("_", " ").replace("-", " ").capitalize(), summary="")


def known_slugs(*, folder: Path = _FOLDER) -> list[str]:
    """List the labels that have a text."""
    return sorted({path.parent.name for path in folder.glob("*/info.*.md")})


@cache
def _read(folder: Path, slug: str, language: str) -> PathologyText | None:
    path = folder / slug / f"info.{language}.md"
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except OSError:
        return None
    heading, *body = [line.strip() for line in lines if line.strip()] or [""]
    return PathologyText(name=heading.lstrip("# "), summary=body[0] if body else "")
