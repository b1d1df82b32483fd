"""What a trial costs: time, processor time, memory, energy."""

import os
import time
from collections.abc import Mapping

from dlstudy.training.gpu_use import gpu_meter
from dlstudy.training.memory import watch_memory

__all__ = ["CostMeter"]


class CostMeter:
    """Measures a trial from when it is made. Imports TensorFlow."""

    def __init__(self) -> None:
        """Starts."""
        self._began_s, self._began_cpu_s = time.perf_counter(), _cpu_seconds()
        self._most_held, self._gpu = watch_memory(), gpu_meter()

    @property
    def spent(self) -> dict[str, float]:
        """What has been spent: `seconds`, `cpu_seconds` of all threads, and on a GPU that tells it `gpu_energy_j`."""
        spent = {"seconds": time.perf_counter() - self._began_s, "cpu_seconds": _cpu_seconds() - self._began_cpu_s}
        if self._gpu is not None and (energy_j := self._gpu.energy_j) is not None:
            spent["gpu_energy_j"] = energy_j
        return spent

    def stop(self, before: Mapping[str, float]) -> dict[str, float]:
        """Ends the measurement.

        Args:
            before: what had been spent before the training was interrupted.

        Returns:
            What was spent in all, the peaks of `watch_memory`, and what `GpuMeter.stop` tells.
        """
        spent = {name: round(value + before.get(name, 0.0), 3) for name, value in self.spent.items()}
        return spent | self._most_held() | (self._gpu.stop() if self._gpu is not None else {})


def _cpu_seconds() -> float:
    """Processor time of this process, and of those that it has started and that have ended."""
    used = os.times()
    return used.user + used.system + used.children_user + used.children_system
