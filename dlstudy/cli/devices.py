"""`dlstudy devices`: the devices of this machine, and the slots that a run would use."""

import dataclasses
import sys
from typing import Any

from dlstudy.api.terminal import make_console, print_table
from dlstudy.common.gpus import gpus
from dlstudy.common.processes import ask
from dlstudy.common.provenance import versions
from dlstudy.engines.devices import choose_slots, cores, memory_gb, what_tensorflow_sees
from dlstudy.report.blocks import Table
from dlstudy.report.export import as_json

__all__ = ["show_devices"]


def show_devices(workers: int | None, per_gpu: int, json: bool) -> None:
    """Shows the devices, and the slots that a run would use."""
    (slots, remark), listed = choose_slots(workers, per_gpu), gpus()
    about: dict[str, Any] = {  # Any: JSON
        "cores": cores(),
        "memory_gb": round(memory_gb(), 1),
        "gpus": [dataclasses.asdict(gpu) for gpu in listed],
        "versions": versions(),
        "tensorflow_sees": ask(what_tensorflow_sees),
        "slots": [slot.name for slot in slots],
        "remark": remark,
    }
    if json:
        sys.stdout.write(as_json(about))
        return
    sees = about["tensorflow_sees"]
    found = ", ".join(f"{gpu.label}: {gpu.name}, {gpu.memory_gb:.0f} GiB" for gpu in listed)
    rows = [
        ["CPU cores", str(about["cores"])],
        ["memory", f"{about['memory_gb']} GiB"],
        ["GPUs (driver)", found or "none"],
        ["GPUs (TensorFlow)", ", ".join(sees["gpus"]) or "none"],
        ["CPUs (TensorFlow)", ", ".join(sees["cpus"])],
        *[[name, version] for name, version in about["versions"].items() if name not in ("cores",)],
        ["a run would use", f"{len(slots)} slots: {', '.join(about['slots'])}"],
    ]
    print_table(make_console(), Table("Devices", ["what", "here"], rows, remark))
