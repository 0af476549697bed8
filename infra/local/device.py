"""Whether the worker of this stack will compute on a GPU, which one process owns."""

import subprocess
import sys

from common.settings import Settings

# As for the worker's own question at its start: importing torch and asking CUDA takes seconds on a cold disk.
_PROBE_SECONDS = 120
_PROBE = "import sys; from worker.inference.devices import choose; print(choose(*sys.argv[1:])[1])"


def worker_takes_gpu(settings: Settings) -> bool:
    """Ask, where the settings leave it open, a process of its own: the launcher imports neither worker nor torch.

    A device that cannot be had is no matter of this one: the worker refuses its start with a sentence.
    """
    if settings.device != "auto" or settings.runtime == "onnx":
        return settings.device == "cuda"
    probe = [sys.executable, "-c", _PROBE, settings.runtime, settings.device]
    try:
        answer = subprocess.run(probe, capture_output=True, text=True, timeout=_PROBE_SECONDS, check=False)  # noqa: S603
    except subprocess.TimeoutExpired:
        return False
    return answer.stdout.strip() == "cuda"
