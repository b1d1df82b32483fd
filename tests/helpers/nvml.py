"""A driver of NVIDIA that is played: NVML's functions by their names, over GPUs that are dictionaries."""

import time
from types import SimpleNamespace

import pynvml

MEMORY_MIB = 81920


def gpu(uuid, *, name="NVIDIA A100", memory_mib=MEMORY_MIB, mig=None, **more):
    """A GPU; `mig`: number and UUID of its instances; `lost`, `watts`, `percent` and `counter` (of energy) as told."""
    return {"uuid": uuid, "name": name, "memory_mib": memory_mib, "mig": mig, "percent": 50, "watts": 200.0, **more}


class Driver:
    """The functions that dlstudy calls; others are missing."""

    def __init__(self, *gpus):
        self.gpus = gpus
        self.n_open = 0

    def install(self, monkeypatch):
        """Puts itself in the library's place."""
        for name in dir(self):
            if name.startswith("nvml"):
                monkeypatch.setattr(pynvml, name, getattr(self, name))

    def nvmlInit(self):  # noqa: N802
        self.n_open += 1

    def nvmlShutdown(self):  # noqa: N802
        self.n_open -= 1

    def nvmlDeviceGetCount(self):  # noqa: N802
        return len(self.gpus)

    def nvmlDeviceGetHandleByIndex(self, index):  # noqa: N802
        self._need(self.n_open > 0, pynvml.NVML_ERROR_UNINITIALIZED)
        self._need(not self.gpus[index].get("lost"), pynvml.NVML_ERROR_GPU_IS_LOST)
        return self.gpus[index]

    def nvmlDeviceGetName(self, handle):  # noqa: N802
        return handle["name"]

    def nvmlDeviceGetUUID(self, handle):  # noqa: N802
        return handle["uuid"]

    def nvmlDeviceGetMemoryInfo(self, handle):  # noqa: N802
        self._need(handle["memory_mib"] is not None, pynvml.NVML_ERROR_NOT_SUPPORTED)
        return SimpleNamespace(total=handle["memory_mib"] * 2**20)

    def nvmlDeviceGetMigMode(self, handle):  # noqa: N802
        self._need(handle["mig"] is not None, pynvml.NVML_ERROR_NOT_SUPPORTED)
        return [pynvml.NVML_DEVICE_MIG_ENABLE if handle["mig"] else pynvml.NVML_DEVICE_MIG_DISABLE] * 2

    def nvmlDeviceGetMaxMigDeviceCount(self, handle):  # noqa: N802
        return 7

    def nvmlDeviceGetMigDeviceHandleByIndex(self, handle, number):  # noqa: N802
        self._need(number in handle["mig"], pynvml.NVML_ERROR_NOT_FOUND)
        return gpu(handle["mig"][number], memory_mib=handle["memory_mib"] / 8)

    def nvmlDeviceGetUtilizationRates(self, handle):  # noqa: N802
        return SimpleNamespace(gpu=handle["percent"], memory=0)

    def nvmlDeviceGetPowerUsage(self, handle):  # noqa: N802
        return int(handle["watts"] * 1e3)

    def nvmlDeviceGetTotalEnergyConsumption(self, handle):  # noqa: N802
        self._need(handle.get("counter", True), pynvml.NVML_ERROR_NOT_SUPPORTED)
        return int(handle["watts"] * time.monotonic() * 1e3)

    @staticmethod
    def _need(is_so, error):
        if not is_so:
            raise pynvml.NVMLError(error)
