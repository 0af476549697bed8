"""What one language must have for a model card, and how its numbers are written."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from string import Formatter
from typing import Any


@dataclass(frozen=True)
class CardTexts:
    """The card in one language, as templates of Markdown; a language without one of them cannot be made.

    Attributes:
        decimal_sign: Stands before the decimals of a number.
        percent_sign: Stands behind a share, with its space.
        finish: Sets the whole card as the language is set.
        in_english: Marks what was written in English alone.
        head: What the version is.
        measured: Which runtime gave the figures; part of the head where the version says so.
        licence_unknown: Where the collector said nothing of it.
        figures: By split.
        figures_columns: Of its table.
        names: Of splits and their parts, in tables.
        interval: A figure and its range.
        looked_once: How often test was looked at.
        looked_often: The same, of several looks.
        doubtful: Frame of a doubt about the calibration.
        doubts: By their kind: see `training.doubts`.
        by_label: F1 by label.
        by_label_columns: Of its table.
        no_image: Where a part of test has none of a label.
        shortcuts: What the version owes to giveaways.
        shortcuts_columns: Of its table.
        shortcut_names: By their name in the manifest.
        foreign: How photographs of something else are told.
        foreign_columns: Of its table, the first two.
        foreign_kind_column: Of its table, one a kind of foreign images.
        leakage: What a split by image would have shown.
        data: What it was trained on.
        origin_unknown: Where the collector said nothing of it.
        training: How the weights were made.
        averaged: How many runs they are an average of.
        share_of_weights: Row of its table.
        choice_column: Of its table, the first.
        run_column: Of its table, one a run.
        limits: Where the figures end.
        general_limits: Where the collector said nothing of them.
    """

    decimal_sign: str
    percent_sign: str
    finish: Callable[[str], str]
    in_english: str
    head: str
    measured: str
    licence_unknown: str
    figures: str
    figures_columns: tuple[str, ...]
    names: Mapping[str, str]
    interval: str
    looked_once: str
    looked_often: str
    doubtful: str
    doubts: Mapping[str, str]
    by_label: str
    by_label_columns: tuple[str, ...]
    no_image: str
    shortcuts: str
    shortcuts_columns: tuple[str, ...]
    shortcut_names: Mapping[str, str]
    foreign: str
    foreign_columns: tuple[str, ...]
    foreign_kind_column: str
    leakage: str
    data: str
    origin_unknown: str
    training: str
    averaged: str
    share_of_weights: str
    choice_column: str
    run_column: str
    limits: str
    general_limits: str

    def fill(self, template: str, **values: Any) -> str:
        """Put values into a template, numbers as the language writes them."""
        return _Numbers(self).vformat(template, (), values)

    def from_english(self, text: str) -> str:
        """Mark a text that nobody wrote in this language."""
        return self.fill(self.in_english, text=text) if text else ""


class _Numbers(Formatter):
    def __init__(self, texts: CardTexts) -> None:
        self._signs = str.maketrans({".": texts.decimal_sign, "%": texts.percent_sign})

    def format_field(self, value: Any, format_spec: str) -> str:
        text = str(super().format_field(value, format_spec))
        return text.translate(self._signs) if isinstance(value, int | float) else text
