"""How a trial uses its GPU: utilization, power and energy, by NVIDIA's management library."""

import os
import statistics
import threading
import time
from contextlib import suppress
from functools import cache
from typing import Any

from dlstudy.common.gpus import GPU_IS_SHARED, gpu_handle, gpus

__all__ = ["GpuMeter", "gpu_meter"]

_SAMPLE_S = 0.5


def gpu_meter() -> "GpuMeter | None":
    """Starts to measure the GPU of this process.

    Returns:
        None where the process has not one NVIDIA GPU, and that to itself: what each of several trials on one GPU draws,
        and each MIG instance, cannot be told apart.
    """
    own = None if GPU_IS_SHARED in os.environ else _own_gpu()
    return GpuMeter(*own) if own else None


@cache  # opening the library takes as long as a short trial; it stays open as long as the process
def _own_gpu() -> tuple[Any, Any] | None:  # Any: a module without types, and its handle
    """NVML, and the handle of the GPU that this process may use; None of several."""
    import pynvml

    found = gpus()
    if len(found) != 1 or found[0].mig is not None:
        return None
    try:
        pynvml.nvmlInit()
        return pynvml, gpu_handle(pynvml, found[0])
    except pynvml.NVMLError:
        return None


class GpuMeter:
    """Asks the driver twice a second, in a thread of its own, until it is stopped."""

    def __init__(self, library: Any, handle: Any) -> None:  # Any: see `_own_gpu`
        """Starts."""
        self._library, self._handle = library, handle
        self._percent: list[float] = []
        self._power_w: list[float] = []
        self._began_s, self._began_j = time.monotonic(), self._counter_j()
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._sample, name="dlstudy-gpu", daemon=True)
        self._thread.start()

    @property
    def energy_j(self) -> float | None:
        """What the GPU has drawn so far, J: by its counter, before Volta by its mean power; None if untold."""
        now_j = self._counter_j()
        if self._began_j is not None and now_j is not None:
            return now_j - self._began_j
        return statistics.fmean(self._power_w) * (time.monotonic() - self._began_s) if self._power_w else None

    def stop(self) -> dict[str, float]:
        """Ends the measurement.

        Returns:
            What the driver tells of: `gpu_utilization_percent` (of the time, in which some kernel ran) and
            `gpu_power_w` (mean).
        """
        self._is_over.set()
        self._thread.join()
        found = {"gpu_utilization_percent": statistics.fmean(self._percent)} if self._percent else {}
        if (energy_j := self.energy_j) is not None:
            found["gpu_power_w"] = energy_j / (time.monotonic() - self._began_s)
        return {name: round(value, 1) for name, value in found.items()}

    def _sample(self) -> None:
        is_over = False
        while not is_over:
            is_over = self._is_over.wait(_SAMPLE_S)
            with suppress(self._library.NVMLError):
                self._percent.append(self._library.nvmlDeviceGetUtilizationRates(self._handle).gpu)
            with suppress(self._library.NVMLError):
                self._power_w.append(self._library.nvmlDeviceGetPowerUsage(self._handle) / 1e3)

    def _counter_j(self) -> float | None:
        try:
            return float(self._library.nvmlDeviceGetTotalEnergyConsumption(self._handle) / 1e3)
        except self._library.NVMLError:
            return None
