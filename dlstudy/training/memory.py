"""Memory use of a process, and its peak during a training."""

import re
import sys
from collections.abc import Callable
from pathlib import Path

__all__ = ["memory_mb", "watch_memory"]

_GPU = "GPU:0"
"""A worker sees only one GPU."""


def memory_mb() -> float:
    """Resident memory of this process in MB; its peak where the system reports nothing else."""
    import resource

    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
        return round(pages * resource.getpagesize() / 2**20, 1)
    except OSError:
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return round(peak / (2**20 if sys.platform == "darwin" else 2**10), 1)


def watch_memory() -> Callable[[], dict[str, float]]:
    """Starts to measure the memory of this process. Imports TensorFlow.

    Returns:
        A function that returns the peaks since then, in MB: `memory_mb`, resident memory including the data set (where
        the system cannot reset its peak, what is resident now); with a GPU also `gpu_memory_mb`, what TensorFlow's
        tensors took of it, which is less than TensorFlow has reserved.
    """
    import tensorflow as tf

    on_gpu = bool(tf.config.list_physical_devices("GPU"))
    if on_gpu:
        tf.config.experimental.reset_memory_stats(_GPU)
    has_peak = _reset_peak()

    def most_held() -> dict[str, float]:
        found = {"memory_mb": _peak_mb() if has_peak else memory_mb()}
        if on_gpu:
            found["gpu_memory_mb"] = round(tf.config.experimental.get_memory_info(_GPU)["peak"] / 2**20, 1)
        return found

    return most_held


def _reset_peak() -> bool:
    """Makes Linux count the peak of this process from now on; returns whether it does."""
    try:
        Path("/proc/self/clear_refs").write_text("5")  # proc_pid_clear_refs(5): resets VmHWM only
        return "VmHWM" in Path("/proc/self/status").read_text()
    except OSError:
        return False


def _peak_mb() -> float:
    found = re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())
    assert found is not None
    return round(int(found[1]) / 2**10, 1)
