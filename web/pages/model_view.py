"""A model version in the words and numbers of a reader's language: what the model card shows, ready to print."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from flask_babel import format_date, format_decimal

from common.curves import Curves
from common.manifest import Manifest
from web.i18n import gettext, percent
from web.pages.confusion_picture import ConfusionPicture
from web.pages.model_curves import DrawnCurves, draw_coverage, draw_history, draw_reliability
from web.pathology_texts import PathologyTexts

# Pictures that training draws, in the order of the page.
PICTURES: Final = ("confusion.png", "reliability.png", "risk_coverage.png", "history.png")


@dataclass(frozen=True)
class LabelFigures:
    """How well a version knows one label.

    Attributes:
        f1: On the whole test split, with its interval; empty where the version does not say.
        original: The same without the augmented copies that sources ship.
        share: Of the images trained on.
    """

    slug: str
    name: str
    f1: str
    original: str
    share: str


@dataclass(frozen=True)
class SplitFigures:
    """How well a version did on one set of photographs."""

    name: str
    images: str
    accuracy: str
    macro_f1: str
    calibration_error: str
    answered: str
    right: str


@dataclass(frozen=True)
class Picture:
    """One subject in pictures.

    Attributes:
        file: What training drew, shown where the page cannot draw it itself.
        title: A few words.
        words: What it shows.
        drawn: What the page draws itself; None where the version does not say, and for the confusion matrix.
    """

    file: str
    title: str
    words: str
    drawn: DrawnCurves | None = None

    @property
    def wide(self) -> bool:
        """Whether it takes the whole width of the page: several pictures, or one with long names beside it."""
        return self.file == "confusion.png" or (self.drawn is not None and len(self.drawn.pictures) > 1)


@dataclass(frozen=True)
class ModelView:
    """Show one model version.

    Attributes:
        curves: None where the version has none: it was made before dentiq wrote them.
    """

    manifest: Manifest
    texts: PathologyTexts
    language: str
    curves: Curves | None = None

    @property
    def created(self) -> str:
        """When it was made."""
        return str(format_date(self.manifest.created_at, "long"))

    @property
    def labels(self) -> list[LabelFigures]:
        """Its labels, by name."""
        rows = [
            LabelFigures(
                slug=slug,
                name=self.texts.get(slug, self.language).name,
                f1=self._f1(("test", "all"), slug),
                original=self._f1(("test", "original"), slug),
                share=_percent(self.manifest.training_shares.get(slug)),
            )
            for slug in self.manifest.labels
        ]
        return sorted(rows, key=lambda row: row.name.casefold())

    @property
    def splits(self) -> list[SplitFigures]:
        """What it was measured on."""
        names = {
            ("test", "all"): gettext("Test, all photos"),
            ("test", "original"): gettext("Test, without copies"),
            ("val", "all"): gettext("Validation, all photos"),
            ("val", "original"): gettext("Validation, without copies"),
        }
        found = {path: self._figures(path) for path in names}
        return [_split(names[path], figures) for path, figures in found.items() if figures]

    @property
    def confusion(self) -> list[tuple[str, list[int]]]:
        """Photos of the test split: a row a true label, a number an answer, both in the order of the manifest."""
        rows = self._figures(("test", "all")).get("confusion", [])
        return list(zip(self.names, rows, strict=False))

    @property
    def confusion_picture(self) -> ConfusionPicture | None:
        """The same as a picture; None where the version does not say."""
        rows = [row for _, row in self.confusion]
        return ConfusionPicture(self.names, rows) if rows else None

    @property
    def names(self) -> list[str]:
        """Names of the labels in the order of the manifest."""
        return [self.texts.get(slug, self.language).name for slug in self.manifest.labels]

    @property
    def abstains_below(self) -> str:
        """From which probability on it answers; empty if always."""
        return _percent(self.manifest.abstain_threshold)

    @property
    def temperature(self) -> str:
        """What the logits are divided by."""
        return _number(self.manifest.temperature, "0.0000")

    @property
    def pictures(self) -> list[Picture]:
        """What is shown in pictures."""
        words = {
            "confusion.png": (
                gettext("Which label is taken for which"),
                gettext("Confusion matrix of the test split: rows are true labels, columns are answers."),
            ),
            "reliability.png": (
                gettext("Do the probabilities hold?"),
                gettext(
                    "Share of right answers, upwards, against the probability given, to the right; on the diagonal "
                    "they agree."
                ),
            ),
            "risk_coverage.png": (
                gettext("What abstaining gains"),
                gettext(
                    "Accuracy of what is answered, upwards, against the share that is answered, to the right; dashed: "
                    "this version."
                ),
            ),
            "history.png": (
                gettext("How it learned"),
                gettext("Loss on the training photos, and macro-F1 on those of validation, over the epochs."),
            ),
        }
        drawn = self._drawn
        return [
            Picture(file, *words[file], drawn.get(file))
            for file in PICTURES
            if file in self.manifest.files or drawn.get(file)
        ]

    @property
    def _drawn(self) -> dict[str, DrawnCurves | None]:
        if self.curves is None:
            return {}
        return {
            "reliability.png": draw_reliability(self.curves),
            "risk_coverage.png": draw_coverage(self.curves),
            "history.png": draw_history(self.curves),
        }

    def _figures(self, path: tuple[str, str]) -> Mapping[str, Any]:
        found: Any = self.manifest.metrics
        for name in path:
            found = found.get(name) if isinstance(found, Mapping) else None
        return found if isinstance(found, Mapping) else {}

    def _f1(self, path: tuple[str, str], slug: str) -> str:
        figures = self._figures(path)
        return _with_interval(figures.get("f1", {}).get(slug), figures.get("f1_interval", {}).get(slug))


def _split(name: str, figures: Mapping[str, Any]) -> SplitFigures:
    answered = figures.get("answered", {})
    return SplitFigures(
        name=name,
        images=gettext(
            "%(images)s (%(groups)s groups)",
            images=format_decimal(figures.get("images", 0)),
            groups=format_decimal(figures.get("groups", 0)),
        ),
        accuracy=_with_interval(figures.get("accuracy"), figures.get("accuracy_interval")),
        macro_f1=_with_interval(figures.get("macro_f1"), figures.get("macro_f1_interval")),
        calibration_error=_number(figures.get("calibration_error"), "0.000"),
        answered=_percent(answered.get("share")),
        right=_percent(answered.get("accuracy")),
    )


def _with_interval(value: float | None, interval: tuple[float, float] | None) -> str:
    if value is None:
        return ""
    if not interval:
        return _number(value, "0.00")
    return gettext(
        "%(value)s (%(low)s to %(high)s)",
        value=_number(value, "0.00"),
        low=_number(interval[0], "0.00"),
        high=_number(interval[1], "0.00"),
    )


def _number(value: float | None, pattern: str) -> str:
    return "" if value is None else str(format_decimal(value, pattern))


def _percent(share: float | None) -> str:
    return "" if share is None else percent(share)
