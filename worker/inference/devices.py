"""Which device and runtime this process shall use, found out without importing torch."""

import ctypes
import importlib
import importlib.metadata
import os

from common.errors import ConfigurationError

RUNTIMES = ("auto", "onnx", "torch", "torch-graphs")
DEVICES = ("auto", "cpu", "cuda")

# Python's lock lets no more through.
_MOST_DECODE_THREADS = 8


def choose(runtime: str, device: str) -> tuple[str, str]:
    """Resolve `auto`.

    Args:
        runtime: `auto`, `onnx`, `torch`, or `torch-graphs` for torch with the forward passes recorded as CUDA graphs.
        device: `auto`, `cpu` or `cuda`.

    Returns:
        Runtime and device, neither of them `auto`: torch where CUDA really is usable, else ONNX on the CPU.

    Raises:
        ConfigurationError: The choice is unknown or cannot be had here.
    """
    if runtime not in RUNTIMES or device not in DEVICES:
        raise ConfigurationError(
            f"Runtime {runtime!r} on device {device!r} is unknown: choose from {RUNTIMES} and {DEVICES}."
        )
    if runtime == "onnx" and device == "cuda":
        raise ConfigurationError("The onnx runtime computes on the CPU here: choose the torch runtime for cuda.")
    cuda = runtime != "onnx" and device != "cpu" and cuda_is_usable()
    if device == "cuda" and not cuda:
        raise ConfigurationError("Device cuda was asked for, but no CUDA device and torch with CUDA were found.")
    if runtime == "torch-graphs" and not cuda:
        raise ConfigurationError("The torch-graphs runtime needs a CUDA device and torch with CUDA: neither may lack.")
    if runtime == "torch" and not _torch_version():
        raise ConfigurationError("The torch runtime was asked for, but torch is not installed.")
    if cuda:
        return ("torch" if runtime == "auto" else runtime), "cuda"
    return ("torch" if runtime == "torch" else "onnx"), "cpu"


def decode_threads() -> int:
    """Count the threads that decode for one GPU: the cores that this process may use, up to a bound."""
    affinity = getattr(os, "sched_getaffinity", None)
    return min(_MOST_DECODE_THREADS, len(affinity(0)) if affinity else (os.cpu_count() or 1))


def cuda_is_usable() -> bool:
    """Tell whether torch could compute on a GPU in this process.

    The driver is asked first: importing torch costs a CPU worker seconds and 200 MB that it never uses.
    """
    if not _torch_version() or _torch_version().endswith("+cpu") or not _driver_has_device():
        return False
    # Imported only on a machine with a GPU.
    torch = importlib.import_module("torch")
    return bool(torch.cuda.is_available())


def _torch_version() -> str:
    try:
        return importlib.metadata.version("torch")
    except importlib.metadata.PackageNotFoundError:
        return ""


def _driver_has_device() -> bool:
    try:
        driver = ctypes.CDLL("libcuda.so.1")
    except OSError:
        return False
    count = ctypes.c_int(0)
    return driver.cuInit(0) == 0 and driver.cuDeviceGetCount(ctypes.byref(count)) == 0 and count.value > 0
