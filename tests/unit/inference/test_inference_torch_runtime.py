"""The path to a GPU, on the CPU: the same staging, portions, half precision and threads with the device `cpu`."""

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from common.errors import ImageFormatError, ModelInvalidError
from common.manifest import Manifest, Preprocessing
from common.model_store import ModelStore
from tests.fixtures.images import encode_image
from worker.inference import devices, torch_runtime
from worker.inference import predictor as loading
from worker.inference.calibration import probabilities
from worker.inference.decode_threads import DecodeThreads
from worker.inference.golden import golden_batch, golden_pixels
from worker.inference.networks import build
from worker.inference.onnx_runtime import OnnxRuntime
from worker.inference.prediction import Prediction
from worker.inference.predictor import Predictor, load_predictor
from worker.inference.preprocess import normalise
from worker.inference.recorded import Forward, Recording
from worker.inference.runtime import Pixels
from worker.inference.staging import Staging
from worker.inference.torch_runtime import WEIGHTS_FILE, TorchRuntime

# One more than two forward passes, so that the last one is nearly empty.
MANY = 129


@pytest.fixture
def tiny(tmp_path: Path, manifest_of: Callable[..., Manifest]) -> Callable[..., TorchRuntime]:
    torch.manual_seed(0)
    save_file(build("timm:test_efficientnet", 3).state_dict(), tmp_path / WEIGHTS_FILE)
    manifest = manifest_of(architecture="timm:test_efficientnet")
    return lambda **options: TorchRuntime(tmp_path, manifest, "cpu", **options)


def squares(count: int, preprocessing: Preprocessing) -> list[Pixels]:
    return [golden_pixels(seed, preprocessing) for seed in range(count)]


def test_what_is_normalised_on_the_device_is_bit_for_bit_what_the_cpu_path_gives(preprocessing: Preprocessing) -> None:
    other = preprocessing.model_copy(update={"mean": (123.675, 116.28, 103.53), "std": (58.395, 57.12, 57.375)})
    staging = Staging(other, images=8, device="cpu")
    # The second portion is smaller, and nothing of the first may be left in it.
    for portion in (squares(8, other), squares(11, other)[8:]):
        arrived = staging.load(portion)
        assert arrived.is_contiguous(memory_format=torch.channels_last)
        assert np.array_equal(arrived.numpy(), np.stack([normalise(pixels, other) for pixels in portion]))


def test_a_chunk_of_several_passes_gives_each_image_its_own_answer(
    tiny: Callable[..., TorchRuntime], preprocessing: Preprocessing
) -> None:
    runtime, chunk = tiny(), squares(MANY, preprocessing)
    together = runtime.run(chunk)
    assert together.logits.shape == (MANY, 3)
    assert len(together.features) == MANY
    for index in (0, 63, 64, 127, 128):
        alone = runtime.run([chunk[index]])
        assert together.logits[index] == pytest.approx(alone.logits[0], abs=1e-5)
        assert together.features[index] == pytest.approx(alone.features[0], abs=1e-5)


def test_answers_are_those_of_the_plain_network(
    tiny: Callable[..., TorchRuntime], preprocessing: Preprocessing
) -> None:
    runtime = tiny()
    with torch.inference_mode():
        logits, _ = runtime._network(torch.from_numpy(golden_batch(range(5), preprocessing)))
    assert runtime.run(squares(5, preprocessing)).logits == pytest.approx(logits.numpy(), abs=1e-5)


def record_in_place(forward: Forward, inputs: Tensor) -> Recording:
    """Stand in for CUDA graphs: a replay reads the same tensor and overwrites the same answers."""
    outputs = forward(inputs)

    def replay() -> None:
        for kept, found in zip(outputs, forward(inputs), strict=True):
            kept.copy_(found)

    return Recording(inputs, outputs, replay)


