"""The model card: what a version is, what it was trained on, how good it is and where it ends."""

from collections.abc import Iterable
from typing import Any

from common.manifest import Manifest
from training.about import About
from training.card_texts import CARD_TEXTS, CardTexts
from training.doubts import doubts
from training.plan import FitPlan


def card(
    manifest: Manifest, ingredients: list[tuple[float, FitPlan]], note: str, about: About, *, language: str = "en"
) -> str:
    """Write the card of a version as Markdown.

    Args:
        manifest: Of the version.
        ingredients: The choices of each run whose weights were averaged, with its share.
        note: How often test was looked at, and what else a reader should know of the figures.
        about: What its collector says of the data set.
        language: Of the card; note and about stand in it as they are.
    """
    texts = CARD_TEXTS[language]
    parts = [
        _head(texts, manifest, about),
        _splits(texts, manifest, note),
        *(section(texts, manifest) for section in (_labels, _shortcuts, _foreign)),
        _leakage(texts, manifest, about),
        _data(texts, manifest, about),
        _training(texts, ingredients),
        texts.fill(texts.limits, limits=about.limits or _general_limits(texts, manifest)),
    ]
    return texts.finish("\n\n".join(part for part in parts if part) + "\n")


def _head(texts: CardTexts, manifest: Manifest, about: About) -> str:
    agreement = manifest.metrics.get("onnx_agreement", {})
    by = manifest.metrics.get("measured_with")
    return texts.fill(
        texts.head,
        version=manifest.version,
        architecture=manifest.architecture,
        size=manifest.preprocessing.input_size,
        labels=", ".join(manifest.labels),
        made=manifest.created_at,
        seed=manifest.seed,
        preprocessing=manifest.preprocessing.digest,
        measured=texts.fill(texts.measured, runtime=by["version"]) if by else "",
        same_label=agreement.get("top_label_equal", 0),
        difference=agreement.get("max_probability_difference", 0),
        licence=about.licence or texts.licence_unknown,
    )


def _splits(texts: CardTexts, manifest: Manifest, note: str) -> str:
    rows = [
        (f"{texts.names[split]}, {texts.names.get(part, part)}", *_split_cells(texts, values))
        for split in ("val", "test")
        for part, values in manifest.metrics.get(split, {}).items()
        if values.get("images")
    ]
    return texts.fill(
        texts.figures,
        note=note,
        table=_table(texts.figures_columns, rows),
        temperature=manifest.temperature,
        threshold=manifest.abstain_threshold or 0,
        doubts=_doubts(texts, manifest),
    )


def _doubts(texts: CardTexts, manifest: Manifest) -> str:
    val = manifest.metrics.get("val", {}).get("all", {})
    if not val.get("images"):
        return ""
    found = doubts(temperature=manifest.temperature, answered=val["answered"]["share"], groups=val["groups"])
    return "".join(texts.fill(texts.doubtful, doubt=doubt.sentence(texts)) for doubt in found)


def _split_cells(texts: CardTexts, values: dict[str, Any]) -> tuple[str, ...]:
    return (
        f"{values['images']} ({values['groups']})",
        _with_interval(texts, values["accuracy"], values["accuracy_interval"]),
        _with_interval(texts, values["macro_f1"], values["macro_f1_interval"]),
        texts.fill("{error:.3f}", error=values["calibration_error"]),
        texts.fill("{share:.1%}", share=values["answered"]["share"]),
        texts.fill("{share:.1%}", share=values["answered"]["accuracy"]),
    )


def _labels(texts: CardTexts, manifest: Manifest) -> str:
    parts = [manifest.metrics.get("test", {}).get(part, {}) for part in ("all", "original")]
    rows = [(label, *(_label_cell(texts, part, label) for part in parts)) for label in manifest.labels]
    return texts.fill(texts.by_label, table=_table(texts.by_label_columns, rows))


def _label_cell(texts: CardTexts, part: dict[str, Any], label: str) -> str:
    if label not in part.get("f1", {}):
        return texts.no_image
    return _with_interval(texts, part["f1"][label], part["f1_interval"][label])


def _shortcuts(texts: CardTexts, manifest: Manifest) -> str:
    rows = [
        (
            texts.shortcut_names.get(name, name),
            texts.fill("{macro_f1:.3f}", macro_f1=values["macro_f1"]),
            texts.fill("{loss:+.3f}", loss=values["loss"]),
        )
        for name, values in manifest.metrics.get("shortcuts", {}).items()
    ]
    return texts.fill(texts.shortcuts, table=_table(texts.shortcuts_columns, rows))


def _foreign(texts: CardTexts, manifest: Manifest) -> str:
    found = manifest.metrics.get("foreign", {})
    if not found:
        return ""
    kinds = list(next(iter(found["scores"].values()))["auroc"])
    head = (*texts.foreign_columns, *(texts.fill(texts.foreign_kind_column, kind=kind) for kind in kinds))
    rows = [
        (
            f"**{name}**" if name == found["rule"] else name,
            texts.fill("{share:.1%}", share=values["dental_rejected"]),
            *(
                texts.fill("{auroc:.3f} ({share:.0%})", auroc=values["auroc"][kind], share=values["rejected"][kind])
                for kind in kinds
            ),
        )
        for name, values in found["scores"].items()
    ]
    return texts.fill(texts.foreign, rule=found["rule"], table=_table(head, rows))


def _leakage(texts: CardTexts, manifest: Manifest, about: About) -> str:
    found = manifest.metrics.get("leakage")
    if not found:
        return ""
    return texts.fill(
        texts.leakage, by_image=found["by_image"], by_group=found["by_group"], published=about.published
    ).rstrip()


def _data(texts: CardTexts, manifest: Manifest, about: About) -> str:
    shares = (
        texts.fill("{label} {share:.0%}", label=label, share=share) for label, share in manifest.training_shares.items()
    )
    return texts.fill(
        texts.data,
        shares=", ".join(shares),
        digest=manifest.dataset_digest[:16],
        origin=about.data or texts.origin_unknown,
    )


def _training(texts: CardTexts, ingredients: list[tuple[float, FitPlan]]) -> str:
    plans = [plan.as_json() for _, plan in ingredients]
    rows = [(name, *(f"`{plan[name]}`" for plan in plans)) for name in plans[0] if name != "augmentation"]
    averaged = ""
    if len(plans) > 1:
        averaged = texts.fill(texts.averaged, runs=len(plans))
        rows.insert(0, (texts.share_of_weights, *(texts.fill("{share:.0%}", share=share) for share, _ in ingredients)))
    runs = (texts.fill(texts.run_column, number=number + 1) for number in range(len(plans)))
    return texts.fill(texts.training, averaged=averaged, table=_table((texts.choice_column, *runs), rows))


def _general_limits(texts: CardTexts, manifest: Manifest) -> str:
    test = manifest.metrics.get("test", {}).get("all", {})
    return texts.fill(texts.general_limits, images=test.get("images", 0), groups=test.get("groups", 0))


def _with_interval(texts: CardTexts, value: float, interval: tuple[float, float]) -> str:
    return texts.fill(texts.interval, value=value, low=interval[0], high=interval[1])


def _table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    titles = list(head)
    lines = [titles, ["---"] * len(titles), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)
