"""How often test was looked at: each look makes its figures a little luckier, so the card states the number."""

from datetime import datetime, timezone
from typing import Any

from training.card_texts import ENGLISH, CardTexts
from training.run import CALIBRATION_FILE, Run

_NAME = "looks"


def note_look(run: Run, step: str) -> None:
    """Note that test is looked at: before the figures are known, so that no look is forgotten.

    The same weights, input size and calibration give the same figures: a second look at them is none.

    Args:
        run: A calibrated run.
        step: Which command looks.
    """
    keep_looks(run, [_look(step, run.measured_on(CALIBRATION_FILE))])


def note_comparison(run: Run, versions: tuple[str, str]) -> None:
    """Note that versions are compared on the test split of a run."""
    keep_looks(run, [_look("compare", {"versions": " ".join(sorted(versions))})])


def _look(step: str, of: dict[str, str]) -> dict[str, Any]:
    return {"at": f"{datetime.now(timezone.utc):%Y-%m-%dT%H:%M:%SZ}", "step": step, "of": of}


def looks(run: Run) -> list[dict[str, Any]]:
    """List the looks at test that are noted in a run's folder, the first one first."""
    if not (run.folder / f"{_NAME}.json").is_file():
        return []
    found: list[dict[str, Any]] = run.load(_NAME, step="evaluate --test")["looks"]
    return found


def keep_looks(run: Run, more: list[dict[str, Any]]) -> None:
    """Add looks to those of a run; an average was looked at wherever its ingredients were."""
    kept = looks(run)
    for look in sorted(more, key=lambda each: each["at"]):
        if look["of"] not in [each["of"] for each in kept]:
            kept.append(look)
    run.save(_NAME, {"looks": kept})


def looks_sentence(run: Run, texts: CardTexts = ENGLISH) -> str:
    """Say in a language how often test was looked at."""
    count = len(looks(run))
    return texts.looked_once if count <= 1 else texts.fill(texts.looked_often, count=count)
