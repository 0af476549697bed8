"""The memory allocator's settings for training on a CPU."""

import os
import sys

# glibc otherwise maps and unmaps every large tensor; the page faults double the time of a step (measured: 13 against 27
# images/s of EfficientNet-Lite0 on two cores).
_GLIBC_SETTINGS = {
    "MALLOC_MMAP_THRESHOLD_": "1073741824",
    "MALLOC_TRIM_THRESHOLD_": "8589934592",
    "MALLOC_TOP_PAD_": "268435456",
}


def restart_with_large_heap() -> None:
    """Start this process again with settings that glibc reads only at its start, unless they are set already."""
    if sys.platform == "linux" and not _GLIBC_SETTINGS.keys() <= os.environ.keys():
        environment = {**os.environ, **_GLIBC_SETTINGS}
        os.execve(sys.executable, [sys.executable, "-m", "training", *sys.argv[1:]], environment)  # noqa: S606
