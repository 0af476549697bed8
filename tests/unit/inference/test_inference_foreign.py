"""The rule for foreign images in the predictor: it outranks uncertainty, and a damaged file is refused."""

from pathlib import Path

import numpy as np
import pytest

from common.errors import ModelInvalidError
from common.manifest import OodRule
from worker.inference.foreign import ForeignScore
from worker.inference.prediction import Prediction
from worker.inference.predictor import Predictor


@pytest.mark.parametrize(("threshold", "outcome"), [(2.0, "uncertain"), (-1.0, "not_dental")])
def test_what_is_foreign_is_called_so_even_when_also_unsure(  # type: ignore[no-untyped-def]
    manifest_of, colour_runtime, photo, threshold: float, outcome: str
) -> None:
    rule = OodRule(kind="knn", threshold=threshold)
    bank = np.eye(3, dtype=np.float32).repeat(5, axis=0)
    predictor = Predictor(
        manifest_of(ood_rule=rule.model_dump(), abstain_threshold=1.0),
        colour_runtime(),
        foreign=ForeignScore("knn", {"bank": bank}),
    )
    (result,) = predictor.predict([photo((180, 120, 110))])
    assert isinstance(result, Prediction)
    assert result.outcome == outcome


@pytest.mark.parametrize("content", [b"not arrays", None])
def test_a_damaged_file_of_the_rule_is_refused(tmp_path: Path, content: bytes | None) -> None:
    if content is not None:
        (tmp_path / "foreign.npz").write_bytes(content)
    with pytest.raises(ModelInvalidError):
        ForeignScore.load(tmp_path, OodRule(kind="knn", threshold=0.0, file="foreign.npz"), version="v")


def test_a_file_without_the_arrays_of_its_rule_is_refused(tmp_path: Path) -> None:
    np.savez(tmp_path / "foreign.npz", other=np.zeros(3))
    with pytest.raises(ModelInvalidError, match="bank"):
        ForeignScore.load(tmp_path, OodRule(kind="knn", threshold=0.0, file="foreign.npz"), version="v")


def test_pickled_objects_are_never_loaded(tmp_path: Path) -> None:
    np.savez(tmp_path / "foreign.npz", bank=np.array([{"code": "evil"}], dtype=object))
    with pytest.raises(ModelInvalidError):
        ForeignScore.load(tmp_path, OodRule(kind="knn", threshold=0.0, file="foreign.npz"), version="v")