def test_a_recorded_network_answers_any_number_of_images_as_the_launched_one(
    tiny: Callable[..., TorchRuntime], preprocessing: Preprocessing
) -> None:
    launched, recorded = tiny(), tiny(record=record_in_place)
    chunk = squares(MANY, preprocessing)
    # Numbers that fit, that are padded, and several replays of one recording before its answers are read.
    for count in (1, 8, 5, 9, 64, MANY):
        wanted, found = launched.run(chunk[-count:]), recorded.run(chunk[-count:])
        assert found.logits == pytest.approx(wanted.logits, abs=1e-5)
        assert found.features == pytest.approx(wanted.features, abs=1e-5)


def test_a_network_that_cannot_be_recorded_is_told_with_what_to_choose(tiny: Callable[..., TorchRuntime]) -> None:
    def refuse(forward: Forward, inputs: Tensor) -> Recording:
        raise RuntimeError("operation not permitted when stream is capturing.")

    # An error of the version, which a worker in service refuses without letting go of the one it has.
    with pytest.raises(ModelInvalidError, match="DENTIQ_RUNTIME=torch"):
        tiny(record=refuse)


def test_a_device_without_room_refuses_the_version(
    tiny: Callable[..., TorchRuntime], monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> Tensor:
        raise torch.OutOfMemoryError("CUDA out of memory.")

    monkeypatch.setattr(torch_runtime, "Staging", full)
    with pytest.raises(ModelInvalidError, match="cannot be brought to cpu: CUDA out of memory"):
        tiny()


def test_an_image_beyond_half_precision_is_computed_in_full(
    tmp_path: Path, manifest_of: Callable[..., Manifest]
) -> None:
    torch.manual_seed(0)
    weights = build("timm:test_efficientnet", 3).state_dict()
    first = next(name for name in weights if name.endswith("conv_stem.weight"))
    weights[first] *= 1e5
    save_file(weights, tmp_path / WEIGHTS_FILE)
    manifest = manifest_of(architecture="timm:test_efficientnet")
    exact = TorchRuntime(tmp_path, manifest, "cpu")
    half = TorchRuntime(tmp_path, manifest, "cpu", half=torch.float16)
    # The first is nothing but the mean, and stays in range.
    chunk = [np.full((32, 32, 3), 127, np.uint8), *squares(3, manifest.preprocessing)]
    found, wanted = half.run(chunk), exact.run(chunk)
    assert found.logits == pytest.approx(wanted.logits, rel=1e-2)
    assert found.features == pytest.approx(wanted.features, rel=1e-2)


def test_half_precision_stays_within_what_its_self_test_allows(repository: Path) -> None:
    store = ModelStore(repository / "model_store")
    manifest = store.manifest(store.current())
    # Two, for a processor without half precision takes half a second an image.
    golden = manifest.golden[:2]
    half = TorchRuntime(store.folder(manifest.version), manifest, "cpu", half=torch.float16)
    found = half.run([golden_pixels(case.seed, manifest.preprocessing) for case in golden]).logits
    wanted = np.array([case.logits for case in golden], np.float32)
    rows, exact = (probabilities(logits, manifest.temperature) for logits in (found, wanted))
    assert half.tolerance == 0.03
    assert np.abs(rows - exact).max() < half.tolerance
    assert (rows.argmax(axis=1) == exact.argmax(axis=1)).all()


def test_many_threads_answer_as_one_does_and_a_bad_image_fails_alone(manifest_of, colour_runtime, photo) -> None:  # type: ignore[no-untyped-def]
    images = [photo((200, 7 * index, 90), (40 + index, 50)) for index in range(30)]
    images[11] = b"not an image"
    plain = Predictor(manifest_of(), colour_runtime()).predict(images)
    side_by_side = Predictor(manifest_of(), colour_runtime(), threads=DecodeThreads(3)).predict(iter(images))
    assert isinstance(side_by_side[11], ImageFormatError)
    for one, other in zip(plain, side_by_side, strict=True):
        if isinstance(one, Prediction):
            assert isinstance(other, Prediction)
            assert one.probabilities == other.probabilities
            assert other.decode_seconds > 0


def test_threads_work_at_the_same_time_and_hold_few_files() -> None:
    taken = 0
    meeting = threading.Barrier(3)

    def files() -> Iterator[bytes]:
        nonlocal taken
        for _ in range(60):
            taken += 1
            yield b"x"

    def work(data: bytes) -> int:
        # Nobody passes unless three are at work.
        meeting.wait(timeout=60)
        return len(data)

    for done, answer in enumerate(DecodeThreads(3).map(work, files())):
        assert answer == 1
        assert taken <= done + 6


def test_large_pictures_are_decoded_no_more_at_a_time_than_memory_allows() -> None:
    large = encode_image(width=100, height=100, image_format="PNG")
    meeting = threading.Barrier(2)

    def work(data: bytes) -> bool:
        try:
            meeting.wait(timeout=0.3)
        except threading.BrokenBarrierError:
            return False
        return True

    # Two of them are above what may be in hand at a time, and one alone is decoded whatever it takes.
    assert not any(DecodeThreads(3, most_pixels=19_999).map(work, [large] * 8))
    assert not any(DecodeThreads(3, most_pixels=1).map(work, [large] * 8))
    meeting = threading.Barrier(2)
    side_by_side = DecodeThreads(2, most_pixels=20_000)
    assert list(side_by_side.map(lambda _: meeting.wait(timeout=60) >= 0, [large] * 8)) == [True] * 8


def test_a_chunk_that_ends_early_leaves_no_decoding_behind() -> None:
    begun, ended, may_end = threading.Event(), threading.Event(), threading.Event()

    def work(data: bytes) -> int:
        if data == b"a":
            return 1
        begun.set()
        may_end.wait(timeout=60)
        ended.set()
        return 2

    def broken() -> Iterator[bytes]:
        yield from (b"a", b"b")
        begun.wait(timeout=60)
        threading.Timer(0.2, may_end.set).start()
        raise OSError("the disk is gone")

    with pytest.raises(OSError, match="gone"):
        list(DecodeThreads(2).map(work, broken()))
    assert ended.is_set()


def test_what_reading_a_file_raises_ends_the_chunk_and_not_the_threads() -> None:
    threads = DecodeThreads(2)

    def broken() -> Iterator[bytes]:
        yield from (b"a", b"bb", b"ccc")
        raise OSError("the disk is gone")

    with pytest.raises(OSError, match="gone"):
        list(threads.map(len, broken()))
    assert list(threads.map(len, [b"a", b"bb", b"ccc"])) == [1, 2, 3]


def test_an_image_alone_is_decoded_where_its_time_is_limited() -> None:
    threads = DecodeThreads(2)
    assert list(threads.map(lambda _: threading.current_thread() is threading.main_thread(), [b"x"])) == [True]
    assert list(threads.map(lambda _: threading.current_thread() is threading.main_thread(), [b"x"] * 2)) == [False] * 2
    assert list(threads.map(len, [])) == []


def test_a_gpu_is_given_threads_and_a_cpu_none(repository: Path, monkeypatch: pytest.MonkeyPatch, photo) -> None:  # type: ignore[no-untyped-def]
    store = ModelStore(repository / "model_store")
    runtime = OnnxRuntime(store.folder(store.current()))
    decoded_by: list[str] = []
    decode = loading.decode_pixels

    def noted(*arguments: object) -> Pixels:
        decoded_by.append(threading.current_thread().name)
        return decode(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(loading, "decode_pixels", noted)
    monkeypatch.setattr(loading, "_open_runtime", lambda *_: runtime)
    for device, name in (("cuda", "decode"), ("cpu", threading.main_thread().name)):
        monkeypatch.setattr(devices, "choose", lambda *_, place=device: ("torch", place))
        load_predictor(store).predict([photo((9, 9, 9)), photo((8, 8, 8))])
        assert all(thread.startswith(name) for thread in decoded_by), decoded_by
        assert len(decoded_by) == 2
        decoded_by.clear()
