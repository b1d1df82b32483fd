"""The slots of this machine: GPUs or shares of them, else CPU cores. TensorFlow is never imported in this process."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from dlstudy.common.gpus import GPU_IS_SHARED, Gpu, gpus
from dlstudy.common.processes import ask
from dlstudy.errors import UsageError

__all__ = [
    "CPU_PARTS",
    "GPU_ENVIRONMENT",
    "SHARED_GPU_ENVIRONMENT",
    "Slot",
    "check_slots",
    "choose_slots",
    "cores",
    "cpu_environment",
    "memory_gb",
    "plan_slots",
    "what_tensorflow_sees",
]

_MOST_SLOTS = 1_000


@dataclass(frozen=True)
class Slot:
    """The place where one trial trains.

    Args:
        name: `gpu:0`, `gpu:0/1` (the second share of GPU 0), `gpu:0:1` (its MIG instance 1), `gpu:0+1` (both) or
            `cpu:0`.
        environment: what is set in a worker before TensorFlow is imported.
        memory_gb: what the slot may fill, GiB.
    """

    name: str
    environment: Mapping[str, str] = field(default_factory=dict)
    memory_gb: float = 4.0

    @property
    def on_gpu(self) -> bool:
        """Whether the slot is a GPU or a share of one."""
        return self.name.startswith("gpu")


def choose_slots(workers: int | None = None, per_gpu: int = 1, gpus_each: int = 1) -> tuple[tuple[Slot, ...], str]:
    """The slots to train in, and a remark if they are not what one would expect (else empty).

    Args:
        workers: the most slots; with CPU cores, exactly this many. None for all.
        per_gpu: trials that share a GPU.
        gpus_each: GPUs that a trial may use at once.

    Raises:
        UsageError: `workers` or `per_gpu` is below 1, or more workers are asked for than the GPUs have slots.
    """
    found, remark = gpus(), ""
    if found and not ask(what_tensorflow_sees)["gpus"]:
        remark = (
            f"{len(found)} GPU found by the driver, but TensorFlow sees none: "
            "install the extra dlstudy[gpu]; training on CPU cores"
        )
        found = ()
    return plan_slots(found, cores(), memory_gb(), workers, per_gpu, gpus_each), remark


def check_slots(workers: int | None, per_gpu: int) -> None:
    """Rejects impossible numbers of slots.

    Raises:
        UsageError: one is below 1, or above a thousand.
    """
    for name, value in (("--workers", workers), ("--per-gpu", per_gpu)):
        if value is not None and not 1 <= value <= _MOST_SLOTS:
            rule = "at least 1" if value < 1 else f"at most {_MOST_SLOTS:,}"
            raise UsageError(f"{name} must be {rule}, got {value}")


def plan_slots(
    found: tuple[Gpu, ...],
    n_cores: int,
    total_gb: float,
    workers: int | None = None,
    per_gpu: int = 1,
    gpus_each: int = 1,
) -> tuple[Slot, ...]:
    """The slots that these GPUs, or else these cores, give; see `choose_slots`."""
    check_slots(workers, per_gpu)
    if gpus_each > 1 and per_gpu > 1:
        raise UsageError(f"an arm trains on {gpus_each} whole GPUs at once, got --per-gpu {per_gpu}: leave it out")
    if not found:
        n = workers or n_cores
        return tuple(Slot(f"cpu:{i}", cpu_environment(gpus_each), total_gb / n) for i in range(n))
    if gpus_each > 1:
        return _slots_of_several(found, gpus_each, workers)
    slots = tuple(_gpu_slot(gpu, share, per_gpu) for share in range(per_gpu) for gpu in found)
    if workers and workers > len(slots):
        raise UsageError(
            f"{len(found)} GPU with {per_gpu} trial each give {len(slots)} slots, got --workers {workers}: "
            "raise --per-gpu, or set CUDA_VISIBLE_DEVICES=-1 to train on CPU cores"
        )
    return slots[:workers]


def cores() -> int:
    """CPU cores that this process may use, a container's limit included."""
    n = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    quota, _, period = _read("/sys/fs/cgroup/cpu.max").partition(" ")
    return max(1, min(n, int(int(quota) / int(period)))) if quota.isdigit() and period.strip().isdigit() else n


def memory_gb() -> float:
    """Memory that this process may use, GiB, a container's limit included."""
    total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    limit = _read("/sys/fs/cgroup/memory.max").strip()
    return float(min(total, int(limit)) if limit.isdigit() else total) / 2**30


def what_tensorflow_sees() -> dict[str, Any]:  # Any: JSON
    """Versions, and the devices that TensorFlow lists. Imports TensorFlow: use `ask`."""
    import keras
    import tensorflow as tf

    return {
        "tensorflow": tf.__version__,
        "keras": keras.__version__,
        "built_with_cuda": tf.test.is_built_with_cuda(),
        "gpus": [device.name for device in tf.config.list_physical_devices("GPU")],
        "cpus": [device.name for device in tf.config.list_physical_devices("CPU")],
    }


# One thread per worker and one worker per core beat many threads on the small matrices of small models.
_CPU_ENVIRONMENT = {"CUDA_VISIBLE_DEVICES": "-1", "OMP_NUM_THREADS": "1", "DLSTUDY_THREADS": "1"}
CPU_PARTS = "DLSTUDY_CPU_PARTS"  # of a slot: logical devices of a CPU, where a trial would use several GPUs
GPU_ENVIRONMENT = {"CUDA_DEVICE_ORDER": "PCI_BUS_ID", "TF_FORCE_GPU_ALLOW_GROWTH": "true"}
SHARED_GPU_ENVIRONMENT = {**GPU_ENVIRONMENT, GPU_IS_SHARED: "1"}


def cpu_environment(gpus_each: int) -> dict[str, str]:
    """The environment of a slot of a CPU, in as many parts as a trial would use GPUs."""
    return {**_CPU_ENVIRONMENT, **({CPU_PARTS: str(gpus_each)} if gpus_each > 1 else {})}


def _slots_of_several(found: tuple[Gpu, ...], gpus_each: int, workers: int | None) -> tuple[Slot, ...]:
    slots = tuple(_several(found[i : i + gpus_each]) for i in range(0, len(found) - gpus_each + 1, gpus_each))
    if len(slots) < (workers or 1):
        enough = (
            f", enough for {len(slots)} at a time, got --workers {workers}: lower it" if slots else ": change Arm.gpus"
        )
        raise UsageError(
            f"an arm trains on {gpus_each} GPUs at once, and this machine has {len(found)}{enough}, or set "
            "CUDA_VISIBLE_DEVICES=-1 to train on CPU cores"
        )
    return slots[:workers]


def _several(together: tuple[Gpu, ...]) -> Slot:
    environment = {**GPU_ENVIRONMENT, "CUDA_VISIBLE_DEVICES": ",".join(gpu.uuid or str(gpu.index) for gpu in together)}
    return Slot(f"gpu:{'+'.join(gpu.label for gpu in together)}", environment, min(gpu.memory_gb for gpu in together))


def _gpu_slot(gpu: Gpu, share: int, per_gpu: int) -> Slot:
    common = GPU_ENVIRONMENT if per_gpu == 1 else SHARED_GPU_ENVIRONMENT
    environment = {**common, "CUDA_VISIBLE_DEVICES": gpu.uuid or str(gpu.index)}
    name = f"gpu:{gpu.label}" if per_gpu == 1 else f"gpu:{gpu.label}/{share}"
    return Slot(name, environment, gpu.memory_gb / per_gpu)


def _read(path: str) -> str:
    try:
        return Path(path).read_text()
    except OSError:
        return ""
