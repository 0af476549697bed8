"""The predictor: order, isolation of bad images, chunks against singles, outcomes, the self-test."""

from collections.abc import Callable, Sequence

import numpy as np
import pytest

from common.errors import DentiqError, ImageFormatError, InferenceError, ModelInvalidError
from common.manifest import Manifest
from worker.inference.golden import golden_input
from worker.inference.prediction import Prediction
from worker.inference.predictor import Predictor
from worker.inference.runtime import Input, NetworkOutput

RED, GREEN, BLUE = (230, 20, 20), (20, 230, 20), (20, 20, 230)


def top(result: Prediction | DentiqError, predictor: Predictor) -> str:
    assert isinstance(result, Prediction)
    return predictor.labels[int(np.argmax(result.probabilities))]


def test_every_image_is_answered_in_its_place(manifest_of, colour_runtime, photo) -> None:  # type: ignore[no-untyped-def]
    predictor = Predictor(manifest_of(), colour_runtime())
    results = predictor.predict([photo(BLUE), photo(RED), photo(GREEN)])
    assert [top(result, predictor) for result in results] == ["blue", "red", "green"]
    assert all(isinstance(r, Prediction) and sum(r.probabilities) == pytest.approx(1) for r in results)


def test_a_bad_image_fails_alone_and_in_its_place(manifest_of, colour_runtime, photo) -> None:  # type: ignore[no-untyped-def]
    predictor = Predictor(manifest_of(), colour_runtime())
    results = predictor.predict([photo(BLUE), b"not an image", photo(GREEN), b""])
    assert [top(results[0], predictor), top(results[2], predictor)] == ["blue", "green"]
    assert isinstance(results[1], ImageFormatError)
    assert isinstance(results[3], DentiqError)
    assert results[3].code == "image_empty"


def test_a_chunk_gives_the_answers_of_its_images_one_by_one(manifest_of, colour_runtime, photo) -> None:  # type: ignore[no-untyped-def]
    predictor = Predictor(manifest_of(), colour_runtime())
    images = [photo(colour, (40 + 9 * index, 50)) for index, colour in enumerate([RED, GREEN, BLUE, RED])]
    together = predictor.predict(images)
    alone = [predictor.predict([image])[0] for image in images]
    for one, other in zip(together, alone, strict=True):
        assert isinstance(one, Prediction)
        assert isinstance(other, Prediction)
        assert (one.probabilities, one.outcome) == (other.probabilities, other.outcome)


def test_no_images_give_no_answers_and_no_forward_pass(manifest_of, colour_runtime) -> None:  # type: ignore[no-untyped-def]
    runtime = colour_runtime()
    predictor = Predictor(manifest_of(), runtime)
    assert predictor.predict([]) == []
    assert isinstance(predictor.predict([b"x"])[0], DentiqError)
    assert runtime.calls == []


def test_a_failed_forward_pass_is_retried_one_by_one_and_blames_the_culprit(  # type: ignore[no-untyped-def]
    manifest_of, colour_runtime, photo
) -> None:
    runtime = colour_runtime(fails_on=lambda single: bool(single[1].mean() > 0.5))
    predictor = Predictor(manifest_of(), runtime)
    results = predictor.predict([photo(RED), photo(GREEN), photo(BLUE)])
    assert runtime.calls == [3, 1, 1, 1]
    assert isinstance(results[1], InferenceError)
    assert [top(results[0], predictor), top(results[2], predictor)] == ["red", "blue"]


class _Miscounting:
    name, device, normalises, tolerance = "miscounting", "cpu", False, 1e-3

    def run(self, batch: Sequence[Input]) -> NetworkOutput:
        return NetworkOutput(logits=np.zeros((len(batch) + 1, 3), np.float32), features=np.zeros((1, 1), np.float32))


class _NotANumber:
    name, device, normalises, tolerance = "nan", "cpu", False, 1e-3

    def run(self, batch: Sequence[Input]) -> NetworkOutput:
        logits = np.zeros((len(batch), 3), np.float32)
        logits[np.stack(batch)[:, 0].mean(axis=(1, 2)) > 0] = np.nan
        return NetworkOutput(logits=logits, features=logits)


