"""The GPUs of this machine, by NVIDIA's management library (NVML). Imports no framework."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

__all__ = ["GPU_IS_SHARED", "Gpu", "gpu_handle", "gpus", "nvml"]

GPU_IS_SHARED = "DLSTUDY_GPU_IS_SHARED"
"""Set in the environment of a process whose GPU trains for others too."""


@dataclass(frozen=True)
class Gpu:
    """A GPU, or a MIG instance of one, as the driver lists it.

    Args:
        index: of the GPU, in the order of the PCI bus.
        uuid: of the GPU or instance.
        name: of the GPU.
        memory_gb: GiB; 0 where the driver does not tell.
        mig: the number of the MIG instance; None for a whole GPU.
    """

    index: int
    uuid: str
    name: str
    memory_gb: float
    mig: int | None = None

    @property
    def label(self) -> str:
        """`0`, or `0:1` for MIG instance 1 of it, as Docker writes it."""
        return str(self.index) if self.mig is None else f"{self.index}:{self.mig}"


@contextmanager
def nvml() -> Iterator[Any | None]:  # Any: a module without types
    """NVML while it is open; None where there is no driver."""
    import pynvml

    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError:
        yield None
        return
    try:
        yield pynvml
    finally:
        pynvml.nvmlShutdown()


def gpus() -> tuple[Gpu, ...]:
    """The GPUs and MIG instances that the driver lists and `CUDA_VISIBLE_DEVICES` allows, in that order."""
    with nvml() as library:
        found = tuple(_listed(library)) if library else ()
    return _visible(found, os.environ.get("CUDA_VISIBLE_DEVICES"))


def gpu_handle(library: Any, gpu: Gpu) -> Any:
    """What NVML's functions take for a GPU.

    Raises:
        NVMLError: the driver knows it no longer.
    """
    handle = library.nvmlDeviceGetHandleByIndex(gpu.index)
    return handle if gpu.mig is None else library.nvmlDeviceGetMigDeviceHandleByIndex(handle, gpu.mig)


def _listed(library: Any) -> Iterator[Gpu]:
    for index in range(library.nvmlDeviceGetCount()):
        with suppress(library.NVMLError):  # one that has fallen off the bus offers no slot
            handle = library.nvmlDeviceGetHandleByIndex(index)
            name = library.nvmlDeviceGetName(handle)
            for number, part in tuple(_instances(library, handle)) or ((None, handle),):
                yield Gpu(index, library.nvmlDeviceGetUUID(part), name, _memory_gb(library, part), number)


def _instances(library: Any, handle: Any) -> Iterator[tuple[int, Any]]:
    """The MIG instances of a GPU; their numbers have gaps."""
    try:
        is_divided = library.nvmlDeviceGetMigMode(handle)[0] == library.NVML_DEVICE_MIG_ENABLE
    except library.NVMLError:
        return  # a GPU that cannot be divided
    for number in range(library.nvmlDeviceGetMaxMigDeviceCount(handle) if is_divided else 0):
        try:
            yield number, library.nvmlDeviceGetMigDeviceHandleByIndex(handle, number)
        except library.NVMLError_NotFound:
            continue


def _memory_gb(library: Any, handle: Any) -> float:
    try:
        return float(library.nvmlDeviceGetMemoryInfo(handle).total / 2**30)
    except library.NVMLError:
        return 0.0  # one that shares the memory of the machine


def _visible(found: tuple[Gpu, ...], allowed: str | None) -> tuple[Gpu, ...]:
    """CUDA's own rule: indices or beginnings of UUIDs, cut off at the first that names no GPU, or one named before.

    The index of a GPU that is divided stands for its first MIG instance.
    """
    if allowed is None:
        return found
    chosen: list[Gpu] = []
    for word in (part.strip() for part in allowed.split(",")):
        match = [gpu for gpu in found if word and (str(gpu.index) == word or gpu.uuid.startswith(word))]
        if not match or match[0] in chosen:
            break
        chosen.append(match[0])
    return tuple(chosen)
