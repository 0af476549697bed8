"""The committed model: it loads, both runtimes agree, it is refused when damaged, and a CPU worker stays lean."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from common.errors import ConfigurationError, ModelInvalidError
from common.model_store import ModelStore, sha256_of
from tests.fixtures.images import RealPhoto
from worker.inference import devices
from worker.inference.golden import golden_pixels
from worker.inference.prediction import Prediction
from worker.inference.predictor import Predictor, load_predictor
from worker.inference.preprocess import normalise


@pytest.fixture(scope="module")
def store(repository: Path) -> ModelStore:
    store = ModelStore(repository / "model_store")
    if not (store.root / "current").is_file():
        pytest.skip("the model store holds no current version")
    return store


@pytest.fixture(scope="module")
def predictor(store: ModelStore) -> Predictor:
    return load_predictor(store, runtime="onnx")


@pytest.fixture
def copied(store: ModelStore, tmp_path: Path) -> ModelStore:
    version = store.current()
    shutil.copytree(store.folder(version), tmp_path / version)
    copy = ModelStore(tmp_path)
    copy.set_current(version)
    return copy


def test_the_current_version_serves_and_names_itself(predictor: Predictor, store: ModelStore) -> None:
    assert predictor.version == store.current()
    assert len(predictor.labels) == len(predictor.manifest.labels)
    assert (predictor.runtime_name, predictor.device_name) == ("onnx", "cpu")
    assert predictor.manifest.golden


def test_it_is_at_most_40_megabytes(store: ModelStore) -> None:
    folder = store.folder(store.current())
    assert sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) <= 40_000_000


def test_a_chunk_gives_exactly_the_answers_of_its_images_one_by_one(predictor: Predictor, photo) -> None:  # type: ignore[no-untyped-def]
    images = [photo((200, 40 * index, 90), (64 + 32 * index, 96)) for index in range(5)]
    together = predictor.predict(images)
    for image, result in zip(images, together, strict=True):
        (alone,) = predictor.predict([image])
        assert isinstance(alone, Prediction)
        assert isinstance(result, Prediction)
        assert alone.probabilities == result.probabilities


def test_torch_and_onnx_agree(store: ModelStore, predictor: Predictor) -> None:
    torch = load_predictor(store, runtime="torch", device="cpu")
    squares = [golden_pixels(seed, predictor.manifest.preprocessing) for seed in range(20, 26)]
    ours = predictor.infer([normalise(pixels, predictor.manifest.preprocessing) for pixels in squares])
    theirs = torch.infer(squares)
    assert np.abs(ours - theirs).max() < 1e-3
    assert (ours.argmax(axis=1) == theirs.argmax(axis=1)).all()
    assert (torch.runtime_name, torch.device_name) == ("torch", "cpu")


def test_torch_and_onnx_agree_on_real_photographs(
    store: ModelStore, predictor: Predictor, real_photos: list[RealPhoto]
) -> None:
    torch = load_predictor(store, runtime="torch", device="cpu")
    # Every third of the test photographs: all of them take a minute.
    tested = [photo.path for photo in real_photos if photo.split == "test"][::3]
    assert len(tested) >= 100
    ours, theirs = (each.infer([each.decode(path.read_bytes()) for path in tested]) for each in (predictor, torch))
    assert np.abs(ours - theirs).max() < 0.03
    assert (ours.argmax(axis=1) == theirs.argmax(axis=1)).mean() >= 0.99


def test_a_damaged_file_is_refused_before_it_is_read(copied: ModelStore) -> None:
    path = copied.folder(copied.current()) / "model.onnx"
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    with pytest.raises(ModelInvalidError, match="sha256"):
        load_predictor(copied, runtime="onnx")


def test_a_version_whose_expected_answers_differ_is_refused(copied: ModelStore) -> None:
    path = copied.folder(copied.current()) / "manifest.json"
    values = json.loads(path.read_text())
    values["golden"][0]["probabilities"] = values["golden"][0]["probabilities"][::-1]
    path.write_text(json.dumps(values))
    with pytest.raises(ModelInvalidError, match="self-test"):
        load_predictor(copied, runtime="onnx")


def test_a_file_that_is_no_network_is_refused(copied: ModelStore) -> None:
    folder = copied.folder(copied.current())
    (folder / "model.onnx").write_bytes(b"not a network")
    values = json.loads((folder / "manifest.json").read_text())
    values["files"]["model.onnx"] = sha256_of(folder / "model.onnx")
    (folder / "manifest.json").write_text(json.dumps(values))
    with pytest.raises(ModelInvalidError, match="cannot be loaded"):
        load_predictor(copied, runtime="onnx")


@pytest.mark.parametrize(
    ("runtime", "device"),
    [("tensorrt", "auto"), ("auto", "tpu"), ("onnx", "cuda"), ("auto", "cuda"), ("torch-graphs", "auto")],
)
def test_what_cannot_be_had_is_refused_in_words(
    runtime: str, device: str, monkeypatch: pytest.MonkeyPatch, store: ModelStore
) -> None:
    monkeypatch.setattr(devices, "cuda_is_usable", lambda: False)
    with pytest.raises(ConfigurationError):
        load_predictor(store, runtime=runtime, device=device)


def test_auto_takes_torch_exactly_where_cuda_is_usable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(devices, "cuda_is_usable", lambda: True)
    assert devices.choose("auto", "auto") == ("torch", "cuda")
    assert devices.choose("auto", "cpu") == ("onnx", "cpu")
    assert devices.choose("torch-graphs", "auto") == ("torch-graphs", "cuda")
    monkeypatch.setattr(devices, "cuda_is_usable", lambda: False)
    assert devices.choose("auto", "auto") == ("onnx", "cpu")
    assert devices.choose("torch", "auto") == ("torch", "cpu")


_WORKER = """
import re, sys
from pathlib import Path
from common.model_store import ModelStore
from worker.inference.predictor import load_predictor
predictor = load_predictor(ModelStore(Path(sys.argv[1])), runtime="onnx", device="cpu")
data = sys.stdin.buffer.read()
results = predictor.predict([data] * 16)
assert len(results) == 16 and all(result.outcome for result in results), results
loaded = [name for name in ("torch", "celery", "redis", "timm", "flask") if name in sys.modules]
# Not ru_maxrss: Linux carries the parent's peak across exec into it.
peak = re.search(r"VmHWM:\\s+(\\d+) kB", Path("/proc/self/status").read_text())
print(",".join(loaded), int(peak[1]) // 1024)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="the peak is read from Linux's /proc")
def test_a_cpu_worker_never_imports_torch_and_stays_below_450_megabytes(  # type: ignore[no-untyped-def]
    store: ModelStore, repository: Path, photo
) -> None:
    answer = subprocess.run(
        [sys.executable, "-c", _WORKER, str(store.root)],
        input=photo((200, 150, 150), (3000, 2000)),
        capture_output=True,
        cwd=repository,
        env={**os.environ, "PYTHONPATH": str(repository)},
        check=False,
    )
    assert answer.returncode == 0, answer.stderr.decode()
    loaded, _, megabytes = answer.stdout.decode().strip().rpartition(" ")
    assert loaded == ""
    assert int(megabytes) <= 450
