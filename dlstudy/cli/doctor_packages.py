"""Checks of `dlstudy doctor`: Python, the packages, TensorFlow, and the machine that it trains on."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

from dlstudy.cli.doctor_findings import Check, Finding
from dlstudy.common.processes import QUIET
from dlstudy.common.text import one_line
from dlstudy.common.version import __version__

__all__ = ["CHECKS", "check_gpus", "check_machine", "check_packages", "check_python", "check_tensorflow", "try_step"]

_PACKAGE = "dlstudy"
_RIVALS = {
    "tensorflow": ("tensorflow-cpu", "tensorflow-gpu", "tf-nightly", "intel-tensorflow"),
    "keras": ("keras-nightly",),
}
"""Packages that bring the same modules: which of them is imported depends on the order in which they were installed."""
_STEP_S = 180.0
_LITTLE_GB = 2.0


def check_python(have: tuple[int, int, int] = sys.version_info[:3], needs: str | None = None) -> Iterator[Finding]:
    """Whether this version of Python is supported."""
    from packaging.specifiers import SpecifierSet

    wanted = needs if needs is not None else _needs_python()
    version = ".".join(map(str, have))
    if SpecifierSet(wanted).contains(version):
        yield Finding("Python", f"{version}, dlstudy {__version__}")
    else:
        yield Finding.problem(
            "Python", f"dlstudy needs Python {wanted}, got {version}", "install dlstudy into an environment of such one"
        )


def _needs_python() -> str:
    try:
        return metadata.metadata(_PACKAGE)["Requires-Python"] or ""
    except metadata.PackageNotFoundError:
        return ""


def check_packages(version_of: Callable[[str], str] = metadata.version, package: str = _PACKAGE) -> Iterator[Finding]:
    """Whether what dlstudy requires is installed, in the right versions, and what that requires in turn."""
    from packaging.requirements import Requirement

    try:
        wanted = [Requirement(text) for text in metadata.requires(package) or ()]
    except metadata.PackageNotFoundError:
        yield Finding.warning("packages", "dlstudy itself is not installed", "pip install . in its folder")
        return
    extras = set(metadata.metadata(package).get_all("Provides-Extra") or ())
    direct = [each for each in wanted if each.marker is None or each.marker.evaluate({"extra": ""})]
    faults = [fault for each in direct if (fault := _fault(each, version_of))]
    for name, others in _RIVALS.items():
        both = [other for other in others if _installed(other, version_of)]
        if both and _installed(name, version_of):
            remedy = f"pip uninstall {both[0]} {name}, then pip install {name}"
            yield Finding.warning("packages", f"{name} and {both[0]} are both installed", remedy)
    yield from (Finding.problem("packages", text, f"pip install '{needed}'") for text, needed in faults)
    yield from (Finding.warning("packages", *fault) for fault in _conflicts(direct, version_of))
    if not faults:
        yield Finding("packages", f"{len(direct)} that dlstudy requires are installed")
    here = [name for name in sorted(extras - {"test", "dev", "bench"}) if _has_extra(name, wanted, version_of)]
    yield Finding("extras", f"installed: {', '.join(here) or 'none'}")


def _installed(name: str, version_of: Callable[[str], str]) -> str:
    try:
        return version_of(name)
    except metadata.PackageNotFoundError:
        return ""


def _fault(wanted: Any, version_of: Callable[[str], str]) -> tuple[str, str] | None:  # Any: packaging's Requirement
    """What is wrong with a required package, and what to install."""
    have = _installed(wanted.name, version_of)
    needed = f"{wanted.name}{wanted.specifier}"
    if not have:
        return f"{needed} is required, and {wanted.name} is not installed", needed
    if not wanted.specifier.contains(have, prereleases=True):
        return f"{needed} is required, got {wanted.name} {have}", needed
    return None


def _conflicts(direct: Sequence[Any], version_of: Callable[[str], str]) -> Iterator[tuple[str, str]]:
    """What the installed packages require of each other, and do not find: as `pip check` has it."""
    from packaging.requirements import Requirement

    waiting, known = [each.name for each in direct], set[str]()
    while waiting:
        name = waiting.pop().lower().replace("_", "-")
        if name in known or not _installed(name, version_of):
            continue
        known.add(name)
        for wanted in map(Requirement, metadata.requires(name) or ()):
            if wanted.marker is not None and not wanted.marker.evaluate({"extra": ""}):
                continue
            waiting.append(wanted.name)
            if fault := _fault(wanted, version_of):
                yield f"{name}: {fault[0]}", f"pip install '{fault[1]}', or pip install -U {name}"


def _has_extra(name: str, wanted: Sequence[Any], version_of: Callable[[str], str]) -> bool:
    own = [each for each in wanted if each.marker is not None and not each.marker.evaluate({"extra": ""})]
    own = [each for each in own if each.marker.evaluate({"extra": name})]
    if name == "gpu":  # whose package is TensorFlow itself, with packages of CUDA
        return bool(_installed("nvidia-cudnn-cu12", version_of))
    return bool(own) and all(_installed(each.name, version_of) for each in own)


def try_step() -> None:
    """Trains one step, and writes what TensorFlow sees as JSON. Imports TensorFlow."""
    import keras
    import numpy as np

    from dlstudy.engines.devices import what_tensorflow_sees
    from dlstudy.training.self_check import graph_fault

    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    loss = float(model.train_on_batch(np.ones((4, 3), "float32"), np.ones((4, 1), "float32")))
    sys.stdout.write("\n" + json.dumps({**what_tensorflow_sees(), "loss": loss, "fault": graph_fault()}))


_CODE = "from dlstudy.cli.doctor_packages import try_step; try_step()"


def check_tensorflow(code: str = _CODE, limit_s: float = _STEP_S) -> Iterator[Finding]:
    """Whether TensorFlow can be imported and trains, in a process with a time limit; then which GPUs it sees."""
    command, environment = [sys.executable, "-c", code], {**os.environ, **QUIET}
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=limit_s, check=False, env=environment)
    except subprocess.TimeoutExpired:
        text = f"did not train a step within {limit_s:.0f} s"
        yield Finding.problem("TensorFlow", text, "see whether the disk or the GPU is busy, then try again")
        return
    if done.returncode:
        lines = [line for line in done.stderr.splitlines() if line.strip()]
        how = f"signal {-done.returncode}" if done.returncode < 0 else one_line(lines[-1] if lines else "no message")
        remedy = "pip install --force-reinstall tensorflow keras"
        if done.returncode < 0:
            remedy += "; an old processor without AVX cannot run it"
        yield Finding.problem("TensorFlow", f"cannot be used: {how}", remedy)
        return
    sees = json.loads(done.stdout.splitlines()[-1])
    yield Finding("TensorFlow", f"{sees['tensorflow']} with Keras {sees['keras']}; it trained a step")
    if sees["fault"]:
        yield Finding.warning("epoch graphs", sees["fault"], "trainings are slower, by Keras's own fit; report it")
    yield from check_gpus(sees)


def check_gpus(
    sees: Mapping[str, Any],  # Any: JSON
    listed: Sequence[str] | None = None,
    visible: str | None = os.environ.get("CUDA_VISIBLE_DEVICES"),
    devices: Path = Path("/dev"),
) -> Iterator[Finding]:
    """Whether TensorFlow sees the GPUs that the driver lists.

    Args:
        sees: what `try_step` writes.
        listed: the names of GPUs that the driver lists; None to ask it.
        visible: what `CUDA_VISIBLE_DEVICES` says.
        devices: the folder of the system's devices.
    """
    if listed is None:
        from dlstudy.common.gpus import gpus

        listed = [gpu.name for gpu in gpus()]
    n = len(sees["gpus"])
    hidden = visible is not None and visible.strip() in ("", "-1")
    if listed and n:
        yield Finding("GPUs", f"{', '.join(listed)}; TensorFlow sees {n}")
    elif listed:
        why = "" if sees["built_with_cuda"] else ", as this TensorFlow is built without CUDA"
        remedy = "pip install 'dlstudy[gpu]'; until then runs train on CPU cores"
        yield Finding.warning("GPUs", f"the driver lists {', '.join(listed)}, TensorFlow sees none{why}", remedy)
    elif n:
        remedy = "install NVIDIA's driver with its library libnvidia-ml, or pass it to the container"
        yield Finding.warning("GPUs", f"TensorFlow sees {n}, the driver's library lists none: runs use none", remedy)
    elif any(devices.glob("nvidia[0-9]*")) and not hidden:
        remedy = "start the container with --gpus all, or install the driver that fits the kernel"
        yield Finding.warning("GPUs", "the system has an NVIDIA device, and its driver does not answer", remedy)
    else:
        why = f" (CUDA_VISIBLE_DEVICES={visible!r} hides them)" if hidden else ""
        yield Finding("GPUs", f"none{why}: runs train on CPU cores")


def check_machine(
    n_cores: int | None = None, memory: float | None = None, shared: Path = Path("/dev/shm")
) -> Iterator[Finding]:
    """Whether a training on each core has enough memory, within the limits of a container."""
    from dlstudy.engines.devices import cores, memory_gb

    n, gb = n_cores or cores(), memory or memory_gb()
    all_cores, all_gb = os.cpu_count() or n, os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    limit = (
        f" (of {all_cores} and {all_gb:.0f}: limits of this container or account)"
        if n < all_cores or gb < 0.9 * all_gb
        else ""
    )
    text = f"{n} core{'s' * (n > 1)}, {gb:.1f} GiB of memory{limit}"
    if gb / n < _LITTLE_GB:
        fewer = max(1, int(gb / _LITTLE_GB))
        remedy = (
            f"--workers {fewer}: a training takes about {_LITTLE_GB:.0f} GiB"
            if fewer < n
            else "use a machine with more"
        )
        yield Finding.warning("machine", f"{text}, little for a training on each core", remedy)
    else:
        yield Finding("machine", text)
    import shutil

    if (
        _installed("ray", metadata.version)
        and shared.is_dir()
        and (room := shutil.disk_usage(shared).total / 2**30) < 1
    ):
        remedy = "docker run --shm-size=4g; it is for --engine ray only"
        yield Finding.warning("shared memory", f"{room:.2f} GiB in {shared}", remedy)


CHECKS: Sequence[Check] = (check_python, check_packages, check_tensorflow, check_machine)
