"""A calibration that hardly answers, or that ran into its limits, is told on the terminal and in the card."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from common.manifest import Manifest
from common.model_store import ModelStore
from tests.unit.training.commands import TINY, invoke, name_groups
from training import steps
from training.about import About
from training.calibrate import fit_temperature
from training.card import card
from training.dataset import Sample
from training.doubts import doubts
from training.outputs import SplitOutputs
from training.plan import FitPlan


@pytest.fixture
def served(repository: Path) -> Manifest:
    store = ModelStore(repository / "model_store")
    return store.manifest(store.current())


def changed(manifest: Manifest, *, answered: float = 0.7, groups: int = 100, **fields: Any) -> Manifest:
    part = {**manifest.metrics["val"]["all"], "answered": {"share": answered, "accuracy": 0.9}, "groups": groups}
    metrics = {**manifest.metrics, "val": {**manifest.metrics["val"], "all": part}}
    return manifest.model_copy(update={"metrics": metrics, **fields})


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({"temperature": 0.2}, "The temperature 0.2000 is the lowest that is tried"),
        ({"temperature": 5.0}, "The temperature 5.0000 is the highest that is tried"),
        ({"answered": 0.0}, "Only 0.0% of the validation images are answered"),
        ({"groups": 6}, "fitted on 6 groups of photographs"),
    ],
)
def test_the_card_says_what_makes_its_calibration_doubtful(served: Manifest, values: dict[str, Any], told: str) -> None:
    written = card(changed(served, **values), [(1.0, FitPlan())], "", About())
    assert written.count("**Doubtful.**") == 1
    assert told in written
    french = card(changed(served, **values), [(1.0, FitPlan())], "", About(), language="fr")
    assert french.count("**Douteux.**") == 1


def test_a_sound_calibration_raises_no_doubt(served: Manifest) -> None:
    assert "Doubtful" not in card(changed(served), [(1.0, FitPlan())], "", About())
    assert not list(doubts(temperature=1.3, answered=0.05, groups=30))


def test_people_read_thresholds_of_four_digits(served: Manifest) -> None:
    long = changed(served, abstain_threshold=0.9846543210987654, temperature=1.0)
    assert "Temperature 1.0000; answered from a probability of 0.9847 on." in card(
        long, [(1.0, FitPlan())], "", About()
    )


def test_a_temperature_at_its_limit_is_found_to_be_one() -> None:
    truth = np.array([0, 1] * 20)
    groups = [str(number) for number in range(40)]
    right = np.eye(2, dtype=np.float32)[truth]
    assert list(doubts(temperature=fit_temperature(right * 0.1, truth, groups), answered=1.0, groups=40))
    assert list(doubts(temperature=fit_temperature(right * -9.0, truth, groups), answered=1.0, groups=40))


def test_calibrate_warns_on_the_terminal(made_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    name_groups(made_data)
    run = tmp_path / "run"
    for command in (("split", made_data), ("fit", *TINY, "--epochs", 1, "--epoch-images", 32)):
        assert invoke(*command, "--run", run).exit_code == 0

    def wrong(*_: object) -> SplitOutputs:
        truth = np.array([0, 1, 2] * 4)
        samples = [Sample(f"{number}.jpg", "amber") for number in range(12)]
        logits = np.eye(3, dtype=np.float32)[(truth + 1) % 3] * 8
        return SplitOutputs(samples, truth, logits, logits)

    monkeypatch.setattr(steps, "split_outputs", wrong)
    result = invoke("calibrate", "--run", run)
    assert result.exit_code == 0, result.output
    assert "doubtful The temperature 5.0000 is the highest" in result.output
    assert "doubtful Only 0.0% of the validation images" in result.output
    assert "doubtful Temperature and thresholds were fitted on 12 groups" in result.output
