"""The predictor: bytes of images in, predictions out, one bad image failing alone."""

import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np

from common.errors import DentiqError, InferenceError, ModelInvalidError
from common.images import ImageLimits
from common.jobs.record import Outcome
from common.manifest import Manifest
from common.model_store import ModelStore
from worker.inference import calibration, devices
from worker.inference.decode import DECODE_LIMITS, decode_pixels
from worker.inference.decode_threads import DecodeThreads
from worker.inference.explain import overlay
from worker.inference.foreign import ForeignScore
from worker.inference.golden import golden_pixels
from worker.inference.onnx_runtime import OnnxRuntime
from worker.inference.prediction import Prediction
from worker.inference.preprocess import normalise
from worker.inference.runtime import Floats, Input, NetworkOutput, Pixels, Runtime


class Predictor:
    """Answer images with one model version.

    Args:
        manifest: The version's manifest.
        runtime: Runs its network.
        foreign: Score of the version's out-of-distribution rule, if it has one.
        limits: Bounds on what is decoded.
        threads: Decode a chunk's images side by side; None: one after the other.

    Attributes:
        manifest: The version's manifest.
        version: Its name.
        labels: Class slugs; the position is the label index.
        runtime_name: `onnx` or `torch`.
        device_name: `cpu` or `cuda`.
    """

    def __init__(
        self,
        manifest: Manifest,
        runtime: Runtime,
        *,
        foreign: ForeignScore | None = None,
        limits: ImageLimits = DECODE_LIMITS,
        threads: DecodeThreads | None = None,
    ) -> None:
        self.manifest = manifest
        self.version = manifest.version
        self.labels: tuple[str, ...] = manifest.labels
        self.runtime_name = runtime.name
        self.device_name = runtime.device
        self._runtime = runtime
        self._foreign = foreign
        self._limits = limits
        self._threads = threads

    def predict(self, images: Iterable[bytes]) -> list[Prediction | DentiqError]:
        """Answer images together.

        Args:
            images: Whole files; each is dropped once it is decoded, so a stream of them is never in memory as a whole.

        Returns:
            One entry an image, in order: its prediction, or the error that it alone has.
        """
        results: list[Prediction | DentiqError | None] = []
        inputs: list[Input] = []
        places: list[tuple[int, float]] = []
        for index, (found, decode_seconds) in enumerate(self._decode_each(images)):
            results.append(found if isinstance(found, DentiqError) else None)
            if not isinstance(found, DentiqError):
                inputs.append(found)
                places.append((index, decode_seconds))
        start = time.monotonic()
        verdicts = self.judge_each(inputs)
        share = (time.monotonic() - start) / max(1, len(inputs))
        for (index, decode_seconds), verdict in zip(places, verdicts, strict=True):
            if isinstance(verdict, DentiqError):
                results[index] = verdict
            else:
                results[index] = Prediction(*verdict, decode_seconds=decode_seconds, inference_seconds=share)
        return [result for result in results if result is not None]

    def decode(self, data: bytes) -> Input:
        """Decode a file into one input of this predictor's runtime.

        Raises:
            ImageRejectedError: The bytes are no image that can be read.
        """
        return self._input(decode_pixels(data, self.manifest.preprocessing, self._limits))

    def infer(self, batch: Sequence[Input]) -> Floats:
        """Compute calibrated probabilities float32 [N, L] of inputs made by `decode`.

        Raises:
            InferenceError: The forward pass failed.
        """
        return calibration.probabilities(self._forward(batch).logits, self.manifest.temperature)

    def judge(self, batch: Sequence[Input]) -> list[tuple[tuple[float, ...], Outcome]]:
        """Compute calibrated probabilities and outcome of inputs made by `decode`.

        Raises:
            InferenceError: The forward pass failed.
        """
        output = self._forward(batch)
        rows = calibration.probabilities(output.logits, self.manifest.temperature)
        foreignness = self._foreign.of(output) if self._foreign else [None] * len(rows)
        return [
            (tuple(float(value) for value in row), calibration.outcome(row, self.manifest, foreignness=score))
            for row, score in zip(rows, foreignness, strict=True)
        ]

    def explain(self, data: bytes, *, label: str | None = None, max_edge: int = 640) -> bytes | None:
        """Draw where the evidence for a label lies.

        Args:
            data: The whole image file.
            label: None for the likeliest one.
            max_edge: Longest edge of the result in pixels.

        Returns:
            A JPEG; None where the network cannot be explained this way.

        Raises:
            ImageRejectedError: The bytes are no image that can be read.
            InferenceError: The forward pass failed.
        """
        single = self.decode(data)
        evidence = self._runtime.evidence(single)
        if evidence is None:
            return None
        index = int(self.infer([single])[0].argmax()) if label is None else self.labels.index(label)
        return overlay(data, evidence[index], self.manifest.preprocessing, max_edge=max_edge, limits=self._limits)

    def judge_each(self, batch: Sequence[Input]) -> list[tuple[tuple[float, ...], Outcome] | InferenceError]:
        """Judge inputs together; if that fails, one by one, so that only the culprits fail."""
        if not batch:
            return []
        try:
            return list(self.judge(batch))
        except InferenceError:
            return [self._judge_alone(single) for single in batch]

    def check(self) -> None:
        """Compare the golden cases of the manifest with what this runtime answers.

        Raises:
            ModelInvalidError: An answer differs by more than the runtime's rounding explains.
        """
        golden = self.manifest.golden
        if not golden:
            return
        pixels = [golden_pixels(case.seed, self.manifest.preprocessing) for case in golden]
        try:
            found = self.infer([self._input(square) for square in pixels])
        except InferenceError as error:
            raise ModelInvalidError(f"The self-test of model version {self.version!r} failed: {error}") from error
        expected = np.array([case.probabilities for case in golden], dtype=np.float32)
        difference = float(np.abs(found - expected).max())
        # `not <=` also refuses what is not a number.
        if not difference <= self._runtime.tolerance:
            raise ModelInvalidError(
                f"The self-test of model version {self.version!r} failed: a probability is off by {difference:.4f} "
                f"({self.runtime_name} on {self.device_name} may differ by {self._runtime.tolerance})."
            )

    def _input(self, pixels: Pixels) -> Input:
        return pixels if self._runtime.normalises else normalise(pixels, self.manifest.preprocessing)

    def _decode_each(self, images: Iterable[bytes]) -> Iterator[tuple[Input | DentiqError, float]]:
        return self._threads.map(self._timed_decode, images) if self._threads else map(self._timed_decode, images)

    def _timed_decode(self, data: bytes) -> tuple[Input | DentiqError, float]:
        started = time.monotonic()
        try:
            found: Input | DentiqError = self.decode(data)
        except DentiqError as error:
            found = error
        return found, time.monotonic() - started

    def _judge_alone(self, single: Input) -> tuple[tuple[float, ...], Outcome] | InferenceError:
        try:
            return self.judge([single])[0]
        except InferenceError as error:
            return error

    def _forward(self, batch: Sequence[Input]) -> NetworkOutput:
        output = self._runtime.run(batch)
        expected = (len(batch), len(self.labels))
        if output.logits.shape != expected:
            raise InferenceError(f"The network answered with shape {output.logits.shape} instead of {expected}.")
        if not np.isfinite(output.logits).all():
            raise InferenceError("The network's answer to this image is not a number.")
        return output


