"""What only the one who collected a data set knows of it: `about.md` beside its folders, for the model card."""

import re
from dataclasses import dataclass, fields
from pathlib import Path

import click

from training.card_texts import CARD_TEXTS

ABOUT_NAME = "about.md"


@dataclass(frozen=True)
class About:
    """What the card says of a data set, as Markdown; empty where nobody said anything.

    Attributes:
        licence: Of the photographs, and what follows for the version.
        data: Where they come from, and who labelled them.
        published: How published figures of the same collection were taken.
        limits: What the photographs and their labels cannot teach.
    """

    licence: str = ""
    data: str = ""
    published: str = ""
    limits: str = ""


_SECTIONS = tuple(field.name for field in fields(About))
_ABOVE = ""


def read_about(path: Path) -> About:
    """Read the text about a data set; none is as good as an empty one.

    Its sections are `## Licence`, `## Data`, `## Published` and `## Limits`, each optional; what stands above the first
    is for those who open the file. A text without sections is all `Data`.

    Raises:
        click.UsageError: It has a section of another name, or is not UTF-8.
    """
    if not path.is_file():
        return About()
    try:
        lines = path.read_bytes().decode("utf-8-sig").splitlines()
    except UnicodeDecodeError as error:
        raise click.UsageError(f"{path} is not UTF-8. Save the file as UTF-8.") from error
    found: dict[str, list[str]] = {}
    section = _ABOVE
    for number, line in enumerate(lines, start=1):
        heading = re.fullmatch(r"##\s+(.*\S)\s*", line)
        if heading is None:
            found.setdefault(section, []).append(line.rstrip())
            continue
        section = heading[1].lower()
        if section not in _SECTIONS:
            raise click.UsageError(
                f"{path}, line {number}: the section {heading[1]!r} has no place in the model card. "
                f"It has {', '.join(f'`## {name.capitalize()}`' for name in _SECTIONS)}."
            )
    above = found.pop(_ABOVE, [])
    texts = {name: "\n".join(text).strip() for name, text in found.items()}
    return About(**texts) if texts else About(data="\n".join(above).strip())


def read_abouts(path: Path) -> dict[str, About]:
    """Read the text about a data set and its translations, by language.

    That of `about.md` in French is `about.fr.md`. Where a language has no such section, the English one stands, marked.

    Raises:
        click.UsageError: See `read_about`; of each of them.
    """
    english = read_about(path)
    abouts = {"en": english}
    for language in CARD_TEXTS.keys() - abouts.keys():
        said, texts = read_about(path.with_suffix(f".{language}{path.suffix}")), CARD_TEXTS[language]
        abouts[language] = About(
            **{name: getattr(said, name) or texts.from_english(getattr(english, name)) for name in _SECTIONS}
        )
    return abouts