def test_outputs_are_counted_against_inputs(manifest_of, photo) -> None:  # type: ignore[no-untyped-def]
    results = Predictor(manifest_of(), _Miscounting()).predict([photo(RED), photo(BLUE)])
    assert all(isinstance(result, InferenceError) for result in results)


def test_an_answer_that_is_not_a_number_fails_its_image_alone(manifest_of, photo) -> None:  # type: ignore[no-untyped-def]
    results = Predictor(manifest_of(), _NotANumber()).predict([photo(RED), photo(BLUE)])
    assert isinstance(results[0], InferenceError)
    assert isinstance(results[1], Prediction)


def test_the_temperature_flattens_without_changing_the_order(manifest_of, colour_runtime, photo) -> None:  # type: ignore[no-untyped-def]
    sharp, flat = (
        Predictor(manifest_of(temperature=value), colour_runtime()).predict([photo(RED)])[0] for value in (1.0, 4.0)
    )
    assert isinstance(sharp, Prediction)
    assert isinstance(flat, Prediction)
    assert max(flat.probabilities) < max(sharp.probabilities)
    assert np.argmax(flat.probabilities) == np.argmax(sharp.probabilities)


@pytest.mark.parametrize(("threshold", "outcome"), [(None, "answered"), (0.5, "answered"), (1.0, "uncertain")])
def test_an_unlikely_best_label_is_uncertain(  # type: ignore[no-untyped-def]
    manifest_of, colour_runtime, photo, threshold: float | None, outcome: str
) -> None:
    predictor = Predictor(manifest_of(abstain_threshold=threshold), colour_runtime())
    (result,) = predictor.predict([photo((180, 120, 120))])
    assert isinstance(result, Prediction)
    assert result.outcome == outcome


def test_times_are_this_images_own(manifest_of, colour_runtime, photo) -> None:  # type: ignore[no-untyped-def]
    results = Predictor(manifest_of(), colour_runtime()).predict([photo(RED), photo(BLUE)])
    assert all(isinstance(r, Prediction) and r.decode_seconds > 0 and r.inference_seconds >= 0 for r in results)


def test_decode_and_infer_are_the_two_halves_of_predict(manifest_of, colour_runtime, photo) -> None:  # type: ignore[no-untyped-def]
    predictor = Predictor(manifest_of(), colour_runtime())
    rows = predictor.infer([predictor.decode(photo(RED)), predictor.decode(photo(BLUE))])
    whole = predictor.predict([photo(RED), photo(BLUE)])
    assert [tuple(map(float, row)) for row in rows] == [r.probabilities for r in whole if isinstance(r, Prediction)]


def golden_manifest(manifest_of: Callable[..., Manifest], shift: float) -> Manifest:
    blank = manifest_of()
    means = golden_input(5, blank.preprocessing).mean(axis=(1, 2)).astype(float) * 10
    powers = np.exp(means - means.max())
    rows = powers / powers.sum()
    moved = [float(rows[0] - shift), float(rows[1] + shift), float(rows[2])]
    return manifest_of(golden=[{"seed": 5, "logits": means.tolist(), "probabilities": np.clip(moved, 0, 1).tolist()}])


def test_the_self_test_accepts_the_network_it_was_made_with(manifest_of, colour_runtime) -> None:  # type: ignore[no-untyped-def]
    predictor = Predictor(golden_manifest(manifest_of, 0.0), colour_runtime())
    predictor.check()
    assert predictor.infer([golden_input(5, predictor.manifest.preprocessing)]).shape == (1, 3)


def test_the_self_test_refuses_another_network(manifest_of, colour_runtime) -> None:  # type: ignore[no-untyped-def]
    predictor = Predictor(golden_manifest(manifest_of, 0.05), colour_runtime())
    with pytest.raises(ModelInvalidError, match="self-test"):
        predictor.check()


def test_the_self_test_refuses_a_network_that_answers_no_numbers(manifest_of) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(ModelInvalidError, match="self-test"):
        Predictor(golden_manifest(manifest_of, 0.0), _Miscounting()).check()