def load_predictor(
    store: ModelStore,
    *,
    runtime: str = "auto",
    device: str = "auto",
    version: str | None = None,
    limits: ImageLimits = DECODE_LIMITS,
) -> Predictor:
    """Load a model version, checked: checksums before anything is read, then its self-test.

    Args:
        store: The model store.
        runtime: `auto`, `onnx`, `torch` or `torch-graphs`; `auto` takes torch where CUDA is usable, else onnx.
        device: `auto`, `cpu` or `cuda`.
        version: None for the current one.
        limits: Bounds on what is decoded.

    Raises:
        ConfigurationError: The runtime or device cannot be had here.
        ModelNotFoundError: There is no such version.
        ModelInvalidError: A checksum, the manifest, the network or the self-test is wrong.
    """
    chosen, place = devices.choose(runtime, device)
    name = version or store.current()
    manifest = store.verify(name)
    rule = manifest.ood_rule
    predictor = Predictor(
        manifest,
        _open_runtime(chosen, place, store.folder(name), manifest),
        foreign=ForeignScore.load(store.folder(name), rule, version=name) if rule else None,
        limits=limits,
        threads=DecodeThreads(devices.decode_threads()) if place == "cuda" else None,
    )
    predictor.check()
    return predictor


def _open_runtime(name: str, device: str, folder: Path, manifest: Manifest) -> Runtime:
    if name == "onnx":
        return OnnxRuntime(folder)
    # A CPU worker never pays for torch.
    from worker.inference.recorded import record_cuda_graph  # noqa: PLC0415
    from worker.inference.torch_runtime import TorchRuntime  # noqa: PLC0415

    return TorchRuntime(folder, manifest, device, record=record_cuda_graph if name == "torch-graphs" else None)
