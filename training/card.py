"""The model card: what a version is, what it was trained on, how good it is and where it ends."""

from typing import Any

from common.manifest import Manifest

CARD_FILE = "card.md"


def card(manifest: Manifest) -> str:
    """Write the card of a version as Markdown."""
    parts = [_head(manifest), _figures(manifest), _data(manifest), _LIMITS]
    return "\n\n".join(parts) + "\n"


def _head(manifest: Manifest) -> str:
    return (
        f"# {manifest.version}\n\n"
        f"{manifest.architecture}, {manifest.preprocessing.input_size} pixels, labels: {', '.join(manifest.labels)}.\n"
        f"Made {manifest.created_at:%Y-%m-%d %H:%M} UTC, seed {manifest.seed}, preprocessing "
        f"`{manifest.preprocessing.digest}`.\n\n"
        "**Research use only.** It informs; it does not diagnose."
    )


def _figures(manifest: Manifest) -> str:
    rows = ["| split | images | groups | accuracy | macro-F1 |", "|---|---|---|---|---|"]
    for split in ("val", "test"):
        for part, found in manifest.metrics.get(split, {}).items():
            if found.get("images"):
                rows.append(
                    f"| {split}, {part} | {found['images']} | {found['groups']} | {found['accuracy']:.3f} "
                    f"| {found['macro_f1']:.3f} |"
                )
    return "## Figures\n\nSplit by group of near-identical photographs, never by image.\n\n" + "\n".join(
        [*rows, "", *_by_label(manifest.metrics.get("test", {}))]
    )


def _by_label(test: dict[str, Any]) -> list[str]:
    rows = ["| label | F1, test, all | F1, test, originals |", "|---|---|---|"]
    everything, originals = (test.get(part, {}).get("f1", {}) for part in ("all", "original"))
    return rows + [
        f"| {label} | {value:.3f} | {originals.get(label, float('nan')):.3f} |" for label, value in everything.items()
    ]


def _data(manifest: Manifest) -> str:
    shares = ", ".join(f"{label} {share:.0%}" for label, share in manifest.training_shares.items())
    return (
        "## Data\n\n"
        f"Training images by label: {shares}. Data-set digest `{manifest.dataset_digest[:16]}`.\n"
        "The photographs come from public repositories, most without a stated licence; they are not part of this\n"
        "repository. Labels are not by dentists as far as stated."
    )


_LIMITS = (
    "## Limits\n\n"
    "Few distinct photographs (about 1,000), weak labels (calculus above all), one label a photograph. `hypodontia`\n"
    "means visibly missing teeth, not congenital absence. `healthy` shows children's teeth by one camera. Photographs\n"
    "of other collectors are classified much worse than the figures above say."
)
