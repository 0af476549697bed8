"""The model card: what a version is, what it was trained on, how good it is and where it ends."""

from collections.abc import Iterable
from typing import Any

from common.manifest import Manifest
from training.about import About
from training.doubts import doubts
from training.plan import FitPlan

CARD_FILE = "card.md"


def card(manifest: Manifest, ingredients: list[tuple[float, FitPlan]], note: str, about: About) -> str:
    """Write the card of a version as Markdown.

    Args:
        manifest: Of the version.
        ingredients: The choices of each run whose weights were averaged, with its share.
        note: How often test was looked at, and what else a reader should know of the figures.
        about: What its collector says of the data set.
    """
    parts = [
        _head(manifest, about),
        _splits(manifest, note),
        *(section(manifest) for section in (_labels, _shortcuts, _foreign)),
        _leakage(manifest, about),
        _data(manifest, about),
        _training(ingredients),
        _limits(manifest, about),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _head(manifest: Manifest, about: About) -> str:
    agreement = manifest.metrics.get("onnx_agreement", {})
    by = manifest.metrics.get("measured_with")
    measured = (
        f"Calibrated and measured with ONNX Runtime {by['version']}, as a worker on CPUs answers.\n" if by else ""
    )
    return (
        f"# {manifest.version}\n\n"
        f"{manifest.architecture} at {manifest.preprocessing.input_size} pixels.\n"
        f"Labels: {', '.join(manifest.labels)}.\n"
        f"Made {manifest.created_at:%Y-%m-%d %H:%M} UTC, seed {manifest.seed}, preprocessing digest "
        f"`{manifest.preprocessing.digest}`.\n"
        f"{measured}"
        f"ONNX against torch on the test split: equal top label {agreement.get('top_label_equal', 0):.0%}, largest "
        f"difference of a probability {agreement.get('max_probability_difference', 0):.1e}.\n\n"
        f"**Research use only.** It informs; it does not diagnose. {about.licence or _LICENCE_UNKNOWN}"
    )


def _splits(manifest: Manifest, note: str) -> str:
    head = ("split", "images (groups)", "accuracy", "macro-F1", "calibration error", "answered", "of it right")
    rows = [
        (f"{split}, {part}", *_split_cells(values))
        for split in ("val", "test")
        for part, values in manifest.metrics.get(split, {}).items()
        if values.get("images")
    ]
    return (
        "## Figures\n\n"
        "Split by group of near-identical photographs, never by image. `all` counts the augmented copies that the\n"
        "sources ship, `original` does not. In brackets 95 % intervals, by resampling groups. Temperature, abstention\n"
        "and the rule for foreign images were fitted on validation.\n\n"
        f"{note}\n\n"
        f"{_table(head, rows)}\n\n"
        f"Temperature {manifest.temperature:.4f}; answered from a probability of "
        f"{manifest.abstain_threshold or 0:.4f} on.\n"
        "Calibration error: 15 bins of equal mass.\n\n"
        f"{_doubts(manifest)}"
        "![confusion matrix](confusion.png) ![reliability](reliability.png) ![risk and coverage](risk_coverage.png)\n"
        "![training](history.png)"
    )


def _doubts(manifest: Manifest) -> str:
    val = manifest.metrics.get("val", {}).get("all", {})
    if not val.get("images"):
        return ""
    found = doubts(temperature=manifest.temperature, answered=val["answered"]["share"], groups=val["groups"])
    return "".join(f"**Doubtful.** {doubt}\n\n" for doubt in found)


def _split_cells(values: dict[str, Any]) -> tuple[str, ...]:
    return (
        f"{values['images']} ({values['groups']})",
        _with_interval(values["accuracy"], values["accuracy_interval"]),
        _with_interval(values["macro_f1"], values["macro_f1_interval"]),
        f"{values['calibration_error']:.3f}",
        f"{values['answered']['share']:.1%}",
        f"{values['answered']['accuracy']:.1%}",
    )


def _labels(manifest: Manifest) -> str:
    parts = [manifest.metrics.get("test", {}).get(part, {}) for part in ("all", "original")]
    rows = [(label, *(_label_cell(part, label) for part in parts)) for label in manifest.labels]
    return "## By label\n\n" + _table(("label", "F1, test, all", "F1, test, original"), rows)


def _label_cell(part: dict[str, Any], label: str) -> str:
    if label not in part.get("f1", {}):
        return "no image"
    return _with_interval(part["f1"][label], part["f1_interval"][label])


def _shortcuts(manifest: Manifest) -> str:
    rows = [
        (_SHORTCUTS.get(name, name), f"{values['macro_f1']:.3f}", f"{values['loss']:+.3f}")
        for name, values in manifest.metrics.get("shortcuts", {}).items()
    ]
    return "## Shortcuts\n\nThe test split with one giveaway taken from every photograph.\n\n" + _table(
        ("change", "macro-F1, test, all", "loss"), rows
    )


def _foreign(manifest: Manifest) -> str:
    found = manifest.metrics.get("foreign", {})
    if not found:
        return ""
    kinds = list(next(iter(found["scores"].values()))["auroc"])
    head = ("score", "dental test photographs rejected", *(f"AUROC (rejected) {kind}" for kind in kinds))
    rows = [
        (
            f"**{name}**" if name == found["rule"] else name,
            f"{values['dental_rejected']:.1%}",
            *(f"{values['auroc'][kind]:.3f} ({values['rejected'][kind]:.0%})" for kind in kinds),
        )
        for name, values in found["scores"].items()
    ]
    intro = (
        f"None of them was trained on, but they chose the kind of rule: {found['rule']} serves. Its threshold\n"
        "comes from dental validation photographs alone."
    )
    return f"## Foreign images\n\n{intro}\n\n{_table(head, rows)}"


def _leakage(manifest: Manifest, about: About) -> str:
    found = manifest.metrics.get("leakage")
    if not found:
        return ""
    return (
        "## What a random split would have claimed\n\n"
        "The same simple classifier (logistic regression on the starting network's features), the same images, split\n"
        f"by image: macro-F1 {found['by_image']:.3f}; split by group: {found['by_group']:.3f}. The difference is\n"
        f"copies of the test photographs among the training ones. {about.published}"
    ).rstrip()


def _data(manifest: Manifest, about: About) -> str:
    shares = ", ".join(f"{label} {share:.0%}" for label, share in manifest.training_shares.items())
    return (
        "## Data\n\n"
        f"Training images by label: {shares}. Digest of the data set: `{manifest.dataset_digest[:16]}`.\n"
        f"{about.data or _ORIGIN_UNKNOWN}"
    )


def _training(ingredients: list[tuple[float, FitPlan]]) -> str:
    plans = [plan.as_json() for _, plan in ingredients]
    rows = [(name, *(f"`{plan[name]}`" for plan in plans)) for name in plans[0] if name != "augmentation"]
    intro = ""
    if len(plans) > 1:
        intro = f"The weights are an average of {len(plans)} runs.\n\n"
        rows.insert(0, ("share of the weights", *(f"{share:.0%}" for share, _ in ingredients)))
    return f"## Training\n\n{intro}" + _table(("choice", *(f"run {number + 1}" for number in range(len(plans)))), rows)


def _with_interval(value: float, interval: tuple[float, float]) -> str:
    return f"{value:.3f} ({interval[0]:.2f} to {interval[1]:.2f})"


def _table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    titles = list(head)
    lines = [titles, ["---"] * len(titles), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


_SHORTCUTS = {
    "reencoded": "one size (256 pixels) and one JPEG quality (70)",
    "cropped": "one aspect ratio (1.4, middle)",
    "grey_balanced": "one white balance (grey world)",
}

_LICENCE_UNKNOWN = (
    "Nobody stated under which licence the\n"
    "photographs it learned from may be used, nor what may be done with a version made of them."
)

_ORIGIN_UNKNOWN = "Nobody stated where the photographs come from, who is on them, or who labelled them."


def _limits(manifest: Manifest, about: About) -> str:
    return f"## Limits\n\n{about.limits or _general_limits(manifest)}"


def _general_limits(manifest: Manifest) -> str:
    test = manifest.metrics.get("test", {}).get("all", {})
    measured = f"{test.get('images', 0)} images in {test.get('groups', 0)} groups"
    return (
        f"The figures come from {measured} of the same collection that the version learned from.\n"
        "Photographs of other cameras, collectors or people may be answered much worse; that was not measured.\n"
        "Labels were taken as the folders give them. A group is one scene, or what the index calls one: where it\n"
        "does not name people, photographs of one person may lie in two splits."
    )
